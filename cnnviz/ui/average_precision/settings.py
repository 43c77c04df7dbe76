"""What the views of average precision have in common: interpolation, size range, limit, words."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cnnviz.errors import SettingError
from cnnviz.figures.average_precision import Labels
from cnnviz.messages import N_
from cnnviz.metrics.average_precision import Area, area
from cnnviz.metrics.coco import RANGES
from cnnviz.metrics.matching import AreaRange, Convention
from cnnviz.ui.detections import Picked
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.matching import shared

LIMITS: Mapping[str, int | None] = {"1": 1, "10": 10, "100": 100, "all": None}


def choose_interpolation(lesson: LessonPage) -> str:
    """How the area is taken."""
    ways = {"all": _("All points"), "11": _("11 points"), "101": _("101 points")}
    return lesson.choice("by", _("Area"), ways, "all")


def choose_limit(lesson: LessonPage) -> int | None:
    """Detections that count in an image."""
    names = {name: _("all") if name == "all" else name for name in LIMITS}
    return LIMITS[lesson.choice("m", _("Detections an image"), names, "all")]


def size_names() -> dict[str, str]:
    """The size ranges by id."""
    return {
        "all": _("all sizes"),
        "small": _("small"),
        "medium": _("medium"),
        "large": _("large"),
        "own": _("your range"),
    }


def choose_size(lesson: LessonPage, picked: Picked) -> AreaRange | None:
    """Areas that count, in square pixels; None: all.

    Raises:
        SettingError: a range that ends before it begins.
    """
    size = lesson.choice("sz", _("Size"), size_names(), "all", kind="list", help=_sizes_help())
    if size == "own":
        return choose_own(lesson, picked)
    return None if size == "all" else RANGES[size]


def _sizes_help() -> str:
    return _("COCO's sizes by area: small up to 32², medium up to 96² pixels, large beyond.")


def choose_own(lesson: LessonPage, picked: Picked) -> AreaRange:
    """A range of one's own, from side to side of a square.

    Raises:
        SettingError: it ends before it begins.
    """
    areas = picked.data.truths.area
    most = max(128, math.ceil(math.sqrt(float(areas.max())))) if len(areas) else 128
    low = lesson.slider("lo", _("From a square of side"), 0, most, 30)
    high = lesson.slider("hi", _("to a square of side"), 0, most, min(45, most))
    if low > high:
        raise SettingError(
            N_("the size range begins at {low}² pixels and ends before that, at {high}²"), low=low, high=high
        )
    return float(low**2), float(high**2)


def with_limit(convention: Convention, limit: int | None) -> Convention:
    """The same, for so many detections an image."""
    return replace(convention, max_detections=limit)


def area_of(picked: Picked, category: int, convention: Convention, span: AreaRange | None, how: str) -> Area:
    """The area of one class; remembered."""
    matching = shared.matched(picked, category, convention, span)
    return shared.remember(
        picked,
        ("area", category, convention, span, how),
        lambda: area(matching, how),
        len(matching.truths) // 2 + 1,
    )


def said(value: float | None, digits: int = 3) -> str:
    """An AP, or why there is none."""
    return _("undefined: no ground truth counts") if value is None else f"{value:.{digits}f}"


def labels() -> Labels:
    """Words of the figures."""
    return Labels(
        _("Recall"),
        _("Precision"),
        _("Each detection"),
        _("Interpolated"),
        _("The area that is summed"),
        _("Ignored: no point"),
    )


def mean(values: list[float | None]) -> float | None:
    """Over those that are defined."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
