"""Classifiers against torchvision's own transforms and forward pass, with random weights."""

import numpy as np
import pytest
import skimage.data
import torch
import torchvision

from cnnviz.engine.catalogue import model
from cnnviz.engine.classifiers import Classifier
from cnnviz.errors import ModelError

COFFEE = skimage.data.coffee()
NAME = "squeezenet1_1"


@pytest.fixture(scope="module")
def runner():
    torch.manual_seed(0)
    return Classifier(model(NAME), torchvision.models.get_model(NAME, weights=None))


@torch.inference_mode()
def classify(runner, *photos):
    prepared = [runner.prepare(photo) for photo in photos]
    return runner.results(runner.network(torch.cat([one.x for one in prepared]), prepared), prepared)


def test_it_is_torchvisions_model(runner):
    (result,) = classify(runner, COFFEE)
    x = torchvision.models.get_model_weights(NAME).DEFAULT.transforms()(
        torch.tensor(COFFEE).permute(2, 0, 1)
    )[None]
    with torch.inference_mode():
        logits = runner.module(x)[0]
    said = result.classification
    np.testing.assert_allclose(said.logits, logits, rtol=1e-4)
    assert said.indices == tuple(logits.topk(5).indices.tolist())
    assert said.names == tuple(model(NAME).classes[index] for index in said.indices)
    assert said.probabilities == pytest.approx(logits.softmax(0).topk(5).values.tolist(), rel=1e-4)
    assert result.crop == (125, 25, 475, 375)


def test_a_batch_gives_what_each_gives_alone(runner):
    photos = COFFEE, COFFEE[::-1].copy()
    for photo, together in zip(photos, classify(runner, *photos), strict=True):
        (alone,) = classify(runner, photo)
        np.testing.assert_allclose(together.classification.logits, alone.classification.logits, atol=1e-4)


def test_only_the_middle_of_a_strip_is_resized(runner):
    wide = np.tile(COFFEE[:40, :40], (1, 30, 1))
    expected = torchvision.models.get_model_weights(NAME).DEFAULT.transforms()(
        torch.tensor(wide).permute(2, 0, 1)
    )
    torch.testing.assert_close(runner.prepare(wide).x[0], expected, rtol=0, atol=1e-6)
    assert runner.prepare(np.zeros((1, 1280, 3), np.uint8)).x.shape == (1, 3, 224, 224)
    assert runner.crop(1, 1280) == (639, 0, 640, 1)


@pytest.mark.parametrize(
    "photo", [np.zeros((5, 5)), np.zeros((5, 0, 3), np.uint8), np.zeros((5, 5, 4), np.uint8)]
)
def test_no_photo(runner, photo):
    with pytest.raises(ModelError, match=r"a photo of shape \(height, width, 3\)"):
        runner.prepare(photo)


def test_no_number(runner):
    with pytest.raises(ModelError, match=r"SqueezeNet 1\.1 gave no finite answer"):
        runner.results(torch.full((1, 1000), torch.nan), [runner.prepare(COFFEE)])
