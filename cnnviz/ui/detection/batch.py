"""Several photos at once: what is in each, and all detections as one file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.detection.code import batch_code
from cnnviz.detection.export import detection_set, found
from cnnviz.detection.postprocess import select
from cnnviz.engine.results import DetectionResult
from cnnviz.figures import detection as figures
from cnnviz.figures.segmentation import chip, text_table, thumbnail
from cnnviz.images import fit
from cnnviz.metrics.files.coco import write_coco_json
from cnnviz.segmentation.code import files
from cnnviz.ui import live
from cnnviz.ui.detection.visit import choose, honest, iou_slider, score_slider
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

SIDE = 240
MOST = 1000
"""Candidates kept of a photo: enough to move the sliders."""


@dataclass(frozen=True, eq=False)
class Small:
    """What is kept of one of several photos: a thumbnail, and its boxes before suppression."""

    picture: NDArray[np.uint8]
    result: DetectionResult


def shrink(photo: NDArray[np.uint8], result: DetectionResult) -> Small:
    names = ("boxes", "scores", "labels", "origins", "levels", "cells")
    best = {name: getattr(result, name)[:MOST].copy() for name in names}
    return Small(fit(photo, SIDE), replace(result, **best, masks=None, mask_of=None))


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        card = choose(lesson)
        score, iou = score_slider(lesson, card), iou_slider(lesson)
    with stage:
        live.several(
            lesson,
            card,
            shrink,
            lambda seen: _ask(lesson, seen, score, iou),
            lambda seen: _table(lesson, seen, score, iou),
        )
        st.caption(honest(card))
    lesson.section("several")
    lesson.code(batch_code((card.id, card.download), score, iou), files=lambda: files([card.id]))


def _ask(lesson: LessonPage, seen: Sequence[live.Seen[Small]], score: float, iou: float) -> bool:
    left = {one.name: len(select(one.made.result, score, iou).kept) for one in seen if one.made is not None}
    return lesson.predict(
        _("How many boxes will be left over these {count} photos together?").format(count=len(seen)),
        sum(left.values()),
        why=", ".join(f"{name}: {count}" for name, count in left.items()),
    )


def _table(lesson: LessonPage, seen: Sequence[live.Seen[Small]], score: float, iou: float) -> None:
    rows, photos, title = [], [], ""
    classes: tuple[str, ...] = ()
    for one in seen:
        assert one.made is not None
        result = one.made.result
        classes, title = result.classes, result.model
        kept = select(result, score, iou).kept
        photos.append(found(one.name, result, kept))
        labels = result.labels[kept].tolist()
        tally = {label: labels.count(label) for label in dict.fromkeys(labels)}
        said = [f"{_(classes[label])} × {count}" for label, count in tally.items()] or [_("no box")]
        chips = [f"{chip(1 + label % 20)} " for label in tally] or [""]
        scale = max(one.made.picture.shape) / max(result.photo)
        picture = figures.annotate(one.made.picture, result.boxes[kept] * scale, labels, [""] * len(labels))
        times = result.timings
        rows.append(
            [
                escape(one.name),
                thumbnail(picture, f"{one.name}: {', '.join(said)}", SIDE),
                "<br>".join(mark + escape(text) for mark, text in zip(chips, said, strict=True)),
                f"{times.preprocess + times.network + times.postprocess:.0f} ms",
            ]
        )
    heads = (_("Photo"), _("Boxes"), _("Found"), _("Time"))
    st.html(text_table(_("Several photos"), heads, rows))
    if len({one.made.result.model for one in seen if one.made is not None}) == 1:
        st.download_button(
            _("All detections, COCO JSON"),
            lambda: write_coco_json(detection_set(title, classes, photos)),
            file_name="cnnviz-detections.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            key=lesson.key("save.all"),
        )
