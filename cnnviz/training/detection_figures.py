"""How good the detector is: COCO's figures, and what a learner would notice at its default settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.detection.pyramid import candidates
from cnnviz.metrics.boxes import iou
from cnnviz.metrics.data import Category, Detections, DetectionSet, ImageInfo, Truths
from cnnviz.segmentation import backbone
from cnnviz.segmentation.voc import OBJECTS
from cnnviz.training.voc_data import Photo


def detect(
    head: nn.Module, photos: Sequence[Photo], side: int, nms_iou: float, floor: float = 0.02
) -> DetectionSet:
    """Everything that the detector finds on photos down to a score of `floor`, and what is there."""
    from torchvision.ops import batched_nms

    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for photo in photos:
        x, lies = backbone.preprocess(photo.rgb(), side)
        with torch.inference_mode():
            (raw,) = candidates(
                head(backbone.features(x)), (lies.inner_height, lies.inner_width), floor, at_most=2000
            )
            kept = batched_nms(raw.boxes, raw.scores, raw.labels, nms_iou)[:100]
            found.append((lies.boxes_to_photo(raw.boxes[kept]), raw.scores[kept], raw.labels[kept]))
    counts = [len(scores) for _, scores, _ in found]
    boxes = torch.cat([boxes for boxes, _, _ in found]).double().numpy()
    detections = Detections(
        image=np.repeat(np.arange(len(photos)), counts),
        category=torch.cat([labels for _, _, labels in found]).numpy(),
        boxes=boxes,
        score=torch.cat([scores for _, scores, _ in found]).double().numpy(),
        area=(boxes[:, 2:] - boxes[:, :2]).prod(1),
    )
    there = np.concatenate([photo.boxes for photo in photos]).astype(np.float64)
    truths = Truths(
        image=np.repeat(np.arange(len(photos)), [len(photo.boxes) for photo in photos]),
        category=np.concatenate([photo.labels for photo in photos]),
        boxes=there,
        area=np.concatenate([photo.areas for photo in photos]),
        crowd=np.concatenate([photo.ignored for photo in photos]),
        difficult=np.zeros(len(there), bool),
        ids=np.arange(1, len(there) + 1),
    )
    return DetectionSet(
        "photos",
        tuple(ImageInfo(i + 1, photo.name, photo.width, photo.height) for i, photo in enumerate(photos)),
        tuple(Category(i + 1, name) for i, name in enumerate(OBJECTS)),
        truths,
        detections,
    )


@dataclass(frozen=True)
class AtThreshold:
    """What is seen when only scores from a threshold on are shown.

    Attributes:
        truths, found: objects, and those with a box of their class and an IoU of 0.5 or more.
        repeated: boxes that lie so on an object that a better box has found.
        wrong: boxes on nothing of their class.
    """

    truths: int
    found: int
    repeated: int
    wrong: int

    @property
    def f1(self) -> float:
        shown = self.found + self.repeated + self.wrong
        return 2 * self.found / max(shown + self.truths, 1)


def at_threshold(data: DetectionSet, threshold: float) -> AtThreshold:
    """Count what is right, repeated and wrong; crowds and boxes on them don't count."""
    truths, boxes = data.truths, data.detections
    found = repeated = wrong = 0
    shown = np.flatnonzero(boxes.score >= threshold)
    taken: set[int] = set()
    for index in shown[np.argsort(-boxes.score[shown], kind="stable")].tolist():
        same = np.flatnonzero(
            (truths.image == boxes.image[index]) & (truths.category == boxes.category[index])
        )
        overlaps = iou(boxes.boxes[index][None], truths.boxes[same])
        on = same[overlaps >= 0.5][np.argsort(-overlaps[overlaps >= 0.5], kind="stable")].tolist()
        real = [truth for truth in on if not truths.crowd[truth]]
        free = [truth for truth in real if truth not in taken]
        if free:
            taken.add(free[0])
            found += 1
        elif real:
            repeated += 1
        elif not on:
            wrong += 1
    return AtThreshold(int((~truths.crowd).sum()), found, repeated, wrong)
