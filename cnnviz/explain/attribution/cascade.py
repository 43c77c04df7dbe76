"""Does a map depend on what the network has learned? Layers lose their weights, from the top down."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cnnviz.explain.attribution.grad_cam import blocks
from cnnviz.explain.attribution.methods import explain
from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.results import Attribution, Settings
from cnnviz.explain.traced_field import with_tensors


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's, in its parts.

    Attributes:
        covariance: of the ranks.
        first, second: standard deviations of the two arrays' ranks.
    """

    covariance: float
    first: float
    second: float

    @property
    def value(self) -> float | None:
        """From -1 to 1; None where one of the two is the same everywhere."""
        spread = self.first * self.second
        return self.covariance / spread if spread else None


@dataclass(frozen=True, eq=False)
class CascadeStep:
    """The map after one more block has lost its weights.

    Attributes:
        block: the one that lost them last; empty for the network as it was trained.
        done, total: steps, the intact network being the first.
        attribution: of the network with random weights from this block on.
        signed: rank correlation of its map with the first.
        magnitudes: the same of the maps' magnitudes.
    """

    block: str
    done: int
    total: int
    attribution: Attribution
    signed: RankCorrelation
    magnitudes: RankCorrelation

    @property
    def correlation(self) -> float | None:
        """Spearman's, of the maps; None where one of the two is the same everywhere."""
        return self.signed.value

    @property
    def absolute(self) -> float | None:
        """Spearman's, of the maps' magnitudes."""
        return self.magnitudes.value


def cascade(
    network: nn.Module, picture: Picture, target: int, settings: Settings, generator: torch.Generator
) -> Iterator[CascadeStep]:
    """Replace the weights of one block after the other by random ones, the last block first, and explain again.

    Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018
    (arXiv 1810.03292), section 3.1, cascading randomization. Convolutions and dense layers get normal weights of
    variance 1 / fan-in, normalisations go back to changing nothing. It happens on a copy.

    Args:
        settings: of any method.
        generator: on the CPU; gives the weights.

    Raises:
        ModelError, SettingError: as :func:`cnnviz.explain.attribution.methods.explain`.
    """
    copy = with_tensors(network, torch.clone)
    steps = ["", *order(copy)]
    first = None
    for done, block in enumerate(steps, start=1):
        if block:
            randomise(copy.get_submodule(block), generator)
        for attribution in explain(copy, picture, target, settings):
            found = attribution
        first = found.map if first is None else first
        yield CascadeStep(
            block,
            done,
            len(steps),
            found,
            rank_correlation(first, found.map),
            rank_correlation(np.abs(first), np.abs(found.map)),
        )


def order(network: nn.Module) -> tuple[str, ...]:
    """Paths of the blocks that have weights, the last first: the order in which they lose them."""
    weighted = (
        path for path in blocks(network) if next(network.get_submodule(path).parameters(), None) is not None
    )
    return tuple(reversed(list(weighted)))


def randomise(block: nn.Module, generator: torch.Generator) -> None:
    """Give every layer of `block` new weights, in place."""
    with torch.no_grad():
        for module in block.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.ndim > 1:
                    drawn = torch.randn(parameter.shape, generator=generator)
                    parameter.copy_(drawn / math.sqrt(parameter[0].numel()))
                else:
                    # Of vectors, only a normalisation's scale is called weight.
                    parameter.fill_(1.0 if name == "weight" else 0.0)
            if isinstance(module, nn.modules.batchnorm._NormBase):
                module.reset_running_stats()


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, which, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def rank_correlation(first: NDArray[Any], second: NDArray[Any]) -> RankCorrelation:
    """Rank correlation of two arrays of one shape, equal values sharing their mean rank."""
    one, other = (ranks - ranks.mean() for ranks in map(_ranks, (first, second)))
    return RankCorrelation(
        float((one * other).mean()), math.sqrt((one**2).mean()), math.sqrt((other**2).mean())
    )
