"""The search for what excites a channel as a script of its own: PyTorch, without this project."""

from collections.abc import Mapping

from cnnviz.explain.attribution.code import LITE0
from cnnviz.explain.traced_field import StageField
from cnnviz.samples import SAMPLES
from cnnviz.zoo import standalone

_LITE0 = """
# %% The network as one module, and any photo as it takes it
model = nn.Sequential(*network["stages"].values(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), network["classifier"])


def take(photo):
    height, width = photo.shape[:2]
    side = max(1, round(min(height, width) * 7 / 8))
    left, top = (width - side) // 2, (height - side) // 2
    crop = torch.tensor(photo[top : top + side, left : left + side]).permute(2, 0, 1)[None]
    return (F.interpolate(crop, (224, 224), mode="bicubic", antialias=True).float() - 127) / 128
"""

_TORCHVISION = """
# %% The network, and any photo as it takes it
import torch
from torchvision import models

# pip install torch torchvision
weights = models.get_model_weights("{name}").DEFAULT
model = network = models.get_model("{name}", weights=weights).eval()


def take(photo):
    return weights.transforms()(torch.tensor(photo).permute(2, 0, 1)[None])
"""

_PHOTOS = """
# %% Photos that Python packages carry
import importlib.util
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

# name: package, file, width and height to work with
files = {{
{files}}}
photos = {{}}
for name, (package, file, size) in files.items():
    folder = Path(importlib.util.find_spec(package).origin).parent
    photos[name] = cv2.resize(
        np.asarray(Image.open(folder / file).convert("RGB")), size, interpolation=cv2.INTER_AREA
    )
"""

_OWN = 'photos["{name}"] = photo\n'

_SEARCH = """
# %% Where channel {number} of {layer} is excited most
kept = []
hook = network.get_submodule("{layer}").register_forward_hook(lambda *seen: kept.append(seen[2][0].clone()))
found = []
for name, picture in photos.items():
    x = take(picture)
    with torch.no_grad():
        model(x)
    answers = kept.pop()[{channel}]
    row, column = divmod(int(answers.argmax()), answers.shape[1])
    found.append((float(answers.max()), name, row, column))
hook.remove()
found.sort(key=lambda one: -one[0])
for value, name, row, column in found:
    print(f"{{name}}: {{value:.3f}} at row {{row}}, column {{column}}")
"""

_PATCH = """
# %% What the most excited cell sees
value, name, row, column = found[0]
x = take(photos[name])[0]
top, bottom = (max(0, min({height}, row * {down} + edge)) for edge in {rows})
left, right = (max(0, min({width}, column * {across} + edge)) for edge in {columns})
print(f"{{name}}: rows {{top}} to {{bottom - 1}}, columns {{left}} to {{right - 1}} of the network's input")
patch = x[:, top:bottom, left:right]
levels = 255 * (patch - x.min()) / (x.max() - x.min())
Image.fromarray(levels.permute(1, 2, 0).byte().numpy()).resize((240, 240), 0)
"""


def script(
    photo_code: str,
    photos: Mapping[str, tuple[int, int]],
    layer: StageField,
    channel: int,
    size: tuple[int, int],
    network: str = LITE0,
) -> str:
    """Python that prints, for each photo, the largest answer of a channel and its cell, the largest first.

    Args:
        photo_code: Python that defines ``photo``, (H, W, 3) uint8.
        photos: width and height by id; an id that is not a sample's from a package is ``photo``.
        layer: as for :func:`cnnviz.explain.attribution.exciting.peaks`.
        channel: from 0.
        size: (H, W) of the network's input.
        network: EfficientNet-Lite0, or a torchvision classifier by name.
    """
    carried = {name: shape for name, shape in photos.items() if name in SAMPLES and SAMPLES[name].package}
    files = "".join(
        f'    "{name}": ("{SAMPLES[name].package}", "{SAMPLES[name].file}", {shape}),\n'
        for name, shape in carried.items()
    )
    parts = [_TORCHVISION.format(name=network)]
    if network == LITE0:
        parts = [standalone.script(photo_code), _LITE0]
    elif len(carried) < len(photos):
        parts.insert(0, photo_code.strip() + "\n")
    parts.append(_PHOTOS.format(files=files))
    parts += [_OWN.format(name=name) for name in photos if name not in carried]
    parts.append(_SEARCH.format(layer=layer.name, channel=channel, number=channel + 1))
    if layer.rows and layer.columns and not layer.whole_image:
        axes = layer.rows, layer.columns
        parts.append(
            _PATCH.format(
                height=size[0],
                width=size[1],
                down=axes[0].stride,
                across=axes[1].stride,
                rows=(axes[0].begin[0], axes[0].end[0]),
                columns=(axes[1].begin[0], axes[1].end[0]),
            )
        )
    return "".join(parts)
