"""A small residual network whose blocks weigh their channels, for small RGB pictures.

Hu et al., arXiv 1709.01507, Figure 3: the gates act on F(x), before the shortcut is added.
"""

from torch import Tensor, nn

from cnnviz.blocks.residual import Block, Design
from cnnviz.blocks.squeeze_excite import SqueezeExcite

WIDTHS = (16, 32, 64)
"""Channels of the three stages, a block each."""


class SmallSEResNet(nn.Module):
    """A 3×3 convolution of stride 2, three blocks, the map halved between them, and a dense layer.

    Args:
        classes: of the logits.
        reduction: r, at most 16; None for the same network without gates.
    """

    def __init__(self, classes: int, reduction: int | None) -> None:
        super().__init__()
        channels = WIDTHS[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.blocks = nn.Sequential()
        for width in WIDTHS:
            same = width == channels
            block = Block(channels, width, 1 if same else 2, Design("identity" if same else "projection"))
            if reduction is not None:
                block.branch.append(SqueezeExcite(width, reduction))
            self.blocks.append(block)
            channels = width
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dense = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) RGB from 0 to 1 -> (N, classes) logits."""
        return self.dense(self.pool(self.blocks(self.stem(x))).flatten(1))
