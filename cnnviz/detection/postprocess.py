"""Boxes to detections: what a page does again at every move of a slider, without the network."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.ops import batched_nms

from cnnviz.engine.results import DetectionResult
from cnnviz.metrics.boxes import iou, iou_matrix

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Selection:
    """What becomes of a detector's boxes; all indices are into its result, the best score first.

    Attributes:
        kept: (K,) the detections.
        removed: (R,) boxes that non-maximum suppression took away.
        by: (R,) the kept box that took each away.
        overlap: (R,) IoU of the two.
        cut: boxes that survived, but beyond the most that are kept.
    """

    kept: Indices
    removed: Indices
    by: Indices
    overlap: NDArray[np.float64]
    cut: Indices


def select(
    result: DetectionResult,
    score: float | None = None,
    iou: float | None = None,
    *,
    classes: Collection[int] | None = None,
    per_class: bool = True,
    limit: int | None = None,
) -> Selection:
    """Score threshold, then greedy non-maximum suppression, then the best so many.

    Best box first, each box that is left takes away all others that overlap it by more than `iou`. At the
    model's own settings (None) that gives what torchvision's model gives.

    Args:
        score: boxes must exceed it; below the result's `floor` it changes nothing.
        iou: 0 to 1; 1 turns suppression off.
        classes: labels to look at; None for all.
        per_class: whether only boxes of the same class suppress each other.
        limit: how many are kept at most.
    """
    score = result.score_threshold if score is None else score
    threshold = result.iou_threshold if iou is None else iou
    wanted = result.scores > score
    if classes is not None:
        wanted &= np.isin(result.labels, list(classes))
    candidates = np.flatnonzero(wanted)
    boxes, scores = result.boxes[candidates], result.scores[candidates]
    groups = result.labels[candidates] if per_class else np.zeros(len(candidates), np.int64)
    left = batched_nms(
        torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(groups), threshold
    ).numpy()
    gone = np.setdiff1d(np.arange(len(candidates)), left)
    by, overlap = _suppressors(boxes.astype(np.float64), groups, left, gone, threshold)
    limit = result.limit if limit is None else limit
    return Selection(
        candidates[left[:limit]], candidates[gone], candidates[by], overlap, candidates[left[limit:]]
    )


def _suppressors(
    boxes: NDArray[np.float64], groups: Indices, left: Indices, gone: Indices, threshold: float
) -> tuple[Indices, NDArray[np.float64]]:
    """For each box in `gone` the box in `left` that took it away, and their IoU."""
    by = np.zeros(len(gone), np.int64)
    for group in np.unique(groups[gone]):
        rivals, mine = left[groups[left] == group], groups[gone] == group
        common = iou_matrix(boxes[gone[mine]], boxes[rivals])
        # The first in order of score. Rounding may leave none beyond the threshold; then the nearest to it.
        beyond = common > threshold
        by[mine] = rivals[np.where(beyond.any(1), beyond.argmax(1), common.argmax(1))]
    return by, iou(boxes[gone], boxes[by])


def masks_at_photo(result: DetectionResult, indices: Indices) -> NDArray[np.float32]:
    """The masks of some boxes where they belong in the photo, as torchvision pastes them; 0 outside the box.

    Args:
        indices: (K,) of boxes that have a mask: whose `mask_of` is not −1.

    Returns:
        (K, height, width) float32 probabilities; above ½ is object.
    """
    assert result.masks is not None
    assert result.mask_of is not None
    masks = torch.from_numpy(result.masks[result.mask_of[indices]])
    return paste_masks_in_image(masks[:, None], torch.from_numpy(result.boxes[indices]), result.photo)[
        :, 0
    ].numpy()
