"""A dense block and its transition with random weights, run on a picture."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cnnviz.blocks.dense import DenseBlock, DenseSettings, Transition


@dataclass(frozen=True, eq=False)
class NewMaps:
    """What every layer adds, and what is kept in the end.

    Attributes:
        features: the block's input (k₀, H, W), then (k, H, W) of each layer, float32.
        outputs: channels of the block's output.
        kept: what the transition makes of them, (kept, ⌊H/2⌋, ⌊W/2⌋).
        moved: the largest difference between the block's input and its own place in the output.
    """

    features: tuple[NDArray[np.float32], ...]
    outputs: int
    kept: NDArray[np.float32]
    moved: float


def new_maps(
    rgb: NDArray[np.uint8] | None, size: tuple[int, int], settings: DenseSettings, seed: int
) -> NewMaps:
    """Run a block on what a random 3×3 convolution makes of a picture.

    BatchNorm normalises by the picture's own statistics, as in training.

    Args:
        rgb: (H, W, 3) of `size`; None for normal noise of that size.
        size: (H, W).
        seed: of the noise and of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    if rgb is None:
        picture = torch.randn(1, 3, *size, generator=generator)
    else:
        picture = torch.from_numpy(rgb).permute(2, 0, 1)[None] / 127.5 - 1
    stem, block = nn.Conv2d(3, settings.inputs, 3, padding=1, bias=False), DenseBlock(settings)
    transition = Transition(settings.outputs, settings.kept)
    for part in (*stem.modules(), *block.modules(), *transition.modules()):
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=generator)
    with torch.no_grad():
        x = stem(picture)
        y = block(x)
        kept = transition(y)
    places = settings.sources(settings.layers + 1)
    return NewMaps(
        tuple(y[0, place].numpy() for place in places),
        y.shape[1],
        kept[0].numpy(),
        float((y[:, : settings.inputs] - x).abs().max()),
    )
