"""The switches: as controls, and in words."""

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from cnnviz.metrics.conventions import PRESETS, SWITCHES
from cnnviz.metrics.matching import COCO, Convention
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

_COMPARISONS = {"ge": ">=", "gt": ">"}
ALL = "all"


def titles() -> Mapping[str, str]:
    """The switches' names."""
    return {
        "plus_one": _("Width of a box"),
        "comparison": _("A match needs"),
        "matching": _("Matching"),
        "special": _("Difficult and crowd"),
        "ties": _("Equal scores"),
        "interpolation": _("Area under the curve"),
        "max_detections": _("Detections an image"),
        "iou_threshold": _("IoU threshold"),
    }


def words(switch: str, setting: Any) -> str:
    """A setting in words."""
    if switch == "iou_threshold":
        return f"{setting:.2f}"
    if switch == "max_detections":
        return _("all") if setting is None else str(setting)
    texts = {
        False: _("right − left"),
        True: _("+1 pixel"),
        ">=": "IoU ≥ t",
        ">": "IoU > t",
        "voc": _("VOC: best"),
        "coco": _("COCO: best free"),
        "ignore": _("ignored"),
        "count": _("counted"),
        "file": _("as in the file"),
        "reversed": _("reversed"),
        "image": _("by image"),
        "all": _("all points"),
        "11": _("11 recalls"),
        "101": _("101 recalls"),
    }
    return texts[setting]


def sentences(conventions: Iterable[Convention]) -> dict[Convention, str]:
    """Whole conventions, for pointing at; each setting is translated only once."""
    lines = {
        (switch, setting): f"{title}: {words(switch, setting)}"
        for switch, title in titles().items()
        for setting in SWITCHES.get(switch, ())
    }
    return {
        each: "<br>".join(lines[switch, getattr(each, switch)] for switch in SWITCHES) for each in conventions
    }


def draw(lesson: LessonPage) -> Convention:
    """Draw the switches and return the convention they stand for."""
    preset = lesson.key("preset")

    def take() -> None:
        if (name := st.session_state[preset]) is not None:
            put(lesson, PRESETS[name])

    names = titles()
    place = st.container()
    plus_one = lesson.choice("plus", names["plus_one"], _options("plus_one", {"0": False, "1": True}), "0")
    comparison = lesson.choice("cmp", names["comparison"], _options("comparison", _COMPARISONS), "ge")
    matching = lesson.choice("match", names["matching"], _same("matching", "voc", "coco"), "coco")
    special = lesson.choice("special", names["special"], _same("special", "ignore", "count"), "ignore")
    ties = lesson.choice("ties", names["ties"], _same("ties", "file", "reversed", "image"), "image")
    area = lesson.choice("area", names["interpolation"], _same("interpolation", "all", "11", "101"), "101")
    limits = {ALL: None, "100": 100, "10": 10, "1": 1}
    most = lesson.choice("max", names["max_detections"], _options("max_detections", limits), "100")
    threshold = lesson.fraction("iou", names["iou_threshold"], 0.05, 0.95, COCO.iou_threshold)
    convention = Convention(
        plus_one=plus_one == "1",
        comparison=_COMPARISONS[comparison],  # type: ignore[arg-type]
        matching=matching,  # type: ignore[arg-type]
        special=special,  # type: ignore[arg-type]
        ties=ties,  # type: ignore[arg-type]
        interpolation=area,  # type: ignore[arg-type]
        iou_threshold=round(threshold, 2),
        max_detections=limits[most],
    )
    st.session_state[preset] = next((name for name, each in PRESETS.items() if each == convention), None)
    with place:
        st.pills(_("A known convention"), list(PRESETS), key=preset, on_change=take)
    return convention


def put(lesson: LessonPage, convention: Convention) -> None:
    """Set every switch (in a callback)."""
    lesson.put("plus", str(int(convention.plus_one)))
    lesson.put("cmp", "ge" if convention.comparison == ">=" else "gt")
    lesson.put("match", convention.matching)
    lesson.put("special", convention.special)
    lesson.put("ties", convention.ties)
    lesson.put("area", convention.interpolation)
    lesson.put("max", ALL if convention.max_detections is None else str(convention.max_detections))
    lesson.put("iou", convention.iou_threshold)


def _options(switch: str, settings: Mapping[str, Any]) -> dict[str, str]:
    return {id: words(switch, setting) for id, setting in settings.items()}


def _same(switch: str, *settings: str) -> dict[str, str]:
    return _options(switch, {setting: setting for setting in settings})
