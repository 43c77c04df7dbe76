"""The proof of a count: the same network as PyTorch itself counts it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.layers.flops import Flops
from cnnviz.zoo.counting.checks import refusing
from cnnviz.zoo.counting.named import plan
from cnnviz.zoo.counting.results import Shape
from cnnviz.zoo.counting.shapes import build_on_meta, on_meta


@dataclass(frozen=True)
class Measured:
    """A network as PyTorch itself counts it: `numel` of what it holds, and half of flop_counter's operations."""

    parameters: int
    buffers: int
    macs: int


def measure_named(
    name: str,
    size: int | tuple[int, int] | None = None,
    batch: int = 1,
    auxiliary: bool | None = None,
    frozen: bool | None = None,
    proposals: int | None = None,
    detections: int | None = None,
    v1: bool = False,
) -> Measured:
    """The proof of :func:`count_named`, with the same arguments: slower, and by none of the rules here.

    >>> measure_named("alexnet").macs
    714188480
    """
    planned = plan(name, size, batch, auxiliary, frozen, proposals, detections, v1)
    return _measure(planned.network, name, planned.shape, planned.run)


def measure(
    network: nn.Module | Callable[[], nn.Module], input_shape: Shape = (3, 224, 224), batch: int = 1
) -> Measured:
    """The proof of :func:`count`, likewise."""
    with refusing("", input_shape):
        own = on_meta(network) if isinstance(network, nn.Module) else build_on_meta(network)
    return _measure(own, type(own).__name__, (batch, *input_shape), own)


def _measure(network: nn.Module, name: str, shape: Shape, run: Callable[[Tensor], Any]) -> Measured:
    with refusing(name, shape), torch.no_grad(), Flops() as flops:
        run(torch.empty(shape, device="meta"))
    return Measured(
        sum(parameter.numel() for parameter in network.parameters()),
        sum(buffer.numel() for buffer in network.buffers()),
        flops.macs,
    )
