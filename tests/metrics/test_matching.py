"""Matching one step at a time, by hand; its results against pycocotools by way of the fast evaluation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.errors import SettingError
from cnnviz.metrics import coco
from cnnviz.metrics.average_precision import area
from cnnviz.metrics.data import DetectionSet
from cnnviz.metrics.matching import COCO, REASONS, VOC2007, VOC2010, Convention, Matching, match
from tests.metrics import sets
from tests.metrics.test_coco import random_set

# On a line, ten high: two truths side by side, of which a detection may overlap both.
LEFT, RIGHT = (0.0, 0.0, 10.0, 10.0), (10.0, 0.0, 20.0, 10.0)


def ends(matching: Matching) -> list[tuple[int, int | None, str]]:
    return [(step.detection, step.truth, step.reason) for step in matching.steps]


def test_every_step_of_a_small_set() -> None:
    data = sets.simple(
        [(0, 0, LEFT), (0, 0, RIGHT), (1, 0, LEFT)],
        [
            (0, 0, 0.5, (0, 0, 10, 8)),
            (0, 0, 0.9, (0, 0, 10, 9)),
            (2, 0, 0.7, LEFT),
            (0, 0, 0.8, (10, 0, 14, 10)),
            (1, 0, 0.3, LEFT),
        ],
        images=3,
    )
    matching = match(data, 0, Convention())
    assert ends(matching) == [
        (1, 0, "matched"),
        (3, 1, "below_threshold"),
        (2, None, "no_truth"),
        (0, 0, "already_matched"),
        (4, 2, "matched"),
    ]
    assert [step.iou for step in matching.steps] == pytest.approx([0.9, 0.4, None, 0.8, 1])
    assert [step.outcome for step in matching.steps] == ["tp", "fp", "fp", "fp", "tp"]
    assert [(step.tp, step.fp, step.fn) for step in matching.steps] == [
        (1, 0, 2),
        (1, 1, 2),
        (1, 2, 2),
        (1, 3, 2),
        (2, 3, 1),
    ]
    assert [step.precision for step in matching.steps] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 2 / 5])
    assert [step.recall for step in matching.steps] == pytest.approx([1 / 3] * 4 + [2 / 3])
    assert matching.missed == (1,)
    assert {step.reason for step in matching.steps} <= set(REASONS)


def test_voc_takes_the_best_truth_and_coco_the_best_free_one() -> None:
    # The second detection overlaps the left truth by 0.48 and the right one by 0.35: both reach 0.3.
    detections = [(0, 0, 0.9, LEFT), (0, 0, 0.8, (3.5, 0, 14.8, 10))]
    data = sets.simple([(0, 0, LEFT), (0, 0, (6.0, 0.0, 30.0, 10.0))], detections)
    voc, free = (match(data, 0, Convention(matching=how, iou_threshold=0.3)) for how in ("voc", "coco"))
    assert ends(voc)[1] == (1, 0, "already_matched")
    assert ends(free)[1] == (1, 1, "matched")
    assert voc.missed == (1,)
    assert free.missed == ()


def test_of_equal_overlaps_voc_takes_the_first_and_coco_the_last() -> None:
    data = sets.simple([(0, 0, LEFT), (0, 0, RIGHT)], [(0, 0, 0.5, (5, 0, 15, 10))])
    assert match(data, 0, Convention(matching="voc", iou_threshold=0.3)).steps[0].truth == 0
    assert match(data, 0, Convention(matching="coco", iou_threshold=0.3)).steps[0].truth == 1


def test_reaching_the_threshold_or_exceeding_it() -> None:
    data = sets.simple([(0, 0, LEFT)], [(0, 0, 0.5, (0, 0, 10, 5))])
    assert match(data, 0, Convention(comparison=">=")).steps[0].outcome == "tp"
    assert match(data, 0, Convention(comparison=">")).steps[0].outcome == "fp"


def test_a_pixel_more_can_reach_the_threshold() -> None:
    # 9×4 of 9×9 is 0.44, 10×5 of 10×10 is 0.5.
    data = sets.simple([(0, 0, (0, 0, 9, 9))], [(0, 0, 0.5, (0, 0, 9, 4))])
    assert match(data, 0, Convention()).steps[0].iou == pytest.approx(4 / 9)
    assert match(data, 0, Convention(plus_one=True)).steps[0].outcome == "tp"


def test_difficult_truths_are_ignored_any_number_of_times_by_voc_and_once_by_coco() -> None:
    data = sets.simple([(0, 0, LEFT)], [(0, 0, 0.9, LEFT), (0, 0, 0.8, LEFT)], difficult=(0,))
    voc, once = match(data, 0, VOC2010), match(data, 0, COCO)
    assert [step.outcome for step in voc.steps] == ["ignored", "ignored"]
    assert [step.outcome for step in once.steps] == ["ignored", "fp"]
    assert (voc.truths, voc.ignored) == ((), (0,))
    assert voc.steps[0].precision is None
    assert voc.steps[0].recall is None
    counted = match(data, 0, replace(VOC2010, special="count"))
    assert [step.outcome for step in counted.steps] == ["tp", "fp"]


def test_a_crowd_takes_in_any_number_of_detections_that_lie_in_it() -> None:
    found = [(0, 0, 0.9, (0, 0, 2, 2)), (0, 0, 0.8, (4, 4, 6, 6)), (0, 0, 0.7, (9, 9, 20, 20))]
    data = sets.simple([(0, 0, LEFT)], found, crowd=(0,))
    matching = match(data, 0, COCO)
    assert [step.outcome for step in matching.steps] == ["ignored", "ignored", "fp"]
    assert [step.iou for step in matching.steps] == pytest.approx([1, 1, 1 / 121])
    counted = match(data, 0, replace(COCO, special="count"))
    assert counted.steps[0].iou == pytest.approx(0.04)


def test_coco_prefers_a_truth_that_counts_to_a_better_one_that_is_ignored() -> None:
    data = sets.simple([(0, 0, (0, 0, 10, 6)), (0, 0, LEFT)], [(0, 0, 0.9, LEFT)], difficult=(1,))
    assert ends(match(data, 0, COCO)) == [(0, 0, "matched")]
    assert ends(match(data, 0, VOC2010)) == [(0, 1, "ignored_truth")]


def test_sizes_outside_the_range_count_neither_for_nor_against() -> None:
    data = sets.simple(
        [(0, 0, LEFT), (1, 0, (0, 0, 20, 20))], [(0, 0, 0.9, LEFT), (1, 0, 0.8, LEFT)], images=2
    )
    matching = match(data, 0, COCO, (200.0, 1000.0))
    assert [step.reason for step in matching.steps] == ["ignored_truth", "outside_range"]
    assert matching.truths == (1,)


def test_the_order_of_ties() -> None:
    data = sets.simple(
        [], [(1, 0, 0.5, LEFT), (0, 0, 0.5, LEFT), (1, 0, 0.5, RIGHT), (0, 0, 0.9, LEFT)], images=2
    )

    def order(ties: str) -> list[int]:
        return [step.detection for step in match(data, 0, Convention(ties=ties)).steps]

    assert order("file") == [3, 0, 1, 2]
    assert order("reversed") == [3, 2, 1, 0]
    assert order("image") == [3, 1, 0, 2]


def test_so_many_detections_of_an_image_count() -> None:
    found = [(image, 0, score, LEFT) for image, score in ((0, 0.1), (0, 0.4), (1, 0.3), (0, 0.2))]
    data = sets.simple([], found, images=2)
    assert [step.detection for step in match(data, 0, Convention(max_detections=1)).steps] == [1, 2]
    assert [step.detection for step in match(data, 0, Convention(max_detections=2)).steps] == [1, 2, 3]


def test_presets() -> None:
    assert (VOC2007.interpolation, VOC2010.interpolation, COCO.interpolation) == ("11", "all", "101")
    assert VOC2007.plus_one
    assert VOC2010.plus_one
    assert not COCO.plus_one


def all_three_agree(data: DetectionSet, kind: str) -> None:
    """Step by step and in arrays, whose figures are those of pycocotools."""
    fast = coco.evaluate(data, kind)
    for category in range(len(data.categories)):
        for name, bounds in coco.RANGES.items():
            for threshold in (0.5, 0.75, coco.THRESHOLDS[2]):
                for limit in (1, 100):
                    convention = replace(COCO, iou_threshold=threshold, max_detections=limit)
                    slow = match(data, category, convention, bounds, kind=kind)
                    expected = fast.ap(iou=threshold, category=category, area=name, limit=limit)
                    assert area(slow).value == (
                        expected if expected is None else pytest.approx(expected, abs=1e-9)
                    )
                    reached = fast.ar(iou=threshold, category=category, area=name, limit=limit)
                    if reached is not None:
                        assert 1 - len(slow.missed) / len(slow.truths) == pytest.approx(reached, abs=1e-9)


@pytest.mark.parametrize("kind", ["bbox", "segm"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_step_by_step_comes_to_what_the_arrays_come_to(kind: str, seed: int) -> None:
    all_three_agree(sets.from_coco(*random_set(seed, kind), kind), kind)


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_difficult_truths_step_by_step_and_in_arrays(seed: int) -> None:
    data = sets.from_coco(*random_set(seed, "bbox"), "bbox")
    difficult = np.random.default_rng(seed).random(len(data.truths)) < 0.3
    all_three_agree(replace(data, truths=replace(data.truths, difficult=difficult)), "bbox")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"matching": "greedy"}, "matching is one of voc, coco; it is greedy"),
        ({"interpolation": "12"}, "interpolation is one of all, 11, 101; it is 12"),
        ({"iou_threshold": 0}, "above 0 and at most 1; it is 0"),
        ({"iou_threshold": float("nan")}, "it is nan"),
        ({"max_detections": 0}, "at least 1 detection"),
    ],
)
def test_a_convention_that_is_none_is_refused(setting: dict, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        Convention(**setting)


def test_what_the_set_does_not_have_is_refused() -> None:
    data = sets.simple([(0, 0, LEFT)], [(0, 0, 0.5, LEFT)])
    with pytest.raises(SettingError, match="has 1 classes, from 0 on; there is no class 1"):
        match(data, 1, COCO)
    with pytest.raises(SettingError, match="needs masks"):
        match(data, 0, COCO, kind="segm")
    with pytest.raises(SettingError, match="it is keypoints"):
        match(data, 0, COCO, kind="keypoints")
