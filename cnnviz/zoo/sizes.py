"""How large a network of the catalogue is, counted once a process."""

from dataclasses import dataclass
from functools import lru_cache

from cnnviz.zoo.counting import count_named


@dataclass(frozen=True)
class Size:
    """What one network stores, and computes for one image.

    Attributes:
        parameters, macs: numbers learned, and multiply–accumulates.
        activation_bytes: activations alive at once at the fullest moment.
        side: of the square image, in pixels.
    """

    parameters: int
    macs: int
    activation_bytes: int
    side: int

    @property
    def memory_bytes(self) -> int:
        """Weights and activations as 32-bit floats: what classifying one image needs."""
        return 4 * self.parameters + self.activation_bytes


@lru_cache(maxsize=128)
def size(name: str, auxiliary: bool | None = None) -> Size:
    """Count one network of the catalogue; ModelError for an unknown name.

    >>> size("vgg19").parameters
    143667240
    """
    counted = count_named(name, auxiliary=auxiliary)
    return Size(counted.parameters, counted.macs, counted.inference_bytes, counted.input_shape[-1])
