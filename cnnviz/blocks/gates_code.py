"""The lesson on gates as scripts of their own, for a reader who has PyTorch but not this project."""

import inspect
from collections.abc import Sequence

from torchvision.ops.misc import SqueezeExcitation

from cnnviz.blocks.gates import PARTS
from cnnviz.blocks.small_se_resnet import WIDTHS
from cnnviz.blocks.squeeze_excite import SqueezeExcite
from cnnviz.training.lit_shapes import CLASSES, SIDE
from cnnviz.training.se_resnet import name

_DRAWN = """import numpy as np
from PIL import Image

{name} = np.asarray(Image.open("{file}").convert("RGB"))  # the notebook carries this file
"""
_LIGHT = """
# %% The photo in another light
photo = np.rint(np.clip(photo.astype(np.float32) / 255 * np.float32({light}), 0, 1) * 255).astype(np.uint8)
"""
_OURS = """
# %% The network
import cv2
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F


{squeeze_excite}

class Block(nn.Module):
    def __init__(self, inputs, outputs, reduction):
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcite(outputs, reduction),
        )
        self.projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride == 2 else nn.Identity()

    def forward(self, x):
        return F.relu(self.branch(x) + self.projection(x))


class Network(nn.Module):
    def __init__(self, reduction):
        super().__init__()
        first, second, third = {widths}
        self.stem = nn.Sequential(nn.Conv2d(3, first, 3, 2, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU())
        blocks = Block(first, first, reduction), Block(first, second, reduction), Block(second, third, reduction)
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(third, {classes})

    def forward(self, x):
        return self.dense(self.blocks(self.stem(x)).mean((2, 3)))


network = Network(reduction={reduction}).eval()
network.load_state_dict(load_file("{file}"), strict=False)  # all but BatchNorm's batch counters
names = [f"{{colour}} {{shape}}" for colour in {colours} for shape in {shapes}]


def prepared(photo):
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(photo[top : top + side, left : left + side])
    square = cv2.resize(square, ({side}, {side}), interpolation=cv2.INTER_AREA)
    return torch.tensor(square).permute(2, 0, 1)[None].float() / 255
"""
_OFFICIAL = """
# %% The network
import torch
import torchvision

weights = torchvision.models.get_model_weights("{name}").DEFAULT
network = torchvision.models.get_model("{name}", weights=weights).eval()
names = weights.meta["categories"]


def prepared(photo):
    return weights.transforms()(torch.tensor(photo).permute(2, 0, 1))[None]
"""
_STEPS = """
# %% Squeeze, excite, scale
block, channel = network.get_submodule("{path}"), {channel}  # channels count from 0
kept = {{}}
block.register_forward_hook(lambda module, given, out: kept.update(u=given[0][0], scaled=out[0]))
with torch.no_grad():
    logits = network(prepared(photo))[0]
    u, scaled = kept["u"], kept["scaled"]
    z = u.mean((1, 2))
    hidden = block.{relu}(block.{reduce}({shaped}))
    gates = block.{sigmoid}(block.{expand}(hidden)).flatten()
print(f"z = {{z[channel]:.4f}}, s = {{gates[channel]:.4f}}, mean behind the gate = {{scaled[channel].mean():.4f}}")
for index in logits.topk(5).indices.tolist():
    print(f"{{names[index]}}: {{logits[index]:.3f}}")
"""
_FORCE = """
# %% The gate forced to another value
hook = block.{sigmoid}.register_forward_hook(
    lambda module, given, out: out.index_fill(1, torch.tensor([channel]), {value!r})
)
with torch.no_grad():
    forced = network(prepared(photo))[0]
hook.remove()
for index in logits.topk(5).indices.tolist():
    print(f"{{names[index]}}, gate at {value!r}: {{forced[index]:.3f}}")
"""
_COMPARE = """
# %% The gates of both pictures, stage by stage
gates = {{}}
for path in {paths}:
    part = network.get_submodule(path).{sigmoid}
    part.register_forward_hook(lambda module, given, out, path=path: gates.setdefault(path, []).append(out.flatten()))
with torch.no_grad():
    network(prepared(photo))
    network(prepared(second))
for path, (one, other) in gates.items():
    print(f"{{path}}: mean difference {{(one - other).abs().mean():.4f}}")
"""


def _start(photo_code: str | None, light: Sequence[float] | None, net: str) -> str:
    text = photo_code.strip() + "\n" if photo_code else _DRAWN.format(name="photo", file="picture.png")
    if light is not None and tuple(light) != (1.0, 1.0, 1.0):
        text += _LIGHT.format(light=list(light))
    return text + network_code(net)


def network_code(net: str) -> str:
    """Code that defines `network`, `names` and `prepared`.

    Args:
        net: ``r4`` for ours with r = 4, or one of torchvision's classifiers.
    """
    if not _is_ours(net):
        return _OFFICIAL.format(name=net)
    reduction = int(net.removeprefix("r"))
    return _OURS.format(
        squeeze_excite=inspect.getsource(SqueezeExcite),
        widths=WIDTHS,
        classes=len(CLASSES),
        reduction=reduction,
        file=f"{name(reduction)}.safetensors",
        colours=list(dict.fromkeys(colour for colour, _shape in CLASSES)),
        shapes=list(dict.fromkeys(shape for _colour, shape in CLASSES)),
        side=SIDE,
    )


def _is_ours(net: str) -> bool:
    return net.removeprefix("r").isdigit()


def _parts(net: str) -> dict[str, str]:
    """What the parts of a block are called."""
    names = PARTS[SqueezeExcite if _is_ours(net) else SqueezeExcitation]
    return dict(zip(("squeeze", "reduce", "relu", "expand", "sigmoid"), names, strict=True))


def gates_code(
    photo_code: str | None,
    light: Sequence[float] | None,
    net: str,
    path: str,
    channel: int,
    value: float | None,
) -> str:
    """Script that prints one channel's three steps and the largest logits, free and with the gate forced.

    Args:
        photo_code: defines ``photo``; None where the notebook carries a drawn ``picture.png``.
        light: what each channel of the photo is multiplied by.
        net: as in :func:`network_code`.
        path: of the block; `channel` counts from 0.
        value: what the gate is forced to; None to leave it.
    """
    parts = _parts(net)
    shaped = "z[None]" if _is_ours(net) else "z.reshape(1, -1, 1, 1)"
    text = _start(photo_code, light, net) + _STEPS.format(path=path, channel=channel, shaped=shaped, **parts)
    return text if value is None else text + _FORCE.format(value=float(value), sigmoid=parts["sigmoid"])


def compare_code(
    photo_code: str | None, light: Sequence[float] | None, net: str, paths: Sequence[str]
) -> str:
    """Script that prints how far the gates of two pictures are apart, by block; it reads ``second.png``."""
    second = _DRAWN.format(name="second", file="second.png").splitlines()[-1]
    return (
        _start(photo_code, light, net)
        + "\nfrom PIL import Image\n\n"
        + second
        + "\n"
        + _COMPARE.format(paths=list(paths), **_parts(net))
    )
