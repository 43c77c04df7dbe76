"""A photo made smaller by each kind of pooling, and what each keeps of it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from cnnviz.errors import SettingError
from cnnviz.layers import kernels
from cnnviz.layers.arithmetic import pool_output_size
from cnnviz.layers.kernels import Colour
from cnnviz.messages import N_

Operation = Literal["max", "average", "min"]
Planes = NDArray[np.float32]

OPERATIONS: tuple[Operation, ...] = ("max", "average", "min")


def planes(rgb: NDArray[np.uint8], colour: Colour) -> Planes:
    """(H, W, 3) levels 0–255 as (1, H, W) grey or (3, H, W) colour."""
    return np.ascontiguousarray(kernels.planes(rgb, colour).transpose(2, 0, 1))


def pool(x: Planes, factor: int, operation: Operation) -> Planes:
    """Windows of `factor` × `factor` side by side, in PyTorch: (C, H, W) to (C, H // factor, W // factor)."""
    tensor = torch.from_numpy(x)
    with torch.inference_mode():
        match operation:
            case "max":
                pooled = functional.max_pool2d(tensor, factor)
            case "average":
                pooled = functional.avg_pool2d(tensor, factor)
            case "min":
                pooled = -functional.max_pool2d(-tensor, factor)
    result: Planes = pooled.numpy()
    return result


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A photo pooled in every way.

    Attributes:
        factor: side of the window, and stride.
        source: (C, H, W), levels 0–255.
        pooled: (C, H // factor, W // factor) by operation.
        mean: mean level by operation.
        source_mean: mean level of what the windows read; rows and columns left over don't count.
        repeated: by operation, the share of values that pooling by 2 over and over gives, too: 1 for all.
    """

    factor: int
    source: Planes
    pooled: dict[Operation, Planes]
    mean: dict[Operation, float]
    source_mean: float
    repeated: dict[Operation, float]


def shrink(x: Planes, factor: int) -> Shrunk:
    """Pool (C, H, W) by `factor`, a power of two, with maximum, average and minimum.

    Raises:
        SettingError: the window is larger than the photo, or `factor` isn't a power of two.

    >>> half = shrink(np.arange(8, dtype=np.float32).reshape(1, 2, 4), 2)
    >>> half.pooled["average"].tolist(), half.mean["max"]
    ([[[2.5, 4.5]]], 6.0)
    """
    if factor < 1 or factor & (factor - 1):
        raise SettingError(N_("the factor is {factor}; it must be a power of two"), factor=factor)
    height, width = (pool_output_size(side, factor) for side in x.shape[1:])
    pooled = {operation: pool(x, factor, operation) for operation in OPERATIONS}
    return Shrunk(
        factor,
        x,
        pooled,
        {operation: float(values.mean(dtype=np.float64)) for operation, values in pooled.items()},
        float(x[:, : height * factor, : width * factor].mean(dtype=np.float64)),
        {
            operation: float(np.isclose(_repeated(x, factor, operation), values, rtol=1e-5).mean())
            for operation, values in pooled.items()
        },
    )


def _repeated(x: Planes, factor: int, operation: Operation) -> Planes:
    while factor > 1:
        x, factor = pool(x, 2, operation), factor // 2
    return x


def levels(x: Planes) -> NDArray[np.uint8]:
    """(C, H, W) as something to look at: (H, W, 3) from 0 to 255."""
    shown = np.rint(x).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    return np.ascontiguousarray(shown.repeat(3 // shown.shape[2], axis=2))
