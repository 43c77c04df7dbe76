"""Score maps to pictures: what a page does again at every move of a slider, without the network.

Maps are enlarged bilinearly, as every network here was trained and measured: a pixel's score is the
weighted mean of the four cells whose centres surround its own. Rows and columns separate, so that
enlarging is one matrix from the left and one from the right.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.engine.results import SegmentationResult, Size


def bilinear(cells: int, first: float, last: float, points: Tensor) -> Tensor:
    """The matrix that reads a row of cells at some points.

    Args:
        cells: how many; together they cover `first` to `last`, each its share.
        points: (n,) positions; beyond the centres of the outermost cells, those count.

    Returns:
        (n, cells) float32; each row has at most two weights, which sum to 1.

    >>> bilinear(2, 0, 4, torch.tensor([0.5, 1.5, 2.5, 3.5]))  # two cells enlarged to four
    tensor([[1.0000, 0.0000],
            [0.7500, 0.2500],
            [0.2500, 0.7500],
            [0.0000, 1.0000]])
    """
    at = ((points - first) * (cells / (last - first)) - 0.5).clamp(0, cells - 1)
    return (1 - (at[:, None] - torch.arange(cells)).abs()).clamp(min=0)


def scores_at_photo(result: SegmentationResult, size: Size | None = None) -> NDArray[np.float32]:
    """The score maps enlarged to the photo.

    Args:
        size: (height, width) of the picture of the whole photo that is shown; None for the photo's own.

    Returns:
        (C, height, width) float32 logits.
    """
    return _enlarged(result, size).numpy()


def probabilities_at(result: SegmentationResult, x: float, y: float) -> NDArray[np.float32]:
    """(C,) float32, softmax of the enlarged scores at a point of the photo, in pixels from its corner.

    The centre of the pixel in column c and row r is at (c + ½, r + ½).
    """
    scores = _read(result, torch.tensor([y]), torch.tensor([x]))[:, 0, 0]
    return scores.softmax(0).numpy()


def doubtful(scores: Tensor, certainty: float) -> Tensor:
    """Which classes no cell is sure of: weak signs of a class count only where there is a strong one, too.

    Canny's hysteresis (IEEE PAMI 1986, § V) for whole classes, against false colour.

    Args:
        scores: (C, h, w) logits, the background first, already favoured.
        certainty: the probability that one cell must reach, 0 to 1.

    Returns:
        (C,) bool; never the background.

    >>> doubtful(torch.tensor([[[0.0, 0.0]], [[2.0, -9.0]], [[0.1, 0.1]]]), 0.7)
    tensor([False, False,  True])
    """
    weak = scores.softmax(0).amax((1, 2)) < certainty
    weak[0] = False
    return weak


def shares(labels: NDArray[np.uint8], classes: Sequence[str]) -> dict[int, float]:
    """The share of the pixels that each class has, 0 to 1, by its index; the largest first, none without a pixel.

    >>> shares(np.array([[0, 2], [2, 2]], np.uint8), ["background", "cat", "dog"])
    {2: 0.75, 0: 0.25}
    """
    counts = np.bincount(labels.ravel(), minlength=len(classes))
    order = np.argsort(-counts, kind="stable")
    return {int(index): float(counts[index] / labels.size) for index in order if counts[index]}


def _enlarged(result: SegmentationResult, size: Size | None) -> Tensor:
    height, width = result.photo
    rows, columns = size or result.photo
    return _read(
        result,
        (torch.arange(rows) + 0.5) * (height / rows),
        (torch.arange(columns) + 0.5) * (width / columns),
    )


def _read(result: SegmentationResult, ys: Tensor, xs: Tensor) -> Tensor:
    """(C, len(ys), len(xs)): the scores at points of the photo."""
    # A copy: torch has no read-only tensors, and warns of it.
    scores = torch.tensor(result.scores)
    _, rows, columns = scores.shape
    left, top, right, bottom = result.extent
    return bilinear(rows, top, bottom, ys) @ (scores @ bilinear(columns, left, right, xs).T)
