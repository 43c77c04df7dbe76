"""A network taken apart: what each stage stores and computes, and what one unit of the first layer does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import conv_cost, conv_output_size, window
from cnnviz.layers.flops import Flops
from cnnviz.messages import N_
from cnnviz.zoo.efficientnet_lite0 import CARD, Conv, EfficientNetLite0

PAPER_SIDES = (112, 112, 56, 28, 14, 14, 7, 7)
"""Side of the map after the stem and the seven stages of EfficientNet-B0, whose grid Lite0 keeps: the
resolution that the paper's Table 1 gives for the *next* stage's input."""
SIDES_SOURCE = "arXiv 1905.11946, Table 1"
PUBLISHED_PARAMETERS = 4_652_008
PUBLISHED_MACS = 407_000_000
"""Rounded by the authors, who don't say what they count: their README's "407M MAdds"."""
PARAMETERS_SOURCE = "github.com/tensorflow/tpu, efficientnet_lite_builder_test.py"
MACS_SOURCE = "github.com/tensorflow/tpu, efficientnet/lite/README.md"


@dataclass(frozen=True)
class Step:
    """The layer of a stage that sets the size of its maps, along one axis.

    Attributes:
        padding: (before, after), in cells of its input.
    """

    input_size: int
    kernel_size: int
    stride: int
    padding: tuple[int, int]

    @property
    def output_size(self) -> int:
        return conv_output_size(self.input_size, self.kernel_size, self.stride, self.padding)


@dataclass(frozen=True)
class StageCost:
    """What one stage stores, and computes for one image, by arithmetic alone.

    Attributes:
        name: as in the network's maps; ``classifier`` for the dense layer at the end.
        step: the layer with the largest stride, of those the widest; None for the dense layer.
        side: cells along each side of what comes out.
        channels: maps (or classes) that come out.
        parameters: weights, and scale and shift of the batch normalisations.
        macs: multiply–accumulates of convolutions and dense layers.
    """

    name: str
    step: Step | None
    side: int
    channels: int
    parameters: int
    macs: int


def stage_costs(network: EfficientNetLite0, input_size: int = CARD.input_size) -> tuple[StageCost, ...]:
    """Follow one square image of `input_size` through the layers, by formula: nothing is run.

    >>> stem = stage_costs(blank())[0]
    >>> stem.side, stem.parameters, stem.macs
    (112, 928, 10838016)
    """
    costs = []
    side = input_size
    for name, stage in network.stages.items():
        steps, parameters, macs = [], 0, 0
        for layer in stage.modules():
            if not isinstance(layer, Conv):
                continue
            convolution, padding = _convolution(layer)
            kernel_size, stride = convolution.kernel_size[0], convolution.stride[0]
            steps.append(Step(side, kernel_size, stride, padding))
            side, channels = steps[-1].output_size, convolution.out_channels
            cost = conv_cost(
                convolution.in_channels,
                channels,
                (kernel_size, kernel_size),
                (side, side),
                groups=convolution.groups,
                bias=False,
            )
            parameters += cost.parameters + 2 * channels
            macs += cost.macs
        step = max(steps, key=lambda step: (step.stride, step.kernel_size))
        costs.append(StageCost(name, step, side, channels, parameters, macs))
    inputs, classes = network.classifier.in_features, network.classifier.out_features
    costs.append(StageCost("classifier", None, 1, classes, inputs * classes + classes, inputs * classes))
    return tuple(costs)


def _convolution(layer: Conv) -> tuple[nn.Conv2d, tuple[int, int]]:
    """The convolution in a layer, and (before, after) of the padding it sees."""
    parts: Iterator[nn.Module] = iter(layer)
    first = next(parts)
    if isinstance(first, nn.ZeroPad2d):
        convolution = next(parts)
        assert isinstance(convolution, nn.Conv2d)
        return convolution, (first.padding[0], first.padding[1])
    assert isinstance(first, nn.Conv2d)
    return first, (int(first.padding[0]), int(first.padding[0]))


def blank() -> EfficientNetLite0:
    """The network without numbers in its weights: enough to count, and it takes no memory."""
    with torch.device("meta"):
        return EfficientNetLite0().eval()


def measured_macs(network: EfficientNetLite0, input_size: int = CARD.input_size) -> int:
    """Multiply–accumulates of one image as PyTorch counts them: half its floating-point operations."""
    image = torch.empty(1, 3, input_size, input_size, device=next(network.parameters()).device)
    with torch.no_grad(), Flops() as flops:
        network(image)
    return flops.macs


def by_strength(maps: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Channels of (C, h, w) maps, those with the largest absolute value first; ties by how much they vary.

    >>> by_strength(np.array([[[6.0, 6.0]], [[6.0, 0.0]], [[-9.0, 0.0]]])).tolist()
    [2, 1, 0]
    """
    flat = maps.reshape(len(maps), -1)
    return np.lexsort((-flat.std(axis=1), -np.abs(flat).max(axis=1)))


def strongest_cell(chosen: NDArray[np.floating[Any]]) -> tuple[int, int]:
    """Row and column of the largest absolute value of an (h, w) map; the first of equals.

    >>> strongest_cell(np.array([[1.0, 2.0], [-3.0, 3.0]]))
    (1, 0)
    """
    row, column = np.unravel_index(np.abs(chosen).argmax(), chosen.shape)
    return int(row), int(column)


@dataclass(frozen=True, eq=False)
class Unit:
    """One unit of the first layer, by hand: 27 products, batch normalisation, ReLU6.

    Attributes:
        kernel: (3, 3, 3), colour, row, column.
        patch: what lies under it, of the same shape, in the network's own units; 0 in the padding.
        left, top: where the patch begins in the network's input, in pixels.
        total: the sum of the products.
        mean, deviation: of this sum over the training images; the deviation holds ε.
        scale, shift: learned, of the batch normalisation.
    """

    kernel: NDArray[np.float32]
    patch: NDArray[np.float32]
    left: int
    top: int
    total: float
    mean: float
    deviation: float
    scale: float
    shift: float

    @property
    def normalised(self) -> float:
        return self.scale * (self.total - self.mean) / self.deviation + self.shift

    @property
    def value(self) -> float:
        """What the unit answers: ReLU6 cuts to 0 … 6."""
        return min(6.0, max(0.0, self.normalised))


def first_layer_unit(network: EfficientNetLite0, x: Tensor, channel: int, row: int, column: int) -> Unit:
    """Work out cell (`row`, `column`) of map `channel` of the stem by hand.

    Args:
        network: with weights.
        x: (1, 3, H, W) preprocessed image.

    Raises:
        SettingError: there is no such unit.
    """
    stem = network.stages["stem"]
    assert isinstance(stem, Conv)
    convolution, padding = _convolution(stem)
    norm = next(layer for layer in stem if isinstance(layer, nn.BatchNorm2d))
    size, stride = convolution.kernel_size[0], convolution.stride[0]
    height, width = (conv_output_size(side, size, stride, padding) for side in x.shape[-2:])
    if not (0 <= channel < norm.num_features and 0 <= row < height and 0 <= column < width):
        raise SettingError(
            N_("unit {unit} was asked for; the maps are {shape}"),
            unit=(channel, row, column),
            shape=(norm.num_features, height, width),
        )
    top, left = (window(at, size, stride, padding).start for at in (row, column))
    before, after = padding
    padded = np.pad(x[0].numpy(), ((0, 0), (before, after), (before, after)))
    patch = padded[:, top + before : top + before + size, left + before : left + before + size]
    kernel = convolution.weight[channel].numpy(force=True)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean, variance, scale, shift = (
        float(values[channel]) for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return Unit(
        kernel=kernel,
        patch=patch,
        left=left,
        top=top,
        total=float((kernel.astype(np.float64) * patch).sum()),
        mean=mean,
        deviation=(variance + norm.eps) ** 0.5,
        scale=scale,
        shift=shift,
    )
