"""What all of our heads share: EfficientNet-Lite0 without its classifier, frozen, and what goes into it.

A photo keeps its shape: it is resized to a given long side, laid into the upper left corner, and padded
on the right and at the bottom to whole cells of the coarsest map. :class:`Fit` leads back to the photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.errors import ModelError, SettingError
from cnnviz.messages import N_
from cnnviz.zoo import efficientnet_lite0

STRIDES = (4, 8, 16, 32)
CHANNELS = (24, 40, 112, 320)
"""Of the maps of stages 2, 3, 5 and 7, the last ones at each stride."""

_TAPS = ("stage2", "stage3", "stage5", "stage7")


class Backbone(nn.Module):
    """(N, 3, H, W) preprocessed images → the maps of EfficientNet-Lite0 at strides 4, 8, 16 and 32."""

    def __init__(self, network: efficientnet_lite0.EfficientNetLite0) -> None:
        super().__init__()
        self.stages = nn.ModuleDict({name: stage for name, stage in network.stages.items() if name != "head"})

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Maps (N, 24, ⌈H/4⌉, …), (N, 40, ⌈H/8⌉, …), (N, 112, ⌈H/16⌉, …), (N, 320, ⌈H/32⌉, …).

        Sides that are multiples of 32 are halved exactly at each stage; others may end a cell apart.
        """
        maps = []
        for name, stage in self.stages.items():
            x = stage(x)
            if name in _TAPS:
                maps.append(x)
        quarter, eighth, sixteenth, last = maps
        return quarter, eighth, sixteenth, last


@cache
def load() -> Backbone:
    """The backbone with its ImageNet weights: on the CPU, in eval mode, frozen, shared by all.

    In the channels-last layout, which takes a CPU a fraction of the time; the maps are the same.

    Raises:
        WeightsError: the package that carries the weights, or its file, is missing or damaged.
    """
    network = Backbone(efficientnet_lite0.load()).eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)


def features(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The shared backbone's maps of preprocessed images (N, 3, H, W), as :meth:`Backbone.forward`."""
    return load()(x.contiguous(memory_format=torch.channels_last))


@dataclass(frozen=True)
class Fit:
    """How a photo lies in the network's input: resized, in the upper left corner, the rest padded.

    Attributes:
        height, width: of the photo, in pixels.
        inner_height, inner_width: of the resized photo in the input.
        padded_height, padded_width: of the input; multiples of 32.
    """

    height: int
    width: int
    inner_height: int
    inner_width: int
    padded_height: int
    padded_width: int

    def boxes_to_photo(self, boxes: Tensor) -> Tensor:
        """Boxes (…, 4), xyxy in pixels of the input, in pixels of the photo and cut to it."""
        across, down = self.width / self.inner_width, self.height / self.inner_height
        scale = boxes.new_tensor([across, down, across, down])
        limit = boxes.new_tensor([self.width, self.height, self.width, self.height])
        return (boxes * scale).clamp(min=0).minimum(limit)

    def boxes_to_input(self, boxes: Tensor) -> Tensor:
        """The way back: boxes (…, 4) in pixels of the photo, in pixels of the input."""
        across, down = self.inner_width / self.width, self.inner_height / self.height
        return boxes * boxes.new_tensor([across, down, across, down])

    def maps_to_photo(self, maps: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Maps over the input (N, C, h, w) as maps over the photo alone, bilinear between cells.

        Each cell stands for its square of the input, padding included (``align_corners=False``).

        Args:
            size: (height, width) of the result; the photo's where not given.

        Returns:
            (N, C, height, width).
        """
        height, width = size or (self.height, self.width)
        # One step instead of two: the grid of the result's pixel centres, in the input's −1 … 1.
        rows = (torch.arange(height, device=maps.device) + 0.5) / height * self.inner_height
        columns = (torch.arange(width, device=maps.device) + 0.5) / width * self.inner_width
        down = (rows / self.padded_height * 2 - 1).to(maps)
        across = (columns / self.padded_width * 2 - 1).to(maps)
        grid = torch.stack(torch.meshgrid(down, across, indexing="ij")[::-1], -1)
        grid = grid.expand(len(maps), -1, -1, -1)
        return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)


def fit(height: int, width: int, side: int = 320) -> Fit:
    """How a photo of this size lies in an input whose long side is `side`.

    >>> fit(480, 640)
    Fit(height=480, width=640, inner_height=240, inner_width=320, padded_height=256, padded_width=320)
    """
    if side < 32 or side % 32:
        raise SettingError(N_("the long side is {side} pixels; expected a multiple of 32"), side=side)
    scale = side / max(height, width)
    inner_height, inner_width = max(1, round(height * scale)), max(1, round(width * scale))
    return Fit(
        height, width, inner_height, inner_width, -(-inner_height // 32) * 32, -(-inner_width // 32) * 32
    )


def preprocess(rgb: NDArray[np.uint8], side: int = 320) -> tuple[Tensor, Fit]:
    """A photo as input of the backbone: its long side becomes `side` pixels (bilinear, antialiased).

    Args:
        rgb: (height, width, 3) uint8.
        side: a multiple of 32. The heads were trained for 320 to 512.

    Returns:
        (1, 3, H, W) float32, (RGB − 127) / 128, H and W multiples of 32, 0 in the padding; and how the
        photo lies in it.

    Raises:
        ModelError: `rgb` is something else.
        SettingError: `side` is no multiple of 32.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ModelError(
            N_("a photo of shape (height, width, 3) and type uint8 was expected, not {shape} and {dtype}"),
            shape=rgb.shape,
            dtype=rgb.dtype,
        )
    lies = fit(rgb.shape[0], rgb.shape[1], side)
    photo = torch.tensor(rgb).permute(2, 0, 1)[None]
    inner = F.interpolate(photo, (lies.inner_height, lies.inner_width), mode="bilinear", antialias=True)
    pad = (0, lies.padded_width - lies.inner_width, 0, lies.padded_height - lies.inner_height)
    return F.pad((inner.float() - 127) / 128, pad), lies
