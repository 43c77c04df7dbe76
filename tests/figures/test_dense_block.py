import re

import numpy as np

from cnnviz.figures.dense_block import (
    BarCell,
    CurveLabels,
    StackRow,
    bar_table,
    cells,
    curve_figure,
    overview,
    side_by_side,
    stacks,
)


def test_bars_are_as_long_as_they_have_channels() -> None:
    rows = [
        StackRow("One", (((0,), 8),)),
        StackRow("Out <", (((0,), 8), ((1,), 4))),
        StackRow("Sum", (((0, 1), 4),), "x₀ + F₁"),
    ]
    html = stacks("Title", rows, 2, 12, "8 & 12")
    assert re.findall(r"flex:(\d+)", html) == ["8", "4", "8", "4", "4", "8"]
    assert re.findall(r"<span>(\d+)</span>", html) == ["8", "12", "4"]
    assert 'aria-label="8 &amp; 12"' in html
    assert "Out &lt;" in html
    grounds = re.findall(r";background:(rgb\([\d,]+\))", html)
    assert grounds[0] == grounds[1] != grounds[2]
    assert html.count("repeating-linear-gradient") == 1, "sums are striped"
    assert '<u style="flex:8 0 0">x₀ + F₁</u>' in html, "there is room beside the bar"
    assert "<b>x₀ + F₁</b>" in stacks("Title", rows[2:], 2, 5, "")
    assert side_by_side(html, html).count('role="img"') == 2


def test_cells_are_coloured_where_something_flows() -> None:
    values = np.array([[1.0, 0.0], [np.nan, 0.5]])
    picture = cells(values, [["1", "0"], ["", "h"]], ["A", "B"], ["x", "y"])
    assert picture.shape == (192, 192, 3)
    corners = [picture[64 * r + 4, 64 * c + 4].tolist() for r in range(1, 3) for c in range(1, 3)]
    assert corners[0] == [252, 254, 164]
    assert corners[1] == [0, 0, 3]
    assert corners[2] == [236] * 3, "nothing flows there"
    assert len({tuple(corner) for corner in corners}) == 4
    assert picture[64:128, :64].min() < 60, "a head is written"
    assert picture[128:, 64:128].min() == 236
    small = overview([values, values], side=4)
    assert small.shape == (8, 8 + 4 + 8, 3)
    assert (small[:4, :4] == corners[0]).all()
    assert (small[:, 8:12] == 236).all()


def test_bars_in_a_table() -> None:
    html = bar_table("What", ["a", "b"], [("x", [BarCell("0.5", 0.5)]), ("y", [BarCell("9 <", 1.7)])], 1)
    assert re.findall(r"width:([\d.]+)%", html)[-2:] == ["50.0", "100.0"]
    assert '<tr class="marked"><th scope="row">y' in html
    assert "9 &lt;" in html


def test_curves() -> None:
    labels = CurveLabels("step", "wrong", "seen", "unseen")
    figure = curve_figure([(0, 0.9, 0.8), (10, 0.1, 0.2)], labels)
    assert [(line.name, list(line.x), list(line.y)) for line in figure.data] == [
        ("seen", [0, 10], [0.9, 0.1]),
        ("unseen", [0, 10], [0.8, 0.2]),
    ]
    assert curve_figure([(0, 0.9, 0.8)], labels).data[0].mode == "markers"
