"""The charts of the tests that a map must stand, from numbers to their specification."""

import numpy as np

from cnnviz.figures.trust import before_after, correlations, probabilities


def test_correlations_reach_as_far_as_they_are_known() -> None:
    lines = {"Grad-CAM": [1.0, -0.1, None], "Gradient": [1.0]}
    figure = correlations(lines, ["trained", "classifier", "head", "stem"], 2)
    first, second = figure.data
    assert (first.name, list(first.x), list(first.y)) == ("Grad-CAM", [0, 1, 2], [1.0, -0.1, None])
    assert (second.name, list(second.x)) == ("Gradient", [0])
    assert first.line.width > second.line.width
    assert (first.line.color, first.line.dash) != (second.line.color, second.line.dash)
    assert list(figure.layout.xaxis.ticktext) == ["trained", "classifier", "head", "stem"]
    assert figure.layout.shapes[0].x0 == 2


def test_probabilities_have_gaps_where_they_are_to_come() -> None:
    shares = np.array([0.0, 0.5, 1.0])
    figure = probabilities({"Random": np.array([0.9, 0.2, np.nan])}, shares, 1, "pixels")
    (line,) = figure.data
    assert list(line.y) == [0.9, 0.2, None]
    assert list(line.x) == [0.0, 0.5, 1.0]
    assert figure.layout.shapes[0].x0 == 0.5
    assert figure.layout.xaxis.title.text == "pixels"


def test_before_and_after() -> None:
    figure = before_after(["cat", "dog"], [0.9, 0.05], [0.2, 0.6], ("before", "after"), "#123456")
    before, after = figure.data
    assert (before.name, list(before.x)) == ("before", [0.9, 0.05])
    assert (after.name, list(after.x)) == ("after", [0.2, 0.6])
    said = [note.text for note in figure.layout.annotations]
    assert said == ["cat", "90.0 → <b>20.0 %</b>", "dog", "5.0 → <b>60.0 %</b>"]
    assert all(note.font.color == "#123456" for note in figure.layout.annotations)
