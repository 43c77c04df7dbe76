"""A bottleneck with random weights, run: the maps after each of its convolutions, and how many are independent.

A 1×1 convolution mixes maps. So of the maps that leave the last one, no more are linearly independent than came
into it, however many there are: that is what the neck costs.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cnnviz.blocks.bottleneck import Bottleneck, Plan

Maps = NDArray[np.float64]
"""(C, H, W)"""


class Ranks(NamedTuple):
    """How many maps are linearly independent: those of :class:`Run`, and F(x) with what the shortcut adds."""

    first: int
    second: int
    branch: int
    joined: int
    output: int


@dataclass(frozen=True, eq=False)
class Run:
    """What a block makes of one input; each (C, H, W).

    Attributes:
        first: after the first 1×1, normalised and activated.
        second: after the 3×3, likewise.
        branch: after the last 1×1, normalised: F(x).
        output: of the block.
        ranks: of each.
    """

    first: Maps
    second: Maps
    branch: Maps
    output: Maps
    ranks: Ranks


def random_block(plan: Plan, seed: int) -> Bottleneck:
    """The block in float64 and eval mode; weights normal with variance 2 / fan-in (He et al., arXiv 1502.01852)."""
    block = Bottleneck(plan).double().eval()
    generator = torch.Generator().manual_seed(seed)
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            deviation = math.sqrt(2 / module.weight[0].numel())
            nn.init.normal_(module.weight, std=deviation, generator=generator)
    return block.requires_grad_(False)


def random_input(channels: int, side: int, seed: int) -> Maps:
    """Normal numbers, (channels, side, side)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(channels, side, side, generator=generator, dtype=torch.float64).numpy()


def run(plan: Plan, x: Maps, seed: int) -> Run:
    """Put x, (inputs, H, W), through the block of `plan` with the weights of `seed`.

    Raises:
        SettingError: the plan has no meaning.
    """
    block, batch = random_block(plan, seed), torch.from_numpy(x)[None]
    first, second, branch = block.steps(batch)
    passed = block.skip(batch)
    joined = branch if passed is None else branch + passed
    made = [each[0].numpy() for each in (first, second, branch, joined, block.last(joined))]
    ranks = Ranks(*map(independent, made))
    return Run(made[0], made[1], made[2], made[4], ranks)


def independent(maps: Maps) -> int:
    """How many of the maps are linearly independent: the rank of (C, H·W).

    >>> independent(np.stack([np.eye(3), np.ones((3, 3)), 2 * np.eye(3) - np.ones((3, 3))]))
    2
    """
    return int(np.linalg.matrix_rank(maps.reshape(len(maps), -1)))


def first_by_product(plan: Plan, x: Maps, seed: int) -> Maps:
    """What :func:`run` has after the first 1×1, as what it is: a matrix times the pixels, without a convolution.

    Args:
        x: (inputs, H, W).

    Returns:
        (middle, h, w).
    """
    block = random_block(plan, seed)
    weight = block.conv1.weight[:, :, 0, 0].numpy() / math.sqrt(1 + block.bn1.eps)
    step = plan.strides[0]
    mixed = np.tensordot(weight, x[:, ::step, ::step], 1)
    return np.clip(mixed, 0, 6 if plan.inverted else None)
