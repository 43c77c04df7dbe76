"""An evaluation as a script to keep, in plain numpy, with every switch of a convention as a setting of it."""

from cnnviz.metrics.matching import Convention

_SETTINGS = """import numpy as np

# %% Ground truths and detections
{data}

# %% The convention
plus_one = {plus_one!r}  # whether a box includes its last pixel
comparison = {comparison!r}  # ">=" or ">"
matching = {matching!r}  # "coco": the best that is free; "voc": the best of all, free or not
special = {special!r}  # difficult ones and crowds: "ignore" or "count"
ties = {ties!r}  # equal scores: "file", "reversed" or "image"
interpolation = {interpolation!r}  # "all", "11" or "101"
iou_threshold = {iou_threshold!r}
max_detections = {max_detections!r}  # of an image and class; None: all
"""

_EVALUATION = '''
# %% How well two boxes agree
def area(box):
    # Files that hold a width have lost the last bits of right - left.
    sides = [box[2] - box[0], box[3] - box[1]]
    width, height = [round(s, 6) if abs(s - round(s, 6)) < 1e-10 else s for s in sides]
    return max(width + plus_one, 0) * max(height + plus_one, 0)

def is_special(truth):
    return special == "ignore" and (truth["crowd"] or truth["difficult"])

def iou(box, truth):
    other = truth["box"]
    width = min(box[2], other[2]) - max(box[0], other[0]) + plus_one
    height = min(box[3], other[3]) - max(box[1], other[1]) + plus_one
    common = max(width, 0) * max(height, 0)
    # What lies inside a crowd overlaps it by 1.
    alone = special == "ignore" and truth["crowd"]
    union = area(box) if alone else area(box) + area(other) - common
    return common / union if union > 0 else 0.0

# Compared once: every detection with the ground truths of its image and class.
in_image = {}
for n, truth in enumerate(truths):
    in_image.setdefault((truth["image"], truth["category"]), []).append(n)
overlaps = [
    {n: iou(found["box"], truths[n]) for n in in_image.get((found["image"], found["category"]), [])}
    for found in detections
]

# %% One class, from the highest score down
def size(one):
    x1, y1, x2, y2 = one["box"]
    return one.get("area", (x2 - x1) * (y2 - y1))

def ranked(category):
    order = [d for d, found in enumerate(detections) if found["category"] == category]
    if ties == "reversed":
        order.reverse()
    if ties == "image":
        order.sort(key=lambda d: detections[d]["image"])
    return sorted(order, key=lambda d: -detections[d]["score"])  # equal ones stay as they are

def match(category, threshold=iou_threshold, limit=max_detections, low=-np.inf, high=np.inf):
    """Whether each detection that counts is right, and how many ground truths count."""
    mine = [n for n, truth in enumerate(truths) if truth["category"] == category]
    ignored = {n for n in mine if is_special(truths[n]) or not low <= size(truths[n]) <= high}
    hits, taken, seen = [], set(), {}
    for d in ranked(category):
        found, ious = detections[d], overlaps[d]
        seen[found["image"]] = seen.get(found["image"], 0) + 1
        if limit and seen[found["image"]] > limit:
            continue
        reach = [n for n in ious if ious[n] > threshold or (comparison == ">=" and ious[n] == threshold)]
        if matching == "voc":
            best = max(ious, key=ious.get, default=None)
            if best not in reach or best in taken:
                best = None
        else:
            # A crowd can be found again and again. One that counts goes before one that is ignored.
            free = [n for n in reversed(reach)
                    if n not in taken or (special == "ignore" and truths[n]["crowd"])]
            best = max(free, key=lambda n: (n not in ignored, ious[n]), default=None)
        if best is not None and not (matching == "voc" and best in ignored):
            taken.add(best)
        if best is None:
            if low <= size(found) <= high:
                hits.append(False)
        elif best not in ignored:
            hits.append(True)
    return np.array(hits, bool), len(mine) - len(ignored)

# %% The curve, and the area under it
def curve(hits, count):
    tp = np.cumsum(hits)
    precision = tp / np.arange(1, len(hits) + 1)
    # Interpolated: the greatest precision at this recall or beyond.
    return tp / count, np.maximum.accumulate(precision[::-1])[::-1]

def average_precision(hits, count):
    """None where no ground truth counts."""
    if count == 0:
        return None
    recall, precision = curve(hits, count)
    if interpolation == "all":
        return float((np.diff(recall, prepend=0) * precision).sum())
    recalls = np.linspace(0, 1, int(interpolation))
    return float(np.append(precision, 0)[np.searchsorted(recall, recalls)].mean())

def mean(values):
    """Over what is defined; None where nothing is."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None

def said(value):
    return "undefined" if value is None else f"{value:.6f}"
'''

_CLASSES = """
# %% Every class, and their mean
values = {category: average_precision(*match(category)) for category in categories}
for category, value in values.items():
    print(f"{category}: {said(value)}")
print(f"mean: {said(mean(values.values()))}")
"""

_TWELVE = """
# %% The twelve figures of COCO
thresholds = np.linspace(0.5, 0.95, 10)
ranges = {"all": (0, 1e10), "s": (0, 32**2), "m": (32**2, 96**2), "l": (96**2, 1e10)}

def recall(hits, count):
    return hits.sum() / count if count else None

def figure(measure, thresholds=thresholds, limit=100, size="all"):
    return mean([measure(*match(category, threshold, limit, *ranges[size]))
                 for threshold in thresholds for category in categories])

figures = {
    "AP": figure(average_precision),
    "AP50": figure(average_precision, thresholds[:1]),
    "AP75": figure(average_precision, thresholds[5:6]),
    **{f"AP{size}": figure(average_precision, size=size) for size in "sml"},
    **{f"AR{limit}": figure(recall, limit=limit) for limit in (1, 10, 100)},
    **{f"AR{size}": figure(recall, size=size) for size in "sml"},
}
for name, value in figures.items():
    print(f"{name}: {said(value)}")

# %% Every class, at the threshold above
for category in categories:
    print(f"{category}: {said(average_precision(*match(category)))}")
"""

_CONFUSION = """
# %% What is taken for what, blind to the class; background last
score_threshold = {score:g}
there, taken = {{}}, set()
for n, truth in enumerate(truths):
    there.setdefault(truth["image"], []).append(n)
background = len(categories)
confusion = np.zeros((background + 1, background + 1), int)
for found in sorted(detections, key=lambda found: (-found["score"], found["image"])):
    if found["score"] < score_threshold:
        break
    ious = {{n: iou(found["box"], truths[n]) for n in there.get(found["image"], [])}}
    possible = [n for n in reversed(ious)
                if ious[n] >= iou_threshold and (n not in taken or is_special(truths[n]))]
    best = max(possible, key=lambda n: (not is_special(truths[n]), ious[n]), default=None)
    if best is not None and is_special(truths[best]):
        continue
    taken.add(best)
    row = background if best is None else categories.index(truths[best]["category"])
    confusion[row, categories.index(found["category"])] += 1
for n, truth in enumerate(truths):
    if n not in taken and not is_special(truth):
        confusion[categories.index(truth["category"]), background] += 1
print(confusion)
"""

_PICTURE = """
# %% The curves
from matplotlib.figure import Figure
from PIL import Image

picture = Figure(figsize=(6, 4.5))
axes = picture.subplots()
for category in categories:
    hits, count = match(category)
    if count:
        axes.step(*curve(hits, count), where="pre", label=category)
axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
axes.legend()
picture.savefig("curves.png")
Image.open("curves.png")
"""


def _start(data: str, convention: Convention) -> str:
    switches = {name: getattr(convention, name) for name in convention.__dataclass_fields__}
    return _SETTINGS.format(data=data, **switches) + _EVALUATION


def classes_code(data: str, convention: Convention) -> str:
    """Script that prints the AP of every class, and their mean, under any convention.

    Args:
        data: Python that defines ``categories``, ``truths`` and ``detections``.
    """
    return _start(data, convention) + _CLASSES


def evaluation_code(data: str, convention: Convention, score: float) -> str:
    """Script that prints COCO's twelve figures, each class's AP and the confusion matrix, and draws the curves.

    Args:
        data: as for :func:`classes_code`.
        convention: COCO's, for figures that are COCO's.
        score: detections below it are left out of the confusion matrix.
    """
    return _start(data, convention) + _TWELVE + _CONFUSION.format(score=score) + _PICTURE
