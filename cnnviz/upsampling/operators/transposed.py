"""Transposed convolution: every input cell stamps the kernel, times its value; what overlaps adds up."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnnviz.layers.arithmetic import transposed_output_size
from cnnviz.messages import N_
from cnnviz.upsampling import kernels
from cnnviz.upsampling.operator import Maps, Operator, Settings, Weights, Whole, register, setting

BILINEAR = kernels.bilinear(2)


@dataclass(frozen=True)
class Transposed(Settings):
    """In the words of ``torch.nn.ConvTranspose2d``; every channel is upsampled by the same kernel.

    Attributes:
        kernel: the weights.
        stride: distance between neighbouring stamps.
        padding: rows and columns cut off on all sides: the padding of the convolution that is transposed.
        output_padding: rows and columns more at the bottom and right.
    """

    kernel: tuple[tuple[float, ...], ...] = setting(BILINEAR, Weights(1, 16))
    stride: int = setting(2, Whole(1, 8))
    padding: int = setting(1, Whole(0, 8))
    output_padding: int = setting(0, Whole(0, 7))

    @property
    def kernel_size(self) -> tuple[int, int]:
        return len(self.kernel), len(self.kernel[0])

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the output.

        Raises:
            SettingError: settings that don't fit together, or an empty output.

        >>> Transposed(kernels.uniform(3, 2), 2, 1).output_size(3, 3)
        (5, 5)
        """
        rows, columns = (
            transposed_output_size(side, k, self.stride, self.padding, self.output_padding)
            for side, k in zip((height, width), self.kernel_size, strict=True)
        )
        return rows, columns


def apply(x: Maps, settings: Transposed) -> Maps:
    """(C, H, W) -> (C, H', W'): stamp onto a canvas, then cut off the padding."""
    channels, height, width = x.shape
    new_height, new_width = settings.output_size(height, width)
    s, p = settings.stride, settings.padding
    kernel = np.array(settings.kernel, x.dtype)
    k_rows, k_columns = kernel.shape
    rows = (height - 1) * s + k_rows + settings.output_padding
    columns = (width - 1) * s + k_columns + settings.output_padding
    canvas = np.zeros((channels, rows, columns), x.dtype)
    for i in range(height):
        for j in range(width):
            stamp = x[:, i, j, None, None] * kernel
            canvas[:, i * s : i * s + k_rows, j * s : j * s + k_columns] += stamp
    return canvas[:, p : p + new_height, p : p + new_width]


def reference(x: Tensor, settings: Transposed) -> Tensor:
    settings.output_size(*x.shape[-2:])
    channels = x.shape[1]
    weight = x.new_tensor(settings.kernel).expand(channels, 1, -1, -1)
    return torch.nn.functional.conv_transpose2d(
        x, weight, None, settings.stride, settings.padding, settings.output_padding, groups=channels
    )


def code(settings: Transposed) -> str:
    return (
        f"weight = torch.tensor({kernels.write(settings.kernel)}, dtype=x.dtype)\n"
        "weight = weight.expand(x.shape[1], 1, -1, -1)  # the same kernel for every channel\n"
        f"y = F.conv_transpose2d(x, weight, stride={settings.stride}, padding={settings.padding}, "
        f"output_padding={settings.output_padding}, groups=x.shape[1])"
    )


register(
    Operator(
        id="transposed",
        title=N_("Transposed convolution"),
        formula=r"y_{ij} = \sum_{a,b} x_{ab}\, w_{\,i+p-sa,\ j+p-sb}",
        call="torch.nn.functional.conv_transpose2d",
        source="Dumoulin & Visin 2016, arXiv 1603.07285, chapter 4",
        settings=Transposed,
        apply=apply,
        reference=reference,
        code=code,
    )
)
