"""How a map changes with the network, a class's probability with the pixels, and probabilities with a part covered."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

_CLEAR = "rgba(0, 0, 0, 0)"
_GREY = "rgba(128, 136, 150, 0.7)"
BLUE, ORANGE = "#0072b2", "#d55e00"
_STYLES = (
    (BLUE, "solid"),
    (ORANGE, "dash"),
    ("#009e73", "dot"),
    ("#cc79a7", "dashdot"),
    ("#e69f00", "longdash"),
    ("#56b4e9", "longdashdot"),
    ("#8c6d31", "solid"),
    ("#7570b3", "dash"),
    ("#888888", "dot"),
)


def _lines(lines: Mapping[str, tuple[Sequence[Any], Sequence[float | None]]], hover: str) -> go.Figure:
    figure = go.Figure()
    for index, (name, (x, y)) in enumerate(lines.items()):
        colour, dash = _STYLES[index % len(_STYLES)]
        figure.add_scatter(
            x=list(x),
            y=list(y),
            mode="lines",
            name=name,
            line={"color": colour, "dash": dash, "width": 4 if index == 0 else 2.5},
            hovertemplate=f"{name} {hover}<extra></extra>",
        )
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x",
        showlegend=True,
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
    )
    return figure


def correlations(lines: Mapping[str, Sequence[float | None]], blocks: Sequence[str], place: int) -> go.Figure:
    """Each method's rank correlation with its first map, block by block; the first method is drawn bold.

    Args:
        lines: by name, as far as they are known; None where a correlation is undefined: a gap.
        blocks: names on the axis, the first for the intact network.
        place: the step that is marked.
    """
    places = list(range(len(blocks)))
    figure = _lines({name: (places[: len(line)], line) for name, line in lines.items()}, "%{y:.2f}")
    figure.add_vline(x=place, line={"color": _GREY, "width": 2})
    figure.update_layout(
        height=380,
        xaxis={
            "tickvals": places,
            "ticktext": list(blocks),
            "tickangle": -90,
            "range": [-0.5, len(blocks) - 0.5],
            "automargin": True,
            "fixedrange": True,
            "zeroline": False,
        },
        yaxis={"range": [-1.05, 1.05], "dtick": 0.5, "automargin": True, "fixedrange": True},
    )
    return figure


def probabilities(
    lines: Mapping[str, NDArray[np.float64]], shares: NDArray[np.float64], place: int, across: str
) -> go.Figure:
    """A class's probability over the share of pixels, a line a method; the first one is drawn bold.

    Args:
        lines: by name, NaN for what is to come.
        shares: 0 to 1.
        place: index of the share that is marked.
        across: title of the axis.
    """
    known = {
        name: (shares.tolist(), [None if np.isnan(value) else float(value) for value in line])
        for name, line in lines.items()
    }
    figure = _lines(known, "%{y:.1%}")
    figure.add_vline(x=float(shares[place]), line={"color": _GREY, "width": 2})
    figure.update_layout(
        height=340,
        xaxis={"title": across, "tickformat": ".0%", "range": [0, 1], "automargin": True, "fixedrange": True},
        yaxis={"tickformat": ".0%", "rangemode": "tozero", "automargin": True, "fixedrange": True},
    )
    return figure


def before_after(
    names: Sequence[str],
    before: Sequence[float],
    after: Sequence[float],
    titles: tuple[str, str],
    ink: str,
) -> go.Figure:
    """Probabilities, 0 to 1, of some classes in pairs of bars; each name stands above its pair in `ink`.

    Args:
        titles: of the bars before and after.
    """
    rows = list(range(len(names)))
    figure = go.Figure(
        [
            go.Bar(
                x=list(values),
                y=rows,
                orientation="h",
                name=title,
                marker=marker,
                customdata=list(names),
                hovertemplate=f"%{{customdata}}, {title}: %{{x:.2%}}<extra></extra>",
            )
            for values, title, marker in (
                (before, titles[0], {"color": _GREY, "pattern": {"shape": "/", "solidity": 0.25}}),
                (after, titles[1], {"color": BLUE}),
            )
        ]
    )
    text = {"showarrow": False, "font": {"size": 15, "color": ink}, "yanchor": "bottom", "yshift": 15}
    said: list[dict[str, Any]] = []
    for row, name in zip(rows, names, strict=True):
        said.append({"x": 0, "y": row, "xanchor": "left", "text": name, **text})
        change = f"{100 * before[row]:.1f} → <b>{100 * after[row]:.1f} %</b>"
        said.append({"x": 1, "y": row, "xanchor": "right", "text": change, **text})
    figure.update_layout(
        annotations=said,
        height=66 * len(rows) + 64,
        bargap=0.5,
        margin={"l": 2, "r": 2, "t": 4, "b": 4},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        xaxis={"range": [0, 1], "tickformat": ".0%", "tickvals": [0.25, 0.5, 0.75], "fixedrange": True},
        yaxis={"range": [len(rows) - 0.5, -0.75], "visible": False, "fixedrange": True},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
    )
    return figure
