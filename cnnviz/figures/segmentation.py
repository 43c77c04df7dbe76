"""Masks over photos, what two of them disagree on, score maps, and the tables beside them."""

import base64
import colorsys
from collections.abc import Collection, Mapping, Sequence
from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray

from cnnviz.figures import maps
from cnnviz.figures.labels import Swatch, swatch
from cnnviz.images import encode_jpeg, fit
from cnnviz.segmentation.voc import CLASSES

Picture = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Colour = tuple[int, int, int]

_GOLDEN = 0.618034
"""Steps of this part of the circle never fall close to each other."""
_PATTERNS = ("slash", "dots", "lines", "backslash", "cross")
DIFFERENT: Colour = (255, 176, 0)


def _bright(label: int) -> Colour:
    hue = (0.55 + label * _GOLDEN) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75 if label % 2 else 0.5, 1.0 if label % 3 else 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


PALETTE: tuple[Colour, ...] = ((228, 230, 235), *(_bright(label) for label in range(1, len(CLASSES))))
"""A colour a class. VOC's own are too dark to lie over a photo, and two dozen can't be told apart by colour
alone: the picture names what it shows."""


def css(colour: Colour) -> str:
    """As CSS writes it.

    >>> css((1, 20, 255))
    '#0114ff'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)


def paint(rgb: Picture, labels: Labels, shown: Collection[int], opacity: float, outlined: bool) -> Picture:
    """A photo with the chosen classes coloured.

    Args:
        rgb: (H, W, 3).
        labels: (H, W).
        shown: the classes to colour; the others stay as the photo is.
        opacity: of the colour, 0 to 1.
        outlined: whether a light line with a dark edge runs around each class.
    """
    visible = np.isin(labels, list(shown))
    colours = np.array(PALETTE, np.uint8)[labels]
    mixed = cv2.addWeighted(colours, opacity, rgb, 1 - opacity, 0)
    picture = np.where(visible[..., None], mixed, rgb)
    if outlined:
        regions = np.where(visible, labels, 0).astype(np.uint8)
        picture[edges(regions, 5)] = 0
        picture[edges(regions, 3)] = 255
    return picture


def edges(labels: Labels, width: int) -> NDArray[np.bool_]:
    """(H, W): the pixels with another label within a square of `width` pixels around them."""
    kernel = np.ones((width, width), np.uint8)
    return np.not_equal(cv2.dilate(labels, kernel), cv2.erode(labels, kernel))


def middles(labels: Labels, shown: Collection[int]) -> dict[int, tuple[float, float]]:
    """A point deep inside the largest patch of each class, as (x, y) in parts of the width and height.

    Args:
        labels: (H, W).
        shown: the classes that are looked for; those without a pixel are left out.

    >>> middles(np.array([[0, 0, 0], [0, 7, 0], [0, 0, 0]], np.uint8), [7, 8])
    {7: (0.5, 0.5)}
    """
    height, width = labels.shape
    scale = max(1, max(height, width) // 160)
    small = np.pad(labels[::scale, ::scale], 1, constant_values=255)
    found = {}
    for label in shown:
        inside = (small == label).astype(np.uint8)
        if inside.any():
            depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
            row, column = np.unravel_index(int(depth.argmax()), depth.shape)
            x, y = (int(column) - 0.5) * scale / width, (int(row) - 0.5) * scale / height
            found[label] = (min(x, 1.0), min(y, 1.0))
    return found


def differences(rgb: Picture, first: Labels, second: Labels) -> Picture:
    """The photo in grey, striped in orange wherever two masks name different classes."""
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    picture = cv2.addWeighted(grey, 0.6, np.full_like(grey, 255), 0.4, 0)
    rows, columns = np.indices(first.shape)
    striped: NDArray[np.bool_] = np.less((rows + columns) % 8, 3)
    ink = np.where(striped[..., None], (140, 60, 0), DIFFERENT).astype(np.uint8)
    different: NDArray[np.bool_] = np.asarray(first != second)
    return np.where(different[..., None], ink, picture)


def score_picture(scores: NDArray[np.float32], limit: float, factor: int = 1) -> Picture:
    """A class's scores, blue below zero and red above; each cell `factor` pixels wide."""
    return maps.enlarge(maps.colour(scores, maps.DIVERGING, (-limit, limit)), factor)


def grey(shares: NDArray[np.float32]) -> Picture:
    """0 to 1 as black to white, (H, W) uint8.

    >>> grey(np.array([[0, 0.5, 1]], np.float32)).tolist()
    [[0, 128, 255]]
    """
    return np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)


def heat_over(
    rgb: Picture, heat: NDArray[np.float32], extent: tuple[float, float], opacity: float
) -> Picture:
    """Cells of 0 to 1 over a photo, with their edges.

    Args:
        rgb: (H, W, 3).
        heat: (h, w), 0 to 1.
        extent: (right, bottom) of the cells, in parts of the photo.
    """
    height, width = rgb.shape[:2]
    size = max(width, round(extent[0] * width)), max(height, round(extent[1] * height))
    spread = cv2.resize(heat, size, interpolation=cv2.INTER_NEAREST)[:height, :width]
    return maps.overlay(rgb, maps.colour(np.asarray(spread, np.float32), maps.SEQUENTIAL, (0, 1)), opacity)


def swatches(labels: Sequence[int]) -> list[Swatch]:
    """How the classes look to the painter: their colour, each with a pattern of its own."""
    return [
        swatch(PALETTE[label], "plain" if label == 0 else _PATTERNS[place % len(_PATTERNS)])
        for place, label in enumerate(labels)
    ]


# Tables, as HTML

_CELL = "white-space:nowrap;padding:.25rem .6rem;border-bottom:1px solid color-mix(in srgb, currentColor 20%, transparent)"


def _region(title: str, table: str) -> str:
    """A table that scrolls by itself, by keyboard too."""
    return f'<div tabindex="0" role="region" aria-label="{escape(title)}" style="overflow:auto">{table}</div>'


def chip(label: int) -> str:
    """A small square of the class's colour."""
    style = (
        f"display:inline-block;width:.8em;height:.8em;background:{css(PALETTE[label])};border:1px solid #0008"
    )
    return f'<span style="{style}"></span>'


def share_bars(title: str, shares: Mapping[int, float], names: Sequence[str]) -> str:
    """Classes with their share, 0 to 1, as bars."""
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL};text-align:left;font-weight:400">'
        f"{chip(label)} {escape(names[label])}</th>"
        f'<td style="{_CELL};text-align:right">{100 * share:.1f} %</td>'
        f'<td style="{_CELL};width:60%"><div style="height:.7em;width:{100 * share:.1f}%;'
        f'background:{css(PALETTE[label])};border:1px solid #0006"></div></td></tr>'
        for label, share in shares.items()
    )
    table = (
        f'<table style="width:100%;max-width:36rem;border-collapse:collapse"><tbody>{rows}</tbody></table>'
    )
    return _region(title, table)


def text_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells below `heads`; cells are HTML already."""
    head = "".join(f'<th scope="col" style="{_CELL};text-align:left">{escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row" style="{_CELL};text-align:left;font-weight:400">{first}</th>'
        + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return _region(
        title,
        f'<table style="border-collapse:collapse;font-variant-numeric:tabular-nums"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>",
    )


def thumbnail(picture: Picture, alt: str, side: int = 128) -> str:
    """A small picture as an HTML image that carries its bytes."""
    data = base64.b64encode(encode_jpeg(fit(picture, side), 75)).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(alt)}" style="max-width:none;border-radius:4px">'
