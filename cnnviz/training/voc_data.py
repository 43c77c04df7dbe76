"""Photos with masks and boxes of the VOC classes, and the views of them that the heads are trained on.

The data folder::

    photos/NAME.jpg       of any size
    masks/NAME.png        class index per pixel, 0 background, 1–20 VOC, 255 doesn't count
    instances.json        COCO format; categories 1–20 are the VOC classes in their usual order

An image of ``instances.json`` may say ``"mask": "human"``: people drew its labels; others were labelled by
other networks. An annotation with ``"ignore": 1`` or ``"iscrowd": 1`` is a region where a detector is
neither right nor wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnnviz.images import read_photo
from cnnviz.segmentation.voc import VOID

CANVAS = 320
"""Side of a view, in pixels."""

GREY = 127
"""What fills a view beyond its photo: 0 after preprocessing."""


@dataclass(frozen=True, eq=False)
class Photo:
    """One labelled photo.

    Attributes:
        name: of its files, without the ending.
        boxes: (M, 4) xyxy in pixels of the photo.
        labels: (M,) 0 … 19.
        ignored: (M,) which boxes are neither right nor wrong.
        areas: (M,) of the masks behind the boxes, in square pixels.
        human: whether people drew the labels.
    """

    folder: Path
    name: str
    height: int
    width: int
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    areas: NDArray[np.float64]
    human: bool

    def rgb(self) -> NDArray[np.uint8]:
        return read_photo((self.folder / "photos" / f"{self.name}.jpg").read_bytes())

    def mask(self) -> NDArray[np.uint8]:
        return np.asarray(Image.open(self.folder / "masks" / f"{self.name}.png"))


def read(folder: Path) -> list[Photo]:
    """Every photo of a data folder, in the order of its ``instances.json``."""
    content = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
    entries: dict[int, list[dict]] = {image["id"]: [] for image in content["images"]}
    for entry in content["annotations"]:
        entries[entry["image_id"]].append(entry)

    def photo(image: dict) -> Photo:
        of = entries[image["id"]]
        boxes = np.array([entry["bbox"] for entry in of], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return Photo(
            folder,
            Path(image["file_name"]).stem,
            image["height"],
            image["width"],
            boxes,
            np.array([entry["category_id"] - 1 for entry in of], np.int64),
            np.array([bool(entry.get("ignore") or entry.get("iscrowd")) for entry in of], bool),
            np.array([entry["area"] for entry in of], np.float64),
            image.get("mask") == "human",
        )

    return [photo(image) for image in content["images"]]


class Split(NamedTuple):
    """Indices of photos to train on, and of those to choose by."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def split(photos: Sequence[Photo], human: int = 160, empty: int = 80, seed: int = 0) -> Split:
    """Hold out photos with human labels, and some without any object, to choose thresholds by."""
    generator = np.random.default_rng(seed)
    by_people = np.flatnonzero([photo.human for photo in photos])
    bare = np.flatnonzero([not photo.human and not len(photo.boxes) for photo in photos])
    held = np.concatenate(
        [
            generator.permutation(by_people)[: min(human, len(by_people) // 2)],
            generator.permutation(bare)[: min(empty, len(bare) // 2)],
        ]
    )
    return Split(np.setdiff1d(np.arange(len(photos)), held), np.sort(held))


@dataclass(frozen=True, eq=False)
class View:
    """A square of one or four photos, as the backbone gets it, with its labels.

    Attributes:
        rgb: (CANVAS, CANVAS, 3) uint8.
        mask: (CANVAS/4, CANVAS/4) uint8, the class at the middle of each cell of stride 4; 255 where there
            is no photo.
        boxes: (M, 4) xyxy in pixels of the view; labels: (M,); ignored: (M,), which boxes don't count.
    """

    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]


KINDS = ("whole", "near", "flipped", "mosaic")
"""The whole photo; a flipped part of it, enlarged; at another scale, flipped or not; four photos in one."""


def view(
    photos: Sequence[Photo], index: int, kind: str, generator: np.random.Generator, others: Sequence[int] = ()
) -> View:
    """One view of the photo `index`.

    Args:
        kind: one of :data:`KINDS`.
        others: photos that a mosaic may take in besides.
    """
    if kind == "mosaic":
        return _mosaic(photos, index, generator, others)
    photo = photos[index]
    fitting = CANVAS / max(photo.height, photo.width)
    if kind == "whole":
        return _placed(photo, CANVAS, fitting, 0.0, 0.0, False, None)
    zoom = generator.uniform(1.2, 2.2) if kind == "near" else generator.uniform(0.7, 1.5)
    flip = kind == "near" or generator.random() < 0.75
    return _random(photo, CANVAS, fitting * zoom, flip, generator)


def _random(photo: Photo, side: int, scale: float, flip: bool, generator: np.random.Generator) -> View:
    """The photo at a random place, so that none of the canvas, or none of the photo, is wasted."""
    room_right, room_down = side - photo.width * scale, side - photo.height * scale
    left, top = generator.uniform(0, 1, 2) * (room_right, room_down)
    return _placed(photo, side, scale, left, top, flip, generator)


def _mosaic(
    photos: Sequence[Photo], index: int, generator: np.random.Generator, others: Sequence[int]
) -> View:
    half = CANVAS // 2
    chosen = [index, *generator.choice(np.asarray(others), 3).tolist()]
    rgb = np.empty((CANVAS, CANVAS, 3), np.uint8)
    mask = np.empty((CANVAS // 4, CANVAS // 4), np.uint8)
    boxes, labels, ignored = [], [], []
    for corner, number in enumerate(generator.permutation(chosen).tolist()):
        photo = photos[number]
        scale = half / max(photo.height, photo.width) * generator.uniform(1.0, 2.0)
        part = _random(photo, half, scale, bool(generator.random() < 0.5), generator)
        down, right = corner // 2 * half, corner % 2 * half
        rgb[down : down + half, right : right + half] = part.rgb
        mask[down // 4 : (down + half) // 4, right // 4 : (right + half) // 4] = part.mask
        boxes.append(part.boxes + np.array([right, down, right, down], np.float32))
        labels.append(part.labels)
        ignored.append(part.ignored)
    return View(rgb, mask, np.concatenate(boxes), np.concatenate(labels), np.concatenate(ignored))


def _placed(
    photo: Photo,
    side: int,
    scale: float,
    left: float,
    top: float,
    flip: bool,
    generator: np.random.Generator | None,
) -> View:
    """The photo resized by `scale`, its corner at (left, top) of a square; colours changed by `generator`."""
    rgb, mask, boxes = photo.rgb(), photo.mask(), photo.boxes.copy()
    if flip:
        rgb, mask = np.ascontiguousarray(rgb[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
        boxes = np.stack([photo.width - boxes[:, 2], boxes[:, 1], photo.width - boxes[:, 0], boxes[:, 3]], 1)
    if generator is not None:
        rgb = _recoloured(rgb, generator)
    if scale < 1:  # averaged first, as warping alone would skip pixels
        size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    # Pixel centres: the middle of the source's first pixel is at 0 for cv2, and at ½ for us.
    grow = np.array([photo.width * scale / rgb.shape[1], photo.height * scale / rgb.shape[0]])
    matrix = np.array([[grow[0], 0, left + grow[0] / 2 - 0.5], [0, grow[1], top + grow[1] / 2 - 0.5]])
    canvas = cv2.warpAffine(
        rgb,
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(GREY,) * 3,
    )
    middle = np.arange(side // 4) * 4 + 2
    rows = np.floor((middle - top) / scale).astype(int)
    columns = np.floor((middle - left) / scale).astype(int)
    there = ((rows >= 0) & (rows < photo.height))[:, None] & ((columns >= 0) & (columns < photo.width))
    picked = mask[rows.clip(0, photo.height - 1)][:, columns.clip(0, photo.width - 1)]
    boxes = boxes * scale + np.array([left, top, left, top], np.float32)
    cut = boxes.clip(0, side)
    whole = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-6)
    sides = cut[:, 2:] - cut[:, :2]
    share = sides.clip(0).prod(1) / whole
    stays = (sides > 1).all(1)
    # Of an object that is hardly in the view, nobody could tell what it is.
    ignored = photo.ignored | (share < 0.25) | (sides < 4).any(1)
    return View(
        np.asarray(canvas, np.uint8),
        np.where(there, picked, VOID).astype(np.uint8),
        cut[stays].astype(np.float32),
        photo.labels[stays],
        ignored[stays],
    )


def _recoloured(rgb: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Brightness, contrast and saturation changed by up to 30 %, and in one of ten all colour taken out."""
    bright, contrast, saturation = generator.uniform(0.7, 1.3, 3)
    saturation *= generator.random() > 0.1
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    mixed = grey + saturation * (rgb - grey)
    mean = float(grey.mean())
    return np.clip((mixed - mean) * contrast + mean * bright, 0, 255).astype(np.uint8)
