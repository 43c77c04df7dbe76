"""The Pooling lesson's pictures: what stands in them is what the core computed."""

import re

import numpy as np
import pytest

from cnnviz.figures.maps import DIVERGING, colour
from cnnviz.figures.pooling import (
    CHANGED,
    KEPT,
    MOVED,
    ErrorLabels,
    OriginLabels,
    ShiftLabels,
    change_picture,
    error_figure,
    origin_tables,
    shift_figure,
)
from cnnviz.layers.pooling import PoolingSettings, run, shift_response
from cnnviz.layers.pooling_presets import signal

LAYERS = {"max": "Maximum: more", "average": "Average", "min": "Minimum", "convolution": "Convolution"}
BOX = np.full((1, 1, 1, 2), 0.5)


def rows(html: str) -> list[list[list[str]]]:
    """The cells of each table, without their tags."""
    return [
        [
            [re.sub(r"<[^>]+>", " ", cell).strip() for cell in re.findall(r"<td.*?>(.*?)</td>", row)]
            for row in re.findall(r"<tr>(.*?)</tr>", table)
        ]
        for table in re.findall(r"<table>(.*?)</table>", html)
    ]


def test_origin_tables() -> None:
    result = run([[[1, -7.25, 3], [4, 5, 6], [0, 0, 0]]], PoolingSettings("max", (2, 2), stride=1))
    html = origin_tables(result, OriginLabels("In <&>", "I", "U"))
    given, indices, unpooled = rows(html)
    assert given[0] == ["1 0", "−7.25 1", "3 2"]
    assert indices == [["4", "5"], ["4", "5"]]
    assert unpooled == [["0", "0", "0"], ["0", "5", "6"], ["0", "0", "0"]]
    assert html.count('class="won"') == 4  # two winners, in two tables
    assert "In &lt;&amp;&gt;" in html


def responses(dx: int) -> dict:
    found = shift_response(signal("steps"), PoolingSettings("max", (1, 2)), 0, dx, BOX)
    return {name: found[name] for name in LAYERS}


def bars(figure: object, axis: int) -> dict[float, tuple[float, str]]:
    """Place -> value and colour, of one panel."""
    return {
        place: (value, trace.marker.color)
        for trace in figure.data  # type: ignore[attr-defined]
        if (trace.xaxis or "x") in (f"x{axis}", "x" if axis == 1 else "")
        for place, value in zip(trace.x, trace.y, strict=True)
    }


def test_shift_figure_marks_what_changed() -> None:
    given = signal("steps")
    labels = ShiftLabels("before", "after", "input", LAYERS)
    figure = shift_figure(given, np.roll(given, 1, 2), responses(1), (2, 2), labels)
    assert list(bars(figure, 1).values())[2][0] == 1
    assert bars(figure, 3) == {0.5: (0, KEPT), 2.5: (1, KEPT), 4.5: (0, KEPT), 6.5: (1, KEPT)}
    assert bars(figure, 4) == {0.5: (1, CHANGED), 2.5: (1, KEPT), 4.5: (1, CHANGED), 6.5: (1, KEPT)}
    words = [annotation.text for annotation in figure.layout.annotations]
    assert "<b>Maximum</b>: more" in words
    assert words[-2:] == ["<b>before</b>", "<b>after</b>"]


def test_shift_figure_tells_a_move_from_a_change() -> None:
    given = signal("steps")
    labels = ShiftLabels("before", "after", "input", LAYERS)
    figure = shift_figure(given, np.roll(given, 2, 2), responses(2), (2, 2), labels)
    assert {paint for _value, paint in bars(figure, 4).values()} == {MOVED}


def test_shift_figure_keeps_the_answer_to_itself() -> None:
    given = signal("steps")
    labels = ShiftLabels("before", "after", "input", LAYERS)
    figure = shift_figure(given, np.roll(given, 1, 2), responses(1), (2, 2), labels, reveal=False)
    assert bars(figure, 2)
    assert bars(figure, 3)
    assert not any(bars(figure, axis) for axis in (4, 6, 8, 10))


@pytest.mark.parametrize(("shift", "marks"), [(3, 1), (None, 0)])
def test_error_figure(shift: int | None, marks: int) -> None:
    labels = ErrorLabels("shift", "error", LAYERS)
    figure = error_figure({"max": (0.0, 0.25, 0.0), "convolution": (0.0, 0.5, 0.0)}, shift, labels)
    assert list(figure.data[0].y) == [0, 25, 0]
    assert [trace.name for trace in figure.data] == ["Maximum: more", "Convolution"]
    assert len(figure.layout.shapes) == marks
    assert all(each.x0 == shift for each in figure.layout.shapes)


def test_change_picture() -> None:
    before = np.array([[0.0, 10.0], [5.0, 5.0]])
    after = np.array([[0.0, 5.0], [5.0, 10.0]])
    picture = change_picture(before, after, largest=5.0)
    assert picture.shape == (200 + 400, 400, 3)
    assert picture[50, [50, 150, 250, 350], 0].tolist() == [0, 255, 0, 128]
    difference = picture[200:]
    expected = colour(after - before, DIVERGING, (-5.0, 5.0))
    np.testing.assert_array_equal(
        difference[[100, 100, 300, 300], [100, 300, 100, 300]], expected.reshape(-1, 3)
    )


def test_change_picture_of_nothing() -> None:
    assert change_picture(np.zeros((3, 400)), np.zeros((3, 400)), largest=1.0).shape == (9, 800, 3)
