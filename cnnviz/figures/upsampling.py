"""Pictures of the upsampling bench: the window that all panels share, and the ways back from pooling."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from cnnviz.layers.convolution import Floats
from cnnviz.upsampling.unpooling import Arrow, RoundTrip

KEPT, WRONG, LOST = "#2478d8", "#d55e00", "#80889a"
_CELL, _HEAD, _LOW = 40, 30, 0.85


def window(shape: Sequence[int], side: int, percent: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of a window of `side` pixels in a picture of (height, width, …) `shape`.

    Args:
        percent: how far right and how far down it lies: 0 at the start, 100 at the end.

    >>> window((40, 80), 20, (100, 50))
    (10, 60, 30, 80)
    """
    height, width = shape[:2]
    rows, columns = min(side, height), min(side, width)
    left, top = round((width - columns) * percent[0] / 100), round((height - rows) * percent[1] / 100)
    return top, left, top + rows, left + columns


@dataclass(frozen=True)
class UnpoolingLabels:
    """Words of :func:`unpooling_figure`, in the reader's language.

    Attributes:
        input, pooled, unpooled: captions of the three grids.
        alt: what the figure shows.
    """

    input: str
    pooled: str
    unpooled: str
    alt: str


def unpooling_figure(trip: RoundTrip, labels: UnpoolingLabels, marked: tuple[int, int] | None = None) -> str:
    """SVG: the input with its windows, the maxima with their indices, and arrows to where they return to.

    An arrow is blue where the value stood there in the input, dashed and orange where it did not, dotted and
    grey where a later value has overwritten it. The first channel is shown.

    Args:
        marked: (row, column) of the maximum whose index has been changed.
    """
    grid, pooled, unpooled = trip.input[0], trip.pooled[0], trip.unpooled[0]
    height = max(each.shape[0] for each in (grid, unpooled))
    gap = 1.4 * _CELL
    starts = [1.0]
    for each in (grid, pooled):
        starts.append(starts[-1] + each.shape[1] * _CELL + gap)
    arrows = [arrow for arrow in trip.arrows if arrow.channel == 0]
    wrong = set(map(id, trip.misplaced))
    winners = {divmod(int(index), grid.shape[1]) for index in _remembered(trip)}
    # The small grid stands in the middle of the height, so that arrows go up and down alike.
    drop = _HEAD + (height - pooled.shape[0]) * _CELL / 2
    parts = [
        _grid(grid, starts[0], _HEAD, labels.input, strong=winners, flat=True),
        *(_window(arrow, starts[0]) for arrow in arrows),
        _grid(pooled, starts[1], drop, labels.pooled, strong=set(np.ndindex(*pooled.shape))),
        _grid(
            unpooled,
            starts[2],
            _HEAD,
            labels.unpooled,
            strong={arrow.place for arrow in arrows if arrow.kept},
            flat=True,
        ),
    ]
    for arrow in arrows:
        parts.append(_small(arrow, unpooled.shape[1], starts[1], drop, arrow.window == marked))
        look = WRONG if id(arrow) in wrong else KEPT
        parts.append(_arrow(arrow, starts[1], drop, starts[2], look if arrow.kept else LOST))
    width = starts[2] + unpooled.shape[1] * _CELL + 1
    return _svg(width, _HEAD + height * _CELL + 2, parts, labels.alt)


def plain_grids(grids: Sequence[tuple[str, Floats]], alt: str) -> str:
    """SVG of several grids of numbers, (rows, columns) each, side by side under their captions."""
    parts, left, height = [], 1.0, 0
    for caption, values in grids:
        strong = {tuple(map(int, cell)) for cell in np.argwhere(values)}
        parts.append(_grid(values, left, _HEAD, caption, strong=strong))  # type: ignore[arg-type]
        left += max(values.shape[1] * _CELL, 9 * len(caption)) + _CELL
        height = max(height, values.shape[0])
    width = left - _CELL + 1
    return _svg(width, _HEAD + height * _CELL + 2, parts, alt)


def _remembered(trip: RoundTrip) -> list[int]:
    """Flat index of each window's maximum in the first channel, whatever the indices in use say."""
    found = []
    for arrow in trip.arrows:
        if arrow.channel == 0:
            top, left, bottom, right = arrow.box
            best = int(trip.input[0, top:bottom, left:right].argmax())
            row, column = divmod(best, right - left)
            found.append((top + row) * trip.input.shape[2] + left + column)
    return found


def _svg(width: float, height: float, parts: Sequence[str], alt: str) -> str:
    # On a phone it scrolls before its numbers get too small to read.
    return (
        f'<div style="max-width:{1.2 * width:.0f}px;margin-bottom:1rem;overflow-x:auto" role="img" tabindex="0" '
        f'aria-label="{escape(alt)}"><svg aria-hidden="true" '
        f'viewBox="0 0 {width:g} {height:g}" style="width:100%;min-width:{0.65 * width:.0f}px;height:auto;display:block;'
        f'fill:currentColor;font-variant-numeric:tabular-nums">{"".join(parts)}</svg></div>'
    )


def _grid(
    values: Floats,
    left: float,
    top: float,
    caption: str,
    *,
    strong: set[tuple[int, int]],
    flat: bool = False,
) -> str:
    """A grid of numbers; `strong` cells stand out, and `flat` writes each cell's flat index small."""
    parts = [f'<text x="{left:g}" y="{top - 10:g}" font-size="15" font-weight="600">{escape(caption)}</text>']
    for row, column in np.ndindex(*values.shape):
        x, y = left + column * _CELL, top + row * _CELL
        on = (row, column) in strong
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{_CELL}" height="{_CELL}" fill="{KEPT}" '
            f'fill-opacity="{0.3 if on else 0}" stroke="currentColor" stroke-opacity="0.3"/>'
            f'<text x="{x + _CELL / 2:g}" y="{y + _CELL / 2 + 5:g}" font-size="15" text-anchor="middle" '
            f'font-weight="{700 if on else 400}">{_short(float(values[row, column]))}</text>'
        )
        if flat:
            index = row * values.shape[1] + column
            parts.append(
                f'<text x="{x + 3:g}" y="{y + 10:g}" font-size="9" fill-opacity="0.75">{index}</text>'
            )
    return "".join(parts)


def _window(arrow: Arrow, left: float) -> str:
    top, start, bottom, end = arrow.box
    return (
        f'<rect x="{left + start * _CELL:g}" y="{_HEAD + top * _CELL:g}" width="{(end - start) * _CELL}" '
        f'height="{(bottom - top) * _CELL}" fill="none" stroke="currentColor" stroke-width="2.5"/>'
    )


def _small(arrow: Arrow, width: int, left: float, top: float, marked: bool) -> str:
    """The index under a maximum."""
    x, y = left + arrow.window[1] * _CELL, top + arrow.window[0] * _CELL
    index = arrow.place[0] * width + arrow.place[1]
    frame = (
        f'<rect x="{x:g}" y="{y:g}" width="{_CELL}" height="{_CELL}" fill="none" stroke="{WRONG}" '
        'stroke-width="4"/>'
        if marked
        else ""
    )
    return f'<text x="{x + 3:g}" y="{y + 10:g}" font-size="9">{index}</text>{frame}'


def _arrow(arrow: Arrow, from_left: float, from_top: float, to_left: float, colour: str) -> str:
    """A curve from the right side of a pooled cell to the left side of its place, with a head."""
    x1 = from_left + (arrow.window[1] + 0.5) * _CELL
    x2 = to_left + (arrow.place[1] + 0.35) * _CELL
    # Along the lower parts of the cells, where no numbers stand.
    y1 = from_top + (arrow.window[0] + _LOW) * _CELL
    y2 = _HEAD + (arrow.place[0] + _LOW) * _CELL
    bend = 0.45 * (x2 - x1)
    dashes = {KEPT: "none", WRONG: "7 4", LOST: "2 4"}[colour]
    return (
        f'<path d="M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}" fill="none" '
        f'stroke="{colour}" stroke-width="2.5" stroke-opacity="0.85" stroke-dasharray="{dashes}"/>'
        f'<path d="M{x2 + 4:g} {y2:g}l-9 -5v10z" fill="{colour}"/>'
    )


def _short(value: float) -> str:
    """At most one digit behind the point, with a true minus.

    >>> _short(-2.50), _short(6.0)
    ('−2.5', '6')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text.replace("-", "−")
