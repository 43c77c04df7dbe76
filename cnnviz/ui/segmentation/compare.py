"""Two models on the same photo, and where they disagree."""

import streamlit as st

from cnnviz.figures import segmentation as figures
from cnnviz.metrics.segmentation import SegmentationScores, confusion_matrix, segmentation_scores
from cnnviz.proof import Proof
from cnnviz.segmentation.code import compare_code, files
from cnnviz.segmentation.voc import CLASSES
from cnnviz.ui import live
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.segmentation.visit import PHOTO, Seen, bias_slider, cards, class_names, honest, listed, look

SIDE = 480
RANGES = ("0", "2", "5", "10", "20", "40")
"""Percent of the pixels: where each range of answers begins."""


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        first = live.choose_model(lesson, cards(), "lite0_fcn32s", name="left", label=_("Left"))
        second = live.choose_model(lesson, cards(), "lite0_deeplab", name="right", label=_("Right"))
        opacity = lesson.fraction("o", _("Opacity"), 0, 1, 0.55)
        favouring = bias_slider(lesson)
    with stage:
        pair = [
            look(lesson, card, photo, favouring, slot=slot, side=SIDE)
            for card, slot in ((first, "left"), (second, "right"))
        ]
        left, right = pair
        if left is not None and right is not None:
            scores = segmentation_scores(confusion_matrix(left.labels, right.labels, len(CLASSES)))
            if _ask(lesson, scores):
                _pictures(lesson, left, right, opacity)
                _table(left, right, scores)
        for seen in pair:
            if seen is not None:
                live.timings(lesson, seen.result)
        st.caption(honest(first) + ("  \n" + honest(second) if second is not first else ""))
    if left is not None and right is not None:
        lesson.prove(_proof(left, right, scores))
    lesson.section("compare")
    if left is not None and right is not None:
        both = [left, right]
        source = compare_code(
            photo.code, [seen.download for seen in both], [seen.bias for seen in both], left.size
        )
        lesson.code(source, photo, files=lambda: files({first.id, second.id}))


def _different(scores: SegmentationScores) -> float:
    return 1 - (scores.pixel_accuracy or 0.0)


def _ask(lesson: LessonPage, scores: SegmentationScores) -> bool:
    share = 100 * _different(scores)
    answer = [low for low in RANGES if float(low) <= share][-1]
    ends = (*RANGES[1:], "100")
    options = {
        low: _("{low} to {high} %").format(low=low, high=high) for low, high in zip(RANGES, ends, strict=True)
    }
    return lesson.predict(
        _("In how many of the pixels will the two masks differ?"),
        answer,
        why=_("They differ in {share} % of the pixels, most of them along outlines.").format(
            share=f"{share:.1f}"
        ),
        options=options,
        redraw=["bias"],
    )


def _pictures(lesson: LessonPage, left: Seen, right: Seen, opacity: float) -> None:
    with lesson.card():
        for place, seen in zip(st.columns(2), (left, right), strict=True):
            shown = [label for label in seen.shares if label]
            picture = figures.paint(seen.picture, seen.labels, shown, opacity, True)
            title = _(seen.card.title)
            words = f"{title}: {listed(seen.shares)}"
            with place:
                lesson.picture(picture, f"{seen.photo.alt} {words}.", caption=words)
    count = int((left.labels != right.labels).sum())
    words = _("Striped: the {percent} % of the pixels where the two differ.")
    words = words.format(percent=f"{100 * count / left.labels.size:.1f}")
    lesson.picture(
        figures.differences(left.picture, left.labels, right.labels),
        f"{left.photo.alt} {words}",
        caption=words,
    )


def _table(left: Seen, right: Seen, scores: SegmentationScores) -> None:
    names = class_names()
    rows = [
        [
            f"{figures.chip(label)} {names[label]}",
            f"{100 * left.shares.get(label, 0.0):.1f} %",
            f"{100 * right.shares.get(label, 0.0):.1f} %",
            f"{iou:.3f}",
        ]
        for label, iou in enumerate(scores.iou)
        if iou is not None
    ]
    heads = (_("Class"), _("Left"), _("Right"), _("IoU of the two"))
    st.html(figures.text_table(_("Both masks, class by class"), heads, rows))


def _proof(left: Seen, right: Seen, scores: SegmentationScores) -> Proof:
    import torch

    total, same = int(scores.confusion.sum()), int(scores.confusion.trace())
    measured = (torch.from_numpy(left.labels) == torch.from_numpy(right.labels)).float().mean().item()
    return Proof(
        _("Pixels on which both agree"),
        rf"\frac{{\sum_i n_{{ii}}}}{{\sum_{{i,j}} n_{{ij}}}} = \frac{{{same}}}{{{total}}}",
        round(same / total, 6),
        round(measured, 6),
        tolerance=1e-5,
    )
