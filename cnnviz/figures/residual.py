"""Pictures of the lesson on residual blocks: maps and Jacobians in common colours, gradients by depth, paths by length.

The drawings are HTML with inline SVG in the page's own colours, letters and width: where a chart would be drawn
anew at every step of a slider, here a few numbers change.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from cnnviz.figures.maps import DIVERGING, Picture, colour, enlarge

Floats = NDArray[np.float64]
PLAIN, RESIDUAL, OTHER = "#e06c00", "#3a86d4", "#8b95a3"
_HIGH = 300.0
"""Height of a drawing in pixels."""


def coloured(maps: Sequence[Floats], side: int) -> list[Picture]:
    """(h, w) numbers of both signs as pictures with common limits: white is zero.

    Args:
        side: each is enlarged, by a whole factor, until its longer side is at least so long in pixels.
    """
    top = max(float(np.abs(each).max()) for each in maps) or 1.0
    return [
        enlarge(colour(each, DIVERGING, (-top, top)), max(1, math.ceil(side / max(each.shape))))
        for each in maps
    ]


# Gradients by depth


@dataclass(frozen=True, eq=False)
class Line:
    """One line of :func:`log_lines`.

    Attributes:
        name: in the legend.
        values: (n,), where it runs; what is not above 0 is left out.
        low, high: (n,), the band around it.
        paint: its colour.
        dashed: whether it is.
    """

    name: str
    values: Floats
    low: Floats
    high: Floats
    paint: str
    dashed: bool = False


@dataclass(frozen=True)
class LogLabels:
    """Words of :func:`log_lines`.

    Attributes:
        x: title of the axis below.
        point: said of a point: ``{name}``, ``{x}``, ``{value}``, ``{low}``, ``{high}``.
        floor: beside the line at the floor.
    """

    x: str
    point: str
    floor: str = ""


def log_lines(
    lines: Sequence[Line], first: int, labels: LogLabels, alt: str, floor: float | None = None
) -> str:
    """Lines over whole numbers from `first` on, with a logarithmic axis.

    Args:
        floor: a value to mark by a line across, if it lies in view.
    """
    present = [each[each > 0] for line in lines for each in (line.low, line.high)]
    found = np.concatenate(present) if any(each.size for each in present) else np.array([1.0])
    low, high = (
        math.floor(math.log10(found.min()) - 0.1),
        math.ceil(math.log10(found.max()) + 0.1),
    )
    high = max(high, low + 2)
    count = len(lines[0].values)

    def x(place: float) -> float:
        return 100 * (place + 0.5) / count

    def y(value: float) -> float:
        return _HIGH * (high - math.log10(value)) / (high - low)

    shapes, marks = [], []
    for line in lines:
        dash = ' stroke-dasharray="7 4"' if line.dashed else ""
        for run in _runs(line.values > 0):
            band = [f"{x(i):.2f},{y(line.high[i]):.1f}" for i in run]
            band += [f"{x(i):.2f},{y(max(line.low[i], 10.0**low)):.1f}" for i in reversed(run)]
            shapes.append(f'<polygon points="{" ".join(band)}" fill="{line.paint}" fill-opacity="0.22"/>')
            way = " ".join(f"{x(i):.2f},{y(line.values[i]):.1f}" for i in run)
            shapes.append(
                f'<polyline points="{way}" fill="none" stroke="{line.paint}" stroke-width="2.5"{dash} '
                'vector-effect="non-scaling-stroke"/>'
            )
            radius = 3 if count <= 60 else 2
            for i in run:
                said = labels.point.format(
                    name=line.name, x=first + i, value=f"{line.values[i]:.2g}",
                    low=f"{line.low[i]:.2g}", high=f"{line.high[i]:.2g}",
                )  # fmt: skip
                marks.append(
                    f'<circle cx="{x(i):.2f}%" cy="{y(line.values[i]):.1f}" r="{radius}" fill="{line.paint}">'
                    f"<title>{escape(said)}</title></circle>"
                )
    if floor is not None and 10.0**low < floor < 10.0**high:
        height = f"{y(floor):.1f}"
        marks.append(
            f'<line x1="0" x2="100%" y1="{height}" y2="{height}" stroke="currentColor" stroke-dasharray="2 4"/>'
            f'<text x="100%" y="{y(floor) + 16:.1f}" text-anchor="end">{escape(labels.floor)}</text>'
        )
    return _drawing(
        shapes, marks, _powers(low, high), [(x(tick - first), str(tick)) for tick in _ticks(first, count)],
        _legend([(line.name, line.paint, line.dashed) for line in lines]), labels.x, alt,
    )  # fmt: skip


def _runs(there: NDArray[np.bool_]) -> list[list[int]]:
    """Neighbouring places that are there, together."""
    runs: list[list[int]] = []
    for place in np.flatnonzero(there).tolist():
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _powers(low: int, high: int) -> list[tuple[float, str]]:
    """Powers of ten for the axis: (pixel from above, text)."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if (high - low) / step <= 7)
    return [
        (_HIGH * (high - power) / (high - low), f'10<tspan dy="-5" font-size="10">{_signed(power)}</tspan>')
        for power in range(math.ceil(low / step) * step, high + 1, step)
    ]


def _signed(number: int) -> str:
    return str(number).replace("-", "−")


def _ticks(first: int, count: int) -> list[int]:
    """Round numbers of `count` from `first` on; both ends where they don't touch another."""
    step = next(step for step in (1, 2, 5, 10, 20, 50) if count / step <= 12)
    last = first + count - 1
    inner = [
        n for n in range(first, last) if n % step == 0 and n - first >= step / 2 and last - n >= step / 2
    ]
    return sorted({first, *inner, last})


# Paths by length


@dataclass(frozen=True)
class LengthLabels:
    """Words of :func:`length_bars`: the axis, the names of what is drawn, and a bar's text.

    Attributes:
        point: ``{length}``, ``{count}``, ``{paths}``, ``{carried}`` and ``{together}``, shares in percent.
    """

    x: str
    paths: str
    carried: str
    together: str
    point: str


def length_bars(
    counts: Sequence[int], shares: Floats, together: Floats, chosen: int, labels: LengthLabels, alt: str
) -> str:
    """For each length: its share of the paths, of the gradient they carry one by one, and of what arrives.

    Args:
        counts: paths of each length, from 0 on.
        shares, together: (n + 1,), each with the sum 1.
        chosen: the length that is picked out.
    """
    paths = np.array([count / sum(counts) for count in counts])
    top = 1.08 * float(max(paths.max(), shares.max(), together.max()))
    size = len(counts)

    def y(share: float) -> float:
        return _HIGH * (1 - share / top)

    def bar(place: int, share: float, inset: float, look: str) -> str:
        left, width = 100 * (place + inset) / size, 100 * (1 - 2 * inset) / size
        return (
            f'<rect x="{left:.3f}" y="{y(share):.1f}" width="{width:.3f}" height="{_HIGH - y(share):.1f}" {look} '
            'vector-effect="non-scaling-stroke"/>'
        )

    shapes, marks = [], []
    if 0 <= chosen < size:
        shapes.append(f'<rect x="{100 * chosen / size:.3f}" y="0" width="{100 / size:.3f}" height="{_HIGH:g}" fill="{OTHER}" fill-opacity="0.25"/>')  # fmt: skip
    for place in range(size):
        shapes.append(bar(place, paths[place], 0.06, f'fill="none" stroke="{OTHER}" stroke-width="1.5"'))
        shapes.append(bar(place, shares[place], 0.16, f'fill="{RESIDUAL}"'))
    way = " ".join(f"{100 * (place + 0.5) / size:.2f},{y(share):.1f}" for place, share in enumerate(together))
    shapes.append(
        f'<polyline points="{way}" fill="none" stroke="{PLAIN}" stroke-width="2.5" vector-effect="non-scaling-stroke"/>'
    )
    for place, count in enumerate(counts):
        said = labels.point.format(
            length=place, count=f"{count:,}", paths=_percent(paths[place]), carried=_percent(shares[place]),
            together=_percent(together[place]),
        )  # fmt: skip
        marks.append(
            f'<rect x="{100 * place / size:.3f}%" y="0" width="{100 / size:.3f}%" height="{_HIGH:g}" fill="transparent">'
            f"<title>{escape(said)}</title></rect>"
        )
    grid = [(y(share), f"{100 * share:g} %") for share in _shares(top)]
    below = [(100 * (tick + 0.5) / size, str(tick)) for tick in _ticks(0, size)]
    names = [(labels.paths, OTHER, False), (labels.carried, RESIDUAL, False), (labels.together, PLAIN, False)]
    return _drawing(shapes, marks, grid, below, _legend(names), labels.x, alt)


def _shares(top: float) -> list[float]:
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if top / step <= 7)
    return [round(step * index, 2) for index in range(int(top / step) + 1)]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


# What both have in common


def _legend(entries: Sequence[tuple[str, str, bool]]) -> str:
    """(name, colour, dashed) of each, in a row that wraps."""
    look = (
        "display:inline-block;width:22px;height:0;border-top:3px {} {};vertical-align:middle;margin-right:6px"
    )
    parts = (
        f'<span style="margin-right:18px"><span style="{look.format("dashed" if dashed else "solid", paint)}"></span>{escape(name)}</span>'
        for name, paint, dashed in entries
    )
    return f'<div style="padding-left:52px;line-height:1.7">{"".join(parts)}</div>'


def _drawing(
    shapes: Sequence[str],
    marks: Sequence[str],
    grid: Sequence[tuple[float, str]],
    below: Sequence[tuple[float, str]],
    legend: str,
    title: str,
    alt: str,
) -> str:
    """Axes around what is drawn.

    Args:
        shapes: SVG stretched to the width, from 0 to 100 across and 0 to _HIGH down.
        marks: SVG that keeps its form, with places across in percent.
        grid: (pixel from above, SVG of the text) of the lines across.
        below: (percent across, text) under the axis.
    """
    texts = "".join(f'<text x="46" y="{y + 4:.1f}" text-anchor="end">{text}</text>' for y, text in grid)
    across = "".join(
        f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}" stroke="{OTHER}" stroke-opacity="0.35"/>'
        for y, _text in grid
    )
    ticks = "".join(
        f'<text x="{x:.2f}%" y="{_HIGH + 18:g}" text-anchor="middle">{escape(text)}</text>'
        for x, text in below
    )
    named = f'<text x="50%" y="{_HIGH + 40:g}" text-anchor="middle">{escape(title)}</text>'
    view = f'viewBox="0 0 100 {_HIGH:g}" preserveAspectRatio="none"'
    stretched = f'<svg width="100%" height="{_HIGH:g}" {view}>{"".join(shapes)}</svg>'
    height = f'height="{_HIGH + 48:g}"'
    left = f'<svg width="52" {height} style="overflow:visible;flex:none">{texts}</svg>'
    right = f'<svg width="100%" {height} style="overflow:visible;flex:1;min-width:0">{across}{stretched}{"".join(marks)}{ticks}{named}</svg>'
    return (
        f'<div role="img" aria-label="{escape(alt)}" style="font-size:13px;fill:currentColor">{legend}'
        f'<div style="display:flex;padding-top:8px">{left}{right}</div></div>'
    )
