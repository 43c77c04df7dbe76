"""Stacks as text, as tables, and as fans of cells."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.errors import SettingError
from cnnviz.layers.receptive_field import PRESETS, Layer, map_sizes, trace
from cnnviz.layers.stack import (
    LIMITS,
    MAX_LAYERS,
    PUBLISHED,
    fan,
    jump_formula,
    named,
    padding_formula,
    preset_of,
    random_stack,
    read_rows,
    read_stack,
    rows_of,
    size_formula,
    weights_at,
    write_stack,
)

layers = st.builds(
    Layer,
    kind=st.just("conv"),
    kernel_size=st.integers(*LIMITS["kernel_size"]),
    stride=st.integers(*LIMITS["stride"]),
    padding=st.integers(*LIMITS["padding"]),
    dilation=st.integers(*LIMITS["dilation"]),
) | st.builds(lambda k, s: Layer("pool", k, s, k // 2), st.integers(1, 31), st.integers(1, 8))
stacks = st.lists(layers, max_size=MAX_LAYERS).map(tuple).map(named)


@settings(deadline=None)
@given(stacks)
def test_link_and_table_give_the_stack_back(stack):
    assert read_stack(write_stack(stack)) == stack
    assert read_rows(rows_of(stack)) == (stack, {})


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_travel_by_name(preset):
    stack = PRESETS[preset].layers
    assert write_stack(stack) == preset == preset_of(stack)
    assert read_stack(preset) == read_rows(rows_of(stack))[0] == stack


@pytest.mark.parametrize(
    "text",
    ["", "x3-1-1-1", "c0-1-1-1", "c3-1-1", "c3-1-1-1-1", "c3-9-1-1", "p2-2-2-1", "c3-1-1-1~", "c٣.5-1-1-1", "resnet51"],
)  # fmt: skip
def test_nonsense_in_a_link_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_stack(text)


def test_a_link_of_too_many_layers_is_refused():
    assert len(read_stack("~".join(["c3-1-1-1"] * MAX_LAYERS))) == MAX_LAYERS
    with pytest.raises(ValueError, match="c3"):
        read_stack("~".join(["c3-1-1-1"] * (MAX_LAYERS + 1)))


def test_bad_rows_are_explained_and_the_rest_stays():
    good = {"kind": "conv", "kernel_size": 3, "stride": 1, "padding": 1, "dilation": 1}
    rows = [
        good,
        good | {"kernel_size": 0},
        good | {"stride": None},
        good | {"padding": float("nan")},
        good | {"dilation": "two"},
        good | {"kernel_size": 2.5},
        good | {"kind": None},
        {},
        good | {"kind": "pool", "kernel_size": 2, "padding": 2},
        good | {"kernel_size": 5.0},
    ]
    stack, wrong = read_rows(rows)
    assert [layer.kernel_size for layer in stack] == [3, 5]
    assert {row: str(error) for row, error in wrong.items()} == {
        2: "kernel_size is 0; it must be from 1 to 31",
        3: "stride is missing; it must be a whole number from 1 to 8",
        4: "padding is missing; it must be a whole number from 0 to 128",
        5: "dilation is missing; it must be a whole number from 1 to 64",
        6: "kernel_size is 2.5; it must be from 1 to 31",
        7: "its kind is missing; it must be a convolution or a pooling",
        8: "its kind is missing; it must be a convolution or a pooling",
        9: "pooling pads both ends alike, by at most half its kernel size 2",
    }


def test_rows_beyond_the_limit_are_explained():
    stack, wrong = read_rows(rows_of((Layer("conv", 1),)) * (MAX_LAYERS + 2))
    assert len(stack) == MAX_LAYERS
    assert list(wrong) == [MAX_LAYERS + 1, MAX_LAYERS + 2]


def test_random_stacks_can_be_asked_about():
    for seed in range(50):
        stack = random_stack(random.Random(seed))
        assert 2 <= len(stack) <= 3
        assert read_stack(write_stack(stack)) == stack
        assert trace(stack)[-1].size <= 60
        assert stack[0].kind == "conv"


small = st.builds(
    Layer,
    kind=st.just("conv"),
    kernel_size=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
)


@settings(deadline=None)
@given(st.lists(small, min_size=1, max_size=3).map(tuple), st.integers(1, 24), st.data())
def test_the_fan_is_what_the_windows_read(stack, size, data):
    try:
        sizes = (size, *map_sizes(stack, size))
    except SettingError:
        with pytest.raises(SettingError):
            fan(stack, size, 0)
        return
    cell = data.draw(st.integers(0, sizes[-1] - 1))
    levels = fan(stack, size, cell)
    assert tuple(level.size for level in levels) == sizes
    read = {cell}
    for level, below, layer in zip(levels[:0:-1], levels[-2::-1], stack[::-1], strict=True):
        assert set(level.cells) == read
        read = {
            c * layer.stride - layer.padding + tap * layer.dilation
            for c in read if 0 <= c < level.size
            for tap in range(layer.kernel_size)
        }  # fmt: skip
        assert {below for _, below in level.edges} == read
        if read:
            assert min(read) >= below.first
            assert max(read) <= below.last
    assert set(levels[0].cells) == read
    step = trace(stack)[-1]
    assert (levels[0].first, levels[0].last + 1) == step.interval(cell)
    assert levels[-1].position(cell) == step.start + cell * step.jump


def test_a_wide_fan_lists_no_cells():
    levels = fan(PRESETS["vgg16"].layers, 224, 3)
    assert not any(level.cells or level.edges for level in levels)
    assert levels[0].last - levels[0].first + 1 == 212


def value(formula):
    """What a formula of products, powers and sums amounts to, by Python's own arithmetic."""
    return eval(formula.replace(r"\cdot", "*").replace("^{", "**(").replace("}", ")"))


@pytest.mark.parametrize("preset", PRESETS)
def test_formulas_amount_to_the_recurrence(preset):
    stack = PRESETS[preset].layers
    step = trace(stack)[-1]
    assert value(size_formula(stack)) == step.size
    assert value(jump_formula(stack)) == step.jump
    assert value(padding_formula(stack)) == step.padding


def test_long_formulas_are_shortened():
    formula = size_formula((Layer("conv", 2, 2),) * 30)
    assert formula.count("+") == 8
    assert r"\cdots" in formula


def test_published_fields_differ_only_where_it_is_said_why():
    for preset, known in PUBLISHED.items():
        step = trace(PRESETS[preset].layers)[-1]
        ours = (step.size, step.jump, step.padding)
        theirs = (known.size, known.jump, known.padding)
        differ = any(b is not None and a != b for a, b in zip(ours, theirs, strict=True))
        assert differ == bool(known.why), preset


def test_weights_of_small_kernels():
    # VGG paper (arXiv 1409.1556), section 2.3: 27 C² against 49 C², 81 % more.
    assert weights_at(PRESETS["three_3x3"].layers, 1) == 27
    assert weights_at(PRESETS["one_7x7"].layers, 1) == 49
    assert round(100 * (49 / 27 - 1)) == 81
    # By hand, for C = 64: two 3×3 73,728, one 5×5 102,400.
    assert weights_at(PRESETS["two_3x3"].layers, 64) == 73_728
    assert weights_at(PRESETS["one_5x5"].layers, 64) == 102_400
