"""Pooling of one image, every number of it proved; what a shift does to it; and a strided convolution beside it.

Sources: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285, section 1.3
(pooling); Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012, section 3.4
(overlapping windows); Zhang, "Making convolutional networks shift-invariant again", arXiv 1904.11486 (shifts).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional

from cnnviz.layers import convolution
from cnnviz.layers.arithmetic import ConvCost, pool_output_size
from cnnviz.layers.convolution import (
    ConvolutionResult,
    ConvolutionSettings,
    Floats,
    as_numbers,
    check_cell,
    tensor_code,
    unread,
)

Kind = Literal["max", "average", "min", "global max", "global average"]
Integers = NDArray[np.int64]

KINDS: tuple[Kind, ...] = ("max", "average", "min", "global max", "global average")


@dataclass(frozen=True)
class PoolingSettings:
    """A pooling layer, in the words of ``torch.nn.MaxPool2d`` and ``AvgPool2d``.

    Attributes:
        kind: what a window becomes. Minimum is −max(−x), which is how PyTorch has to be asked for it;
            the global ones have a single window, the whole image, and no further settings.
        kernel_size: (height, width).
        stride: step of the window, both ways; overlapping pooling is (3, 3) with a stride of 2.
        padding: on all sides, at most half the kernel. Never a maximum or minimum; in an average, zeros.
        ceil_mode: round the output size up: a last window may reach over the end.
        count_include_pad: whether an average divides by the padding's zeros too (not by what lies beyond).
    """

    kind: Kind = "max"
    kernel_size: tuple[int, int] = (2, 2)
    stride: int = 2
    padding: int = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    @property
    def is_global(self) -> bool:
        return self.kind.startswith("global")

    @property
    def operation(self) -> Literal["max", "average", "min"]:
        """What a window becomes, wherever it lies."""
        match self.kind:
            case "max" | "global max":
                return "max"
            case "min":
                return "min"
            case _:
                return "average"

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the output, for an input of (height, width) `size`.

        Raises:
            SettingError: wherever ``torch.nn.MaxPool2d`` and ``AvgPool2d`` raise.
        """
        layer = self.on(size)
        height, width = (
            pool_output_size(
                size[axis], layer.kernel_size[axis], layer.stride, layer.padding, ceil_mode=layer.ceil_mode
            )
            for axis in (0, 1)
        )
        return height, width

    def on(self, size: tuple[int, int]) -> "PoolingSettings":
        """These settings with the window that they mean on an input of (height, width) `size`."""
        return PoolingSettings(self.kind, size, stride=1) if self.is_global else self


@dataclass(frozen=True, eq=False)
class PoolingResult:
    """One image through one pooling layer. Axes are channel, row, column.

    Attributes:
        settings: the layer, with the whole image as the window where it is global.
        input: (C, H, W), float64.
        output: (C, Ho, Wo), float64, as PyTorch computes it.
        indices: (C, Ho, Wo), where each maximum or minimum came from: ``row * W + column`` in its channel,
            the first of several (``return_indices`` in PyTorch); None for averages.
        divisor: (Ho, Wo), what each average divides by; None for maxima and minima.
        max_error: largest difference between `output` and our own windows.
        same_indices: whether PyTorch found each maximum or minimum where we did; None for averages.
        unread_rows: input rows that no window reads.
        unread_columns: input columns that no window reads.
    """

    settings: PoolingSettings
    input: Floats
    output: Floats
    indices: Integers | None
    divisor: Integers | None
    max_error: float
    same_indices: bool | None
    unread_rows: tuple[int, ...]
    unread_columns: tuple[int, ...]


@dataclass(frozen=True)
class PoolTrace:
    """How one output cell came about. Positions are (row, column) in the input.

    Attributes:
        cell: (channel, row, column) of the output.
        values: position -> value, for what the window holds of the input, row by row.
        winner: where the maximum or minimum came from; None for averages.
        divisor: what the sum is divided by; None for maxima and minima.
        result: the output cell.
    """

    cell: tuple[int, int, int]
    values: dict[tuple[int, int], float]
    winner: tuple[int, int] | None
    divisor: int | None
    result: float


def _spans(size: int, output_size: int, kernel_size: int, settings: PoolingSettings) -> list[tuple[int, int]]:
    """(start, stop) of each window along one axis, stop cut at the end of the padding."""
    starts = (index * settings.stride - settings.padding for index in range(output_size))
    return [(start, min(start + kernel_size, size + settings.padding)) for start in starts]


def _divisors(size: int, output_size: int, kernel_size: int, settings: PoolingSettings) -> list[int]:
    """How many cells along one axis an average counts in each window."""
    spans = _spans(size, output_size, kernel_size, settings)
    if settings.count_include_pad:
        return [stop - start for start, stop in spans]
    return [min(stop, size) - max(start, 0) for start, stop in spans]


def _windows(x: Floats, output_size: tuple[int, int], settings: PoolingSettings, fill: float) -> Floats:
    """Every window cut out, (C, Ho, Wo, kh, kw), with `fill` around the input."""
    reach = [
        (output_size[axis] - 1) * settings.stride + settings.kernel_size[axis] - settings.padding
        for axis in (0, 1)
    ]
    after = [max(0, reach[axis] - x.shape[1 + axis]) for axis in (0, 1)]
    before = settings.padding
    padded = np.pad(x, ((0, 0), (before, after[0]), (before, after[1])), constant_values=fill)
    windows = sliding_window_view(padded, settings.kernel_size, axis=(1, 2))
    step = settings.stride
    return windows[:, ::step, ::step][:, : output_size[0], : output_size[1]]


def _best(x: Floats, output_size: tuple[int, int], settings: PoolingSettings) -> tuple[Floats, Integers]:
    """Maxima or minima by their definition, and the flat indices that they came from."""
    largest = settings.operation == "max"
    windows = _windows(x, output_size, settings, fill=-np.inf if largest else np.inf)
    flat = windows.reshape(*windows.shape[:3], -1)
    offset = flat.argmax(axis=-1) if largest else flat.argmin(axis=-1)
    values: Floats = np.take_along_axis(flat, offset[..., None], axis=-1)[..., 0]
    i, j = np.divmod(offset, settings.kernel_size[1])
    rows = np.arange(output_size[0])[:, None] * settings.stride - settings.padding + i
    columns = np.arange(output_size[1]) * settings.stride - settings.padding + j
    return values, rows * x.shape[2] + columns


def _torch(x: Floats, settings: PoolingSettings) -> tuple[Floats, Integers | None]:
    """The same in PyTorch: output and, for maxima and minima, flat indices."""
    tensor = torch.from_numpy(x)
    if settings.operation == "average":
        if settings.is_global:
            return functional.adaptive_avg_pool2d(tensor, 1).numpy(), None
        averages = functional.avg_pool2d(
            tensor,
            settings.kernel_size,
            settings.stride,
            settings.padding,
            settings.ceil_mode,
            settings.count_include_pad,
        )
        return averages.numpy(), None
    sign = -1.0 if settings.operation == "min" else 1.0
    if settings.is_global:
        best, indices = functional.adaptive_max_pool2d(sign * tensor, 1, return_indices=True)
    else:
        best, indices = functional.max_pool2d(
            sign * tensor,
            settings.kernel_size,
            settings.stride,
            settings.padding,
            ceil_mode=settings.ceil_mode,
            return_indices=True,
        )
    return (sign * best).numpy(), indices.numpy()


def run(input: ArrayLike, settings: PoolingSettings) -> PoolingResult:
    """Send one (C, H, W) image through one pooling layer, in PyTorch and by our own windows.

    Raises:
        SettingError: the window doesn't fit; ``torch.nn.MaxPool2d`` and ``AvgPool2d`` would raise too.

    >>> pooled = run([[[1, 2, 3, 4], [5, 6, 7, 8]]], PoolingSettings("max"))
    >>> pooled.output.tolist(), pooled.indices.tolist()
    ([[[6.0, 8.0]]], [[[5, 7]]])
    """
    x = as_numbers("input", input, (None, None, None))
    size = (x.shape[1], x.shape[2])
    layer, output_size = settings.on(size), settings.output_size(size)
    output, indices = _torch(x, layer)

    ours: Floats
    divisor, same = None, None
    if layer.operation == "average":
        heights, widths = (
            _divisors(size[axis], output_size[axis], layer.kernel_size[axis], layer) for axis in (0, 1)
        )
        divisor = np.outer(heights, widths)
        ours = _windows(x, output_size, layer, fill=0).sum(axis=(-2, -1)) / divisor
    else:
        ours, positions = _best(x, output_size, layer)
        same = bool((positions == indices).all())
    rows, columns = (
        unread(size[axis], output_size[axis], layer.kernel_size[axis], layer.stride, layer.padding)
        for axis in (0, 1)
    )
    return PoolingResult(
        settings=layer,
        input=x,
        output=output,
        indices=indices,
        divisor=divisor,
        max_error=float(np.abs(output - ours).max()),
        same_indices=same,
        unread_rows=rows,
        unread_columns=columns,
    )


def trace(result: PoolingResult, channel: int, row: int, column: int) -> PoolTrace:
    """Write out the window behind output cell (`channel`, `row`, `column`).

    Raises:
        SettingError: there is no such cell.
    """
    cell = (channel, row, column)
    check_cell(cell, result.output)
    settings, (height, width) = result.settings, result.input.shape[1:]
    top, left = (index * settings.stride - settings.padding for index in (row, column))
    values = {
        (y, x): float(result.input[channel, y, x])
        for y in range(max(top, 0), min(top + settings.kernel_size[0], height))
        for x in range(max(left, 0), min(left + settings.kernel_size[1], width))
    }
    winner = None
    if result.indices is not None:
        y, x = divmod(int(result.indices[cell]), width)
        winner = (y, x)
    divisor = None if result.divisor is None else int(result.divisor[row, column])
    return PoolTrace(cell, values, winner, divisor, float(result.output[cell]))


# Pooling against a strided convolution


@dataclass(frozen=True, eq=False)
class Comparison:
    """Pooling, and a convolution with the same stride and padding in its place.

    Attributes:
        pooled: through the pooling layer, which has no parameters and multiplies nothing.
        convolved: through the convolution.
        cost: the convolution's parameters and multiply–accumulates.
    """

    pooled: PoolingResult
    convolved: ConvolutionResult
    cost: ConvCost

    @property
    def same_size(self) -> bool:
        """Whether both give maps of the same height and width: where their kernels do, and nothing is rounded up."""
        return self.pooled.output.shape[1:] == self.convolved.output.shape[1:]


def _in_its_place(settings: PoolingSettings, weight: Floats) -> ConvolutionSettings:
    """The convolution that (O, C, kh, kw) `weight` makes with the stride and padding of the pooling."""
    outputs, channels, height, width = weight.shape
    return ConvolutionSettings(
        (height, width), settings.stride, settings.padding, in_channels=channels, out_channels=outputs
    )


def compare(input: ArrayLike, settings: PoolingSettings, weight: ArrayLike) -> Comparison:
    """Pool an image, and convolve it with the same stride and padding.

    Args:
        input: (C, H, W).
        settings: the pooling.
        weight: (O, C, kh, kw); kh and kw are the pooling's where the sizes shall be the same.

    Raises:
        SettingError: one of the two doesn't fit the input.

    >>> sides = compare(np.ones((8, 6, 6)), PoolingSettings("max", (3, 3)), np.ones((8, 8, 3, 3)))
    >>> sides.same_size, sides.cost.parameters, sides.cost.macs
    (True, 576, 2304)
    """
    w = as_numbers("weight", weight, (None, None, None, None))
    layer = _in_its_place(settings, w)
    convolved = convolution.run(input, w, layer)
    size = (convolved.input.shape[1], convolved.input.shape[2])
    return Comparison(run(input, settings), convolved, layer.cost(size))


# What a shift of the input does


@dataclass(frozen=True, eq=False)
class ShiftResponse:
    """What one layer makes of an image, and of the same image shifted.

    Attributes:
        before: output for the image, (channels, Ho, Wo).
        after: output for the shifted image.
        change: length of the difference over length of `before` (Euclidean; inf where only `before` is 0).
        unchanged: share of the output cells that stay as they are (to nine digits), 0 to 1.
        moved: (down, right), the shift in output cells; None where the stride doesn't divide it, and for
            global pooling.
        moved_error: largest difference between `after` and `before` moved so, over the cells whose windows lie
            within the image both times: about 0, as the same numbers are read. None where there is no such cell.
    """

    before: Floats
    after: Floats
    change: float
    unchanged: float
    moved: tuple[int, int] | None
    moved_error: float | None

    @property
    def only_moved(self) -> bool:
        """Whether the output was moved by whole cells, and nothing else happened to it."""
        return self.moved not in (None, (0, 0)) and self.moved_error is not None and self.moved_error < 1e-9


def shift_response(
    input: ArrayLike, settings: PoolingSettings, dy: int, dx: int, weight: ArrayLike
) -> dict[Kind | Literal["convolution"], ShiftResponse]:
    """Shift an image, and see what every kind of pooling and a strided convolution make of it.

    The image is rolled: what leaves on one side comes in on the other, so that nothing is new in it
    and every change is the layer's doing.

    Args:
        input: (C, H, W).
        settings: window, stride and padding of the poolings; the kind doesn't count.
        dy: rows down.
        dx: columns to the right.
        weight: (O, C, kh, kw) of the convolution with the same stride and padding.

    Returns:
        Responses by kind of pooling, and that of the ``"convolution"``.

    Raises:
        SettingError: a layer doesn't fit the input.

    >>> peak = np.zeros((1, 4, 4)); peak[0, 0, 0] = 1
    >>> responses = shift_response(peak, PoolingSettings("max"), 0, 1, np.ones((1, 1, 2, 2)))
    >>> responses["max"].change, responses["convolution"].change  # the peak stays in its window
    (0.0, 0.0)
    """
    x = as_numbers("input", input, (None, None, None))
    w = as_numbers("weight", weight, (None, None, None, None))
    images = (x, np.roll(x, (dy, dx), axis=(1, 2)))
    responses: dict[Kind | Literal["convolution"], ShiftResponse] = {}
    for kind in KINDS:
        layer = replace(settings, kind=kind)
        before, after = (_pooled(image, layer) for image in images)
        responses[kind] = _response(before, after, layer, x.shape, (dy, dx))
    before, after = (_convolved(image, settings, w) for image in images)
    window = replace(settings, kind="average", kernel_size=(w.shape[2], w.shape[3]))
    responses["convolution"] = _response(before, after, window, x.shape, (dy, dx))
    return responses


def _pooled(x: Floats, settings: PoolingSettings) -> Floats:
    """:func:`run`'s output without its proof, which takes several times as long."""
    size = (x.shape[1], x.shape[2])
    settings.output_size(size)
    return _torch(x, settings.on(size))[0]


def _convolved(x: Floats, settings: PoolingSettings, weight: Floats) -> Floats:
    """The output of the convolution in the pooling's place."""
    layer = _in_its_place(settings, weight)
    as_numbers("input", x, (layer.in_channels, None, None))
    layer.output_size((x.shape[1], x.shape[2]))
    with torch.inference_mode():
        output: Floats = convolution.apply(torch.from_numpy(x), torch.from_numpy(weight), layer).numpy()
    return output


def moved_errors(
    input: ArrayLike, settings: PoolingSettings, most: int, weight: ArrayLike
) -> dict[Kind | Literal["convolution"], tuple[float, ...]]:
    """How much of a shift to the right is more than a move of the output, for 0, 1, … `most` columns.

    After each shift the output is compared with the unshifted one moved by the nearest whole numbers of
    cells, and the better of the two counts: the length of their difference over the length of the
    output (Euclidean), over the columns that what is rolled in doesn't reach. It is 0 wherever the
    stride divides the shift: the layer is equivariant to those shifts, and to no others.

    Args:
        input: (C, H, W), wide enough for columns to be left.
        settings: window, stride and padding of the poolings; the kind doesn't count.
        most: largest shift, in columns.
        weight: (O, C, kh, kw) of the convolution with the same stride and padding.

    Returns:
        `most` + 1 errors each, of maximum, average and minimum, and of the ``"convolution"``.

    Raises:
        SettingError: a layer doesn't fit the input.

    >>> ramp = np.arange(32.0).reshape(1, 1, 32)
    >>> moved_errors(ramp, PoolingSettings("max", (1, 2)), 2, np.ones((1, 1, 1, 2)))["max"][::2]
    (0.0, 0.0)
    """
    x = as_numbers("input", input, (None, None, None))
    w = as_numbers("weight", weight, (None, None, None, None))
    kinds: tuple[Kind, ...] = ("max", "average", "min")
    layers: dict[Kind | Literal["convolution"], Callable[[Floats], Floats]] = {
        kind: partial(_pooled, settings=replace(settings, kind=kind)) for kind in kinds
    }
    layers["convolution"] = partial(_convolved, settings=settings, weight=w)
    return {name: tuple(_moved_errors(layer, x, settings, most)) for name, layer in layers.items()}


def _moved_errors(
    layer: Callable[[Floats], Floats], x: Floats, settings: PoolingSettings, most: int
) -> Iterator[float]:
    before = layer(x)
    first = -(-(most + settings.padding) // settings.stride)
    inside = np.s_[:, :, first : before.shape[2] - (1 if settings.padding or settings.ceil_mode else 0)]
    norm = float(np.linalg.norm(before[inside])) or 1.0
    for shift in range(most + 1):
        after = layer(np.roll(x, shift, axis=2))
        moves = {shift // settings.stride, -(-shift // settings.stride)}
        yield min(
            float(np.linalg.norm((after - np.roll(before, move, axis=2))[inside])) / norm for move in moves
        )


def _response(
    before: Floats, after: Floats, layer: PoolingSettings, shape: tuple[int, ...], shift: tuple[int, int]
) -> ShiftResponse:
    norm, difference = float(np.linalg.norm(before)), float(np.linalg.norm(after - before))
    moved, moved_error = None, None
    if not layer.is_global and all(step % layer.stride == 0 for step in shift):
        moved = (shift[0] // layer.stride, shift[1] // layer.stride)
        moved_error = _moved_error(before, after, layer, shape, moved)
    return ShiftResponse(
        before=before,
        after=after,
        change=difference / norm if norm else (np.inf if difference else 0.0),
        unchanged=float(np.isclose(before, after, rtol=1e-9, atol=1e-9).mean()),
        moved=moved,
        moved_error=moved_error,
    )


def _moved_error(
    before: Floats, after: Floats, layer: PoolingSettings, shape: tuple[int, ...], moved: tuple[int, int]
) -> float | None:
    places = []
    for axis in (0, 1):
        size, kernel_size = shape[1 + axis], layer.kernel_size[axis]
        spans = _spans(size, before.shape[1 + axis], kernel_size, layer)
        # Whole windows only: what reaches out of the image reads something else after the move.
        whole = {index for index, (start, _) in enumerate(spans) if 0 <= start <= size - kernel_size}
        places.append(np.array(sorted(i for i in whole if i - moved[axis] in whole), dtype=int))
    rows, columns = places
    if not rows.size or not columns.size:
        return None
    there = after[:, rows][:, :, columns]
    here = before[:, rows - moved[0]][:, :, columns - moved[1]]
    return float(np.abs(there - here).max())


# As code


def code(settings: PoolingSettings, input: ArrayLike) -> str:
    """PyTorch that computes and prints the ``output`` of :func:`run` for the same arguments.

    For maxima and minima it has their flat ``indices``, too.
    """
    x = run(input, settings).input
    average = settings.operation == "average"
    if settings.is_global:
        call = "AdaptiveAvgPool2d(1)" if average else "AdaptiveMaxPool2d(1, return_indices=True)"
    else:
        arguments = [
            f"kernel_size={settings.kernel_size}",
            f"stride={settings.stride}",
            f"padding={settings.padding}",
            f"ceil_mode={settings.ceil_mode}",
            f"count_include_pad={settings.count_include_pad}" if average else "return_indices=True",
        ]
        name = "AvgPool2d" if average else "MaxPool2d"
        call = f"{name}(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"
    if average:
        steps = "output = pool(input)"
    elif settings.operation == "max":
        steps = "output, indices = pool(input)"
    else:
        steps = "output, indices = pool(-input)  # the minimum of x is -max(-x)\noutput = -output"
    return "\n".join(
        [
            "import torch\n",
            tensor_code("input", x, "channels, height, width"),
            f"pool = torch.nn.{call}",
            steps,
            "print(output)",
            "",
        ]
    )
