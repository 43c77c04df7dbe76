"""The five heads: their shapes, their cards, and what the shipped weights see."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cnnviz import samples, weights
from cnnviz.errors import SettingError, WeightsError
from cnnviz.segmentation import backbone, heads
from cnnviz.segmentation.heads import HEADS
from cnnviz.segmentation.voc import CLASSES


def card(head_id: str) -> str:
    return (weights.FOLDER / f"{head_id}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("head_id", HEADS)
@pytest.mark.parametrize("size", [(64, 96), (77, 131), (33, 300), (32, 32)])
def test_shapes(head_id: str, size: tuple[int, int]) -> None:
    maps = backbone.features(torch.zeros(2, 3, *size))
    with torch.inference_mode():
        logits = heads.load(head_id, seed=0)(maps)
    finest = maps[{4: 0, 8: 1, 16: 2, 32: 3}[HEADS[head_id].stride]]
    assert logits.shape == (2, 21, *finest.shape[-2:])
    assert logits.isfinite().all()


def test_seeds() -> None:
    before = torch.get_rng_state()
    one, same, other = (heads.load("unet", seed=seed).state_dict() for seed in (1, 1, 2))
    assert all((one[key] == same[key]).all() for key in one)
    assert (one["score.1.weight"] != other["score.1.weight"]).any()
    assert (torch.get_rng_state() == before).all()


def test_fcn_is_the_sum_of_its_scores() -> None:
    maps = backbone.features(torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    head = heads.load("fcn16s", seed=0)
    with torch.inference_mode():
        coarse, fine = head.partial_scores(maps)
        assert coarse.shape[-2:] == (2, 2)
        up = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear")
        torch.testing.assert_close(head(maps), up + fine)
        assert len(heads.load("fcn32s", seed=0).partial_scores(maps)) == 1
        assert len(heads.load("fcn8s", seed=0).partial_scores(maps)) == 3


@pytest.mark.parametrize("head_id", HEADS)
def test_card(head_id: str) -> None:
    known, text = HEADS[head_id], card(head_id)
    module = heads.load(head_id)
    assert sum(p.numel() for p in module.parameters()) == known.parameters
    assert f"{known.parameters:,} parameters" in text
    assert known.paper_url.rsplit("/", 1)[1] in text
    assert f"background bias {known.background_bias:g}" in text
    assert f"certainty {known.certainty:g}" in text
    (row,) = re.findall(r"^\| \*\*shipped\*\* \| ([\d.]+) \| ([\d.]+) \|", text, re.M)
    assert [float(value) for value in row] == [known.mean_iou, known.pixel_accuracy]
    stored = load_file(weights.FOLDER / f"{head_id}.safetensors")
    assert {values.dtype for values in stored.values()} == {torch.float16}


def test_all_weights_are_small() -> None:
    assert sum(path.stat().st_size for path in weights.FOLDER.glob("*.safetensors")) < 25_000_000


def share(rgb: np.ndarray, head_id: str) -> dict[str, float]:
    """The part of the photo that each class takes, at the default settings."""
    x, lies = backbone.preprocess(rgb, heads.SIDE)
    with torch.inference_mode():
        logits = heads.load(head_id)(backbone.features(x))
        found = heads.labels(logits, lies, HEADS[head_id].background_bias, HEADS[head_id].certainty)[
            0
        ].numpy()
    assert found.shape == rgb.shape[:2]
    return {CLASSES[label]: float((found == label).mean()) for label in np.unique(found)}


@pytest.mark.parametrize("head_id", HEADS)
def test_what_it_sees(head_id: str) -> None:
    cat = share(samples.load("cat"), head_id)
    assert max(cat, key=cat.__getitem__) == "cat"
    for portrait in ("astronaut", "hopper"):
        person = share(samples.load(portrait), head_id)
        assert person["person"] > 0.3
    assert share(samples.load("bricks"), head_id)["background"] > 0.9


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="segnet"):
        heads.load("segnet")
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    module = HEADS["fcn32s"].build()
    with pytest.raises(WeightsError, match="fcn32s"):
        weights.load_into(module, "fcn32s", tmp_path)
    weights.save(module, "unet", tmp_path)
    with pytest.raises(WeightsError, match="unet"):
        weights.load_into(HEADS["unet"].build(), "unet", tmp_path)
    (tmp_path / "fcn8s.safetensors").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="fcn8s"):
        weights.load_into(HEADS["fcn8s"].build(), "fcn8s", tmp_path)


def test_save_and_load(tmp_path: Path) -> None:
    one, other = heads.load("deeplab", seed=3), heads.load("deeplab", seed=4)
    weights.save(one, "deeplab", tmp_path)
    weights.load_into(other, "deeplab", tmp_path)
    maps = backbone.features(torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    with torch.inference_mode():
        torch.testing.assert_close(other(maps), one(maps), rtol=0.02, atol=0.02)
