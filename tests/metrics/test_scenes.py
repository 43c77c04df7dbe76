"""Scenes are the same each time, and their boxes and masks are what was drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.errors import SettingError
from cnnviz.metrics.scenes import MAX_SCENES, SHAPES, SIDE, TRAINING_SEED, SceneSettings, draw, scenes

parts = st.floats(0, 1)


@settings(max_examples=60, deadline=None)
@given(parts, parts, parts, st.integers(0, TRAINING_SEED - 1), st.integers(0, MAX_SCENES - 1))
def test_truth_fits_what_is_drawn(
    difficulty: float, noise: float, occlusion: float, seed: int, index: int
) -> None:
    chosen = SceneSettings(1, difficulty, noise, occlusion, seed)
    scene = draw(chosen, index)
    assert scene.image.shape == (SIDE, SIDE, 3)
    assert scene.image.dtype == np.uint8
    assert len(scene.category) == len(scene.boxes) == len(scene.masks) == len(scene.visible) <= 8
    assert ((scene.category >= 0) & (scene.category < len(SHAPES))).all()
    assert ((scene.visible > 0) & (scene.visible <= 1)).all()
    assert scene.masks.sum(0).max(initial=0) <= 1, "no pixel shows two shapes"
    for box, mask in zip(scene.boxes.astype(int), scene.masks, strict=True):
        inside = np.zeros_like(mask)
        inside[box[1] : box[3], box[0] : box[2]] = True
        assert not (mask & ~inside).any()
        for edge in (mask[box[1]], mask[box[3] - 1], mask[:, box[0]], mask[:, box[2] - 1]):
            assert edge.any(), "the box is tight"
    again = draw(chosen, index)
    assert (again.image == scene.image).all()
    assert (again.boxes == scene.boxes).all()


def test_other_seeds_and_numbers_are_other_scenes() -> None:
    images = [draw(SceneSettings(seed=seed), index).image for seed in (0, 1) for index in (0, 1)]
    assert len({image.tobytes() for image in images}) == 4


def test_sliders_change_the_same_scene() -> None:
    clean = draw(SceneSettings(noise=0), 5)
    noisy = draw(SceneSettings(noise=1), 5)
    assert (clean.boxes == noisy.boxes).all()
    spread = (noisy.image.astype(float) - clean.image)[20:-20, 20:-20].std()
    assert 50 < spread < 80, "80 grey levels, cut off at black and white"


def test_sliders_do_what_they_say() -> None:
    def many(**chosen: float) -> list:
        return list(
            scenes(SceneSettings(count=60, **({"difficulty": 0, "noise": 0, "occlusion": 0} | chosen)))
        )

    easy, hard, hidden = many(), many(difficulty=1), many(occlusion=1)
    assert all((scene.visible == 1).all() for scene in easy)
    assert sum(len(s.boxes) for s in hard) > 1.5 * sum(len(s.boxes) for s in easy)
    sides = [np.concatenate([s.boxes[:, 2] - s.boxes[:, 0] for s in group]).mean() for group in (easy, hard)]
    assert sides[1] < 0.8 * sides[0]
    assert np.mean(np.concatenate([s.visible for s in hidden]) < 0.95) > 0.2
    assert {int(kind) for s in easy for kind in s.category} == set(range(len(SHAPES)))


def test_an_easy_square_is_as_wide_as_its_mask_is_large() -> None:
    """A circle fills π/4 of its box: masks and boxes are those of the shapes named."""
    shares: dict[int, list[float]] = {kind: [] for kind in range(len(SHAPES))}
    for scene in scenes(SceneSettings(count=80, difficulty=0, noise=0, occlusion=0)):
        for kind, box, mask in zip(scene.category, scene.boxes, scene.masks, strict=True):
            shares[int(kind)].append(mask.sum() / (box[2:] - box[:2]).prod())
    circle, square, triangle, star = (float(np.mean(shares[kind])) for kind in range(len(SHAPES)))
    assert circle == pytest.approx(np.pi / 4, abs=0.03)
    assert 0.68 < square <= 1, "turned by up to 18°"
    assert triangle == pytest.approx(0.5, abs=0.06)
    assert star < triangle


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": MAX_SCENES + 1},
        {"noise": 1.1},
        {"difficulty": -0.1},
        {"occlusion": float("nan")},
        {"seed": -1},
        {"seed": TRAINING_SEED},
    ],
)
def test_settings_outside_their_range(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        SceneSettings(**wrong)
