"""The receptive field of a stack of layers, measured by gradient along one axis.

Every window becomes an average, so that no weight cancels another and every input that can be seen has a
gradient. The layers are alike along both axes, so that one axis says it all, and long fields stay cheap.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from cnnviz.layers.receptive_field import trace
from cnnviz.layers.stack import Stack

LONGEST = 100_000
"""Longest field, in pixels, that is measured."""


@dataclass(frozen=True, eq=False)
class MeasuredField:
    """What autograd says about a stack.

    Attributes:
        size: pixels from the first to the last with a gradient, both included.
        jump: by how many pixels the next cell's lie further.
        padding: how far the field of cell 0 begins before pixel 0.
        start: the centre of the field of cell 0.
        profile: (size,) share of each pixel in one cell of a stack that averages; their sum is 1.
    """

    size: int
    jump: int
    padding: int
    start: float
    profile: NDArray[np.float64]

    @property
    def sigma(self) -> float:
        """Standard deviation of the profile, in pixels."""
        place = np.arange(self.size)
        mean = (self.profile * place).sum()
        return float(np.sqrt((self.profile * (place - mean) ** 2).sum()))


def measure_stack(stack: Stack) -> MeasuredField | None:
    """Measure the field of a cell of the last map, and of its neighbour; None where it is over LONGEST.

    >>> from cnnviz.layers.receptive_field import PRESETS
    >>> field = measure_stack(PRESETS["vgg16"].layers)
    >>> field.size, field.jump, field.padding
    (212, 32, 90)
    """
    if not stack:
        return None
    step = trace(stack)[-1]
    cell = -(-step.padding // step.jump)  # the first whose field begins inside the input
    length = step.interval(cell + 1)[1]
    if length > LONGEST:
        return None
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.ones(1, 1, length, dtype=torch.float64, requires_grad=True)
        y = x
        for layer in stack:
            window = torch.full((1, 1, layer.kernel_size), 1 / layer.kernel_size, dtype=torch.float64)
            y = F.conv1d(F.pad(y, layer.padding_pair), window, None, layer.stride, 0, layer.dilation)
        gradients = [
            torch.autograd.grad(y[0, 0, i], x, retain_graph=True)[0][0, 0].numpy() for i in (cell, cell + 1)
        ]
    (first, last), (neighbour, _) = (np.flatnonzero(gradient)[[0, -1]].tolist() for gradient in gradients)
    jump = neighbour - first
    return MeasuredField(
        size=last - first + 1,
        jump=jump,
        padding=cell * jump - first,
        start=(first + last) / 2 - cell * jump,
        profile=gradients[0][first : last + 1],
    )


def count_weights(stack: Stack, channels: int) -> int:
    """Weights, without biases, of the stack's convolutions from `channels` to as many; counted on their modules.

    >>> from cnnviz.layers.receptive_field import PRESETS
    >>> count_weights(PRESETS["three_3x3"].layers, 64)
    110592
    """
    convolutions = (
        torch.nn.Conv2d(channels, channels, layer.kernel_size, bias=False, device="meta")
        for layer in stack
        if layer.kind == "conv"
    )
    return sum(weight.numel() for conv in convolutions for weight in conv.parameters())
