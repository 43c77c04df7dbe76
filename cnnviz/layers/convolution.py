"""The two-dimensional convolution layer of one image, every number of it proved, and the 1-D sum behind it.

What deep learning calls convolution is cross-correlation: the kernel lies on the input as it is
written. :attr:`ConvolutionSettings.flip` turns it by 180 degrees first, which is the convolution of mathematics.

Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285, chapters 1 and 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import (
    ConvCost,
    Padding,
    PaddingMode,
    conv_cost,
    conv_output_size,
    extent,
    padding_pair,
    window,
)
from cnnviz.messages import N_

Floats = NDArray[np.float64]

PADDING_MODES: dict[PaddingMode, tuple[str, Literal["constant", "reflect", "edge", "wrap"]]] = {
    "zeros": ("constant", "constant"),
    "reflect": ("reflect", "reflect"),
    "replicate": ("replicate", "edge"),
    "circular": ("circular", "wrap"),
}
"""``torch.nn.Conv2d``'s padding modes, and what ``torch.nn.functional.pad`` and ``numpy.pad`` call them."""


@dataclass(frozen=True)
class ConvolutionSettings:
    """A convolution layer, in ``torch.nn.Conv2d``'s words.

    Attributes:
        kernel_size: (height, width).
        stride: step of the window, both ways.
        padding: on all sides, or (top and bottom, left and right), or ``"same"`` or ``"valid"``.
        padding_mode: what fills the padding: zeros, or copies of the input.
        dilation: distance between neighbouring kernel weights, both ways.
        groups: in how many groups of channels the layer falls apart; `in_channels` groups is depthwise.
        in_channels: channels of the input.
        out_channels: channels of the output.
        flip: turn the kernel by 180 degrees first: convolution instead of cross-correlation.
        bias: whether each output channel adds a number of its own.
    """

    kernel_size: tuple[int, int] = (3, 3)
    stride: int = 1
    padding: int | tuple[int, int] | Literal["same", "valid"] = 0
    padding_mode: PaddingMode = "zeros"
    dilation: int = 1
    groups: int = 1
    in_channels: int = 1
    out_channels: int = 1
    flip: bool = False
    bias: bool = False

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Rows and columns added (top, bottom, left, right).

        >>> ConvolutionSettings(kernel_size=(3, 4), padding="same").pads
        (1, 1, 1, 2)
        """
        return *self._pair(0), *self._pair(1)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(out_channels, in_channels / groups, kernel height, kernel width)."""
        return self.out_channels, self.in_channels // self.groups, *self.kernel_size

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the output, for an input of (height, width) `size`.

        Raises:
            SettingError: wherever ``torch.nn.Conv2d`` raises.
        """
        if self.padding_mode not in PADDING_MODES:
            raise SettingError(
                N_("padding_mode is '{mode}'; it must be one of {modes}"),
                mode=self.padding_mode,
                modes=", ".join(PADDING_MODES),
            )
        height, width = (
            conv_output_size(
                size[axis],
                self.kernel_size[axis],
                self.stride,
                self._pair(axis),
                self.dilation,
                self.padding_mode,
            )
            for axis in (0, 1)
        )
        return height, width

    def cost(self, size: tuple[int, int]) -> ConvCost:
        """Parameters and multiply–accumulates, for an input of (height, width) `size`.

        Raises:
            SettingError: wherever ``torch.nn.Conv2d`` raises.
        """
        output = self.output_size(size)
        return conv_cost(
            self.in_channels, self.out_channels, self.kernel_size, output, self.groups, self.bias
        )

    def _pair(self, axis: int) -> tuple[int, int]:
        """Padding (before, after) along `axis`: 0 for rows, 1 for columns."""
        padding: Padding = self.padding[axis] if isinstance(self.padding, tuple) else self.padding
        return padding_pair(padding, self.kernel_size[axis], self.stride, self.dilation)


@dataclass(frozen=True, eq=False)
class ConvolutionResult:
    """One image through one layer. Arrays are float64; axes are channel, row, column.

    Attributes:
        settings: the layer.
        input: (C, H, W).
        weight: (O, C/groups, kh, kw), as it was given: not turned where `settings.flip` is set.
        bias: (O,); zeros where the layer has none.
        padded: (C, H + top + bottom, W + left + right).
        pads: rows and columns added (top, bottom, left, right).
        output: (O, Ho, Wo), as PyTorch computes it.
        max_error: largest difference between `output` and :func:`windows_sum`.
        unread_rows: input rows that no window reads: the stride leaves them over, or steps across them.
        unread_columns: the same for columns.
    """

    settings: ConvolutionSettings
    input: Floats
    weight: Floats
    bias: Floats
    padded: Floats
    pads: tuple[int, int, int, int]
    output: Floats
    max_error: float
    unread_rows: tuple[int, ...]
    unread_columns: tuple[int, ...]


@dataclass(frozen=True)
class Tap:
    """One product of the sum behind an output cell. Positions are (row, column).

    Attributes:
        channel: input channel.
        window: which weight of the window, counted from its top left.
        kernel: which weight of the kernel as it was given; not `window` only where the kernel is turned.
        padded: position in the padded input.
        position: position in the input; None in the padding.
        value: what the padded input holds there.
        weight: what it is multiplied with.
    """

    channel: int
    window: tuple[int, int]
    kernel: tuple[int, int]
    padded: tuple[int, int]
    position: tuple[int, int] | None
    value: float
    weight: float

    @property
    def product(self) -> float:
        return self.value * self.weight


@dataclass(frozen=True)
class CellTrace:
    """How one output cell came about.

    Attributes:
        cell: (output channel, row, column).
        taps: every product, by channel, then row, then column of the window.
        channel_sums: input channel -> sum of its products, for the channels of this cell's group.
        bias: added at the end; 0 where the layer has none.
        total: the sum of all products and the bias.
    """

    cell: tuple[int, int, int]
    taps: tuple[Tap, ...]
    channel_sums: dict[int, float]
    bias: float
    total: float


def as_numbers(name: str, values: ArrayLike, shape: Sequence[int | None]) -> Floats:
    """A float64 copy of `values`, all of them finite.

    Args:
        name: what the error calls it.
        values: the numbers.
        shape: the shape they must have; None where any length from 1 on will do.

    Raises:
        SettingError: another shape, an empty axis, or a value that is infinite or no number.
    """
    array = np.array(values, dtype=np.float64, order="C")
    fits = array.ndim == len(shape) and all(
        actual == wanted if wanted is not None else actual > 0
        for actual, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise SettingError(
            N_("{name} has the shape ({actual}); it must be ({expected})"),
            name=name,
            actual=" × ".join(map(str, array.shape)),
            expected=" × ".join("n" if length is None else str(length) for length in shape),
        )
    if not np.isfinite(array).all():
        raise SettingError(N_("{name} holds a value that is not a finite number"), name=name)
    return array


def unread(
    size: int, output_size: int, kernel_size: int, stride: int, before: int, dilation: int = 1
) -> tuple[int, ...]:
    """Indices of an axis of `size` that none of the `output_size` windows reads; `before` is padding.

    >>> unread(6, output_size=2, kernel_size=3, stride=2, before=0)
    (5,)
    """
    read: set[int] = set()
    for index in range(output_size):
        read.update(window(index, kernel_size, stride, (before, 0), dilation))
    return tuple(sorted(set(range(size)) - read))


def apply(
    input: torch.Tensor, weight: torch.Tensor, settings: ConvolutionSettings, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """The layer in PyTorch, without checks: (C, H, W) to (O, Ho, Wo), or batches of them."""
    top, bottom, left, right = settings.pads
    padded = functional.pad(input, (left, right, top, bottom), mode=PADDING_MODES[settings.padding_mode][0])
    kernel = weight.flip(-2, -1) if settings.flip else weight
    return functional.conv2d(
        padded, kernel, bias, settings.stride, dilation=settings.dilation, groups=settings.groups
    )


def windows_sum(
    padded: Floats, weight: Floats, stride: int = 1, dilation: int = 1, groups: int = 1
) -> Floats:
    """Cross-correlation by its definition: cut out every window, multiply, add up.

    Args:
        padded: (C, Hp, Wp).
        weight: (O, C/groups, kh, kw).
        stride: step of the window, both ways.
        dilation: distance between neighbouring weights, both ways.
        groups: group g of the output channels sees group g of the input channels only.

    Returns:
        (O, Ho, Wo).
    """
    channels, outputs, kernel_size = padded.shape[0], weight.shape[0], weight.shape[2:]
    spans = tuple(extent(side, dilation) for side in kernel_size)
    windows = sliding_window_view(padded, spans, axis=(1, 2))
    windows = windows[:, ::stride, ::stride, ::dilation, ::dilation]
    windows = windows.reshape(groups, channels // groups, *windows.shape[1:])
    kernels = weight.reshape(groups, outputs // groups, *weight.shape[1:])
    total: Floats = np.einsum("gchwij,gocij->gohw", windows, kernels)
    return total.reshape(outputs, *total.shape[2:])


def run(
    input: ArrayLike, weight: ArrayLike, settings: ConvolutionSettings, bias: ArrayLike | None = None
) -> ConvolutionResult:
    """Send one image through one convolution layer, in PyTorch and by :func:`windows_sum`.

    Args:
        input: (C, H, W).
        weight: (O, C/groups, kh, kw).
        settings: the layer.
        bias: (O,), where ``settings.bias`` is set; else None.

    Raises:
        SettingError: the settings don't fit together or don't fit the input; ``torch.nn.Conv2d`` would raise too.

    >>> steps = run([[[1, 2, 3, 4, 5, 6]]], [[[[-1, 0, 1]]]], ConvolutionSettings((1, 3), stride=2))
    >>> steps.output.tolist(), steps.unread_columns
    ([[[2.0, 2.0]]], (5,))
    """
    x = as_numbers("input", input, (settings.in_channels, None, None))
    size = (x.shape[1], x.shape[2])
    settings.cost(size)
    w = as_numbers("weight", weight, settings.weight_shape)
    if settings.bias and bias is None:
        raise SettingError(N_("the layer has a bias, but no bias values were given"))
    if not settings.bias and bias is not None:
        raise SettingError(N_("bias values were given, but the layer has no bias"))
    zeros = np.zeros(settings.out_channels)
    b = zeros if bias is None else as_numbers("bias", bias, zeros.shape)

    tensor = torch.from_numpy
    with torch.inference_mode():
        output: Floats = apply(tensor(x), tensor(w), settings, tensor(b)).numpy()

    top, bottom, left, right = settings.pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right)), mode=PADDING_MODES[settings.padding_mode][1])
    kernel = w[..., ::-1, ::-1] if settings.flip else w
    ours = windows_sum(padded, kernel, settings.stride, settings.dilation, settings.groups) + b[:, None, None]
    rows, columns = (
        unread(
            size[axis],
            output.shape[1 + axis],
            settings.kernel_size[axis],
            settings.stride,
            before,
            settings.dilation,
        )
        for axis, before in ((0, top), (1, left))
    )
    return ConvolutionResult(
        settings=settings,
        input=x,
        weight=w,
        bias=b,
        padded=padded,
        pads=settings.pads,
        output=output,
        max_error=float(np.abs(output - ours).max()),
        unread_rows=rows,
        unread_columns=columns,
    )


def check_cell(cell: tuple[int, int, int], output: NDArray[np.floating]) -> None:
    """Refuse a (channel, row, column) that is not in `output`.

    Raises:
        SettingError: it isn't.
    """
    if not all(0 <= index < length for index, length in zip(cell, output.shape, strict=True)):
        raise SettingError(
            N_("there is no output cell {cell}: the output is {shape}"),
            cell=cell,
            shape=" × ".join(map(str, output.shape)),
        )


def trace(result: ConvolutionResult, channel: int, row: int, column: int) -> CellTrace:
    """Write out the sum behind output cell (`channel`, `row`, `column`).

    Raises:
        SettingError: there is no such cell.
    """
    check_cell((channel, row, column), result.output)
    settings, (top, _, left, _) = result.settings, result.pads
    (kernel_height, kernel_width), (height, width) = settings.kernel_size, result.input.shape[1:]
    group_size = settings.in_channels // settings.groups
    first = channel // (settings.out_channels // settings.groups) * group_size

    def tap(offset: int, i: int, j: int) -> Tap:
        kernel = (kernel_height - 1 - i, kernel_width - 1 - j) if settings.flip else (i, j)
        padded = (
            row * settings.stride + i * settings.dilation,
            column * settings.stride + j * settings.dilation,
        )
        position = (padded[0] - top, padded[1] - left)
        inside = 0 <= position[0] < height and 0 <= position[1] < width
        return Tap(
            channel=first + offset,
            window=(i, j),
            kernel=kernel,
            padded=padded,
            position=position if inside else None,
            value=float(result.padded[(first + offset, *padded)]),
            weight=float(result.weight[(channel, offset, *kernel)]),
        )

    taps = tuple(tap(*index) for index in np.ndindex(group_size, kernel_height, kernel_width))
    sums = {
        number: sum(tap.product for tap in taps if tap.channel == number)
        for number in range(first, first + group_size)
    }
    bias = float(result.bias[channel])
    return CellTrace((channel, row, column), taps, sums, bias, sum(sums.values()) + bias)


# One dimension: the sum itself


@dataclass(frozen=True)
class Term:
    """One product f(i)·g(j) of a one-dimensional sum."""

    i: int
    j: int
    f: float
    g: float

    @property
    def product(self) -> float:
        return self.f * self.g


@dataclass(frozen=True)
class Step:
    """The sum at one position.

    Attributes:
        t: the position (of a convolution) or the lag (of a cross-correlation).
        terms: the products where f and g overlap, by i.
    """

    t: int
    terms: tuple[Term, ...]

    @property
    def total(self) -> float:
        return sum(term.product for term in self.terms)


@dataclass(frozen=True, eq=False)
class OneDResult:
    """Convolution and cross-correlation of two sequences, at every position where they overlap.

    Attributes:
        f: the signal, n numbers.
        g: the kernel, m numbers.
        convolution: Σ f(i)·g(t−i) for t = 0 … n+m−2.
        correlation: Σ f(i)·g(i−t) for t = −(m−1) … n−1. The same sums where g reads the same backwards.
        max_error: largest difference between these sums and ``torch.nn.functional.conv1d``.
    """

    f: Floats
    g: Floats
    convolution: tuple[Step, ...]
    correlation: tuple[Step, ...]
    max_error: float


def convolve_1d(f: ArrayLike, g: ArrayLike) -> OneDResult:
    """Convolve two sequences step by step, with the cross-correlation beside it.

    Raises:
        SettingError: one of them is empty, or not a sequence of finite numbers.

    >>> sums = convolve_1d([1, 2, 3], [0, 1, 0.5])
    >>> [step.total for step in sums.convolution]
    [0.0, 1.0, 2.5, 4.0, 1.5]
    >>> [step.total for step in sums.correlation]
    [0.5, 2.0, 3.5, 3.0, 0.0]
    """
    signal, kernel = as_numbers("f", f, (None,)), as_numbers("g", g, (None,))
    n, m = len(signal), len(kernel)

    def step(t: int, sign: Literal[1, -1]) -> Step:
        overlap = ((i, sign * (t - i)) for i in range(n))
        return Step(
            t, tuple(Term(i, j, float(signal[i]), float(kernel[j])) for i, j in overlap if 0 <= j < m)
        )

    convolution = tuple(step(t, 1) for t in range(n + m - 1))
    correlation = tuple(step(t, -1) for t in range(1 - m, n))

    # conv1d lays the kernel down as it is written: that is the cross-correlation.
    x, w = torch.from_numpy(signal)[None], torch.from_numpy(kernel)[None, None]
    pairs = (
        (convolution, functional.conv1d(x, w.flip(-1), padding=m - 1)),
        (correlation, functional.conv1d(x, w, padding=m - 1)),
    )
    errors = [np.abs(torchs[0].numpy() - [step.total for step in ours]).max() for ours, torchs in pairs]
    return OneDResult(signal, kernel, convolution, correlation, float(max(errors)))


# The same layer in other words


@dataclass(frozen=True)
class SettingName:
    """What one setting is called.

    Attributes:
        setting: in English.
        pytorch: in ``torch.nn.Conv2d``; empty where there is nothing to set.
        keras: in ``keras.layers.Conv2D``; empty where there is nothing to set.
        note: in English, what differs besides the name; may be empty.
    """

    setting: str
    pytorch: str
    keras: str
    note: str = ""


SETTING_NAMES = (
    SettingName(N_("Kernel size"), "kernel_size", "kernel_size"),
    SettingName(N_("Stride"), "stride", "strides"),
    SettingName(
        N_("Padding"),
        "padding=1, (1, 2), 'same', 'valid'",
        "padding='same', 'valid'",
        N_(
            "Keras takes no numbers: put a ZeroPadding2D layer before. Its 'same' also works with a stride"
            " above 1, and then often pads one more at the bottom and right than at the top and left."
        ),
    ),
    SettingName(
        N_("Padding mode"),
        "padding_mode",
        "",
        N_(
            "Keras pads with zeros only: put keras.ops.pad before the layer. Which modes that knows depends on"
            " the backend."
        ),
    ),
    SettingName(
        N_("Dilation"), "dilation", "dilation_rate", N_("Keras has no stride and dilation above 1 together.")
    ),
    SettingName(
        N_("Groups"), "groups", "groups", N_("For one group a channel, Keras also has DepthwiseConv2D.")
    ),
    SettingName(N_("Input channels"), "in_channels", "", N_("Keras reads them off the first input.")),
    SettingName(N_("Output channels"), "out_channels", "filters"),
    SettingName(N_("Bias"), "bias", "use_bias"),
    SettingName(
        N_("Flipped kernel"), "", "", N_("Both compute cross-correlation; flip the weights to convolve.")
    ),
    SettingName(
        N_("Weight layout"), "(out, in / groups, height, width)", "(height, width, in / groups, out)"
    ),
    SettingName(
        N_("Data layout"), "(N, C, H, W)", "(N, H, W, C)", N_("Keras's default data_format, channels_last.")
    ),
)
"""PyTorch's and Keras's names side by side."""


def keras_same_padding(
    input_size: int, kernel_size: int, stride: int = 1, dilation: int = 1
) -> tuple[int, int]:
    """What Keras's and TensorFlow's ``padding="same"`` adds (before, after) along one axis.

    Just enough for ceil(input_size / stride) windows; an odd one goes after. With a stride of 1 that is
    PyTorch's ``"same"``, which exists for no other stride.

    Raises:
        SettingError: an impossible window.

    >>> keras_same_padding(224, kernel_size=3, stride=2)  # where PyTorch's padding=1 adds (1, 1)
    (0, 1)
    """
    padding_pair(0, kernel_size, stride, dilation)
    windows = -(-input_size // stride)
    total = max((windows - 1) * stride + extent(kernel_size, dilation) - input_size, 0)
    return total // 2, total - total // 2


# As code


def literal(values: Floats, indent: int = 4) -> str:
    """`values` as Python writes nested lists, a line a row, so that it reads back exactly.

    >>> print(literal(np.array([[1, 0.5], [-2, 0.1]])))
        [[1, 0.5],
         [-2, 0.1]]
    """

    def number(value: float) -> str:
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)

    def nested(part: Floats, depth: int) -> str:
        if part.ndim == 1:
            return f"[{', '.join(number(float(value)) for value in part)}]"
        return "[" + f",\n{' ' * (depth + 1)}".join(nested(inner, depth + 1) for inner in part) + "]"

    return " " * indent + nested(values, indent)


def tensor_code(name: str, values: Floats, comment: str) -> str:
    """The line that makes a float64 tensor of `values`."""
    return f"{name} = torch.tensor(  # {comment}\n{literal(values)},\n    dtype=torch.float64,\n)\n"


def layer_call(settings: ConvolutionSettings, **more: str) -> str:
    """The call that builds the layer in PyTorch; `more` are arguments as they shall be written.

    >>> print(layer_call(ConvolutionSettings((3, 1)), dtype="torch.float64"))
    torch.nn.Conv2d(
        in_channels=1,
        out_channels=1,
        kernel_size=(3, 1),
        stride=1,
        padding=0,
        padding_mode='zeros',
        dilation=1,
        groups=1,
        bias=False,
        dtype=torch.float64,
    )
    """
    arguments = {
        "in_channels": settings.in_channels,
        "out_channels": settings.out_channels,
        "kernel_size": settings.kernel_size,
        "stride": settings.stride,
        "padding": settings.padding,
        "padding_mode": settings.padding_mode,
        "dilation": settings.dilation,
        "groups": settings.groups,
        "bias": settings.bias,
    }
    written = {name: repr(value) for name, value in arguments.items()} | more
    return "torch.nn.Conv2d(\n" + "".join(f"    {name}={value},\n" for name, value in written.items()) + ")"


def code(result: ConvolutionResult) -> str:
    """PyTorch that computes and prints the `output` of `result` anew."""
    settings = result.settings
    flip = ".flip(-2, -1)" if settings.flip else ""
    copies = [f"    layer.weight.copy_(weight{flip})" + ("  # turned by 180 degrees" if flip else "")]
    tensors = [
        tensor_code("input", result.input, "channels, height, width"),
        tensor_code("weight", result.weight, "out_channels, in_channels / groups, height, width"),
    ]
    if settings.bias:
        tensors.append(tensor_code("bias", result.bias, "out_channels"))
        copies.append("    layer.bias.copy_(bias)")
    return "\n".join(
        [
            "import torch\n",
            *tensors,
            f"layer = {layer_call(settings, dtype='torch.float64')}",
            "with torch.no_grad():",
            *copies,
            "    output = layer(input)",
            "print(output)",
            "",
        ]
    )
