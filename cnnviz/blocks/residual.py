"""Residual blocks: H(x) = F(x) + x.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv 1512.03385), equation 1 and § 3.3;
the order of pre-activation: He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016 (arXiv
1603.05027), Figure 1; shrinking F: Szegedy et al., "Inception-v4", AAAI 2017 (arXiv 1602.07261), § 3.3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.messages import N_

Shortcut = Literal["identity", "projection", "zeros", "none"]
Order = Literal["post", "pre"]
Activation = Literal["relu", "tanh", "sigmoid"]

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
)


@dataclass(frozen=True)
class Design:
    """How a block is built.

    Attributes:
        shortcut: "identity" (only where shapes agree), "projection" by a 1×1 convolution (option B of the
            paper), "zeros" for the channels that are new (option A, no parameters), or "none": a plain block.
        order: "post" adds before the last activation, as in 2015; "pre" normalises and activates first and
            adds last, so that the sum goes on untouched.
        activation: after, or before, each convolution.
        normalise: whether BatchNorm is there.
        scale: what F is multiplied by; 0 leaves the shortcut alone.
    """

    shortcut: Shortcut = "identity"
    order: Order = "post"
    activation: Activation = "relu"
    normalise: bool = True
    scale: float = 1.0


class Block(nn.Module):
    """Two 3×3 convolutions, F, beside a shortcut.

    Args:
        inputs, outputs: channels.
        stride: of the first convolution and of the shortcut.
        design: how it is built.

    Raises:
        SettingError: an identity can't change the shape; "zeros" can't take channels away.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, design: Design | None = None) -> None:
        super().__init__()
        design = design or Design()
        if design.shortcut == "identity" and (stride != 1 or inputs != outputs):
            raise SettingError(
                N_(
                    "an identity shortcut keeps the shape, but this block makes {outputs} channels of {inputs} at stride {stride}"
                ),
                inputs=inputs,
                outputs=outputs,
                stride=stride,
            )
        if design.shortcut == "zeros" and outputs < inputs:
            raise SettingError(
                N_(
                    "a shortcut filled up with zeros can't make {outputs} channels of {inputs}; it can only add some"
                ),
                inputs=inputs,
                outputs=outputs,
            )
        self.design, self.stride, self.added = design, stride, outputs - inputs
        activation = ACTIVATIONS[design.activation]
        convolutions = (
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=not design.normalise),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=not design.normalise),
        )
        self.branch = nn.Sequential()
        for number, convolution in enumerate(convolutions):
            channels = convolution.in_channels if design.order == "pre" else convolution.out_channels
            norm = [nn.BatchNorm2d(channels)] if design.normalise else []
            if design.order == "pre":
                self.branch.extend([*norm, activation(), convolution])
            else:
                self.branch.extend([convolution, *norm, *([activation()] if number == 0 else [])])
        self.projection = (
            nn.Conv2d(inputs, outputs, 1, stride, bias=False) if design.shortcut == "projection" else None
        )
        self.last: nn.Module = activation() if design.order == "post" else nn.Identity()

    def residual(self, x: Tensor) -> Tensor:
        """F(x), scaled: (N, inputs, H, W) -> (N, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        out = self.branch(x)
        return out if self.design.scale == 1 else self.design.scale * out

    def skip(self, x: Tensor) -> Tensor | None:
        """What the shortcut passes on, in the shape of F(x); None where there is none."""
        if self.design.shortcut == "none":
            return None
        if self.projection is not None:
            return self.projection(x)
        return self._reshaped(x)

    def shortcut_only(self, x: Tensor) -> Tensor:
        """The block without F; a plain one lets its input pass, strided and filled up with zeros."""
        passed = self.skip(x)
        return self.last(self._reshaped(x) if passed is None else passed)

    def _reshaped(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.added)) if self.added else x

    def forward(self, x: Tensor) -> Tensor:
        """H(x), in the shape of :meth:`residual`."""
        passed = self.skip(x)
        out = self.residual(x)
        return self.last(out if passed is None else out + passed)


def initialise(block: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of every convolution in order: He et al.'s (arXiv 1502.01852, eq. 10), biases 0."""
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def settle(block: nn.Module, x: Tensor) -> None:
    """Let every BatchNorm take over the statistics that it meets with x, and turn to eval mode.

    Args:
        x: (N, C, H, W), with more than one number a channel on the way.
    """
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    block.train()
    with torch.no_grad():
        block(x)
    block.eval()


@dataclass(frozen=True)
class Slope:
    """∂H/∂x of a block at one input, and what it is made of: D (F′ + S′).

    Attributes:
        block: (m, n) Jacobian of the whole block, with n numbers in and m out.
        residual: (m, n), F′, of the residual branch, scaled.
        shortcut: (m, n), S′: 1 for an identity, 0 where there is none.
        gate: (m,), the slope of what follows the sum, on D's diagonal: 1 where nothing does.
    """

    block: Tensor
    residual: Tensor
    shortcut: Tensor
    gate: Tensor

    @property
    def composed(self) -> Tensor:
        """(m, n), D (F′ + S′)."""
        return self.gate[:, None] * (self.residual + self.shortcut)

    @property
    def off(self) -> float:
        """The largest |∂H/∂x − D (F′ + S′)|."""
        return float((self.block - self.composed).abs().max())


def slope(block: Block, x: Tensor) -> Slope:
    """Measure ∂H/∂x and its parts by automatic differentiation.

    Args:
        block: in eval mode.
        x: (1, C, H, W), small: the Jacobian has as many rows as H(x) has numbers.
    """
    residual, skipped = block.residual(x).detach(), block.skip(x)
    total = (residual if skipped is None else residual + skipped.detach()).requires_grad_()
    (gate,) = torch.autograd.grad(block.last(total).sum(), total)
    whole, branch = _jacobian(block, x), _jacobian(block.residual, x)
    shortcut = torch.zeros_like(branch) if skipped is None else _jacobian(block.skip, x)
    return Slope(whole, branch, shortcut, gate.flatten())


def _jacobian(function: Callable[[Tensor], Any], x: Tensor) -> Tensor:
    """(m, n): the m rows of one call each in a batch, for no picture of a batch looks at another."""
    with torch.no_grad():
        shape = function(x).shape
    rows = shape.numel()
    copies = x.detach().expand(rows, *x.shape[1:]).clone().requires_grad_()
    each = torch.eye(rows, dtype=x.dtype).view(rows, *shape[1:])
    (jacobian,) = torch.autograd.grad(function(copies), copies, each)
    return jacobian.reshape(rows, -1)
