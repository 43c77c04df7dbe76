"""AP by other means, and the scripts that the lessons hand out, against the core on random sets."""

import contextlib
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import auc, precision_recall_curve

from cnnviz.figures.average_precision import stairs
from cnnviz.metrics import average_precision_code, matching_code, measured, set_code
from cnnviz.metrics.average_precision import area, confusion_matrix, curve
from cnnviz.metrics.coco import RANGES, THRESHOLDS
from cnnviz.metrics.data import Category, Detections, DetectionSet, ImageInfo, Truths
from cnnviz.metrics.matching import Convention, match


def a_set(seed: int, images: int = 12, truths: int = 40, detections: int = 120) -> DetectionSet:
    """Detections near truths, with ties, crowds, difficult ones, and a class that isn't there."""
    chance = np.random.default_rng(seed)
    corner = chance.uniform(0, 200, (truths, 2))
    boxes = np.hstack([corner, corner + chance.uniform(5, 150, (truths, 2))])
    image, category = chance.integers(0, images - 1, truths), chance.integers(0, 3, truths)
    near = chance.integers(0, truths, detections)
    found = boxes[near] + chance.normal(0, 8, (detections, 4))
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2])
    stray = chance.random(detections) < 0.2
    return DetectionSet(
        "random",
        tuple(ImageInfo(number, str(number), 400, 400) for number in range(images)),
        tuple(Category(number, name) for number, name in enumerate("abcd")),
        Truths(
            image,
            category,
            boxes,
            (boxes[:, 2:] - boxes[:, :2]).prod(1),
            chance.random(truths) < 0.1,
            chance.random(truths) < 0.1,
            np.arange(truths),
        ),
        Detections(
            np.where(stray, images - 1, image[near]),
            np.where(chance.random(detections) < 0.1, 3, category[near]),
            found,
            chance.integers(1, 60, detections) / 60,
            (found[:, 2:] - found[:, :2]).prod(1),
        ),
    )


def printed(source: str, data: DetectionSet) -> str:
    out = io.StringIO()
    # What the script would read from the file that the notebook carries.
    source = source.replace(
        f'json.load(open("{set_code.FILE}", encoding="utf-8"))',
        f"json.loads({set_code.as_json(data).decode()!r})",
    )
    with contextlib.redirect_stdout(out):
        exec(source, {})
    return out.getvalue()


@pytest.mark.parametrize("how", ["all", "11", "101"])
@pytest.mark.parametrize("seed", range(4))
def test_torch_and_sklearn_find_the_same_area(seed: int, how: str) -> None:
    data = a_set(seed)
    for category in range(4):
        matching = match(data, category, Convention(ties="image"))
        again = measured.average_precision(matching, how)
        told = area(matching, how)
        assert again == pytest.approx(told.value, abs=1e-12)
        if how == "all" and told.pieces:
            x, y = stairs(told.pieces)
            assert auc(x, y) == pytest.approx(told.value, abs=1e-12)


def test_the_raw_curve_is_sklearns_where_all_is_found() -> None:
    """sklearn knows no missed truths and joins tied scores: without ties its recall is ours but for a factor."""
    data = a_set(7)
    scores = np.random.default_rng(1).permutation(len(data.detections)) / len(data.detections)
    data = replace(data, detections=replace(data.detections, score=scores))
    matching = match(data, 0, Convention())
    counted = [step for step in matching.steps if step.outcome != "ignored"]
    precision, recall, _thresholds = precision_recall_curve(
        [step.outcome == "tp" for step in counted], [step.score for step in counted]
    )
    share = 1 - len(matching.missed) / len(matching.truths)
    told = curve(matching)
    assert told.precision[::-1] == pytest.approx(precision[:-1])
    assert told.recall[::-1] == pytest.approx(recall[:-1] * share)


def test_nothing_to_measure() -> None:
    matching = match(a_set(0), 3, Convention())
    assert not matching.truths
    assert measured.average_precision(matching, "all") is None
    assert measured.precision_and_recall(matching, 0) == (None, None)
    nothing = match(a_set(0), 0, Convention(), (0, 0))
    assert measured.average_precision(nothing, "101") is None
    data = a_set(0)
    none = replace(data, detections=replace(data.detections, category=np.full(120, 3)))
    assert measured.average_precision(match(none, 0, Convention()), "11") == 0


@pytest.mark.parametrize("way", ["coco", "voc"])
@pytest.mark.parametrize("seed", range(3))
def test_the_scripts_print_what_the_core_says(seed: int, way: str) -> None:
    data = a_set(seed)
    convention = Convention(
        ties="image", matching="voc" if way == "voc" else "coco", iou_threshold=0.6, max_detections=9
    )
    lines = printed(matching_code.step_code(set_code.code(data), convention, 1, 10**6), data).splitlines()
    steps = match(data, 1, convention).steps
    assert len(lines) == len(steps) > 10
    for line, step in zip(lines, steps, strict=True):
        assert f"TP {step.tp}, FP {step.fp}, FN {step.fn}" in line
    for how in ("all", "11", "101"):
        convention = replace(convention, interpolation=how)
        span = RANGES["medium"]
        out = printed(average_precision_code.classes_code(set_code.code(data), convention, span), data)
        values = [area(match(data, category, convention, span)).value for category in range(4)]
        said = ["undefined" if value is None else f"{value:.4f}" for value in values]
        assert re.findall(r"^[abcd]: (.*)$", out, re.M) == said
        assert said[3] == "undefined"


@pytest.mark.parametrize("seed", range(3))
def test_the_scripts_confusions_and_thresholds(seed: int) -> None:
    data = a_set(seed)
    convention = Convention(ties="image", interpolation="101")
    out = printed(matching_code.threshold_code(set_code.code(data), convention, 0, 0.3), data)
    matrix = confusion_matrix(data, convention, 0.3)
    assert [int(value) for value in re.findall(r"\d+", out.split("[[")[1])] == matrix.ravel().tolist()
    out = printed(average_precision_code.thresholds_code(set_code.code(data), convention, 0), data)
    values = [
        area(match(data, 0, replace(convention, iou_threshold=float(threshold)))).value
        for threshold in THRESHOLDS
    ]
    assert re.findall(r"^AP\d+: (.*)$", out, re.M) == [f"{value:.4f}" for value in values]
    out = printed(
        average_precision_code.ranges_code(
            set_code.code(data), convention, 0, {"all": None, "small": RANGES["small"]}, [1, None]
        ),
        data,
    )
    limited = match(data, 0, replace(convention, max_detections=1))
    assert f"1: {len(limited.steps)} detections, AP {area(limited).value:.4f}" in out


def test_sizes_go_by_the_masks_area() -> None:
    data = a_set(5)
    smaller = replace(
        data,
        truths=replace(data.truths, area=data.truths.area * 0.3),
        detections=replace(data.detections, area=data.detections.area * 0.3),
    )
    convention = Convention(ties="image", interpolation="all")
    values = []
    for one in (data, smaller):
        out = printed(
            average_precision_code.classes_code(set_code.code(one), convention, RANGES["medium"]), one
        )
        values.append(re.findall(r"^[abc]: (.*)$", out, re.M))
        told = [area(match(one, category, convention, RANGES["medium"])).value for category in range(3)]
        assert values[-1] == [f"{value:.4f}" for value in told]
    assert values[0] != values[1]
