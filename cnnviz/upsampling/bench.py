"""Operators side by side: each one's output, the proof against PyTorch, its time, and what a cell is made of."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.layers.convolution import Floats, as_numbers, check_cell, tensor_code
from cnnviz.messages import N_
from cnnviz.upsampling.operator import Operator, S, Settings


@dataclass(frozen=True, eq=False)
class Run:
    """One operator on one input. Arrays are float64, (channels, height, width).

    Attributes:
        operator: its id.
        settings: as it was run.
        input: what it was given.
        output: of our own implementation.
        max_error: largest difference between `output` and PyTorch's.
        seconds: that our own implementation took, the shorter of two runs.
        torch_seconds: that PyTorch took, likewise.
    """

    operator: str
    settings: Settings
    input: Floats
    output: Floats
    max_error: float
    seconds: float
    torch_seconds: float


def upsample(operator: Operator[S], input: ArrayLike, settings: S | None = None) -> Floats:
    """Upsample `input` by PyTorch only, which is what a page of large pictures has time for.

    Args and errors are those of :func:`run`; (C, H, W) to (C', H', W').
    """
    x = as_numbers("input", input, (None, None, None))
    settings = operator.settings() if settings is None else settings
    with torch.inference_mode():
        return np.asarray(operator.reference(torch.from_numpy(x)[None], settings)[0].numpy(), np.float64)


def run(operator: Operator[S], input: ArrayLike, settings: S | None = None) -> Run:
    """Upsample `input` twice, by our own implementation and by PyTorch.

    Args:
        operator: one of :func:`cnnviz.upsampling.operator.operators`.
        input: (C, H, W); the small map, or the picture at full size, as ``operator.start`` says.
        settings: None for the operator's defaults.

    Raises:
        SettingError: settings that don't fit the input.
    """
    x = as_numbers("input", input, (None, None, None))
    settings = operator.settings() if settings is None else settings
    batch, times = torch.from_numpy(x)[None], []
    with torch.inference_mode():
        # A first call sets things up, PyTorch's up to a second long.
        for _ in range(2):
            began = time.perf_counter()
            output = np.asarray(operator.apply(x, settings), np.float64)
            between = time.perf_counter()
            tensor = operator.reference(batch, settings)[0]
            times.append((between - began, time.perf_counter() - between))
    error = float(np.abs(output - tensor.numpy()).max())
    ours, torchs = map(min, zip(*times, strict=True))
    return Run(operator.id, settings, x, output, error, ours, torchs)


def contributions(operator: Operator[S], input: ArrayLike, settings: S, cell: tuple[int, int, int]) -> Floats:
    """How much each input cell counts in output (channel, row, column) `cell`: its weight, (C, H, W).

    All operators are linear but for the choice of a maximum, so that the weights times the input add up
    to the output cell. They are PyTorch's derivatives.

    Raises:
        SettingError: there is no such cell, or the settings don't fit the input.
    """
    x = torch.from_numpy(as_numbers("input", input, (None, None, None))).requires_grad_()
    y = operator.reference(x[None], settings)[0]
    check_cell(cell, y.detach().numpy())
    (weights,) = torch.autograd.grad(y[cell], x)
    return np.asarray(weights.numpy(), np.float64)


def all_contributions(operator: Operator[S], input: ArrayLike, settings: S) -> Floats:
    """:func:`contributions` of every output cell at once, (C', H', W', C, H, W): for small maps.

    Raises:
        SettingError: the settings don't fit the input.
    """
    x = torch.from_numpy(as_numbers("input", input, (None, None, None)))
    shape = operator.reference(x[None], settings)[0].shape
    # As many copies of the input as there are outputs: the sum's derivative by copy i is that of output i.
    copies = x.expand(shape.numel(), *x.shape).clone().requires_grad_()
    y = operator.reference(copies, settings).flatten(1)
    (weights,) = torch.autograd.grad(y.diagonal().sum(), copies)
    return np.asarray(weights.reshape(*shape, *x.shape).numpy(), np.float64)


def shrink(input: ArrayLike, factor: int) -> Floats:
    """The small map that the operators start from: means of `factor` × `factor` blocks, what is left over cut off.

    Args:
        input: (C, H, W).
        factor: times smaller, both ways.

    Raises:
        SettingError: a picture smaller than one block.

    >>> shrink([[[1, 3, 9], [5, 7, 9], [9, 9, 9]]], 2).tolist()
    [[[4.0]]]
    """
    x = as_numbers("input", input, (None, None, None))
    if factor < 1 or factor > min(x.shape[1:]):
        raise SettingError(
            N_("a picture of {height} × {width} can't be made {factor} times smaller"),
            height=x.shape[1],
            width=x.shape[2],
            factor=factor,
        )
    return np.asarray(F.avg_pool2d(torch.from_numpy(x), factor).numpy(), np.float64)


def code(operator: Operator[Any], input: ArrayLike, settings: Settings) -> str:
    """A script of its own that upsamples `input`, (C, H, W), and prints the result."""
    x = as_numbers("input", input, (None, None, None))
    return (
        "import torch\nfrom torch.nn import functional as F\n\n"
        f"{tensor_code('x', x[None], 'batch, channels, height, width')}\n"
        f"{operator.code(settings)}\nprint(tuple(y.shape))\nprint(y)\n"
    )
