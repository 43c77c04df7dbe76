"""Pictures of the lesson on residual blocks: errors as networks train, and what they lose with a block."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

import plotly.graph_objects as go

from cnnviz.figures.decoders import Floats, grey, uri
from cnnviz.figures.maps import enlarge

_GRID = "rgba(128, 136, 150, 0.35)"
_SHALLOW, _DEEP = "#0072b2", "#d55e00"
_MARK = "rgba(213, 60, 40, 0.15)"


class Errors(Protocol):
    """A network after some steps: errors as shares, 0 … 1."""

    @property
    def step(self) -> int: ...

    @property
    def train_error(self) -> float: ...

    @property
    def test_error(self) -> float: ...


@dataclass(frozen=True)
class CurveLabels:
    """Words of :func:`curves_figure`: titles of the axes, and names of the lines of a `{network}`."""

    step: str
    error: str
    test: str
    training: str


def curves_figure(
    curves: Mapping[str, Sequence[Errors]], deepest: Collection[str], labels: CurveLabels
) -> go.Figure:
    """Errors in per cent by training step; as in the paper, bold for the test and dashed for the training pictures.

    Args:
        curves: by the network's name.
        deepest: names that are drawn in the colour of the deeper one.
    """
    lines = []
    for name, points in curves.items():
        colour = _DEEP if name in deepest else _SHALLOW
        steps = [point.step for point in points]
        for words, values, line in (
            (labels.training, [point.train_error for point in points], {"dash": "dot", "width": 2}),
            (labels.test, [point.test_error for point in points], {"width": 2.5}),
        ):
            lines.append(
                go.Scatter(
                    x=steps,
                    y=[round(100 * value, 2) for value in values],
                    name=words.format(network=name),
                    showlegend=words == labels.test,
                    mode="lines" if len(points) > 1 else "markers",
                    line={"color": colour, **line},
                )
            )
    axis: dict[str, Any] = {"gridcolor": _GRID, "fixedrange": True, "zeroline": False}
    layout = _layout(320, top=8) | {
        "hovermode": "x unified",
        "xaxis": {**axis, "title": {"text": labels.step}, "rangemode": "nonnegative"},
        "yaxis": {**axis, "title": {"text": labels.error}, "range": [0, 101], "ticksuffix": "%", "dtick": 20},
    }
    return go.Figure(lines, layout)


@dataclass(frozen=True)
class Deletions:
    """One network without each of its blocks in turn; errors as shares.

    Attributes:
        whole: with all blocks.
        without: without each.
    """

    name: str
    whole: float
    without: Sequence[float]


@dataclass(frozen=True)
class DeletionLabels:
    """Words of :func:`deletion_figure`: titles of the axes, the name of the line of a whole `{network}`, and what stands over the shaded bars."""

    block: str
    error: str
    whole: str
    chosen: str


def deletion_figure(
    networks: Sequence[Deletions], gone: Collection[int], halving: Collection[int], labels: DeletionLabels
) -> go.Figure:
    """The test error without each block, a bar a block and network; a line for each network as it is.

    Args:
        gone: numbers of the chosen blocks, from 1, which are shaded: a run of neighbours.
        halving: those of the blocks that halve the map, whose numbers are followed by ↓.
    """
    blocks = list(range(1, len(networks[0].without) + 1))
    lines: list[Any] = []
    for network, colour, dash in zip(networks, (_SHALLOW, _DEEP), ("dash", "dot"), strict=False):
        errors = [round(100 * value, 2) for value in network.without]
        lines += [
            go.Bar(x=blocks, y=errors, name=network.name, marker={"color": colour}),
            go.Scatter(
                x=[0.5, len(blocks) + 0.5],
                y=[round(100 * network.whole, 2)] * 2,
                name=labels.whole.format(network=network.name),
                mode="lines",
                line={"color": colour, "dash": dash, "width": 2},
            ),
        ]
    ticks = sorted({*blocks[:: 1 if len(blocks) < 12 else 3], *halving})
    axis: dict[str, Any] = {"gridcolor": _GRID, "fixedrange": True, "zeroline": False}
    layout = _layout(340) | {
        "bargap": 0.25,
        "hovermode": "x unified",
        "xaxis": {
            **axis,
            "title": {"text": labels.block},
            "tickvals": ticks,
            "ticktext": [f"{block} ↓" if block in halving else str(block) for block in ticks],
            "range": [0.4, len(blocks) + 0.6],
        },
        "yaxis": {**axis, "title": {"text": labels.error}, "range": [0, 101], "ticksuffix": "%", "dtick": 20},
        "shapes": [
            {
                "type": "rect", "yref": "paper", "x0": min(gone) - 0.5, "x1": max(gone) + 0.5, "y0": 0, "y1": 1,
                "line": {"width": 0}, "fillcolor": _MARK, "layer": "below",
            }
        ],
        "annotations": [
            {
                "x": (min(gone) + max(gone)) / 2, "y": 1, "yref": "paper", "yanchor": "bottom",
                "text": labels.chosen, "showarrow": False,
            }
        ],
    }  # fmt: skip
    return go.Figure(lines, layout)


@dataclass(frozen=True)
class Guesses:
    """A row of class names, one a picture; `right` is None for the row of the true ones."""

    title: str
    names: Sequence[str]
    right: Sequence[bool] | None = None


def guesses_table(pictures: Floats, rows: Sequence[Guesses], title: str, alts: Sequence[str]) -> str:
    """HTML: (N, S, S) pictures from 0 to 1 in a row, and below each its class and what networks say; ✗ where wrong."""
    side = pictures.shape[-1]
    heads = "".join(
        f'<td><img src="{uri(enlarge(grey(picture), 48 // side))}" alt="{escape(alt)}" width="48" height="48"></td>'
        for picture, alt in zip(pictures, alts, strict=True)
    )
    body = ""
    for row in rows:
        right = row.right or [True] * len(row.names)
        cells = "".join(
            f"<td>{escape(name)}</td>" if fine else f'<td class="wrong">✗ {escape(name)}</td>'
            for name, fine in zip(row.names, right, strict=True)
        )
        body += f'<tr><th scope="row">{escape(row.title)}</th>{cells}</tr>'
    return (
        "<style>.guesses{overflow:auto}.guesses table{border-collapse:collapse;font-size:.9rem}"
        ".guesses th,.guesses td{padding:.2rem .6rem;text-align:center;white-space:nowrap;"
        "border-bottom:1px solid color-mix(in srgb,currentColor 18%,transparent)}"
        ".guesses th{text-align:left;padding-left:0;font-weight:500}.guesses img{display:block;margin:auto;max-width:none;"
        "image-rendering:pixelated}.guesses .wrong{font-weight:700;"
        "background:color-mix(in srgb,#d53c28 22%,transparent)}</style>"
        f'<div class="guesses" role="region" tabindex="0" aria-label="{escape(title)}"><table>'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _layout(height: int, top: int = 28) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 8, "r": 20, "t": top, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "itemwidth": 36},
    }
