"""Matching as a script to keep, in plain numpy: a class step by step, at a score threshold, as an area."""

import math

from cnnviz.metrics.matching import AreaRange, Convention

_CANDIDATE = {
    "coco": """
        # The best of those that are free; one that counts before one that is ignored.
        free = [n for n in reversed(ious)
                if ious[n] >= iou_threshold and (n not in taken or truths[n]["crowd"])]
        best = max(free, key=lambda n: (n not in ignored, ious[n]), default=None)
        hit = best is not None
        if not hit:
            best = max(ious, key=ious.get, default=None)""",
    "voc": """
        # The best of all; if that is taken, the detection is false.
        best = max(ious, key=ious.get, default=None)
        hit = best is not None and ious[best] >= iou_threshold and best not in taken""",
}
_TAKE = {
    "coco": "if hit:",
    "voc": "if hit and best not in ignored:",
}


def matching_code(
    data: str, convention: Convention, area_range: AreaRange | None = None, *, imports: str = ""
) -> str:
    """Script that defines `match(category)`, the steps of one class.

    Args:
        data: Python that defines ``categories``, ``truths`` and ``detections``.
        convention: continuous boxes, '>=', special truths ignored, ties by image; the rest is free.
        area_range: as for :func:`cnnviz.metrics.matching.match`.
    """
    low, high = area_range or (-math.inf, math.inf)
    bounds = f"{low!r}, {high!r}" if area_range else "-inf, inf"
    return f"""import numpy as np
from numpy import inf
{imports}
# %% Ground truths and detections
{data}

# %% How well two boxes agree
def area(box):
    # Files that hold a width have lost the last bits of right - left.
    sides = [box[2] - box[0], box[3] - box[1]]
    width, height = [round(s, 6) if abs(s - round(s, 6)) < 1e-10 else s for s in sides]
    return max(width, 0) * max(height, 0)

def fits(thing):
    # COCO's sizes go by the mask's area, where there is one.
    return smallest <= thing.get("area", area(thing["box"])) <= largest

def iou(box, truth):
    other = truth["box"]
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    common = max(width, 0) * max(height, 0)
    # A detection inside a crowd overlaps it by 1.
    union = area(box) if truth["crowd"] else area(box) + area(other) - common
    return common / union if union > 0 else 0.0

# %% One class, from the highest score down
smallest, largest = {bounds}  # areas that count
max_detections = {convention.max_detections}  # of an image and class

def match(category, iou_threshold={convention.iou_threshold!r}):
    there, ignored, counting = {{}}, set(), 0
    for n, truth in enumerate(truths):
        if truth["category"] == category:
            there.setdefault(truth["image"], []).append(n)
            special = truth["crowd"] or truth["difficult"]
            if special or not fits(truth):
                ignored.add(n)
            else:
                counting += 1
    order = [found for found in detections if found["category"] == category]
    order.sort(key=lambda found: (-found["score"], found["image"]))
    steps, taken, seen, tp, fp = [], set(), {{}}, 0, 0
    for found in order:
        seen[found["image"]] = seen.get(found["image"], 0) + 1
        if max_detections and seen[found["image"]] > max_detections:
            continue
        ious = {{n: iou(found["box"], truths[n]) for n in there.get(found["image"], [])}}{_CANDIDATE[convention.matching]}
        {_TAKE[convention.matching]}
            taken.add(best)
        if hit:
            outcome = "ignored" if best in ignored else "TP"
        else:
            outcome = "FP" if fits(found) else "ignored"
        tp += outcome == "TP"
        fp += outcome == "FP"
        steps.append((found["score"], ious.get(best), outcome, tp, fp, counting - tp))
    return steps, counting
"""


def step_code(data: str, convention: Convention, category: int, step: int) -> str:
    """Script that prints the first `step` steps of a class."""
    return (
        matching_code(data, convention)
        + f"""
# %% The steps so far
steps, counting = match(categories[{category}])
for score, overlap, outcome, tp, fp, fn in steps[:{step}]:
    with_truth = "no ground truth" if overlap is None else f"IoU {{overlap:.4f}}"
    precision = f"{{tp / (tp + fp):.4f}}" if tp + fp else "undefined"
    recall = f"{{tp / counting:.4f}}" if counting else "undefined"
    print(f"score {{score:.4g}}, {{with_truth}}, {{outcome}}: TP {{tp}}, FP {{fp}}, FN {{fn}}, "
          f"precision {{precision}}, recall {{recall}}")
"""
    )


def threshold_code(data: str, convention: Convention, category: int, score: float) -> str:
    """Script that prints the counts of a class at a score threshold, and the confusion matrix of all classes."""
    return (
        matching_code(data, convention)
        + f"""
# %% What counts at a score threshold
threshold = {score!r}
steps, counting = match(categories[{category}])
above = [outcome for score, overlap, outcome, *sums in steps if score >= threshold]
tp, fp = above.count("TP"), above.count("FP")
fn = counting - tp
print(f"TP {{tp}}, FP {{fp}}, FN {{fn}}")
if tp + fp:
    print(f"precision {{tp / (tp + fp):.4f}}")
if counting:
    print(f"recall {{tp / counting:.4f}}")
if tp + fp + fn:
    print(f"F1 {{2 * tp / (2 * tp + fp + fn):.4f}}")

# %% What is taken for what, blind to the class; background last
special = {{n for n, truth in enumerate(truths) if truth["crowd"] or truth["difficult"]}}
background = len(categories)
confusion = np.zeros((background + 1, background + 1), int)
there, taken = {{}}, set()
for n, truth in enumerate(truths):
    there.setdefault(truth["image"], []).append(n)
for found in sorted(detections, key=lambda found: (-found["score"], found["image"])):
    if found["score"] < threshold:
        break
    ious = {{n: iou(found["box"], truths[n]) for n in there.get(found["image"], [])}}
    free = [n for n in ious if ious[n] >= {convention.iou_threshold!r} and n not in taken]
    best = max(reversed(free), key=lambda n: (n not in special, ious[n]), default=None)
    if best in special:
        continue
    taken.add(best)
    row = background if best is None else categories.index(truths[best]["category"])
    confusion[row, categories.index(found["category"])] += 1
for n, truth in enumerate(truths):
    if n not in taken and n not in special:
        confusion[categories.index(truth["category"]), background] += 1
print(confusion)
"""
    )
