"""What PyTorch says about a convolution layer when it is asked, and what has been published about it."""

from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn
from torch.nn import functional

from cnnviz.layers.convolution import ConvolutionSettings


@dataclass(frozen=True)
class Measured:
    """One layer on one input, built and run in PyTorch.

    Attributes:
        output_size: (height, width) of what came out.
        parameters: how many numbers the layer holds.
        macs: multiply–accumulates of one image, biases not counted.
    """

    output_size: tuple[int, int]
    parameters: int
    macs: int


def measure(settings: ConvolutionSettings, size: tuple[int, int]) -> Measured:
    """Build ``torch.nn.Conv2d``, run it on an input of (height, width) `size`, and count.

    Multiply–accumulates are counted by the layer itself: on ones, padded with ones and weighted with
    ones, each adds exactly 1 to the sum of the output. `settings` must fit `size`.

    >>> measure(ConvolutionSettings((5, 5), in_channels=3, out_channels=4, bias=True), (32, 32))
    Measured(output_size=(28, 28), parameters=304, macs=235200)
    """
    layer = nn.utils.skip_init(
        nn.Conv2d,
        in_channels=settings.in_channels,
        out_channels=settings.out_channels,
        kernel_size=settings.kernel_size,
        stride=settings.stride,
        padding=settings.padding,
        padding_mode=settings.padding_mode,
        dilation=settings.dilation,
        groups=settings.groups,
        bias=settings.bias,
    )
    height, width = size
    top, bottom, left, right = settings.pads
    with torch.inference_mode():
        output = layer(torch.zeros(settings.in_channels, height, width))
        counted = functional.conv2d(
            torch.ones(
                settings.in_channels, top + height + bottom, left + width + right, dtype=torch.float64
            ),
            torch.ones(settings.weight_shape, dtype=torch.float64),
            stride=settings.stride,
            dilation=settings.dilation,
            groups=settings.groups,
        )
    return Measured(
        output_size=(output.shape[-2], output.shape[-1]),
        parameters=sum(parameter.numel() for parameter in layer.parameters()),
        macs=int(counted.sum()),
    )


SIZES_SOURCE = "Dumoulin & Visin, arXiv 1603.07285"

PUBLISHED_SIZES = MappingProxyType(
    {
        (4, 3, 1, 0, 1): 2,
        (5, 4, 1, 2, 1): 6,
        (5, 3, 1, 1, 1): 5,
        (5, 3, 1, 2, 1): 7,
        (5, 3, 2, 0, 1): 2,
        (5, 3, 2, 1, 1): 3,
        (6, 3, 2, 1, 1): 3,
        (7, 3, 1, 0, 2): 3,
    }
)
"""(input, kernel, stride, padding, dilation) -> output size: the examples of chapters 2 and 5.1."""
