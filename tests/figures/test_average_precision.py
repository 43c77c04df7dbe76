"""What the figures of average precision draw."""

import numpy as np
import pytest

from cnnviz.figures import average_precision as figures
from cnnviz.figures.average_precision import Labels, Named, RawPoint
from cnnviz.metrics.average_precision import Piece, area, curve
from cnnviz.metrics.example import example
from cnnviz.metrics.matching import Convention, Matching, match

LABELS = Labels("Recall", "Precision", "Each detection", "Interpolated", "The area", "Ignored")


@pytest.fixture(scope="module")
def cups() -> Matching:
    return match(example(), 0, Convention())


def raw(matching: Matching) -> list[RawPoint]:
    return [RawPoint(step.recall or 0, step.precision or 0, step.outcome) for step in matching.steps]


def test_a_point_for_each_detection_that_counts(cups: Matching) -> None:
    figure = figures.curve_figure(raw(cups), LABELS, lambda place: f"detection {place}", picked=2)
    points, ignored, picked = figure.data
    told = curve(cups)
    assert list(points.x) == told.recall.tolist()
    assert list(points.y) == told.precision.tolist()
    assert list(points.text) == [f"detection {place}" for place in told.step]
    assert [symbol == "circle" for symbol in points.marker.symbol] == [
        cups.steps[place].outcome == "tp" for place in told.step
    ]
    assert list(ignored.text) == ["detection 2", "detection 8", "detection 13"]
    assert list(picked.y) == [figures.BELOW], "the third is ignored"


@pytest.mark.parametrize("how", ["all", "11", "101"])
def test_the_rectangles_sum_to_the_area(cups: Matching, how: str) -> None:
    summed = area(cups, how)
    figure = figures.curve_figure(
        raw(cups), LABELS, str, steps=area(cups, "all").pieces, pieces=summed.pieces
    )
    trace = next(trace for trace in figure.data if trace.name == "The area")
    corners = np.array([pair for pair in zip(trace.x, trace.y, strict=True) if pair[0] is not None])
    rectangles = corners.reshape(-1, 5, 2)
    sides = rectangles[:, 2] - rectangles[:, 0]
    assert (sides[:, 0] * rectangles[:, 1, 1]).sum() == pytest.approx(summed.value)
    diamonds = [trace for trace in figure.data if trace.marker.symbol == "diamond"]
    assert len(diamonds) == (how != "all")
    if diamonds:
        assert list(diamonds[0].x) == np.linspace(0, 1, int(how)).tolist()


def test_the_stairs_are_the_envelope(cups: Matching) -> None:
    x, y = figures.stairs(area(cups, "all").pieces)
    told = curve(cups)
    for recall, height in zip(told.recall.tolist(), told.envelope.tolist(), strict=True):
        # The height just before a recall is the greatest precision there or beyond.
        place = next(index for index in range(0, len(x) - 1, 2) if x[index] < recall <= x[index + 1])
        assert y[place] == pytest.approx(max(told.precision[told.recall >= recall]))
        assert y[place] >= height
    assert (x[-1], y[-1]) == (max(told.recall), 0)
    assert figures.stairs(()) == ([], [])


def test_many_points_are_thinned_and_keep_their_ends() -> None:
    points = [RawPoint(n / 30000, 1 - n / 60000, "tp") for n in range(30000)]
    kept = figures.thinned(points)
    assert kept[0] == 0
    assert 100 < len(kept) <= figures.MOST_POINTS
    assert points[kept[-1]].recall > 0.99
    pieces = tuple(Piece(n / 30000, (n + 1) / 30000, 1.0 if n < 9000 else 0.5, 0) for n in range(30000))
    figure = figures.curve_figure(points, LABELS, str, pieces=pieces)
    assert len(figure.data[0].x) == 2 * 6, "equal neighbours as one rectangle"


def test_curves_on_one_another_are_told_apart_without_colour() -> None:
    step = (Piece(0, 0.5, 1, 0.5),)
    figure = figures.curves_figure([Named("a", step), Named("none", ()), Named("b", step)], LABELS)
    assert [trace.name for trace in figure.data] == ["a", "b"], "one without ground truth has no curve"
    assert len({trace.line.dash for trace in figure.data}) == 2
    ordered = figures.curves_figure([Named(str(n), step, n == 3) for n in range(10)], LABELS, shades=True)
    assert len({trace.line.color for trace in ordered.data}) == 10
    assert [trace.line.width for trace in ordered.data].index(4) == 3
