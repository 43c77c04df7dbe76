"""Nearest neighbour: every output cell copies one input cell."""

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps, Operator, register
from cnnviz.upsampling.resizing import Resizing


def apply(x: Maps, settings: Resizing) -> Maps:
    """(C, H, W) -> (C, H', W'), whole rows and columns picked by index."""
    _, height, width = x.shape
    new_height, new_width = settings.target(height, width)
    # PyTorch reckons the step in float32 for every dtype; where it rounds, so do we.
    rows = np.arange(new_height, dtype=np.float32) * (np.float32(height) / np.float32(new_height))
    columns = np.arange(new_width, dtype=np.float32) * (np.float32(width) / np.float32(new_width))
    i = np.minimum(np.floor(rows).astype(int), height - 1)
    j = np.minimum(np.floor(columns).astype(int), width - 1)
    return x[:, i[:, None], j]


def reference(x: Tensor, settings: Resizing) -> Tensor:
    return F.interpolate(x, settings.target(*x.shape[-2:]), mode="nearest")


def code(settings: Resizing) -> str:
    return f'y = F.interpolate(x, {settings.argument}, mode="nearest")'


register(
    Operator(
        id="nearest",
        title=N_("Nearest neighbour"),
        formula=r"y_{ij} = x_{\lfloor i\,H/H' \rfloor,\ \lfloor j\,W/W' \rfloor}",
        call='torch.nn.functional.interpolate(mode="nearest")',
        source="PyTorch, torch.nn.functional.interpolate",
        settings=Resizing,
        apply=apply,
        reference=reference,
        code=code,
    )
)
