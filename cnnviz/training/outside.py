"""The same figures by programs that are not ours: torchmetrics' mean IoU and pycocotools' AP.

Both are among the requirements of development, not of the app.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
import torch
from numpy.typing import NDArray

from cnnviz.metrics.data import DetectionSet
from cnnviz.segmentation.voc import CLASSES, VOID


class MeanIou:
    """Mean IoU over all pixels that are added, but those that don't count."""

    def __init__(self) -> None:
        from torchmetrics.classification import MulticlassJaccardIndex

        self._index = MulticlassJaccardIndex(len(CLASSES), average="macro", ignore_index=VOID)

    def add(self, truth: NDArray[np.uint8], found: NDArray[np.int64]) -> None:
        """Label maps of one shape."""
        self._index.update(torch.from_numpy(found)[None], torch.from_numpy(truth.astype(np.int64))[None])

    def value(self) -> float:
        return float(self._index.compute())


def average_precision(data: DetectionSet) -> tuple[float, float]:
    """COCO's AP and AP50 of boxes."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truths, found = data.truths, data.detections

    def box(corners: NDArray[np.float64]) -> list[float]:
        return [*corners[:2].tolist(), *(corners[2:] - corners[:2]).tolist()]

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [
                {"id": image.id, "width": image.width, "height": image.height} for image in data.images
            ],
            "categories": [{"id": category.id, "name": category.name} for category in data.categories],
            "annotations": [
                {
                    "id": index + 1,
                    "image_id": data.images[truths.image[index]].id,
                    "category_id": data.categories[truths.category[index]].id,
                    "bbox": box(truths.boxes[index]),
                    "area": float(truths.area[index]),
                    "iscrowd": int(truths.crowd[index]),
                }
                for index in range(len(truths))
            ],
        }
        coco.createIndex()
        results = coco.loadRes(
            [
                {
                    "image_id": data.images[found.image[index]].id,
                    "category_id": data.categories[found.category[index]].id,
                    "bbox": box(found.boxes[index]),
                    "score": float(found.score[index]),
                }
                for index in range(len(found))
            ]
        )
        evaluation = COCOeval(coco, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])
