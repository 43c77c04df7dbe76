"""Networks whose effective field is worth comparing on a photo, and the photo as they take it."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.engine.local import DEFAULT, shared_engine
from cnnviz.errors import ModelError
from cnnviz.explain.receptive_field import Cell, EffectiveField, build_stack, effective_field
from cnnviz.explain.traced_field import StageField
from cnnviz.layers.receptive_field import Layer
from cnnviz.messages import N_
from cnnviz.zoo.efficientnet_lite0 import EfficientNetLite0, crop_box

Subject = Literal["stack", "untrained", "trained"]
CHANNELS = 8
"""Of every map of a stack."""
SEED = 0
STAGES = ("stem", *(f"stage{i}" for i in range(1, 8)), "head")
"""Of EfficientNet-Lite0."""


def subject(kind: Subject, layers: Sequence[Layer], device: str = "cpu") -> nn.Module:
    """The network to look through, in eval mode; not to be run or changed where it is the trained one.

    Args:
        kind: ``"stack"``: `layers` with random weights; ``"trained"`` and ``"untrained"``: EfficientNet-Lite0 with
            ImageNet's weights, shared with everybody, and with random ones.
        layers: of the stack; not used otherwise.

    Raises:
        ModelError, WeightsError: the trained network can't be had.
    """
    generator = torch.Generator().manual_seed(SEED)
    if kind == "stack":
        return build_stack(layers, CHANNELS, generator).to(device)
    if kind == "untrained":
        return random_lite0(generator).to(device)
    network = shared_engine().module(DEFAULT, device)
    assert isinstance(network, nn.Module)
    return network


def random_lite0(generator: torch.Generator) -> EfficientNetLite0:
    """EfficientNet-Lite0 before training: weights normal of variance 1/fan-in, normalisation that changes nothing."""
    network = EfficientNetLite0().eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(0, math.sqrt(1 / module.weight[0].numel()), generator=generator)
    return network


def stage_path(kind: Subject, stage: str, layers: Sequence[Layer]) -> str:
    """The module whose map is meant: a stage of EfficientNet-Lite0, or the last layer of the stack."""
    return str(len(layers) - 1) if kind == "stack" else f"stages.{stage}"


def square(rgb: NDArray[np.uint8], side: int) -> Tensor:
    """The middle of a photo as these networks take it, (1, 3, side, side) float32, (RGB − 127) / 128."""
    left, top, right, bottom = crop_box(*rgb.shape[:2])
    crop = torch.tensor(rgb[top:bottom, left:right]).permute(2, 0, 1)[None]
    return (F.interpolate(crop, (side, side), mode="bicubic", antialias=True).float() - 127) / 128


def look(
    network: nn.Module,
    path: str,
    rgb: NDArray[np.uint8],
    side: int,
    cell: Cell,
    field: StageField,
    device: str = "cpu",
) -> EffectiveField:
    """The effective field of one cell on a photo; each channel of the cell weighs in with a fixed random number.

    Args:
        network: of :func:`subject`, on `device`.
        path: of :func:`stage_path`, and `field` what was traced of it for images of `side`.
        cell: (row, column).

    Raises:
        ModelError: the device failed, for want of memory as a rule.
    """
    generator = torch.Generator().manual_seed(SEED)
    try:
        return effective_field(network, path, square(rgb, side).to(device), cell, generator, field)
    except RuntimeError as error:
        raise ModelError(
            N_("the gradient could not be computed on {device}: {reason}"),
            device=device,
            reason=str(error).partition("\n")[0],
        ) from error
