"""Compound scaling: depth, width and resolution of a network grow together.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019 (arXiv
1905.11946), equation 3: depth d = α^φ, width w = β^φ, resolution r = γ^φ, with α·β²·γ² ≈ 2 and α, β, γ ≥ 1,
so that the multiply–accumulates, which grow as d·w²·r², double with every φ. For B0 the authors' small grid
search found α = 1.2, β = 1.1, γ = 1.15.
"""

from dataclasses import dataclass
from functools import cache, partial

from torch import nn
from torchvision.models.efficientnet import EfficientNet, MBConvConfig

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.zoo.counting import NetworkCount, count

ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15
BASE_RESOLUTION = 224
LARGEST = 8.0
"""By how much each of depth, width and resolution may be multiplied here."""


@dataclass(frozen=True)
class Scaling:
    """Multipliers of EfficientNet-B0's layers, channels and image.

    Attributes:
        depth, width: multipliers.
        resolution: side of the image in pixels.
    """

    depth: float
    width: float
    resolution: int

    def __post_init__(self) -> None:
        for value in (self.depth, self.width, self.resolution / BASE_RESOLUTION):
            if not 0.1 <= value <= LARGEST:
                raise SettingError(
                    N_("a multiplier of {value} was asked for; it must be from {low} to {high}"),
                    value=f"{value:g}",
                    low=0.1,
                    high=LARGEST,
                )

    @property
    def parameters_factor(self) -> float:
        """How many times B0's parameters equation 3's reasoning predicts: d·w²."""
        return self.depth * self.width**2

    @property
    def macs_factor(self) -> float:
        """How many times B0's multiply–accumulates it predicts: d·w²·r²."""
        return self.parameters_factor * (self.resolution / BASE_RESOLUTION) ** 2


VARIANTS = {
    "efficientnet_b0": Scaling(1.0, 1.0, 224),
    "efficientnet_b1": Scaling(1.1, 1.0, 240),
    "efficientnet_b2": Scaling(1.2, 1.1, 288),
    "efficientnet_b3": Scaling(1.4, 1.2, 300),
    "efficientnet_b4": Scaling(1.8, 1.4, 380),
    "efficientnet_b5": Scaling(2.2, 1.6, 456),
    "efficientnet_b6": Scaling(2.6, 1.8, 528),
    "efficientnet_b7": Scaling(3.1, 2.0, 600),
}
"""torchvision's multipliers, and the resolutions of its published weights (the authors' code gives B2 260)."""


def doubling(alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA) -> float:
    """α·β²·γ²: by how much the multiply–accumulates grow for each φ; the constraint asks for about 2.

    >>> round(doubling(), 2)
    1.92
    """
    return alpha * beta**2 * gamma**2


def compound(phi: float, alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA) -> Scaling:
    """Equation 3, the resolution rounded to whole pixels.

    Raises:
        SettingError: a multiplier becomes too small or too large.

    >>> compound(1)
    Scaling(depth=1.2, width=1.1, resolution=258)
    """
    return Scaling(alpha**phi, beta**phi, round(BASE_RESOLUTION * gamma**phi))


def build(scaling: Scaling) -> nn.Module:
    """EfficientNet with these multipliers: Table 1's stages, channels rounded to eights, layers rounded up."""
    mb = partial(MBConvConfig, width_mult=scaling.width, depth_mult=scaling.depth)
    # expansion, kernel size, stride, channels in and out, layers
    stages = [
        mb(1, 3, 1, 32, 16, 1),
        mb(6, 3, 2, 16, 24, 2),
        mb(6, 5, 2, 24, 40, 2),
        mb(6, 3, 2, 40, 80, 3),
        mb(6, 5, 1, 80, 112, 3),
        mb(6, 5, 2, 112, 192, 4),
        mb(6, 3, 1, 192, 320, 1),
    ]
    return EfficientNet(stages, dropout=0.0)


@dataclass(frozen=True)
class ScalingCount:
    """What equation 3's reasoning predicts for a scaling, and what the network has.

    Attributes:
        predicted_parameters, predicted_macs: B0's times the factors. They are for a large share of the
            layers; rounding, depthwise layers (w, not w²) and the dense layer (w, without d) deviate.
        counted: the network itself.
    """

    scaling: Scaling
    predicted_parameters: int
    predicted_macs: int
    counted: NetworkCount


@cache
def _b0() -> NetworkCount:
    base = VARIANTS["efficientnet_b0"]
    return count(partial(build, base), (3, base.resolution, base.resolution), name="efficientnet_b0")


def scaled(scaling: Scaling) -> ScalingCount:
    """Predict and count EfficientNet with these multipliers.

    >>> found = scaled(VARIANTS["efficientnet_b0"])
    >>> found.predicted_macs == found.counted.macs
    True
    """
    b0 = _b0()
    size = (3, scaling.resolution, scaling.resolution)
    counted = (
        b0
        if scaling == VARIANTS["efficientnet_b0"]
        else count(partial(build, scaling), size, name="EfficientNet")
    )
    return ScalingCount(
        scaling,
        round(b0.parameters * scaling.parameters_factor),
        round(b0.macs * scaling.macs_factor),
        counted,
    )
