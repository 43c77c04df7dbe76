"""How well two boxes agree: IoU and its three descendants.

Boxes are xyxy in pixels. The continuous convention gives a box from 0 to 9 a width of 9; the '+1 pixel'
convention of the VOC devkit takes 0 and 9 for the first and last pixel of it, and gives it 10.

- IoU: Everingham et al., 'The PASCAL Visual Object Classes Challenge' (2010), section 4.2.
- GIoU = IoU − (enclosing − union) / enclosing: Rezatofighi et al., arXiv 1902.09630, algorithm 1.
- DIoU = IoU − ρ²/c², with ρ the distance of the centres and c the diagonal of the enclosing box:
  Zheng et al., arXiv 1911.08287, equation 7.
- CIoU = DIoU − αv, with v = 4/π² (atan(w/h) − atan(w'/h'))² and α = v / (1 − IoU + v): the same paper,
  equations 8, 9 and 11.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.metrics.data import Flags, Floats

Box = tuple[float, float, float, float]

NO_AREA = N_("neither box has an area: the IoU would be 0/0")
NO_ASPECT = N_("a box has neither width nor height: it has no aspect ratio")


def areas(boxes: Floats, *, plus_one: bool = False) -> Floats:
    """The area of each box of (..., 4), in square pixels; 0 where a side is negative.

    COCO's files hold a width, of which right − left has lost the last bits: enough for an IoU of exactly 1/2
    to miss its threshold. A side that is a number of six decimals but for rounding is taken for that number.

    >>> areas(np.array([[0., 0., 9., 9.]])), areas(np.array([[0., 0., 9., 9.]]), plus_one=True)
    (array([81.]), array([100.]))
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    short = sides.round(6)
    sides = np.where(np.abs(sides - short) < 1e-10, short, sides) + plus_one
    return np.maximum(sides, 0).prod(axis=-1)


def intersection(boxes: Floats, others: Floats, *, plus_one: bool = False) -> Floats:
    """The area that boxes and others (..., 4), broadcast against each other, have in common."""
    # Side by side rather than as vectors of two: numpy is several times faster on the long axis.
    width = np.minimum(boxes[..., 2], others[..., 2])
    width -= np.maximum(boxes[..., 0], others[..., 0])
    height = np.minimum(boxes[..., 3], others[..., 3])
    height -= np.maximum(boxes[..., 1], others[..., 1])
    return np.maximum(width + plus_one, 0) * np.maximum(height + plus_one, 0)


def ratio(common: Floats, own: Floats, other: Floats, crowd: Flags | None = None) -> Floats:
    """Intersection over union from three areas, broadcast against each other.

    Args:
        crowd: where the other is a crowd. As in COCO the union is then the area of one's own alone: what
            lies inside a crowd overlaps it by 1.

    Returns:
        0 … 1; 0 where neither has an area, so that what is empty matches nothing.
    """
    union = own + other - common
    if crowd is not None:
        union = np.where(crowd, own, union)
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def iou(boxes: Floats, others: Floats, *, plus_one: bool = False, crowd: Flags | None = None) -> Floats:
    """IoU of boxes with others, (..., 4) both, broadcast against each other; float64.

    Args:
        plus_one: count the last pixel, as the VOC devkit does.
        crowd: which of the others mark a crowd, as in :func:`ratio`.
    """
    common = intersection(boxes, others, plus_one=plus_one)
    return ratio(common, areas(boxes, plus_one=plus_one), areas(others, plus_one=plus_one), crowd)


def iou_matrix(
    boxes: Floats, others: Floats, *, plus_one: bool = False, crowd: Flags | None = None
) -> NDArray[np.float64]:
    """IoU of each of N boxes with each of M others: (N, M); `crowd`, (M,), and the values as in :func:`iou`.

    >>> iou_matrix(np.array([[0., 0., 10., 10.]]), np.array([[0., 0., 10., 5.], [20., 0., 30., 10.]]))
    array([[0.5, 0. ]])
    """
    return iou(boxes[:, None, :], others[None, :, :], plus_one=plus_one, crowd=crowd)


@dataclass(frozen=True)
class BoxPair:
    """Two boxes, measured.

    Attributes:
        areas: of the first and the second, in square pixels.
        intersection: what they share as a box, or None where they share no area.
        intersection_area, union_area: in square pixels.
        enclosing: the smallest box around both.
        iou: 0 … 1.
        giou: −1 … 1, as are diou and (from −2 in theory) ciou. Each is None where it is undefined.
        undefined: why, by measure, as an English sentence to translate.
    """

    areas: tuple[float, float]
    intersection: Box | None
    intersection_area: float
    union_area: float
    enclosing: Box
    iou: float | None
    giou: float | None
    diou: float | None
    ciou: float | None
    undefined: Mapping[str, str] = field(default_factory=dict)


def compare(a: Box, b: Box, plus_one: bool = False) -> BoxPair:
    """Measure two boxes (xyxy, pixels) against each other.

    Degenerate boxes: a box without area has an IoU of 0 with a box that has one. Where neither has an
    area, all four measures are 0/0, and None. Where one is a single point, its aspect ratio and with
    it the CIoU are undefined. In the '+1 pixel' convention no box is without an area.

    Raises:
        SettingError: a coordinate isn't finite, or a box ends before it begins.

    >>> pair = compare((0, 0, 2, 2), (1, 1, 3, 3))
    >>> round(pair.iou, 4), round(pair.giou, 4), round(pair.diou, 4)
    (0.1429, -0.0794, 0.0317)
    """
    for box in (a, b):
        if not all(map(math.isfinite, box)):
            raise SettingError(N_("a box needs four finite coordinates; it is {box}"), box=box)
        if box[2] < box[0] or box[3] < box[1]:
            raise SettingError(
                N_("a box is (left, top, right, bottom) and may not end before it begins; it is {box}"),
                box=box,
            )
    first, second = np.array(a, np.float64), np.array(b, np.float64)
    own, other = (float(areas(box, plus_one=plus_one)) for box in (first, second))
    common = float(intersection(first, second, plus_one=plus_one))
    inner = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    enclosing = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
    union = own + other - common

    def pair(
        measures: tuple[float | None, float | None, float | None, float | None], undefined: Mapping[str, str]
    ) -> BoxPair:
        shared = inner if common > 0 else None
        return BoxPair((own, other), shared, common, union, enclosing, *measures, undefined)

    if union <= 0:
        return pair((None, None, None, None), dict.fromkeys(("iou", "giou", "diou", "ciou"), NO_AREA))
    ratio = common / union
    width, height = enclosing[2] - enclosing[0] + plus_one, enclosing[3] - enclosing[1] + plus_one
    giou = ratio - (width * height - union) / (width * height)
    offset = ((a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2)
    diou = ratio - (offset[0] ** 2 + offset[1] ** 2) / (width**2 + height**2)
    sides = [(box[2] - box[0] + plus_one, box[3] - box[1] + plus_one) for box in (a, b)]
    if (0, 0) in sides:
        return pair((ratio, giou, diou, None), {"ciou": NO_ASPECT})
    angle, other_angle = (math.atan2(*side) for side in sides)
    v = 4 / math.pi**2 * (angle - other_angle) ** 2
    # Where v is 0, α may be 0/0; the term is 0 all the same.
    ciou = diou - (v * v / (1 - ratio + v) if v else 0)
    return pair((ratio, giou, diou, ciou), {})
