"""Pooled and unpooled as often: what comes home, and where."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.upsampling.symmetric import there_and_back
from cnnviz.upsampling.unpooling import round_trip


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Different numbers everywhere, so that each maximum is one pixel."""
    count = channels * height * width
    return (
        (1 + np.random.default_rng(0).permutation(count)).reshape(channels, height, width).astype(np.float32)
    )


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_several_levels_are_one_large_window(depth: int) -> None:
    x = picture(16, 24)
    once = round_trip(x, kernel_size=2**depth)
    trip = there_and_back(x, depth)
    assert (trip.pooled == once.pooled).all()
    assert (trip.unpooled == once.unpooled).all()
    assert trip.at_home == 1
    assert trip.written.sum() == (16 >> depth) * (24 >> depth)
    assert trip.sizes == tuple((16 >> level, 24 >> level) for level in range(depth + 1))


def test_forgotten_indices() -> None:
    x = picture(8, 8)
    corner, spread = there_and_back(x, 2, "corner"), there_and_back(x, 2, "spread")
    assert (corner.unpooled[:, ::4, ::4] == corner.pooled).all()
    assert corner.written.sum() == 4
    assert (spread.unpooled == np.kron(spread.pooled, np.ones((4, 4)))).all()
    assert spread.written.all()
    assert spread.at_home == pytest.approx(1 / 16)


@pytest.mark.parametrize("handed", ["indices", "corner", "spread"])
@pytest.mark.parametrize("size", [(7, 9), (5, 4), (31, 2)])
def test_odd_sizes_come_back_whole(handed: str, size: tuple[int, int]) -> None:
    trip = there_and_back(picture(*size), 1, handed)  # type: ignore[arg-type]
    assert trip.unpooled.shape[1:] == size
    assert trip.sizes[-1] == (size[0] // 2, size[1] // 2)
    assert not trip.written[2 * (size[0] // 2) :].any()
    if handed == "indices":
        pooled, indices = F.max_pool2d(torch.tensor(picture(*size)), 2, return_indices=True)
        expected = F.max_unpool2d(pooled, indices, 2, output_size=size)
        assert (trip.unpooled == expected.numpy()).all()


def test_a_picture_too_small_is_explained() -> None:
    with pytest.raises(SettingError, match="7 × 9 can't be pooled 3 times"):
        there_and_back(picture(7, 9), 3)
    with pytest.raises(SettingError, match="0 times"):
        there_and_back(picture(7, 9), 0)
