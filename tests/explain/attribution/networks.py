"""Networks small enough to check by hand, and what a shared network must look like at any moment."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.explain.attribution.picture import Picture


def photo(size: int = 8, seed: int = 0) -> Picture:
    """Random, black at −1 and white at 1."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand((1, 3, size, size), generator=generator) - 1
    return Picture(x, torch.full((1, 3, 1, 1), -1.0), torch.full((1, 3, 1, 1), 1.0))


def frozen(network: nn.Module, seed: int = 0) -> nn.Module:
    """In eval mode, with random weights of one seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return network.eval().requires_grad_(False)


def linear(size: int = 8) -> nn.Module:
    return frozen(nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, 2)))


def small(activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Module:
    """Two convolutions, global average pooling, one dense layer."""
    return frozen(
        nn.Sequential(
            nn.Conv2d(3, 5, 3, padding=1),
            activation(),
            nn.Conv2d(5, 6, 3, stride=2, padding=1),
            activation(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 4),
        )
    )


class Functional(nn.Module):
    """`small` with functions in place of the ReLU modules."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = small()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.layers[0](x), inplace=True)
        x = torch.relu(self.layers[2](x))
        return self.layers[6](x.mean((2, 3)))


def untouched(network: nn.Module) -> bool:
    """No hook, no gradient, nothing in training mode."""
    return not any(
        module.training
        or module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        for module in network.modules()
    ) and not any(parameter.requires_grad or parameter.grad is not None for parameter in network.parameters())
