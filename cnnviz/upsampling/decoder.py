"""From a few numbers back to a picture: one encoder, and a decoder with each upsampling operator.

The encoder convolves and max-pools twice, then writes `latent` numbers, the code. Every decoder makes a small
map of the code and doubles it twice. Between operators stand 1 × 1 convolutions only, so that whatever is
drawn, is drawn by the operator. Unpooling also gets the places of the encoder's maxima.

Sources: Hinton & Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313, 2006;
Noh et al., arXiv 1505.04366 (unpooling in a decoder); Odena et al. 2016, Distill (resize, then convolve).
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.messages import N_

CHANNELS = (8, 16)
"""Of the encoder's maps before its first and its second pooling, and of the decoders' in reverse order."""
HIDDEN = 128
"""Units of the decoder that knows no map at all."""

KINDS: Mapping[str, str] = {
    "nearest": N_("Nearest neighbour"),
    "bilinear": N_("Bilinear"),
    "transposed": N_("Transposed convolution"),
    "pixel_shuffle": N_("Pixel shuffle"),
    "resize_convolve": N_("Resize, then convolve"),
    "max_unpooling": N_("Max-unpooling"),
    "unpool_convolve": N_("Max-unpooling, then convolve"),
}
"""The operators by id, with their English titles."""
UNPOOLING = ("max_unpooling", "unpool_convolve")
"""Those that need the encoder's indices."""

Indices = tuple[Tensor, Tensor]
"""Of the first pooling, (N, 8, S/2, S/2), and of the second, (N, 16, S/4, S/4)."""


class Stages(NamedTuple):
    """The maps on the way up, (N, C, H, W) each: a small one, then doubled and convolved, twice; the picture."""

    small: Tensor
    doubled: Tensor
    convolved: Tensor
    doubled_again: Tensor
    convolved_again: Tensor
    picture: Tensor


class Encoder(nn.Module):
    """(N, 1, S, S) pictures from 0 to 1, S divisible by 4 → codes (N, latent) and :data:`Indices`."""

    def __init__(self, side: int, latent: int) -> None:
        super().__init__()
        if side % 4 or side < 4:
            raise SettingError(N_("a side of {side}; expected a multiple of 4"), side=side)
        first, second = CHANNELS
        self.first = nn.Conv2d(1, first, 3, padding=1)
        self.second = nn.Conv2d(first, second, 3, padding=1)
        self.code = nn.Linear(second * (side // 4) ** 2, latent)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Indices]:
        maps, first = F.max_pool2d(self.first(pictures).relu(), 2, return_indices=True)
        maps, second = F.max_pool2d(self.second(maps).relu(), 2, return_indices=True)
        return self.code(maps.flatten(1)), (first, second)


class Dense(nn.Module):
    """Codes (N, latent) → (N, 1, S, S) without any map: the decoder that the encoder is trained with."""

    def __init__(self, side: int, latent: int) -> None:
        super().__init__()
        self.side = side
        self.hidden = nn.Linear(latent, HIDDEN)
        self.picture = nn.Linear(HIDDEN, side * side)

    def forward(self, codes: Tensor) -> Tensor:
        return self.picture(self.hidden(codes).relu()).unflatten(1, (1, self.side, self.side))


class Doubling(nn.Module):
    """(N, C, H, W) → (N, C', 2H, 2W) by one operator; with unpooling, C channels have indices."""

    def __init__(self, kind: str, inward: int, outward: int) -> None:
        super().__init__()
        if kind not in KINDS:
            raise SettingError(
                N_("there is no decoder called {kind}; there are {known}"), kind=kind, known=", ".join(KINDS)
            )
        self.kind = kind
        self.convolution: nn.Conv2d | nn.ConvTranspose2d
        if kind == "transposed":
            self.convolution = nn.ConvTranspose2d(inward, outward, 3, stride=2, padding=1, output_padding=1)
        elif kind == "pixel_shuffle":
            self.convolution = nn.Conv2d(inward, 4 * outward, 3, padding=1)
        elif kind.endswith("convolve"):
            self.convolution = nn.Conv2d(inward, outward, 3, padding=1)
        else:
            self.convolution = nn.Conv2d(inward, outward, 1)

    def forward(self, maps: Tensor, indices: Tensor | None) -> tuple[Tensor, Tensor]:
        """The doubled maps before and after the convolution; they are the same where it does the doubling."""
        if self.kind == "transposed":
            doubled = self.convolution(maps)
            return doubled, doubled
        if self.kind == "pixel_shuffle":
            doubled = F.pixel_shuffle(self.convolution(maps), 2)
            return doubled, doubled
        if self.kind in UNPOOLING:
            if indices is None:
                raise SettingError(N_("max-unpooling needs the indices of an encoder's pooling"))
            doubled = F.max_unpool2d(maps, indices, [2, 2])
        elif self.kind == "bilinear":
            doubled = F.interpolate(maps, scale_factor=2, mode="bilinear")
        else:
            doubled = F.interpolate(maps, scale_factor=2)
        return doubled, self.convolution(doubled)


class Decoder(nn.Module):
    """Codes (N, latent) → (N, 1, S, S): a small map, doubled twice by one operator.

    Args:
        kind: one of :data:`KINDS`.
        side: S, divisible by 4.
        latent: numbers in a code.
    """

    def __init__(self, kind: str, side: int, latent: int) -> None:
        super().__init__()
        first, second = CHANNELS
        self.side, self.kind = side, kind
        self.small = nn.Linear(latent, second * (side // 4) ** 2)
        self.up = Doubling(kind, second, first)
        self.up_again = Doubling(kind, first, first)
        self.picture = nn.Conv2d(first, 1, 1)

    def stages(self, codes: Tensor, indices: Indices | None = None) -> Stages:
        """Every map on the way.

        Raises:
            SettingError: unpooling without indices.
        """
        first, second = indices if indices is not None else (None, None)
        small = self.small(codes).relu().unflatten(1, (CHANNELS[1], self.side // 4, self.side // 4))
        doubled, convolved = self.up(small, second)
        doubled_again, convolved_again = self.up_again(convolved.relu(), first)
        picture = self.picture(convolved_again.relu())
        return Stages(small, doubled, convolved, doubled_again, convolved_again, picture)

    def forward(self, codes: Tensor, indices: Indices | None = None) -> Tensor:
        return self.stages(codes, indices).picture


def index_bits(side: int) -> int:
    """What unpooling is told beside the code: 2 bits for each window of the encoder's two poolings.

    >>> index_bits(8)  # 8 · 4² + 16 · 2² windows
    384
    """
    windows = sum(channels * (side // 2**level) ** 2 for level, channels in enumerate(CHANNELS, 1))
    return 2 * windows


def decoder_parameters(kind: str, side: int, latent: int) -> int:
    """Weights and biases of a :class:`Decoder`, by arithmetic.

    >>> decoder_parameters("transposed", 8, 2)
    1945
    """
    first, second = CHANNELS
    kernel = 1 if kind in ("nearest", "bilinear", "max_unpooling") else 9
    times = 4 if kind == "pixel_shuffle" else 1
    convolutions = sum(times * first * (kernel * inward + 1) for inward in (second, first))
    return second * (side // 4) ** 2 * (latent + 1) + convolutions + first + 1


def parameters_formula(kind: str, side: int, latent: int) -> str:
    """LaTeX of :func:`decoder_parameters`: the dense layer, the two doublings, and the last 1 × 1 convolution."""
    first, second = CHANNELS
    kernel = 1 if kind in ("nearest", "bilinear", "max_unpooling") else 9
    times = r"4 \cdot " if kind == "pixel_shuffle" else ""
    doublings = " + ".join(rf"{times}{first}\,({kernel} \cdot {inward} + 1)" for inward in (second, first))
    return rf"{second} \cdot {side // 4}^2\,({latent} + 1) + {doublings} + {first} + 1"


def count_parameters(module: nn.Module) -> int:
    """Weights and biases that PyTorch holds."""
    return sum(parameter.numel() for parameter in module.parameters())


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights from `generator` (He et al., arXiv 1502.01852, equation 10), and set all biases to 0."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            fan_in = part.weight[0].numel()
            if isinstance(part, nn.ConvTranspose2d):
                # Weights are (in, out, k, k), and with stride s only a share 1/s² of a kernel writes to a cell.
                fan_in = part.weight[:, 0].numel() // (part.stride[0] * part.stride[1])
            nn.init.normal_(part.weight, 0.0, (2 / fan_in) ** 0.5, generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
