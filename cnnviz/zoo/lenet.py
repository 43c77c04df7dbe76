"""LeNet-5 twice: as published, and as everyone codes it.

LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", Proceedings of
the IEEE 86 (1998), § II.B. An input of 1 × 32 × 32 goes through

=====  ========================================  ============  ==========  =========
layer  published                                 output        parameters  as coded
=====  ========================================  ============  ==========  =========
C1     5×5 convolution                           6 × 28 × 28   156         156
S2     sum of 2×2, times a coefficient + bias    6 × 14 × 14   12          0
C3     5×5 convolution of some maps (Table I)    16 × 10 × 10  1,516       2,416
S4     as S2                                     16 × 5 × 5    32          0
C5     5×5 convolution                           120 × 1 × 1   48,120      48,120
F6     dense                                     84            10,164      10,164
out    distance to ten fixed 7×12 bitmaps        10            0           850
=====  ========================================  ============  ==========  =========

60,000 parameters as published; 61,706 with every map of C3 connected, plain pooling and a dense output.
"""

import torch
from torch import Tensor, nn

C3_INPUTS: tuple[tuple[int, ...], ...] = (
    *(tuple(sorted((first + n) % 6 for n in range(3))) for first in range(6)),
    *(tuple(sorted((first + n) % 6 for n in range(4))) for first in range(6)),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)
"""Maps of S2 that each map of C3 reads (Table I): three neighbours, four, two pairs, all."""


class ScaledTanh(nn.Module):
    """1.7159 · tanh(2x/3), so that ±1 stay ±1 (Appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return 1.7159 * torch.tanh(x * (2 / 3))


class TrainablePool(nn.Module):
    """Sum of each 2×2 square, times a coefficient and plus a bias, both learned for every map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2)
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H/2, W/2)."""
        return 4 * self.pool(x) * self.weight + self.bias


class PartlyConnected(nn.Module):
    """A convolution whose output maps each read some of the input maps only."""

    def __init__(self, inputs: tuple[tuple[int, ...], ...], kernel_size: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.maps = nn.ModuleList(nn.Conv2d(len(read), 1, kernel_size) for read in inputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, len(inputs), H − k + 1, W − k + 1)."""
        read = (torch.stack([x[:, channel] for channel in channels], 1) for channels in self.inputs)
        return torch.cat([layer(maps) for layer, maps in zip(self.maps, read, strict=True)], 1)


_SEGMENTS = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")


def bitmaps() -> Tensor:
    """(10, 84): the digits on 7 columns × 12 rows, −1 and +1.

    Drawn here as seven segments; the paper's are printed characters, of the same size and values.
    """
    strokes = {
        "a": (slice(0, 2), slice(0, 7)),
        "b": (slice(0, 6), slice(5, 7)),
        "c": (slice(6, 12), slice(5, 7)),
        "d": (slice(10, 12), slice(0, 7)),
        "e": (slice(6, 12), slice(0, 2)),
        "f": (slice(0, 6), slice(0, 2)),
        "g": (slice(5, 7), slice(0, 7)),
    }
    digits = torch.full((10, 12, 7), -1.0)
    for digit, segments in enumerate(_SEGMENTS):
        for segment in segments:
            digits[(digit, *strokes[segment])] = 1
    return digits.flatten(1)


class RadialBasis(nn.Module):
    """Squared distance to each class's fixed code: the smallest wins."""

    codes: Tensor

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) -> (N, classes), 0 where x is a class's code."""
        return (x[:, None] - self.codes).square().sum(2)


def lenet5() -> nn.Sequential:
    """(N, 1, 32, 32) images -> (N, 10) distances, as published: 60,000 parameters.

    >>> sum(parameter.numel() for parameter in lenet5().parameters())
    60000
    """
    network = nn.Sequential()
    for name, layer in {
        "C1": nn.Conv2d(1, 6, 5),
        "C1_tanh": ScaledTanh(),
        "S2": TrainablePool(6),
        "S2_tanh": ScaledTanh(),
        "C3": PartlyConnected(C3_INPUTS, 5),
        "C3_tanh": ScaledTanh(),
        "S4": TrainablePool(16),
        "S4_tanh": ScaledTanh(),
        "C5": nn.Conv2d(16, 120, 5),
        "C5_tanh": ScaledTanh(),
        "flatten": nn.Flatten(),
        "F6": nn.Linear(120, 84),
        "F6_tanh": ScaledTanh(),
        "output": RadialBasis(bitmaps()),
    }.items():
        network.add_module(name, layer)
    return network


def lenet5_modern() -> nn.Sequential:
    """(N, 1, 32, 32) images -> (N, 10) logits, as everyone codes it: 61,706 parameters.

    >>> sum(parameter.numel() for parameter in lenet5_modern().parameters())
    61706
    """
    network = nn.Sequential()
    for name, layer in {
        "C1": nn.Conv2d(1, 6, 5),
        "C1_relu": nn.ReLU(),
        "S2": nn.MaxPool2d(2),
        "C3": nn.Conv2d(6, 16, 5),
        "C3_relu": nn.ReLU(),
        "S4": nn.MaxPool2d(2),
        "C5": nn.Conv2d(16, 120, 5),
        "C5_relu": nn.ReLU(),
        "flatten": nn.Flatten(),
        "F6": nn.Linear(120, 84),
        "F6_relu": nn.ReLU(),
        "output": nn.Linear(84, 10),
    }.items():
        network.add_module(name, layer)
    return network
