"""Deformable convolution against torchvision, PyTorch's own layers, and arithmetic done by hand."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

from cnnviz.blocks.deformable import (
    DeformableConv2d,
    effective_dilation,
    grid,
    offset_parameters,
    read,
    weigh,
)
from cnnviz.blocks.drawing import drawing
from cnnviz.errors import SettingError


def layer(modulated: bool = False, dilation: int = 1) -> DeformableConv2d:
    """One that has learned something: offsets of about a pixel."""
    generator = torch.Generator().manual_seed(0)
    made = DeformableConv2d(4, 6, 3, dilation=dilation, modulated=modulated).double()
    for values in made.parameters():
        torch.nn.init.normal_(values, std=0.3, generator=generator)
    return made.eval()


X = torch.randn(2, 4, 7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("kernel_size", "dilation"), [(0, 1), (2, 1), (3, 0)])
def test_grids_without_a_middle(kernel_size: int, dilation: int) -> None:
    with pytest.raises(SettingError, match="can't be placed"):
        grid(kernel_size, dilation)


@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize("dilation", [1, 2])
def test_reading_and_weighing_is_torchvision(modulated: bool, dilation: int) -> None:
    made = layer(modulated, dilation)
    offsets, mask = made.sampling(X)
    assert offsets.abs().mean() > 0.5
    wanted = deform_conv2d(X, offsets, made.conv.weight, made.conv.bias, 1, dilation, dilation, mask)
    samples = read(X, offsets, 3, dilation)
    torch.testing.assert_close(weigh(samples, made.conv.weight, made.conv.bias, mask), wanted)
    torch.testing.assert_close(made(X), wanted)
    # Training takes the other way, to the same gradients.
    gradients = [torch.autograd.grad(each(X).sin().sum(), each.parameters()) for each in (made, made.train())]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_channels_are_y_before_x() -> None:
    offsets = torch.zeros(1, 18, 7, 9, dtype=torch.float64)
    offsets[:, 0::2] = 1  # down
    moved = read(X[:1], offsets, 3)[0, :, 4]
    torch.testing.assert_close(moved[:, :-1], X[0, :, 1:])
    assert not moved[:, -1].any(), "zeros outside"


def test_begins_as_an_ordinary_convolution() -> None:
    made = DeformableConv2d(4, 6).double()
    torch.testing.assert_close(made(X), F.conv2d(X, made.conv.weight, made.conv.bias, padding=1))
    second = DeformableConv2d(4, 6, modulated=True, bias=False).double()
    torch.testing.assert_close(second(X), F.conv2d(X, second.conv.weight, padding=1) / 2)


@pytest.mark.parametrize("modulated", [False, True])
def test_cost(modulated: bool) -> None:
    made = DeformableConv2d(64, 32, 5, modulated=modulated)
    counted = sum(values.numel() for values in made.offset.parameters())
    assert counted == offset_parameters(64, 5, modulated)


def test_effective_dilation() -> None:
    assert effective_dilation(grid(5, 3)) == 3
    # Stretched to twice the height: half of the neighbours are 2 apart.
    assert effective_dilation(grid(3) * (2, 1)) == pytest.approx(1.5)
    turned = grid(3) @ np.array([[0.6, -0.8], [0.8, 0.6]])
    assert effective_dilation(turned) == pytest.approx(1)


def test_drawn_from_the_module() -> None:
    found = drawing(DeformableConv2d(8, 16), (1, 8, 6, 6))
    assert [node.output_shape for node in found.nodes] == [(8, 6, 6), (18, 6, 6), (16, 6, 6), (16, 6, 6)]
    assert found.inputs(2) == 2
