"""Drawn scenes whose truth is known: coloured shapes, as crowded, hidden and noisy as is asked for.

One scene depends on the settings and its number alone, so that a page can draw any of thousands again
instead of keeping them. The random numbers don't depend on difficulty, noise and occlusion: moving a
slider changes the same scene instead of showing another one.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cnnviz.messages import N_
from cnnviz.ranges import check_ranges

SIDE = 128
"""Height and width of a scene, in pixels."""

SHAPES = (N_("circle"), N_("square"), N_("triangle"), N_("star"))
"""The classes, by index."""

MAX_SCENES = 20_000
TRAINING_SEED = 2**31
"""Seeds from here on belong to the detector's training; settings cannot name them."""

_MAX_SHAPES = 8
_PLACES = 12
_SUBPIXEL = 4  # bits after the point in the coordinates that cv2 takes
_COLOURS = np.array(
    [(214, 40, 40), (35, 90, 200), (30, 150, 70), (240, 190, 30), (130, 60, 170), (235, 120, 30),
     (20, 160, 170), (225, 90, 150)], np.float64
)  # fmt: skip


@dataclass(frozen=True)
class SceneSettings:
    """What the scenes are like.

    Attributes:
        count: how many.
        difficulty: 0 to 1: more, smaller, turned, stretched and paler shapes on a busier ground.
        noise: 0 to 1: standard deviation of Gaussian noise, in units of 80 grey levels.
        occlusion: 0 to 1: how probable it is that a shape is put over an earlier one.
        seed: 0 to 2³¹ − 1; another seed is another set of scenes.

    Raises:
        SettingError: a value lies outside its range.
    """

    count: int = 300
    difficulty: float = 0.3
    noise: float = 0.2
    occlusion: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        sliders = {"difficulty": (0, 1), "noise": (0, 1), "occlusion": (0, 1)}
        check_ranges(self, {"count": (1, MAX_SCENES), **sliders, "seed": (0, TRAINING_SEED - 1)})


@dataclass(frozen=True, eq=False)
class Scene:
    """One drawn image and what is in it.

    Attributes:
        image: (128, 128, 3) uint8 RGB.
        category: (N,) int64, index into :data:`SHAPES`.
        boxes: (N, 4) float64 xyxy in pixels, tight around what can be seen of each shape.
        masks: (N, 128, 128) bool, what can be seen of each shape; no two of them overlap.
        visible: (N,) float64, which part of each shape can be seen, above 0 and up to 1.
    """

    image: NDArray[np.uint8]
    category: NDArray[np.int64]
    boxes: NDArray[np.float64]
    masks: NDArray[np.bool_]
    visible: NDArray[np.float64]


def draw(settings: SceneSettings, index: int) -> Scene:
    """Scene number `index`, the same one each time.

    >>> scene = draw(SceneSettings(difficulty=0, noise=0, occlusion=0, seed=1), 0)
    >>> scene.image.shape, bool((scene.visible == 1).all())
    ((128, 128, 3), True)
    """
    return draw_from(settings.seed, index, settings.difficulty, settings.noise, settings.occlusion)


def scenes(settings: SceneSettings) -> Iterator[Scene]:
    """All of them in turn."""
    return (draw(settings, index) for index in range(settings.count))


def draw_from(seed: int, index: int, difficulty: float, noise: float, occlusion: float) -> Scene:
    """As :func:`draw`, with any seed: for the detector's training."""
    random = np.random.default_rng((seed, index))
    image = _ground(random.random(8), difficulty)
    number = 1 + int(random.random() * (3 + (_MAX_SHAPES - 3) * difficulty))
    placed: list[tuple[float, float, float]] = []
    kinds: list[int] = []
    alphas: list[NDArray[np.uint8]] = []
    for chance, places in zip(
        random.random((_MAX_SHAPES, 8)), random.random((_MAX_SHAPES, _PLACES, 2)), strict=True
    ):
        if len(placed) == number:
            break
        smallest = 15 - 9 * difficulty
        radius = smallest * (26 / smallest) ** chance[0]
        over = bool(placed) and chance[1] < occlusion
        place = _over(placed, radius, places) if over else _free(placed, radius, places, occlusion)
        if place is None:
            continue
        kind = int(chance[2] * len(SHAPES))
        turn = (chance[3] - 0.5) * math.pi * (0.2 + 1.8 * difficulty)
        stretch = math.exp((chance[4] - 0.5) * 0.7 * difficulty)
        colour = _COLOURS[int(chance[5] * len(_COLOURS))] + 20 * (chance[6] - 0.5)
        alpha = _shape(kind, place, radius, turn, stretch)
        weight = (alpha / 255)[..., None] * (1 - 0.75 * difficulty * chance[7])
        image += weight * (colour - image)
        placed.append((*place, radius))
        kinds.append(kind)
        alphas.append(alpha)
    if noise:
        grain = np.random.default_rng((seed, index, 1)).standard_normal(image.shape, dtype=np.float32)
        image += 80 * noise * grain
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return _seen(pixels, kinds, np.array(alphas) >= 128)


def _ground(chance: NDArray[np.float64], difficulty: float) -> NDArray[np.float64]:
    """A soft slope of grey to which difficulty adds waves."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    slope = 130 + 90 * (chance[0] - 0.5) + 60 * ((chance[1] - 0.5) * x + (chance[2] - 0.5) * y)
    across = np.sin(2 * math.pi * (2 + 10 * chance[3]) * x + 6 * chance[4])
    down = np.sin(2 * math.pi * (2 + 10 * chance[5]) * y + 6 * chance[6])
    tint = 1 + 0.12 * (chance[7] - 0.5) * np.array([1.0, 0.0, -1.0])
    return (slope + 35 * difficulty * across * down)[..., None] * tint


def _free(
    placed: list[tuple[float, float, float]], radius: float, places: NDArray[np.float64], occlusion: float
) -> tuple[float, float] | None:
    """The first place that keeps clear of the other shapes; the frame may cut it where shapes may hide."""
    margin = radius * (1 - 0.6 * occlusion)
    for across, down in places:
        x, y = margin + across * (SIDE - 2 * margin), margin + down * (SIDE - 2 * margin)
        if all(math.hypot(x - a, y - b) > radius + r for a, b, r in placed):
            return x, y
    return None


def _over(
    placed: list[tuple[float, float, float]], radius: float, places: NDArray[np.float64]
) -> tuple[float, float]:
    """A place that hides a part of an earlier shape."""
    x, y, other = placed[int(places[0, 0] * len(placed))]
    angle, distance = 2 * math.pi * places[0, 1], (0.45 + 0.5 * places[1, 0]) * (radius + other)
    low, high = radius / 2, SIDE - radius / 2
    return (
        min(max(x + distance * math.cos(angle), low), high),
        min(max(y + distance * math.sin(angle), low), high),
    )


def _shape(
    kind: int, place: tuple[float, float], radius: float, turn: float, stretch: float
) -> NDArray[np.uint8]:
    """(128, 128) opacity of one shape, 255 inside, softened at its edge."""
    corners, inner = ((48, 1.0), (4, 1.0), (3, 1.0), (10, 0.45))[kind]
    angles = 2 * math.pi * np.arange(corners) / corners
    reach = np.where(np.arange(corners) % 2, inner, 1.0) * radius
    # Upright at turn 0: a square on its side, a triangle and a star on their base.
    start = math.pi / 4 if kind == 1 else -math.pi / 2
    x, y = stretch * reach * np.cos(angles + start), reach / stretch * np.sin(angles + start)
    across = place[0] + x * math.cos(turn) - y * math.sin(turn)
    down = place[1] + x * math.sin(turn) + y * math.cos(turn)
    # cv2's pixel 0 has its centre at 0; ours at 0.5.
    points = np.rint((np.stack([across, down], 1) - 0.5) * 2**_SUBPIXEL).astype(np.int32)
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(alpha, [points], 255, cv2.LINE_AA, _SUBPIXEL)
    return alpha


def _seen(pixels: NDArray[np.uint8], kinds: list[int], shapes: NDArray[np.bool_]) -> Scene:
    """What the later shapes leave of the earlier ones; less than a tenth, or a dozen pixels, is nothing."""
    hidden = np.zeros((SIDE, SIDE), bool)
    kept: list[tuple[int, list[int], NDArray[np.bool_], float]] = []
    for kind, shape in zip(reversed(kinds), shapes[::-1], strict=True):
        mask = shape & ~hidden
        hidden |= shape
        area, visible = int(mask.sum()), mask.sum() / max(int(shape.sum()), 1)
        if area < 12 or visible < 0.1:
            continue
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        box = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
        kept.append((kind, box, mask, float(visible)))
    kept.reverse()
    return Scene(
        pixels,
        np.array([kind for kind, *_ in kept], np.int64),
        np.array([box for _, box, *_ in kept], np.float64).reshape(-1, 4),
        np.array([mask for *_, mask, _ in kept], bool).reshape(-1, SIDE, SIDE),
        np.array([visible for *_, visible in kept], np.float64),
    )
