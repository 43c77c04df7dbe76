"""Cards against a recount, against torchvision's documentation, and against the heads' own cards."""

import doctest
import inspect
import math
import re

import pytest
import torch
import torchvision
from torch import nn

from cnnviz.engine import catalogue
from cnnviz.engine.catalogue import TASKS, model, models
from cnnviz.errors import ModelError
from cnnviz.segmentation import heads
from cnnviz.segmentation.backbone import Backbone
from cnnviz.zoo.efficientnet_lite0 import EfficientNetLite0

DENSE = [card for task in TASKS if task != "classification" for card in models(task)]
CLASSIFIERS = models("classification")


def test_what_there_is():
    ids = {task: [card.id for card in models(task)] for task in TASKS}
    assert len(ids["classification"]) == 81
    assert ids["classification"][0] == "efficientnet_lite0"
    assert ids["segmentation"][:5] == [f"lite0_{head}" for head in heads.HEADS]
    assert len(ids["segmentation"]) == 11
    assert ids["detection"][0] == "lite0_pyramid"
    assert len(ids["detection"]) == 10
    assert ids["instance"] == ["maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2"]
    every = [name for task in TASKS for name in ids[task]]
    assert len(every) == len(set(every))
    titles = [model(name).title for name in every]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("card", [*DENSE, *CLASSIFIERS], ids=lambda card: card.id)
def test_the_counts_of_a_card(card):
    found = card.counted()
    assert found.parameters == card.parameters
    # EfficientNet-Lite0's card has the count itself; torchvision rounds to millions.
    assert found.macs == (card.macs if card.url is None else pytest.approx(card.macs, abs=501_000))
    assert card.memory == 4 * found.parameters + found.inference_bytes > 4 * card.parameters
    assert found.input_shape[2:] == card.size


@pytest.mark.parametrize("card", [*DENSE, *CLASSIFIERS], ids=lambda card: card.id)
def test_the_words_of_a_card(card):
    assert card.title != card.id
    assert card.paper_url.startswith("https://")
    assert "{" not in card.preprocessing.format(**card.values)
    assert math.isfinite(card.figure)
    assert 0 <= card.figure < 100
    if card.own or card.url is None:
        assert card.download == 0
        return
    weights = torchvision.models.get_model_weights(card.id).DEFAULT
    assert card.url == weights.url
    assert card.classes == tuple(weights.meta["categories"])
    assert card.figure in next(iter(weights.meta["_metrics"].values())).values()
    # 32-bit floats, buffers, and in GoogLeNet's file two auxiliary heads as large as itself.
    assert 4 * card.parameters < 1.01 * card.download < 8.1 * card.parameters


def test_the_papers_are_those_that_torchvision_names():
    """Titles and arXiv numbers against the descriptions of torchvision's builders; two of them lean on another's."""
    leaning = {"squeezenet1_1": "squeezenet1_0", "fasterrcnn_mobilenet": "fasterrcnn_resnet50_fpn"}
    for card in [*DENSE, *CLASSIFIERS]:
        if card.url is None:
            continue
        name = next((other for start, other in leaning.items() if card.id.startswith(start)), card.id)
        said = " ".join((inspect.getdoc(torchvision.models.get_model_builder(name)) or "").split())
        said = said.replace("Residual Transformation for", "Residual Transformations for")  # a slip of theirs
        title = re.search("“(.*)”", card.paper)[1]
        assert title.lower() in said.lower(), card.id
        number = re.fullmatch(r"https://arxiv.org/abs/(\d{4}\.\d{5}|\d{4}\.\d{4})", card.paper_url)
        # AlexNet's paper came before authors put theirs on arXiv.
        assert number[1] in said if number else card.id == "alexnet", card.id


def test_a_figure_by_hand():
    """torchvision's page of weights: SSDlite320 has box AP 21.3, DeepLabV3 with ResNet-101 mIoU 67.4."""
    ssdlite = model("ssdlite320_mobilenet_v3_large")
    assert (ssdlite.figure, ssdlite.metric, ssdlite.title) == (21.3, "box AP", "SSDlite320, MobileNetV3")
    assert (model("deeplabv3_resnet101").figure, model("deeplabv3_resnet101").metric) == (67.4, "mIoU")
    assert (model("maskrcnn_resnet50_fpn").figure, model("maskrcnn_resnet50_fpn").metric) == (34.6, "mask AP")


def test_the_preprocessing_that_is_said():
    """The sizes in the sentences are those of the models."""
    for card in (*models("detection")[1:], *models("instance")):
        with torch.device("meta"):
            transform = torchvision.models.get_model(card.id, weights=None, weights_backbone=None).transform
        if "side" in card.values:
            assert transform.fixed_size == (card.values["side"],) * 2
        else:
            assert (transform.min_size, transform.max_size) == ((card.values["least"],), card.values["most"])


def test_the_backbone_of_ours():
    assert (
        sum(parameter.numel() for parameter in Backbone(EfficientNetLite0()).parameters())
        == catalogue.BACKBONE_PARAMETERS
    )
    card = model("lite0_fcn32s")
    own = nn.Sequential(Backbone(EfficientNetLite0()), heads.HEADS["fcn32s"].build())
    assert card.parameters == sum(parameter.numel() for parameter in own.parameters())
    assert card.own
    assert card.figure == 100 * heads.HEADS["fcn32s"].mean_iou


def test_licences():
    assert model("resnet50").licence == "BSD-3-Clause"
    assert model("vit_h_14").licence == "CC-BY-NC-4.0"
    assert model("vit_h_14").dataset == "SWAG, ImageNet-1K"
    assert model("lite0_deeplab").licence == "MIT"
    for card in [*DENSE, *CLASSIFIERS]:
        if card.url is not None:
            other = torchvision.models.get_model_weights(card.id).DEFAULT.meta.get("license", "")
            assert (card.licence == "BSD-3-Clause") == (not other), card.id


def test_no_such_model():
    with pytest.raises(ModelError, match="the catalogue has no model called abacus"):
        model("abacus")


def test_examples():
    assert doctest.testmod(catalogue).failed == 0
