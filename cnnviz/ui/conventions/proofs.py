"""Proofs of the switchboard: the area from the outcomes alone, and the IoU of what changed sides."""

from itertools import groupby

import torch

from cnnviz.metrics import boxes
from cnnviz.metrics.average_precision import Area, Flip, area, explain_change
from cnnviz.metrics.conventions import measured_area
from cnnviz.metrics.matching import Convention, Matching
from cnnviz.proof import Proof
from cnnviz.ui.conventions.explain import label
from cnnviz.ui.detections import Picked
from cnnviz.ui.language import _

MOST = 4
"""Classes, and terms of a sum, that are written out."""


def area_proofs(picked: Picked, matched: tuple[Matching, ...]) -> list[Proof]:
    """AP of each class as a sum of pieces, against the outcomes alone; and the mean."""
    areas = [area(each) for each in matched]
    measured = [measured_area(each) for each in matched]
    result = []
    for each, sum_, second in list(zip(matched, areas, measured, strict=True))[:MOST]:
        if sum_.value is not None and second is not None:
            name = _("AP of {category}").format(category=picked.category(each.category))
            formula = _terms(sum_, each.convention.interpolation)
            result.append(Proof(name, formula, sum_.value, measured=second, tolerance=1e-9))
    defined = [one.value for one in areas if one.value is not None]
    second_way = [value for value in measured if value is not None]
    if len(matched) > 1 and defined:
        terms = " + ".join(f"{value:.4f}" for value in defined[:MOST]) + (
            r" + \dots" if len(defined) > MOST else ""
        )
        result.append(
            Proof(
                _("mAP: the mean over the classes"),
                rf"\frac{{1}}{{{len(defined)}}}\,({terms})",
                sum(defined) / len(defined),
                measured=sum(second_way) / len(second_way),
                tolerance=1e-9,
            )
        )
    return result


def _terms(found: Area, how: str) -> str:
    """The sum, with neighbours of one height taken together."""
    steps = []
    for height, group in groupby(found.pieces, key=lambda piece: round(piece.height, 12)):
        pieces = list(group)
        width = f"{len(pieces)}" if how != "all" else f"{pieces[-1].right - pieces[0].left:.4g}"
        if height:
            steps.append(rf"{width} \cdot {height:.4g}")
    shown = " + ".join(steps[:MOST]) + (r" + \dots" if len(steps) > MOST else "")
    if how == "all":
        return shown or "0"
    return rf"\frac{{1}}{{{how}}}\,({shown or 0})"


def iou_proofs(picked: Picked, before: tuple[Matching, ...], after: tuple[Matching, ...]) -> list[Proof]:
    """The IoU of the first detection that changed sides, by numpy and by torch."""
    for one, other in zip(before, after, strict=True):
        for flip in explain_change(one, other).flips:
            step = next((each for each in other.steps if each.detection == flip.detection), None)
            if (
                step is not None
                and step.truth is not None
                and not _is_crowd(picked, other.convention, step.truth)
            ):
                return [_overlap(picked, flip, step.truth, other.convention)]
    return []


def _is_crowd(picked: Picked, convention: Convention, truth: int) -> bool:
    return convention.special == "ignore" and bool(picked.data.truths.crowd[truth])


def _overlap(picked: Picked, flip: Flip, truth: int, convention: Convention) -> Proof:
    own, other = picked.data.detections.boxes[flip.detection], picked.data.truths.boxes[truth]
    one = convention.plus_one
    common = float(boxes.intersection(own, other, plus_one=one))
    union = float(boxes.areas(own, plus_one=one) + boxes.areas(other, plus_one=one)) - common
    first, second = torch.from_numpy(own), torch.from_numpy(other)
    shared = torch.minimum(first[2:], second[2:]) - torch.maximum(first[:2], second[:2]) + one
    sides = torch.stack([shared, first[2:] - first[:2] + one, second[2:] - second[:2] + one])
    inside, mine, theirs = sides.clamp(min=0).prod(1).tolist()
    return Proof(
        _("IoU of {detection} and {truth}").format(detection=label(flip), truth=f"T{truth + 1}"),
        rf"\frac{{\text{{intersection}}}}{{\text{{union}}}} = \frac{{{common:.6g}}}{{{union:.6g}}}",
        common / union if union else 0.0,
        measured=inside / (mine + theirs - inside) if mine + theirs > inside else 0.0,
        tolerance=1e-9,
    )
