"""Pictures for :mod:`cnnviz.metrics.example`, drawn from its truths: cups and bottles on a table."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cnnviz.metrics.data import DetectionSet
from cnnviz.metrics.example import CUP

SCALE = 4
"""Pixels of a picture for each pixel of the set: 160×120 pixels would look coarse."""

Pixels = NDArray[np.uint8]
_WALL, _TABLE, _EDGE = (226, 221, 211), (197, 178, 152), (120, 104, 86)
_COLOURS = ((206, 108, 92), (96, 138, 178), (118, 152, 108), (176, 126, 168))


def draw_example(data: DetectionSet, image: int) -> Pixels:
    """(480, 640, 3) uint8: one picture of the example, four times the size that its boxes count in.

    A crowd is drawn as many small cups, a difficult truth half in the dark.
    """
    info, truths = data.images[image], data.truths
    width, height = SCALE * info.width, SCALE * info.height
    canvas = np.full((height, width, 3), _WALL, np.uint8)
    canvas[int(0.62 * height) :] = _TABLE
    for truth in np.flatnonzero(truths.image == image).tolist():
        x1, y1, x2, y2 = (truths.boxes[truth] * SCALE).tolist()
        colour = _COLOURS[truth % len(_COLOURS)]
        if truths.crowd[truth]:
            places = [(x, y) for y in np.linspace(y1, y2, 4)[:-1] for x in np.linspace(x1, x2, 9)[:-1]]
            w, h = (x2 - x1) / 8, (y2 - y1) / 3
            for number, (x, y) in enumerate(places):
                _cup(canvas, (x + 3, y + 3, x + w - 3, y + h - 3), _COLOURS[number % len(_COLOURS)])
        elif truths.category[truth] == CUP:
            _cup(canvas, (x1, y1, x2, y2), colour)
        else:
            _bottle(canvas, (x1, y1, x2, y2), colour)
        if truths.difficult[truth]:
            left, top, right, bottom = (round(side) for side in (x1, y1, x2, y2))
            shadow = canvas[top:bottom, left : (left + 2 * right) // 3]
            shadow[:] = (0.25 * shadow + 0.75 * np.array(_EDGE)).astype(np.uint8)
    return canvas


def _fill(canvas: Pixels, points: list[tuple[float, float]], colour: tuple[int, int, int]) -> None:
    corners = [np.array(points).round().astype(np.int32)]
    cv2.fillPoly(canvas, corners, colour, cv2.LINE_AA)
    cv2.polylines(canvas, corners, True, _EDGE, 2, cv2.LINE_AA)


def _cup(canvas: Pixels, box: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
    """A body that tapers, and a handle on its right; it touches all four sides."""
    x1, y1, x2, y2 = box
    body = x2 - 0.2 * (x2 - x1)
    centre = round(body), round(y1 + 0.45 * (y2 - y1))
    radii = max(round(x2 - body) - 2, 1), max(round(0.22 * (y2 - y1)), 1)
    cv2.ellipse(canvas, centre, radii, 0, -90, 90, _EDGE, 6, cv2.LINE_AA)
    inset = 0.1 * (body - x1)
    _fill(canvas, [(x1, y1), (body, y1), (body - inset, y2), (x1 + inset, y2)], colour)
    middle = round((x1 + body) / 2), round(y1 + 0.06 * (y2 - y1))
    cv2.ellipse(canvas, middle, (round(0.4 * (body - x1)), round(0.04 * (y2 - y1))), 0, 0, 360, _EDGE, -1)


def _bottle(canvas: Pixels, box: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
    """A neck, shoulders, and a label."""
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    neck, shoulder = (x1 + 0.34 * w, x2 - 0.34 * w), y1 + 0.42 * h
    _fill(
        canvas,
        [(neck[0], y1), (neck[1], y1), (neck[1], y1 + 0.25 * h), (x2, shoulder), (x2, y2),
         (x1, y2), (x1, shoulder), (neck[0], y1 + 0.25 * h)],
        colour,
    )  # fmt: skip
    _fill(canvas, [(x1, y1 + 0.55 * h), (x2, y1 + 0.55 * h), (x2, y1 + 0.8 * h), (x1, y1 + 0.8 * h)], _WALL)
