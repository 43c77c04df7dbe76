"""Pictures of the lesson on deformable convolution: sampling points over a picture, close by, and as curves."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.maps import Picture, colour, enlarge
from cnnviz.images import encode_png

Numbers = NDArray[np.float64]
REGULAR, MOVED, CHOSEN = (86, 180, 233), (255, 176, 0), (229, 57, 130)
"""RGB of the regular grid, of the points that are read, and of the one looked at."""
LOOKS = {
    "ordinary": ("#0072b2", "dash", "circle"),
    "dilated": ("#009e73", "dot", "square"),
    "deformable": ("#d55e00", "solid", "diamond"),
}
"""Colour, dash and symbol of each network."""
_GRID = "rgba(128, 136, 150, 0.35)"
_TICKS = 8
_FINE = 4  # bits of a pixel's fraction that OpenCV is told


def points_picture(
    pixels: Picture,
    places: Numbers,
    regular: Numbers | None = None,
    chosen: int | None = None,
    *,
    factor: int = 16,
    radius: float = 6.0,
) -> Picture:
    """Sampling points over a picture.

    Args:
        pixels: (H, W, 3).
        places: (n, 2), the points as (y, x) in pixels, a whole number in the middle of one.
        regular: (n, 2), where they would be without offsets, as rings with a line to where they are.
        chosen: index of the point that stands out.
        factor: how much each pixel is enlarged.
        radius: of a point, in pixels of the enlarged picture.
    """
    canvas = enlarge(pixels, factor)

    def at(place: Numbers) -> tuple[int, int]:
        row, column = ((float(x) + 0.5) * factor * 2**_FINE for x in place)
        return round(column), round(row)

    def dot(place: Numbers, size: float, paint: tuple[int, int, int], thickness: int) -> None:
        cv2.circle(canvas, at(place), round(size * 2**_FINE), paint, thickness, cv2.LINE_AA, _FINE)

    if regular is not None:
        for start, end in zip(regular, places, strict=True):
            for width, paint in ((4, (0, 0, 0)), (2, REGULAR)):
                cv2.line(canvas, at(start), at(end), paint, width, cv2.LINE_AA, _FINE)
        for start in regular:
            dot(start, radius, (0, 0, 0), 4)
            dot(start, radius, REGULAR, 2)
    order = sorted(range(len(places)), key=lambda index: index == chosen)
    for index in order:
        dot(places[index], radius + 1.5, (0, 0, 0), -1)
        dot(places[index], radius, CHOSEN if index == chosen else MOVED, -1)
    return canvas


@dataclass(frozen=True)
class CloseUp:
    """What :func:`close_up` draws.

    Attributes:
        values: (H, W), grey levels of the whole map, 0 to 255.
        regular, places: (n, 2) as (y, x).
        chosen: index of the point that is looked at.
        corners: (row, column, value, share) of the four pixels around it.
        alt: what the drawing shows.
    """

    values: Numbers
    regular: Numbers
    places: Numbers
    chosen: int
    corners: Sequence[tuple[int, int, float, float]]
    alt: str


_SIDE = 480.0


def close_up(drawn: CloseUp) -> str:
    """HTML with an SVG: the pixels around all points, each point numbered, the four pixels of one framed."""
    every = np.concatenate([drawn.regular, drawn.places])
    low = [floor(edge) - 1 for edge in every.min(0)]
    cells = max(6, *(ceil(edge) - first + 2 for edge, first in zip(every.max(0), low, strict=True)))
    step = _SIDE / cells
    patch = np.full((cells, cells), np.nan)
    height, width = drawn.values.shape
    for row in range(cells):
        for column in range(cells):
            y, x = low[0] + row, low[1] + column
            if 0 <= y < height and 0 <= x < width:
                patch[row, column] = drawn.values[y, x]
    source = base64.b64encode(encode_png(_patch(patch))).decode("ascii")
    parts = [
        f'<image href="data:image/png;base64,{source}" width="{_SIDE:g}" height="{_SIDE:g}" '
        'style="image-rendering:pixelated"/>'
    ]
    lines = "".join(f"M{step * i:.1f} 0V{_SIDE:g}M0 {step * i:.1f}H{_SIDE:g}" for i in range(1, cells))
    parts.append(f'<path d="{lines}" stroke="#808896" stroke-opacity="0.5" stroke-width="0.7"/>')
    font = min(17.0, step / 2.6)
    for row, column, value, share in drawn.corners:
        x, y = step * (column - low[1]), step * (row - low[0])
        bright = value > 140
        parts.append(
            f'<rect x="{x + 1:.1f}" y="{y + 1:.1f}" width="{step - 2:.1f}" height="{step - 2:.1f}" fill="none" '
            f'stroke="{_css(CHOSEN)}" stroke-width="{1.5 + 3 * share:.1f}"/>'
        )
        if step >= 26:
            parts.append(
                f'<text x="{x + step / 2:.1f}" y="{y + 1.1 * font:.1f}" font-size="{font:.1f}" text-anchor="middle" '
                f'fill="{"#000" if bright else "#fff"}">{value:g}</text>'
            )
    radius = min(11.0, 0.3 * step)

    def place(point: Numbers) -> tuple[float, float]:
        return step * (point[1] - low[1] + 0.5), step * (point[0] - low[0] + 0.5)

    for start, end in zip(drawn.regular, drawn.places, strict=True):
        (x0, y0), (x1, y1) = place(start), place(end)
        for ink, thick in (("#000", 4), (_css(REGULAR), 2)):
            parts.append(
                f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{ink}" stroke-width="{thick}"/>'
            )
        parts.append(
            f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="{radius:.1f}" fill="none" stroke="#000" stroke-width="4"/>'
            f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="{radius:.1f}" fill="none" stroke="{_css(REGULAR)}" stroke-width="2"/>'
        )
    order = sorted(range(len(drawn.places)), key=lambda index: index == drawn.chosen)
    for index in order:
        x, y = place(drawn.places[index])
        fill = _css(CHOSEN if index == drawn.chosen else MOVED)
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}" stroke="#000" stroke-width="1.5"/>'
            f'<text x="{x:.1f}" y="{y + 0.38 * radius * 1.2:.1f}" font-size="{1.2 * radius:.1f}" font-weight="700" '
            f'text-anchor="middle" fill="#000">{index + 1}</text>'
        )
    return (
        f'<svg viewBox="0 0 {_SIDE:g} {_SIDE:g}" role="img" aria-label="{escape(drawn.alt)}" '
        f'style="display:block;width:100%;max-width:{_SIDE:g}px;height:auto">{"".join(parts)}</svg>'
    )


def _patch(values: Numbers) -> Picture:
    """Grey levels, and a blue-grey where there is no map."""
    picture = colour(values, "gray", (0.0, 255.0))
    picture[np.isnan(values)] = (70, 84, 108)
    return picture


def _css(rgb: tuple[int, int, int]) -> str:
    return f"rgb({rgb[0]},{rgb[1]},{rgb[2]})"


def field_picture(field: Numbers, factor: int = 8) -> Picture:
    """How much each pixel matters, from black; the square root, so that small shares show."""
    top = float(field.max()) or 1.0
    return enlarge(colour(np.sqrt(field / top), limits=(0.0, 1.0)), factor)


@dataclass(frozen=True)
class LineLabels:
    """Words of :func:`lines_figure`: titles of the axes, and the networks' names."""

    x: str
    y: str
    names: Mapping[str, str]


def lines_figure(
    lines: Mapping[str, Sequence[tuple[float, float]]], labels: LineLabels, *, percent: bool = False
) -> go.Figure:
    """A line for each network, from 0 up.

    Args:
        lines: (x, y) pairs by network.
        percent: whether y are shares, to be written in per cent.
    """
    traces = [
        go.Scatter(
            x=[x for x, _y in points],
            y=[round(y, 4) for _x, y in points],
            name=labels.names[kind],
            mode="lines+markers",
            line={"color": LOOKS[kind][0], "dash": LOOKS[kind][1], "width": 2},
            marker={"symbol": LOOKS[kind][2], "size": 7},
        )
        for kind, points in lines.items()
    ]
    places = [x for x, _y in next(iter(lines.values()), ())]
    layout = {
        "height": 320,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        "hovermode": "x unified",
        "xaxis": {
            "title": {"text": labels.x}, "gridcolor": _GRID, "fixedrange": True, "zeroline": False,
            "tickvals": places if len(places) <= _TICKS else None,
        },
        "yaxis": {
            "title": {"text": labels.y}, "gridcolor": _GRID, "fixedrange": True, "rangemode": "tozero",
            "tickformat": ".0%" if percent else None,
        },
    }  # fmt: skip
    return go.Figure(traces, layout)
