"""The mIoU lesson's tables, as HTML, and its chart."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.labels import CLASSES

STYLES = (
    ("#0072b2", "solid"),
    ("#d55e00", "dash"),
    ("#009e73", "dot"),
    ("#cc79a7", "dashdot"),
    ("#e69f00", "longdash"),
    ("#56b4e9", "longdashdot"),
)
_CLEAR = "rgba(0, 0, 0, 0)"
_GREY = "rgba(128, 136, 150, 0.7)"
_CELL = "white-space:nowrap;padding:.3rem .6rem;border:1px solid color-mix(in srgb, currentColor 22%, transparent)"
_TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;margin-bottom:.6rem"


def _region(label: str, table: str) -> str:
    """A table that scrolls by itself, by keyboard too."""
    return f'<div tabindex="0" role="region" aria-label="{escape(label)}" style="overflow:auto">{table}</div>'


def _name(index: int, name: str) -> str:
    red, green, blue = CLASSES[index].colour
    chip = f"display:inline-block;width:.8em;height:.8em;background:rgb({red},{green},{blue});border:1px solid #0008"
    return f'<span style="{chip}"></span> {escape(name)}'


def scores_table(
    title: str,
    heads: Sequence[str],
    classes: Sequence[str],
    rows: Sequence[Sequence[str]],
    last: Sequence[str],
) -> str:
    """A row of texts a class, below `heads`, and a `last` row, all but the first cell set to the right."""

    def row(cells: Sequence[str], tag: str = "td", scope: str = "row") -> str:
        first, *rest = cells
        side = f'style="{_CELL};text-align:right"'
        others = "".join(f"<{tag} {side}>{escape(cell)}</{tag}>" for cell in rest)
        return f'<tr><th scope="{scope}" style="{_CELL};text-align:left">{first}</th>{others}</tr>'

    body = "".join(
        row([_name(index, name), *cells])
        for index, (name, cells) in enumerate(zip(classes, rows, strict=True))
    )
    end = row([f"<strong>{escape(last[0])}</strong>", *last[1:]], "th")
    head = row(heads, "th", "col")
    return _region(title, f'<table style="{_TABLE}"><thead>{head}</thead><tbody>{body}{end}</tbody></table>')


def confusion_table(
    title: str, corner: str, classes: Sequence[str], confusion: NDArray[np.int64], total: str
) -> str:
    """Pixels, rows the truth, columns the prediction; each cell shaded by its share of the row.

    Args:
        corner: says what rows and columns are.
        total: name of the sums.
    """
    true = confusion.sum(1)

    def cell(row: int, column: int) -> str:
        count = int(confusion[row, column])
        share = count / true[row] if true[row] else 0.0
        colour = "#009e73" if row == column else "#d55e00"
        ground = f"background:color-mix(in srgb, {colour} {round(45 * share)}%, transparent)" if count else ""
        weight = ";font-weight:700" if row == column else ""
        return f'<td style="{_CELL};text-align:right;{ground}{weight}">{count:,}</td>'

    head = "".join(
        f'<th scope="col" style="{_CELL}">{text}</th>'
        for text in (
            escape(corner),
            *(_name(index, name) for index, name in enumerate(classes)),
            escape(total),
        )
    )
    body = "".join(
        f'<tr><th scope="row" style="{_CELL};text-align:left">{_name(row, name)}</th>'
        + "".join(cell(row, column) for column in range(len(classes)))
        + f'<td style="{_CELL};text-align:right">{int(true[row]):,}</td></tr>'
        for row, name in enumerate(classes)
    )
    sums = "".join(f'<td style="{_CELL};text-align:right">{int(n):,}</td>' for n in confusion.sum(0))
    end = f'<tr><th scope="row" style="{_CELL};text-align:left">{escape(total)}</th>{sums}'
    end += f'<td style="{_CELL};text-align:right">{int(confusion.sum()):,}</td></tr>'
    return _region(
        title, f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}{end}</tbody></table>'
    )


def score_lines(
    values: Mapping[str, Sequence[float | None]], names: Mapping[str, str], place: int, across: str
) -> go.Figure:
    """One line a score over strengths 0, 1, …, with the strength at `place` marked.

    Args:
        values: by score, 0 … 1; None where it is undefined: a gap.
        names: by score, for the legend.
        across: title of the axis.
    """
    figure = go.Figure()
    for (score, line), (colour, dash) in zip(values.items(), STYLES, strict=False):
        figure.add_scatter(
            x=list(range(len(line))),
            y=list(line),
            mode="lines",
            name=names[score],
            line={"color": colour, "dash": dash, "width": 3},
            hovertemplate=names[score] + " %{y:.3f}<extra></extra>",
        )
    figure.add_vline(x=place, line={"color": _GREY, "width": 2})
    figure.update_layout(
        height=430,
        margin={"l": 40, "r": 10, "t": 10, "b": 40},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        hovermode="x",
        legend={"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0},
        xaxis={"title": across, "fixedrange": True, "zeroline": False, "dtick": 1},
        yaxis={"range": [-0.02, 1.02], "fixedrange": True, "zeroline": False, "dtick": 0.25},
    )
    return figure
