"""Fully convolutional networks: a 1×1 convolution scores every cell, and finer maps add detail.

Long, Shelhamer & Darrell, 'Fully Convolutional Networks for Semantic Segmentation', CVPR 2015 (arXiv
1411.4038), Figure 3. The sum of scores is upsampled bilinearly, which the paper's deconvolutions start
from; our heads don't go on to learn it.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.segmentation.backbone import CHANNELS
from cnnviz.segmentation.voc import CLASSES


def scorer(channels: int, hidden: int, classes: int) -> nn.Sequential:
    """Score each cell by itself: batch normalisation, a hidden layer, and one logit a class."""
    return nn.Sequential(
        nn.BatchNorm2d(channels),
        nn.Conv2d(channels, hidden, 1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(),
        nn.Dropout2d(0.1),
        nn.Conv2d(hidden, classes, 1),
    )


class FCN(nn.Module):
    """FCN-32s, -16s or -8s: the coarsest map's scores, plus those of one or two finer maps.

    Args:
        skips: finer maps that add their scores: 0, 1 or 2.
    """

    def __init__(self, skips: int, classes: int = len(CLASSES)) -> None:
        super().__init__()
        _, eighth, sixteenth, last = CHANNELS
        self.score32 = scorer(last, 192, classes)
        self.skips = nn.ModuleList(scorer(channels, 64, classes) for channels in (sixteenth, eighth)[:skips])

    def partial_scores(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """What each map adds, coarsest first, before upsampling: (N, classes, h, w) each."""
        finer = (maps[2], maps[1])
        return [self.score32(maps[3]), *(score(x) for score, x in zip(self.skips, finer, strict=False))]

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps at strides 4, 8, 16, 32 → logits (N, classes, h, w) at 32, 16 or 8."""
        total, *finer = self.partial_scores(maps)
        for scores in finer:
            total = scores + F.interpolate(total, scores.shape[-2:], mode="bilinear")
        return total
