"""Shapes under coloured light."""

import numpy as np
import pytest

from cnnviz.training.lit_shapes import CLASSES, COLOURS, DIMMEST, LIGHTS, draw, small, tinted, under


def test_the_same_for_a_seed_and_others_for_another() -> None:
    first, again, other = draw(6, 3), draw(6, 3), draw(6, 4)
    np.testing.assert_array_equal(first.images(), again.images())
    assert not np.array_equal(first.images(), other.images())
    assert first.images().shape == (6, 32, 32, 3)
    assert first.reflectance.min() >= 0
    assert first.reflectance.max() <= 1
    assert set(first.labels.tolist()) <= set(range(len(CLASSES)))


def test_light_leaves_one_channel_whole() -> None:
    light = draw(50, 1).light
    np.testing.assert_array_equal(light.max(1), 1)
    assert DIMMEST <= light.min() < 0.3


def test_the_shape_has_its_colour_in_white_light() -> None:
    drawn = draw(200, 5)
    paints = np.array(list(COLOURS.values()))
    right = 0
    for picture, label in zip(drawn.reflectance, drawn.labels, strict=True):
        colour = paints[label // 4]
        # Somewhere at least thirty pixels are near the paint, which the background's faded ones are not.
        right += int((np.abs(picture - colour).max(2) < 0.2).sum() >= 30)
    assert right >= 190


def test_a_photo_in_another_light() -> None:
    photo = np.full((40, 60, 3), 200, np.uint8)
    np.testing.assert_array_equal(tinted(photo, (1, 1, 1)), photo)
    assert tinted(photo, (1.0, 0.5, 0.25))[0, 0].tolist() == [200, 100, 50]
    assert under(np.ones((1, 1, 3), np.float32), np.array([0.5, 1, 2], np.float32)).tolist() == [
        [[128, 255, 255]]
    ]
    for _title, light in LIGHTS.values():
        assert max(light) == pytest.approx(1.0)


def test_small_is_the_middle_square() -> None:
    photo = np.zeros((40, 100, 3), np.uint8)
    photo[:, 30:70] = 90
    assert (small(photo) == 90).all()
    assert small(photo[:3, :9]).shape == (32, 32, 3)
