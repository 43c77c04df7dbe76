"""The cost of layers against torch.nn and FlopCounterMode, and against published counts."""

import ast
import inspect
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnnviz.errors import SettingError
from cnnviz.layers import cost
from cnnviz.layers.receptive_field import Layer, trace

quick = settings(deadline=None, max_examples=60)


def module_of(layer: cost.LayerCost) -> nn.Module:
    """PyTorch's layer for ours, where every map keeps its size."""
    if layer.kind == "linear":
        return nn.Linear(layer.in_channels, layer.out_channels, bias=layer.biases > 0)
    if layer.kind == "gap":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if layer.kind == "shuffle":
        return nn.ChannelShuffle(layer.groups)
    return nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        padding=(layer.kernel_size[0] // 2, layer.kernel_size[1] // 2),
        groups=layer.groups,
        bias=layer.biases > 0,
    )


def agree(design: cost.Design, *shape: int) -> None:
    """Build the design on the meta device, run it, and compare everything that PyTorch can count."""
    with torch.device("meta"):
        modules = [module_of(layer) for layer in design.layers]
        x = torch.empty(1, *shape)
    named = [item for module in modules for item in module.named_parameters()]
    assert design.weights == sum(p.numel() for name, p in named if name == "weight")
    assert design.biases == sum(p.numel() for name, p in named if name == "bias")
    outputs = 0
    with FlopCounterMode(display=False) as flops:
        for module in modules:
            x = module(x)
            outputs += x.numel()
    assert design.macs * 2 == flops.get_total_flops()
    assert design.activations == outputs


@given(st.integers(1, 3), st.sampled_from([1, 3, 5]), st.integers(1, 9), st.integers(1, 8), st.booleans())
@quick
def test_small_kernels_as_torch_counts_them(n: int, k: int, channels: int, size: int, bias: bool) -> None:
    pair = cost.small_kernels(n, k, channels, size, bias, in_channels=3)
    agree(pair.plain, 3, size, size)
    agree(pair.factored, 3, size, size)
    assert pair.factored.nonlinearities == n
    assert pair.plain.nonlinearities == 1


@pytest.mark.parametrize(
    "pair",
    [
        cost.bottleneck(16, 4, 6, bias=True),
        cost.reduced(16, 2, 8, kernel_size=5, size=6),
        cost.depthwise_separable(16, 8, 3, (6, 6)),
        cost.grouped(16, 8, 3, groups=4, size=6, shuffle=True, bias=True),
        cost.asymmetric(7, 16, 6, bias=True),
    ],
    ids=["bottleneck", "reduced", "separable", "grouped", "asymmetric"],
)
def test_factored_as_torch_counts_them(pair: cost.Comparison) -> None:
    agree(pair.plain, 16, 6, 6)
    agree(pair.factored, 16, 6, 6)


def test_heads_as_torch_counts_them() -> None:
    pair = cost.dense_or_pooled(8, (3, 2), hidden=(5,), classes=4)
    agree(pair.plain, 8 * 3 * 2)
    agree(pair.factored, 8, 3, 2)
    assert pair.plain.nonlinearities == 1, "none after the logits"


def test_the_stack_sees_as_much() -> None:
    for n, k in ((2, 3), (3, 3), (4, 5)):
        assert trace([Layer("conv", k)] * n)[-1].size == cost.equivalent_kernel(n, k)


def test_vgg() -> None:
    """arXiv 1409.1556, § 2.3: 27C² against 49C², '81% more'."""
    two, three = (cost.small_kernels(n, 3, 64, 56, bias=False) for n in (2, 3))
    assert (two.factored.weights, two.plain.weights) == (73_728, 102_400)
    assert (three.factored.weights, three.plain.weights) == (110_592, 200_704)
    assert int(100 / three.weights_ratio) - 100 == 81


def test_bottleneck_of_the_notes() -> None:
    pair = cost.bottleneck(256, 64, 56)
    assert (pair.plain.weights, pair.factored.weights) == (1_179_648, 69_632)


def test_inception_3a() -> None:
    pair = cost.reduced(192, 16, 32, kernel_size=5, size=28)
    assert (pair.plain.macs, pair.factored.macs) == (120_422_400, 12_443_648)


def test_published() -> None:
    notes, alexnet = cost.PUBLISHED["notes_conv"], cost.PUBLISHED["alexnet_dense"]
    assert cost.conv_layer(128, 64, 3, 28, bias=False).weights == notes.plain
    pair = cost.alexnet_first_dense()
    assert (pair.plain.weights, pair.factored.weights) == (alexnet.plain, alexnet.factored)


def test_dense_layers_of_known_networks() -> None:
    """Dense parts of torchvision's AlexNet and VGG16."""
    assert cost.dense_head(256, 6, (4096, 4096, 1000)).parameters == 58_631_144
    assert cost.dense_head(512, 7, (4096, 4096, 1000)).parameters == 123_642_856


@given(st.integers(1, 64), st.integers(1, 64), st.sampled_from([1, 3, 5, 7]))
@quick
def test_ratios_have_their_closed_forms(inputs: int, outputs: int, k: int) -> None:
    expected = Fraction(1, outputs) + Fraction(1, k * k)
    pair = cost.depthwise_separable(inputs, outputs, k, 7)
    assert pair.macs_ratio == pair.weights_ratio == expected
    assert cost.asymmetric(k, inputs, 7).weights_ratio == Fraction(2, k)
    assert cost.grouped(inputs * 4, outputs * 4, k, 4, 7).macs_ratio == Fraction(1, 4)


@given(st.integers(2, 4), st.sampled_from([3, 5]), st.integers(1, 40), st.integers(1, 6), st.booleans())
@quick
def test_crossover(n: int, k: int, channels: int, size: int, bias: bool) -> None:
    """On either side of the crossover the comparison itself says so."""
    found = cost.crossover(n, k, channels, size, bias)
    pair = cost.small_kernels(n, k, channels, size, bias)
    stack, one = pair.factored, pair.plain
    assert found.parameters is not None
    assert found.memory is not None
    assert found.in_channels is not None

    def sign(number: Fraction | int) -> int:
        return (number > 0) - (number < 0)

    assert sign(one.parameters - stack.parameters) == sign(channels - found.parameters)
    kept = [design.parameters + design.activations for design in (one, stack)]
    assert sign(kept[0] - kept[1]) == sign(channels - found.memory)
    for inputs in (1, 3, 17, 40):
        pair = cost.small_kernels(n, k, channels, size, bias, in_channels=inputs)
        more = pair.plain.parameters - pair.factored.parameters
        assert sign(more) == sign(inputs - found.in_channels)


def test_no_crossover_for_1x1() -> None:
    """A stack of 1×1 kernels sees one pixel, as a single one does."""
    assert cost.crossover(2, 1, 8, 7) == cost.Crossover(None, None, None)


@pytest.mark.parametrize("groups", [1, 2, 3, 6, 12])
def test_shuffle_order_is_torchs(groups: int) -> None:
    channels = torch.arange(12.0).reshape(1, 12, 1, 1)
    shuffled = nn.functional.channel_shuffle(channels, groups).flatten().int().tolist()
    assert list(cost.shuffle_order(12, groups)) == shuffled


def test_reach_is_where_gradients_arrive() -> None:
    for shuffle in (False, True):
        layers = [nn.Conv2d(8, 8, 1, groups=2, bias=False) for _ in range(2)]
        for layer in layers:
            nn.init.ones_(layer.weight)
        x = torch.ones(1, 8, 1, 1, requires_grad=True)
        middle = layers[0](x)
        out = layers[1](nn.functional.channel_shuffle(middle, 2) if shuffle else middle)
        for channel, seen in enumerate(cost.channel_reach(8, 2, layers=2, shuffle=shuffle)):
            (gradient,) = torch.autograd.grad(out[0, channel, 0, 0], x, retain_graph=True)
            assert seen == set(gradient.flatten().nonzero().flatten().tolist())


@pytest.mark.parametrize(
    "call",
    [
        lambda: cost.small_kernels(0, 3, 64, 56),
        lambda: cost.small_kernels(2, 2, 64, 56),
        lambda: cost.small_kernels(2, 3, 0, 56),
        lambda: cost.grouped(6, 6, 3, 4, 7),
        lambda: cost.shuffle_order(6, 4),
        lambda: cost.linear_layer(0, 10),
        lambda: cost.gap_layer(8, 0),
        lambda: cost.conv_layer(3, 8, 5, 2, padding=0),
        lambda: cost.crossover(2, 3, 0, 7),
    ],
)
def test_what_has_no_meaning_is_refused(call: object) -> None:
    with pytest.raises(SettingError) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value)


def test_needs_no_torch() -> None:
    names = {
        node.module
        for node in ast.walk(ast.parse(inspect.getsource(cost)))
        if isinstance(node, ast.ImportFrom)
    }
    assert not any(name and name.startswith("torch") for name in names)
