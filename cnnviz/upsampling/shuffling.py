"""Channels into space: the sub-pixel convolution, and initial weights that make it start without a grid.

Sources: Shi et al., arXiv 1609.05158, eq. 4 (pixel shuffle); Aitken et al., "Checkerboard artifact free sub-pixel
convolution", arXiv 1707.02937 (ICNR).
"""

import numpy as np

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps, Whole

FACTOR = Whole(1, 64)
"""What r may be."""


def check_channels(channels: int, factor: int) -> None:
    """Refuse channels that r² doesn't divide.

    Raises:
        SettingError: it doesn't, or r is below 1.
    """
    FACTOR.check("factor", factor)
    if channels % factor**2:
        raise SettingError(
            N_("{channels} channels can't be shuffled by {factor}: they must be a multiple of {block}"),
            channels=channels,
            factor=factor,
            block=factor**2,
        )


def shuffle(x: Maps, factor: int) -> Maps:
    """(C·r², H, W) -> (C, rH, rW): r² channels become the r × r block of each cell.

    Raises:
        SettingError: channels that r² doesn't divide.

    >>> shuffle(np.array([[[1]], [[2]], [[3]], [[4]]]), 2).tolist()
    [[[1, 2], [3, 4]]]
    """
    channels, height, width = x.shape
    check_channels(channels, factor)
    y = np.empty((channels // factor**2, factor * height, factor * width), x.dtype)
    for row in range(factor):
        for column in range(factor):
            y[:, row::factor, column::factor] = x[row * factor + column :: factor**2]
    return y


def unshuffle(x: Maps, factor: int) -> Maps:
    """(C, rH, rW) -> (C·r², H, W): the reverse of :func:`shuffle`.

    Raises:
        SettingError: a height or width that r doesn't divide.

    >>> unshuffle(np.array([[[1, 2], [3, 4]]]), 2).ravel().tolist()
    [1, 2, 3, 4]
    """
    FACTOR.check("factor", factor)
    channels, height, width = x.shape
    if height % factor or width % factor:
        raise SettingError(
            N_("{height} × {width} can't be unshuffled by {factor}: both must be multiples of it"),
            height=height,
            width=width,
            factor=factor,
        )
    y = np.empty((channels * factor**2, height // factor, width // factor), x.dtype)
    for row in range(factor):
        for column in range(factor):
            y[row * factor + column :: factor**2] = x[:, row::factor, column::factor]
    return y


def icnr(weight: Maps, factor: int) -> Maps:
    """Weights of a convolution before a pixel shuffle that start it as nearest neighbour: no checkerboard.

    Args:
        weight: (O, I, kh, kw), of a convolution at low resolution.
        factor: r of the shuffle.

    Returns:
        (O·r², I, kh, kw): each output channel's kernel r² times in a row, for the r² places of its block.
    """
    return weight.repeat(factor**2, axis=0)
