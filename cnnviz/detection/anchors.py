"""How many boxes a detector considers before it has seen anything: its grids, and the anchors of each cell.

- SSD: 2 + 2 · (aspect ratios beyond 1) default boxes a cell: Liu et al., arXiv 1512.02325, section 2.2.
- Faster R-CNN with a feature pyramid: 3 aspect ratios, one scale a level: Lin et al., arXiv 1612.03144,
  section 4.1. RetinaNet: 3 ratios × 3 scales: Lin et al., arXiv 1708.02002, section 4.
- FCOS and our own detector: the cell itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from cnnviz.detection import pyramid
from cnnviz.engine.catalogue import ModelCard
from cnnviz.engine.results import DetectionResult, Size
from cnnviz.segmentation import backbone

SSD300_PUBLISHED = 8732
"""Liu et al., arXiv 1512.02325, table 7."""

_RATIOS = (0.5, 1.0, 2.0)
_SIZES = (32, 64, 128, 256, 512)

FAMOUS: dict[str, tuple[Size, ...]] = {
    "ssdlite320_mobilenet_v3_large": tuple((side, side) for side in (20, 10, 5, 3, 2, 1)),
    "ssd300_vgg16": tuple((side, side) for side in (38, 19, 10, 5, 3, 1)),
    "retinanet_resnet50_fpn": tuple((side, side) for side in (100, 50, 25, 13, 7)),
    "fasterrcnn_resnet50_fpn": tuple((side, side) for side in (200, 100, 50, 25, 13)),
}
"""Grids of well-known detectors: SSD at its own size, the others on an image of 800 × 800 pixels."""


@dataclass(frozen=True)
class Anchors:
    """What a detector considers on one image.

    Attributes:
        grids: (rows, columns) of each level.
        each: anchors of a cell, by level.
    """

    grids: tuple[Size, ...]
    each: tuple[int, ...]

    @property
    def levels(self) -> tuple[int, ...]:
        """Anchors of each level."""
        return tuple(
            rows * columns * each for (rows, columns), each in zip(self.grids, self.each, strict=True)
        )

    @property
    def total(self) -> int:
        """Of all levels.

        >>> anchors("ssd300_vgg16", FAMOUS["ssd300_vgg16"]).total
        8732
        >>> anchors("retinanet_resnet50_fpn", FAMOUS["retinanet_resnet50_fpn"]).total
        120087
        >>> anchors("fasterrcnn_resnet50_fpn", FAMOUS["fasterrcnn_resnet50_fpn"]).total
        159882
        """
        return sum(self.levels)


def grids_of(result: DetectionResult) -> tuple[Size, ...]:
    """The grids that anchors stand on.

    Two-stage networks have one more than those that their boxes are read from: the coarsest, halved.
    """
    if result.origin != "proposal":
        return result.grids
    rows, columns = result.grids[-1]
    return (*result.grids, (-(-rows // 2), -(-columns // 2)))


def anchors(model_id: str, grids: tuple[Size, ...]) -> Anchors:
    """The anchors of a model of the catalogue on such grids, by the papers' rules."""
    if model_id.startswith("ssd"):
        return Anchors(grids, tuple(2 + 2 * len(ratios) for ratios in _ssd_ratios(model_id)))
    if model_id.startswith("retinanet"):
        each = 3 * len(_RATIOS)
    elif "mobilenet" in model_id:  # Faster R-CNN with all sizes on both of its levels
        each = len(_SIZES) * len(_RATIOS)
    else:
        each = len(_RATIOS) if "rcnn" in model_id else 1
    return Anchors(grids, (each,) * len(grids))


def _ssd_ratios(model_id: str) -> list[list[int]]:
    return [[2, 3]] * 6 if model_id.startswith("ssdlite") else [[2], [2, 3], [2, 3], [2, 3], [2], [2]]


def measured(model_id: str, grids: Sequence[Size]) -> int:
    """How many boxes torchvision's own generator makes on such grids."""
    maps = [torch.empty(1, 1, *grid) for grid in grids]
    rows, columns = grids[0]
    stride = 16 if model_id.startswith("ssdlite") else 8
    image = ImageList(torch.empty(1, 1, rows * stride, columns * stride), [(rows * stride, columns * stride)])
    made: list[torch.Tensor] = _generator(model_id, len(grids))(image, maps)
    return len(made[0])


def _generator(model_id: str, levels: int) -> Any:
    if model_id.startswith("ssd"):
        return DefaultBoxGenerator(_ssd_ratios(model_id), min_ratio=0.2, max_ratio=0.95)
    sizes: tuple[tuple[int, ...], ...] = tuple((size,) for size in _SIZES[:levels])
    ratios: tuple[float, ...] = _RATIOS
    if model_id.startswith("retinanet"):
        sizes = tuple((size, int(size * 2 ** (1 / 3)), int(size * 2 ** (2 / 3))) for size in _SIZES)
    elif "mobilenet" in model_id:
        sizes = (_SIZES,) * levels
    elif "rcnn" not in model_id:
        ratios = (1.0,)
    return AnchorGenerator(sizes, (ratios,) * levels)


def extent(card: ModelCard, photo: Size) -> tuple[float, float]:
    """(right, bottom) of what the grids cover, in pixels of the photo: beyond it where the input is padded."""
    height, width = photo
    if card.own:
        lies = backbone.fit(height, width, pyramid.SIDE)
        padded, inner = (lies.padded_height, lies.padded_width), (lies.inner_height, lies.inner_width)
    elif "side" in card.values:
        return width, height
    else:
        least, most = float(str(card.values["least"])), float(str(card.values["most"]))
        scale = min(least / min(photo), most / max(photo))
        inner = int(height * scale), int(width * scale)
        padded = -(-inner[0] // 32) * 32, -(-inner[1] // 32) * 32
    return width * padded[1] / inner[1], height * padded[0] / inner[0]
