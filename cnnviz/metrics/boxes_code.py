"""The IoU lesson's measurements as scripts to keep, without cnnviz."""

from collections.abc import Sequence

from cnnviz.metrics.box_presets import WIDTH
from cnnviz.metrics.boxes import Box
from cnnviz.metrics.label_maps import unpacking
from cnnviz.metrics.mask_presets import Layers

_MEASURES = '''
def measure(a, b, extra):
    """IoU, GIoU, DIoU and CIoU of two boxes; None where one is 0/0."""
    size = lambda box: (box[2] - box[0] + extra, box[3] - box[1] + extra)
    (wa, ha), (wb, hb) = size(a), size(b)
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]) + extra)
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]) + extra)
    intersection = width * height
    union = wa * ha + wb * hb - intersection
    cw, ch = size((min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])))
    if union == 0:
        return intersection, union, dict.fromkeys(("IoU", "GIoU", "DIoU", "CIoU"))
    iou = intersection / union
    giou = iou - (cw * ch - union) / (cw * ch)
    rho2 = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + ((a[1] + a[3] - b[1] - b[3]) / 2) ** 2
    diou = iou - rho2 / (cw**2 + ch**2)
    ciou = None
    if (wa or ha) and (wb or hb):
        v = 4 / math.pi**2 * (math.atan2(wa, ha) - math.atan2(wb, hb)) ** 2
        ciou = diou - (v * v / (1 - iou + v) if v else 0)
    return intersection, union, {"IoU": iou, "GIoU": giou, "DIoU": diou, "CIoU": ciou}


def written(value):
    return "undefined" if value is None else f"{value:.4f}"
'''


def _whole(box: Box | Sequence[float]) -> str:
    return f"({', '.join(f'{value:g}' for value in box)})"


def pair_code(a: Box, b: Box, plus_one: bool) -> str:
    """Script that prints areas and all four measures, and what torchvision says of them."""
    return f"""import math

# left, top, right, bottom
a, b = {_whole(a)}, {_whole(b)}
extra = {int(plus_one)}  # 1: the last pixel counts, as in VOC's devkit

# %% By hand
{_MEASURES}

intersection, union, values = measure(a, b, extra)
print("intersection", intersection, "union", union)
for name, value in values.items():
    print(name, written(value))

# %% By torchvision, which knows continuous boxes only
import torch
from torchvision import ops

boxes = torch.tensor([a, b], dtype=torch.float64) + torch.tensor([0, 0, extra, extra])
for measure_pair in (ops.box_iou, ops.generalized_box_iou, ops.distance_box_iou, ops.complete_box_iou):
    print(measure_pair.__name__, f"{{measure_pair(boxes[:1], boxes[1:]).item():.4f}}")
"""


def slide_code(a: Box, b: Box, plus_one: bool) -> str:
    """Script that prints all four measures with B's left side at every pixel."""
    return f"""import math

# left, top, right, bottom
a, b = {_whole(a)}, {_whole(b)}
extra = {int(plus_one)}  # 1: the last pixel counts, as in VOC's devkit
{_MEASURES}

# %% B slides from the left edge of the canvas to the right one
width = b[2] - b[0]
for left in range({WIDTH} + 1):
    _, _, values = measure(a, (left, b[1], left + width, b[3]), extra)
    print(left, *map(written, values.values()))
"""


def masks_code(layers: Layers) -> str:
    """Script that prints the IoU of both masks and of their boxes."""
    return f"""import base64
import zlib

import numpy as np

# 1: A, 2: B, 3: both
{unpacking("layers", layers)}
a, b = (layers & 1) > 0, (layers & 2) > 0

# %% The masks
intersection, union = (a & b).sum(), (a | b).sum()
print("masks", intersection, union, f"{{intersection / union:.4f}}" if union else "undefined")

# %% Their boxes
import torch
from torchvision.ops import box_iou, masks_to_boxes

if a.any() and b.any():
    boxes = masks_to_boxes(torch.from_numpy(np.stack([a, b]))).double()
    boxes[:, 2:] += 1  # torchvision gives the last pixel; the box ends behind it
    print("boxes", boxes.int().tolist(), f"{{box_iou(boxes[:1], boxes[1:]).item():.4f}}")
else:
    print("boxes undefined")

# %% As a picture
from PIL import Image

Image.fromarray((layers * 85).repeat(6, axis=0).repeat(6, axis=1))
"""
