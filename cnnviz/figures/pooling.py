"""Pictures of the Pooling lesson: where maxima came from, signals before and after a shift, maps side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.maps import DIVERGING, colour, enlarge
from cnnviz.layers.convolution import Floats
from cnnviz.layers.pooling import PoolingResult, ShiftResponse

COLOURS = {"max": "#2478d8", "average": "#12906a", "min": "#9b5de5", "convolution": "#e67700"}
QUIET = "rgba(128, 136, 150, 0.55)"
KEPT, MOVED, CHANGED = "#2478d8", "#12906a", "#e67700"
_CLEAR = "rgba(0, 0, 0, 0)"
_STYLE = """<style>
.pooled { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; }
.pooled table { border-collapse: separate; border-spacing: 3px; }
.pooled caption { white-space: nowrap; text-align: left; font-weight: 600; padding: 0 3px 0.2rem; }
.pooled td { min-width: 2.6rem; height: 2.6rem; padding: 0 0.2rem; text-align: center; line-height: 1.1;
  border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 4px; }
.pooled td.won { border: 2px solid #2478d8; background: color-mix(in srgb, #2478d8 22%, transparent);
  font-weight: 700; }
.pooled small { display: block; font-weight: 400; font-size: 0.72rem; }
.pooled .scroll { overflow-x: auto; max-width: 100%; }
</style>"""


@dataclass(frozen=True)
class OriginLabels:
    """Captions of :func:`origin_tables`, in the reader's language."""

    input: str
    indices: str
    unpooled: str


def origin_tables(result: PoolingResult, labels: OriginLabels) -> str:
    """HTML of three tables: the input with the winners marked, their flat indices, and the winners put back.

    Args:
        result: a maximum or minimum pooling; its first channel is shown.
        labels: the captions.
    """
    assert result.indices is not None
    grid, indices, output = result.input[0], result.indices[0], result.output[0]
    won = set(indices.ravel().tolist())
    values = dict(zip(indices.ravel().tolist(), output.ravel().tolist(), strict=True))
    flat = np.arange(grid.size).reshape(grid.shape)

    def cell(index: int, text: str) -> str:
        return f'<td class="won">{text}</td>' if index in won else f"<td>{text}</td>"

    def table(caption: str, rows: Sequence[Sequence[str]]) -> str:
        body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
        name = escape(caption)
        # A wide table scrolls by itself on a phone; by keyboard it can only do so if it can have the focus.
        return (
            f'<div class="scroll" role="group" tabindex="0" aria-label="{name}">'
            f"<table><caption>{name}</caption>{body}</table></div>"
        )

    return (
        f'{_STYLE}<div class="pooled">'
        + table(
            labels.input,
            [[cell(i, f"{_short(grid.flat[i])}<small>{i}</small>") for i in row] for row in flat.tolist()],
        )
        + table(labels.indices, [[f"<td>{i}</td>" for i in row] for row in indices.tolist()])
        + table(
            labels.unpooled, [[cell(i, _short(values.get(i, 0.0))) for i in row] for row in flat.tolist()]
        )
        + "</div>"
    )


@dataclass(frozen=True)
class ShiftLabels:
    """Words of :func:`shift_figure`, in the reader's language.

    Attributes:
        before, after: headings of the two columns.
        input: name of the signal.
        layers: name of each layer, by the keys of the responses; with its change, if that may be seen.
    """

    before: str
    after: str
    input: str
    layers: Mapping[str, str]


def shift_figure(
    signal: Floats,
    shifted: Floats,
    responses: Mapping[str, ShiftResponse],
    window: tuple[int, int],
    labels: ShiftLabels,
    reveal: bool = True,
) -> go.Figure:
    """A signal and what each layer makes of it, before and after a shift.

    After it, cells that are as before are blue and others orange; an output that has just moved is green.

    Args:
        signal, shifted: (1, 1, length).
        responses: layers from top to bottom, with outputs of a single row.
        window: width and stride; each output stands below the middle of the inputs that it reads.
        labels: the words.
        reveal: whether the outputs after the shift may be seen.
    """
    width, stride = window
    figure = go.Figure()
    step = 0.93 / (len(responses) + 1)
    panels = [(labels.input, signal, shifted, QUIET, False)]
    panels += [
        (labels.layers[name], each.before, each.after, KEPT, each.only_moved)
        for name, each in responses.items()
    ]
    for row, (title, before, after, paint, moved) in enumerate(panels):
        pair = before[0, 0], after[0, 0]
        places, bar = np.arange(float(len(pair[0]))), 0.86
        if row:
            places, bar = places * stride + (width - 1) / 2, max(stride - 0.14, 0.5)
        same = np.isclose(*pair, rtol=1e-9, atol=1e-9) | (row == 0)
        bottom = 0.93 - (row + 0.68) * step
        for column, values in enumerate(pair):
            number = 2 * row + column + 1
            parts = [(same, paint), (~same, CHANGED)]
            if moved or not column:
                parts = [(np.full(len(values), True), MOVED if column else paint)]
            for part, colour_ in parts:
                if part.any() and (reveal or not (row and column)):
                    figure.add_trace(_bars(places[part], values[part], bar, colour_, number))
            figure.layout[f"xaxis{number}"] = _axis(
                (0.52 * column, 0.48 + 0.52 * column), (-0.6, signal.shape[2] - 0.4), f"y{number}"
            )
            figure.layout[f"yaxis{number}"] = _axis(
                (bottom, bottom + 0.56 * step), _room(np.concatenate(pair)), f"x{number}", zeroline=True
            )
        figure.add_annotation(**_words(_emphasised(title), 0, bottom + 0.78 * step))
    for text, x in ((labels.before, 0.0), (labels.after, 0.52)):
        figure.add_annotation(**_words(f"<b>{text}</b>", x, 0.99))
    figure.update_layout(
        barmode="overlay",
        height=96 * len(panels) + 30,
        margin={"l": 4, "r": 4, "t": 8, "b": 4},
        showlegend=False,
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        dragmode=False,
    )
    return figure


def _axis(
    domain: tuple[float, float], span: Sequence[float], anchor: str, zeroline: bool = False
) -> dict[str, object]:
    return {
        "domain": domain,
        "range": span,
        "anchor": anchor,
        "showticklabels": False,
        "showgrid": False,
        "zeroline": zeroline,
        "fixedrange": True,
    }


def _bars(places: Floats, values: Floats, width: float, paint: str, axis: int) -> go.Bar:
    return go.Bar(
        x=[float(place) for place in places],
        y=[float(value) for value in values],
        text=[_short(float(value)) for value in values],
        textposition="outside",
        # What has changed to zero has no bar; its number still stands out.
        textfont={"size": 14, "color": paint} if paint in (MOVED, CHANGED) else {"size": 14},
        cliponaxis=False,
        width=width,
        marker={"color": paint, "line": {"width": 0}},
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        hoverinfo="skip",
    )


@dataclass(frozen=True)
class ErrorLabels:
    """Words of :func:`error_figure`, in the reader's language.

    Attributes:
        shift, error: titles of the axes.
        layers: name of each layer, by the keys of the errors.
    """

    shift: str
    error: str
    layers: Mapping[str, str]


def error_figure(errors: Mapping[str, Sequence[float]], shift: int | None, labels: ErrorLabels) -> go.Figure:
    """For each layer, what is left of a shift when the output has been moved back; `shift` is marked, if any."""
    figure = go.Figure(
        [
            go.Scatter(
                x=list(range(len(values))),
                y=[100 * value for value in values],
                name=labels.layers[name],
                mode="lines+markers",
                line={
                    "color": COLOURS[name],
                    "width": 3,
                    "dash": "dot" if name == "convolution" else "solid",
                },
                marker={"size": 9},
                hovertemplate="%{x}: %{y:.2f} %",
            )
            for name, values in errors.items()
        ]
    )
    if shift is not None:
        figure.add_vline(x=shift, line={"color": QUIET, "width": 10}, opacity=0.5, layer="below")
    figure.update_layout(
        height=300,
        margin={"l": 4, "r": 4, "t": 8, "b": 4},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        dragmode=False,
        legend={"orientation": "h", "y": 1.16},
        xaxis={"title": labels.shift, "dtick": 1, "fixedrange": True, "showgrid": False},
        yaxis={"title": labels.error, "ticksuffix": " %", "rangemode": "tozero", "fixedrange": True},
    )
    return figure


def change_picture(before: Floats, after: Floats, largest: float) -> NDArray[np.uint8]:
    """Two maps side by side in grey, from the first one's smallest value to its largest, and their difference below.

    Args:
        before, after: (h, w).
        largest: difference that is full blue (down) or red (up); no difference is black.

    Returns:
        About 400 pixels wide; the difference's cells are twice as large as the maps'.
    """
    low, high = float(before.min()), float(before.max())
    limits = (low, high if high > low else low + 1)
    factor = max(1, round(200 / before.shape[1]))
    maps = enlarge(np.concatenate([colour(values, "gray", limits) for values in (before, after)], 1), factor)
    difference = enlarge(colour(after - before, DIVERGING, (-largest, largest)), 2 * factor)
    return np.concatenate([maps, difference])


def _words(text: str, x: float, y: float) -> dict[str, object]:
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "middle",
        "font": {"size": 14},
    }


def _emphasised(title: str) -> str:
    """The name bold, what follows a colon not."""
    name, colon, rest = title.partition(":")
    return f"<b>{name}</b>{colon}{rest}"


def _short(value: float) -> str:
    """At most two digits behind the point, with a true minus.

    >>> _short(-2.50), _short(0.333)
    ('−2.5', '0.33')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text.replace("-", "−")


def _room(values: Floats) -> list[float]:
    """A range that holds `values` and zero, with room for the numbers at the bars' ends."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    span = (high - low) or 1.0
    return [low - 0.35 * span if low < 0 else -0.03 * span, high + 0.35 * span]
