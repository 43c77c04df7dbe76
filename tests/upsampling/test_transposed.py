"""Three views of one transposed convolution, each against PyTorch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.upsampling import transposed_presets as presets
from cnnviz.upsampling.transposed import (
    PUBLISHED_SIZES,
    TransposedSettings,
    matrix,
    products,
    reference,
    stamping,
    there_and_back,
    zero_stuffed,
)

side = st.integers(1, 5)
layers = st.builds(
    TransposedSettings, st.integers(1, 4), st.integers(0, 4), st.integers(0, 4), st.integers(1, 3)
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.tuples(side, side), st.tuples(side, side), layers, st.integers(0, 99))
def test_three_views_agree_with_pytorch(
    size: tuple[int, int], kernel_size: tuple[int, int], layer: TransposedSettings, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=size), rng.normal(size=kernel_size)
    try:
        output_size = layer.output_size(size, kernel_size)
    except SettingError:
        with pytest.raises(RuntimeError):
            reference(x, w, layer)
        for view in (stamping, zero_stuffed):
            with pytest.raises(SettingError):
                view(x, w, layer)
        with pytest.raises(SettingError):
            matrix(size, w, layer)
        return
    expected = reference(x, w, layer)
    assert expected.shape == output_size
    stamps, convolution, c = stamping(x, w, layer), zero_stuffed(x, w, layer), matrix(size, w, layer)
    for output in (stamps.output, convolution.output, c.transpose(x)):
        np.testing.assert_allclose(output, expected, rtol=1e-11, atol=1e-11)
    assert max(stamps.max_error, convolution.max_error) < 1e-11
    for cell in ((0, 0), (output_size[0] - 1, output_size[1] // 2)):
        found = products(x, w, layer, cell)
        assert sum(each.value * each.weight for each in found) == pytest.approx(expected[cell], abs=1e-11)
        assert [(each.value, each.weight) for each in found] == [
            (x[each.cell], w[each.tap]) for each in found
        ]

    top, left, bottom, right = stamps.crop
    np.testing.assert_array_equal(stamps.running(len(stamps.stamps))[top:bottom, left:right], stamps.output)
    assert not stamps.running(0).any()
    ones = F.conv_transpose2d(
        torch.ones(1, 1, *size, dtype=torch.double),
        torch.ones(1, 1, *kernel_size, dtype=torch.double),
        stride=layer.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation=layer.dilation,
    )
    np.testing.assert_array_equal(stamps.counts[top:bottom, left:right], ones[0, 0])

    for (row, column), origin in convolution.origin.items():
        assert convolution.padded[row, column] == x[origin]
    assert np.count_nonzero(convolution.padded) == len(convolution.origin)

    # C is the convolution's matrix, and <C·x, y> = <x, Cᵀ·y>.
    large = rng.normal(size=output_size)
    if layer.output_padding < layer.stride:
        down = F.conv2d(
            torch.from_numpy(large)[None, None],
            torch.from_numpy(w)[None, None],
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
        )[0, 0]
        np.testing.assert_allclose(c.convolve(large), down, rtol=1e-11, atol=1e-11)
    assert (c.convolve(large) * x).sum() == pytest.approx((large * expected).sum(), abs=1e-9)
    assert set(c.taps.ravel()) <= {-1, *range(w.size)}
    np.testing.assert_array_equal(c.values[c.taps >= 0], w.ravel()[c.taps[c.taps >= 0]])


@pytest.mark.parametrize(
    ("i", "k", "s", "p", "op", "expected"),
    [
        (2, 3, 1, 0, 0, 4),
        (6, 4, 1, 2, 0, 5),
        (7, 3, 1, 2, 0, 5),
        (2, 3, 2, 0, 0, 5),
        (3, 3, 2, 1, 0, 5),
        (3, 3, 2, 1, 1, 6),
    ],
)
def test_published_sizes(i: int, k: int, s: int, p: int, op: int, expected: int) -> None:
    """Dumoulin & Visin, figures 4.1 to 4.7; PyTorch's terms."""
    layer = TransposedSettings(s, p, op)
    assert PUBLISHED_SIZES[i, k, s, p, op] == expected
    for output in (
        stamping(np.ones((i, i)), np.ones((k, k)), layer).output,
        zero_stuffed(np.ones((i, i)), np.ones((k, k)), layer).output,
    ):
        assert output.shape == (expected, expected)


def test_published_matrix() -> None:
    """Dumoulin & Visin, section 4.1: a 3 × 3 kernel on 4 × 4 is a matrix of 4 × 16."""
    w = np.arange(1.0, 10).reshape(3, 3)
    c = matrix((2, 2), w, TransposedSettings(1))
    assert c.values.shape == (4, 16)
    assert c.values[0].tolist() == [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0]
    assert c.values[3].tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9]


def test_stamps_in_order() -> None:
    steps = stamping([[1, 2], [3, 4]], [[1, 10]], TransposedSettings(1))
    assert [stamp.cell for stamp in steps.stamps] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert steps.stamps[2].values.tolist() == [[3, 30]]
    assert steps.running(2).tolist() == [[1, 12, 20], [0, 0, 0]]
    for count in (-1, 5):
        with pytest.raises(SettingError, match="there is none"):
            steps.running(count)


def test_it_is_not_the_inverse() -> None:
    """5 × 5 → 2 × 2 → 5 × 5: of 25 numbers 4 are left, and the lost part convolves to nothing."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(5, 5)), rng.normal(size=(3, 3))
    trip = there_and_back(x, w)
    assert trip.small.shape == (2, 2)
    assert trip.back.shape == (5, 5)
    assert trip.rank == 4
    assert not trip.is_inverse
    np.testing.assert_allclose(trip.matrix.convolve(trip.lost), 0, atol=1e-12)
    np.testing.assert_allclose(trip.matrix.convolve(trip.kept), trip.small)
    # Another picture with the same small map: nobody can tell which one it was.
    other = trip.kept + 3 * trip.lost
    np.testing.assert_allclose(there_and_back(other, w).back, trip.back)
    assert not np.allclose(other, x)


def test_a_kernel_of_one_weight_of_one_is_its_own_inverse() -> None:
    trip = there_and_back(np.arange(4.0).reshape(2, 2), [[1.0]], stride=1)
    assert trip.is_inverse
    assert trip.rank == 4


def test_rows_left_over_come_back_empty() -> None:
    trip = there_and_back(np.ones((6, 6)), np.ones((3, 3)))
    assert trip.back.shape == (6, 6)
    assert not trip.back[5].any()
    with pytest.raises(SettingError, match="leaves over 1 rows and 0 columns"):
        there_and_back(np.ones((6, 5)), np.ones((3, 3)))


def test_matrix_too_large_to_look_at() -> None:
    with pytest.raises(SettingError, match="entries"):
        matrix((30, 30), np.ones((3, 3)), TransposedSettings(2))


def test_no_products_of_a_cell_that_is_not_there() -> None:
    with pytest.raises(SettingError):
        products([[1, 2]], [[1]], TransposedSettings(), (0, 3))
    assert products([[1, 2]], [[1]], TransposedSettings(), (0, 1)) == ()


def test_presets() -> None:
    for id in presets.INPUTS:
        assert presets.make_input(id, 3, 2, seed=1).shape == (3, 2)
    for id in presets.KERNELS:
        kernel = presets.make_kernel(id, 4, seed=1)
        assert kernel.shape == (4, 4)
        np.testing.assert_array_equal(kernel, kernel.round())
    assert presets.make_kernel("tent", 4)[0].tolist() == [1, 2, 2, 1]
    assert presets.make_input("dot", 3, 3).sum() == presets.make_input("dot", 3, 3)[1, 1] == 1
    with pytest.raises(SettingError):
        presets.make_input("tent", 2, 2)
