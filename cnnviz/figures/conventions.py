"""Pictures of the switchboard: AP under every combination, and the detection that changed sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

PAINT = ("#2f8fe0", "#d55e00", "#009e73", "#9b5de5")
"""One a row; each row has its place and its label too."""
NOW = "#e6a100"
TRUTH, FOUND = "#12906a", "#d55e00"
QUIET = "rgba(128, 136, 150, 0.75)"
_CLEAR = "rgba(0, 0, 0, 0)"
_SYMBOLS = ("square-open", "diamond-open", "triangle-up-open")


@dataclass(frozen=True)
class Dot:
    """One combination.

    Attributes:
        ap: 0 … 1.
        row: index of the row that it is drawn in.
        text: the convention, for pointing at it; HTML of plotly's kind.
    """

    ap: float
    row: int
    text: str


def strip_figure(
    dots: Sequence[Dot], rows: Sequence[str], now: Dot | None, marks: Mapping[str, Dot], axis: str, here: str
) -> go.Figure:
    """Every combination as a dot: AP to the right, one row a setting of the switch that splits them.

    Args:
        dots: all of them; within a row they are spread in their order, so that equal ones stay visible.
        rows: the rows' labels, from the top down.
        now: the present combination, ringed.
        marks: the presets, by name.
        axis: the label of the axis; `here`: the name of the ring.
    """
    counts, places = [0] * len(rows), []
    totals = [sum(dot.row == row for dot in dots) for row in range(len(rows))]
    for dot in dots:
        places.append(dot.row - 0.34 + 0.68 * (counts[dot.row] + 0.5) / totals[dot.row])
        counts[dot.row] += 1
    where = {id(dot): place for dot, place in zip(dots, places, strict=True)}
    traces: list[dict[str, Any]] = []
    for row in range(len(rows)):
        mine = [dot for dot in dots if dot.row == row]
        traces.append(
            {
                # Arrays: plotly looks at every element of a list.
                "x": np.array([100 * dot.ap for dot in mine]),
                "y": np.array([where[id(dot)] for dot in mine]),
                "text": np.array([dot.text for dot in mine], object),
                "mode": "markers",
                "marker": {"size": 6, "color": PAINT[row % len(PAINT)], "opacity": 0.6},
                "hovertemplate": "%{x:.2f} %<br>%{text}<extra></extra>",
                "showlegend": False,
            }
        )
    rings = [
        (name, dot, {"size": 12, "symbol": symbol, "color": QUIET, "line": {"width": 3}})
        for (name, dot), symbol in zip(marks.items(), _SYMBOLS, strict=False)
    ]
    if now is not None:
        rings.append((here, now, {"size": 17, "symbol": "circle-open", "color": NOW, "line": {"width": 3}}))
    traces += [
        {
            "x": [100 * dot.ap],
            "y": [where[id(dot)]],
            "text": [dot.text],
            "name": f"{name} {100 * dot.ap:.2f}",
            "mode": "markers",
            "marker": marker,
            "hovertemplate": f"{escape(name)}: %{{x:.2f}} %<br>%{{text}}<extra></extra>",
        }
        for name, dot, marker in rings
    ]
    layout = {
        "height": 90 * len(rows) + 110,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "legend": {"orientation": "h", "y": -0.28, "yanchor": "top", "x": 0},
        "xaxis": {"title": {"text": axis}, "ticksuffix": " %", "automargin": True, "nticks": 6},
        "yaxis": {
            "tickvals": list(range(len(rows))),
            "ticktext": list(rows),
            "range": [len(rows) - 0.45, -0.55],
            "automargin": True,
            "zeroline": False,
            "showgrid": False,
        },
    }
    return go.Figure(data=[{"type": "scatter", **trace} for trace in traces], layout=layout)


def scene_svg(
    size: tuple[float, float],
    truths: Mapping[str, Sequence[float]],
    found: Mapping[str, Sequence[float]],
    image: str | None = None,
) -> str:
    """An image with dashed ground truths and solid detections, each with its label, as SVG.

    Args:
        size: width and height that the boxes count in.
        truths, found: xyxy by label.
        image: a data URI, stretched over the frame; without it a plain ground.
    """
    width, height = size
    unit = max(width, height) / 100
    ground = (
        f'<image href="{image}" width="{width:g}" height="{height:g}" preserveAspectRatio="none"/>'
        if image
        else f'<rect width="{width:g}" height="{height:g}" fill="#dfe3ea"/>'
    )
    parts = []
    for boxes, colour, dash, below in (
        (truths, TRUTH, f'stroke-dasharray="{3 * unit:g} {1.6 * unit:g}"', True),
        (found, FOUND, "", False),
    ):
        for label, (x1, y1, x2, y2) in boxes.items():
            text, long = escape(label), (len(label) * 2.6 + 2) * unit
            # Truths are labelled below, detections above, so that labels of one place stay apart.
            top = min(y2, height - 5 * unit) if below else max(y1 - 5 * unit, 0)
            left = min(max(x1, 0), max(width - long, 0))
            parts.append(
                f'<rect x="{x1:g}" y="{y1:g}" width="{x2 - x1:g}" height="{y2 - y1:g}" fill="none" '
                f'stroke="{colour}" stroke-width="{unit:g}" {dash}/>'
                f'<rect x="{left:g}" y="{top:g}" width="{long:g}" height="{5 * unit:g}" fill="{colour}"/>'
                f'<text x="{left + unit:g}" y="{top + 3.8 * unit:g}" font-size="{4 * unit:g}" fill="#fff" '
                f'font-family="sans-serif" font-weight="600">{text}</text>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">'
        f"{ground}{''.join(parts)}</svg>"
    )
