"""Our detector: one stage, no anchors, on three levels of a feature pyramid over the frozen backbone.

The pyramid: Lin et al., 'Feature Pyramid Networks for Object Detection', CVPR 2017 (arXiv 1612.03144),
Figure 3. Each cell says how likely an object of each class is there and how far the four sides of its box
are: Tian et al., 'FCOS', ICCV 2019 (arXiv 1904.01355), equation 1. Its score is trained to be the IoU of
its box: Li et al., 'Generalized Focal Loss', NeurIPS 2020 (arXiv 2006.04388).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz import weights
from cnnviz.segmentation.backbone import CHANNELS
from cnnviz.segmentation.voc import OBJECTS

ID = "pyramid"
STRIDES = (8, 16, 32)
WIDTH = 96
SIDE = 384
"""The long side, in pixels, that a photo is brought to by default."""


@dataclass(frozen=True)
class DetectorCard:
    """What there is to say about the detector; a test recomputes the count.

    Attributes:
        parameters: numbers that were learned, without the backbone's.
        score_threshold, nms_iou: the defaults, chosen on validation photos.
        ap, ap50: COCO's figures of the shipped weights on the 200 test photos, 0 … 1.
    """

    parameters: int
    score_threshold: float
    nms_iou: float
    ap: float
    ap50: float


CARD = DetectorCard(parameters=631_115, score_threshold=0.3, nms_iou=0.5, ap=0.169, ap50=0.357)

Output = tuple[Tensor, Tensor]
"""Of one level: class logits (N, 20, h, w), and distances (N, 4, h, w) in pixels from a cell's centre to
the left, top, right and bottom of its box."""


def _layer(inputs: int, outputs: int, kernel_size: int, normalise: nn.Module) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2, bias=False)
    return nn.Sequential(convolution, normalise, nn.ReLU())


def _tower(width: int) -> nn.Sequential:
    # Normalised in groups (arXiv 1803.08494), each photo by itself: the levels that share the weights
    # differ too much to share the statistics of a batch.
    return nn.Sequential(*(_layer(width, width, 3, nn.GroupNorm(8, width)) for _ in range(2)))


class Pyramid(nn.Module):
    """The head: coarse maps are added to finer ones, and two towers read every level.

    The towers' weights are shared by the levels, but for a factor of the distances on each.
    """

    def __init__(self, classes: int = len(OBJECTS), width: int = WIDTH) -> None:
        super().__init__()
        self.normalise = nn.ModuleList(nn.BatchNorm2d(channels) for channels in CHANNELS[1:])
        self.lateral = nn.ModuleList(
            _layer(channels, width, 1, nn.BatchNorm2d(width)) for channels in CHANNELS[1:]
        )
        self.smooth = nn.ModuleList(_layer(width, width, 3, nn.BatchNorm2d(width)) for _ in STRIDES)
        self.class_tower, self.box_tower = _tower(width), _tower(width)
        self.classes = nn.Sequential(nn.Dropout2d(0.1), nn.Conv2d(width, classes, 1))
        self.sides = nn.Conv2d(width, 4, 1)
        self.scale = nn.Parameter(torch.zeros(len(STRIDES)))
        # A score of 0.01 everywhere to begin with, so that the many empty cells don't drown the few others.
        score = self.classes[-1]
        assert isinstance(score, nn.Conv2d)
        assert score.bias is not None
        assert self.sides.bias is not None
        nn.init.normal_(score.weight, std=0.01)
        nn.init.constant_(score.bias, -math.log(99))
        nn.init.normal_(self.sides.weight, std=0.01)
        nn.init.constant_(self.sides.bias, 1.0)

    def pyramid(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps at strides 4, 8, 16, 32 → (N, width, h, w) at 8, 16 and 32: each with all coarser ones in it."""
        levels: list[Tensor] = []
        steps = list(zip(self.normalise, self.lateral, self.smooth, maps[1:], strict=True))
        above: Tensor | None = None
        for normalise, lateral, smooth, x in reversed(steps):
            here = lateral(normalise(x))
            if above is not None:
                here = here + F.interpolate(above, here.shape[-2:], mode="nearest")
            above = here
            levels.insert(0, smooth(here))
        return levels

    def forward(self, maps: Sequence[Tensor]) -> list[Output]:
        """Maps at strides 4, 8, 16, 32 → logits and distances at strides 8, 16 and 32."""
        outputs = []
        for x, stride, scale in zip(self.pyramid(maps), STRIDES, self.scale, strict=True):
            # Bounded, so that no image makes an infinite box.
            sides = (self.sides(self.box_tower(x)) + scale).clamp(-4, 5).exp() * stride
            outputs.append((self.classes(self.class_tower(x)), sides))
        return outputs


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes of one image before any suppression, the best first.

    Attributes:
        boxes: (M, 4) float32, xyxy in pixels of the input, cut to it.
        scores: (M,) float32, sigmoid of the class logit, 0 … 1.
        labels: (M,) int64, 0 … 19: index into :data:`cnnviz.segmentation.voc.OBJECTS`.
        level: (M,) int64, index into :data:`STRIDES`.
        cell: (M, 2) int64, row and column of the level's cell that speaks.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    level: Tensor
    cell: Tensor


def cell_centres(height: int, width: int, stride: int) -> Tensor:
    """(2, height, width): x and y of the cells' centres, in pixels of the input."""
    down, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([across, down]) + 0.5) * stride


def boxes_of(distances: Tensor, stride: int) -> Tensor:
    """Distances (N, 4, h, w) as boxes (N, 4, h, w), xyxy in pixels of the input."""
    centres = cell_centres(distances.shape[2], distances.shape[3], stride).to(distances)
    return torch.cat([centres - distances[:, :2], centres + distances[:, 2:]], 1)


def candidates(
    outputs: Sequence[Output], size: tuple[int, int], score_floor: float = 0.05, at_most: int = 1000
) -> list[Candidates]:
    """What the cells propose, for each image of the batch.

    A cell proposes its box once for every class whose score reaches the floor.

    Args:
        outputs: of :meth:`Pyramid.forward`.
        size: (height, width) that boxes are cut to: of the photo within the input, without padding.
        at_most: of the best are kept in each image.
    """
    found = []
    for image in range(len(outputs[0][0])):
        boxes, scores, labels, levels, cells = [], [], [], [], []
        for level, (logits, distances) in enumerate(outputs):
            probability = logits[image].sigmoid()
            label, row, column = torch.nonzero(probability >= score_floor, as_tuple=True)
            scores.append(probability[label, row, column])
            boxes.append(boxes_of(distances[image : image + 1], STRIDES[level])[0][:, row, column].T)
            labels.append(label)
            levels.append(torch.full_like(label, level))
            cells.append(torch.stack([row, column], 1))
        score = torch.cat(scores)
        order = score.argsort(descending=True, stable=True)[:at_most]
        limit = score.new_tensor([size[1], size[0], size[1], size[0]])
        found.append(
            Candidates(
                torch.cat(boxes)[order].clamp(min=0).minimum(limit),
                score[order],
                torch.cat(labels)[order],
                torch.cat(levels)[order],
                torch.cat(cells)[order],
            )
        )
    return found


def load(seed: int | None = None) -> Pyramid:
    """A new head on the CPU, in eval mode, frozen.

    Args:
        seed: random weights from this seed, for tests; the shipped ones where None.

    Raises:
        WeightsError: the shipped file is missing or damaged.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        head = Pyramid()
    if seed is None:
        weights.load_into(head, ID)
    return head.eval().requires_grad_(False)
