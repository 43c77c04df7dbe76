"""The pairs of boxes and masks that the IoU lesson starts from."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou, masks_to_boxes

from cnnviz.metrics.box_presets import HEIGHT, PAIRS, WIDTH, slide
from cnnviz.metrics.boxes import compare
from cnnviz.metrics.mask_presets import PRESETS, SIDE, compare_masks, layers


def test_pairs_are_what_they_are_called() -> None:
    pairs = {name: compare(pair.a, pair.b) for name, pair in PAIRS.items()}
    assert pairs["equal"].iou == pairs["equal"].ciou == 1
    assert pairs["nested"].giou == pairs["nested"].iou != pairs["nested"].diou
    assert pairs["centred"].diou == pairs["centred"].iou != pairs["centred"].ciou
    assert pairs["touching"].iou == pairs["touching"].giou == 0
    assert 0 > pairs["near"].diou > pairs["far"].diou  # type: ignore[operator]
    assert pairs["line"].iou == 0
    assert set(pairs["points"].undefined) == {"iou", "giou", "diou", "ciou"}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_lie_on_the_canvas(name: str) -> None:
    for left, top, right, bottom in (PAIRS[name].a, PAIRS[name].b):
        assert 0 <= left <= right <= WIDTH
        assert 0 <= top <= bottom <= HEIGHT


@pytest.mark.parametrize("plus_one", [False, True])
def test_slide_moves_only_b_and_only_sideways(plus_one: bool) -> None:
    a, b = PAIRS["overlap"].a, PAIRS["overlap"].b
    pairs = slide(a, b, plus_one)
    assert len(pairs) == WIDTH + 1
    assert pairs[int(b[0])] == compare(a, b, plus_one)
    assert len({pair.areas for pair in pairs}) == 1
    boxes = torch.tensor([(x, b[1], x + b[2] - b[0], b[3]) for x in range(WIDTH + 1)]).double()
    extra = torch.tensor([0, 0, plus_one, plus_one])
    expected = box_iou(torch.tensor([a]).double() + extra, boxes + extra)[0]
    assert [pair.iou for pair in pairs] == pytest.approx(expected.tolist())


@pytest.mark.parametrize("name", PRESETS)
def test_masks_against_torch(name: str) -> None:
    both = PRESETS[name].make()
    assert both.shape == (SIDE, SIDE)
    pair = compare_masks(both)
    a, b = torch.from_numpy(both & 1) > 0, torch.from_numpy(both & 2) > 0
    assert pair.areas == (int(a.sum()), int(b.sum()))
    assert (pair.intersection, pair.union) == (int((a & b).sum()), int((a | b).sum()))
    for mask, box in zip((a, b), pair.boxes, strict=True):
        if mask.any():
            assert box is not None
            assert masks_to_boxes(mask[None])[0].tolist() == [box[0], box[1], box[2] - 1, box[3] - 1]
        else:
            assert box is None


def test_masks_and_boxes_disagree_as_announced() -> None:
    pairs = {name: compare_masks(preset.make()) for name, preset in PRESETS.items()}
    assert pairs["bars"].of_boxes.iou == 1  # type: ignore[union-attr]
    assert pairs["bars"].iou < 0.1  # type: ignore[operator]
    assert pairs["ring"].iou == pairs["triangles"].iou == 0
    assert pairs["ring"].of_boxes.iou > 0  # type: ignore[union-attr,operator]
    assert pairs["equal"].iou == 1
    assert (pairs["one"].iou, pairs["one"].of_boxes) == (0, None)
    assert (pairs["none"].iou, pairs["none"].of_boxes) == (None, None)


def test_a_stray_pixel_stretches_the_box_and_hardly_the_mask() -> None:
    """As the prose says."""
    disc = (PRESETS["equal"].make() & 1) > 0
    stray = disc.copy()
    stray[0, 0] = True
    pair = compare_masks(layers(disc, stray))
    assert pair.iou is not None
    assert pair.iou > 0.99
    assert pair.of_boxes is not None
    assert pair.of_boxes.iou is not None
    assert pair.of_boxes.iou < 0.6
    assert np.array_equal(layers(disc, stray) & 1, disc)
