"""Receptive fields measured by gradient: how far a cell can see, and how much it really looks at.

*How far* is proved on a network's **positive twin**: the same modules wired in the same way, but with every
operation replaced by a linear one with positive weights (a convolution and a maximum become averages,
activations and normalisations pass on what they get). Nothing can cancel or saturate there, so that the
pixels with a gradient are exactly those that the cell depends on.

*How much* is the gradient of the network as it is, on an image: the effective receptive field of Luo, Li,
Urtasun & Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks",
arXiv 1701.04128.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from cnnviz.errors import ModelError, SettingError
from cnnviz.explain.traced_field import (
    POINTWISE,
    AxisField,
    StageField,
    build_classifier,
    pair,
    trace_module,
    with_tensors,
)
from cnnviz.layers.arithmetic import extent, padding_pair, pool_output_size
from cnnviz.layers.receptive_field import Layer, clip
from cnnviz.messages import N_

Cell = tuple[int, int]
"""(row, column) on a feature map."""


class _Reached(Exception):
    """Ends a forward pass once the stage has its output."""

    def __init__(self, output: Tensor) -> None:
        self.output = output


def _output_of(network: nn.Module, stage: str, image: Tensor) -> Tensor:
    """The stage's output; `network` must be a copy of one's own, since a hook goes on it."""

    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        raise _Reached(output)

    network.get_submodule(stage).register_forward_hook(hook)
    try:
        network(image)
    except _Reached as reached:
        return reached.output
    raise ModelError(
        N_("{network} has no module {name} that ran"), network=type(network).__name__, name=stage
    )


def _at(output: Tensor, dims: tuple[int, int] | None, cell: Cell) -> Tensor:
    """The channels of one cell; everything where the output holds no grid."""
    if dims is None:
        return output.flatten()
    index: list[Any] = [slice(None)] * output.ndim
    index[dims[0]], index[dims[1]] = cell
    return output[tuple(index)].flatten()


# The positive twin. Each function takes what the torch function in whose place it stands takes.


def _average(x: Tensor, kernel: Any, stride: Any, pads: list[int], dilation: Any) -> Tensor:
    """Mean of each channel's windows; `pads` as in F.pad (average pooling has no dilation)."""
    x = F.pad(x, pads)
    if dilation == (1, 1):
        return F.avg_pool2d(x, kernel, stride)
    y = x.flatten(0, 1).unsqueeze(1)
    y = F.conv2d(y, y.new_full((1, 1, *kernel), 1 / math.prod(kernel)), None, stride, 0, dilation)
    return y.reshape(*x.shape[:2], *y.shape[2:])


def _mean_conv(
    x: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    kernel, stride, dilation = tuple(weight.shape[2:]), pair(stride), pair(dilation)
    pads: list[int] = []
    for axis, k in enumerate(kernel):
        along: Any = padding if isinstance(padding, str) else pair(padding)[axis]
        pads = [*padding_pair(along, k, stride[axis], dilation[axis]), *pads]  # last dimension first
    # All output channels of a group are the same, so one is computed and repeated.
    x = x.unflatten(1, (groups, x.shape[1] // groups)).mean(2)
    return _average(x, kernel, stride, pads, dilation).repeat_interleave(weight.shape[0] // groups, dim=1)


def _mean_pool(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    kernel, stride, padding, dilation = map(pair, (kernel_size, stride or kernel_size, padding, dilation))
    pads: list[int] = []
    for size, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True):
        reach = (pool_output_size(size, k, s, p, d, ceil_mode) - 1) * s + extent(k, d)
        pads = [p, max(p, reach - size - p), *pads]
    return _average(x, kernel, stride, pads, dilation)


def _mean_linear(x: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    return x.mean(-1, keepdim=True).expand(*x.shape[:-1], weight.shape[0])


def _spread(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """For normalisations: depends on all of `dims`, and keeps the numbers near 1."""
    y = x + x.mean(dims, keepdim=True)
    return y / y.detach().mean(dims, keepdim=True).clamp(min=1e-30)


def _scaled_product(x: Any, y: Any) -> Tensor:
    """Scaled to a mean of 1, since gate upon gate would square the numbers away to 0."""
    product = torch.mul(x, y)
    return product / product.detach().mean().clamp(min=1e-30)


def _open_softmax(x: Tensor, dim: int = -1, *_: Any, **__: Any) -> Tensor:
    """Equal weights for all but what a mask shuts out (Swin's adds -100 to it)."""
    values = x.detach()
    admitted = (values > values.amax(dim, keepdim=True) - 50).to(x.dtype)
    return admitted * (1 + x - values) / admitted.sum(dim, keepdim=True)


_TWINS: dict[Callable[..., Any], Callable[..., Any]] = {
    **{function: lambda x, *_, **__: x for function in POINTWISE},
    F.conv2d: _mean_conv,
    F.max_pool2d: _mean_pool,
    F.adaptive_max_pool2d: F.adaptive_avg_pool2d,
    F.linear: _mean_linear,
    F.layer_norm: lambda x, shape, *_, **__: _spread(x, tuple(range(-len(shape), 0))),
    F.group_norm: lambda x, *_, **__: _spread(x, tuple(range(1, x.ndim))),
    F.instance_norm: lambda x, *_, **__: _spread(x, tuple(range(2, x.ndim))),
    F.softmax: _open_softmax,
    F.multi_head_attention_forward: lambda q, k, v, *_, **__: (q + v.mean(0, keepdim=True), None),
    F.scaled_dot_product_attention: lambda q, k, v, *_, **__: (
        q.mean(-1, keepdim=True) + v.mean(-2, keepdim=True)
    ),
    torch.mul: _scaled_product,
    Tensor.mul: _scaled_product,
    Tensor.mul_: _scaled_product,
    # Outputs above share memory; nothing may be written into them.
    Tensor.add_: torch.add,
    Tensor.sub_: torch.sub,
    Tensor.div_: torch.div,
}


class _PositiveTwin(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return _TWINS.get(func, func)(*args, **(kwargs or {}))


def _ones(tensor: Tensor) -> Tensor:
    """Ones in place of weights, in one number's memory; indices as they are."""
    if not tensor.is_floating_point():
        return tensor.cpu()
    return torch.ones((), dtype=torch.float64).expand(tensor.shape)


Interval = tuple[int, int]


def _supports(
    network: nn.Module,
    stage: StageField,
    size: tuple[int, int],
    in_channels: int,
    cells: Sequence[Cell | None],
) -> list[tuple[Interval, Interval]]:
    """Rows and columns ``[first, stop)`` of the image with a gradient from each cell; None: from all cells."""
    twin = with_tensors(network, _ones)
    with torch.inference_mode(False), torch.enable_grad():
        image = torch.ones(1, in_channels, *size, dtype=torch.float64, requires_grad=True)
        with _PositiveTwin():
            output = _output_of(twin, stage.name, image)
        spans = []
        for cell in cells:
            target = output if cell is None else _at(output, stage.dims, cell)
            (gradient,) = torch.autograd.grad(target.sum(), image, retain_graph=True)
            reached = gradient[0].amax(0) > 0
            rows, columns = (reached.any(other).nonzero().flatten().tolist() or [0, -1] for other in (1, 0))
            spans.append(((rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)))
        return spans


@dataclass(frozen=True)
class AxisProof:
    """Traced against measured along one axis, for one cell or for two neighbours a period apart.

    Attributes:
        image_length: of the image along this axis, in pixels.
        cells: their indices on the map; empty where the stage has no grid.
        traced, measured: the pixels ``[first, stop)`` that each depends on, inside the image.
    """

    image_length: int
    cells: tuple[int, ...]
    traced: tuple[Interval, ...]
    measured: tuple[Interval, ...]

    @property
    def agrees(self) -> bool:
        return self.traced == self.measured

    @property
    def size(self) -> int:
        """Pixels between the outermost ones that the first cell was measured to depend on, inclusive."""
        first, stop = self.measured[0]
        return stop - first

    @property
    def stride(self) -> int | None:
        """Measured from the first cell to the second; None with one cell."""
        if len(self.cells) < 2:
            return None
        return (self.measured[1][0] - self.measured[0][0]) // (self.cells[1] - self.cells[0])

    @property
    def padding(self) -> int | None:
        """How far the field of cell 0 begins before the image, by the two above; None with one cell."""
        return None if self.stride is None else self.cells[0] * self.stride - self.measured[0][0]


@dataclass(frozen=True)
class FieldProof:
    """A stage's traced field, and what the gradient says.

    Attributes:
        stage: as traced on an image of the measured size.
        clipped: the measurement could not be taken clear of the image's borders (the field is the whole
            image, or the network takes images of one size only), so that it shows fields inside the image.
    """

    stage: StageField
    rows: AxisProof
    columns: AxisProof
    clipped: bool

    @property
    def agrees(self) -> bool:
        return self.rows.agrees and self.columns.agrees


_THIN = 96  # pixels across the axis that is measured: enough for every torchvision network to run


def prove(name: str, stage: str, input_size: int = 224) -> FieldProof:
    """:func:`prove_module` for the torchvision classifier called `name`; needs no weights."""
    return prove_module(build_classifier(name), stage, input_size)


def prove_module(network: nn.Module, stage: str, input_size: int = 224, in_channels: int = 3) -> FieldProof:
    """Measure the field of one module by gradient on the network's positive twin, and trace it.

    The image is made as long along one axis as the field needs, and thin along the other, then the other
    way round. `network` is neither run nor changed.

    Raises:
        ModelError: no such module, or the network can't run on images of `input_size`.
    """
    traced = trace_module(network, input_size, in_channels)[stage]
    if not traced.whole_image and traced.rows and traced.columns:
        rows = _clear_of_borders(network, stage, 0, traced.rows, in_channels)
        columns = _clear_of_borders(network, stage, 1, traced.columns, in_channels)
        if rows and columns:
            return FieldProof(rows[0], rows[1], columns[1], clipped=False)

    size = (input_size, input_size)
    cell = (traced.map_size[0] // 2, traced.map_size[1] // 2) if traced.map_size else None
    spans, read = _supports(network, traced, size, in_channels, [cell, None])
    box = traced.box(cell or (0, 0), size)
    if box is None:
        raise ModelError(N_("the cells of {name} are not evenly spaced; try another image size"), name=stage)
    proofs = []
    for axis in (0, 1):
        # Of the last pixels, a floored stride may leave some that nothing in this stage reads.
        expected = clip((box[1 - axis], box[3 - axis]), read[axis][1])
        cells = (cell[axis],) if cell else ()
        proofs.append(AxisProof(input_size, cells, (expected,), (spans[axis],)))
    return FieldProof(traced, proofs[0], proofs[1], clipped=True)


def _clear_of_borders(
    network: nn.Module, name: str, axis: int, field: AxisField, in_channels: int
) -> tuple[StageField, AxisProof] | None:
    """Measure two cells on an image long enough for both; None where the network can't run on one."""
    phase = max(range(field.period), key=lambda i: field.end[i] - field.begin[i])
    periods = -(-max(0, -min(field.begin)) // (field.stride * field.period))
    cells = (periods * field.period + phase, (periods + 1) * field.period + phase)
    length = max(_THIN, *(field.interval(cell)[1] for cell in cells))
    while True:
        size = (length, _THIN) if axis == 0 else (_THIN, length)
        try:
            stage = trace_module(network, size, in_channels)[name]
        except ModelError:
            return None
        traced = (stage.rows, stage.columns)[axis]
        if stage.whole_image or stage.map_size is None or traced is None:
            return None
        missing = cells[1] + 1 - stage.map_size[axis]
        if missing <= 0:
            break
        length += missing * field.stride
    across = stage.map_size[1 - axis] // 2
    places = [(cell, across) if axis == 0 else (across, cell) for cell in cells]
    measured = tuple(span[axis] for span in _supports(network, stage, size, in_channels, places))
    return stage, AxisProof(
        length, cells, tuple(clip(traced.interval(cell), length) for cell in cells), measured
    )


@dataclass(frozen=True)
class EffectiveField:
    """How much each pixel moves one cell of a feature map.

    Attributes:
        map: (H, W) float32; absolute gradients summed over the image's channels, scaled to a sum of 1 (all
            0 where no gradient arrives, as behind dead ReLUs).
        cell: (row, column) on the feature map.
        box: the theoretical field inside the image, (x0, y0, x1, y1), x1 and y1 one past the last pixel.
        centre: (y, x) of the theoretical field before clipping; whole numbers are pixel centres.
        radius: pixels around `centre` that hold 95 % of the map.
        sigma: (down, right) standard deviation of the map about its own mean, in pixels.
    """

    map: NDArray[np.float32]
    cell: Cell
    box: tuple[int, int, int, int]
    centre: tuple[float, float]
    radius: float
    sigma: tuple[float, float]


def effective_field(
    network: nn.Module,
    stage: str,
    image: Tensor,
    cell: Cell | None = None,
    generator: torch.Generator | None = None,
    field: StageField | None = None,
) -> EffectiveField:
    """The gradient of one cell of `stage` with respect to the image, and the theoretical field around it.

    Args:
        network: in its own weights; it is not run itself, so that others may use it meanwhile.
        stage: a module of it, as in ``network.get_submodule(stage)``.
        image: (1, C, H, W), preprocessed, on the network's device.
        cell: (row, column) of the stage's map; its middle by default.
        generator: draws one normal weight for each channel of the cell; without it the channels are summed.
        field: the stage as traced for this image size, to save the time of tracing.

    Raises:
        ModelError: no such module, or the network can't run on the image.
        SettingError: the cell lies outside the map.
    """
    height, width = image.shape[2:]
    if field is None:
        field = trace_module(network, (height, width), image.shape[1])[stage]
    rows, columns = field.map_size or (1, 1)
    cell = (rows // 2, columns // 2) if cell is None else cell
    if not (0 <= cell[0] < rows and 0 <= cell[1] < columns):
        raise SettingError(
            N_("cell ({row}, {column}) is not on the map of {rows} × {columns} cells"),
            row=cell[0],
            column=cell[1],
            rows=rows,
            columns=columns,
        )
    copy = with_tensors(network, lambda tensor: tensor)
    with torch.inference_mode(False), torch.enable_grad():
        image = image.detach().clone().requires_grad_()
        channels = _at(_output_of(copy, stage, image), field.dims, cell)
        if generator is None:
            target = channels.sum()
        else:
            draw = torch.randn(channels.shape, generator=generator, device=generator.device)
            target = (channels * draw.to(channels)).sum()
        (gradient,) = torch.autograd.grad(target, image)
    amounts = gradient[0].abs().sum(0).double().cpu().numpy()
    total = amounts.sum()
    share = amounts / total if total > 0 else amounts
    whole = (0, 0, width, height)
    centre = tuple(
        (sum(axis.interval(i)) - 1) / 2 if axis else (n - 1) / 2
        for axis, i, n in zip((field.rows, field.columns), cell, (height, width), strict=True)
    )
    y, x = np.arange(height), np.arange(width)
    return EffectiveField(
        share.astype(np.float32),
        cell,
        field.box(cell, (height, width)) or whole,
        (centre[0], centre[1]),
        _radius(share, np.hypot(y[:, None] - centre[0], x[None, :] - centre[1])),
        (_sigma(share.sum(1), y), _sigma(share.sum(0), x)),
    )


def _radius(share: NDArray[np.float64], distance: NDArray[np.float64], part: float = 0.95) -> float:
    """The smallest distance within which `part` of `share` lies."""
    order = np.argsort(distance, axis=None)
    held = np.cumsum(share.ravel()[order])
    if held[-1] == 0:
        return 0.0
    return float(distance.ravel()[order][np.searchsorted(held, part * held[-1])])


def _sigma(share: NDArray[np.float64], position: NDArray[np.int64]) -> float:
    mean = (share * position).sum()
    return math.sqrt((share * (position - mean) ** 2).sum())


def build_stack(
    layers: Sequence[Layer],
    channels: int,
    generator: torch.Generator,
    weights: Literal["random", "uniform"] = "random",
    in_channels: int = 3,
) -> nn.Sequential:
    """A stack as a network in eval mode; module ``str(i)`` gives the map after ``layers[i]``.

    Args:
        layers: convolutions become `channels` channels wide, poolings keep theirs.
        channels: C of all maps after the first convolution.
        generator: draws the random weights.
        weights: ``"random"``: normal of variance 2/fan-in (He et al., arXiv 1502.01852) with ReLU and max
            pooling; ``"uniform"``: every window is averaged, without activation, as in section 2.2 of Luo et al.
        in_channels: C of the image.

    >>> stack = build_stack([Layer("conv", 3), Layer("pool", 2, 2)], channels=4, generator=torch.Generator())
    >>> stack(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 4, 3, 3])
    """
    stack = nn.Sequential()
    for layer in layers:
        before, after = layer.padding_pair
        parts: list[nn.Module] = []
        if layer.kind == "pool" and weights == "random":
            parts.append(nn.MaxPool2d(layer.kernel_size, layer.stride, before, layer.dilation))
        else:
            groups, out = (in_channels, in_channels) if layer.kind == "pool" else (1, channels)
            if before != after:
                parts.append(nn.ZeroPad2d((before, after, before, after)))
            padding = before if before == after else 0
            conv = nn.Conv2d(
                in_channels, out, layer.kernel_size, layer.stride, padding, layer.dilation, groups, bias=False
            )
            fan_in = conv.weight[0].numel()
            with torch.no_grad():
                if weights == "uniform":
                    conv.weight.fill_(1 / fan_in)
                else:
                    conv.weight.normal_(0, math.sqrt(2 / fan_in), generator=generator)
            parts.append(conv)
            if weights == "random":
                parts.append(nn.ReLU())
            in_channels = out
        stack.append(nn.Sequential(*parts))
    return stack.eval()
