"""The scripts run without cnnviz and say what the lesson says."""

import ast
import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from cnnviz import samples, weights
from cnnviz.detection import code, pyramid
from cnnviz.detection.anchors import anchors, grids_of
from cnnviz.detection.postprocess import select
from cnnviz.detection.steps import steps
from cnnviz.engine.catalogue import model
from cnnviz.engine.detectors import OwnDetector
from cnnviz.engine.loading import runner_of
from cnnviz.engine.results import DetectionResult
from cnnviz.metrics.boxes import iou_matrix

from ..engine.random_models import detector

CAT = samples.load("cat")
PHOTO = """import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

package = Path(importlib.util.find_spec("skimage").origin).parent
photo = np.asarray(Image.open(package / "data/chelsea.png").convert("RGB"))
"""
OWN = "lite0_pyramid"
OFFICIAL = ("ssdlite320_mobilenet_v3_large", "retinanet_resnet50_fpn", "maskrcnn_resnet50_fpn")


@pytest.fixture
def sure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pyramid.Pyramid:
    """Our head with random weights that is sure of something, saved where the scripts look for it."""
    head = pyramid.load(seed=0)
    with torch.no_grad():
        torch.nn.init.normal_(head.classes[-1].weight, std=0.25, generator=torch.Generator().manual_seed(1))  # type: ignore[arg-type]
        head.classes[-1].bias.fill_(-3)  # type: ignore[operator, union-attr]
        head.scale += 1
    weights.save(head, "pyramid", tmp_path)
    weights.load_into(head, "pyramid", tmp_path)
    monkeypatch.chdir(tmp_path)
    return head


def seen(model_id: str, module: torch.nn.Module) -> DetectionResult:
    """The cat through a network."""
    card = model(model_id)
    runner = OwnDetector(card, module) if card.own else runner_of(card)(card, module)
    prepared = runner.prepare(CAT)
    with torch.inference_mode():
        return runner.results(runner.network(prepared.x, [prepared]), [prepared])[0]


def run(source: str) -> str:
    imported = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert "cnnviz" not in imported
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(source, {"__name__": "script"})
    return out.getvalue()


def check(model_id: str, result: DetectionResult) -> None:
    """All scripts of a model, at thresholds between two scores: rounding moves nothing across them."""
    named = (model_id, 2**20)
    score = between(result.scores, 40)
    chosen = select(result, score, 0.45)
    printed = run(code.boxes_code(PHOTO, named, score, 0.45, (), 7))
    assert f"{len(chosen.kept) + len(chosen.removed)} candidates" in printed
    told = re.findall(r"^(.+) ([\d.]+) %: ([-\d, ]+)$", printed, re.M)
    assert len(told) == min(7, len(chosen.kept))
    assert f"{len(told)} boxes left" in printed
    for (name, percent, corners), index in zip(told, chosen.kept, strict=False):
        assert name == result.classes[result.labels[index]]
        assert float(percent) == pytest.approx(100 * result.scores[index], abs=0.11)
        np.testing.assert_allclose([float(one) for one in corners.split(",")], result.boxes[index], atol=1)

    label = int(result.labels[0])
    for only, per_class in (((), False), ((label,), True)):
        selection = select(result, score, 0.45, classes=only or None, per_class=per_class)
        printed = run(code.nms_code(PHOTO, named, score, 0.45, only, per_class))
        counts = [int(count) for count in re.findall(r"removes (\d+) boxes", printed)]
        assert counts == [len(step.removed) for step in steps(selection)]
        assert "the same as torchvision: True" in printed

    printed = run(code.cells_code(PHOTO, named, score, label))
    counts_ = anchors(model_id, grids_of(result))
    assert f"{counts_.total:,} anchors" in printed
    assert "cells: " + ", ".join(f"{columns} × {rows}" for rows, columns in counts_.grids) in printed
    good = int(((result.scores > score) & (result.labels == label)).sum())
    assert f"{good} boxes good enough" in printed

    best = result.boxes[:30].astype(float)
    overlap = np.triu(iou_matrix(best, best), 1)
    first, other = np.unravel_index(int(overlap.argmax()), overlap.shape)
    expected = float(overlap.max())
    assert expected > 0.05
    printed = run(code.pair_code(PHOTO, named, score, (int(first), int(other))))
    values = [float(value) for value in re.findall(r"(?:IoU|torchvision:) ([\d.]+)", printed)]
    assert values == pytest.approx([expected, expected], abs=2e-3)


def between(scores: np.ndarray, about: int) -> float:
    """A threshold in the largest gap among the scores around the one of that rank."""
    part = scores[about // 2 : 2 * about].astype(float)
    gap = int((part[:-1] - part[1:]).argmax())
    return float(part[gap] + part[gap + 1]) / 2


def test_own(sure: pyramid.Pyramid) -> None:
    result = seen(OWN, sure)
    assert result.scores[0] > 0.3
    check(OWN, result)


@pytest.mark.parametrize("name", OFFICIAL)
def test_official(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision's own networks, random here, as the scripts ask for them."""
    module = detector(name)
    result = seen(name, module)
    settings = getattr(module, "roi_heads", module)
    for attribute in ("score_thresh", "nms_thresh", "detections_per_img"):
        monkeypatch.setattr(settings, attribute, getattr(settings, attribute))
    if name.startswith("mask"):
        monkeypatch.setitem(module.roi_heads._modules, "mask_roi_pool", module.roi_heads.mask_roi_pool)
    monkeypatch.setattr(torchvision.models, "get_model", lambda *_name, **_weights: module)
    check(name, result)


def test_batch(sure: pyramid.Pyramid, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(CAT).save(tmp_path / "cat.jpg", quality=95)
    score = between(seen(OWN, sure).scores, 40)
    printed = run(code.batch_code((OWN, 0), score, 0.5))
    assert "1 photos" in printed
    assert re.search(r"^cat\.jpg: [a-zA-Z ]+ \d+ %", printed, re.M)
