"""Pictures of the lesson on squeeze and excitation."""

import re

import numpy as np

from cnnviz.figures.squeeze_excitation import (
    Bars,
    GateWords,
    RatioWords,
    bars,
    before_and_after,
    gate_figure,
    ratio_figure,
)


def test_bars_are_as_high_as_their_values() -> None:
    values = np.array([0.0, 0.5, 1.0], np.float32)
    text = bars([Bars("a <row>", values, marked=2)], "label", "what it shows", 300)
    assert 'aria-label="what it shows"' in text
    assert "a &lt;row&gt;" in text
    heights = [float(each) for each in re.findall(r"v-?[\d.]+h[\d.]+v(-?[\d.]+)z", text)]
    assert heights == [0.0, 27.0, 54.0, 54.0], "the marked one is drawn over its place"
    mirrored = bars([Bars("two", values, below=values)], "label", "alt")
    heights = [float(each) for each in re.findall(r"h[\d.]+v(-?[\d.]+)z", mirrored)]
    assert heights[:3] == [-each for each in heights[3:]]


def test_maps_before_and_after_share_one_scale() -> None:
    maps = np.arange(-8, 8, dtype=np.float32).reshape(4, 2, 2)
    sheet = before_and_after(maps, maps * 0, [0, 1, 2, 3], columns=2)
    side = sheet.shape[0] // 4
    assert sheet.shape == (4 * side, 2 * side, 3)
    middle = side // 4
    silent = sheet[side + middle, middle]
    assert silent.min() > 240, "a silenced map is white"
    assert sheet[middle, middle].tolist() != silent.tolist()


def test_figures_hold_their_numbers() -> None:
    words = GateWords("gate", "logit", "own", "forced")
    figure = gate_figure([0.0, 1.0], {"cat": [1.0, 2.0], "dog": [0.5, 0.5]}, 0.4, None, words)
    assert [trace.name for trace in figure.data] == ["cat", "dog", "own"]
    assert list(figure.data[2].x) == [0.4, 0.4]
    assert len(gate_figure([0.0, 1.0], {"cat": [1.0, 1.0]}, 0.4, 2.0, words).data) == 3
    ratio = ratio_figure({"2": [0.5, 0.7], "none": [0.9, 0.9]}, RatioWords("r", "%", "seed", "mean"), "2")
    assert list(ratio.data[0].y) == [60.0, 90.0]
    assert list(ratio.data[1].y) == [50.0, 70.0, 90.0, 90.0]
