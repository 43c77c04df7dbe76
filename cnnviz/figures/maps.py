"""Feature maps as pictures: coloured, side by side, and over a photo. Cells stay squares: nothing is smoothed.

Pictures are (H, W, 3) uint8 arrays; a lesson sends them as PNG, or as JPEG where they are like photos.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Numbers = NDArray[np.floating[Any]]
Rectangle = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels, right and bottom excluded."""

SEQUENTIAL = "inferno"
"""For numbers from 0 up: black to yellow."""
DIVERGING = "RdBu_r"
"""For numbers of both signs: blue below zero, white at zero, red above."""


@cache
def _table(palette: str) -> Picture:
    table = np.asarray(colormaps[palette](np.arange(256), bytes=True), np.uint8)[:, :3]
    table.flags.writeable = False
    return table


def palette_for(values: Numbers) -> str:
    """The palette that shows the sign of `values`, if they have both.

    >>> palette_for(np.array([0.0, 2.0])), palette_for(np.array([-1.0, 2.0]))
    ('inferno', 'RdBu_r')
    """
    return DIVERGING if values.size and np.nanmin(values) < 0 else SEQUENTIAL


def limits_for(values: Numbers, palette: str) -> tuple[float, float]:
    """The numbers at a palette's two ends: zero lies at the start, or in the middle of DIVERGING.

    >>> limits_for(np.array([-1.0, 2.0]), DIVERGING), limits_for(np.array([0.5, 2.0]), SEQUENTIAL)
    ((-2.0, 2.0), (0.0, 2.0))
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    if palette == DIVERGING:
        top = float(np.abs(finite).max()) or 1.0
        return -top, top
    low, high = min(0.0, float(finite.min())), float(finite.max())
    return low, high if high > low else low + 1.0


def colour(values: Numbers, palette: str | None = None, limits: tuple[float, float] | None = None) -> Picture:
    """Colour a map.

    Args:
        values: (h, w) numbers; those that are not finite become mid-grey.
        palette: a name of matplotlib's; None for the one of :func:`palette_for`.
        limits: numbers at the palette's ends; None for those of :func:`limits_for`. Beyond them, the
            end's colour.

    Returns:
        (h, w, 3) uint8.

    >>> colour(np.array([[0.0, 1.0]]), "gray").tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    palette = palette or palette_for(values)
    low, high = limits or limits_for(values, palette)
    finite = np.isfinite(values)
    share = (np.where(finite, values, low) - low) / (high - low)
    picture = _table(palette)[np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)]
    picture[~finite] = 128
    return picture


def enlarge(picture: Picture, factor: int) -> Picture:
    """Every cell as a square of `factor` × `factor` pixels."""
    return np.ascontiguousarray(picture.repeat(factor, axis=0).repeat(factor, axis=1))


def montage(
    tiles: Sequence[Picture],
    columns: int,
    *,
    side: int = 72,
    gap: int = 2,
    line: tuple[int, int, int] = (128, 128, 128),
) -> Picture:
    """Pictures of one shape in equal cells, row by row, with lines between them.

    Args:
        tiles: (h, w, 3) each.
        columns: in a row; the last row is filled up with the lines' colour.
        side: each tile is enlarged, by a whole factor, until it is at least this high.
        gap: width of the line around each tile in pixels; the cell is the tile and its lines.
        line: RGB of the lines.

    Returns:
        (rows · (h · factor + 2 · gap), columns · (w · factor + 2 · gap), 3) uint8.
    """
    height, width = tiles[0].shape[:2]
    factor = -(-side // height) if height < side else 1
    rows = -(-len(tiles) // columns)
    cell = height * factor + 2 * gap, width * factor + 2 * gap
    picture = np.full((rows * cell[0], columns * cell[1], 3), line, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * cell[0] + gap, index % columns * cell[1] + gap
        picture[top : top + height * factor, left : left + width * factor] = enlarge(tile, factor)
    return picture


def overlay(photo: Picture, heat: Picture, opacity: float) -> Picture:
    """A coloured map over a photo: the photo alone at opacity 0, the map alone at 1.

    The photo fades to grey on the way to one half, so that colour means the map's numbers.

    Args:
        photo: (H, W, 3).
        heat: (h, w, 3), spread over the whole photo; its cells keep their edges.
        opacity: 0 to 1.
    """
    import cv2

    height, width = photo.shape[:2]
    spread = cv2.resize(heat, (width, height), interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    fade = min(1.0, 2 * opacity)
    beneath = cv2.addWeighted(grey, fade, photo, 1 - fade, 0)
    return np.asarray(cv2.addWeighted(spread, opacity, beneath, 1 - opacity, 0), np.uint8)


def outline(
    picture: Picture,
    box: Rectangle,
    colour: tuple[int, int, int] = (86, 180, 233),
    thickness: int = 3,
    dim: float = 1.0,
) -> Picture:
    """A copy of `picture` with a frame around `box`, seen against bright and dark alike.

    The frame stands outside the box where there is room, so that it hides nothing; it is at least as
    wide and high as itself, however small the box.

    Args:
        box: left, top, right, bottom in pixels.
        colour: RGB of the frame.
        thickness: of the frame, and of the dark edge around it.
        dim: how bright what lies outside the box stays, 0 to 1.
    """
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(edge) for edge in box)
    marked = (picture * dim).astype(np.uint8) if dim < 1 else picture.copy()
    inside = np.s_[max(0, top) : bottom, max(0, left) : right]
    for reach, paint in ((thickness + 1, (0, 0, 0)), (thickness, colour)):
        rows = slice(min(max(0, top - reach), height - 1), max(1, bottom + reach))
        columns = slice(min(max(0, left - reach), width - 1), max(1, right + reach))
        marked[rows, columns] = paint
    marked[inside] = picture[inside]
    # Where the box reaches the picture's edge there is no room outside it.
    for edge, strip in (
        (top <= 0, np.s_[:thickness, max(0, left) : right]),
        (bottom >= height, np.s_[-thickness:, max(0, left) : right]),
        (left <= 0, np.s_[max(0, top) : bottom, :thickness]),
        (right >= width, np.s_[max(0, top) : bottom, -thickness:]),
    ):
        if edge:
            marked[strip] = colour
    return marked
