"""What the resizing operators share: the target size, and where in the input an output cell lies.

Source: the documentation of ``torch.nn.functional.interpolate``.
"""

from dataclasses import dataclass

import numpy as np

from cnnviz.upsampling.operator import Choice, Maps, Settings, Size, Whole, setting


@dataclass(frozen=True)
class Resizing(Settings):
    """How large the output shall be.

    Attributes:
        scale_factor: times as high and wide.
        size: (height, width) of the output instead; None for the scale factor.
    """

    scale_factor: int = setting(2, Whole(1, 8))
    size: tuple[int, int] | None = setting(None, Size(2048))

    def target(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the output.

        >>> Resizing(3).target(4, 5), Resizing(size=(7, 9)).target(4, 5)
        ((12, 15), (7, 9))
        """
        return self.size or (height * self.scale_factor, width * self.scale_factor)

    @property
    def argument(self) -> str:
        """How ``F.interpolate`` is told the size."""
        return f"size={self.size}" if self.size else f"scale_factor={self.scale_factor}"


@dataclass(frozen=True)
class CornerResizing(Resizing):
    """The same for operators that interpolate between samples.

    Attributes:
        align_corners: whether the outermost samples' centres stay in place (True), or the outermost
            samples' edges (False).
    """

    align_corners: bool = setting(False, Choice((False, True)))


def positions(input_size: int, output_size: int, align_corners: bool) -> Maps:
    """Where each output cell's centre lies, counted in input cells from the first one's centre.

    >>> positions(2, 4, align_corners=False).tolist()
    [-0.25, 0.25, 0.75, 1.25]
    >>> positions(2, 3, align_corners=True).tolist()
    [0.0, 0.5, 1.0]
    """
    cells = np.arange(output_size, dtype=np.float64)
    if align_corners:
        step = (input_size - 1) / (output_size - 1) if output_size > 1 else 0
        return cells * step
    return (cells + 0.5) * (input_size / output_size) - 0.5
