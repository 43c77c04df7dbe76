"""Masks over photos, their differences and tables: results to pixels and HTML."""

import base64
import doctest
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from cnnviz.figures import segmentation
from cnnviz.figures.segmentation import (
    DIFFERENT,
    PALETTE,
    css,
    differences,
    edges,
    heat_over,
    middles,
    paint,
    score_picture,
    share_bars,
    swatches,
    text_table,
    thumbnail,
)

RNG = np.random.default_rng(5)
PHOTO = RNG.integers(0, 256, (40, 60, 3), np.uint8)
LABELS = np.zeros((40, 60), np.uint8)
LABELS[10:30, 5:25] = 15
LABELS[20:40, 40:60] = 8
NAMES = [f"class {label}" for label in range(21)]


def test_examples() -> None:
    assert doctest.testmod(segmentation, extraglobs={"np": np}).failed == 0


def test_every_class_has_a_colour_of_its_own() -> None:
    assert len(set(PALETTE)) == 21
    assert min(max(colour) for colour in PALETTE) > 200


@pytest.mark.parametrize("opacity", [0.0, 0.5, 1.0])
def test_only_what_is_shown_is_coloured(opacity: float) -> None:
    picture = paint(PHOTO, LABELS, [15], opacity, False)
    cat = LABELS == 15
    mixed = opacity * np.array(PALETTE[15]) + (1 - opacity) * PHOTO[cat].astype(float)
    np.testing.assert_allclose(picture[cat], mixed, atol=1)
    np.testing.assert_array_equal(picture[~cat], PHOTO[~cat])


def test_outlines_run_around_what_is_shown() -> None:
    picture = paint(PHOTO, LABELS, [15], 0.0, True)
    assert (picture[10, 6:24] == 255).all()
    assert (picture[9, 6:24] == 255).all()
    assert (picture[8, 8:22] == 0).all()
    np.testing.assert_array_equal(picture[13:27, 8:22], PHOTO[13:27, 8:22])
    np.testing.assert_array_equal(picture[:, 30:], PHOTO[:, 30:])
    assert edges(LABELS, 3).sum() == edges(LABELS.T, 3).sum()


def test_names_stand_inside_their_patch() -> None:
    places = middles(LABELS, [15, 8, 3])
    assert set(places) == {15, 8}
    for label, (x, y) in places.items():
        assert LABELS[int(y * 40), int(x * 60)] == label
    large = LABELS.repeat(16, 0).repeat(16, 1)
    for label, (x, y) in middles(large, [15, 8]).items():
        assert large[int(y * 640), int(x * 960)] == label


def test_differences_are_striped() -> None:
    other = LABELS.copy()
    other[10:20, 5:25] = 12
    picture = differences(PHOTO, LABELS, other)
    stripes = {tuple(pixel) for pixel in picture[10:20, 5:25].reshape(-1, 3).tolist()}
    assert stripes == {DIFFERENT, (140, 60, 0)}
    same = other == LABELS
    assert (picture[same] == picture[same][:, :1]).all()


def test_scores_are_blue_below_zero_and_red_above() -> None:
    picture = score_picture(np.array([[-2.0, 0.0, 2.0]], np.float32), 2.0, 3)
    assert picture.shape == (3, 9, 3)
    below, zero, above = picture[0, 1].astype(int), picture[0, 4].astype(int), picture[0, 7].astype(int)
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert zero.min() > 240


def test_heat_lies_where_its_cells_are() -> None:
    heat = np.zeros((2, 3), np.float32)
    heat[1, 2] = 1
    picture = heat_over(np.full((40, 60, 3), 100, np.uint8), heat, (1.0, 1.25), 1.0)
    bright = picture.sum(2) > 300
    rows, columns = np.nonzero(bright)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (25, 39, 40, 59)
    assert bright[25:, 40:].all()


def test_the_painter_gets_patterns_of_its_own() -> None:
    made = swatches([0, 8, 15])
    assert [one.colour for one in made] == [PALETTE[0], PALETTE[8], PALETTE[15]]
    assert len({one.tile for one in made}) == 3


def test_tables_escape_names_and_say_what_they_are() -> None:
    html = share_bars("5 < 6", {15: 0.525, 0: 0.0}, ["<b>", *NAMES[1:]])
    assert 'aria-label="5 &lt; 6"' in html
    assert "<b>" not in html
    assert re.findall(r"([\d.]+) %</td>", html) == ["52.5", "0.0"]
    assert f"width:52.5%;background:{css(PALETTE[15])}" in html
    table = text_table("t", ("a", "b"), [["1", "2"], ["3", "4"]])
    assert re.findall(r">(\w)</t[hd]>", table) == ["a", "b", "1", "2", "3", "4"]


def test_a_thumbnail_carries_its_picture() -> None:
    html = thumbnail(PHOTO.repeat(8, 0).repeat(8, 1), 'a "cat"', 128)
    data = re.search(r"base64,([^\"]+)", html)
    assert data is not None
    assert Image.open(BytesIO(base64.b64decode(data[1]))).size == (128, 85)
    assert "&quot;cat&quot;" in html
