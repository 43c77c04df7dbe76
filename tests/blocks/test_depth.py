import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.blocks.depth import BATCH, SIDE, WIDTH, Stack, StackSettings, gradient_norms
from cnnviz.errors import SettingError


@pytest.mark.parametrize("depth", [2, 3, 20])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("normalise", [True, False])
def test_norms_are_those_of_backward(depth, residual, normalise):
    settings = StackSettings(depth, residual, "tanh", normalise)
    found = gradient_norms(settings, [3]).norms
    generator = torch.Generator().manual_seed(3)
    stack = Stack(settings, generator)
    x, target = torch.randn(2, BATCH, WIDTH, SIDE, SIDE, generator=generator)
    (nn.functional.mse_loss(stack(x), target) / 2).backward()
    wanted = [module.weight.grad.norm().item() for module in stack.modules() if isinstance(module, nn.Conv2d)]
    assert found.shape == (1, depth)
    assert found[0] == pytest.approx(wanted, rel=1e-4)


def test_seeds_repeat_and_differ():
    settings = StackSettings(8, True)
    both = gradient_norms(settings, [0, 1]).norms
    assert np.array_equal(both[1], gradient_norms(settings, [1]).norms[0])
    assert not np.array_equal(both[0], both[1])


def test_sigmoids_vanish_in_a_plain_stack_and_a_shortcut_saves_them():
    seeds = [0, 1, 2]
    plain = gradient_norms(StackSettings(30, False, "sigmoid"), seeds)
    residual = gradient_norms(StackSettings(30, True, "sigmoid"), seeds)
    normalised = gradient_norms(StackSettings(30, False, "relu", True), seeds)
    assert plain.median[0] < 1e-10 * plain.median[-1]
    assert residual.median[0] > 1e5 * plain.median[0]
    assert plain.per_layer < 0.5
    # He et al., § 4.1: with BatchNorm the gradients of a plain network are healthy.
    assert 0.1 < normalised.median[0] / normalised.median[-1] < 1000


def test_a_residual_stack_without_normalisation_explodes():
    relu = gradient_norms(StackSettings(60, True), [0, 1])
    assert relu.median[0] > 1e3
    assert np.isfinite(gradient_norms(StackSettings(110, True), [0]).norms).all()


def test_bounds():
    with pytest.raises(SettingError, match="the depth is 111"):
        gradient_norms(StackSettings(111, True), [0])
    with pytest.raises(SettingError, match="one seed"):
        gradient_norms(StackSettings(4, True), [])
