"""Dense blocks: every layer reads the maps of all layers before it, side by side.

Huang, Liu, van der Maaten & Weinberger, "Densely Connected Convolutional Networks", CVPR 2017 (arXiv
1608.06993): x_ℓ = H_ℓ([x₀, x₁, …, x_{ℓ−1}]), equation 2; growth rate, bottleneck and compression, § 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.ranges import check_ranges

WIDENING = 4
"""The 1×1 of a bottleneck makes this many times k maps (§ 3, "Bottleneck layers")."""


@dataclass(frozen=True)
class DenseSettings:
    """One dense block and the transition behind it.

    Attributes:
        inputs: k₀, channels that go in.
        growth: k, new channels of each layer.
        layers: L.
        bottleneck: whether a 1×1 to 4k channels comes before each 3×3.
        compression: θ, the share of the channels that the transition keeps; above 0, at most 1.

    Raises:
        SettingError: a value has no meaning.

    >>> settings = DenseSettings(64, 32, 6)
    >>> settings.read, settings.outputs, settings.kept
    ((64, 96, 128, 160, 192, 224), 256, 128)
    """

    inputs: int
    growth: int
    layers: int
    bottleneck: bool = True
    compression: float = 0.5

    def __post_init__(self) -> None:
        most = 4096
        check_ranges(self, {"inputs": (1, most), "growth": (1, most), "layers": (1, 64)})
        if not 0 < self.compression <= 1:
            raise SettingError(
                N_("the compression is {compression}; it must be above 0 and at most 1"),
                compression=self.compression,
            )

    @property
    def read(self) -> tuple[int, ...]:
        """Channels that each layer reads: k₀ + (ℓ − 1) k."""
        return tuple(self.inputs + layer * self.growth for layer in range(self.layers))

    @property
    def outputs(self) -> int:
        """Channels of the block: k₀ + L k."""
        return self.inputs + self.layers * self.growth

    @property
    def kept(self) -> int:
        """Channels behind the transition: ⌊θ m⌋ of the block's m, at least one."""
        # Rounded first: 0.29 · 100 is 28.999… in floating point.
        return max(1, int(round(self.compression * self.outputs, 9)))

    def sources(self, layer: int) -> tuple[slice, ...]:
        """Where each earlier layer's maps lie in what `layer` reads: the block's input first.

        Args:
            layer: 1 … L, or L + 1 for what follows the block.
        """
        edges = (0, *(self.inputs + number * self.growth for number in range(layer)))
        return tuple(slice(*pair) for pair in pairwise(edges))


class DenseLayer(nn.Sequential):
    """H_ℓ: BN – ReLU – 3×3 with k maps, or BN – ReLU – 1×1 with 4k – BN – ReLU – 3×3 with k."""

    def __init__(self, inputs: int, growth: int, bottleneck: bool = True) -> None:
        super().__init__()
        if bottleneck:
            self.extend(
                [nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, WIDENING * growth, 1, bias=False)]
            )
            inputs = WIDENING * growth
        self.extend([nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, growth, 3, padding=1, bias=False)])


class DenseBlock(nn.Module):
    """L layers, each of which reads the block's input and all maps made since.

    >>> DenseBlock(DenseSettings(8, 4, 3))(torch.zeros(2, 8, 5, 5)).shape
    torch.Size([2, 20, 5, 5])
    """

    def __init__(self, settings: DenseSettings) -> None:
        super().__init__()
        self.settings = settings
        self.layers = nn.ModuleList(
            DenseLayer(inputs, settings.growth, settings.bottleneck) for inputs in settings.read
        )

    def features(self, x: Tensor) -> list[Tensor]:
        """(N, k₀, H, W) -> itself, and (N, k, H, W) of every layer."""
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1) if len(features) > 1 else x))
        return features

    def forward(self, x: Tensor) -> Tensor:
        """(N, k₀, H, W) -> (N, k₀ + L k, H, W)."""
        return torch.cat(self.features(x), 1)


class Transition(nn.Sequential):
    """Between two blocks: BN – ReLU – 1×1 to fewer channels – 2×2 average pooling (§ 3, "Pooling layers")."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.AvgPool2d(2),
        )


class DenseNet(nn.Module):
    """A stem, dense blocks with transitions between them, BN – ReLU, global average, dense layer.

    Args:
        stem: (N, C, S, S) -> (N, `width`, H, W).
        width: channels of the stem.
        blocks: L of each block.
        growth, bottleneck, compression: as in :class:`DenseSettings`, of all blocks.
        classes: of the logits.
    """

    def __init__(
        self,
        stem: nn.Module,
        width: int,
        blocks: Sequence[int],
        growth: int,
        classes: int,
        bottleneck: bool = True,
        compression: float = 0.5,
    ) -> None:
        super().__init__()
        self.stem, self.body = stem, nn.Sequential()
        for number, layers in enumerate(blocks):
            settings = DenseSettings(width, growth, layers, bottleneck, compression)
            self.body.append(DenseBlock(settings))
            width = settings.outputs
            if number < len(blocks) - 1:
                self.body.append(Transition(width, settings.kept))
                width = settings.kept
        self.head = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)
        )

    @property
    def blocks(self) -> list[DenseBlock]:
        """In order of the forward pass."""
        return [stage for stage in self.body if isinstance(stage, DenseBlock)]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, S, S) -> (N, classes) logits."""
        return self.head(self.body(self.stem(x)))


DENSENET_121 = (6, 12, 24, 16)
"""Layers of its blocks (Table 1); k = 32, θ = 1/2, and a stem of 64 channels."""


def densenet121() -> DenseNet:
    """DenseNet-121 out of these blocks, with random weights: (N, 3, H, W) -> (N, 1000)."""
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
    )
    return DenseNet(stem, 64, DENSENET_121, 32, 1000)


SMALL = (5, 5)
"""Layers of the blocks of :func:`small_densenet`."""


def small_densenet(growth: int, classes: int) -> DenseNet:
    """For small grey pictures: the plain kind of the paper's Figure 5, with no 1×1s and θ = 1, but fewer layers.

    The stem makes 2k maps of (N, 1, S, S), a 3×3 convolution (§ 3, "Implementation details").
    """
    width = 2 * growth
    stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
    return DenseNet(stem, width, SMALL, growth, classes, bottleneck=False, compression=1.0)
