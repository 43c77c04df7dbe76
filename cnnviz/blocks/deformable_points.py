"""Offsets drawn by hand, and what a deformable convolution makes of them, worked out sample by sample.

Equations (1) to (4) are those of :mod:`cnnviz.blocks.deformable`.
"""

from dataclasses import dataclass
from math import floor
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

from cnnviz.blocks import deformable
from cnnviz.blocks.deformable import Points, grid
from cnnviz.messages import N_
from cnnviz.ranges import check_ranges

Shape = Literal["regular", "scaled", "rotated", "stretched", "shifted", "moved", "scattered"]
SHAPES: dict[Shape, str] = {
    "regular": N_("regular: no offsets"),
    "scaled": N_("scaled"),
    "rotated": N_("rotated"),
    "stretched": N_("stretched"),
    "shifted": N_("shifted"),
    "moved": N_("one point moved"),
    "scattered": N_("random, anew at every place"),
}
FURTHEST = 8.0
"""Largest offset drawn by hand, in pixels."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """Offsets drawn by hand.

    Attributes:
        shape: what is done to the regular grid; the other settings count only where it uses them.
        kernel_size: 3 or 5.
        dilation: of the regular grid, 1 to 4.
        scale: by what the points' distances from the middle are multiplied, 0 to 4.
        turn: of the grid, in degrees clockwise.
        down, across: by what it is stretched along each axis, 0 to 4.
        dy, dx: how far it, or the one point, is moved, in pixels.
        point: index of that point, from 0.
        strength: standard deviation of random offsets, in pixels.
        seed: of them.

    Raises:
        SettingError: a value is out of its range.
    """

    shape: Shape = "regular"
    kernel_size: int = 3
    dilation: int = 1
    scale: float = 1.0
    turn: int = 0
    down: float = 1.0
    across: float = 1.0
    dy: float = 0.0
    dx: float = 0.0
    point: int = 0
    strength: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        assert self.shape in get_args(Shape)
        grid(self.kernel_size, self.dilation)
        away = (-FURTHEST, FURTHEST)
        check_ranges(
            self,
            {
                "kernel_size": (3, 5), "dilation": (1, 4), "scale": (0, 4), "down": (0, 4), "across": (0, 4),
                "dy": away, "dx": away, "point": (0, self.kernel_size**2 - 1), "strength": (0, FURTHEST),
            },
        )  # fmt: skip

    @property
    def grid(self) -> Points:
        """(k², 2), the regular grid."""
        return grid(self.kernel_size, self.dilation)

    @property
    def everywhere(self) -> bool:
        """Whether all places have the same offsets."""
        return self.shape != "scattered"

    def offsets(self, height: int, width: int) -> Floats:
        """(k², 2, height, width), Δp of eq. 2 at every place of a map."""
        regular = self.grid
        if self.shape == "scattered":
            generator = torch.Generator().manual_seed(self.seed)
            shape = (*regular.shape, height, width)
            return self.strength * torch.randn(shape, dtype=torch.float64, generator=generator).numpy()
        cosine, sine = np.cos(np.radians(self.turn)), np.sin(np.radians(self.turn))
        places = {
            "regular": regular,
            "scaled": self.scale * regular,
            "rotated": regular @ np.array([[cosine, -sine], [sine, cosine]]),
            "stretched": regular * (self.down, self.across),
            "shifted": regular + np.array([self.dy, self.dx]),
            "moved": regular + np.eye(len(regular))[:, [self.point]] * (self.dy, self.dx),
        }[self.shape]
        # A right angle's cosine isn't quite 0 on a computer, which would turn a pixel into four.
        moved = np.round(places - regular, 9) + 0.0
        return np.broadcast_to(moved[:, :, None, None], (*regular.shape, height, width))


@dataclass(frozen=True)
class Pixel:
    """One of the four around a sample; `value` is 0 outside the map, `share` is G of eq. 4."""

    row: int
    column: int
    inside: bool
    value: float
    share: float


@dataclass(frozen=True)
class Sample:
    """One term of the sum.

    Attributes:
        regular: (y, x) without the offset, on the map.
        place: (y, x) with it.
        pixels: upper left, upper right, lower left, lower right.
        weight: w of eq. 2.
        modulation: Δm of version 2, else 1.
    """

    regular: tuple[float, float]
    place: tuple[float, float]
    pixels: tuple[Pixel, ...]
    weight: float
    modulation: float = 1.0

    @property
    def value(self) -> float:
        """x(p) of eq. 3."""
        return sum(pixel.share * pixel.value for pixel in self.pixels)

    @property
    def product(self) -> float:
        return self.weight * self.modulation * self.value

    @property
    def mixed(self) -> int:
        """How many of the map's pixels have a part in it."""
        return sum(pixel.inside and pixel.share > 0 for pixel in self.pixels)


def samples_at(
    x: Floats, kernel: Floats, drawn: Drawn, cell: tuple[int, int], modulation: Floats
) -> tuple[Sample, ...]:
    """All terms of one output cell, by eq. 2 to 4 as they are written.

    Args:
        x: (H, W).
        kernel: (k, k).
        cell: (row, column) of the output.
        modulation: (k²,).
    """
    offsets = drawn.offsets(*x.shape)[:, :, cell[0], cell[1]]
    found = []
    for regular, offset, weight, part in zip(
        drawn.grid + cell, offsets, kernel.ravel().tolist(), modulation.tolist(), strict=True
    ):
        y, x_across = (float(part) for part in regular + offset)
        pixels = tuple(_pixel(x, row, column, y, x_across) for row in _both(y) for column in _both(x_across))
        found.append(Sample((regular[0], regular[1]), (y, x_across), pixels, weight, part))
    return tuple(found)


def _both(place: float) -> tuple[int, int]:
    return floor(place), floor(place) + 1


def _pixel(x: Floats, row: int, column: int, py: float, px: float) -> Pixel:
    inside = 0 <= row < x.shape[0] and 0 <= column < x.shape[1]
    share = max(0.0, 1 - abs(row - py)) * max(0.0, 1 - abs(column - px))
    return Pixel(row, column, inside, float(x[row, column]) if inside else 0.0, share)


@dataclass(frozen=True, eq=False)
class Maps:
    """Outputs over a whole map, (H, W) each.

    Attributes:
        ordinary: of ``nn.Conv2d``.
        deformable: of ``torchvision.ops.deform_conv2d``.
        sampled: of ``F.grid_sample`` and a sum.
        reads: (k², H, W), what ``F.grid_sample`` read for it.
        fixed: of an ordinary convolution with :func:`fixed_kernel`; None where offsets differ by place.
    """

    ordinary: Floats
    deformable: Floats
    sampled: Floats
    reads: Floats
    fixed: Floats | None


def maps(x: Floats, kernel: Floats, drawn: Drawn, modulation: Floats) -> Maps:
    """Run a (k, k) kernel over (H, W) in every way; zeros around, so that the size stays."""
    image = torch.tensor(x)[None, None]
    weight = torch.tensor(kernel)[None, None]
    shape = (1, -1, *x.shape)
    offsets = torch.tensor(drawn.offsets(*x.shape)).reshape(shape)
    mask = torch.tensor(modulation)[None, :, None, None].expand(shape)
    reach = drawn.dilation * (drawn.kernel_size // 2)
    samples = deformable.read(image, offsets, drawn.kernel_size, drawn.dilation)
    fixed = None
    if drawn.everywhere:
        wide = torch.tensor(fixed_kernel(kernel, drawn, modulation))[None, None]
        fixed = F.conv2d(image, wide, padding=wide.shape[-1] // 2)[0, 0].numpy()
    return Maps(
        F.conv2d(image, weight, padding=reach, dilation=drawn.dilation)[0, 0].numpy(),
        deform_conv2d(image, offsets, weight, padding=reach, dilation=drawn.dilation, mask=mask)[
            0, 0
        ].numpy(),
        deformable.weigh(samples, weight, mask=mask)[0, 0].numpy(),
        samples[0, 0].numpy(),
        fixed,
    )


def fixed_kernel(kernel: Floats, drawn: Drawn, modulation: Floats) -> Floats:
    """The ordinary kernel that does the same as offsets which are the same everywhere.

    Each weight is shared out to the four cells around its point, by eq. 4.

    Returns:
        (2r + 1, 2r + 1), as large as the points reach.
    """
    places = drawn.grid + drawn.offsets(1, 1)[:, :, 0, 0]
    reach = int(np.ceil(np.abs(places).max()))
    wide = np.zeros((2 * reach + 1, 2 * reach + 1))
    for (y, x), weight in zip(places, kernel.ravel() * modulation, strict=True):
        for row in _both(y):
            for column in _both(x):
                share = max(0.0, 1 - abs(row - y)) * max(0.0, 1 - abs(column - x))
                if share:
                    wide[row + reach, column + reach] += weight * share
    return wide


@dataclass(frozen=True)
class Twin:
    """A layer of ``nn.Conv2d`` that gives exactly the same, for offsets where one is well known.

    Attributes:
        kind: "same", "dilation", "shift" or "turn".
        dilation: of that layer.
        shift: (rows, columns) by which its output is read further on.
        quarters: clockwise quarter turns of its kernel.
    """

    kind: Literal["same", "dilation", "shift", "turn"]
    dilation: int
    shift: tuple[int, int] = (0, 0)
    quarters: int = 0


def twin(drawn: Drawn) -> Twin | None:
    """The well-known layer that the offsets amount to, if there is one.

    >>> twin(Drawn("scaled", scale=2)), twin(Drawn("scaled", scale=1.5))
    (Twin(kind='dilation', dilation=2, shift=(0, 0), quarters=0), None)
    """
    moved = drawn.offsets(1, 1)
    if not drawn.everywhere:
        return None if drawn.strength else Twin("same", drawn.dilation)
    if not moved.any():
        return Twin("same", drawn.dilation)
    if drawn.shape == "scaled" and drawn.scale > 0 and (drawn.scale * drawn.dilation) % 1 == 0:
        return Twin("dilation", round(drawn.scale * drawn.dilation))
    if drawn.shape == "shifted" and drawn.dy % 1 == 0 and drawn.dx % 1 == 0:
        return Twin("shift", drawn.dilation, (round(drawn.dy), round(drawn.dx)))
    if drawn.shape == "rotated" and drawn.turn % 90 == 0:
        return Twin("turn", drawn.dilation, quarters=drawn.turn // 90 % 4)
    return None


def twin_map(x: Floats, kernel: Floats, layer: Twin) -> Floats:
    """(H, W): what that layer gives, by ``F.conv2d`` over a map with enough zeros around."""
    height, width = x.shape
    margin = max(map(abs, layer.shift)) + layer.dilation * (len(kernel) // 2)
    turned = np.rot90(kernel, -layer.quarters).copy()
    image, weight = torch.tensor(x)[None, None], torch.tensor(turned)[None, None]
    far = max(map(abs, layer.shift))
    whole = F.conv2d(image, weight, padding=margin, dilation=layer.dilation)[0, 0].numpy()
    top, left = far + layer.shift[0], far + layer.shift[1]
    return whole[top : top + height, left : left + width]
