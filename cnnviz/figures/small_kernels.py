"""Drawings of what layers cost: pipes of channels, sheets of weights, bars, the crossover, a fan over channels.

All are HTML with inline SVG, in the page's own colours, letters and width: where a chart would be
drawn anew at every step of a slider, here a few numbers change.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cnnviz.layers.cost import ChannelLevel, Design, LayerCost, Sweep, channel_reads, shuffle_order

SPATIAL, POINTWISE, DENSE, NOTHING = "#3a86d4", "#1f9e7a", "#a463c9", "#8b95a3"
MAP = "#e06c00"
MOST_LANES = 12
"""Lanes of a grouped layer that a pipe shows; more would be grey mush."""
MOST_SQUARES = 64
"""Blocks of a grouped layer's sheet that are drawn one by one."""
MOST_CELLS = 24
"""Channels up to which they are drawn one by one, with a line for every connection."""


def paint(layer: LayerCost) -> str:
    """Colour of a layer by what it does: looks around, mixes channels, or both on everything."""
    if not layer.weights:
        return NOTHING
    if layer.kind == "linear":
        return DENSE
    return POINTWISE if layer.kernel_size == (1, 1) else SPATIAL


@dataclass(frozen=True)
class Panel:
    """One design to draw.

    Attributes:
        title: above the drawing.
        design: what it costs.
        slabs: numbers whose maps stand between the layers: channels, or cells; one more than layers.
        names: of the layers, such as "3×3".
        short: its name beside its bars.
    """

    title: str
    design: Design
    slabs: tuple[int, ...]
    names: tuple[str, ...]
    short: str


def panels(drawn: Sequence[Panel], alt: str, sheets: bool = True) -> str:
    """Designs side by side: the pipe that the channels flow through, and each layer's weights as a sheet.

    Args:
        alt: what the drawing shows.
        sheets: whether the weights are shown; all of them to one scale.
    """
    thickest = max(max(panel.slabs) for panel in drawn)
    unit = sheet_unit([panel.design for panel in drawn])
    halves = []
    for panel in drawn:
        parts = [
            f'<div style="font-weight:600;font-size:15px;word-break:keep-all">{escape(panel.title)}</div>'
        ]
        parts.append(_pipe(panel, thickest))
        if sheets:
            # Centred under the pipe, so that each sheet stands near its layer.
            items = "".join(_sheet(layer, unit) for layer in panel.design.layers)
            row = "display:flex;flex-wrap:wrap;gap:8px 12px;align-items:flex-end;justify-content:space-evenly"
            parts.append(f'<div style="{row}">{items}</div>')
        style = "min-width:0;container-type:inline-size"
        halves.append(f'<div style="{style}">{"".join(parts)}</div>')
    # Tracks of equal width, in as many rows as it takes: a percent of each is the same length everywhere.
    tracks = "display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:20px 28px"
    style = f"{tracks};font-size:13px;line-height:1.35;fill:currentColor"
    return f'<div role="img" aria-label="{escape(alt)}" style="{style}">{"".join(halves)}</div>'


def sheet_unit(designs: Sequence[Design]) -> float:
    """Percent of a panel's width that one number of a sheet's side is given, the same in all panels.

    >>> from cnnviz.layers.cost import small_kernels
    >>> pair = small_kernels(2, 3, 64, 56)
    >>> round(sheet_unit([pair.plain, pair.factored]) * 5 * 64, 1)  # the 5×5 fills half a panel's width
    50.0
    """
    widths = [sum(layer.sheet[1] for layer in design.layers) for design in designs]
    heights = [layer.sheet[0] for design in designs for layer in design.layers]
    return min(88 / max(*widths, 1), 50 / max(*heights, 1))


def _pipe(panel: Panel, thickest: int) -> str:
    """Maps as slabs as thick as their channels, layers as the pipes between them."""
    layers = panel.design.layers
    columns = len(layers) + 1
    half = [max(slab / thickest, 0.03) for slab in panel.slabs]
    shapes, words = [], []
    for place, (layer, name) in enumerate(zip(layers, panel.names, strict=True)):
        x0, x1, y0, y1 = place + 0.5, place + 1.5, half[place], half[place + 1]
        if layer.kind == "shuffle":
            shapes += _crossings(x0, x1, y0, min(layer.groups, 6))
        else:
            grouped = layer.kind == "conv" and layer.groups > 1
            lanes = min(layer.groups, MOST_LANES) if grouped else 1
            shapes += [_lane(x0, x1, y0, y1, lane, lanes, paint(layer)) for lane in range(lanes)]
        words.append(_word(100 * (place + 1) / columns, 14, name, bold=True))
    for place, slab in enumerate(panel.slabs):
        x, y = place + 0.5 - 0.035, half[place]
        shapes.append(f'<rect x="{x:g}" y="{-y:.3f}" width="0.07" height="{2 * y:.3f}" fill="{MAP}"/>')
        words.append(_word(100 * (place + 0.5) / columns, 106, f"{slab:,}"))
    view = f'viewBox="0 -1 {columns} 2" preserveAspectRatio="none"'
    inner = f'<svg x="0" y="24" width="100%" height="64" {view}>{"".join(shapes)}</svg>'
    return f'<svg width="100%" height="116" style="overflow:visible">{inner}{"".join(words)}</svg>'


def _word(x: float, y: float, text: str, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.2f}%" y="{y:g}" text-anchor="middle"{weight}>{escape(text)}</text>'


def _lane(x0: float, x1: float, y0: float, y1: float, lane: int, lanes: int, colour: str) -> str:
    gap = 0.0 if lanes == 1 else 0.18
    top, bottom = (lane + gap) / lanes * 2 - 1, (lane + 1 - gap) / lanes * 2 - 1
    points = ((x0, top * y0), (x1, top * y1), (x1, bottom * y1), (x0, bottom * y0))
    text = " ".join(f"{x:g},{y:.3f}" for x, y in points)
    return f'<polygon points="{text}" fill="{colour}" fill-opacity="0.55"/>'


def _crossings(x0: float, x1: float, half: float, groups: int) -> list[str]:
    def height(place: int) -> float:
        return ((place + 0.5) / groups**2 * 2 - 1) * half

    order = shuffle_order(groups * groups, groups)
    look = f'stroke="{NOTHING}" vector-effect="non-scaling-stroke"'
    return [
        f'<line x1="{x0:g}" y1="{height(old):.3f}" x2="{x1:g}" y2="{height(new):.3f}" {look}/>'
        for new, old in enumerate(order)
    ]


def _sheet(layer: LayerCost, unit: float) -> str:
    """One layer's weights as an area to scale; of groups only the blocks on the diagonal are filled."""
    rows, columns = layer.sheet
    if not rows:
        return f'<div style="min-width:48px;text-align:center">{layer.weights}</div>'
    groups, colour = layer.groups, paint(layer)
    thin = 'vector-effect="non-scaling-stroke"'
    parts = []
    if groups == 1:
        parts.append(f'<rect width="{columns}" height="{rows}" fill="{colour}"/>')
        if unit * min(layer.kernel_size) > 1:  # percent; closer lines would cover the sheet
            parts.append(_kernels(layer))
    else:
        frame = f'fill="{NOTHING}" fill-opacity="0.12" stroke="{NOTHING}" stroke-dasharray="3 3" {thin}'
        parts.append(f'<rect width="{columns}" height="{rows}" {frame}/>')
        width, height = columns / groups, rows / groups
        if groups <= MOST_SQUARES:
            path = "".join(
                f"M{g * width:g} {g * height:g}h{width:g}v{height:g}h{-width:g}z" for g in range(groups)
            )
        else:  # a band of the same area
            path = f"M0 0V{height:g}L{columns:g} {rows:g}V{rows - height:g}z"
        parts.append(f'<path d="{path}" fill="{colour}" stroke="{colour}" stroke-width="0.7" {thin}/>')
    size = f"width:max(3px,{unit * columns:.3f}cqw);height:max(3px,{unit * rows:.3f}cqw)"
    view = f'viewBox="0 0 {columns} {rows}" preserveAspectRatio="none"'
    drawing = f'<svg {view} style="{size};overflow:visible;display:block">{"".join(parts)}</svg>'
    column = "display:flex;flex-direction:column;align-items:center;gap:3px"
    return f'<div style="{column}">{drawing}<span>{layer.weights:,}</span></div>'


def _kernels(layer: LayerCost, most: int = 32) -> str:
    """Lines between the kernels on a sheet, where there are few enough to be seen."""
    rows, columns = layer.sheet
    if layer.kind != "conv" or max(layer.in_channels, layer.out_channels) > most:
        return ""
    height, width = layer.kernel_size
    path = "".join(f"M{x} 0V{rows}" for x in range(width, columns, width))
    path += "".join(f"M0 {y}H{columns}" for y in range(height, rows, height))
    look = 'stroke="#ffffff" stroke-opacity="0.6" fill="none" vector-effect="non-scaling-stroke"'
    return f'<path d="{path}" {look}/>' if path else ""


@dataclass(frozen=True)
class Bars:
    """One measure of every design.

    Attributes:
        title: the measure's name.
        parts: for each design, how much of it each layer adds.
        texts: for each design, the sum in words.
    """

    title: str
    parts: tuple[tuple[float, ...], ...]
    texts: tuple[str, ...]


def bars(measures: Sequence[Bars], drawn: Sequence[Panel], alt: str) -> str:
    """Each measure as one bar a design, layer after layer in the layers' colours, to one scale a measure."""
    rows = []
    for measure in measures:
        rows.append(
            f'<div style="grid-column:1/-1;font-weight:600;margin-top:6px">{escape(measure.title)}</div>'
        )
        longest = max(sum(parts) for parts in measure.parts) or 1
        for panel, parts, text in zip(drawn, measure.parts, measure.texts, strict=True):
            pieces = "".join(
                f'<div style="width:{100 * part / longest:.3f}%;background:{paint(layer)};'
                'box-shadow:inset -1px 0 rgba(255,255,255,.7)"></div>'
                for part, layer in zip(parts, panel.design.layers, strict=True)
                if part
            )
            rows.append(f"<div>{escape(panel.short)}</div>")
            rows.append(f'<div style="display:flex;height:15px">{pieces}</div>')
            rows.append(f'<div style="text-align:right;font-variant-numeric:tabular-nums">{text}</div>')
    style = (
        "display:grid;grid-template-columns:max-content minmax(0,1fr) max-content;gap:3px 10px;"
        "align-items:center;font-size:14px;line-height:1.3;margin-bottom:18px"
    )
    return f'<div role="img" aria-label="{escape(alt)}" style="{style}">{"".join(rows)}</div>'


@dataclass(frozen=True)
class CrossoverLabels:
    """Words of :func:`crossover`.

    Attributes:
        channels: title of the axis below.
        parameters, memory: names of the two lines.
        more, less: what it means to lie above 1, and below.
    """

    channels: str
    parameters: str
    memory: str
    more: str
    less: str


_TICKS = tuple(digit * 10.0**power for power in range(-2, 5) for digit in (1, 2, 5))


def crossover(
    curve: Sweep, today: int, found: Sequence[float | None], labels: CrossoverLabels, alt: str
) -> str:
    """What the stack costs in terms of the one layer, over C; both axes logarithmic.

    Args:
        today: C that is set now; must lie on the curve's span.
        found: C at which each line, parameters and memory, crosses 1, if it does.
    """
    values = (*curve.parameters, *curve.memory)
    low, high = min(*values, 0.7) * 0.9, max(*values, 1.4) * 1.1
    height, last = 220.0, curve.channels[-1]

    def x(channels: float) -> float:
        return 100 * math.log(channels) / math.log(last)

    def y(ratio: float) -> float:
        return height * (1 - math.log(ratio / low) / math.log(high / low))

    look = 'fill="none" stroke-width="2.5" vector-effect="non-scaling-stroke"'
    one = y(1)
    shapes = [f'<rect y="0" width="100" height="{one:.1f}" fill="{MAP}" fill-opacity="0.09"/>']
    shapes.append(
        f'<rect y="{one:.1f}" width="100" height="{height - one:.1f}" fill="{POINTWISE}" fill-opacity="0.11"/>'
    )
    for line, colour, dash in (
        (curve.parameters, SPATIAL, ""),
        (curve.memory, MAP, ' stroke-dasharray="7 4"'),
    ):
        points = " ".join(f"{x(c):.2f},{y(v):.1f}" for c, v in zip(curve.channels, line, strict=True))
        shapes.append(f'<polyline points="{points}" stroke="{colour}" {look}{dash}/>')
    view = f'viewBox="0 0 100 {height:g}" preserveAspectRatio="none"'
    parts = [f'<svg width="100%" height="{height:g}" {view}>{"".join(shapes)}</svg>']
    parts.append(f'<line x1="0" x2="100%" y1="{one:.1f}" y2="{one:.1f}" stroke="currentColor"/>')
    now = f'x1="{x(today):.2f}%" x2="{x(today):.2f}%" y1="0" y2="{height:g}"'
    parts.append(f'<line {now} stroke="currentColor" stroke-dasharray="2 3"/>')
    parts.append(_tick(x(today), -6, f"<tspan font-weight='600'>C = {today}</tspan>"))
    # In the corners that the lines leave free.
    rising = curve.parameters[-1] > curve.parameters[0]
    left, right = 'x="1%"', 'x="99%" text-anchor="end"'
    more, less = (left, right) if rising else (right, left)
    for channels, colour in zip(found, (SPATIAL, MAP), strict=True):
        if channels is not None and 1 <= channels <= last:
            parts.append(f'<circle cx="{x(channels):.2f}%" cy="{one:.1f}" r="5" fill="{colour}"/>')
    parts.append(f'<text {more} y="17" opacity="0.85">{escape(labels.more)}</text>')
    parts.append(f'<text {less} y="{height - 9:g}" opacity="0.85">{escape(labels.less)}</text>')
    ticks = [8**power for power in range(20) if 8**power <= last]
    parts += [_tick(x(tick), height + 17, f"{tick:,}") for tick in ticks]
    parts.append(_word(50, height + 38, labels.channels))
    ys = [tick for tick in _TICKS if low <= tick <= high]
    while len(ys) > 7:
        ys = [tick for place, tick in enumerate(ys) if tick == 1 or place % 2 == 0]
    side = "".join(f'<text x="34" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>' for tick in ys)
    legend = "".join(
        f'<span style="margin-right:18px;white-space:nowrap"><svg width="26" height="10">'
        f'<line x1="0" x2="26" y1="5" y2="5" stroke="{colour}" stroke-width="3"{dash}/></svg> {escape(name)}</span>'
        for name, colour, dash in (
            (labels.parameters, SPATIAL, ""),
            (labels.memory, MAP, ' stroke-dasharray="7 4"'),
        )
    )
    svg = "overflow:visible;flex:1;min-width:0"
    charts = (
        f'<svg width="40" height="{height + 46:g}" style="overflow:visible">{side}</svg>'
        f'<svg width="100%" height="{height + 46:g}" style="{svg}">{"".join(parts)}</svg>'
    )
    return (
        f'<div role="img" aria-label="{escape(alt)}" style="font-size:13px;fill:currentColor">'
        f'<div style="padding:0 0 24px 40px">{legend}</div>'
        f'<div style="display:flex;padding-right:10px">{charts}</div></div>'
    )


def _tick(x: float, y: float, text: str) -> str:
    anchor = "start" if x < 1 else "end" if x > 99 else "middle"
    return f'<text x="{x:.2f}%" y="{y:g}" text-anchor="{anchor}">{text}</text>'


def channel_fan(
    levels: Sequence[ChannelLevel], names: Sequence[str], channels: int, groups: int, alt: str
) -> str:
    """Channels from the input (left) to the last layer (right); those that one output depends on are filled.

    Args:
        names: of the levels.
    """
    single = channels <= MOST_CELLS
    top, height = 24.0, float(min(340, max(150, 15 * channels)))
    pitch = height / channels
    columns = len(levels)

    def x(level: int) -> str:
        return f"{100 * (level + 0.5) / columns:.2f}%"

    def y(channel: float) -> float:
        return top + pitch * channel

    parts = []
    if single:
        for place, level in enumerate(levels[1:]):
            for channel in sorted(level.seen):
                for read in channel_reads(level.kind, channel, channels, groups):
                    colour = NOTHING if level.kind == "shuffle" else SPATIAL
                    ends = f'x1="{x(place)}" y1="{y(read + 0.5):.1f}" x2="{x(place + 1)}" y2="{y(channel + 0.5):.1f}"'
                    parts.append(f'<line {ends} stroke="{colour}" stroke-opacity="0.7"/>')
    for place, (level, name) in enumerate(zip(levels, names, strict=True)):
        cells = []
        for first, stop, seen in _runs(level.seen, channels, single):
            colour = (MAP if place == columns - 1 else SPATIAL) if seen else NOTHING
            faint = "" if seen else ' fill-opacity="0.3"'
            gap = 0.1 * pitch if single else 0.0
            high = max(pitch * (stop - first) - 2 * gap, 2)
            cells.append(
                f'<rect x="-12" y="{y(first) + gap:.2f}" width="24" height="{high:.2f}" fill="{colour}"{faint}/>'
            )
        each = channels // groups
        if each > 1 and groups <= MOST_CELLS:
            for edge in range(each, channels, each):
                cells.append(f'<path d="M-17 {y(edge):.2f}H17" stroke="currentColor" stroke-opacity="0.6"/>')
        parts.append(f'<svg x="{x(place)}" style="overflow:visible">{"".join(cells)}</svg>')
        parts.append(_word(100 * (place + 0.5) / columns, 14, name))
        parts.append(
            _word(100 * (place + 0.5) / columns, top + height + 18, f"{len(level.seen):,}", bold=True)
        )
    style = "overflow:visible;font-size:13px;fill:currentColor"
    return (
        f'<div role="img" aria-label="{escape(alt)}"><svg width="100%" height="{top + height + 40:g}" '
        f'style="{style}">{"".join(parts)}</svg></div>'
    )


def _runs(seen: frozenset[int], channels: int, single: bool) -> list[tuple[int, int, bool]]:
    """(first, stop, seen) of neighbours that are alike, or of every channel where each is drawn."""
    runs: list[tuple[int, int, bool]] = []
    for channel in range(channels):
        counted = channel in seen
        if runs and runs[-1][2] == counted and not single:
            runs[-1] = (runs[-1][0], channel + 1, counted)
        else:
            runs.append((channel, channel + 1, counted))
    return runs
