"""Deformable convolution: an extra layer tells every window where to look.

Dai et al., "Deformable Convolutional Networks", ICCV 2017 (arXiv 1703.06211)::

    y(p₀) = Σₙ w(pₙ) · x(p₀ + pₙ)                       (1)  an ordinary convolution over a regular grid
    y(p₀) = Σₙ w(pₙ) · x(p₀ + pₙ + Δpₙ)                 (2)  a deformable one
    x(p)  = Σ_q G(q, p) · x(q)                           (3)  between pixels: bilinear
    G(q, p) = g(q_y, p_y) · g(q_x, p_x),  g(a, b) = max(0, 1 − |a − b|)     (4)

Version 2 (Zhu et al., CVPR 2019, arXiv 1811.11168, eq. 1) multiplies each sample by a modulation Δmₙ from 0 to 1.

Points and offsets are (y, x) in pixels, in the order of the kernel's cells row by row, as
``torchvision.ops.deform_conv2d`` has them; outside the map everything is 0.
"""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import DeformConv2d

from cnnviz.errors import SettingError
from cnnviz.messages import N_

Points = NDArray[np.float64]


def grid(kernel_size: int, dilation: int = 1) -> Points:
    """(k², 2): where the cells of an ordinary kernel look, relative to its middle; R of eq. 1.

    Raises:
        SettingError: the kernel has no middle, or the dilation is below 1.

    >>> grid(3, 2)[:4].tolist()
    [[-2.0, -2.0], [-2.0, 0.0], [-2.0, 2.0], [0.0, -2.0]]
    """
    if kernel_size < 1 or kernel_size % 2 == 0 or dilation < 1:
        raise SettingError(
            N_(
                "a kernel of {kernel_size} with a dilation of {dilation} can't be placed; it needs an odd size and a "
                "dilation of at least 1"
            ),
            kernel_size=kernel_size,
            dilation=dilation,
        )
    along = dilation * (np.arange(kernel_size) - kernel_size // 2)
    return np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.float64)


def read(x: Tensor, offsets: Tensor, kernel_size: int, dilation: int = 1) -> Tensor:
    """Every sample that the layer takes, by ``F.grid_sample``: eq. 3 and 4.

    Args:
        x: (N, C, H, W).
        offsets: (N, 2·k², H, W).

    Returns:
        (N, C, k², H, W).
    """
    batch, channels, height, width = x.shape
    regular = torch.tensor(grid(kernel_size, dilation), dtype=x.dtype, device=x.device)
    rows = torch.arange(height, dtype=x.dtype, device=x.device)[:, None]
    columns = torch.arange(width, dtype=x.dtype, device=x.device)
    places = offsets.unflatten(1, (-1, 2)) + regular[:, :, None, None]
    # From the middle of pixel 0 … n − 1 to −1 … 1 between the outer edges.
    y = (2 * (places[:, :, 0] + rows) + 1) / height - 1
    x_across = (2 * (places[:, :, 1] + columns) + 1) / width - 1
    where = torch.stack([x_across, y], dim=-1).flatten(1, 2)
    samples = F.grid_sample(x, where, mode="bilinear", padding_mode="zeros", align_corners=False)
    return samples.view(batch, channels, -1, height, width)


def weigh(samples: Tensor, weight: Tensor, bias: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """The sum of eq. 2 over samples (N, C, k², H, W), with weight (C′, C, k, k): (N, C′, H, W).

    Args:
        mask: (N, k², H, W), version 2's modulation.
    """
    if mask is not None:
        samples = samples * mask[:, None]
    summed = weight.flatten(1) @ samples.flatten(3).flatten(1, 2)
    summed = summed.unflatten(2, samples.shape[3:])
    return summed if bias is None else summed + bias[:, None, None]


class DeformableConv2d(nn.Module):
    """A k×k convolution of stride 1 that keeps the map's size, with offsets of its own for every output cell.

    A second k×k convolution over the same input computes them. It starts at zero, as in the paper, so that the
    layer begins as an ordinary convolution, where version 2 begins with every sample at half weight.

    Args:
        kernel_size: odd.
        modulated: version 2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        dilation: int = 1,
        modulated: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.cells = len(grid(kernel_size, dilation))
        self.modulated = modulated
        reach = dilation * (kernel_size // 2)
        self.conv = DeformConv2d(
            in_channels, out_channels, kernel_size, padding=reach, dilation=dilation, bias=bias
        )
        self.offset = nn.Conv2d(
            in_channels, (3 if modulated else 2) * self.cells, kernel_size, padding=reach, dilation=dilation
        )
        nn.init.zeros_(self.offset.weight)
        assert self.offset.bias is not None
        nn.init.zeros_(self.offset.bias)

    def sampling(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Offsets (N, 2·k², H, W), and the modulation (N, k², H, W) of version 2, for x (N, C, H, W)."""
        told = self.offset(x)
        if not self.modulated:
            return told, None
        return told[:, : 2 * self.cells], torch.sigmoid(told[:, 2 * self.cells :])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C′, H, W)."""
        offsets, mask = self.sampling(x)
        if self.training:
            # The same numbers; on a CPU their gradients come several times as fast.
            samples = read(x, offsets, self.conv.kernel_size[0], self.conv.dilation[0])
            return weigh(samples, self.conv.weight, self.conv.bias, mask)
        return self.conv(x, offsets, mask)


def offset_parameters(in_channels: int, kernel_size: int, modulated: bool = False) -> int:
    """What the layer that computes the offsets adds: 2k² outputs (3k² in version 2) of k²·C weights and a bias.

    >>> offset_parameters(64, 3), offset_parameters(64, 3, modulated=True)
    (10386, 15579)
    """
    outputs = (3 if modulated else 2) * kernel_size**2
    return outputs * (kernel_size**2 * in_channels + 1)


def effective_dilation(places: Points) -> Points:
    """Mean distance between neighbours of the kernel, by which the paper measures how wide it looks (§ 4.2, Table 2).

    Args:
        places: (k², 2, …), with or without the cell's own position.

    Returns:
        (…).

    >>> float(effective_dilation(grid(3, 2)))
    2.0
    """
    side = round(len(places) ** 0.5)
    index = np.arange(side**2).reshape(side, side)
    pairs = [pair for line in (*index, *index.T) for pair in pairwise(line)]
    distances = [np.hypot(*(places[a] - places[b])) for a, b in pairs]
    return np.mean(distances, axis=0)
