"""Attributions as pictures: colours end where they should, and levels are what a reader points at."""

import numpy as np
import pytest

from cnnviz.figures import attribution, maps

RNG = np.random.default_rng(8)
SIGNED = RNG.normal(size=(7, 7))


def test_single_pixels_do_not_darken_a_map_of_many():
    values = np.full((200, 200), 0.5)
    values[3, 4] = 100
    assert attribution.limit(values) == 0.5
    assert attribution.limit(values[:90, :90]) == 100
    alone = np.zeros((200, 200))
    alone[0, 0] = 3
    assert attribution.limit(alone) == 3, "or there would be nothing to see"


def test_levels_are_shares_of_the_full_colour():
    levels = attribution.levels(SIGNED)
    top = np.abs(SIGNED).max()
    np.testing.assert_allclose((levels.astype(float) - 128) / 127, SIGNED / top, atol=0.004)
    np.testing.assert_allclose(attribution.levels(SIGNED**2) / 255, SIGNED**2 / top**2, atol=0.002)
    assert (attribution.levels(np.zeros((3, 3))) == 0).all()


def test_colours_follow_the_sign():
    red, blue = attribution.coloured(np.array([[1.0, -1.0]]))[0].astype(int)
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    black, yellow = attribution.coloured(np.array([[0.0, 1.0]]))[0].astype(int)
    assert black.max() < 10
    assert yellow[:2].min() > 200


def test_a_map_over_the_photo_frames_its_strongest_place():
    photo = np.full((84, 84, 3), 90, np.uint8)
    values = np.zeros((7, 7))
    values[2, 5] = 1
    bare = maps.overlay(photo, attribution.coloured(values), 0.5)
    drawn = attribution.over(photo, values, 0.5)
    rows, columns = np.nonzero((drawn != bare).any(axis=2))
    assert (rows.min(), rows.max()) == (20, 39)
    assert (columns.min(), columns.max()) == (56, 75)
    np.testing.assert_array_equal(drawn[24:36, 60:72], bare[24:36, 60:72])


def test_a_film_strip_has_a_tile_for_every_map():
    photo = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    strip = attribution.strip(photo, [SIGNED] * 5, columns=3, side=56)
    assert strip.shape == (2 * 60, 3 * 60, 3)
    np.testing.assert_array_equal(strip[2:58, 2:58], strip[62:118, 62:118])
    assert (strip[62:118, 122:178] == 128).all(), "no sixth map"


def test_sums_beside_what_they_should_be():
    figure = attribution.sums([8, 16, 32], [12.0, 9.5, 9.1], 9.0, "steps", "sum", "difference")
    line, found = figure.data
    assert list(line.y) == [9, 9]
    assert list(line.x) == [8, 32]
    assert list(found.x) == [8, 16, 32]
    assert list(found.y) == [12, 9.5, 9.1]
    assert (line.name, found.name) == ("difference", "sum")
    assert list(figure.layout.xaxis.tickvals) == [8, 16, 32]
    assert figure.layout.xaxis.title.text == "steps"


@pytest.mark.parametrize("opacity", [0, 1])
def test_opacity_at_its_ends(opacity):
    photo = RNG.integers(0, 256, (70, 70, 3), np.uint8)
    values = np.ones((7, 7))
    drawn = attribution.over(photo, values, opacity)
    expected = photo if opacity == 0 else maps.enlarge(attribution.coloured(values), 10)
    np.testing.assert_array_equal(drawn[20:, 20:], expected[20:, 20:])
