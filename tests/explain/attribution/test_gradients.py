"""Gradients against weights that are known, and against bare captum."""

import numpy as np
import pytest
import torch
from captum import attr
from torch import nn

from cnnviz.errors import SettingError
from cnnviz.explain.attribution import gradients
from cnnviz.explain.attribution.gradients import (
    InputXGradient,
    IntegratedGradients,
    Saliency,
    SmoothGrad,
    slope,
)
from cnnviz.explain.attribution.methods import explain
from cnnviz.explain.attribution.picture import FILLS
from tests.explain.attribution.networks import linear, photo, small, untouched

HERE = photo()
LINEAR = linear()
WEIGHTS = LINEAR[1].weight[1].reshape(3, 8, 8).numpy()


def last(network, settings, target=1, picture=HERE):
    return list(explain(network, picture, target, settings))[-1]


@pytest.fixture(params=[1, 2, 3, 32])
def batches(request, monkeypatch):
    monkeypatch.setattr(gradients, "batch_size", lambda network, x: request.param)
    return request.param


def test_saliency_of_a_linear_network_is_its_weights():
    found = last(LINEAR, Saliency())
    np.testing.assert_allclose(found.values, WEIGHTS, rtol=1e-6)
    np.testing.assert_allclose(found.map, np.abs(WEIGHTS).max(0), rtol=1e-6)
    assert not found.values.flags.writeable


def test_gradient_x_input_of_a_linear_network():
    found = last(LINEAR, InputXGradient())
    np.testing.assert_allclose(found.values, WEIGHTS * HERE.x[0].numpy(), rtol=1e-6)
    np.testing.assert_allclose(found.map, found.values.sum(0))


def test_noise_changes_nothing_in_a_linear_network(batches):
    np.testing.assert_allclose(last(LINEAR, SmoothGrad(7, 0.5)).values, WEIGHTS, atol=1e-6)


@pytest.mark.parametrize("baseline", FILLS)
def test_integrated_gradients_of_a_linear_network(baseline, batches):
    found = last(LINEAR, IntegratedGradients(5, baseline, seed=3))
    way = (HERE.x - HERE.filled(baseline, 3))[0].numpy()
    np.testing.assert_allclose(found.values, WEIGHTS * way, atol=1e-5)
    assert found.delta == pytest.approx(0, abs=1e-4)


class Square(nn.Module):
    def forward(self, x):
        return (x**2).flatten(1).sum(1, keepdim=True)


def test_integrated_gradients_of_a_square(batches):
    """From grey, 0: x · ∫ 2αx dα = x², exact by the midpoint rule; the gradient at the end alone is twice that."""
    found = last(Square(), IntegratedGradients(9, "grey"), target=0)
    np.testing.assert_allclose(found.values, HERE.x[0].numpy() ** 2, atol=1e-6)
    assert found.score == pytest.approx(float((HERE.x**2).sum()), rel=1e-6)
    assert found.baseline_score == 0
    twice = last(Square(), InputXGradient(), target=0)
    np.testing.assert_allclose(twice.values, 2 * found.values, atol=1e-6)


@pytest.mark.parametrize("steps", [2, 3, 7, 16, 31])
def test_integrated_gradients_are_captums(steps, batches):
    network = small()
    found = list(explain(network, HERE, 2, IntegratedGradients(steps)))
    bare, delta = attr.IntegratedGradients(network).attribute(
        HERE.x.clone(),
        HERE.filled("grey"),
        2,
        n_steps=steps,
        method="riemann_middle",
        return_convergence_delta=True,
    )
    np.testing.assert_allclose(found[-1].values, bare[0].detach(), atol=1e-5)
    assert found[-1].delta == pytest.approx(float(delta), abs=1e-4)
    assert [part.done for part in found] == sorted({part.done for part in found})
    assert found[-1].done == found[-1].total == steps
    assert len(found) >= min(steps // max(2, batches), steps // 2)


def test_a_part_of_the_way_already_estimates_the_whole(batches):
    """Of a linear network every part gives the whole."""
    for part in explain(LINEAR, HERE, 1, IntegratedGradients(12, "grey")):
        assert part.delta == pytest.approx(0, abs=1e-3)


def test_smooth_grad_is_captums_with_the_same_random_numbers(batches):
    network = small()
    settings = SmoothGrad(samples=6, noise=0.2, seed=4)
    found = list(explain(network, HERE, 3, settings))
    with torch.random.fork_rng():
        torch.manual_seed(4)
        bare = attr.NoiseTunnel(attr.Saliency(network)).attribute(
            gradients.own(HERE.x),
            nt_samples=6,
            nt_samples_batch_size=batches if batches < 6 else None,
            stdevs=0.2 * float(HERE.x.max() - HERE.x.min()),
            target=3,
            abs=False,
        )
    np.testing.assert_allclose(found[-1].values, bare[0], atol=1e-6)
    assert found[-1].finished
    assert len(found) == -(-6 // batches)


def test_quick_ones_are_captums():
    network = small()
    for settings, bare in (
        (Saliency(), attr.Saliency(network).attribute(gradients.own(HERE.x), 1, abs=False)),
        (InputXGradient(), attr.InputXGradient(network).attribute(gradients.own(HERE.x), 1)),
    ):
        np.testing.assert_array_equal(last(network, settings).values, bare[0].detach())


def test_global_random_numbers_are_left_alone():
    network = small()
    state = torch.random.get_rng_state()
    last(network, SmoothGrad(3))
    last(network, IntegratedGradients(3, "noise"))
    assert torch.equal(state, torch.random.get_rng_state())


def test_stopping_leaves_the_network_as_it_was():
    network = small()
    work = explain(network, HERE, 1, IntegratedGradients(200))
    assert not next(work).finished
    work.close()
    assert untouched(network)
    assert not HERE.x.requires_grad


def test_completeness_comes_nearer_with_more_steps():
    network = small(nn.Tanh)
    found = [last(network, IntegratedGradients(steps, "black"), 2) for steps in (2, 8, 64)]
    deltas = [abs(each.delta) for each in found]
    assert deltas[0] > 4 * deltas[1] > 16 * deltas[2]
    difference = network(HERE.x)[0, 2] - network(HERE.filled("black"))[0, 2]
    assert found[-1].score - found[-1].baseline_score == pytest.approx(float(difference), abs=1e-5)


def test_the_slope_along_the_gradient_is_its_length():
    gradient = last(LINEAR, Saliency()).values
    expected = np.linalg.norm(WEIGHTS)
    assert slope(LINEAR, HERE, 1, gradient, 1.0) == pytest.approx(expected, rel=1e-4)
    across = np.zeros_like(gradient)
    across[0, 0, 0] = 5
    assert slope(LINEAR, HERE, 1, across, 1.0) == pytest.approx(WEIGHTS[0, 0, 0], rel=1e-3)
    smooth = small(nn.Tanh)
    gradient = last(smooth, Saliency()).values
    assert slope(smooth, HERE, 1, gradient) == pytest.approx(np.linalg.norm(gradient), rel=1e-2)


@pytest.mark.parametrize("steps", [1, 513])
def test_steps_out_of_range(steps):
    with pytest.raises(SettingError, match="steps"):
        IntegratedGradients(steps)
    with pytest.raises(SettingError, match="no fill"):
        IntegratedGradients(baseline="pink")
