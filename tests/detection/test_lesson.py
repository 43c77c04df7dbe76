"""What the detection lesson computes besides: suppression told in steps, anchors, and detections as files."""

import doctest

import numpy as np
import pytest
import torch
import torchvision

from cnnviz.detection import anchors as anchors_module
from cnnviz.detection.anchors import FAMOUS, SSD300_PUBLISHED, anchors, extent, grids_of, measured
from cnnviz.detection.coco_names import NAMES
from cnnviz.detection.export import detection_set, found
from cnnviz.detection.postprocess import select
from cnnviz.detection.steps import boxes_of, steps
from cnnviz.engine.catalogue import model
from cnnviz.engine.loading import runner_of
from cnnviz.engine.results import DetectionResult
from cnnviz.metrics.boxes import iou_matrix
from cnnviz.metrics.files.coco import write_coco_json
from cnnviz.metrics.files.reader import read
from cnnviz.segmentation.voc import OBJECTS

from ..engine.random_models import detector

COCO = torchvision.models.detection.SSD300_VGG16_Weights.DEFAULT.meta["categories"]


def made(count: int = 60, classes: tuple[str, ...] = OBJECTS) -> DetectionResult:
    """Boxes in three heaps."""
    rng = np.random.default_rng(3)
    middles = rng.choice([[60, 60], [120, 90], [200, 150]], count) + rng.normal(0, 8, (count, 2))
    sides = rng.uniform(40, 70, (count, 2))
    boxes = np.concatenate([middles - sides / 2, middles + sides / 2], 1).astype(np.float32)
    return DetectionResult(
        model="lite0_pyramid",
        photo=(200, 300),
        classes=classes,
        boxes=boxes,
        scores=np.sort(rng.uniform(0.05, 0.95, count))[::-1].astype(np.float32),
        labels=rng.integers(1, 3, count),
        origin="cell",
        origins=boxes,
        levels=np.zeros(count, np.int64),
        cells=np.zeros((count, 2), np.int64),
        grids=((20, 30),),
        floor=0.01,
        score_threshold=0.3,
        iou_threshold=0.5,
        limit=100,
    )


@pytest.mark.parametrize("per_class", [True, False])
def test_steps_are_the_greedy_rule(per_class: bool) -> None:
    """Against suppression written down once more, with one box after the other."""
    result = made()
    told = steps(select(result, 0.2, 0.4, per_class=per_class, limit=2))
    assert len(told) > 2, "beyond the limit, too"
    left = np.flatnonzero(result.scores > 0.2).tolist()
    overlap = iou_matrix(result.boxes.astype(np.float64), result.boxes.astype(np.float64))
    for number, step in enumerate(told, 1):
        best, *others = left
        assert step.kept == best
        gone = [
            index
            for index in others
            if overlap[best, index] > 0.4 and (not per_class or result.labels[index] == result.labels[best])
        ]
        assert step.removed.tolist() == gone
        np.testing.assert_allclose(step.overlap, overlap[best, gone])
        left = [index for index in others if index not in gone]
        assert boxes_of(told[number:]).tolist() == left
    assert left == []
    assert steps(select(result, 0.99, 0.5)) == ()


# Anchors


def test_examples() -> None:
    assert doctest.testmod(anchors_module).failed == 0


@pytest.mark.parametrize(
    ("model_id", "total"),
    [
        ("ssd300_vgg16", SSD300_PUBLISHED),
        ("ssdlite320_mobilenet_v3_large", 3234),
        ("retinanet_resnet50_fpn", 120_087),
        ("fasterrcnn_resnet50_fpn", 159_882),
    ],
)
def test_famous_counts(model_id: str, total: int) -> None:
    assert anchors(model_id, FAMOUS[model_id]).total == measured(model_id, FAMOUS[model_id]) == total


@pytest.mark.parametrize("model_id", ["fcos_resnet50_fpn", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_the_network_s_own_generator_gives_the_number(model_id: str) -> None:
    """The others' do in the scripts' tests."""
    card, module = model(model_id), detector(model_id)
    runner = runner_of(card)(card, module)
    prepared = runner.prepare(np.zeros((90, 120, 3), np.uint8))
    with torch.inference_mode():
        (result,) = runner.results(runner.network(prepared.x, [prepared]), [prepared])
        features = list(module.backbone(prepared.x).values())
    images = torchvision.models.detection.image_list.ImageList(prepared.x, [prepared.inner])
    generator = getattr(module, "rpn", module).anchor_generator
    expected = len(generator(images, features)[0])
    assert grids_of(result) == tuple(tuple(one.shape[2:]) for one in features)
    counts = anchors(card.id, grids_of(result))
    assert counts.total == measured(card.id, counts.grids) == expected


def test_our_cells() -> None:
    card, grids = model("lite0_pyramid"), ((24, 48), (12, 24), (6, 12))
    assert anchors(card.id, grids).total == measured(card.id, grids) == 24 * 48 * 21 // 16
    assert extent(card, (200, 400)) == (400, 200)
    assert extent(card, (180, 400)) == pytest.approx((400, 180 * 192 / 173))


def test_grids_reach_beyond_a_photo_that_was_padded() -> None:
    assert extent(model("ssd300_vgg16"), (300, 500)) == (500, 300)
    # 800 × 1333 at most: a scale of 8/3; 800 is 25 cells of 32, and 1066 is padded to 1088.
    right, bottom = extent(model("retinanet_resnet50_fpn"), (300, 400))
    assert right == pytest.approx(400 * 1088 / 1066)
    assert bottom == pytest.approx(300)


# Files


def test_all_of_coco_s_classes_are_named() -> None:
    assert [name for name in COCO if name not in ("__background__", "N/A")] == list(NAMES)


@pytest.mark.parametrize("classes", [tuple(OBJECTS), tuple(COCO)])
def test_the_evaluation_reads_what_was_found(classes: tuple[str, ...]) -> None:
    first, second = made(classes=classes), made(20, classes)
    photos = [found("a.jpg", first, select(first, 0.3, 0.5).kept), found("b.jpg", second, np.arange(5))]
    data = detection_set("Two photos", classes, photos)
    reading = read(("found.json", write_coco_json(data)))
    assert reading.problems == ()
    again = reading.data
    assert [(image.name, image.width, image.height) for image in again.images] == [
        ("a.jpg", 300, 200),
        ("b.jpg", 300, 200),
    ]
    assert len(again.truths) == 0
    np.testing.assert_allclose(again.detections.boxes, np.concatenate([one.boxes for one in photos]))
    np.testing.assert_array_equal(again.detections.score, data.detections.score)
    named = [again.categories[category] for category in again.detections.category]
    labels = np.concatenate([one.labels for one in photos]).tolist()
    assert [category.name for category in named] == [classes[label] for label in labels]
    official = classes[0] == "__background__"
    assert [category.id for category in named] == [label if official else label + 1 for label in labels]


def test_nothing_found_is_a_file_too() -> None:
    nothing = found("a.jpg", made(), np.zeros(0, np.int64))
    again = read(("x.json", write_coco_json(detection_set("", OBJECTS, [nothing])))).data
    assert len(again.images) == 1
    assert len(again.detections) == 0
