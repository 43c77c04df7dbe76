"""Suppression by hand, by a plain loop, and against torchvision's."""

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms

from cnnviz.detection.postprocess import masks_at_photo, select
from cnnviz.engine.results import DetectionResult
from cnnviz.metrics.boxes import iou_matrix


def result(boxes, scores, labels, **more):
    order = np.argsort(-np.asarray(scores, np.float32), kind="stable")
    boxes = np.asarray(boxes, np.float32)[order]
    settings = {"score_threshold": 0.1, "iou_threshold": 0.5, "limit": 100} | more
    return DetectionResult(
        model="test",
        photo=(100, 100),
        classes=("background", "cat", "dog"),
        boxes=boxes,
        scores=np.asarray(scores, np.float32)[order],
        labels=np.asarray(labels, np.int64)[order],
        origin="cell",
        origins=boxes,
        levels=np.zeros(len(boxes), np.int64),
        cells=np.zeros((len(boxes), 2), np.int64),
        grids=((1, 1),),
        floor=0.0,
        **settings,
    )


THREE = result(
    [[0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 6], [50, 50, 60, 60]], [0.9, 0.8, 0.7, 0.05], [1, 1, 2, 1]
)


def test_by_hand():
    chosen = select(THREE)
    assert chosen.kept.tolist() == [0, 2]
    assert chosen.removed.tolist() == [1]
    assert chosen.by.tolist() == [0]
    assert chosen.overlap.tolist() == [pytest.approx(0.8)]


@pytest.mark.parametrize(
    ("settings", "kept", "removed", "by"),
    [
        ({"iou": 0.81}, [0, 1, 2], [], []),
        ({"iou": 0.79}, [0, 2], [1], [0]),
        ({"iou": 1}, [0, 1, 2], [], []),
        ({"score": 0}, [0, 2, 3], [1], [0]),
        ({"score": 0.9}, [], [], []),
        ({"per_class": False}, [0], [1, 2], [0, 0]),
        ({"per_class": False, "classes": [2]}, [2], [], []),
        ({"classes": []}, [], [], []),
    ],
)
def test_every_setting(settings, kept, removed, by):
    chosen = select(THREE, **settings)
    assert (chosen.kept.tolist(), chosen.removed.tolist(), chosen.by.tolist()) == (kept, removed, by)


def test_a_removed_box_removes_nothing():
    """The second overlaps the third, but was gone before."""
    chain = result([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], [0.9, 0.8, 0.7], [1, 1, 1])
    chosen = select(chain, iou=0.4)
    assert (chosen.kept.tolist(), chosen.removed.tolist(), chosen.by.tolist()) == ([0, 2], [1], [0])


def test_the_best_so_many():
    apart = result([[20 * n, 0, 20 * n + 10, 10] for n in range(4)], [0.5, 0.9, 0.7, 0.8], [1] * 4, limit=3)
    assert select(apart).kept.tolist() == [0, 1, 2]
    assert select(apart).cut.tolist() == [3]
    assert select(apart, limit=1).kept.tolist() == [0]


def test_nothing_found():
    nothing = result(np.zeros((0, 4)), [], [])
    assert [len(part) for part in (select(nothing).kept, select(nothing).removed, select(nothing).cut)] == [
        0
    ] * 3


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("per_class", [True, False])
def test_as_torchvision_and_as_a_plain_loop(seed, per_class):
    random = np.random.default_rng(seed)
    corner, size = random.random((80, 2)) * 60, random.random((80, 2)) * 40
    many = result(np.hstack([corner, corner + size]), random.random(80), random.integers(1, 3, 80))
    threshold = float(random.random())
    chosen = select(many, score=0.2, iou=threshold, per_class=per_class, limit=10**6)

    good = np.flatnonzero(many.scores > 0.2)
    groups = many.labels if per_class else np.zeros(80, np.int64)
    theirs = batched_nms(
        torch.tensor(many.boxes[good]), torch.tensor(many.scores[good]), torch.tensor(groups[good]), threshold
    )
    np.testing.assert_array_equal(chosen.kept, good[theirs.numpy()])

    common = iou_matrix(many.boxes.astype(float), many.boxes.astype(float))
    kept, by = [], {}
    for box in good:
        rivals = [k for k in kept if groups[k] == groups[box] and common[k, box] > threshold]
        if rivals:
            by[box] = rivals[0]
        else:
            kept.append(box)
    assert chosen.kept.tolist() == kept
    assert dict(zip(chosen.removed.tolist(), chosen.by.tolist(), strict=True)) == by
    np.testing.assert_allclose(chosen.overlap, [common[box, other] for box, other in by.items()])


def test_masks_lie_in_their_boxes():
    masked = result(
        [[20, 30, 76, 58]],
        [0.9],
        [1],
        masks=np.ones((1, 28, 28), np.float32),
        mask_of=np.zeros(1, np.int64),
    )
    (mask,) = masks_at_photo(masked, np.array([0]))
    assert mask.shape == (100, 100)
    inside = np.zeros((100, 100), bool)
    inside[31:57, 22:74] = True
    assert (mask[inside] > 0.99).all()
    # The mask's rim of one cell fades: two pixels across and one down.
    inside[28:60, 17:79] = True
    assert (mask[~inside] == 0).all()
