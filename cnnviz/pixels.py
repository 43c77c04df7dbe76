"""A photo as numbers: windows, channels, grey levels, memory layout, ranges, and what shrinking loses.

Photos are (H, W, 3) uint8 arrays, rows from the top, channels R, G, B, values 0–255. PyTorch is
imported only by the functions that report what PyTorch itself does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.messages import N_

Rgb = NDArray[np.uint8]


# Pixels


@dataclass(frozen=True)
class Crop:
    """A square window of a photo.

    Attributes:
        row: the window's first row in the photo.
        column: its first column.
        rgb: (height, width, 3) uint8, a view of the photo.
    """

    row: int
    column: int
    rgb: Rgb


def crop(rgb: Rgb, row: int, column: int, size: int) -> Crop:
    """The `size` × `size` window with pixel (`row`, `column`) in its middle.

    At a border the window moves inside; a photo smaller than the window is shown whole. Of an even
    `size`, the middle is the pixel below and right of the centre.

    Raises:
        SettingError: the pixel is not in the photo, or `size` is below 1.

    >>> photo = np.zeros((10, 20, 3), np.uint8)
    >>> window = crop(photo, 5, 19, 4)
    >>> window.row, window.column, window.rgb.shape
    (3, 16, (4, 4, 3))
    """
    height, width = rgb.shape[:2]
    if not (0 <= row < height and 0 <= column < width):
        raise SettingError(
            N_("Pixel ({row}, {column}) is outside the photo; it has rows 0–{last_row} and columns "
               "0–{last_column}."),
            row=row,
            column=column,
            last_row=height - 1,
            last_column=width - 1,
        )  # fmt: skip
    if size < 1:
        raise SettingError(N_("The window is {size} pixels wide; it must be at least 1."), size=size)
    top = max(0, min(row - size // 2, height - size))
    left = max(0, min(column - size // 2, width - size))
    return Crop(top, left, rgb[top : top + size, left : left + size])


def mix(rgb: Rgb, red: float, green: float, blue: float) -> Rgb:
    """Each channel times its gain, 0 to 1, rounded: (1, 0, 0) shows red alone.

    Raises:
        SettingError: a gain is not from 0 to 1.

    >>> mix(np.array([[[200, 100, 50]]], np.uint8), 1, 0.5, 0).tolist()
    [[[200, 50, 0]]]
    """
    for gain in (red, green, blue):
        if not 0 <= gain <= 1:
            raise SettingError(N_("A channel's gain is {gain}; it must be from 0 to 1."), gain=gain)
    levels = np.arange(256)[:, None] * np.array([red, green, blue])
    return _by_level(rgb, np.rint(levels).astype(np.uint8))


# Grey


BT601 = (0.299, 0.587, 0.114)
"""What R, G and B weigh in luma: ITU-R BT.601, section 2.5.1; the sum is 1."""


def luma(rgb: Rgb) -> NDArray[np.uint8]:
    """Grey as bright as the colours look: 0.299 R + 0.587 G + 0.114 B, rounded. (H, W) uint8.

    >>> luma(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)).tolist()
    [[76, 150, 29]]
    """
    return np.rint(rgb @ np.array(BT601)).astype(np.uint8)


def mean_grey(rgb: Rgb) -> NDArray[np.uint8]:
    """Grey as the plain mean of R, G and B, rounded: blue as bright as green. (H, W) uint8."""
    return np.rint(rgb.mean(axis=2)).astype(np.uint8)


def quantise(values: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """`values` with only their upper `bits` bits kept: 2^bits levels from 0 to 255, evenly spaced.

    Args:
        values: uint8 of any shape, grey or colour.
        bits: 1 to 8.

    Raises:
        SettingError: `bits` is not from 1 to 8.

    >>> quantise(np.array([0, 63, 64, 127, 128, 255], np.uint8), 2).tolist()
    [0, 0, 85, 85, 170, 255]
    """
    if not 1 <= bits <= 8:
        raise SettingError(N_("{bits} bits a value; it must be from 1 to 8."), bits=bits)
    levels = (np.arange(256) >> (8 - bits)) * (255 / (2**bits - 1))
    return np.rint(levels).astype(np.uint8)[values]


# Memory


@dataclass(frozen=True)
class Layout:
    """How a tensor's axes are laid over a row of values in memory.

    Attributes:
        axes: the axes in order, ``"HWC"`` or ``"CHW"``.
        shape: length of each axis.
        strides: how many values further on the next index of each axis stands.
        contiguous: whether reading the axes in order reads the memory from start to end.
        shares: whether it is a view of the photo's own memory instead of a copy.
    """

    axes: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    contiguous: bool
    shares: bool

    def offset(self, row: int, column: int, channel: int) -> int:
        """Where the value of a pixel's channel stands in memory: Σ index · stride."""
        index = {"H": row, "W": column, "C": channel}
        return sum(index[axis] * stride for axis, stride in zip(self.axes, self.strides, strict=True))


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides, in values, of a contiguous tensor: each axis steps over all that come after it.

    >>> row_major((4, 6, 3))
    (18, 3, 1)
    """
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def layouts(height: int, width: int, channels: int = 3) -> tuple[Layout, Layout, Layout]:
    """A photo as it is read, (H, W, C); its view (C, H, W) by permute(2, 0, 1); and that made contiguous.

    >>> [layout.strides for layout in layouts(4, 6)]
    [(18, 3, 1), (1, 18, 3), (24, 6, 1)]
    """
    interleaved, planar = (height, width, channels), (channels, height, width)
    by_row, by_column, by_channel = row_major(interleaved)
    view = (by_channel, by_row, by_column)
    # PyTorch skips axes of length 1 when it asks whether a tensor is contiguous.
    steps = [(length, stride) for length, stride in zip(planar, view, strict=True) if length > 1]
    in_order = tuple(stride for _, stride in steps) == row_major([length for length, _ in steps])
    return (
        Layout("HWC", interleaved, (by_row, by_column, by_channel), True, True),
        Layout("CHW", planar, view, in_order, True),
        # contiguous() of what is contiguous already is the same tensor.
        Layout("CHW", planar, view if in_order else row_major(planar), True, in_order),
    )


def measured_layouts(rgb: Rgb) -> tuple[Layout, Layout, Layout]:
    """The same three layouts as PyTorch reports them for this photo."""
    import torch

    photo = torch.from_numpy(np.array(rgb))
    view = photo.permute(2, 0, 1)
    home = photo.untyped_storage().data_ptr()
    first, second, third = (
        Layout(
            axes,
            tuple(tensor.shape),
            tuple(tensor.stride()),
            tensor.is_contiguous(),
            tensor.untyped_storage().data_ptr() == home,
        )
        for axes, tensor in (("HWC", photo), ("CHW", view), ("CHW", view.contiguous()))
    )
    return first, second, third


# Ranges


@dataclass(frozen=True)
class Normalisation:
    """How a network wants its input: value / 255, minus `mean`, over `std`, channel by channel.

    Attributes:
        id: its name in links.
        title: English title.
        mean: of R, G and B, on the scale 0–1.
        std: of R, G and B, on the scale 0–1.
    """

    id: str
    title: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


NORMALISATIONS = {
    norm.id: norm
    for norm in (
        Normalisation("unit", N_("0 to 1: value / 255"), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        Normalisation("signed", N_("−1 to 1: mean 0.5, std 0.5"), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        # The statistics of the ImageNet training set that torchvision's classifiers expect.
        Normalisation(
            "imagenet", N_("torchvision: ImageNet's mean and std"), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        ),
        Normalisation(
            "lite0", N_("EfficientNet-Lite0: (value − 127) / 128"), (127 / 255,) * 3, (128 / 255,) * 3
        ),
    )
}  # fmt: skip
"""Usual normalisations by id."""


def normalise(rgb: Rgb, mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """(value / 255 − mean) / std of each channel, (H, W, 3) float32.

    Raises:
        SettingError: a std is not above 0.

    >>> lite0 = NORMALISATIONS["lite0"]
    >>> normalise(np.array([[[0, 127, 255]]], np.uint8), lite0.mean, lite0.std).round(6).tolist()
    [[[-0.9921879768371582, 0.0, 1.0]]]
    """
    for value in std:
        if not value > 0:
            raise SettingError(N_("A channel's std is {std}; it must be above 0."), std=value)
    levels = (np.arange(256)[:, None] / 255 - np.array(mean)) / np.array(std)
    return _by_level(rgb, levels.astype(np.float32))


@dataclass(frozen=True)
class RoundTrip:
    """A photo normalised, kept in a float type, and brought back to 8 bits.

    Attributes:
        low: smallest normalised value, of each channel.
        high: largest.
        back: (H, W, 3) uint8, what came back.
        worst: largest distance from the level that went in, before rounding, in levels of 1/255.
        changed: how many values of the photo came back as another level.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    back: Rgb
    worst: float
    changed: int


FLOATS = ("float32", "float16", "bfloat16")
"""PyTorch's names for the float types of a round trip: 24, 11 and 8 significant bits."""


def round_trip(
    rgb: Rgb, mean: Sequence[float], std: Sequence[float], dtype: str = "float32", *, rounded: bool = True
) -> RoundTrip:
    """Normalise in PyTorch, keep as `dtype`, and come back: value · std + mean, times 255.

    Args:
        rgb: the photo.
        mean: as in :func:`normalise`.
        std: as in :func:`normalise`.
        dtype: one of :data:`FLOATS`.
        rounded: round to the nearest level; False cuts off, as ``.to(torch.uint8)`` alone does.

    Raises:
        SettingError: `dtype` is not one of :data:`FLOATS`, or a std is not above 0.
    """
    import torch

    if dtype not in FLOATS:
        raise SettingError(
            N_("The float type is {arrived}; expected one of {expected}."),
            arrived=dtype,
            expected=", ".join(FLOATS),
        )
    kept = torch.from_numpy(normalise(rgb, mean, std)).to(getattr(torch, dtype))
    levels = (kept.float() * torch.tensor(std) + torch.tensor(mean)) * 255
    back = (levels.round() if rounded else levels).clamp(0, 255).to(torch.uint8)
    photo = torch.from_numpy(np.array(rgb))
    return RoundTrip(
        low=tuple(kept.float().amin((0, 1)).tolist()),
        high=tuple(kept.float().amax((0, 1)).tolist()),
        back=back.numpy(),
        worst=float((levels - photo).abs().max()),
        changed=int((back != photo).sum()),
    )


@dataclass(frozen=True)
class Overflow:
    """A sum of two 8-bit values.

    Attributes:
        exact: the sum.
        wrapped: what uint8 arithmetic makes of it, the sum modulo 256.
        clipped: what a photo needs: at most 255.
    """

    exact: int
    wrapped: int
    clipped: int


def overflow(first: int, second: int) -> Overflow:
    """The sum of two values from 0 to 255, and what eight bits make of it.

    Raises:
        SettingError: a value is not from 0 to 255.

    >>> overflow(200, 100)
    Overflow(exact=300, wrapped=44, clipped=255)
    """
    for value in (first, second):
        if not 0 <= value <= 255:
            raise SettingError(N_("The value is {value}; 8 bits hold 0 to 255."), value=value)
    return Overflow(first + second, (first + second) % 256, min(first + second, 255))


def brighten(rgb: Rgb, amount: int, *, wrap: bool) -> Rgb:
    """`amount`, −255 to 255, added to every value: modulo 256 as uint8 does, or clipped to 0–255."""
    levels = np.arange(256) + amount
    return (levels % 256 if wrap else levels.clip(0, 255)).astype(np.uint8)[rgb]


# Shrinking


Method = Literal["drop", "bilinear", "area"]
METHODS: tuple[Method, ...] = ("drop", "bilinear", "area")
"""Ways to shrink: every n-th pixel; bilinear without antialiasing; the mean of each n × n block."""


@dataclass(frozen=True)
class Shrunk:
    """A photo shrunk by a whole factor and brought back to its size.

    Attributes:
        small: (H // factor, W // factor, 3) uint8.
        original: what of the photo whole blocks cover, at full size.
        restored: `small` with each pixel repeated, the size of `original`.
        largest_error: largest |restored − original|, in levels.
        mean_error: mean |restored − original|, in levels.
        psnr: 10 · log10(255² / mean squared error), in decibels; infinite when nothing was lost.
    """

    small: Rgb
    original: Rgb
    restored: Rgb
    largest_error: int
    mean_error: float
    psnr: float


def shrink(rgb: Rgb, factor: int, method: Method) -> Shrunk:
    """Shrink by `factor` in each direction, and repeat each pixel to see what is lost.

    ``bilinear`` looks only at the pixels around the middle of each block (two in each direction, one
    if `factor` is odd), as ``interpolate(mode="bilinear", antialias=False)`` does. Rows and columns
    beyond the last whole block are left out.

    Raises:
        SettingError: the photo has no whole block, `factor` is below 1, or `method` is unknown.
    """
    height, width = rgb.shape[0] // max(factor, 1), rgb.shape[1] // max(factor, 1)
    if factor < 1 or min(height, width) < 1:
        raise SettingError(
            N_("The factor is {factor}; it must be from 1 to {largest}, the photo's shorter side."),
            factor=factor,
            largest=min(rgb.shape[:2]),
        )
    original = rgb[: height * factor, : width * factor]
    blocks = original.reshape(height, factor, width, factor, 3)
    middle = slice((factor - 1) // 2, factor // 2 + 1)
    match method:
        case "drop":
            small = blocks[:, 0, :, 0].copy()
        case "bilinear":
            small = np.rint(blocks[:, middle, :, middle].mean(axis=(1, 3))).astype(np.uint8)
        case "area":
            small = np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
        case _:
            raise SettingError(
                N_("The method is {arrived}; expected one of {expected}."),
                arrived=method,
                expected=", ".join(METHODS),
            )
    restored = small.repeat(factor, axis=0).repeat(factor, axis=1)
    error = np.abs(restored.astype(np.int16) - original)
    square = float(np.mean(np.square(error, dtype=np.int32)))
    return Shrunk(
        small=small,
        original=original,
        restored=restored,
        largest_error=int(error.max()),
        mean_error=float(error.mean()),
        psnr=10 * math.log10(255**2 / square) if square else math.inf,
    )


def zone_plate(size: int = 256) -> Rgb:
    """Rings that get finer outwards, (size, size, 3) uint8: grey = 127.5 + 127.5 · cos(π r² / size).

    r is the distance in pixels from pixel (size // 2, size // 2). There the pattern has r / size
    periods a pixel: from flat in the middle to the finest there is, half a period a pixel, at the
    middle of each edge, beyond which it is left grey. After taking every n-th pixel, whatever had
    more than half a period a kept pixel shows as rings that were never there, around
    :func:`ghosts`.
    """
    steps = np.arange(size) - size // 2
    square = steps[:, None] ** 2 + steps[None, :] ** 2
    rings = 127.5 + 127.5 * np.cos(np.pi * square / size)
    rings[square > (size / 2) ** 2] = 127.5
    return np.repeat(np.rint(rings).astype(np.uint8)[..., None], 3, axis=2)


def ghosts(size: int, factor: int) -> tuple[float, ...]:
    """Distances along an axis from the centre of :func:`zone_plate` to the false centres, in pixels.

    Of every `factor`-th pixel, a whole number k of periods between kept pixels looks like none:
    factor · r / size = k, so r = k · size / factor.

    >>> ghosts(256, 4)
    (-64.0, 64.0)
    """
    reach = range(-factor, factor + 1)
    return tuple(k * size / factor for k in reach if k and abs(k * size / factor) < size / 2)


def _by_level(rgb: Rgb, table: NDArray) -> NDArray:
    """`table` (256, 3) looked up: its row by each value, its column by the value's channel."""
    return table[rgb, np.arange(3)]
