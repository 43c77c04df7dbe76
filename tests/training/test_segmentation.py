"""Segmentation heads: what is drawn and weighed, that they learn, and how they are measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.segmentation.voc import VOID
from cnnviz.training import features, outside
from cnnviz.training.loop import Recipe
from cnnviz.training.segmentation import (
    SHARES,
    chances,
    class_weights,
    cross_entropy,
    draw,
    present,
    train_head,
)
from cnnviz.training.segmentation_figures import figures
from cnnviz.training.voc_data import Photo

ALL = np.arange(12)


def test_chances() -> None:
    there = np.zeros((5, 20), bool)
    there[[0, 1, 2, 3], 14] = True
    there[3, 0] = True
    human = np.array([True, False, False, False, False])
    chance = chances(there, human, np.array([0, 1, 3, 4]))
    # Three photos of class 14 to train on, of which one also shows the only one of class 0; the last none.
    expected = np.array([2 / 3**0.5, 1 / 3**0.5, 0, 1, 1 / 3**0.5])
    assert chance == pytest.approx(expected / expected.sum())


def test_class_weights() -> None:
    masks = np.full((2, 4, 4), VOID, np.uint8)
    masks[0, 0] = 1
    masks[0, 1, :1] = 2
    weight = class_weights(masks, np.array([0]))
    assert weight[0] == pytest.approx(0.7)
    assert weight[1:].mean() == pytest.approx(1)
    assert weight[2] / weight[1] == pytest.approx(4**0.25)
    assert present(masks)[0].nonzero()[0].tolist() == [0, 1]
    assert not present(masks)[1].any()


def test_cross_entropy_is_pytorch_s() -> None:
    logits, weight = torch.randn(2, 21, 4, 4), torch.rand(21)
    labels = torch.randint(0, 21, (2, 8, 8))
    labels[0, :4] = VOID
    large = F.interpolate(logits, (8, 8), mode="bilinear").log_softmax(1)
    counted = labels != VOID
    picked = -large.gather(1, labels.where(counted, 0)[:, None])[:, 0] * weight[labels.where(counted, 0)]
    expected = picked[counted].sum() / weight[labels[counted]].sum()
    assert cross_entropy(logits, labels, weight).item() == pytest.approx(expected.item(), rel=1e-5)


def test_draw(work: Path) -> None:
    cached = features.open_cache(work / "cache")
    chance = np.full(12, 1 / 9)
    chance[:3] = 0
    chance[5] = 0
    chance /= chance.sum()
    rows = draw(cached, np.random.default_rng(0), chance, 400)
    assert {photo for _, photo in rows} == {3, 4, 6, 7, 8, 9, 10, 11}
    share = SHARES["mosaic"] / (SHARES["mosaic"] + SHARES["whole"])
    assert np.mean([kind for kind, _ in rows]) == pytest.approx(share, abs=0.06)
    begun = replace(cached, done=(12, 7))
    rows = draw(begun, np.random.default_rng(0), chance, 400)
    assert {photo for kind, photo in rows if kind == 1} == {3, 4, 6}
    assert {photo for kind, photo in rows if kind == 0} == {3, 4, 6, 7, 8, 9, 10, 11}


@pytest.mark.parametrize("head_id", ["fcn8s", "unet", "deeplab"])
def test_learns(work: Path, photos: list[Photo], head_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    cached = features.open_cache(work / "cache")
    recipe = Recipe(30, batch=6, rate=4e-3, warm_up=4, average=0.5)
    head = train_head(head_id, cached, photos, ALL, recipe=recipe)
    rows = [(0, photo) for photo in range(12)]
    with torch.inference_mode():
        found = F.interpolate(head(cached.features(rows)), (80, 80), mode="bilinear").argmax(1)
    labels = cached.labels(rows)
    objects = (labels > 0) & (labels != VOID)
    # Of 21 classes, by chance one in 21 is right.
    assert (found == labels)[objects].float().mean() > 0.4
    assert (found == labels)[labels == 0].float().mean() > 0.6
    assert "step 30 of 30" in capsys.readouterr().out


class Fixed(nn.Module):
    """Says "bus" everywhere, a logit of 2 above the background."""

    def forward(self, maps: list[Tensor]) -> Tensor:
        logits = torch.zeros(1, 21, *maps[3].shape[-2:])
        logits[:, 6] = 2
        return logits


def test_figures(photos: list[Photo]) -> None:
    found = figures({"fixed": Fixed()}, photos, 320, {"fixed": ((0.0, 0.0), (3.0, 0.0), (0.0, 0.9))})
    theirs = outside.MeanIou()
    figures({"fixed": Fixed()}, photos, 320, {"fixed": ((0.0, 0.0),)}, lambda _, *pair: theirs.add(*pair))
    assert theirs.value() == pytest.approx(found["fixed", (0.0, 0.0)].mean_iou)
    coloured, bare = found["fixed", (0.0, 0.0)], found["fixed", (3.0, 0.0)]
    assert (coloured.empty, coloured.coloured) == (4, 4)
    assert (coloured.about, coloured.right) == (8, 4)
    assert (bare.coloured, bare.right) == (0, 0)
    # e² / (e² + 20) = 27 %: nowhere sure enough.
    doubted = found["fixed", (0.0, 0.9)]
    assert (doubted.coloured, doubted.right, doubted.mean_iou) == (0, 0, bare.mean_iou)
    masks = np.concatenate([photo.mask().ravel() for photo in photos])
    bus, counted = (masks == 6).sum(), (masks != VOID).sum()
    assert coloured.scores.iou[6] == pytest.approx(bus / counted)
    assert bare.scores.iou[0] == pytest.approx((masks == 0).sum() / counted)
    # Background, bus and sheep are there; what is never found counts 0.
    assert coloured.mean_iou == pytest.approx(bus / counted / 3)
    assert "false colour in 4 of 4" in str(coloured)
