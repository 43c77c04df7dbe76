"""Bed of nails: every value stands in the top left corner of a block of zeros."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps, Operator, Settings, Whole, register, setting


@dataclass(frozen=True)
class Blocks(Settings):
    """Side of the block that each cell becomes."""

    stride: int = setting(2, Whole(1, 8))


def apply(x: Maps, settings: Blocks) -> Maps:
    """(C, H, W) -> (C, stride·H, stride·W)."""
    channels, height, width = x.shape
    s = settings.stride
    y = np.zeros((channels, s * height, s * width), x.dtype)
    for i in range(height):
        for j in range(width):
            y[:, i * s, j * s] = x[:, i, j]
    return y


def reference(x: Tensor, settings: Blocks) -> Tensor:
    s = settings.stride
    nail = x.new_zeros(x.shape[1], 1, s, s)
    nail[..., 0, 0] = 1
    return torch.nn.functional.conv_transpose2d(x, nail, stride=s, groups=x.shape[1])


def code(settings: Blocks) -> str:
    s = settings.stride
    return (
        f"nail = torch.zeros(x.shape[1], 1, {s}, {s}, dtype=x.dtype)\n"
        "nail[:, :, 0, 0] = 1\n"
        f"y = F.conv_transpose2d(x, nail, stride={s}, groups=x.shape[1])"
    )


register(
    Operator(
        id="bed_of_nails",
        title=N_("Bed of nails"),
        formula=r"y_{ij} = \begin{cases}x_{i/s,\,j/s} & s \mid i \text{ and } s \mid j\\ 0 & \text{else}\end{cases}",
        call="torch.nn.functional.conv_transpose2d",
        source="Stanford CS231n 2017, lecture 11, 'Unpooling'",
        settings=Blocks,
        apply=apply,
        reference=reference,
        code=code,
    )
)
