"""Nearest-neighbour unpooling: every value fills its whole block."""

import numpy as np
from torch import Tensor

from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps, Operator, register
from cnnviz.upsampling.operators.bed_of_nails import Blocks


def apply(x: Maps, settings: Blocks) -> Maps:
    """(C, H, W) -> (C, stride·H, stride·W)."""
    channels, height, width = x.shape
    s = settings.stride
    y = np.empty((channels, s * height, s * width), x.dtype)
    for i in range(height):
        for j in range(width):
            y[:, i * s : (i + 1) * s, j * s : (j + 1) * s] = x[:, i : i + 1, j : j + 1]
    return y


def reference(x: Tensor, settings: Blocks) -> Tensor:
    return x.repeat_interleave(settings.stride, -2).repeat_interleave(settings.stride, -1)


def code(settings: Blocks) -> str:
    return f"y = x.repeat_interleave({settings.stride}, dim=-2).repeat_interleave({settings.stride}, dim=-1)"


register(
    Operator(
        id="nearest_unpooling",
        title=N_("Nearest-neighbour unpooling"),
        formula=r"y_{ij} = x_{\lfloor i/s \rfloor,\ \lfloor j/s \rfloor}",
        call="torch.Tensor.repeat_interleave",
        source="Stanford CS231n 2017, lecture 11, 'Unpooling'",
        settings=Blocks,
        apply=apply,
        reference=reference,
        code=code,
    )
)
