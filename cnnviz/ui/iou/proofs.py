"""The measures' formulas with today's boxes in them, against torchvision."""

import math

import torch
from torchvision import ops

from cnnviz.metrics.boxes import Box, BoxPair
from cnnviz.metrics.mask_presets import Layers, MaskPair
from cnnviz.proof import Proof
from cnnviz.ui.language import _

MEASURES = {"iou": "IoU", "giou": "GIoU", "diou": "DIoU", "ciou": "CIoU"}
_OPERATORS = {
    "iou": ops.box_iou,
    "giou": ops.generalized_box_iou,
    "diou": ops.distance_box_iou,
    "ciou": ops.complete_box_iou,
}
TOLERANCE = 1e-4
"""torchvision adds 10⁻⁷ to denominators, and both sides are rounded to six decimals."""


def measure_proof(measure: str, a: Box, b: Box, plus_one: bool, pair: BoxPair) -> Proof | None:
    """One of :data:`MEASURES` by its formula and by torchvision; None where it is undefined."""
    value = getattr(pair, measure)
    if value is None:
        return None
    extra = torch.tensor([0, 0, int(plus_one), int(plus_one)])
    boxes = torch.tensor([a, b], dtype=torch.float64) + extra
    measured = _OPERATORS[measure](boxes[:1], boxes[1:]).item()
    why = _("torchvision knows continuous boxes only: it got these with right and bottom one larger.")
    return Proof(
        name=MEASURES[measure],
        formula=_formula(measure, a, b, int(plus_one), pair),
        computed=_six(value),
        measured=_six(measured),
        why=why if plus_one else "",
        tolerance=TOLERANCE,
    )


def mask_proofs(layers: Layers, pair: MaskPair) -> list[Proof]:
    """IoU of both masks, and of their boxes, where they have one."""
    proofs = []
    masks = torch.from_numpy(layers.copy())
    a, b = (masks & 1) > 0, (masks & 2) > 0
    if pair.iou is not None:
        formula = (
            r"\text{IoU} = \frac{|A \cap B|}{|A \cup B|}"
            rf" = \frac{{{pair.intersection}}}{{{pair.areas[0]} + {pair.areas[1]} - {pair.intersection}}}"
        )
        measured = ((a & b).sum() / (a | b).sum()).item()
        proofs.append(Proof(_("IoU of the masks"), formula, _six(pair.iou), _six(measured), tolerance=1e-4))
    if (of := pair.of_boxes) is not None and of.iou is not None:
        boxes = ops.masks_to_boxes(torch.stack([a, b])).double() + torch.tensor([0, 0, 1, 1])
        common, union = f"{of.intersection_area:g}", f"{of.union_area:g}"
        formula = rf"\frac{{{common}}}{{{of.areas[0]:g} + {of.areas[1]:g} - {common}}} = \frac{{{common}}}{{{union}}}"
        measured = ops.box_iou(boxes[:1], boxes[1:]).item()
        proofs.append(
            Proof(
                _("IoU of their boxes"),
                formula,
                _six(of.iou),
                _six(measured),
                why=_("`masks_to_boxes` gives the last pixel of each side; the boxes here end behind it."),
                tolerance=TOLERANCE,
            )
        )
    return proofs


def _six(value: float) -> float:
    return round(value, 6) + 0.0


def _formula(measure: str, a: Box, b: Box, extra: int, pair: BoxPair) -> str:
    assert pair.iou is not None
    assert pair.diou is not None
    if measure == "iou":
        sums = f"{pair.areas[0]:g} + {pair.areas[1]:g} - {pair.intersection_area:g}"
        return rf"\frac{{|A \cap B|}}{{|A \cup B|}} = \frac{{{pair.intersection_area:g}}}{{{sums}}}"
    around = pair.enclosing
    width, height = around[2] - around[0] + extra, around[3] - around[1] + extra
    if measure == "giou":
        return (
            r"\text{IoU} - \frac{|C| - |A \cup B|}{|C|}"
            rf" = {pair.iou:.4f} - \frac{{{width * height:g} - {pair.union_area:g}}}{{{width * height:g}}}"
        )
    if measure == "diou":
        across, down = (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2
        return (
            r"\text{IoU} - \frac{\rho^2}{c^2}"
            rf" = {pair.iou:.4f} - \frac{{{abs(across):g}^2 + {abs(down):g}^2}}{{{width:g}^2 + {height:g}^2}}"
        )
    angles = [math.atan2(box[2] - box[0] + extra, box[3] - box[1] + extra) for box in (a, b)]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    alpha = v / (1 - pair.iou + v) if v else 0.0
    return (
        rf"\text{{DIoU}} - \frac{{v}}{{1 - \text{{IoU}} + v}} \, v"
        rf" = {pair.diou:.4f} - {alpha:.4f} \cdot {v:.4f}"
    )
