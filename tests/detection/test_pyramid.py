"""The detector: shapes, boxes of its cells, candidates, its card, and what the shipped weights see."""

import re

import numpy as np
import pytest
import torch

from cnnviz import samples, weights
from cnnviz.detection import pyramid
from cnnviz.detection.pyramid import CARD, SIDE, STRIDES, candidates
from cnnviz.segmentation import backbone
from cnnviz.segmentation.voc import OBJECTS


@pytest.mark.parametrize("size", [(64, 96), (77, 131), (33, 300), (32, 32)])
def test_shapes(size: tuple[int, int]) -> None:
    maps = backbone.features(torch.zeros(2, 3, *size))
    with torch.inference_mode():
        outputs = pyramid.load(seed=0)(maps)
    assert len(outputs) == len(STRIDES)
    for (logits, distances), finer in zip(outputs, maps[1:], strict=True):
        assert logits.shape == (2, 20, *finer.shape[-2:])
        assert distances.shape == (2, 4, *finer.shape[-2:])
        assert (distances > 0).all()


def test_no_image_makes_an_infinite_box() -> None:
    maps = [
        1e4 * torch.ones(1, c, 64 // s, 64 // s)
        for c, s in zip(backbone.CHANNELS, backbone.STRIDES, strict=True)
    ]
    with torch.inference_mode():
        outputs = pyramid.load(seed=0)(maps)
    assert all(distances.isfinite().all() for _, distances in outputs)


def outputs(batch: int = 1) -> list[pyramid.Output]:
    return [
        (torch.full((batch, 20, 64 // s, 96 // s), -9.0), torch.full((batch, 4, 64 // s, 96 // s), 2.0 * s))
        for s in STRIDES
    ]


def test_candidates_by_hand() -> None:
    found = outputs(2)
    found[1][0][0, 7, 2, 3] = 2.0  # stride 16, row 2, column 3: centred on (56, 40)
    found[1][1][0, :, 2, 3] = torch.tensor([10.0, 20, 30, 40])
    found[0][0][0, 14, 0, 11] = 3.0
    found[0][0][0, 3, 0, 11] = 0.0
    first, second = candidates(found, (60, 90), score_floor=0.3)
    assert first.scores.tolist() == pytest.approx([0.9526, 0.8808, 0.5], abs=1e-4)
    assert first.labels.tolist() == [14, 7, 3]
    assert first.level.tolist() == [0, 1, 0]
    assert first.cell.tolist() == [[0, 11], [2, 3], [0, 11]]
    assert first.boxes[1].tolist() == [46, 20, 86, 60]  # 80 is below the photo
    assert first.boxes[0].tolist() == [92 - 16, 0, 90, 20]
    assert len(second.boxes) == 0
    (most,) = candidates([(a[:1], b[:1]) for a, b in found], (60, 90), score_floor=0.3, at_most=2)
    assert most.labels.tolist() == [14, 7]


def test_same_alone_as_in_a_batch() -> None:
    maps = backbone.features(torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0)))
    head = pyramid.load(seed=0)
    with torch.inference_mode():
        together = candidates(head(maps), (96, 96), score_floor=0.001)
        alone = candidates(head([m[1:] for m in maps]), (96, 96), score_floor=0.001)
    torch.testing.assert_close(together[1].scores, alone[0].scores, rtol=1e-3, atol=1e-5)


def test_card() -> None:
    text = (weights.FOLDER / f"{pyramid.ID}.md").read_text(encoding="utf-8")
    assert sum(p.numel() for p in pyramid.load().parameters()) == CARD.parameters
    assert f"{CARD.parameters:,} parameters" in text
    assert f"score from {CARD.score_threshold:g}" in text
    assert f"IoU of {CARD.nms_iou:g}" in text
    (row,) = re.findall(r"^\| \*\*shipped\*\* \| ([\d.]+) \| ([\d.]+) \|", text, re.M)
    assert [float(value) for value in row] == [CARD.ap, CARD.ap50]


def seen(rgb: np.ndarray) -> list[str]:
    """The classes that are found at the default settings, the best first."""
    from torchvision.ops import batched_nms

    x, lies = backbone.preprocess(rgb, SIDE)
    with torch.inference_mode():
        (found,) = candidates(
            pyramid.load()(backbone.features(x)), (lies.inner_height, lies.inner_width), CARD.score_threshold
        )
    kept = batched_nms(found.boxes, found.scores, found.labels, CARD.nms_iou)
    return [OBJECTS[label] for label in found.labels[kept].tolist()]


def test_what_it_sees() -> None:
    assert seen(samples.load("cat")) == ["cat"]
    for portrait in ("astronaut", "hopper"):
        assert seen(samples.load(portrait))[0] == "person"
    assert seen(samples.load("bricks")) == []
    # Two cats side by side: one box each.
    cat = samples.load("cat")
    assert seen(np.hstack([cat, cat[:, ::-1]])) == ["cat", "cat"]
