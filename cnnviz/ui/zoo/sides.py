"""Two networks side by side: by the size of their maps, or layer by layer."""

from itertools import zip_longest

import streamlit as st

from cnnviz.figures.zoo import Row, short, sides_figure
from cnnviz.figures.zoo import table as html_table
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.zoo import data
from cnnviz.ui.zoo.data import Table
from cnnviz.zoo import counting
from cnnviz.zoo.history import TITLES
from cnnviz.zoo.history_code import stages_code


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        left = lesson.choice("a", _("First network"), TITLES, "vgg16", kind="list")
        right = lesson.choice("b", _("Second network"), TITLES, "resnet50", kind="list")
        by = lesson.choice("by", _("Row by row"), {"sizes": _("Map sizes"), "layers": _("Layers")}, "sizes")
    tables = {name: data.table(name) for name in (left, right)}
    with stage:
        if _ask(lesson, left, right, tables):
            _figure(lesson, left, right, tables)
            st.html(_by_size(left, right, tables) if by == "sizes" else _by_layer(left, right, tables))
            lesson.prove(*(_proof(name, tables[name]) for name in tables))
    lesson.section("sides")
    lesson.code(
        stages_code(
            {name: each.stages for name, each in tables.items()},
            {name: each.input_shape[-1] for name, each in tables.items()},
        )
    )


def _ask(lesson: LessonPage, left: str, right: str, tables: dict[str, Table]) -> bool:
    if left == right:
        return True
    why = "; ".join(f"{TITLES[name]}: {short(each.macs)}" for name, each in tables.items())
    return lesson.predict(
        _("Which one multiplies and adds more for one image?"),
        max(tables, key=lambda name: tables[name].macs),
        why=why,
        options={name: TITLES[name] for name in tables},
        redraw=["a", "b"],
        accept=lambda drawn: drawn["a"] != drawn["b"],
    )


def _sides(tables: dict[str, Table]) -> list[int]:
    """Sizes of maps that either has, from large to small; 0 for heads that do not run."""
    return sorted({row.side for each in tables.values() for row in each.stages}, reverse=True)


def _sums(each: Table, sides: list[int], what: str) -> list[int]:
    return [sum(getattr(row, what) for row in each.stages if row.side == side) for side in sides]


def _name(side: int) -> str:
    return f"{side} × {side}"


def _figure(lesson: LessonPage, left: str, right: str, tables: dict[str, Table]) -> None:
    sides = _sides(tables)
    first, second = (
        {TITLES[name]: [*_sums(tables[name], sides, "parameters"), *_sums(tables[name], sides, "macs")]}
        for name in (left, right)
    )
    alt = "; ".join(
        _(
            "{network}: {parameters} parameters and {macs} multiply–accumulates, most of these at {side}"
        ).format(
            network=TITLES[name],
            parameters=short(each.parameters),
            macs=short(each.macs),
            side=_name(max(sides, key=lambda side: _sums(each, [side], "macs")[0])),
        )
        for name, each in tables.items()
    )
    panels = (_("Parameters"), _("Multiply–accumulates"))
    with lesson.card():
        lesson.figure(sides_figure([_name(side) for side in sides], first, second, panels), alt, name="sides")


def _by_size(left: str, right: str, tables: dict[str, Table]) -> str:
    rows = []
    for side in _sides(tables):
        cells = [_name(side)]
        for name in (left, right):
            here = [row for row in tables[name].stages if row.side == side]
            cells += [
                "; ".join(row.layers for row in here) or "–",
                short(sum(row.parameters for row in here)),
                short(sum(row.macs for row in here)),
            ]
        rows.append(Row(tuple(cells)))
    total = [_("Total")]
    for name in (left, right):
        total += ["", short(tables[name].parameters), short(tables[name].macs)]
    headings = [_("Map")]
    for name in (left, right):
        headings += [TITLES[name], _("Parameters"), "MAC"]
    return html_table(_title(left, right), headings, [*rows, Row(tuple(total), "total")], words=(0, 1, 4))


def _by_layer(left: str, right: str, tables: dict[str, Table]) -> str:
    def cells(layer: counting.LayerRow | None) -> tuple[str, ...]:
        if layer is None:
            return ("", "", "", "")
        shape = " × ".join(map(str, (layer.output_shape or ())[1:]))
        return (layer.name, shape, short(layer.parameters), short(layer.macs))

    pairs = zip_longest(tables[left].layers, tables[right].layers)
    rows = [Row((str(number), *cells(a), *cells(b))) for number, (a, b) in enumerate(pairs, start=1)]
    total: list[str] = [_("Total")]
    headings: list[str] = [_("Layer")]
    for name in (left, right):
        total += ["", "", short(tables[name].parameters), short(tables[name].macs)]
        headings += [TITLES[name], _("Output"), _("Parameters"), "MAC"]
    return html_table(_title(left, right), headings, [*rows, Row(tuple(total), "total")], words=(1, 5))


def _title(left: str, right: str) -> str:
    return _("{left} and {right}, row by row").format(left=TITLES[left], right=TITLES[right])


def _proof(name: str, each: Table) -> Proof:
    return Proof(
        _("Multiply–accumulates of {network}, its stages added up").format(network=TITLES[name]),
        " + ".join(f"{row.macs:,}".replace(",", "{,}") for row in each.stages if row.macs),
        sum(row.macs for row in each.stages),
        data.measured(name).macs,
    )
