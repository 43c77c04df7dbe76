"""Stacks measured by gradient: against the recurrence, published fields and published curves."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnviz.explain.stack_gradient import LONGEST, count_weights, measure_stack
from cnnviz.layers.receptive_field import PRESETS, Layer, trace, uniform_sigma
from cnnviz.layers.stack import weights_at

layers = st.builds(
    Layer,
    kind=st.just("conv"),
    kernel_size=st.integers(1, 7),
    stride=st.integers(1, 4),
    padding=st.integers(0, 5),
    dilation=st.integers(1, 4),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(layers, min_size=1, max_size=6).map(tuple))
def test_gradient_and_recurrence_agree(stack):
    step = trace(stack)[-1]
    assume(step.size < 5000)
    field = measure_stack(stack)
    assert (field.size, field.jump, field.padding) == (step.size, step.jump, step.padding)
    assert field.start == step.start
    assert field.profile.sum() == pytest.approx(1)
    assert field.sigma == pytest.approx(uniform_sigma(stack))


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(preset):
    step, field = trace(PRESETS[preset].layers)[-1], measure_stack(PRESETS[preset].layers)
    assert (field.size, field.jump, field.padding) == (step.size, step.jump, step.padding)


def test_ten_averaging_layers_make_a_gaussian():
    # Luo et al., arXiv 1701.04128, section 2.2: n layers of 3×3, size 2n + 1, variance 2n/3.
    field = measure_stack((Layer("conv", 3, padding=1),) * 10)
    assert field.size == 21
    assert field.sigma == pytest.approx(2.582, abs=5e-4)
    x = np.arange(21) - 10
    bell = np.exp(-(x**2) / (2 * field.sigma**2)) / (field.sigma * math.sqrt(2 * math.pi))
    assert np.abs(field.profile - bell).max() < 0.004


def test_what_is_too_long_is_not_measured():
    assert measure_stack((Layer("conv", 3, 2),) * 20) is None
    assert trace((Layer("conv", 3, 2),) * 20)[-1].size > LONGEST
    assert measure_stack(()) is None


def test_weights_are_those_of_the_modules():
    for preset in ("two_3x3", "one_5x5", "three_3x3", "one_7x7", "vgg16"):
        assert count_weights(PRESETS[preset].layers, 64) == weights_at(PRESETS[preset].layers, 64)
