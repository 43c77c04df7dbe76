"""Overlap counts against PyTorch and Distill, spectra against the kernel's own, and every cure."""

from collections.abc import Callable
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.upsampling import kernels
from cnnviz.upsampling.checkerboard import (
    Layer,
    blur,
    cures,
    make_kernel,
    overlaps_1d,
    overlaps_2d,
    pattern,
    phases,
    spectrum,
    tile,
    unevenness,
    untouched,
)
from cnnviz.upsampling.shuffling import icnr, shuffle, unshuffle

GREY = np.full((1, 24, 24), 0.5)


def scene(side: int = 48) -> np.ndarray:
    """A smooth picture with an edge, (3, side, side)."""
    rows, columns = np.mgrid[:side, :side] / side
    return np.stack([rows, columns, (rows + columns > 1).astype(float)])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.lists(
        st.builds(Layer, st.integers(1, 6), st.integers(1, 4), st.integers(0, 3), st.integers(0, 3)),
        min_size=1,
        max_size=2,
    ),
)
def test_counts_equal_pytorch(size: tuple[int, int], layers: list[Layer]) -> None:
    counts = torch.ones(1, 1, *size, dtype=torch.double)
    try:
        ours = overlaps_2d(size, layers)
    except SettingError:
        with pytest.raises(RuntimeError):
            reduce(upsampled, layers, counts)
        return
    np.testing.assert_array_equal(ours, reduce(upsampled, layers, counts)[0, 0])


def upsampled(x: torch.Tensor, layer: Layer) -> torch.Tensor:
    ones = torch.ones(1, 1, layer.kernel_size, layer.kernel_size, dtype=x.dtype)
    return F.conv_transpose2d(x, ones, None, layer.stride, layer.padding, layer.output_padding)


@pytest.mark.parametrize(("k", "s", "expected"), [(3, 2, {1, 2}), (4, 2, {2}), (5, 2, {2, 3})])
def test_published_counts(k: int, s: int, expected: set[int]) -> None:
    """Odena et al. 2016: k3 s2 alternates 1 and 2; k4 s2 is even; k5 s2 alternates 2 and 3."""
    inner = overlaps_1d(10, Layer(k, s))[k:-k]
    assert set(inner.tolist()) == set(phases(k, s)) == expected
    assert all(a != b for a, b in pairwise(inner)) == (len(expected) == 2)
    product = {a * b for a in expected for b in expected}
    assert set(overlaps_2d((10, 10), Layer(k, s))[k:-k, k:-k].ravel().tolist()) == product


@given(st.integers(1, 40), st.integers(1, 12))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_even_only_where_the_stride_divides(k: int, s: int) -> None:
    layer = Layer(k, s)
    assert layer.is_even == (len(set(phases(k, s))) == 1) == (unevenness(layer) == 1)
    assert sum(phases(k, s)) == k
    lowest = k // s
    assert unevenness(layer) == (float("inf") if not lowest else -(-k // s) / lowest)


def test_layers_multiply() -> None:
    """k3 s2: 2 to 1; a second one after it 3 to 1. Even layers stay even."""
    ratios = [unevenness([Layer(3, 2)] * count) for count in (1, 2, 3)]
    assert ratios == sorted(ratios)
    assert ratios[0] < ratios[2]
    assert unevenness([Layer(4, 2)] * 3) == 1
    # The order counts: k4 s2 adds up neighbours, 1 + 2 everywhere, before the next layer can suffer.
    assert unevenness([Layer(3, 2), Layer(4, 2)]) == 1
    assert unevenness([Layer(4, 2), Layer(3, 2)]) == 2


@pytest.mark.parametrize("kernel", [0, -1])
def test_impossible_kernel(kernel: int) -> None:
    with pytest.raises(SettingError):
        phases(kernel, 2)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 5), st.integers(2, 17), st.integers(2, 17), st.integers(0, 9))
def test_spectrum_keeps_the_power(stride: int, height: int, width: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(2, height, width))
    if stride > min(height, width):
        with pytest.raises(SettingError, match="smaller than one period"):
            spectrum(x, stride)
        return
    result = spectrum(x, stride)
    rows, columns = result.power.shape
    cut = x[:, :rows, :columns]
    assert result.power.sum() == pytest.approx((cut**2).sum() / (rows * columns))  # Parseval
    assert len(result.peaks) == len(set(result.peaks)) == stride**2 - 1
    for row, column in result.peaks:
        for frequency in (result.rows[row], result.columns[column]):
            assert frequency * stride == pytest.approx(round(frequency * stride))
        assert (result.rows[row], result.columns[column]) != (0, 0)
    assert 0 <= result.peak_ratio <= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: spectrum(GREY, 0), "stride is 0"),
        (lambda: make_kernel("uniform", 0, 2), "kernel_size is 0"),
        (lambda: make_kernel("random", 3, 0), "stride is 0"),
        (lambda: shuffle(GREY, 0), "factor is 0"),
        (lambda: unshuffle(GREY, 0), "factor is 0"),
        (lambda: cures(GREY, 17, 2), "kernel_size is 17"),
    ],
)
def test_out_of_range(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()


def test_spectrum_of_nothing() -> None:
    assert spectrum(np.zeros((1, 4, 4)), 2).peak_ratio == 0


@pytest.mark.parametrize(("k", "s"), [(3, 2), (5, 2), (4, 3), (5, 3), (5, 4)])
@pytest.mark.parametrize("kind", ["uniform", "random"])
def test_peaks_are_the_kernels(k: int, s: int, kind: str) -> None:
    """On an even grey the output repeats the kernel's sums by phase: their spectrum is the grid's."""
    kernel = np.array(kernels.uniform(k, s) if kind == "uniform" else kernels.random(k, s, 3))
    sums = np.array([[kernel[a::s, b::s].sum() for b in range(s)] for a in range(s)])
    power = np.abs(np.fft.fft2(sums)) ** 2
    expected = 1 - power[0, 0] / power.sum()
    result = pattern(GREY, kernel, s)
    assert result.peak_ratio == pytest.approx(expected)
    assert result.peak_ratio > 0.01
    # Nothing stands anywhere else in the spectrum.
    peaks = sum(result.spectrum.power[peak] for peak in result.spectrum.peaks)
    assert peaks == pytest.approx(result.spectrum.power.sum() * expected)


@pytest.mark.parametrize(("k", "s"), [(2, 2), (4, 2), (6, 3), (4, 4)])
def test_uniform_divisible_kernels_make_no_grid(k: int, s: int) -> None:
    assert pattern(GREY, kernels.uniform(k, s), s).peak_ratio < 1e-20


def test_several_layers_make_it_worse() -> None:
    ratios = [pattern(GREY, kernels.uniform(3, 2), 2, layers).peak_ratio for layers in (1, 2, 3)]
    assert ratios == sorted(ratios)
    assert ratios[0] < ratios[2]
    with pytest.raises(SettingError, match="layer count of 0"):
        pattern(GREY, kernels.uniform(3, 2), 2, 0)


@pytest.mark.parametrize("kind", ["uniform", "random"])
@pytest.mark.parametrize(("k", "s"), [(3, 2), (5, 2), (5, 3)])
@pytest.mark.parametrize("picture", [GREY, scene()], ids=["grey", "scene"])
def test_cures(picture: np.ndarray, k: int, s: int, kind: str) -> None:
    made = {each.id: each for each in cures(picture, k, s, kind, seed=1)}
    assert list(made) == ["transposed", "divisible", "resize_convolve", "random_shuffle", "icnr", "blur"]
    ill = made["transposed"].peak_ratio
    assert ill > 0.01
    assert made["random_shuffle"].peak_ratio > 20 * made["icnr"].peak_ratio
    for id in ("resize_convolve", "icnr", "blur"):
        assert made[id].peak_ratio < ill / 20, id
    if kind == "uniform":
        assert made["divisible"].peak_ratio < ill / 20
    else:
        assert made["divisible"].peak_ratio > 0.001, "random weights make a grid of their own"
    for each in made.values():
        assert each.output.shape[0] == len(picture)
        assert np.isfinite(each.output).all()


def test_blur_is_zero_at_the_grid() -> None:
    """Away from the border, a mean of s × s removes everything of period s."""
    tile = np.random.default_rng(0).normal(size=(1, 3, 3))
    smooth = blur(np.tile(tile, (1, 4, 4)), 3)[:, 1:-1, 1:-1]
    np.testing.assert_allclose(smooth, tile.mean(), atol=1e-12)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_shuffles_equal_pytorch(r: int, channels: int, height: int, width: int) -> None:
    x = np.random.default_rng(0).normal(size=(channels * r * r, height, width))
    large = shuffle(x, r)
    np.testing.assert_array_equal(large, F.pixel_shuffle(torch.from_numpy(x), r))
    np.testing.assert_array_equal(unshuffle(large, r), x)
    np.testing.assert_array_equal(F.pixel_unshuffle(torch.from_numpy(large), r), x)


def test_icnr_of_many_channels() -> None:
    """In a whole layer, ICNR and shuffle are the small convolution and nearest neighbour."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, 5, 6, generator=generator, dtype=torch.double)
    w = torch.randn(2, 3, 3, 3, generator=generator, dtype=torch.double)
    weight = torch.from_numpy(icnr(w.numpy(), 3))
    assert weight.shape == (18, 3, 3, 3)
    shuffled = F.pixel_shuffle(F.conv2d(x, weight, padding=1), 3)
    nearest = F.interpolate(F.conv2d(x, w, padding=1), scale_factor=3)
    torch.testing.assert_close(shuffled, nearest)


def test_sizes_that_cannot_be_shuffled() -> None:
    with pytest.raises(SettingError, match="3 channels can't be shuffled by 2"):
        shuffle(np.zeros((3, 2, 2)), 2)
    with pytest.raises(SettingError, match="3 × 4 can't be unshuffled by 2"):
        unshuffle(np.zeros((1, 3, 4)), 2)


@pytest.mark.parametrize(
    "layers", [[Layer(3, 2)], [Layer(5, 3), Layer(3, 2)], [Layer(2, 4)], [Layer(7, 2)] * 3]
)
def test_the_tile_repeats_through_the_middle(layers: list[Layer]) -> None:
    counts, period = tile(layers), int(np.prod([layer.stride for layer in layers]))
    assert len(counts) == period
    line = overlaps_1d(60, [Layer(layer.kernel_size, layer.stride) for layer in layers])
    np.testing.assert_array_equal(line[20 * period : 40 * period], np.tile(counts, 20))


def test_the_original_is_measured_like_what_it_is_compared_with() -> None:
    picture = scene()
    assert untouched(picture, 2).peak_ratio == pytest.approx(spectrum(picture[:, 4:-4, 4:-4], 2).peak_ratio)
    assert untouched(np.tile([[1.0, 0], [0, 0]], (1, 12, 12)), 2).peak_ratio == pytest.approx(3 / 4)
