"""Auxiliary classifiers, and the gradient that they inject half-way.

Szegedy et al., CVPR 2015 (arXiv 1409.4842), § 5: two small classifiers on modules 4a and 4d, the third and the
sixth of nine, whose losses are added to the last one's with a weight of 0.3, and which are thrown away after
training. Here they sit on a chain of narrow modules, untrained, where their gradient can be told from the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.blocks.inception import Inception, InceptionSettings, Widths, initialise
from cnnviz.blocks.residual import ACTIVATIONS, Activation
from cnnviz.ranges import check_ranges

BLOCKS = (3, 27)
"""Fewest and most modules."""
PAPER_WEIGHT = 0.3
WIDTHS = Widths(4, 4, 8, 1, 2, 2)
"""Module 4c of GoogLeNet, 32 times narrower: as many channels out as in."""
WIDTH, SIDE, BATCH, CLASSES = 16, 8, 8, 10
GRID, HEAD_WIDTH, HEAD_UNITS = 4, 8, 32
"""Cells that a head averages to along a side, channels of its 1×1, units of its hidden dense layer."""


@dataclass(frozen=True)
class ChainSettings:
    """A chain of modules.

    Attributes:
        blocks: how many, within :data:`BLOCKS`.
        activation: everywhere.
        normalise: whether BatchNorm follows each convolution of the modules, with statistics of the batch.

    Raises:
        SettingError: too few or too many modules.
    """

    blocks: int = 9
    activation: Activation = "relu"
    normalise: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, {"blocks": BLOCKS})

    @property
    def heads(self) -> tuple[int, int]:
        """Behind which modules the auxiliary classifiers sit, from 1: after a third, and after two.

        >>> ChainSettings(9).heads
        (3, 6)
        """
        return ceil(self.blocks / 3), ceil(2 * self.blocks / 3)


class Head(nn.Module):
    """An auxiliary classifier: averages, a 1×1, a hidden dense layer, and the classes; dropout is left out."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        act = ACTIVATIONS[activation]
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(GRID),
            nn.Conv2d(WIDTH, HEAD_WIDTH, 1),
            act(),
            nn.Flatten(),
            nn.Linear(HEAD_WIDTH * GRID * GRID, HEAD_UNITS),
            act(),
            nn.Linear(HEAD_UNITS, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, WIDTH, SIDE, SIDE) -> (N, CLASSES)."""
        return self.layers(x)


class Chain(nn.Module):
    """Modules in a row, the classifier behind the last, and two auxiliary ones on the way."""

    def __init__(self, settings: ChainSettings) -> None:
        super().__init__()
        built = InceptionSettings(WIDTH, WIDTHS, normalise=settings.normalise, activation=settings.activation)
        self.settings = settings
        self.blocks = nn.ModuleList(Inception(built) for _ in range(settings.blocks))
        self.heads = nn.ModuleList(Head(settings.activation) for _ in settings.heads)
        self.classifier = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, WIDTH, SIDE, SIDE) -> (N, CLASSES) of the last classifier, and of the two on the way."""
        on_the_way = []
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            for head, place in zip(self.heads, self.settings.heads, strict=True):
                if place == number:
                    on_the_way.append(head(x))
        return self.classifier(x.mean((2, 3))), on_the_way[0], on_the_way[1]


@dataclass(frozen=True, eq=False)
class Injected:
    """The three losses' gradients at each module's weights, as far as lengths and angles go.

    The gradient of a weighted sum is the weighted sum of gradients, so these numbers give the norm for any
    weight: ‖g₀ + w₁g₁ + w₂g₂‖² = vᵀGv with v = (1, w₁, w₂).

    Attributes:
        settings: of the chain.
        products: (seeds, blocks, 3, 3), inner products G of the gradients of the last classifier's loss and
            of the two auxiliary ones, taken over all kernels of a module.
    """

    settings: ChainSettings
    products: NDArray[np.float64]

    def norms(self, first: float = 0.0, second: float = 0.0) -> NDArray[np.float64]:
        """(seeds, blocks), ‖∂L/∂W‖ of each module where the auxiliary losses have these weights."""
        v = np.array([1.0, first, second])
        # Rounding may leave a tiny negative number where the gradients cancel.
        return np.sqrt(np.maximum(np.einsum("i,sbij,j->sb", v, self.products, v), 0))

    def untouched(self, first: float, second: float) -> int:
        """How many modules get the same gradient with the auxiliary losses as without."""
        reached = [place for place, w in zip(self.settings.heads, (first, second), strict=True) if w]
        return self.settings.blocks - max(reached, default=0)


def injected(settings: ChainSettings, seeds: Sequence[int]) -> Injected:
    """Measure the gradients of all three losses in untrained chains, in float64: they may be very small."""
    return Injected(settings, np.stack([_products(settings, seed) for seed in seeds]))


def total_gradient(settings: ChainSettings, seed: int, first: float, second: float) -> Tensor:
    """(blocks, numbers), ∂L/∂W of L = L₀ + w₁L₁ + w₂L₂ by one backward pass."""
    chain, (last, one, two) = _losses(settings, seed)
    return _gradient(chain, last + first * one + second * two)


def _products(settings: ChainSettings, seed: int) -> NDArray[np.float64]:
    chain, losses = _losses(settings, seed)
    gradients = torch.stack([_gradient(chain, loss) for loss in losses])
    return torch.einsum("ibn,jbn->bij", gradients, gradients).numpy()


def _losses(settings: ChainSettings, seed: int) -> tuple[Chain, tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(seed)
    chain = Chain(settings).double()
    initialise(chain, settings.activation, generator)
    x = torch.randn(BATCH, WIDTH, SIDE, SIDE, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (BATCH,), generator=generator)
    return chain, tuple(F.cross_entropy(logits, labels) for logits in chain(x))


def _gradient(chain: Chain, loss: Tensor) -> Tensor:
    """(blocks, numbers): all kernels of a module in one row, 0 where the loss doesn't reach them."""
    kernels = [layer.weight for layer in chain.blocks.modules() if isinstance(layer, nn.Conv2d)]
    found = torch.autograd.grad(loss, kernels, retain_graph=True, materialize_grads=True)
    return torch.cat([gradient.flatten() for gradient in found]).reshape(len(chain.blocks), -1)
