"""The shipped detector: its card's figures, its boxes, and that training it is repeatable."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

from cnnviz.errors import WeightsError
from cnnviz.metrics import shape_detector
from cnnviz.metrics.masks import decode
from cnnviz.metrics.scenes import SHAPES, SIDE, SceneSettings, draw
from cnnviz.metrics.shape_detector import (
    MAX_DETECTIONS,
    MIN_SCORE,
    WEIGHTS,
    ShapeDetector,
    boxes_of,
    detect,
    evaluate_scenes,
)
from cnnviz.training import shape_detector as training

CARD = WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the card was measured; and on busy cores two threads mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_size() -> None:
    count = sum(parameter.numel() for parameter in ShapeDetector().parameters())
    assert f"{count:,} parameters" in CARD
    assert count < 200_000
    assert WEIGHTS.stat().st_size < 500_000
    assert {values.dtype for values in load_file(WEIGHTS).values()} == {torch.float16}


def test_card_lists_the_measured_settings() -> None:
    rows = [[float(x) for x in row.split("|")[:3]] for row in re.findall(r"^\| ([01]\.\d.*) \|$", CARD, re.M)]
    assert rows == [[s.difficulty, s.noise, s.occlusion] for s in training.MEASURED]


@pytest.mark.parametrize("row", [0, len(training.MEASURED) - 1], ids=["easiest", "hardest"])
def test_card_figures_are_measured(row: int) -> None:
    settings = training.MEASURED[row]
    start = f"| {settings.difficulty} | {settings.noise} | {settings.occlusion} |"
    (line,) = [line for line in CARD.splitlines() if line.startswith(start)]
    written = [float(x) for x in line.split("|")[4:8]]
    figures = training.measure(settings)
    # Another processor adds in another order, and a score on an edge may fall on its other side.
    assert [figures[name] for name in ("AP", "AP50", "AP75", "AR100")] == pytest.approx(written, abs=0.003)


def test_detections_are_well_formed() -> None:
    scenes = [draw(SceneSettings(difficulty=0.2, noise=0, occlusion=0), index) for index in range(6)]
    found = detect([scene.image for scene in scenes])
    assert ((found.score >= MIN_SCORE) & (found.score <= 1)).all()
    assert ((found.boxes >= 0) & (found.boxes <= SIDE)).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert (found.area == (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1)).all()
    for index in range(6):
        here = found.image == index
        assert here.sum() <= MAX_DETECTIONS
        assert (np.diff(found.score[here]) <= 0).all()
        # The same alone as in a batch.
        alone = detect([scenes[index].image])
        assert alone.boxes == pytest.approx(found.boxes[here], abs=1e-3)
    assert len(detect([])) == 0


def test_finds_each_shape_of_an_easy_scene() -> None:
    for index in range(10):
        scene = draw(SceneSettings(difficulty=0, noise=0, occlusion=0, seed=7), index)
        found = detect([scene.image])
        for kind, box in zip(scene.category, scene.boxes, strict=True):
            off = np.abs(found.boxes[(found.category == kind) & (found.score > 0.3)] - box).max(1, initial=0)
            assert off.size
            assert off.min() < 6


def test_evaluation_reports_progress_and_can_be_stopped() -> None:
    settings = SceneSettings(count=10, occlusion=0.8)
    steps = list(evaluate_scenes(settings, batch=4))
    assert [(step.done, step.total) for step in steps] == [(4, 10), (8, 10), (10, 10)]
    assert [step.data is None for step in steps] == [True, True, False]
    data = steps[-1].data
    assert data is not None
    assert [category.name for category in data.categories] == list(SHAPES)
    assert len(data.images) == 10
    assert data.truths.masks is not None
    for index in range(10):
        scene, here = draw(settings, index), np.flatnonzero(data.truths.image == index)
        assert (data.truths.boxes[here] == scene.boxes).all()
        assert [
            bool((decode(data.truths.masks[i]) == m).all()) for i, m in zip(here, scene.masks, strict=True)
        ]
        assert data.truths.area[here].tolist() == scene.masks.sum((1, 2)).tolist()
    other = list(evaluate_scenes(settings, batch=10))[-1].data
    assert other is not None
    assert other.detections.boxes == pytest.approx(data.detections.boxes, abs=1e-3)
    stopped = evaluate_scenes(replace(settings, count=20_000))
    assert next(stopped).done == 32
    stopped.close()


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_damaged_weights_are_named(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "shape_detector.safetensors"
    if damage == "cut":
        file.write_bytes(WEIGHTS.read_bytes()[:1000])
    elif damage == "other":
        from safetensors.torch import save_file

        save_file({"heat": torch.zeros(3)}, file)
    monkeypatch.setattr(shape_detector, "WEIGHTS", file)
    with pytest.raises(WeightsError, match=r"shape_detector\.safetensors"):
        shape_detector.load.__wrapped__()


def test_targets_by_hand() -> None:
    scene = draw(SceneSettings(difficulty=0, noise=0, occlusion=0), 3)
    box = np.array([[20.0, 30.0, 52.0, 58.0]])  # centre (36, 44): cell (9, 11)
    scene = replace(scene, boxes=box, category=np.array([2]))
    heat, boxes, near = training.targets([scene])
    assert heat.shape == (1, len(SHAPES), 32, 32)
    assert (heat == 1).nonzero().tolist() == [[0, 2, 11, 9]]
    # One cell to the right is 4 pixels; σ is a ninth of 32.
    assert heat[0, 2, 11, 10].item() == pytest.approx(np.exp(-((4 / (32 / 9)) ** 2) / 2))
    assert near.sum() == 9
    assert near[0, 10:13, 8:11].all()
    assert boxes[0, :, 12, 10].tolist() == box[0].tolist()


def test_loss_against_torchvision() -> None:
    scenes = [training.training_scene(0, index) for index in range(4)]
    heat, boxes, near = training.targets(scenes)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(heat.shape, generator=generator)
    distances = 4 + 20 * torch.rand(boxes.shape, generator=generator)
    found = boxes_of(distances).movedim(1, -1)[near > 0]
    giou = generalized_box_iou_loss(found, boxes.movedim(1, -1)[near > 0], reduction="mean")
    # With targets of 0 and 1 only, the heat's loss is the focal loss with γ = 2 and equal weights.
    sharp = (heat == 1).float()
    focal = sigmoid_focal_loss(logits, sharp, alpha=-1, gamma=2, reduction="sum") / sharp.sum()
    assert training.loss(logits, distances, sharp, boxes, near).item() == pytest.approx(
        (focal + giou).item(), rel=1e-5
    )


def test_training_is_repeatable_and_goes_on_from_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "BATCH", 2)
    one = training.train(0, 4, None, report=2).state_dict()
    checkpoint = tmp_path / "checkpoint.pt"

    class Stopped(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    drawn = training.training_scene
    monkeypatch.setattr(training, "training_scene", lambda seed, i: stop() if i >= 6 else drawn(seed, i))
    with pytest.raises(Stopped):
        training.train(0, 4, checkpoint, report=2)
    monkeypatch.setattr(training, "training_scene", drawn)
    two = training.train(0, 4, checkpoint, report=2).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["heat.1.weight"], training.initialised(0).state_dict()["heat.1.weight"])

    output = tmp_path / "out" / "weights.safetensors"
    network = ShapeDetector()
    network.load_state_dict(one)
    training.save(network, output)
    assert set(load_file(output)) == set(load_file(WEIGHTS))
