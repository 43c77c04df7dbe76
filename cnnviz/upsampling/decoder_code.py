"""Scripts of their own for the decoders lesson: a training, a decoding, the skips, the sizes, the unpooling."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from cnnviz.training.pictures_code import pictures_code
from cnnviz.upsampling.decoder import CHANNELS, HIDDEN, UNPOOLING
from cnnviz.upsampling.odd_sizes import Cure
from cnnviz.upsampling.shape_fcn import CLASSES, WIDTHS
from cnnviz.upsampling.symmetric import Handed

WEIGHTS_FILE = "weights.npz"
"""What the notebook carries for scripts that run trained networks."""

_FIRST, _SECOND = CHANNELS
_IMPORTS = "import numpy as np\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
_DOUBLING = {
    "nearest": "layer(F.interpolate(maps, scale_factor=2))",
    "bilinear": 'layer(F.interpolate(maps, scale_factor=2, mode="bilinear"))',
    "transposed": "layer(maps)",
    "pixel_shuffle": "F.pixel_shuffle(layer(maps), 2)",
    "resize_convolve": "layer(F.interpolate(maps, scale_factor=2))",
    "max_unpooling": "layer(F.max_unpool2d(maps, indices, 2))",
    "unpool_convolve": "layer(F.max_unpool2d(maps, indices, 2))",
}


def _layer(kind: str, inward: int, outward: int) -> str:
    if kind == "transposed":
        return f"nn.ConvTranspose2d({inward}, {outward}, 3, stride=2, padding=1, output_padding=1)"
    if kind == "pixel_shuffle":
        return f"nn.Conv2d({inward}, 4 * {outward}, 3, padding=1)"
    if kind.endswith("convolve"):
        return f"nn.Conv2d({inward}, {outward}, 3, padding=1)"
    return f"nn.Conv2d({inward}, {outward}, 1)"


def _decoder(kind: str) -> str:
    return f"""class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.small = nn.Linear(latent, {_SECOND} * (side // 4) ** 2)
        self.up = {_layer(kind, _SECOND, _FIRST)}
        self.up_again = {_layer(kind, _FIRST, _FIRST)}
        self.picture = nn.Conv2d({_FIRST}, 1, 1)

    def forward(self, codes, indices=(None, None)):
        maps = self.small(codes).relu().unflatten(1, ({_SECOND}, side // 4, side // 4))
        maps = double(self.up, maps, indices[1]).relu()
        maps = double(self.up_again, maps, indices[0]).relu()
        return self.picture(maps)


def double(layer, maps, indices):
    return {_DOUBLING[kind]}
"""


def training_code(
    pictures: str, latent: int, seed: int, kind: str, *, steps: int, batch: int, rate: float
) -> str:
    """Train the encoder, then one decoder, and print the mean squared errors on the test pictures."""
    side = 8 if pictures == "digits" else 16
    return f'''{_IMPORTS}
# The pictures
{pictures_code(pictures)}latent, side, seed, steps = {latent}, {side}, {seed}, {steps}

# %% The networks
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, {_FIRST}, 3, padding=1)
        self.second = nn.Conv2d({_FIRST}, {_SECOND}, 3, padding=1)
        self.code = nn.Linear({_SECOND} * (side // 4) ** 2, latent)

    def forward(self, x):
        x, first = F.max_pool2d(self.first(x).relu(), 2, return_indices=True)
        x, second = F.max_pool2d(self.second(x).relu(), 2, return_indices=True)
        return self.code(x.flatten(1)), (first, second)


{_decoder(kind)}

def started(network):
    generator = torch.Generator().manual_seed(seed)
    for part in network.modules():
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            fan_in = part.weight[0].numel()
            if isinstance(part, nn.ConvTranspose2d):
                fan_in = part.weight[:, 0].numel() // part.stride[0] ** 2
            nn.init.normal_(part.weight, 0, (2 / fan_in) ** 0.5, generator=generator)
            nn.init.zeros_(part.bias)
    return network.to(memory_format=torch.channels_last)


def learn(network, loss):
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.parameters(), {rate}, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, {rate}, steps + 1)
    for step in range(steps):
        optimiser.zero_grad()
        loss(torch.randint(len(train), ({batch},), generator=generator)).backward()
        optimiser.step()
        schedule.step()


# %% The encoder, with a decoder that knows no map
encoder = started(Encoder())
dense = started(nn.Sequential(nn.Linear(latent, {HIDDEN}), nn.ReLU(), nn.Linear({HIDDEN}, side**2)))
learn(nn.ModuleList([encoder, dense]), lambda rows: F.mse_loss(dense(encoder(train[rows])[0]), train[rows].flatten(1)))

# %% The decoder, with the encoder fixed
with torch.no_grad():
    codes, (first, second) = encoder(train)
decoder = started(Decoder())
learn(decoder, lambda rows: F.mse_loss(decoder(codes[rows], (first[rows], second[rows])), train[rows]))

with torch.no_grad():
    codes, indices = encoder(test)
    print(f"dense {{F.mse_loss(dense(codes), test.flatten(1)):.4f}}")
    print(f"{kind} {{F.mse_loss(decoder(codes, indices), test):.4f}}")
'''


def decoding_code(kind: str, latent: int, side: int) -> str:
    """Decode the code that the notebook carries, and print the picture."""
    given = ', (torch.tensor(stored["first"]), torch.tensor(stored["second"]))' if kind in UNPOOLING else ""
    return f'''{_IMPORTS}
latent, side = {latent}, {side}


{_decoder(kind)}

# %% Trained weights and the code; the notebook carries this file
stored = np.load("{WEIGHTS_FILE}")
decoder = Decoder()
decoder.load_state_dict({{name: torch.tensor(stored[name]) for name in decoder.state_dict()}})
code = torch.tensor(stored["code"])[None]
print("code", [round(x, 3) for x in code[0].tolist()])

with torch.no_grad():
    picture = decoder(code{given})[0, 0]
print((picture.clamp(0, 1) * 9).round().int().numpy())  # black is 0, white is 9
'''


def archive(decoder: nn.Module | None = None, **arrays: NDArray[np.generic]) -> bytes:
    """An ``.npz`` of a decoder's weights, named as in the scripts, and of other arrays."""
    weights = {
        name.replace(".convolution", ""): values.contiguous().numpy()
        for name, values in (decoder.state_dict() if decoder is not None else {}).items()
        if not name.endswith("num_batches_tracked")
    }
    packed = io.BytesIO()
    np.savez(packed, **weights, **arrays)  # type: ignore[arg-type]
    return packed.getvalue()


def skips_code(share16: float, share8: float) -> str:
    """Run the small FCN on the scene that the notebook carries, and print each head's pixel accuracy."""
    widths = ", ".join(map(str, WIDTHS))
    return f'''{_IMPORTS}
class FCN(nn.Module):
    def __init__(self, classes={CLASSES}, widths=({widths})):
        super().__init__()
        self.stages = nn.ModuleList()
        for inward, outward in zip((3, *widths), widths):
            layers = []
            for channels, stride in ((inward, 2), (outward, 1)):
                layers += [nn.Conv2d(channels, outward, 3, stride, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU()]
            self.stages.append(nn.Sequential(*layers))
        self.score = nn.ModuleDict({{str(s): nn.Conv2d(c, classes, 1) for s, c in zip((32, 16, 8), widths[:1:-1])}})
        self.up = nn.ModuleDict({{s: nn.ConvTranspose2d(classes, classes, 4, 2, 1, bias=False) for s in ("32", "16")}})

    def forward(self, x, share16, share8):
        maps, x = [], (x - 0.5) * 4
        for stage in self.stages:
            maps.append(x := stage(x))
        at32 = self.score["32"](maps[4])
        at16 = self.up["32"](at32) + share16 * self.score["16"](maps[3])
        at8 = self.up["16"](at16) + share8 * self.score["8"](maps[2])
        return {{s: F.interpolate(m, scale_factor=s, mode="bilinear") for s, m in ((32, at32), (16, at16), (8, at8))}}


# %% Trained weights and the scene; the notebook carries this file
stored = np.load("{WEIGHTS_FILE}")
network = FCN().eval()
missing, _ = network.load_state_dict({{name: torch.tensor(stored[name]) for name in stored.files if "." in name}}, strict=False)
image = torch.tensor(stored["image"]).permute(2, 0, 1)[None] / 255
truth = torch.tensor(stored["truth"])

with torch.no_grad():
    for stride, logits in network(image, share16={share16:g}, share8={share8:g}).items():
        right = (logits[0].argmax(0) == truth).float().mean()
        print(f"FCN-{{stride}}s {{right:.2%}} of the pixels right, from {{128 // stride}} x {{128 // stride}} cells")
'''


def ladder_code(size: Sequence[int], depth: int, cure: Cure) -> str:
    """Pool, upsample and concatenate zeros of the sizes on screen; print every size, or PyTorch's error."""
    ups = {
        "none": "F.interpolate(x, scale_factor=2)",
        "output_padding": "F.conv_transpose2d(x, torch.ones(1, 1, 2, 2), stride=2, output_padding=missing)",
        "pad": "F.pad(F.interpolate(x, scale_factor=2), (0, missing[1], 0, missing[0]))",
        "crop": "F.interpolate(x, scale_factor=2)",
        "size": "F.interpolate(x, size=skip.shape[-2:])",
    }
    crop = (
        "        top, left = [(a - b) // 2 for a, b in zip(skip.shape[-2:], up.shape[-2:])]\n"
        "        skip = skip[..., top : top + up.shape[-2], left : left + up.shape[-1]]\n"
        if cure == "crop"
        else ""
    )
    return f"""import torch
from torch.nn import functional as F

x = torch.zeros(1, 1, {size[0]}, {size[1]})
skips = []
for level in range({depth}):
    skips.append(x)
    x = F.max_pool2d(x, 2)
    print("down", tuple(x.shape[-2:]))

try:
    for skip in reversed(skips):
        missing = [a - 2 * b for a, b in zip(skip.shape[-2:], x.shape[-2:])]
        up = {ups[cure]}
{crop}        x = torch.cat([up, skip], dim=1)[:, :1]
        print("up", tuple(x.shape[-2:]))
except RuntimeError as error:
    print(error)
"""


def unet_code(size: int) -> str:
    """The published U-Net's sizes, by running its convolutions on one channel."""
    return f"""import torch
from torch import nn
from torch.nn import functional as F

double_convolution = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3))  # no padding: 4 pixels are lost
with torch.no_grad():
    x, skips = double_convolution(torch.zeros(1, 1, {size}, {size})), []
    for level in range(4):
        skips.append(x)
        x = double_convolution(F.max_pool2d(x, 2))
        print("down", x.shape[-1])
    for skip in reversed(skips):
        up = F.interpolate(x, scale_factor=2)
        cut = (skip.shape[-1] - up.shape[-1]) // 2
        skip = skip[..., cut : cut + up.shape[-2], cut : cut + up.shape[-1]]
        x = double_convolution(torch.cat([up, skip], dim=1)[:, :1])
        print("up", x.shape[-1])
"""


def symmetric_code(photo_code: str, size: tuple[int, int], depth: int, handed: Handed) -> str:
    """Pool the photo and unpool it; print how many pixels are written."""
    up = {
        "indices": "F.max_unpool2d(maps, indices, 2, output_size=size)",
        "corner": "corner(maps, size)",
        "spread": "F.pad(F.interpolate(maps, scale_factor=2), (0, size[1] - 2 * maps.shape[-1], 0, size[0] - 2 * maps.shape[-2]))",
    }[handed]
    corner = (
        "def corner(maps, size):\n    up = torch.zeros(1, 3, *size)\n"
        "    up[..., : 2 * maps.shape[-2] : 2, : 2 * maps.shape[-1] : 2] = maps\n    return up\n\n\n"
        if handed == "corner"
        else ""
    )
    return f"""{photo_code}
import cv2
import torch
from torch.nn import functional as F

# %%
photo = cv2.resize(photo, ({size[1]}, {size[0]}), interpolation=cv2.INTER_AREA)
maps = torch.tensor(photo).permute(2, 0, 1)[None].float() + 1  # so that every pixel counts as written
kept = []
for level in range({depth}):
    size = maps.shape[-2:]
    maps, indices = F.max_pool2d(maps, 2, return_indices=True)
    kept.append((indices, size))
    print("down", tuple(maps.shape[-2:]))

# %% The last indices come first
{corner}for indices, size in reversed(kept):
    maps = {up}
    print("up", tuple(maps.shape[-2:]))
print(f"{{(maps[0, 0] > 0).sum()}} of {{maps[0, 0].numel()}} pixels of a channel are written")
"""
