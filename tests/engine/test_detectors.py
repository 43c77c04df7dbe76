"""Detectors against torchvision's own models, with random weights on one photo and on odd ones."""

import copy

import numpy as np
import pytest
import skimage.data
import torch
from torchvision.models.detection.image_list import ImageList

from cnnviz.detection import pyramid
from cnnviz.detection.postprocess import masks_at_photo, select
from cnnviz.engine.catalogue import model, models
from cnnviz.engine.detectors import OwnDetector
from cnnviz.engine.loading import runner_of
from cnnviz.segmentation import backbone
from cnnviz.segmentation.voc import OBJECTS
from tests.engine.random_models import detector

COFFEE = skimage.data.coffee()[:240, :320]
OFFICIAL = [card.id for task in ("detection", "instance") for card in models(task) if not card.own]
STRIP = COFFEE[:3]


def runner(name):
    return runner_of(model(name))(model(name), detector(name))


@torch.inference_mode()
def detect(runner, *photos):
    prepared = [runner.prepare(photo) for photo in photos]
    x = torch.cat([one.x for one in prepared])
    return runner.results(runner.network(x, prepared), prepared)


@torch.inference_mode()
def bare(name, rgb):
    (found,) = detector(name)([torch.tensor(rgb).permute(2, 0, 1) / 255])
    return {key: values.numpy() for key, values in found.items()}


@pytest.mark.parametrize("name", OFFICIAL)
def test_at_its_own_settings_it_is_torchvisions_model(name):
    (result,) = detect(runner(name), COFFEE)
    expected, kept = bare(name, COFFEE), select(result).kept
    assert len(kept) == len(expected["scores"]) >= 10
    np.testing.assert_allclose(result.scores[kept], expected["scores"], atol=1e-6)
    np.testing.assert_array_equal(result.labels[kept], expected["labels"])
    np.testing.assert_allclose(result.boxes[kept], expected["boxes"], atol=1e-3)
    if "masks" in expected:
        masks = masks_at_photo(result, kept)
        np.testing.assert_allclose(masks, expected["masks"][:, 0], atol=1e-5)
        others = np.setdiff1d(np.arange(len(result)), kept)
        assert (result.mask_of[others] == -1).all()
    assert (np.diff(result.scores) <= 0).all()
    assert result.scores[-1] > result.floor
    assert result.photo == (240, 320)
    assert not result.boxes.flags.writeable

    if "rcnn" not in name:
        every_box_knows_its_anchor(name, result)
        return
    assert result.origin == "proposal"
    assert (result.cells == -1).all()
    assert 1 < len(np.unique(result.origins, axis=0)) <= 60
    assert result.levels.max() < len(result.grids)


def every_box_knows_its_anchor(name, result):
    """Asked of torchvision's own generator: level, row and column lead to the anchor."""
    assert result.origin == ("cell" if name.startswith("fcos") else "anchor")
    generator = detector(name).anchor_generator
    each = generator.num_anchors_per_location()
    prepared = runner(name).prepare(COFFEE)
    maps = [torch.zeros(1, 1, *grid) for grid in result.grids]
    anchors = generator(ImageList(prepared.x, [prepared.inner]), maps)[0].numpy()
    scale = np.array(result.photo)[[1, 0, 1, 0]] / np.array(prepared.inner)[[1, 0, 1, 0]]
    sizes = [rows * columns * n for (rows, columns), n in zip(result.grids, each, strict=True)]
    starts = np.cumsum([0, *sizes])
    for box in range(0, len(result), max(1, len(result) // 50)):
        level, (row, column) = result.levels[box], result.cells[box]
        first = starts[level] + (row * result.grids[level][1] + column) * each[level]
        there = anchors[first : first + each[level]] * scale
        assert np.abs(there - result.origins[box]).max(1).min() < 1e-3


@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_a_batch_gives_what_each_gives_alone(name):
    other = COFFEE[:, ::-1].copy()
    together = detect(runner(name), COFFEE, other)
    for photo, result in zip((COFFEE, other), together, strict=True):
        (alone,) = detect(runner(name), photo)
        assert len(result) == pytest.approx(len(alone), rel=0.01)
        a, b = select(result, score=0.5).kept[:20], select(alone, score=0.5).kept[:20]
        np.testing.assert_allclose(result.boxes[a], alone.boxes[b], atol=0.1)


def test_a_narrow_photo_first_spoils_nothing():
    """torchvision's pools keep the strides that they work out from the first image that they see."""
    name = "fasterrcnn_resnet50_fpn"
    pool = detector(name).roi_heads.box_roi_pool
    pool.scales = pool.map_levels = None
    one = runner(name)
    detect(one, STRIP)
    assert pool.scales == [1 / 4, 1 / 8, 1 / 16, 1 / 32]


@pytest.mark.parametrize(
    "photo", [STRIP, STRIP.swapaxes(0, 1).copy(), COFFEE[:1, :1]], ids=["flat", "thin", "dot"]
)
@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_odd_photos(name, photo):
    (result,) = detect(runner(name), photo)
    boxes = result.boxes[select(result).kept]
    assert (boxes >= 0).all()
    assert (boxes <= np.array(photo.shape)[[1, 0, 1, 0]] + 1e-3).all()


@pytest.mark.parametrize("proposals", [True, False])
def test_nothing_found(proposals):
    name = "maskrcnn_resnet50_fpn"
    module = copy.deepcopy(detector(name))
    module.roi_heads.score_thresh = 2
    module.rpn.score_thresh = 0 if proposals else 2
    (result,) = detect(runner_of(model(name))(model(name), module), COFFEE)
    assert (len(result) > 0) == proposals
    assert result.masks.shape == (0, 28, 28)
    assert len(select(result).kept) == 0
    assert masks_at_photo(result, select(result).kept).shape == (0, 240, 320)


@pytest.mark.parametrize(
    "photo", [STRIP, STRIP.swapaxes(0, 1).copy(), COFFEE[:1, :1]], ids=["flat", "thin", "dot"]
)
def test_odd_photos_in_ours(photo):
    (result,) = detect(OwnDetector(model("lite0_pyramid"), pyramid.load(seed=0)), photo)
    assert (result.boxes <= np.array(photo.shape)[[1, 0, 1, 0]]).all()


def test_ours():
    card = model("lite0_pyramid")
    head = pyramid.load(seed=0)
    (last,) = (layer for layer in head.modules() if getattr(layer, "out_channels", 0) == len(OBJECTS))
    with torch.no_grad():
        last.weight *= 50
    (result,) = detect(OwnDetector(card, head), COFFEE)
    x, fit = backbone.preprocess(COFFEE, pyramid.SIDE)
    with torch.inference_mode():
        outputs = head(backbone.features(x))
        (expected,) = pyramid.candidates(outputs, (fit.inner_height, fit.inner_width), result.floor, 10**6)
    assert result.classes == OBJECTS
    assert len(result) == min(len(expected.scores), 10_000) > 100
    np.testing.assert_allclose(result.scores, expected.scores[: len(result)], atol=1e-5)
    np.testing.assert_allclose(result.boxes[:100], fit.boxes_to_photo(expected.boxes[:100]), atol=0.01)
    # Cell (row, column) of a level covers its stride's square of the input.
    stride = np.array(pyramid.STRIDES)[result.levels]
    scale = COFFEE.shape[1] / fit.inner_width
    np.testing.assert_allclose(result.origins[:, 0], result.cells[:, 1] * stride * scale, rtol=1e-5)
    np.testing.assert_allclose(result.origins[:, 3] - result.origins[:, 1], stride * scale, rtol=1e-5)
    assert result.grids == ((36, 48), (18, 24), (9, 12))
    assert (result.score_threshold, result.iou_threshold) == (
        pyramid.CARD.score_threshold,
        pyramid.CARD.nms_iou,
    )
