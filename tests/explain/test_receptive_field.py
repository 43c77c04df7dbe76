"""Fields by gradient: the proof of the traced ones, and the effective field on an image."""

import threading

import numpy as np
import pytest
import torch
from captum.attr import Saliency
from torch import nn

from cnnviz.errors import ModelError, SettingError
from cnnviz.explain.receptive_field import build_stack, effective_field, prove, prove_module
from cnnviz.explain.traced_field import build_classifier, trace_module
from cnnviz.layers.receptive_field import PRESETS, Layer, trace, uniform_sigma


@pytest.mark.parametrize(
    ("name", "stage", "size", "stride"),
    [
        ("alexnet", "features.12", 195, 32),
        ("vgg11", "features.20", 150, 32),
        ("resnet18", "layer3", 211, 16),
        ("resnet50", "layer4", 427, 32),
        ("googlenet", "inception4e", 235, 16),
        ("inception_v3", "Mixed_6b", 351, 16),
        ("mobilenet_v2", "features.18", 491, 32),
        ("densenet121", "features.denseblock2", 255, 8),
        ("squeezenet1_0", "features.12", 155, 16),
        ("shufflenet_v2_x0_5", "stage2", 63, 8),
        ("convnext_tiny", "features.1", 76, 4),
    ],
)
def test_the_gradient_proves_the_trace(name, stage, size, stride):
    proof = prove(name, stage)
    assert proof.agrees
    assert not proof.clipped
    assert proof.stage.size == (size, size)
    for axis, padding in zip((proof.rows, proof.columns), proof.stage.padding, strict=True):
        assert (axis.size, axis.stride, axis.padding) == (size, stride, padding)


def test_an_oblong_field_inside_inception():
    proof = prove("inception_v3", "Mixed_6b.branch7x7_2")  # 1×7
    assert proof.agrees
    assert proof.columns.size - proof.rows.size == 6 * 16


@pytest.mark.parametrize("stage", ["features.1.0", "features.1.1", "features.3"])
def test_the_gradient_proves_swins_windows(stage):
    proof = prove("swin_t", stage)
    assert proof.agrees
    assert not proof.clipped
    assert proof.rows.cells[1] - proof.rows.cells[0] == 7


@pytest.mark.parametrize(
    ("name", "stage"), [("mobilenet_v3_small", "features.1"), ("resnet18", "fc"), ("vit_b_32", "encoder")]
)
def test_the_gradient_reaches_the_whole_image(name, stage):
    proof = prove(name, stage)
    assert proof.clipped
    assert proof.agrees
    assert proof.rows.measured == proof.columns.measured == ((0, 224),)


def test_fixed_image_sizes_are_measured_inside_the_image():
    proof = prove("vit_b_32", "conv_proj")
    assert proof.clipped
    assert proof.agrees
    assert proof.rows.measured == ((96, 128),)  # the fourth of seven patches


def test_pixels_that_a_floored_stride_leaves_unread_are_not_expected():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.AdaptiveAvgPool2d(1))
    proof = prove_module(network, "1", 8)  # windows at 0, 2, 4: pixel 7 is never read
    assert proof.agrees
    assert proof.rows.measured == ((0, 7),)


def test_a_wrong_trace_is_found_out():
    # The trace goes by what is read; multiplied by 0, nothing of the 3×3 arrives.
    class Muted(nn.Conv2d):
        def forward(self, x):
            return super().forward(x * 0.0) + x

    proof = prove_module(nn.Sequential(Muted(3, 3, 3, padding=1)), "0")
    assert not proof.agrees
    assert (proof.stage.size, proof.rows.size) == ((3, 3), 1)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_as_networks(preset):
    layers = PRESETS[preset].layers
    step = trace(layers)[-1]
    network = build_stack(layers, 2, torch.Generator())
    proof = prove_module(network, str(len(layers) - 1))
    assert proof.agrees
    assert (proof.rows.size, proof.rows.stride, proof.rows.padding) == (step.size, step.jump, step.padding)


def test_stacks_with_dilated_pooling_and_lopsided_padding():
    layers = [
        Layer("conv", 4, padding="same"),
        Layer("pool", 3, 2, 1, dilation=2),
        Layer("conv", 2, 2, (0, 1)),
    ]
    for weights in ("random", "uniform"):
        proof = prove_module(build_stack(layers, 3, torch.Generator(), weights), "2")
        assert proof.agrees
        assert proof.rows.size == trace(layers)[-1].size


def test_uniform_layers_give_luo_et_als_gaussian():
    # arXiv 1701.04128, section 2.2: n layers of 3×3 give a size of 2n + 1 and σ = √(2n/3).
    n = 10
    stack = build_stack([Layer("conv", 3, padding=1)] * n, 4, torch.Generator(), "uniform", in_channels=1)
    found = effective_field(stack, str(n - 1), torch.zeros(1, 1, 41, 41))
    assert found.map.dtype == np.float32
    assert found.map.shape == (41, 41)
    assert found.map.sum() == pytest.approx(1)
    assert found.cell == (20, 20)
    assert found.centre == (20, 20)
    assert found.box == (10, 10, 31, 31)
    assert found.sigma == pytest.approx([(2 * n / 3) ** 0.5] * 2, rel=1e-4)
    assert (np.nonzero(found.map)[0].min(), np.nonzero(found.map)[0].max()) == (10, 30)
    # 95 % of a round Gaussian lie within √(-2 ln 0.05) = 2.45 σ; the grid makes it coarse.
    assert found.radius == pytest.approx(2.448 * 2.582, abs=0.5)


@pytest.mark.parametrize("preset", ["dilated", "vgg16"])
def test_uniform_stacks_have_the_sigma_of_added_variances(preset):
    layers = PRESETS[preset].layers
    stack = build_stack(layers, 1, torch.Generator(), "uniform", in_channels=1)
    found = effective_field(stack, str(len(layers) - 1), torch.zeros(1, 1, 256, 256))
    assert found.sigma == pytest.approx([uniform_sigma(layers)] * 2, rel=1e-4)


def test_one_layer_by_hand():
    conv = nn.Conv2d(1, 1, 3, bias=False)
    with torch.no_grad():
        conv.weight[:] = torch.tensor([[[0.0, 1, 0], [-1, 4, 1], [0, 1, 0]]])
    found = effective_field(nn.Sequential(conv), "0", torch.rand(1, 1, 5, 5), cell=(0, 2))
    assert found.map[:3, 2:] == pytest.approx(np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 8)
    assert found.map.sum() == pytest.approx(1)
    assert (found.box, found.centre) == ((2, 0, 5, 3), (1, 3))
    assert found.radius == 1
    assert found.sigma == pytest.approx([0.5, 0.5])  # 2 of 8 parts are one pixel away


def test_fields_are_clipped_at_the_border():
    stack = build_stack([Layer("conv", 7, padding=3)], 2, torch.Generator())
    found = effective_field(stack, "0", torch.rand(1, 3, 12, 16), cell=(0, 15))
    assert found.box == (12, 0, 16, 4)
    assert found.centre == (0, 15)
    assert not found.map[4:].any()
    assert not found.map[:, :12].any()


def network_and_image():
    torch_generator = torch.Generator().manual_seed(1)
    stack = build_stack([Layer("conv", 3, padding=1)] * 4, 8, torch_generator)
    return stack, torch.rand(1, 3, 20, 20, generator=torch_generator)


def test_against_captum():
    stack, image = network_and_image()
    summed = (
        Saliency(lambda x: stack(x)[:, :, 9, 7].sum(1)).attribute(image.clone().requires_grad_())[0].sum(0)
    )
    found = effective_field(stack, "3", image, (9, 7))
    assert found.map == pytest.approx((summed / summed.sum()).numpy(), abs=1e-6)


def test_the_generator_alone_decides_the_channel_weights():
    stack, image = network_and_image()
    maps = [
        effective_field(stack, "3", image, generator=torch.Generator().manual_seed(seed)).map
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(maps[0], maps[1])
    assert not np.allclose(maps[0], maps[2])
    assert not np.allclose(maps[0], effective_field(stack, "3", image).map)
    again = network_and_image()[0]
    assert all(torch.equal(a, b) for a, b in zip(stack.parameters(), again.parameters(), strict=True))


def test_no_gradient_is_a_map_of_zeros():
    stack, image = network_and_image()
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.zero_()
    found = effective_field(stack, "3", image)
    assert not found.map.any()
    assert (found.radius, found.sigma) == (0, (0, 0))


def test_a_traced_field_may_be_handed_in():
    stack, image = network_and_image()
    field = trace_module(stack, 20)["2"]
    assert effective_field(stack, "2", image, field=field).box == effective_field(stack, "2", image).box


def test_vectors_have_the_whole_image():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = effective_field(network, "2", torch.rand(1, 3, 9, 11))
    assert (found.box, found.centre) == ((0, 0, 11, 9), (4, 5))
    assert (found.map > 0).all()


def test_refusals():
    stack, image = network_and_image()
    with pytest.raises(SettingError, match="20 × 20"):
        effective_field(stack, "3", image, (0, 20))
    with pytest.raises(ModelError, match="no module 9"):
        effective_field(stack, "9", image)
    with pytest.raises(ModelError, match="no module layer9"):
        prove("resnet18", "layer9")
    uneven = nn.Sequential(nn.AdaptiveAvgPool2d(5))
    with pytest.raises(ModelError, match="not evenly spaced"):
        prove_module(uneven, "0", 224)


def test_a_shared_network_is_not_touched():
    network = build_stack([Layer("conv", 3)] * 3, 4, torch.Generator()).requires_grad_()
    image = torch.rand(1, 3, 16, 16)
    expected = network(image).detach()
    wrong = []

    def visitor():
        for _ in range(30):
            if not torch.equal(network(image), expected):
                wrong.append(1)

    threads = [threading.Thread(target=visitor) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        effective_field(network, "1", image)
        prove_module(network, "1")
    for thread in threads:
        thread.join()
    assert not wrong
    assert not any(module._forward_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_works_within_inference_mode():
    stack, image = network_and_image()
    expected = effective_field(stack, "3", image).map
    with torch.inference_mode():
        assert np.array_equal(effective_field(stack, "3", image).map, expected)
        assert prove_module(stack, "3").agrees


def test_classifiers_are_built_without_numbers():
    network = build_classifier("vit_h_14")
    assert sum(p.numel() for p in network.parameters()) == 632_045_800  # torchvision's meta["num_params"]
    assert all(p.is_meta for p in network.parameters() if p.numel() > 10**6)
