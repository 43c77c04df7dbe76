"""Inside FCN-8s: what its coarsest map scores, and what each finer map adds."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from cnnviz.engine.results import SegmentationResult
from cnnviz.segmentation import backbone, heads
from cnnviz.segmentation.fcn import FCN
from cnnviz.segmentation.voc import CLASSES

HEAD = "fcn8s"
STRIDES = (32, 16, 8)


@dataclass(frozen=True, eq=False)
class Step:
    """One of the three steps.

    Attributes:
        stride: of the map that this step adds.
        added: (21, h, w) float32, what that map's scores are.
        total: the sum so far, enlarged to the same cells, as a result to draw masks from.
    """

    stride: int
    added: NDArray[np.float32]
    total: SegmentationResult


@dataclass(frozen=True, eq=False)
class Skips:
    """FCN-8s on one photo.

    Attributes:
        steps: stride 32, 16 and 8.
        scores: (21, h, w) float32, what the head itself gives; the last step's sum, if all is right.
    """

    steps: tuple[Step, ...]
    scores: NDArray[np.float32]


def add_up(rgb: NDArray[np.uint8], seed: int | None = None) -> Skips:
    """The photo through the backbone once, and through FCN-8s step by step.

    Args:
        rgb: (H, W, 3) uint8.
        seed: random weights instead of the shipped ones, for tests.
    """
    head = heads.load(HEAD, seed)
    assert isinstance(head, FCN)
    x, fit = backbone.preprocess(rgb, heads.SIDE)
    extent = (0.0, 0.0, fit.width * fit.padded_width / fit.inner_width,
              fit.height * fit.padded_height / fit.inner_height)  # fmt: skip
    made = []
    with torch.inference_mode():
        total: torch.Tensor | None = None
        maps = backbone.features(x)
        parts = head.partial_scores(maps)
        for stride, part in zip(STRIDES, parts, strict=True):
            total = part if total is None else part + F.interpolate(total, part.shape[-2:], mode="bilinear")
            result = SegmentationResult(
                model=f"lite0_{HEAD}",
                photo=(fit.height, fit.width),
                classes=CLASSES,
                scores=total[0].numpy(),
                input_size=(fit.padded_height, fit.padded_width),
                extent=extent,
                background_bias=heads.HEADS[HEAD].background_bias,
                certainty=heads.HEADS[HEAD].certainty,
            )
            made.append(Step(stride, part[0].numpy(), result))
        return Skips(tuple(made), head(maps)[0].numpy())
