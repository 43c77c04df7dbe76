"""Average precision and IoU once more, by other means than ours: PyTorch's own operations."""

from collections.abc import Sequence

import torch
import torchvision

from cnnviz.metrics.matching import Matching


def iou(box: Sequence[float], other: Sequence[float]) -> float:
    """IoU of two xyxy boxes by ``torchvision.ops.box_iou``, in float64.

    >>> iou((0, 0, 10, 10), (0, 0, 10, 5))
    0.5
    """
    first, second = (torch.tensor([list(one)], dtype=torch.float64) for one in (box, other))
    return float(torchvision.ops.box_iou(first, second))


def _hits(matching: Matching, steps: int | None = None) -> torch.Tensor:
    """1 for each true positive, 0 for each false one, in their order; what is ignored is left out."""
    outcomes = [step.outcome for step in matching.steps[:steps]]
    return torch.tensor([one == "tp" for one in outcomes if one != "ignored"], dtype=torch.float64)


def precision_and_recall(matching: Matching, steps: int) -> tuple[float | None, float | None]:
    """The share of hits among the first `steps`, and of the truths that they are; None where undefined."""
    hits, truths = _hits(matching, steps), len(matching.truths)
    return (
        float(hits.mean()) if len(hits) else None,
        float(hits.sum() / truths) if truths else None,
    )


def average_precision(matching: Matching, interpolation: str) -> float | None:
    """Area under the interpolated curve of a matching, from nothing but the order of hits and misses.

    'all' by ``torch.trapezoid`` over the staircase, '11' and '101' by ``torch.searchsorted``.

    Returns:
        None where no ground truth counts.
    """
    if not matching.truths:
        return None
    hits = _hits(matching)
    if not len(hits):
        return 0.0
    found = hits.cumsum(0)
    recall = found / len(matching.truths)
    precision = found / torch.arange(1, len(hits) + 1, dtype=torch.float64)
    envelope = precision.flip(0).cummax(0).values.flip(0)
    if interpolation == "all":
        # A stair has two ends: up to each recall the curve is as high as there.
        lefts = torch.cat([torch.zeros(1, dtype=torch.float64), recall[:-1]])
        stairs = torch.stack([lefts, recall], 1).reshape(-1)
        return float(torch.trapezoid(envelope.repeat_interleave(2), stairs))
    # i/10 and i/100 as numpy has them: they differ from torch's in the last bit, and so may a recall of 3/10.
    steps = int(interpolation) - 1
    recalls = torch.arange(steps + 1, dtype=torch.float64) * (1 / steps)
    recalls[-1] = 1
    places = torch.searchsorted(recall, recalls)
    return float(torch.cat([envelope, torch.zeros(1, dtype=torch.float64)])[places].mean())
