"""U-Net style: up one step at a time, and at each step side by side with the encoder's map of that size.

Ronneberger, Fischer & Brox, 'U-Net: Convolutional Networks for Biomedical Image Segmentation', MICCAI
2015 (arXiv 1505.04597), Figure 1. The encoder is the frozen backbone; the convolutions are padded, so
that nothing is cropped, and one stands at each step, not two.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.segmentation.backbone import CHANNELS
from cnnviz.segmentation.voc import CLASSES


def _convolution(inputs: int, outputs: int, kernel_size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """Logits at stride 4 from all four maps."""

    def __init__(self, classes: int = len(CLASSES), widths: Sequence[int] = (128, 96, 48, 32)) -> None:
        super().__init__()
        self.normalise = nn.ModuleList(nn.BatchNorm2d(channels) for channels in CHANNELS)
        self.bottom = _convolution(CHANNELS[3], widths[0], 1)
        self.up = nn.ModuleList(
            _convolution(below + skip, width, 3)
            for below, skip, width in zip(widths[:-1], reversed(CHANNELS[:-1]), widths[1:], strict=True)
        )
        self.score = nn.Sequential(nn.Dropout2d(0.1), nn.Conv2d(widths[-1], classes, 1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps at strides 4, 8, 16, 32 → logits (N, classes, h, w) at 4."""
        quarter, eighth, sixteenth, last = (
            normalise(x) for normalise, x in zip(self.normalise, maps, strict=True)
        )
        x = self.bottom(last)
        for up, skip in zip(self.up, (sixteenth, eighth, quarter), strict=True):
            x = up(torch.cat([F.interpolate(x, skip.shape[-2:], mode="bilinear"), skip], 1))
        return self.score(x)
