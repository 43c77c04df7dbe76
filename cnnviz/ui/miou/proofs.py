"""The scores' formulas with today's pixels in them, against masks counted in PyTorch."""

import torch

from cnnviz.metrics.label_maps import VOID
from cnnviz.metrics.segmentation import SegmentationScores
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.miou.task import Task

TOLERANCE = 1e-5
"""PyTorch divides in float32."""


def score_proofs(task: Task, scores: SegmentationScores) -> list[Proof]:
    """Mean IoU, pixel accuracy and frequency-weighted IoU; those that are undefined are left out."""
    truth, prediction = torch.from_numpy(task.truth.copy()), torch.from_numpy(task.prediction.copy())
    counted = truth != VOID
    labels = range(len(scores.iou))
    common = torch.stack([((truth == k) & (prediction == k) & counted).sum() for k in labels]).float()
    either = torch.stack([(((truth == k) | (prediction == k)) & counted).sum() for k in labels]).float()
    there = either > 0
    ious = common[there] / either[there]
    proofs = []
    if scores.mean_iou is not None:
        defined = [value for value in scores.iou if value is not None]
        terms = " + ".join(f"{value:.4f}" for value in defined)
        proofs.append(
            Proof(
                _("Mean IoU"),
                rf"\frac{{{terms}}}{{{len(defined)}}}",
                round(scores.mean_iou, 6),
                round(ious.mean().item(), 6),
                why=_(
                    "PyTorch divides overlap by union of each class's two masks; the formula reads the "
                    "confusion matrix."
                ),
                tolerance=TOLERANCE,
            )
        )
    total, right = int(scores.confusion.sum()), int(scores.confusion.trace())
    if scores.pixel_accuracy is not None:
        proofs.append(
            Proof(
                _("Pixel accuracy"),
                rf"\frac{{\sum_i n_{{ii}}}}{{\sum_i t_i}} = \frac{{{right}}}{{{total}}}",
                round(scores.pixel_accuracy, 6),
                round((truth == prediction)[counted].float().mean().item(), 6),
                tolerance=TOLERANCE,
            )
        )
    if scores.frequency_weighted_iou is not None:
        true = scores.confusion.sum(1)
        parts = [(int(t), iou) for t, iou in zip(true, scores.iou, strict=True) if iou is not None and t]
        terms = " + ".join(rf"{t} \cdot {iou:.4f}" for t, iou in parts)
        pixels = torch.stack([((truth == k) & counted).sum() for k in labels]).float()[there]
        proofs.append(
            Proof(
                _("Frequency-weighted IoU"),
                rf"\frac{{{terms}}}{{{total}}}",
                round(scores.frequency_weighted_iou, 6),
                round(((pixels * ious).sum() / pixels.sum()).item(), 6),
                tolerance=TOLERANCE,
            )
        )
    return proofs
