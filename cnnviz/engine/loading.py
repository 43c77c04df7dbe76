"""From a card to a network that runs."""

from __future__ import annotations

import pickle
from typing import Any

import torchvision

from cnnviz.detection import pyramid
from cnnviz.engine import weights
from cnnviz.engine.catalogue import ModelCard
from cnnviz.engine.classifiers import Classifier, Lite0
from cnnviz.engine.detectors import FCOS, SSD, OneStage, OwnDetector, TwoStage
from cnnviz.engine.runner import Runner
from cnnviz.engine.segmenters import OwnSegmenter, Segmenter
from cnnviz.errors import WeightsError
from cnnviz.messages import N_
from cnnviz.segmentation import heads
from cnnviz.zoo import card as zoo


def load(card: ModelCard) -> Runner[Any]:
    """The network of a card with its trained weights, on the CPU.

    Raises:
        WeightsError: they haven't been fetched, or are damaged.
    """
    if card.own:
        head = card.id.removeprefix("lite0_")
        return (
            OwnDetector(card, pyramid.load()) if head == pyramid.ID else OwnSegmenter(card, heads.load(head))
        )
    if card.url is None:
        network: Any = zoo.network(card.id).load()
        return Lite0(card, network)
    if not weights.at_hand(card.id):
        raise WeightsError(N_("the weights of {name} have not been fetched"), name=card.title)
    try:
        module = torchvision.models.get_model(
            card.id, weights=torchvision.models.get_model_weights(card.id).DEFAULT, progress=False
        )
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        path = weights.file_of(card)
        if weights.is_whole(path):
            raise WeightsError(
                N_("the weights {name} are not a PyTorch checkpoint"), name=path.name
            ) from error
        # So that they count as missing, and can be fetched.
        path.unlink(missing_ok=True)
        raise WeightsError(
            N_("the weights {name} were damaged and have been removed; fetch them again"), name=path.name
        ) from error
    return runner_of(card)(card, module)


def runner_of(card: ModelCard) -> type[Runner[Any]]:
    """What runs a network of torchvision."""
    if card.task in ("classification", "segmentation"):
        return Classifier if card.task == "classification" else Segmenter
    if "rcnn" in card.id:
        return TwoStage
    if card.id.startswith("ssd"):
        return SSD
    return FCOS if card.id.startswith("fcos") else OneStage
