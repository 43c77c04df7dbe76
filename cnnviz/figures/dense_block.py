"""Pictures of the lesson on dense blocks: channels as stacked bars, connections as a table of cells, error curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cnnviz.figures.maps import SEQUENTIAL, Picture, colour

Floats = NDArray[np.float64]
_GRID = "rgba(128, 136, 150, 0.35)"
_WRITE_FROM, _NOTE_FROM = 0.055, 0.5
"""Shares of the widest bar from which a part has room for its number, and the space beside a bar for a note."""


def _ink(shade: NDArray[np.integer[Any]]) -> tuple[int, int, int]:
    """Black or white, whichever is read more easily on an RGB colour (WCAG 2, relative luminance)."""
    level = shade / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    # Where both contrasts are equal: (L + 0.05) / 0.05 = 1.05 / (L + 0.05).
    return (0, 0, 0) if linear @ np.array([0.2126, 0.7152, 0.0722]) > 0.179 else (255, 255, 255)


def _css(shade: Sequence[int]) -> str:
    return f"rgb({','.join(map(str, shade))})"


def _inks(count: int) -> list[tuple[str, str]]:
    """Background and text colour of each of `count` sources, from dark to bright in their order."""
    shades = colormaps["viridis"](np.linspace(0.12, 0.98, count), bytes=True)[:, :3].astype(int)
    return [(_css(shade.tolist()), _css(_ink(shade))) for shade in shades]


# Channels


@dataclass(frozen=True)
class StackRow:
    """What one layer reads.

    Attributes:
        name: the layer's.
        parts: the sources that lie in each, and its channels.
        note: what is written beside the bar, or over it where it leaves no room.
    """

    name: str
    parts: tuple[tuple[tuple[int, ...], int], ...]
    note: str = ""


def stacks(title: str, rows: Sequence[StackRow], sources: int, widest: int, alt: str) -> str:
    """HTML: a bar for each row, as long as it has channels, its parts coloured by the sources that are in them.

    Args:
        sources: how many there are in all.
        widest: channels of a bar that fills its line.
        alt: words for the whole.
    """
    inks = _inks(sources)
    lines = []
    for row in rows:
        total = sum(channels for _inside, channels in row.parts)
        beside = widest - total >= _NOTE_FROM * widest
        parts = []
        for inside, channels in row.parts:
            stripes = ", ".join(
                f"{inks[source][0]} {6 * at}px {6 * at + 6}px" for at, source in enumerate(inside)
            )
            ground = (
                f"repeating-linear-gradient(135deg, {stripes})" if len(inside) > 1 else inks[inside[0]][0]
            )
            word = str(channels) if channels >= _WRITE_FROM * widest and not row.note else ""
            if row.note and not beside:
                # Over stripes of many colours words need a ground of their own.
                word = f"<b>{escape(row.note)}</b>"
            parts.append(
                f'<i style="flex:{channels} 0 0;background:{ground};color:{inks[inside[0]][1]}">{word}</i>'
            )
        if total < widest:
            note = escape(row.note) if beside else ""
            parts.append(f'<u style="flex:{widest - total} 0 0">{note}</u>')
        lines.append(
            f'<div class="row"><span>{escape(row.name)}</span><div class="bar">{"".join(parts)}</div>'
            f"<span>{total}</span></div>"
        )
    return f'<div class="dense-stack" role="img" aria-label="{escape(alt)}"><p>{escape(title)}</p>{"".join(lines)}</div>'


def side_by_side(*panels: str) -> str:
    """HTML panels beside each other; below each other where there is no room."""
    return f'{_STACK_STYLE}<div class="dense-stacks">{"".join(panels)}</div>'


_STACK_STYLE = """<style>
.dense-stacks { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 0.8rem 1.6rem; }
.dense-stack p { font-weight: 650; margin: 0 0 0.4rem; }
.dense-stack .row { display: flex; align-items: center; gap: 0.5rem; margin: 3px 0; font-size: 0.85rem; }
.dense-stack .row > span { width: 4.6rem; flex: none; line-height: 1.15; }
.dense-stack .row > span:last-child { width: 2.6rem; text-align: right; font-variant-numeric: tabular-nums; }
.dense-stack .bar { display: flex; flex: 1; height: 1.45rem; min-width: 0; }
.dense-stack i { display: flex; align-items: center; justify-content: center; overflow: hidden; min-width: 0;
  font-style: normal; font-size: 0.75rem; border-right: 1px solid rgba(255, 255, 255, 0.75); white-space: nowrap; }
.dense-stack u { text-decoration: none; white-space: nowrap; min-width: 0; padding-left: 0.5rem; align-self: center; }
.dense-stack i b { background: #fff; color: #000; padding: 0 0.3rem; border-radius: 3px; font-weight: 500; }
</style>"""


# Connections


def cells(
    values: Floats, texts: Sequence[Sequence[str]], columns: Sequence[str], rows: Sequence[str]
) -> Picture:
    """A table of cells as a picture, with a head row and a head column.

    Args:
        values: (R, C), from 0 to 1, the cells' colours; NaN for an empty cell.
        texts: what is written into each.
        columns, rows: the heads, in Latin letters: the font that Pillow carries has no others.

    Returns:
        ((R + 1) · 64, (C + 1) · 64, 3) uint8.
    """
    side = 64
    picture = np.full(((len(rows) + 1) * side, (len(columns) + 1) * side, 3), 236, np.uint8)
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    heads, numbers = ImageFont.load_default(21), ImageFont.load_default(18)

    def write(row: int, column: int, text: str, font: ImageFont.FreeTypeFont, ink: tuple[int, ...]) -> None:
        draw.text(((column + 0.5) * side, (row + 0.5) * side), text, ink, font, anchor="mm")

    shades = colour(values, SEQUENTIAL, (0.0, 1.0))
    for place, name in enumerate(rows, start=1):
        write(place, 0, name, heads, (30, 34, 42))  # type: ignore[arg-type]
    for place, name in enumerate(columns, start=1):
        write(0, place, name, heads, (30, 34, 42))  # type: ignore[arg-type]
    for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
        top, left = (row + 1) * side, (column + 1) * side
        shade = tuple(shades[row, column].tolist())
        draw.rectangle((left + 1, top + 1, left + side - 2, top + side - 2), fill=shade)
        write(row + 1, column + 1, texts[row][column], numbers, _ink(shades[row, column]))  # type: ignore[arg-type]
    return np.asarray(image)


def overview(blocks: Sequence[Floats], side: int = 16) -> Picture:
    """Blocks of cells beside each other, without words: (R, C) from 0 to 1 each, NaN for an empty cell."""
    gap = np.full((blocks[0].shape[0] * side, side, 3), 236, np.uint8)
    parts = []
    for values in blocks:
        shades = colour(values, SEQUENTIAL, (0.0, 1.0))
        shades[~np.isfinite(values)] = 236
        parts += [np.kron(shades, np.ones((side, side, 1), np.uint8)).astype(np.uint8), gap]
    return np.concatenate(parts[:-1], axis=1)


@dataclass(frozen=True)
class BarCell:
    """A number with a bar: its text, and how long the bar is, 0 to 1."""

    text: str
    share: float


def bar_table(
    title: str, head: Sequence[str], rows: Sequence[tuple[str, Sequence[BarCell]]], marked: int
) -> str:
    """HTML table of numbers with bars behind them, one row marked."""
    titles = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    body = []
    for place, (name, numbers) in enumerate(rows):
        drawn = "".join(
            f'<td><div><i style="width:{100 * min(max(cell.share, 0), 1):.1f}%"></i><span>{escape(cell.text)}</span></div></td>'
            for cell in numbers
        )
        look = ' class="marked"' if place == marked else ""
        body.append(f'<tr{look}><th scope="row">{escape(name)}</th>{drawn}</tr>')
    return (
        f'{_BAR_STYLE}<div class="dense-bars" role="region" tabindex="0" aria-label="{escape(title)}"><table>'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


_BAR_STYLE = """<style>
.dense-bars { overflow-x: auto; }
.dense-bars table { border-collapse: collapse; width: 100%; font-size: 0.88rem; }
.dense-bars th { text-align: left; font-weight: 500; padding: 0.25rem 0.6rem 0.25rem 0.3rem; vertical-align: bottom; line-height: 1.2; }
.dense-bars th[scope=row], .dense-bars th:first-child, .dense-bars td span { white-space: nowrap; }
.dense-bars td { padding: 0.2rem 0.6rem 0.2rem 0; min-width: 7.6rem; }
@media (max-width: 40rem) { .dense-bars td { min-width: 5.2rem; padding-right: 0.3rem; } }
.dense-bars td div { position: relative; height: 1.35rem; background: color-mix(in srgb, currentColor 8%, transparent); }
.dense-bars td i { position: absolute; inset: 0 auto 0 0; background: #4c8fdc; opacity: 0.55; }
.dense-bars td span { position: relative; padding-left: 0.35rem; font-variant-numeric: tabular-nums; }
.dense-bars tr.marked { outline: 2px solid #ffb000; outline-offset: -2px; }
.dense-bars tr.marked th { font-weight: 700; }
</style>"""


# Training


@dataclass(frozen=True)
class CurveLabels:
    """Words of :func:`curve_figure`."""

    step: str
    error: str
    train: str
    test: str


def curve_figure(points: Sequence[tuple[int, float, float]], labels: CurveLabels) -> go.Figure:
    """Training and test error, shares from 0 to 1, by step."""
    steps = [step for step, _train, _test in points]
    lines = [
        go.Scatter(
            x=steps,
            y=[round(point[column], 4) for point in points],
            name=name,
            mode="lines" if len(points) > 1 else "markers",
            line={"color": ink, "dash": dash, "width": 2},
        )
        for column, name, ink, dash in (
            (1, labels.train, "#80889a", "dot"),
            (2, labels.test, "#d55e00", "solid"),
        )
    ]
    layout = {
        "height": 260,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "x unified",
        "xaxis": {"title": {"text": labels.step}, "gridcolor": _GRID, "fixedrange": True},
        "yaxis": {
            "title": {"text": labels.error}, "gridcolor": _GRID, "fixedrange": True, "tickformat": ".0%",
            "range": [0, 1],
        },
    }  # fmt: skip
    return go.Figure(lines, layout)
