"""What every format shares: checked values, records that are kept, and problems that are reported."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from cnnviz.errors import AnnotationError, CnnvizError
from cnnviz.messages import N_
from cnnviz.metrics.data import (
    Category,
    Detections,
    DetectionSet,
    ImageInfo,
    Rle,
    Truths,
)

MAX_RECORDS = 1_000_000
"""Most truths and detections together."""

MAX_PROBLEMS = 500
"""So many problems are kept; the others are only counted."""

MAX_UNREAD = 100_000
"""With more records that cannot be read, the file is taken for something else."""

LIMIT = 1e6
"""Largest coordinate and score: beyond any image, and its square is still exact."""

LONGEST = 1e5
"""Longest side of an image, in pixels."""

MAX_CATEGORIES = 10_000

NAME = 100
"""Longest name, in characters, that is kept whole."""


_ENDINGS = frozenset(["jpg", "jpeg", "png", "bmp", "gif", "webp", "tif", "tiff", "txt", "xml"])


class Refused(CnnvizError):
    """One record cannot be read; caught, and kept as a :class:`Problem`."""


@dataclass(frozen=True)
class Problem:
    """A record that could not be read, and why.

    Attributes:
        file: which file, archive entries as ``archive.zip/entry.txt``.
        record: a line's number counted from 1, a place such as ``annotations[3]``, or ``""``: all of it.
        message: an English sentence marked for translation, with fields.
        values: what the fields stand for.
    """

    file: str
    record: int | str
    message: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        return self.message.format(**self.values)


@dataclass(frozen=True)
class Reading:
    """What was read.

    Attributes:
        data: the records that could be read; its ``extra`` counts ``truths``, ``detections`` and
            ``unread`` records, and ``assumed_sizes``, the images whose size had to be assumed.
        formats: the format of the truths and, if another file held them, of the detections.
        problems: the first :data:`MAX_PROBLEMS` records that could not be read.
        unread: how many could not be read.
    """

    data: DetectionSet
    formats: tuple[str, ...]
    problems: tuple[Problem, ...]
    unread: int


def shown(value: object) -> str:
    """A value from a file as it can stand in a sentence: JSON, cut off after 40 characters."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    text = clean(text)
    return text if len(text) <= 40 else text[:39] + "…"


def clean(text: str) -> str:
    """Without what cannot be shown or written again: control characters and halves of surrogates."""
    text = "".join(letter if letter.isprintable() else " " for letter in text[:10_000])
    return text.strip()


def name(value: object, field: str) -> str:
    """A name that is not empty, at most :data:`NAME` characters of it."""
    text = clean(value)[:NAME].strip() if isinstance(value, str) else ""
    if not text:
        raise Refused(N_("{field} is {value}; expected a name"), field=field, value=shown(value))
    return text


def number(value: object, field: str, low: float = -LIMIT, high: float = LIMIT) -> float:
    """A finite number within the limits, from JSON or from text."""
    if type(value) in (float, int) and low <= value <= high:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]  # most of them, in a hundred thousand records
    result = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        result = float(value) if abs(value) < 1e300 else math.nan
    elif isinstance(value, str) and "_" not in value:
        with suppress(ValueError):
            result = float(value)
    if not math.isfinite(result):
        raise Refused(N_("{field} is {value}; expected a finite number"), field=field, value=shown(value))
    if not low <= result <= high:
        raise Refused(
            N_("{field} is {value}; expected a number from {low} to {high}"),
            field=field,
            value=shown(value),
            low=f"{low:.15g}",
            high=f"{high:.15g}",
        )
    return result


def whole(value: object, field: str, low: float = -LIMIT, high: float = LIMIT) -> int:
    """As :func:`number`, without a fraction."""
    result = number(value, field, low, high)
    if result != int(result):
        raise Refused(N_("{field} is {value}; expected a whole number"), field=field, value=shown(value))
    return int(result)


def flag(value: object, field: str) -> bool:
    """0 or 1, or nothing for 0."""
    if value is None or value == "":
        return False
    return bool(whole(int(value) if isinstance(value, bool) else value, field, 0, 1))


def corners(values: list[float]) -> list[float]:
    """xyxy whose right is not left of its left, nor its bottom above its top."""
    x1, y1, x2, y2 = values
    if x2 < x1 or y2 < y1:
        raise Refused(
            N_("the box runs from ({x1}, {y1}) to ({x2}, {y2}); expected left ≤ right and top ≤ bottom"),
            x1=f"{x1:.10g}",
            y1=f"{y1:.10g}",
            x2=f"{x2:.10g}",
            y2=f"{y2:.10g}",
        )
    return values


def stem(path: str) -> str:
    """The file's name without folders and without the ending of a picture or of its labels.

    >>> stem("labels/train/0001.txt"), stem("frame.1")
    ('0001', 'frame.1')
    """
    file = PurePosixPath(path.replace("\\", "/")).name
    base, dot, ending = file.rpartition(".")
    return clean(base if dot and base and ending.lower() in _ENDINGS else file)[:NAME]


class Collector:
    """Gathers images, categories and records of both files, and turns them into a :class:`Reading`.

    Args:
        size: width and height of images whose size nothing tells, where a format needs it.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.ids_given = False
        """Whether the truths number their categories, so that detections can name them by number."""
        self.assumed: set[int] = set()
        self.unread = 0
        self.problems: list[Problem] = []
        self.images: list[ImageInfo] = []
        self.categories: list[Category] = []
        self._images: dict[str, int] = {}
        self._image_names: dict[str, int | None] = {}
        self._categories: dict[int, int] = {}
        self._category_names: dict[str, int] = {}
        self._truths: list[tuple[int, int, list[float], float, bool, bool, Rle | None, int | None]] = []
        self._truth_ids: set[int] = set()
        self._detections: list[tuple[int, int, list[float], float, float, Rle | None]] = []
        self.closed = False
        """Whether images and categories are known, so that an unknown one is a mistake."""

    def report(self, file: str, record: int | str, why: CnnvizError) -> None:
        """Count a record that could not be read, and keep why."""
        self.unread += 1
        if self.unread > MAX_UNREAD:
            raise AnnotationError(
                N_("{file} has more than {limit} records that cannot be read."), file=file, limit=MAX_UNREAD
            )
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(file, record, why.message, why.values))

    def add_image(self, name: str, id: int | str | None = None, width: int = 0, height: int = 0) -> int:
        """A new image; other formats may then name it by id, file name or file name without ending."""
        key = str(name if id is None else id)
        if key in self._images:
            raise Refused(N_("the image {name} is described a second time"), name=shown(key))
        self._count(len(self.images))
        index = self._images[key] = len(self.images)
        for alias in {name, stem(name)}:  # None where it could be one of several
            self._image_names[alias] = None if alias in self._image_names else index
        self.images.append(ImageInfo(name if id is None else id, name, width, height))
        return index

    def find_image(self, key: str) -> int | None:
        """By id, by name, or by name without ending."""
        if key in self._images:
            return self._images[key]
        if key in self._image_names:
            return self._image_names[key]
        return self._image_names.get(stem(key))

    def image(self, key: str) -> int:
        """The image called `key`; a new one as long as they are not all known."""
        if not self.closed:
            return self._images[key] if key in self._images else self.add_image(key)
        index = self.find_image(key)
        if index is None:
            raise Refused(N_("the image {name} is not among the ground truths' images"), name=shown(key))
        return index

    def image_id(self, id: int | str) -> int:
        """The image with this id, whatever the others are called."""
        if str(id) not in self._images:
            raise Refused(N_("the image id {id} is not among the ground truths' images"), id=shown(id))
        return self._images[str(id)]

    def add_category(self, name: str, id: int | None = None) -> int:
        if id is None:
            id = len(self.categories) + 1
        if id in self._categories or name in self._category_names:
            raise Refused(N_("the category {name} with id {id} is described a second time"), name=name, id=id)
        if len(self.categories) == MAX_CATEGORIES:
            raise Refused(N_("there are more than {limit} categories"), limit=MAX_CATEGORIES)
        index = self._categories[id] = self._category_names[name] = len(self.categories)
        self.categories.append(Category(id, name))
        return index

    def find_category(self, name: str) -> int | None:
        return self._category_names.get(name)

    def category(self, name: str) -> int:
        """The category called `name`; a new one as long as they are not all known."""
        index = self.find_category(name)
        if index is None and self.closed:
            raise Refused(
                N_("the category {name} is not among the ground truths' categories"), name=shown(name)
            )
        return self.add_category(name) if index is None else index

    def category_id(self, id: int, *, create: bool = False) -> int:
        """The category numbered `id`; where it may be created, the number is its name too."""
        if id not in self._categories:
            if create:
                return self.add_category(str(id), id)
            raise Refused(N_("the category id {id} is not among the ground truths' categories"), id=id)
        return self._categories[id]

    def truth(
        self,
        image: int,
        category: int,
        box: list[float],
        *,
        area: float | None = None,
        crowd: bool = False,
        difficult: bool = False,
        mask: Rle | None = None,
        id: int | None = None,
    ) -> None:
        self._count(len(self._truths) + len(self._detections))
        if id is not None:
            if id in self._truth_ids:
                raise Refused(N_("the annotation id {id} is used a second time"), id=id)
            self._truth_ids.add(id)
        area = _area(box) if area is None else area
        self._truths.append((image, category, box, area, crowd, difficult, mask, id))

    def detection(
        self,
        image: int,
        category: int,
        box: list[float],
        score: float,
        *,
        area: float | None = None,
        mask: Rle | None = None,
    ) -> None:
        self._count(len(self._truths) + len(self._detections))
        self._detections.append((image, category, box, score, _area(box) if area is None else area, mask))

    def width_height(self, image: int) -> tuple[int, int]:
        """The image's size, or the assumed one."""
        info = self.images[image]
        if info.width and info.height:
            return info.width, info.height
        self.assumed.add(image)
        return self.size

    def finish(self, title: str, formats: tuple[str, ...]) -> Reading:
        truths, found = self._truths, self._detections
        columns = list(zip(*truths, strict=True)) or [()] * 8
        ids = columns[7] if len(self._truth_ids) == len(truths) else range(1, len(truths) + 1)
        found_columns = list(zip(*found, strict=True)) or [()] * 6
        data = DetectionSet(
            title,
            tuple(self.images),
            tuple(self.categories),
            Truths(
                image=np.array(columns[0], np.int64),
                category=np.array(columns[1], np.int64),
                boxes=np.array(columns[2], np.float64).reshape(-1, 4),
                area=np.array(columns[3], np.float64),
                crowd=np.array(columns[4], bool),
                difficult=np.array(columns[5], bool),
                ids=np.array(ids, np.int64),
                masks=_all(columns[6]),
            ),
            Detections(
                image=np.array(found_columns[0], np.int64),
                category=np.array(found_columns[1], np.int64),
                boxes=np.array(found_columns[2], np.float64).reshape(-1, 4),
                score=np.array(found_columns[3], np.float64),
                area=np.array(found_columns[4], np.float64),
                masks=_all(found_columns[5]),
            ),
            Counter(
                truths=len(truths),
                detections=len(found),
                unread=self.unread,
                assumed_sizes=len(self.assumed),
            ),
        )
        return Reading(data, formats, tuple(self.problems), self.unread)

    def _count(self, number: int) -> None:
        if number >= MAX_RECORDS:
            raise AnnotationError(
                N_("The files hold more than {limit} records; expected at most as many."), limit=MAX_RECORDS
            )


def _area(box: list[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _all(masks: tuple[Rle | None, ...]) -> tuple[Rle, ...] | None:
    """The masks, if every record has one."""
    there = tuple(mask for mask in masks if mask is not None)
    return there if there and len(there) == len(masks) else None
