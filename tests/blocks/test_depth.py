import numpy as np
import pytest
import torch

from cnnviz.blocks.depth import (
    SMALLEST_SINGLE,
    StackSettings,
    gradient_norms,
    measured_norms,
    module,
    run,
    start,
    steepness,
)
from cnnviz.errors import SettingError

ORDERS = pytest.mark.parametrize("order", ["post", "pre"])
NORMALISED = pytest.mark.parametrize("normalise", [True, False])
RESIDUAL = pytest.mark.parametrize("residual", [True, False])


@pytest.mark.parametrize("depth", [2, 3, 20])
@RESIDUAL
@NORMALISED
@ORDERS
def test_all_seeds_at_once_are_the_modules_one_by_one(depth, residual, normalise, order):
    settings = StackSettings(depth, residual, "tanh", normalise, order)
    found = gradient_norms(settings, [3, 4]).norms
    assert found.shape == (2, depth)
    for row, seed in zip(found, (3, 4), strict=True):
        assert row == pytest.approx(measured_norms(settings, seed), rel=1e-9)
    given = start(settings, 3)
    out = module(settings, given)(given.x)
    assert torch.allclose(out, run(settings, given.x, given.weights), atol=1e-12)


@RESIDUAL
@NORMALISED
@ORDERS
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_norms_are_how_steeply_the_loss_rises(residual, normalise, order, activation):
    settings = StackSettings(12, residual, activation, normalise, order)
    whole = float(np.linalg.norm(gradient_norms(settings, [1]).norms))
    assert steepness(settings, 1, whole) == pytest.approx(whole, rel=1e-3)


def test_seeds_repeat_and_depths_agree():
    settings = StackSettings(8, True)
    both = gradient_norms(settings, [0, 1]).norms
    assert both[1] == pytest.approx(gradient_norms(settings, [1]).norms[0], rel=1e-12)
    assert not np.allclose(both[0], both[1])
    deeper = start(StackSettings(9, False), 0)
    assert torch.equal(deeper.weights[:8], start(settings, 0).weights)
    assert torch.equal(deeper.x, start(settings, 0).x)


def test_sigmoids_vanish_in_a_plain_stack_and_a_shortcut_saves_them():
    seeds = [0, 1, 2]
    plain, residual, kept = (
        gradient_norms(StackSettings(30, residual, "sigmoid", order=order), seeds)
        for residual, order in ((False, "pre"), (True, "post"), (True, "pre"))
    )
    assert plain.ratio < 1e-15
    assert plain.per_layer < 0.25
    # A sigmoid after the sum stands on the shortcut's way, too: 1/4 for every two layers.
    assert 0.3 < residual.per_layer < 0.5
    assert kept.ratio > 0.1


def test_double_precision_goes_where_single_ends():
    found = gradient_norms(StackSettings(110, False, "sigmoid"), [0])
    assert 0 < found.norms[0, 0] < SMALLEST_SINGLE
    assert (
        float(torch.finfo(torch.float32).smallest_normal) * torch.finfo(torch.float32).eps == SMALLEST_SINGLE
    )


def test_batch_norm_makes_plain_stacks_explode_and_shortcuts_hold_them():
    """Yang et al., ICLR 2019 (arXiv 1902.08129): gradients grow exponentially with depth in plain stacks."""
    plain, residual = (
        gradient_norms(StackSettings(60, residual, "relu", True, "pre"), [0, 1, 2])
        for residual in (False, True)
    )
    assert plain.per_layer > 1.1
    assert plain.ratio > 100 * residual.ratio


def test_a_residual_stack_without_normalisation_explodes():
    assert gradient_norms(StackSettings(60, True), [0, 1]).median[0] > 1e3
    assert np.isfinite(gradient_norms(StackSettings(110, True), [0]).norms).all()


def test_bounds():
    for depth in (1, 111):
        with pytest.raises(SettingError, match=f"the depth is {depth}"):
            StackSettings(depth, True)
    with pytest.raises(SettingError, match="one seed"):
        gradient_norms(StackSettings(4, True), [])
