"""A kernel that a transposed convolution learns: to make a small picture large again.

One kernel serves all channels, and the loss is the mean squared error, so that the loss is quadratic in the
weights: its two moments are all that gradient descent needs, and a thousand steps take milliseconds. Where
the stride leaves two weights in different phases, they never meet in an output; each phase learns on its own.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.layers.convolution import Floats, as_numbers
from cnnviz.messages import N_
from cnnviz.upsampling.bench import shrink
from cnnviz.upsampling.kernels import as_kernel
from cnnviz.upsampling.operator import Kernel, Whole


@dataclass(frozen=True, eq=False)
class Task:
    """The loss as a function of the weights w, row by row: wᵀ·G·w − 2·bᵀ·w + c.

    Attributes:
        kernel_size: k.
        stride: s, times smaller that the picture was made.
        gram: G, (k², k²): mean products of what two weights contribute.
        target: b, (k²,): mean products of a weight's contribution and the picture.
        constant: c: mean of the picture's squares.
        rate: learning rate, as large as it may be for plain gradient descent to settle: 1 / (2·λ) for G's
            largest eigenvalue λ.
    """

    kernel_size: int
    stride: int
    gram: Floats
    target: Floats
    constant: float
    rate: float

    def loss(self, kernel: ArrayLike) -> float:
        """Mean squared error of the picture that `kernel`, (k, k), makes."""
        w = np.asarray(kernel, np.float64).ravel()
        return float(w @ self.gram @ w - 2 * self.target @ w + self.constant)


def task(picture: ArrayLike, kernel_size: int, stride: int) -> Task:
    """To upsample `picture`, made `stride` times smaller by block means, to what it was.

    The output is compared with the picture pixel by pixel from the top left, as far as both reach.

    Args:
        picture: (C, H, W).
        kernel_size: k, 1 to 16.
        stride: 1 to 8.

    Raises:
        SettingError: a kernel or stride out of range, or a picture smaller than one block or all cut off.
    """
    Whole(1, 16).check("kernel_size", kernel_size)
    Whole(1, 8).check("stride", stride)
    y = as_numbers("picture", picture, (None, None, None))
    small = torch.from_numpy(shrink(y, stride))
    single = torch.eye(kernel_size**2, dtype=small.dtype).reshape(1, -1, kernel_size, kernel_size)
    padding = max(0, (kernel_size - stride) // 2)
    gram, target, constant, count = np.zeros((kernel_size**2,) * 2), np.zeros(kernel_size**2), 0.0, 0
    with torch.inference_mode():
        for plane, wanted in zip(small, torch.from_numpy(y), strict=True):
            # What each weight alone contributes: a channel for each.
            made = F.conv_transpose2d(plane[None, None], single, None, stride, padding)[0]
            height, width = (min(a, b) for a, b in zip(made.shape[1:], wanted.shape, strict=True))
            flat, goal = made[:, :height, :width].flatten(1), wanted[:height, :width].flatten()
            gram += (flat @ flat.T).numpy()
            target += (flat @ goal).numpy()
            constant += float(goal @ goal)
            count += goal.numel()
    largest = float(np.linalg.eigvalsh(gram / count)[-1])
    if not largest > 0:
        raise SettingError(N_("the picture is black all over; there is nothing to learn from it"))
    return Task(kernel_size, stride, gram / count, target / count, constant / count, 1 / (2 * largest))


def descend(task: Task, start: Kernel, steps: int) -> Kernel:
    """The kernel after `steps` steps of plain gradient descent from `start`.

    >>> flat = task(np.ones((1, 12, 12)), 2, 2)
    >>> np.round(descend(flat, ((0.0, 0.0), (0.0, 2.0)), 1), 6).tolist()  # every phase sees the same ones
    [[1.0, 1.0], [1.0, 1.0]]
    """
    w = np.array(start, np.float64).ravel()
    for _ in range(steps):
        w -= task.rate * 2 * (task.gram @ w - task.target)
    return as_kernel(w.reshape(task.kernel_size, -1))


def squared_error(picture: ArrayLike, kernel: Kernel, stride: int) -> float:
    """The same loss, measured by PyTorch on the pixels of `picture`, (C, H, W)."""
    y = torch.from_numpy(as_numbers("picture", picture, (None, None, None)))
    weight = torch.tensor(kernel, dtype=y.dtype)
    padding = max(0, (len(kernel) - stride) // 2)
    with torch.inference_mode():
        small = F.avg_pool2d(y[:, None], stride)
        made = F.conv_transpose2d(small, weight[None, None], None, stride, padding)[:, 0]
        height, width = (min(a, b) for a, b in zip(made.shape[1:], y.shape[1:], strict=True))
        return float(F.mse_loss(made[:, :height, :width], y[:, :height, :width]))
