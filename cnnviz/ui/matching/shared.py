"""What the lessons on matching and on average precision have in common: settings, memory, words."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from cnnviz.images import encode_jpeg, fit
from cnnviz.metrics.matching import REASONS, AreaRange, Convention, Matching, Step, match
from cnnviz.ui.detections import OWN, Picked
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

T = TypeVar("T")
_KEPT = "_matchings"
MOST_KEPT = 200_000
"""Steps of matchings that a session keeps."""


def remember(picked: Picked, about: tuple[Any, ...], make: Callable[[], T], weight: int = 1) -> T:
    """What `make` gives, computed once for this set in this session: own files never meet a shared cache.

    Args:
        about: names what it is.
        weight: how much it holds, in steps of a matching; the oldest are forgotten beyond :data:`MOST_KEPT`.
    """
    kept = st.session_state.get(_KEPT)
    if kept is None or kept["key"] != picked.key:
        kept = st.session_state[_KEPT] = {"key": picked.key, "values": {}}
    values: dict[tuple[Any, ...], tuple[int, Any]] = kept["values"]
    if about not in values:
        values[about] = (weight, make())
        held = sum(one for one, _value in values.values())
        while held > MOST_KEPT and len(values) > 1:
            oldest = next(iter(values))
            held -= values.pop(oldest)[0]
    return values[about][1]


def matched(
    picked: Picked, category: int, convention: Convention, area_range: AreaRange | None = None
) -> Matching:
    """One class of the set, matched; remembered."""
    weight = int((picked.data.detections.category == category).sum()) + 1
    return remember(
        picked,
        ("matching", category, convention, area_range),
        lambda: match(picked.data, category, convention, area_range),
        weight,
    )


# Controls


def choose_class(lesson: LessonPage, picked: Picked) -> int:
    """Index of the class that is looked at."""
    names = {str(index): picked.category(index) for index in range(len(picked.data.categories))}
    kind = "list" if len(names) > 4 else "segments"
    return int(lesson.choice("cls", _("Class"), names, "0", kind=kind))  # type: ignore[arg-type]


def choose_convention(lesson: LessonPage, *, threshold: bool = True) -> Convention:
    """IoU threshold and the way of matching."""
    percent = lesson.slider("iou", _("IoU threshold, %"), 5, 100, 50, step=5) if threshold else 50
    ways = {"coco": _("Best free one"), "voc": _("Best one")}
    way = lesson.choice(
        "mt",
        _("Held against"),
        ways,
        "coco",
        help=_(
            "COCO looks for the best ground truth that is still free. The VOC devkit takes the best of all, and if that one is taken, the detection is false."
        ),
    )
    return Convention(
        iou_threshold=percent / 100,
        matching="voc" if way == "voc" else "coco",
        ties="image",
    )


# Words


def image_name(picked: Picked, image: int) -> str:
    """What an image is called."""
    if picked.source == OWN:
        return picked.data.images[image].name
    return _("image {number}").format(number=image + 1)


def truth_name(picked: Picked, truth: int) -> str:
    """What a ground truth is called: T and its number in the set."""
    return f"T{picked.data.truths.ids[truth]}"


def outcomes() -> dict[str, str]:
    """What may become of a detection."""
    return {"tp": _("True positive"), "fp": _("False positive"), "ignored": _("Ignored")}


def short_outcomes() -> dict[str, str]:
    """The same in a table."""
    return {"tp": "TP ✓", "fp": "FP ✗", "ignored": _("ignored") + " ○"}


def fraction(value: float | None, digits: int = 3) -> str:
    """A number between 0 and 1, or that it is undefined."""
    return _("undefined") if value is None else f"{value:.{digits}f}"


def reason(picked: Picked, step: Step) -> str:
    """Why a step ends as it does, in a sentence or two."""
    words = _(REASONS[step.reason])
    if step.truth is None:
        return words
    beside = _("Ground truth {truth}, IoU {iou}.")
    return words + " " + beside.format(truth=truth_name(picked, step.truth), iou=fraction(step.iou))


def point_words(picked: Picked, step: Step, number: int) -> str:
    """What a step is and does, on one line."""
    words = _("Detection {number}, score {score}: {outcome}. {reason}")
    return words.format(
        number=number,
        score=f"{step.score:.4g}",
        outcome=outcomes()[step.outcome],
        reason=reason(picked, step),
    )


# Pictures


def frame(picked: Picked, image: int) -> tuple[float, float]:
    """Width and height that the boxes of an image count in; where unknown, what they reach."""
    info = picked.data.images[image]
    if info.width > 0 and info.height > 0:
        return float(info.width), float(info.height)
    here = [one.boxes[one.image == image] for one in (picked.data.truths, picked.data.detections)]
    reach = np.concatenate([*here, np.ones((1, 4))])[:, 2:].max(axis=0)
    return float(reach[0]), float(reach[1])


def jpeg(picked: Picked, image: int, side: int) -> bytes | None:
    """The picture of an image, at most `side` pixels long; None for own files."""

    def make() -> bytes | None:
        pixels = picked.picture(image)
        return None if pixels is None else encode_jpeg(fit(pixels, side))

    return remember(picked, ("jpeg", image, side), make, 100)


def svg(html: str) -> None:
    """Draw HTML that holds SVG, which ``st.html`` would leave out; blank lines would end it in Markdown."""
    st.markdown(html, unsafe_allow_html=True)
