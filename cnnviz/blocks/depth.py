"""What depth does to gradients before anything has been learned.

A stack of 3×3 convolutions on a small map, plain or with a shortcut around every two. He et al., arXiv
1512.03385, § 4.1, ask whether plain networks fail because gradients vanish, and measure that with BatchNorm they
don't; without it, and with saturating activations, they do: Glorot & Bengio, AISTATS 2010, § 4.2.

Computed in float64: single precision ends at 1.4e-45, where thirty-odd layers of sigmoids arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.blocks.residual import ACTIVATIONS, Activation, Block, Design, Order
from cnnviz.errors import SettingError
from cnnviz.messages import N_

DEPTHS = (2, 110)
"""Fewest and most convolutions; 110 is the deepest network of the paper's Table 6 that trains well."""
WIDTH, SIDE, BATCH = 8, 6, 4
SMALLEST_SINGLE = 2.0**-149
"""The smallest float32 above 0."""


@dataclass(frozen=True)
class StackSettings:
    """A stack without training.

    Attributes:
        depth: 3×3 convolutions, within :data:`DEPTHS`.
        residual: whether a shortcut goes around every two; an odd one out is plain.
        activation: after each convolution, or before it.
        normalise: whether BatchNorm is there, with statistics of the batch.
        order: "post" or "pre", as in :class:`~cnnviz.blocks.residual.Design`.

    Raises:
        SettingError: the depth is out of bounds.
    """

    depth: int
    residual: bool
    activation: Activation = "relu"
    normalise: bool = False
    order: Order = "post"

    def __post_init__(self) -> None:
        low, high = DEPTHS
        if not low <= self.depth <= high:
            raise SettingError(
                N_("the depth is {depth}; it must be between {low} and {high}"),
                depth=self.depth,
                low=low,
                high=high,
            )

    @property
    def weight_std(self) -> float:
        """Of the normal distribution that weights are drawn from: Glorot & Bengio's (eq. 16), or, before a ReLU,
        He et al.'s (arXiv 1502.01852, eq. 10), whose gain keeps the variance in a plain stack."""
        return sqrt((2 if self.activation == "relu" else 1) / (9 * WIDTH))


@dataclass(frozen=True, eq=False)
class Start:
    """What one seed draws, alike for a plain and a residual stack, and alike for all depths as far as they go.

    Attributes:
        x, target: (BATCH, WIDTH, SIDE, SIDE) float64 from N(0, 1).
        weights: (depth, WIDTH, WIDTH, 3, 3) float64.
    """

    x: Tensor
    target: Tensor
    weights: Tensor


def start(settings: StackSettings, seed: int) -> Start:
    """Draw input, target and weights."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {"generator": generator, "dtype": torch.float64}
    x, target = torch.randn(2, BATCH, WIDTH, SIDE, SIDE, **drawn)  # type: ignore[call-overload]
    weights = torch.randn(settings.depth, WIDTH, WIDTH, 3, 3, **drawn)  # type: ignore[call-overload]
    return Start(x, target, settings.weight_std * weights)


def module(settings: StackSettings, given: Start) -> nn.Sequential:
    """The stack as a module of :class:`~cnnviz.blocks.residual.Block`\\ s, with the weights of `given`."""
    design = Design(
        "identity" if settings.residual else "none",
        settings.order,
        settings.activation,
        settings.normalise,
    )
    blocks = nn.Sequential(*(Block(WIDTH, WIDTH, design=design) for _ in range(settings.depth // 2)))
    if settings.depth % 2:
        convolution = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=not settings.normalise)
        norm = [nn.BatchNorm2d(WIDTH)] if settings.normalise else []
        activation = ACTIVATIONS[settings.activation]()
        pre = settings.order == "pre"
        blocks.append(
            nn.Sequential(*norm, activation, convolution)
            if pre
            else nn.Sequential(convolution, *norm, activation)
        )
    convolutions = [each for each in blocks.double().modules() if isinstance(each, nn.Conv2d)]
    with torch.no_grad():
        for convolution, weight in zip(convolutions, given.weights, strict=True):
            convolution.weight.copy_(weight)
            if convolution.bias is not None:
                convolution.bias.zero_()
    return blocks


def run(settings: StackSettings, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """Several stacks at once, side by side in the channels.

    Args:
        x: (BATCH, stacks · WIDTH, SIDE, SIDE).
        weights: of each layer, (stacks · WIDTH, WIDTH, 3, 3).

    Returns:
        In the shape of x.
    """
    groups = x.shape[1] // WIDTH
    activate = getattr(torch, settings.activation)
    pre, entered = settings.order == "pre", x
    for number, weight in enumerate(weights, 1):
        if pre:
            x = activate(_normalised(x) if settings.normalise else x)
        x = F.conv2d(x, weight, padding=1, groups=groups)
        if not pre and settings.normalise:
            x = _normalised(x)
        if number % 2 == 0 and settings.residual:
            x = x + entered
        if not pre:
            x = activate(x)
        if number % 2 == 0:
            entered = x
    return x


def _normalised(x: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, training=True)


@dataclass(frozen=True, eq=False)
class GradientNorms:
    """How strongly the loss pulls at every convolution's weights.

    Attributes:
        settings: of the stack.
        norms: (seeds, depth) float64, ‖∂L/∂W‖₂ of each convolution, the first layer first.
    """

    settings: StackSettings
    norms: NDArray[np.float64]

    @property
    def median(self) -> NDArray[np.float64]:
        """(depth,), over the seeds."""
        return np.median(self.norms, axis=0)

    @property
    def ratio(self) -> float:
        """The median at the first layer over that at the last."""
        return float(self.median[0] / self.median[-1])

    @property
    def per_layer(self) -> float:
        """By what factor the median changes with each layer on its way back, the geometric mean of all."""
        return float(self.ratio ** (1 / (self.settings.depth - 1)))


def gradient_norms(settings: StackSettings, seeds: Sequence[int]) -> GradientNorms:
    """Measure ‖∂L/∂W‖ of every layer for L = ½ mean (output − target)².

    All seeds run at once, each in a group of channels of its own.

    Raises:
        SettingError: there is no seed.
    """
    if not seeds:
        raise SettingError(N_("at least one seed is needed, to draw the weights from"))
    drawn = [start(settings, seed) for seed in seeds]
    weights = torch.cat([each.weights for each in drawn], 1).requires_grad_().unbind()
    x, target = (torch.cat([getattr(each, name) for each in drawn], 1) for name in ("x", "target"))
    loss = _loss(run(settings, x, weights), target, len(seeds))
    gradients = torch.stack(torch.autograd.grad(loss, weights))
    return GradientNorms(settings, gradients.view(settings.depth, len(seeds), -1).norm(dim=2).T.numpy())


def _loss(output: Tensor, target: Tensor, stacks: int) -> Tensor:
    """The stacks' losses added up: no weight is in two of them."""
    return stacks * (output - target).square().mean() / 2


def measured_norms(settings: StackSettings, seed: int) -> NDArray[np.float64]:
    """(depth,) the same for one seed, the way one would without haste: modules, one after another, and backward()."""
    given = start(settings, seed)
    stack = module(settings, given)
    _loss(stack(given.x), given.target, 1).backward()
    convolutions = [each for each in stack.modules() if isinstance(each, nn.Conv2d)]
    return np.array([each.weight.grad.norm().item() for each in convolutions])  # type: ignore[union-attr]


def steepness(settings: StackSettings, seed: int, norm: float) -> float:
    """How much the loss rises for each step along its gradient, from two losses, without a derivative.

    Args:
        norm: of the whole gradient, which sets the length of the steps.

    Returns:
        (L(W + h g) − L(W − h g)) / 2h for the unit vector g along the gradient: ‖∂L/∂W‖ of all weights together.
    """
    given = start(settings, seed)
    weights = given.weights.requires_grad_().unbind()
    loss = _loss(run(settings, given.x, weights), given.target, 1)
    along = torch.stack(torch.autograd.grad(loss, weights))
    along = along / along.norm()
    # So short that hardly any unit of a ReLU changes its side, and no shorter, for the sake of the digits.
    step = min(1e-6 * loss.item() / norm, 1e-9 * float(given.weights.detach().norm()))
    with torch.no_grad():
        up, down = (
            _loss(run(settings, given.x, (given.weights + sign * step * along).unbind()), given.target, 1)
            for sign in (1, -1)
        )
    return float((up - down) / (2 * step))
