"""Training of the pyramid detector.

Which cells answer for a box is decided anew at each step by what the network finds there already: Feng et
al., 'TOOD: Task-aligned One-stage Object Detection', ICCV 2021 (arXiv 2108.07755), equations 2 to 4. The
score learns the box's IoU: Li et al., 'Generalized Focal Loss' (arXiv 2006.04388), equation 4; the box by
GIoU: Rezatofighi et al. (arXiv 1902.09630).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.detection.pyramid import STRIDES, Output, Pyramid, boxes_of, cell_centres
from cnnviz.segmentation.voc import OBJECTS
from cnnviz.training.features import Cached
from cnnviz.training.loop import Recipe, train
from cnnviz.training.segmentation import chances, draw
from cnnviz.training.voc_data import Photo

RECIPE = Recipe(5000)
CELLS = 10
"""At most so many cells answer for a box."""

ALIGNMENT = 6.0
"""The power of the IoU in the alignment, score × IoU⁶."""

BOX_WEIGHT = 2.0


@dataclass(frozen=True, eq=False)
class Targets:
    """What the cells should answer; K = 20 classes, A cells of all levels.

    Attributes:
        scores: (N, A, K) 0 … 1; 0 for the background.
        boxes: (N, A, 4) xyxy, where a cell answers for one.
        answers: (N, A) which cells do.
        counts: (N, A, K) float, 0 where neither answer is wrong.
    """

    scores: Tensor
    boxes: Tensor
    answers: Tensor
    counts: Tensor


def flat(outputs: Sequence[Output]) -> tuple[Tensor, Tensor, Tensor]:
    """All levels as one list of cells: logits (N, A, K), boxes (N, A, 4) and centres (A, 2)."""
    logits = torch.cat([level.flatten(2).transpose(1, 2) for level, _ in outputs], 1)
    boxes = [boxes_of(sides, stride) for (_, sides), stride in zip(outputs, STRIDES, strict=True)]
    centres = [
        cell_centres(sides.shape[2], sides.shape[3], stride).flatten(1).T
        for (_, sides), stride in zip(outputs, STRIDES, strict=True)
    ]
    return logits, torch.cat([level.flatten(2).transpose(1, 2) for level in boxes], 1), torch.cat(centres)


def iou(boxes: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and GIoU of boxes (…, 4), broadcast against each other."""
    left_top, right_bottom = boxes.split(2, -1)
    other_left_top, other_right_bottom = others.split(2, -1)
    inner = torch.minimum(right_bottom, other_right_bottom) - torch.maximum(left_top, other_left_top)
    common = inner.clamp(min=0).prod(-1)
    union = (right_bottom - left_top).prod(-1) + (other_right_bottom - other_left_top).prod(-1) - common
    outer = torch.maximum(right_bottom, other_right_bottom) - torch.minimum(left_top, other_left_top)
    hull = outer.prod(-1).clamp(min=1e-6)
    overlap = common / union.clamp(min=1e-6)
    return overlap, overlap - (hull - union) / hull


@torch.no_grad()
def assign(logits: Tensor, boxes: Tensor, centres: Tensor, truths: Tensor) -> Targets:
    """Give each box the cells that are best aligned with it.

    Args:
        logits: (N, A, K); boxes: (N, A, 4); centres: (A, 2).
        truths: (N, M, 6) xyxy, label (−1: no box), whether it is ignored.
    """
    truths = truths[:, : max(int((truths[..., 4] >= 0).sum(1).max()), 1)]
    box, label, ignored = truths[..., :4], truths[..., 4].long(), truths[..., 5] > 0
    real, index = (label >= 0) & ~ignored, label.clamp(min=0)
    inside = ((centres > box[:, :, None, :2]) & (centres < box[:, :, None, 2:])).all(-1)  # (N, M, A)
    overlap = iou(box[:, :, None], boxes[:, None])[0]
    scores = logits.sigmoid()
    score = scores.transpose(1, 2).gather(1, index[..., None].expand(-1, -1, scores.shape[1]))
    metric = score * overlap**ALIGNMENT * (inside & real[..., None])
    best = metric.topk(min(CELLS, metric.shape[-1]), -1).indices
    taken = torch.zeros_like(inside).scatter_(-1, best, True) & inside & real[..., None]
    # A cell that several boxes want answers for the one that it overlaps most.
    wanted = torch.where(taken, overlap, -1.0)
    owner = wanted.argmax(1, keepdim=True)
    mine = torch.zeros_like(taken).scatter_(1, owner, True) & taken
    # So scaled that the best cell of a box should score its IoU.
    metric = metric * mine
    share = metric / metric.amax(-1, keepdim=True).clamp(min=1e-12)
    target = share * (overlap * mine).amax(-1, keepdim=True)
    answers = mine.any(1)
    owner = owner[:, 0]
    value = target.sum(1)
    wanted_scores = torch.zeros_like(logits)
    wanted_scores.scatter_(-1, index.gather(1, owner)[..., None], (value * answers)[..., None])
    counts = torch.ones_like(logits)
    doubtful = inside & (ignored & (label >= 0))[..., None]
    for number, row in torch.nonzero(doubtful.any(-1)).tolist():
        counts[number, doubtful[number, row] & ~answers[number], index[number, row]] = 0
    return Targets(wanted_scores, box.gather(1, owner[..., None].expand(-1, -1, 4)), answers, counts)


def loss(outputs: Sequence[Output], truths: Tensor) -> Tensor:
    """Quality focal loss of the scores plus twice the GIoU loss of the boxes, each by its target score."""
    logits, boxes, centres = flat(outputs)
    targets = assign(logits, boxes, centres, truths)
    apart = (targets.scores - logits.sigmoid()).abs() ** 2
    focal = F.binary_cross_entropy_with_logits(logits, targets.scores, reduction="none") * apart
    weight = targets.scores.sum(-1)[targets.answers]
    total = weight.sum().clamp(min=1.0)
    giou = iou(boxes[targets.answers], targets.boxes[targets.answers])[1]
    return (focal * targets.counts).sum() / total + BOX_WEIGHT * ((1 - giou) * weight).sum() / total


def train_detector(
    cached: Cached,
    photos: Sequence[Photo],
    allowed: NDArray[np.int64],
    seed: int = 0,
    recipe: Recipe = RECIPE,
    checkpoint: Path | None = None,
) -> nn.Module:
    """Train the detector on the photos `allowed`; see :func:`cnnviz.training.loop.train`."""
    there = np.zeros((len(photos), len(OBJECTS)), bool)
    for number, photo in enumerate(photos):
        there[number, photo.labels[~photo.ignored]] = True
    chance = chances(there, np.array([photo.human for photo in photos]), allowed)

    def value(network: nn.Module, generator: np.random.Generator) -> Tensor:
        rows = draw(cached, generator, chance, recipe.batch)
        with torch.autocast("cpu", torch.bfloat16):
            outputs = network(cached.features(rows, STRIDES[0]))
        return loss([(logits.float(), sides.float()) for logits, sides in outputs], cached.truths(rows))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Pyramid().to(memory_format=torch.channels_last)
    return train(network, value, recipe, seed, checkpoint)
