"""SE-ResNet-50: a residual network whose blocks weigh their channels.

Hu, Shen & Sun, "Squeeze-and-Excitation Networks", CVPR 2018 (arXiv 1709.01507), Table 1:

=======  ===========================================  ============  ======
stage    layers                                       output        blocks
=======  ===========================================  ============  ======
conv1    7×7, 64, stride 2                            112 × 112
pool     3×3 max, stride 2                            56 × 56
layer1   1×1, 64 – 3×3, 64 – 1×1, 256 – fc [16, 256]  56 × 56       3
layer2   1×1, 128 – 3×3 – 1×1, 512 – fc [32, 512]     28 × 28       4
layer3   1×1, 256 – 3×3 – 1×1, 1024 – fc [64, 1024]   14 × 14       6
layer4   1×1, 512 – 3×3 – 1×1, 2048 – fc [128, 2048]  7 × 7         3
head     global average pool, 1000-d dense, softmax   1 × 1
=======  ===========================================  ============  ======

The excitations add (2/r) · Σ N_s · C_s² weights (equation 5), 2,514,944 for r = 16: 28,071,976 parameters
in all, or 28,088,024 with the biases of their dense layers, which the equation leaves out. A block halves
the map in its first 1×1, as the residual networks of 2015 do; torchvision's do it in the 3×3.
"""

import torch
from torch import Tensor, nn

from cnnviz.blocks.squeeze_excite import SqueezeExcite

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""(width of the 3×3, blocks) of each stage; a stage's output is four times as wide."""
_EXPANSION = 4
OUTPUTS = tuple((width * _EXPANSION, blocks) for width, blocks in STAGES)
"""(C_s, N_s): channels that the gates of each stage weigh, and its blocks."""


class SEBottleneck(nn.Module):
    """1×1 – 3×3 – 1×1, weighed channel by channel, added to its input."""

    def __init__(self, inputs: int, width: int, stride: int, reduction: int, bias: bool) -> None:
        super().__init__()
        outputs = width * _EXPANSION
        self.conv1 = nn.Conv2d(inputs, width, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.se = SqueezeExcite(outputs, reduction, bias)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, 4 · width, H / stride, W / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.se(self.bn3(self.conv3(out)))
        return self.relu(out + self.shortcut(x))


class SEResNet50(nn.Module):
    """The network of the module's table.

    Args:
        reduction: r, by how much the squeeze narrows.
        bias: whether the dense layers of the excitations have biases.
        classes: of the logits.
    """

    def __init__(self, reduction: int = 16, bias: bool = False, classes: int = 1000) -> None:
        super().__init__()
        channels = 64
        self.conv1 = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        for number, (width, blocks) in enumerate(STAGES, start=1):
            stage = nn.Sequential()
            for block in range(blocks):
                stride = 2 if block == 0 and number > 1 else 1
                stage.append(SEBottleneck(channels, width, stride, reduction, bias))
                channels = width * _EXPANSION
            self.add_module(f"layer{number}", stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) preprocessed images -> (N, classes) logits."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for number in range(1, len(STAGES) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


def excitation_weights(reduction: int = 16) -> int:
    """Equation 5: (2/r) · Σ over the stages of N_s · C_s².

    >>> excitation_weights()
    2514944
    """
    return sum(2 * blocks * outputs**2 for outputs, blocks in OUTPUTS) // reduction
