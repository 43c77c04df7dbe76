"""COCO's twelve figures against pycocotools, torchmetrics and the published ones."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.detection import MeanAveragePrecision

from cnnviz.errors import SettingError
from cnnviz.metrics import coco, masks
from tests.metrics import sets

quick = settings(deadline=None, max_examples=60)

# github cocodataset/cocoapi, results of its 100 images with made-up detections, computed by pycocotools 2.0.11.
FAKE_100 = {
    "bbox": (
        "0.5045806987249628 0.6969727247299577 0.5729816669904824 0.5856257209410443 0.5193996948036719 "
        "0.5013978986347466 0.38681277964578054 0.5936795762842003 0.595352982877607 0.6398109626113442 "
        "0.5664205978994309 0.5642905982905982"
    ),
    "segm": (
        "0.3195452758576433 0.5622883972521636 0.29892653412086784 0.3873740315997838 0.31018272403369485 "
        "0.3269339071005138 0.2682297225711534 0.41544868114906375 0.4168394992198818 0.4694498622754236 "
        "0.37675922666197265 0.3814715099715099"
    ),
}


@pytest.mark.facts
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_the_hundred_images_of_the_coco_api(facts: Path, kind: str) -> None:
    folder = facts / "coco_fake100"
    truths = json.loads((folder / "instances_val2014_100.json").read_text())
    results = json.loads((folder / f"instances_val2014_fake{kind}100_results.json").read_text())
    figures = coco.evaluate(sets.from_coco(truths, results, kind), kind).figures
    assert list(figures.values()) == pytest.approx([*map(float, FAKE_100[kind].split())], abs=1e-9)


def random_set(seed: int, kind: str, scale: float = 1) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A small set with everything that is awkward.

    Ids out of order, images without truths or detections or both, classes without truths or detections or
    both, crowds, ties of scores and of IoUs, sizes on the borders of the ranges, more than a hundred
    detections in an image. Boxes have whole coordinates, or these times `scale` with two decimals, where
    right − left is no longer the width.
    """
    rng = np.random.default_rng(seed)
    images = [
        {"id": int(number), "width": 120, "height": 110}
        for number in rng.permutation(9)[: rng.integers(1, 7)]
    ]
    categories = [{"id": int(number), "name": f"c{number}"} for number in 1 + rng.permutation(5)[:4]]
    classes = [category["id"] for category in categories[: rng.integers(1, 5)]]

    def box() -> list[int]:
        side = rng.choice((0, 3, 16, 32, 64, 96, 100), 2) + rng.choice((0, 0, 1), 2)
        corner = rng.integers(0, 10, 2)
        return [*map(int, corner), *map(int, side)]

    def segmentation(x: int, y: int, width: int, height: int) -> dict[str, Any]:
        mask = np.zeros((110, 120), bool)
        mask[y : y + height, x : x + width] = True
        mask[y + height // 2 :: 3, x + width // 2 :] = False
        rle = masks.encode(mask)
        return {"size": [110, 120], "counts": masks.to_string(rle)}

    def record(image: dict[str, Any], place: list[int], area_as_mask: bool) -> dict[str, Any]:
        found = {"image_id": image["id"], "category_id": int(rng.choice(classes)), "bbox": place}
        if kind == "segm":
            found["segmentation"] = segmentation(*place)
        if area_as_mask:
            found["area"] = place[2] * place[3] // int(rng.integers(1, 3))
        return found

    notes, results = [], []
    for image in images:
        places = [box() for _ in range(rng.integers(0, 6))]
        for place in places:
            crowd = int(rng.random() < 0.2)
            notes.append(record(image, place, True) | {"iscrowd": crowd, "id": len(notes) + 1})
        many = 130 if kind == "bbox" and rng.random() < 0.1 else rng.integers(0, 12)
        for _ in range(many):
            near = places[rng.integers(len(places))] if places and rng.random() < 0.8 else box()
            moved = [max(0, value + int(rng.choice((0, 0, 1, -1, 4)))) for value in near]
            found = record(image, moved, False) | {"score": float(rng.integers(1, 8) / 8)}
            if kind == "segm":
                del found["bbox"]
            results.append(found)
    if scale != 1:
        for found in (*notes, *results):
            found["bbox"] = [round(scale * value, 2) for value in found["bbox"]]
    order = rng.permutation(len(results))
    return {"images": images, "categories": categories, "annotations": notes}, [results[i] for i in order]


@pytest.mark.parametrize(("kind", "scale"), [("bbox", 1), ("bbox", 0.37), ("segm", 1)])
@given(seed=st.integers(0, 2**32 - 1))
@quick
def test_random_sets_have_the_figures_and_curves_of_pycocotools(kind: str, scale: float, seed: int) -> None:
    truths, results = random_set(seed, kind, scale)
    ours = coco.evaluate(sets.from_coco(truths, results, kind), kind)
    theirs = sets.pycocotools(copy.deepcopy(truths), copy.deepcopy(results), kind)
    expected = [None if figure == -1 else pytest.approx(figure, abs=1e-9) for figure in theirs.stats]
    assert list(ours.figures.values()) == expected
    by_id = np.argsort([category["id"] for category in truths["categories"]])
    precision = np.where(ours.truths[:, :, None] > 0, ours.precision, -1)[:, :, by_id]
    recall = np.where(ours.truths[:, :, None] > 0, ours.recall, -1)[:, by_id]
    np.testing.assert_allclose(precision, theirs.eval["precision"], atol=1e-9, rtol=0)
    np.testing.assert_allclose(recall, theirs.eval["recall"], atol=1e-9, rtol=0)


@pytest.mark.filterwarnings("ignore:Encountered more than 100 detections")
@pytest.mark.parametrize("seed", range(5))
def test_torchmetrics_agrees(seed: int) -> None:
    truths, results = random_set(seed + 100, "bbox")
    # Its own thresholds are in single precision: its 0.6 is 0.60000002, which an IoU of 3/5 doesn't reach.
    metric = MeanAveragePrecision(
        backend="pycocotools",
        box_format="xywh",
        iou_thresholds=coco.THRESHOLDS.tolist(),
        rec_thresholds=coco.RECALLS.tolist(),
    )
    for image in sorted(info["id"] for info in truths["images"]):
        notes = [note for note in truths["annotations"] if note["image_id"] == image]
        found = [result for result in results if result["image_id"] == image]
        metric.update(
            [
                {
                    "boxes": torch.tensor([f["bbox"] for f in found], dtype=torch.float32).reshape(-1, 4),
                    "scores": torch.tensor([f["score"] for f in found]),
                    "labels": torch.tensor([f["category_id"] for f in found], dtype=torch.long),
                }
            ],
            [
                {
                    "boxes": torch.tensor([n["bbox"] for n in notes], dtype=torch.float32).reshape(-1, 4),
                    "labels": torch.tensor([n["category_id"] for n in notes], dtype=torch.long),
                    "iscrowd": torch.tensor([n["iscrowd"] for n in notes], dtype=torch.long),
                    "area": torch.tensor([n["area"] for n in notes], dtype=torch.float32),
                }
            ],
        )
    theirs = metric.compute()
    keys = (
        "map map_50 map_75 map_small map_medium map_large mar_1 mar_10 mar_100 mar_small mar_medium mar_large"
    )
    expected = [float(theirs[key]) for key in keys.split()]
    ours = coco.evaluate(sets.from_coco(truths, results, "bbox")).figures.values()
    # torchmetrics computes in single precision, and says −1 where nothing is defined.
    assert [-1 if figure is None else figure for figure in ours] == pytest.approx(expected, abs=1e-6)


def test_a_set_without_detections_has_figures_of_zero_and_undefined_ones_where_nothing_is_to_be_found() -> (
    None
):
    figures = coco.evaluate(sets.simple([(0, 0, (0, 0, 10, 10))], [])).figures
    assert figures["AP"] == 0
    assert figures["AR100"] == 0
    assert figures["APs"] == 0
    assert figures["APm"] is None
    assert figures["ARl"] is None


@pytest.mark.parametrize("detections", [[], [(0, 0, 0.5, (0.0, 0.0, 10.0, 10.0))]])
def test_without_truths_every_figure_is_undefined(detections: list[Any]) -> None:
    assert set(coco.evaluate(sets.simple([], detections)).figures.values()) == {None}


def test_a_class_without_truths_is_left_out_of_the_mean() -> None:
    square = (0.0, 0.0, 10.0, 10.0)
    result = coco.evaluate(
        sets.simple([(0, 0, square)], [(0, 0, 0.5, square), (0, 1, 0.5, square)], classes=2)
    )
    assert result.ap() == 1
    assert result.ap(category=0, iou=0.75) == 1
    assert result.ap(category=1) is None


def test_a_difficult_truth_counts_neither_for_nor_against() -> None:
    square = (0.0, 0.0, 10.0, 10.0)
    apart = (20.0, 20.0, 30.0, 30.0)
    found = [(0, 0, 0.9, apart), (0, 0, 0.5, square)]
    data = sets.simple([(0, 0, square), (0, 0, apart)], found, difficult=(1,))
    assert coco.evaluate(data).ap() == 1
    # A second detection of it isn't ignored: only a crowd matches more than once.
    twice = sets.simple([(0, 0, square), (0, 0, apart)], [found[0], *found], difficult=(1,))
    assert coco.evaluate(twice).ap() == pytest.approx(1 / 2)


def test_progress_rises_to_one_and_may_stop_the_work() -> None:
    truths, results = random_set(1, "bbox")
    data = sets.from_coco(truths, results, "bbox")
    parts: list[float] = []
    coco.evaluate(data, progress=parts.append)
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0, 1)

    def stop(part: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        coco.evaluate(data, progress=stop)


def test_batches_do_not_change_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("bbox", "segm"):
        data = sets.from_coco(*random_set(3, kind), kind)
        whole = coco.evaluate(data, kind)
        with monkeypatch.context() as patch:
            patch.setitem(coco.AT_ONCE, kind, 3)
            patch.setattr(masks, "AT_ONCE", 50)
            pieces = coco.evaluate(data, kind)
        np.testing.assert_array_equal(whole.precision, pieces.precision)
        np.testing.assert_array_equal(whole.recall, pieces.recall)


def test_what_has_no_meaning_is_refused() -> None:
    data = sets.simple([(0, 0, (0, 0, 10, 10))], [])
    with pytest.raises(SettingError, match="'bbox' or 'segm'; it is keypoints"):
        coco.evaluate(data, "keypoints")
    with pytest.raises(SettingError, match="needs masks"):
        coco.evaluate(data, "segm")
    with pytest.raises(SettingError, match=r"it is 0\.52"):
        coco.evaluate(data).ap(iou=0.52)
    with pytest.raises(SettingError, match="they are tiny and 100"):
        coco.evaluate(data).ap(area="tiny")
