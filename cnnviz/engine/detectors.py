"""Running the detectors: ours, and torchvision's, up to the boxes that they would suppress.

What torchvision's models do after their heads is written once more here, because a page wants to know what
they forget: which anchor or proposal each box came from, and what non-maximum suppression took away. At
their own settings, :func:`cnnviz.detection.postprocess.select` gives what the models themselves give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import maskrcnn_inference
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops import batched_nms, clip_boxes_to_image, remove_small_boxes

from cnnviz.detection import pyramid
from cnnviz.engine.catalogue import ModelCard
from cnnviz.engine.results import DetectionResult, Origin, Size
from cnnviz.engine.runner import Prepared, Runner, as_tensor, finite, read_only
from cnnviz.engine.segmenters import OwnRunner
from cnnviz.segmentation.backbone import Fit

FLOOR = 0.01
"""Boxes scored no better are left out, unless the model itself asks for worse."""
MOST = 10_000
"""The best so many boxes are kept."""


@dataclass
class Found:
    """Boxes of one image in pixels of the network's input, in any order.

    Attributes:
        grids: (rows, columns) of each level.
        boxes, origins: (N, 4) xyxy.
        scores, labels, levels: (N,).
        cells: (N, 2).
        masks: (M, 28, 28) or None; mask_of: (N,) indices into them, or −1.
    """

    grids: tuple[Size, ...]
    boxes: Tensor
    scores: Tensor
    labels: Tensor
    origins: Tensor
    levels: Tensor
    cells: Tensor
    masks: Tensor | None = None
    mask_of: Tensor | None = None


class Detector(Runner[DetectionResult]):
    """What torchvision's detectors have in common."""

    origin: Origin = "anchor"

    @property
    def settings(self) -> Any:
        """What has the model's own score_thresh, nms_thresh and detections_per_img."""
        return self.module

    @property
    def floor(self) -> float:
        return min(FLOOR, self.settings.score_thresh)

    def prepare(self, rgb: NDArray[np.uint8]) -> Prepared:
        module: Any = self.module
        images, _ = module.transform([as_tensor(rgb).float() / 255])
        return Prepared(images.tensors, (rgb.shape[0], rgb.shape[1]), tuple(images.image_sizes[0]))

    def results(self, outputs: Any, prepared: Sequence[Prepared]) -> list[DetectionResult]:
        return [
            self._result(self.found(outputs, number, photo), photo) for number, photo in enumerate(prepared)
        ]

    def found(self, outputs: Any, number: int, photo: Prepared) -> Found:
        """The boxes of one image of the batch whose score exceeds the floor."""
        raise NotImplementedError

    def _result(self, found: Found, photo: Prepared) -> DetectionResult:
        finite(found.boxes, self.card)
        order = found.scores.argsort(descending=True, stable=True)
        floor = self.floor
        if len(order) > MOST:
            floor = float(found.scores[order[MOST]])
            order = order[:MOST]
        return DetectionResult(
            model=self.card.id,
            photo=photo.photo,
            classes=self.card.classes,
            boxes=read_only(self.to_photo(found.boxes[order], photo)),
            scores=read_only(found.scores[order]),
            labels=read_only(found.labels[order]),
            origin=self.origin,
            origins=read_only(resize_boxes(found.origins[order], photo.inner, photo.photo)),
            levels=read_only(found.levels[order]),
            cells=read_only(found.cells[order]),
            grids=found.grids,
            floor=floor,
            score_threshold=self.settings.score_thresh,
            iou_threshold=self.settings.nms_thresh,
            limit=self.settings.detections_per_img,
            masks=None if found.masks is None else read_only(found.masks),
            mask_of=None if found.mask_of is None else read_only(found.mask_of[order]),
        )

    def to_photo(self, boxes: Tensor, photo: Prepared) -> Tensor:
        """(N, 4) in pixels of the input → in pixels of the photo."""
        return resize_boxes(boxes, photo.inner, photo.photo)


@dataclass(frozen=True)
class _Dense:
    """What a one-stage network says: at each anchor of each level, logits and the way to a box."""

    head: dict[str, list[Tensor]]
    anchors: list[list[Tensor]]
    grids: tuple[Size, ...]


class OneStage(Detector):
    """SSD, RetinaNet and FCOS: every anchor of every level votes."""

    def network(self, x: Tensor, prepared: Sequence[Prepared]) -> _Dense:
        module: Any = self.module
        features = list(module.backbone(x).values())
        head = module.head(features)
        anchors = module.anchor_generator(ImageList(x, [photo.inner for photo in prepared]), features)
        grids = tuple((map_.shape[2], map_.shape[3]) for map_ in features)
        # Levels have different numbers of anchors in SSD, the same elsewhere.
        generator = module.anchor_generator
        each = generator.num_anchors_per_location()
        sizes = [rows * columns * number for (rows, columns), number in zip(grids, each, strict=True)]
        return _Dense(
            {name: list(output.split(sizes, 1)) for name, output in head.items()},
            [list(one.split(sizes)) for one in anchors],
            grids,
        )

    def probabilities(self, head: dict[str, Tensor]) -> Tensor:
        """(anchors, classes) scores from a level's outputs for one image."""
        return head["cls_logits"].sigmoid()

    def best(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """(anchor, class) of the scores of a level that are looked at further: the best so many."""
        module: Any = self.module
        flat = scores.flatten()
        order = flat.topk(min(module.topk_candidates, len(flat))).indices
        order = order[flat[order] > self.floor]
        return order // scores.shape[1], order % scores.shape[1]

    def decode(self, distances: Tensor, anchors: Tensor) -> Tensor:
        """(N, 4) boxes from what the head says of them and their anchors."""
        module: Any = self.module
        return module.box_coder.decode_single(distances, anchors)

    def found(self, outputs: _Dense, number: int, photo: Prepared) -> Found:
        parts = []
        for level, grid in enumerate(outputs.grids):
            head = {name: levels[level][number] for name, levels in outputs.head.items()}
            anchors = outputs.anchors[number][level]
            scores = self.probabilities(head)
            anchor, label = self.best(scores)
            boxes = self.decode(head["bbox_regression"][anchor], anchors[anchor])
            parts.append(
                (
                    clip_boxes_to_image(boxes, photo.inner),
                    scores[anchor, label],
                    label,
                    anchors[anchor],
                    torch.full_like(label, level),
                    _cells(len(anchors), grid).to(label.device)[anchor],
                )
            )
        return Found(outputs.grids, *(torch.cat(part) for part in zip(*parts, strict=True)))


def _cells(anchors: int, grid: Size) -> Tensor:
    """(anchors, 2) row and column of each anchor of a level; those of a cell follow each other."""
    cell = torch.arange(anchors) // (anchors // (grid[0] * grid[1]))
    return torch.stack([cell // grid[1], cell % grid[1]], 1)


class FCOS(OneStage):
    """FCOS: an anchor is a cell; the score is damped by how central the cell is in its box."""

    origin = "cell"

    def probabilities(self, head: dict[str, Tensor]) -> Tensor:
        return (head["cls_logits"].sigmoid() * head["bbox_ctrness"].sigmoid()).sqrt()

    def decode(self, distances: Tensor, anchors: Tensor) -> Tensor:
        module: Any = self.module
        return module.box_coder.decode(distances, anchors)


class SSD(OneStage):
    """SSD: softmax over the classes and the background, and so many boxes of each class, whatever the level."""

    def found(self, outputs: _Dense, number: int, photo: Prepared) -> Found:
        module: Any = self.module
        head = {name: torch.cat([level[number] for level in levels]) for name, levels in outputs.head.items()}
        anchors = torch.cat(outputs.anchors[number])
        scores = head["cls_logits"].softmax(1)[:, 1:].T
        best = scores.topk(min(module.topk_candidates, len(anchors)))
        label, rank = torch.nonzero(best.values > self.floor, as_tuple=True)
        anchor = best.indices[label, rank]
        boxes = clip_boxes_to_image(self.decode(head["bbox_regression"], anchors), photo.inner)
        sizes = [len(level) for level in outputs.anchors[number]]
        levels = torch.cat(
            [torch.full((size,), level, device=label.device) for level, size in enumerate(sizes)]
        )
        cells = torch.cat([_cells(*one) for one in zip(sizes, outputs.grids, strict=True)]).to(label.device)
        return Found(
            outputs.grids,
            boxes[anchor],
            best.values[label, rank],
            label + 1,
            anchors[anchor],
            levels[anchor],
            cells[anchor],
        )


class TwoStage(Detector):
    """Faster and Mask R-CNN: a first stage proposes regions, a second looks at each."""

    origin = "proposal"

    def __init__(self, card: ModelCard, module: nn.Module) -> None:
        super().__init__(card, module)
        # The pools work out the strides of the maps from the first image that they see, and keep them for
        # all; padding makes those of a very narrow one come out wrong.
        square = torch.zeros(1, 3, 320, 320)
        parts: Any = module
        with torch.inference_mode():
            features = parts.backbone(square)
            for pool in (parts.roi_heads.box_roi_pool, parts.roi_heads.mask_roi_pool):
                if pool is not None:
                    pool(features, [torch.tensor([[0.0, 0.0, 32.0, 32.0]])], [(320, 320)])

    @property
    def settings(self) -> Any:
        module: Any = self.module
        return module.roi_heads

    def network(self, x: Tensor, prepared: Sequence[Prepared]) -> list[Found]:
        module: Any = self.module
        heads, sizes = module.roi_heads, [photo.inner for photo in prepared]
        features = module.backbone(x)
        proposals, _ = module.rpn(ImageList(x, sizes), features)
        pool = heads.box_roi_pool
        logits, shifts = heads.box_predictor(heads.box_head(pool(features, proposals, sizes)))
        counts = [len(one) for one in proposals]
        # Shaped here, because without any proposal torchvision leaves the classes out.
        boxes = heads.box_coder.decode(shifts, proposals).reshape(-1, logits.shape[1], 4).split(counts)
        scores = logits.softmax(-1).split(counts)
        grids = tuple(tuple(features[name].shape[2:]) for name in pool.featmap_names if name in features)
        images = [
            self._candidates(*parts, pool.map_levels([parts[2]]), grids)
            for parts in zip(boxes, scores, proposals, sizes, strict=True)
        ]
        return self._masked(images, features, sizes) if heads.has_mask() else images

    def _candidates(
        self,
        boxes: Tensor,
        scores: Tensor,
        proposals: Tensor,
        size: Size,
        levels: Tensor,
        grids: tuple[Size, ...],
    ) -> Found:
        """(P, classes, 4) boxes and (P, classes) scores of an image's proposals → those worth considering."""
        proposal, label = torch.nonzero(scores[:, 1:] > self.floor, as_tuple=True)
        label = label + 1
        found = clip_boxes_to_image(boxes[proposal, label], size)
        kept = remove_small_boxes(found, min_size=1e-2)
        proposal, label = proposal[kept], label[kept]
        return Found(
            grids,
            found[kept],
            scores[proposal, label],
            label,
            proposals[proposal],
            levels[proposal],
            torch.full((len(label), 2), -1, device=label.device),
        )

    def _masked(self, images: list[Found], features: dict[str, Tensor], sizes: list[Size]) -> list[Found]:
        """The same, with masks for what the model's own settings keep."""
        heads, kept = self.settings, []
        for image in images:
            good = torch.where(image.scores > heads.score_thresh)[0]
            of = image.boxes[good], image.scores[good], image.labels[good]
            kept.append(good[batched_nms(*of, heads.nms_thresh)[: heads.detections_per_img]])
        boxes = [image.boxes[best] for image, best in zip(images, kept, strict=True)]
        labels = [image.labels[best] for image, best in zip(images, kept, strict=True)]
        logits = heads.mask_predictor(heads.mask_head(heads.mask_roi_pool(features, boxes, sizes)))
        masks = maskrcnn_inference(logits, labels)
        for image, best, mask in zip(images, kept, masks, strict=True):
            image.mask_of = torch.full_like(image.labels, -1)
            image.mask_of[best] = torch.arange(len(best), device=best.device)
            image.masks = mask[:, 0]
        return images

    def found(self, outputs: list[Found], number: int, photo: Prepared) -> Found:
        return outputs[number]


@dataclass(frozen=True)
class _OwnSettings:
    """Our detector's defaults, by the names that torchvision gives them."""

    score_thresh: float
    nms_thresh: float
    detections_per_img: int = 100


class OwnDetector(OwnRunner, Detector):
    """Our pyramid detector."""

    side = pyramid.SIDE
    origin = "cell"

    @property
    def settings(self) -> _OwnSettings:
        return _OwnSettings(pyramid.CARD.score_threshold, pyramid.CARD.nms_iou)

    def found(self, outputs: list[tuple[Tensor, Tensor]], number: int, photo: Prepared) -> Found:
        one = [(logits[number : number + 1], sides[number : number + 1]) for logits, sides in outputs]
        (best,) = pyramid.candidates(one, photo.inner, self.floor, MOST)
        stride = torch.tensor(pyramid.STRIDES, device=best.level.device)[best.level, None]
        corners = best.cell.flip(1) * stride
        grids = tuple((logits.shape[2], logits.shape[3]) for logits, _ in one)
        cells = torch.cat([corners, corners + stride], 1).float()
        return Found(grids, best.boxes, best.scores, best.labels, cells, best.level, best.cell)

    def to_photo(self, boxes: Tensor, photo: Prepared) -> Tensor:
        padded = photo.x.shape[2], photo.x.shape[3]
        return Fit(*photo.photo, *photo.inner, *padded).boxes_to_photo(boxes)
