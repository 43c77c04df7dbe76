"""The window of the upsampling bench, and the arrows back from pooling."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from cnnviz.figures.upsampling import (
    KEPT,
    LOST,
    WRONG,
    UnpoolingLabels,
    plain_grids,
    unpooling_figure,
    window,
)
from cnnviz.upsampling.unpooling import RoundTrip, round_trip, with_index

LABELS = UnpoolingLabels("In", "Max", "Out", "words < that & stand for it")
GRID = np.arange(1.0, 17).reshape(1, 4, 4)
CELL = 40


def arrows(trip: RoundTrip) -> list[tuple[str, float, float]]:
    """Colour, and where each arrow's head ends."""
    root = ElementTree.fromstring(unpooling_figure(trip, LABELS))
    paths = [path for path in root.iter("path") if path.get("fill") == "none"]
    ends = [re.findall(r"[\d.]+", path.get("d", ""))[-2:] for path in paths]
    return [(path.get("stroke", ""), float(x), float(y)) for path, (x, y) in zip(paths, ends, strict=True)]


@pytest.mark.parametrize("percent", [(0, 0), (100, 100), (50, 25)])
@pytest.mark.parametrize("side", [1, 20, 500])
def test_window_stays_inside(side: int, percent: tuple[int, int]) -> None:
    top, left, bottom, right = window((30, 40, 3), side, percent)
    assert 0 <= top < bottom <= 30
    assert 0 <= left < right <= 40
    assert (bottom - top, right - left) == (min(side, 30), min(side, 40))


def test_arrows_end_where_the_maxima_return_to() -> None:
    drawn = arrows(round_trip(GRID))
    assert {colour for colour, _x, _y in drawn} == {KEPT}
    # Of places (1, 1), (1, 3), (3, 1), (3, 3) two share each row and each column.
    columns, rows = sorted({x for _c, x, _y in drawn}), sorted({y for _c, _x, y in drawn})
    assert columns[1] - columns[0] == rows[1] - rows[0] == 2 * CELL


def test_a_wrong_index_and_a_lost_value_look_different() -> None:
    trip = round_trip(GRID)
    wrong = round_trip(GRID, indices=with_index(trip.indices, (0, 0, 0), 2))
    assert [colour for colour, _x, _y in arrows(wrong)] == [WRONG, KEPT, KEPT, KEPT]
    lost = round_trip(GRID, indices=with_index(trip.indices, (0, 0, 0), 15))
    assert [colour for colour, _x, _y in arrows(lost)] == [LOST, KEPT, KEPT, KEPT]


def test_the_figure_says_what_it_shows() -> None:
    root = ElementTree.fromstring(unpooling_figure(round_trip(GRID), LABELS, (0, 1)))
    assert root.get("aria-label") == LABELS.alt
    texts = [text.text for text in root.iter("text")]
    assert [each for each in texts if each in ("In", "Max", "Out")] == ["In", "Max", "Out"]
    assert texts.count("16") == 3
    frames = [each for each in root.iter("rect") if each.get("stroke") == WRONG]
    assert len(frames) == 1


def test_another_width_is_drawn_as_wide() -> None:
    root = ElementTree.fromstring(unpooling_figure(round_trip(GRID, size=(6, 7)), LABELS))
    cells = [each for each in root.iter("rect") if each.get("width") == str(CELL)]
    assert len(cells) == 16 + 4 + 42


def test_grids_side_by_side() -> None:
    html = plain_grids([("a long caption for it", np.eye(2)), ("b", np.full((2, 2), -1.5))], "alt")
    root = ElementTree.fromstring(html)
    assert [text.text for text in root.iter("text")].count("−1.5") == 4
    filled = [each for each in root.iter("rect") if each.get("fill-opacity") != "0"]
    assert len(filled) == 6
