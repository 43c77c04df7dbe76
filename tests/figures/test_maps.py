"""Feature maps as pictures: every number keeps its colour, every cell its place."""

import numpy as np
import pytest

from cnnviz.figures.maps import (
    DIVERGING,
    SEQUENTIAL,
    colour,
    enlarge,
    limits_for,
    montage,
    outline,
    overlay,
    palette_for,
)

RNG = np.random.default_rng(5)
BLUE_FRAME = (86, 180, 233)


def test_zero_is_black_among_positive_numbers_and_white_among_both_signs():
    assert colour(np.array([[0.0, 3.0]]), SEQUENTIAL)[0, 0].max() < 5
    below, zero, above = colour(np.array([[-1.0, 0.0, 4.0]]))[0].astype(int)
    assert zero.min() > 240
    assert below[2] > below[0], "blue below zero"
    assert above[0] > above[2], "red above zero"


def test_the_sign_chooses_the_palette():
    assert palette_for(np.zeros((2, 2))) == SEQUENTIAL
    assert palette_for(np.array([[0.0, -1e-6]])) == DIVERGING


def test_brighter_is_larger():
    ramp = colour(np.linspace(0, 6, 64)[None], SEQUENTIAL)[0].astype(int).sum(axis=1)
    assert (np.diff(ramp) >= 0).all()


@pytest.mark.parametrize("palette", [SEQUENTIAL, DIVERGING])
@pytest.mark.parametrize("value", [-2.0, 0.0, 5.0, np.nan, np.inf])
def test_a_constant_map_has_one_colour(palette, value):
    picture = colour(np.full((3, 4), value), palette)
    assert picture.shape == (3, 4, 3)
    assert picture.dtype == np.uint8
    assert (picture == picture[0, 0]).all()


def test_numbers_that_are_none_are_grey_and_leave_the_others_alone():
    values = np.array([[0.0, np.nan, 1.0], [np.inf, 0.5, -np.inf]])
    picture = colour(values, SEQUENTIAL)
    assert (picture[~np.isfinite(values)] == 128).all()
    np.testing.assert_array_equal(picture[0, [0, 2]], colour(np.array([[0.0, 1.0]]), SEQUENTIAL)[0])


def test_beyond_the_limits_is_the_end():
    np.testing.assert_array_equal(
        colour(np.array([[-9.0, 9.0]]), "gray", (0.0, 1.0)), [[[0, 0, 0], [255, 255, 255]]]
    )


def test_limits_hold_zero():
    assert limits_for(np.array([2.0, 5.0]), SEQUENTIAL) == (0.0, 5.0)
    assert limits_for(np.array([-3.0, 1.0]), DIVERGING) == (-3.0, 3.0)
    assert limits_for(np.zeros(2), SEQUENTIAL) == (0.0, 1.0)
    assert limits_for(np.zeros(2), DIVERGING) == (-1.0, 1.0)


def test_enlarging_repeats_cells():
    tile = RNG.integers(0, 256, (2, 3, 3), np.uint8)
    assert (enlarge(tile, 4)[::4, ::4] == tile).all()
    assert (enlarge(tile, 4)[3::4, 3::4] == tile).all()


@pytest.mark.parametrize(("count", "columns", "size"), [(6, 3, 7), (5, 4, 30), (1, 1, 100)])
def test_a_montage_is_equal_cells(count, columns, size):
    tiles = RNG.integers(0, 256, (count, size, size, 3), np.uint8)
    picture = montage(list(tiles), columns, side=28, gap=2)
    rows, factor = -(-count // columns), max(1, -(-28 // size))
    cell = size * factor + 4
    assert picture.shape == (rows * cell, columns * cell, 3)
    for index in range(rows * columns):
        row, column = divmod(index, columns)
        found = picture[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
        if index < count:
            np.testing.assert_array_equal(found[2:-2, 2:-2], enlarge(tiles[index], factor))
            found[2:-2, 2:-2] = 128
        assert (found == 128).all(), "nothing but lines around a tile, or where there is none"


def test_an_overlay_goes_from_the_photo_to_the_map():
    photo, heat = RNG.integers(0, 256, (28, 28, 3), np.uint8), RNG.integers(0, 256, (7, 7, 3), np.uint8)
    np.testing.assert_array_equal(overlay(photo, heat, 0), photo)
    np.testing.assert_array_equal(overlay(photo, heat, 1), enlarge(heat, 4))
    half = overlay(photo, np.zeros_like(heat), 0.5).astype(int)
    assert np.ptp(half, axis=2).max() == 0, "the photo has no colour left where the map has half the weight"
    assert half.max() > 0


def test_an_overlay_spreads_over_any_photo():
    heat = colour(np.array([[0.0, 1.0], [1.0, 0.0]]))
    for shape in ((1, 1, 3), (3, 500, 3), (448, 448, 3)):
        assert overlay(np.full(shape, 90, np.uint8), heat, 0.6).shape == shape


def test_an_outline_hides_nothing_inside_and_dims_what_is_outside():
    picture = RNG.integers(0, 256, (60, 80, 3), np.uint8)
    before = picture.copy()
    framed = outline(picture, (20, 15, 50, 40), thickness=3, dim=0.5)
    np.testing.assert_array_equal(picture, before)
    np.testing.assert_array_equal(framed[15:40, 20:50], picture[15:40, 20:50])
    assert (framed[14, 20:50] == BLUE_FRAME).all()
    assert (framed[15:40, 52] == BLUE_FRAME).all()
    np.testing.assert_array_equal(framed[:8], picture[:8] // 2)


@pytest.mark.parametrize("box", [(0, 0, 80, 60), (0, 10, 20, 20), (70, 50, 80, 60), (79.4, 0, 80, 0.2)])
def test_a_frame_is_seen_at_every_edge(box):
    framed = outline(np.zeros((60, 80, 3), np.uint8), box)
    assert (framed == BLUE_FRAME).all(axis=2).any()


def test_a_frame_around_a_photo_of_one_pixel():
    assert outline(np.zeros((1, 1, 3), np.uint8), (0, 0, 1, 1)).shape == (1, 1, 3)
