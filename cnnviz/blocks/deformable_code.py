"""Deformable convolution as scripts to keep, without cnnviz."""

import numpy as np

from cnnviz.blocks.deformable_net import CHANNELS, CLASSES, DILATION, STRIDE, Kind
from cnnviz.blocks.deformable_points import Drawn, Floats
from cnnviz.layers.convolution import literal
from cnnviz.layers.kernels import GREY

WEIGHTS_FILE = "deformable.safetensors"


def _offsets(drawn: Drawn, size: tuple[int, int]) -> str:
    """Code that defines ``offsets``, (k², 2, height, width)."""
    if drawn.shape == "scattered":
        shape = (drawn.kernel_size**2, 2, *size)
        return (
            f"generator = torch.Generator().manual_seed({drawn.seed})  # anew at every place\n"
            f"offsets = {drawn.strength!r} * torch.randn({shape}, dtype=torch.float64, generator=generator)"
        )
    angle = f"np.radians({drawn.turn})"
    moved = {
        "regular": "0 * regular",
        "scaled": f"({drawn.scale!r} - 1) * regular",
        "rotated": "regular @ torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) - regular",
        "stretched": f"torch.tensor([{drawn.down!r} - 1, {drawn.across!r} - 1], dtype=torch.float64) * regular",
        "shifted": f"torch.tensor([[{drawn.dy!r}, {drawn.dx!r}]], dtype=torch.float64).repeat(len(regular), 1)",
        "moved": "torch.zeros_like(regular)",
    }[drawn.shape]
    lines = [f"moved = {moved}"]
    if drawn.shape == "rotated":
        lines = [f"angle = {angle}  # clockwise", f"moved = ({moved}).round(decimals=9)"]
    if drawn.shape == "moved":
        lines.append(
            f"moved[{drawn.point}] = torch.tensor([{drawn.dy!r}, {drawn.dx!r}], dtype=torch.float64)"
        )
    lines.append(f"offsets = moved[:, :, None, None].repeat(1, 1, {size[0]}, {size[1]})")
    return "\n".join(lines)


def points_code(
    photo: str,
    size: tuple[int, int],
    kernel: Floats,
    drawn: Drawn,
    modulation: Floats,
    cell: tuple[int, int],
) -> str:
    """Script that runs hand-drawn offsets over a photo's grey levels.

    It prints the output at `cell` summed by hand, by torchvision and by grid_sample, and the ordinary layer's.

    Args:
        photo: code that defines ``photo``, (H, W, 3) uint8.
        size: (height, width) that the photo is first reduced to.
    """
    k, d = drawn.kernel_size, drawn.dilation
    row, column = cell
    return f"""{photo}

import math

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

photo = cv2.resize(photo, ({size[1]}, {size[0]}), interpolation=cv2.INTER_AREA)
levels = (photo.astype(np.int32) @ np.array({GREY.tolist()}, np.int32) + 500) // 1000  # grey, 0 to 255
x = torch.from_numpy(levels).double()[None, None]
height, width = levels.shape

# %% The kernel, its regular grid as (y, x), and the offsets at every place
kernel = torch.tensor({literal(kernel, 0)}, dtype=torch.float64)
along = {d} * (torch.arange({k}, dtype=torch.float64) - {k // 2})
regular = torch.cartesian_prod(along, along)
modulation = torch.tensor({np.round(modulation, 6).tolist()}, dtype=torch.float64)  # version 2; 1 in version 1
{_offsets(drawn, size)}

# %% One output by hand: equations 2 to 4
row, column = {row}, {column}
total = 0.0
for n in range({k**2}):
    y, x_ = (regular[n] + offsets[n, :, row, column] + torch.tensor([row, column])).tolist()
    value = 0.0
    for qy in (math.floor(y), math.floor(y) + 1):
        for qx in (math.floor(x_), math.floor(x_) + 1):
            if 0 <= qy < height and 0 <= qx < width:
                value += max(0, 1 - abs(qy - y)) * max(0, 1 - abs(qx - x_)) * float(levels[qy, qx])
    total += float(kernel.flatten()[n] * modulation[n]) * value
print(f"by hand: {{total:.6f}}")

# %% By torchvision: channels are y, x of the first point, y, x of the second, ...
weight, mask = kernel[None, None], modulation[None, :, None, None].repeat(1, 1, height, width)
deformable = deform_conv2d(x, offsets.reshape(1, -1, height, width), weight, padding={d * (k // 2)}, dilation={d}, mask=mask)
print(f"torchvision: {{deformable[0, 0, row, column]:.6f}}")

# %% By grid_sample, whose coordinates are (x, y) from -1 to 1
places = regular[:, :, None, None] + offsets
places = places + torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"))
where = torch.stack([(2 * places[:, 1] + 1) / width - 1, (2 * places[:, 0] + 1) / height - 1], dim=-1)
samples = F.grid_sample(x.expand({k**2}, -1, -1, -1), where, align_corners=False)[:, 0]
sampled = ((kernel.flatten() * modulation)[:, None, None] * samples).sum(0)
print(f"grid_sample: {{sampled[row, column]:.6f}}")

# %% And the ordinary layer, without offsets
ordinary = F.conv2d(x, weight, padding={d * (k // 2)}, dilation={d})
print(f"ordinary: {{ordinary[0, 0, row, column]:.6f}}")
"""


def learned_code(kind: Kind, number: int, warped: tuple[float, float, float], cell: tuple[int, int]) -> str:
    """Script that loads one trained network, shows it a warped digit, and prints where a cell looks.

    Args:
        number: of the test digit.
        warped: its scale, turn in degrees and stretch.
        cell: (row, column) of the second layer's map.
    """
    stem, first, second = CHANNELS
    scale, turn, stretch = warped
    d = DILATION if kind == "dilated" else 1
    layer = {
        "ordinary": "nn.Conv2d(before, after, 3, padding=1, bias=False)",
        "dilated": f"nn.Conv2d(before, after, 3, padding={d}, dilation={d}, bias=False)",
        "deformable": "Deformable(before, after)",
    }[kind]
    looks = (
        """offsets = network.second[0].offset(maps)[0].unflatten(0, (9, 2))[:, :, row, column]
    places = torch.cartesian_prod(along, along) + offsets"""
        if kind == "deformable"
        else "places = torch.cartesian_prod(along, along)"
    )
    deformable = """

class Deformable(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.offset = nn.Conv2d(before, 2 * 9, 3, padding=1)  # y and x for each of the nine points
        self.conv = DeformConv2d(before, after, 3, padding=1, bias=False)

    def forward(self, x):
        return self.conv(x, self.offset(x))
"""
    return f"""import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torchvision.ops import DeformConv2d

# %% A handwritten digit, made larger or smaller, turned and stretched
found = load_digits()
index = np.random.default_rng(0).permutation(len(found.images))[{number}]
digit = torch.tensor(found.images[index] / 16).float()[None, None]
scale, turn, stretch = {scale!r}, np.radians({turn!r}), {stretch!r}
across, down = 28 / 16 / scale * stretch**0.5, 28 / 16 / scale / stretch**0.5
theta = [[np.cos(turn) * across, np.sin(turn) * across, 0], [-np.sin(turn) * down, np.cos(turn) * down, 0]]
where = F.affine_grid(torch.tensor(theta)[None].float(), [1, 1, 28, 28], align_corners=False)
picture = F.grid_sample(digit, where, align_corners=False)

# %% The network
{deformable if kind == "deformable" else ""}

def layer(before, after):
    return nn.Sequential({layer}, nn.BatchNorm2d(after), nn.ReLU())


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        convolution = nn.Conv2d(1, {stem}, 3, {STRIDE}, padding=1, bias=False)
        self.stem = nn.Sequential(convolution, nn.BatchNorm2d({stem}), nn.ReLU())
        self.first, self.second = layer({stem}, {first}), layer({first}, {second})
        self.head = nn.Linear({second}, {CLASSES})

    def forward(self, x):
        return self.head(self.second(self.first(self.stem(x))).mean((2, 3)))


prefix = "networks.{kind}."
weights = {{name.removeprefix(prefix): values.float() for name, values in load_file("{WEIGHTS_FILE}").items()
           if name.startswith(prefix)}}  # the notebook carries this file
network = Network().eval()
network.load_state_dict(weights, strict=False)  # BatchNorm's counters are left out

# %% What it says, and where a cell of the second layer looks: (y, x) from the cell, in cells of {STRIDE} pixels
row, column = {cell[0]}, {cell[1]}
along = {d} * torch.arange(-1.0, 2.0)
with torch.inference_mode():
    shares = network(picture).softmax(1)[0]
    maps = network.first(network.stem(picture))
    {looks}
print(f"a {{found.target[index]}}: the network says {{int(shares.argmax())}}, sure to {{shares.max():.4f}}")
print(np.round(places.numpy(), 2))
square = places.reshape(3, 3, 2)
steps = torch.cat([square.diff(dim=0).norm(dim=-1).flatten(), square.diff(dim=1).norm(dim=-1).flatten()])
print(f"effective dilation: {{steps.mean():.3f}}")
"""


def cost_code(in_channels: int, out_channels: int, kernel_size: int, modulated: bool, side: int) -> str:
    """Script that builds the layer and counts it: parameters without and with offsets, and the map that comes out."""
    maps = 3 if modulated else 2
    split = (
        f"""        told = self.offset(x)
        offsets, mask = told[:, : 2 * {kernel_size**2}], told[:, 2 * {kernel_size**2} :].sigmoid()
        return self.conv(x, offsets, mask)"""
        if modulated
        else "        return self.conv(x, self.offset(x))"
    )
    return f"""import torch
from torch import nn
from torchvision.ops import DeformConv2d

class Deformable(nn.Module):
    def __init__(self, before, after, k):
        super().__init__()
        self.offset = nn.Conv2d(before, {maps} * k * k, k, padding=k // 2)
        nn.init.zeros_(self.offset.weight)  # begins as an ordinary convolution
        nn.init.zeros_(self.offset.bias)
        self.conv = DeformConv2d(before, after, k, padding=k // 2)

    def forward(self, x):
{split}


layer = Deformable({in_channels}, {out_channels}, {kernel_size})
print("convolution:", sum(p.numel() for p in layer.conv.parameters()))
print("offsets:", sum(p.numel() for p in layer.offset.parameters()))
print(tuple(layer(torch.randn(1, {in_channels}, {side}, {side})).shape))
"""
