"""What each layer of a trained DenseNet reuses: by its weights, and by what it costs to cut a connection.

Huang et al., arXiv 1608.06993, § 5 and Figure 5, draw the mean absolute weight of every connection within a block:
"a surrogate for the dependency of a convolutional layer on its preceding layers". Whether it is one can be tested.
"""

import copy
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.blocks.dense import DenseNet
from cnnviz.errors import SettingError
from cnnviz.messages import N_

Map = NDArray[np.float64]
"""(blocks, L + 1, L + 1): block, source (0 is the block's input), target (the last is what follows the block).

NaN where nothing flows. All blocks have L layers.
"""


def readers(network: DenseNet, block: int) -> list[nn.Conv2d | nn.Linear]:
    """What reads the maps of a block: the first convolution of each of its layers, then what follows the block."""
    stages = list(network.body)
    position = stages.index(network.blocks[block])
    behind = stages[position + 1] if position + 1 < len(stages) else network.head
    parts = [*network.blocks[block].layers, behind]
    return [next(part for part in each if isinstance(part, nn.Conv2d | nn.Linear)) for each in parts]


def connections(network: DenseNet) -> Iterator[tuple[int, int, int]]:
    """All (block, source, target) along which maps flow, targets counted from 0."""
    for number, block in enumerate(network.blocks):
        for target in range(len(block.layers) + 1):
            for source in range(target + 1):
                yield number, source, target


def weight_map(network: DenseNet) -> Map:
    """Mean |w| of every connection."""
    found = _empty(network)
    for block, source, target in connections(network):
        found[block, source, target] = float(_weights(network, block, source, target).abs().mean())
    return found


def starting_map(network: DenseNet) -> Map:
    """What :func:`weight_map` is on the average before training, for weights drawn as He et al. do.

    A weight of a κ×κ layer that reads m maps has the standard deviation √(2 / κ²m) (arXiv 1502.01852, eq. 10), and
    the mean absolute value of a normal number is √(2/π) standard deviations: 2 / (κ √(π m)).
    """
    found = _empty(network)
    for block, source, target in connections(network):
        weight = readers(network, block)[target].weight
        found[block, source, target] = 2 / np.sqrt(np.pi * weight[0].numel())
    return found


def cut(network: DenseNet, block: int, source: int, targets: Iterable[int]) -> DenseNet:
    """A copy that is deaf to the maps of `source` in `targets`: their weights are 0, and nothing else changes.

    Raises:
        SettingError: nothing flows from `source` to one of `targets`.
    """
    deaf = copy.deepcopy(network)
    for target in targets:
        _weights(deaf, block, source, target).zero_()
    return deaf


def cut_errors(
    network: DenseNet, images: Tensor, labels: Tensor
) -> Iterator[tuple[tuple[int, int, int | None], float]]:
    """The error with each connection cut in turn, and with each source cut from all that read it.

    Args:
        network: in eval mode; it is not touched.
        images, labels: (N, 1, S, S) and (N,).

    Yields:
        (block, source, target) and the share of wrong answers; the target is None for all of them.
    """
    with torch.inference_mode():
        entered = [network.stem(images)]
        for stage in network.body:
            entered.append(stage(entered[-1]))

    def error(deaf: DenseNet, block: int) -> float:
        stage = list(network.body).index(network.blocks[block])
        with torch.inference_mode():  # what comes before the block stays as it was
            logits = deaf.head(deaf.body[stage:](entered[stage]))
        return float((logits.argmax(1) != labels).double().mean())

    for block, source, target in connections(network):
        yield (block, source, target), error(cut(network, block, source, [target]), block)
    for block, parts in enumerate(network.blocks):
        for source in range(len(parts.layers) + 1):
            deaf = cut(network, block, source, range(source, len(parts.layers) + 1))
            yield (block, source, None), error(deaf, block)


def rank_correlation(first: Map, second: Map) -> float:
    """Spearman's ρ of two maps over the connections; NaN where one of them is the same everywhere."""
    flows = np.isfinite(first) & np.isfinite(second)
    ranks = [_ranks(each[flows]) for each in (first, second)]
    if any(np.ptp(each) == 0 for each in ranks):
        return float("nan")
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 1 up; equal numbers share the mean of theirs."""
    _sorted, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(counts.cumsum() - (counts - 1) / 2)[place]


def _empty(network: DenseNet) -> Map:
    layers = max(len(block.layers) for block in network.blocks)
    return np.full((len(network.blocks), layers + 1, layers + 1), np.nan)


def _weights(network: DenseNet, block: int, source: int, target: int) -> Tensor:
    """A view of the weights of one connection: (outputs, k, κ, κ), or (classes, k)."""
    parts = network.blocks[block].settings.sources(target + 1)
    if not 0 <= source < len(parts):
        raise SettingError(
            N_("target {target} of a block reads sources 0 to {last}, not {source}"),
            target=target + 1,
            last=len(parts) - 1,
            source=source,
        )
    return readers(network, block)[target].weight.data[:, parts[source]]
