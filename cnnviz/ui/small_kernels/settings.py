"""What the controls of the stacks say."""

from dataclasses import dataclass

from cnnviz.layers import cost
from cnnviz.layers.cost import Comparison


@dataclass(frozen=True)
class Settings:
    """What the controls say; `fixed` is the number of channels into the first layer where it isn't C."""

    layers: int
    kernel_size: int
    channels: int
    fixed: int | None
    size: int
    bias: bool

    @property
    def in_channels(self) -> int:
        return self.channels if self.fixed is None else self.fixed

    def compare(self) -> Comparison:
        return cost.small_kernels(
            self.layers, self.kernel_size, self.channels, self.size, self.bias, self.fixed
        )
