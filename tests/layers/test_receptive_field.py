"""The recurrence against published fields and against what an impulse's gradient reaches."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.errors import SettingError
from cnnviz.layers.receptive_field import (
    PRESETS,
    Layer,
    clip,
    map_sizes,
    pool_after_conv,
    trace,
    uniform_sigma,
)


def last(preset):
    step = trace(PRESETS[preset].layers)[-1]
    return step.size, step.jump, step.padding


def sizes(preset, *names):
    return [step.size for step in trace(PRESETS[preset].layers) if step.layer.name in names]


def test_small_kernels_in_a_row():
    # VGG paper (arXiv 1409.1556), section 2.3: two 3×3 see 5×5, three see 7×7.
    assert last("two_3x3") == last("one_5x5") == (5, 1, 2)
    assert last("three_3x3") == last("one_7x7") == (7, 1, 3)


def test_published_fields():
    # Size, effective stride, effective padding: README of github.com/google-research/receptive_field,
    # which belongs to Distill's 'Computing Receptive Fields of Convolutional Neural Networks'.
    assert last("alexnet") == (195, 32, 64)
    assert last("vgg16") == (212, 32, 90)
    assert last("resnet50_v1")[:2] == (483, 32)
    assert last("mobilenet")[:2] == (315, 32)


def test_tensorflow_pads_strided_layers_less():
    # The same README: padding 126 for MobileNet, where ours is 157. TensorFlow's 'same' puts nothing before
    # an even input under a 3×3 of stride 2, PyTorch's padding=1 one pixel; there are five such layers.
    layers = [replace(x, padding=(0, 1)) if x.stride == 2 else x for x in PRESETS["mobilenet"].layers]
    assert trace(layers)[-1].padding == 126
    assert last("mobilenet")[2] == 126 + 1 + 2 + 4 + 8 + 16


def test_published_fields_layer_by_layer():
    # RECEPTIVE_FIELD_TABLE.md of the same repository (AlexNet's pool2 is not in its table).
    assert sizes("alexnet", "conv1", "pool1", "conv2", "conv3", "conv4", "conv5", "pool5") == [
        11, 19, 51, 99, 131, 163, 195,
    ]  # fmt: skip
    assert sizes("vgg16", *(f"pool{i}" for i in range(1, 6))) == [6, 16, 44, 100, 212]


def test_the_two_resnets_differ_by_where_the_stride_is():
    def stages(preset):
        steps = trace(PRESETS[preset].layers)
        return [steps[i].size for i in (1 + 9, 1 + 21, 1 + 39, 1 + 48)]

    assert stages("resnet50_v1_5") == [35, 91, 267, 427]
    assert stages("resnet50_v1") == [35, 99, 291, 483]


def test_dilation_grows_the_field_exponentially():
    # Yu & Koltun, arXiv 1511.07122, section 2: dilation 2^i gives a field of 2^(i+2) - 1.
    assert [s.size for s in trace(PRESETS["dilated"].layers)] == [2 ** (i + 2) - 1 for i in range(4)]


@given(st.integers(1, 9), st.integers(1, 11), st.integers(1, 4))
def test_pooling_rule_is_two_steps(p, k, s):
    step = trace([Layer("conv", k, s), Layer("pool", p, p)])[-1]
    assert pool_after_conv(p, k, s) == step.size


def test_map_sizes_of_the_presets():
    # AlexNet (Krizhevsky et al. 2012): 55, 27, 13, and 6×6×256 before the dense layers.
    assert map_sizes(PRESETS["alexnet"].layers, 227) == (55, 27, 27, 13, 13, 13, 13, 6)
    for preset in ("vgg16", "resnet50_v1", "resnet50_v1_5", "mobilenet"):
        assert map_sizes(PRESETS[preset].layers, 224)[-1] == 7


def test_luo_et_al_sigma():
    # arXiv 1701.04128, section 2.2: n layers of 3×3 have the variance 2n/3; by hand, (1 + 0 + 1)/3 a layer.
    assert uniform_sigma([Layer("conv", 3)] * 10) == pytest.approx((10 * 2 / 3) ** 0.5)
    # A stride spreads what follows: 2×2 (variance 1/4), then 2×2 two pixels apart (variance 1) = uniform over 4.
    assert uniform_sigma([Layer("conv", 2, 2), Layer("conv", 2, 2)]) ** 2 == pytest.approx((4**2 - 1) / 12)


def test_clipping():
    assert clip((-3, 2), 10) == (0, 2)
    assert clip((8, 15), 10) == (8, 10)
    assert clip((-9, -4), 10) == (0, 0)
    assert clip((12, 14), 10) == (10, 10)


layers = st.builds(
    Layer,
    kind=st.just("conv"),
    kernel_size=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
) | st.builds(lambda k, d: Layer("conv", k, 1, "same", d), st.integers(1, 5), st.integers(1, 3))


@settings(deadline=None)
@given(st.lists(layers, min_size=1, max_size=4))
def test_the_field_is_what_the_gradient_reaches(stack):
    steps = trace(stack)
    final = steps[-1]
    cell = -(-final.padding // final.jump)  # the first whose field begins inside
    length = final.interval(cell + 1)[1] + sum(s.layer.padding_pair[1] * s.jump for s in steps)
    x = torch.zeros(1, 1, length, dtype=torch.float64, requires_grad=True)
    y = x
    for layer in stack:
        y = torch.nn.functional.pad(y, layer.padding_pair)
        weight = torch.ones(1, 1, layer.kernel_size, dtype=torch.float64)
        y = torch.nn.functional.conv1d(y, weight, stride=layer.stride, dilation=layer.dilation)
    assert map_sizes(stack, length)[-1] == y.shape[-1]
    for i in (cell, cell + 1):
        (gradient,) = torch.autograd.grad(y[0, 0, i], x, retain_graph=True)
        reached = gradient[0, 0].nonzero().flatten()
        first, stop = final.interval(i)
        assert (reached[0], reached[-1] + 1) == (first, stop) == final.clipped_interval(i, length)
        assert final.start + i * final.jump == (first + stop - 1) / 2


@pytest.mark.parametrize(
    "settings",
    [
        ("conv", 0),
        ("conv", 3, 0),
        ("conv", 3, 1, -1),
        ("conv", 3, 1, 0, 0),
        ("conv", 3, 2, "same"),
        ("pool", 2, 2, 2),
        ("pool", 3, 1, (0, 1)),
    ],
)
def test_impossible_layers_are_refused(settings):
    with pytest.raises(SettingError) as caught:
        Layer(*settings)
    assert str(caught.value)


def test_too_small_an_input_is_refused():
    with pytest.raises(SettingError, match="only 6"):
        map_sizes([Layer("conv", 5), Layer("conv", 7)], 10)
    assert trace([]) == ()
