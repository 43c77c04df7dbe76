"""Kernels to upsample with, as settings hold them: nested tuples, row by row."""

import numpy as np
from numpy.typing import ArrayLike

from cnnviz.upsampling.operator import Kernel


def as_kernel(values: ArrayLike) -> Kernel:
    """A 2-D array as nested tuples."""
    return tuple(tuple(float(value) for value in row) for row in np.asarray(values))


def uniform(kernel_size: int, stride: int) -> Kernel:
    """Equal weights that keep the mean level: they add up to stride².

    >>> uniform(2, 2)
    ((1.0, 1.0), (1.0, 1.0))
    """
    return as_kernel(np.full((kernel_size, kernel_size), (stride / kernel_size) ** 2))


def random(kernel_size: int, stride: int, seed: int = 0) -> Kernel:
    """Normally distributed weights, shifted so that they keep the mean level as :func:`uniform` does.

    Their spread is that of PyTorch's initialisation for one channel, 1 / (√3 k).
    """
    weights = np.random.default_rng(seed).normal(0, 1 / (3**0.5 * kernel_size), (kernel_size, kernel_size))
    return as_kernel(weights - weights.mean() + (stride / kernel_size) ** 2)


def bilinear(stride: int) -> Kernel:
    """The kernel that makes a transposed convolution interpolate, of side 2·stride − stride mod 2.

    With padding ⌈(stride − 1)/2⌉ it equals bilinear interpolation (align_corners=False) away from the border.
    FCN starts its upsampling layers like this (Long et al., arXiv 1411.4038, section 3.3).

    >>> [row[0] for row in bilinear(2)], bilinear_padding(2)
    ([0.0625, 0.1875, 0.1875, 0.0625], 1)
    """
    side = 2 * stride - stride % 2
    centre = (side - 1) / 2
    line = 1 - np.abs(np.arange(side) - centre) / stride
    return as_kernel(np.outer(line, line))


def bilinear_padding(stride: int) -> int:
    """The padding that goes with :func:`bilinear`."""
    return stride // 2


def write(kernel: Kernel) -> str:
    """As Python writes it, whole numbers without a point.

    >>> write(((1.0, 0.5), (0.0, 2.0)))
    '[[1, 0.5], [0, 2]]'
    """
    rows = (
        ", ".join(str(int(value)) if float(value).is_integer() else repr(value) for value in row)
        for row in kernel
    )
    return "[" + ", ".join(f"[{row}]" for row in rows) + "]"
