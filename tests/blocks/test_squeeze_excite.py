"""Squeeze and excitation by hand, and what the block costs."""

import pytest
import torch
from torch import nn

from cnnviz.blocks.drawing import drawing
from cnnviz.blocks.small_se_resnet import WIDTHS, SmallSEResNet
from cnnviz.blocks.squeeze_excite import SqueezeExcite, excitation_parameters
from cnnviz.layers.receptive_field import Layer, trace
from cnnviz.training.lit_shapes import SIDE


def test_by_hand() -> None:
    layer = SqueezeExcite(4, reduction=2)
    x = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    means = x.mean((2, 3))
    weights = torch.sigmoid(nn.functional.relu(means @ layer.reduce.weight.T) @ layer.expand.weight.T)
    assert torch.allclose(layer(x), x * weights[:, :, None, None])


def test_without_biases_a_picture_that_excites_nothing_halves_every_map() -> None:
    x = torch.ones(1, 8, 2, 2)
    layer = SqueezeExcite(8, reduction=4)
    layer.reduce.weight.data.fill_(-1.0)
    assert torch.equal(layer(x), x / 2)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("channels", "reduction"), [(64, 1), (64, 16), (48, 9), (2048, 64)])
def test_parameters(channels: int, reduction: int, bias: bool) -> None:
    with torch.device("meta"):
        layer = SqueezeExcite(channels, reduction, bias)
    found = sum(parameter.numel() for parameter in layer.parameters())
    assert found == excitation_parameters(channels, reduction, bias)


def test_only_the_gates_differ_from_the_plain_network() -> None:
    sizes = [
        sum(parameter.numel() for parameter in SmallSEResNet(24, reduction).parameters())
        for reduction in (None, 16)
    ]
    assert sizes[1] - sizes[0] == sum(excitation_parameters(width, 16) for width in WIDTHS)
    assert SmallSEResNet(24, 4)(torch.zeros(2, 3, 32, 32)).shape == (2, 24)


def test_a_unit_of_the_last_stage_can_see_the_whole_picture() -> None:
    """The lesson says so: 47 pixels of 32."""
    network = SmallSEResNet(24, None)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    layers = [
        Layer("conv", each.kernel_size[0], each.stride[0])
        for each in convolutions
        if each.kernel_size != (1, 1)
    ]
    assert trace(layers)[-1].size == 47 > SIDE


def test_drawing_shows_the_shapes_of_the_three_steps() -> None:
    found = drawing(SqueezeExcite(32, 8), (1, 32, 6, 6))
    shapes = {node.title: node.output_shape for node in found.nodes}
    assert (shapes["squeeze"], shapes["reduce"], shapes["expand"]) == ((32,), (4,), (32,))
    assert found.nodes[-2].output_shape == (32, 6, 6)
