"""Patches and their gallery, from numbers to pixels."""

import base64
import re
from html import unescape
from io import BytesIO

import numpy as np
from PIL import Image

from cnnviz.figures.features import CELL, FIELD, framed, gallery, levels, patch, tile

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (20, 30, 3), np.uint8)


def test_black_and_white_come_back() -> None:
    black, white = np.array([-2.0, -1, 0]).reshape(3, 1, 1), np.array([2.0, 1, 4]).reshape(3, 1, 1)
    ends = np.concatenate([black, white], axis=2)
    assert levels(ends, black, white).tolist() == [[[0, 0, 0], [255, 255, 255]]]
    assert levels(2 * white, black, white).max() == 255


def test_a_whole_patch_is_what_is_there() -> None:
    np.testing.assert_array_equal(patch(PIXELS, (4, 2, 11, 9)), PIXELS[2:9, 4:11])


def test_what_the_border_cuts_off_is_grey_on_its_side() -> None:
    corner = patch(PIXELS, (0, 0, 3, 5))
    assert corner.shape == (5, 5, 3)
    assert (corner[:, :2] == 128).all()
    np.testing.assert_array_equal(corner[:, 2:], PIXELS[:5, :3])
    low = patch(PIXELS, (10, 16, 18, 20))
    assert (low[4:] == 128).all()
    np.testing.assert_array_equal(low[:4], PIXELS[16:, 10:18])


def test_few_pixels_stay_squares() -> None:
    few = PIXELS[:3, :3]
    np.testing.assert_array_equal(tile(few, 36), few.repeat(12, 0).repeat(12, 1))
    assert tile(PIXELS[:20, :20], 36).shape == (36, 36, 3)


def test_a_gallery_has_words_and_pictures() -> None:
    few = PIXELS[:3, :3]
    found = gallery(
        [(few, "<Cat> 1.50", 'a "cat"'), (PIXELS[:, :20].repeat(2, 0).repeat(2, 1), "Dog", "dog")], "Best"
    )
    assert [unescape(text) for text in re.findall(r"<figcaption[^>]*>(.*?)<", found)] == ["<Cat> 1.50", "Dog"]
    assert [unescape(text) for text in re.findall(r'alt="(.*?)"', found)] == ['a "cat"', "dog"]
    assert 'aria-label="Best"' in found
    png, jpeg = re.findall(r"data:image/(\w+);base64,([^\"]+)", found)
    assert (png[0], jpeg[0]) == ("png", "jpeg")
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(base64.b64decode(png[1])))), few)


def test_frames_and_the_light_around_them() -> None:
    grey = np.full((60, 60, 3), 200, np.uint8)
    found = framed(grey, (10, 10, 50, 50), (28, 28, 32, 32), 0.5)
    assert found[0, 0].tolist() == [100] * 3
    assert found[20, 20].tolist() == [200] * 3
    assert found[8, 30].tolist() == list(FIELD)
    assert found[27, 30].tolist() == list(CELL)
