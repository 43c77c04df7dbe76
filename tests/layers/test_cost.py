"""The cost of layers against torch.nn and FlopCounterMode, and against published counts."""

import ast
import inspect
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnviz.errors import SettingError
from cnnviz.layers import cost
from cnnviz.layers.cost_measured import measure, measure_reach
from cnnviz.layers.receptive_field import Layer, trace

quick = settings(deadline=None, max_examples=60)


def agree(design: cost.Design, *shape: int) -> None:
    """Everything that PyTorch can count, in real modules on the meta device."""
    found = measure(design, shape)
    assert (design.weights, design.biases) == (found.weights, found.biases)
    assert design.macs == found.macs
    assert design.activations == found.activations


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
    known = {name: number.value for name, number in cost.PUBLISHED.items()}
    assert cost.conv_layer(128, 64, 3, 28, bias=False).weights == known["notes_conv"]
    alexnet = cost.first_dense(256, 13, 4096)
    assert alexnet.every_cell.weights == known["notes_dense"] == 13 * 13 * 128 * 2 * 2048 * 2
    assert alexnet.pooled.weights == known["alexnet_dense"] == 6 * 6 * 256 * 4096
    assert cost.first_dense(512, 14, 4096, window=2).pooled.weights == known["vgg16_dense"]
    assert int(100 * (1 - cost.small_kernels(2, 3, 8, 7, bias=False).macs_ratio)) == known["inception_less"]
    assert int(100 * (1 - cost.asymmetric(3, 8, 7).macs_ratio)) == known["asymmetric_less"]


@given(st.integers(1, 9), st.integers(2, 12), st.integers(1, 9), st.integers(1, 2), st.booleans())
@quick
def test_first_dense_as_torch_counts_it(
    channels: int, size: int, units: int, window: int, bias: bool
) -> None:
    ways = cost.first_dense(channels, size, units, window, bias=bias)
    for design in (ways.every_cell, ways.pooled, ways.averaged):
        agree(design, channels, size, size)


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3, 5]), st.integers(1, 9), st.booleans())
@quick
def test_dense_or_convolution_as_torch_counts_it(i: int, o: int, k: int, size: int, bias: bool) -> None:
    pair = cost.dense_or_convolution(i, o, k, size, bias)
    agree(pair.plain, i * size * size)
    agree(pair.factored, i, size, size)
    assert pair.plain.activations == pair.factored.activations
    if not bias:
        assert pair.weights_ratio == Fraction(k**2, size**4)


def test_dense_layers_of_known_networks() -> None:
    """Dense parts of torchvision's AlexNet and VGG16."""
    assert cost.dense_head(256, 6, (4096, 4096, 1000)).parameters == 58_631_144
    assert cost.dense_head(512, 7, (4096, 4096, 1000)).parameters == 123_642_856
    assert [cost.PUBLISHED[name].value for name in ("alexnet_head", "vgg16_head")] == [
        58_631_144,
        123_642_856,
    ]


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


@given(
    st.integers(2, 4),
    st.sampled_from([3, 5]),
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(1, 6),
    st.booleans(),
)
@quick
def test_crossover_behind_a_fixed_input(n: int, k: int, c: int, inputs: int, size: int, bias: bool) -> None:
    """With a fixed number of input channels the stack is cheaper below the crossover, and nowhere without one."""
    found = cost.crossover(n, k, c, size, bias, in_channels=inputs)
    pair = cost.small_kernels(n, k, c, size, bias, in_channels=inputs)
    for crossing, (stack, one) in (
        (found.parameters, (pair.factored.parameters, pair.plain.parameters)),
        (found.memory, [d.parameters + d.activations for d in (pair.factored, pair.plain)]),
    ):
        assert (stack < one) == (crossing is not None and c < crossing)
        assert (stack == one) == (c == crossing)


def test_sweep_is_the_comparison_at_each_c() -> None:
    for inputs in (None, 3):
        curve = cost.sweep(3, 3, 14, bias=True, in_channels=inputs, most=4096)
        assert list(curve.channels) == sorted(set(curve.channels))
        assert (curve.channels[0], curve.channels[-1]) == (1, 4096)
        for place in (0, 10, -1):
            pair = cost.small_kernels(3, 3, curve.channels[place], 14, True, inputs)
            assert curve.parameters[place] == float(pair.parameters_ratio)
            kept = [design.parameters + design.activations for design in (pair.factored, pair.plain)]
            assert curve.memory[place] == kept[0] / kept[1]


def test_no_crossover_for_1x1() -> None:
    """A stack of 1×1 kernels sees one pixel, as a single one does."""
    assert cost.crossover(2, 1, 8, 7) == cost.Crossover(None, None, None)


@pytest.mark.parametrize("groups", [1, 2, 3, 6, 12])
def test_shuffle_order_is_torchs(groups: int) -> None:
    channels = torch.arange(12.0).reshape(1, 12, 1, 1)
    shuffled = nn.functional.channel_shuffle(channels, groups).flatten().int().tolist()
    assert list(cost.shuffle_order(12, groups)) == shuffled


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.booleans(), st.integers(0, 99))
@quick
def test_reach_is_where_gradients_arrive(each: int, groups: int, layers: int, shuffle: bool, at: int) -> None:
    channels = each * groups
    fan = cost.channel_fan(channels, groups, layers, shuffle, at % channels)
    assert len(fan[0].seen) == measure_reach(channels, groups, layers, shuffle, at % channels)
    assert fan[-1].seen == {at % channels}
    # Each level holds just what the next one reads.
    for before, level in pairwise(fan):
        reads = {r for c in level.seen for r in cost.channel_reads(level.kind, c, channels, groups)}
        assert before.seen == reads
    assert cost.channel_reads("input", 0, channels, groups) == ()


def test_grouped_layers_alone_never_meet() -> None:
    x = torch.ones(1, 8, 1, 1, requires_grad=True)
    layer = nn.Conv2d(8, 8, 1, groups=2, bias=False)
    nn.init.ones_(layer.weight)
    (gradient,) = torch.autograd.grad(layer(layer(layer(x)))[0, 5, 0, 0], x)
    seen = cost.channel_fan(8, 2, layers=3, shuffle=False, output=5)[0].seen
    assert seen == set(gradient.flatten().nonzero().flatten().tolist()) == {4, 5, 6, 7}


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
        lambda: cost.asymmetric(4, 8, 7),
        lambda: cost.depthwise_separable(8, 8, 2, 7),
        lambda: cost.first_dense(8, 2, 10, window=3),
        lambda: cost.dense_or_convolution(8, 0, 3, 7),
        lambda: cost.channel_fan(8, 2, 2, True, 8),
        lambda: cost.channel_fan(8, 3, 2, True, 0),
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
