"""Residual blocks: H(x) = F(x) + x.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv 1512.03385), equation 1 and § 3.3;
the order of pre-activation: He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016 (arXiv
1603.05027), Figure 1; shrinking F: Szegedy et al., "Inception-v4", AAAI 2017 (arXiv 1602.07261), § 3.3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

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
        self.design, self.outputs, self.stride = design, outputs, stride
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
        if self.stride == 1 and self.outputs == x.shape[1]:
            return x
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.outputs - x.shape[1]))

    def forward(self, x: Tensor) -> Tensor:
        """H(x), in the shape of :meth:`residual`."""
        passed = self.skip(x)
        out = self.residual(x)
        return self.last(out if passed is None else out + passed)


@dataclass(frozen=True)
class Slope:
    """∂H/∂x of a block at one input, beside F′.

    Attributes:
        block: (n, n) Jacobian of F(x) + x, with n numbers in and out.
        residual: (n, n), of F(x) alone.
        off_identity: the largest |∂H/∂x − (F′ + 1)|.
    """

    block: Tensor
    residual: Tensor
    off_identity: float


def slope(block: Block, x: Tensor) -> Slope:
    """Measure ∂H/∂x and F′ by automatic differentiation, for a block that adds an identity last.

    Args:
        block: in eval mode, with `order="pre"` and `shortcut="identity"`: nothing follows the sum.
        x: (1, C, H, W), small: the Jacobians have (C·H·W)² numbers.

    Raises:
        SettingError: the block isn't such a one.
    """
    if block.design.order != "pre" or block.design.shortcut != "identity":
        raise SettingError(
            N_("∂H/∂x = F′ + 1 holds where an identity is added last: order pre, not {order}; shortcut identity, not {shortcut}"),
            order=block.design.order,
            shortcut=block.design.shortcut,
        )  # fmt: skip
    size = x.numel()
    whole = torch.autograd.functional.jacobian(block, x).reshape(size, size)
    branch = torch.autograd.functional.jacobian(block.residual, x).reshape(size, size)
    return Slope(whole, branch, float((whole - branch - torch.eye(size, dtype=x.dtype)).abs().max()))
