"""What PyTorch counts in an Inception module, in torchvision's module of the same widths, and in GoogLeNet's heads."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace

import torch
from torch import nn
from torchvision.models import GoogLeNet_Weights
from torchvision.models.googlenet import Inception as TorchvisionInception
from torchvision.models.googlenet import InceptionAux

from cnnviz.blocks.inception import Inception, InceptionSettings, chain
from cnnviz.zoo.counting import Measured, build, build_on_meta, measure

HEADS: Mapping[str, int] = {"4a": 512, "4d": 528}
"""Modules of GoogLeNet with an auxiliary classifier behind them, and the channels that come out of them."""
CLASSES = 1000


def measure_module(settings: InceptionSettings, side: int) -> Measured:
    """The whole module, built and run without its numbers."""
    return measure(lambda: Inception(settings), (settings.inputs, side, side))


def measure_five(settings: InceptionSettings, side: int) -> Measured:
    """Its 5×5 branch alone."""
    return measure(lambda: Inception(settings).five, (settings.inputs, side, side))


def measure_growth(settings: InceptionSettings, blocks: int) -> int:
    """Channels that come out of `blocks` modules in a row, by running them on a map of one cell."""
    row = build_on_meta(lambda: nn.Sequential(*(Inception(each) for each in chain(settings, blocks))))
    with torch.no_grad():
        return int(row(torch.empty(1, settings.inputs, 1, 1, device="meta")).shape[1])


def as_in_torchvision(settings: InceptionSettings) -> InceptionSettings:
    """The same widths as torchvision builds them: a 3×3 in place of the 5×5, and BatchNorm."""
    return replace(settings, naive=False, five=3, normalise=True, activation="relu")


def torchvision_module(settings: InceptionSettings) -> nn.Module:
    """torchvision's own module of these widths, on the meta device."""
    return build_on_meta(lambda: TorchvisionInception(settings.inputs, *astuple(settings.widths)))


def torchvision_parameters(settings: InceptionSettings) -> int:
    """Parameters of torchvision's own module of these widths."""
    return sum(parameter.numel() for parameter in torchvision_module(settings).parameters())


# GoogLeNet's auxiliary classifiers


def head_parameters(channels: int) -> int:
    """Parameters of torchvision's auxiliary classifier: 1×1 with BatchNorm, 2048 → 1024 → 1000.

    >>> [head_parameters(channels) for channels in HEADS.values()]
    [3188968, 3191016]
    """
    return channels * 128 + 2 * 128 + (2048 * 1024 + 1024) + (1024 * CLASSES + CLASSES)


def head(channels: int) -> nn.Module:
    """torchvision's auxiliary classifier on so many channels, on the meta device."""
    return build_on_meta(lambda: InceptionAux(channels, CLASSES))


@dataclass(frozen=True)
class GoogLeNetCount:
    """GoogLeNet as torchvision builds it, and what torchvision documents.

    Attributes:
        without, full: parameters without the two auxiliary classifiers, and with them.
        heads: parameters of each of them, in order.
        documented: what torchvision gives as the network's parameters.
        file_mib: size of the published file of weights in MiB, as torchvision gives it.
        kept_mib: what all numbers of the network with heads take, four bytes each, running statistics included.
    """

    without: int
    full: int
    heads: tuple[int, int]
    documented: int
    file_mib: float
    kept_mib: float


def googlenet_count() -> GoogLeNetCount:
    """Count GoogLeNet both ways, without drawing its weights."""
    with_heads = build("googlenet", auxiliary=True)
    meta = GoogLeNet_Weights.DEFAULT.meta

    def parameters(module: nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    kept = sum(value.numel() * value.element_size() for value in with_heads.state_dict().values())
    return GoogLeNetCount(
        without=parameters(build("googlenet", auxiliary=False)),
        full=parameters(with_heads),
        heads=(parameters(with_heads.get_submodule("aux1")), parameters(with_heads.get_submodule("aux2"))),
        documented=meta["num_params"],
        file_mib=meta["_file_size"],
        kept_mib=kept / 2**20,
    )
