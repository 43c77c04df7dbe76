"""IoU and its descendants against torchvision, and by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import ops

from cnnviz.errors import SettingError
from cnnviz.metrics import boxes

quick = settings(deadline=None, max_examples=80)


@st.composite
def box(draw: st.DrawFn, least: float = 0.5) -> boxes.Box:
    left, top = (draw(st.floats(-50, 50)) for _ in range(2))
    width, height = (draw(st.floats(least, 60)) for _ in range(2))
    return (left, top, left + width, top + height)


@given(box(), box())
@quick
def test_torchvision_agrees(a: boxes.Box, b: boxes.Box) -> None:
    pair = boxes.compare(a, b)
    one, other = (torch.tensor([each], dtype=torch.float64) for each in (a, b))
    assert pair.iou == pytest.approx(ops.box_iou(one, other).item(), abs=1e-9)
    assert pair.giou == pytest.approx(ops.generalized_box_iou(one, other).item(), abs=1e-9)
    # torchvision adds 1e-7 to the diagonal's square and to the denominator of α.
    assert pair.diou == pytest.approx(ops.distance_box_iou(one, other).item(), abs=1e-6)
    assert pair.ciou == pytest.approx(ops.complete_box_iou(one, other).item(), abs=1e-5)


@given(st.lists(box(0), min_size=1, max_size=6), st.lists(box(0), min_size=1, max_size=6))
@quick
def test_the_matrix_is_made_of_the_pairs(some: list[boxes.Box], others: list[boxes.Box]) -> None:
    for plus_one in (False, True):
        matrix = boxes.iou_matrix(np.array(some), np.array(others), plus_one=plus_one)
        expected = [[boxes.compare(a, b, plus_one).iou or 0 for b in others] for a in some]
        np.testing.assert_array_equal(matrix, expected)


def test_the_matrix_is_torchvisions_also_where_there_is_nothing() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (30, 4))
    some = np.concatenate((corners[:, :2], corners[:, :2] + corners[:, 2:]), axis=1)
    theirs = ops.box_iou(torch.from_numpy(some[:20]), torch.from_numpy(some[20:])).numpy()
    np.testing.assert_allclose(boxes.iou_matrix(some[:20], some[20:]), theirs, atol=1e-12)
    assert boxes.iou_matrix(some[:0], some).shape == (0, 30)
    assert boxes.iou_matrix(some, some[:0]).shape == (30, 0)


def test_two_squares_by_hand() -> None:
    # 2×2 each, one pixel shared: 1/7; enclosed by 3×3, of which 2 lie outside; centres √2 apart.
    pair = boxes.compare((0, 0, 2, 2), (1, 1, 3, 3))
    assert pair.areas == (4, 4)
    assert pair.intersection == (1, 1, 2, 2)
    assert (pair.intersection_area, pair.union_area) == (1, 7)
    assert pair.enclosing == (0, 0, 3, 3)
    assert pair.iou == pytest.approx(1 / 7)
    assert pair.giou == pytest.approx(1 / 7 - 2 / 9)
    assert pair.diou == pytest.approx(1 / 7 - 2 / 18)
    assert pair.ciou == pair.diou


def test_the_aspect_ratio_by_hand() -> None:
    # A nested with the same centre: 4×2 in 4×4.
    pair = boxes.compare((0, 1, 4, 3), (0, 0, 4, 4))
    v = 4 / math.pi**2 * (math.atan(2) - math.atan(1)) ** 2
    assert (pair.iou, pair.giou, pair.diou) == (0.5, 0.5, 0.5)
    assert pair.ciou == pytest.approx(0.5 - v / (0.5 + v) * v)


def test_one_pixel_more() -> None:
    # Side by side: they touch without sharing anything, but share a column of pixels.
    continuous = boxes.compare((0, 0, 9, 9), (9, 0, 18, 9))
    assert (continuous.iou, continuous.intersection) == (0, None)
    pixels = boxes.compare((0, 0, 9, 9), (9, 0, 18, 9), plus_one=True)
    assert pixels.areas == (100, 100)
    assert pixels.intersection_area == 10
    assert pixels.intersection == (9, 0, 9, 9)
    assert pixels.iou == pytest.approx(10 / 190)
    assert pixels.giou == pytest.approx(10 / 190)
    assert pixels.diou == pytest.approx(10 / 190 - 81 / (19**2 + 10**2))


def test_a_side_is_what_the_decimals_say() -> None:
    # 0.1 + 0.2 is 0.30000000000000004, which less 0.1 is 0.20000000000000004.
    assert boxes.areas(np.array([0.1, 0, 0.1 + 0.2, 1])) == 0.2
    # A side with more than six decimals stays as it is.
    assert boxes.areas(np.array([0, 0, 1 / 3, 1])) == 1 / 3


@pytest.mark.parametrize("same", [(3.0, 4.0, 5.0, 9.0), (-1.5, 0.0, 0.25, 100.0)])
def test_a_box_agrees_with_itself(same: boxes.Box) -> None:
    pair = boxes.compare(same, same)
    assert (pair.iou, pair.giou, pair.diou, pair.ciou) == (1, 1, 1, 1)


def test_degenerate_boxes() -> None:
    line, square, point = (1.0, 0.0, 1.0, 4.0), (0.0, 0.0, 4.0, 4.0), (2.0, 2.0, 2.0, 2.0)
    against_line = boxes.compare(line, square)
    assert against_line.iou == 0
    assert against_line.giou == 0
    assert against_line.ciou is not None
    against_point = boxes.compare(square, point)
    assert (against_point.iou, against_point.diou, against_point.ciou) == (0, 0, None)
    assert against_point.undefined == {"ciou": boxes.NO_ASPECT}
    neither = boxes.compare(line, point)
    assert (neither.iou, neither.giou, neither.diou, neither.ciou) == (None,) * 4
    assert neither.undefined == dict.fromkeys(("iou", "giou", "diou", "ciou"), boxes.NO_AREA)
    assert boxes.compare(point, point, plus_one=True).iou == 1
    assert boxes.iou_matrix(np.array([line, point]), np.array([point])).tolist() == [[0], [0]]


def test_a_box_in_a_crowd() -> None:
    inside, crowd = np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[0.0, 0.0, 20.0, 20.0]])
    assert boxes.iou_matrix(inside, crowd, crowd=np.array([True])) == 1
    assert boxes.iou_matrix(inside, crowd, crowd=np.array([False])) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [((0, 0, -1, 2), "may not end before it begins"), ((0, 0, math.nan, 2), "four finite coordinates")],
)
def test_what_is_no_box_is_refused(wrong: boxes.Box, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        boxes.compare((0, 0, 1, 1), wrong)
