"""Pictures of the zoo: a timeline, accuracy against size, a network's graph, and networks side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

import plotly.graph_objects as go

from cnnviz.zoo.diagram import Diagram, Node

PALETTE = (
    "#7a7f87",
    "#d55e00",
    "#0072b2",
    "#009e73",
    "#2f8fe0",
    "#a6761d",
    "#9b5de5",
    "#e7298a",
    "#e6a100",
    "#66a61e",
    "#d6336c",
    "#17a2b8",
)
"""One colour a family, in the order of their appearance; told apart on light and dark."""
QUIET = "rgba(128, 136, 150, 0.55)"
_CLEAR = "rgba(0, 0, 0, 0)"


def short(number: float) -> str:
    """A count in three digits.

    >>> short(138_357_544), short(4_089_184_256), short(60_000), short(156), short(0)
    ('138 M', '4.09 G', '60 k', '156', '0')
    """
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * factor:
            scaled = number / factor
            digits = 0 if scaled >= 99.95 else 1 if scaled >= 9.995 else 2
            text = f"{scaled:.{digits}f}"
            return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"
    return f"{number:g}"


@dataclass(frozen=True)
class Milestone:
    """A row of the timeline."""

    title: str
    year: int
    idea: str
    colour: str


def timeline_figure(milestones: Sequence[Milestone], chosen: str, until: int) -> go.Figure:
    """A row a family, oldest on top, a dot at its year; that of `chosen` has a ring; faint after `until`."""
    first, last = min(each.year for each in milestones), max(each.year for each in milestones)
    figure = go.Figure()
    for each in milestones:
        figure.add_trace(
            go.Scatter(
                x=[each.year, last + 0.6],
                y=[each.title] * 2,
                mode="lines",
                line={"color": each.colour, "width": 5 if each.title == chosen else 2},
                opacity=0.9 if each.title == chosen else 0.45,
                hoverinfo="skip",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[each.year],
                y=[each.title],
                mode="markers",
                opacity=1.0 if each.year <= until else 0.25,
                marker={
                    "color": each.colour,
                    "size": 15,
                    "line": {"width": 3 if each.title == chosen else 0, "color": QUIET},
                },
                hovertemplate=f"<b>{each.title}</b> {each.year}<br>"
                + "<br>".join(wrap(each.idea, 44))
                + "<extra></extra>",
            )
        )
    figure.update_yaxes(autorange="reversed", showgrid=False, fixedrange=True, ticksuffix=" ")
    figure.update_xaxes(
        range=[first - 1, last + 0.7],
        tickvals=[first, 2004, 2008, 2012, 2015, last],
        fixedrange=True,
        zeroline=False,
    )
    return _plain(figure, 26 * len(milestones) + 50)


@dataclass(frozen=True)
class Point:
    """A network of the scatter.

    Attributes:
        x: parameters or multiply–accumulates.
        y: accuracy in percent.
        memory_bytes: area of its bubble.
    """

    name: str
    title: str
    family: str
    colour: str
    x: float
    y: float
    memory_bytes: int


@dataclass(frozen=True)
class ScatterLabels:
    """Words of :func:`scatter_figure`, in the reader's language; `human` names the line."""

    x: str
    y: str
    memory: str
    human: str


def scatter_figure(
    points: Sequence[Point],
    chosen: str,
    human: float | None,
    labels: ScatterLabels,
    room: Sequence[Point] = (),
) -> go.Figure:
    """Accuracy against size, on a logarithmic axis; networks of one family are joined.

    Args:
        points: family by family.
        chosen: name of the network with a ring and its title written out.
        human: accuracy in percent where the line goes; None for no line.
        room: networks that the axes leave room for; the points themselves if there are none.
    """
    figure = go.Figure()
    families = dict.fromkeys(each.family for each in points)
    room = room or points
    largest = max(each.memory_bytes for each in room)
    for family in families:
        members = sorted((each for each in points if each.family == family), key=lambda each: each.x)
        figure.add_trace(
            go.Scatter(
                x=[each.x for each in members],
                y=[each.y for each in members],
                name=family,
                mode="lines+markers",
                line={"color": members[0].colour, "width": 1.5},
                marker={
                    "color": members[0].colour,
                    "opacity": 0.72,
                    "size": [max(8.0, 46 * (each.memory_bytes / largest) ** 0.5) for each in members],
                    "line": {
                        "width": [3 if each.name == chosen else 0 for each in members],
                        "color": "#e00000",
                    },
                },
                customdata=[
                    [each.title, short(each.x), f"{each.memory_bytes / 1e6:.0f} MB"] for each in members
                ],
                hovertemplate="<b>%{customdata[0]}</b><br>%{y:.2f} %<br>"
                + f"{labels.x}: %{{customdata[1]}}<br>{labels.memory}: %{{customdata[2]}}<extra></extra>",
            )
        )
        for each in members:
            if each.name == chosen:
                figure.add_annotation(
                    x=math.log10(each.x),
                    y=each.y,
                    text=f"<b>{each.title}</b>",
                    showarrow=True,
                    ax=30,
                    ay=40,
                    xanchor="left",
                )
    if human is not None:
        figure.add_hline(y=human, line={"dash": "dash", "color": "#e00000", "width": 1.5})
        figure.add_annotation(
            x=0,
            xref="x domain",
            y=human,
            text=labels.human,
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
        )
    figure.update_xaxes(
        title=labels.x, type="log", fixedrange=True, dtick=1, exponentformat="SI", range=_span(room)
    )
    low = min(each.y for each in room)
    high = max([each.y for each in room] + ([human] if human is not None else []))
    figure.update_yaxes(
        title=labels.y, range=[low - 2, high + 2], fixedrange=True, ticksuffix=" %", zeroline=False
    )
    _plain(figure, 520)
    figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "y": -0.16, "itemsizing": "constant", "x": 0},
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
    )
    return figure


def _span(room: Sequence[Point]) -> tuple[float, float]:
    """Range of a logarithmic axis, with a margin for the bubbles."""
    exponents = [math.log10(each.x) for each in room]
    margin = 0.06 * (max(exponents) - min(exponents)) + 0.08
    return min(exponents) - margin, max(exponents) + margin


# A network's graph

_MARK = {"input": "ends", "output": "ends"}
_STYLE = """<style>
.st-key-{key} .stGraphVizChart svg {{ max-width: none; width: auto; zoom: {zoom}; display: block; margin: auto; }}
@media (max-width: 640px) {{ .st-key-{key} .stGraphVizChart svg {{ zoom: calc(0.7 * {zoom}); }} }}
.st-key-{key} .stGraphVizChart svg > g > polygon {{ fill: none; stroke: none; }}
.st-key-{key} .stGraphVizChart text {{ fill: currentColor; font-size: 12px; }}
.st-key-{key} .stGraphVizChart .node text:first-of-type {{ font-weight: 650; }}
.st-key-{key} .stGraphVizChart .edge path {{ stroke: {quiet}; stroke-width: 1.4; }}
.st-key-{key} .stGraphVizChart .edge polygon {{ stroke: {quiet}; fill: {quiet}; }}
.st-key-{key} .stGraphVizChart .node path, .st-key-{key} .stGraphVizChart .node polygon {{
  fill: color-mix(in srgb, var(--mark, #8891a0) 22%, transparent); stroke: var(--mark, #8891a0); }}
.st-key-{key} .conv {{ --mark: #2478d8; }} .st-key-{key} .dense {{ --mark: #e67700; }}
.st-key-{key} .pool {{ --mark: #12906a; }} .st-key-{key} .join {{ --mark: #9b5de5; }}
.st-key-{key} .block {{ --mark: #2478d8; }}
</style>"""


def graph_style(key: str, zoom: float) -> str:
    """CSS for the graph inside the container `key`: colours of either theme, and its magnification."""
    return _STYLE.format(key=key, zoom=f"{zoom:g}", quiet=QUIET)


def dot(diagram: Diagram, names: Mapping[str, str], within: str = "", shapes_on_arrows: bool = False) -> str:
    """The graph in Graphviz's language, top to bottom; the class of each node is its kind.

    Args:
        names: what to call input and output.
        within: module whose path is left out where a title begins with it.
        shapes_on_arrows: a tensor's shape stands on the arrow that carries it, and not in the box it leaves.
    """
    lines = [
        "digraph {",
        'graph [bgcolor="transparent", rankdir=TB, nodesep=0.25, ranksep=0.28, margin=0.1];',
        'node [shape=box, style=rounded, fontname="Helvetica", fontsize=12, margin="0.13,0.06", height=0.3];',
        'edge [arrowsize=0.6, fontname="Helvetica", fontsize=11];',
    ]
    for index, node in enumerate(diagram.nodes):
        kind = _MARK.get(node.kind, node.kind)
        lines.append(
            f'n{index} [label="{_label(node, names, within, not shapes_on_arrows)}", class="{kind}"];'
        )
    for source, target in diagram.edges:
        carried = f' [label=" {_size(diagram.nodes[source])} "]' if shapes_on_arrows else ""
        lines.append(f"n{source} -> n{target}{carried};")
    return "\n".join([*lines, "}"])


def _size(node: Node) -> str:
    return " × ".join(map(str, node.output_shape or ()))


def _label(node: Node, names: Mapping[str, str], within: str, shape: bool) -> str:
    title = node.title.removeprefix(f"{within}.") if within else node.title
    parts = [names.get(title, title), *wrap(node.layers, 36)] if title else wrap(node.layers, 36)
    if node.output_shape and shape:
        parts.append(_size(node))
    return "\\n".join(part.replace("\\", "\\\\").replace('"', '\\"') for part in parts)


# Tables

_TABLE_STYLE = """<style>
.zoo-table { overflow: auto; max-height: 46rem; max-width: 100%; }
.zoo-table table { border-collapse: collapse; width: 100%; font-size: 0.85rem; }
.zoo-table th, .zoo-table td { padding: 0.3rem 0.5rem; text-align: right; vertical-align: top;
  border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); white-space: nowrap; }
.zoo-table .words, .zoo-table th:first-child { text-align: left; }
.zoo-table td.words + td.words, .zoo-table td:not(.words) + td.words { white-space: normal; min-width: 9rem; }
@media (max-width: 40rem) { .zoo-table td.words:first-child { white-space: normal; min-width: 5rem; } }
.zoo-table tr.chosen { background: color-mix(in srgb, #2478d8 16%, transparent); }
.zoo-table tr.total td { font-weight: 700; border-bottom: none; }
</style>"""


@dataclass(frozen=True)
class Row:
    """A row of a table; `mark` is ``chosen``, ``total`` or nothing."""

    cells: tuple[str, ...]
    mark: str = ""


def table(title: str, headings: Sequence[str], rows: Sequence[Row], words: Sequence[int] = (0,)) -> str:
    """HTML of a table that scrolls by itself where it is wider than the page.

    Args:
        title: what it shows, for screen readers.
        words: columns of words, which may wrap and stand to the left; the others hold numbers.
    """

    def cells(values: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=words' if column in words else ''}>{escape(value)}</{tag}>"
            for column, value in enumerate(values)
        )

    body = "".join(
        f"<tr{f' class={row.mark}' if row.mark else ''}>{cells(row.cells, 'td')}</tr>" for row in rows
    )
    return (
        f'{_TABLE_STYLE}<div class="zoo-table" tabindex="0" role="region" aria-label="{escape(title)}"><table>'
        f"<thead><tr>{cells(headings, 'th')}</tr></thead><tbody>{body}</tbody></table></div>"
    )


# Compound scaling


@dataclass(frozen=True)
class ScalingLabels:
    """Words of :func:`scaling_figure`, in the reader's language."""

    parameters: str
    macs: str
    own: str
    predicted: str


def scaling_figure(
    variants: Mapping[str, tuple[int, int]],
    own: tuple[int, int] | None,
    predicted: Sequence[tuple[float, float]],
    labels: ScalingLabels,
) -> go.Figure:
    """Parameters against multiply–accumulates: B0–B7, the curve of equation 3, and the own network.

    Args:
        variants: short name -> (multiply–accumulates, parameters).
        own: the same of the network of the sliders; None while it is still to be predicted.
        predicted: the same along φ, by the equation.
    """
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[macs for macs, _parameters in predicted],
            y=[parameters for _macs, parameters in predicted],
            name=labels.predicted,
            mode="lines",
            line={"dash": "dot", "color": QUIET},
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[macs for macs, _parameters in variants.values()],
            y=[parameters for _macs, parameters in variants.values()],
            name="EfficientNet",
            mode="lines+markers+text",
            text=list(variants),
            textposition="top left",
            marker={"size": 9, "color": "#2478d8"},
            line={"color": "#2478d8", "width": 1.5},
            hovertemplate="<b>%{text}</b><br>%{x:.3s} MAC<br>%{y:.3s}<extra></extra>",
        )
    )
    if own is not None:
        figure.add_trace(
            go.Scatter(
                x=[own[0]],
                y=[own[1]],
                name=labels.own,
                mode="markers",
                marker={"size": 17, "symbol": "star", "color": "#e67700"},
                hovertemplate="%{x:.3s} MAC<br>%{y:.3s}<extra></extra>",
            )
        )
    for axis, title in ((figure.update_xaxes, labels.macs), (figure.update_yaxes, labels.parameters)):
        axis(title=title, type="log", fixedrange=True, dtick="D2", exponentformat="SI")
    _plain(figure, 380)
    figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "y": -0.22, "x": 0},
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
    )
    return figure


# Side by side


def sides_figure(
    sides: Sequence[str],
    left: Mapping[str, Sequence[int]],
    right: Mapping[str, Sequence[int]],
    panels: tuple[str, str],
) -> go.Figure:
    """Parameters and multiply–accumulates of two networks by the size of their maps.

    Args:
        sides: map sizes, from top to bottom.
        left, right: title -> its parameters, then its multiply–accumulates, a number a map size each.
        panels: titles of the two panels.
    """
    figure = go.Figure()
    for colour, ink, network in (("#1d5fbf", "#ffffff", left), ("#e67700", "#000000", right)):
        for title, numbers in network.items():
            for panel in range(2):
                part = numbers[panel * len(sides) : (panel + 1) * len(sides)]
                figure.add_trace(
                    go.Bar(
                        y=list(sides),
                        x=[float(number) for number in part],
                        text=[short(number) if number else "" for number in part],
                        textposition="auto",
                        insidetextfont={"color": ink},
                        name=title,
                        legendgroup=colour,
                        showlegend=panel == 0,
                        orientation="h",
                        marker={"color": colour},
                        xaxis=f"x{panel + 1}" if panel else "x",
                        yaxis=f"y{panel + 1}" if panel else "y",
                        hovertemplate=f"{title}, %{{y}}: %{{text}}<extra></extra>",
                    )
                )
    _plain(figure, 58 * len(sides) + 110)
    for panel, domain in enumerate(((0.0, 0.46), (0.54, 1.0)), start=1):
        figure.layout[f"xaxis{panel}"] = {
            "domain": domain,
            "title": {"text": panels[panel - 1]},
            "showticklabels": False,
            "showgrid": False,
            "fixedrange": True,
            "anchor": f"y{panel}",
        }
        figure.layout[f"yaxis{panel}"] = {
            "type": "category",
            "autorange": "reversed",
            "fixedrange": True,
            "showticklabels": panel == 1,
            "anchor": f"x{panel}",
            "ticksuffix": " ",
        }
    figure.update_layout(barmode="group", showlegend=True, legend={"orientation": "h", "y": 1.12, "x": 0})
    return figure


def _plain(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 30},
        showlegend=False,
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        dragmode=False,
    )
