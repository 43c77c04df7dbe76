"""What PyTorch measures of a layer, against its own counter and the arithmetic."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import conv_output_size
from cnnviz.layers.convolution import PADDING_MODES, ConvolutionSettings
from cnnviz.layers.measured import PUBLISHED_SIZES, measure


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@given(
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=st.integers(1, 4),
    padding=st.sampled_from([0, 1, 2, 6, "same", "valid"]),
    mode=st.sampled_from([*PADDING_MODES]),
    dilation=st.integers(1, 4),
    groups=st.integers(1, 4),
    multiples=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    bias=st.booleans(),
    size=st.tuples(st.integers(3, 12), st.integers(3, 12)),
)
@settings(max_examples=60, deadline=None)
def test_against_the_flop_counter(
    kernel, stride, padding, mode, dilation, groups, multiples, bias, size
) -> None:
    layer = ConvolutionSettings(
        kernel,
        stride,
        padding,
        mode,
        dilation,
        groups,
        groups * multiples[0],
        groups * multiples[1],
        bias=bias,
    )
    try:
        cost = layer.cost(size)
    except SettingError:
        return
    measured = measure(layer, size)
    assert measured.output_size == layer.output_size(size)
    assert (measured.parameters, measured.macs) == (cost.parameters, cost.macs)
    module = torch.nn.Conv2d(
        layer.in_channels, layer.out_channels, kernel, stride, padding, dilation, groups, bias, mode
    )
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, layer.in_channels, *size))
    assert counter.get_total_flops() == 2 * measured.macs, "a MAC counts as two"


def test_measuring_leaves_the_seed_alone() -> None:
    state = torch.get_rng_state()
    measure(ConvolutionSettings(bias=True), (5, 5))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("case", PUBLISHED_SIZES)
def test_published_sizes(case: tuple[int, ...]) -> None:
    """Dumoulin & Visin, arXiv 1603.07285: figures 2.1 to 2.7 and 5.1."""
    size, kernel, stride, padding, dilation = case
    layer = ConvolutionSettings((kernel, kernel), stride, padding, dilation=dilation)
    assert measure(layer, (size, size)).output_size == (PUBLISHED_SIZES[case],) * 2
    assert conv_output_size(size, kernel, stride, padding, dilation) == PUBLISHED_SIZES[case]
