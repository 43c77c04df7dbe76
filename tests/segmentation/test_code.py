"""The scripts run without cnnviz and say what the lesson says; our weights are random ones here."""

import ast
import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from cnnviz import samples, weights
from cnnviz.engine.catalogue import model
from cnnviz.engine.loading import runner_of
from cnnviz.engine.results import SegmentationResult
from cnnviz.engine.segmenters import OwnSegmenter
from cnnviz.metrics.segmentation import confusion_matrix, segmentation_scores
from cnnviz.segmentation import code, heads
from cnnviz.segmentation.cutout import alpha
from cnnviz.segmentation.heads import HEADS
from cnnviz.segmentation.mask import decide, favour, probability
from cnnviz.segmentation.postprocess import probabilities_at, shares
from cnnviz.segmentation.skips import add_up
from cnnviz.segmentation.voc import CLASSES
from cnnviz.zoo import efficientnet_lite0

CAT = samples.load("cat")
PHOTO = """import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

package = Path(importlib.util.find_spec("skimage").origin).parent
photo = np.asarray(Image.open(package / "data/chelsea.png").convert("RGB"))
"""
SIZE = (120, 180)

Run = Callable[[str], str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With random weights of our heads."""
    folder = tmp_path_factory.mktemp("weights")
    for head in HEADS:
        weights.save(heads.load(head, seed=0), head, folder)
    return folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a script in that folder."""
    monkeypatch.chdir(folder)

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

    return run


def seen(head: str, folder: Path) -> SegmentationResult:
    """The cat through a head with the weights that the scripts read."""
    module = HEADS[head].build()
    weights.load_into(module, head, folder)
    runner = OwnSegmenter(model(f"lite0_{head}"), module.eval())
    prepared = runner.prepare(CAT)
    with torch.inference_mode():
        return runner.results(runner.network(prepared.x, [prepared]), [prepared])[0]


def told(printed: str) -> dict[str, float]:
    """Classes with the percent that were printed behind them."""
    return {name: float(share) for name, share in re.findall(r"^([a-zA-Z ]+): ([\d.]+) %$", printed, re.M)}


@pytest.mark.parametrize("head", HEADS)
def test_mask(head: str, run: Run, folder: Path) -> None:
    printed = run(
        code.mask_code(PHOTO, (f"lite0_{head}", 0), 1.5, SIZE, 0.2, (100.5, 80.5), [(9, 9, 9)] * 21, 0.5)
    )
    favoured = favour(seen(head, folder), 1.5)
    expected = shares(decide(favoured, SIZE, 0.2), CLASSES)
    found = told(printed)
    for label, share in expected.items():
        assert found.get(CLASSES[label], 0) == pytest.approx(100 * share, abs=0.3)
    here = probabilities_at(favoured, 100.5, 80.5)
    lines = re.findall(r"at \(100, 80\): ([\w ]+) ([\d.]+) %", printed)
    assert [name for name, _share in lines][:2] == [CLASSES[label] for label in np.argsort(-here)[:2]]
    assert float(lines[0][1]) == pytest.approx(100 * here.max(), abs=0.2)


def test_raw_scores(run: Run, folder: Path) -> None:
    raw = seen("fcn16s", folder).scores[8]
    row, column = np.unravel_index(int(raw.argmax()), raw.shape)
    printed = run(code.scores_code(PHOTO, ("lite0_fcn16s", 0), 8))
    assert f"cat: 28 × 20 cells, {raw.min():.2f} to {raw.max():.2f}" in printed
    assert f"row {row + 1}, column {column + 1}" in printed


@pytest.mark.parametrize("pair", [("fcn32s", "fcn8s"), ("unet", "deeplab"), ("deeplab", "unet")])
def test_compare(pair: tuple[str, str], run: Run, folder: Path) -> None:
    ids = [(f"lite0_{head}", 0) for head in pair]
    printed = run(code.compare_code(PHOTO, ids, [0.0, 1.0], SIZE))
    first, second = (
        decide(favour(seen(head, folder), bias), SIZE) for head, bias in zip(pair, (0.0, 1.0), strict=True)
    )
    scores = segmentation_scores(confusion_matrix(first, second, 21))
    different = float(re.search(r"different: ([\d.]+) %", printed)[1])  # type: ignore[index]
    assert different == pytest.approx(100 * (first != second).mean(), abs=0.3)
    ious = dict(re.findall(r"^([a-zA-Z ]+): IoU ([\d.]+)$", printed, re.M))
    for label, iou in enumerate(scores.iou):
        if iou is not None and iou > 0.01:
            assert float(ious[CLASSES[label]]) == pytest.approx(iou, abs=0.01)


def test_skips(run: Run) -> None:
    printed = run(code.skips_code(PHOTO, 0.5, SIZE)).partition("stride 32")[2]
    made = add_up(CAT, seed=0)
    for part, step in zip(re.split(r"stride \d+ ", printed), made.steps, strict=True):
        expected = shares(decide(favour(step.total, 0.5), SIZE), CLASSES)
        found = told(part)
        for label, share in expected.items():
            # The script's weights went through half precision.
            assert found.get(CLASSES[label], 0) == pytest.approx(100 * share, abs=1.5)


def test_heat(run: Run) -> None:
    from cnnviz.segmentation.convolutionalised import heat

    found = heat(efficientnet_lite0.load(), CAT, 320)
    shares_ = found.probabilities(285)
    row, column = np.unravel_index(int(shares_.argmax()), shares_.shape)
    printed = run(code.heat_code(PHOTO, 320, 285))
    assert float(re.search(r"1,000 logits: (\S+)", printed)[1]) < 1e-4  # type: ignore[index]
    assert f"Egyptian cat: 10 × 7 cells, at most {100 * shares_.max():.1f} %" in printed
    assert f"row {row + 1}, column {column + 1}" in printed


def test_cutout(run: Run, folder: Path) -> None:
    favoured = favour(seen("deeplab", folder), 0.25)
    keep = alpha(probability(favoured, 0, SIZE), 0.8)
    printed = run(code.cutout_code(PHOTO, ("lite0_deeplab", 0), 0.25, SIZE, 0, 0.8, "blur", 7.0))
    assert float(re.search(r"kept: ([\d.]+) %", printed)[1]) == pytest.approx(100 * keep.mean(), abs=0.2)  # type: ignore[index]


def test_batch(run: Run, folder: Path) -> None:
    from PIL import Image

    Image.fromarray(CAT).save(folder / "cat.jpg", quality=95)
    printed = run(code.batch_code(("lite0_fcn8s", 0), 0.0, 160))
    assert "1 photos" in printed
    expected = shares(decide(favour(seen("fcn8s", folder), 0.0), (106, 160)), CLASSES)
    best = next(iter(expected))
    first = re.search(r"cat\.jpg: ([\w ]+) ([\d.]+) %", printed)
    assert first is not None
    assert first[1] == CLASSES[best]
    assert float(first[2]) == pytest.approx(100 * expected[best], abs=5)


@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large"])
def test_official(name: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision's own networks, random here: low-resolution scores, enlarged once."""
    options = {} if name.startswith("lraspp") else {"aux_loss": True}
    torch.manual_seed(0)
    module = torchvision.models.get_model(name, weights=None, weights_backbone=None, **options).eval()
    monkeypatch.setattr(torchvision.models, "get_model", lambda *_name, **_weights: module)
    printed = run(code.mask_code(PHOTO, (name, 2**20), 0.0, SIZE, 0.0, (1.5, 1.5), [(0, 0, 0)] * 21, 0.5))
    runner = runner_of(model(name))(model(name), module)
    prepared = runner.prepare(CAT)
    with torch.inference_mode():
        result = runner.results(runner.network(prepared.x, [prepared]), [prepared])[0]
    assert f"scores {(21, *result.scores.shape[1:])}" in printed
    expected = shares(decide(result, SIZE), CLASSES)
    found = told(printed)
    for label, share in expected.items():
        assert found.get(CLASSES[label], 0) == pytest.approx(100 * share, abs=0.3)


def test_files_are_what_the_scripts_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    path = weights.save(heads.load("fcn8s", seed=0), "fcn8s", tmp_path)
    assert code.files(["lite0_fcn8s", "deeplabv3_resnet50"]) == {"fcn8s.safetensors": path.read_bytes()}
