"""A whole evaluation to keep: a JSON report, and its tables as CSV.

What is undefined is null in JSON and ``undefined`` in CSV, never a number.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnviz.messages import N_
from cnnviz.metrics.coco import CocoResult
from cnnviz.metrics.data import DetectionSet
from cnnviz.metrics.matching import Convention

BACKGROUND = N_("background")
PER_CLASS: Mapping[str, Mapping[str, Any]] = {
    "AP": {},
    "AP50": {"iou": 0.5},
    "AP75": {"iou": 0.75},
    "AR100": {},
}
"""The figures of each class, with what to ask :class:`CocoResult` for."""


def class_figures(result: CocoResult, category: int) -> dict[str, float | None]:
    """AP, AP50, AP75 and AR100 of one class; None where it has no ground truth that counts."""
    return {
        name: (result.ar if name.startswith("AR") else result.ap)(category=category, **asked)
        for name, asked in PER_CLASS.items()
    }


def report(
    data: DetectionSet,
    results: Mapping[str, CocoResult],
    matrix: NDArray[np.int64],
    convention: Convention,
    score: float,
) -> bytes:
    """The evaluation as JSON, UTF-8.

    Args:
        results: COCO's, by kind: 'bbox' and, if there are masks, 'segm'.
        matrix: the confusion matrix, background last.
        convention: of the matrix.
        score: detections below it are left out of the matrix.
    """
    classes = [
        {
            "id": category.id,
            "name": category.name,
            "ground_truths": int((data.truths.category == index).sum()),
            "detections": int((data.detections.category == index).sum()),
            **{kind: class_figures(result, index) for kind, result in results.items()},
        }
        for index, category in enumerate(data.categories)
    ]
    content = {
        "set": {
            "name": data.name,
            "images": len(data.images),
            "ground_truths": len(data.truths),
            "detections": len(data.detections),
            **{f"read_{name}": count for name, count in data.extra.items()},
        },
        "figures": {kind: result.figures for kind, result in results.items()},
        "classes": classes,
        "confusion": {
            "score": score,
            "convention": asdict(convention),
            "labels": [*(category.name for category in data.categories), BACKGROUND],
            "rows": "ground truth",
            "columns": "detection",
            "matrix": matrix.tolist(),
        },
    }
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False).encode()


def figures_csv(results: Mapping[str, CocoResult]) -> bytes:
    """The twelve figures, a row each, a column a kind."""
    names = list(next(iter(results.values())).figures)
    rows = [[name, *(_said(result.figures[name]) for result in results.values())] for name in names]
    return _csv([["figure", *results], *rows])


def classes_csv(data: DetectionSet, results: Mapping[str, CocoResult]) -> bytes:
    """A row a class: how many, and its figures."""
    head = ["category", "ground truths", "detections"]
    head += [f"{kind} {name}" for kind in results for name in PER_CLASS]
    rows = [
        [
            category.name,
            int((data.truths.category == index).sum()),
            int((data.detections.category == index).sum()),
            *(_said(value) for result in results.values() for value in class_figures(result, index).values()),
        ]
        for index, category in enumerate(data.categories)
    ]
    return _csv([head, *rows])


def confusion_csv(data: DetectionSet, matrix: NDArray[np.int64]) -> bytes:
    """The confusion matrix with its labels; rows are ground truths."""
    labels = [*(category.name for category in data.categories), BACKGROUND]
    rows = [[label, *row] for label, row in zip(labels, matrix.tolist(), strict=True)]
    return _csv([["ground truth \\ detection", *labels], *rows])


def _said(value: float | None) -> str:
    return "undefined" if value is None else repr(value)


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    # With a byte order mark, by which spreadsheets know UTF-8.
    return out.getvalue().encode("utf-8-sig")
