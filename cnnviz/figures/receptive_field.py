"""Figures of the receptive field: the fan from one cell down to the input, growth, profile, heat over a photo.

Colours stand on the light and on the dark background alike; the template is Streamlit's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.maps import colour
from cnnviz.layers.receptive_field import FieldStep
from cnnviz.layers.stack import Level

SEEN, CELL, OTHER, PADDING = "#3a86d4", "#e06c00", "#8b95a3", "#c05fa0"
_CLEAR = "rgba(0,0,0,0)"
MOST_DRAWN = 72
"""Cells of one map, in view, up to which they are drawn one by one."""


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


def pyramid(levels: Sequence[Level], labels: PyramidLabels) -> go.Figure:
    """One cell of the last map (top), and all that it reads, map by map, down to the input (bottom).

    Small stacks are drawn cell by cell, with a line for every weight; large ones as the run of cells that
    counts on each map. Below, pixels are numbered from 0; a map's cells lie over the middle of what they see.
    """
    pixels, top = levels[0], levels[-1]
    low = min(level.position(level.first) - level.jump / 2 for level in levels)
    high = max(level.position(level.last) + level.jump / 2 for level in levels)
    margin = max(1.5, 0.12 * (high - low))
    edges = min(low, -0.5) - 0.5, max(high, pixels.size - 0.5) + 0.5
    if edges[1] - edges[0] > 44:
        edges = max(low - margin, edges[0]), min(high + margin, edges[1])
    view = edges
    single = bool(pixels.cells) and len(levels) <= 12 and view[1] - view[0] <= MOST_DRAWN
    figure = go.Figure()
    if single:
        _draw_edges(figure, levels)
        _draw_cells(figure, levels, view, labels)
    else:
        _draw_runs(figure, levels, labels)
    for edge in (-0.5, pixels.size - 0.5):
        if view[0] <= edge <= view[1]:
            figure.add_vline(edge, line={"color": OTHER, "width": 1.5, "dash": "dot"})
    step = -(-len(levels) // 14)
    counts = [len(level.cells) if single else level.last - level.first + 1 for level in levels]
    ticks = sorted({*range(0, len(levels), step), len(levels) - 1})
    if len(ticks) > 1 and 0 < ticks[-1] - ticks[-2] < step:
        del ticks[-2]
    for place, text in [*((i, f"<b>{counts[i]:,}</b>") for i in ticks), (len(levels) - 0.42, labels.count)]:
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            xshift=6,
            y=place,
            text=text,
            showarrow=False,
            font={"size": 13},
        )
    return _dressed(
        figure,
        height=int(min(560, 110 + 58 * len(levels))),
        margin={"l": 10, "r": 58, "t": 26, "b": 10},
        xaxis={
            "title": labels.pixels,
            "range": view,
            "zeroline": False,
            "showgrid": False,
            "dtick": _tick(view),
        },
        yaxis={
            "tickvals": ticks,
            "ticktext": [levels[i].name or labels.input for i in ticks],
            "range": (-0.6, len(levels) - 0.4),
            "zeroline": False,
            "showgrid": False,
        },
        hovermode="closest",
        meta={"cell": top.first},
    )


def _tick(view: tuple[float, float]) -> float | None:
    return 1 if view[1] - view[0] <= 14 else None


def _draw_edges(figure: go.Figure, levels: Sequence[Level]) -> None:
    x: list[float | None] = []
    y: list[float | None] = []
    for height, (below, level) in enumerate(pairwise(levels), start=1):
        for cell, read in level.edges:
            x += [level.position(cell), below.position(read), None]
            y += [height - 0.3, height - 0.7, None]
    figure.add_scatter(
        x=x, y=y, mode="lines", line={"color": SEEN, "width": 1}, opacity=0.55, hoverinfo="skip"
    )


def _draw_cells(
    figure: go.Figure, levels: Sequence[Level], view: tuple[float, float], labels: PyramidLabels
) -> None:
    kinds: dict[str, list[tuple[Level, int, int]]] = {"other": [], "padding": [], "seen": [], "top": []}
    for height, level in enumerate(levels):
        read = set(level.cells)
        visible = range(
            max(0, int(np.ceil((view[0] - level.start) / level.jump))),
            min(level.size, int((view[1] - level.start) // level.jump) + 1),
        )
        kinds["other"] += [(level, height, cell) for cell in visible if cell not in read]
        for cell in level.cells:
            inside = 0 <= cell < level.size
            kind = "top" if level is levels[-1] else "seen" if inside else "padding"
            kinds[kind].append((level, height, cell))
    looks = {
        "other": (_CLEAR, OTHER, labels.other),
        "padding": (_CLEAR, PADDING, labels.padding),
        "seen": (SEEN, SEEN, labels.seen),
        "top": (CELL, CELL, labels.seen),
    }
    for kind, found in kinds.items():
        fill, line, text = looks[kind]
        x, y = _boxes((level.position(cell), 0.4 * level.jump, height) for level, height, cell in found)
        dash = "dot" if kind == "padding" else "solid"
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            fill="toself",
            fillcolor=fill,
            line={"color": line, "width": 1.2, "dash": dash},
            hoverinfo="skip",
            name=kind,
        )
        figure.add_scatter(
            x=[level.position(cell) for level, _, cell in found],
            y=[height for _, height, _ in found],
            mode="markers",
            marker={"size": 12, "color": line, "opacity": 0},
            hovertext=[text.format(map=level.name or labels.input, cell=cell) for level, _, cell in found],
            hoverinfo="text",
            name=f"{kind} hover",
        )


def _draw_runs(figure: go.Figure, levels: Sequence[Level], labels: PyramidLabels) -> None:
    left = [level.position(level.first) - level.jump / 2 for level in levels]
    right = [level.position(level.last) + level.jump / 2 for level in levels]
    heights = list(range(len(levels)))
    figure.add_scatter(
        x=[*left, *right[::-1]],
        y=[*heights, *heights[::-1]],
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor="rgba(58,134,212,0.18)",
        hoverinfo="skip",
        name="fan",
    )
    colours = [*[SEEN] * (len(levels) - 1), CELL]
    figure.add_bar(
        base=left,
        x=[b - a for a, b in zip(left, right, strict=True)],
        y=heights,
        orientation="h",
        width=0.62,
        marker={"color": colours, "line": {"width": 0}},
        hovertext=[
            labels.span.format(map=level.name or labels.input, first=level.first, last=level.last)
            for level in levels
        ],
        hoverinfo="text",
        name="runs",
    )


def _boxes(boxes: Iterable[tuple[float, float, float]]) -> tuple[list[float | None], list[float | None]]:
    """Outlines of boxes (centre, half width, height of the row) as one line with gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    for centre, half, height in boxes:
        x += [centre - half, centre + half, centre + half, centre - half, centre - half, None]
        y += [height - 0.3, height - 0.3, height + 0.3, height + 0.3, height - 0.3, None]
    return x, y


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
    figure = go.Figure()
    largest = 1
    for (name, steps), paint in zip(stacks, (SEEN, CELL), strict=False):
        suffix = f" · {name}" if len(stacks) > 1 else ""
        sizes = [1, *(step.size for step in steps)]
        jumps = [1, *(step.jump for step in steps)]
        largest = max(largest, *sizes)
        names = ["", *(step.layer.name for step in steps)]
        for values, label, dash, symbol in (
            (sizes, labels.size, "solid", "circle"),
            (jumps, labels.jump, "dot", "square"),
        ):
            figure.add_scatter(
                x=list(range(len(values))),
                y=[float(value) for value in values],
                mode="lines+markers",
                line={"color": paint, "width": 2.5 if dash == "solid" else 1.5, "dash": dash},
                marker={"size": 6, "symbol": symbol},
                hovertext=[
                    f"{labels.point.format(layer=layer, value=f'{value:,}')}<br>{label}{suffix}"
                    for layer, value in zip(names, values, strict=True)
                ],
                hoverinfo="text",
                name=label + suffix,
            )
    return _dressed(
        figure,
        height=300,
        xaxis={
            "title": labels.layer,
            "rangemode": "tozero",
            "dtick": 1 if len(figure.data[0].x) <= 20 else None,
        },
        yaxis={"title": labels.pixels, "type": "log" if largest > 60 else "linear", "dtick": None},
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )


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
    figure = go.Figure()
    figure.add_vrect(span[0] - 0.5, span[1] - 0.5, fillcolor=SEEN, opacity=0.12, line_width=0)
    figure.add_scatter(
        x=x.tolist(),
        y=np.asarray(share, np.float64).round(7).tolist(),
        mode="lines",
        fill="tozeroy",
        line={"color": SEEN, "width": 2, "shape": "hvh" if len(x) < 120 else "linear"},
        fillcolor="rgba(58,134,212,0.35)",
        name=labels.measured,
    )
    if sigma > 0:
        fine = np.linspace(x[0], x[-1], 161)
        bell = np.exp(-((fine - centre) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
        figure.add_scatter(
            x=fine.round(3).tolist(),
            y=bell.round(7).tolist(),
            mode="lines",
            line={"color": CELL, "width": 2.5, "dash": "dash"},
            name=labels.gaussian,
        )
    figure.add_annotation(
        x=(span[0] + span[1] - 1) / 2,
        y=1,
        yref="paper",
        yanchor="bottom",
        text=labels.theoretical,
        showarrow=False,
    )
    return _dressed(
        figure,
        height=300,
        xaxis={"title": labels.pixels, "zeroline": False},
        yaxis={"title": labels.share, "rangemode": "tozero"},
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
    figure = go.Figure()
    figure.add_bar(
        x=list(sizes),
        y=list(range(len(names))),
        orientation="h",
        marker={"color": [CELL if i == chosen else SEEN for i in range(len(names))], "line": {"width": 0}},
        text=[f"{size:,}" for size in sizes] if len(names) <= 40 else None,
        textposition="outside",
        cliponaxis=False,
        hovertext=[f"{name}: {size:,}" for name, size in zip(names, sizes, strict=True)],
        hoverinfo="text",
    )
    figure.add_vline(image, line={"color": OTHER, "width": 2, "dash": "dot"}, annotation_text=labels[1])
    step = -(-len(names) // 40)
    return _dressed(
        figure,
        height=int(min(760, 90 + 26 * len(names))),
        xaxis={"title": labels[0], "rangemode": "tozero"},
        yaxis={
            "autorange": "reversed",
            "tickvals": list(range(0, len(names), step)),
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


def _dressed(figure: go.Figure, **layout: object) -> go.Figure:
    base = {
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "showlegend": False,
        "dragmode": False,
    }
    return figure.update_layout(**(base | layout))
