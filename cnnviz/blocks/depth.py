"""What depth does to gradients before anything has been learned.

A stack of 3×3 convolutions on a small map, plain or with a shortcut around every two. He et al., arXiv
1512.03385, § 4.1, ask whether plain networks fail because gradients vanish, and measure that with BatchNorm they
don't; without it, and with saturating activations, they do: Glorot & Bengio, AISTATS 2010, § 4.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.blocks.residual import ACTIVATIONS, Activation, Block, Design
from cnnviz.errors import SettingError
from cnnviz.messages import N_

DEPTHS = (2, 110)
"""Fewest and most convolutions; 110 is the deepest network of the paper's Table 6 that trains well."""
WIDTH, SIDE, BATCH = 8, 8, 8


@dataclass(frozen=True)
class StackSettings:
    """A stack without training.

    Attributes:
        depth: 3×3 convolutions, within :data:`DEPTHS`.
        residual: whether a shortcut goes around every two; an odd one out is plain.
        activation: after each convolution.
        normalise: whether BatchNorm is there, with statistics of the batch.
    """

    depth: int
    residual: bool
    activation: Activation = "relu"
    normalise: bool = False


class Stack(nn.Module):
    """The network of :class:`StackSettings`; every convolution keeps the (N, WIDTH, SIDE, SIDE) of its input.

    Weights are drawn from `generator` as Glorot & Bengio (eq. 16) do, or, before a ReLU, as He et al. do (arXiv
    1502.01852, eq. 10): with the gain that keeps the variance in a plain stack.
    """

    def __init__(self, settings: StackSettings, generator: torch.Generator) -> None:
        super().__init__()
        low, high = DEPTHS
        if not low <= settings.depth <= high:
            raise SettingError(
                N_("the depth is {depth}; it must be between {low} and {high}"),
                depth=settings.depth,
                low=low,
                high=high,
            )
        design = Design(
            shortcut="identity" if settings.residual else "none",
            activation=settings.activation,
            normalise=settings.normalise,
        )
        self.blocks = nn.Sequential(*(Block(WIDTH, WIDTH, design=design) for _ in range(settings.depth // 2)))
        if settings.depth % 2:
            layer = nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=not settings.normalise))
            if settings.normalise:
                layer.append(nn.BatchNorm2d(WIDTH))
            layer.append(ACTIVATIONS[settings.activation]())
            self.blocks.append(layer)
        for convolution in self.convolutions():
            if settings.activation == "relu":
                nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu", generator=generator)
            else:
                nn.init.xavier_normal_(convolution.weight, generator=generator)
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)

    def convolutions(self) -> list[nn.Conv2d]:
        """In order of the forward pass."""
        return [module for module in self.modules() if isinstance(module, nn.Conv2d)]

    def forward(self, x: Tensor) -> Tensor:
        """(N, WIDTH, SIDE, SIDE) -> the same shape."""
        return self.blocks(x)


@dataclass(frozen=True, eq=False)
class GradientNorms:
    """How strongly the loss pulls at every convolution's weights.

    Attributes:
        settings: of the stack.
        norms: (seeds, depth) float64, ‖∂L/∂W‖₂ of each convolution, the first layer first; 0 where it
            vanished altogether, infinite where it burst.
    """

    settings: StackSettings
    norms: NDArray[np.float64]

    @property
    def median(self) -> NDArray[np.float64]:
        """(depth,), over the seeds."""
        return np.median(self.norms, axis=0)

    @property
    def per_layer(self) -> float:
        """By what factor the median changes with each layer on its way back, the geometric mean of all."""
        first, last = self.median[0], self.median[-1]
        if not (np.isfinite(first) and np.isfinite(last) and last > 0):
            return float("nan")
        return float((first / last) ** (1 / (len(self.median) - 1)))


def gradient_norms(settings: StackSettings, seeds: Sequence[int]) -> GradientNorms:
    """Measure ‖∂L/∂W‖ of every layer for L = ½ mean (output − target)², input and target drawn from N(0, 1).

    Raises:
        SettingError: the depth is out of bounds, or there is no seed.
    """
    if not seeds:
        raise SettingError(N_("at least one seed is needed, to draw the weights from"))
    return GradientNorms(settings, np.stack([_norms(settings, seed) for seed in seeds]))


def _norms(settings: StackSettings, seed: int) -> NDArray[np.float64]:
    generator = torch.Generator().manual_seed(seed)
    stack = Stack(settings, generator)
    x, target = torch.randn(2, BATCH, WIDTH, SIDE, SIDE, generator=generator)
    loss = (stack(x) - target).square().mean() / 2
    weights = [convolution.weight for convolution in stack.convolutions()]
    gradients = torch.autograd.grad(loss, weights)
    # Squares of small numbers underflow in float32, so the norm is taken in float64.
    norms = torch.stack([gradient.double().norm() for gradient in gradients]).numpy()
    return np.nan_to_num(norms, nan=np.inf)
