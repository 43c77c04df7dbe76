"""What PyTorch counts in the designs of :mod:`cnnviz.layers.cost`: real modules, run without their numbers."""

from dataclasses import dataclass

import torch
from torch import nn

from cnnviz.layers.cost import Design, LayerCost
from cnnviz.layers.flops import Flops


@dataclass(frozen=True)
class MeasuredCost:
    """A design, built and run: weights, biases, multiply–accumulates, numbers that come out of its layers."""

    weights: int
    biases: int
    macs: int
    activations: int

    @property
    def parameters(self) -> int:
        return self.weights + self.biases


def module_of(layer: LayerCost) -> nn.Module:
    """PyTorch's layer for ours; a convolution is padded by half its kernel."""
    if layer.kind == "linear":
        return nn.Linear(layer.in_channels, layer.out_channels, bias=layer.biases > 0)
    if layer.kind == "gap":
        return nn.AdaptiveAvgPool2d(1)
    if layer.kind == "pool":
        return nn.MaxPool2d(layer.kernel_size, layer.stride)
    if layer.kind == "shuffle":
        return nn.ChannelShuffle(layer.groups)
    return nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        stride=layer.stride,
        padding=(layer.kernel_size[0] // 2, layer.kernel_size[1] // 2),
        groups=layer.groups,
        bias=layer.biases > 0,
    )


def measure(design: Design, shape: tuple[int, ...]) -> MeasuredCost:
    """Build `design` on the meta device, run it on one input of `shape`, (C, H, W) or (N,), and count.

    >>> from cnnviz.layers.cost import conv_layer
    >>> measure(Design((conv_layer(128, 64, 3, 56, bias=False),)), (128, 56, 56))
    MeasuredCost(weights=73728, biases=0, macs=231211008, activations=200704)
    """
    activations = 0
    with torch.device("meta"), torch.no_grad(), Flops() as flops:
        modules = [module_of(layer) for layer in design.layers]
        x = torch.empty(1, *shape)
        for module in modules:
            x = module(x.flatten(1) if isinstance(module, nn.Linear) else x)
            activations += x.numel()
    named = [parameter for module in modules for parameter in module.named_parameters()]
    return MeasuredCost(
        weights=sum(values.numel() for name, values in named if name == "weight"),
        biases=sum(values.numel() for name, values in named if name == "bias"),
        macs=flops.macs,
        activations=activations,
    )


def measure_reach(channels: int, groups: int, layers: int, shuffle: bool, output: int) -> int:
    """How many input channels one output's gradient arrives at, through grouped 1×1 layers of ones."""
    x = torch.ones(1, channels, 1, 1, dtype=torch.float64, requires_grad=True)
    weight = torch.ones(channels, channels // groups, 1, 1, dtype=torch.float64)
    y = x
    for layer in range(layers):
        if layer and shuffle:
            y = nn.functional.channel_shuffle(y, groups)
        y = nn.functional.conv2d(y, weight, groups=groups)
    (gradient,) = torch.autograd.grad(y[0, output, 0, 0], x)
    return int((gradient != 0).sum())
