"""A classifier read as a fully convolutional network: its dense layer is a 1×1 convolution.

Long, Shelhamer & Darrell, 'Fully Convolutional Networks for Semantic Segmentation', CVPR 2015 (arXiv
1411.4038), section 3.1 and Figure 2. There the dense layer follows a whole map, and becomes a convolution as
large as that map. EfficientNet-Lite0 averages its last map first. The mean over the cells and the dense
layer are both linear, so that their order doesn't matter: scoring every cell by the dense layer's
weights, and averaging the scores, gives the classifier's own logits.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.segmentation.backbone import Fit, preprocess
from cnnviz.zoo.efficientnet_lite0 import EfficientNetLite0

STRIDE = 32
SIDES = (224, 320, 448, 640, 800)
"""Long sides, in pixels, that a photo can be brought to."""


@dataclass(frozen=True, eq=False)
class Heat:
    """The classifier's scores for every cell of a photo.

    Attributes:
        logits: (1000, h, w) float32; cells that hold nothing but padding are left out.
        fit: how the photo lies in the network's input.
    """

    logits: NDArray[np.float32]
    fit: Fit

    @property
    def extent(self) -> tuple[float, float]:
        """(right, bottom) of the cells, in parts of the photo's width and height: 1 or a little more."""
        _, rows, columns = self.logits.shape
        return columns * STRIDE / self.fit.inner_width, rows * STRIDE / self.fit.inner_height

    @cached_property
    def _log_total(self) -> NDArray[np.float32]:
        return torch.from_numpy(self.logits).logsumexp(0).numpy()

    def probabilities(self, label: int) -> NDArray[np.float32]:
        """(h, w): one class's softmax in each cell."""
        return np.exp(self.logits[label] - self._log_total)

    def best(self, count: int = 5) -> NDArray[np.int64]:
        """The classes that reach the highest probability in any cell, the best first."""
        highest = (self.logits - self._log_total).max((1, 2))
        return np.argsort(-highest, kind="stable")[:count]


def as_convolution(dense: nn.Linear) -> nn.Conv2d:
    """The 1×1 convolution that has the very weights of a dense layer; they share their memory."""
    convolution = nn.Conv2d(dense.in_features, dense.out_features, 1, device="meta")
    convolution.weight = nn.Parameter(dense.weight[:, :, None, None], requires_grad=False)
    convolution.bias = nn.Parameter(dense.bias, requires_grad=False)
    return convolution


def score_cells(network: EfficientNetLite0, x: Tensor) -> Tensor:
    """(N, 3, H, W) preprocessed images of any size → (N, 1000, h, w) logits, one set a cell."""
    maps = x.contiguous(memory_format=torch.channels_last)
    for stage in network.stages.values():
        maps = stage(maps)
    return as_convolution(network.classifier)(maps)


def compare(network: EfficientNetLite0, x: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The logits of one image (1, 3, H, W), (1000,) each: the classifier's, and the mean of all cells' scores."""
    with torch.inference_mode():
        return network(x)[0].numpy(), score_cells(network, x).mean((2, 3))[0].numpy()


def heat(network: EfficientNetLite0, rgb: NDArray[np.uint8], side: int) -> Heat:
    """The whole photo, its long side brought to `side` pixels, through the convolutionalised classifier.

    Args:
        rgb: (H, W, 3) uint8.
        side: a multiple of 32.
    """
    x, fit = preprocess(rgb, side)
    with torch.inference_mode():
        logits = score_cells(network, x)[0]
    rows, columns = -(-fit.inner_height // STRIDE), -(-fit.inner_width // STRIDE)
    return Heat(logits[:, :rows, :columns].contiguous().numpy(), fit)
