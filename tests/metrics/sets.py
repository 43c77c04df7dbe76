"""Detection sets from and to COCO's dictionaries, and what pycocotools makes of them."""

import contextlib
import io
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cnnviz.metrics import masks
from cnnviz.metrics.data import Category, Detections, DetectionSet, ImageInfo, Rle, Truths


def corners(box: list[float]) -> list[float]:
    x, y, width, height = box
    return [x, y, x + width, y + height]


def mask_of(segmentation: Any, size: tuple[int, int]) -> Rle:
    if isinstance(segmentation, list):
        return masks.from_polygons(segmentation, size)
    if isinstance(segmentation["counts"], list):
        return masks.from_counts(segmentation["counts"], tuple(segmentation["size"]))
    return masks.from_string(segmentation["counts"], tuple(segmentation["size"]))


def from_coco(truths: dict[str, Any], results: list[dict[str, Any]], kind: str) -> DetectionSet:
    """What a reader of COCO's files has to make of them."""
    images = tuple(
        ImageInfo(i["id"], str(i["id"]), i.get("width", 0), i.get("height", 0)) for i in truths["images"]
    )
    categories = tuple(Category(c["id"], c["name"]) for c in truths["categories"])
    image = {info.id: index for index, info in enumerate(images)}
    category = {info.id: index for index, info in enumerate(categories)}
    size = {i["id"]: (i["height"], i["width"]) for i in truths["images"]} if kind == "segm" else {}
    notes = truths["annotations"]

    def indices(records: list[dict[str, Any]], key: str, table: dict[Any, int]) -> np.ndarray:
        return np.array([table[record[key]] for record in records], np.int64)

    def boxes(values: list[list[float]]) -> np.ndarray:
        return np.array([corners(value) for value in values], np.float64).reshape(-1, 4)

    crowd = np.array([bool(note["iscrowd"]) for note in notes], bool)
    true_masks = found_masks = None
    if kind == "segm":
        true_masks = tuple(mask_of(note["segmentation"], size[note["image_id"]]) for note in notes)
        found_masks = tuple(mask_of(found["segmentation"], size[found["image_id"]]) for found in results)
        found_boxes = np.array([masks.bounding_box(mask) for mask in found_masks]).reshape(-1, 4)
        area = np.array([masks.area(mask) for mask in found_masks], np.float64)
    else:
        found_boxes = boxes([found["bbox"] for found in results])
        area = np.array([found["bbox"][2] * found["bbox"][3] for found in results], np.float64)
    return DetectionSet(
        "COCO",
        images,
        categories,
        Truths(
            indices(notes, "image_id", image),
            indices(notes, "category_id", category),
            boxes([note["bbox"] for note in notes]),
            np.array([note["area"] for note in notes], np.float64),
            crowd,
            np.zeros(len(notes), bool),
            np.array([note["id"] for note in notes], np.int64),
            true_masks,
        ),
        Detections(
            indices(results, "image_id", image),
            indices(results, "category_id", category),
            found_boxes,
            np.array([found["score"] for found in results], np.float64),
            area,
            found_masks,
        ),
    )


def simple(
    truths: list[tuple[int, int, tuple[float, ...]]],
    detections: list[tuple[int, int, float, tuple[float, ...]]],
    *,
    images: int = 1,
    classes: int = 1,
    crowd: tuple[int, ...] = (),
    difficult: tuple[int, ...] = (),
) -> DetectionSet:
    """A set by hand: (image, class, xyxy) and (image, class, score, xyxy); flags by the truths' indices."""
    boxes = np.array([truth[2] for truth in truths], np.float64).reshape(-1, 4)
    found = np.array([detection[3] for detection in detections], np.float64).reshape(-1, 4)

    def flags(chosen: tuple[int, ...]) -> np.ndarray:
        return np.isin(np.arange(len(truths)), chosen)

    def area(of: np.ndarray) -> np.ndarray:
        return (of[:, 2] - of[:, 0]) * (of[:, 3] - of[:, 1])

    return DetectionSet(
        "by hand",
        tuple(ImageInfo(index, f"{index}.png") for index in range(images)),
        tuple(Category(index, f"class {index}") for index in range(classes)),
        Truths(
            np.array([truth[0] for truth in truths], np.int64),
            np.array([truth[1] for truth in truths], np.int64),
            boxes,
            area(boxes),
            flags(crowd),
            flags(difficult),
            np.arange(1, len(truths) + 1),
        ),
        Detections(
            np.array([detection[0] for detection in detections], np.int64),
            np.array([detection[1] for detection in detections], np.int64),
            found,
            np.array([detection[2] for detection in detections], np.float64),
            area(found),
        ),
    )


def pycocotools(truths: dict[str, Any], results: list[dict[str, Any]], kind: str) -> COCOeval:
    """pycocotools' evaluation; it changes what it is given."""
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = COCO()
        dataset.dataset = truths
        dataset.createIndex()
        found = dataset.loadRes(results) if results else COCO()
        evaluation = COCOeval(dataset, found, kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation
