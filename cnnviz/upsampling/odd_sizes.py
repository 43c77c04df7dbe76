"""Odd sizes in an encoder and decoder: 7 is pooled to 3 and upsampled to 6, and the skip doesn't fit.

Sources: Ronneberger et al., "U-Net", arXiv 1505.04597, figure 1 (crop); Dumoulin & Visin, arXiv 1603.07285,
relationship 14 (several input sizes with the same output size).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import pool_output_size, transposed_output_size
from cnnviz.messages import N_

Size = tuple[int, int]

Cure = Literal["none", "output_padding", "pad", "crop", "size"]

CURES: tuple[Cure, ...] = ("none", "output_padding", "pad", "crop", "size")
"""Nothing; a transposed convolution that makes one row more; the decoder's map padded with zeros at the bottom
and right; the skip cropped in its middle; ``interpolate(size=…)`` instead of a scale factor."""


@dataclass(frozen=True)
class Level:
    """One step up of the decoder. Sizes are (height, width).

    Attributes:
        below: of the map that is upsampled.
        skip: of the encoder's map that shall be put beside it.
        upsampled: after upsampling by 2 without a cure.
        missing: rows and columns that `upsampled` is short of `skip`; negative where it is larger.
        joined: of both after the cure; None where they don't fit.
    """

    below: Size
    skip: Size
    upsampled: Size
    missing: Size
    joined: Size | None


@dataclass(frozen=True)
class Ladder:
    """An encoder that halves, and a decoder that doubles, as sizes.

    Attributes:
        input: (height, width).
        cure: what is done at every level.
        down: sizes of the encoder's maps, from `input` on; the last one is the bottleneck's.
        levels: of the decoder, from the bottleneck up; up to the first that doesn't fit.
        output: size at the end; None where a level doesn't fit.
    """

    input: Size
    cure: Cure
    down: tuple[Size, ...]
    levels: tuple[Level, ...]
    output: Size | None

    @property
    def stuck(self) -> Level | None:
        """The level where the concatenation fails."""
        return None if self.output else self.levels[-1]


def ladder(size: Size, depth: int, cure: Cure = "none") -> Ladder:
    """Halve (height, width) `size` by max-pooling `depth` times, and double it as often.

    Raises:
        SettingError: a depth below 1, an unknown cure, or a size that can't be halved that often.

    >>> ladder((7, 7), 1).stuck
    Level(below=(3, 3), skip=(7, 7), upsampled=(6, 6), missing=(1, 1), joined=None)
    >>> ladder((7, 7), 1, "output_padding").output, ladder((7, 7), 1, "crop").output
    ((7, 7), (6, 6))
    """
    if depth < 1:
        raise SettingError(N_("a depth of {depth}; it must be at least 1"), depth=depth)
    if cure not in CURES:
        raise SettingError(
            N_("there is no cure called {cure}; there are {known}"), cure=cure, known=", ".join(CURES)
        )
    down = [size]
    for _ in range(depth):
        height, width = (pool_output_size(side, 2) for side in down[-1])
        down.append((height, width))
    levels: list[Level] = []
    current: Size | None = down[-1]
    for skip in reversed(down[:-1]):
        if current is None:
            break
        up = (transposed_output_size(current[0], 2, 2), transposed_output_size(current[1], 2, 2))
        missing = (skip[0] - up[0], skip[1] - up[1])
        fits = missing == (0, 0) or cure != "none"
        joined = (up if cure == "crop" else skip) if fits else None
        levels.append(Level(current, skip, up, missing, joined))
        current = joined
    return Ladder(size, cure, tuple(down), tuple(levels), current)


def fitting_sizes(size: int, depth: int) -> tuple[int, int]:
    """The nearest sizes, not above and not below, that are halved `depth` times without a remainder.

    >>> fitting_sizes(100, 4), fitting_sizes(96, 4)
    ((96, 112), (96, 96))
    """
    step = 2**depth
    return size // step * step, -(-size // step) * step


@dataclass(frozen=True)
class Concatenation:
    """What PyTorch made of ``torch.cat``.

    Attributes:
        size: (height, width) of the result; None where it raised.
        error: PyTorch's own sentence; empty where it didn't raise.
    """

    size: Size | None
    error: str


def upsample(below: Tensor, skip: Tensor, cure: Cure) -> tuple[Tensor, Tensor]:
    """`below` upsampled by 2, and `skip`, as the cure hands them to ``torch.cat``: (N, C, H, W) both."""
    missing = [wanted - 2 * side for wanted, side in zip(skip.shape[-2:], below.shape[-2:], strict=True)]
    match cure:
        case "size":
            return F.interpolate(below, size=skip.shape[-2:]), skip
        case "output_padding":
            channels = below.shape[1]
            weight = below.new_ones(channels, 1, 2, 2)
            up = F.conv_transpose2d(below, weight, stride=2, output_padding=missing, groups=channels)
            return up, skip
        case "pad":
            return F.pad(F.interpolate(below, scale_factor=2), (0, missing[1], 0, missing[0])), skip
        case "crop":
            return F.interpolate(below, scale_factor=2), centre_crop(
                skip, 2 * below.shape[-2], 2 * below.shape[-1]
            )
        case _:
            return F.interpolate(below, scale_factor=2), skip


def centre_crop(maps: Tensor, height: int, width: int) -> Tensor:
    """The middle of (…, H, W) `maps`, as U-Net cuts its skips; where rows are odd, one more goes at the bottom."""
    top, left = (maps.shape[-2] - height) // 2, (maps.shape[-1] - width) // 2
    return maps[..., top : top + height, left : left + width]


def measure(level: Level, cure: Cure) -> Concatenation:
    """Let PyTorch upsample and concatenate one channel of zeros of the sizes of `level`."""
    below, skip = torch.zeros(1, 1, *level.below), torch.zeros(1, 1, *level.skip)
    try:
        joined = torch.cat(upsample(below, skip, cure), dim=1)
    except RuntimeError as error:
        return Concatenation(None, str(error))
    return Concatenation((joined.shape[-2], joined.shape[-1]), "")


@dataclass(frozen=True)
class UNetSizes:
    """U-Net's square maps, without padding: every level has two 3 × 3 convolutions that cost 4 pixels.

    Attributes:
        down: side after the convolutions of each level; the last one is the bottleneck's.
        skips: (side of the skip, side it is cropped to) of each level of the decoder, from the bottleneck up.
        output: side at the end.
        even: whether every map that is pooled has an even side, as the paper asks for.
    """

    down: tuple[int, ...]
    skips: tuple[tuple[int, int], ...]
    output: int
    even: bool


def unet(size: int, depth: int = 4, lost: int = 4) -> UNetSizes:
    """Sides of U-Net's maps for a square input.

    Args:
        size: side of the input.
        depth: how often it is halved.
        lost: pixels that the convolutions of a level take away; 0 where they are padded.

    Raises:
        SettingError: an input too small to reach the bottleneck and come back.

    >>> unet(572).output, unet(572).down[-1], unet(572).skips[0]
    (388, 28, (64, 56))
    """
    down = [_left(size, lost, size)]
    for _ in range(depth):
        down.append(_left(down[-1] // 2, lost, size))
    skips, side = [], down[-1]
    for skip in reversed(down[:-1]):
        skips.append((skip, 2 * side))
        side = _left(2 * side, lost, size)
    return UNetSizes(tuple(down), tuple(skips), side, all(each % 2 == 0 for each in down[:-1]))


def run_unet(size: int, depth: int = 4, bottom: bool = False) -> int:
    """The side of U-Net's output as PyTorch's own layers give it, run on one channel of zeros.

    Args:
        size, depth: as in :func:`unet`.
        bottom: the side of the smallest map instead.

    Raises:
        SettingError: as :func:`unet`.

    >>> run_unet(572), run_unet(572, bottom=True)
    (388, 28)
    """
    unet(size, depth)
    weight = torch.zeros(1, 1, 3, 3)

    def convolve(maps: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(maps, weight), weight)

    maps, skips = convolve(torch.zeros(1, 1, size, size)), []
    for _level in range(depth):
        skips.append(maps)
        maps = convolve(F.max_pool2d(maps, 2))
    if bottom:
        return maps.shape[-1]
    for skip in reversed(skips):
        maps = convolve(torch.cat(upsample(maps, skip, "crop"), dim=1)[:, :1])
    return maps.shape[-1]


def _left(side: int, lost: int, size: int) -> int:
    if side <= lost:
        raise SettingError(
            N_("an input of {size} is too small: a map of {side} is left, and its convolutions take {lost}"),
            size=size,
            side=side,
            lost=lost,
        )
    return side - lost


def sizes_with_the_same_output(
    output_size: int, kernel_size: int, stride: int, padding: int = 0
) -> Sequence[int]:
    """Every input size that a convolution turns into `output_size`: `stride` of them.

    They are why a transposed convolution has an output_padding: 0 gives the first, 1 the second, and so on.

    Raises:
        SettingError: settings for which there is no such size.

    >>> list(sizes_with_the_same_output(3, kernel_size=3, stride=2, padding=1))
    [5, 6]
    """
    first = transposed_output_size(output_size, kernel_size, stride, padding)
    return range(first, first + stride)
