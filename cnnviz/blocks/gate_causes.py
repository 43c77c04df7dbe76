"""What the gates of a network depend on: how much of their variance comes from the light, how much from the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.blocks.gates import PARTS, gated
from cnnviz.explain.attribution.sharing import with_own


@dataclass(frozen=True)
class Causes:
    """Shares of the variance of one block's gates, which add up to 1.

    Attributes:
        light: of the means over all pictures in one light.
        picture: of the means over all lights of one picture.
        both: what is left: how differently the pictures answer to the light.
    """

    light: float
    picture: float

    @property
    def both(self) -> float:
        return 1 - self.light - self.picture


def causes(gates: NDArray[np.floating]) -> Causes:
    """Split the variance of gates (pictures, lights, C), summed over the channels.

    >>> causes(np.array([[[0.0], [1.0]], [[0.0], [1.0]]]))
    Causes(light=1.0, picture=0.0)
    """
    whole = gates.mean((0, 1))
    total = float(((gates - whole) ** 2).mean((0, 1)).sum())
    if total == 0:
        return Causes(0.0, 0.0)
    light, picture = (float(((gates.mean(axis) - whole) ** 2).mean(0).sum()) for axis in (0, 1))
    return Causes(light / total, picture / total)


def measured_causes(network: nn.Module, lit: Sequence[Tensor]) -> tuple[Causes, ...]:
    """The causes for each block of :func:`cnnviz.blocks.gates.gated`.

    Args:
        network: in eval mode; it is not touched.
        lit: for each light the same pictures, (N, 3, H, W), as the network takes them.
    """
    paths = {path: f"{path}.{PARTS[type(network.get_submodule(path))][4]}" for path in gated(network)}
    own = with_own(network, *paths.values())
    kept: dict[str, list[Tensor]] = {path: [] for path in paths}

    def keep(path: str) -> None:
        own.get_submodule(paths[path]).register_forward_hook(
            lambda _module, _given, out: kept[path].append(out.flatten(1))
        )

    for path in paths:
        keep(path)
    with torch.inference_mode():
        for pictures in lit:
            own(pictures)
    return tuple(causes(torch.stack(each, 1).double().numpy()) for each in kept.values())
