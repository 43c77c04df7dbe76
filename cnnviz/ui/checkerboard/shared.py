"""What the two views on a photo share: the photo at its size, where to look closely, shares in words."""

from dataclasses import dataclass

import numpy as np
import torch

from cnnviz.errors import SettingError
from cnnviz.figures.checkerboard import levels
from cnnviz.images import encode_jpeg, fit
from cnnviz.layers.convolution import Floats
from cnnviz.messages import N_
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo
from cnnviz.upsampling.bench import shrink
from cnnviz.upsampling.checkerboard import Pattern

SIDE = 256
"""Long side of the photo, in pixels."""
DETAIL = 56
"""Side of the part that is looked at closely, in pixels."""
HALF = 330
"""Width of a picture of which two stand side by side, or one on a phone, in pixels."""
_ROWS, _COLUMNS = 5, 6
_MIDDLE = (2, 2)


@dataclass(frozen=True, eq=False)
class Small:
    """The photo as the layers get it.

    Attributes:
        x: (3, H, W), 0 to 1, cut to a multiple of the period.
        tiny: (3, H / period, W / period).
        size: (height, width) before the cut.
    """

    x: Floats
    tiny: Floats
    size: tuple[int, int]


def small(photo: Photo, period: int) -> Small:
    """The photo made `period` times smaller.

    Raises:
        SettingError: it is too small for that.
    """
    rgb = fit(photo.rgb, SIDE)
    height, width = (side // period * period for side in rgb.shape[:2])
    if not height or not width:
        raise SettingError(
            N_("a picture of {height} × {width} is smaller than one period of {stride}"),
            height=rgb.shape[0],
            width=rgb.shape[1],
            stride=period,
        )
    x = rgb[:height, :width].transpose(2, 0, 1) / 255
    return Small(x, shrink(x, period), (rgb.shape[0], rgb.shape[1]))


def look(lesson: LessonPage, photo: Small, alt: str) -> tuple[float, float]:
    """Pick the part that is shown enlarged; (row, column) of its middle, as fractions."""
    row, column = lesson.pick_cell(
        "at",
        encode_jpeg(levels(photo.x)),
        _ROWS,
        _COLUMNS,
        _MIDDLE,
        alt=alt,
        label=_("Where to look closely"),
    )
    return (row + 0.5) / _ROWS, (column + 0.5) / _COLUMNS


def percent(share: float) -> str:
    """A share to two digits, as far as it is worth telling."""
    return "<\u00a00.0005\u00a0%" if share < 5e-6 else f"{100 * share:.2g}\u00a0%"


def share_proof(name: str, pattern: Pattern, period: int) -> Proof:
    """The grid's share of the power, and what PyTorch's FFT makes of the same pixels."""
    margin = 2 * period if min(pattern.output.shape[1:]) >= 6 * period else 0
    height, width = (side - 2 * margin for side in pattern.output.shape[1:])
    inner = pattern.output[:, margin : margin + height, margin : margin + width]
    inner = np.ascontiguousarray(inner[:, : height // period * period, : width // period * period])
    power = torch.fft.fft2(torch.from_numpy(inner)).abs().square().sum(0)
    rows, columns = power.shape
    grid = power[:: rows // period, :: columns // period].sum() - power[0, 0]
    at = rf"F\!\left(\tfrac{{m}}{{{period}}}, \tfrac{{n}}{{{period}}}\right)"
    return Proof(
        name,
        rf"100 \cdot \sum_{{(m, n) \ne (0, 0)}} \left|{at}\right|^2 \Big/ \sum |F|^2",
        100 * pattern.peak_ratio,
        measured=100 * float(grid / power.sum()),
        tolerance=1e-6,
    )
