"""Squeeze and excitation: one number for each map, from the means of all maps.

Hu, Shen & Sun, "Squeeze-and-Excitation Networks", CVPR 2018 (arXiv 1709.01507), § 3:

- squeeze, equation 2: z_c = 1/(H·W) · Σ u_c(i, j);
- excitation, equation 3: s = σ(W₂ δ(W₁ z)), with W₁ of C/r × C, W₂ of C × C/r, δ the ReLU and σ the sigmoid;
- scale, equation 4: x̃_c = s_c · u_c.
"""

import torch
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Gates, one for each map, between 0 and 1.

    Args:
        channels: C, maps that come in and go out.
        reduction: r, at most C; the layer in the middle has C // r units.
        bias: whether the two dense layers have biases, which equation 3 leaves out.
    """

    def __init__(self, channels: int, reduction: int = 16, bias: bool = False) -> None:
        super().__init__()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Linear(channels, channels // reduction, bias=bias)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Linear(channels // reduction, channels, bias=bias)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same, each map multiplied by its gate."""
        hidden = self.relu(self.reduce(torch.flatten(self.squeeze(x), 1)))
        return x * self.sigmoid(self.expand(hidden))[:, :, None, None]


def excitation_parameters(channels: int, reduction: int, bias: bool = False) -> int:
    """Weights of one block: 2C²/r where r divides C; equation 5 sums them over the network.

    >>> excitation_parameters(256, 16), excitation_parameters(256, 16, bias=True)
    (8192, 8464)
    """
    hidden = channels // reduction
    return 2 * channels * hidden + bias * (channels + hidden)
