"""Small networks that differ in nothing but how two of their layers sample, and what those layers look at."""

import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.blocks.deformable import DeformableConv2d, Points, effective_dilation, grid, offset_parameters
from cnnviz.messages import N_

Kind = Literal["ordinary", "dilated", "deformable"]
KINDS: dict[Kind, str] = {
    "ordinary": N_("Ordinary"),
    "dilated": N_("Dilated"),
    "deformable": N_("Deformable"),
}
DILATION = 3
"""Of the dilated network: its cells see 27 pixels, nearly the whole picture, at no cost."""
CHANNELS = (12, 12, 24)
CLASSES = 10
STRIDE = 2
"""Of the stem: a map's cell r lies at pixel 2r."""


class WarpNet(nn.Module):
    """A stem of stride 2, two 3×3 layers on the halved map, and the mean of each channel for a linear classifier.

    The mean knows no place and no size; whatever a digit's size and turn do, the two layers must cope with.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        stem, first, second = CHANNELS
        self.stem = nn.Sequential(
            nn.Conv2d(1, stem, 3, STRIDE, padding=1, bias=False), nn.BatchNorm2d(stem), nn.ReLU()
        )
        self.first = self._layer(stem, first)
        self.second = self._layer(first, second)
        self.head = nn.Linear(second, CLASSES)

    def _layer(self, before: int, after: int) -> nn.Sequential:
        d = self.dilation
        layer = (
            DeformableConv2d(before, after, bias=False)
            if self.kind == "deformable"
            else nn.Conv2d(before, after, 3, padding=d, dilation=d, bias=False)
        )
        return nn.Sequential(layer, nn.BatchNorm2d(after), nn.ReLU())

    @property
    def dilation(self) -> int:
        """Of the regular grid of both layers."""
        return DILATION if self.kind == "dilated" else 1

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, S, S) -> (N, 10) logits."""
        return self.head(self.second(self.first(self.stem(x))).mean((2, 3)))


def initialise(network: WarpNet, generator: torch.Generator) -> None:
    """Draw what all kinds have in common, the same from the same generator: uniform up to ±1/√fan-in, as PyTorch does.

    Offsets stay at 0, so that the deformable network begins as the ordinary one.
    """
    for name, values in network.named_parameters():
        if values.ndim > 1 and ".offset." not in name:
            bound = values[0].numel() ** -0.5
            nn.init.uniform_(values, -bound, bound, generator=generator)
    nn.init.zeros_(network.head.bias)


def parameters(kind: Kind) -> int:
    """All numbers that training moves, counted by formula.

    >>> parameters("deformable") - parameters("ordinary") == 2 * offset_parameters(12, 3)
    True
    """
    stem, first, second = CHANNELS
    plain = 9 * (stem + stem * first + first * second) + 2 * sum(CHANNELS) + CLASSES * (second + 1)
    offsets = offset_parameters(stem, 3) + offset_parameters(first, 3)
    return plain + (offsets if kind == "deformable" else 0)


@torch.inference_mode()
def run(network: WarpNet, pictures: Tensor) -> tuple[Tensor, NDArray[np.float64], NDArray[np.float64]]:
    """What the network says, and where its first and its second layer sample.

    Args:
        network: in eval mode; it is not touched.
        pictures: (N, 1, S, S).

    Returns:
        (N, 10) logits, and (N, 9, 2, h, w) places relative to each cell, in cells, of either layer.
    """
    maps = network.stem(pictures)
    found = []
    for layer in (network.first, network.second):
        regular = grid(3, network.dilation)[:, :, None, None]
        moved = np.zeros((len(pictures), 1, 1, *maps.shape[2:]))
        if isinstance(layer[0], DeformableConv2d):
            moved = layer[0].sampling(maps)[0].unflatten(1, (-1, 2)).double().numpy()
        found.append(regular + moved)
        maps = layer(maps)
    return network.head(maps.mean((2, 3))), found[0], found[1]


@dataclass(frozen=True, eq=False)
class Look:
    """What one network makes of one picture, and where one cell of its second layer looks.

    Attributes:
        shares: (10,) of the softmax.
        first, second: (9, 2), where that cell's own nine points lie in either layer, as (y, x) in pixels.
        both: (81, 2), the points of the second layer's points, in pixels.
        dilations: effective dilation of the first and of the second layer at that cell.
        field: (S, S), how much each pixel moves that cell: the size of its gradient.
    """

    shares: NDArray[np.float64]
    first: Points
    second: Points
    both: Points
    dilations: tuple[float, float]
    field: NDArray[np.float64]

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the smallest box around all pixels with a gradient; 0 where there is none."""
        reached = self.field > 0
        lengths = (np.flatnonzero(reached.any(axis)) for axis in (1, 0))
        rows, columns = (int(np.ptp(length)) + 1 if len(length) else 0 for length in lengths)
        return rows, columns


def look(network: WarpNet, picture: Tensor, cell: tuple[int, int]) -> Look:
    """Look at one picture, (1, S, S), from the output's (row, column) `cell`.

    The points of a point are those of the first layer's cell nearest to it (as in the paper's Figure 5), around
    the point itself.
    """
    logits, *places = run(network, picture[None])
    first, second = (each[0] for each in places)
    row, column = cell
    own, above = first[:, :, row, column], second[:, :, row, column]
    middle = np.array(cell, dtype=np.float64)
    side = np.array(first.shape[2:]) - 1
    nearest = np.clip(np.rint(above + middle), 0, side).astype(int)
    both = np.concatenate(
        [point + middle + first[:, :, y, x] for point, (y, x) in zip(above, nearest, strict=True)]
    )
    return Look(
        F.softmax(logits.double(), dim=1)[0].numpy(),
        STRIDE * (own + middle),
        STRIDE * (above + middle),
        STRIDE * both,
        (float(effective_dilation(own)), float(effective_dilation(above))),
        _field(network, picture, cell),
    )


def _field(network: WarpNet, picture: Tensor, cell: tuple[int, int]) -> NDArray[np.float64]:
    """The gradient's size at every pixel; each channel weighs in with a fixed random number, so that none cancel.

    The cell is taken before its activation, which could silence it altogether.
    """
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, DeformableConv2d):
            module.train()  # the faster gradients; it normalises nothing, so nothing else changes
    with torch.inference_mode(False), torch.enable_grad():
        x = picture[None].clone().requires_grad_()
        output = network.second[:2](network.first(network.stem(x)))[0, :, cell[0], cell[1]]
        weights = torch.randn(len(output), generator=torch.Generator().manual_seed(0))
        (gradient,) = torch.autograd.grad((output * weights).sum(), x)
    return gradient[0, 0].abs().double().numpy()
