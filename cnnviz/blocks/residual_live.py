"""One residual block on one input: what goes in, what F adds, what comes out, and the slope on a small part of it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.blocks.residual import Block, Design, Slope, initialise, settle, slope
from cnnviz.errors import SettingError
from cnnviz.images import fit
from cnnviz.messages import N_
from cnnviz.ranges import check_ranges

Floats = NDArray[np.float64]
CHANNELS, STRIDES, SCALES = (1, 8), (1, 3), (0.0, 2.0)
SIDE = 96
"""Long side of a photo, in pixels."""
RANDOM_SIDE = 16
PATCH = 4
"""Side of the part that the slope is measured on, in pixels."""


@dataclass(frozen=True)
class BlockSettings:
    """A block with its weights.

    Attributes:
        inputs, outputs: channels, within :data:`CHANNELS`.
        stride: within :data:`STRIDES`.
        design: how it is built.
        seed: of the weights.

    Raises:
        SettingError: a value is out of bounds.
    """

    inputs: int
    outputs: int
    stride: int
    design: Design
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, {"inputs": CHANNELS, "outputs": CHANNELS, "stride": STRIDES})
        check_ranges(self.design, {"scale": SCALES})

    @property
    def parameters(self) -> int:
        """By the formula of :attr:`parameters_formula`."""
        i, o = self.inputs, self.outputs
        design = self.design
        normalised = 2 * ((i if design.order == "pre" else o) + o)
        return (
            9 * i * o
            + 9 * o * o
            + (normalised if design.normalise else 2 * o)
            + (i * o if design.shortcut == "projection" else 0)
        )

    @property
    def parameters_formula(self) -> str:
        """LaTeX: two convolutions, BatchNorm or biases, and the projection."""
        i, o, design = self.inputs, self.outputs, self.design
        terms = [rf"9 \cdot {i} \cdot {o}", rf"9 \cdot {o} \cdot {o}"]
        if design.normalise:
            terms.append(rf"2 \cdot ({i if design.order == 'pre' else o} + {o})")
        else:
            terms.append(rf"2 \cdot {o}")
        if design.shortcut == "projection":
            terms.append(rf"{i} \cdot {o}")
        return " + ".join(terms)


@dataclass(frozen=True, eq=False)
class Live:
    """A block at work.

    Attributes:
        block: in eval mode, its BatchNorm settled on x.
        x, residual, output: (C, H, W) float64: x, F(x) and H(x).
        shortcut: what the shortcut passes on, in the shape of F(x); None where there is none.
        slope: ∂H/∂x on the PATCH × PATCH pixels in the middle of x.
    """

    block: Block
    x: Floats
    residual: Floats
    output: Floats
    shortcut: Floats | None
    slope: Slope


def photo_input(rgb: NDArray[np.uint8]) -> Tensor:
    """(1, 3, h, w) float64: the photo, at most SIDE pixels long, with mean 0 and variance 1 over all its numbers.

    Args:
        rgb: (H, W, 3) uint8.

    Raises:
        SettingError: it is too small for the slope to be measured on a part of it.
    """
    small = fit(rgb, SIDE)
    height, width = small.shape[:2]
    if min(height, width) < PATCH:
        raise SettingError(
            N_("a picture of {height} × {width} is too small here: each side needs {least} pixels"),
            height=height,
            width=width,
            least=PATCH,
        )
    x = torch.from_numpy(small / 255).permute(2, 0, 1)[None]
    return (x - x.mean()) / x.std(correction=0).clamp(min=1 / 255)


def random_input(channels: int, seed: int) -> Tensor:
    """(1, channels, RANDOM_SIDE, RANDOM_SIDE) float64 from N(0, 1)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, RANDOM_SIDE, RANDOM_SIDE, generator=generator, dtype=torch.float64)


def build(settings: BlockSettings) -> Block:
    """The block with its weights drawn, in float64.

    Raises:
        SettingError: such a shortcut can't be.
    """
    block = Block(settings.inputs, settings.outputs, settings.stride, settings.design).double()
    block.requires_grad_(False)
    initialise(block, torch.Generator().manual_seed(settings.seed))
    return block


def live(settings: BlockSettings, x: Tensor) -> Live:
    """Run a block.

    Args:
        x: (1, inputs, H, W) float64, each side at least PATCH.

    Raises:
        SettingError: such a shortcut can't be.
    """
    block = build(settings)
    settle(block, x)
    with torch.no_grad():
        residual, skipped, output = block.residual(x), block.skip(x), block(x)
    top, left = ((side - PATCH) // 2 for side in x.shape[2:])
    patch = x[:, :, top : top + PATCH, left : left + PATCH]
    return Live(
        block,
        x[0].numpy(),
        residual[0].numpy(),
        output[0].numpy(),
        None if skipped is None else skipped[0].numpy(),
        slope(block, patch),
    )
