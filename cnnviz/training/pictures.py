"""Small pictures to train on in a page: handwritten digits that a package ships, and shapes drawn here."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.messages import N_

PICTURES: Mapping[str, str] = {
    "digits": N_("Digits, 8 × 8"),
    "shapes": N_("Shapes, 16 × 16"),
}
"""Sets by id, with their English titles."""
SHAPES = (N_("circle"), N_("square"), N_("triangle"), N_("star"))
SHAPE_SIDE = 16

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pictures:
    """A set of grey pictures, already split; arrays are read-only.

    Attributes:
        train, test: (N, 1, S, S), from 0 to 1.
        train_labels, test_labels: (N,) int64, indices into `classes`.
        classes: English names, marked for translation where they are words.
    """

    train: Floats
    train_labels: NDArray[np.int64]
    test: Floats
    test_labels: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def side(self) -> int:
        return self.train.shape[-1]


def pictures(name: str) -> Pictures:
    """The set called `name`, the same for everybody.

    Digits: 1,797 of 8 × 8 pixels (Alpaydin & Kaynak 1998, as scikit-learn ships them), a fifth for the test.
    Shapes: 2,400 drawn ones, a sixth for the test.

    Raises:
        SettingError: there is no such set.
    """
    if name not in PICTURES:
        raise SettingError(
            N_("there are no pictures called {name}; there are {known}"), name=name, known=", ".join(PICTURES)
        )
    return _digits() if name == "digits" else _shapes()


@cache
def _digits() -> Pictures:
    from sklearn.datasets import load_digits

    found = load_digits()
    images = (found.images / 16).astype(np.float32)[:, None]
    order = np.random.default_rng(0).permutation(len(images))
    return _split(images[order], found.target[order].astype(np.int64), 360, tuple(map(str, range(10))))


@cache
def _shapes() -> Pictures:
    images, labels = draw_shapes(2400, seed=0)
    return _split(images, labels, 400, SHAPES)


def _split(images: Floats, labels: NDArray[np.int64], tests: int, classes: tuple[str, ...]) -> Pictures:
    parts = images[tests:], labels[tests:], images[:tests], labels[:tests]
    for part in parts:
        part.flags.writeable = False
    return Pictures(*parts, classes)


def draw_shapes(count: int, seed: int, side: int = SHAPE_SIDE) -> tuple[Floats, NDArray[np.int64]]:
    """White shapes on black, with soft edges: circle, square, triangle or star, anywhere, of any size and turn.

    Returns:
        (count, 1, side, side) from 0 to 1, and (count,) indices into :data:`SHAPES`.

    >>> images, labels = draw_shapes(3, seed=1)
    >>> images.shape, bool(((images >= 0) & (images <= 1)).all())
    ((3, 1, 16, 16), True)
    """
    random = np.random.default_rng(seed)
    labels = random.integers(len(SHAPES), size=count)
    radius = side * random.uniform(0.2, 0.38, count)
    # The centre stays so far inside that the shape does, too.
    x, y = (radius + (side - 2 * radius) * random.random(count) for _axis in range(2))
    turn = random.uniform(0, 2 * np.pi, count)
    down, across = np.mgrid[:side, :side] + 0.5
    dx, dy = across - x[:, None, None], down - y[:, None, None]
    angle = np.arctan2(dy, dx) - turn[:, None, None]
    edge = np.choose(labels[:, None, None], [np.ones_like(angle), _polygon(angle, 4), _polygon(angle, 3),
                                             0.68 + 0.32 * np.cos(5 * angle)])  # fmt: skip
    away = edge * radius[:, None, None] - np.hypot(dx, dy)
    return np.clip(away + 0.5, 0, 1).astype(np.float32)[:, None], labels


def _polygon(angle: NDArray[np.float64], corners: int) -> NDArray[np.float64]:
    """How far the edge of a regular polygon with its corners at 1 is from its centre, in each direction."""
    half = np.pi / corners
    return np.cos(half) / np.cos(np.mod(angle, 2 * half) - half)
