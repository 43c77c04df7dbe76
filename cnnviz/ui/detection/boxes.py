"""The detections over the photo: thresholds, classes, where each box comes from, and files to take home."""

from functools import partial

import numpy as np
import streamlit as st

from cnnviz.detection.code import boxes_code
from cnnviz.detection.export import detection_set, found
from cnnviz.detection.postprocess import masks_at_photo
from cnnviz.figures import detection as figures
from cnnviz.figures.segmentation import chip, text_table
from cnnviz.images import encode_jpeg, fit
from cnnviz.metrics.files.coco import write_coco_json
from cnnviz.proof import Proof
from cnnviz.segmentation.code import files
from cnnviz.ui import live
from cnnviz.ui.detection.photo_boxes import photo_boxes
from cnnviz.ui.detection.visit import (
    PHOTO,
    SIDE,
    Seen,
    choose,
    class_filter,
    counted,
    honest,
    iou_slider,
    result_of,
    score_slider,
)
from cnnviz.ui.language import _, catalogue, current
from cnnviz.ui.lesson import LessonPage

_ROWS = 25
"""Detections that the table names."""


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        card = choose(lesson)
        score, iou = score_slider(lesson, card), iou_slider(lesson)
        limit = lesson.slider("most", _("Boxes at most"), 1, 100, 100)
        below = st.container()
    with stage:
        result = result_of(lesson, card, photo)
        seen = None
        with below:
            only = class_filter(lesson, result, score)
            masked = lesson.toggle("masks", _("Masks"), True) if card.task == "instance" else False
        if result is not None:
            seen = Seen(photo, card, result, score, iou, True, only, limit)
            if _ask(lesson, seen):
                _picture(lesson, seen, masked)
                _table(seen)
                _take_home(lesson, seen)
            else:
                lesson.picture(seen.picture, photo.alt)
            live.timings(lesson, result)
        st.caption(honest(card))
    if seen is not None:
        lesson.prove(_proof(seen))
    lesson.section("boxes")
    lesson.section("honest")
    if seen is not None:
        source = boxes_code(photo.code, (card.id, card.download), score, iou, only, limit)
        lesson.code(source, photo, files=lambda: files([card.id]))


def _ask(lesson: LessonPage, seen: Seen) -> bool:
    gone = len(seen.selection.removed)
    kept = seen.selection.kept.tolist()
    return lesson.predict(
        _("How many boxes will be left over the photo?"),
        len(kept),
        why=_("{boxes}. Suppression removed {gone} more with a score above {score} %.").format(
            boxes=counted(seen, kept), gone=gone, score=round(100 * seen.score)
        ),
        redraw=["score"],
    )


def _picture(lesson: LessonPage, seen: Seen, masked: bool) -> None:
    kept = seen.selection.kept
    picture, result = seen.picture, seen.result
    if masked and result.mask_of is not None:
        shown = kept[result.mask_of[kept] >= 0]
        labels = result.labels[shown].tolist()
        picture = fit(figures.mask_over(seen.photo.rgb, masks_at_photo(result, shown), labels), SIDE)
    words = _("{photo} {count} boxes: {boxes}.")
    with lesson.card():
        photo_boxes(
            picture,
            result.photo,
            [seen.drawn(index, text=seen.title(index)) for index in kept.tolist()],
            alt=words.format(photo=seen.photo.alt, count=len(kept), boxes=counted(seen, kept.tolist())),
            label=_("Detections, the best first"),
            hint=_(
                "Point at a box, or go through them with the arrow keys: where it comes from is outlined in white."
            )
            if len(kept)
            else _("No box has a score above {score} %.").format(score=round(100 * seen.score)),
            key=lesson.key("board"),
        )


def _table(seen: Seen) -> None:
    kept = seen.selection.kept.tolist()
    if not kept:
        return
    rows = []
    for rank, index in enumerate(kept[:_ROWS], 1):
        left, top, right, bottom = seen.result.boxes[index]
        label = int(seen.result.labels[index])
        rows.append(
            [
                str(rank),
                f"{_chip(label)} {seen.name(index)}",
                f"{100 * seen.result.scores[index]:.1f} %",
                f"{left:.0f}, {top:.0f}",
                f"{right - left:.0f} × {bottom - top:.0f}",
                seen.place(index),
            ]
        )
    heads = ("#", _("Class"), _("Score"), _("Left, top"), _("Size"), _("Level: cell"))
    st.html(text_table(_("Detections, the best first"), heads, rows))
    if len(kept) > _ROWS:
        st.caption(
            _("The best {shown} of {count}; the files below hold all.").format(shown=_ROWS, count=len(kept))
        )


def _chip(label: int) -> str:
    return chip(1 + label % 20)


def annotated(seen: Seen, language: str) -> bytes:
    """The photo with its boxes, as JPEG; named in English where the machine has no font for Korean.

    It is written when somebody asks for it, outside of the page: hence the language.
    """
    result, kept = seen.result, seen.selection.kept
    labels = result.labels[kept].tolist()
    font = figures.korean_font() if language == "ko" else None
    translated = catalogue(language if font else "en").gettext
    texts = [
        f"{translated(result.classes[label])} {100 * score:.0f} %"
        for label, score in zip(labels, result.scores[kept], strict=True)
    ]
    return encode_jpeg(figures.annotate(seen.photo.rgb, result.boxes[kept], labels, texts, font), 92)


def coco_json(seen: Seen) -> bytes:
    """The detections as COCO JSON."""
    photo = found(f"{seen.photo.id}.jpg", seen.result, seen.selection.kept)
    return write_coco_json(detection_set(seen.card.title, seen.result.classes, [photo]))


def _take_home(lesson: LessonPage, seen: Seen) -> None:
    language = current()
    with st.container(horizontal=True):
        for name, title, write, mime in (
            ("jpg", _("Photo with boxes, JPEG"), partial(annotated, language=language), "image/jpeg"),
            ("json", _("Detections, COCO JSON"), coco_json, "application/json"),
        ):
            st.download_button(
                title,
                partial(write, seen),
                file_name=f"cnnviz-{seen.photo.id}.{name}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=lesson.key(f"save.{name}"),
            )
    words = _(
        "The lesson “Evaluate your own detections” opens this JSON, once ground truths have been added to it."
    )
    if language == "ko" and figures.korean_font() is None:
        words += " " + _(
            "The JPEG names the classes in English: this server has no font with Korean letters."
        )
    st.caption(words)


def _proof(seen: Seen) -> Proof:
    """Of the candidates, those removed, cut and kept; the last as torchvision keeps them."""
    import torch
    from torchvision.ops import batched_nms

    result, selection = seen.result, seen.selection
    wanted = result.scores > seen.score
    if seen.only:
        wanted &= np.isin(result.labels, seen.only)
    chosen = np.flatnonzero(wanted)
    boxes, scores, labels = (
        torch.tensor(values[chosen]) for values in (result.boxes, result.scores, result.labels)
    )
    left = batched_nms(boxes, scores, labels, seen.iou)[: seen.limit]
    return Proof(
        _("Boxes left"),
        rf"\underbrace{{{len(chosen)}}}_{{\text{{score}} > {seen.score:.2f}}} - "
        rf"\underbrace{{{len(selection.removed)}}}_{{\text{{IoU}} > {seen.iou:.2f}}} - "
        rf"\underbrace{{{len(selection.cut)}}}_{{\text{{beyond }} {seen.limit}}}",
        len(chosen) - len(selection.removed) - len(selection.cut),
        len(left),
    )
