"""Two boxes, what they share, and four ways to measure it."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cnnviz.metrics.boxes import Box, BoxPair, compare
from cnnviz.metrics.boxes_code import pair_code
from cnnviz.ui.iou import controls as shared
from cnnviz.ui.iou.box_pair import Whole, box_pair
from cnnviz.ui.iou.proofs import MEASURES, measure_proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        measure = lesson.choice("m", _("Measure"), MEASURES, "iou")
        plus = shared.plus_one(lesson)
        a, b = shared.two_boxes(lesson)
    pairs = compare(a, b, False), compare(a, b, True)
    pair = pairs[plus]
    with stage:
        told = _ask(lesson, pair, plus)
        with lesson.card():
            box_pair(
                a,
                b,
                plus_one=plus,
                aid=measure if told else "",
                alt=alt(a, b, pair, told),
                key=lesson.key("pair"),
                on_move=lambda first, second: shared.put_boxes(lesson, first, second),
            )
        if told:
            st.markdown(_table(a, b, pairs, plus))
            if words := remark(a, b, pair):
                st.markdown(words)
            for name, reason in pair.undefined.items():
                st.info(f"**{MEASURES[name]}**: {_(reason)}")
        wanted = dict.fromkeys(("iou", measure))
        proofs = [measure_proof(name, a, b, plus, pair) for name in wanted]
        if any(proofs):
            lesson.prove(*(proof for proof in proofs if proof))
    for anchor in ("boxes", "family", "pixel"):
        lesson.section(anchor)
    lesson.code(pair_code(a, b, plus))


def alt(a: Whole, b: Whole, pair: BoxPair, told: bool) -> str:
    """What the picture of two boxes shows."""
    words = _("Box A from {a_from} to {a_to}, box B from {b_from} to {b_to}.").format(
        a_from=a[:2], a_to=a[2:], b_from=b[:2], b_to=b[2:]
    )
    if not told:
        return words
    shared_area = _("They share {common} of {union} square pixels.")
    return f"{words} {shared_area.format(common=f'{pair.intersection_area:g}', union=f'{pair.union_area:g}')}"


def _ask(lesson: LessonPage, pair: BoxPair, plus: bool) -> bool:
    if plus:
        question = _(
            "Counted with the last pixel: how many square pixels do A and B share? The sliders give their sides."
        )
    else:
        question = _("How many square pixels do A and B share? The sliders give their sides.")

    def fair(drawn: Mapping[str, Any]) -> bool:
        across = min(drawn["ax"][1], drawn["bx"][1]) - max(drawn["ax"][0], drawn["bx"][0])
        down = min(drawn["ay"][1], drawn["by"][1]) - max(drawn["ay"][0], drawn["by"][0])
        return across > 1 and down > 1

    if pair.intersection is None:
        why = _("They share no area.")
    else:
        left, top, right, bottom = pair.intersection
        extra = " + 1" if plus else ""
        why = rf"$({right:g} - {left:g}{extra}) \cdot ({bottom:g} - {top:g}{extra}) = {pair.intersection_area:g}$"
    return lesson.predict(question, int(pair.intersection_area), why=why, redraw=shared.SIDES, accept=fair)


def remark(a: Box, b: Box, pair: BoxPair) -> str:
    """What is worth seeing in this pair; empty where nothing is."""
    if pair.iou is None:
        return ""
    if a == b:
        return _("Equal boxes: all four measures are 1, and no other pair of boxes gets there.")
    if 0 in pair.areas:
        return _("A box without area can share none, so IoU is 0 even where it lies inside the other.")
    if pair.intersection is None:
        return _("They share no area, so IoU is 0, near or far; the others keep falling as the boxes part.")
    if pair.enclosing in (a, b):
        if (a[0] + a[2], a[1] + a[3]) == (b[0] + b[2], b[1] + b[3]):
            return _(
                "One box lies inside the other, and both have the same centre: GIoU and DIoU have nothing to "
                "add to IoU; CIoU still compares the shapes."
            )
        return _(
            "One box lies inside the other, so the box around both is the larger one: nothing is lost "
            "between them, and GIoU equals IoU wherever the inner box is."
        )
    return ""


def _table(a: Whole, b: Whole, pairs: tuple[BoxPair, BoxPair], plus: bool) -> str:
    """Areas and measures in both conventions, in Markdown."""

    def sides(box: tuple[float, ...], extra: int) -> str:
        width, height = box[2] - box[0] + extra, box[3] - box[1] + extra
        return f"{width:g} × {height:g} = {width * height:g}"

    rows: list[tuple[str, list[str]]] = [
        ("A", [sides(a, extra) for extra in (0, 1)]),
        ("B", [sides(b, extra) for extra in (0, 1)]),
        (
            "A ∩ B",
            [sides(p.intersection, extra) if p.intersection else "0" for extra, p in enumerate(pairs)],
        ),
        (
            "A ∪ B",
            [f"{p.areas[0]:g} + {p.areas[1]:g} − {p.intersection_area:g} = {p.union_area:g}" for p in pairs],
        ),
        (_("C, around both"), [sides(p.enclosing, extra) for extra, p in enumerate(pairs)]),
    ]
    undefined = _("undefined")
    for name, title in MEASURES.items():
        values = [getattr(p, name) for p in pairs]
        rows.append((title, [undefined if v is None else f"**{v + 0.0:.4f}**" for v in values]))
    heads = [_("continuous"), _("+1 pixel")]
    heads[plus] += " ◂"
    lines = [f"| | {heads[0]} | {heads[1]} |", "|:--|--:|--:|"]
    return "\n".join([*lines, *(f"| {name} | {cells[0]} | {cells[1]} |" for name, cells in rows)])
