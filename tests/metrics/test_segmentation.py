"""Pixel metrics by hand, against scikit-learn and torchmetrics, and boundaries against scikit-image."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.morphology import erosion
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import jaccard_score
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index
from torchmetrics.functional.segmentation import dice_score

from cnnviz.errors import SettingError
from cnnviz.metrics.segmentation import (
    boundary,
    boundary_distance,
    boundary_iou,
    boundary_ious,
    confusion_matrix,
    segmentation_scores,
)

CLASSES = 4
labels = arrays.arrays(np.int64, (6, 7), elements=st.integers(0, CLASSES - 1))
masks = arrays.arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))


def test_by_hand() -> None:
    truth = np.array([[0, 0, 0, 1], [0, 2, 1, 1], [2, 2, 255, 255]])
    prediction = np.array([[0, 0, 1, 1], [0, 2, 1, 0], [2, 0, 2, 0]])
    scores = segmentation_scores(confusion_matrix(truth, prediction, 4, ignore=255))
    assert scores.confusion.tolist() == [[3, 1, 0, 0], [1, 2, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    assert scores.iou == (3 / 6, 2 / 4, 2 / 3, None)
    assert scores.dice == (6 / 9, 4 / 6, 4 / 5, None)
    assert scores.accuracy == (3 / 4, 2 / 3, 2 / 3, None)
    assert scores.mean_iou == pytest.approx((1 / 2 + 1 / 2 + 2 / 3) / 3)
    assert scores.mean_dice == pytest.approx((2 / 3 + 2 / 3 + 4 / 5) / 3)
    assert scores.pixel_accuracy == 7 / 10
    assert scores.mean_accuracy == pytest.approx((3 / 4 + 2 / 3 + 2 / 3) / 3)
    assert scores.frequency_weighted_iou == pytest.approx((4 / 2 + 3 / 2 + 3 * 2 / 3) / 10)


def test_undefined_is_none() -> None:
    nothing = segmentation_scores(confusion_matrix(np.full((2, 2), 9), np.zeros((2, 2), int), 2, ignore=9))
    assert nothing.iou == nothing.dice == nothing.accuracy == (None, None)
    assert nothing.mean_iou is nothing.mean_dice is nothing.mean_accuracy is None
    assert nothing.pixel_accuracy is nothing.frequency_weighted_iou is None
    # Predicted, but nowhere true: an IoU of 0, but no accuracy.
    only = segmentation_scores(confusion_matrix(np.zeros(2, int), np.array([0, 1]), 2))
    assert only.iou == (0.5, 0.0)
    assert only.accuracy == (0.5, None)


@settings(max_examples=40, deadline=None)
@given(labels, labels, st.sampled_from([None, 0, 3]))
def test_against_sklearn(truth: np.ndarray, prediction: np.ndarray, ignore: int | None) -> None:
    counted = np.ones(truth.shape, bool) if ignore is None else truth != ignore
    confusion = confusion_matrix(truth, prediction, CLASSES, ignore)
    if counted.any():
        expected = sklearn_confusion(truth[counted], prediction[counted], labels=range(CLASSES))
        assert confusion.tolist() == expected.tolist()
    scores = segmentation_scores(confusion)
    for label in range(CLASSES):
        one, other = (truth == label)[counted], (prediction == label)[counted]
        if scores.iou[label] is None:
            assert not one.any()
            assert not other.any()
        else:
            assert scores.iou[label] == pytest.approx(jaccard_score(one, other))


@settings(max_examples=40, deadline=None)
@given(labels, labels, st.sampled_from([None, 2]))
def test_against_torchmetrics(truth: np.ndarray, prediction: np.ndarray, ignore: int | None) -> None:
    scores = segmentation_scores(confusion_matrix(truth, prediction, CLASSES, ignore))
    pair = torch.from_numpy(prediction), torch.from_numpy(truth)
    iou = multiclass_jaccard_index(*pair, CLASSES, average=None, ignore_index=ignore).tolist()
    # What is undefined is 0 there; the ignored class is predicted or nothing.
    assert [value or 0 for value in scores.iou] == pytest.approx(iou)
    micro = multiclass_accuracy(*pair, CLASSES, average="micro", ignore_index=ignore)
    assert (scores.pixel_accuracy or 0) == pytest.approx(micro.item())
    if ignore is None:
        dice = dice_score(pair[0][None], pair[1][None], CLASSES, average="none", input_format="index")[0]
        for value, expected in zip(scores.dice, dice.tolist(), strict=True):
            assert value is None or value == pytest.approx(expected)


@given(labels, labels)
def test_dice_and_iou_say_the_same(truth: np.ndarray, prediction: np.ndarray) -> None:
    scores = segmentation_scores(confusion_matrix(truth, prediction, CLASSES))
    for iou, dice in zip(scores.iou, scores.dice, strict=True):
        assert iou is None or dice == pytest.approx(2 * iou / (1 + iou))


def test_boundary_by_hand() -> None:
    mask = np.zeros((9, 12), bool)  # diagonal 15
    mask[2:7, 3:10] = True
    assert boundary_distance(mask.shape, 0.02) == 1
    ring = boundary(mask, 0.02)
    assert ring.sum() == 5 * 7 - 3 * 5
    assert not ring[3:6, 4:9].any()
    assert boundary(mask, 2 / 15).sum() == 5 * 7 - 1 * 3
    # The frame is outline: of a full mask the frame is left.
    assert boundary(np.ones((9, 12), bool), 0.02).sum() == 9 * 12 - 7 * 10


def test_boundary_iou_by_hand() -> None:
    one, other = np.zeros((9, 12), bool), np.zeros((9, 12), bool)
    one[2:7, 2:7], other[2:7, 3:8] = True, True
    # Rings of 16, shifted by one: they share the two long sides' 4 and nothing of the upright ones but
    # their corners, which belong to the long sides.
    assert boundary_iou(one, other) == 8 / (16 + 16 - 8)
    assert boundary_iou(one, one) == 1
    assert boundary_iou(np.zeros((9, 12), bool), np.zeros((9, 12), bool)) is None
    assert boundary_iou(one, np.zeros((9, 12), bool)) == 0


@given(masks, st.sampled_from([0.02, 0.1, 0.3]))
def test_boundary_against_skimage(mask: np.ndarray, ratio: float) -> None:
    reach = boundary_distance(mask.shape, ratio)
    framed = np.pad(mask, reach)
    inside = erosion(framed, np.ones((2 * reach + 1,) * 2, bool))[reach:-reach, reach:-reach]
    assert (boundary(mask, ratio) == (mask & ~inside)).all()


def test_wide_boundaries_are_whole_masks() -> None:
    random = np.random.default_rng(0)
    one, other = random.random((2, 20, 30)) > 0.4
    assert boundary_iou(one, other, ratio=1) == (one & other).sum() / (one | other).sum()


def test_boundary_of_label_maps() -> None:
    truth, prediction = np.zeros((10, 10), int), np.zeros((10, 10), int)
    truth[:, 5:], prediction[:, 6:] = 1, 1
    left = boundary_ious(truth, prediction, 3)
    assert left[0] == boundary_iou(truth == 0, prediction == 0)
    assert left[2] is None
    truth[:, 5] = 255
    assert boundary_ious(truth, prediction, 2, ignore=255) == (1, 1)


def test_what_cannot_be_measured_is_named() -> None:
    zeros = np.zeros((2, 2), int)
    for arguments in (
        (zeros, np.zeros((2, 3), int), 2),
        (zeros + 2, zeros, 2),
        (zeros, zeros - 1, 2),
        (zeros, zeros, 0),
    ):
        with pytest.raises(SettingError):
            confusion_matrix(*arguments)
    with pytest.raises(SettingError, match="dilation ratio"):
        boundary(zeros == 0, 0)
    with pytest.raises(SettingError, match="shape"):
        boundary_iou(zeros == 0, np.ones((3, 2), bool))
