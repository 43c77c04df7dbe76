"""What a method returns, and what its settings have in common."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.explain.attribution.picture import Picture, check_fill
from cnnviz.ranges import check_ranges

Reduction = Literal["sum", "magnitude"]
QUARTERS = ("upper_left", "upper_right", "lower_left", "lower_right")


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each part of the input counts for one class; a partial answer while ``done < total``.

    Attributes:
        values: (C, h, w) float32, read-only; in units of the logit. C is 3 and (h, w) the input's size for
            methods that look at pixels; C is 1 and (h, w) a layer's for class activation maps.
        reduction: how :attr:`map` makes one number of the channels: their sum, or their largest magnitude.
        done, total: steps of the work.
        score: logit of the class, where the method computes it.
        baseline_score: the same for the baseline, where there is one.
        drops: (rows, columns) of an occlusion's windows: how far the logit falls when it is covered; NaN for
            those to come.
        bias: of the dense layer, where it and the map's mean make the score.
    """

    values: NDArray[np.float32]
    reduction: Reduction = "sum"
    done: int = 1
    total: int = 1
    score: float | None = None
    baseline_score: float | None = None
    drops: NDArray[np.float64] | None = None
    bias: float | None = None

    @property
    def finished(self) -> bool:
        return self.done == self.total

    @property
    def map(self) -> NDArray[np.float32]:
        """(h, w), one number a place; never negative for ``"magnitude"``."""
        if self.reduction == "magnitude":
            return np.abs(self.values).max(axis=0)
        return self.values.sum(axis=0)

    @property
    def sum(self) -> float:
        """Of all values."""
        return float(self.values.sum(dtype=np.float64))

    @property
    def delta(self) -> float | None:
        """Sum of the values less the difference of the scores: 0 by the axiom of completeness."""
        if self.score is None or self.baseline_score is None:
            return None
        return self.sum - (self.score - self.baseline_score)

    def quarter(self) -> str:
        """Which quarter has most of what speaks for the class: one of :data:`QUARTERS`."""
        values = np.maximum(self.map, 0).astype(np.float64)
        height, width = values.shape
        # Twice as large, the middle of an odd number of cells lies between two.
        halves = values.repeat(2, axis=0).repeat(2, axis=1).reshape(2, height, 2, width).sum((1, 3))
        return QUARTERS[int(halves.argmax())]

    def resized(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """:attr:`map` at (H, W) pixels, bilinear."""
        if self.map.shape == size:
            return self.map
        tensor = torch.from_numpy(np.ascontiguousarray(self.map))[None, None]
        return F.interpolate(tensor, size, mode="bilinear", align_corners=False)[0, 0].numpy()


class Settings(Protocol):
    """A method with its settings: a frozen dataclass."""

    def run(self, network: nn.Module, picture: Picture, target: int) -> Iterator[Attribution]:
        """Explain the logit of class `target`; every yield knows more than the one before.

        `network` is in eval mode and frozen; it is left as it is, at every moment.
        """


class Checked:
    """Settings that know their ranges, and the names of fields that hold a fill.

    Attributes:
        RANGES: smallest and largest value of each number.
    """

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {}

    def __post_init__(self) -> None:
        check_ranges(self, self.RANGES)
        for name in ("baseline", "fill", "deletion", "insertion"):
            if hasattr(self, name):
                check_fill(getattr(self, name))


def array(tensor: Tensor) -> NDArray[np.float32]:
    """(1, C, h, w) -> (C, h, w), float32 and read-only."""
    values = tensor[0].detach().to("cpu", torch.float32).contiguous().numpy()
    values.flags.writeable = False
    return values
