"""An Inception module at work, untrained, on a photo or on random numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.blocks.inception import BRANCHES, Inception, InceptionSettings, initialise

SHOWN = 8
"""Maps of each branch that are kept to be shown."""
PATCH = 4
"""Pixels of the photo, along a side, for each cell of the maps."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What one tensor holds.

    Attributes:
        maps: (at most SHOWN, side, side) float32, the channels that vary most, the strongest first.
        shape: (C, H, W) of all of it.
        mean: of all of it.
    """

    maps: NDArray[np.float32]
    shape: tuple[int, int, int]
    mean: float


def stem(photo: NDArray[np.uint8], inputs: int, side: int, generator: torch.Generator) -> Tensor:
    """A photo as maps: its middle square through `inputs` random 7×7 filters, a step of 4 pixels, and a ReLU.

    Args:
        photo: (H, W, 3).

    Returns:
        (1, inputs, side, side).
    """
    edge = min(photo.shape[:2])
    top, left = (photo.shape[0] - edge) // 2, (photo.shape[1] - edge) // 2
    square = torch.tensor(photo[top : top + edge, left : left + edge]).permute(2, 0, 1)[None]
    small = F.adaptive_avg_pool2d(square / 127.5 - 1, PATCH * side)
    filters = nn.Conv2d(3, inputs, 7, stride=PATCH, padding=3, bias=False)
    initialise(filters, "relu", generator)
    with torch.inference_mode():
        return F.relu(filters(small))


def look(
    settings: InceptionSettings, side: int, seed: int, photo: NDArray[np.uint8] | None
) -> Mapping[str, Seen]:
    """Run a new module once; the weights of the stem and of the module come from `seed`.

    Args:
        photo: (H, W, 3); None for an input drawn from N(0, 1).

    Returns:
        What is in "input" and in each of the branches.
    """
    generator = torch.Generator().manual_seed(seed)
    if photo is None:
        x = torch.randn(1, settings.inputs, side, side, generator=generator)
    else:
        x = stem(photo, settings.inputs, side, generator)
    block = Inception(settings).eval()
    initialise(block, settings.activation, generator)
    with torch.inference_mode():
        parts = block(x).split(list(settings.passed.values()), dim=1)
    return {
        name: Seen(_strongest(part[0]), (part.shape[1], side, side), float(part.mean()))
        for name, part in zip(("input", *BRANCHES), (x, *parts), strict=True)
    }


def _strongest(maps: Tensor) -> NDArray[np.float32]:
    spread = maps.var((1, 2), correction=0)
    return maps[spread.argsort(descending=True, stable=True)[:SHOWN]].numpy()
