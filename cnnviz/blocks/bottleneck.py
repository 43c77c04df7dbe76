"""Bottleneck blocks: 1×1, 3×3, 1×1 beside a shortcut.

Narrow in the middle: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv 1512.03385),
Figure 5 and Table 1. Wide in the middle, with a depthwise 3×3: Sandler et al., "MobileNetV2: Inverted Residuals
and Linear Bottlenecks", CVPR 2018 (arXiv 1801.04381), § 3.3 and Table 1. The stride moved to the 3×3: ResNet-B in
He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks", CVPR 2019 (arXiv
1812.01187), § 4.1, and v1.5 elsewhere.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn

from cnnviz.errors import SettingError
from cnnviz.layers.cost import Design, conv_layer
from cnnviz.layers.flops import Flops
from cnnviz.messages import N_

Version = Literal["v1", "v1.5"]
"""Where the stride sits: in the first 1×1, as in the paper of 2015, or in the 3×3, as in torchvision."""
Shortcut = Literal["identity", "projection", "none"]


@dataclass(frozen=True)
class Plan:
    """The numbers of one block.

    Attributes:
        inputs, middle, outputs: channels that come in, that lie between the two 1×1, that go out.
        stride: of the whole block.
        version: which convolution takes the stride.
        shortcut: "identity", "projection" by a 1×1 convolution, or "none".
        inverted: as in MobileNetV2: the 3×3 filters each channel by itself, activations are ReLU6, and none
            follows the last 1×1.
    """

    inputs: int
    middle: int
    outputs: int
    stride: int = 1
    version: Version = "v1.5"
    shortcut: Shortcut = "identity"
    inverted: bool = False

    @property
    def strides(self) -> tuple[int, int]:
        """Of the first 1×1 and of the 3×3.

        >>> Plan(256, 128, 512, 2, "v1").strides, Plan(256, 128, 512, 2).strides
        ((2, 1), (1, 2))
        """
        return (self.stride, 1) if self.version == "v1" else (1, self.stride)

    def branch(self, side: int) -> Design:
        """What F costs on maps of `side` × `side`, normalisation left out.

        >>> Plan(256, 64, 256).branch(56).weights
        69632
        """
        first, second = self.strides
        groups = self.middle if self.inverted else 1
        reduce = conv_layer(self.inputs, self.middle, 1, side, first, bias=False)
        look = conv_layer(self.middle, self.middle, 3, reduce.output_size, second, groups=groups, bias=False)
        widen = conv_layer(
            self.middle, self.outputs, 1, look.output_size, bias=False, nonlinearity=not self.inverted
        )
        return Design((reduce, look, widen))

    def beside(self, side: int) -> Design:
        """What the shortcut costs: nothing, unless it projects."""
        if self.shortcut != "projection":
            return Design(())
        layer = conv_layer(self.inputs, self.outputs, 1, side, self.stride, bias=False, nonlinearity=False)
        return Design((layer,))

    @property
    def normalised(self) -> int:
        """Channels that are normalised on the way; BatchNorm learns two numbers for each."""
        return 2 * self.middle + self.outputs * (2 if self.shortcut == "projection" else 1)


def fitting(inputs: int, outputs: int, stride: int = 1, inverted: bool = False) -> Shortcut:
    """The shortcut that the papers use: an identity where shapes agree, else a projection, or none if inverted.

    >>> fitting(256, 256), fitting(256, 512, 2), fitting(24, 32, 2, inverted=True)
    ('identity', 'projection', 'none')
    """
    if inputs == outputs and stride == 1:
        return "identity"
    return "none" if inverted else "projection"


class Bottleneck(nn.Module):
    """The block of a :class:`Plan`; its names are torchvision's.

    Raises:
        SettingError: an identity can't change the shape.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        if plan.shortcut == "identity" and (plan.stride != 1 or plan.inputs != plan.outputs):
            raise SettingError(
                N_(
                    "an identity shortcut keeps the shape, but this block makes {outputs} channels of {inputs} at stride {stride}"
                ),
                inputs=plan.inputs,
                outputs=plan.outputs,
                stride=plan.stride,
            )
        first, second = plan.strides
        groups = plan.middle if plan.inverted else 1
        self.plan = plan
        self.conv1 = nn.Conv2d(plan.inputs, plan.middle, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(plan.middle)
        self.conv2 = nn.Conv2d(plan.middle, plan.middle, 3, second, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(plan.middle)
        self.conv3 = nn.Conv2d(plan.middle, plan.outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(plan.outputs)
        self.relu: nn.Module = nn.ReLU6() if plan.inverted else nn.ReLU()
        self.last: nn.Module = nn.Identity() if plan.inverted else nn.ReLU()
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(plan.inputs, plan.outputs, 1, plan.stride, bias=False),
                nn.BatchNorm2d(plan.outputs),
            )
            if plan.shortcut == "projection"
            else None
        )

    def steps(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps after the first 1×1, after the 3×3, and after the last 1×1, which is F(x); each normalised.

        Args:
            x: (N, inputs, H, W).

        Returns:
            (N, middle, …), (N, middle, h, w) and (N, outputs, h, w), with h = ⌈H / stride⌉.
        """
        first = self.relu(self.bn1(self.conv1(x)))
        second = self.relu(self.bn2(self.conv2(first)))
        return first, second, self.bn3(self.conv3(second))

    def skip(self, x: Tensor) -> Tensor | None:
        """What the shortcut passes on, in the shape of F(x); None where there is none."""
        if self.plan.shortcut == "none":
            return None
        return x if self.downsample is None else self.downsample(x)

    def forward(self, x: Tensor) -> Tensor:
        """F(x) + shortcut, and the last activation: (N, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        passed = self.skip(x)
        out = self.steps(x)[-1]
        return self.last(out if passed is None else out + passed)


# What the same ends, and the same money, buy without a neck


def same_ends(plan: Plan, side: int) -> Design:
    """Two 3×3 convolutions between the same channels, the first with the block's stride.

    >>> same_ends(Plan(256, 64, 256), 56).weights
    1179648
    """
    first = conv_layer(plan.inputs, plan.outputs, 3, side, plan.stride, bias=False)
    return Design((first, conv_layer(plan.outputs, plan.outputs, 3, first.output_size, bias=False)))


def same_cost(plan: Plan, side: int) -> Design:
    """Two 3×3 convolutions of as many channels as come nearest to F's multiply–accumulates.

    They work on maps of the size that leaves the block.

    >>> same_cost(Plan(256, 64, 256), 56).layers[0].in_channels  # the paper's Figure 5 has 64
    62
    """
    branch = plan.branch(side)
    size = branch.layers[-1].output_size
    channels = max(1, round(math.sqrt(branch.macs / (18 * math.prod(size)))))
    return Design((conv_layer(channels, channels, 3, size, bias=False),) * 2)


@dataclass(frozen=True)
class MeasuredBlock:
    """A block as PyTorch counts it.

    Attributes:
        weights: of the convolutions of F.
        parameters: of everything, shortcut and normalisation too.
        macs: of everything, for one image.
    """

    weights: int
    parameters: int
    macs: int


def measure(plan: Plan, side: int) -> MeasuredBlock:
    """Build the block on the meta device, run it on (1, inputs, side, side), and count.

    >>> measure(Plan(256, 64, 256), 56)
    MeasuredBlock(weights=69632, parameters=70400, macs=218365952)
    """
    with torch.device("meta"), torch.no_grad(), Flops() as flops:
        block = Bottleneck(plan).eval()
        block(torch.empty(1, plan.inputs, side, side))
    return MeasuredBlock(
        sum(layer.weight.numel() for layer in (block.conv1, block.conv2, block.conv3)),
        sum(parameter.numel() for parameter in block.parameters()),
        flops.macs,
    )


@dataclass(frozen=True)
class KnownBlock:
    """A block of a published network, as torchvision stores it: weights of F, parameters of all, and where."""

    weights: int
    parameters: int
    source: str


KNOWN: Mapping[Plan, KnownBlock] = MappingProxyType(
    {
        Plan(256, 64, 256): KnownBlock(69_632, 70_400, "torchvision, resnet50.layer1[1]"),
        Plan(256, 128, 512, 2, shortcut="projection"): KnownBlock(
            245_760, 379_392, "torchvision, resnet50.layer2[0]"
        ),
        Plan(2048, 512, 2048): KnownBlock(4_456_448, 4_462_592, "torchvision, resnet50.layer4[1]"),
        Plan(24, 144, 24, inverted=True): KnownBlock(8_208, 8_832, "torchvision, mobilenet_v2.features[3]"),
        Plan(24, 144, 32, 2, shortcut="none", inverted=True): KnownBlock(
            9_360, 10_000, "torchvision, mobilenet_v2.features[4]"
        ),
        Plan(160, 960, 160, inverted=True): KnownBlock(
            315_840, 320_000, "torchvision, mobilenet_v2.features[15]"
        ),
    }
)
KNOWN_PAIR = MappingProxyType({(256, 256): (1_179_648, "torchvision, vgg16.features[12] + [14]")})
"""Channels in and out of two 3×3 -> their weights, and where."""
