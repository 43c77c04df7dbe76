"""What the segmentation lesson computes, against torch and numbers made by hand."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cnnviz import samples
from cnnviz.engine.results import SegmentationResult
from cnnviz.errors import SettingError
from cnnviz.segmentation import cutout, mask, parameters
from cnnviz.segmentation.convolutionalised import SIDES, as_convolution, compare, heat, score_cells
from cnnviz.segmentation.cutout import alpha, cut_out
from cnnviz.segmentation.heads import HEADS
from cnnviz.segmentation.mask import Hints, contenders, decide, favour, hints, probability, shown_size
from cnnviz.segmentation.parameters import by_kind
from cnnviz.segmentation.postprocess import probabilities_at, scores_at_photo
from cnnviz.segmentation.skips import add_up
from cnnviz.segmentation.voc import CLASSES
from cnnviz.zoo import efficientnet_lite0

RNG = np.random.default_rng(3)
CAT = samples.load("cat")


@pytest.fixture(scope="module")
def network() -> efficientnet_lite0.EfficientNetLite0:
    return efficientnet_lite0.load()


@pytest.fixture
def result() -> SegmentationResult:
    return SegmentationResult(
        model="made up",
        photo=(60, 90),
        classes=CLASSES,
        scores=RNG.normal(0, 3, (21, 8, 12)).astype(np.float32),
        input_size=(64, 96),
        extent=(0, 0, 90, 60),
        background_bias=0.75,
    )


@pytest.mark.parametrize("module", [mask, cutout, parameters])
def test_examples(module: object) -> None:
    assert doctest.testmod(module, extraglobs={"np": np, "nn": torch.nn}).failed == 0  # type: ignore[arg-type]


# Masks


@pytest.mark.parametrize("bias", [None, 0.0, -2.0, 3.5])
def test_favouring_cells_is_favouring_pixels(result: SegmentationResult, bias: float | None) -> None:
    favoured = favour(result, bias)
    expected = scores_at_photo(result, (30, 45))
    expected[0] += 0.75 if bias is None else bias
    np.testing.assert_array_equal(decide(favoured, (30, 45)), expected.argmax(0))
    assert favoured.background_bias == 0
    assert not favoured.scores.flags.writeable
    again = scores_at_photo(favoured) - scores_at_photo(result)
    np.testing.assert_allclose(again[0], 0.75 if bias is None else bias, atol=1e-5)
    assert (again[1:] == 0).all()


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6, 0.95])
def test_only_the_sure_are_coloured(result: SegmentationResult, threshold: float) -> None:
    shares = torch.from_numpy(scores_at_photo(result, (30, 45))).softmax(0)
    best, expected = shares.max(0)
    expected[best < threshold] = 0
    np.testing.assert_array_equal(decide(result, (30, 45), threshold), expected.numpy())


@pytest.mark.parametrize("threshold", [0.0, 0.5])
@pytest.mark.parametrize("certainty", [0.8, 0.9, 0.95, 1.0])
def test_classes_that_no_cell_is_sure_of_are_left_out(
    result: SegmentationResult, threshold: float, certainty: float
) -> None:
    peaks = torch.tensor(result.scores).softmax(0).flatten(1).max(1).values
    shares = torch.from_numpy(scores_at_photo(result, (30, 45))).softmax(0)
    shares[1:][peaks[1:] < certainty] = 0
    best, expected = shares.max(0)
    expected[best < threshold] = 0
    found = decide(replace(result, certainty=certainty), (30, 45), threshold)
    np.testing.assert_array_equal(found, expected.numpy())
    assert (found != decide(result, (30, 45), threshold)).any() == bool((peaks < certainty).any())


def test_probabilities_of_pixels_and_points_agree(result: SegmentationResult) -> None:
    for label in (0, 7, 20):
        shares = probability(result, label, (60, 90))
        assert shares[41, 17] == pytest.approx(probabilities_at(result, 17.5, 41.5)[label], abs=1e-6)
    total = sum(probability(result, label, (6, 9)) for label in range(21))
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_hints_are_the_best_three(result: SegmentationResult) -> None:
    told = hints(result, (6, 9))
    assert isinstance(told, Hints)
    shares = torch.from_numpy(scores_at_photo(result, (6, 9))).softmax(0).numpy()
    order = np.argsort(-shares, axis=0)[:3]
    np.testing.assert_array_equal(told.classes, order)
    np.testing.assert_allclose(told.shares / 255, np.take_along_axis(shares, order, 0), atol=1 / 510 + 1e-6)


@pytest.mark.parametrize("photo", [(1, 800), (800, 1), (33, 47)])
def test_the_size_shown_is_never_nothing(photo: tuple[int, int]) -> None:
    height, width = shown_size(photo, 96)
    assert 1 <= height <= 96
    assert 1 <= width <= 96


def test_contenders_are_few_and_enough() -> None:
    scores = RNG.normal(0, 1, (21, 6, 9)).astype(np.float32)
    scores[5:] -= 20
    assert contenders(scores).tolist() == [0, 1, 2, 3, 4]
    scores[20, 2, 2] = 30
    assert contenders(scores).tolist() == [0, 1, 2, 3, 4, 20]
    assert contenders(np.zeros((3, 2, 2), np.float32)).tolist() == [0, 1, 2], "none is beaten by an equal"


# FCN-8s, step by step


def test_the_steps_add_up_to_the_head() -> None:
    made = add_up(CAT, seed=1)
    assert [step.stride for step in made.steps] == [32, 16, 8]
    np.testing.assert_allclose(made.steps[-1].total.scores, made.scores, atol=1e-4)
    np.testing.assert_array_equal(made.steps[0].total.scores, made.steps[0].added)
    for step, before in zip(made.steps[1:], made.steps, strict=False):
        doubled = F.interpolate(
            torch.tensor(before.total.scores)[None], scale_factor=2, mode="bilinear", align_corners=False
        )
        np.testing.assert_allclose(step.total.scores - step.added, doubled[0].numpy(), atol=1e-4)
        assert step.total.stride == step.stride
    # 451 × 300 becomes 448 × 298 in 448 × 320.
    assert made.steps[0].total.extent == pytest.approx((0, 0, 451, 300 * 320 / 298))


# The dense layer as a convolution


def test_dense_is_a_convolution(network: efficientnet_lite0.EfficientNetLite0) -> None:
    x = efficientnet_lite0.preprocess(CAT)
    classified, convolved = compare(network, x)
    np.testing.assert_allclose(convolved, classified, atol=2e-5)
    assert classified.argmax() == convolved.argmax()
    convolution = as_convolution(network.classifier)
    assert convolution.weight.data_ptr() == network.classifier.weight.data_ptr()
    with torch.inference_mode():
        cells = score_cells(network, x)
        maps = network.forward_features(x)["head"]
        one = network.classifier(maps[0, :, 3, 4])
    assert cells.shape == (1, 1000, 7, 7)
    np.testing.assert_allclose(cells[0, :, 3, 4].numpy(), one.numpy(), atol=2e-4)


@pytest.mark.parametrize("side", SIDES[:3])
def test_heat_of_any_size(network: efficientnet_lite0.EfficientNetLite0, side: int) -> None:
    found = heat(network, CAT, side)
    rows, columns = found.logits.shape[1:]
    assert columns == side // 32
    assert rows == -(-round(300 * side / 451) // 32)
    right, bottom = found.extent
    assert right == 1
    assert 1 <= bottom < 1 + 32 / found.fit.inner_height
    shares = torch.from_numpy(found.logits).softmax(0).numpy()
    np.testing.assert_allclose(found.probabilities(281), shares[281], atol=1e-5)
    assert found.best(1)[0] == shares.max((1, 2)).argmax()


def test_heat_is_where_the_cat_is(network: efficientnet_lite0.EfficientNetLite0) -> None:
    """The collage has its cat below the middle."""
    found = heat(network, samples.load("together"), 448)
    cats = sum(found.probabilities(label) for label in range(281, 286))
    row, column = np.unravel_index(int(np.argmax(cats)), cats.shape)
    assert 0.5 < (row + 0.5) / cats.shape[0] < 1
    assert 0.3 < (column + 0.5) / cats.shape[1] < 0.7
    assert cats.max() > 0.8
    assert cats[:3].max() < 0.2


# Cut-out


def test_alpha_runs_from_hard_to_soft() -> None:
    shares = np.linspace(0, 1, 11, dtype=np.float32)[None]
    assert alpha(shares, 0).tolist() == [[0] * 5 + [1] * 6]
    np.testing.assert_allclose(alpha(shares, 1), shares, atol=1e-6)


def test_nothing_of_the_object_bleeds_into_the_background() -> None:
    photo = np.full((40, 60, 3), 50, np.uint8)
    photo[:, 30:] = 250
    keep = np.zeros((40, 60), np.float32)
    keep[:, 30:] = 1
    assert (cut_out(photo, keep, "blur", 6) == photo).all()
    grey = cut_out(photo + np.uint8([0, 3, 5]), keep, "grey")
    assert (grey[:, :30] == grey[:, :30, :1]).all()
    white = cut_out(photo, keep, "white")
    assert (white[:, :30] == 255).all()
    assert (white[:, 30:] == 250).all()
    assert (cut_out(photo, keep, "blur", 0) == photo).all()
    with pytest.raises(SettingError, match="no background called sea; expected one of blur, grey, white"):
        cut_out(photo, keep, "sea")


def test_blur_is_gaussian_where_there_is_background_only() -> None:
    photo = RNG.integers(0, 256, (50, 50, 3), np.uint8)
    blurred = cut_out(photo, np.zeros((50, 50), np.float32), "blur", 2)
    distance = np.arange(-15, 16)
    weights = np.exp(-(distance**2) / 8)
    kernel = np.outer(weights, weights) / weights.sum() ** 2
    expected = (photo[10:41, 10:41] * kernel[..., None]).sum((0, 1))
    np.testing.assert_allclose(blurred[25, 25], expected, atol=1.01)


# Parameters


@pytest.mark.parametrize("head", HEADS)
def test_parameters_by_kind_are_all(head: str) -> None:
    module = HEADS[head].build()
    assert sum(by_kind(module).values()) == sum(parameter.numel() for parameter in module.parameters())
