"""Dilated convolution: see far without ever making the map smaller."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from cnnviz.layers.arithmetic import padding_pair
from cnnviz.messages import N_
from cnnviz.upsampling import kernels
from cnnviz.upsampling.operator import Maps, Operator, Settings, Weights, Whole, register, setting

BOX = kernels.uniform(3, 1)


@dataclass(frozen=True)
class Dilated(Settings):
    """A convolution of stride 1 with padding "same"; every channel is filtered by the same kernel.

    Attributes:
        kernel: the weights.
        dilation: distance between neighbouring weights.
    """

    kernel: tuple[tuple[float, ...], ...] = setting(BOX, Weights(1, 9))
    dilation: int = setting(2, Whole(1, 16))


def apply(x: Maps, settings: Dilated) -> Maps:
    """(C, H, W) -> the same: for every weight, the whole map shifted, times the weight."""
    _, height, width = x.shape
    kernel, d = np.array(settings.kernel, x.dtype), settings.dilation
    rows, columns = (padding_pair("same", side, dilation=d) for side in kernel.shape)
    padded = np.pad(x, ((0, 0), rows, columns))
    y = np.zeros_like(x)
    for (a, b), weight in np.ndenumerate(kernel):
        y += weight * padded[:, a * d : a * d + height, b * d : b * d + width]
    return y


def reference(x: Tensor, settings: Dilated) -> Tensor:
    weight = x.new_tensor(settings.kernel).expand(x.shape[1], 1, -1, -1)
    return F.conv2d(x, weight, padding="same", dilation=settings.dilation, groups=x.shape[1])


def code(settings: Dilated) -> str:
    return (
        f"weight = torch.tensor({kernels.write(settings.kernel)}, dtype=x.dtype)\n"
        "weight = weight.expand(x.shape[1], 1, -1, -1)  # the same kernel for every channel\n"
        f'y = F.conv2d(x, weight, padding="same", dilation={settings.dilation}, groups=x.shape[1])'
    )


register(
    Operator(
        id="dilated",
        title=N_("Dilated convolution"),
        formula=r"y_{ij} = \sum_{a,b} w_{ab}\, x_{\,i+da-p,\ j+db-p}",
        call="torch.nn.functional.conv2d(dilation=…)",
        source="Yu & Koltun 2016, arXiv 1511.07122, eq. 2",
        settings=Dilated,
        apply=apply,
        reference=reference,
        code=code,
        start="full",
    )
)
