"""A photo made smaller, against NumPy and by hand."""

import numpy as np
import pytest

from cnnviz.errors import SettingError
from cnnviz.layers.kernels import Colour
from cnnviz.layers.pooling_photo import OPERATIONS, levels, planes, shrink

RGB = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)


@pytest.mark.parametrize("colour", ["grey", "each channel"])
@pytest.mark.parametrize("factor", [1, 2, 8, 16])
def test_equals_numpy(factor: int, colour: Colour) -> None:
    x = planes(RGB, colour)
    shrunk = shrink(x, factor)
    height, width = 37 // factor, 50 // factor
    read = x[:, : height * factor, : width * factor].astype(np.float64)
    windows = read.reshape(len(x), height, factor, width, factor)
    for operation, expected in (
        ("max", windows.max((2, 4))),
        ("average", windows.mean((2, 4))),
        ("min", windows.min((2, 4))),
    ):
        np.testing.assert_allclose(shrunk.pooled[operation], expected, rtol=1e-5)
        assert shrunk.mean[operation] == pytest.approx(expected.mean(), rel=1e-5)
    assert shrunk.source_mean == pytest.approx(shrunk.mean["average"], rel=1e-5)
    assert shrunk.mean["min"] <= shrunk.mean["average"] <= shrunk.mean["max"]


def test_pooling_by_two_again_and_again_is_pooling_once() -> None:
    assert shrink(planes(RGB, "grey"), 8).repeated == dict.fromkeys(OPERATIONS, 1.0)


def test_grey_is_one_plane_and_looks_grey() -> None:
    grey = planes(np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8), "grey")
    assert grey.tolist() == [[[76, 150]]]  # 0.299 · 255 and 0.587 · 255, rounded
    assert levels(grey).tolist() == [[[76, 76, 76], [150, 150, 150]]]
    np.testing.assert_array_equal(levels(planes(RGB, "each channel")), RGB)


@pytest.mark.parametrize("factor", [0, 3, 12])
def test_other_factors_are_refused(factor: int) -> None:
    with pytest.raises(SettingError, match="power of two"):
        shrink(planes(RGB, "grey"), factor)


def test_a_photo_smaller_than_the_window() -> None:
    with pytest.raises(SettingError, match="the window spans 16 pixels"):
        shrink(planes(RGB[:10], "grey"), 16)
