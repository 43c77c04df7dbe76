"""DeconvNet's symmetry: pooled so many times, unpooled as often, with the indices handed over, last one first.

Noh et al., "Learning deconvolution network for semantic segmentation", arXiv 1505.04366, figure 2 and section 3.2;
SegNet, arXiv 1511.00561, section III.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.messages import N_

Handed = Literal["indices", "corner", "spread"]
"""What becomes of the indices: handed over; forgotten, and every value put into its window's first cell; or
forgotten, and every value spread over its whole window."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Symmetric:
    """A picture on its way down and up.

    Attributes:
        sizes: (height, width) of every map on the way down, the picture's first.
        pooled: (C, h, w), the smallest map.
        unpooled: (C, H, W), of the picture's size.
        written: (H, W) bool, where a value has been put in the first channel.
        at_home: share of the written cells of all channels that hold what the picture holds there.
    """

    sizes: tuple[tuple[int, int], ...]
    pooled: Floats
    unpooled: Floats
    written: NDArray[np.bool_]
    at_home: float


def there_and_back(picture: ArrayLike, depth: int, handed: Handed = "indices") -> Symmetric:
    """Max-pool by 2 × 2 `depth` times, and go back up.

    Rows and columns left over by an odd size are dropped on the way down and stay empty on the way up.

    Args:
        picture: (C, H, W).
        depth: how often.
        handed: what becomes of the indices.

    Raises:
        SettingError: no depth, or a picture too small for it.

    >>> there_and_back([[[1, 2], [4, 3]]], 1).unpooled.tolist()
    [[[0.0, 0.0], [4.0, 0.0]]]
    """
    x = torch.as_tensor(np.asarray(picture, np.float32))[None]
    if depth < 1 or min(x.shape[-2:]) < 2**depth:
        raise SettingError(
            N_("a picture of {height} × {width} can't be pooled {depth} times"),
            height=x.shape[-2],
            width=x.shape[-1],
            depth=depth,
        )
    kept: list[tuple[Tensor, tuple[int, int]]] = []
    maps = x
    for _level in range(depth):
        size = (maps.shape[-2], maps.shape[-1])
        maps, indices = F.max_pool2d(maps, 2, return_indices=True)
        kept.append((indices, size))
    pooled = maps
    written = torch.ones_like(maps, dtype=torch.float32)
    for indices, size in reversed(kept):
        maps, written = (_up(each, indices, size, handed) for each in (maps, written))
    put = written > 0
    home = float((maps[put] == x[put]).float().mean())
    sizes = (*(size for _indices, size in kept), (pooled.shape[-2], pooled.shape[-1]))
    return Symmetric(sizes, pooled[0].numpy(), maps[0].numpy(), put[0, 0].numpy(), home)


def _up(maps: Tensor, indices: Tensor, size: tuple[int, int], handed: Handed) -> Tensor:
    rows, columns = maps.shape[-2:]
    if handed == "indices":
        return F.max_unpool2d(maps, indices, [2, 2], output_size=list(size))
    if handed == "corner":
        up = maps.new_zeros(*maps.shape[:2], *size)
        up[..., : 2 * rows : 2, : 2 * columns : 2] = maps
        return up
    spread = F.interpolate(maps, scale_factor=2)
    return F.pad(spread, (0, size[1] - 2 * columns, 0, size[0] - 2 * rows))
