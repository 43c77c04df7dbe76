"""Sample photos, read from files that installed packages carry: no network, nothing in this repository.

Two of them are made here. ``scene`` is drawn: flat shapes on a ground of slow and fine waves, so that what a
filter answers to can be said in advance. ``together`` is pasted from three of the others, for networks that
tell several objects apart.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.images import read_photo
from cnnviz.messages import N_


@dataclass(frozen=True)
class Sample:
    """A sample photo.

    Attributes:
        id: its name in links.
        title: English title.
        alt: English words for the picture.
        credit: who made it and under which terms, as its package says.
        package: the package that carries it; empty for what is drawn here.
        file: its file within that package.
    """

    id: str
    title: str
    alt: str
    credit: str
    package: str = ""
    file: str = ""


SAMPLES = {
    sample.id: sample
    for sample in (
        Sample(
            "cat",
            N_("Cat"),
            N_("The face of a tabby cat from close by; its green eyes look to the right."),
            "Chelsea, by Stéfan van der Walt, CC0 (scikit-image)",
            "skimage",
            "data/chelsea.png",
        ),
        Sample(
            "coffee",
            N_("Coffee"),
            N_("An espresso in a red cup, white inside, on a red saucer with a spoon, on a wooden table."),
            "Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0 (scikit-image)",
            "skimage",
            "data/coffee.png",
        ),
        Sample(
            "astronaut",
            N_("Astronaut"),
            N_("Eileen Collins smiling in an orange space suit, a flag and a model space shuttle behind her."),
            "NASA, public domain (scikit-image)",
            "skimage",
            "data/astronaut.png",
        ),
        Sample(
            "rocket",
            N_("Rocket"),
            N_("A white rocket on its lit launch pad at dusk, between four steel lattice towers."),
            "SpaceX, public domain (scikit-image)",
            "skimage",
            "data/rocket.jpg",
        ),
        Sample(
            "flower",
            N_("Flower"),
            N_("A round orange dahlia in sharp focus on a dark, blurred green; part of a second one below it."),
            "vultilion on Flickr, photo 6056698931, CC BY 2.0 (scikit-learn)",
            "sklearn",
            "datasets/images/flower.jpg",
        ),
        Sample(
            "temple",
            N_("Temple"),
            N_("A red Chinese temple tower with green and orange roofs above treetops; behind it a lake."),
            "danielbuechele on Flickr, photo 6061409035, CC BY 2.0 (scikit-learn)",
            "sklearn",
            "datasets/images/china.jpg",
        ),
        Sample(
            "hopper",
            N_("Grace Hopper"),
            N_("Portrait of Grace Hopper with glasses, in dark naval uniform and cap; behind her a flag and blue sky."),
            "U.S. Navy, public domain, commons.wikimedia.org/wiki/File:Grace_Hopper.jpg (matplotlib)",
            "matplotlib",
            "mpl-data/sample_data/grace_hopper.jpg",
        ),
        Sample(
            "bricks",
            N_("Bricks"),
            N_("A grey photo of long bricks in upright rows, with light joints between them."),
            "CC0Textures, Bricks25, CC0 (scikit-image)",
            "skimage",
            "data/brick.png",
        ),
        Sample(
            "scene",
            N_("Drawn shapes"),
            N_("A red disc, a blue square, a green ring, black and white bars, a yellow triangle and a "
               "violet cross on a finely waved grey ground that runs from dark to light."),
            "cnnviz",
        ),
        Sample(
            "together",
            N_("Two people and a cat"),
            N_("A collage: on the left an astronaut in orange, in the middle a tabby cat's face, on the right "
               "Grace Hopper in naval uniform, on a ground from light grey to blue."),
            "cnnviz, from the samples astronaut, cat and hopper",
        ),
    )
}  # fmt: skip
"""The samples by id, in the order in which they are offered."""


def load(sample_id: str) -> NDArray[np.uint8]:
    """The sample `sample_id` at its full size.

    Returns:
        (H, W, 3) uint8 RGB, a new array each time.

    Raises:
        SettingError: there is no such sample.
    """
    if sample_id not in SAMPLES:
        raise SettingError(
            N_("There is no sample photo {arrived}; expected one of {expected}."),
            arrived=sample_id,
            expected=", ".join(SAMPLES),
        )
    sample = SAMPLES[sample_id]
    if not sample.package:
        return scene() if sample_id == "scene" else together()
    # The package's folder, without importing the package: scikit-learn takes two seconds.
    spec = importlib.util.find_spec(sample.package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{sample.package} carries the sample photo {sample_id}")
    return read_photo((Path(spec.submodule_search_locations[0]) / sample.file).read_bytes())


def scene() -> NDArray[np.uint8]:
    """Simple coloured shapes on a textured gradient, (480, 640, 3) uint8; always the same."""
    import cv2

    height, width = 480, 640
    y, x = np.mgrid[:height, :width].astype(np.float64)
    down, right = y / height, x / width
    ground = 60 + 130 * (0.4 * down + 0.6 * right)
    waves = 9 * np.sin(0.55 * x + 6 * np.sin(0.03 * y)) * np.sin(0.45 * y)
    tint = np.array([0.95, 1.0, 1.06])
    image = np.clip(np.rint((ground + waves)[..., None] * tint), 0, 255).astype(np.uint8)

    def at(right: float, down: float) -> tuple[int, int]:
        return round(right * width), round(down * height)

    half, thick = round(0.14 * height), round(0.045 * height)
    smooth = cv2.LINE_AA
    cv2.circle(image, at(0.18, 0.28), half, (214, 40, 40), -1, smooth)
    column, row = at(0.5, 0.28)
    image[row - half : row + half, column - half : column + half] = 35, 70, 190
    cv2.circle(image, at(0.82, 0.28), round(0.12 * height), (40, 150, 70), thick, smooth)
    column, row = at(0.18, 0.74)
    bars = np.arange(2 * half) // (half // 8) % 2 * 225 + 20
    image[row - half : row + half, column - half : column + half] = bars[None, :, None]
    column, row = at(0.5, 0.74)
    corners = np.array([(column, row - half), (column - half, row + half), (column + half, row + half)])
    cv2.fillConvexPoly(image, corners.astype(np.int32), (245, 200, 40), smooth)
    column, row = at(0.82, 0.74)
    for side in (-1, 1):
        ends = (column - half, row - side * half), (column + half, row + side * half)
        cv2.line(image, *ends, (120, 50, 150), thick, smooth)
    return image


def together() -> NDArray[np.uint8]:
    """Astronaut, cat and Grace Hopper side by side with soft edges, (400, 640, 3) uint8; always the same."""
    import cv2

    height, width, soft = 400, 640, 24
    down = np.linspace(0, 1, height)[:, None, None]
    picture = np.broadcast_to((1 - down) * (196, 200, 206) + down * (92, 112, 140), (height, width, 3)).copy()
    # Of each sample: the part that is cut out, and where it goes, as (left, top, right, bottom).
    pieces = (
        ("astronaut", (50, 0, 390, 512), (0, 24, 250, 400)),
        ("hopper", (60, 0, 512, 580), (346, 24, 640, 400)),
        ("cat", (0, 0, 420, 300), (200, 210, 440, 400)),
    )
    for sample_id, (left, top, right, bottom), (x, y, to_x, to_y) in pieces:
        piece = load(sample_id)[top:bottom, left:right]
        part = cv2.resize(piece, (to_x - x, to_y - y), interpolation=cv2.INTER_AREA)
        # Pixels to the nearest side; the picture's own sides stay sharp.
        down_from, up_from = np.arange(y, to_y) - y + 1, to_y - np.arange(y, to_y)
        right_from, left_from = np.arange(x, to_x) - x + 1, to_x - np.arange(x, to_x)
        rows = down_from if to_y == height else np.minimum(down_from, up_from)
        columns = left_from if x == 0 else right_from if to_x == width else np.minimum(left_from, right_from)
        share = (np.clip(rows / soft, 0, 1)[:, None] * np.clip(columns / soft, 0, 1))[..., None]
        place = picture[y:to_y, x:to_x]
        place[:] = share * part + (1 - share) * place
    return np.rint(picture).astype(np.uint8)
