"""Detections as a data set: what the lesson hands out, and the evaluation reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnnviz.engine.results import DetectionResult, Size
from cnnviz.metrics.boxes import areas
from cnnviz.metrics.data import Category, Detections, DetectionSet, Floats, ImageInfo, Indices, Truths

_NONE = ("__background__", "N/A")


@dataclass(frozen=True, eq=False)
class Found:
    """The detections of one photo.

    Attributes:
        name: of the photo.
        size: (height, width) in pixels.
        boxes: (N, 4) xyxy in pixels of the photo.
        scores: (N,) 0 to 1.
        labels: (N,) indices into the model's classes.
    """

    name: str
    size: Size
    boxes: Floats
    scores: Floats
    labels: Indices


def found(name: str, result: DetectionResult, kept: Indices) -> Found:
    """The boxes `kept`, indices into `result`."""
    return Found(
        name,
        result.photo,
        result.boxes[kept].astype(np.float64),
        result.scores[kept].astype(np.float64),
        result.labels[kept],
    )


def detection_set(title: str, classes: Sequence[str], photos: Sequence[Found]) -> DetectionSet:
    """Photos with their detections and no ground truths.

    A category's id is its label where label 0 is the background, as in COCO's own files; otherwise one more.
    """
    labels = [label for label, name in enumerate(classes) if name not in _NONE]
    shift = int(classes[0] not in _NONE)
    place = np.full(len(classes), -1)
    place[labels] = np.arange(len(labels))
    boxes = np.concatenate([one.boxes for one in photos] or [np.zeros((0, 4))])
    nothing = np.zeros(0, np.int64)
    return DetectionSet(
        title,
        tuple(ImageInfo(number, one.name, one.size[1], one.size[0]) for number, one in enumerate(photos, 1)),
        tuple(Category(label + shift, classes[label]) for label in labels),
        Truths(
            nothing, nothing, np.zeros((0, 4)), np.zeros(0), np.zeros(0, bool), np.zeros(0, bool), nothing
        ),
        Detections(
            np.repeat(np.arange(len(photos)), [len(one.boxes) for one in photos]),
            place[np.concatenate([one.labels for one in photos] or [nothing])],
            boxes,
            np.concatenate([one.scores for one in photos] or [np.zeros(0)]),
            areas(boxes),
        ),
    )
