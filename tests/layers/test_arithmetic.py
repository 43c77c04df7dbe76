"""The arithmetic against torch.nn, which decides, and against published examples."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import (
    check_padding_mode,
    conv_cost,
    conv_output_size,
    leftover,
    padding_pair,
    pool_output_size,
    transposed_output_size,
    window,
)

# Below the smallest legal value as well, so that both sides must refuse the same settings.
inputs = st.integers(0, 14)
kernels = st.integers(0, 6)
strides = st.integers(0, 4)
paddings = st.integers(-1, 6)
dilations = st.integers(0, 4)
relaxed = settings(deadline=None, max_examples=200)

pytestmark = pytest.mark.filterwarnings("ignore:.*(zero-element tensors|zero-padded copy)")


def by_torch(build: Callable[[], nn.Module], input_size: int) -> int | None:
    """Length of the output along the first spatial axis, or None where torch raises."""
    try:
        # In float64, since oneDNN's float32 lets an empty transposed convolution through; all else refuses it.
        return build().double()(torch.zeros(1, 1, input_size, input_size, dtype=torch.float64)).shape[2]
    except (ValueError, RuntimeError):
        return None


def by_us(compute: Callable[[], int]) -> int | None:
    try:
        return compute()
    except SettingError as error:
        str(error)  # raises unless the template's fields are all filled
        return None


# Dumoulin & Visin, arXiv 1603.07285: (i, k, s, p, d) -> o
PUBLISHED = [
    ((4, 3, 1, 0, 1), 2),
    ((5, 4, 1, 2, 1), 6),
    ((5, 3, 1, 1, 1), 5),
    ((5, 3, 1, 2, 1), 7),
    ((5, 3, 2, 0, 1), 2),
    ((5, 3, 2, 1, 1), 3),
    ((6, 3, 2, 1, 1), 3),
    ((7, 3, 1, 0, 2), 3),
    ((32, 4, 2, 1, 1), 16),
]


@pytest.mark.parametrize(("setting", "size"), PUBLISHED)
def test_published_output_sizes(setting, size):
    assert conv_output_size(*setting) == size


# The same guide, in PyTorch's terms: (i, k, s, p, output_padding) -> o
@pytest.mark.parametrize(
    ("setting", "size"),
    [
        ((2, 3, 1, 0), 4),
        ((6, 4, 1, 2), 5),
        ((7, 3, 1, 2), 5),
        ((2, 3, 2, 0), 5),
        ((3, 3, 2, 1), 5),
        ((3, 3, 2, 1, 1), 6),
    ],
)
def test_published_transposed_sizes(setting, size):
    assert transposed_output_size(*setting) == size


def test_odd_sizes_do_not_return_from_pooling():
    pooled = pool_output_size(7, 2)
    assert (pooled, transposed_output_size(pooled, 2, 2)) == (3, 6)


@relaxed
@given(
    inputs,
    kernels,
    strides,
    st.one_of(paddings, st.sampled_from(["same", "valid"])),
    dilations,
    st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
)
@example(5, 4, 1, "same", 3, "zeros")
@example(2, 1, 1, 2, 1, "circular")
@example(2, 1, 1, 3, 1, "circular")
@example(3, 1, 1, 2, 1, "reflect")
@example(2, 1, 1, 2, 1, "reflect")
def test_convolution_is_torchs(i, k, s, p, d, mode):
    if p == -1 and mode != "zeros":
        return  # torch crops here, by accident of how it pads; negative padding is refused by us
    ours = by_us(lambda: conv_output_size(i, k, s, p, d, mode))
    assert ours == by_torch(lambda: nn.Conv2d(1, 1, k, s, p, d, padding_mode=mode), i)


@relaxed
@given(inputs, st.integers(1, 6), st.integers(0, 3), st.integers(0, 3), st.integers(1, 3))
def test_uneven_padding_is_a_padded_input(i, k, before, after, d):
    ours = by_us(lambda: conv_output_size(i, k, 2, (before, after), d))
    padded = nn.Sequential(nn.ZeroPad2d((before, after, before, after)), nn.Conv2d(1, 1, k, 2, 0, d))
    assert ours == (by_torch(lambda: padded, i) if i else None)


def test_same_puts_the_odd_one_after():
    # Kernel [1, 10] over a single 1: the first output shows which weight lies on it.
    conv = nn.Conv1d(1, 1, 2, padding="same", bias=False)
    with torch.no_grad():
        conv.weight[:] = torch.tensor([1.0, 10.0])
        assert conv(torch.ones(1, 1, 1)).item() == 1
    assert padding_pair("same", 2) == (0, 1)
    assert list(window(0, 2, padding="same")) == [0, 1]


@relaxed
@given(inputs, kernels, st.one_of(st.none(), strides), st.integers(-1, 3), dilations, st.booleans())
@example(5, 2, 3, 1, 1, True)  # the last window would begin in the padding
@example(2, 3, 2, 0, 1, True)
def test_pooling_is_torchs(i, k, s, p, d, ceil_mode):
    ours = by_us(lambda: pool_output_size(i, k, s, p, d, ceil_mode))
    assert ours == by_torch(lambda: nn.MaxPool2d(k, s, p, d, ceil_mode=ceil_mode), i)
    if d == 1:
        assert ours == by_torch(lambda: nn.AvgPool2d(k, s, p, ceil_mode), i)


@relaxed
@given(inputs, kernels, strides, st.integers(-1, 4), st.integers(-1, 4), dilations)
@example(1, 4, 1, 2, 0, 1)  # nothing would be left
def test_transposed_convolution_is_torchs(i, k, s, p, extra, d):
    ours = by_us(lambda: transposed_output_size(i, k, s, p, extra, d))
    assert ours == by_torch(lambda: nn.ConvTranspose2d(1, 1, k, s, p, extra, dilation=d), i)


@relaxed
@given(st.integers(1, 14), st.integers(1, 6), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
def test_windows_are_what_the_gradient_reaches(i, k, s, p, d):
    size = by_us(lambda: conv_output_size(i, k, s, p, d))
    if size is None:
        return
    x = torch.zeros(1, 1, i, requires_grad=True)
    y = nn.functional.conv1d(x, torch.ones(1, 1, k), stride=s, padding=p, dilation=d)
    reached = set()
    for o in range(size):
        (gradient,) = torch.autograd.grad(y[0, 0, o], x, retain_graph=True)
        read = gradient[0, 0].nonzero().flatten().tolist()
        assert read == [j for j in window(o, k, s, p, d) if 0 <= j < i]
        reached |= set(read)
    # No window begins late enough to cover the leftover; the pixel before it may lie in a dilation's hole.
    left = leftover(i, k, s, p, d)
    assert not reached & set(range(i - left, i))
    if d == 1 and 0 < left < i:
        assert i - left - 1 in reached


def test_leftover_of_the_floor_case():
    # Dumoulin & Visin, figure 2.7: i = 6, k = 3, s = 2, p = 1; the last row of padding is not read, no input.
    assert leftover(6, 3, 2, 1) == 0
    assert leftover(6, 3, 2, 0) == 1


@relaxed
@given(st.integers(0, 8), st.integers(0, 8), st.integers(-1, 5), st.booleans())
def test_layer_cost_is_torchs(cin, cout, groups, bias):
    try:
        cost = conv_cost(cin, cout, (3, 2), (5, 7), groups, bias)
    except SettingError as error:
        str(error)
        # torch builds a layer without input channels when asked; a lesson has no use for one.
        if cin:
            with pytest.raises((ValueError, RuntimeError)):
                nn.Conv2d(cin, cout, (3, 2), groups=groups)(torch.zeros(1, cin, 6, 8))
        return
    layer = nn.Conv2d(cin, cout, (3, 2), groups=groups, bias=bias)
    with FlopCounterMode(display=False) as counter:
        assert layer(torch.zeros(1, cin, 7, 8)).shape[2:] == (5, 7)
    assert cost.parameters == sum(p.numel() for p in layer.parameters())
    assert cost.macs * 2 == counter.get_total_flops()  # the counter counts 2 a multiply–accumulate


def test_published_costs():
    # VGG paper (arXiv 1409.1556), section 2.3, for C = 64: 27C² against 49C².
    assert 3 * conv_cost(64, 64, (3, 3), (1, 1)).weights == 27 * 64**2 == 110_592
    assert conv_cost(64, 64, (7, 7), (1, 1)).weights == 49 * 64**2 == 200_704
    # Inception 3a's 5×5 branch on 28×28×192, without and with a 1×1×16 before it.
    direct = conv_cost(192, 32, (5, 5), (28, 28)).macs
    reduced = conv_cost(192, 16, (1, 1), (28, 28)).macs + conv_cost(16, 32, (5, 5), (28, 28)).macs
    assert (direct, reduced) == (120_422_400, 12_443_648)
    # ResNet's bottleneck 256-64-256 against two 3×3×256 layers.
    bottleneck = [((256, 64), 1), ((64, 64), 3), ((64, 256), 1)]
    assert sum(conv_cost(*c, (k, k), (1, 1)).weights for c, k in bottleneck) == 69_632
    assert 2 * conv_cost(256, 256, (3, 3), (1, 1)).weights == 1_179_648


def test_padding_mode_limits():
    check_padding_mode(3, (2, 2), "reflect")
    check_padding_mode(2, (2, 2), "circular")
    check_padding_mode(1, (6, 6), "replicate")
    with pytest.raises(SettingError, match="longer"):
        check_padding_mode(2, (0, 2), "reflect")
    with pytest.raises(SettingError, match="more than once"):
        check_padding_mode(2, (0, 3), "circular")


def test_words_and_counts_are_checked():
    with pytest.raises(SettingError, match="'full'"):
        padding_pair("full", 3)
    with pytest.raises(SettingError, match="at least 1"):
        conv_cost(0, 4, (3, 3), (1, 1))
    with pytest.raises(SettingError, match="kernel_size"):
        conv_cost(1, 1, (0, 3), (1, 1))


def test_needs_no_torch():
    code = "import sys, cnnviz.layers.arithmetic, cnnviz.layers.receptive_field; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
