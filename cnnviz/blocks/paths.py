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
from torch import Tensor, nn

from cnnviz.blocks.residual import Block, Design, Order, initialise, settle
from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.ranges import check_ranges

BLOCKS = (1, 54)
"""Fewest and most; 54 are those of the paper's ResNet-110."""
MOST_WALKED = 8
"""Blocks up to which every single path may be walked in a page."""
WIDTH, SIDE, BATCH = 8, 6, 8


def path_counts(blocks: int) -> tuple[int, ...]:
    """How many of the 2ⁿ paths go through 0, 1 … n residual branches: the binomial coefficients.

    >>> path_counts(3)
    (1, 3, 3, 1)
    """
    return tuple(comb(blocks, length) for length in range(blocks + 1))


def share_of_paths(blocks: int, shortest: int, longest: int) -> float:
    """The share of all paths that go through `shortest` … `longest` residual branches."""
    return sum(path_counts(blocks)[shortest : longest + 1]) / 2**blocks


class Trace:
    """One forward pass through a chain of blocks, ready to send gradients back along any path.

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

    def _at_sum(self, index: int, gradients: Tensor) -> Tensor:
        """(P, …) gradients after a block -> before what follows its sum."""
        _entered, _residual, _skipped, total, left = self._steps[index]
        return gradients if left is total else _back(left, total, gradients)

    def _through(self, index: int, gradients: Tensor) -> Tensor:
        """(P, …) gradients at a block's sum -> before the block, by way of F."""
        entered, residual, *_rest = self._steps[index]
        return _back(residual, entered, gradients)

    def _past(self, index: int, gradients: Tensor) -> Tensor:
        """The same by way of the shortcut."""
        entered, _residual, skipped, *_rest = self._steps[index]
        return gradients if skipped is entered else _back(skipped, entered, gradients)

    def back(self, gradient: Tensor, paths: Tensor) -> Tensor:
        """∂L/∂x as each path brings it.

        Args:
            gradient: ∂L/∂output, in the shape of :attr:`output`.
            paths: (P, blocks) bool: whether a path takes the residual branch of a block; else the shortcut.

        Returns:
            (P, …), each in the shape of x. Summed over all 2ⁿ paths it is the whole gradient.
        """
        gradients = gradient.expand(len(paths), *gradient.shape)
        for index in reversed(range(len(self))):
            takes = paths[:, index]
            arrived = self._at_sum(index, gradients)
            gradients = torch.empty(len(paths), *self._steps[index][0].shape, dtype=gradient.dtype)
            for chosen, way in ((takes, self._through), (~takes, self._past)):
                if chosen.any():
                    gradients[chosen] = way(index, arrived[chosen])
        return gradients

    def by_length(self, gradient: Tensor) -> Tensor:
        """∂L/∂x as all paths of one length bring it together, without walking any of them.

        The chain multiplies out like a polynomial: a block's S′ + z F′ turns what has gone through k branches
        into as much that has gone through k, and as much through k + 1.

        Returns:
            (blocks + 1, …): the sum over the paths through 0, 1 … n residual branches.
        """
        sums = gradient[None]
        for index in reversed(range(len(self))):
            arrived = self._at_sum(index, sums)
            through, past = self._through(index, arrived), self._past(index, arrived)
            none = torch.zeros_like(through[:1])
            sums = torch.cat([past, none]) + torch.cat([none, through])
        return sums


def _back(output: Tensor, entered: Tensor, gradients: Tensor) -> Tensor:
    """(P, …) gradients with respect to `output` -> (P, …) with respect to `entered`."""
    (found,) = torch.autograd.grad(output, entered, gradients, retain_graph=True, is_grads_batched=True)
    return found


def all_paths(blocks: int) -> Tensor:
    """(2ⁿ, n) bool: every path of a chain of n blocks."""
    return torch.cartesian_prod(*[torch.tensor([False, True])] * blocks).view(2**blocks, blocks)


@dataclass(frozen=True, eq=False)
class PathGradients:
    """What the paths of each length carry.

    Attributes:
        counts: paths of each length, 0 … n.
        norms: (n + 1,), mean ‖gradient‖ over the sampled paths of a length.
        together: (n + 1,), ‖sum of the gradients of all paths of a length‖, exactly.
        whole: ‖sum over all lengths‖.
    """

    counts: tuple[int, ...]
    norms: NDArray[np.float64]
    together: NDArray[np.float64]
    whole: float

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
    # Random orders of the blocks; a path takes the first so many of one. So neighbouring lengths share their luck,
    # and their means lie on a smooth line.
    place = torch.rand(samples, blocks, generator=generator).argsort(1).argsort(1)
    paths = (place < torch.arange(blocks + 1)[:, None, None]).flatten(0, 1)
    found = trace.back(gradient, paths).flatten(1).norm(dim=1).view(blocks + 1, samples)
    sums = trace.by_length(gradient)
    return PathGradients(
        path_counts(blocks),
        found.mean(1).double().numpy(),
        sums.flatten(1).norm(dim=1).double().numpy(),
        float(sums.sum(0).norm()),
    )


@dataclass(frozen=True)
class ChainSettings:
    """A chain of residual blocks as it starts, before training.

    Attributes:
        blocks: n, within :data:`BLOCKS`.
        order: "post" or "pre".
        normalise: whether BatchNorm is there, with the statistics of the input.
        scale: what each F is multiplied by, 0 or more.
        seed: of weights, input and target.

    Raises:
        SettingError: there are too few blocks, or too many.
    """

    blocks: int
    order: Order = "pre"
    normalise: bool = True
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, {"blocks": BLOCKS})


@dataclass(frozen=True)
class Chain:
    """Residual blocks in a row, in eval mode, what goes in, and what should come out.

    Attributes:
        blocks: in order; their weights are drawn and fixed.
        x, target: (1, WIDTH, SIDE, SIDE) float64 from N(0, 1). The loss is L = ½ mean (output − target)².
    """

    blocks: tuple[Block, ...]
    x: Tensor
    target: Tensor

    def gradient(self) -> Tensor:
        """∂L/∂x by backpropagation through the whole chain, in the shape of x."""
        x = self.x.clone().requires_grad_()
        loss = (nn.Sequential(*self.blocks)(x) - self.target).square().mean() / 2
        (found,) = torch.autograd.grad(loss, x)
        return found

    def trace(self) -> tuple[Trace, Tensor]:
        """The chain, ready to be walked back, and ∂L/∂output to begin with."""
        trace = Trace(self.blocks, self.x)
        return trace, (trace.output - self.target) / self.target.numel()


def chain(settings: ChainSettings) -> Chain:
    """Draw a chain. BatchNorm takes its statistics from BATCH inputs, of which x is the first."""
    generator = torch.Generator().manual_seed(settings.seed)
    shape = WIDTH, SIDE, SIDE
    x = torch.randn(BATCH, *shape, generator=generator, dtype=torch.float64)
    target = torch.randn(1, *shape, generator=generator, dtype=torch.float64)
    design = Design("identity", settings.order, "relu", settings.normalise, settings.scale)
    blocks = tuple(Block(WIDTH, WIDTH, design=design).double() for _ in range(settings.blocks))
    whole = nn.Sequential(*blocks).requires_grad_(False)
    initialise(whole, generator)
    settle(whole, x)
    return Chain(blocks, x[:1], target)
