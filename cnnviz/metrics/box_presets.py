"""Pairs of boxes that show what a measure can and cannot say, and one box slid past another."""

from collections.abc import Mapping
from dataclasses import dataclass

from cnnviz.messages import N_
from cnnviz.metrics.boxes import Box, BoxPair, compare

WIDTH, HEIGHT = 40, 30
"""The canvas, in pixels: small enough for a pixel to be seen and counted."""


@dataclass(frozen=True)
class Pair:
    """Two boxes with a name, xyxy in pixels."""

    title: str
    a: Box
    b: Box


PAIRS: Mapping[str, Pair] = {
    "overlap": Pair(N_("Overlapping"), (6, 6, 22, 20), (14, 10, 34, 20)),
    "equal": Pair(N_("Equal"), (10, 8, 26, 20), (10, 8, 26, 20)),
    "nested": Pair(N_("Nested"), (6, 4, 34, 26), (22, 14, 32, 24)),
    "centred": Pair(N_("Nested, same centre"), (6, 5, 34, 25), (10, 11, 30, 19)),
    "touching": Pair(N_("Touching"), (6, 8, 18, 20), (18, 8, 30, 20)),
    "near": Pair(N_("Apart, near"), (4, 9, 14, 19), (17, 9, 27, 19)),
    "far": Pair(N_("Apart, far"), (2, 2, 10, 10), (30, 20, 38, 28)),
    "cross": Pair(N_("Crossed"), (16, 2, 24, 28), (6, 11, 34, 19)),
    "line": Pair(N_("A line in a box"), (8, 6, 28, 22), (12, 14, 24, 14)),
    "points": Pair(N_("Two points"), (12, 15, 12, 15), (28, 15, 28, 15)),
}
"""Presets of the lesson, by id."""


def slide(a: Box, b: Box, plus_one: bool = False) -> tuple[BoxPair, ...]:
    """B against A with B's left side at 0, 1, … 40, at its own height; it may reach over the canvas's edge.

    >>> [round(pair.iou, 2) for pair in slide((0, 0, 20, 30), (0, 0, 20, 30))][:3]
    [1.0, 0.9, 0.82]
    """
    width = b[2] - b[0]
    return tuple(compare(a, (left, b[1], left + width, b[3]), plus_one) for left in range(WIDTH + 1))
