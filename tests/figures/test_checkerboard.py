"""Overlaps, spectra and enlarged parts: what is drawn is what the core computed."""

import re

import numpy as np

from cnnviz.figures.checkerboard import (
    MOST_MARKED,
    ProfileWords,
    StampWords,
    beside,
    counts_picture,
    detail,
    evenness_table,
    levels,
    profile,
    profile_figure,
    spectrum_picture,
    stamps_drawing,
)
from cnnviz.upsampling.checkerboard import Layer, overlaps_1d, overlaps_2d, spectrum

GRID = np.tile([[1.0, 0.5], [0.5, 0.25]], (1, 12, 12))
RING = (86, 180, 233)


def test_stamps() -> None:
    layers = [Layer(3, 2)] * 2
    counts = [overlaps_1d(4, layers[:1]), overlaps_1d(4, layers)]
    svg = stamps_drawing(layers[0], counts, 4, StampWords("in", "one & all", ["first", "second"], "alt"))
    numbers = re.findall(r">(\d+)</text>", svg)
    assert numbers == [str(n) for n in [1, 2, 3, 4, *counts[0], *counts[1]]]
    bars = re.findall(r'<rect x="([\d.]+)" y="(\S+)" width="(\S+)" height="10"', svg)
    assert len(bars) == 4
    assert len({y for _x, y, _width in bars}) == 2, "stamps that overlap stand in different rows"
    assert np.allclose(np.diff([float(x) for x, _y, _width in bars]), 2 * 720 / 9, atol=0.01)
    assert "one &amp; all" in svg


def test_counts_too_narrow_for_numbers_have_none() -> None:
    counts = [overlaps_1d(40, Layer(3, 2))]
    svg = stamps_drawing(Layer(3, 2), counts, 40, StampWords("in", "one", ["first"], "alt"))
    assert len(counts[0]) == 81
    assert svg.count("<rect") == 40 + 40 + 81
    assert not re.findall(r"fill-opacity[^>]*/><text[^>]*>2</text>", svg[svg.index("first") :])


def test_counts_picture() -> None:
    counts = overlaps_2d((3, 3), Layer(3, 2))
    picture = counts_picture(counts, 70)
    assert picture.shape == (70, 70, 3)
    bright = picture[::10, ::10].sum(2, dtype=int)
    assert (np.argsort(bright[2, 2:5]) == np.argsort(counts[2, 2:5])).all()


def test_evenness_table() -> None:
    html = evenness_table([["1", "∞"], ["1", "1"]], (1, 2), "k \\ s", "evenness")
    cells = re.findall(r'<td class="([^"]*)">([^<]*)</td>', html)
    assert [(kind.split(), text) for kind, text in cells] == [
        (["even"], "1"),
        (["chosen"], "∞"),
        (["even"], "1"),
        (["even"], "1"),
    ]


def test_detail_is_a_part_enlarged() -> None:
    picture = np.random.default_rng(0).uniform(size=(3, 20, 30))
    part = detail(picture, (0.5, 1.0), 8, 80)
    assert part.shape == (80, 80, 3)
    np.testing.assert_array_equal(part[::10, ::10], levels(picture)[6:14, 22:30])
    assert detail(picture[:, :3], (0.5, 0.5), 8, 80).shape == (78, 78, 3)
    assert levels(np.array([[[-1.0]], [[0.5]], [[7.0]]])).tolist() == [[[0, 128, 255]]]


def test_beside() -> None:
    pair = beside(np.zeros((4, 4, 3), np.uint8), np.full((2, 2, 3), 9, np.uint8), gap=1)
    assert pair.shape == (4, 7, 3)
    assert pair[:, 4].min() == pair[:, 4].max() == 128
    assert pair[0, 5:, 0].tolist() == [9, 9]


def test_peaks_of_a_grid_are_ringed() -> None:
    found = spectrum(GRID, 2)
    picture = spectrum_picture(found, float(found.power.max()), 280)
    # 24 lines and 2 more at each side, 10 pixels each: frequency −1/2 has the middle 25, frequency 0 145.
    for row, column in ((25, 25), (25, 145), (145, 25)):
        assert picture[row, column].sum() > 200, "the peak itself is bright"
        assert np.abs(picture[row, column + 8].astype(int) - RING).max() < 60
    assert picture[145, 145].sum() > 500
    assert np.abs(picture[145, 153].astype(int) - RING).max() > 60


def test_many_peaks_are_not_all_ringed() -> None:
    found = spectrum(np.random.default_rng(0).uniform(size=(1, 64, 64)), 8)
    assert len(found.peaks) > MOST_MARKED
    plain = spectrum_picture(spectrum(np.random.default_rng(0).uniform(size=(1, 64, 64)), 1), 1.0)
    ringed = spectrum_picture(found, 1.0)
    touched = (plain != ringed).any(2).sum()
    assert MOST_MARKED * 40 < touched < MOST_MARKED * 250


def test_profile() -> None:
    found = spectrum(GRID, 2)
    frequencies, power = profile(found)
    assert frequencies[[0, -1]].tolist() == [0, 0.5]
    np.testing.assert_allclose(power.sum(), found.power.sum())
    figure = profile_figure(spectrum(np.ones((1, 24, 24)), 2), found, 2, ProfileWords("o", "u", "f", "p"))
    original, upsampled, marks = figure.data
    assert (original.name, upsampled.name, marks.name) == ("o", "u", "n / 2")
    assert marks.x == (0.5,)
    assert marks.y[0] == upsampled.y[-1] == float(f"{power[-1]:.3g}")
    assert figure.layout.yaxis.type == "log"
