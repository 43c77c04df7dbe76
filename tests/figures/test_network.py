"""Bars, slabs, crops and kernels: what is drawn is what was computed."""

import numpy as np
import pytest

from cnnviz.figures import network
from cnnviz.zoo.efficientnet_lite0 import crop_box

RNG = np.random.default_rng(6)


def test_bars_are_the_probabilities_the_first_on_top():
    figure = network.bars(["espresso", "cup"], [0.951, 0.015], "#123456")
    bar = figure.data[0]
    assert list(bar.x) == [0.951, 0.015]
    assert list(bar.y) == [0, 1]
    first, last = figure.layout.yaxis.range
    assert first > last, "row 0 is on top"
    texts = [annotation.text for annotation in figure.layout.annotations]
    assert texts == ["espresso", "<b>95.1 %</b>", "cup", "<b>1.5 %</b>"]
    assert {annotation.font.color for annotation in figure.layout.annotations} == {"#123456"}
    assert tuple(figure.layout.xaxis.range) == (0, 1)


def test_slabs_are_as_high_and_wide_as_the_maps():
    figure = network.silhouette(["stem", "1"], [100, 25], [16, 64], 1, "%{customdata[0]}", "#000000")
    bar = figure.data[0]
    assert list(bar.y) == [10, 5]
    assert list(bar.base) == [-5, -2.5]
    assert list(bar.width) == [4, 8]
    assert bar.x[1] - bar.x[0] > (4 + 8) / 2, "slabs do not touch"
    assert list(bar.marker.color) == [network.BLUE, network.ORANGE]
    texts = [annotation.text for annotation in figure.layout.annotations]
    assert texts == ["100", "16", "<b>stem</b>", "25", "64", "<b>1</b>"]


@pytest.mark.parametrize("shape", [(1, 1), (2, 800), (800, 3), (427, 640)])
def test_any_photo_can_be_marked_and_cropped(shape):
    photo = RNG.integers(0, 256, (*shape, 3), np.uint8)
    box = crop_box(*shape)
    marked = network.marked(photo, box)
    assert max(marked.shape[:2]) == 480
    assert (marked == (86, 180, 233)).all(axis=2).any(), "a frame is drawn"
    assert network.crop(photo, box).shape == (448, 448, 3)


def test_the_crop_is_the_box():
    photo = np.zeros((100, 200, 3), np.uint8)
    photo[10:90, 60:140] = (255, 128, 0)
    assert (network.crop(photo, (60, 10, 140, 90), 40) == (255, 128, 0)).all()
    assert (network.crop(photo, (0, 0, 50, 50), 40) == 0).all()


def test_a_kernel_is_grey_where_it_weighs_nothing():
    weight = np.zeros((3, 3, 3), np.float32)
    weight[0, 0, 1], weight[2, 2, 0] = 2, -1
    picture = network.kernel(weight)
    assert picture[0, 1].tolist() == [255, 128, 128]
    assert picture[2, 0].tolist() == [128, 128, 64]
    assert (network.kernel(np.zeros((3, 3, 3))) == 128).all()


def test_pixels_undo_the_preprocessing():
    colours = RNG.integers(0, 256, (4, 5, 3), np.uint8)
    read = (colours.transpose(2, 0, 1).astype(np.float32) - 127) / 128
    np.testing.assert_array_equal(network.pixels(read), colours)


def test_a_table_in_markdown():
    text = network.table(["a", "b", "c"], [["1", "2", "3"], ["4", "5", "6"]], 1)
    assert text.splitlines() == [
        "| a | b | c |",
        "| :-- | :-- | --: |",
        "| 1 | 2 | 3 |",
        "| **4** | **5** | **6** |",
    ]
