"""Pictures of the lesson on transposed convolution: sparse matrices, and grids of numbers side by side.

All are HTML and SVG in the page's own letters and colours: blue above zero, orange below.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from cnnviz.figures.maps import Picture, colour, enlarge
from cnnviz.layers.convolution import Floats
from cnnviz.upsampling.transposed import ConvolutionMatrix

PLUS, MINUS = "#2478d8", "#e67700"
_STYLE = """<style>
.grids { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 1rem 2rem; }
.grids .scroll { overflow-x: auto; max-width: 100%; }
.grids table { border-collapse: separate; border-spacing: 2px; font-variant-numeric: tabular-nums; }
.grids caption { text-align: left; white-space: nowrap; padding: 0 2px 0.3rem; }
.grids caption span { display: block; font-size: 0.85rem; }
.grids td { min-width: 2.5rem; height: 2.3rem; padding: 0 0.25rem; text-align: center; border-radius: 4px;
  border: 1px solid color-mix(in srgb, currentColor 16%, transparent); }
</style>"""


def short(value: float) -> str:
    """At most two digits behind the point, with a true minus.

    >>> short(-2.50), short(1e-12)
    ('−2.5', '0')
    """
    # First without the last bits, which would round halves up here and down there.
    text = f"{round(value, 9):.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text.replace("-", "−")


def _shade(value: float, most: float) -> tuple[str, float]:
    """Colour and opacity that stand for a value next to the largest."""
    strength = min(1.0, abs(value) / most) if most else 0.0
    return (PLUS if value > 0 else MINUS), (0.05 + 0.5 * strength if strength > 1e-9 else 0.0)


@dataclass(frozen=True, eq=False)
class NumberGrid:
    """A grid of numbers with its name, a line of what it is, and the number that is coloured most."""

    title: str
    note: str
    values: Floats
    most: float


def number_grids(grids: Sequence[NumberGrid]) -> str:
    """HTML of tables side by side."""

    def cell(value: float, most: float) -> str:
        paint, opacity = _shade(value, most)
        shade = f"color-mix(in srgb, {paint} {100 * opacity:.0f}%, transparent)"
        return f'<td style="background:{shade}">{short(value)}</td>'

    tables = []
    for each in grids:
        lines = ("".join(cell(value, each.most) for value in row) for row in each.values.tolist())
        rows = "".join(f"<tr>{line}</tr>" for line in lines)
        name = escape(each.title)
        tables.append(
            f'<div class="scroll" role="region" tabindex="0" aria-label="{name}"><table>'
            f"<caption><b>{name}</b><span>{escape(each.note)}</span></caption>{rows}</table></div>"
        )
    return f'{_STYLE}<div class="grids">{"".join(tables)}</div>'


@dataclass(frozen=True)
class MatrixWords:
    """Words of :func:`matrix_drawing`, in the reader's language.

    Attributes:
        forward: title above C; `backward`: title above Cᵀ · x = y.
        forward_alt, backward_alt: what the two drawings show.
    """

    forward: str
    backward: str
    forward_alt: str
    backward_alt: str


def matrix_drawing(
    c: ConvolutionMatrix, small: Floats, cell: tuple[int, int], words: MatrixWords, reveal: bool = True
) -> str:
    """HTML with two SVG drawings: C, and Cᵀ times the flattened input.

    Args:
        c: the matrix.
        small: (h, w), the transposed convolution's input.
        cell: output (row, column) whose column of C, and row of Cᵀ, is framed.
        words: the words.
        reveal: whether the framed cell's value may be seen.
    """
    rows, columns = c.values.shape
    place = cell[0] * c.large[1] + cell[1]
    y = c.transpose(small).ravel()
    x = small.ravel()
    side = 26 if columns <= 30 else 20
    most = float(np.abs(c.values).max())
    gap = 1.6 * side
    forward = _block(c.values, (0.0, 0.0), side, most, c.taps >= 0)
    forward += _ring(place * side, 0, side, rows * side)
    backward = _block(c.values.T, (0.0, 0.0), side, most, c.taps.T >= 0)
    backward += _ring(0, place * side, rows * side, side)
    middle = columns * side / 2
    left = rows * side + gap
    backward += _sign("·", left - gap / 2, middle)
    backward += _block(x[:, None], (left, middle - rows * side / 2), side, float(np.abs(x).max()))
    left += side + gap
    backward += _sign("=", left - gap / 2, middle)
    hidden = frozenset() if reveal else frozenset({(place, 0)})
    wide = 2.2 * side
    backward += _block(y[:, None], (left, 0.0), side, float(np.abs(y).max()), None, wide, hidden)
    backward += _ring(left, place * side, wide, side)
    return (
        f'<div style="margin-bottom:.6rem">{_svg(forward, columns * side, rows * side, words.forward, words.forward_alt)}</div>'
        + _svg(backward, left + wide, columns * side, words.backward, words.backward_alt)
    )


def matrix_picture(c: ConvolutionMatrix) -> Picture:
    """C as colours, for one that is too large for numbers; its entries are higher than wide."""
    rows, columns = c.values.shape
    most = float(np.abs(c.values).max()) or 1.0
    wide = max(1, 1000 // columns)
    return enlarge(colour(c.values, "RdBu", (-most, most)), wide).repeat(max(1, 250 // (rows * wide)), axis=0)


def _svg(body: str, width: float, height: float, title: str, alt: str) -> str:
    """A drawing that shrinks to its place, but not beyond what can be read; then it scrolls."""
    least = min(width, 0.85 * width if width > 520 else 320)
    return (
        f'<p style="margin:0 0 .3rem"><b>{escape(title)}</b></p>'
        f'<div style="overflow-x:auto" role="region" tabindex="0" aria-label="{escape(title)}">'
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="-2 -2 {width + 4:g} {height + 4:g}" '
        f'style="display:block;width:100%;max-width:{width + 4:g}px;min-width:{least:.0f}px;height:auto">'
        f"{body}</svg></div>"
    )


def _block(
    values: Floats,
    corner: tuple[float, float],
    side: float,
    most: float,
    written: NDArray[np.bool_] | None = None,
    wide: float | None = None,
    hidden: frozenset[tuple[int, int]] = frozenset(),
) -> str:
    """SVG of a matrix; entries that are not `written` stay empty."""
    rows, columns = values.shape
    x0, y0 = corner
    wide = side if wide is None else wide
    lines = "".join(f"M{x0:g} {y0 + row * side:g}h{columns * wide:g}" for row in range(rows + 1))
    lines += "".join(f"M{x0 + column * wide:g} {y0:g}v{rows * side:g}" for column in range(columns + 1))
    parts = []
    for (row, column), value in np.ndenumerate(values):
        if written is not None and not written[row, column]:
            continue
        x, y = x0 + column * wide, y0 + row * side
        unknown = (row, column) in hidden
        paint, opacity = _shade(0.0 if unknown else float(value), most)
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{side:g}" fill="{paint}" fill-opacity="{opacity:.2f}"/>'
            f'<text x="{x + wide / 2:g}" y="{y + 0.68 * side:g}">{"?" if unknown else short(float(value))}</text>'
        )
    size = 0.5 * side
    return (
        f'<g fill="currentColor" font-size="{size:g}" text-anchor="middle">{"".join(parts)}</g>'
        f'<path d="{lines}" fill="none" stroke="currentColor" stroke-opacity="0.22" stroke-width="1"/>'
    )


def _ring(x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" fill="none" '
        f'stroke="currentColor" stroke-width="3"/>'
    )


def _sign(text: str, x: float, y: float) -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="22" text-anchor="middle" fill="currentColor">{text}</text>'
