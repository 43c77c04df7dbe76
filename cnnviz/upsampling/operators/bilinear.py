"""Bilinear: every output cell is a weighted mean of the four input cells around it."""

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps, Operator, register
from cnnviz.upsampling.resizing import CornerResizing, positions


def apply(x: Maps, settings: CornerResizing) -> Maps:
    """(C, H, W) -> (C, H', W'): mix neighbouring rows first, then neighbouring columns."""
    sizes = settings.target(*x.shape[1:])
    for axis, new_size in ((1, sizes[0]), (2, sizes[1])):
        size = x.shape[axis]
        # Before the first cell and after the last there is nothing to mix with.
        place = positions(size, new_size, settings.align_corners).clip(0, size - 1)
        before = np.floor(place).astype(int)
        after = np.minimum(before + 1, size - 1)
        share = (place - before).astype(x.dtype)
        share = share[:, None] if axis == 1 else share
        x = x.take(before, axis) * (1 - share) + x.take(after, axis) * share
    return x


def reference(x: Tensor, settings: CornerResizing) -> Tensor:
    size = settings.target(*x.shape[-2:])
    return F.interpolate(x, size, mode="bilinear", align_corners=settings.align_corners)


def code(settings: CornerResizing) -> str:
    return (
        f'y = F.interpolate(x, {settings.argument}, mode="bilinear", align_corners={settings.align_corners})'
    )


register(
    Operator(
        id="bilinear",
        title=N_("Bilinear"),
        formula=r"y_{ij} = \sum_{a,b} \max(0, 1-|u_i-a|)\,\max(0, 1-|v_j-b|)\,x_{ab},\quad "
        r"u_i = \begin{cases}(i+\tfrac12)\,H/H' - \tfrac12 & \text{in } [0, H-1]\\ "
        r"i\,(H-1)/(H'-1) & \text{align\_corners}\end{cases}",
        call='torch.nn.functional.interpolate(mode="bilinear")',
        source="PyTorch, torch.nn.functional.interpolate",
        settings=CornerResizing,
        apply=apply,
        reference=reference,
        code=code,
        helpers=(positions,),
    )
)
