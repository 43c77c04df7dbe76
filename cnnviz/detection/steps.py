"""Non-maximum suppression told box by box."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnviz.detection.postprocess import Indices, Selection


@dataclass(frozen=True, eq=False)
class Step:
    """The best box that is left is kept, and takes others with it; indices are into the detector's result.

    Attributes:
        kept: the box.
        removed: (n,) those that it takes away, the best first.
        overlap: (n,) IoU of each with it.
    """

    kept: int
    removed: Indices
    overlap: NDArray[np.float64]


def steps(selection: Selection) -> tuple[Step, ...]:
    """What :func:`cnnviz.detection.postprocess.select` did, the best box first; its limit is left out."""
    kept = np.sort(np.concatenate([selection.kept, selection.cut]))
    order = np.lexsort((selection.removed, selection.by))
    by, removed, overlap = selection.by[order], selection.removed[order], selection.overlap[order]
    starts, ends = np.searchsorted(by, kept), np.searchsorted(by, kept, "right")
    return tuple(
        Step(one, removed[start:end], overlap[start:end])
        for one, start, end in zip(kept.tolist(), starts.tolist(), ends.tolist(), strict=True)
    )


def boxes_of(told: Sequence[Step]) -> Indices:
    """Those that some steps keep or remove, the best first; of the later steps: what still waits for its turn."""
    kept = np.array([step.kept for step in told], np.int64)
    return np.sort(np.concatenate([kept, *(step.removed for step in told)]))
