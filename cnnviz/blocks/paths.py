"""A residual network as 2ⁿ paths: at every block a path takes F or the shortcut.

Veit, Wilber & Belongie, "Residual Networks Behave Like Ensembles of Relatively Shallow Networks", NeurIPS 2016
(arXiv 1605.06431): § 3 unravels the network, § 4.1 deletes a block, § 4.2 counts the lengths, § 4.3 asks which
paths carry the gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.blocks.residual import Block
from cnnviz.errors import SettingError
from cnnviz.messages import N_


def path_counts(blocks: int) -> tuple[int, ...]:
    """How many of the 2ⁿ paths go through 0, 1 … n residual branches: the binomial coefficients.

    >>> path_counts(3)
    (1, 3, 3, 1)
    """
    return tuple(comb(blocks, length) for length in range(blocks + 1))


class Trace:
    """One forward pass through a chain of blocks, ready to send a gradient back along any path.

    Args:
        blocks: each with a shortcut, in the order of the forward pass; in eval mode.
        x: (N, C, H, W), what goes into the first.

    Attributes:
        output: what comes out of the last block.

    Raises:
        SettingError: a block has no shortcut.
    """

    def __init__(self, blocks: Sequence[Block], x: Tensor) -> None:
        if any(block.design.shortcut == "none" for block in blocks):
            raise SettingError(N_("a plain network has one path only: every block needs a shortcut"))
        self._steps: list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]] = []
        for block in blocks:
            with torch.enable_grad():
                entered = x.detach().requires_grad_()
                residual, skipped = block.residual(entered), block.skip(entered)
                assert skipped is not None
                total = (residual + skipped).detach().requires_grad_()
                x = block.last(total)
            self._steps.append((entered, residual, skipped, total, x))
        self.output = x.detach()

    def __len__(self) -> int:
        return len(self._steps)

    def back(self, gradient: Tensor, through: Sequence[bool]) -> Tensor:
        """∂/∂x along one path.

        Args:
            gradient: ∂L/∂output, in the shape of :attr:`output`.
            through: for each block, whether the path takes the residual branch; else the shortcut.

        Returns:
            In the shape of x. Summed over all 2ⁿ paths it is the whole gradient.
        """
        for (entered, residual, skipped, total, left), takes in zip(
            reversed(self._steps), reversed(through), strict=True
        ):
            if left is not total:
                (gradient,) = torch.autograd.grad(left, total, gradient, retain_graph=True)
            (gradient,) = torch.autograd.grad(
                residual if takes else skipped, entered, gradient, retain_graph=True
            )
        return gradient


@dataclass(frozen=True, eq=False)
class PathGradients:
    """What the paths of each length carry.

    Attributes:
        counts: paths of each length, 0 … n.
        norms: (n + 1,), mean ‖gradient‖ over the sampled paths of a length.
    """

    counts: tuple[int, ...]
    norms: NDArray[np.float64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """(n + 1,), count × mean norm over the sum of all: how much of the gradient a length carries."""
        carried = np.array(self.counts, np.float64) * self.norms
        return carried / carried.sum()

    @property
    def effective(self) -> tuple[int, int]:
        """Shortest and longest length of the shortest range around the middle that carries 95 %."""
        below = np.cumsum(self.shares)
        return int(np.searchsorted(below, 0.025)), int(np.searchsorted(below, 0.975))


def path_gradients(trace: Trace, gradient: Tensor, samples: int, generator: torch.Generator) -> PathGradients:
    """Sample paths of every length and measure the gradient that each brings to the input.

    Args:
        samples: paths of each length; lengths with fewer paths than that are still sampled with repetition.

    Raises:
        SettingError: `samples` is below 1.
    """
    if samples < 1:
        raise SettingError(N_("{samples} paths of each length are too few; 1 is the least"), samples=samples)
    blocks = len(trace)
    norms = np.zeros(blocks + 1)
    for length in range(blocks + 1):
        for _ in range(samples):
            chosen = set(torch.randperm(blocks, generator=generator)[:length].tolist())
            path = [block in chosen for block in range(blocks)]
            norms[length] += float(trace.back(gradient, path).norm()) / samples
    return PathGradients(path_counts(blocks), norms)
