"""What a dense block costs: parameters and multiply–accumulates by formula, and what autograd keeps of it.

Memory: Pleiss et al., "Memory-Efficient Implementation of DenseNets", arXiv 1707.06990: the features grow with the
depth, but their concatenations, each kept for the backward pass, with its square.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cnnviz.blocks.dense import DENSENET_121, WIDENING, DenseSettings
from cnnviz.zoo.counting import Shape, count

FLOAT = 4
"""Bytes of a number."""


@dataclass(frozen=True)
class DenseCost:
    """Counts by formula, for one picture; each formula is LaTeX with today's numbers.

    Attributes:
        read: Σ m, the channels that all layers read together.
        parameters: of the block, with those of its BatchNorms.
        macs: of the block.
        transition: parameters of the transition.
        kept: bytes that autograd keeps for the backward pass of the block.
        features: bytes of the block's features, each once.
    """

    read: int
    read_formula: str
    parameters: int
    parameters_formula: str
    macs: int
    macs_formula: str
    transition: int
    transition_formula: str
    kept: int
    kept_formula: str
    features: int
    features_formula: str


def dense_cost(settings: DenseSettings, side: int) -> DenseCost:
    """Count a block on maps of `side` × `side`.

    >>> cost = dense_cost(DenseSettings(64, 32, 6), 56)
    >>> cost.read, cost.parameters, cost.transition
    (864, 335040, 33280)
    """
    k0, k, layers, outputs = settings.inputs, settings.growth, settings.layers, settings.outputs
    read, cells, wide = sum(settings.read), side * side, WIDENING * settings.growth
    if settings.bottleneck:
        parameters = read * (2 + wide) + layers * (2 * wide + 9 * wide * k)
        parameters_formula = rf"{read} (2 + {wide}) + {layers} (2 \cdot {wide} + 9 \cdot {wide} \cdot {k})"
        macs = cells * (read * wide + layers * 9 * wide * k)
        macs_formula = rf"{side}^2 ({read} \cdot {wide} + {layers} \cdot 9 \cdot {wide} \cdot {k})"
        normalised = read + layers * wide
        sum_formula = rf"({read} + {layers} \cdot {wide})"
    else:
        parameters = read * (2 + 9 * k)
        parameters_formula = rf"{read} (2 + 9 \cdot {k})"
        macs = cells * read * 9 * k
        macs_formula = rf"{side}^2 \cdot {read} \cdot 9 \cdot {k}"
        normalised, sum_formula = read, rf"\cdot {read}"
    return DenseCost(
        read,
        rf"{layers} \cdot {k0} + \tfrac{{{layers} \cdot {layers - 1}}}{{2}} \cdot {k}",
        parameters,
        parameters_formula,
        macs,
        macs_formula,
        outputs * (2 + settings.kept),
        rf"{outputs} (2 + {settings.kept})",
        # What BatchNorm reads and what ReLU makes of it, and a mean and a deviation of each channel.
        FLOAT * 2 * normalised * (cells + 1),
        rf"{FLOAT} \cdot 2 {sum_formula} ({side}^2 + 1)",
        FLOAT * outputs * cells,
        rf"{FLOAT} \cdot {outputs} \cdot {side}^2",
    )


@dataclass(frozen=True)
class BlockCount:
    """What PyTorch says of a block.

    Attributes:
        convolutions: in it.
        parameters, macs: of one picture.
        kept: bytes that autograd keeps for the backward pass, parameters left out.
        outputs: channels.
    """

    convolutions: int
    parameters: int
    macs: int
    kept: int
    outputs: int


def measure(block: nn.Module, input_shape: Shape) -> BlockCount:
    """Count a block, which is not touched, on one input of (C, H, W)."""
    counted = count(block, input_shape)
    return BlockCount(
        sum(isinstance(part, nn.Conv2d) for part in block.modules()),
        counted.parameters,
        counted.macs,
        kept_for_backward(block, (1, *input_shape)),
        counted.output_shapes[0][1],
    )


def kept_for_backward(block: nn.Module, input_shape: Shape) -> int:
    """Bytes of all that a forward pass in training mode saves for the backward pass, its own numbers left out.

    The block is copied to the meta device, where a pass takes no memory and saves the same tensors.
    """
    own = deepcopy(block).to("meta").train()
    owned = {id(tensor) for tensor in (*own.parameters(), *own.buffers())}
    saved: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Any) -> Any:
        if id(tensor) not in owned:
            storage = tensor.untyped_storage()
            saved[storage._cdata] = storage  # kept alive, so that its address isn't used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = own(torch.empty(input_shape, device="meta"))
    del output
    return sum(storage.nbytes() for storage in saved.values())


@dataclass(frozen=True)
class WholeNetwork:
    """DenseNet-121 by formula.

    Attributes:
        channels: that reach the classifier.
        parameters: of all of it.
    """

    channels: int
    channels_formula: str
    parameters: int
    parameters_formula: str


def densenet121_cost() -> WholeNetwork:
    """Stem, blocks, transitions, last BatchNorm and classifier added up.

    >>> densenet121_cost().channels, densenet121_cost().parameters
    (1024, 7978856)
    """
    width, formula, parts = 64, "64", [7 * 7 * 3 * 64 + 2 * 64]
    for number, layers in enumerate(DENSENET_121):
        settings = DenseSettings(width, 32, layers)
        cost = dense_cost(settings, 1)
        parts.append(cost.parameters)
        width, formula = settings.outputs, rf"{formula} + {layers} \cdot 32"
        if number < len(DENSENET_121) - 1:
            parts.append(cost.transition)
            width, formula = settings.kept, rf"\tfrac12({formula})"
    parts += [2 * width, (width + 1) * 1000]
    return WholeNetwork(width, formula, sum(parts), " + ".join(map(str, parts)))
