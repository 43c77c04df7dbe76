"""Convolution against torch.nn.Conv2d, published sizes, numpy, and sums done by hand."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import conv_output_size
from cnnviz.layers.convolution import (
    PADDING_MODES,
    SETTING_NAMES,
    ConvolutionResult,
    ConvolutionSettings,
    code,
    convolve_1d,
    keras_same_padding,
    run,
    trace,
    unread,
)

FOUR_BY_FOUR = np.arange(1.0, 17.0).reshape(1, 4, 4)


def values(seed: int, *shape: int) -> np.ndarray:
    """Quarters, so that sums of products are exact whatever their order."""
    return np.random.default_rng(seed).integers(-8, 9, shape) / 4


@st.composite
def layers(draw: st.DrawFn) -> tuple[ConvolutionSettings, tuple[int, int]]:
    """Any layer that the controls can ask for, be it possible or not, and an input size."""
    side, padding = st.integers(1, 7), st.integers(0, 6)
    layer = ConvolutionSettings(
        kernel_size=(draw(side), draw(side)),
        stride=draw(st.sampled_from([1, 1, 2, 3, 4])),
        padding=draw(st.one_of(padding, st.tuples(padding, padding), st.sampled_from(["same", "valid"]))),
        padding_mode=draw(st.sampled_from(list(PADDING_MODES))),
        dilation=draw(st.sampled_from([1, 1, 2, 3, 4])),
        groups=draw(st.sampled_from([1, 1, 1, 2, 3, 4])),
        in_channels=draw(st.integers(1, 4)),
        out_channels=draw(st.sampled_from([1, 2, 3, 4, 6, 8])),
        flip=draw(st.booleans()),
        bias=draw(st.booleans()),
    )
    return layer, (draw(st.integers(1, 12)), draw(st.integers(1, 12)))


def conv2d(layer: ConvolutionSettings) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        layer.bias,
        layer.padding_mode,
        dtype=torch.float64,
    )


def numbers(layer: ConvolutionSettings, size: tuple[int, int]) -> dict[str, Any]:
    """Arguments of run() for a layer whose groups divide its channels."""
    return {
        "input": values(1, layer.in_channels, *size),
        "weight": values(2, *layer.weight_shape),
        "settings": layer,
        "bias": values(3, layer.out_channels) if layer.bias else None,
    }


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@given(layers())
@settings(max_examples=400, deadline=None)
def test_equals_torch_and_raises_where_torch_raises(
    drawn: tuple[ConvolutionSettings, tuple[int, int]],
) -> None:
    layer, size = drawn
    try:
        module = conv2d(layer)
        probe = module(torch.zeros(layer.in_channels, *size, dtype=torch.float64))
    except (ValueError, RuntimeError):
        with pytest.raises(SettingError):
            layer.cost(size)
        return
    arguments = numbers(layer, size)
    weight = torch.from_numpy(arguments["weight"])
    with torch.no_grad():
        module.weight.copy_(weight.flip(-2, -1) if layer.flip else weight)
        if layer.bias:
            module.bias.copy_(torch.from_numpy(arguments["bias"]))
        expected = module(torch.from_numpy(arguments["input"])).numpy()

    result = run(**arguments)
    assert layer.output_size(size) == tuple(probe.shape[1:])
    assert layer.cost(size).parameters == sum(p.numel() for p in module.parameters())
    assert result.output.shape == expected.shape
    np.testing.assert_array_equal(result.output, expected)
    assert result.max_error == 0, "quarters add up exactly, in whatever order"

    cell = tuple(int(n) for n in np.random.default_rng(4).integers(0, result.output.shape))
    told = trace(result, *cell)
    assert told.total == result.output[cell]
    assert sum(tap.product for tap in told.taps) + told.bias == told.total
    for tap in told.taps:
        assert tap.value == result.padded[(tap.channel, *tap.padded)]
        if tap.position is not None:
            assert tap.value == arguments["input"][(tap.channel, *tap.position)]
        else:
            assert layer.padding_mode != "zeros" or tap.value == 0


def test_each_channel_reads_the_kernel_of_its_group() -> None:
    """A cell's derivative by the weights gives the taps' values; by the inputs, their weights."""
    layer = ConvolutionSettings((2, 3), 2, 2, dilation=2, groups=2, in_channels=4, out_channels=6)
    arguments = numbers(layer, (7, 8))
    x, w = (torch.from_numpy(arguments[name]).requires_grad_() for name in ("input", "weight"))
    module = conv2d(layer)
    cell = (4, 1, 2)
    torch.func.functional_call(module, {"weight": w}, (x,))[cell].backward()
    told = trace(run(**arguments), *cell)
    assert x.grad is not None
    assert w.grad is not None
    by_weight, by_input = np.zeros(layer.weight_shape), np.zeros(x.shape)
    for tap in told.taps:
        by_weight[(4, tap.channel - 2, *tap.kernel)] += tap.value
        if tap.position:
            by_input[(tap.channel, *tap.position)] += tap.weight
    np.testing.assert_array_equal(by_weight, w.grad.numpy())
    np.testing.assert_array_equal(by_input, x.grad.numpy())
    assert sorted(told.channel_sums) == [2, 3]


# Dumoulin & Visin, arXiv 1603.07285: (input, kernel, stride, padding, dilation) -> output
@pytest.mark.parametrize(
    ("i", "k", "s", "p", "d", "o"),
    [
        (4, 3, 1, 0, 1, 2),
        (5, 4, 1, 2, 1, 6),
        (5, 3, 1, 1, 1, 5),
        (5, 3, 1, 2, 1, 7),
        (5, 3, 2, 0, 1, 2),
        (5, 3, 2, 1, 1, 3),
        (6, 3, 2, 1, 1, 3),
        (7, 3, 1, 0, 2, 3),
        (32, 4, 2, 1, 1, 16),
    ],
)
def test_published_sizes(i: int, k: int, s: int, p: int, d: int, o: int) -> None:
    layer = ConvolutionSettings((k, k), s, p, dilation=d)
    assert run(np.ones((1, i, i)), np.ones((1, 1, k, k)), layer).output.shape == (1, o, o)


def test_published_layer() -> None:
    """32×32×3 with four 5×5×3 filters: 28×28×4."""
    layer = ConvolutionSettings((5, 5), in_channels=3, out_channels=4)
    assert run(np.ones((3, 32, 32)), np.ones((4, 3, 5, 5)), layer).output.shape == (4, 28, 28)


def test_flip_is_convolution_and_no_flip_is_cross_correlation() -> None:
    """By hand, on 1 … 16: the first window is 1 2 3 / 5 6 7 / 9 10 11."""
    kernel = [[[[1, 0, 0], [0, 0, 0], [0, 0, 2]]]]
    straight = run(FOUR_BY_FOUR, kernel, ConvolutionSettings())
    turned = run(FOUR_BY_FOUR, kernel, ConvolutionSettings(flip=True))
    assert straight.output.tolist() == [[[1 + 22, 2 + 24], [5 + 30, 6 + 32]]]
    assert turned.output.tolist() == [[[11 + 2, 12 + 4], [15 + 10, 16 + 12]]]
    first = trace(turned, 0, 0, 0).taps[0]
    assert (first.window, first.kernel, first.position) == ((0, 0), (2, 2), (0, 0))
    assert (first.value, first.weight, first.product) == (1, 2, 2)


def test_trace_by_hand() -> None:
    """A 2×2 kernel with padding 1, bias ½, at the top left corner: three taps lie in the padding."""
    layer = ConvolutionSettings((2, 2), stride=2, padding=1, bias=True)
    told = trace(run(FOUR_BY_FOUR, [[[[1, 2], [3, 4]]]], layer, [0.5]), 0, 0, 0)
    assert [tap.position for tap in told.taps] == [None, None, None, (0, 0)]
    assert [tap.padded for tap in told.taps] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert told.channel_sums == {0: 4}
    assert (told.bias, told.total) == (0.5, 4.5)


@pytest.mark.parametrize(
    ("mode", "row"),
    [
        ("zeros", [0, 0, 1, 2, 3, 0, 0]),
        ("reflect", [3, 2, 1, 2, 3, 2, 1]),
        ("replicate", [1, 1, 1, 2, 3, 3, 3]),
        ("circular", [2, 3, 1, 2, 3, 1, 2]),
    ],
)
def test_padding_modes_by_hand(mode: Any, row: list[float]) -> None:
    layer = ConvolutionSettings((1, 1), padding=(0, 2), padding_mode=mode)
    result = run([[[1, 2, 3]]], [[[[1]]]], layer)
    assert result.padded.tolist() == [[row]]
    assert result.output.tolist() == [[row]]
    assert result.pads == (0, 0, 2, 2)


def test_same_puts_the_odd_one_after() -> None:
    assert ConvolutionSettings((2, 4), padding="same", dilation=3).pads == (1, 2, 4, 5)


def test_unread_rows_and_columns() -> None:
    """By hand: windows at 0-2 and 2-4 of 6 leave column 5; a 1×1 window with stride 3 steps over 1 and 2."""
    assert unread(6, 2, kernel_size=3, stride=2, before=0) == (5,)
    result = run(np.ones((1, 6, 5)), np.ones((1, 1, 1, 3)), ConvolutionSettings((1, 3), stride=3))
    assert (result.unread_rows, result.unread_columns) == ((1, 2, 4, 5), (3, 4))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@given(layers())
@settings(max_examples=100, deadline=None)
def test_unread_pixels_change_nothing(drawn: tuple[ConvolutionSettings, tuple[int, int]]) -> None:
    """With zeros outside, a pixel is unread exactly where the output's gradient by it is nothing at all."""
    layer, size = drawn
    layer = ConvolutionSettings(
        layer.kernel_size, layer.stride, layer.padding, dilation=layer.dilation, flip=layer.flip
    )
    try:
        result = run(np.zeros((1, *size)), np.ones((1, 1, *layer.kernel_size)), layer)
    except SettingError:
        return
    x = torch.zeros(1, *size, dtype=torch.float64, requires_grad=True)
    module = conv2d(layer)
    torch.nn.init.ones_(module.weight)
    module(x).sum().backward()
    assert x.grad is not None
    grad = x.grad[0].numpy()
    if grad.any():
        assert tuple(np.flatnonzero(~grad.any(axis=1))) == result.unread_rows
        assert tuple(np.flatnonzero(~grad.any(axis=0))) == result.unread_columns


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kernel_size": (5, 1)}, "the kernel spans 5 pixels, but the padded input has only 4"),
        (
            {"kernel_size": (1, 3), "dilation": 2},
            "the kernel spans 5 pixels, but the padded input has only 4",
        ),
        ({"stride": 0}, "stride is 0; it must be at least 1"),
        ({"dilation": 0}, "dilation is 0; it must be at least 1"),
        ({"kernel_size": (0, 1)}, "kernel_size is 0; it must be at least 1"),
        ({"padding": -1}, "padding is -1; it can't be negative"),
        ({"padding": "same", "stride": 2}, "padding 'same' needs a stride of 1, but the stride is 2"),
        (
            {"padding": 4, "padding_mode": "reflect"},
            "reflect padding of 4 needs an input longer than that, but it is 4 long",
        ),
        (
            {"padding": 5, "padding_mode": "circular"},
            "circular padding of 5 would go round an input of 4 more than once",
        ),
        (
            {"padding_mode": "mirror"},
            "padding_mode is 'mirror'; it must be one of zeros, reflect, replicate, circular",
        ),
        ({"groups": 2}, "in_channels (1) must be a multiple of groups (2)"),
        ({"groups": 0}, "groups is 0; it must be at least 1"),
        ({"in_channels": 2}, "input has the shape (1 × 4 × 4); it must be (2 × n × n)"),
        ({"out_channels": 2}, "weight has the shape (1 × 1 × 1 × 1); it must be (2 × 1 × 1 × 1)"),
        ({"bias": True}, "the layer has a bias, but no bias values were given"),
    ],
)
def test_impossible_settings_are_explained(change: dict[str, Any], sentence: str) -> None:
    layer = ConvolutionSettings(**{"kernel_size": (1, 1), **change})
    height, width = (max(side, 1) for side in layer.kernel_size)
    weight = np.ones((1, 1, height, width))
    with pytest.raises(SettingError) as caught:
        run(FOUR_BY_FOUR, weight, layer)
    assert str(caught.value) == sentence


def test_impossible_numbers_are_explained() -> None:
    layer = ConvolutionSettings((1, 1))
    with pytest.raises(SettingError, match="input holds a value that is not a finite number"):
        run([[[1, None]]], [[[[1]]]], layer)  # type: ignore[list-item]
    with pytest.raises(SettingError, match="weight holds a value that is not a finite number"):
        run([[[1, 2]]], [[[[np.inf]]]], layer)
    with pytest.raises(SettingError, match=r"input has the shape \(1 × 0 × 3\)"):
        run(np.ones((1, 0, 3)), [[[[1]]]], layer)
    with pytest.raises(SettingError, match="the layer has no bias"):
        run([[[1, 2]]], [[[[1]]]], layer, [1])


@pytest.mark.parametrize("cell", [(1, 0, 0), (0, 2, 0), (0, 0, -1)])
def test_no_such_cell(cell: tuple[int, int, int]) -> None:
    result = run(FOUR_BY_FOUR, np.ones((1, 1, 3, 3)), ConvolutionSettings())
    with pytest.raises(SettingError, match="the output is 1 × 2 × 2"):
        trace(result, *cell)


def test_result_is_a_copy() -> None:
    x = FOUR_BY_FOUR.copy()
    result = run(x[:, ::-1], np.ones((1, 1, 3, 3)), ConvolutionSettings())
    x[:] = 0
    assert result.input[0, 0, 0] == 13


# One dimension


def test_one_dimension_by_hand() -> None:
    """f = 1 2 3, g = 4 5: the convolution is 4, 13, 22, 15; sliding g as it is written gives 5, 14, 23, 12."""
    sums = convolve_1d([1, 2, 3], [4, 5])
    assert [(step.t, step.total) for step in sums.convolution] == [(0, 4), (1, 13), (2, 22), (3, 15)]
    assert [(step.t, step.total) for step in sums.correlation] == [(-1, 5), (0, 14), (1, 23), (2, 12)]
    assert [(term.i, term.j, term.f, term.g) for term in sums.convolution[1].terms] == [
        (0, 1, 1, 5),
        (1, 0, 2, 4),
    ]
    assert [(term.i, term.j) for term in sums.correlation[0].terms] == [(0, 1)]


sequences = st.lists(st.floats(-100, 100), min_size=1, max_size=9)


@given(sequences, sequences)
@settings(deadline=None)
def test_one_dimension_equals_numpy(f: list[float], g: list[float]) -> None:
    sums = convolve_1d(f, g)
    assert sums.max_error < 1e-9
    np.testing.assert_allclose([s.total for s in sums.convolution], np.convolve(f, g), atol=1e-9)
    np.testing.assert_allclose([s.total for s in sums.correlation], np.correlate(f, g, "full"), atol=1e-9)
    for step in sums.convolution:
        assert all(term.i + term.j == step.t for term in step.terms)
    for step in sums.correlation:
        assert all(term.i - term.j == step.t for term in step.terms)


def test_one_dimension_needs_numbers() -> None:
    with pytest.raises(SettingError, match=r"f has the shape \(0\); it must be \(n\)"):
        convolve_1d([], [1])
    with pytest.raises(SettingError, match="g holds"):
        convolve_1d([1], [np.nan])


# Other frameworks' words


def test_pytorch_names_are_real() -> None:
    """The names in the first words of PyTorch's column are arguments of Conv2d."""
    import inspect

    arguments = inspect.signature(torch.nn.Conv2d).parameters
    named = [name.pytorch.partition("=")[0] for name in SETTING_NAMES if name.pytorch[:1].isalpha()]
    assert set(named) == {"kernel_size", "stride", "padding", "padding_mode", "dilation", "groups", "bias",
                          "in_channels", "out_channels"}  # fmt: skip
    assert set(named) <= set(arguments)


# What TensorFlow's padding="SAME" adds, (input, kernel, stride) -> (before, after): the stems of MobileNet
# and ResNet at 224 px, the floor case of Dumoulin & Visin, and windows with gaps between them.
@pytest.mark.parametrize(
    ("i", "k", "s", "pads"),
    [(224, 3, 2, (0, 1)), (224, 7, 2, (2, 3)), (6, 3, 2, (0, 1)), (5, 3, 2, (1, 1)), (9, 1, 4, (0, 0))],
)
def test_keras_same_padding(i: int, k: int, s: int, pads: tuple[int, int]) -> None:
    assert keras_same_padding(i, k, s) == pads


@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 4), st.integers(1, 4))
def test_keras_same_gives_one_output_a_stride(i: int, k: int, s: int, d: int) -> None:
    pads = keras_same_padding(i, k, s, d)
    assert conv_output_size(i, k, s, pads, d) == -(-i // s)
    if s == 1:
        assert (0, 0, *pads) == ConvolutionSettings((1, k), padding="same", dilation=d).pads
    elif sum(pads):
        narrower = (pads[0], pads[1] - 1)
        assert (i + sum(narrower) - d * (k - 1) - 1) // s + 1 < -(-i // s), "one less would not do"


# Code


def execute(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(source, "exported", "exec"), names)
    assert printed.getvalue().strip() == str(names["output"])
    return names


def check_code(arguments: dict[str, Any]) -> ConvolutionResult:
    result = run(**arguments)
    np.testing.assert_array_equal(execute(code(result))["output"].numpy(), result.output)
    return result


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@given(layers())
@settings(max_examples=60, deadline=None)
def test_code_gives_the_same_output(drawn: tuple[ConvolutionSettings, tuple[int, int]]) -> None:
    layer, size = drawn
    try:
        layer.cost(size)
    except SettingError:
        return
    check_code(numbers(layer, size))


def test_code_is_readable_and_exact() -> None:
    source = code(run([[[1, 2, 0.1]]], [[[[1, 1 / 3]]]], ConvolutionSettings((1, 2))))
    assert "[[[1, 2, 0.1]]]" in source
    assert f"[[[[1, {1 / 3!r}]]]]" in source
    assert execute(source)["output"].tolist() == [[[1 + 2 / 3, 2 + 0.1 / 3]]]
