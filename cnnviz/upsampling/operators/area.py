"""Area: every output cell is the mean of the input cells that it touches (adaptive average pooling)."""

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps, Operator, register
from cnnviz.upsampling.resizing import Resizing


def apply(x: Maps, settings: Resizing) -> Maps:
    """(C, H, W) -> (C, H', W'). By a whole factor it equals nearest; it is meant for making smaller."""
    sizes = settings.target(*x.shape[1:])
    for axis, new_size in ((1, sizes[0]), (2, sizes[1])):
        size = x.shape[axis]
        means = []
        for i in range(new_size):
            start, stop = i * size // new_size, -(-(i + 1) * size // new_size)  # floor, ceil
            means.append(x.take(range(start, stop), axis).mean(axis))
        x = np.stack(means, axis)
    return x


def reference(x: Tensor, settings: Resizing) -> Tensor:
    return F.interpolate(x, settings.target(*x.shape[-2:]), mode="area")


def code(settings: Resizing) -> str:
    return f'y = F.interpolate(x, {settings.argument}, mode="area")'


register(
    Operator(
        id="area",
        title=N_("Area averaging"),
        formula=r"y_{ij} = \operatorname{mean}\{x_{ab} : \lfloor iH/H' \rfloor \le a < \lceil (i+1)H/H' \rceil,\ "
        r"\lfloor jW/W' \rfloor \le b < \lceil (j+1)W/W' \rceil\}",
        call='torch.nn.functional.interpolate(mode="area")',
        source="PyTorch, torch.nn.AdaptiveAvgPool2d",
        settings=Resizing,
        apply=apply,
        reference=reference,
        code=code,
    )
)
