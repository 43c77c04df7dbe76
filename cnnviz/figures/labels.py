"""Label maps as pictures: each label has a colour and a pattern, so that colour alone tells nothing apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
TILE = 8
"""Side of a pattern, and of a drawn pixel."""

_V, _U = np.mgrid[:TILE, :TILE]
_TILES = {
    "plain": np.zeros((TILE, TILE), bool),
    "slash": (_U + _V) % 8 < 2,
    "backslash": (_U - _V) % 8 < 2,
    "lines": _V % 4 < 1,
    "dots": ((_U // 2 + _V // 2) % 4 == 0) & (_V % 4 < 2),
    "cross": ((_U + _V) % 8 < 2) | ((_U - _V) % 8 < 2),
}


@dataclass(frozen=True)
class Swatch:
    """How a label looks: 8×8 pixels, `ink` where `tile` has a 1 and `colour` elsewhere; row by row."""

    colour: Colour
    ink: Colour
    tile: str


def swatch(colour: Colour, pattern: str) -> Swatch:
    """A colour with one of the patterns plain, slash, backslash, lines, dots and cross in a darker ink."""
    ink = tuple(round(0.62 * level) for level in colour)
    return Swatch(colour, ink, "".join("01"[bit] for bit in _TILES[pattern].ravel().astype(int)))  # type: ignore[arg-type]


CLASSES = (
    swatch((236, 239, 244), "plain"),
    swatch((86, 180, 233), "dots"),
    swatch((230, 159, 0), "slash"),
    swatch((0, 178, 128), "lines"),
    swatch((222, 130, 180), "backslash"),
)
"""The background and the four shapes."""
UNCOUNTED = swatch((96, 102, 112), "cross")
MASKS = (
    swatch((236, 239, 244), "plain"),
    swatch((86, 180, 233), "slash"),
    swatch((240, 170, 60), "backslash"),
    swatch((120, 200, 120), "cross"),
)
"""Neither, A, B, both."""
RIGHT, WRONG = swatch((236, 239, 244), "plain"), swatch((213, 60, 40), "slash")


def picture(labels: NDArray[np.uint8], swatches: Sequence[Swatch], side: int = TILE) -> NDArray[np.uint8]:
    """A label map (H, W) as (side·H, side·W, 3) uint8; labels beyond the swatches are those not counted.

    Args:
        side: of a drawn pixel: 8, or 4 with patterns half as fine.

    >>> picture(np.zeros((2, 3), np.uint8), CLASSES).shape
    (16, 24, 3)
    """
    step = TILE // side
    tiles = np.array([_tile(one)[::step, ::step] for one in (*swatches, UNCOUNTED)])
    chosen = tiles[np.minimum(labels, len(swatches))]
    height, width = labels.shape
    return chosen.transpose(0, 2, 1, 3, 4).reshape(height * side, width * side, 3)


def _tile(one: Swatch) -> NDArray[np.uint8]:
    bits = np.array([bit == "1" for bit in one.tile]).reshape(TILE, TILE, 1)
    return np.where(bits, np.array(one.ink), np.array(one.colour)).astype(np.uint8)
