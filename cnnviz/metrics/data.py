"""What is evaluated: ground truths and detections of a set of images, as arrays.

Boxes are xyxy in pixels, continuous: a box from 0 to 10 is ten pixels wide. Conventions that count
otherwise ('+1 pixel') belong to the measurement, not to the data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class ImageInfo:
    """One image: its id as the files have it, a name to show, and its size in pixels (0: unknown)."""

    id: int | str
    name: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Category:
    """One class of objects: its id as the files have it, and its name."""

    id: int
    name: str


@dataclass(frozen=True)
class Rle:
    """A mask as COCO stores it: run lengths of 0 and 1 in turn, down the columns, 0 first.

    Attributes:
        size: height and width.
        counts: (n,) run lengths, which sum to height × width.
    """

    size: tuple[int, int]
    counts: NDArray[np.uint32]


@dataclass(frozen=True)
class Truths:
    """The ground truths, one entry each, in the order of the file.

    Attributes:
        image: (N,) index into the images.
        category: (N,) index into the categories.
        boxes: (N, 4) xyxy in pixels.
        area: (N,) in square pixels: what the size ranges go by (COCO: the mask's area).
        crowd: (N,) marks a group that COCO calls `iscrowd`.
        difficult: (N,) VOC's flag.
        masks: one a ground truth, or None where the set has boxes only.
        ids: (N,) as the file has them; numbered from 1 where it has none.
    """

    image: Indices
    category: Indices
    boxes: Floats
    area: Floats
    crowd: Flags
    difficult: Flags
    ids: Indices
    masks: tuple[Rle, ...] | None = None

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class Detections:
    """The detections, one entry each, in the order of the file.

    Attributes:
        image, category: (M,) indices into images and categories.
        boxes: (M, 4) xyxy in pixels.
        score: (M,) confidence.
        area: (M,) in square pixels.
        masks: one a detection, or None.
    """

    image: Indices
    category: Indices
    boxes: Floats
    score: Floats
    area: Floats
    masks: tuple[Rle, ...] | None = None

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class DetectionSet:
    """A set of images with what is in them and what a detector found.

    Attributes:
        name: where it comes from, for titles and reports.
        extra: counts worth reporting, such as records that could not be read.
    """

    name: str
    images: tuple[ImageInfo, ...]
    categories: tuple[Category, ...]
    truths: Truths
    detections: Detections
    extra: Mapping[str, int] = field(default_factory=dict)

    def image_ranks(self) -> Indices:
        """(images,) their places in the order of their ids where those are numbers, else as they are.

        COCO settles equal scores in different images by it.
        """
        ids = [image.id for image in self.images]
        ranks = np.arange(len(ids))
        if all(isinstance(image, int) for image in ids):
            ranks[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
        return ranks
