"""Precision–recall curves in plotly: raw and interpolated with the area that is summed, and many on one another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cnnviz.metrics.average_precision import Piece

RAW, STAIRS, AREA, WRONG = "#3a86d4", "#e06c00", "#2f9e6e", "#d1495b"
_CLEAR = "rgba(0,0,0,0)"
COLOURS = ("#3a86d4", "#e06c00", "#2f9e6e", "#b15fc4", "#d1495b", "#8b95a3", "#c79a00", "#1fa3b5")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
MOST_POINTS, MOST_IGNORED = 600, 100
"""Points of a raw curve, and detections without a point, that are drawn; all are counted."""
BELOW = -0.045
"""Height at which detections without a point stand."""


@dataclass(frozen=True)
class RawPoint:
    """One detection on the axes of recall and precision.

    Attributes:
        kind: 'tp', 'fp', or 'ignored' for one that adds no point; its height then means nothing.
    """

    recall: float
    precision: float
    kind: str


@dataclass(frozen=True)
class Labels:
    """Words of the figures, in the reader's language."""

    recall: str
    precision: str
    raw: str
    stairs: str
    area: str
    ignored: str


def stairs(pieces: Sequence[Piece]) -> tuple[list[float], list[float]]:
    """The interpolated curve from the pieces under all points: (x, y), equal heights as one step.

    >>> stairs([Piece(0, 0.25, 1, 0.25), Piece(0.25, 0.5, 1, 0.5), Piece(0.5, 0.75, 0.6, 0.75)])
    ([0, 0.5, 0.5, 0.75, 0.75], [1, 1, 0.6, 0.6, 0])
    """
    x: list[float] = []
    y: list[float] = []
    for piece in pieces:
        if y and y[-1] == piece.height:
            x[-1] = piece.right
        else:
            x += [piece.left, piece.right]
            y += [piece.height, piece.height]
    return ([*x, x[-1]], [*y, 0]) if x else ([], [])


def curve_figure(
    points: Sequence[RawPoint],
    labels: Labels,
    words: Callable[[int], str],
    *,
    steps: Sequence[Piece] = (),
    pieces: Sequence[Piece] = (),
    picked: int | None = None,
) -> go.Figure:
    """One curve.

    Args:
        points: in the order of the scores.
        words: what pointing at a point says, by its index.
        steps: the pieces under all points, for the interpolated curve; none: it isn't shown.
        pieces: the area that is summed.
        picked: index of the point that is looked at.
    """
    figure = go.Figure()
    if pieces:
        figure.add_trace(_area(pieces, labels))
    shown = thinned(points)
    figure.add_trace(
        go.Scatter(
            x=[points[place].recall for place in shown],
            y=[points[place].precision for place in shown],
            mode="lines+markers",
            name=labels.raw,
            line={"color": RAW, "width": 1.5},
            marker={
                "size": 9 if len(shown) <= 60 else 4,
                "symbol": ["circle" if points[place].kind == "tp" else "x" for place in shown],
                "color": [RAW if points[place].kind == "tp" else WRONG for place in shown],
            },
            text=[words(place) for place in shown],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    if steps:
        x, y = stairs(steps)
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                name=labels.stairs,
                line={"color": STAIRS, "width": 3},
                hoverinfo="skip",
            )
        )
    if pieces and [piece.recall for piece in pieces] != [piece.right for piece in pieces]:
        figure.add_trace(
            go.Scatter(
                x=[piece.recall for piece in pieces],
                y=[piece.height for piece in pieces],
                mode="markers",
                showlegend=False,
                marker={"symbol": "diamond", "size": 8 if len(pieces) < 20 else 4, "color": AREA},
                hovertemplate="p(%{x:.2f}) = %{y:.3f}<extra></extra>",
            )
        )
    ignored = [place for place, point in enumerate(points) if point.kind == "ignored"][:MOST_IGNORED]
    if ignored:
        figure.add_trace(
            go.Scatter(
                x=[points[place].recall for place in ignored],
                y=[BELOW] * len(ignored),
                mode="markers",
                name=labels.ignored,
                marker={"symbol": "circle-open", "size": 9, "color": COLOURS[5], "line": {"width": 2}},
                text=[words(place) for place in ignored],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    if picked is not None:
        point = points[picked]
        figure.add_trace(
            go.Scatter(
                x=[point.recall],
                y=[BELOW if point.kind == "ignored" else point.precision],
                mode="markers",
                showlegend=False,
                hoverinfo="skip",
                cliponaxis=False,
                marker={"symbol": "circle-open", "size": 20, "color": COLOURS[3], "line": {"width": 4}},
            )
        )
    return _framed(figure, labels)


def thinned(points: Sequence[RawPoint]) -> list[int]:
    """Indices of the points to draw: all that are on the curve, or at most :data:`MOST_POINTS` of them.

    Of those that would fall on one another the first stays.
    """
    on_curve = [place for place, point in enumerate(points) if point.kind != "ignored"]
    if len(on_curve) <= MOST_POINTS:
        return on_curve
    apart: dict[tuple[int, int], int] = {}
    for place in on_curve:
        point = points[place]
        apart.setdefault((round(point.recall * 400), round(point.precision * 400)), place)
    chosen = list(apart.values())
    return chosen[:: -(-len(chosen) // MOST_POINTS)]


def _area(pieces: Sequence[Piece], labels: Labels) -> go.Scatter:
    """Every rectangle of the sum, parted by lines; of very many, equal neighbours as one."""
    if len(pieces) > MOST_POINTS:
        pieces = _merged(pieces)
    x: list[float | None] = []
    y: list[float | None] = []
    for piece in pieces:
        if piece.height > 0:
            x += [piece.left, piece.left, piece.right, piece.right, piece.left, None]
            y += [0, piece.height, piece.height, 0, 0, None]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        fill="toself",
        name=labels.area,
        fillcolor="rgba(47,158,110,0.25)",
        line={"color": AREA, "width": 1.2 if len(pieces) <= 40 else 0.4},
        hoverinfo="skip",
    )


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for piece in pieces:
        if merged and merged[-1].height == piece.height:
            merged[-1] = Piece(merged[-1].left, piece.right, piece.height, piece.recall)
        else:
            merged.append(piece)
    return merged


@dataclass(frozen=True)
class Named:
    """A curve among others: its name, its steps, and whether it stands out."""

    name: str
    steps: Sequence[Piece]
    strong: bool = False


def curves_figure(curves: Sequence[Named], labels: Labels, *, shades: bool = False) -> go.Figure:
    """Interpolated curves on one another; those without a step are left out.

    Args:
        shades: one colour from light to dark, for curves in an order, instead of many colours.
    """
    figure = go.Figure()
    for place, curve in enumerate(curves):
        x, y = stairs(curve.steps)
        if not x:
            continue
        share = place / max(len(curves) - 1, 1)
        colour = COLOURS[place % len(COLOURS)]
        if shades:
            # From blue to orange: both ends can be told from a light and from a dark ground.
            colour = f"rgb({58 + share * 166:.0f},{134 - share * 26:.0f},{212 - share * 212:.0f})"
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                name=curve.name,
                line={
                    "color": colour,
                    "width": 4 if curve.strong else 2.5,
                    "dash": "solid" if shades else DASHES[place % len(DASHES)],
                },
                hovertemplate=curve.name + "<br>(%{x:.3f}, %{y:.3f})<extra></extra>",
            )
        )
    return _framed(figure, labels)


def _framed(figure: go.Figure, labels: Labels) -> go.Figure:
    axis = {"range": [-0.02, 1.02], "fixedrange": True, "dtick": 0.25, "zeroline": False}
    return figure.update_layout(
        height=440,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        dragmode=False,
        hovermode="closest",
        legend={"orientation": "h", "y": -0.22, "yanchor": "top"},
        xaxis={"title": labels.recall, **axis},
        yaxis={"title": labels.precision, **axis, "range": [-0.08, 1.03]},
        showlegend=True,
    )
