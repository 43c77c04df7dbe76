"""What a channel looks for, as pictures: patches, a gallery of them, and the photo that one was found in."""

import base64
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from cnnviz.figures import maps
from cnnviz.figures.maps import Picture, Rectangle
from cnnviz.figures.network import resized
from cnnviz.images import encode_jpeg, encode_png

FIELD, CELL = (86, 180, 233), (230, 159, 0)
"""Colours of a cell's receptive field and of the cell itself: blue and orange."""
_SIDE = 104
"""Of a picture in a gallery, in pixels of the screen."""


def levels(x: NDArray[np.floating], black: NDArray[np.floating], white: NDArray[np.floating]) -> Picture:
    """What a network reads, (3, h, w), as the colours that it was, (h, w, 3).

    Args:
        black, white: (3, 1, 1), what a black and a white pixel have become.

    >>> levels(np.full((3, 1, 1), 0.5), -np.ones((3, 1, 1)), np.ones((3, 1, 1))).tolist()
    [[[191, 191, 191]]]
    """
    return np.rint(255 * np.clip((x - black) / (white - black), 0, 1)).astype(np.uint8).transpose(1, 2, 0)


def patch(pixels: Picture, box: tuple[int, int, int, int]) -> Picture:
    """The part of `pixels` in `box` (left, top, right, bottom) as a square; what the border cuts off is grey."""
    left, top, right, bottom = box
    cut = pixels[top:bottom, left:right]
    side = max(*cut.shape[:2], 1)
    square = np.full((side, side, 3), 128, np.uint8)
    # Cut off at the left, it keeps to the right.
    y = side - cut.shape[0] if top == 0 else 0
    x = side - cut.shape[1] if left == 0 else 0
    square[y : y + cut.shape[0], x : x + cut.shape[1]] = cut
    return square


def tile(square: Picture, side: int) -> Picture:
    """A square picture with a side of `side` pixels; single pixels stay squares where they are large enough."""
    if 6 * len(square) > side:
        return resized(square, side, side)
    at = np.arange(side) * len(square) // side
    return square[at][:, at]


def gallery(items: Sequence[tuple[Picture, str, str]], label: str) -> str:
    """HTML of square pictures in rows that break where they must: each with a caption and the words for it."""
    figures = "".join(
        f'<figure style="margin:0;width:{_SIDE}px">'
        f'<img src="{_uri(square)}" alt="{escape(alt)}" width="{_SIDE}" height="{_SIDE}" '
        'style="display:block;image-rendering:pixelated">'
        f'<figcaption style="font-size:.875rem;line-height:1.25;padding-top:.2rem">{escape(caption)}</figcaption>'
        "</figure>"
        for square, caption, alt in items
    )
    return (
        f'<div role="group" aria-label="{escape(label)}" '
        f'style="display:flex;flex-wrap:wrap;gap:.7rem .6rem">{figures}</div>'
    )


def _uri(square: Picture) -> str:
    # The browser enlarges a few pixels without blurring them.
    few = len(square) <= 24
    kind, data = ("png", encode_png(square)) if few else ("jpeg", encode_jpeg(tile(square, 2 * _SIDE), 80))
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def framed(photo: Picture, field: Rectangle, cell: Rectangle, dim: float) -> Picture:
    """A photo with a cell's receptive field in blue, the cell in orange, and `dim` light outside the field."""
    marked = maps.outline(photo, field, FIELD, dim=dim)
    return maps.outline(marked, cell, CELL, thickness=2)
