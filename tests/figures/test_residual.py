import re

import numpy as np

from cnnviz.figures.maps import DIVERGING, colour
from cnnviz.figures.residual import LengthLabels, Line, LogLabels, coloured, length_bars, log_lines

WORDS = LogLabels("layer", "{name} {x}: {value} ({low} to {high})", "the floor")
BARS = LengthLabels(
    "length", "paths", "carried", "arriving", "{length}: {count}, {paths}, {carried}, {together}"
)


def drawn(*values: float, floor: float | None = None) -> str:
    line = np.array(values)
    return log_lines([Line("plain", line, line / 2, 2 * line, "#123456")], 1, WORDS, "The words", floor)


def heights(svg: str) -> list[float]:
    return [float(y) for y in re.findall(r'<circle cx="[\d.]+%" cy="([\d.-]+)"', svg)]


def test_maps_share_their_limits():
    first, second = np.array([[-1.0, 0.5]]), np.array([[4.0]])
    one, other = coloured([first, second], 6)
    assert one.shape == (3, 6, 3)
    assert other.shape == (6, 6, 3)
    assert one[0, 0].tolist() == colour(first, DIVERGING, (-4.0, 4.0))[0, 0].tolist()
    assert coloured([np.zeros((2, 2))], 2)[0].shape == (2, 2, 3)


def test_a_constant_factor_is_a_straight_line():
    ys = heights(drawn(1e-20, 1e-15, 1e-10, 1e-5, 1))
    steps = np.diff(ys)
    assert np.allclose(steps, steps[0], atol=0.11)
    assert steps[0] < 0, "upwards"
    assert "plain 2: 1e-15 (5e-16 to 2e-15)" in drawn(1e-20, 1e-15)
    assert "10<tspan dy=" in drawn(1e-20, 1e-15)


def test_what_has_vanished_is_left_out():
    assert len(heights(drawn(0.0, 1.0, 0.0, 2.0))) == 2
    assert heights(drawn(0.0, 0.0)) == []
    assert drawn(0.0, 1.0, 0.0, 2.0).count("<polyline") == 2


def test_the_floor_is_marked_where_it_is_in_view():
    assert "the floor" in drawn(1e-60, 1, floor=1e-45)
    assert "the floor" not in drawn(1e-20, 1, floor=1e-45)


def test_bars_are_as_high_as_their_shares():
    svg = length_bars((1, 2, 1), np.array([0.5, 0.5, 0.0]), np.array([0.2, 0.8, 0.0]), 1, BARS, "<The> words")
    assert 'aria-label="&lt;The&gt; words"' in svg
    assert "1: 2, 50 %, 50 %, 80 %" in svg
    filled = [float(h) for h in re.findall(r'height="([\d.]+)" fill="#3a86d4"', svg)]
    outlined = [float(h) for h in re.findall(r'height="([\d.]+)" fill="none"', svg)]
    assert filled[0] == filled[1] == outlined[1] == 2 * outlined[0]
    assert filled[2] == 0


def test_one_block_and_the_most():
    for count in (2, 55):
        shares = np.full(count, 1 / count)
        svg = length_bars((1,) * count, shares, shares, 0, BARS, "")
        numbers = re.findall(r'<text x="[\d.]+%" y="318" text-anchor="middle">(\d+)<', svg)
        assert numbers[0] == "0"
        assert numbers[-1] == str(count - 1)
        assert len(numbers) <= 14
