"""COCO's JSON: ground truths, a list of results, or both in one document; and writing the last.

A box is ``[left, top, width, height]``; the format is described at cocodataset.org/#format-data and
/#format-results. A document with both has ``detections`` beside ``annotations``, each like a result.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from cnnviz.errors import AnnotationError, SettingError
from cnnviz.messages import N_
from cnnviz.metrics import masks
from cnnviz.metrics.data import DetectionSet, Rle
from cnnviz.metrics.files.collecting import (
    LIMIT,
    LONGEST,
    Collector,
    Refused,
    flag,
    name,
    number,
    shown,
    whole,
)

TITLE = "COCO JSON"
_VALUES = 15_000_000  # brackets and commas: what Python makes objects of
_SIDE = 20_000
_PIXELS = 64_000_000
_OUTLINE = 200_000  # pixels of a polygon's outline: a third of a second and 100 MB of drawing
_OUTLINES = 30_000_000  # and of all of a file's: twice what COCO's validation images have


def parse(file: str, text: str) -> Any:
    """The document, of which nothing is checked but that it is JSON of a reasonable size."""
    if sum(text.count(mark) for mark in "[{,") > _VALUES:
        raise AnnotationError(
            N_("{file} holds more than {limit} values; expected at most as many."), file=file, limit=_VALUES
        )
    try:
        return json.loads(text)
    except RecursionError as error:
        raise AnnotationError(N_("{file} nests its lists too deeply."), file=file) from error
    except json.JSONDecodeError as error:
        raise AnnotationError(
            N_("{file} is not valid JSON: line {line}, column {column}."),
            file=file,
            line=error.lineno,
            column=error.colno,
        ) from error
    except ValueError as error:  # a number of thousands of digits
        raise AnnotationError(N_("{file} is not valid JSON."), file=file) from error


def read_truths(collector: Collector, file: str, document: Any, *, with_detections: bool) -> None:
    """Images, categories and annotations; and the detections, if they are wanted and there."""
    if not isinstance(document, dict):
        raise AnnotationError(
            N_(
                "{file} holds a list, as results do; ground truths are an object with images, annotations and categories."
            ),
            file=file,
        )
    for key in ("images", "annotations", "categories"):
        if not isinstance(document.get(key), list):
            raise AnnotationError(
                N_("{file} has no list of {key}; expected images, annotations and categories."),
                file=file,
                key=key,
            )
    collector.ids_given = True
    for at, record in _records(collector, file, "categories", document["categories"]):
        try:
            collector.add_category(name(_get(record, "name"), "name"), _id(record, "id"))
        except Refused as why:
            collector.report(file, at, why)
    for at, record in _records(collector, file, "images", document["images"]):
        try:
            _image(collector, record)
        except Refused as why:
            collector.report(file, at, why)
    collector.closed = True
    outline = _Outline()
    for at, record in _records(collector, file, "annotations", document["annotations"]):
        try:
            _truth(collector, record, outline)
        except Refused as why:
            collector.report(file, at, why)
    if with_detections and "detections" in document:
        read_detections(collector, file, document)


def read_detections(collector: Collector, file: str, document: Any) -> None:
    """A list of results, or the detections of a document with both."""
    results = document.get("detections") if isinstance(document, dict) else document
    if not isinstance(results, list):
        raise AnnotationError(
            N_(
                "{file} has no detections; expected a list of results, or an object with such a list as detections."
            ),
            file=file,
        )
    if not collector.ids_given:
        raise AnnotationError(
            N_("{file} gives categories by number, but the ground truths give them by name only."), file=file
        )
    outline = _Outline()
    place = "detections" if isinstance(document, dict) else ""
    for at, record in _records(collector, file, place, results):
        try:
            _detection(collector, record, outline, own=bool(place))
        except Refused as why:
            collector.report(file, at, why)


class _Outline:
    """How much outline of polygons may still be drawn."""

    def __init__(self) -> None:
        self.left = _OUTLINES

    def take(self, polygon: list[float]) -> None:
        x, y = polygon[0::2], polygon[1::2]
        sides = zip(x, y, x[1:] + x[:1], y[1:] + y[:1], strict=False)
        length = int(sum(max(abs(a - c), abs(b - d)) + 1 for a, b, c, d in sides))
        if length > _OUTLINE:
            raise Refused(
                N_("a polygon's outline is {length} pixels long; at most {limit} are drawn"),
                length=length,
                limit=_OUTLINE,
            )
        if length > self.left:
            raise Refused(N_("the file's polygons are longer than {limit} pixels together"), limit=_OUTLINES)
        self.left -= length


def _records(
    collector: Collector, file: str, place: str, records: list[Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for number_, record in enumerate(records):
        at = f"{place}[{number_}]"
        if isinstance(record, dict):
            yield at, record
        else:
            collector.report(
                file, at, Refused(N_("the record is {value}; expected an object"), value=shown(record))
            )


def _get(record: Mapping[str, Any], key: str) -> Any:
    if key not in record:
        raise Refused(N_("{field} is missing"), field=key)
    return record[key]


def _id(record: Mapping[str, Any], key: str) -> int:
    return whole(_get(record, key), key, -(2.0**53), 2.0**53)


def _key(record: Mapping[str, Any], key: str) -> int | str:
    """An image's id: COCO numbers them, others name them."""
    value = _get(record, key)
    return name(value, key) if isinstance(value, str) else _id(record, key)


def _image(collector: Collector, record: Mapping[str, Any]) -> None:
    id = _key(record, "id")
    width, height = (whole(record.get(key) or 0, key, 0, LONGEST) for key in ("width", "height"))
    title = name(record["file_name"], "file_name") if "file_name" in record else str(id)
    collector.add_image(title, id, width, height)


def _place(collector: Collector, record: Mapping[str, Any]) -> tuple[int, int]:
    image = collector.image_id(_key(record, "image_id"))
    return image, collector.category_id(_id(record, "category_id"))


def _box(record: Mapping[str, Any]) -> tuple[list[float], float]:
    """Corners, and the area by the sides as they stand in the file."""
    box = _get(record, "bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise Refused(N_("bbox is {value}; expected [left, top, width, height]"), value=shown(box))
    left, top = number(box[0], "bbox[0]"), number(box[1], "bbox[1]")
    width, height = number(box[2], "bbox[2]", 0), number(box[3], "bbox[3]", 0)
    return [left, top, left + width, top + height], width * height


def _mask(collector: Collector, image: int, record: Mapping[str, Any], outline: _Outline) -> Rle | None:
    """The segmentation as run lengths, or None where there is none."""
    value = record.get("segmentation")
    if not value:
        return None
    info = collector.images[image]
    known = (info.height, info.width) if info.height and info.width else None
    if known and (max(known) > _SIDE or known[0] * known[1] > _PIXELS):
        raise Refused(
            N_("an image of {width}×{height} is too large for masks"), width=known[1], height=known[0]
        )
    try:
        if isinstance(value, dict):
            return _rle(value, known)
        if isinstance(value, list):
            return _polygons(value, known, outline)
    except SettingError as error:
        raise Refused(error.message, **error.values) from error
    raise Refused(N_("segmentation is {value}; expected polygons or run lengths"), value=shown(value))


def _rle(value: Mapping[str, Any], known: tuple[int, int] | None) -> Rle:
    size = value.get("size")
    if not isinstance(size, list) or len(size) != 2:
        raise Refused(N_("segmentation.size is {value}; expected [height, width]"), value=shown(size))
    height, width = (whole(side, "segmentation.size", 0, _SIDE) for side in size)
    if height * width > _PIXELS:
        raise Refused(N_("an image of {width}×{height} is too large for masks"), width=width, height=height)
    if known and (height, width) != known:
        raise Refused(
            N_("the mask is {width}×{height}; the image is {image_width}×{image_height}"),
            width=width,
            height=height,
            image_width=known[1],
            image_height=known[0],
        )
    counts = value.get("counts")
    if isinstance(counts, str):
        return masks.from_string(counts, (height, width))
    if not isinstance(counts, list):
        raise Refused(N_("segmentation.counts is {value}; expected a list or a string"), value=shown(counts))
    return masks.from_counts(
        [whole(run, "segmentation.counts", 0, _PIXELS) for run in counts], (height, width)
    )


def _polygons(value: list[Any], known: tuple[int, int] | None, outline: _Outline) -> Rle:
    if known is None:
        raise Refused(N_("a polygon needs the image's width and height, which are missing"))
    polygons = []
    for part in value:
        if not isinstance(part, list):
            raise Refused(N_("segmentation holds {value}; expected a list of numbers"), value=shown(part))
        polygon = [number(x, "segmentation", -_SIDE, 2 * _SIDE) for x in part]
        outline.take(polygon)
        polygons.append(polygon)
    return masks.from_polygons(polygons, known)


def _truth(collector: Collector, record: Mapping[str, Any], outline: _Outline) -> None:
    image, category = _place(collector, record)
    box, area = _box(record)
    mask = _mask(collector, image, record, outline)
    if record.get("area") is not None:
        area = number(record["area"], "area", 0, LIMIT**2)
    elif mask is not None:
        area = float(masks.area(mask))
    id = record.get("id")
    collector.truth(
        image,
        category,
        box,
        area=area,
        crowd=flag(record.get("iscrowd"), "iscrowd"),
        difficult=flag(record.get("difficult"), "difficult"),
        mask=mask,
        id=None if id is None or isinstance(id, str) else _id(record, "id"),
    )


def _detection(collector: Collector, record: Mapping[str, Any], outline: _Outline, *, own: bool) -> None:
    """As pycocotools loads results: where there is a box its area counts, otherwise the mask's.

    Documents with both, which are our own, may tell another.
    """
    image, category = _place(collector, record)
    score = number(_get(record, "score"), "score")
    mask = _mask(collector, image, record, outline)
    if mask is not None and not record.get("bbox"):
        box, area = masks.bounding_box(mask).tolist(), float(masks.area(mask))
    else:
        box, area = _box(record)
    if own and record.get("area") is not None:
        area = number(record["area"], "area", 0, LIMIT**2)
    collector.detection(image, category, box, score, area=area, mask=mask)


def write_coco_json(data: DetectionSet) -> bytes:
    """One document with truths and detections, which :func:`cnnviz.metrics.files.reader.read` reads again.

    The same set comes back, but for the rounding of ``left + width`` where a box's corners are fractions
    that binary numbers don't hold, and but for ``extra``.
    """
    truths, found = data.truths, data.detections
    image_ids = [image.id for image in data.images]
    category_ids = [category.id for category in data.categories]
    document = {
        "info": {"description": data.name},
        "images": [
            {"id": image.id, "file_name": image.name, "width": image.width, "height": image.height}
            for image in data.images
        ],
        "categories": [{"id": category.id, "name": category.name} for category in data.categories],
        "annotations": [
            {
                "id": int(truths.ids[i]),
                "image_id": image_ids[truths.image[i]],
                "category_id": category_ids[truths.category[i]],
                "bbox": _xywh(truths.boxes[i].tolist()),
                "area": float(truths.area[i]),
                "iscrowd": int(truths.crowd[i]),
                "difficult": int(truths.difficult[i]),
                **_segmentation(truths.masks, i),
            }
            for i in range(len(truths))
        ],
        "detections": [
            {
                "image_id": image_ids[found.image[i]],
                "category_id": category_ids[found.category[i]],
                "bbox": _xywh(found.boxes[i].tolist()),
                "score": float(found.score[i]),
                "area": float(found.area[i]),
                **_segmentation(found.masks, i),
            }
            for i in range(len(found))
        ],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _xywh(box: list[float]) -> list[float]:
    """Widths that, added to the left again, give the right one wherever a double can."""
    return [*box[:2], _difference(box[2], box[0]), _difference(box[3], box[1])]


def _difference(end: float, start: float) -> float:
    length = end - start
    for candidate in (length, math.nextafter(length, math.inf), math.nextafter(length, 0)):
        if start + candidate == end:
            return candidate
    return length


def _segmentation(rles: tuple[Rle, ...] | None, i: int) -> dict[str, object]:
    if rles is None:
        return {}
    return {"segmentation": {"size": list(rles[i].size), "counts": masks.to_string(rles[i])}}
