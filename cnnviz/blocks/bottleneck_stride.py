"""Where a bottleneck's stride sits: which pixels the block reads, and what it makes of whole networks.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv 1512.03385), Table 1; the stride in
the 3×3, and the three quarters that a strided 1×1 ignores: He et al., "Bag of Tricks for Image Classification with
Convolutional Neural Networks", CVPR 2019 (arXiv 1812.01187), § 4.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cnnviz.blocks.bottleneck import Bottleneck, Plan, Version, fitting
from cnnviz.layers.receptive_field import Layer, trace
from cnnviz.zoo.counting import measure

Counts = NDArray[np.int64]
Path = Literal["v1", "v1.5", "shortcut"]
"""F with its stride in the first 1×1, or in the 3×3; or the 1×1 of the shortcut, the same in both."""


def reads_1d(length: int, stride: int, path: Path) -> Counts:
    """How often each of `length` cells along an axis is read on its way to what leaves the block.

    >>> reads_1d(6, 2, "v1").tolist(), reads_1d(6, 2, "v1.5").tolist(), reads_1d(6, 2, "shortcut").tolist()
    ([2, 0, 3, 0, 2, 0], [1, 2, 1, 2, 1, 1], [1, 0, 1, 0, 1, 0])
    """
    counts = np.zeros(length, np.int64)
    outputs = -(-length // stride)
    for output in range(outputs):
        if path == "v1.5":
            cells = range(output * stride - 1, output * stride + 2)
        elif path == "v1":
            cells = range((output - 1) * stride, (output + 1) * stride + 1, stride)
        else:
            cells = range(output * stride, output * stride + 1)
        for cell in cells:
            if 0 <= cell < length:
                counts[cell] += 1
    return counts


def reads_2d(size: tuple[int, int], stride: int, path: Path) -> Counts:
    """The same for (rows, columns) cells: the two axes multiply."""
    return np.outer(*(reads_1d(length, stride, path) for length in size))


def measured_reads(size: tuple[int, int], stride: int, path: Path) -> Counts:
    """The same as PyTorch has it: the gradient of the block's sum with one channel, weights of one, and no more."""
    block = Bottleneck(Plan(1, 1, 1, stride, "v1" if path == "v1" else "v1.5", "projection")).double()
    for parameter in block.parameters():
        nn.init.ones_(parameter)
    x = torch.ones(1, 1, *size, dtype=torch.float64, requires_grad=True)
    if path == "shortcut":
        assert block.downsample is not None
        out = block.downsample[0](x)
    else:
        out = block.conv3(block.conv2(block.conv1(x)))
    (gradient,) = torch.autograd.grad(out.sum(), x)
    return gradient[0, 0].numpy().astype(np.int64)


# Whole networks

DEPTHS: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
)
"""Blocks of each stage, conv2 to conv5, by the number in the network's name."""
EXPANSION = 4
"""Outputs over middle of every block in them."""
CLASSES = 1000


def plans(depth: int, version: Version, width: int = 64) -> tuple[tuple[Plan, ...], ...]:
    """The blocks of each of the four stages (Table 1); `width` is the middle of the first."""
    stages, channels = [], width
    for stage, blocks in enumerate(DEPTHS[depth]):
        row = []
        for block in range(blocks):
            middle, stride = width * 2**stage, 2 if stage and not block else 1
            outputs = EXPANSION * middle
            row.append(Plan(channels, middle, outputs, stride, version, fitting(channels, outputs, stride)))
            channels = outputs
        stages.append(tuple(row))
    return tuple(stages)


def resnet(depth: int, version: Version, width: int = 64) -> nn.Sequential:
    """ResNet-50, -101 or -152 made of :class:`~cnnviz.blocks.bottleneck.Bottleneck`: (N, 3, H, W) -> (N, 1000)."""
    rows = plans(depth, version, width)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["stem"] = nn.Sequential(
        nn.Conv2d(3, width, 7, 2, padding=3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
    )
    for number, row in enumerate(rows, start=2):
        parts[f"conv{number}"] = nn.Sequential(*map(Bottleneck, row))
    outputs = rows[-1][-1].outputs
    parts["head"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outputs, CLASSES))
    return nn.Sequential(parts)


@dataclass(frozen=True)
class NetworkCost:
    """What a whole network takes for one image, by arithmetic alone.

    Attributes:
        depth, version: which one.
        stem: multiply–accumulates of the 7×7.
        stages: of conv2 to conv5, shortcuts included.
        head: of the dense layer.
        parameters: numbers learned, normalisation included.
        fields: receptive field after each stage, in pixels.
        jumps: pixels from one cell of a stage to the next.
    """

    depth: int
    version: Version
    stem: int
    stages: tuple[int, ...]
    head: int
    parameters: int
    fields: tuple[int, ...]
    jumps: tuple[int, ...]

    @property
    def macs(self) -> int:
        """Multiply–accumulates of all."""
        return self.stem + sum(self.stages) + self.head


def network_cost(depth: int, version: Version, side: int = 224) -> NetworkCost:
    """Count a network of bottlenecks on an image of `side` × `side`.

    >>> [round(network_cost(depth, "v1").macs / 1e9, 3) for depth in DEPTHS]
    [3.858, 7.57, 11.282]
    >>> network_cost(50, "v1").fields, network_cost(50, "v1.5").fields
    ((35, 99, 291, 483), (35, 91, 267, 427))
    """
    rows = plans(depth, version)
    layers = [Layer("conv", 7, 2, 3), Layer("pool", 3, 2, 1)]
    at = layers[0].output_size(side)
    stem, at = 7 * 7 * 3 * 64 * at * at, layers[1].output_size(at)
    # The 7×7 and the dense layer, with what is normalised and added behind them.
    outputs = rows[-1][-1].outputs
    parameters = 7 * 7 * 3 * 64 + 2 * 64 + outputs * CLASSES + CLASSES
    macs, ends = [], []
    for row in rows:
        spent = 0
        for plan in row:
            branch, beside = plan.branch(at), plan.beside(at)
            spent += branch.macs + beside.macs
            parameters += branch.weights + beside.weights + 2 * plan.normalised
            first, second = plan.strides
            layers += [Layer("conv", 1, first), Layer("conv", 3, second, 1), Layer("conv", 1)]
            at = branch.layers[-1].output_size[0]
        macs.append(spent)
        ends.append(len(layers) - 1)
    fields = trace(layers)
    return NetworkCost(
        depth,
        version,
        stem,
        tuple(macs),
        outputs * CLASSES,
        parameters,
        tuple(fields[end].size for end in ends),
        tuple(fields[end].jump for end in ends),
    )


@dataclass(frozen=True)
class MeasuredNetwork:
    """The same by PyTorch; attributes as in :class:`NetworkCost`."""

    parameters: int
    macs: int
    fields: tuple[int, ...]


def measure_network(depth: int, version: Version) -> MeasuredNetwork:
    """Build the network, run it without numbers on 224 × 224, and follow gradients through a thin copy of it.

    >>> measure_network(50, "v1") == MeasuredNetwork(25557032, 3857973248, (35, 99, 291, 483))
    True
    """
    with torch.device("meta"):
        network = resnet(depth, version)
    counted = measure(network, (3, 224, 224))
    return MeasuredNetwork(counted.parameters, counted.macs, measured_fields(depth, version))


def measured_fields(depth: int, version: Version) -> tuple[int, ...]:
    """Pixels along a line that have a gradient from one cell of each stage.

    How many channels there are doesn't matter, so there is one where the network has 64; all weights are
    positive, and an average stands for the maximum, so that nothing cancels and nothing is passed over.
    """
    network = resnet(depth, version, width=1).double().eval()
    for parameter in network.parameters():
        nn.init.ones_(parameter)
    network.get_submodule("stem")[3] = nn.AvgPool2d(3, 2, padding=1)  # type: ignore[operator]
    x = torch.ones(1, 3, 1, 4096, dtype=torch.float64, requires_grad=True)
    maps, found = x, []
    for name, part in list(network.named_children())[:-1]:
        maps = part(maps)
        if name != "stem":
            cell = maps[0, :, 0, maps.shape[3] // 2].sum()
            (gradient,) = torch.autograd.grad(cell, x, retain_graph=True)
            reached = gradient[0].sum((0, 1)).nonzero()
            found.append(int(reached[-1] - reached[0]) + 1)
    return tuple(found)
