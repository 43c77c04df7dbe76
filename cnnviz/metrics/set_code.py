"""A detection set as Python: what exported code starts from."""

import json
import math
from typing import Any

from cnnviz.metrics.data import Detections, DetectionSet, Indices, Truths

FILE = "set.json"
"""Where exported code looks for a set that is too large to be written out."""

INLINE = 60
"""So many truths and detections are written out in the code itself."""


def as_json(data: DetectionSet) -> bytes:
    """Categories, truths and detections (without masks), as the exported code reads them.

    An area is there where it isn't the box's: COCO's size ranges go by the mask. An image is named by its place in the order of the ids, by which COCO settles ties.
    """
    return json.dumps(_content(data), ensure_ascii=False, separators=(",", ":")).encode()


def is_inline(data: DetectionSet) -> bool:
    """Whether the code holds the set itself."""
    return len(data.truths) + len(data.detections) <= INLINE


def code(data: DetectionSet) -> str:
    """Python that defines ``categories``, ``truths`` and ``detections``; a large set is read from a file.

    >>> from cnnviz.metrics.example import example
    >>> print(code(example()).splitlines()[1])
    categories = ['cup', 'bottle']
    """
    where = "# image: its place in the order of the ids; box: x1, y1, x2, y2 in pixels\n"
    if is_inline(data):
        content = _content(data)
        lines = [f"categories = {content['categories']!r}"]
        for name in ("truths", "detections"):
            rows = "".join(f"    {row!r},\n" for row in content[name])
            lines.append(f"{name} = [\n{rows}]")
        return where + "\n".join(lines)
    return (
        "import json\n\n"
        f'content = json.load(open("{FILE}", encoding="utf-8"))  # the notebook carries this file\n'
        + where
        + "categories, truths, detections = (content[name] for name in"
        + ' ("categories", "truths", "detections"))'
    )


def _content(data: DetectionSet) -> dict[str, list[Any]]:
    names, ranks = [category.name for category in data.categories], data.image_ranks()
    if len(set(names)) < len(names):
        names = [f"{category.name} ({category.id})" for category in data.categories]
    truths, found = data.truths, data.detections
    return {
        "categories": names,
        "truths": [
            {**_record(names, ranks, truths, i), "crowd": crowd, "difficult": difficult}
            for i, (crowd, difficult) in enumerate(
                zip(truths.crowd.tolist(), truths.difficult.tolist(), strict=True)
            )
        ],
        "detections": [
            {**_record(names, ranks, found, i), "score": score}
            for i, score in enumerate(found.score.tolist())
        ],
    }


def _record(names: list[str], ranks: Indices, things: Truths | Detections, i: int) -> dict[str, Any]:
    box, area = things.boxes[i].tolist(), float(things.area[i])
    record = {"image": int(ranks[things.image[i]]), "category": names[things.category[i]], "box": box}
    own = (box[2] - box[0]) * (box[3] - box[1])
    return record if math.isclose(area, own) else {**record, "area": area}
