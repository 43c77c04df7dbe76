"""Pictures of bottlenecks: the pixels that a strided block reads, and the maps after each of its convolutions."""

import numpy as np
from numpy.typing import NDArray

from cnnviz.figures.maps import Numbers, Picture, colour, enlarge, limits_for, montage, palette_for

UNREAD = (34, 30, 44)
"""Colour of a pixel that nothing reads."""
_FAINTEST = 0.35
"""How bright the pixel that is read least stays."""


def read_picture(photo: Picture, counts: NDArray[np.int64], zoom: int) -> Picture:
    """The photo as a block gets it: a pixel is as bright as it is often read, and dark where nothing reads it.

    Args:
        photo: (H, W, 3), a cell each pixel.
        counts: (H, W), how often each is read.
        zoom: side of a cell in the picture.

    Returns:
        (H · zoom, W · zoom, 3).

    >>> read_picture(np.full((1, 2, 3), 200, np.uint8), np.array([[4, 0]]), 1)[0].tolist()
    [[200, 200, 200], [34, 30, 44]]
    """
    share = counts / max(counts.max(), 1)
    light = np.where(counts > 0, _FAINTEST + (1 - _FAINTEST) * share, 0)[..., None]
    cells = np.where(counts[..., None] > 0, photo * light, UNREAD).round().astype(np.uint8)
    return enlarge(cells, zoom)


def board(maps: Numbers, most: int, columns: int, side: int) -> Picture:
    """The first `most` maps of (C, H, W), all coloured to one scale, in rows of `columns`.

    Args:
        side: height, in pixels, up to which small maps are enlarged.
    """
    shown = maps[:most]
    palette = palette_for(shown)
    limits = limits_for(shown, palette)
    return montage([colour(each, palette, limits) for each in shown], columns, side=side)
