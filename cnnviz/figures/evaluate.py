"""Pictures of an evaluation: curves on screen, and the same with the confusion matrix to keep as PNG or SVG."""

from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
import plotly.graph_objects as go
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

Line = tuple[Sequence[float], Sequence[float]]
_CLEAR = "rgba(0, 0, 0, 0)"
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_PAPER_DASHES = ("-", "--", ":", "-.", (0, (8, 3)), (0, (8, 3, 1, 3)))
_COLOURS = ("#2f8fe0", "#d55e00", "#009e73", "#9b5de5", "#e6a100", "#7a7f87")
_KOREAN = ("Noto Sans CJK KR", "Noto Sans CJK JP", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo")
"""Fonts with Hangul, for class names; the first that the machine has is used."""


def lines_figure(lines: Mapping[str, Line], x_title: str, y_title: str) -> go.Figure:
    """Lines by name, told apart by dashes too; y from 0 to 1."""
    figure = go.Figure()
    for index, (name, (x, y)) in enumerate(lines.items()):
        figure.add_scatter(
            x=list(x),
            y=list(y),
            name=name,
            mode="lines",
            line={"width": 2.5, "dash": _DASHES[index % 6], "color": _COLOURS[index % 6]},
            hovertemplate="%{x:.2f}, %{y:.4f}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        height=360,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        showlegend=True,
        legend={"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0},
        xaxis={"title": x_title, "automargin": True},
        yaxis={"title": y_title, "range": [0, 1.03], "automargin": True},
    )
    return figure


def lines_picture(lines: Mapping[str, Line], x_title: str, y_title: str, form: str) -> bytes:
    """The same lines on white paper, as 'png' or 'svg'."""
    picture = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = picture.subplots()
    for index, (name, (x, y)) in enumerate(lines.items()):
        # A leading underscore would hide a name from the legend.
        axes.plot(
            x,
            y,
            label=name.lstrip("_") or name,
            color=_COLOURS[index % 6],
            linestyle=_PAPER_DASHES[index % 6],
        )
    axes.set(xlabel=x_title, ylabel=y_title, ylim=(0, 1.03))
    axes.grid(alpha=0.3)
    if lines:
        axes.legend()
    return _saved(picture, form)


def confusion_picture(
    matrix: NDArray[np.int64], labels: Sequence[str], x_title: str, y_title: str, form: str
) -> bytes:
    """The confusion matrix on white paper: shaded by row, with its counts where there is room for them."""
    side = min(2 + 0.5 * len(labels), 16)
    picture = Figure(figsize=(side + 1, side), layout="constrained")
    axes = picture.subplots()
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(labels))
    axes.set_xticks(places, labels, rotation=45, ha="right")
    axes.set_yticks(places, labels)
    axes.set(xlabel=x_title, ylabel=y_title)
    if len(labels) <= 25:
        for (row, column), count in np.ndenumerate(matrix):
            colour = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=9)
    return _saved(picture, form)


def _saved(picture: Figure, form: str) -> bytes:
    installed = set(font_manager.get_font_names())
    family = ["DejaVu Sans", *(name for name in _KOREAN if name in installed)][:2]
    for text in picture.findobj(Text):
        assert isinstance(text, Text)
        text.set_fontfamily(family)
        # A class called "$x" is a name, not a formula.
        text.set_parse_math(False)
    out = BytesIO()
    picture.savefig(out, format=form, dpi=150, metadata={"Date": None} if form == "svg" else None)
    return out.getvalue()
