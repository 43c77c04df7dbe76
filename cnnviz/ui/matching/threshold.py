"""A score threshold that moves the point on the curve, the counts and the boxes together."""

import math

import numpy as np
import streamlit as st

from cnnviz.figures import matching as figures
from cnnviz.metrics import measured
from cnnviz.metrics.average_precision import Counts, confusions, counts_at
from cnnviz.metrics.matching import Convention, Matching
from cnnviz.metrics.matching_code import threshold_code
from cnnviz.proof import Proof
from cnnviz.ui.detections import Picked
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.matching import shared
from cnnviz.ui.matching.steps import detection_box, labels, legend, points_of, truth_boxes

AT_ONCE = 8
"""Pictures that are drawn at once."""
MOST_CLASSES = 12
"""Classes in the confusion matrix on screen; all are counted."""


def draw(lesson: LessonPage, picked: Picked) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    with controls:
        category = shared.choose_class(lesson, picked)
        convention = shared.choose_convention(lesson)
        matching = shared.matched(picked, category, convention)
        score = _choose_score(lesson, picked)
        images = _images(picked, category)
        page = _choose_page(lesson, len(images))
    counts = counts_at(matching, score)
    with stage:
        told = _ask(lesson, matching, counts)
        with lesson.card():
            if told:
                left, right = st.columns([1, 1], gap="medium")
                with left:
                    _numbers(counts)
                with right:
                    shared.svg(_curve(matching, counts))
            shared.svg(legend() + _pictures(picked, matching, images[page : page + AT_ONCE], score))
            if len(images) > AT_ONCE:
                words = _("Pictures {first} to {last} of {count} with this class; all are counted.")
                last = min(page + AT_ONCE, len(images))
                st.caption(words.format(first=page + 1, last=last, count=f"{len(images):,}"))
        if told:
            _prove(lesson, matching, counts)
    lesson.section("threshold")
    lesson.section("confusion")
    if not lesson.asking:
        _confusion(picked, convention, score)
    lesson.code(threshold_code(picked.code, convention, category, score), files=picked.files)


def _choose_score(lesson: LessonPage, picked: Picked) -> float:
    """The threshold: from 0 to 1, or as far as the scores reach."""
    scores = picked.data.detections.score
    low, high = 0, 1
    if len(scores):
        low, high = min(low, math.floor(scores.min())), max(high, math.ceil(scores.max()))
    if (low, high) == (0, 1):
        return lesson.slider("t", _("Score threshold, %"), 0, 100, 50) / 100
    percent = lesson.slider("t", _("Score threshold, % of the way"), 0, 100, 50)
    score = round(low + (high - low) * percent / 100, 6)
    st.caption(_("a score of {score} or more").format(score=f"{score:g}"))
    return score


def _images(picked: Picked, category: int) -> list[int]:
    """Images with a ground truth or a detection of the class."""

    def make() -> list[int]:
        both = [one.image[one.category == category] for one in (picked.data.truths, picked.data.detections)]
        return np.unique(np.concatenate(both)).tolist()

    return shared.remember(picked, ("images", category), make)


def _choose_page(lesson: LessonPage, count: int) -> int:
    """Index of the first picture."""
    if count <= AT_ONCE:
        return 0
    return AT_ONCE * (lesson.slider("p", _("Pictures"), 1, -(-count // AT_ONCE), 1) - 1)


def _ask(lesson: LessonPage, matching: Matching, counts: Counts) -> bool:
    if counts.f1 is None:
        return True
    words = _(
        "Of {truths} ground truths {tp} are found, and {fp} detections find nothing. What is F1, in whole percent?"
    )
    why = rf"$F_1 = \frac{{2\,TP}}{{2\,TP + FP + FN}} = \frac{{{2 * counts.tp}}}{{{2 * counts.tp} + {counts.fp} + {counts.fn}}}$"
    return lesson.predict(
        words.format(truths=len(matching.truths), tp=counts.tp, fp=counts.fp),
        math.floor(100 * counts.f1 + 0.5),
        why=why,
        redraw=["t"],
    )


def _numbers(counts: Counts) -> None:
    fixed = [
        (name, f"{value:,}") for name, value in (("TP", counts.tp), ("FP", counts.fp), ("FN", counts.fn))
    ]
    shares = (
        (_("Precision"), counts.precision),
        (_("Recall"), counts.recall),
        ("F1", counts.f1),
    )
    shared.svg(
        figures.tiles(fixed) + figures.tiles([(name, shared.fraction(value)) for name, value in shares])
    )
    if counts.precision is None:
        st.markdown(_("No detection counts, so there is no precision: it would be 0/0."))
    if counts.recall is None:
        st.markdown(_("No ground truth counts, so there is no recall: it would be 0/0."))


def _curve(matching: Matching, counts: Counts) -> str:
    points = points_of(tuple(step for step in matching.steps if step.score >= counts.score))
    alt = _("The whole curve; the threshold's point is at recall {recall} and precision {precision}.")
    said = alt.format(recall=shared.fraction(counts.recall), precision=shared.fraction(counts.precision))
    return figures.growing_curve(
        points, labels(), said, picked=points[-1] if points else None, faint=points_of(matching.steps)
    )


def _pictures(picked: Picked, matching: Matching, images: list[int], score: float) -> str:
    """Pictures side by side, with the boxes that the threshold lets through."""
    here = {
        image: [
            (number, step)
            for number, step in enumerate(matching.steps, 1)
            if step.image == image and step.score >= score
        ]
        for image in images
    }
    alt = _(
        "{name}: {truths} ground truths of the class; detections: {right} right, {wrong} wrong, {ignored} ignored."
    )
    drawn = []
    for image, steps in here.items():
        found = {step.truth for _number, step in steps if step.outcome == "tp"}
        boxes = truth_boxes(picked, matching, image, found)
        ends = [step.outcome for _number, step in steps]
        name = shared.image_name(picked, image)
        said = alt.format(
            name=name,
            truths=len(boxes),
            right=ends.count("tp"),
            wrong=ends.count("fp"),
            ignored=ends.count("ignored"),
        )
        boxes += [detection_box(picked, step, number, step.outcome, False) for number, step in steps]
        drawn.append(
            figures.picture(
                shared.jpeg(picked, image, 240),
                shared.frame(picked, image),
                boxes,
                said,
                letter=0.075,
                caption=name,
                most=320,
            )
        )
    tracks = "display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,210px),1fr));gap:10px"
    return f'<div style="{tracks};margin-top:.5em">{"".join(drawn)}</div>'


def _prove(lesson: LessonPage, matching: Matching, counts: Counts) -> None:
    above = sum(step.score >= counts.score for step in matching.steps)
    precision, recall = measured.precision_and_recall(matching, above)
    proofs = []
    for name, value, formula, again in (
        (_("Precision"), counts.precision, rf"\frac{{{counts.tp}}}{{{counts.tp} + {counts.fp}}}", precision),
        (_("Recall"), counts.recall, rf"\frac{{{counts.tp}}}{{{counts.tp} + {counts.fn}}}", recall),
        (
            _("F1, the harmonic mean of both"),
            counts.f1,
            rf"\frac{{2 \cdot {counts.tp}}}{{2 \cdot {counts.tp} + {counts.fp} + {counts.fn}}}",
            2 / (1 / precision + 1 / recall) if precision and recall else None,
        ),
    ):
        if value is not None and again is not None:
            proofs.append(Proof(name, formula, value, measured=again, tolerance=1e-9))
    if proofs:
        lesson.prove(*proofs)


def _confusion(picked: Picked, convention: Convention, score: float) -> None:
    found = shared.remember(
        picked,
        ("confusions", convention.iou_threshold),
        lambda: confusions(picked.data, Convention(iou_threshold=convention.iou_threshold, ties="image")),
        len(picked.data.detections) // 8 + 1,
    )
    matrix = found.at(score)
    count = len(matrix) - 1
    chosen = list(range(count))
    if count > MOST_CLASSES:
        mistakes = matrix.sum(axis=0)[:count] + matrix.sum(axis=1)[:count] - 2 * matrix.diagonal()[:count]
        chosen = sorted(np.argsort(-mistakes, kind="stable")[:MOST_CLASSES].tolist())
        words = _("The {shown} classes with the most mistakes of {count}.")
        st.caption(words.format(shown=MOST_CLASSES, count=count))
    rows = matrix[np.ix_([*chosen, count], [*chosen, count])].tolist()
    shared.svg(
        figures.confusion_table(
            rows,
            [picked.category(index) for index in chosen],
            _("truth ↓ · detection →"),
            _("background"),
            _("Confusion matrix"),
        )
    )
    right = int(matrix.diagonal().sum())
    words = _(
        "{right} detections have the class of their ground truth, {mixed} another, {nothing} stand on the background; {missed} ground truths are missed."
    )
    st.caption(
        words.format(
            right=f"{right:,}",
            mixed=f"{int(matrix[:count, :count].sum()) - right:,}",
            nothing=f"{int(matrix[count].sum()):,}",
            missed=f"{int(matrix[:, count].sum()):,}",
        )
    )
