"""Pairs of masks whose IoU and the IoU of whose boxes have little to do with each other.

Both masks of a pair lie in one label map, (48, 48) uint8: 1 where A is, 2 where B is, 3 where both are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnviz.messages import N_
from cnnviz.metrics.boxes import BoxPair, compare

SIDE = 48
"""Height and width of the masks, in pixels."""

Mask = NDArray[np.bool_]
Layers = NDArray[np.uint8]

_Y, _X = np.mgrid[:SIDE, :SIDE] + 0.5


@dataclass(frozen=True)
class MaskPair:
    """Two masks against each other, and their boxes.

    Attributes:
        areas: pixels of A and of B.
        intersection, union: pixels.
        iou: of the masks; None where neither has a pixel.
        boxes: the smallest boxes around A and B, xyxy with right and bottom excluded; None where empty.
        of_boxes: the boxes measured; None where one is missing.
    """

    areas: tuple[int, int]
    intersection: int
    union: int
    iou: float | None
    boxes: tuple[tuple[int, int, int, int] | None, tuple[int, int, int, int] | None]
    of_boxes: BoxPair | None


def layers(a: Mask, b: Mask) -> Layers:
    """Both masks in one map."""
    return a.astype(np.uint8) + 2 * b.astype(np.uint8)


def compare_masks(both: Layers) -> MaskPair:
    """Measure A and B of a map of layers.

    >>> pair = compare_masks(np.array([[1, 3, 2]], np.uint8))
    >>> round(pair.iou, 3), pair.boxes
    (0.333, ((0, 0, 2, 1), (1, 0, 3, 1)))
    """
    a, b = (both & 1) > 0, (both & 2) > 0
    common, union = int((a & b).sum()), int((a | b).sum())
    boxes = box_around(a), box_around(b)
    of_boxes = compare(boxes[0], boxes[1]) if boxes[0] and boxes[1] else None
    return MaskPair(
        (int(a.sum()), int(b.sum())), common, union, common / union if union else None, boxes, of_boxes
    )


def box_around(mask: Mask) -> tuple[int, int, int, int] | None:
    """The smallest box around a mask (H, W), xyxy; None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _disc(x: float, y: float, radius: float) -> Mask:
    return np.asarray((_X - x) ** 2 + (_Y - y) ** 2 <= radius**2)


def _bar(falling: bool) -> Mask:
    """A bar along a diagonal, from corner to corner of a square."""
    inside = np.maximum(abs(_X - SIDE / 2), abs(_Y - SIDE / 2)) < 18
    return np.asarray((abs(_X - _Y if falling else _X + _Y - SIDE) < 6) & inside)


def _triangle(upper: bool) -> Mask:
    inside = np.maximum(abs(_X - SIDE / 2), abs(_Y - SIDE / 2)) < 18
    return np.asarray(inside & ((_X > _Y) if upper else (_X < _Y)))


def _ring() -> Mask:
    return _disc(24, 24, 20) & ~_disc(24, 24, 13)


@dataclass(frozen=True)
class Preset:
    """A pair of masks with a name."""

    title: str
    make: Callable[[], Layers]


PRESETS: Mapping[str, Preset] = {
    "bars": Preset(N_("Crossed bars"), lambda: layers(_bar(True), _bar(False))),
    "triangles": Preset(N_("Two halves of a square"), lambda: layers(_triangle(True), _triangle(False))),
    "ring": Preset(N_("A disc in a ring"), lambda: layers(_ring(), _disc(24, 24, 10))),
    "discs": Preset(N_("Overlapping discs"), lambda: layers(_disc(19, 22, 13), _disc(28, 26, 13))),
    "corners": Preset(N_("Discs, corner to corner"), lambda: layers(_disc(16, 16, 12), _disc(33, 33, 12))),
    "equal": Preset(N_("Equal"), lambda: layers(_disc(24, 24, 15), _disc(24, 24, 15))),
    "one": Preset(N_("B is empty"), lambda: layers(_disc(24, 24, 15), _disc(0, 0, 0))),
    "none": Preset(N_("Both are empty"), lambda: layers(_disc(0, 0, 0), _disc(0, 0, 0))),
}
"""Presets of the lesson, by id."""
