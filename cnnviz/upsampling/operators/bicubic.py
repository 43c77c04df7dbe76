"""Bicubic: every output cell is a weighted sum of the sixteen input cells around it."""

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps, Operator, register
from cnnviz.upsampling.resizing import CornerResizing, positions

A = -0.75
"""Slope of Keys's curve at distance 1; PyTorch and OpenCV take −0.75, Keys and Pillow −0.5."""


def cubic(distance: Maps) -> Maps:
    """Keys's curve: 1 at distance 0, 0 at 1 and from 2 on, below zero between 1 and 2.

    >>> cubic(np.array([0.0, 0.5, 1.0, 1.5, 2.0])).tolist()
    [1.0, 0.59375, 0.0, -0.09375, 0.0]
    """
    d = np.abs(distance)
    near = (A + 2) * d**3 - (A + 3) * d**2 + 1
    far = A * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def apply(x: Maps, settings: CornerResizing) -> Maps:
    """(C, H, W) -> (C, H', W'): mix four rows first, then four columns. May leave the input's range."""
    sizes = settings.target(*x.shape[1:])
    for axis, new_size in ((1, sizes[0]), (2, sizes[1])):
        size = x.shape[axis]
        place = positions(size, new_size, settings.align_corners)
        first = np.floor(place).astype(int)
        total = np.zeros_like(x.take(first.clip(0, size - 1), axis))
        for neighbour in (first - 1, first, first + 1, first + 2):
            weight = cubic(place - neighbour).astype(x.dtype)
            weight = weight[:, None] if axis == 1 else weight
            # Beyond the border the border's own cell is repeated.
            total += weight * x.take(neighbour.clip(0, size - 1), axis)
        x = total
    return x


def reference(x: Tensor, settings: CornerResizing) -> Tensor:
    size = settings.target(*x.shape[-2:])
    return F.interpolate(x, size, mode="bicubic", align_corners=settings.align_corners)


def code(settings: CornerResizing) -> str:
    return (
        f'y = F.interpolate(x, {settings.argument}, mode="bicubic", align_corners={settings.align_corners})'
    )


register(
    Operator(
        id="bicubic",
        title=N_("Bicubic"),
        formula=r"y_{ij} = \sum_{a,b} \kappa(u_i-a)\,\kappa(v_j-b)\,x_{ab},\quad "
        r"\kappa(d) = \begin{cases}(\alpha+2)|d|^3-(\alpha+3)|d|^2+1 & |d|\le 1\\ "
        r"\alpha|d|^3-5\alpha|d|^2+8\alpha|d|-4\alpha & 1<|d|<2\\ 0 & \text{else}\end{cases}"
        r"\quad \alpha=-\tfrac34",
        call='torch.nn.functional.interpolate(mode="bicubic")',
        source="Keys 1981, 'Cubic convolution interpolation for digital image processing'",
        settings=CornerResizing,
        apply=apply,
        reference=reference,
        code=code,
        helpers=(positions, cubic),
    )
)
