"""The lesson's blocks as scripts to keep, without cnnviz."""

from collections.abc import Mapping

from cnnviz.blocks.bottleneck import Plan
from cnnviz.blocks.bottleneck_stride import DEPTHS
from cnnviz.layers.cost import Design

BLOCK = '''
class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1, beside a shortcut; the names are torchvision's."""

    def __init__(self, inputs, middle, outputs, stride=1, version="v1.5", shortcut="projection", inverted=False):
        super().__init__()
        first, second = (stride, 1) if version == "v1" else (1, stride)
        groups = middle if inverted else 1
        self.conv1 = nn.Conv2d(inputs, middle, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, second, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU6() if inverted else nn.ReLU()
        self.last = nn.Identity() if inverted else nn.ReLU()
        self.shortcut, self.downsample = shortcut, None
        if shortcut == "projection":
            project = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(project, nn.BatchNorm2d(outputs))

    def steps(self, x):
        first = self.relu(self.bn1(self.conv1(x)))
        second = self.relu(self.bn2(self.conv2(first)))
        return first, second, self.bn3(self.conv3(second))

    def forward(self, x):
        out = self.steps(x)[-1]
        if self.shortcut != "none":
            out = out + (x if self.downsample is None else self.downsample(x))
        return self.last(out)

'''
"""Defines ``Bottleneck``; needs torch's nn."""


def _call(plan: Plan) -> str:
    numbers = f"{plan.inputs}, {plan.middle}, {plan.outputs}, {plan.stride}"
    inverted = ", inverted=True" if plan.inverted else ""
    return f'Bottleneck({numbers}, "{plan.version}", "{plan.shortcut}"{inverted})'


def block_code(plan: Plan, side: int, pairs: Mapping[str, tuple[Design, int]]) -> str:
    """Script that counts the block on maps of `side` × `side`, and pairs of 3×3 beside it.

    Args:
        pairs: name -> two 3×3 convolutions, and the side of the maps that come into them.
    """
    rivals = "".join(
        f"""
pair = nn.Sequential(
    nn.Conv2d({first.in_channels}, {first.out_channels}, 3, {first.stride}, padding=1, bias=False),
    nn.Conv2d({second.in_channels}, {second.out_channels}, 3, padding=1, bias=False),
)
count("{name}", pair, {first.in_channels}, {size})
"""
        for name, (design, size) in pairs.items()
        for first, second in [design.layers]
    )
    return f"""import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

# %% The block
{BLOCK}
# %% What it holds and computes; on the meta device that takes no memory and no time
def count(name, module, channels, side):
    weights = sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Conv2d))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        out = module.eval()(torch.empty(1, channels, side, side))
    macs = counter.get_total_flops() // 2  # a multiplication and an addition each
    print(f"{{name}}: {{weights:,}} weights, {{macs:,}} MACs, {{tuple(out.shape[1:])}}")


torch.set_default_device("meta")
block = {_call(plan)}
count("block", block, {plan.inputs}, {side})
branch = sum(layer.weight.numel() for layer in (block.conv1, block.conv2, block.conv3))
print(f"F alone: {{branch:,}} weights; with normalisation the block has {{sum(p.numel() for p in block.parameters()):,}} parameters")

# %% Two 3×3 instead
{rivals}
torch.set_default_device("cpu")
"""


def stride_code(photo: str, size: tuple[int, int], stride: int, depth: int) -> str:
    """Script that prints the share of pixels that each path reads, and what a network of each version takes.

    Args:
        photo: code that defines ``photo``, (H, W, 3) uint8.
        size: (rows, columns) of cells that the photo is reduced to.
    """
    return f"""{photo}

import cv2
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

cells = cv2.resize(photo, ({size[1]}, {size[0]}), interpolation=cv2.INTER_AREA)
x = torch.from_numpy(cells / 255).permute(2, 0, 1)[None]

# %% The block
{BLOCK}
# %% Which pixels have a gradient? With all weights 1, those that the path reads.
stride = {stride}
seen = {{}}
for version in ("v1", "v1.5"):
    block = Bottleneck(3, 1, 1, stride, version).double()
    for parameter in block.parameters():
        nn.init.ones_(parameter)
    paths = {{version: lambda x: block.conv3(block.conv2(block.conv1(x))), "shortcut": block.downsample[0]}}
    for name, path in paths.items():
        x.requires_grad_()
        (gradient,) = torch.autograd.grad(path(x).sum(), x)
        seen[name] = gradient[0, 0]
for name, counts in seen.items():
    share = 100 * (counts > 0).double().mean()
    print(f"{{name}} reads {{share:.2f}} % of the pixels, each at most {{counts.max():g}} times")

# %% The whole ResNet-{depth}, with the stride in either place
def resnet(version):
    layers = [nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, blocks in enumerate({DEPTHS[depth]}):
        for block in range(blocks):
            middle, step = 64 * 2**stage, 2 if stage and not block else 1
            shortcut = "identity" if block else "projection"
            layers.append(Bottleneck(channels, middle, 4 * middle, step, version, shortcut))
            channels = 4 * middle
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


for version in ("v1", "v1.5"):
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        network = resnet(version).eval()
        network(torch.empty(1, 3, 224, 224))
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{{version}}: {{parameters:,}} parameters, {{counter.get_total_flops() // 2:,}} MACs")

# %% How far one cell sees, stage by stage: a 3×3 adds two steps of its own map
for version in ("v1", "v1.5"):
    field, jump = 11, 4  # after the 7×7 and the pooling
    for stage, blocks in enumerate({DEPTHS[depth]}):
        for block in range(blocks):
            step = 2 if stage and not block else 1
            field += 2 * jump * (step if version == "v1" else 1)
            jump *= step
        print(f"{{version}}, conv{{stage + 2}}: {{field}} pixels")
"""


def maps_code(plan: Plan, given: str, seed: int) -> str:
    """Script that runs the block with random weights, and prints its maps' shapes, and how many are independent.

    Args:
        given: code that defines ``x``, (1, inputs, H, W) in float64.
        seed: of the weights.
    """
    return f"""{given}

from torch import nn

# %% The block
{BLOCK}
# %% Random weights
block = {_call(plan)}.double().eval()
generator = torch.Generator().manual_seed({seed})
for module in block.modules():
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=(2 / module.weight[0].numel()) ** 0.5, generator=generator)

# %% The maps after each convolution, and how many of them are linearly independent
def look(name, maps):
    rank = torch.linalg.matrix_rank(maps[0].flatten(1)).item()
    print(f"{{name}}: {{tuple(maps.shape[1:])}}, independent: {{rank}}, mean {{maps.mean():.4f}}")


with torch.inference_mode():
    for name, maps in zip(("1×1", "3×3", "1×1 again", "output"), (*block.steps(x), block(x))):
        look(name, maps)
"""


def photo_input(photo: str, size: tuple[int, int]) -> str:
    """Code that reduces ``photo`` to (rows, columns) and scales it to −1 … 1, as ``x``."""
    return f"""{photo}

import cv2
import torch

small = cv2.resize(photo, ({size[1]}, {size[0]}), interpolation=cv2.INTER_AREA)
x = torch.from_numpy(small / 127.5 - 1).permute(2, 0, 1)[None]"""


def random_input(channels: int, side: int, seed: int) -> str:
    """Code that draws ``x``, (1, channels, side, side)."""
    return f"""import torch

generator = torch.Generator().manual_seed({seed})
x = torch.randn({channels}, {side}, {side}, generator=generator, dtype=torch.float64)[None]"""
