"""Resize, then convolve: the size from interpolation, what is learned from an ordinary convolution."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from cnnviz.messages import N_
from cnnviz.upsampling import kernels
from cnnviz.upsampling.operator import (
    Choice,
    Maps,
    Operator,
    Settings,
    Weights,
    Whole,
    register,
    setting,
)
from cnnviz.upsampling.operators import bilinear, dilated, nearest
from cnnviz.upsampling.resizing import CornerResizing, Resizing

BOX = kernels.uniform(3, 1)


@dataclass(frozen=True)
class ResizeConvolve(Settings):
    """First the one, then the other; every channel is filtered by the same kernel.

    Attributes:
        scale_factor: times as high and wide.
        mode: how to resize.
        kernel: weights of the convolution: stride 1, padding "same" with zeros.
    """

    scale_factor: int = setting(2, Whole(1, 8))
    mode: Literal["nearest", "bilinear"] = setting("nearest", Choice(("nearest", "bilinear")))
    kernel: tuple[tuple[float, ...], ...] = setting(BOX, Weights(1, 9))


def apply(x: Maps, settings: ResizeConvolve) -> Maps:
    """(C, H, W) -> (C, scale·H, scale·W)."""
    if settings.mode == "nearest":
        resized = nearest.apply(x, Resizing(settings.scale_factor))
    else:
        resized = bilinear.apply(x, CornerResizing(settings.scale_factor))
    return dilated.apply(resized, dilated.Dilated(settings.kernel, dilation=1))


def reference(x: Tensor, settings: ResizeConvolve) -> Tensor:
    resized = F.interpolate(x, scale_factor=settings.scale_factor, mode=settings.mode)
    weight = x.new_tensor(settings.kernel).expand(x.shape[1], 1, -1, -1)
    return F.conv2d(resized, weight, padding="same", groups=x.shape[1])


def code(settings: ResizeConvolve) -> str:
    return (
        f"weight = torch.tensor({kernels.write(settings.kernel)}, dtype=x.dtype)\n"
        "weight = weight.expand(x.shape[1], 1, -1, -1)  # the same kernel for every channel\n"
        f'resized = F.interpolate(x, scale_factor={settings.scale_factor}, mode="{settings.mode}")\n'
        'y = F.conv2d(resized, weight, padding="same", groups=x.shape[1])'
    )


register(
    Operator(
        id="resize_convolve",
        title=N_("Resize, then convolve"),
        formula=r"y = w \star \operatorname{resize}_s(x)",
        call="torch.nn.functional.conv2d(torch.nn.functional.interpolate(…))",
        source="Odena et al. 2016, 'Deconvolution and Checkerboard Artifacts', Distill",
        settings=ResizeConvolve,
        apply=apply,
        reference=reference,
        code=code,
    )
)
