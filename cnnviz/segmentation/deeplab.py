"""DeepLabV3 style: look at several distances at once by dilated convolutions, and at the whole image.

Chen et al., 'Rethinking Atrous Convolution for Semantic Image Segmentation', 2017 (arXiv 1706.05587),
Figure 5: atrous spatial pyramid pooling (ASPP). Its rates are for larger inputs; ours are a third of
theirs. One finer map then sharpens the outlines, as in DeepLabV3+ (Chen et al. 2018, arXiv 1802.02611,
Figure 2), at stride 8.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.segmentation.backbone import CHANNELS
from cnnviz.segmentation.voc import CLASSES

RATES = (2, 4, 6)


def _convolution(inputs: int, outputs: int, kernel_size: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = kernel_size // 2 * dilation
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class ASPP(nn.Module):
    """One 1×1 convolution, one 3×3 of each rate, and the mean of the whole map, side by side."""

    def __init__(self, inputs: int, width: int, outputs: int, rates: Sequence[int] = RATES) -> None:
        super().__init__()
        self.branches = nn.ModuleList([_convolution(inputs, width)])
        self.branches.extend(_convolution(inputs, width, 3, rate) for rate in rates)
        # Without batch normalisation, which a single cell a photo gives nothing to work on.
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inputs, width, 1), nn.ReLU())
        self.join = nn.Sequential(_convolution(width * (len(rates) + 2), outputs), nn.Dropout2d(0.1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) → (N, outputs, h, w)."""
        seen = [branch(x) for branch in self.branches]
        seen.append(self.whole(x).expand(-1, -1, *x.shape[-2:]))
        return self.join(torch.cat(seen, 1))


class DeepLab(nn.Module):
    """Logits at stride 8: ASPP over the maps at 16 and 32 together, sharpened by the map at 8."""

    def __init__(self, classes: int = len(CLASSES), width: int = 64) -> None:
        super().__init__()
        _, eighth, sixteenth, last = CHANNELS
        self.normalise = nn.ModuleList(nn.BatchNorm2d(channels) for channels in CHANNELS[1:])
        self.entry = _convolution(sixteenth + last, 128)
        self.aspp = ASPP(128, width, 96)
        self.detail = _convolution(eighth, 32)
        self.decode = _convolution(96 + 32, 64, 3)
        self.score = nn.Conv2d(64, classes, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps at strides 4, 8, 16, 32 → logits (N, classes, h, w) at 8."""
        eighth, sixteenth, last = (
            normalise(x) for normalise, x in zip(self.normalise, maps[1:], strict=True)
        )
        coarse = F.interpolate(last, sixteenth.shape[-2:], mode="bilinear")
        context = self.aspp(self.entry(torch.cat([sixteenth, coarse], 1)))
        context = F.interpolate(context, eighth.shape[-2:], mode="bilinear")
        return self.score(self.decode(torch.cat([context, self.detail(eighth)], 1)))
