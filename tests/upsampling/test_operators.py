"""Every operator against PyTorch, over all its settings; its code; its gradient."""

import ast
import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

import cnnviz.upsampling
from cnnviz.errors import SettingError
from cnnviz.upsampling import bench, kernels
from cnnviz.upsampling.operator import (
    Choice,
    Operator,
    Range,
    Settings,
    Size,
    Weights,
    Whole,
    operator,
    operators,
)
from cnnviz.upsampling.operators.resize_convolve import ResizeConvolve
from cnnviz.upsampling.operators.subpixel import SubPixel
from cnnviz.upsampling.operators.transposed import Transposed
from cnnviz.upsampling.resizing import CornerResizing, Resizing

IDS = tuple(operators())
MODULES = [
    module.name
    for module in pkgutil.walk_packages(cnnviz.upsampling.__path__, "cnnviz.upsampling.")
    if not module.ispkg
]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module, extraglobs={"np": np}).failed == 0


def drawn(allowed: Range) -> st.SearchStrategy[Any]:
    """Any value in the range; large ones are left out where only time would be lost."""
    match allowed:
        case Whole(low, high):
            return st.integers(low, high)
        case Choice(options):
            return st.sampled_from(options)
        case Size():
            return st.none() | st.tuples(st.integers(1, 13), st.integers(1, 13))
        case Weights(low, high):
            side = st.integers(low, min(high, 5))
            return st.tuples(side, side, st.integers(0, 99)).map(
                lambda args: kernels.as_kernel(np.random.default_rng(args[2]).normal(size=args[:2]))
            )


@st.composite
def cases(draw: st.DrawFn, each: Operator[Any]) -> tuple[np.ndarray, Settings]:
    chosen = each.settings(**{name: draw(drawn(allowed)) for name, allowed in each.settings.ranges().items()})
    channels = draw(st.integers(1, 3))
    if each.id == "pixel_shuffle" and draw(st.booleans()):
        channels *= chosen.upscale_factor**2
    shape = (channels, draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    # Few different values, so that maxima come more than once.
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return (rng.integers(-4, 5, shape) / 4).astype(dtype), chosen


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("id", IDS)
def test_equals_pytorch(id: str) -> None:
    """Ours, PyTorch's and the exported code give the same, or the first two refuse alike."""
    each = operator(id)

    @settings(max_examples=20, deadline=None, derandomize=True)
    @given(cases(each))
    def check(case: tuple[np.ndarray, Settings]) -> None:
        x, chosen = case
        tensor = torch.from_numpy(x)[None]
        try:
            output = each.apply(x, chosen)
        except SettingError:
            with pytest.raises(SettingError):
                each.reference(tensor, chosen)
            with pytest.raises((RuntimeError, ValueError)):
                exec(each.code(chosen), {"torch": torch, "F": F, "x": tensor.double()})
            return
        expected = each.reference(tensor, chosen)[0]
        assert output.dtype == x.dtype == expected.numpy().dtype
        assert output.shape == tuple(expected.shape)
        close = 1e-11 if x.dtype == np.float64 else 3e-5
        np.testing.assert_allclose(output, expected, rtol=close, atol=close)
        names = {"torch": torch, "F": F, "x": tensor}
        exec(each.code(chosen), names)
        torch.testing.assert_close(names["y"][0], expected, rtol=close, atol=close)

    check()


@pytest.mark.parametrize("id", IDS)
def test_gradient(id: str) -> None:
    each = operator(id)
    chosen = each.settings()
    generator = torch.Generator().manual_seed(0)
    # Values far apart, so that no small step changes which one is a maximum.
    x = torch.randperm(4 * 2 * 3, generator=generator).double().reshape(1, 4, 2, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: each.reference(t, chosen), x)


@pytest.mark.parametrize("id", IDS)
def test_contributions_add_up(id: str) -> None:
    each, x = operator(id), np.random.default_rng(3).normal(size=(4, 5, 4))
    result = bench.run(each, x)
    cell = tuple(length // 2 for length in result.output.shape)
    weights = bench.contributions(each, x, each.settings(), cell)
    assert (weights * x).sum() == pytest.approx(result.output[cell])
    with pytest.raises(SettingError, match="no output cell"):
        bench.contributions(each, x, each.settings(), (0, 99, 0))


@pytest.mark.parametrize("id", IDS)
def test_register(id: str) -> None:
    each = operator(id)
    assert each.id == id
    assert "\n" not in each.title
    assert each.formula.count("{") == each.formula.count("}")
    assert each.implementation.endswith(inspect.getsource(each.apply))
    nodes = ast.walk(ast.parse(each.implementation))
    assert not {"F", "torch"} & {node.id for node in nodes if isinstance(node, ast.Name)}
    assert hash(each.settings()) == hash(each.settings())
    result = bench.run(each, np.ones((4, 6, 6)))
    assert result.max_error < 1e-12
    np.testing.assert_allclose(bench.upsample(each, result.input), result.output)
    assert result.seconds > 0
    assert result.torch_seconds > 0
    sizes = {"small": (12, 12), "full": (6, 6)}
    assert result.output.shape[1:] == sizes[each.start]


@pytest.mark.parametrize("id", IDS)
def test_script(id: str) -> None:
    each, x = operator(id), np.random.default_rng(1).normal(size=(4, 2, 3))
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(bench.code(each, x, each.settings()), names)
    np.testing.assert_allclose(names["y"][0], bench.run(each, x).output, rtol=1e-12, atol=1e-12)
    assert printed.getvalue().startswith(str((1, *bench.run(each, x).output.shape)))


def test_unknown_operator() -> None:
    with pytest.raises(SettingError, match="no upsampling operator called teleport"):
        operator("teleport")


# Published values, and what the operators are to each other


def test_bilinear_published_rows() -> None:
    """[[1, 2], [3, 4]] twice as large, computed by hand."""
    x = np.array([[[1.0, 2], [3, 4]]])
    apply = operator("bilinear").apply
    np.testing.assert_allclose(apply(x, CornerResizing(2))[0, 0], [1, 1.25, 1.75, 2])
    np.testing.assert_allclose(apply(x, CornerResizing(2, align_corners=True))[0, 0], [1, 4 / 3, 5 / 3, 2])


def test_area_by_a_whole_factor_is_nearest() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 5))
    twice = Resizing(3)
    np.testing.assert_allclose(operator("area").apply(x, twice), operator("nearest").apply(x, twice))
    np.testing.assert_array_equal(
        operator("nearest").apply(x, twice),
        operator("nearest_unpooling").apply(x, operator("nearest_unpooling").settings(3)),
    )


def test_bicubic_leaves_the_range() -> None:
    step = np.array([[[0.0, 0, 1, 1]]])
    y = operator("bicubic").apply(step, CornerResizing(4))
    assert y.min() < 0
    assert y.max() > 1


@pytest.mark.parametrize("stride", [2, 3, 4, 5])
def test_bilinear_kernel_interpolates(stride: int) -> None:
    """FCN's initialisation: away from the border, a transposed convolution is bilinear interpolation."""
    x = np.random.default_rng(0).normal(size=(1, 6, 6))
    fcn = Transposed(kernels.bilinear(stride), stride, kernels.bilinear_padding(stride))
    inner = (slice(None), slice(stride, -stride), slice(stride, -stride))
    y = operator("transposed").apply(x, fcn)
    assert y.shape == (1, 6 * stride, 6 * stride)
    np.testing.assert_allclose(y[inner], operator("bilinear").apply(x, CornerResizing(stride))[inner])


@pytest.mark.parametrize("factor", [2, 3])
def test_icnr_is_nearest_neighbour_of_a_convolution(factor: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 4))
    chosen = SubPixel(factor, 3, "ICNR", seed=4)
    once = operator("dilated").apply(
        x, operator("dilated").settings(kernels.as_kernel(chosen.weight[0, 0]), 1)
    )
    np.testing.assert_allclose(
        operator("subpixel").apply(x, chosen), operator("nearest").apply(once, Resizing(factor))
    )


def test_random_sub_pixel_is_not() -> None:
    y = operator("subpixel").apply(np.ones((1, 6, 6)), SubPixel(2, 3, "random"))[0, 4:8, 4:8]
    assert y.std() > 0.05
    np.testing.assert_allclose(y[:2, :2], y[2:, 2:])
    assert y[:2, :2].mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Resizing(0), "scale_factor is 0; it must be a whole number from 1 to 8"),
        (lambda: Resizing(True), "scale_factor is True"),
        (lambda: Resizing(size=(0, 4)), "size is 0"),
        (lambda: CornerResizing(align_corners="yes"), "align_corners is yes; it must be one of False, True"),
        (lambda: ResizeConvolve(mode="bicubic"), "one of nearest, bilinear"),
        (lambda: Transposed(((1.0, 2.0), (1.0,))), "all of the same"),
        (lambda: Transposed(()), "kernel must have 1 to 16 rows"),
        (lambda: Transposed(((float("nan"),),)), "not a finite number"),
    ],
)
def test_settings_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("x", [np.zeros((0, 2, 2)), np.zeros((2, 2)), np.full((1, 2, 2), np.inf)])
def test_inputs_that_are_none(x: np.ndarray) -> None:
    with pytest.raises(SettingError):
        bench.run(operator("nearest"), x)


def test_shrink_is_the_mean_of_blocks() -> None:
    x = np.random.default_rng(0).normal(size=(2, 7, 9))
    expected = x[:, :6, :9].reshape(2, 2, 3, 3, 3).mean((2, 4))
    np.testing.assert_allclose(bench.shrink(x, 3), expected)
    for factor in (0, 8):
        with pytest.raises(SettingError, match=f"can't be made {factor} times smaller"):
            bench.shrink(x, factor)
