"""The example's properties, each by arithmetic on its boxes."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from cnnviz.metrics.average_precision import area
from cnnviz.metrics.example import BOTTLE, CUP, example
from cnnviz.metrics.matching import Convention, match

DATA = example()
TRUTHS, FOUND = DATA.truths, DATA.detections


def iou(truth: int, detection: int, plus_one: int = 0) -> Fraction:
    """Exact, of a truth and a detection by their numbers in the file."""
    a = [int(x) for x in TRUTHS.boxes[truth]]
    b = [int(x) for x in FOUND.boxes[detection]]
    width = min(a[2], b[2]) - max(a[0], b[0]) + plus_one
    height = min(a[3], b[3]) - max(a[1], b[1]) + plus_one
    both = max(width, 0) * max(height, 0)
    areas = [(x2 - x1 + plus_one) * (y2 - y1 + plus_one) for x1, y1, x2, y2 in (a, b)]
    return Fraction(both, sum(areas) - both)


def best(detection: int) -> tuple[int, Fraction]:
    """The truth of its image and class that a detection overlaps most."""
    same = (TRUTHS.image == FOUND.image[detection]) & (TRUTHS.category == FOUND.category[detection])
    candidates = [(iou(truth, detection), truth) for truth in np.flatnonzero(same)]
    overlap, truth = max(candidates, default=(Fraction(0), -1))
    return int(truth), overlap


def test_sizes_and_frames() -> None:
    assert (len(DATA.images), len(TRUTHS), len(FOUND)) == (7, 15, 24)
    for boxes in (TRUTHS.boxes, FOUND.boxes):
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:] <= (160, 120)).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert set(TRUTHS.category) == set(FOUND.category) == {CUP, BOTTLE}
    assert TRUTHS.area.tolist() == ((TRUTHS.boxes[:, 2:] - TRUTHS.boxes[:, :2]).prod(1)).tolist()


def test_one_pair_reaches_the_threshold_with_plus_one_only() -> None:
    assert iou(0, 0) == Fraction(266, 534) < Fraction(1, 2)
    assert iou(0, 0, plus_one=1) == Fraction(300, 582) > Fraction(1, 2)


def test_one_pair_lies_on_the_threshold() -> None:
    assert best(5) == (4, Fraction(1, 2))
    # In floating point too, so that ≥ and > differ.
    assert 300.0 / (600.0 + 300.0 - 300.0) == 0.5


def test_tied_scores_of_a_hit_and_a_miss() -> None:
    tied = np.flatnonzero(FOUND.score == 0.70)
    assert tied.tolist() == [6, 20]
    assert FOUND.category[tied].tolist() == [CUP, CUP]
    assert best(6)[1] == Fraction(2088, 2400) > Fraction(1, 2)
    assert best(20)[0] == -1, "nothing on its image"
    others = np.delete(FOUND.score, tied)
    assert len(set(others)) == len(others), "no other tie"


def test_best_truth_is_taken_but_another_is_free() -> None:
    """VOC asks for the best truth only, COCO for the best that is free."""
    first, second = 3, 4
    assert best(first) == (2, Fraction(1))
    assert best(second) == (2, Fraction(36, 44))
    assert FOUND.score[first] > FOUND.score[second]
    assert iou(3, second) == Fraction(34, 46) > Fraction(1, 2)
    rivals = [d for d in np.flatnonzero(FOUND.image == 1) if d not in (first, second)]
    assert rivals == [], "nobody else takes it"


def test_difficult_and_crowd_are_found() -> None:
    (difficult,), (crowd,) = np.flatnonzero(TRUTHS.difficult), np.flatnonzero(TRUTHS.crowd)
    assert best(9) == (difficult, Fraction(551, 600))
    inside = [12, 13]
    assert [best(d)[0] for d in inside] == [crowd, crowd]
    for d in inside:
        assert best(d)[1] < Fraction(1, 2), "a false positive where a crowd counts as one object"
        box, group = FOUND.boxes[d], TRUTHS.boxes[crowd]
        assert (box[:2] >= group[:2]).all()
        assert (box[2:] <= group[2:]).all()


def test_other_mistakes_are_there_too() -> None:
    assert best(15)[0] == best(14)[0], "a truth found twice"
    right_place = [iou(truth, 17) for truth in np.flatnonzero(TRUTHS.image == FOUND.image[17])]
    assert max(right_place) > Fraction(1, 2)
    assert best(17)[0] == -1, "right place, wrong class"
    missed = [
        t for t in range(15) if max(iou(t, d) for d in np.flatnonzero(FOUND.image == TRUTHS.image[t])) == 0
    ]
    assert missed == [12]
    assert 6 not in TRUTHS.image, "an image without truths"


SWITCHES = [
    {"plus_one": True},
    {"comparison": ">"},
    {"matching": "voc"},
    {"special": "count"},
    {"ties": "reversed"},
    {"interpolation": "11"},
    {"interpolation": "101"},
    {"max_detections": 2},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_each_switch_changes_the_average_precision(switch: dict[str, Any]) -> None:
    base = Convention(interpolation="all")
    before, after = (
        area(match(DATA, CUP, convention), convention.interpolation).value
        for convention in (base, replace(base, **switch))
    )
    assert before is not None
    assert after is not None
    assert abs(after - before) > 0.004
