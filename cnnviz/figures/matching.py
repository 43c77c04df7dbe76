"""Drawings of a matching: boxes over a picture, the curve as it grows, the steps, the confusion matrix.

All are HTML and SVG in the page's own letters and colours: at each step a few numbers change, where a chart
would be drawn anew. Truths are solid and detections dashed, so that colour is never the only sign.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Kind = Literal["truth", "found truth", "ignored truth", "tp", "fp", "ignored", "open"]

TRUTH, RIGHT, WRONG, QUIET = "#0b7a3b", "#1657b0", "#b83200", "#4a5260"
_LOOK: dict[str, tuple[str, str]] = {
    "truth": (TRUTH, ""),
    "found truth": (TRUTH, ""),
    "ignored truth": (QUIET, ""),
    "tp": (RIGHT, "7 3"),
    "fp": (WRONG, "7 3"),
    "ignored": (QUIET, "2 3"),
    "open": ("#7a1fa2", "7 3"),
}
"""Colour and dashes of each kind of box."""
MARKS = {"tp": "✓", "fp": "✗", "ignored": "○", "open": "?"}
"""Signs of what became of a detection."""


@dataclass(frozen=True)
class Marked:
    """A box over a picture.

    Attributes:
        box: xyxy in the image's pixels.
        kind: what it is; see the module.
        label: a few letters in it.
        title: what pointing at it says.
        strong: whether it is the one that is looked at.
    """

    box: tuple[float, float, float, float]
    kind: Kind
    label: str
    title: str = ""
    strong: bool = False


def picture(
    jpeg: bytes | None,
    size: tuple[float, float],
    boxes: Sequence[Marked],
    alt: str,
    *,
    letter: float = 0.05,
    caption: str = "",
    most: int = 560,
) -> str:
    """HTML of boxes over a picture, or over an empty frame.

    Args:
        jpeg: stretched over the frame.
        size: width and height that the boxes count in.
        letter: height of the letters as a part of the width.
        most: width in pixels that it never exceeds.
    """
    width, height = size
    font = letter * width
    ground = (
        f'<image href="data:image/jpeg;base64,{base64.b64encode(jpeg).decode("ascii")}" width="{width:g}" '
        f'height="{height:g}" preserveAspectRatio="none"/>'
        if jpeg
        else f'<rect width="{width:g}" height="{height:g}" fill="#d9dde3"/>'
    )
    # The one that is looked at comes last, on top, but chooses the place of its label first.
    ordered = sorted(boxes, key=lambda one: one.strong)
    places: list[Place] = []
    for one in reversed(ordered):
        places.append(_label_place(one, size, font, places))
    drawn = "".join(_box(one, place[:2], font) for one, place in zip(ordered, reversed(places), strict=True))
    words = (
        f'<div style="font-size:.85rem;line-height:1.3;margin-top:.2em">{escape(caption)}</div>'
        if caption
        else ""
    )
    return (
        f'<div style="max-width:{most}px"><svg role="img" aria-label="{escape(alt)}" '
        f'viewBox="0 0 {width:g} {height:g}" style="width:100%;height:auto;display:block;border-radius:6px">'
        f"{ground}{drawn}</svg>{words}</div>"
    )


Place = tuple[float, float, float]
"""Left end and base line of a label, and its width."""


def _label_place(one: Marked, size: tuple[float, float], font: float, taken: Sequence[Place]) -> Place:
    """Where a label stands: where it covers none of those that are `taken`, if there is such a place.

    Truths say their name above, detections below, so that two that agree don't hide each other's.
    """
    x1, y1, x2, y2 = one.box
    width, wide = 0.62 * font * len(one.label), size[0]
    lines = (
        (y1 + 1.05 * font, y1 - 0.25 * font)
        if one.kind.endswith("truth")
        else (y2 - 0.35 * font, y2 + 0.95 * font)
    )
    choices = []
    for y in lines:
        for x in (x1 + 0.2 * font, x2 - width - 0.2 * font):
            inside = min(max(x, 0.2 * font), max(wide - width, 0.0))
            choices.append((inside, min(max(y, font), size[1] - 0.3 * font), width))

    def free(place: Place) -> bool:
        return all(
            abs(place[1] - y) >= font or place[0] >= x + other or x >= place[0] + width
            for x, y, other in taken
        )

    return next(filter(free, choices), choices[0])


def _box(one: Marked, place: tuple[float, float], font: float) -> str:
    colour, dashes = _LOOK[one.kind]
    x1, y1, x2, y2 = one.box
    frame = f'x="{x1:g}" y="{y1:g}" width="{max(x2 - x1, 0):g}" height="{max(y2 - y1, 0):g}"'
    thick = 4 if one.strong else 2
    lines = (
        f'<rect {frame} fill="none" stroke="#fff" stroke-opacity="0.85" stroke-width="{thick + 2}" '
        'vector-effect="non-scaling-stroke"/>'
        f'<rect {frame} fill="{colour}" fill-opacity="{0.2 if one.strong else 0.04}" stroke="{colour}" '
        f'stroke-width="{thick}" stroke-dasharray="{dashes or "none"}" vector-effect="non-scaling-stroke"/>'
    )
    x, y = place
    text = (
        f'<text x="{x:.4g}" y="{y:.4g}" font-size="{font:.4g}" font-weight="{800 if one.strong else 600}" '
        f'fill="{colour}" stroke="#fff" stroke-width="{0.28 * font:.3g}" stroke-linejoin="round" '
        f'paint-order="stroke">{escape(one.label)}</text>'
        if one.label
        else ""
    )
    return f"<g><title>{escape(one.title)}</title>{lines}{text}</g>"


def legend(entries: Sequence[tuple[Kind, str]]) -> str:
    """HTML that tells the kinds of boxes apart."""
    items = "".join(
        '<span style="white-space:nowrap"><svg width="30" height="14" aria-hidden="true" '
        'style="vertical-align:-2px"><rect x="2" y="2" width="26" height="10" fill="none" '
        'stroke="#fff" stroke-width="4"/><rect x="2" y="2" width="26" height="10" fill="none" '
        f'stroke="{_LOOK[kind][0]}" stroke-width="2.5" stroke-dasharray="{_LOOK[kind][1] or "none"}"/></svg> '
        f"{escape(text)}</span>"
        for kind, text in entries
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:.1em 1.1em;font-size:.85rem">{items}</div>'


@dataclass(frozen=True)
class Point:
    """A point of the curve: recall, precision, whether a true positive made it, and what pointing says."""

    recall: float
    precision: float
    hit: bool
    title: str = ""


@dataclass(frozen=True)
class CurveLabels:
    """Words of :func:`growing_curve`, in the reader's language."""

    recall: str
    precision: str


_LEFT, _TOP, _SIDE = 40, 12, 250
MOST_POINTS = 400


def growing_curve(
    points: Sequence[Point],
    labels: CurveLabels,
    alt: str,
    *,
    picked: Point | None = None,
    faint: Sequence[Point] = (),
) -> str:
    """HTML of the precision–recall curve as far as it has grown.

    Args:
        points: so far.
        picked: the one that is looked at; larger.
        faint: the whole curve, where it may be seen.
    """
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _at(tick, tick)
        parts.append(
            f'<path d="M{_LEFT} {y:g}H{_LEFT + _SIDE}M{x:g} {_TOP}V{_TOP + _SIDE}" stroke="currentColor" '
            f'stroke-opacity="0.18"/><text x="{_LEFT - 6}" y="{y + 4:g}" text-anchor="end">{tick:g}</text>'
            f'<text x="{x:g}" y="{_TOP + _SIDE + 16}" text-anchor="middle">{tick:g}</text>'
        )
    parts.append(
        f'<text x="{_LEFT + _SIDE / 2:g}" y="{_TOP + _SIDE + 34}" text-anchor="middle">{escape(labels.recall)}'
        f'</text><text transform="translate(11 {_TOP + _SIDE / 2:g}) rotate(-90)" text-anchor="middle">'
        f"{escape(labels.precision)}</text>"
    )
    if faint:
        parts.append(_line(faint, "currentColor", 2, 0.3))
    parts.append(_line(points, RIGHT, 2.5, 1.0))
    if len(points) <= MOST_POINTS:
        parts += [_dot(point, 4) for point in points]
    if picked is not None:
        x, y = _at(picked.recall, picked.precision)
        parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="12" fill="none" stroke="currentColor" stroke-width="2.5"/>'
            + _dot(picked, 7)
        )
    width, height = _LEFT + _SIDE + 14, _TOP + _SIDE + 42
    return (
        f'<div style="max-width:420px"><svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width} '
        f'{height}" style="width:100%;height:auto;font-size:13px;fill:currentColor">{"".join(parts)}</svg></div>'
    )


def _at(recall: float, precision: float) -> tuple[float, float]:
    return round(_LEFT + _SIDE * recall, 2), round(_TOP + _SIDE * (1 - precision), 2)


def _line(points: Sequence[Point], colour: str, width: float, opacity: float) -> str:
    # Steps too small to be seen are left out: a long curve stays light.
    path: list[str] = []
    for point in points:
        x, y = _at(point.recall, point.precision)
        text = f"{x:.0f} {y:.0f}" if len(points) > MOST_POINTS else f"{x:g} {y:g}"
        if not path or path[-1] != text:
            path.append(text)
    if not path:
        return ""
    return (
        f'<path d="M{"L".join(path)}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-opacity="{opacity}" stroke-linejoin="round"/>'
    )


def _dot(point: Point, radius: float) -> str:
    """Full where a true positive made it, a cross where a false one did."""
    x, y = _at(point.recall, point.precision)
    title = f"<title>{escape(point.title)}</title>"
    if point.hit:
        return f'<circle cx="{x:g}" cy="{y:g}" r="{radius}" fill="{RIGHT}">{title}</circle>'
    return (
        f'<g>{title}<circle cx="{x:g}" cy="{y:g}" r="{radius}" fill="#fff" fill-opacity="0.7"/>'
        f'<path d="M{x - radius:g} {y - radius:g}l{2 * radius} {2 * radius}m0 {-2 * radius}l{-2 * radius} '
        f'{2 * radius}" stroke="{WRONG}" stroke-width="{2.2 if radius < 5 else 3.2}"/></g>'
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], label: str, current: int | None = None) -> str:
    """HTML of a table that scrolls by itself, also by keyboard; the row `current` stands out."""
    cell = "padding:.12rem .55rem;text-align:right;white-space:nowrap"
    top = "".join(f'<th scope="col" style="{cell}">{escape(text)}</th>' for text in head)
    body = []
    for place, row in enumerate(rows):
        mark = (
            ' aria-current="true" style="background:rgba(86,140,220,.28);font-weight:700"'
            if place == current
            else ""
        )
        body.append(
            f"<tr{mark}>" + "".join(f'<td style="{cell}">{escape(text)}</td>' for text in row) + "</tr>"
        )
    return (
        f'<div tabindex="0" role="region" aria-label="{escape(label)}" style="overflow:auto">'
        f'<table style="border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums"><thead><tr>'
        f"{top}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def tiles(values: Sequence[tuple[str, str]]) -> str:
    """HTML of a few numbers with their names, side by side."""
    items = "".join(
        f'<div style="min-width:4.6em"><div style="font-size:.85rem">{escape(name)}</div>'
        f'<div style="font-size:1.35rem;font-weight:700;font-variant-numeric:tabular-nums">{escape(value)}</div></div>'
        for name, value in values
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:.3em 1.2em;margin:.2em 0 .6em">{items}</div>'


def confusion_table(
    matrix: Sequence[Sequence[int]], names: Sequence[str], corner: str, background: str, label: str
) -> str:
    """HTML of a confusion matrix: rows the truth, columns the detection, background last.

    Args:
        matrix: (K + 1, K + 1).
        names: of the K classes.
        corner: heads the rows and columns.
    """
    heads = [*names, background]
    largest = max((value for row in matrix for value in row), default=0) or 1
    cell = "padding:.25rem .7rem;text-align:right;border:1px solid rgba(128,128,128,.35)"
    top = "".join(f'<th scope="col" style="{cell}">{escape(head)}</th>' for head in heads)
    rows = []
    for place, (head, row) in enumerate(zip(heads, matrix, strict=True)):
        cells = []
        for column, value in enumerate(row):
            if place == column == len(names):
                cells.append(f'<td style="{cell}">·</td>')
                continue
            paint = "22,110,200" if place == column else "214,90,20"
            share = 0.45 * value / largest
            weight = ";font-weight:700" if place == column else ""
            cells.append(f'<td style="{cell};background:rgba({paint},{share:.2f}){weight}">{value:,}</td>')
        rows.append(f'<tr><th scope="row" style="{cell}">{escape(head)}</th>{"".join(cells)}</tr>')
    return (
        f'<div tabindex="0" role="region" aria-label="{escape(label)}" style="overflow:auto">'
        f'<table style="border-collapse:collapse;font-size:.9rem"><thead><tr><th style="{cell}">'
        f"{escape(corner)}</th>{top}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
