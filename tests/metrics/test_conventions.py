"""Switches, their neighbours, the area measured a second way, and the script that has every switch."""

import contextlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cnnviz.metrics import coco, set_code
from cnnviz.metrics.average_precision import all_combinations, area, mean_average_precision
from cnnviz.metrics.convention_code import classes_code, evaluation_code
from cnnviz.metrics.conventions import (
    PRESETS,
    SWITCHES,
    decode,
    encode,
    measured_area,
    neighbours,
)
from cnnviz.metrics.example import example
from cnnviz.metrics.matching import COCO, Convention, match, overlaps_of

DATA = example()
EVERY = all_combinations(DATA, max_detections=(None, 1, 2))


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source, names)
    return names


def test_numbers_of_a_convention_come_back() -> None:
    for convention in (*PRESETS.values(), *(other for _name, other in neighbours(COCO))):
        assert decode(encode(convention)) == convention
    assert decode(encode(replace(COCO, iou_threshold=0.35))).iou_threshold == 0.35


@pytest.mark.parametrize("numbers", [(), (1,), (0, 0, 0, 0, 0, 0, 0, 0), (5, 0, 0, 0, 0, 0, 0, 50), (0,) * 9])
def test_other_numbers_are_cocos(numbers: tuple[int, ...]) -> None:
    assert decode(numbers) == COCO


def test_neighbours_turn_one_switch() -> None:
    others = list(neighbours(COCO))
    assert len(others) == sum(len(settings) - 1 for settings in SWITCHES.values())
    for name, other in others:
        assert replace(other, **{name: getattr(COCO, name)}) == COCO != other


def test_the_area_measured_a_second_way() -> None:
    for combination in EVERY:
        for category in range(2):
            matched = match(DATA, category, combination.convention)
            assert measured_area(matched) == pytest.approx(area(matched).value, abs=1e-12)


def test_without_truths_or_detections() -> None:
    none = replace(DATA, truths=replace(DATA.truths, category=DATA.truths.category * 0))
    assert measured_area(match(none, 1, COCO)) is None
    silent = replace(DATA, detections=replace(DATA.detections, category=DATA.detections.category * 0))
    assert measured_area(match(silent, 1, COCO)) == 0


def test_overlaps_known_before_change_nothing() -> None:
    for _name, other in neighbours(COCO):
        known = overlaps_of(DATA, 0, other)
        assert match(DATA, 0, other, overlaps=known) == match(DATA, 0, other)


def test_a_limit_that_nothing_reaches_is_as_none() -> None:
    values = {one.convention: one.ap for one in all_combinations(DATA, max_detections=(None, 100, 10, 1))}
    for convention, value in values.items():
        assert value == mean_average_precision(DATA, convention).value
    assert len(values) == 576


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_the_script_under_every_convention(threshold: float) -> None:
    names = run(classes_code(set_code.code(DATA), COCO))
    for combination in EVERY[::5]:
        convention: Convention = replace(combination.convention, iou_threshold=threshold)
        source = classes_code(set_code.code(DATA), convention)
        names = run(source)
        expected = mean_average_precision(DATA, convention)
        assert list(names["values"].values()) == pytest.approx(list(expected.per_class), abs=1e-12)


def test_the_script_computes_the_twelve_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(evaluation_code(set_code.code(DATA), COCO, 0.5))
    figures = coco.evaluate(DATA).figures
    assert list(names["figures"]) == list(figures)
    assert names["figures"] == {
        name: None if value is None else pytest.approx(value, abs=1e-12) for name, value in figures.items()
    }
