"""Pictures of the decoders lesson: strips of reconstructions, the codes' map, skips, and sizes in an encoder and decoder."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cnnviz.figures.labels import CLASSES, picture
from cnnviz.figures.maps import DIVERGING, colour, enlarge, montage
from cnnviz.images import encode_png
from cnnviz.upsampling.odd_sizes import Ladder, UNetSizes
from cnnviz.upsampling.shape_fcn import STRIDES, Way

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
LOOKS = {
    "dense": ("#80889a", "dot"), "nearest": ("#0072b2", "solid"), "bilinear": ("#56b4e9", "dash"),
    "transposed": ("#d55e00", "solid"), "pixel_shuffle": ("#009e73", "dash"),
    "resize_convolve": ("#cc79a7", "solid"), "max_unpooling": ("#e69f00", "dot"),
    "unpool_convolve": ("#e69f00", "solid"),
}  # fmt: skip
"""Colour and dash of each decoder's line."""
SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "cross",
    "x",
    "triangle-up",
    "triangle-down",
    "star",
    "hexagon",
    "bowtie",
)
_GRID = "rgba(128, 136, 150, 0.35)"


def grey(values: Floats) -> Pixels:
    """(H, W) from 0 to 1 as (H, W, 3); beyond, black and white."""
    return colour(values, "gray", (0.0, 1.0))


def uri(pixels: Pixels) -> str:
    """A picture as an address of its own."""
    return f"data:image/png;base64,{base64.b64encode(encode_png(pixels)).decode('ascii')}"


# Reconstructions


@dataclass(frozen=True, eq=False)
class Strip:
    """A row of pictures and what is told of them: a name, (N, S, S) pictures from 0 to 1, and cells of text."""

    name: str
    pictures: Floats
    cells: tuple[str, ...]
    marked: bool = False


def strips(rows: Sequence[Strip], head: Sequence[str], alt: str) -> str:
    """HTML table: a row of pictures for each decoder.

    Args:
        head: of the columns: name, pictures, and each cell.
        alt: words before each row's name that stand for its pictures.
    """
    body = []
    for row in rows:
        count, side = row.pictures.shape[:2]
        sheet = montage([grey(each) for each in row.pictures], count, side=side, gap=1)
        words = escape(f"{alt} {row.name}")
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row.cells)
        look = ' class="marked"' if row.marked else ""
        body.append(
            f'<tr{look}><th scope="row">{escape(row.name)}</th>'
            f'<td class="strip"><img src="{uri(sheet)}" alt="{words}"></td>{cells}</tr>'
        )
    titles = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    return (
        "<style>.strips{overflow:auto}.strips table{border-collapse:collapse;width:100%;font-size:.9rem}"
        ".strips th,.strips td{padding:.15rem .6rem .15rem 0;text-align:right;white-space:nowrap}"
        ".strips th[scope=row],.strips thead th:nth-child(-n+2){text-align:left;white-space:normal;min-width:6.5rem;max-width:10rem;"
        "font-weight:500;line-height:1.2;word-break:keep-all}.strips td.strip{width:100%;min-width:20rem}.strips img{width:100%;max-width:38rem;"
        "display:block;image-rendering:pixelated;margin:0}.strips tr.marked th{font-weight:700;text-decoration:underline}"
        f'</style><div class="strips" role="region" tabindex="0" aria-label="{escape(alt)}"><table>'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


@dataclass(frozen=True)
class LossLabels:
    """Words of :func:`loss_figure`: titles of the axes, and the decoders' names."""

    step: str
    error: str
    names: Mapping[str, str]


def loss_figure(history: Mapping[str, Sequence[tuple[int, float]]], labels: LossLabels) -> go.Figure:
    """The test error of every decoder as it learns, on a logarithmic axis."""
    lines = [
        go.Scatter(
            x=[step for step, _error in points],
            y=[round(error, 5) for _step, error in points],
            name=labels.names[kind],
            mode="lines" if len(points) > 1 else "markers",
            line={"color": LOOKS[kind][0], "dash": LOOKS[kind][1], "width": 2},
        )
        for kind, points in history.items()
        if points
    ]
    layout = {
        "height": 400,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "itemwidth": 40},
        "hovermode": "x unified",
        "xaxis": {"title": {"text": labels.step}, "gridcolor": _GRID, "fixedrange": True},
        "yaxis": {
            "title": {"text": labels.error}, "type": "log", "dtick": "D2", "gridcolor": _GRID,
            "fixedrange": True, "tickformat": ".2g", "range": _range(history),
        },
    }  # fmt: skip
    return go.Figure(lines, layout)


def _range(history: Mapping[str, Sequence[tuple[int, float]]]) -> list[float]:
    """Exponents of ten; the first steps' errors, many times as large, would press all else together."""
    errors = [error for points in history.values() for _step, error in points]
    low, high = min(errors, default=0.01), max(errors, default=0.2)
    return [math.log10(0.85 * low), math.log10(min(high, 0.25))]


# The map of codes


def sheet(pictures: Floats, columns: int, side: int) -> Pixels:
    """(N, S, S) decoded pictures as one, `columns` in a row, each enlarged to at least `side` pixels."""
    return montage([grey(each) for each in pictures], columns, side=side, gap=1)


@dataclass(frozen=True)
class PlaneLabels:
    """Words of :func:`plane_figure`: titles of the axes, the classes' names, and the picked place's."""

    right: str
    up: str
    classes: Sequence[str]
    picked: str


def plane_figure(
    places: Floats, classes: NDArray[np.int64], picked: tuple[float, float], reach: float, labels: PlaneLabels
) -> go.Figure:
    """Where the pictures' codes lie in the plane, a sign a class, and the place that is decoded.

    Args:
        places: (N, 2) right and up.
        classes: (N,) indices into ``labels.classes``.
        reach: how far the map of decoded pictures goes in each direction.
    """
    points = [
        go.Scatter(
            x=[round(float(x), 2) for x in places[classes == index, 0]],
            y=[round(float(y), 2) for y in places[classes == index, 1]],
            mode="markers",
            name=name,
            marker={"symbol": SYMBOLS[index], "size": 7, "opacity": 0.75},
        )
        for index, name in enumerate(labels.classes)
    ]
    points.append(
        go.Scatter(
            x=[picked[0]],
            y=[picked[1]],
            mode="markers",
            name=labels.picked,
            marker={"symbol": "circle-open", "size": 20, "color": "#d53c28", "line": {"width": 4}},
        )
    )
    axis = {"gridcolor": _GRID, "fixedrange": True, "range": [-1.15 * reach, 1.15 * reach], "zeroline": False}
    layout = {
        "height": 430,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        "xaxis": {**axis, "title": {"text": labels.right}},
        "yaxis": {**axis, "title": {"text": labels.up}},
    }
    return go.Figure(points, layout)


# Skips


@dataclass(frozen=True)
class SkipLabels:
    """Words of :func:`skip_figure`, in the reader's language.

    Attributes:
        map: over the backbone's maps; `score`: over their scores; `doubled`, `total`, `output`: over the rest.
        stride: "stride {stride}".
        results: what stands below each head's output, by stride.
        alt: what the figure shows.
    """

    map: str
    score: str
    doubled: str
    total: str
    output: str
    stride: str
    results: Mapping[int, str]
    alt: str


_SIDE, _ROW, _TOP = 104, 168, 34
_X = {"map": 0, "score": 168, "doubled": 340, "total": 500, "output": 690}


def skip_figure(way: Way, category: int, shares: Mapping[int, float], labels: SkipLabels) -> str:
    """SVG: three rows, from the coarsest map to the finest; shapes stand on the arrows.

    Args:
        category: whose scores are drawn; red is for it, blue against.
        shares: how much of each skip is added, by stride.
    """
    reach = max(float(np.abs(maps[category]).max()) for maps in way.fused.values()) or 1.0
    parts = [_style()]
    for name, title in (
        ("map", labels.map), ("score", labels.score), ("doubled", labels.doubled),
        ("total", labels.total), ("output", labels.output),
    ):  # fmt: skip
        parts.append(_text(_X[name] + _SIDE / 2, 14, title, "head"))
    for place, (stride, head) in enumerate(zip(STRIDES, way.labels, strict=True)):
        top = _TOP + place * _ROW
        middle = top + _SIDE / 2
        channels, height, width = way.sizes[stride]
        parts.append(_box(_X["map"], top + 22, _SIDE, _SIDE - 44))
        parts.append(_text(_X["map"] + _SIDE / 2, middle - 4, f"{channels} × {height} × {width}", "shape"))
        parts.append(_text(_X["map"] + _SIDE / 2, middle + 14, labels.stride.format(stride=stride), "small"))
        parts += _arrow(_X["map"] + _SIDE, middle, _X["score"], middle, "1 × 1")
        columns = (
            [("score", way.scores)] if stride == 32 else [("score", way.scores), ("doubled", way.doubled)]
        )
        shape = f"5 × {height} × {width}"
        for name, maps in (*columns, ("total", way.fused)):
            parts.append(_image(_X[name], top, colour(maps[stride][category], DIVERGING, (-reach, reach))))
            parts.append(_text(_X[name] + _SIDE / 2, top + _SIDE + 16, shape, "shape"))
        if stride == 32:
            parts += _arrow(_X["score"] + _SIDE, middle, _X["total"], middle, "")
        else:
            parts.append(_text((_X["score"] + _SIDE + _X["doubled"]) / 2, middle + 6, "+", "sign"))
            if shares[stride] != 1:
                parts.append(
                    _text(
                        (_X["score"] + _SIDE + _X["doubled"]) / 2,
                        middle - 18,
                        f"× {shares[stride]:.2g}",
                        "small",
                    )
                )
            parts.append(_text((_X["doubled"] + _SIDE + _X["total"]) / 2, middle + 6, "=", "sign"))
        parts += _arrow(_X["total"] + _SIDE, middle, _X["output"], middle, f"× {stride}")
        parts.append(_image(_X["output"], top, picture(way.labels[head], CLASSES, 4)))
        size = " × ".join(map(str, way.labels[head].shape))
        parts.append(_text(_X["output"] + _SIDE / 2, top + _SIDE + 16, f"FCN-{head}: 5 × {size}", "shape"))
        parts.append(_text(_X["output"] + _SIDE / 2, top + _SIDE + 33, labels.results[stride], "small"))
        if stride != STRIDES[-1]:
            # Down from the sum, and left to where it is doubled.
            x, y = _X["total"] + _SIDE / 2, top + _SIDE + 22
            turn, end = top + _SIDE + 44, top + _ROW
            target = _X["doubled"] + _SIDE / 2
            parts.append(
                f'<path d="M{x} {y}V{turn}H{target}V{end - 3}" class="line" marker-end="url(#tip)"/>'
            )
            parts.append(_text((x + target) / 2, turn - 5, "× 2", "small"))
    return _svg(parts, 830, _TOP + 3 * _ROW - 20, labels.alt, "skips")


# Sizes


@dataclass(frozen=True)
class SizeLabels:
    """Words of :func:`ladder_figure` and :func:`unet_figure`: what halves, what doubles, what a cure does, and the alt."""

    down: str
    up: str
    copy: str
    stuck: str
    alt: str


_BOX, _STEP = (132, 42), 82


def ladder_figure(ladder: Ladder, labels: SizeLabels) -> str:
    """SVG of an encoder and decoder: sizes in the boxes, and on the arrows what doubling made of them."""
    skips = []
    for level in reversed(ladder.levels):
        skips.append((_size(level.skip), _size(level.upsampled), level.joined and _size(level.joined)))
    # Levels above the one that failed are never reached.
    missing = len(ladder.down) - 1 - len(skips)
    unreached = [(_size(size), "", "") for size in ladder.down[:missing]]
    return _steps([*unreached, *skips], _size(ladder.down[-1]), labels)


def unet_figure(sizes: UNetSizes, labels: SizeLabels) -> str:
    """The same of the published U-Net, whose skips are cropped; sides of square maps."""
    rows = [
        (f"{skip}²", f"{cropped}²", f"{cropped}² → {cropped - 4}²") for skip, cropped in reversed(sizes.skips)
    ]
    return _steps(rows, f"{sizes.down[-1]}²", labels)


def _steps(rows: Sequence[tuple[str, str, str | None]], bottom: str, labels: SizeLabels) -> str:
    """Rows from the top: the skip, what doubling made, and what was joined: None where it failed, empty unreached."""
    wide, high = _BOX
    right, parts = 440, [_style()]
    for place, (skip, doubled, joined) in enumerate(rows):
        y, middle = 8 + place * _STEP, 8 + place * _STEP + high / 2
        parts += [_box(20, y, wide, high), _text(20 + wide / 2, middle + 5, skip, "shape")]
        if place + 1 < len(rows):
            parts += _arrow(20 + wide / 2, y + high, 20 + wide / 2, y + _STEP, "")
        parts.append(_text(20 + wide / 2 + 8, y + high + 25, labels.down, "small start"))
        if joined == "":
            continue
        failed = joined is None
        parts.append(_box(right, y, wide, high, "bad" if failed else ""))
        parts.append(_text(right + wide / 2, middle + 5, "✕" if failed else str(joined), "shape"))
        words = f"{skip} ≠ {doubled}" if failed else labels.copy
        parts += _arrow(20 + wide, middle, right, middle, words, "bad" if failed else "")
        parts += _arrow(right + wide / 2, y + _STEP, right + wide / 2, y + high, "")
        parts.append(_text(right + wide / 2 + 8, y + high + 25, f"{labels.up} {doubled}", "small start"))
    y = 8 + len(rows) * _STEP
    middle = (20 + right) / 2
    parts += [_box(middle, y, wide, high), _text(middle + wide / 2, y + high / 2 + 5, bottom, "shape")]
    reached = not rows or rows[-1][2] != ""
    parts.append(
        f'<path d="M{20 + wide / 2} {y + high - _STEP}V{y + high / 2}H{middle}" class="line" marker-end="url(#tip)"/>'
    )
    if reached:
        parts.append(f'<path d="M{middle + wide} {y + high / 2}H{right + wide / 2}V{y}" class="line"/>')
    return _svg(parts, 700, y + high + 10, labels.alt, "ladder")


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def _svg(parts: Sequence[str], width: int, height: int, alt: str, name: str) -> str:
    return (
        f'<div style="overflow-x:auto" role="region" tabindex="0" aria-label="{escape(alt)}">'
        f'<svg class="{name}" viewBox="0 0 {width} {height}" style="width:100%;min-width:600px;max-width:{width}px;'
        f'fill:currentColor" role="img" aria-label="{escape(alt)}">{"".join(parts)}</svg></div>'
    )


def _style() -> str:
    return (
        "<style>.skips text,.ladder text{text-anchor:middle;font-size:14px}.skips .head{font-weight:600}"
        ".skips .small,.ladder .small{font-size:12.5px}.skips .sign{font-size:24px}.skips .shape,.ladder .shape"
        "{font-weight:600}.ladder .start{text-anchor:start}.skips .line,.ladder .line{fill:none;stroke:currentColor;stroke-width:1.6}"
        ".ladder .bad{stroke:#d53c28;stroke-dasharray:5 4;stroke-width:2.5}.skips rect,.ladder rect{fill:none;stroke:currentColor;"
        "stroke-width:1.4;rx:5}</style>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">'
        '<path d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>'
    )


def _text(x: float, y: float, text: str, look: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{look}">{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float, look: str = "") -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{look}"/>'


def _image(x: float, y: float, pixels: Pixels) -> str:
    return (
        f'<image href="{uri(pixels)}" x="{x:g}" y="{y:g}" width="{_SIDE}" height="{_SIDE}" '
        'style="image-rendering:pixelated"/>'
    )


def _arrow(x0: float, y0: float, x1: float, y1: float, text: str, look: str = "") -> list[str]:
    parts = [f'<path d="M{x0:g} {y0:g}L{x1:g} {y1:g}" class="line {look}" marker-end="url(#tip)"/>']
    if text:
        parts.append(_text((x0 + x1) / 2, (y0 + y1) / 2 - 7, text, "small"))
    return parts


# DeconvNet


def stage_rows(stages: Sequence[Floats], channels: int, side: int) -> list[Pixels]:
    """For each stage (C, h, w), its first channels side by side, all enlarged to one height; red above 0, blue below."""
    rows = []
    for maps in stages:
        shown = maps[:channels]
        reach = max(float(np.abs(shown).max()), 1e-6)
        tiles = [colour(each, DIVERGING, (-reach, reach)) for each in shown]
        rows.append(
            montage([enlarge(tile, side // tile.shape[0]) for tile in tiles], len(tiles), side=side, gap=1)
        )
    return rows
