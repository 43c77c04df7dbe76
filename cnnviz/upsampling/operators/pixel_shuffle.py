"""Pixel shuffle: r² channels become the r × r block of every cell. Nothing is computed, all is moved."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps, Operator, Settings, Whole, register, setting
from cnnviz.upsampling.shuffling import check_channels, shuffle


@dataclass(frozen=True)
class PixelShuffle(Settings):
    """r: times as high and wide, of r² times as many channels."""

    upscale_factor: int = setting(2, Whole(1, 8))


def apply(x: Maps, settings: PixelShuffle) -> Maps:
    """(C·r², H, W) -> (C, rH, rW)."""
    return shuffle(x, settings.upscale_factor)


def reference(x: Tensor, settings: PixelShuffle) -> Tensor:
    check_channels(x.shape[1], settings.upscale_factor)
    return F.pixel_shuffle(x, settings.upscale_factor)


def code(settings: PixelShuffle) -> str:
    return f"y = F.pixel_shuffle(x, {settings.upscale_factor})"


register(
    Operator(
        id="pixel_shuffle",
        title=N_("Pixel shuffle"),
        formula=r"y_{c,i,j} = x_{\,c r^2 + r (i \bmod r) + (j \bmod r),\ \lfloor i/r \rfloor,\ \lfloor j/r \rfloor}",
        call="torch.nn.functional.pixel_shuffle",
        source="Shi et al. 2016, arXiv 1609.05158, eq. 4",
        settings=PixelShuffle,
        apply=apply,
        reference=reference,
        code=code,
        helpers=(shuffle,),
    )
)
