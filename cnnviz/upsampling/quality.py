"""How close an upsampled picture is to the original."""

from dataclasses import dataclass

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps


@dataclass(frozen=True)
class Quality:
    """Two measures; the higher, the closer.

    Attributes:
        psnr: peak signal-to-noise ratio in dB, ``10 log10(range² / mean squared error)``; infinite for equal pictures.
        ssim: structural similarity, 1 for equal pictures; None where a side is shorter than 3 pixels.
        window: side of SSIM's window in pixels, at most 7; 0 where there is none.
    """

    psnr: float
    ssim: float | None
    window: int


def quality(original: Maps, picture: Maps, data_range: float = 1.0) -> Quality:
    """Compare `picture` with `original`, both (C, H, W).

    Args:
        original: the picture before it was made small.
        picture: of the same shape.
        data_range: highest possible value less the lowest: 1, or 255.

    Raises:
        SettingError: different shapes, or a range that isn't positive.

    Source of SSIM: Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13(4), 2004, eq. 13; here with skimage's uniform window.

    >>> grey = np.full((1, 8, 8), 0.5)
    >>> round(quality(grey, grey + 0.1).psnr, 9)
    20.0
    """
    if original.shape != picture.shape:
        raise SettingError(
            N_("the pictures have the shapes ({first}) and ({second}); they must be the same"),
            first=" × ".join(map(str, original.shape)),
            second=" × ".join(map(str, picture.shape)),
        )
    if not data_range > 0:
        raise SettingError(N_("the range of values is {range}; it must be above 0"), range=data_range)
    first, second = np.asarray(original, np.float64), np.asarray(picture, np.float64)
    if np.array_equal(first, second):
        psnr = float("inf")
    else:
        psnr = float(peak_signal_noise_ratio(first, second, data_range=data_range))
    side = min(first.shape[1:])
    window = min(7, side - 1 + side % 2)
    if window < 3:
        return Quality(psnr, None, 0)
    ssim = structural_similarity(first, second, win_size=window, data_range=data_range, channel_axis=0)
    return Quality(psnr, float(ssim), window)
