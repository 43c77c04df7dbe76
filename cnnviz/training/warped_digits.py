"""Handwritten digits, made larger and smaller, turned and stretched: what a fixed window copes with badly."""

from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from cnnviz.training.pictures import pictures

SIDE = 28
"""Of a picture, in pixels."""
BOX = 16
"""Side of a digit's own picture at scale 1, in pixels; scikit-learn's are 8 × 8."""
RANGES: Mapping[str, tuple[float, float]] = {"scale": (0.6, 1.6), "turn": (-60, 60), "stretch": (0.67, 1.5)}
"""What is drawn: the size, the turn in degrees clockwise, and the height over the width."""
COPIES = 2
"""Of every test digit, each warped in its own way."""


def warp(digits: Tensor, scale: Tensor, turn: Tensor, stretch: Tensor) -> Tensor:
    """Draw digits in the middle of larger pictures, bilinearly.

    Args:
        digits: (N, 1, 8, 8), from 0 to 1.
        scale, turn, stretch: (N,), as in :data:`RANGES`.

    Returns:
        (N, 1, SIDE, SIDE), black around.

    >>> one = torch.ones(1)
    >>> picture = warp(torch.ones(1, 1, 8, 8), one, 0 * one, one)
    >>> [int(picture[0, 0, row].sum().round()) for row in (0, 14)]
    [0, 16]
    """
    angle = torch.deg2rad(turn)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    across, down = (SIDE / BOX / scale * factor for factor in (stretch.sqrt(), 1 / stretch.sqrt()))
    still = torch.zeros_like(scale)
    # From a place of the picture back to one of the digit: turned back, then made smaller.
    rows = (torch.stack([cosine * across, sine * across, still], 1),
            torch.stack([-sine * down, cosine * down, still], 1))  # fmt: skip
    where = F.affine_grid(torch.stack(rows, 1), [len(digits), 1, SIDE, SIDE], align_corners=False)
    return F.grid_sample(digits, where, align_corners=False)


def draw(digits: Tensor, generator: torch.Generator) -> Tensor:
    """Every digit warped at random: each setting uniform in its range, the stretch in its logarithm."""
    shares = torch.rand(3, len(digits), generator=generator)
    low, high = (torch.tensor([RANGES[name][end] for name in RANGES])[:, None] for end in (0, 1))
    scale, turn = (low + shares * (high - low))[:2]
    stretch = low[2] * (high[2] / low[2]) ** shares[2]
    return warp(digits, scale, turn, stretch)


@cache
def held_out() -> tuple[Tensor, Tensor]:
    """The pictures kept for the test, (COPIES · 360, 1, SIDE, SIDE), and their digits; the same for everybody."""
    data = pictures("digits")
    digits, labels = torch.tensor(data.test), torch.tensor(data.test_labels)
    generator = torch.Generator().manual_seed(0)
    return torch.cat([draw(digits, generator) for _copy in range(COPIES)]), labels.repeat(COPIES)
