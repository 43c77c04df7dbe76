"""The small FCN: its start, its training, its card, and its way up followed by hand."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from cnnviz.errors import SettingError, WeightsError
from cnnviz.metrics.scenes import SceneSettings, draw
from cnnviz.training import shape_fcn as training
from cnnviz.upsampling import shape_fcn
from cnnviz.upsampling.shape_fcn import CLASSES, HEADS, STRIDES, ShapeFCN, follow, load, truth

CARD = shape_fcn.WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")


def test_doublings_start_bilinear() -> None:
    network = ShapeFCN()
    shape_fcn.start_bilinear(network)
    scores = torch.randn(1, CLASSES, 6, 6, generator=torch.Generator().manual_seed(0))
    doubled = network.up["32"](scores)
    expected = F.interpolate(scores, scale_factor=2, mode="bilinear")
    # Beyond the border a transposed convolution has no neighbours.
    assert torch.allclose(doubled[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-6)


def test_training_is_repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "BATCH", 2)
    before = {name: x.clone() for name, x in load().state_dict().items()}
    one, two = ([*training.train(1, 2)] for _run in range(2))
    assert [(step.done, step.total) for step in one] == [(1, 2), (2, 2)]
    assert one[-1].loss == two[-1].loss
    assert all(
        torch.equal(x, two[-1].network.state_dict()[name]) for name, x in one[-1].network.state_dict().items()
    )
    assert all(torch.equal(x, before[name]) for name, x in load().state_dict().items())
    assert training.training_scene(0, 5).image.tolist() == training.training_scene(0, 5).image.tolist()


def test_card() -> None:
    count = sum(parameter.numel() for parameter in ShapeFCN().parameters())
    assert f"{count:,} parameters" in CARD
    assert shape_fcn.WEIGHTS.stat().st_size < 300_000
    assert {x.dtype for x in load_file(shape_fcn.WEIGHTS).values()} == {torch.float16}
    written = dict(re.findall(r"^\| FCN-(\w+) \| ([\d.]+) \|", CARD, re.M))
    scores = training.measure(load())
    assert [float(written[head]) for head in HEADS] == pytest.approx(
        [scores[head].mean_iou for head in HEADS], abs=0.003
    )
    ious = [scores[head].mean_iou or 0 for head in HEADS]
    assert ious == sorted(ious), "each skip helps"
    # The first skip more than the second, as in the paper: 59.4, 62.4, 62.7 on VOC 2011.
    assert ious[1] - ious[0] > ious[2] - ious[1]


def test_the_way_up_by_hand() -> None:
    network, scene = load(), draw(SceneSettings(seed=3), 0)
    way = follow(network, scene.image, 0.5, 0.25)
    assert [way.scores[stride].shape for stride in STRIDES] == [(5, 4, 4), (5, 8, 8), (5, 16, 16)]
    assert way.sizes == {32: (64, 4, 4), 16: (48, 8, 8), 8: (32, 16, 16)}
    assert way.fused[32] == pytest.approx(way.scores[32])
    assert way.fused[16] == pytest.approx(way.doubled[16] + 0.5 * way.scores[16], abs=1e-4)
    assert way.fused[8] == pytest.approx(way.doubled[8] + 0.25 * way.scores[8], abs=1e-4)
    with torch.inference_mode():
        whole = network(shape_fcn.as_batch([scene.image]))
    full = follow(network, scene.image)
    for head in HEADS:
        assert (full.labels[head] == whole[head][0].argmax(0).numpy()).all()
    labels = truth(scene)
    assert set(np.unique(labels)) == {0, *(int(kind) + 1 for kind in scene.category)}
    assert (labels > 0).sum() == scene.masks.sum()
    with pytest.raises(SettingError, match="100 × 128"):
        follow(network, scene.image[:100])


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_damaged_weights_are_named(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "shape_fcn.safetensors"
    if damage == "cut":
        file.write_bytes(shape_fcn.WEIGHTS.read_bytes()[:1000])
    elif damage == "other":
        save_file({"up": torch.zeros(3)}, file)
    monkeypatch.setattr(shape_fcn, "WEIGHTS", file)
    with pytest.raises(WeightsError, match=r"shape_fcn\.safetensors"):
        load.__wrapped__()
