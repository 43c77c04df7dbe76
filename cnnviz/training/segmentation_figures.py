"""How good segmentation heads are: mean IoU, and what a learner would notice at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.metrics.segmentation import SegmentationScores, confusion_matrix, segmentation_scores
from cnnviz.segmentation import backbone
from cnnviz.segmentation.postprocess import doubtful
from cnnviz.segmentation.voc import CLASSES, VOID
from cnnviz.training.voc_data import Photo

FALSE_COLOUR = 0.05
"""So much of a photo without objects may be taken for one before it is noticed."""

MAIN = 0.1
"""An object is what a photo is about from this part of its pixels on."""


@dataclass(frozen=True)
class Figures:
    """Of one head on a set of photos.

    Attributes:
        scores: from the confusion matrix of all photos' pixels, as mean IoU is defined.
        empty, coloured: photos without a VOC object, and those of them with more false colour than 5 %.
        about, right: photos that one class fills a tenth of or more, and those of them in which it is also
            the class of the largest area found.
    """

    scores: SegmentationScores
    empty: int
    coloured: int
    about: int
    right: int

    @property
    def mean_iou(self) -> float:
        return self.scores.mean_iou or 0.0

    def __str__(self) -> str:
        return (
            f"mIoU {self.mean_iou:.4f}, pixel accuracy {self.scores.pixel_accuracy or 0:.4f}, "
            f"false colour in {self.coloured} of {self.empty} empty photos, "
            f"main class right in {self.right} of {self.about}"
        )


@dataclass
class _Counts:
    confusion: NDArray[np.int64]
    empty: int = 0
    coloured: int = 0
    about: int = 0
    right: int = 0

    def add(self, truth: NDArray[np.uint8], found: NDArray[np.int64]) -> None:
        self.confusion += confusion_matrix(truth, found, len(CLASSES), VOID)
        areas = np.bincount(truth.ravel(), minlength=VOID + 1)[1 : len(CLASSES)]
        seen = np.bincount(found.ravel(), minlength=len(CLASSES))[1:]
        if not areas.any():
            self.empty += 1
            self.coloured += bool(seen.sum() > FALSE_COLOUR * found.size)
        if areas.max() >= MAIN * truth.size:
            self.about += 1
            self.right += bool(seen.any() and seen.argmax() == areas.argmax())


Setting = tuple[float, float]
"""A background bias, and the certainty that a class needs somewhere."""


def favoured(scores: Tensor, bias: float) -> Tensor:
    """Scores (C, …) with `bias` added to the background's."""
    return torch.cat([scores[:1] + bias, scores[1:]])


def predictions(
    heads: Mapping[str, nn.Module],
    photos: Sequence[Photo],
    side: int,
    settings: Mapping[str, Sequence[Setting]],
) -> Iterator[tuple[Photo, str, Setting, NDArray[np.int64]]]:
    """The label map of every photo by every head with every setting, at the photo's size."""
    for photo in photos:
        x, lies = backbone.preprocess(photo.rgb(), side)
        with torch.inference_mode():
            maps = backbone.features(x)
            for head_id, head in heads.items():
                logits = head(maps)
                scores = lies.maps_to_photo(logits)[0]
                for bias, certainty in settings[head_id]:
                    weak = doubtful(favoured(logits[0], bias), certainty)
                    found = favoured(scores, bias).masked_fill(weak[:, None, None], -torch.inf).argmax(0)
                    yield photo, head_id, (bias, certainty), found.numpy()


def figures(
    heads: Mapping[str, nn.Module],
    photos: Sequence[Photo],
    side: int,
    settings: Mapping[str, Sequence[Setting]],
    also: Callable[[str, NDArray[np.uint8], NDArray[np.int64]], None] | None = None,
) -> dict[tuple[str, Setting], Figures]:
    """The figures of each head with each setting.

    Args:
        also: is called with each head's id, truth and prediction.
    """
    counts = {
        (head_id, setting): _Counts(np.zeros((len(CLASSES),) * 2, np.int64))
        for head_id in heads
        for setting in settings[head_id]
    }
    for photo, head_id, setting, found in predictions(heads, photos, side, settings):
        truth = photo.mask()
        counts[head_id, setting].add(truth, found)
        if also:
            also(head_id, truth, found)
    return {
        key: Figures(segmentation_scores(c.confusion), c.empty, c.coloured, c.about, c.right)
        for key, c in counts.items()
    }
