"""Pictures of deformable convolution, read back."""

import re

import numpy as np

from cnnviz.figures.deformable import (
    CHOSEN,
    MOVED,
    REGULAR,
    CloseUp,
    LineLabels,
    close_up,
    field_picture,
    lines_figure,
    points_picture,
)

PIXELS = np.full((6, 8, 3), 40, np.uint8)


def test_points_lie_where_they_are_read() -> None:
    places = np.array([[1.0, 2.0], [4.0, 6.5]])
    drawn = points_picture(PIXELS, places, places - np.array([0, 1.5]), 1, factor=20)
    assert drawn.shape == (120, 160, 3)
    assert tuple(drawn[30, 50]) == MOVED  # the middle of row 1, column 2
    assert tuple(drawn[90, 140]) == CHOSEN
    assert (drawn == REGULAR).all(-1).any()
    assert not (points_picture(PIXELS, places) == REGULAR).all(-1).any()
    assert (PIXELS == 40).all()


def test_points_outside_are_not_drawn() -> None:
    drawn = points_picture(PIXELS, np.array([[-9.0, 3.0], [30.0, 30.0]]))
    assert (drawn == 40).all()


def test_close_up() -> None:
    regular = np.array([[0.0, 0.0], [0.0, 1.0]])
    corners = [(0, 1, 7.0, 0.75), (0, 2, 9.0, 0.25)]
    drawn = CloseUp(np.zeros((6, 8)), regular, regular + np.array([0, 0.25]), 1, corners, "two <points>")
    svg = close_up(drawn)
    assert 'aria-label="two &lt;points&gt;"' in svg
    assert svg.count("<rect") == 2
    assert re.findall(r">(\d+)</text>", svg) == ["7", "9", "1", "2"], (
        "levels, then points, the chosen one last"
    )
    widths = [float(width) for width in re.findall(r'stroke-width="([\d.]+)"/>', svg) if float(width) > 2.1]
    assert 3.8 in widths  # 1.5 + 3 · 0.75


def test_field() -> None:
    field = np.zeros((4, 4))
    field[1, 2] = 9
    drawn = field_picture(field, 2)
    assert drawn.shape == (8, 8, 3)
    assert drawn[2, 4].sum() > drawn[0, 0].sum()


def test_lines() -> None:
    figure = lines_figure(
        {"ordinary": [(0, 0.5), (1, 0.25)]}, LineLabels("x", "y", {"ordinary": "plain"}), percent=True
    )
    assert [trace.name for trace in figure.data] == ["plain"]
    assert list(figure.data[0].y) == [0.5, 0.25]
    assert figure.layout.yaxis.tickformat == ".0%"
