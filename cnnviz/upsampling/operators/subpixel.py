"""Sub-pixel convolution: a convolution makes r² maps of each channel, a pixel shuffle interleaves them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from cnnviz.messages import N_
from cnnviz.upsampling import kernels
from cnnviz.upsampling.operator import Choice, Maps, Operator, Settings, Whole, register, setting
from cnnviz.upsampling.operators.dilated import Dilated
from cnnviz.upsampling.operators.dilated import apply as convolve
from cnnviz.upsampling.shuffling import icnr, shuffle


@dataclass(frozen=True)
class SubPixel(Settings):
    """The layer as it starts, before any training; every channel is upsampled by the same weights.

    Attributes:
        upscale_factor: r, times as high and wide.
        kernel_size: of the convolution, both ways; padding is "same".
        initialisation: r² kernels drawn one by one ("random"), or one drawn and used for all ("ICNR").
        seed: of the draw.
    """

    upscale_factor: int = setting(2, Whole(1, 8))
    kernel_size: int = setting(3, Whole(1, 9))
    initialisation: Literal["ICNR", "random"] = setting("ICNR", Choice(("ICNR", "random")))
    seed: int = setting(0, Whole(0, 999))

    @property
    def weight(self) -> Maps:
        """(r², 1, k, k), float64, as spread as PyTorch draws them; shifted to keep the mean level."""
        k, count = self.kernel_size, self.upscale_factor**2 if self.initialisation == "random" else 1
        drawn = np.random.default_rng(self.seed).normal(0, 1 / (3**0.5 * k), (count, 1, k, k))
        kept = drawn - drawn.mean() + 1 / k**2
        return kept if self.initialisation == "random" else icnr(kept, self.upscale_factor)


def apply(x: Maps, settings: SubPixel) -> Maps:
    """(C, H, W) -> (C, rH, rW)."""
    maps = [convolve(x, Dilated(kernels.as_kernel(kernel), 1)) for kernel in settings.weight[:, 0]]
    # Channel by channel, the r² maps that shall become its blocks.
    return shuffle(
        np.concatenate([np.stack(block) for block in zip(*maps, strict=True)]), settings.upscale_factor
    )


def reference(x: Tensor, settings: SubPixel) -> Tensor:
    channels = x.shape[1]
    weight = x.new_tensor(settings.weight).repeat(channels, 1, 1, 1)
    return F.pixel_shuffle(F.conv2d(x, weight, padding="same", groups=channels), settings.upscale_factor)


def code(settings: SubPixel) -> str:
    r = settings.upscale_factor
    if settings.initialisation == "ICNR":
        kernel = kernels.write(kernels.as_kernel(settings.weight[0, 0]))
        lines = [
            f"kernel = torch.tensor({kernel}, dtype=x.dtype)",
            f"weight = kernel.expand({r**2}, 1, -1, -1)  # ICNR: the same kernel for all {r} × {r} places",
        ]
    else:
        written = ",\n    ".join(kernels.write(kernels.as_kernel(kernel)) for kernel in settings.weight[:, 0])
        lines = [f"weight = torch.tensor([\n    {written},\n], dtype=x.dtype)[:, None]"]
    lines += [
        "weight = weight.repeat(x.shape[1], 1, 1, 1)  # for every channel",
        f'y = F.pixel_shuffle(F.conv2d(x, weight, padding="same", groups=x.shape[1]), {r})',
    ]
    return "\n".join(lines)


register(
    Operator(
        id="subpixel",
        title=N_("Sub-pixel convolution"),
        formula=r"y = \operatorname{shuffle}_r(w \star x),\quad w \in \mathbb{R}^{r^2 \times 1 \times k \times k};\quad "
        r"\text{ICNR: } w_0 = w_1 = \dots = w_{r^2-1}",
        call="torch.nn.functional.pixel_shuffle(torch.nn.functional.conv2d(…))",
        source="Shi et al. 2016, arXiv 1609.05158, eq. 3; Aitken et al. 2017, arXiv 1707.02937 (ICNR)",
        settings=SubPixel,
        apply=apply,
        reference=reference,
        code=code,
        helpers=(shuffle,),
    )
)
