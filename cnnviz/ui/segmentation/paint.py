"""The network's mask corrected by painting, and the IoU of each class."""

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.errors import CnnvizError
from cnnviz.figures import segmentation as figures
from cnnviz.images import encode_jpeg
from cnnviz.messages import N_
from cnnviz.metrics.label_maps import pack, unpack
from cnnviz.metrics.segmentation import SegmentationScores, confusion_matrix, segmentation_scores
from cnnviz.metrics.segmentation_code import scores_code
from cnnviz.proof import Proof
from cnnviz.segmentation.mask import shown_size
from cnnviz.ui import live, state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.painter import Brush, painter, painter_words
from cnnviz.ui.segmentation.visit import DEFAULT, PHOTO, Seen, bias_slider, cards, class_names, look

SIDE = 96
"""Long side, in cells, of the map that is painted on."""
MOST = 8
"""Classes to paint with, the background among them."""
RANGES = ("0", "20", "40", "60", "80")


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        card = live.choose_model(lesson, cards(), DEFAULT)
        favouring = bias_slider(lesson)
        names = class_names()
        options = {str(label): name for label, name in enumerate(names) if label}
        extra = int(lesson.choice("add", _("A class to paint with"), options, "15", kind="list"))
        clear = st.container()
    with stage:
        seen = look(lesson, card, photo, favouring, side=SIDE)
        if seen is not None:
            truth = _truth(lesson, seen)
            if clear.button(
                _("Forget the painting"), icon=":material/format_clear:", key=lesson.key("forget")
            ):
                lesson.put("x", "")
                st.rerun()
            used = _used(seen, truth, extra)
            _painting(lesson, seen, truth, used, extra)
            scores = segmentation_scores(confusion_matrix(truth, seen.labels, len(names)))
            if _ask(lesson, scores):
                _table(scores)
            lesson.prove(*_proofs(scores, truth, seen.labels))
    lesson.section("paint")
    if seen is not None:
        lesson.code(scores_code(truth, seen.labels, [str(name) for name in seen.result.classes], 1))


def _key(seen: Seen) -> str:
    return live.digest(seen.photo.rgb).hex()[:8]


def _truth(lesson: LessonPage, seen: Seen) -> NDArray[np.uint8]:
    """What the reader has painted on this photo; the network's own mask before that."""
    stored = lesson.linked("x", "", _painted())
    about, _dot, packed = stored.partition(".")
    if about == _key(seen):
        try:
            return unpack(packed, seen.labels.shape, len(seen.result.classes) - 1)
        except CnnvizError as error:
            lesson.problem(error)
    return seen.labels


def _painted() -> state.Codec[str]:
    """A painting travels with the photo that it is of; one of an own photo stays here, with the photo."""

    def read(text: str) -> str:
        about, dot, packed = text.partition(".")
        if not (dot and packed and len(about) == 8 and len(text) < 4000):
            raise ValueError(text)
        return text

    return state.Codec(
        lambda text: "" if st.session_state.get("photo") == "own" else text,
        read,
        N_("a painting of the photo"),
        {},
    )


def _used(seen: Seen, truth: NDArray[np.uint8], extra: int) -> list[int]:
    """The classes to paint with: the background, the chosen one, and the largest of the others."""
    counts = np.bincount(truth.ravel(), minlength=21) + np.bincount(seen.labels.ravel(), minlength=21)
    order = [int(label) for label in np.argsort(-counts, kind="stable") if counts[label] and label]
    return sorted({0, extra, *[label for label in order if label != extra][: MOST - 2]})


def _painting(lesson: LessonPage, seen: Seen, truth: NDArray[np.uint8], used: list[int], extra: int) -> None:
    names = class_names()
    # The painter's labels are the places in `used`; a class too rare for it is shown as background.
    places = np.zeros(len(names), np.uint8)
    places[used] = np.arange(len(used))
    height, width = shown_size(seen.result.photo, 640)
    picture = cv2.resize(seen.photo.rgb, (width, height), interpolation=cv2.INTER_AREA)
    photo_key = _key(seen)

    def keep(painted: NDArray[np.uint8]) -> None:
        lesson.put("x", f"{photo_key}.{pack(np.array(used, np.uint8)[painted])}")

    words = _("Your mask: {classes}. The line is the network's mask.")
    counts = np.bincount(truth.ravel(), minlength=len(names))
    said = ", ".join(
        f"{names[label]} {100 * counts[label] / truth.size:.1f} %" for label in used if counts[label]
    )
    with lesson.card():
        painter(
            places[truth],
            swatches=figures.swatches(used),
            names=[names[label] for label in used],
            brushes=[Brush(names[label], place, place) for place, label in enumerate(used)],
            words=painter_words(),
            alt=words.format(classes=said),
            key=lesson.key("painter"),
            on_paint=keep,
            outline=places[seen.labels],
            brush=used.index(extra),
            photo=encode_jpeg(np.asarray(picture, np.uint8)),
            opacity=0.6,
        )


def _ask(lesson: LessonPage, scores: SegmentationScores) -> bool:
    if scores.mean_iou is None or scores.pixel_accuracy is None or scores.pixel_accuracy == 1:
        return True
    question = _(
        "With what you have painted, {percent} % of the pixels are right. In which range is the mean IoU?"
    )
    options = {low: _("{low} to {high} %").format(low=low, high=int(low) + 20) for low in RANGES}
    return lesson.predict(
        question.format(percent=f"{100 * scores.pixel_accuracy:.1f}"),
        RANGES[min(int(scores.mean_iou * 5), 4)],
        why=_(
            "It is {miou} %: every class that is in one of the masks has one vote, however small it is."
        ).format(miou=f"{100 * scores.mean_iou:.1f}"),
        options=options,
        redraw=["bias"],
    )


def _table(scores: SegmentationScores) -> None:
    names = class_names()
    both, true, predicted = scores.confusion.diagonal(), scores.confusion.sum(1), scores.confusion.sum(0)
    rows = [
        [
            f"{figures.chip(label)} {names[label]}",
            f"{true[label]:,}",
            f"{predicted[label]:,}",
            f"{both[label]:,}",
            f"{iou:.3f}",
        ]
        for label, iou in enumerate(scores.iou)
        if iou is not None
    ]
    heads = (_("Class"), _("yours"), _("the network's"), _("both"), "IoU")
    st.html(figures.text_table(_("IoU of each class, in cells of the map"), heads, rows))


def _proofs(scores: SegmentationScores, truth: NDArray[np.uint8], labels: NDArray[np.uint8]) -> list[Proof]:
    import torch

    there = [label for label, iou in enumerate(scores.iou) if iou is not None]
    if scores.mean_iou is None:
        return []
    true, predicted = torch.tensor(truth), torch.tensor(labels)
    ious = []
    for label in there:
        one, other = true == label, predicted == label
        ious.append(((one & other).sum() / (one | other).sum()).item())
    terms = " + ".join(f"{scores.iou[label]:.3f}" for label in there)
    return [
        Proof(
            _("Mean IoU"),
            rf"\frac{{{terms}}}{{{len(there)}}}",
            round(scores.mean_iou, 5),
            round(sum(ious) / len(ious), 5),
            tolerance=1e-4,
        )
    ]
