"""Remembered indices: where they lead, and what wrong ones do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.upsampling.unpooling import pool, round_trip, unpool, unpooled_size, with_index

SIXTEEN = np.arange(1.0, 17).reshape(1, 4, 4)


def values(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


def test_one_to_sixteen() -> None:
    """1 … 16 row by row: maxima and indices by hand."""
    trip = round_trip(SIXTEEN)
    assert trip.pooled.tolist() == [[[6, 8], [14, 16]]]
    assert trip.indices.tolist() == [[[5, 7], [13, 15]]]
    assert [arrow.place for arrow in trip.arrows] == [(1, 1), (1, 3), (3, 1), (3, 3)]
    assert [arrow.box for arrow in trip.arrows] == [(0, 0, 2, 2), (0, 2, 2, 4), (2, 0, 4, 2), (2, 2, 4, 4)]
    assert trip.unpooled[0].tolist() == [[0, 0, 0, 0], [0, 6, 0, 8], [0, 0, 0, 0], [0, 14, 0, 16]]
    assert trip.misplaced == trip.lost == ()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.integers(1, 4),
    st.none() | st.integers(1, 4),
    st.integers(0, 2),
    st.integers(0, 99),
)
def test_equals_pytorch(
    shape: tuple[int, int, int], kernel_size: int, stride: int | None, padding: int, seed: int
) -> None:
    x = values(seed, *shape)
    tensor = torch.from_numpy(x)
    try:
        trip = round_trip(x, kernel_size, stride, padding)
    except SettingError:
        with pytest.raises(RuntimeError):
            F.max_pool2d(tensor, kernel_size, stride, padding)
        return
    pooled, indices = F.max_pool2d(tensor, kernel_size, stride, padding, return_indices=True)
    np.testing.assert_array_equal(trip.pooled, pooled)
    np.testing.assert_array_equal(trip.indices, indices)
    # PyTorch only takes sizes near the one that it would choose.
    sizes = unpooled_size((pooled.shape[1], pooled.shape[2]), kernel_size, stride, padding)
    if all(abs(wanted - own) < (stride or kernel_size) for wanted, own in zip(shape[1:], sizes, strict=True)):
        unpooled = F.max_unpool2d(pooled, indices, kernel_size, stride, padding, output_size=shape[1:])
        np.testing.assert_array_equal(trip.unpooled, unpooled)
    assert trip.misplaced == trip.lost == ()
    assert len(trip.arrows) == trip.pooled.size
    for arrow in trip.arrows:
        top, left, bottom, right = arrow.box
        assert top <= arrow.place[0] < bottom
        assert left <= arrow.place[1] < right
        assert trip.unpooled[(arrow.channel, *arrow.place)] == arrow.value


def test_overlapping_windows_may_share_a_maximum() -> None:
    trip = round_trip(np.array([[[0.0, 9, 0]]]).repeat(2, 1), 2, 1)
    assert [arrow.place for arrow in trip.arrows] == [(0, 1), (0, 1)]
    assert trip.lost == ()


def test_wrong_index_moves_a_value() -> None:
    trip = round_trip(SIXTEEN)
    wrong = round_trip(SIXTEEN, indices=with_index(trip.indices, (0, 0, 0), 2))
    (arrow,) = wrong.misplaced
    assert (arrow.place, arrow.value) == ((0, 2), 6)
    assert wrong.unpooled[0, 0, 2] == 6
    assert wrong.unpooled[0, 1, 1] == 0
    assert trip.indices[0, 0, 0] == 5, "the remembered indices stay as they were"


def test_of_two_values_at_one_place_the_last_stays() -> None:
    trip = round_trip(SIXTEEN)
    wrong = round_trip(SIXTEEN, indices=with_index(trip.indices, (0, 0, 0), 15))
    assert wrong.unpooled[0, 3, 3] == 16
    assert [arrow.value for arrow in wrong.lost] == [6]
    expected = F.max_unpool2d(torch.from_numpy(wrong.pooled), torch.from_numpy(wrong.indices), 2)
    # PyTorch's threads race for the place.
    assert expected[0, 3, 3] in (6, 16)
    expected[0, 3, 3] = 16
    np.testing.assert_array_equal(wrong.unpooled, expected)


@pytest.mark.parametrize("index", [-1, 16])
def test_index_outside(index: int) -> None:
    trip = round_trip(SIXTEEN)
    indices = with_index(trip.indices, (0, 1, 1), index)
    with pytest.raises(SettingError, match=f"index {index} is outside an output of 4 × 4"):
        unpool(trip.pooled, indices, (4, 4))
    with pytest.raises(RuntimeError):
        F.max_unpool2d(torch.from_numpy(trip.pooled), torch.from_numpy(indices), 2)


def test_too_few_indices() -> None:
    with pytest.raises(SettingError, match="1 indices for 4 values"):
        unpool(np.zeros((1, 2, 2)), np.zeros((1, 1, 1), np.int64), (4, 4))


def test_odd_width_makes_indices_wrong() -> None:
    """5 × 5 is pooled to 2 × 2 and unpooled to 4 × 4: index 6, row 1 of 5, is read as row 1, column 2."""
    x = np.arange(25.0).reshape(1, 5, 5)
    pooled, indices = pool(x, 2)
    assert unpooled_size((2, 2), 2) == (4, 4)
    with pytest.raises(SettingError, match="index 16 is outside"):
        round_trip(x, size=(4, 4))
    with pytest.raises(RuntimeError):
        F.max_unpool2d(torch.from_numpy(pooled), torch.from_numpy(indices), 2)
    assert round_trip(x).misplaced == ()
    # Where all indices happen to be small enough, PyTorch says nothing and puts values in wrong places.
    x = np.zeros((1, 5, 5))
    x[0, [1, 0, 2, 2], [0, 2, 0, 2]] = [1, 2, 3, 4]
    silent = round_trip(x, size=(4, 4))
    assert [(arrow.value, arrow.place) for arrow in silent.misplaced] == [
        (1, (1, 1)),
        (3, (2, 2)),
        (4, (3, 0)),
    ]
    by_default = F.max_unpool2d(torch.from_numpy(silent.pooled), torch.from_numpy(silent.indices), 2)
    np.testing.assert_array_equal(silent.unpooled, by_default)
