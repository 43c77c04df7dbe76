"""From score maps to a mask: how much the background is favoured, and how sure a pixel must be to be coloured.

Enlarging is a weighted mean, so what is added to every cell of the background's small map is added to
every pixel of the large one: :func:`favour` costs nothing.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from cnnviz.engine.results import SegmentationResult, Size
from cnnviz.segmentation.postprocess import doubtful, scores_at_photo

TOP = 3
"""Classes that a pixel is told of."""


@dataclass(frozen=True, eq=False)
class Hints:
    """The most probable classes on a coarse grid of points, small enough to send to a browser.

    Attributes:
        classes: (3, rows, columns) uint8, the best first.
        shares: (3, rows, columns) uint8, their probabilities in 255ths.
    """

    classes: NDArray[np.uint8]
    shares: NDArray[np.uint8]


def shown_size(photo: Size, side: int) -> Size:
    """(height, width) of the photo brought to a long side of at most `side`.

    >>> shown_size((600, 800), 400), shown_size((30, 40), 400)
    ((300, 400), (30, 40))
    """
    height, width = photo
    scale = min(1.0, side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def favour(result: SegmentationResult, bias: float | None = None) -> SegmentationResult:
    """The result with `bias` added to the background's logit; None for the network's own bias."""
    scores = result.scores.copy()
    scores[0] += result.background_bias if bias is None else bias
    scores.flags.writeable = False
    return replace(result, scores=scores, background_bias=0.0)


def contenders(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """The classes that may be the largest somewhere: in no photo are they many.

    A class that has less than one and the same other class in every cell has less in every pixel, too.

    Args:
        scores: (C, h, w).

    >>> contenders(np.array([[[2, 5]], [[3, 1]], [[1, 4]]], np.float32)).tolist()
    [0, 1]
    """
    cells = torch.tensor(scores).flatten(1)
    beaten = ((cells[:, None] - cells).amin(-1) > 0).any(0)
    return torch.nonzero(~beaten)[:, 0].numpy()


def decide(result: SegmentationResult, size: Size, threshold: float = 0.0) -> NDArray[np.uint8]:
    """The class of each pixel: the most probable one, or the background where that isn't sure enough.

    Classes that are :func:`doubtful` in the whole photo are left out.

    Args:
        result: of :func:`favour`; its own bias isn't added again.
        size: (height, width) of the mask.
        threshold: least probability of a class to be coloured, 0 to 1.

    Returns:
        (height, width) uint8.
    """
    weak = doubtful(torch.tensor(result.scores), result.certainty)
    if threshold <= 0:
        there = np.flatnonzero(~weak.numpy())
        some = there[contenders(result.scores[there])]
        scores = scores_at_photo(replace(result, scores=result.scores[some]), size)
        # max is twice as quick as argmax.
        return some.astype(np.uint8)[torch.from_numpy(scores).max(0).indices.numpy()]
    every = torch.from_numpy(scores_at_photo(result, size))
    best = every.masked_fill(weak[:, None, None], -torch.inf).max(0)
    # The best one's softmax, without the others'.
    sure = (every - best.values).exp_().sum(0) <= 1 / threshold
    return (best.indices * sure).to(torch.uint8).numpy()


def probability(result: SegmentationResult, label: int, size: Size) -> NDArray[np.float32]:
    """(height, width) float32: the softmax of one class at each pixel."""
    scores = torch.from_numpy(scores_at_photo(result, size))
    return (scores[label] - scores.logsumexp(0)).exp_().numpy()


def hints(result: SegmentationResult, size: Size) -> Hints:
    """The three most probable classes at a grid of points, (rows, columns) = `size`."""
    best = torch.from_numpy(scores_at_photo(result, size)).softmax(0).topk(TOP, 0)
    shares = (best.values * 255).round().to(torch.uint8)
    return Hints(best.indices.to(torch.uint8).numpy(), shares.numpy())
