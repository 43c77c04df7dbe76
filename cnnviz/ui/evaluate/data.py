"""What the page looks up, kept for the session that asks: own data belongs to nobody else."""

import streamlit as st

from cnnviz.metrics import coco
from cnnviz.metrics.average_precision import Confusions, confusions
from cnnviz.metrics.coco import CocoResult
from cnnviz.metrics.conventions import measured_area
from cnnviz.metrics.data import DetectionSet
from cnnviz.metrics.matching import COCO, Convention, match
from cnnviz.ui.detections import Picked

QUICK = 4000
"""Up to so many detections the figures are measured a second way, one detection at a time."""


def kinds(data: DetectionSet) -> tuple[str, ...]:
    """What can be compared: boxes, and masks where both sides have them."""
    masks = data.truths.masks is not None and data.detections.masks is not None
    return ("bbox", "segm") if masks else ("bbox",)


def results(picked: Picked) -> dict[str, CocoResult]:
    """COCO's figures, by kind."""
    return {kind: _result(picked.key, picked.data, kind) for kind in kinds(picked.data)}


@st.cache_resource(max_entries=8, scope="session", show_spinner=False)
def _result(key: str, _data: DetectionSet, kind: str) -> CocoResult:
    return coco.evaluate(_data, kind)


def found(picked: Picked, convention: Convention) -> Confusions:
    """What is taken for what, at every score."""
    return _found(picked.key, picked.data, convention)


@st.cache_resource(max_entries=16, scope="session", show_spinner=False)
def _found(key: str, _data: DetectionSet, convention: Convention) -> Confusions:
    return confusions(_data, convention)


def measured(picked: Picked, kind: str) -> tuple[float | None, ...]:
    """mAP at each of COCO's thresholds, matched one detection at a time; empty for a large set."""
    if len(picked.data.detections) > QUICK:
        return ()
    return _measured(picked.key, picked.data, kind)


@st.cache_resource(max_entries=8, scope="session", show_spinner=False)
def _measured(key: str, _data: DetectionSet, kind: str) -> tuple[float | None, ...]:
    means: list[float | None] = []
    for threshold in coco.THRESHOLDS.tolist():
        convention = Convention(ties="image", max_detections=100, iou_threshold=threshold)
        areas = [
            measured_area(match(_data, category, convention, coco.RANGES["all"], kind=kind))
            for category in range(len(_data.categories))
        ]
        defined = [value for value in areas if value is not None]
        means.append(sum(defined) / len(defined) if defined else None)
    return tuple(means)


def convention(threshold: float) -> Convention:
    """COCO's, at one threshold."""
    return Convention(ties=COCO.ties, max_detections=COCO.max_detections, iou_threshold=threshold)
