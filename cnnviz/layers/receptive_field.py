"""The receptive field of a stack of layers, by recurrence.

Along one axis, with input pixels numbered from 0::

    size_out    = size_in + (kernel_size - 1) · dilation · jump_in
    jump_out    = jump_in · stride
    padding_out = padding_in + padding · jump_in
    start_out   = start_in + ((kernel_size - 1) / 2 · dilation - padding) · jump_in

Cell i of a map then depends on pixels ``[i·jump - padding, i·jump - padding + size)``, centred on
``start + i·jump``. Source: Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural
Networks", Distill 2019.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import Padding, conv_output_size, extent, padding_pair, pool_output_size
from cnnviz.messages import N_


@dataclass(frozen=True)
class Layer:
    """One window layer of a stack, the same along both axes.

    Raises:
        SettingError: settings that ``torch.nn`` refuses for any input.
    """

    kind: Literal["conv", "pool"]
    kernel_size: int
    stride: int = 1
    padding: Padding = 0
    dilation: int = 1
    name: str = ""

    def __post_init__(self) -> None:
        before, after = self.padding_pair
        if self.kind == "pool" and (before != after or 2 * before > self.kernel_size):
            raise SettingError(
                N_("pooling pads both ends alike, by at most half its kernel size {kernel_size}"),
                kernel_size=self.kernel_size,
            )

    @property
    def padding_pair(self) -> tuple[int, int]:
        return padding_pair(self.padding, self.kernel_size, self.stride, self.dilation)

    def output_size(self, input_size: int) -> int:
        """Length of the output along one axis; SettingError where the input is too short."""
        if self.kind == "pool":
            before, _ = self.padding_pair
            return pool_output_size(input_size, self.kernel_size, self.stride, before, self.dilation)
        return conv_output_size(input_size, self.kernel_size, self.stride, self.padding, self.dilation)


@dataclass(frozen=True)
class FieldStep:
    """The receptive field after one layer, in input pixels.

    Attributes:
        layer: the layer just applied.
        size: pixels that one cell depends on, unclipped.
        jump: pixels between neighbouring cells (the effective stride).
        padding: how far cell 0's field begins before pixel 0 (the effective padding).
        start: the centre of cell 0's field; whole numbers are pixel centres.
    """

    layer: Layer
    size: int
    jump: int
    padding: int
    start: float

    def interval(self, cell: int) -> tuple[int, int]:
        """Pixels ``[first, stop)`` that `cell` depends on, border ignored.

        >>> trace([Layer("conv", 3, stride=2, padding=1)])[0].interval(0)
        (-1, 2)
        """
        first = cell * self.jump - self.padding
        return first, first + self.size

    def clipped_interval(self, cell: int, input_size: int) -> tuple[int, int]:
        """:meth:`interval` inside ``[0, input_size)``; empty where it lies in the padding only."""
        return clip(self.interval(cell), input_size)


def clip(interval: tuple[int, int], input_size: int) -> tuple[int, int]:
    """The part of the pixels ``[first, stop)`` that lies in ``[0, input_size)``."""
    first, stop = (min(max(0, edge), input_size) for edge in interval)
    return first, stop


def trace(layers: Sequence[Layer]) -> tuple[FieldStep, ...]:
    """The receptive field after each of `layers`, first to last.

    >>> [step.size for step in trace([Layer("conv", 3)] * 3)]
    [3, 5, 7]
    """
    steps = []
    size, jump, padding, start = 1, 1, 0, 0.0
    for layer in layers:
        before, _ = layer.padding_pair
        reach = extent(layer.kernel_size, layer.dilation) - 1
        size += reach * jump
        padding += before * jump
        start += (reach / 2 - before) * jump
        jump *= layer.stride
        steps.append(FieldStep(layer, size, jump, padding, start))
    return tuple(steps)


def map_sizes(layers: Sequence[Layer], input_size: int) -> tuple[int, ...]:
    """Length of the map after each layer for an input of `input_size`.

    Raises:
        SettingError: a layer whose window is longer than what it gets.

    >>> map_sizes([Layer("conv", 3), Layer("pool", 2, stride=2)], 9)
    (7, 3)
    """
    sizes = []
    for layer in layers:
        input_size = layer.output_size(input_size)
        sizes.append(input_size)
    return tuple(sizes)


def pool_after_conv(pool: int, kernel_size: int, stride: int) -> int:
    """Field of one pooling cell over a convolution: ``(p - 1)·s + k``, two layers of the recurrence.

    >>> pool_after_conv(pool=2, kernel_size=5, stride=1)
    6
    """
    return (pool - 1) * stride + kernel_size


def uniform_sigma(layers: Sequence[Layer]) -> float:
    """Standard deviation, in pixels, of the effective field of layers that average their windows.

    Windows one after another convolve, so that variances add: a uniform kernel of k taps, d·jump apart,
    adds ``(k² - 1)/12 · (d·jump)²``. For n 3×3 layers that is √(2n/3) (Luo et al., "Understanding the
    Effective Receptive Field in Deep Convolutional Neural Networks", arXiv 1701.04128, section 2.2).

    >>> round(uniform_sigma([Layer("conv", 3)] * 10), 3)
    2.582
    """
    jump, variance = 1, 0.0
    for layer in layers:
        variance += (layer.kernel_size**2 - 1) / 12 * (layer.dilation * jump) ** 2
        jump *= layer.stride
    return math.sqrt(variance)


@dataclass(frozen=True)
class Preset:
    """A stack to start from; `title` is marked for translation."""

    title: str
    layers: tuple[Layer, ...]


def _conv(name: str, kernel_size: int, stride: int = 1, dilation: int = 1) -> Layer:
    return Layer("conv", kernel_size, stride, dilation * (kernel_size - 1) // 2, dilation, name)


def _alexnet() -> tuple[Layer, ...]:
    # Without padding in conv1: the form whose field is published; it takes 227 pixels to 6×6.
    return (
        Layer("conv", 11, 4, 0, name="conv1"),
        Layer("pool", 3, 2, name="pool1"),
        _conv("conv2", 5),
        Layer("pool", 3, 2, name="pool2"),
        *(_conv(f"conv{i}", 3) for i in (3, 4, 5)),
        Layer("pool", 3, 2, name="pool5"),
    )


def _vgg(*convolutions: int) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for block, count in enumerate(convolutions, start=1):
        layers += [_conv(f"conv{block}_{i + 1}", 3) for i in range(count)]
        layers.append(Layer("pool", 2, 2, name=f"pool{block}"))
    return tuple(layers)


def _resnet50(stride_on: Literal["1x1", "3x3"]) -> tuple[Layer, ...]:
    layers = [_conv("conv1", 7, stride=2), Layer("pool", 3, 2, 1, name="pool1")]
    for stage, blocks in enumerate((3, 4, 6, 3), start=2):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 2 and block == 1 else 1
            layers += [
                _conv(f"conv{stage}_{block}a", 1, stride if stride_on == "1x1" else 1),
                _conv(f"conv{stage}_{block}b", 3, stride if stride_on == "3x3" else 1),
                _conv(f"conv{stage}_{block}c", 1),
            ]
    return tuple(layers)


def _mobilenet() -> tuple[Layer, ...]:
    layers = [_conv("conv1", 3, stride=2)]
    for i, stride in enumerate((1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), start=1):
        layers += [_conv(f"depthwise {i}", 3, stride), _conv(f"pointwise {i}", 1)]
    return tuple(layers)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "two_3x3": Preset(N_("Two 3×3"), (_conv("conv1", 3), _conv("conv2", 3))),
        "one_5x5": Preset(N_("One 5×5"), (_conv("conv1", 5),)),
        "three_3x3": Preset(N_("Three 3×3"), tuple(_conv(f"conv{i}", 3) for i in (1, 2, 3))),
        "one_7x7": Preset(N_("One 7×7"), (_conv("conv1", 7),)),
        "alexnet": Preset("AlexNet", _alexnet()),
        "vgg16": Preset("VGG16", _vgg(2, 2, 3, 3, 3)),
        "resnet50_v1": Preset(N_("ResNet-50 v1, stride on the 1×1"), _resnet50("1x1")),
        "resnet50_v1_5": Preset(N_("ResNet-50 v1.5, stride on the 3×3"), _resnet50("3x3")),
        "mobilenet": Preset("MobileNet", _mobilenet()),
        "dilated": Preset(
            N_("Dilated 3×3: 1, 2, 4, 8"), tuple(_conv(f"dilation {d}", 3, dilation=d) for d in (1, 2, 4, 8))
        ),
    }
)
"""Stacks by id. For the networks, the path through the longest branch, up to the last feature map."""
