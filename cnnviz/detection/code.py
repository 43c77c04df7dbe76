"""The lesson's views as scripts to keep, without cnnviz: torchvision's detectors, or our own head written out.

Our head is written out from the very classes that run here; the notebook carries its weights.
"""

import inspect
from collections.abc import Sequence

from cnnviz.detection import pyramid
from cnnviz.segmentation import code

Named = tuple[str, int]
"""A model's id, and the bytes of its weights."""

_OFFICIAL = """
# %%
import torch
import torchvision
from torchvision.ops import batched_nms, box_iou, nms

weights = torchvision.models.get_model_weights("{id}").DEFAULT
model = torchvision.models.get_model("{id}", weights=weights).eval()  # {megabytes:.0f} MB on first use
names = weights.meta["categories"]
# All that the network considers: its own suppression is switched off, ours follows.
settings = getattr(model, "roi_heads", model)
settings.score_thresh, settings.nms_thresh, settings.detections_per_img = 0.01, 1.0, 10_000
{boxes_only}

def tensor(photo):
    return weights.transforms()(torch.tensor(photo).permute(2, 0, 1))


def detect(photo):
    with torch.inference_mode():
        found = model([tensor(photo)])[0]
    return found["boxes"], found["scores"], found["labels"]
"""

_BOXES_ONLY = "settings.mask_roi_pool = None  # boxes alone: masks of all of them would take too long\n"

_OWN = """

head = read("pyramid", Pyramid())


def detect(photo):
    with torch.inference_mode():
        maps, covered = look(photo, SIDE)
        boxes, scores, labels = [], [], []
        for (logits, sides), stride in zip(head(maps), STRIDES, strict=True):
            probability = logits[0].sigmoid()
            label, row, column = torch.nonzero(probability > 0.01, as_tuple=True)
            boxes.append(boxes_of(sides, stride)[0][:, row, column].T)
            scores.append(probability[label, row, column])
            labels.append(label)
    boxes, scores, labels = torch.cat(boxes), torch.cat(scores), torch.cat(labels)
    order = scores.argsort(descending=True, stable=True)
    # From pixels of the input to pixels of the photo, and cut to it.
    height, width = photo.shape[:2]
    across, down = covered[0] / (4 * maps[0].shape[3]), covered[1] / (4 * maps[0].shape[2])
    boxes = boxes[order] * torch.tensor([across, down, across, down])
    return boxes.clamp(min=0).minimum(torch.tensor([width, height] * 2)), scores[order], labels[order]
"""

_CHOOSE = """

def good(boxes, scores, labels, score, only=()):
    wanted = scores > score
    if only:
        wanted &= torch.isin(labels, torch.tensor(only))
    return boxes[wanted], scores[wanted], labels[wanted]
"""


def start(photo_code: str, named: Named) -> str:
    """The photo, and lines that define `names`, `detect` and `good`."""
    model_id, download = named
    if not model_id.startswith(code.OWN):
        boxes_only = _BOXES_ONLY if model_id.startswith("maskrcnn") else ""
        official = _OFFICIAL.format(id=model_id, megabytes=download / 2**20, boxes_only=boxes_only)
        return photo_code.strip() + "\n" + official + _CHOOSE
    parts = (pyramid.cell_centres, pyramid.boxes_of, pyramid._layer, pyramid._tower, pyramid.Pyramid)
    written = "\n\n".join(inspect.getsource(part) for part in parts)
    head = (
        "\n# %% The head\nimport math\n\nfrom torchvision.ops import batched_nms, box_iou, nms\n\n"
        f"names = OBJECTS = classes[1:]\nSTRIDES, WIDTH, SIDE = {pyramid.STRIDES!r}, {pyramid.WIDTH}, {pyramid.SIDE}\n"
        f"Output = tuple[Tensor, Tensor]\n\n\n{written}"
    )
    return code.start(photo_code, [model_id], enlarging=False) + head + _OWN + _CHOOSE


def boxes_code(
    photo_code: str, named: Named, score: float, iou: float, only: Sequence[int], limit: int
) -> str:
    """Script that prints the detections and draws them."""
    return (
        start(photo_code, named)
        + f"""
# %% The detections
boxes, scores, labels = good(*detect(photo), {score!r}, {tuple(only)!r})
print(len(boxes), "candidates")
kept = batched_nms(boxes, scores, labels, {iou!r})[:{limit}]
print(len(kept), "boxes left")
for index in kept:
    corners = ", ".join(f"{{value:.0f}}" for value in boxes[index])
    print(f"{{names[labels[index]]}} {{100 * scores[index]:.1f}} %: {{corners}}")

# %% The picture
from PIL import Image
from torchvision.utils import draw_bounding_boxes

texts = [f"{{names[labels[index]]}} {{100 * scores[index]:.0f}} %" for index in kept]
picture = draw_bounding_boxes(torch.tensor(photo).permute(2, 0, 1), boxes[kept], texts, width=3)
Image.fromarray(picture.permute(1, 2, 0).numpy())
"""
    )


def nms_code(
    photo_code: str, named: Named, score: float, iou: float, only: Sequence[int], per_class: bool
) -> str:
    """Script that suppresses step by step, prints what each box removes, and compares with torchvision."""
    same = "labels[rest] == labels[best]" if per_class else "torch.ones(len(rest), dtype=torch.bool)"
    check = f"batched_nms(boxes, scores, labels, {iou!r})" if per_class else f"nms(boxes, scores, {iou!r})"
    return (
        start(photo_code, named)
        + f"""
# %% Best first: each box that is left removes those that it overlaps too much
boxes, scores, labels = good(*detect(photo), {score!r}, {tuple(only)!r})
overlap = box_iou(boxes, boxes)
order, kept = scores.argsort(descending=True, stable=True), []
while len(order):
    best, rest = order[0], order[1:]
    gone = (overlap[best, rest] > {iou!r}) & ({same})
    kept.append(int(best))
    removed = ", ".join(f"{{value:.2f}}" for value in overlap[best, rest[gone]])
    print(f"{{len(kept)}}. {{names[labels[best]]}} {{100 * scores[best]:.0f}} % removes {{int(gone.sum())}} boxes: {{removed}}")
    order = rest[~gone]
print("the same as torchvision:", kept == {check}.tolist())
"""
    )


def cells_code(photo_code: str, named: Named, score: float, label: int | None) -> str:
    """Script that prints the grids, the number of anchors, and how many boxes are good enough."""
    if named[0].startswith(code.OWN):
        count = """
with torch.inference_mode():
    grids = [tuple(logits.shape[2:]) for logits, sides in head(look(photo, SIDE)[0])]
total = sum(rows * columns for rows, columns in grids)
"""
    else:
        count = """
with torch.inference_mode():
    images, _ = model.transform([tensor(photo)])
    maps = list(model.backbone(images.tensors).values())
    generator = getattr(model, "rpn", model).anchor_generator
    total = len(generator(images, maps)[0])
grids = [tuple(one.shape[2:]) for one in maps]
"""
    only = () if label is None else (label,)
    return (
        start(photo_code, named)
        + f"\n# %% The grids{count}"
        + f"""print("cells:", ", ".join(f"{{columns}} × {{rows}}" for rows, columns in grids))
print(f"{{total:,}} anchors")
boxes, scores, labels = good(*detect(photo), {score!r}, {only!r})
print(len(boxes), "boxes good enough")
"""
    )


def pair_code(photo_code: str, named: Named, score: float, pair: tuple[int, int]) -> str:
    """Script that prints the IoU of two candidates, by its formula and by torchvision."""
    return (
        start(photo_code, named)
        + f"""
# %% Two of the candidates, the best first
boxes, scores, labels = good(*detect(photo), {score!r})
order = scores.argsort(descending=True, stable=True)
a, b = boxes[order[{pair[0]}]], boxes[order[{pair[1]}]]
sides = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0)
intersection = sides.prod()
union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - intersection
print(f"intersection {{intersection:.0f}}, union {{union:.0f}}, IoU {{intersection / union:.3f}}")
print(f"torchvision: {{box_iou(a[None], b[None]).item():.3f}}")
"""
    )


def batch_code(named: Named, score: float, iou: float) -> str:
    """Script that goes through all JPEG files beside it and prints each one's detections."""
    return (
        start("import numpy as np", named)
        + f"""
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
    boxes, scores, labels = good(*detect(photo), {score!r})
    kept = batched_nms(boxes, scores, labels, {iou!r})
    print(file.name + ":", ", ".join(f"{{names[labels[i]]}} {{100 * scores[i]:.0f}} %" for i in kept))
"""
    )
