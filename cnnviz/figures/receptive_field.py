"""Figures of the receptive field: the fan from one cell down to the input, growth, profile, heat over a photo.

Colours stand on the light and on the dark background alike; the template is Streamlit's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import count, pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.maps import colour
from cnnviz.layers.receptive_field import FieldStep
from cnnviz.layers.stack import Level

SEEN, CELL, OTHER, PADDING = "#3a86d4", "#e06c00", "#8b95a3", "#c05fa0"
_CLEAR = "rgba(0,0,0,0)"
Trace = dict[str, Any]
MOST_DRAWN = 500
"""Cells up to which they are drawn one by one."""


@dataclass(frozen=True)
class PyramidLabels:
    """Words of :func:`pyramid`; ``{…}`` fields are filled in here.

    Attributes:
        input: name of the input row.
        pixels: title of the axis below.
        seen, padding, other, span: said of a cell: ``{map}``, ``{cell}``; of a run: ``{first}``, ``{last}``.
        count: over the numbers of cells that count, beside the rows.
    """

    input: str
    pixels: str
    seen: str
    padding: str
    other: str
    span: str
    count: str


def pyramid(levels: Sequence[Level], labels: PyramidLabels, alt: str) -> str:
    """One cell of the last map (top), and all that it reads, map by map, down to the input (bottom).

    Small stacks are drawn cell by cell, with a line for every weight; large ones as the run of cells that
    counts on each map. Below, pixels are numbered from 0; a map's cells lie over the middle of what they see.

    Returns:
        HTML with inline SVG, in the page's own colours, letters and width. Where a chart would be drawn
        anew at every step of a slider, here a few numbers change.
    """
    size = levels[0].size
    low = min(level.position(level.first) - level.jump / 2 for level in levels)
    high = max(level.position(level.last) + level.jump / 2 for level in levels)
    left, right = min(low, -0.5) - 0.5, max(high, size - 0.5) + 0.5
    if right - left > 44:
        margin = max(1.5, 0.12 * (high - low))
        left, right = max(low - margin, left), min(high + margin, right)
    single = bool(levels[0].cells) and len(levels) * (right - left) <= MOST_DRAWN

    pitch = max(44.0, min(62.0, 270 / len(levels))) if single else min(40.0, max(8.0, 480 / len(levels)))
    bottom = _HEAD + pitch * len(levels)
    rows = [bottom - pitch * (place + 0.5) for place in range(len(levels))]
    scale = _Scale(left, right)
    draw = _cells if single else _runs
    middle = draw(levels, rows, scale, labels)
    for edge in (-0.5, size - 0.5):
        if left <= edge <= right:
            middle.append(scale.line(edge, _HEAD, edge, bottom, f'stroke="{OTHER}" stroke-dasharray="3 3"'))
    for tick in _ticks(left, right):
        middle.append(scale.text(tick, bottom + 16, _signed(tick)))
    middle.append(f'<text x="50%" y="{bottom + 38:g}" text-anchor="middle">{escape(labels.pixels)}</text>')

    names = [level.name or labels.input for level in levels]
    counts = [len(level.cells) if single else level.last - level.first + 1 for level in levels]
    step = math.ceil(22 / pitch)
    kept = [place for place in range(len(levels)) if place % step == 0 and place + step < len(levels)]
    kept.append(len(levels) - 1)
    wide = 12 + 7.5 * max(len(name) for name in names)
    before = [
        f'<text x="{wide - 8:g}" y="{rows[i] + 4:g}" text-anchor="end">{escape(names[i])}</text>'
        for i in kept
    ]
    after = [f'<text x="8" y="{rows[i] + 4:g}" font-weight="600">{counts[i]:,}</text>' for i in kept]
    after.append(f'<text x="8" y="12">{escape(labels.count)}</text>')
    panels = (
        f'<svg width="{width}" height="{bottom + 46:g}" style="overflow:visible;{grow}">{"".join(parts)}</svg>'
        for width, grow, parts in (
            (f"{wide:g}", "", before),
            ("100%", "flex:1;min-width:0", middle),
            ("52", "", after),
        )
    )
    style = "display:flex;font-size:13px;fill:currentColor"
    return f'<div role="img" aria-label="{escape(alt)}" style="{style}">{"".join(panels)}</div>'


_HEAD = 20.0
"""Pixels above the rows."""


@dataclass(frozen=True)
class _Scale:
    """Input pixels to percent of the drawing's width, so that it fits any screen without being drawn anew."""

    left: float
    right: float

    def at(self, pixel: float) -> str:
        return f"{100 * (pixel - self.left) / (self.right - self.left):.2f}%"

    def line(self, x0: float, y0: float, x1: float, y1: float, look: str) -> str:
        return f'<line x1="{self.at(x0)}" y1="{y0:g}" x2="{self.at(x1)}" y2="{y1:g}" {look}/>'

    def box(self, x0: float, x1: float, y: float, height: float, look: str, title: str) -> str:
        width = f"{100 * (x1 - x0) / (self.right - self.left):.2f}%"
        shape = f'x="{self.at(x0)}" y="{y - height / 2:g}" width="{width}" height="{height:g}" {look}'
        return f"<rect {shape}><title>{escape(title)}</title></rect>"

    def text(self, x: float, y: float, text: str) -> str:
        return f'<text x="{self.at(x)}" y="{y:g}" text-anchor="middle" font-size="12">{text}</text>'


def _ticks(left: float, right: float, most: int = 10) -> list[int]:
    """Round numbers between `left` and `right`, 1, 2 or 5 times a power of ten apart."""
    steps = (digit * 10**power for power in count() for digit in (1, 2, 5))
    step = next(step for step in steps if (right - left) / step <= most)
    return list(range(math.ceil(left / step) * step, math.floor(right) + 1, step))


def _signed(number: int) -> str:
    return f"{number:,}".replace("-", "−")


def _cells(levels: Sequence[Level], rows: Sequence[float], scale: _Scale, labels: PyramidLabels) -> list[str]:
    """Every cell in view as a box, and a line for every weight on the way."""
    parts = []
    height = 0.62 * (rows[0] - rows[1])
    for (below, y0), (level, y1) in pairwise(zip(levels, rows, strict=True)):
        for cell, read in level.edges:
            look = f'stroke="{SEEN}" stroke-opacity="0.6"'
            parts.append(
                scale.line(level.position(cell), y1 + height / 2, below.position(read), y0 - height / 2, look)
            )
    for level, y in zip(levels, rows, strict=True):
        counted = set(level.cells)
        first = max(0, math.ceil((scale.left - level.start) / level.jump))
        stop = min(level.size, int((scale.right - level.start) // level.jump) + 1)
        for cell in sorted({*range(first, stop), *counted}):
            if cell not in counted:
                look, text = f'fill="none" stroke="{OTHER}"', labels.other
            elif not 0 <= cell < level.size:
                look, text = f'fill="none" stroke="{PADDING}" stroke-dasharray="3 2"', labels.padding
            else:
                look, text = f'fill="{CELL if level is levels[-1] else SEEN}"', labels.seen
            centre, half = level.position(cell), 0.42 * level.jump
            title = text.format(map=level.name or labels.input, cell=_signed(cell))
            parts.append(scale.box(centre - half, centre + half, y, height, look, title))
    return parts


def _runs(levels: Sequence[Level], rows: Sequence[float], scale: _Scale, labels: PyramidLabels) -> list[str]:
    """On each map the cells that count, as one bar."""
    parts = []
    height = 0.66 * (rows[0] - rows[1])
    for level, y in zip(levels, rows, strict=True):
        look = f'fill="{CELL if level is levels[-1] else SEEN}"'
        x0, x1 = level.position(level.first - 0.5), level.position(level.last + 0.5)
        span = {"first": _signed(level.first), "last": _signed(level.last)}
        title = labels.span.format(map=level.name or labels.input, **span)
        parts.append(scale.box(x0, x1, y, height, look, title))
    return parts


@dataclass(frozen=True)
class GrowthLabels:
    """Words of :func:`growth`: the axes, the lines' names, and a point's text with {layer} and {value}."""

    layer: str
    pixels: str
    size: str
    jump: str
    point: str


def growth(stacks: Sequence[tuple[str, Sequence[FieldStep]]], labels: GrowthLabels) -> go.Figure:
    """Size of the field and jump after every layer, of one stack or of two to compare; both in pixels."""
    traces: list[Trace] = []
    for (name, steps), paint in zip(stacks, (SEEN, CELL), strict=False):
        suffix = f" · {name}" if len(stacks) > 1 else ""
        layers = ["", *(step.layer.name for step in steps)]
        for values, label, line, symbol in (
            ([1, *(step.size for step in steps)], labels.size, {"width": 2.5}, "circle"),
            ([1, *(step.jump for step in steps)], labels.jump, {"width": 1.5, "dash": "dot"}, "square"),
        ):
            points = (
                labels.point.format(layer=x, value=f"{y:,}") for x, y in zip(layers, values, strict=True)
            )
            trace = {
                "name": label + suffix,
                "x": list(range(len(values))),
                "y": [float(value) for value in values],
                "mode": "lines+markers",
                "line": {"color": paint, **line},
                "marker": {"size": 6, "symbol": symbol},
                "hovertext": [f"{point}<br>{label}{suffix}" for point in points],
                "hoverinfo": "text",
            }
            traces.append(trace)
    largest, longest = max(max(trace["y"]) for trace in traces), max(len(trace["x"]) for trace in traces)
    return _figure(
        traces,
        height=300,
        xaxis={"title": {"text": labels.layer}, "rangemode": "tozero", "dtick": 1 if longest <= 20 else None},
        yaxis={"title": {"text": labels.pixels}, **_sizes_axis(largest)},
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
    )


def _sizes_axis(largest: float) -> dict[str, Any]:
    """Logarithmic where a straight one would flatten the beginning, with numbers written out."""
    if largest <= 60:
        return {"type": "linear"}
    if largest > 1e6:
        return {"type": "log", "exponentformat": "power"}
    ticks = [digit * 10**power for power in range(7) for digit in (1, 3)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,}" for tick in ticks]}


@dataclass(frozen=True)
class ProfileLabels:
    """Words of :func:`profile`: the axes and the names of what is drawn."""

    pixels: str
    share: str
    measured: str
    gaussian: str
    theoretical: str


def profile(
    share: NDArray[np.floating],
    first: float,
    sigma: float,
    centre: float,
    span: tuple[float, float],
    labels: ProfileLabels,
) -> go.Figure:
    """How much each pixel along one axis counts, the Gaussian of `sigma` about `centre`, and the theoretical span.

    Args:
        share: (N,) share of each pixel, their sum 1; the first lies at pixel `first`.
        sigma: in pixels; 0 leaves the Gaussian out.
        span: first and one past the last pixel of the theoretical field.
    """
    x = np.arange(len(share)) + first
    measured = {
        "name": labels.measured,
        "x": x.tolist(),
        "y": np.asarray(share, np.float64).round(7).tolist(),
        "mode": "lines",
        "fill": "tozeroy",
        "line": {"color": SEEN, "width": 2, "shape": "hvh" if len(x) < 120 else "linear"},
        "fillcolor": _faint(0.35),
    }
    traces: list[Trace] = [measured]
    if sigma > 0:
        fine = np.linspace(x[0], x[-1], 161)
        bell = np.exp(-((fine - centre) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
        gaussian = {
            "name": labels.gaussian,
            "x": fine.round(3).tolist(),
            "y": bell.round(7).tolist(),
            "mode": "lines",
            "line": {"color": CELL, "width": 2.5, "dash": "dash"},
        }
        traces.append(gaussian)
    theory = {
        "type": "rect",
        "x0": span[0] - 0.5,
        "x1": span[1] - 0.5,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "fillcolor": _faint(0.12),
        "line": {"width": 0},
        "layer": "below",
    }
    name = {
        "x": (span[0] + span[1] - 1) / 2,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "text": labels.theoretical,
        "showarrow": False,
    }
    return _figure(
        traces,
        height=300,
        shapes=[theory],
        annotations=[name],
        xaxis={"title": {"text": labels.pixels}, "zeroline": False},
        yaxis={"title": {"text": labels.share}, "rangemode": "tozero"},
        showlegend=True,
        legend={"orientation": "h", "y": -0.32, "yanchor": "top", "x": 0},
        margin={"l": 10, "r": 10, "t": 34, "b": 10},
    )


def stage_sizes(
    names: Sequence[str], sizes: Sequence[int], chosen: int, image: int, labels: tuple[str, str]
) -> go.Figure:
    """Size of the local field of each stage of a network as bars, beside the size of the image.

    Args:
        names, sizes: of the stages, first to last.
        chosen: index of the stage that is picked out.
        image: side of the image.
        labels: title of the axis, name of the image's line.
    """
    places = list(range(len(names)))
    bars = {
        "name": "fields",
        "type": "bar",
        "x": list(sizes),
        "y": places,
        "orientation": "h",
        "marker": {"color": [CELL if i == chosen else SEEN for i in places], "line": {"width": 0}},
        "text": [f"{size:,}" for size in sizes] if len(names) <= 40 else None,
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": [f"{name}: {size:,}" for name, size in zip(names, sizes, strict=True)],
        "hoverinfo": "text",
    }
    line = {"color": OTHER, "width": 2, "dash": "dot"}
    step = -(-len(names) // 40)
    return _figure(
        [bars],
        height=int(min(760, 90 + 26 * len(names))),
        shapes=[{"type": "line", "x0": image, "x1": image, "yref": "paper", "y0": 0, "y1": 1, "line": line}],
        annotations=[
            {"x": image, "y": 1, "yref": "paper", "yanchor": "bottom", "text": labels[1], "showarrow": False}
        ],
        xaxis={"title": {"text": labels[0]}, "rangemode": "tozero"},
        yaxis={
            "autorange": "reversed",
            "tickvals": places[::step],
            "ticktext": list(names[::step]),
            "showgrid": False,
        },
        bargap=0.25,
        margin={"l": 10, "r": 48, "t": 26, "b": 10},
    )


def heat_over(
    photo: NDArray[np.uint8], share: NDArray[np.floating], centre: tuple[float, float], radius: float
) -> NDArray[np.uint8]:
    """The effective field as heat over a dimmed photo, with the circle that holds 95 % of it.

    Args:
        photo: (H, W, 3) uint8.
        share: (h, w) of the pixels that the network got, over the same area.
        centre: (y, x) and `radius`: of the circle, in pixels of `share`.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = photo.shape[:2]
    rows = (np.arange(height) + 0.5) * share.shape[0] / height - 0.5
    columns = (np.arange(width) + 0.5) * share.shape[1] / width - 0.5
    nearest = share[np.clip(rows.round().astype(int), 0, share.shape[0] - 1)][
        :, np.clip(columns.round().astype(int), 0, share.shape[1] - 1)
    ]
    # Gradients are spiky: against its largest value alone, almost everything would be black.
    top = float(np.quantile(share[share > 0], 0.99)) if (share > 0).any() else 1.0
    heat = np.clip(nearest / top, 0, 1) ** 0.5
    strength = heat[..., None] * 0.85
    picture = photo * 0.5 * (1 - strength) + colour(heat, limits=(0, 1)) * strength
    if radius > 0:
        distance = np.hypot(rows[:, None] - centre[0], columns[None] - centre[1])
        line = np.abs(distance - radius) * height / share.shape[0] < 1.2
        picture[line] = 255
    return picture.round().astype(np.uint8)


def _faint(opacity: float) -> str:
    red, green, blue = (int(SEEN[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _figure(traces: Sequence[Trace], **layout: Any) -> go.Figure:
    # Made in one go: plotly checks a figure anew with everything that is added to it later.
    dress = {
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "showlegend": False,
        "dragmode": False,
    }
    return go.Figure({"data": traces, "layout": dress | layout})
