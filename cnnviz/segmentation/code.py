"""The lesson's views as scripts to keep, without cnnviz: our heads' own modules, or torchvision's networks.

Our heads are written out from the very modules that run here, so that the script can't fall behind them. The
notebook carries their weights.
"""

import ast
import inspect
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from textwrap import indent
from types import ModuleType
from typing import Any

from cnnviz import weights
from cnnviz.engine.results import Size
from cnnviz.segmentation import heads
from cnnviz.segmentation.backbone import CHANNELS
from cnnviz.segmentation.cutout import alpha, cut_out
from cnnviz.segmentation.postprocess import bilinear
from cnnviz.segmentation.voc import CLASSES
from cnnviz.zoo import standalone

OWN = "lite0_"
"""What the ids of our heads start with."""

_IMPORTS = """
# %%
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
"""

_BODY = f"""
# %%
from safetensors.torch import load_file

# pip install safetensors


def read(name, head):
    # The notebook carries this file; it holds half-precision numbers and no code.
    stored = load_file(name + ".safetensors")
    head.load_state_dict({{key: values.float() for key, values in stored.items()}}, strict=False)
    return head.eval()


def look(photo, side={heads.SIDE}):
    # The long side becomes `side` pixels; the rest is padded to whole cells of stride 32.
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    inner_height, inner_width = max(1, round(height * scale)), max(1, round(width * scale))
    x = torch.tensor(photo).permute(2, 0, 1)[None]
    x = F.interpolate(x, (inner_height, inner_width), mode="bilinear", antialias=True)
    x = F.pad((x.float() - 127) / 128, (0, -inner_width % 32, 0, -inner_height % 32))
    covered = width * x.shape[3] / inner_width, height * x.shape[2] / inner_height
    maps = []
    for name, stage in network["stages"].items():
        if name != "head":
            x = stage(x)
        if name in ("stage2", "stage3", "stage5", "stage7"):
            maps.append(x)
    return maps, covered
"""

_ENLARGE = f"""
# %%
import torch
from torch import Tensor


{inspect.getsource(bilinear)}

def enlarge(scores, covered, photo, size):
    # (C, h, w) scores over `covered` pixels of the photo → (C, *size), bilinear
    height, width = photo.shape[:2]
    ys = (torch.arange(size[0]) + 0.5) * (height / size[0])
    xs = (torch.arange(size[1]) + 0.5) * (width / size[1])
    down = bilinear(scores.shape[1], 0, covered[1], ys)
    across = bilinear(scores.shape[2], 0, covered[0], xs)
    return down @ (scores @ across.T)
"""

_OFFICIAL = """
# %%
import torch
import torchvision

weights = torchvision.models.get_model_weights("{id}").DEFAULT
model = torchvision.models.get_model("{id}", weights=weights).eval()  # {megabytes:.0f} MB on first use


def run(photo):
    features = model.backbone(weights.transforms()(torch.tensor(photo).permute(2, 0, 1))[None])
    # The scores before they are enlarged, and what they cover.
    return model.classifier(features.get("out", features))[0], (photo.shape[1], photo.shape[0])
"""

_OWN = """
# %%
head = read("{head}", {build})


def run(photo):
    maps, covered = look(photo)
    return head(maps)[0], covered
"""

_RUN = """

with torch.no_grad():
    scores, covered = run(photo)
print("{id}: scores", tuple(scores.shape))
"""

_BATCH = """
# %% Every JPEG file beside this script
from pathlib import Path

import cv2
from PIL import Image

found = sorted(file for file in Path(".").iterdir() if file.suffix.lower() in (".jpg", ".jpeg"))
print(len(found), "photos")
for file in found:
    photo = np.asarray(Image.open(file).convert("RGB"))
    scale = min(1, 800 / max(photo.shape[:2]))
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        scores, covered = run(photo)
    scores[0] += {bias!r}  # favours the background
    scale = min(1, {side} / max(photo.shape[:2]))
    small = max(1, round(photo.shape[0] * scale)), max(1, round(photo.shape[1] * scale))
    sums = enlarge(scores, covered, photo, small)
{doubtful}    labels = sums.argmax(0)
    counts = labels.flatten().bincount(minlength=len(classes))
    shares = [f"{{classes[i]}} {{100 * counts[i] / labels.numel():.1f}} %" for i in counts.argsort(descending=True) if counts[i]]
    print(file.name + ":", ", ".join(shares[:5]))
"""

_LABELS = """
# %%
scores[0] += {bias!r}  # favours the background
sums = enlarge(scores, covered, photo, {size})
probabilities = sums.softmax(0)
{doubtful}best, labels = probabilities.max(0)
labels[best < {threshold!r}] = 0
for label, count in enumerate(labels.flatten().bincount(minlength=len(classes)).tolist()):
    if count:
        print(f"{{classes[label]}}: {{100 * count / labels.numel():.1f}} %")
"""

_DOUBTFUL = """\
weak = scores.softmax(0).amax((1, 2)) < {certainty!r}  # classes that no cell is sure of
weak[0] = False
{from_}[weak] = {least}
"""


def files(ids: Collection[str]) -> Mapping[str, bytes]:
    """The weight files of those of the models that are ours, by name, for a notebook to carry."""
    names = [f"{one.removeprefix(OWN)}.safetensors" for one in ids if one.startswith(OWN)]
    return {name: (weights.FOLDER / name).read_bytes() for name in names}


def start(photo_code: str, ids: Sequence[str], enlarging: bool = True) -> str:
    """The photo, the classes' names and what the networks `ids` need, to enlarge their scores, too."""
    parts = [photo_code.strip(), "\n", f"\nclasses = {list(map(str, CLASSES))!r}\n"]
    own = [one for one in ids if one.startswith(OWN)]
    if own:
        parts += [standalone.NETWORK, _IMPORTS, f"\nCHANNELS, CLASSES = {CHANNELS!r}, classes\n"]
        parts += [_BODY]
    return "".join([*parts, _ENLARGE] if enlarging else parts)


def model(model_id: str, download: int = 0, after: str = "") -> str:
    """Lines that define `run`: a photo to its scores, (21, h, w), and to what they cover.

    Args:
        download: bytes of the weights.
        after: id of the model that ran just before, whose module needn't be written again.
    """
    if not model_id.startswith(OWN):
        return _OFFICIAL.format(id=model_id, megabytes=download / 2**20)
    module = inspect.getmodule(_built(model_id)[0])
    same = after.startswith(OWN) and inspect.getmodule(_built(after)[0]) is module
    run = _OWN.format(head=model_id.removeprefix(OWN), build=_build(model_id))
    return run if same else f"\n# %% The head\n{_written(module)}{run}"


def scores(model_id: str, download: int = 0, after: str = "") -> str:
    """The same, and lines that run it on `photo`: `scores` and `covered`."""
    return model(model_id, download, after) + _RUN.format(id=model_id)


def labels(model_id: str, bias: float, size: Size, threshold: float = 0.0) -> str:
    """Lines that turn `scores` into `labels` of `size` and print each class's share."""
    doubtful = _doubtful(model_id, "probabilities", 0)
    return _LABELS.format(bias=float(bias), size=tuple(size), threshold=float(threshold), doubtful=doubtful)


def _doubtful(model_id: str, from_: str, least: float) -> str:
    """Lines that take the doubtful classes out of `from_`; none for a model that leaves none out."""
    certainty = heads.HEADS[model_id.removeprefix(OWN)].certainty if model_id.startswith(OWN) else 0.0
    return _DOUBTFUL.format(certainty=certainty, from_=from_, least=least) if certainty else ""


def mask_code(
    photo_code: str,
    named: tuple[str, int],
    bias: float,
    size: Size,
    threshold: float,
    point: tuple[float, float],
    colours: Sequence[tuple[int, int, int]],
    opacity: float,
) -> str:
    """Script that prints each class's share and the classes at a point, and makes the picture.

    Args:
        named: the model's id, and the bytes of its weights.
        point: (x, y) in pixels of the photo.
        colours: of the classes.
    """
    x, y = point
    return (
        start(photo_code, [named[0]])
        + scores(*named)
        + labels(named[0], bias, size, threshold)
        + f"""
# %% The classes at one pixel
x, y = {x!r}, {y!r}
down = bilinear(scores.shape[1], 0, covered[1], torch.tensor([y]))
across = bilinear(scores.shape[2], 0, covered[0], torch.tensor([x]))
here = (down @ (scores @ across.T))[:, 0, 0].softmax(0)
for share, label in zip(*here.topk(5), strict=True):
    print(f"at ({{x:.0f}}, {{y:.0f}}): {{classes[label]}} {{100 * share:.1f}} %")

# %% The mask over the photo
import cv2
from PIL import Image

colours = np.array({[tuple(colour) for colour in colours]!r}, np.uint8)
small = cv2.resize(photo, labels.shape[::-1], interpolation=cv2.INTER_AREA)
mask = labels.numpy()
mixed = cv2.addWeighted(colours[mask], {opacity!r}, small, {1 - opacity!r}, 0)
Image.fromarray(np.where(mask[..., None] > 0, mixed, small))
"""
    )


def scores_code(photo_code: str, named: tuple[str, int], label: int) -> str:
    """Script that prints the raw score map of one class."""
    return (
        start(photo_code, [named[0]])
        + scores(*named)
        + f"""
# %% Cells, before they are enlarged
raw = scores[{label}]
row, column = divmod(int(raw.argmax()), raw.shape[1])
print(f"{{classes[{label}]}}: {{raw.shape[1]}} × {{raw.shape[0]}} cells, {{raw.min():.2f}} to {{raw.max():.2f}}")
print(f"largest in row {{row + 1}}, column {{column + 1}}")
"""
    )


def compare_code(
    photo_code: str, models: Sequence[tuple[str, int]], biases: Sequence[float], size: Size
) -> str:
    """Script that prints both masks' shares, how many pixels differ and the IoU of each class."""
    parts = [start(photo_code, [one for one, _size in models]), "masks = []\n"]
    for one, after, bias in zip(models, (("", 0), *models), biases, strict=False):
        parts += [scores(*one, after[0]), labels(one[0], bias, size), "masks.append(labels)\n"]
    return (
        "".join(parts)
        + """
# %%
first, second = masks
print(f"different: {100 * (first != second).float().mean():.1f} % of the pixels")
for label, name in enumerate(classes):
    both, either = ((first == label) & (second == label)).sum(), ((first == label) | (second == label)).sum()
    if either:
        print(f"{name}: IoU {both / either:.3f}")
"""
    )


def skips_code(photo_code: str, bias: float, size: Size) -> str:
    """Script that adds FCN-8s's maps step by step and prints the mask's shares after each."""
    own = OWN + "fcn8s"
    steps = labels(own, bias, size).split("# %%\n", 1)[1]
    indented = "".join(f"    {line}\n" for line in steps.strip().splitlines())
    module = _written(inspect.getmodule(_built(own)[0]))
    return (
        start(photo_code, [own])
        + f"""
# %% The head
{module}
head = read("fcn8s", {_build(own)})
with torch.no_grad():
    maps, covered = look(photo)
    parts = head.partial_scores(maps)
total = None
for stride, part in zip((32, 16, 8), parts, strict=True):
    if total is not None:
        part = part + F.interpolate(total, part.shape[-2:], mode="bilinear")
    total = part
    scores = total[0].clone()
    print("stride", stride, tuple(scores.shape))
{indented}"""
    )


def heat_code(photo_code: str, side: int, label: int) -> str:
    """Script that makes the classifier convolutional, proves it, and prints one class's heat."""
    return (
        photo_code.strip()
        + "\n"
        + standalone.NETWORK
        + f"""
# %% The dense layer as a 1×1 convolution, with the same numbers
dense = network["classifier"]
convolution = nn.Conv2d(1280, 1000, 1)
with torch.no_grad():
    convolution.weight.copy_(dense.weight[:, :, None, None])
    convolution.bias.copy_(dense.bias)


def features(x):
    for stage in network["stages"].values():
        x = stage(x)
    return x


# %% On the 224-pixel crop both say the same
height, width = photo.shape[:2]
side = max(1, round(min(height, width) * 7 / 8))
left, top = (width - side) // 2, (height - side) // 2
crop = torch.tensor(photo[top : top + side, left : left + side]).permute(2, 0, 1)[None]
x = (F.interpolate(crop, (224, 224), mode="bicubic", antialias=True).float() - 127) / 128
with torch.no_grad():
    maps = features(x)
    classified, convolved = dense(maps.mean((2, 3))), convolution(maps).mean((2, 3))
print(f"largest difference of 1,000 logits: {{(classified - convolved).abs().max():.1e}}")

# %% On the whole photo, at any size
scale = {side} / max(height, width)
inner_height, inner_width = max(1, round(height * scale)), max(1, round(width * scale))
x = F.interpolate(
    torch.tensor(photo).permute(2, 0, 1)[None], (inner_height, inner_width), mode="bilinear", antialias=True
)
x = F.pad((x.float() - 127) / 128, (0, -inner_width % 32, 0, -inner_height % 32))
with torch.no_grad():
    heat = convolution(features(x)).softmax(1)[0, {label}]
names = ResNet18_Weights.DEFAULT.meta["categories"]
row, column = divmod(int(heat.argmax()), heat.shape[1])
print(f"{{names[{label}]}}: {{heat.shape[1]}} × {{heat.shape[0]}} cells, at most {{100 * heat.max():.1f}} %")
print(f"in row {{row + 1}}, column {{column + 1}}")
"""
    )


def cutout_code(
    photo_code: str,
    named: tuple[str, int],
    bias: float,
    size: Size,
    label: int,
    softness: float,
    ground: str,
    blur: float,
) -> str:
    """Script that cuts one class out of the photo and prints how much of it was kept."""
    start_ = start(photo_code, [named[0]]) + scores(*named)
    return (
        start_
        + f"""
# %%
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image


{inspect.getsource(alpha)}

{_cutting()}

scores[0] += {float(bias)!r}  # favours the background
size = {tuple(size)}
probability = enlarge(scores, covered, photo, size).softmax(0)[{label}].numpy()
keep = alpha(probability, {float(softness)!r})
print(f"kept: {{100 * keep.mean():.1f}} % of the photo")
small = cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA)
Image.fromarray(cut_out(small, keep, {ground!r}, {float(blur)!r}))
"""
    )


def batch_code(named: tuple[str, int], bias: float, side: int) -> str:
    """Script that goes through all JPEG files beside it and prints each one's classes."""
    doubtful = indent(_doubtful(named[0], "sums", -1000), "    ")
    steps = _BATCH.format(bias=float(bias), side=side, doubtful=doubtful)
    return start("import numpy as np", [named[0]]) + model(*named) + steps


def _built(model_id: str) -> tuple[Any, tuple[object, ...]]:
    """The class of one of our heads, and the values that it is made with."""
    build = heads.HEADS[model_id.removeprefix(OWN)].build
    return (build.func, build.args) if isinstance(build, partial) else (build, ())


def _build(model_id: str) -> str:
    """How it is written."""
    made, values = _built(model_id)
    return f"{made.__name__}({', '.join(map(repr, values))})"


def _written(module: ModuleType | None) -> str:
    """A module's own lines: without its docstring and its imports, which the script has already."""
    assert module is not None
    source = inspect.getsource(module)
    lines = source.splitlines(keepends=True)
    kept = [
        node
        for node in ast.parse(source).body
        if not isinstance(node, (ast.Import, ast.ImportFrom))
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    return "".join("\n" + "".join(lines[node.lineno - 1 : node.end_lineno]) + "\n" for node in kept)


def _cutting() -> str:
    """:func:`cut_out` without the check of what the script fixes."""
    lines = inspect.getsource(cut_out).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("    if ground not in"))
    last = next(i for i, line in enumerate(lines) if line == "        )")
    return "\n".join(lines[:first] + lines[last + 1 :])
