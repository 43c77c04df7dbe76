"""Curves and their areas: by hand, and against the published worked example."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.errors import SettingError
from cnnviz.metrics.average_precision import (
    Change,
    all_combinations,
    area,
    confusion_matrix,
    counts_at,
    curve,
    explain_change,
    mean_average_precision,
)
from cnnviz.metrics.data import DetectionSet
from cnnviz.metrics.matching import CHOICES, COCO, VOC2007, VOC2010, Convention, match
from tests.metrics import sets
from tests.metrics.test_coco import random_set

quick = settings(deadline=None, max_examples=20)
HERE, THERE = (0.0, 0.0, 10.0, 10.0), (50.0, 0.0, 60.0, 10.0)


def right_and_wrong(outcomes: str, truths: int) -> DetectionSet:
    """A set whose detections, from the highest score down, are right (+) or wrong (-)."""
    places = [(image, 0, HERE) for image in range(truths)]
    found, image = [], 0
    for rank, outcome in enumerate(outcomes):
        found.append((image, 0, 1 - rank / 100, HERE if outcome == "+" else THERE))
        image += outcome == "+"
    return sets.simple(places, found, images=truths + 1)


def test_a_curve_and_its_three_areas_by_hand() -> None:
    matching = match(right_and_wrong("+-+--+", 4), 0, Convention())
    points = curve(matching)
    assert points.recall.tolist() == [0.25, 0.25, 0.5, 0.5, 0.5, 0.75]
    assert points.precision == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2, 2 / 5, 1 / 2])
    assert points.envelope == pytest.approx([1, 2 / 3, 2 / 3, 1 / 2, 1 / 2, 1 / 2])
    assert points.step.tolist() == list(range(6))
    assert area(matching, "all").value == pytest.approx((1 + 2 / 3 + 1 / 2) / 4)
    # Recalls 0, .1, .2 | .3, .4, .5 | .6, .7 | none.
    assert area(matching, "11").value == pytest.approx((3 + 3 * 2 / 3 + 2 / 2) / 11)
    assert area(matching, "101").value == pytest.approx((26 + 25 * 2 / 3 + 25 / 2) / 101)
    assert [piece.height for piece in area(matching, "all").pieces] == pytest.approx([1, 2 / 3, 1 / 2])


@pytest.mark.parametrize("how", CHOICES["interpolation"])
@given(st.text("+-", max_size=30))
@quick
def test_the_pieces_sum_to_the_area_and_stand_side_by_side(how: str, outcomes: str) -> None:
    result = area(match(right_and_wrong(outcomes, outcomes.count("+") + 2), 0, Convention()), how)
    assert result.value == pytest.approx(
        sum((piece.right - piece.left) * piece.height for piece in result.pieces), abs=1e-12
    )
    lefts, rights = ([getattr(piece, side) for piece in result.pieces] for side in ("left", "right"))
    assert lefts == [0, *rights[:-1]][: len(lefts)]
    heights = [piece.height for piece in result.pieces]
    assert heights == sorted(heights, reverse=True)


def test_what_is_ignored_adds_no_point() -> None:
    data = sets.simple([(0, 0, HERE), (0, 0, THERE)], [(0, 0, 0.9, THERE), (0, 0, 0.8, HERE)], difficult=(1,))
    points = curve(match(data, 0, COCO))
    assert points.step.tolist() == [1]
    assert points.score.tolist() == [0.8]


def test_without_truths_the_area_is_undefined_and_the_class_left_out_of_the_mean() -> None:
    data = sets.simple([(0, 0, HERE)], [(0, 0, 0.9, HERE), (0, 1, 0.9, HERE)], classes=3)
    assert area(match(data, 1, COCO)).value is None
    assert area(match(data, 1, COCO)).pieces == ()
    assert len(curve(match(data, 1, COCO)).recall) == 0
    mean = mean_average_precision(data, COCO)
    assert mean.per_class == (pytest.approx(1), None, None)
    assert mean.value == pytest.approx(1)
    assert mean_average_precision(sets.simple([], []), COCO).value is None


def test_without_detections_the_area_is_none_at_all() -> None:
    data = sets.simple([(0, 0, HERE)], [])
    assert [area(match(data, 0, COCO), how).value for how in CHOICES["interpolation"]] == [0, 0, 0]


def test_another_interpolation_is_refused() -> None:
    with pytest.raises(SettingError, match="'all', '11' or '101'; it is 12"):
        area(match(right_and_wrong("+", 1), 0, COCO), "12")


def test_counts_at_a_threshold() -> None:
    matching = match(right_and_wrong("+-+--+", 4), 0, Convention())
    at = counts_at(matching, 0.98)
    assert (at.tp, at.fp, at.fn) == (2, 1, 2)
    assert (at.precision, at.recall, at.f1) == (pytest.approx(2 / 3), 0.5, pytest.approx(4 / 7))
    above = counts_at(matching, 1.5)
    assert (above.tp, above.fp, above.fn) == (0, 0, 4)
    assert (above.precision, above.recall, above.f1) == (None, 0, 0)
    empty = counts_at(match(sets.simple([], []), 0, Convention()), 0.5)
    assert (empty.precision, empty.recall, empty.f1) == (None, None, None)


@given(seed=st.integers(0, 2**32 - 1), score=st.sampled_from([0.2, 0.5, 0.7]))
@quick
def test_a_threshold_cuts_the_list_and_changes_nothing_above(seed: int, score: float) -> None:
    data = sets.from_coco(*random_set(seed, "bbox"), "bbox")
    found = data.detections
    kept = found.score >= score
    names = ("image", "category", "boxes", "score", "area")
    cut = replace(data, detections=replace(found, **{name: getattr(found, name)[kept] for name in names}))
    for convention in (VOC2010, Convention()):
        at, alone = counts_at(match(data, 0, convention), score), match(cut, 0, convention)
        assert (at.tp, at.fp) == ((alone.steps[-1].tp, alone.steps[-1].fp) if alone.steps else (0, 0))


def test_what_is_taken_for_what() -> None:
    truths = [(0, 0, HERE), (0, 1, THERE), (1, 1, HERE), (2, 0, THERE)]
    found = [
        (0, 0, 0.9, HERE),
        (0, 0, 0.8, THERE),
        (1, 0, 0.7, THERE),
        (0, 1, 0.6, HERE),
        (2, 0, 0.6, THERE),
        (1, 1, 0.1, HERE),
    ]
    data = sets.simple(truths, found, images=3, classes=2, crowd=(3,))
    # Class 1 is once taken for class 0 and once missed; two detections find nothing; a crowd isn't counted.
    assert confusion_matrix(data, COCO, 0.5).tolist() == [[1, 0, 0], [1, 0, 1], [1, 1, 0]]
    assert confusion_matrix(data, COCO).tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 0]]


@given(seed=st.integers(0, 2**32 - 1))
@quick
def test_rows_of_the_confusion_matrix_sum_to_the_truths(seed: int) -> None:
    data = sets.from_coco(*random_set(seed, "bbox"), "bbox")
    matrix = confusion_matrix(data, replace(COCO, special="count"), 0.3)
    classes = len(data.categories)
    counts = np.bincount(data.truths.category, minlength=classes)
    assert matrix[:classes].sum(axis=1).tolist() == counts.tolist()
    found = data.detections.category[data.detections.score >= 0.3]
    assert matrix[:, :classes].sum(axis=0).tolist() == np.bincount(found, minlength=classes).tolist()


@pytest.fixture
def worked_example(facts: Path) -> DetectionSet:
    """github rafaelpadilla/Object-Detection-Metrics: 7 images, 15 ground truths, 24 detections."""
    truths, found = [], []
    folder = facts / "worked_example"
    files = sorted((folder / "groundtruths").iterdir())
    for image, file in enumerate(files):
        for line in file.read_text().split("\n"):
            if line.strip():
                truths.append((image, 0, tuple(sets.corners([*map(float, line.split()[1:])]))))
        for line in (folder / "detections" / file.name).read_text().split("\n"):
            if line.strip():
                score, *box = map(float, line.split()[1:])
                found.append((image, 0, score, tuple(sets.corners(box))))
    return sets.simple(truths, found, images=len(files))


# What the project publishes, and what pycocotools and torchmetrics measure (101 points), in percent.
PUBLISHED = [
    (VOC2010, 0.3, 24.57),
    (VOC2007, 0.3, 26.84),
    (replace(VOC2010, plus_one=False), 0.3, 22.54),
    (replace(VOC2007, plus_one=False), 0.3, 26.84),
    (COCO, 0.3, 23.01),
    (replace(COCO, plus_one=True), 0.3, 24.82),
    (VOC2010, 0.5, 2.22),
    (VOC2007, 0.5, 3.03),
    (replace(VOC2010, ties="reversed"), 0.3, 22.35),
    (replace(VOC2007, ties="reversed"), 0.3, 23.81),
]


@pytest.mark.facts
@pytest.mark.parametrize(("convention", "threshold", "percent"), PUBLISHED)
def test_the_worked_example(
    worked_example: DetectionSet, convention: Convention, threshold: float, percent: float
) -> None:
    value = mean_average_precision(worked_example, replace(convention, iou_threshold=threshold)).value
    assert value is not None
    assert 100 * value == pytest.approx(percent, abs=0.005)


@pytest.mark.facts
def test_the_worked_example_to_ten_digits(worked_example: DetectionSet) -> None:
    for convention, published in ((VOC2010, 0.2456866804), (VOC2007, 0.2683982683)):
        value = mean_average_precision(worked_example, replace(convention, iou_threshold=0.3)).value
        assert value == pytest.approx(published, abs=1e-10)


@pytest.mark.facts
def test_one_detection_of_the_worked_example_makes_the_difference(worked_example: DetectionSet) -> None:
    with_pixel = replace(VOC2010, iou_threshold=0.3)
    before, after = (
        match(worked_example, 0, replace(with_pixel, plus_one=plus_one)) for plus_one in (False, True)
    )
    change = explain_change(before, after)
    assert change.switches == ("plus_one",)
    (flip,) = change.flips
    assert (flip.iou_before, flip.iou_after) == (
        pytest.approx(0.2953, abs=5e-5),
        pytest.approx(0.3034, abs=5e-5),
    )
    assert (flip.outcome_before, flip.outcome_after) == ("fp", "tp")
    # In the project's figure it is the detection with the seventh letter, G.
    assert flip.detection == "ABCDEFG".index("G")
    assert not change.moved


def explained(data: DetectionSet, before: Convention, **switch: object) -> Change:
    return explain_change(match(data, 0, before), match(data, 0, replace(before, **switch)))


def test_ties_move_without_a_flip() -> None:
    data = sets.simple([(0, 0, HERE)], [(0, 0, 0.5, HERE), (0, 0, 0.5, THERE), (0, 0, 0.1, THERE)])
    change = explained(data, Convention(interpolation="all"), ties="reversed")
    assert (change.ap_before, change.ap_after) == (1, 0.5)
    assert change.flips == ()
    assert [(move.detection, move.rank_before, move.rank_after) for move in change.moved] == [
        (0, 0, 1),
        (1, 1, 0),
    ]


def test_a_change_of_the_area_alone_names_no_detection() -> None:
    change = explained(right_and_wrong("+-+", 3), Convention(), interpolation="11")
    assert (change.switches, change.flips, change.moved) == (("interpolation",), (), ())
    assert change.ap_before != change.ap_after


def test_a_limit_takes_detections_out() -> None:
    data = sets.simple([(0, 0, HERE)], [(0, 0, 0.9, THERE), (0, 0, 0.5, HERE)])
    (flip,) = explained(data, Convention(), max_detections=1).flips
    assert (flip.detection, flip.outcome_before, flip.outcome_after, flip.rank_after) == (1, "tp", None, None)
    assert flip.reason_after is None


def test_truths_that_begin_to_count_are_named() -> None:
    data = sets.simple([(0, 0, HERE), (0, 0, THERE)], [(0, 0, 0.9, HERE)], difficult=(0,))
    change = explained(data, Convention(), special="count")
    assert (change.truths_gained, change.truths_lost) == ((0,), ())
    assert [(flip.outcome_before, flip.outcome_after) for flip in change.flips] == [("ignored", "tp")]


def test_every_combination_is_there_once_and_is_what_it_says() -> None:
    data = sets.from_coco(*random_set(8, "bbox"), "bbox")
    parts: list[float] = []
    combinations = all_combinations(data, iou_threshold=0.6, max_detections=(None, 2), progress=parts.append)
    assert len(combinations) == len({each.convention for each in combinations}) == 2 * 2 * 2 * 2 * 2 * 3 * 3
    assert parts[-1] == 1
    for each in combinations[::17]:
        assert each.ap == mean_average_precision(data, each.convention).value
    assert len({each.ap for each in combinations}) > 20
    alone = all_combinations(data, category=1, iou_threshold=0.6, max_detections=(None,))
    assert [each.ap for each in alone] == [area(match(data, 1, each.convention)).value for each in alone]
