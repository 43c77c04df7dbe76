"""The Inception module: four branches side by side, concatenated along the channels.

Szegedy et al., "Going Deeper with Convolutions", CVPR 2015 (arXiv 1409.4842), Figure 2(a): naive, 2(b): with
1×1 convolutions that reduce the channels; Table 1: the widths of the nine modules of GoogLeNet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn

from cnnviz.blocks.residual import ACTIVATIONS, Activation
from cnnviz.errors import SettingError
from cnnviz.layers.cost import Design, conv_layer
from cnnviz.messages import N_
from cnnviz.ranges import check_ranges

BRANCHES = ("one", "three", "five", "pool")
MOST_INPUTS, MOST_WIDTH, MOST_SIDE = 832, 384, 28
"""The largest of Table 1: channels into a module, channels out of a convolution, side of the maps."""


@dataclass(frozen=True)
class Widths:
    """Channels out of each convolution, in the order of Table 1.

    Attributes:
        one: of the 1×1 branch.
        reduce_three, three: of the 1×1 before the 3×3, and of the 3×3.
        reduce_five, five: of the 1×1 before the 5×5, and of the 5×5.
        pool: of the 1×1 behind the max pooling.

    Raises:
        SettingError: one is below 1.
    """

    one: int
    reduce_three: int
    three: int
    reduce_five: int
    five: int
    pool: int

    def __post_init__(self) -> None:
        check_ranges(self, dict.fromkeys(self.__annotations__, (1, 4096)))


@dataclass(frozen=True)
class InceptionSettings:
    """How a module is built.

    Attributes:
        inputs: channels that come in.
        widths: of its convolutions.
        naive: without the 1×1s that reduce, and with the pooled maps passed on as they are: Figure 2(a).
        five: kernel of the third branch, odd: 5 in the paper, 3 in torchvision.
        normalise: whether BatchNorm follows each convolution, which then has no bias.
        activation: behind each convolution, also behind those that reduce.

    Raises:
        SettingError: no input, or an even kernel.
    """

    inputs: int
    widths: Widths
    naive: bool = False
    five: int = 5
    normalise: bool = False
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        check_ranges(self, {"inputs": (1, 65_536)})
        if self.five % 2 == 0:
            raise SettingError(
                N_("kernel_size is {kernel_size}; it must be odd for the map to keep its size"),
                kernel_size=self.five,
            )

    @property
    def passed(self) -> Mapping[str, int]:
        """Channels that each branch adds to the output."""
        widths = self.widths
        pool = self.inputs if self.naive else widths.pool
        return {"one": widths.one, "three": widths.three, "five": widths.five, "pool": pool}

    @property
    def outputs(self) -> int:
        """Channels that come out."""
        return sum(self.passed.values())

    @property
    def convolutions(self) -> Mapping[str, tuple[tuple[int, int, int], ...]]:
        """(channels in, channels out, kernel size) of each branch's convolutions, in order."""
        n, w = self.inputs, self.widths
        if self.naive:
            return {
                "one": ((n, w.one, 1),),
                "three": ((n, w.three, 3),),
                "five": ((n, w.five, self.five),),
                "pool": (),
            }
        return {
            "one": ((n, w.one, 1),),
            "three": ((n, w.reduce_three, 1), (w.reduce_three, w.three, 3)),
            "five": ((n, w.reduce_five, 1), (w.reduce_five, w.five, self.five)),
            "pool": ((n, w.pool, 1),),
        }


class Inception(nn.Module):
    """Four branches on one input; what comes out is theirs side by side, :data:`BRANCHES` in order.

    >>> block = Inception(InceptionSettings(192, TABLE["3a"].widths))
    >>> block(torch.zeros(1, 192, 28, 28)).shape
    torch.Size([1, 256, 28, 28])
    """

    def __init__(self, settings: InceptionSettings) -> None:
        super().__init__()
        self.one, self.three, self.five, self.pool = (
            nn.Sequential(*_layers(settings, branch)) for branch in BRANCHES
        )
        self.pool.insert(0, nn.MaxPool2d(3, stride=1, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1)


def _layers(settings: InceptionSettings, branch: str) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after, kernel in settings.convolutions[branch]:
        layers.append(nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=not settings.normalise))
        if settings.normalise:
            layers.append(nn.BatchNorm2d(after, eps=0.001))
        layers.append(ACTIVATIONS[settings.activation]())
    return layers


def initialise(module: nn.Module, activation: Activation, generator: torch.Generator) -> None:
    """Draw the weights of all convolutions and dense layers, in the order of their definition; biases are 0.

    Before a ReLU as He et al. do (arXiv 1502.01852, eq. 10), else as Glorot & Bengio (AISTATS 2010, eq. 16).
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if activation == "relu":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            else:
                nn.init.xavier_normal_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


# What it costs


@dataclass(frozen=True)
class BranchCost:
    """One branch.

    Attributes:
        design: its convolutions.
        normalisation: parameters of its BatchNorms: a scale and a shift for every channel of a convolution.
    """

    design: Design
    normalisation: int

    @property
    def parameters(self) -> int:
        return self.design.parameters + self.normalisation

    @property
    def macs(self) -> int:
        """Multiply–accumulates of the convolutions."""
        return self.design.macs


def costs(settings: InceptionSettings, side: int) -> Mapping[str, BranchCost]:
    """What each branch costs on maps of `side` × `side`.

    >>> plain = InceptionSettings(192, TABLE["3a"].widths, naive=True)
    >>> reduced = InceptionSettings(192, TABLE["3a"].widths)
    >>> costs(plain, 28)["five"].macs, costs(reduced, 28)["five"].macs
    (120422400, 12443648)
    """
    found = {}
    for branch, convolutions in settings.convolutions.items():
        layers = [
            conv_layer(before, after, kernel, side, bias=not settings.normalise)
            for before, after, kernel in convolutions
        ]
        scales = 2 * sum(layer.out_channels for layer in layers) if settings.normalise else 0
        found[branch] = BranchCost(Design(tuple(layers)), scales)
    return found


@dataclass(frozen=True)
class Growth:
    """Modules of the same widths in a row, each fed by the one before.

    Attributes:
        channels: into the first, and out of each.
        macs: of each.
    """

    channels: tuple[int, ...]
    macs: tuple[int, ...]


def growth(settings: InceptionSettings, side: int, blocks: int) -> Growth:
    """What `blocks` modules in a row cost: naive ones pass all that comes in on, and add to it."""
    row = chain(settings, blocks)
    macs = tuple(sum(branch.macs for branch in costs(each, side).values()) for each in row)
    return Growth((settings.inputs, *(each.outputs for each in row)), macs)


def chain(settings: InceptionSettings, blocks: int) -> tuple[InceptionSettings, ...]:
    """`settings`, and the same widths again on the channels that come out of the one before."""
    row = [settings]
    while len(row) < blocks:
        row.append(replace(settings, inputs=row[-1].outputs))
    return tuple(row)


# Table 1


@dataclass(frozen=True)
class TableRow:
    """A module of GoogLeNet as Table 1 prints it.

    Attributes:
        inputs: channels that come in.
        side: of the maps.
        widths: of the convolutions.
        outputs: channels that come out.
        parameters: in thousands.
        operations: in millions.
    """

    inputs: int
    side: int
    widths: Widths
    outputs: int
    parameters: int
    operations: int


TABLE: Mapping[str, TableRow] = MappingProxyType(
    {
        "3a": TableRow(192, 28, Widths(64, 96, 128, 16, 32, 32), 256, 159, 128),
        "3b": TableRow(256, 28, Widths(128, 128, 192, 32, 96, 64), 480, 380, 304),
        "4a": TableRow(480, 14, Widths(192, 96, 208, 16, 48, 64), 512, 364, 73),
        "4b": TableRow(512, 14, Widths(160, 112, 224, 24, 64, 64), 512, 437, 88),
        "4c": TableRow(512, 14, Widths(128, 128, 256, 24, 64, 64), 512, 463, 100),
        "4d": TableRow(512, 14, Widths(112, 144, 288, 32, 64, 64), 528, 580, 119),
        "4e": TableRow(528, 14, Widths(256, 160, 320, 32, 128, 128), 832, 840, 170),
        "5a": TableRow(832, 7, Widths(256, 160, 320, 32, 128, 128), 832, 1072, 54),
        "5b": TableRow(832, 7, Widths(384, 192, 384, 48, 128, 128), 1024, 1388, 71),
    }
)
TABLE_TOLERANCE = 0.01
"""Relative difference that Table 1's rounding explains: its smallest figures have two digits."""


def printed(settings: InceptionSettings, side: int) -> str:
    """The row of Table 1 that a module is built by; empty where there is none, or it isn't as in the paper."""
    if settings.naive or settings.normalise or settings.five != 5:
        return ""
    wanted = settings.inputs, side, settings.widths
    rows = (name for name, row in TABLE.items() if (row.inputs, row.side, row.widths) == wanted)
    return next(rows, "")
