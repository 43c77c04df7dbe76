"""Our detector: a small convolutional network that finds the shapes of :mod:`cnnviz.metrics.scenes`.

Each class has a heat map of a quarter of the image's size, whose peaks are the objects' centres; beside
it stand four distances from a cell's centre to the sides of its box. The heat maps follow CenterNet
(Zhou, Wang & Krähenbühl 2019, 'Objects as Points', arXiv 1904.07850), the distances FCOS (Tian et al.
2019, arXiv 1904.01355, equation 1). ``python -m cnnviz.training.shape_detector`` trains it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.errors import WeightsError
from cnnviz.messages import N_
from cnnviz.metrics.data import Category, Detections, DetectionSet, ImageInfo, Truths
from cnnviz.metrics.masks import encode
from cnnviz.metrics.scenes import SHAPES, SIDE, SceneSettings, draw

WEIGHTS = Path(__file__).resolve().parents[2] / "assets" / "weights" / "shape_detector.safetensors"
STRIDE = 4
MIN_SCORE = 0.1
"""Peaks below this are not reported: a curve needs its low scores, but not the bare ground's."""

MAX_DETECTIONS = 20
"""Most boxes a scene, the best by score; a scene has at most eight shapes."""


def _layer(inward: int, outward: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inward, outward, 3, stride, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU()
    )


class ShapeDetector(nn.Module):
    """(N, 3, H, W) RGB from 0 to 1, sides divisible by 16 → heat map and distances at a quarter.

    Returns of a call:
        logits: (N, 4, H/4, W/4), one map a class; their sigmoid is the score.
        distances: (N, 4, H/4, W/4), pixels from a cell's centre to left, top, right and bottom.
    """

    def __init__(self) -> None:
        super().__init__()
        self.quarter = nn.Sequential(_layer(3, 16, 2), _layer(16, 24, 2), _layer(24, 24))
        self.eighth = nn.Sequential(_layer(24, 40, 2), _layer(40, 40))
        self.sixteenth = nn.Sequential(_layer(40, 56, 2), _layer(56, 56), _layer(56, 56))
        self.up_eighth = nn.Conv2d(56, 40, 1)
        self.up_quarter = nn.Conv2d(40, 24, 1)
        self.join_eighth = _layer(40, 40)
        self.join_quarter = _layer(24, 32)
        self.heat = nn.Sequential(_layer(32, 32), nn.Conv2d(32, len(SHAPES), 1))
        self.box = nn.Sequential(_layer(32, 32), nn.Conv2d(32, 4, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        quarter = self.quarter((images - 0.5) * 4)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        eighth = self.join_eighth(eighth + F.interpolate(self.up_eighth(sixteenth), scale_factor=2))
        quarter = self.join_quarter(quarter + F.interpolate(self.up_quarter(eighth), scale_factor=2))
        # Clamped, so that no image makes an infinite box.
        distances = STRIDE * self.box(quarter).clamp(max=5).exp()
        return self.heat(quarter), distances


def cell_centres(height: int, width: int) -> Tensor:
    """(2, height, width): x and y of the cells' centres, in pixels of the image."""
    down, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([across, down]) + 0.5) * STRIDE


def boxes_of(distances: Tensor) -> Tensor:
    """Distances (N, 4, h, w) as boxes (N, 4, h, w), xyxy in pixels."""
    centres = cell_centres(*distances.shape[-2:]).to(distances)
    return torch.cat([centres - distances[:, :2], centres + distances[:, 2:]], 1)


@cache
def load() -> ShapeDetector:
    """The trained detector, ready to run; shared, so never trained or hooked.

    Raises:
        WeightsError: the shipped file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = ShapeDetector()
    try:
        weights = {name: values.float() for name, values in load_file(WEIGHTS).items()}
        network.load_state_dict(weights, strict=False)
        missing = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
        missing ^= set(weights)
        if missing:
            raise RuntimeError(", ".join(sorted(missing)))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            N_("The weights in {file} cannot be loaded ({reason}); expected those of the shape detector."),
            file=WEIGHTS.name,
            reason=str(error),
        ) from error
    return network.eval().requires_grad_(False)


def detect(images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> Detections:
    """What the detector finds in a batch of scenes, the best first within each.

    A peak is a cell that none of its eight neighbours exceeds, as in CenterNet; there is no other
    suppression, so that one object can be reported twice.

    Args:
        images: (H, W, 3) uint8 RGB each, all of one size, with sides divisible by 16.

    Returns:
        boxes cut to the image, with scores from :data:`MIN_SCORE` to 1; ``image`` counts from 0.
    """
    if not len(images):
        return gather([])
    batch = torch.from_numpy(np.stack([*images])).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        logits, distances = load()(batch)
        scores = logits.sigmoid()
        peaks = scores * (F.max_pool2d(scores, 3, 1, 1) == scores)
        best, cells = peaks.flatten(1).topk(MAX_DETECTIONS)
        area = scores.shape[2] * scores.shape[3]
        boxes = boxes_of(distances).flatten(2).transpose(1, 2)
        boxes = boxes.gather(1, (cells % area)[..., None].expand(-1, -1, 4))
        limit = torch.tensor([batch.shape[3], batch.shape[2]] * 2)
        boxes = boxes.clamp(min=0).minimum(limit)
        image, rank = torch.nonzero(best >= MIN_SCORE, as_tuple=True)
    kept = boxes[image, rank].double().numpy()
    return Detections(
        image=image.numpy(),
        category=(cells // area)[image, rank].numpy(),
        boxes=kept,
        score=best[image, rank].double().numpy(),
        area=(kept[:, 2] - kept[:, 0]) * (kept[:, 3] - kept[:, 1]),
    )


@dataclass(frozen=True, eq=False)
class Progress:
    """How far an evaluation is; the last one carries its result.

    Attributes:
        done, total: scenes.
        data: truths and detections of all scenes, when all are done.
    """

    done: int
    total: int
    data: DetectionSet | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """Consecutive scenes with what is in them and what was found; images count from the first scene of all.

    Attributes:
        start, scenes: the first one's number, and how many.
    """

    start: int
    scenes: int
    truths: Truths
    detections: Detections

    def first(self, count: int) -> Part:
        """Its first `count` scenes only."""
        end = self.start + count
        truths, found = self.truths, self.detections
        t, d = int((truths.image < end).sum()), found.image < end
        masks = truths.masks[:t] if truths.masks else None
        return Part(
            self.start,
            count,
            Truths(
                truths.image[:t], truths.category[:t], truths.boxes[:t], truths.area[:t],
                truths.crowd[:t], truths.difficult[:t], truths.ids[:t], masks,
            ),
            Detections(found.image[d], found.category[d], found.boxes[d], found.score[d], found.area[d]),
        )  # fmt: skip


def evaluate_part(settings: SceneSettings, start: int, stop: int) -> Part:
    """Draw the scenes from `start` to before `stop`, and look for their shapes.

    A truth of which less than a quarter can be seen is ``difficult``. Truths have masks, and the area
    of what can be seen; detections have boxes only.
    """
    drawn = [draw(settings, number) for number in range(start, stop)]
    counts = [len(scene.category) for scene in drawn]
    total = sum(counts)
    truths = Truths(
        image=np.repeat(np.arange(start, stop), counts),
        category=np.concatenate([scene.category for scene in drawn]),
        boxes=np.concatenate([scene.boxes for scene in drawn]),
        area=np.concatenate([scene.masks.sum((1, 2)) for scene in drawn]).astype(np.float64),
        crowd=np.zeros(total, bool),
        difficult=np.concatenate([scene.visible for scene in drawn]) < 0.25,
        ids=np.arange(1, total + 1),
        masks=tuple(encode(mask) for scene in drawn for mask in scene.masks),
    )
    found = detect([scene.image for scene in drawn])
    return Part(start, stop - start, truths, replace(found, image=found.image + start))


def join(parts: Sequence[Part]) -> DetectionSet:
    """Parts that follow each other from the first scene on, at least one, as one set."""

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part.truths, name) for part in parts])

    truths = Truths(
        **{name: joined(name) for name in ("image", "category", "boxes", "area", "crowd", "difficult")},
        ids=np.arange(1, sum(len(part.truths) for part in parts) + 1),
        masks=tuple(mask for part in parts for mask in part.truths.masks or ()),
    )
    images = tuple(
        ImageInfo(i + 1, f"scene {i + 1}", SIDE, SIDE) for i in range(sum(part.scenes for part in parts))
    )
    categories = tuple(Category(i + 1, name) for i, name in enumerate(SHAPES))
    found = gather([part.detections for part in parts])
    return DetectionSet("scenes", images, categories, truths, found)


def evaluate_scenes(settings: SceneSettings, batch: int = 32) -> Iterator[Progress]:
    """Evaluate every scene, a batch at a time; stop by not asking for the next one."""
    parts: list[Part] = []
    for start in range(0, settings.count, batch):
        stop = min(start + batch, settings.count)
        parts.append(evaluate_part(settings, start, stop))
        yield Progress(stop, settings.count, join(parts) if stop == settings.count else None)


def gather(parts: Sequence[Detections]) -> Detections:
    """Detections of several batches as one; the image indices stay as they are."""
    none = np.zeros(0, np.int64)
    return Detections(
        image=np.concatenate([none, *(part.image for part in parts)]),
        category=np.concatenate([none, *(part.category for part in parts)]),
        boxes=np.concatenate([np.zeros((0, 4)), *(part.boxes for part in parts)]),
        score=np.concatenate([np.zeros(0), *(part.score for part in parts)]),
        area=np.concatenate([np.zeros(0), *(part.area for part in parts)]),
    )
