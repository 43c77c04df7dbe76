"""Segmentation networks against torchvision's own, with random weights; ours against their heads alone."""

import numpy as np
import pytest
import skimage.data
import torch
import torchvision

from cnnviz.engine.catalogue import model, models
from cnnviz.engine.segmenters import OwnSegmenter, Segmenter
from cnnviz.segmentation import backbone, heads
from cnnviz.segmentation.mask import decide, favour
from cnnviz.segmentation.postprocess import scores_at_photo
from tests.engine.random_models import segmenter

COFFEE = skimage.data.coffee()
SMALL = COFFEE[:90, :120]
OFFICIAL = [card.id for card in models("segmentation") if not card.own]


@torch.inference_mode()
def segment(runner, *photos):
    prepared = [runner.prepare(photo) for photo in photos]
    return runner.results(runner.network(torch.cat([one.x for one in prepared]), prepared), prepared)


class Smaller(Segmenter):
    """Brings photos to a short side of 96 px instead of 520."""

    @property
    def _transforms(self):
        steps = torchvision.models.get_model_weights(self.card.id).DEFAULT.transforms()
        steps.resize_size = [96]
        return steps


@pytest.mark.parametrize("name", OFFICIAL)
def test_it_is_torchvisions_model(name):
    runner = Smaller(model(name), segmenter(name))
    (result,) = segment(runner, SMALL)
    with torch.inference_mode():
        x = runner._transforms(torch.tensor(SMALL).permute(2, 0, 1))[None]
        expected = segmenter(name)(x)["out"][0].numpy()
    assert result.input_size == expected.shape[1:] == (96, 128)
    assert result.classes[0] == "__background__"
    assert result.stride == (16 if name == "deeplabv3_mobilenet_v3_large" else 8)
    assert not result.scores.flags.writeable
    enlarged = scores_at_photo(result, result.input_size)
    np.testing.assert_allclose(enlarged, expected, atol=1e-4 * np.abs(expected).max())
    assert (decide(result, result.input_size) == expected.argmax(0)).mean() > 0.999


@pytest.mark.parametrize("name", OFFICIAL)
def test_its_preprocessing(name):
    runner = Segmenter(model(name), torch.nn.Identity())
    expected = torchvision.models.get_model_weights(name).DEFAULT.transforms()(
        torch.tensor(COFFEE).permute(2, 0, 1)
    )
    assert torch.equal(runner.prepare(COFFEE).x[0], expected)


def test_strips_do_not_fill_the_memory():
    runner = Segmenter(model(OFFICIAL[0]), torch.nn.Identity())
    assert max(runner.prepare(np.zeros((1, 1280, 3), np.uint8)).x.shape) <= 4 * 520
    assert max(runner.prepare(np.zeros((1280, 1, 3), np.uint8)).x.shape) <= 4 * 520


def test_a_dot():
    (result,) = segment(Smaller(model(OFFICIAL[0]), segmenter(OFFICIAL[0])), COFFEE[:1, :1])
    assert decide(favour(result), (1, 1)).shape == (1, 1)


@pytest.mark.parametrize("head", heads.HEADS)
def test_ours(head):
    card, module = model(f"lite0_{head}"), heads.load(head, seed=0)
    (result,) = segment(OwnSegmenter(card, module), COFFEE)
    x, fit = backbone.preprocess(COFFEE, heads.SIDE)
    with torch.inference_mode():
        logits = module(backbone.features(x))
    np.testing.assert_allclose(result.scores, logits[0], atol=1e-3)
    assert result.stride == heads.HEADS[head].stride
    assert result.background_bias == heads.HEADS[head].background_bias
    assert result.certainty == heads.HEADS[head].certainty
    expected = heads.labels(logits, fit, result.background_bias, result.certainty)[0].numpy()
    assert (decide(favour(result), result.photo) == expected).mean() > 0.999


def test_our_heads_share_one_backbone():
    one, other = (
        OwnSegmenter(model(f"lite0_{head}"), heads.load(head, seed=0)).to("cpu")
        for head in ("fcn32s", "fcn8s")
    )
    assert one.module.body is other.module.body is backbone.load()
    assert OwnSegmenter(model("lite0_fcn32s"), one.module.head).to("meta").module.body is not backbone.load()
    assert not any(parameter.is_meta for parameter in backbone.load().parameters())
