"""Enlarging score maps, against PyTorch's own and by hand."""

import doctest

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cnnviz.engine.results import SegmentationResult
from cnnviz.segmentation import postprocess
from cnnviz.segmentation.backbone import fit
from cnnviz.segmentation.mask import decide, favour
from cnnviz.segmentation.postprocess import probabilities_at, scores_at_photo, shares


def result(scores, photo, extent=None, bias=0.0):
    return SegmentationResult(
        model="test",
        photo=photo,
        classes=tuple("abc"),
        scores=np.asarray(scores, np.float32),
        input_size=(scores.shape[1] * 8, scores.shape[2] * 8),
        extent=extent or (0, 0, photo[1], photo[0]),
        background_bias=bias,
    )


SCORES = np.random.default_rng(0).normal(size=(3, 5, 7))


@pytest.mark.parametrize("size", [(40, 56), (33, 91), (5, 7), (3, 2), (1, 1)])
def test_as_pytorch_enlarges(size):
    expected = F.interpolate(torch.tensor(SCORES[None]), size, mode="bilinear", align_corners=False)[0]
    np.testing.assert_allclose(scores_at_photo(result(SCORES, (480, 640)), size), expected, atol=1e-5)


def test_the_photos_own_size():
    assert scores_at_photo(result(SCORES, (48, 64))).shape == (3, 48, 64)
    assert result(SCORES, (48, 64)).stride == 8


def test_padding_is_left_out():
    lies = fit(90, 160, 64)
    scores = torch.tensor(np.random.default_rng(1).normal(size=(1, 3, 8, 8))).float()
    assert (lies.padded_height, lies.inner_height) == (64, 36)
    extent = (0, 0, 160 * lies.padded_width / lies.inner_width, 90 * lies.padded_height / lies.inner_height)
    ours = result(scores[0].numpy(), (90, 160), extent)
    np.testing.assert_allclose(scores_at_photo(ours), lies.maps_to_photo(scores)[0], atol=1e-5)


def test_labels_are_the_largest_scores():
    ours = result(SCORES, (48, 64))
    found = decide(ours, (48, 64))
    np.testing.assert_array_equal(found, scores_at_photo(ours).argmax(0))
    assert found.dtype == np.uint8


def test_more_background_leaves_less_colour():
    def coloured(one, bias=None):
        return (decide(favour(one, bias), one.photo) != 0).mean()

    colour = [coloured(result(SCORES, (48, 64)), bias) for bias in (-9, 0, 1, 9)]
    assert colour[0] > colour[1] > colour[2] > colour[3] == 0
    biased = result(SCORES, (48, 64), bias=1.0)
    assert coloured(biased) == colour[2]
    assert coloured(biased, 0) == colour[1]


def test_the_probabilities_at_a_pixel():
    ours = result(SCORES, (48, 64))
    scores = torch.tensor(scores_at_photo(ours))
    np.testing.assert_allclose(probabilities_at(ours, 20.5, 30.5), scores[:, 30, 20].softmax(0), atol=1e-5)
    assert probabilities_at(ours, -5, 999).sum() == pytest.approx(1)


def test_shares_add_up():
    found = shares(decide(result(SCORES, (48, 64)), (48, 64)), "abc")
    assert sum(found.values()) == pytest.approx(1)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_examples():
    assert doctest.testmod(postprocess).failed == 0
