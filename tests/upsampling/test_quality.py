"""PSNR and SSIM against their formulas."""

import math

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from cnnviz.errors import SettingError
from cnnviz.upsampling.quality import quality

RNG = np.random.default_rng(0)
ORIGINAL = RNG.random((3, 12, 10))
NOISY = ORIGINAL + RNG.normal(0, 0.1, ORIGINAL.shape)


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_psnr_is_its_formula(data_range: float) -> None:
    error = ((ORIGINAL - NOISY) ** 2).mean()
    measured = quality(ORIGINAL, NOISY, data_range).psnr
    assert measured == pytest.approx(10 * math.log10(data_range**2 / error))


def test_ssim_is_its_formula() -> None:
    """Wang et al. 2004, eq. 13, over all windows of 7 × 7 that lie inside."""
    first, second = (sliding_window_view(x, (7, 7), axis=(1, 2)) for x in (ORIGINAL, NOISY))
    axes = (-2, -1)
    mean1, mean2 = first.mean(axes), second.mean(axes)
    variance1, variance2 = first.var(axes, ddof=1), second.var(axes, ddof=1)
    both = (first * second).mean(axes) - mean1 * mean2
    covariance = both * 49 / 48
    c1, c2 = 0.01**2, 0.03**2
    index = ((2 * mean1 * mean2 + c1) * (2 * covariance + c2)) / (
        (mean1**2 + mean2**2 + c1) * (variance1 + variance2 + c2)
    )
    measured = quality(ORIGINAL, NOISY)
    assert measured.ssim == pytest.approx(index.mean())
    assert measured.window == 7


def test_equal_pictures() -> None:
    assert quality(ORIGINAL, ORIGINAL.copy()) == quality(ORIGINAL, ORIGINAL)
    assert quality(ORIGINAL, ORIGINAL).psnr == math.inf
    assert quality(ORIGINAL, ORIGINAL).ssim == pytest.approx(1)


@pytest.mark.parametrize(("side", "window"), [(1, 0), (2, 0), (3, 3), (4, 3), (5, 5), (6, 5), (7, 7), (8, 7)])
def test_small_pictures(side: int, window: int) -> None:
    measured = quality(ORIGINAL[:, :side, :side], NOISY[:, :side, :side])
    assert measured.window == window
    assert (measured.ssim is None) == (window == 0)
    assert 0 < measured.psnr < 60


def test_pictures_that_cannot_be_compared() -> None:
    with pytest.raises(SettingError, match="3 × 12 × 10"):
        quality(ORIGINAL, NOISY[:, 1:])
    with pytest.raises(SettingError, match="range of values is 0"):
        quality(ORIGINAL, NOISY, 0)
