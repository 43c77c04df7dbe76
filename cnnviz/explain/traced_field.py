"""The receptive field of every module of a network, from one run that carries fields instead of numbers.

The network runs once on the meta device, where tensors have shapes but no values. Each operation hands
the fields of its inputs on to its output: a window widens them, a sum or a concatenation unites them,
global pooling and attention take in the whole image. So branches, residual sums and whatever else the
``forward`` does are followed as they are, without a description of the network.

Along one axis, cell i of a map depends on the pixels ``[i·stride + begin, i·stride + end)``. Where windows
are cut out of the map (Swin's attention) the two ends repeat with a period instead of being the same for
every cell.

Source of the recurrence and of the union over branches: Araujo, Norris & Sim, "Computing Receptive Fields
of Convolutional Neural Networks", Distill 2019.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from functools import partial, reduce
from types import EllipsisType
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode, resolve_name
from torchvision.models.swin_transformer import ShiftedWindowAttention

from cnnviz.errors import CnnvizError, ModelError
from cnnviz.layers.arithmetic import padding_pair
from cnnviz.layers.receptive_field import clip
from cnnviz.messages import N_


@dataclass(frozen=True)
class AxisField:
    """What the cells of a map depend on along one axis, in input pixels, image border ignored.

    Attributes:
        stride: pixels from one cell to the next.
        begin, end: the pixels of cell i are ``[i·stride + begin[i % period], i·stride + end[i % period])``.
    """

    stride: int = 1
    begin: tuple[int, ...] = (0,)
    end: tuple[int, ...] = (1,)

    @property
    def period(self) -> int:
        """1 where every cell sees alike, as in all convolutional networks."""
        return len(self.begin)

    @property
    def size(self) -> int:
        """Pixels that a cell depends on; of the cell that sees most where they differ."""
        return max(end - begin for begin, end in zip(self.begin, self.end, strict=True))

    @property
    def padding(self) -> int:
        """How far the first cell's field begins before the image."""
        return -self.begin[0]

    def interval(self, cell: int) -> tuple[int, int]:
        """Pixels ``[first, stop)`` that `cell` depends on.

        >>> AxisField().windows(kernel_size=3, stride=2, padding=1).interval(4)
        (7, 10)
        """
        phase, origin = cell % self.period, cell * self.stride
        return origin + self.begin[phase], origin + self.end[phase]

    def _cells(self, stride: int, read: list[range]) -> "AxisField":
        """The map whose cell i unites the cells ``read[i]`` of this one, for one period of i."""
        spans = [[self.interval(j) for j in cells] for cells in read]
        return AxisField(
            stride,
            tuple(min(first for first, _ in span) - i * stride for i, span in enumerate(spans)),
            tuple(max(stop for _, stop in span) - i * stride for i, span in enumerate(spans)),
        )

    def windows(self, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> "AxisField":
        """After a window layer; `padding` is the one before, negative where cells are cut off."""
        starts = (i * stride - padding for i in range(self.period // math.gcd(self.period, stride)))
        reach = dilation * (kernel_size - 1) + 1
        return self._cells(self.stride * stride, [range(a, a + reach, dilation) for a in starts])

    def partition(self, size: int, shift: int) -> "AxisField":
        """After every cell has seen all others of its window; windows begin at `shift` and every `size`."""
        starts = ((i - shift) // size * size + shift for i in range(math.lcm(self.period, size)))
        return self._cells(self.stride, [range(a, a + size) for a in starts])

    def union(self, other: "AxisField") -> "AxisField | None":
        """What a cell of a sum or a concatenation depends on; None where the two maps' strides differ."""
        if self == other:
            return self
        if self.stride != other.stride:
            return None
        cells = range(math.lcm(self.period, other.period))
        return AxisField(
            self.stride,
            tuple(min(x.begin[i % x.period] for x in (self, other)) for i in cells),
            tuple(max(x.end[i % x.period] for x in (self, other)) for i in cells),
        )


@dataclass(frozen=True)
class _Grid:
    """Where a tensor's rows and columns of cells lie, and what they depend on.

    A tensor that holds no such grid (any more) has None in its place: it depends on the whole image.
    """

    dims: tuple[int, int]
    rows: AxisField | None  # None: the cells are not evenly spaced
    columns: AxisField | None
    whole: bool = False  # also depends on the whole image, by a path without a grid

    def map(self, function: Callable[[AxisField, int], AxisField | None]) -> "_Grid":
        """`function` of each axis' field and its number, 0 for rows and 1 for columns."""
        rows, columns = (axis and function(axis, n) for n, axis in enumerate((self.rows, self.columns)))
        return replace(self, rows=rows, columns=columns)

    def moved(self, dims: Iterable[int]) -> "_Grid":
        rows, columns = dims
        return replace(self, dims=(rows, columns))

    def union(self, other: "_Grid") -> "_Grid":
        axes = (other.rows, other.columns)
        united = self.map(lambda axis, n: axis.union(found) if (found := axes[n]) else None)
        return replace(united, whole=self.whole or other.whole)


def _united(fields: Sequence[_Grid | None]) -> _Grid | None:
    grids = [field for field in fields if field]
    if not grids or len({grid.dims for grid in grids}) > 1:
        return None
    grid = reduce(_Grid.union, grids)
    return replace(grid, whole=grid.whole or None in fields)


def pair(value: int | Iterable[int]) -> tuple[int, int]:
    """One number for both axes, or one for each, as torch's layers take it."""
    first, second = (value, value) if isinstance(value, int) else value
    return first, second


# Rules: (grid of all inputs united, first input, output, the operation's further arguments) -> grid or None.


def _same(grid: _Grid, *_: Any, **__: Any) -> _Grid:
    return grid


def _mixed(*_: Any, **__: Any) -> None:
    return None


def _normalised(grid: _Grid, *_: Any, **__: Any) -> _Grid:
    """By mean and variance over all positions: a cell then depends, through these, on all."""
    return replace(grid, whole=True)


def _window(
    grid: _Grid,
    x: Any,
    out: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    **_: Any,
) -> _Grid:
    stride = kernel_size if stride is None else stride
    settings = [pair(value) for value in (kernel_size, stride, padding, dilation)]
    return grid.map(lambda axis, n: axis.windows(*(value[n] for value in settings)))


def _average_pool(
    grid: _Grid, x: Any, out: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *_: Any, **__: Any
) -> _Grid:
    return _window(grid, x, out, kernel_size, stride, padding)


def _conv(
    grid: _Grid,
    x: Any,
    out: Any,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> _Grid:
    sizes, dilation = weight.shape[2:], pair(dilation)
    if isinstance(padding, str):
        word: Any = padding
        padding = [padding_pair(word, k, dilation=d)[0] for k, d in zip(sizes, dilation, strict=True)]
    return _window(grid, x, out, sizes, stride, padding, dilation)


def _adaptive_pool(grid: _Grid, x: Tensor, out: Tensor, *_: Any, **__: Any) -> _Grid | None:
    """Windows of one size where the output's length divides the input's; else unevenly spaced cells."""
    sizes = [(x.shape[dim], out.shape[dim]) for dim in grid.dims]
    if all(cells == 1 for _, cells in sizes):
        return None
    return grid.map(
        lambda axis, n: None if sizes[n][0] % sizes[n][1] else axis.windows(*[sizes[n][0] // sizes[n][1]] * 2)
    )


def _along(position: int) -> "_Rule":
    """For what works along one dimension, the argument at `position`: harmless unless that is spatial."""

    def rule(grid: _Grid, x: Any, out: Any, *args: Any, dim: int | None = None, **_: Any) -> _Grid | None:
        dim = args[position] if dim is None and len(args) > position else dim or 0
        ndim = next(_tensors(x)).ndim
        return None if dim % ndim in grid.dims else grid

    return rule


def _linear(grid: _Grid, x: Tensor, *_: Any, **__: Any) -> _Grid | None:
    return None if x.ndim - 1 in grid.dims else grid


def _layer_norm(grid: _Grid, x: Tensor, out: Any, shape: Sized, *_: Any, **__: Any) -> _Grid:
    return _normalised(grid) if max(grid.dims) >= x.ndim - len(shape) else grid


def _mean(grid: _Grid, x: Tensor, out: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> _Grid | None:
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    gone = {d % x.ndim for d in dims}
    if gone & set(grid.dims):
        return None
    return grid if keepdim else grid.moved(d - sum(g < d for g in gone) for d in grid.dims)


def _pad(grid: _Grid, x: Tensor, out: Any, pad: Sequence[int], *_: Any, **__: Any) -> _Grid:
    before = {x.ndim - 1 - i: amount for i, amount in enumerate(pad[::2])}
    return grid.map(lambda axis, n: axis.windows(1, padding=before.get(grid.dims[n], 0)))


def _getitem(grid: _Grid, x: Tensor, out: Any, index: Any) -> _Grid | None:
    parts = list(index) if isinstance(index, tuple) else [index]
    if not all(isinstance(part, int | slice | EllipsisType) for part in parts):
        return None
    at = parts.index(...) if ... in parts else len(parts)
    parts[at : at + 1] = [slice(None)] * (x.ndim - len(parts) + (... in parts))
    if any(isinstance(parts[dim], int) for dim in grid.dims):
        return None
    cuts = [parts[dim].indices(x.shape[dim]) for dim in grid.dims]  # (start, stop, step)
    kept = [dim for dim, part in enumerate(parts) if not isinstance(part, int)]
    grid = grid.map(lambda axis, n: axis.windows(1, stride=cuts[n][2], padding=-cuts[n][0]))
    return grid.moved(kept.index(dim) for dim in grid.dims)


def _permute(grid: _Grid, x: Tensor, out: Any, *dims: Any) -> _Grid:
    order = [dim % x.ndim for dim in (dims if isinstance(dims[0], int) else dims[0])]
    return grid.moved(order.index(dim) for dim in grid.dims)


def _transpose(grid: _Grid, x: Tensor, out: Any, first: int, second: int) -> _Grid:
    order = list(range(x.ndim))
    order[first], order[second] = order[second], order[first]
    return _permute(grid, x, out, order)


def _view(grid: _Grid, x: Tensor, out: Tensor, *_: Any, **__: Any) -> _Grid | None:
    """Rows and columns survive as dimensions of the same length with as many numbers before them."""
    found = []
    for dim in grid.dims:
        before = math.prod(x.shape[:dim])
        same = [
            d for d, n in enumerate(out.shape) if n == x.shape[dim] and math.prod(out.shape[:d]) == before
        ]
        found += same[-1:]
    return grid.moved(found) if len(found) == 2 else None


_Rule = Callable[..., _Grid | None]
_T = Tensor
_RULES: dict[Callable[..., Any], _Rule] = {
    F.conv2d: _conv,
    F.max_pool2d: _window,
    F.avg_pool2d: _average_pool,
    F.adaptive_avg_pool2d: _adaptive_pool,
    F.adaptive_max_pool2d: _adaptive_pool,
    F.pad: _pad,
    F.linear: _linear,
    F.layer_norm: _layer_norm,
    F.softmax: _along(0),
    torch.cat: _along(0),
    **dict.fromkeys((torch.chunk, torch.split, _T.chunk, _T.split), _along(1)),
    **dict.fromkeys((torch.mean, torch.sum, _T.mean, _T.sum), _mean),
    _T.__getitem__: _getitem,
    **dict.fromkeys((torch.permute, _T.permute), _permute),
    **dict.fromkeys((torch.transpose, torch.swapaxes, _T.transpose, _T.swapaxes), _transpose),
    **dict.fromkeys((torch.flatten, torch.reshape, torch.unsqueeze, torch.squeeze), _view),
    **dict.fromkeys((_T.flatten, _T.reshape, _T.view, _T.unsqueeze, _T.squeeze), _view),
    **dict.fromkeys((F.group_norm, F.instance_norm), _normalised),
    **dict.fromkeys((torch.roll, torch.matmul, torch.einsum, _T.matmul), _mixed),
    **dict.fromkeys((torch.add, torch.sub, torch.mul, torch.div, _T.add, _T.sub, _T.mul, _T.div), _same),
    **dict.fromkeys((_T.add_, _T.sub_, _T.mul_, _T.div_, _T.contiguous, _T.clone, _T.detach), _same),
}
# What leaves every cell where it is, and gives an output of its first input's shape.
POINTWISE: set[Callable[..., Any]] = {
    *(F.batch_norm, F.dropout, F.dropout2d, F.relu, F.relu6, F.hardtanh, F.leaky_relu, F.elu, F.gelu, F.silu),
    *(F.mish, F.softplus, F.hardswish, F.hardsigmoid, F.prelu, F.sigmoid, F.tanh, torch.sigmoid, torch.tanh),
    *(torch.relu, torch.clamp, _T.sigmoid, _T.tanh, _T.relu, _T.relu_, _T.clamp, _T.neg),
}
_RULES |= dict.fromkeys(POINTWISE, _same)
# Their output has their first input's shape; without numbers there is nothing else to compute.
_KEEP_SHAPE = {*POINTWISE, F.layer_norm, F.group_norm, F.instance_norm, F.softmax}


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in an argument or a result, lists and tuples included."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


class _FieldMode(TorchFunctionMode):
    """Inside its `with`, every tensor computed from `image` gets its grid."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        # The tensors are kept too: an id is unique only as long as its tensor lives.
        self.known: dict[int, tuple[Tensor, _Grid | None]] = {}
        self.set(image, _Grid((2, 3), AxisField(), AxisField()))

    def grids(self, value: Any) -> list[_Grid | None]:
        """One entry for each tensor in `value` that depends on the image."""
        return [self.known[id(tensor)][1] for tensor in _tensors(value) if id(tensor) in self.known]

    def set(self, value: Any, grid: _Grid | None) -> None:
        for tensor in _tensors(value):
            self.known[id(tensor)] = tensor, grid

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        out = args[0].detach() if func in _KEEP_SHAPE else func(*args, **kwargs)
        result = args[0] if func is Tensor.__setitem__ else out
        inputs = self.grids([*args, *kwargs.values()])
        if inputs and next(_tensors(result), None) is not None:
            grid = _united(inputs)
            if grid and func not in _RULES:
                raise ModelError(
                    N_("how {operation} spreads a receptive field is not known"),
                    operation=resolve_name(func) or repr(func),
                )
            self.set(result, grid and _RULES[func](grid, args[0], out, *args[1:], **kwargs))
        return out


@dataclass(frozen=True)
class StageField:
    """What the cells of one module's output depend on.

    Attributes:
        name: the module's path, as in ``network.get_submodule(name)``.
        kind: its class.
        shape: of its output, for one image.
        dims: which two of these dimensions are rows and columns: (2, 3) for N, C, H, W and (1, 2) for
            N, H, W, C; None where the output holds no grid of cells any more (vectors, tokens).
        rows, columns: the field along each axis by the paths that keep the grid; None without a grid, and
            where cells are not evenly spaced (adaptive pooling to a size that doesn't divide the map's).
        whole_image: each cell depends on the whole image, by global pooling (squeeze-and-excitation),
            attention or flattening; `rows` and `columns` then describe the local paths only.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dims: tuple[int, int] | None
    rows: AxisField | None
    columns: AxisField | None
    whole_image: bool

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of the local field in pixels."""
        return (self.rows.size, self.columns.size) if self.rows and self.columns else None

    @property
    def stride(self) -> tuple[int, int] | None:
        """Pixels from one cell to the next, (down, right)."""
        return (self.rows.stride, self.columns.stride) if self.rows and self.columns else None

    @property
    def padding(self) -> tuple[int, int] | None:
        """How far the first cell's field begins (above, left of) the image."""
        return (self.rows.padding, self.columns.padding) if self.rows and self.columns else None

    @property
    def map_size(self) -> tuple[int, int] | None:
        """(rows, columns) of cells."""
        return (self.shape[self.dims[0]], self.shape[self.dims[1]]) if self.dims else None

    def box(self, cell: tuple[int, int], image_size: tuple[int, int]) -> tuple[int, int, int, int] | None:
        """Pixels (x0, y0, x1, y1) that `cell` (row, column) of the map depends on, inside the image.

        x1 and y1 are one past the last pixel; `image_size` is (height, width). None where it isn't known.
        """
        height, width = image_size
        if self.whole_image:
            return 0, 0, width, height
        if self.rows is None or self.columns is None:
            return None
        (y0, y1), (x0, x1) = (
            clip(self.rows.interval(cell[0]), height),
            clip(self.columns.interval(cell[1]), width),
        )
        return x0, y0, x1, y1


@dataclass(frozen=True)
class TracedNetwork:
    """Receptive fields throughout a network.

    Attributes:
        name: the network's.
        input_size: (height, width) of the image it was traced with; only shapes, adaptive pooling and
            Swin's last windows depend on it.
        stages: the parts that a paper's table would list: the outermost modules, save that a module which
            strides more than once is replaced by its own parts.
        modules: every module that ran, in the order in which they finished, after its first call.
    """

    name: str
    input_size: tuple[int, int]
    stages: tuple[StageField, ...]
    modules: tuple[StageField, ...]

    def __getitem__(self, name: str) -> StageField:
        """The module called `name`; ModelError where there is none."""
        for module in self.modules:
            if module.name == name:
                return module
        raise ModelError(N_("{network} has no module {name} that ran"), network=self.name, name=name)


class _EmptyOnMeta(TorchFunctionMode):
    """Weights without storage: what layers allocate goes to the meta device, and isn't initialised.

    Unlike ``torch.device("meta")``, it leaves alone what a network computes with while it is built.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        return func(*args, **(kwargs | {"device": "meta"} if func is torch.empty else kwargs))


def build_classifier(name: str) -> nn.Module:
    """A torchvision classifier in eval mode with its weights on the meta device: all shapes, no numbers.

    Raises:
        ModelError: torchvision has no classifier of that name.
    """
    if name not in torchvision.models.list_models(module=torchvision.models):
        raise ModelError(N_("torchvision has no classifier called {name}"), name=name)
    # These two would draw their weights with SciPy's distribution, slowly.
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with _EmptyOnMeta():
        return torchvision.models.get_model(name, weights=None, **options).eval()


def with_tensors(network: nn.Module, convert: Callable[[Tensor], Tensor]) -> nn.Module:
    """A copy of the network's structure, in eval mode, over converted parameters and buffers.

    The copy has modules of its own, so that hooks on it touch nobody else; numbers are copied only if
    `convert` does.
    """
    memo: dict[int, Any] = {}
    for parameter in network.parameters():
        memo[id(parameter)] = nn.Parameter(convert(parameter.detach()), requires_grad=False)
    for buffer in network.buffers():
        memo[id(buffer)] = convert(buffer)
    return copy.deepcopy(network, memo).eval()


def trace_module(
    network: nn.Module, input_size: int | tuple[int, int] = 224, in_channels: int = 3
) -> TracedNetwork:
    """The receptive field of every module of `network`, which itself is neither run nor changed.

    Args:
        network: takes one batch of images (N, C, H, W).
        input_size: height and width of the image, or both as (height, width).
        in_channels: C.

    Raises:
        ModelError: the network can't run on such an image, or has an operation that is not known here.

    >>> trace_module(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, stride=2)), 32)["1"].size
    (5, 5)
    """
    return _trace(network, type(network).__name__, pair(input_size), in_channels)


def traced_fields(name: str, input_size: int | tuple[int, int] = 224) -> TracedNetwork:
    """The receptive field of every module of the torchvision classifier called `name`; no weights needed.

    Raises:
        ModelError: an unknown name, or an image on which the network can't run.

    >>> network = traced_fields("alexnet")
    >>> network["features.12"].size, network["features.12"].stride
    ((195, 195), (32, 32))
    """
    return _trace(build_classifier(name), name, pair(input_size), in_channels=3)


def _trace(network: nn.Module, name: str, size: tuple[int, int], in_channels: int) -> TracedNetwork:
    image = torch.empty(1, in_channels, *size, device="meta")
    mode = _FieldMode(image)
    found: dict[str, StageField] = {}
    growth: dict[str, float] = {}  # stride behind the module over stride before it

    def record(path: str, module: nn.Module, inputs: Any, output: Any) -> None:
        before = next(iter(mode.grids(inputs)), None)
        if before and isinstance(module, ShiftedWindowAttention):
            mode.set(output, _window_attention(before, module, inputs[0].shape))
        if path in found or not (after := mode.grids(output)):
            return
        grid, kind, shape = after[0], type(module).__name__, tuple(next(_tensors(output)).shape)
        rows = grid.rows if grid else None
        if grid:
            found[path] = StageField(path, kind, shape, grid.dims, rows, grid.columns, grid.whole)
        else:
            found[path] = StageField(path, kind, shape, None, None, None, whole_image=True)
        growth[path] = rows.stride / before.rows.stride if rows and before and before.rows else 1

    shadow = with_tensors(network, lambda tensor: tensor.to("meta"))
    for path, module in shadow.named_modules():
        if path:
            module.register_forward_hook(partial(record, path))
    try:
        with torch.no_grad(), mode:
            shadow(image)
    except CnnvizError:
        raise
    except (RuntimeError, ValueError, AssertionError) as error:
        raise ModelError(
            N_("{network} can't run on an image of {height} × {width} pixels: {reason}"),
            network=name,
            height=size[0],
            width=size[1],
            reason=error,
        ) from error
    return TracedNetwork(name, size, tuple(found[path] for path in _stages(growth)), tuple(found.values()))


def _window_attention(grid: _Grid, attention: ShiftedWindowAttention, shape: Sequence[int]) -> _Grid:
    """Swin's attention: each cell sees its window; windows are not shifted where one holds the whole map."""

    def axis_windows(axis: AxisField, n: int) -> AxisField:
        size, shift = attention.window_size[n], attention.shift_size[n]
        return axis.partition(size, shift if size < shape[grid.dims[n]] else 0)

    return grid.map(axis_windows)


def _stages(growth: Mapping[str, float]) -> Iterator[str]:
    """The outermost modules; one whose stride grows by more than any module in it has its parts instead."""
    parts: dict[str, list[str]] = {}
    for path in growth:
        parents = (path.rsplit(".", n)[0] for n in range(1, path.count(".") + 1))
        parts.setdefault(next((parent for parent in parents if parent in growth), ""), []).append(path)

    def split(paths: Iterable[str]) -> Iterator[str]:
        for path in paths:
            within = [
                growth[other] for other in growth if other.startswith(f"{path}.") and other not in parts
            ]
            if growth[path] > max(within, default=growth[path]) > 1:
                yield from split(parts[path])
            else:
                yield path

    return split(parts[""])
