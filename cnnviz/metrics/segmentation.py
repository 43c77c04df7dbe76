"""Metrics of semantic segmentation, from the confusion matrix of pixels and from outlines.

Pixel accuracy, mean accuracy, mean IoU and frequency-weighted IoU as in Long, Shelhamer & Darrell 2015,
'Fully Convolutional Networks for Semantic Segmentation' (arXiv 1411.4038, section 5); boundary IoU as in
Cheng et al. 2021, 'Boundary IoU: Improving Object-Centric Image Segmentation Evaluation' (arXiv
2103.16562). What has no pixels to be measured on is None.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.messages import N_

Labels = NDArray[np.integer]
Counts = NDArray[np.int64]

DILATION_RATIO = 0.02
"""The paper's width of a boundary, as a part of the image's diagonal."""


@dataclass(frozen=True, eq=False)
class SegmentationScores:
    """Everything that a confusion matrix says; shares are from 0 to 1.

    Attributes:
        confusion: (C, C) pixels, rows the truth, columns the prediction.
        iou: per class, both / (true + predicted − both); None: nowhere true nor predicted.
        dice: per class, 2 · both / (true + predicted); None as above.
        accuracy: per class, both / true; None: nowhere true.
        mean_iou, mean_dice: of the classes that have one; None: none has.
        pixel_accuracy: the diagonal's share of all pixels; None: there are no pixels.
        mean_accuracy: of the classes that are somewhere true.
        frequency_weighted_iou: the IoUs weighted by how many pixels of the truth are of each class.
    """

    confusion: Counts
    iou: tuple[float | None, ...]
    dice: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]
    mean_iou: float | None
    mean_dice: float | None
    pixel_accuracy: float | None
    mean_accuracy: float | None
    frequency_weighted_iou: float | None


def confusion_matrix(truth: Labels, prediction: Labels, classes: int, ignore: int | None = None) -> Counts:
    """Count pixels by what they are and what they are taken for; add matrices to sum over images.

    Args:
        truth, prediction: labels 0 … classes − 1, of one shape.
        ignore: pixels of the truth with this label are not counted.

    Returns:
        (classes, classes) int64, rows the truth, columns the prediction.

    Raises:
        SettingError: the shapes differ, or a counted pixel has another label.

    >>> confusion_matrix(np.array([0, 1, 1, 255]), np.array([0, 0, 1, 1]), 2, ignore=255).tolist()
    [[1, 0], [1, 1]]
    """
    truth, prediction = _checked(truth, prediction, classes, ignore)
    counted = _counted(truth, ignore)
    pairs = truth[counted].astype(np.int64) * classes + prediction[counted].astype(np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def segmentation_scores(confusion: Counts) -> SegmentationScores:
    """The metrics of a (C, C) confusion matrix, rows the truth.

    >>> segmentation_scores(np.array([[1, 0], [1, 1]])).iou
    (0.5, 0.5)
    """
    both, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    iou = tuple(_share(b, t + p - b) for b, t, p in zip(both, true, predicted, strict=True))
    dice = tuple(_share(2 * b, t + p) for b, t, p in zip(both, true, predicted, strict=True))
    accuracy = tuple(_share(b, t) for b, t in zip(both, true, strict=True))
    weighted = sum(t * share for t, share in zip(true, iou, strict=True) if share is not None)
    return SegmentationScores(
        confusion,
        iou,
        dice,
        accuracy,
        _mean(iou),
        _mean(dice),
        _share(int(both.sum()), int(true.sum())),
        _mean(accuracy),
        _share(weighted, int(true.sum())),
    )


def boundary(mask: NDArray[np.bool_], ratio: float = DILATION_RATIO) -> NDArray[np.bool_]:
    """The pixels of a mask within a distance of its outline; the image's frame is outline too.

    The distance is `ratio` of the image's diagonal, rounded, at least one pixel, and counted as a king
    walks: so many erosions with a 3×3 square.

    Args:
        mask: (H, W).

    Returns:
        (H, W) bool, all within the mask.
    """
    distance = boundary_distance(mask.shape, ratio)
    # Erosion takes what is beyond the frame for foreground; a frame of zeros makes it background.
    framed = np.pad(mask.astype(np.uint8), 1)
    inside = cv2.erode(framed, np.ones((3, 3), np.uint8), iterations=distance)[1:-1, 1:-1]
    return mask.astype(bool) & (inside == 0)


def boundary_distance(shape: tuple[int, ...], ratio: float = DILATION_RATIO) -> int:
    """How wide a boundary is in an image of this height and width, in pixels."""
    if not 0 < ratio <= 1:
        raise SettingError(
            N_("the dilation ratio is {ratio}; expected a part of the diagonal, above 0 and up to 1"),
            ratio=ratio,
        )
    return max(1, round(ratio * float(np.hypot(shape[0], shape[1]))))


def boundary_iou(
    truth: NDArray[np.bool_],
    prediction: NDArray[np.bool_],
    ratio: float = DILATION_RATIO,
) -> float | None:
    """IoU of the boundaries of two masks (H, W); None where neither has any."""
    if truth.shape != prediction.shape or truth.ndim != 2:
        raise _shapes(truth, prediction)
    one, other = boundary(truth, ratio), boundary(prediction, ratio)
    both, either = np.count_nonzero(one & other), np.count_nonzero(one | other)
    return _share(int(both), int(either))


def boundary_ious(
    truth: Labels,
    prediction: Labels,
    classes: int,
    ignore: int | None = None,
    ratio: float = DILATION_RATIO,
) -> tuple[float | None, ...]:
    """The boundary IoU of each class of two label maps (H, W).

    Ignored pixels belong to no class, in the prediction either, so that both are cut along the same line.
    """
    truth, prediction = _checked(truth, prediction, classes, ignore)
    counted = _counted(truth, ignore)
    return tuple(
        boundary_iou(counted & (truth == label), counted & (prediction == label), ratio)
        for label in range(classes)
    )


def _checked(truth: Labels, prediction: Labels, classes: int, ignore: int | None) -> tuple[Labels, Labels]:
    if classes < 1:
        raise SettingError(N_("there are {classes} classes; expected at least 1"), classes=classes)
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape:
        raise _shapes(truth, prediction)
    counted = _counted(truth, ignore)
    for labels in (truth[counted], prediction[counted]):
        wrong = labels[(labels < 0) | (labels >= classes)]
        if wrong.size:
            raise SettingError(
                N_("a pixel has the label {label}; expected 0 to {last}"),
                label=int(wrong[0]),
                last=classes - 1,
            )
    return truth, prediction


def _counted(truth: Labels, ignore: int | None) -> NDArray[np.bool_]:
    return np.ones(truth.shape, bool) if ignore is None else truth != ignore


def _shapes(truth: NDArray[np.generic], prediction: NDArray[np.generic]) -> SettingError:
    return SettingError(
        N_(
            "the truth has the shape {truth}, the prediction {prediction}; expected the same height and width"
        ),
        truth=str(truth.shape),
        prediction=str(prediction.shape),
    )


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
