"""The cache holds the backbone's maps, goes on where it was stopped, and gives them back."""

from pathlib import Path

import numpy as np
import torch

from cnnviz.segmentation import backbone
from cnnviz.training import features
from cnnviz.training.voc_data import Photo, split, view
from tests.training.conftest import KINDS


def test_maps_are_the_backbone_s(photos: list[Photo], work: Path) -> None:
    cached = features.open_cache(work / "cache")
    assert cached.kinds == KINDS
    seen = view(photos, 4, "whole", np.random.default_rng(0)).rgb
    exact = backbone.features((torch.from_numpy(seen).permute(2, 0, 1)[None].float() - 127) / 128)
    for found, maps in zip(cached.features([(0, 4)]), exact, strict=True):
        assert found.shape == maps.shape
        # bfloat16 and a byte each: near, not equal.
        assert ((found - maps).abs().mean() / maps.std()).item() < 0.1
    some = cached.features([(0, 4), (1, 2)], finest=16)
    assert [tuple(maps.shape) for maps in some] == [(0,), (0,), (2, 112, 20, 20), (2, 320, 10, 10)]
    assert (some[3][0] == cached.features([(0, 4)])[3][0]).all()


def test_labels_and_boxes(photos: list[Photo], work: Path) -> None:
    cached = features.open_cache(work / "cache")
    seen = view(photos, 3, "whole", np.random.default_rng(0))
    assert (cached.labels([(0, 3)])[0].numpy() == seen.mask).all()
    truths = cached.truths([(0, 3), (0, 2)])
    assert (truths[0, :2, 4] == 5).all()
    assert truths[0, :2, 5].tolist() == [0, 1]
    assert (truths[1, :, 4] == -1).all()


def test_continues(photos: list[Photo], work: Path, tmp_path: Path) -> None:
    whole = features.open_cache(work / "cache")
    features.cache(photos, tmp_path, ("whole",))
    (tmp_path / "whole.done").write_text("5")
    assert features.open_cache(tmp_path).done == (5,)
    maps = np.load(tmp_path / "whole.maps.npy", mmap_mode="r+")
    maps[5:] = 0
    features.cache(photos, tmp_path, ("whole",))
    again = features.open_cache(tmp_path)
    assert (again.kinds, again.done) == (("whole",), (12,))
    # Pictures are computed two by two; another partner may change the last digit.
    apart = np.abs(again.maps[0].astype(int) - whole.maps[0])
    assert apart.max() <= 3
    assert (again.masks[0] == whole.masks[0]).all()


def test_mosaics_of_training_photos_show_no_held_out_ones(photos: list[Photo], monkeypatch, tmp_path) -> None:
    asked: list[set[int]] = []
    held = set(split(photos).validation.tolist())

    def watched(photos, index, kind, generator, others):
        asked.append(set(others))
        return view(photos, index, kind, generator, others)

    monkeypatch.setattr(features, "view", watched)
    features._cache_kind(photos[:12], tmp_path, "mosaic", (0, 3), features.quick(backbone.load()), _scales())
    assert asked
    assert held
    assert not any(others & held for others in asked)


def _scales() -> dict[str, np.ndarray]:
    return {
        f"{what}{i}": np.ones(channels, np.float32)
        for what in ("mean", "step")
        for i, channels in enumerate(backbone.CHANNELS)
    }
