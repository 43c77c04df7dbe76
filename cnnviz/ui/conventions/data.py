"""What the switchboard looks up, kept for the session that asks: own data belongs to nobody else."""

from collections.abc import Callable, Mapping

import streamlit as st

from cnnviz.metrics.average_precision import all_combinations, area
from cnnviz.metrics.conventions import SWITCHES, neighbours
from cnnviz.metrics.data import DetectionSet
from cnnviz.metrics.matching import Convention, Matching, match, overlaps_of
from cnnviz.ui.detections import Picked

QUICK = 300
"""Up to so many detections every combination is computed without being asked for."""
NEAR = 20_000
"""Up to so many, those that differ by one switch."""
KEPT = 40
"""Sets, classes and thresholds of which the combinations are kept."""


def matchings(picked: Picked, convention: Convention, chosen: tuple[int, ...]) -> tuple[Matching, ...]:
    """Each chosen class, matched."""
    return _matchings(picked.key, picked.data, convention, chosen)


@st.cache_resource(max_entries=8, scope="session", show_spinner=False)
def _matchings(
    key: str, _data: DetectionSet, convention: Convention, chosen: tuple[int, ...]
) -> tuple[Matching, ...]:
    return tuple(match(_data, category, convention) for category in chosen)


def mean(matched: tuple[Matching, ...]) -> float | None:
    """Over the classes that have a ground truth."""
    values = [value for value in (area(each).value for each in matched) if value is not None]
    return sum(values) / len(values) if values else None


Combinations = Mapping[Convention, float | None]


def nearest(picked: Picked, category: int | None, convention: Convention) -> Combinations | None:
    """AP now, and with one switch turned; None where even that takes long."""
    known = combinations(picked, category, convention.iou_threshold)
    if known is not None or len(picked.data.detections) > NEAR:
        return known
    return _nearest(picked.key, picked.data, category, convention)


@st.cache_resource(max_entries=64, scope="session", show_spinner=False)
def _nearest(key: str, _data: DetectionSet, category: int | None, convention: Convention) -> Combinations:
    chosen = range(len(_data.categories)) if category is None else [category]
    overlaps = {}
    result: dict[Convention, float | None] = {}
    for other in (convention, *(other for _name, other in neighbours(convention))):
        matched = []
        for one in chosen:
            shared = one, other.plus_one, other.special
            if shared not in overlaps:
                overlaps[shared] = overlaps_of(_data, one, other)
            matched.append(match(_data, one, other, overlaps=overlaps[shared]))
        result[other] = mean(tuple(matched))
    return result


def combinations(picked: Picked, category: int | None, threshold: float) -> Combinations | None:
    """Every combination, or None where they are many and have not been asked for."""
    known = _known().get((picked.key, category, threshold))
    if known is None and len(picked.data.detections) <= QUICK:
        known = compute(picked, category, threshold, None)
    return known


def compute(
    picked: Picked, category: int | None, threshold: float, progress: Callable[[float], None] | None
) -> Combinations:
    """Compute and keep every combination; if `progress` is interrupted, nothing is kept."""
    every = all_combinations(
        picked.data,
        category=category,
        iou_threshold=threshold,
        max_detections=SWITCHES["max_detections"],
        progress=progress,
    )
    kept = _known()
    while len(kept) >= KEPT:
        del kept[next(iter(kept))]
    kept[picked.key, category, threshold] = {one.convention: one.ap for one in every}
    return kept[picked.key, category, threshold]


def _known() -> dict[tuple[str, int | None, float], Combinations]:
    return st.session_state.setdefault("conventions.every", {})
