"""A small set made by hand, in which every convention matters: the default of the lessons.

At an IoU threshold of 0.5, by arithmetic (a test repeats it):

- truth 1 and its detection overlap by 266/534 = 0.498, with '+1 pixel' by 300/582 = 0.515;
- truth 5 and its detection by exactly 1/2: a match under ≥, none under >;
- the second detection on image 2 overlaps a truth that is taken best, by 36/44, and a free one by 34/46;
- two cups have the score 0.70: the first is one, the second is on an image without any;
- truth 7 is difficult, truth 9 a crowd, and each is found.
"""

import numpy as np

from cnnviz.messages import N_
from cnnviz.metrics.data import Category, Detections, DetectionSet, ImageInfo, Truths

CUP, BOTTLE = 0, 1

# image (from 1), class, x1, y1, x2, y2
_TRUTHS = (
    (1, CUP, 20, 20, 40, 40),
    (1, CUP, 90, 50, 130, 90),
    (2, CUP, 30, 30, 70, 70),
    (2, CUP, 40, 30, 80, 70),
    (3, CUP, 50, 40, 80, 60),
    (3, CUP, 100, 20, 140, 80),
    (4, CUP, 100, 60, 120, 90),
    (4, CUP, 50, 70, 80, 110),
    (5, CUP, 10, 50, 150, 110),
    (5, CUP, 60, 5, 100, 45),
    (6, BOTTLE, 20, 10, 45, 90),
    (6, BOTTLE, 70, 20, 95, 100),
    (6, BOTTLE, 120, 30, 140, 110),
    (3, BOTTLE, 10, 20, 30, 100),
    (4, CUP, 5, 20, 45, 60),
)
_DIFFICULT, _CROWD = 6, 8

# and the score last
_DETECTIONS = (
    (1, CUP, 26, 21, 46, 41, 0.82),
    (1, CUP, 92, 52, 130, 92, 0.95),
    (1, CUP, 100, 5, 130, 30, 0.33),
    (2, CUP, 30, 30, 70, 70, 0.91),
    (2, CUP, 34, 30, 74, 70, 0.76),
    (3, CUP, 50, 40, 65, 60, 0.64),
    (3, CUP, 104, 22, 140, 80, 0.70),
    (3, BOTTLE, 12, 20, 30, 96, 0.86),
    (3, BOTTLE, 145, 70, 158, 110, 0.50),
    (4, CUP, 101, 61, 120, 90, 0.88),
    (4, CUP, 52, 70, 80, 108, 0.58),
    (4, CUP, 11, 26, 51, 66, 0.55),
    (5, CUP, 20, 60, 50, 100, 0.66),
    (5, CUP, 80, 55, 120, 100, 0.52),
    (5, CUP, 62, 6, 100, 44, 0.79),
    (5, CUP, 64, 8, 98, 45, 0.47),
    (6, BOTTLE, 21, 12, 46, 92, 0.93),
    (6, CUP, 70, 22, 95, 100, 0.61),
    (6, BOTTLE, 80, 20, 105, 100, 0.44),
    (6, CUP, 5, 95, 30, 118, 0.29),
    (7, CUP, 10, 10, 50, 40, 0.70),
    (7, BOTTLE, 100, 10, 120, 50, 0.35),
    (7, CUP, 60, 60, 100, 100, 0.41),
    (7, BOTTLE, 130, 40, 150, 110, 0.25),
)


def example() -> DetectionSet:
    """7 images of 160×120 pixels, 15 truths and 24 detections of two classes.

    >>> data = example()
    >>> len(data.images), len(data.truths), len(data.detections)
    (7, 15, 24)
    """
    truths, found = np.array(_TRUTHS, np.float64), np.array(_DETECTIONS, np.float64)
    numbers = np.arange(len(truths))
    return DetectionSet(
        "example",
        tuple(ImageInfo(number, f"image {number}", 160, 120) for number in range(1, 8)),
        (Category(1, N_("cup")), Category(2, N_("bottle"))),
        Truths(
            image=truths[:, 0].astype(np.int64) - 1,
            category=truths[:, 1].astype(np.int64),
            boxes=truths[:, 2:],
            area=(truths[:, 4:] - truths[:, 2:4]).prod(1),
            crowd=numbers == _CROWD,
            difficult=numbers == _DIFFICULT,
            ids=numbers + 1,
        ),
        Detections(
            image=found[:, 0].astype(np.int64) - 1,
            category=found[:, 1].astype(np.int64),
            boxes=found[:, 2:6],
            score=found[:, 6],
            area=(found[:, 4:6] - found[:, 2:4]).prod(1),
        ),
    )
