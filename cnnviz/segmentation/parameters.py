"""The parameters of a head, counted by what its layers are, and by PyTorch."""

from collections import Counter
from collections.abc import Mapping

from torch import nn


def by_kind(head: nn.Module) -> Mapping[str, int]:
    """Parameters by kind of layer, from the layers' settings: k² · inputs · outputs, a bias, 2 a channel.

    >>> dict(by_kind(nn.Sequential(nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3, bias=False), nn.Conv2d(4, 2, 1))))
    {'norm': 16, '3×3': 288, '1×1': 10}
    """
    counts: Counter[str] = Counter()
    for layer in head.modules():
        if isinstance(layer, nn.Conv2d):
            height, width = layer.kernel_size
            weights = height * width * layer.in_channels // layer.groups * layer.out_channels
            counts[f"{height}×{width}"] += weights + (0 if layer.bias is None else layer.out_channels)
        elif isinstance(layer, nn.BatchNorm2d):
            counts["norm"] += 2 * layer.num_features
    return counts
