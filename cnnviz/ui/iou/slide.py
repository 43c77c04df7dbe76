"""B slides past A: which measure still says which way to go?"""

import streamlit as st

from cnnviz.figures.iou import slide_lines
from cnnviz.metrics.box_presets import WIDTH, slide
from cnnviz.metrics.boxes import BoxPair, compare
from cnnviz.metrics.boxes_code import slide_code
from cnnviz.ui.iou import controls as shared
from cnnviz.ui.iou.box_pair import box_pair
from cnnviz.ui.iou.boxes import alt
from cnnviz.ui.iou.proofs import MEASURES, measure_proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        plus = shared.plus_one(lesson)
        a, b = shared.two_boxes(lesson)
    pairs, pair, left = slide(a, b, plus), compare(a, b, plus), b[0]
    with stage:
        told = _ask(lesson, pairs, left)
        box_pair(
            a,
            b,
            plus_one=plus,
            aid="iou" if told else "",
            alt=alt(a, b, pair, told),
            key=lesson.key("slide"),
            on_move=lambda first, second: shared.put_boxes(lesson, first, second),
        )
        if told:
            values = {name: [getattr(p, name) for p in pairs] for name in MEASURES}
            lesson.figure(
                slide_lines(values, MEASURES, left, _("B's left side, pixels")),
                _alt(pairs, left),
                name="slide",
            )
            missing = [MEASURES[name] for name in MEASURES if getattr(pair, name) is None]
            if missing:
                words = _("Undefined here, and so not drawn: {measures}.")
                st.info(words.format(measures=", ".join(missing)))
        proof = measure_proof("diou", a, b, plus, pair)
        if proof:
            lesson.prove(proof)
    lesson.section("slide")
    lesson.code(slide_code(a, b, plus))


def changing(pairs: tuple[BoxPair, ...], left: int) -> int:
    """How many measures change when B moves on by one pixel, back by one at the last place."""
    here, there = pairs[left], pairs[left + 1 if left + 1 < len(pairs) else left - 1]
    both = [(getattr(here, name), getattr(there, name)) for name in MEASURES]
    return sum(x is not None and y is not None and abs(x - y) > 1e-12 for x, y in both)


def _ask(lesson: LessonPage, pairs: tuple[BoxPair, ...], left: int) -> bool:
    answer = changing(pairs, left)
    if left + 1 < len(pairs):
        question = _(
            "B moves one pixel to the right. How many of the four measures (IoU, GIoU, DIoU, CIoU) change?"
        )
    else:
        question = _(
            "B moves one pixel to the left. How many of the four measures (IoU, GIoU, DIoU, CIoU) change?"
        )
    return lesson.predict(
        question,
        answer,
        why=_(
            "IoU changes only while the boxes overlap; GIoU while the overlap or the box around both "
            "changes; DIoU and CIoU whenever the distance between the centres does."
        ),
        redraw=shared.SIDES,
        accept=lambda drawn: drawn["bx"][1] < WIDTH,
    )


def _alt(pairs: tuple[BoxPair, ...], left: int) -> str:
    said = [
        f"{title} {getattr(pairs[left], name):.3f}"
        for name, title in MEASURES.items()
        if getattr(pairs[left], name) is not None
    ]
    zero = sum(p.iou == 0 for p in pairs)
    words = _(
        "Four lines over B's left side from 0 to {last}. IoU is 0 at {zero} of {all} places. Here, at {left}: {values}."
    )
    return words.format(
        last=len(pairs) - 1, zero=zero, all=len(pairs), left=left, values=", ".join(said) or _("undefined")
    )
