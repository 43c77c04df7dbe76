"""Pooling against torch.nn, published and hand-computed values; shifts; and a convolution in its place."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.errors import SettingError
from cnnviz.layers.pooling import (
    KINDS,
    PoolingSettings,
    code,
    compare,
    moved_errors,
    run,
    shift_response,
    trace,
)

FOUR_BY_FOUR = np.arange(1.0, 17.0).reshape(1, 4, 4)


def values(seed: int, *shape: int) -> np.ndarray:
    """Few different numbers, so that maxima come more than once."""
    return np.random.default_rng(seed).integers(-4, 5, shape) / 4


def module(layer: PoolingSettings) -> torch.nn.Module:
    """The layer as PyTorch builds it; of −x where it is a minimum."""
    size = (layer.kernel_size, layer.stride, layer.padding)
    match layer.kind:
        case "max" | "min":
            return torch.nn.MaxPool2d(*size, return_indices=True, ceil_mode=layer.ceil_mode)
        case "average":
            return torch.nn.AvgPool2d(*size, layer.ceil_mode, layer.count_include_pad)
        case "global max":
            return torch.nn.AdaptiveMaxPool2d(1, return_indices=True)
        case _:
            return torch.nn.AdaptiveAvgPool2d(1)


@st.composite
def layers(draw: st.DrawFn) -> tuple[PoolingSettings, tuple[int, int]]:
    """Any layer that the controls can ask for, be it possible or not, and an input size."""
    side = st.integers(1, 5)
    layer = PoolingSettings(
        kind=draw(st.sampled_from(KINDS)),
        kernel_size=(draw(side), draw(side)),
        stride=draw(st.integers(1, 4)),
        padding=draw(st.sampled_from([0, 0, 1, 2, 3])),
        ceil_mode=draw(st.booleans()),
        count_include_pad=draw(st.booleans()),
    )
    return layer, (draw(st.integers(1, 10)), draw(st.integers(1, 10)))


@given(layers())
@settings(max_examples=400, deadline=None)
def test_equals_torch_and_raises_where_torch_raises(drawn: tuple[PoolingSettings, tuple[int, int]]) -> None:
    layer, size = drawn
    x = values(1, 2, *size)
    sign = -1 if layer.kind == "min" else 1
    try:
        answer = module(layer)(torch.from_numpy(sign * x))
    except RuntimeError:
        with pytest.raises(SettingError):
            run(x, layer)
        return
    result = run(x, layer)
    output, indices = answer if isinstance(answer, tuple) else (answer, None)
    assert result.output.shape == (2, *layer.output_size(size))
    np.testing.assert_array_equal(result.output, sign * output.numpy())
    assert result.max_error < 1e-15
    if indices is None:
        assert result.indices is None
        assert result.same_indices is None
    else:
        np.testing.assert_array_equal(result.indices, indices.numpy())
        assert result.same_indices is True

    cell = tuple(int(n) for n in np.random.default_rng(2).integers(0, result.output.shape))
    told = trace(result, *cell)
    window = list(told.values.values())
    assert all(x[(cell[0], *position)] == value for position, value in told.values.items())
    match layer.operation:
        case "average":
            assert told.winner is None
            assert told.divisor is not None
            assert told.divisor >= len(window)
            assert sum(window) / told.divisor == pytest.approx(told.result, abs=1e-12)
        case "max":
            assert told.divisor is None
            assert told.values[told.winner] == told.result == max(window)
        case "min":
            assert told.values[told.winner] == told.result == min(window)


def test_published_maxima_and_where_they_came_from() -> None:
    """4×4 of 1…16 row by row: 2×2 max-pool 6 8 14 16, from 5 7 13 15."""
    result = run(FOUR_BY_FOUR, PoolingSettings("max"))
    assert result.output.ravel().tolist() == [6, 8, 14, 16]
    assert result.indices is not None
    assert result.indices.ravel().tolist() == [5, 7, 13, 15]
    told = trace(result, 0, 1, 0)
    assert told.values == {(2, 0): 9, (2, 1): 10, (3, 0): 13, (3, 1): 14}
    assert (told.winner, told.result) == ((3, 1), 14)


def test_the_other_kinds_by_hand() -> None:
    def output(kind: Any) -> list[float]:
        return run(FOUR_BY_FOUR, PoolingSettings(kind)).output.ravel().tolist()

    assert output("average") == [3.5, 5.5, 11.5, 13.5]
    assert output("min") == [1, 3, 9, 11]
    assert output("global max") == [16]
    assert output("global average") == [8.5]


def test_overlapping_windows_share_their_maximum() -> None:
    """3×3, stride 2 on 5×5 with one peak in the middle: all four windows find it."""
    x = np.zeros((1, 5, 5))
    x[0, 2, 2] = 1
    result = run(x, PoolingSettings("max", (3, 3)))
    assert result.output.tolist() == [[[1, 1], [1, 1]]]
    assert result.indices is not None
    assert result.indices.tolist() == [[[12, 12], [12, 12]]]


def test_the_first_of_equals_wins() -> None:
    result = run(np.zeros((1, 2, 2)), PoolingSettings("min"))
    assert trace(result, 0, 0, 0).winner == (0, 0)


def test_average_divisors_by_hand() -> None:
    """3×3, stride 2, padding 1 on 4×4, rounded up: windows begin at −1, 1 and 3, the last reaches past the padding."""
    layer = PoolingSettings("average", (3, 3), 2, 1, ceil_mode=True)
    counted = run(np.ones((1, 4, 4)), layer)
    assert counted.divisor is not None
    assert counted.divisor.tolist() == [[9, 9, 6], [9, 9, 6], [6, 6, 4]]
    np.testing.assert_allclose(counted.output[0, 0], [4 / 9, 6 / 9, 2 / 6], rtol=1e-15)
    left_out = run(
        np.ones((1, 4, 4)), PoolingSettings("average", (3, 3), 2, 1, ceil_mode=True, count_include_pad=False)
    )
    assert left_out.divisor is not None
    assert left_out.divisor.tolist() == [[4, 6, 2], [6, 9, 3], [2, 3, 1]]
    assert (left_out.output == 1).all()


def test_padding_never_wins() -> None:
    """A window of negative numbers keeps its own maximum though the padding looks like zeros."""
    result = run(-np.ones((1, 2, 2)), PoolingSettings("max", (2, 2), 2, padding=1))
    assert (result.output == -1).all()


def test_odd_size_leaves_the_last_row_and_column() -> None:
    result = run(np.ones((1, 7, 6)), PoolingSettings("max"))
    assert result.output.shape == (1, 3, 3)
    assert (result.unread_rows, result.unread_columns) == ((6,), ())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kernel_size": (5, 2)}, "the window spans 5 pixels, but the padded input has only 4"),
        ({"padding": 2}, "pooling allows padding up to half the kernel size 2, but it is 2"),
        ({"padding": -1}, "padding is -1; it can't be negative"),
        ({"stride": 0}, "stride is 0; it must be at least 1"),
        ({"kernel_size": (2, 0)}, "kernel_size is 0; it must be at least 1"),
    ],
)
def test_impossible_settings_are_explained(change: dict[str, Any], sentence: str) -> None:
    layer = PoolingSettings(**change)
    calls = (
        lambda: run(FOUR_BY_FOUR, layer),
        lambda: compare(FOUR_BY_FOUR, layer, np.ones((1, 1, 2, 2))),
        lambda: shift_response(FOUR_BY_FOUR, layer, 0, 1, np.ones((1, 1, 2, 2))),
    )
    for call in calls:
        with pytest.raises(SettingError) as caught:
            call()
        assert str(caught.value) == sentence


def test_global_pooling_ignores_the_window() -> None:
    layer = PoolingSettings("global max", kernel_size=(9, 9), stride=0, padding=7)
    assert run(FOUR_BY_FOUR, layer).output.tolist() == [[[16]]]


def test_no_such_cell() -> None:
    with pytest.raises(SettingError, match="there is no output cell"):
        trace(run(FOUR_BY_FOUR, PoolingSettings()), 0, 2, 0)


# Against a convolution


def test_average_pooling_is_a_convolution_with_equal_weights() -> None:
    x = values(5, 3, 8, 8)
    box = np.zeros((3, 3, 2, 2))
    for channel in range(3):
        box[channel, channel] = 1 / 4
    sides = compare(x, PoolingSettings("average"), box)
    np.testing.assert_array_equal(sides.pooled.output, sides.convolved.output)
    assert sides.same_size


def test_cost_of_the_convolution() -> None:
    """64 channels, 2×2, 56 → 28: 64·64·4 weights, each used 28·28 times."""
    layer = torch.nn.Conv2d(64, 64, 2, 2, bias=False)
    sides = compare(np.zeros((64, 56, 56)), PoolingSettings(), np.zeros((64, 64, 2, 2)))
    assert sides.cost.parameters == sum(p.numel() for p in layer.parameters()) == 16_384
    assert sides.cost.macs == 16_384 * 28 * 28
    assert sides.convolved.output.shape == sides.pooled.output.shape


def test_rounded_up_pooling_is_larger() -> None:
    sides = compare(
        np.zeros((1, 6, 6)), PoolingSettings("max", (3, 3), ceil_mode=True), np.zeros((1, 1, 3, 3))
    )
    assert sides.pooled.output.shape == (1, 3, 3)
    assert sides.convolved.output.shape == (1, 2, 2)
    assert not sides.same_size


# Shifts


def test_shift_by_one_by_hand() -> None:
    """The rows 1 … 16 rolled one to the right begin with the last: 4 1 2 3, 8 5 6 7, 12 9 10 11, 16 13 14 15."""
    responses = shift_response(FOUR_BY_FOUR, PoolingSettings(), 0, 1, [[[[1, 0], [0, 0]]]])
    assert list(responses) == [*KINDS, "convolution"]
    expected = {
        "max": [8, 7, 16, 15],
        "average": [4.5, 4.5, 12.5, 12.5],
        "min": [1, 2, 9, 10],
        "global max": [16],
        "global average": [8.5],
        "convolution": [4, 2, 12, 10],
    }
    for name, response in responses.items():
        assert response.after.ravel().tolist() == expected[name], name
        assert response.moved is None
        assert response.moved_error is None
    # max was 6 8 14 16: differences 2 −1 2 −1
    assert responses["max"].change == pytest.approx(np.sqrt(10 / (36 + 64 + 196 + 256)))
    assert responses["max"].unchanged == 0
    assert responses["min"].unchanged == 0.5
    assert responses["global average"].unchanged == 1


@pytest.mark.parametrize(
    "layer",
    [
        PoolingSettings(),
        PoolingSettings(kernel_size=(3, 3), padding=1),
        PoolingSettings(kernel_size=(3, 3), ceil_mode=True),
    ],
)
@pytest.mark.parametrize("shift", [(2, 0), (0, -2), (4, 2)])
def test_a_shift_by_the_stride_moves_the_output(layer: PoolingSettings, shift: tuple[int, int]) -> None:
    x = np.random.default_rng(6).normal(size=(2, 12, 12))
    weight = np.random.default_rng(7).normal(size=(2, 2, *layer.kernel_size))
    responses = shift_response(x, layer, *shift, weight)
    for name in ("max", "average", "min", "convolution"):
        assert responses[name].moved == (shift[0] // 2, shift[1] // 2)
        assert responses[name].moved_error == pytest.approx(0, abs=1e-14)
        assert responses[name].change > 0.1
    assert responses["global max"].moved is None
    if layer == PoolingSettings():
        # 2×2 windows tile the image, so that even the border only moves.
        whole = np.roll(responses["max"].before, (shift[0] // 2, shift[1] // 2), axis=(1, 2))
        np.testing.assert_array_equal(responses["max"].after, whole)


def test_moved_error_is_measured() -> None:
    """By hand: moving the output by a cell is right within the image, and nowhere else."""
    from cnnviz.layers.pooling import _moved_error

    before = np.arange(9.0).reshape(1, 3, 3)
    after = np.roll(before, 1, axis=2)
    layer = PoolingSettings()
    assert _moved_error(before, after, layer, (1, 6, 6), (0, 1)) == 0
    assert _moved_error(before, before, layer, (1, 6, 6), (0, 1)) == 1
    assert _moved_error(before, after, layer, (1, 6, 6), (0, 3)) is None


def test_no_shift_no_change() -> None:
    for response in shift_response(
        values(8, 1, 6, 6), PoolingSettings(), 0, 0, np.ones((1, 1, 2, 2))
    ).values():
        assert (response.change, response.unchanged) == (0, 1)


def test_change_from_nothing_has_no_measure() -> None:
    """Stride 2 with a 1×1 kernel reads every other pixel: it misses the peak until the peak moves."""
    peak = np.zeros((1, 4, 4))
    peak[0, 1, 1] = 1
    responses = shift_response(peak, PoolingSettings(kernel_size=(1, 1)), 1, 1, np.ones((1, 1, 1, 1)))
    assert responses["convolution"].change == np.inf
    assert responses["convolution"].unchanged == 0.75


# Code


@given(layers())
@settings(max_examples=80, deadline=None)
def test_code_gives_the_same_output(drawn: tuple[PoolingSettings, tuple[int, int]]) -> None:
    layer, size = drawn
    x = values(9, 2, *size)
    try:
        result = run(x, layer)
    except SettingError:
        return
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code(layer, x), "exported", "exec"), names)
    assert printed.getvalue().strip() == str(names["output"])
    np.testing.assert_array_equal(names["output"].numpy(), result.output)
    if result.indices is not None:
        np.testing.assert_array_equal(names["indices"].numpy(), result.indices)


# What no move explains


def test_only_multiples_of_the_stride_just_move_the_output() -> None:
    x = np.random.default_rng(10).normal(size=(1, 12, 60))
    weight = np.random.default_rng(11).normal(size=(1, 1, 3, 3))
    errors = moved_errors(x, PoolingSettings("max", (3, 3), stride=3), 7, weight)
    assert list(errors) == ["max", "average", "min", "convolution"]
    for values_ in errors.values():
        assert len(values_) == 8
        for shift, error in enumerate(values_):
            assert (error < 1e-12) == (shift % 3 == 0), shift


def test_what_no_move_explains_by_hand() -> None:
    """The finest wave, sampled at every other pixel: all 0 becomes all 1, or all 1 all 0, and no move helps."""
    wave = np.array([1.0, 0.0] * 8).reshape(1, 1, 16)
    pick = np.array([1.0, 0.0]).reshape(1, 1, 1, 2)
    errors = moved_errors(wave, PoolingSettings("max", (1, 2)), 3, pick)
    assert errors == {
        "max": (0, 0, 0, 0),
        "average": (0, 0, 0, 0),
        "min": (0, 0, 0, 0),
        "convolution": (0, 1, 0, 1),
    }


def test_only_moved() -> None:
    signal = np.arange(8.0).reshape(1, 1, 8)
    weight = np.ones((1, 1, 1, 2))

    def only_moved(dx: int) -> bool:
        return shift_response(signal, PoolingSettings("max", (1, 2)), 0, dx, weight)["max"].only_moved

    assert [only_moved(dx) for dx in (-2, 0, 1, 2, 3, 4)] == [True, False, False, True, False, True]


def test_what_no_move_explains_needs_a_layer_that_fits() -> None:
    with pytest.raises(SettingError):
        moved_errors(np.ones((1, 2, 9)), PoolingSettings("max", (3, 3)), 2, np.ones((1, 1, 3, 3)))
