"""One detection after the other."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from cnnviz.figures import matching as figures
from cnnviz.figures.matching import Kind, Marked, Point
from cnnviz.metrics import measured
from cnnviz.metrics.matching import REASONS, Matching, Step
from cnnviz.metrics.matching_code import step_code
from cnnviz.proof import Proof
from cnnviz.ui.detections import Picked
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.matching import shared

BEFORE, AFTER = 8, 2
"""Steps in the table before and after the one that is looked at."""


def draw(lesson: LessonPage, picked: Picked) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    with controls:
        category = shared.choose_class(lesson, picked)
        convention = shared.choose_convention(lesson)
        matching = shared.matched(picked, category, convention)
        number = _choose_step(lesson, len(matching.steps))
    with stage:
        if not matching.steps:
            words = _("No detection of this class: nothing to match, and {count} ground truths are missed.")
            st.info(words.format(count=len(matching.truths)))
        else:
            told = _ask(lesson, matching, number)
            with lesson.card():
                _show(lesson, picked, matching, number, told)
            if told:
                _prove(lesson, picked, matching, number)
    lesson.section("steps")
    if not lesson.asking:
        lesson.section("fate")
    lesson.code(step_code(picked.code, convention, category, number), files=picked.files)


def _choose_step(lesson: LessonPage, count: int) -> int:
    """Which step is looked at, from 1."""
    if not count:
        return 0
    number = lesson.slider("i", _("Step"), 1, count, 4)

    def move(by: int) -> Callable[[], None]:
        return lambda: lesson.put("i", min(max(number + by, 1), count))

    with st.container(horizontal=True):
        st.button(
            _("Back"),
            on_click=move(-1),
            disabled=number == 1,
            key=lesson.key("back"),
            icon=":material/chevron_left:",
        )
        st.button(
            _("Next"),
            on_click=move(1),
            disabled=number == count,
            key=lesson.key("next"),
            icon=":material/chevron_right:",
            type="primary",
        )
    st.caption(_("{number} of {count}").format(number=f"{number:,}", count=f"{count:,}"))
    return number


def _ask(lesson: LessonPage, matching: Matching, number: int) -> bool:
    step = matching.steps[number - 1]
    words = _("What becomes of detection {number}, with a score of {score}?")
    return lesson.predict(
        words.format(number=number, score=f"{step.score:.4g}"),
        step.outcome,
        why=_(REASONS[step.reason]),
        options=shared.outcomes(),
        redraw=["i"],
    )


# What is on screen


def _show(lesson: LessonPage, picked: Picked, matching: Matching, number: int, told: bool) -> None:
    step = matching.steps[number - 1]
    if told:
        st.markdown(_sentence(picked, step, number))
    left, right = st.columns([5, 4], gap="medium")
    with left:
        shared.svg(_picture(picked, matching, number, told))
    with right:
        shared.svg(_curve(matching, number, told))
    shared.svg(_table(picked, matching, number, told))


def _sentence(picked: Picked, step: Step, number: int) -> str:
    words = _("**Detection {number}** · score {score} · **{outcome}**. {reason}")
    return words.format(
        number=number,
        score=f"{step.score:.4g}",
        outcome=shared.outcomes()[step.outcome],
        reason=shared.reason(picked, step),
    )


def truth_boxes(picked: Picked, matching: Matching, image: int, found: set[int | None]) -> list[Marked]:
    """The ground truths of the class on an image; those found carry a check."""
    truths = picked.data.truths
    boxes = []
    for truth in np.flatnonzero((truths.image == image) & (truths.category == matching.category)).tolist():
        name = shared.truth_name(picked, truth)
        kind: Kind = "truth"
        title = _("Ground truth {truth}").format(truth=name)
        if truth in matching.ignored:
            kind = "ignored truth"
            title += ": " + (_("a crowd") if truths.crowd[truth] else _("difficult"))
        elif truth in found:
            kind, name = "found truth", f"{name} ✓"
        boxes.append(Marked(_box(truths.boxes[truth]), kind, name, title))
    return boxes


def _box(values: np.ndarray) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = values.tolist()
    return x1, y1, x2, y2


def detection_box(picked: Picked, step: Step, number: int, kind: Kind, strong: bool) -> Marked:
    """A detection as a box over its image."""
    title = "" if kind == "open" else shared.point_words(picked, step, number)
    label = f"{step.score:.2f} {figures.MARKS[kind]}"
    return Marked(_box(picked.data.detections.boxes[step.detection]), kind, label, title, strong)


def legend() -> str:
    """What the lines of the boxes mean."""
    return figures.legend(
        (
            ("truth", _("Ground truth")),
            ("tp", _("True positive") + " ✓"),
            ("fp", _("False positive") + " ✗"),
            ("ignored", _("Ignored") + " ○"),
        )
    )


def _picture(picked: Picked, matching: Matching, number: int, told: bool) -> str:
    step = matching.steps[number - 1]
    past = matching.steps[: number - 1]
    found = {one.truth for one in (*past, *([step] if told else [])) if one.outcome == "tp"}
    boxes = truth_boxes(picked, matching, step.image, found)
    truths = len(boxes)
    boxes += [
        detection_box(picked, one, place, one.outcome, False)
        for place, one in enumerate(past, 1)
        if one.image == step.image
    ]
    boxes.append(detection_box(picked, step, number, step.outcome if told else "open", True))
    name = shared.image_name(picked, step.image)
    alt = _("{name}: {truths} ground truths of the class and detection {number}, score {score}: {outcome}.")
    said = alt.format(
        name=name,
        truths=truths,
        number=number,
        score=f"{step.score:.4g}",
        outcome=shared.outcomes()[step.outcome] if told else "?",
    )
    size = shared.frame(picked, step.image)
    return figures.picture(shared.jpeg(picked, step.image, 480), size, boxes, said, caption=name) + legend()


def _curve(matching: Matching, number: int, told: bool) -> str:
    steps = matching.steps[: number if told else number - 1]
    points = points_of(steps)
    alt = _(
        "Precision over recall so far: {points} points, the last at recall {recall} and precision {precision}."
    )
    last = points[-1] if points else None
    said = alt.format(
        points=len(points),
        recall=shared.fraction(last.recall if last else None),
        precision=shared.fraction(last.precision if last else None),
    )
    current = matching.steps[number - 1]
    adds = told and current.outcome != "ignored" and last is not None
    return figures.growing_curve(points, labels(), said, picked=last if adds else None)


def labels() -> figures.CurveLabels:
    """The axes' names."""
    return figures.CurveLabels(_("Recall"), _("Precision"))


def points_of(steps: tuple[Step, ...]) -> list[Point]:
    """The points that these steps add to the curve."""
    title = _("score {score}: recall {recall}, precision {precision}")
    if len(steps) > figures.MOST_POINTS:
        title = ""  # of so many no single point is drawn
    return [
        Point(
            step.recall,
            step.precision,
            step.outcome == "tp",
            title.format(
                score=f"{step.score:.4g}",
                recall=shared.fraction(step.recall),
                precision=shared.fraction(step.precision),
            ),
        )
        for step in steps
        if step.outcome != "ignored" and step.recall is not None and step.precision is not None
    ]


def _table(picked: Picked, matching: Matching, number: int, told: bool) -> str:
    """The last steps, this one, and who comes next."""
    head = (
        "#", _("Image"), _("Score"), _("Truth"), "IoU", _("Result"), "TP", "FP", "FN", _("Precision"),
        _("Recall"),
    )  # fmt: skip
    first = max(number - 1 - BEFORE, 0)
    short = shared.short_outcomes()
    rows = []
    for place, step in enumerate(matching.steps[first : number + AFTER], first + 1):
        row = [f"{place:,}", shared.image_name(picked, step.image), f"{step.score:.4g}"]
        if place < number or (place == number and told):
            row += [
                "—" if step.truth is None else shared.truth_name(picked, step.truth),
                "—" if step.iou is None else f"{step.iou:.3f}",
                short[step.outcome],
                f"{step.tp:,}",
                f"{step.fp:,}",
                f"{step.fn:,}",
                shared.fraction(step.precision),
                shared.fraction(step.recall),
            ]
        else:
            row += ["?" if place == number else ""] * 8
        rows.append(row)
    return figures.table(head, rows, _("The steps, from the highest score down"), number - 1 - first)


def _prove(lesson: LessonPage, picked: Picked, matching: Matching, number: int) -> None:
    step, data = matching.steps[number - 1], picked.data
    proofs = []
    if step.truth is not None and step.iou is not None and not data.truths.crowd[step.truth]:
        one, other = data.detections.boxes[step.detection], data.truths.boxes[step.truth]
        common = np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0).prod()
        both = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod()
        proofs.append(
            Proof(
                _("IoU of the detection and the ground truth it is held against"),
                rf"\frac{{{common:.6g}}}{{{both:.6g} - {common:.6g}}}",
                step.iou,
                measured=measured.iou(one.tolist(), other.tolist()),
                tolerance=1e-9,
            )
        )
    precision, recall = measured.precision_and_recall(matching, number)
    if step.precision is not None:
        formula = rf"\frac{{TP}}{{TP + FP}} = \frac{{{step.tp}}}{{{step.tp} + {step.fp}}}"
        proofs.append(
            Proof(_("Precision after this step"), formula, step.precision, measured=precision, tolerance=1e-9)
        )
    if step.recall is not None:
        formula = rf"\frac{{TP}}{{TP + FN}} = \frac{{{step.tp}}}{{{step.tp} + {step.fn}}}"
        proofs.append(
            Proof(_("Recall after this step"), formula, step.recall, measured=recall, tolerance=1e-9)
        )
    if proofs:
        lesson.prove(*proofs)
