"""Max-pooling that remembers where each maximum stood, unpooling that puts it back, and wrong indices.

Sources: Zeiler & Fergus, arXiv 1311.2901, section 2.1 (switches); Noh et al., "Learning deconvolution network for
semantic segmentation", arXiv 1505.04366, section 3.2; SegNet, arXiv 1511.00561.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import pool_output_size
from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Arrow:
    """One remembered index: from the window that was pooled to the place that it returns to.

    Attributes:
        channel: of both.
        window: (row, column) in the pooled map.
        box: (top, left, bottom, right) of the window in the input; bottom and right are just past it.
        place: (row, column) in the unpooled map.
        value: what is carried.
        kept: whether it stands there in the end; a later window may have put something else there.
    """

    channel: int
    window: tuple[int, int]
    box: tuple[int, int, int, int]
    place: tuple[int, int]
    value: float
    kept: bool


@dataclass(frozen=True, eq=False)
class RoundTrip:
    """A picture pooled and unpooled. Axes are channel, row, column.

    Attributes:
        input: (C, H, W).
        pooled: (C, h, w), each window's maximum.
        indices: (C, h, w), where each maximum stood: ``row * W + column`` in its channel.
        unpooled: (C, H', W'), every maximum at its index and zeros elsewhere.
        arrows: one for each pooled cell.
    """

    input: Maps
    pooled: Maps
    indices: Integers
    unpooled: Maps
    arrows: tuple[Arrow, ...]

    @property
    def misplaced(self) -> tuple[Arrow, ...]:
        """Arrows that end at a place that didn't hold their value in the input."""
        height, width = self.input.shape[1:]
        return tuple(
            arrow
            for arrow in self.arrows
            if not (
                arrow.place[0] < height
                and arrow.place[1] < width
                and self.input[(arrow.channel, *arrow.place)] == arrow.value
            )
        )

    @property
    def lost(self) -> tuple[Arrow, ...]:
        """Arrows whose value was overwritten by a later one at the same place."""
        return tuple(arrow for arrow in self.arrows if not arrow.kept)


def pool(x: Maps, kernel_size: int, stride: int | None = None, padding: int = 0) -> tuple[Maps, Integers]:
    """Max-pool (C, H, W) and remember where: pooled (C, h, w) and flat indices (C, h, w).

    The first of several equal maxima counts, as in PyTorch. `stride` is `kernel_size` where it is None.

    Raises:
        SettingError: wherever ``torch.nn.MaxPool2d`` raises.

    >>> pooled, indices = pool(np.arange(1.0, 17).reshape(1, 4, 4), 2)
    >>> pooled.ravel().tolist(), indices.ravel().tolist()
    ([6.0, 8.0, 14.0, 16.0], [5, 7, 13, 15])
    """
    stride = kernel_size if stride is None else stride
    channels, height, width = x.shape
    rows, columns = (pool_output_size(side, kernel_size, stride, padding) for side in (height, width))
    pooled = np.empty((channels, rows, columns), x.dtype)
    indices = np.empty((channels, rows, columns), np.int64)
    for i in range(rows):
        for j in range(columns):
            top, left, bottom, right = box((i, j), (height, width), kernel_size, stride, padding)
            window = x[:, top:bottom, left:right].reshape(channels, -1)
            best = window.argmax(axis=1)
            pooled[:, i, j] = window[np.arange(channels), best]
            row, column = np.divmod(best, right - left)
            indices[:, i, j] = (top + row) * width + left + column
    return pooled, indices


def box(
    cell: tuple[int, int], size: tuple[int, int], kernel_size: int, stride: int, padding: int = 0
) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of what the window of pooled `cell` holds of an input of (height, width) `size`."""
    top, left = (place * stride - padding for place in cell)
    bottom, right = min(top + kernel_size, size[0]), min(left + kernel_size, size[1])
    return max(top, 0), max(left, 0), bottom, right


def unpooled_size(
    size: tuple[int, int], kernel_size: int, stride: int | None = None, padding: int = 0
) -> tuple[int, int]:
    """(height, width) that ``torch.nn.MaxUnpool2d`` takes where none is given: ``(i-1)·stride − 2·padding + k``.

    >>> unpooled_size((3, 3), 2)  # though a picture of 7 × 7 was pooled
    (6, 6)
    """
    stride = kernel_size if stride is None else stride
    height, width = ((side - 1) * stride - 2 * padding + kernel_size for side in size)
    return height, width


def unpool(pooled: Maps, indices: Integers, size: tuple[int, int]) -> Maps:
    """Put every value back at its index; zeros elsewhere.

    Of several values for one place the last one stays here; PyTorch writes in parallel and keeps any of them.

    Args:
        pooled: (C, h, w).
        indices: (C, h, w), ``row * width + column`` of the output.
        size: (height, width) of the output.

    Raises:
        SettingError: an index that the output doesn't have; PyTorch raises too.

    >>> unpool(np.array([[[6.0]]]), np.array([[[2]]]), (2, 2)).tolist()
    [[[0.0, 0.0], [6.0, 0.0]]]
    """
    height, width = size
    if indices.shape != pooled.shape:
        raise SettingError(
            N_("there are {indices} indices for {values} values; each value needs one"),
            indices=indices.size,
            values=pooled.size,
        )
    wrong = indices[(indices < 0) | (indices >= height * width)]
    if wrong.size:
        raise SettingError(
            N_("index {index} is outside an output of {height} × {width}, whose last index is {last}"),
            index=int(wrong[0]),
            height=height,
            width=width,
            last=height * width - 1,
        )
    y = np.zeros((len(pooled), height, width), pooled.dtype)
    for channel in range(len(pooled)):
        for value, index in zip(pooled[channel].flat, indices[channel].flat, strict=True):
            y[channel, index // width, index % width] = value
    return y


def round_trip(
    x: Maps,
    kernel_size: int = 2,
    stride: int | None = None,
    padding: int = 0,
    size: tuple[int, int] | None = None,
    indices: Integers | None = None,
) -> RoundTrip:
    """Pool `x`, unpool it again, and draw the arrows.

    Args:
        x: (C, H, W).
        kernel_size: side of the window.
        stride: step of the window; `kernel_size` where it is None.
        padding: on all sides, at most half the window.
        size: (height, width) of the output; None for that of `x`. Another width makes every index after
            the first row wrong, for an index counts row by row.
        indices: (C, h, w), to be used instead of the remembered ones.

    Raises:
        SettingError: a window that doesn't fit, or an index that the output doesn't have.
    """
    pooled, remembered = pool(x, kernel_size, stride, padding)
    stride = kernel_size if stride is None else stride
    height, width = size or x.shape[1:]
    used = remembered if indices is None else indices
    unpooled = unpool(pooled, used, (height, width))
    arrows = tuple(
        Arrow(
            channel=cell[0],
            window=(cell[1], cell[2]),
            box=box((cell[1], cell[2]), (x.shape[1], x.shape[2]), kernel_size, stride, padding),
            place=divmod(int(used[cell]), width),
            value=float(pooled[cell]),
            kept=bool(unpooled[(cell[0], *divmod(int(used[cell]), width))] == pooled[cell]),
        )
        for cell in np.ndindex(*pooled.shape)
    )
    return RoundTrip(x, pooled, used, unpooled, arrows)


def with_index(indices: Integers, cell: tuple[int, int, int], index: int) -> Integers:
    """A copy of `indices` in which pooled (channel, row, column) `cell` returns to `index` instead."""
    changed = indices.copy()
    changed[cell] = index
    return changed
