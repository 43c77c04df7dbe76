"""The networks to explain: EfficientNet-Lite0 at once, and torchvision's classifiers whose weights are at hand."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.engine.local import DEFAULT, shared_engine
from cnnviz.errors import ModelError, WeightsError
from cnnviz.messages import N_
from cnnviz.zoo import card
from cnnviz.zoo.card import Box


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, in eval mode and frozen, and what it takes.

    Attributes:
        id: of the zoo's network or torchvision's name.
        network: to be shared by all, and left as it is.
        class_names: in order of the logits.
        crop_box: (height, width) of a photo -> the part of it that the network sees.
        preprocess: RGB photo, (height, width, 3) uint8 -> (1, 3, H, W) float32.
    """

    id: str
    network: nn.Module
    class_names: tuple[str, ...]
    crop_box: Callable[[int, int], Box]
    preprocess: Callable[[NDArray[np.uint8]], Tensor]


def lite0(device: str = "cpu") -> Subject:
    """EfficientNet-Lite0 as the engine shares it.

    Raises:
        ModelError, WeightsError: it can't be had.
    """
    known, network = card.network(DEFAULT), shared_engine().module(DEFAULT, device)
    assert isinstance(network, nn.Module)
    return Subject(DEFAULT, network, known.class_names(), known.crop_box, known.preprocess)


def at_hand() -> tuple[str, ...]:
    """Names of torchvision's classifiers whose default weights torch has downloaded before."""
    folder = _folder()
    return tuple(name for name, file in _files().items() if (folder / file).is_file())


@cache
def _files() -> dict[str, str]:
    """Name of every classifier -> name of the file of its default weights."""
    names = torchvision.models.list_models(module=torchvision.models)
    return {name: torchvision.models.get_model_weights(name).DEFAULT.url.rsplit("/", 1)[1] for name in names}


def _folder() -> Path:
    """Where torch downloads to."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def classifier(name: str, device: str = "cpu") -> Subject:
    """One of :func:`at_hand`; a new copy each time, so that a page should keep it.

    Raises:
        ModelError: torchvision has no classifier of that name.
        WeightsError: its weights aren't there, or are damaged.
    """
    if name not in _files():
        raise ModelError(N_("torchvision has no classifier called {name}"), name=name)
    file = _folder() / _files()[name]
    if not file.is_file():
        raise WeightsError(N_("the weights of {name} have not been downloaded"), name=name)
    weights = torchvision.models.get_model_weights(name).DEFAULT
    try:
        network = torchvision.models.get_model(name, weights=weights)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise WeightsError(N_("the weights {name} are not a PyTorch checkpoint"), name=file.name) from error
    transforms = weights.transforms()
    resize, crop = transforms.resize_size[0], transforms.crop_size[0]

    def crop_box(height: int, width: int) -> Box:
        side = max(1, min(height, width, round(min(height, width) * crop / resize)))
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side

    def preprocess(rgb: NDArray[np.uint8]) -> Tensor:
        return transforms(torch.tensor(rgb).permute(2, 0, 1))[None]

    network = network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    return Subject(name, network, tuple(weights.meta["categories"]), crop_box, preprocess)
