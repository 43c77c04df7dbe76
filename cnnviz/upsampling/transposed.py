"""Transposed convolution seen three times: as stamps, as an ordinary convolution, and as a transposed matrix.

Everything here is one channel; an input has i cells along an axis, the output (i−1)s − 2p + d(k−1) + op + 1.

Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285, chapter 4.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import conv_output_size, extent, transposed_output_size
from cnnviz.layers.convolution import Floats, as_numbers, check_cell, windows_sum
from cnnviz.messages import N_

Integers = NDArray[np.int64]

MOST_ENTRIES = 250_000
"""Entries of a matrix beyond which nobody could look at it."""

SIZES_SOURCE = "Dumoulin & Visin, arXiv 1603.07285"

PUBLISHED_SIZES = MappingProxyType(
    {(2, 3, 1, 0, 0): 4, (6, 4, 1, 2, 0): 5, (7, 3, 1, 2, 0): 5}
    | {(2, 3, 2, 0, 0): 5, (3, 3, 2, 1, 0): 5, (3, 3, 2, 1, 1): 6}
)
"""(input, kernel, stride, padding, output padding) -> output size, without dilation: the examples of chapter 4."""


@dataclass(frozen=True)
class TransposedSettings:
    """In the words of ``torch.nn.ConvTranspose2d``, both ways alike."""

    stride: int = 2
    padding: int = 0
    output_padding: int = 0
    dilation: int = 1

    def output_size(self, size: tuple[int, int], kernel_size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the output.

        Raises:
            SettingError: wherever ``torch.nn.ConvTranspose2d`` raises, or for an empty output.
        """
        height, width = (
            transposed_output_size(side, k, self.stride, self.padding, self.output_padding, self.dilation)
            for side, k in zip(size, kernel_size, strict=True)
        )
        return height, width


def reference(x: Floats, kernel: Floats, settings: TransposedSettings) -> Floats:
    """PyTorch's answer: (H, W) to (H', W')."""
    with torch.inference_mode():
        y = F.conv_transpose2d(
            torch.from_numpy(x)[None, None],
            torch.from_numpy(kernel)[None, None],
            None,
            settings.stride,
            settings.padding,
            settings.output_padding,
            1,
            settings.dilation,
        )
    return np.asarray(y[0, 0].numpy(), np.float64)


@dataclass(frozen=True)
class Product:
    """One of the products that add up in an output cell.

    Attributes:
        cell: (row, column) of the input.
        tap: (row, column) of the kernel.
        value, weight: that stand there.
    """

    cell: tuple[int, int]
    tap: tuple[int, int]
    value: float
    weight: float


def products(
    input: ArrayLike, kernel: ArrayLike, settings: TransposedSettings, cell: tuple[int, int]
) -> tuple[Product, ...]:
    """What adds up in output (row, column) `cell`, in the order of the input's cells.

    Input cell i meets weight a where o + p = s·i + d·a, on both axes.

    Raises:
        SettingError: there is no such cell, or wherever ``torch.nn.ConvTranspose2d`` raises.

    >>> [(each.value, each.weight) for each in products([[1, 2]], [[1, 2, 4]], TransposedSettings(), (0, 2))]
    [(1.0, 4.0), (2.0, 1.0)]
    """
    x, w = as_numbers("input", input, (None, None)), as_numbers("kernel", kernel, (None, None))
    size = settings.output_size((x.shape[0], x.shape[1]), (w.shape[0], w.shape[1]))
    check_cell((0, *cell), np.empty((1, *size)))
    found = []
    for (i, j), value in np.ndenumerate(x):
        (a, row_rest), (b, column_rest) = (
            divmod(place + settings.padding - start * settings.stride, settings.dilation)
            for place, start in zip(cell, (i, j), strict=True)
        )
        if not row_rest and not column_rest and 0 <= a < w.shape[0] and 0 <= b < w.shape[1]:
            found.append(Product((i, j), (a, b), float(value), float(w[a, b])))
    return tuple(found)


# First view: stamps


@dataclass(frozen=True, eq=False)
class Stamp:
    """What one input cell adds to the canvas.

    Attributes:
        cell: (row, column) of the input.
        value: that it holds.
        place: (row, column) of the canvas where the stamp's top left weight lands.
        values: `value` times the kernel.
    """

    cell: tuple[int, int]
    value: float
    place: tuple[int, int]
    values: Floats


@dataclass(frozen=True, eq=False)
class Stamping:
    """All stamps, row by row, and where they add up.

    Attributes:
        settings: as given.
        stamps: in the order of the input's cells, row by row.
        canvas_size: (height, width) before the padding is cut off.
        crop: (top, left, bottom, right) of the output on the canvas; bottom and right are just past it.
        counts: how many stamps write each canvas cell.
        output: (H', W').
        max_error: largest difference between `output` and PyTorch's.
    """

    settings: TransposedSettings
    stamps: tuple[Stamp, ...]
    canvas_size: tuple[int, int]
    crop: tuple[int, int, int, int]
    counts: Integers
    output: Floats
    max_error: float

    def running(self, count: int) -> Floats:
        """The canvas after the first `count` stamps.

        Raises:
            SettingError: fewer than none, or more than all.
        """
        if not 0 <= count <= len(self.stamps):
            raise SettingError(
                N_("stamp {count} of {most}: there is none"), count=count, most=len(self.stamps)
            )
        return _stamped(self.stamps[:count], self.canvas_size, self.settings.dilation)


def _stamped(stamps: tuple[Stamp, ...], canvas_size: tuple[int, int], dilation: int) -> Floats:
    canvas = np.zeros(canvas_size)
    for stamp in stamps:
        for (a, b), value in np.ndenumerate(stamp.values):
            canvas[stamp.place[0] + a * dilation, stamp.place[1] + b * dilation] += value
    return canvas


def stamping(input: ArrayLike, kernel: ArrayLike, settings: TransposedSettings) -> Stamping:
    """Every input cell stamps the kernel, times its value; what overlaps adds up.

    Args:
        input: (H, W).
        kernel: (kh, kw).
        settings: the layer.

    Raises:
        SettingError: wherever ``torch.nn.ConvTranspose2d`` raises, or for an empty output.

    >>> steps = stamping([[1, 2]], [[1, 1, 1]], TransposedSettings(stride=2))
    >>> steps.running(1).tolist(), steps.output.tolist()
    ([[1.0, 1.0, 1.0, 0.0, 0.0]], [[1.0, 1.0, 3.0, 2.0, 2.0]])
    """
    x, w = as_numbers("input", input, (None, None)), as_numbers("kernel", kernel, (None, None))
    size = settings.output_size((x.shape[0], x.shape[1]), (w.shape[0], w.shape[1]))
    p = settings.padding
    # Output padding can reach past the last stamp; nothing is written there.
    height, width = (
        max((side - 1) * settings.stride + extent(k, settings.dilation), p + out)
        for side, k, out in zip(x.shape, w.shape, size, strict=True)
    )
    stamps = tuple(
        Stamp((i, j), float(value), (i * settings.stride, j * settings.stride), value * w)
        for (i, j), value in np.ndenumerate(x)
    )
    ones = tuple(Stamp(each.cell, 1.0, each.place, np.ones_like(w)) for each in stamps)
    crop = (p, p, p + size[0], p + size[1])
    output = _stamped(stamps, (height, width), settings.dilation)[p : crop[2], p : crop[3]]
    return Stamping(
        settings=settings,
        stamps=stamps,
        canvas_size=(height, width),
        crop=crop,
        counts=_stamped(ones, (height, width), settings.dilation).astype(np.int64),
        output=output,
        max_error=float(np.abs(output - reference(x, w, settings)).max()),
    )


# Second view: an ordinary convolution


@dataclass(frozen=True, eq=False)
class ZeroStuffed:
    """The same as a convolution of stride 1.

    Attributes:
        stuffed: the input with stride − 1 zeros between its cells.
        pads: rows or columns of zeros added (top, bottom, left, right); where one is negative,
            that many are cut off instead.
        padded: what the window slides over.
        origin: padded (row, column) -> which input (row, column) stands there; no key for the zeros.
        kernel: turned by 180 degrees.
        output: (H', W').
        max_error: largest difference between `output` and PyTorch's transposed convolution.
    """

    stuffed: Floats
    pads: tuple[int, int, int, int]
    padded: Floats
    origin: dict[tuple[int, int], tuple[int, int]]
    kernel: Floats
    output: Floats
    max_error: float


def zero_stuffed(input: ArrayLike, kernel: ArrayLike, settings: TransposedSettings) -> ZeroStuffed:
    """Stuff zeros between the cells, pad by d(k−1) − p, and convolve with the turned kernel.

    Args:
        input: (H, W).
        kernel: (kh, kw).
        settings: the layer.

    Raises:
        SettingError: wherever ``torch.nn.ConvTranspose2d`` raises, or for an empty output.

    >>> same = zero_stuffed([[1, 2]], [[1, 2, 4]], TransposedSettings(stride=2))
    >>> same.padded.tolist(), same.kernel.tolist(), same.output.tolist()
    ([[0.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0]], [[4.0, 2.0, 1.0]], [[1.0, 2.0, 6.0, 4.0, 8.0]])
    """
    x, w = as_numbers("input", input, (None, None)), as_numbers("kernel", kernel, (None, None))
    settings.output_size((x.shape[0], x.shape[1]), (w.shape[0], w.shape[1]))
    s = settings.stride
    stuffed = np.zeros(((x.shape[0] - 1) * s + 1, (x.shape[1] - 1) * s + 1))
    stuffed[::s, ::s] = x
    top, left = (settings.dilation * (k - 1) - settings.padding for k in w.shape)
    pads = (top, top + settings.output_padding, left, left + settings.output_padding)
    padded = _pad(stuffed, pads)
    cells = ((i, j) for i in range(x.shape[0]) for j in range(x.shape[1]))
    origin = {
        (top + i * s, left + j * s): (i, j)
        for i, j in cells
        if 0 <= top + i * s < padded.shape[0] and 0 <= left + j * s < padded.shape[1]
    }
    turned = w[::-1, ::-1].copy()
    output = windows_sum(padded[None], turned[None, None], dilation=settings.dilation)[0]
    error = float(np.abs(output - reference(x, w, settings)).max())
    return ZeroStuffed(stuffed, pads, padded, origin, turned, output, error)


def _pad(x: Floats, pads: tuple[int, int, int, int]) -> Floats:
    """Zeros around `x`; a negative pad cuts off."""
    top, bottom, left, right = pads
    padded = np.zeros((x.shape[0] + top + bottom, x.shape[1] + left + right))
    rows = slice(max(0, -top), min(x.shape[0], x.shape[0] + bottom))
    columns = slice(max(0, -left), min(x.shape[1], x.shape[1] + right))
    padded[rows.start + top : rows.stop + top, columns.start + left : columns.stop + left] = x[rows, columns]
    return padded


# Third view: the transpose of the convolution's matrix


@dataclass(frozen=True, eq=False)
class ConvolutionMatrix:
    """A convolution written as a matrix; most entries are zero.

    Attributes:
        settings: the layer whose transpose this is the matrix of.
        small: (h, w) of what the convolution makes, and the transposed convolution is given.
        large: (H, W) the other way round.
        kernel: (kh, kw).
        values: C, (h·w, H·W); maps are flattened row by row.
        taps: (h·w, H·W), which weight of the kernel stands there, counted row by row; −1 for none.
    """

    settings: TransposedSettings
    small: tuple[int, int]
    large: tuple[int, int]
    kernel: Floats
    values: Floats
    taps: Integers

    def convolve(self, large: ArrayLike) -> Floats:
        """C·x: (H, W) to (h, w), as ``conv2d`` does."""
        x = as_numbers("input", large, self.large)
        return (self.values @ x.ravel()).reshape(self.small)

    def transpose(self, small: ArrayLike) -> Floats:
        """Cᵀ·y: (h, w) to (H, W), as ``conv_transpose2d`` does."""
        y = as_numbers("input", small, self.small)
        return (self.values.T @ y.ravel()).reshape(self.large)


def matrix(small: tuple[int, int], kernel: ArrayLike, settings: TransposedSettings) -> ConvolutionMatrix:
    """The matrix C of the convolution that the transposed one belongs to.

    Args:
        small: (height, width) of the transposed convolution's input.
        kernel: (kh, kw).
        settings: the layer.

    Raises:
        SettingError: wherever ``torch.nn.ConvTranspose2d`` raises, or a matrix that is too large to look at.

    >>> c = matrix((1, 2), [[1, 2, 4]], TransposedSettings(stride=2))
    >>> c.values.tolist(), c.transpose([[1, 2]]).tolist()
    ([[1.0, 2.0, 4.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0, 4.0]], [[1.0, 2.0, 6.0, 4.0, 8.0]])
    """
    w = as_numbers("kernel", kernel, (None, None))
    large = settings.output_size(small, (w.shape[0], w.shape[1]))
    rows, columns = small[0] * small[1], large[0] * large[1]
    if rows * columns > MOST_ENTRIES:
        raise SettingError(
            N_("the matrix would have {rows} × {columns} entries; at most {most} are shown"),
            rows=rows,
            columns=columns,
            most=MOST_ENTRIES,
        )
    taps = np.full((*small, *large), -1, np.int64)
    for i, j in np.ndindex(small):
        for tap, (a, b) in enumerate(np.ndindex(w.shape)):
            row = i * settings.stride - settings.padding + a * settings.dilation
            column = j * settings.stride - settings.padding + b * settings.dilation
            if 0 <= row < large[0] and 0 <= column < large[1]:
                taps[i, j, row, column] = tap
    flat = taps.reshape(rows, columns)
    values = np.where(flat < 0, 0.0, w.ravel()[flat])
    return ConvolutionMatrix(settings, small, large, w, values, flat)


@dataclass(frozen=True, eq=False)
class ThereAndBack:
    """A picture convolved, and upsampled by the transposed convolution: not the same picture.

    Attributes:
        matrix: of the convolution.
        input: x, (H, W).
        small: C·x, (h, w).
        back: Cᵀ·C·x, (H, W).
        rank: of C: how many numbers about x the small map can hold at most.
        kept: (H, W), the part of x that the small map determines: C⁺·C·x.
        lost: (H, W), x − kept; the convolution makes zeros of it.
    """

    matrix: ConvolutionMatrix
    input: Floats
    small: Floats
    back: Floats
    rank: int
    kept: Floats
    lost: Floats

    @property
    def is_inverse(self) -> bool:
        """Whether `back` is `input` after all."""
        return bool(np.allclose(self.back, self.input))


def there_and_back(
    input: ArrayLike, kernel: ArrayLike, stride: int = 2, padding: int = 0, dilation: int = 1
) -> ThereAndBack:
    """Convolve `input`, (H, W), then apply the transposed convolution of the same kernel and size.

    Raises:
        SettingError: a kernel that doesn't fit, or a picture too large for a matrix.

    >>> trip = there_and_back(np.eye(5), np.ones((3, 3)))
    >>> trip.small.tolist(), trip.rank, trip.is_inverse
    ([[3.0, 1.0], [1.0, 3.0]], 4, False)
    """
    x, w = as_numbers("input", input, (None, None)), as_numbers("kernel", kernel, (None, None))
    small = [
        conv_output_size(side, k, stride, padding, dilation) for side, k in zip(x.shape, w.shape, strict=True)
    ]
    layer = TransposedSettings(stride, padding, 0, dilation)
    sizes = layer.output_size((small[0], small[1]), (w.shape[0], w.shape[1]))
    # A window that didn't reach the end left rows over; output_padding brings them back as zeros.
    over = {side - size for side, size in zip(x.shape, sizes, strict=True)}
    if len(over) > 1:
        raise SettingError(
            N_("the stride leaves over {rows} rows and {columns} columns; it must be as many of both"),
            rows=x.shape[0] - sizes[0],
            columns=x.shape[1] - sizes[1],
        )
    layer = TransposedSettings(stride, padding, over.pop(), dilation)
    c = matrix((small[0], small[1]), w, layer)
    down = c.convolve(x)
    kept = (np.linalg.pinv(c.values) @ down.ravel()).reshape(x.shape)
    return ThereAndBack(
        matrix=c,
        input=x,
        small=down,
        back=c.transpose(down),
        rank=int(np.linalg.matrix_rank(c.values)),
        kept=kept,
        lost=x - kept,
    )
