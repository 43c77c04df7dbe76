"""The detector's training: which cells answer for what, its loss, that it learns, and how it is measured."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou, generalized_box_iou

from cnnviz.detection.pyramid import STRIDES, Output, boxes_of
from cnnviz.metrics.coco import evaluate
from cnnviz.metrics.data import Category, Detections, DetectionSet, ImageInfo, Truths
from cnnviz.training import features, outside
from cnnviz.training.detection import CELLS, assign, flat, iou, loss, train_detector
from cnnviz.training.detection_figures import AtThreshold, at_threshold, detect
from cnnviz.training.loop import Recipe
from cnnviz.training.voc_data import Photo


def truths(*rows: tuple[float, ...]) -> torch.Tensor:
    filled = torch.zeros(1, 60, 6)
    filled[..., 4] = -1
    filled[0, : len(rows)] = torch.tensor(rows).reshape(-1, 6)
    return filled


def blank(side: int = 320) -> list[Output]:
    """Scores of 0.1 everywhere, and boxes of three strides around each cell."""
    return [
        (
            torch.full((1, 20, side // stride, side // stride), -2.2),
            torch.full((1, 4, side // stride, side // stride), 1.5 * stride),
        )
        for stride in STRIDES
    ]


def test_iou_is_torchvision_s() -> None:
    generator = torch.Generator().manual_seed(0)
    corner, size = torch.rand(2, 30, 2, generator=generator) * 100
    boxes = torch.cat([corner, corner + size], 1)
    overlap, generalised = iou(boxes[:, None], boxes[None])
    torch.testing.assert_close(overlap, box_iou(boxes, boxes))
    torch.testing.assert_close(generalised, generalized_box_iou(boxes, boxes))


def test_flat_lists_cells_with_their_boxes() -> None:
    logits, boxes, centres = flat(blank())
    assert logits.shape == (1, 1600 + 400 + 100, 20)
    assert centres[[0, 1, 1600, 2000]].tolist() == [[4, 4], [12, 4], [8, 8], [16, 16]]
    assert boxes[0, 0].tolist() == [4 - 12, 4 - 12, 4 + 12, 4 + 12]


def test_assignment() -> None:
    logits, boxes, centres = flat(blank())
    # A box as large as those of stride 16 (48 px), a small one of stride 8, and a doubtful cat.
    rows = truths((100, 100, 148, 148, 14, 0), (10, 10, 34, 34, 7, 0), (200, 200, 300, 300, 7, 1))
    found = assign(logits, boxes, centres, rows)
    mine = (found.boxes[0] == torch.tensor([100.0, 100, 148, 148])).all(1) & found.answers[0]
    assert 1 <= mine.sum() <= CELLS
    assert ((centres[mine] > 100) & (centres[mine] < 148)).all()
    best = found.scores[0, :, 14].argmax().item()
    assert 1600 <= best < 2000
    overlap = box_iou(boxes[0, best][None], torch.tensor([[100.0, 100, 148, 148]]))
    assert found.scores[0, best, 14].item() == pytest.approx(overlap.item())
    assert found.scores[0, :, 7].argmax().item() < 1600
    assert (found.scores[0][~found.answers[0]] == 0).all()
    doubtful = ((centres > 200) & (centres < 300)).all(1)
    assert (found.counts[0, doubtful, 7] == 0).all()
    assert (found.counts[0, :, 14] == 1).all()
    assert (found.counts[0, ~doubtful, 7] == 1).all()


def test_nothing_there() -> None:
    outputs = blank()
    found = assign(*flat(outputs), truths())
    assert not found.answers.any()
    assert loss(outputs, truths()).isfinite()


def test_loss_falls_towards_the_truth() -> None:
    rows = truths((96, 96, 144, 144, 14, 0))
    untrained = loss(blank(), rows)
    better = blank()
    for logits, _ in better:
        logits.fill_(-8)
    better[1][0][0, 14, 7, 7] = 4  # the cell around (120, 120), whose box is the object's
    assert loss(better, rows) < untrained / 4
    inside_out = [(logits, distances * 3) for logits, distances in better]
    assert loss(inside_out, rows) > loss(better, rows)


def test_learns(work: Path, photos: list[Photo]) -> None:
    cached = features.open_cache(work / "cache", ("whole",))
    recipe = Recipe(30, batch=6, rate=4e-3, warm_up=5, average=0.8)
    head = train_detector(cached, photos, np.arange(12), recipe=recipe)
    data = detect(head, photos, 320, 0.5)
    figures = evaluate(data).figures
    assert figures["AP50"] > 0.5
    assert outside.average_precision(data) == pytest.approx((figures["AP"], figures["AP50"]))


def test_at_threshold() -> None:
    def of(*rows: tuple[int, int, float, float]) -> Detections:
        image, category, left, score = (np.array(column) for column in zip(*rows, strict=True))
        boxes = np.stack([left, left * 0, left + 10, left * 0 + 10], 1).astype(float)
        return Detections(image, category, boxes, score, np.full(len(rows), 100.0))

    there = of((0, 0, 0, 1), (0, 0, 50, 1), (1, 3, 0, 1))
    crowd = np.array([False, False, True])
    nothing = np.zeros(3, bool)
    data = DetectionSet(
        "test",
        (ImageInfo(1, "a"), ImageInfo(2, "b")),
        tuple(Category(i + 1, str(i)) for i in range(4)),
        Truths(there.image, there.category, there.boxes, there.area, crowd, nothing, np.arange(3)),
        of((0, 0, 1, 0.9), (0, 0, 2, 0.8), (0, 1, 0, 0.7), (1, 3, 1, 0.6), (0, 0, 51, 0.3)),
    )
    assert at_threshold(data, 0.5) == AtThreshold(truths=2, found=1, repeated=1, wrong=1)
    assert at_threshold(data, 0.1) == AtThreshold(truths=2, found=2, repeated=1, wrong=1)
    assert at_threshold(data, 0.95).f1 == 0


def test_boxes_of() -> None:
    distances = torch.tensor([1.0, 2, 3, 4])[None, :, None, None].expand(1, 4, 2, 3)
    assert boxes_of(distances, 8)[0, :, 1, 2].tolist() == [20 - 1, 12 - 2, 20 + 3, 12 + 4]
