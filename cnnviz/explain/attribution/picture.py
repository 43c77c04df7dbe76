"""A photo as a network takes it, and what may stand in its place: the baselines and the fills."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from cnnviz.errors import SettingError
from cnnviz.messages import N_

FILLS: Mapping[str, str] = {
    "black": N_("black"),
    "grey": N_("mid-grey"),
    "mean": N_("the photo's mean colour"),
    "blur": N_("the photo blurred"),
    "noise": N_("noise"),
}
"""What can take the place of pixels, by id, with a title."""


def check_fill(fill: str) -> None:
    """Raise a SettingError unless `fill` is one of :data:`FILLS`."""
    if fill not in FILLS:
        raise SettingError(
            N_("there is no fill {fill}; expected one of {known}"), fill=fill, known=", ".join(FILLS)
        )


@dataclass(frozen=True, eq=False)
class Picture:
    """One photo, preprocessed.

    Attributes:
        x: (1, 3, H, W) float32, what goes into the network.
        black, white: (1, 3, 1, 1), what becomes of a black and of a white pixel on the way.
    """

    x: Tensor
    black: Tensor
    white: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels of the network's input."""
        return self.x.shape[2], self.x.shape[3]

    def filled(self, fill: str, seed: int = 0) -> Tensor:
        """An image of the same shape without the photo's information, or with less of it.

        Args:
            fill: one of :data:`FILLS`. Grey lies halfway between black and white; the blur is Gaussian with a
                standard deviation of 1/16 of the height; noise is uniform between black and white in every
                channel of every pixel.
            seed: of the noise.

        Raises:
            SettingError: there is no such fill.

        >>> picture = Picture(torch.rand(1, 3, 8, 8), torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1))
        >>> picture.filled("grey").unique().tolist()
        [0.5]
        """
        check_fill(fill)
        if fill == "black":
            filled = self.black.expand_as(self.x)
        elif fill == "grey":
            filled = ((self.black + self.white) / 2).expand_as(self.x)
        elif fill == "mean":
            filled = self.x.mean((2, 3), keepdim=True).expand_as(self.x)
        elif fill == "blur":
            sigma = self.size[0] / 16
            # Mirrored at the border, which takes less than a whole side.
            height, width = (2 * min(round(3 * sigma), side - 1) + 1 for side in self.size)
            filled = gaussian_blur(self.x, [width, height], [sigma, sigma])
        else:
            generator = torch.Generator().manual_seed(seed)
            share = torch.rand(self.x.shape, generator=generator).to(self.x.device)
            filled = self.black + share * (self.white - self.black)
        return filled.contiguous(memory_format=torch.channels_last)


def picture(
    preprocess: Callable[[NDArray[np.uint8]], Tensor], rgb: NDArray[np.uint8], device: str = "cpu"
) -> Picture:
    """A photo as a network takes it.

    Args:
        preprocess: the network's, as :class:`cnnviz.zoo.card.Network` has it: (height, width, 3) uint8 to
            (1, 3, H, W) float32.
        rgb: (height, width, 3) uint8.

    Raises:
        ModelError: no such photo.
    """

    def flat(value: int) -> Tensor:
        return preprocess(np.full((8, 8, 3), value, np.uint8))[:, :, :1, :1].to(device)

    x = preprocess(rgb).to(device).contiguous(memory_format=torch.channels_last)
    return Picture(x, flat(0), flat(255))
