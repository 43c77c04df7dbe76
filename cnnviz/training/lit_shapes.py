"""Coloured shapes under coloured light, over pieces of photos: pictures whose colours mean nothing by themselves.

Every channel of a picture is the reflectance of what is there times the light of that channel, so a yellow shape
under blue light has the very pixels of a green one. What colour it *is* can only be told from the rest of the picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from cnnviz import samples
from cnnviz.messages import N_
from cnnviz.training.pictures import SHAPES, draw_shapes

SIDE = 32
COLOURS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        N_("red"): (0.80, 0.13, 0.12),
        N_("amber"): (0.85, 0.42, 0.10),
        N_("yellow"): (0.85, 0.72, 0.12),
        N_("green"): (0.15, 0.58, 0.22),
        N_("blue"): (0.13, 0.28, 0.80),
        N_("violet"): (0.55, 0.20, 0.65),
    }
)
"""Reflectance of each colour for red, green and blue light."""
CLASSES = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)
"""(colour, shape) in the order of the labels."""
DIMMEST = 0.15
"""The least that a light gives in any channel; the most is 1."""
LIGHTS: Mapping[str, tuple[str, tuple[float, float, float]]] = MappingProxyType(
    {
        "white": (N_("white"), (1.0, 1.0, 1.0)),
        "warm": (N_("warm"), (1.0, 0.55, 0.25)),
        "cold": (N_("cold"), (0.35, 0.65, 1.0)),
        "green": (N_("greenish"), (0.4, 1.0, 0.45)),
        "violet": (N_("violet"), (0.75, 0.3, 1.0)),
    }
)
"""Lights to choose from, by id: English name, and what they give of red, green and blue."""
_NOISE = 0.02

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LitShapes:
    """Drawn pictures.

    Attributes:
        reflectance: (N, 32, 32, 3) from 0 to 1, what white light would show.
        light: (N, 3), of each picture, the brightest channel 1.
        labels: (N,) int64, indices into :data:`CLASSES`.
    """

    reflectance: Floats
    light: Floats
    labels: NDArray[np.int64]

    def images(self) -> Pixels:
        """(N, 32, 32, 3) RGB under the pictures' own light."""
        return under(self.reflectance, self.light[:, None, None])


def under(reflectance: Floats, light: Floats) -> Pixels:
    """What a camera sees: (…, 3) times light (…, 3), as uint8."""
    return np.rint(np.clip(reflectance * light, 0, 1) * 255).astype(np.uint8)


def tinted(rgb: Pixels, light: tuple[float, float, float]) -> Pixels:
    """A picture taken in white light, (H, W, 3) uint8, as it would look in `light`."""
    return under(rgb.astype(np.float32) / np.float32(255), np.array(light, np.float32))


def small(rgb: Pixels) -> Pixels:
    """The square in the middle of a photo, (32, 32, 3) uint8: all that the networks see of it."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def draw(count: int, seed: int) -> LitShapes:
    """Draw `count` pictures, the same ones for a seed each time.

    >>> drawn = draw(2, seed=1)
    >>> drawn.images().shape, drawn.light.max(1).tolist()
    ((2, 32, 32, 3), [1.0, 1.0])
    """
    alpha, shapes = draw_shapes(count, seed, SIDE)
    random = np.random.default_rng((seed, 1))
    colours = random.integers(len(COLOURS), size=count)
    paint = (np.array(list(COLOURS.values()))[colours] * random.uniform(0.85, 1.1, (count, 3))).astype(
        np.float32
    )
    reflectance = np.stack([_ground(random) for _ in range(count)])
    reflectance += alpha[:, 0, :, :, None] * (paint[:, None, None] - reflectance)
    reflectance += np.float32(_NOISE) * random.standard_normal(reflectance.shape, dtype=np.float32)
    light = (DIMMEST ** random.random((count, 3))).astype(np.float32)
    light /= light.max(1, keepdims=True)
    return LitShapes(np.clip(reflectance, 0, 1), light, colours * len(SHAPES) + shapes)


def _ground(random: np.random.Generator) -> Floats:
    """A square piece of one of the photos, its colours faded."""
    photos = _photos()
    photo = photos[random.integers(len(photos))]
    side = int(random.integers(SIDE, min(photo.shape[:2]) + 1))
    top, left = (int(random.integers(length - side + 1)) for length in photo.shape[:2])
    piece = cv2.resize(
        photo[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )
    colour = piece.astype(np.float32) / 255
    grey = colour.mean(2, keepdims=True)
    return np.asarray(grey + np.float32(random.uniform(0, 0.5)) * (colour - grey))


@cache
def _photos() -> tuple[Pixels, ...]:
    """Those that packages carry, half as large."""
    loaded = (samples.load(sample.id) for sample in samples.SAMPLES.values() if sample.package)
    return tuple(
        np.asarray(cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        for photo in loaded
    )
