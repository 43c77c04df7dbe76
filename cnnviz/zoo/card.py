"""What is known of a network (its card), what running it takes, and the register of all of them.

A network's file ends with ``register(Network(...))`` and is named like its id; nothing else lists it.
This module imports neither torch nor a network until one is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cnnviz import zoo
from cnnviz.errors import ModelError
from cnnviz.messages import N_

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, right and bottom excluded."""


@dataclass(frozen=True)
class Card:
    """What there is to say about a network; a test recomputes the counts.

    Attributes:
        id: the name of its file in ``cnnviz/zoo``.
        title: its name, as published.
        year: of publication.
        paper: the paper's title, with its address in ``paper_url``.
        dataset: what the weights were trained on, in ``classes`` classes.
        licence: of the weights, as an SPDX identifier.
        weights: where they come from.
        parameters: numbers that were learned.
        macs: multiply–accumulates of the convolutions and dense layers for one image.
        input_size: side of the square image that goes in, in pixels.
        preprocessing: an English sentence, marked for translation.
        top1: published share of right first guesses on ImageNet's validation images, in percent,
            with its address in ``top1_source``.
    """

    id: str
    title: str
    year: int
    paper: str
    paper_url: str
    dataset: str
    classes: int
    licence: str
    weights: str
    parameters: int
    macs: int
    input_size: int
    preprocessing: str
    top1: float
    top1_source: str


@dataclass(frozen=True)
class Stage:
    """A run of layers whose last maps are worth looking at.

    Attributes:
        name: its key in what ``forward_features`` returns.
        operator: the layer that is repeated, in the paper's notation.
        layers: how often.
        channels: maps that come out.
        stride: input pixels from one cell of a map to the next.
    """

    name: str
    operator: str
    layers: int
    channels: int
    stride: int


class Classifier(Protocol):
    """What the engine asks of a module that sorts images into classes."""

    def forward_features(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """(N, 3, H, W) preprocessed images -> (N, C, h, w) maps by stage, in order of the forward pass."""

    def classify(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, C, h, w) maps of the last stage -> (N, classes) logits."""

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move, as ``torch.nn.Module.to`` does."""


@dataclass(frozen=True)
class Network:
    """A classifier, and what running it takes.

    Attributes:
        card: what is known of it.
        stages: in order of the forward pass.
        load: builds it with its trained weights: on the CPU, in eval mode, frozen. Raises WeightsError.
        class_names: in order of the logits.
        crop_box: (height, width) of a photo -> the part of it that the network sees.
        preprocess: RGB photo, (height, width, 3) uint8 -> (1, 3, input_size, input_size) float32.
    """

    card: Card
    stages: tuple[Stage, ...]
    load: Callable[[], Classifier]
    class_names: Callable[[], tuple[str, ...]]
    crop_box: Callable[[int, int], Box]
    preprocess: Callable[[NDArray[np.uint8]], torch.Tensor]


_REGISTER: dict[str, Network] = {}


def register(network: Network) -> None:
    """Make `network` known under its card's id."""
    _REGISTER[network.card.id] = network


def networks() -> dict[str, Network]:
    """Every network of the zoo by id, in alphabetical order (imports torch)."""
    for module in pkgutil.iter_modules(zoo.__path__):
        importlib.import_module(f"{zoo.__name__}.{module.name}")
    return dict(sorted(_REGISTER.items()))


def network(network_id: str) -> Network:
    """The network called `network_id`.

    Raises:
        ModelError: there is none.
    """
    known = networks()
    if network_id not in known:
        raise ModelError(
            N_("there is no network called {id}; the zoo has {known}"), id=network_id, known=", ".join(known)
        )
    return known[network_id]
