"""Pictures of the lesson on squeeze and excitation: gates as bars, maps before and after, logits by a gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.maps import DIVERGING, Picture, colour, limits_for, montage, palette_for

Floats = NDArray[np.float32]
INK, MARK, OTHER = "#2478d8", "#e67700", "#12906a"
QUIET = "rgba(128, 136, 150, 0.9)"
COLOURS = (INK, MARK, OTHER)
"""Of the classes whose logits are drawn."""
_ROW = 54.0


@dataclass(frozen=True, eq=False)
class Bars:
    """One row of bars.

    Attributes:
        title: above the row.
        values: one a bar.
        top: value of the highest bar possible.
        marked: the bar that stands out, if any.
        below: as many bars again, of another picture, that hang from the line.
        signed: whether values may be negative; the line is then in the middle.
    """

    title: str
    values: Floats
    top: float = 1.0
    marked: int | None = None
    below: Floats | None = None
    signed: bool = False


def bars(rows: Sequence[Bars], label: str, alt: str, width: float = 720.0) -> str:
    """HTML with an SVG of rows of bars.

    Args:
        label: what the drawing is; `alt`: what it shows.
        width: of the drawing in its own units, in which text is 15 high: less where there is less room.
    """
    parts, y = [], 0.0
    for row in rows:
        halves = 2 if row.below is not None or row.signed else 1
        half = _ROW / halves if row.signed else _ROW * (0.75 if halves == 2 else 1.0)
        parts.append(
            f'<text x="0" y="{y + 15:g}" font-size="15" fill="currentColor">{escape(row.title)}</text>'
        )
        y += 24
        line = y + half
        parts.append(_block(row.values, row.top, line, half, width, row.marked))
        if row.below is not None:
            parts.append(_block(-row.below, row.top, line, half, width, row.marked, OTHER))
        parts.append(
            f'<line x1="0" x2="{width:g}" y1="{line:g}" y2="{line:g}" stroke="currentColor" stroke-opacity="0.6"/>'
        )
        for edge in (line - half, line + half)[:halves]:
            parts.append(
                f'<line x1="0" x2="{width:g}" y1="{edge:g}" y2="{edge:g}" stroke="currentColor" '
                'stroke-opacity="0.25" stroke-dasharray="3 4"/>'
            )
        y = line + (half if halves == 2 else 0) + 14
    return (
        f'<div style="overflow-x:auto" role="region" tabindex="0" aria-label="{escape(label)}">'
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width:g} {y:g}" '
        f'style="display:block;width:100%;min-width:{0.66 * width:g}px;height:auto">{"".join(parts)}</svg></div>'
    )


def _block(
    values: Floats, top: float, line: float, height: float, width: float, marked: int | None, ink: str = INK
) -> str:
    """Bars as one path, and the marked one over it."""
    step = width / len(values)
    wide = max(0.75 * step, step - 2)

    def bar(index: int) -> str:
        tall = float(np.clip(values[index] / top, -1, 1)) * height
        return f"M{index * step:.1f} {line:.1f}v{-tall:.1f}h{wide:.1f}v{tall:.1f}z"

    path = "".join(bar(index) for index in range(len(values)))
    found = f'<path d="{path}" fill="{ink}" fill-opacity="0.75"/>'
    if marked is not None:
        found += f'<path d="{bar(marked)}" fill="{MARK}" stroke="{MARK}" stroke-width="2"/>'
    return found


def one_map(values: Floats, limits: tuple[float, float], signed: bool) -> Picture:
    """(H, W) as a small picture, blue below zero and red above where maps have both signs."""
    return montage([colour(values, DIVERGING if signed else None, limits)], 1, side=200, gap=0)


def shared_limits(maps: Floats) -> tuple[tuple[float, float], bool]:
    """Limits of the colours for maps that are to be compared, and whether they have both signs."""
    palette = palette_for(maps)
    return limits_for(maps, palette), palette == DIVERGING


def before_and_after(maps: Floats, scaled: Floats, channels: Sequence[int], columns: int = 8) -> Picture:
    """Maps of some channels: a row as they come in, below it the same as they go out, and so on.

    Args:
        maps, scaled: (C, H, W), coloured alike.
        channels: from 0, a multiple of `columns` or less.
    """
    chosen = list(channels)
    limits, signed = shared_limits(maps[chosen])
    palette = DIVERGING if signed else None
    tiles = []
    for start in range(0, len(chosen), columns):
        for source in (maps, scaled):
            tiles += [colour(source[each], palette, limits) for each in chosen[start : start + columns]]
    return montage(tiles, min(columns, len(chosen)), side=64)


@dataclass(frozen=True)
class GateWords:
    """Words of :func:`gate_figure`, in the reader's language."""

    gate: str
    logit: str
    own: str
    forced: str


def gate_figure(
    values: Sequence[float],
    logits: Mapping[str, Sequence[float]],
    own: float,
    forced: float | None,
    words: GateWords,
) -> go.Figure:
    """Logits of a few classes as one gate is held at `values`, with the gate that the network chose.

    Args:
        logits: a class's name -> one logit a value.
        own, forced: gates that a line marks.
    """
    figure = go.Figure(
        [
            go.Scatter(
                x=list(values),
                y=[round(float(each), 4) for each in line],
                name=name,
                mode="lines",
                line={"color": ink, "width": 2.5, "dash": dash},
            )
            for (name, line), ink, dash in zip(
                logits.items(), COLOURS, ("solid", "dash", "dot"), strict=False
            )
        ]
    )
    everything = [float(each) for line in logits.values() for each in line]
    low, high = min(everything), max(everything)
    margin = 0.08 * (high - low) or 0.5
    edges = [low - margin, high + margin]
    marks = [(own, words.own, QUIET, "dash")]
    if forced is not None:
        marks.append((forced, words.forced, MARK, "solid"))
    for place, name, ink, dash in marks:
        figure.add_scatter(
            x=[place, place],
            y=edges,
            name=name,
            mode="lines",
            line={"color": ink, "dash": dash, "width": 2},
            hoverinfo="skip",
        )
    return _plain(figure, words.gate, words.logit, edges)


@dataclass(frozen=True)
class RatioWords:
    """Words of :func:`ratio_figure`, in the reader's language."""

    ratio: str
    share: str
    seed: str
    mean: str


def ratio_figure(shares: Mapping[str, Sequence[float]], words: RatioWords, chosen: str) -> go.Figure:
    """What networks of several r got right, in percent: a dot a seed and a stroke at their mean.

    Args:
        shares: r, or what stands for none -> a share, 0 to 1, a seed.
        chosen: the r that stands out, if it is there.
    """
    names = list(shares)
    figure = go.Figure()
    figure.add_scatter(
        x=names,
        y=[round(100 * float(np.mean(each)), 2) for each in shares.values()],
        name=words.mean,
        mode="markers",
        marker={
            "symbol": "line-ew",
            "size": 34,
            "line": {"width": 4, "color": [MARK if name == chosen else INK for name in names]},
        },
    )
    figure.add_scatter(
        x=[name for name, each in shares.items() for _share in each],
        y=[round(100 * share, 2) for each in shares.values() for share in each],
        mode="markers",
        name=words.seed,
        marker={"color": OTHER, "size": 9, "line": {"width": 1.5, "color": QUIET}},
    )
    every = [100 * share for each in shares.values() for share in each]
    low = max(0.0, min(every) - max(2.0, 0.6 * (max(every) - min(every))))
    figure = _plain(figure, words.ratio, words.share, [low, min(100.0, max(every) + 2)])
    return figure.update_xaxes(type="category")


def _plain(figure: go.Figure, across: str, up: str, edges: Sequence[float]) -> go.Figure:
    return figure.update_layout(
        height=330,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        xaxis={"title": across, "fixedrange": True, "gridcolor": QUIET.replace("0.9", "0.25")},
        yaxis={
            "title": up,
            "fixedrange": True,
            "range": list(edges),
            "gridcolor": QUIET.replace("0.9", "0.25"),
        },
    )
