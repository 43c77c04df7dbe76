"""Figures of a counted network: who holds what, by kind of layer as bars, module by module as a treemap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from cnnviz.zoo.counting.results import ModuleNode
from cnnviz.zoo.counting.shares import KINDS, Measure, amount, kind_of

COLOURS = {
    "convolution": "#1f6fb5",
    "dense": "#b34b00",
    "attention": "#8347b0",
    "normalisation": "#2a7a4b",
    "other": "#5f6b7a",
}
"""Of the kinds of layers: white letters are readable on each, and each on a light or dark page."""
_CLEAR = "rgba(0,0,0,0)"
MOST = 64
"""Areas that a treemap shows at once, where it has a choice."""


def short(value: int, unit: str = "") -> str:
    r"""Three digits and a prefix, which no line break parts.

    >>> short(25557032), short(4089284608), short(97_500_000, "B"), short(999)
    ('25.6\xa0M', '4.09\xa0G', '97.5\xa0MB', '999')
    """
    for power, prefix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if value >= 10**power:
            scaled = value / 10**power
            return f"{scaled:.{3 - len(str(int(scaled)))}f}\N{NO-BREAK SPACE}{prefix}{unit}"
    return f"{value}\N{NO-BREAK SPACE}{unit}".strip()


def percent(part: float, whole: float) -> str:
    r"""A share with as many digits as it needs; less than a tenth of a percent says so.

    >>> percent(1, 3), percent(0, 5), percent(1, 10**6), percent(1, 1)
    ('33.3\xa0%', '0\xa0%', '<\xa00.1\xa0%', '100\xa0%')
    """
    share = 100 * part / whole if whole else 0
    if 0 < share < 0.1:
        return "<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}%"
    return f"{share:.1f}".removesuffix(".0") + "\N{NO-BREAK SPACE}%"


def kind_bars(sums: Mapping[str, Mapping[str, int]], names: Mapping[str, str], alt: str) -> str:
    """A bar for each measure, divided by kind of layer.

    Args:
        sums: by the measure's title, the amount of each of :data:`~cnnviz.zoo.counting.shares.KINDS`.
        names: of the kinds, in the reader's language.
        alt: the words that stand for it.

    Returns:
        HTML in the page's own colours, letters and width.
    """
    used = [kind for kind in KINDS if any(amounts[kind] for amounts in sums.values())]
    key = "".join(
        f'<span style="white-space:nowrap"><span style="display:inline-block;width:.8em;height:.8em;'
        f'background:{COLOURS[kind]};border-radius:2px"></span> {escape(names[kind])}</span>'
        for kind in used
    )
    lines = []
    for title, amounts in sums.items():
        whole = sum(amounts.values())
        parts = "".join(
            _segment(amounts[kind] / whole, COLOURS[kind], f"{names[kind]}: {percent(amounts[kind], whole)}")
            for kind in used
            if whole and amounts[kind]
        )
        lines.append(
            f'<div style="flex:0 0 10.5em">{escape(title)}</div>'
            f'<div style="flex:1 1 17em;display:flex;height:1.7em;border-radius:4px;overflow:hidden;'
            f'background:rgba(128,128,128,.2)">{parts}</div>'
        )
    rows = "".join(
        f'<div style="display:flex;flex-wrap:wrap;gap:.1em .6em;align-items:center;margin:.35em 0">{line}</div>'
        for line in lines
    )
    legend = f'<div style="display:flex;flex-wrap:wrap;gap:.2em 1.1em">{key}</div>'
    return f'<div role="img" aria-label="{escape(alt)}" style="font-size:.9rem">{rows}{legend}</div>'


def _segment(share: float, colour: str, title: str) -> str:
    said = f"{100 * share:.0f} %" if share > 0.09 else ""
    style = (
        f"width:{100 * share:.3f}%;background:{colour};color:#fff;text-align:center;line-height:1.7em;"
        "overflow:hidden;white-space:nowrap"
    )
    return f'<div style="{style}" title="{escape(title)}">{said}</div>'


@dataclass(frozen=True)
class Tile:
    """A module in the treemap.

    Attributes:
        id: path in the network; "·" for the network itself.
        parent: id of the module that it is in; empty for the network.
        label: last part of its path, and its class.
        value: parameters, MACs or bytes of it and all within.
        kind: the kind of layer that holds most of it.
    """

    id: str
    parent: str
    label: str
    value: int
    kind: str


ROOT = "·"


def tiles(tree: ModuleNode, measure: Measure, name: str) -> list[Tile]:
    """Modules that hold anything, parents first."""
    found: list[Tile] = []

    def visit(node: ModuleNode, parent: str) -> dict[str, int]:
        sums = dict.fromkeys(KINDS, 0)
        own = amount(node, measure) - sum(amount(child, measure) for child in node.children)
        sums[kind_of(node.kind)] += own
        place = len(found)
        label = name if not node.name else f"{node.name.rpartition('.')[2]} · {node.kind}"
        if amount(node, measure):
            found.append(Tile(node.name or ROOT, parent, label, amount(node, measure), ""))
            for child in node.children:
                for kind, value in visit(child, node.name or ROOT).items():
                    sums[kind] += value
            tile = found[place]
            kind = max(sums, key=lambda kind: sums[kind])
            found[place] = Tile(tile.id, tile.parent, tile.label, tile.value, kind)
        return sums

    visit(tree, "")
    return found


def depth(found: Sequence[Tile], opened: str) -> int:
    """Levels to show at once: as many as make no more than MOST areas, but the module's own parts at least."""
    inside: dict[str, list[str]] = {}
    for tile in found:
        inside.setdefault(tile.parent, []).append(tile.id)
    levels, shown, level = 2, 1, inside.get(opened, [])
    while level and (shown := shown + len(level)) <= MOST:
        levels += 1
        level = [id for parent in level for id in inside.get(parent, [])]
    return max(2, levels - 1)


def treemap(found: Sequence[Tile], opened: str, unit: str = "", aside: str = "") -> go.Figure:
    """Modules as areas, inside the modules that they are in; a click opens one.

    Args:
        found: of :func:`tiles`.
        opened: id of the module to begin with.
        unit: of the values.
        aside: said of a value, as "of the parameters".
    """
    whole = found[0].value
    said = [f"{short(tile.value, unit)} · {percent(tile.value, whole)}" for tile in found]
    trace: dict[str, Any] = {
        "ids": [tile.id for tile in found],
        "parents": [tile.parent for tile in found],
        "labels": [tile.label for tile in found],
        "values": [tile.value for tile in found],
        "text": said,
        "hovertext": [
            f"{tile.id if tile.parent else tile.label}<br>{text} {aside}"
            for tile, text in zip(found, said, strict=True)
        ],
        "hoverinfo": "text",
        "textinfo": "label+text",
        "branchvalues": "total",
        "level": opened,
        "maxdepth": depth(found, opened),
        "sort": False,
        "marker": {
            "colors": [COLOURS[tile.kind] for tile in found],
            "line": {"width": 1, "color": "rgba(255,255,255,.55)"},
            "pad": {"t": 22, "l": 3, "r": 3, "b": 3},
        },
        "textfont": {"color": "#ffffff"},
        "pathbar": {"visible": True, "thickness": 24, "textfont": {"color": "#ffffff"}},
        "tiling": {"packing": "squarify"},
    }
    layout = {
        "height": 440,
        "margin": {"l": 0, "r": 0, "t": 28, "b": 0},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "uniformtext": {"minsize": 10, "mode": "hide"},
    }
    return go.Figure({"data": [{"type": "treemap", **trace}], "layout": layout})
