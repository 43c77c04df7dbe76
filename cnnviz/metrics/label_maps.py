"""Small label maps to learn on: a truth from a generated scene, predictions with known mistakes, and text.

Labels are uint8, (H, W): 0 is the background, 1 … 4 are the shapes of :mod:`cnnviz.metrics.scenes`.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.metrics.scenes import SHAPES, Scene, SceneSettings, draw

Labels = NDArray[np.uint8]

SIDE = 64
"""Height and width of the maps, in pixels: every second pixel of a scene."""

CLASSES = (N_("background"), *SHAPES)
"""The classes, by label."""

VOID = 255
"""The label of pixels that are not counted, as in PASCAL VOC's files."""

SCENES = (8, 16, 15, 12, 4, 5, 2, 9, 13, 14, 21, 23)
"""Numbers of generated scenes that hold two kinds of shape at least."""

MISTAKES: Mapping[str, str] = {
    "shifted": N_("Shifted to the right"),
    "eroded": N_("Too small (eroded)"),
    "dilated": N_("Too large (dilated)"),
    "noise": N_("Noise"),
    "missed": N_("One class missed"),
    "empty": N_("All background"),
    "perfect": N_("Perfect"),
}
"""What can be wrong with a prediction, by id."""

STRENGTHS = 12
"""Mistakes come in strengths from 0 to this: pixels, or steps of 5 % for the noise."""


def scene(number: int) -> Scene:
    """Scene `number` of :data:`SCENES`, from 0."""
    settings = SceneSettings(difficulty=0.3, noise=0, occlusion=0.3, seed=2)
    return draw(settings, SCENES[number])


def truth(of: Scene, void: int = 0) -> Labels:
    """The label of each pixel, (64, 64).

    Args:
        void: pixels within this distance of another label get the label 255, as VOC's outlines do.
    """
    full = np.zeros(of.masks.shape[1:] if len(of.masks) else of.image.shape[:2], np.uint8)
    for category, mask in zip(of.category, of.masks, strict=True):
        full[mask] = category + 1
    labels = full[::2, ::2].copy()
    if void:
        kernel = np.ones((2 * void + 1, 2 * void + 1), np.uint8)
        labels[cv2.dilate(labels, kernel) != cv2.erode(labels, kernel)] = VOID
    return labels


def mistaken(labels: Labels, mistake: str, strength: int, seed: int = 0) -> Labels:
    """A prediction of `labels` with one kind of mistake.

    Args:
        labels: the truth without void pixels.
        mistake: a key of :data:`MISTAKES`.
        strength: pixels of the shift, of the erosion and of the dilation; twentieths of the pixels
            that noise replaces by any label. A missed class, and all background, have no strength: the
            class missed is the smallest one there is.
        seed: of the noise.

    Raises:
        SettingError: no such mistake.

    >>> mistaken(np.array([[0, 1, 1, 0]], np.uint8), "shifted", 1).tolist()
    [[0, 0, 1, 1]]
    """
    result = labels.copy()
    if mistake == "shifted":
        result[:] = 0
        result[:, strength:] = labels[:, : labels.shape[1] - strength]
    elif mistake in ("eroded", "dilated"):
        kernel = np.ones((2 * strength + 1, 2 * strength + 1), np.uint8)
        if mistake == "dilated":
            # The higher label wins where two shapes grow into each other, and a shape keeps its own pixels.
            result = np.where(labels > 0, labels, cv2.dilate(labels, kernel)).astype(np.uint8)
        else:
            inside = [cv2.erode((labels == label).astype(np.uint8), kernel) for label in np.unique(labels)]
            result[~np.any(inside, axis=0)] = 0
    elif mistake == "noise":
        random = np.random.default_rng(seed)
        hit = random.random(labels.shape) < strength / 20
        result[hit] = random.integers(0, len(CLASSES), labels.shape, np.uint8)[hit]
    elif mistake == "missed":
        if (label := smallest(labels)) is not None:
            result[labels == label] = 0
    elif mistake == "empty":
        result[:] = 0
    elif mistake != "perfect":
        raise SettingError(
            N_("there is no mistake called {mistake}; expected one of {known}"),
            mistake=mistake,
            known=", ".join(MISTAKES),
        )
    return result


def smallest(labels: Labels) -> int | None:
    """The shape with the fewest pixels; None where there is none.

    >>> smallest(np.array([0, 1, 1, 3], np.uint8))
    3
    """
    counts = np.bincount(labels.ravel(), minlength=len(CLASSES))[1 : len(CLASSES)]
    there = np.flatnonzero(counts)
    return int(there[counts[there].argmin()]) + 1 if len(there) else None


# As text, for addresses and scripts


def pack(labels: Labels) -> str:
    """A map as text that an address leaves as it is.

    >>> bool((unpack(pack(np.eye(3, dtype=np.uint8)), (3, 3), 1) == np.eye(3)).all())
    True
    """
    return base64.urlsafe_b64encode(zlib.compress(labels.tobytes(), 9)).decode("ascii").rstrip("=")


def unpack(text: str, shape: tuple[int, int], most: int) -> Labels:
    """The map of `shape` that :func:`pack` wrote.

    Raises:
        SettingError: the text is nothing that it could have written, or a label is above `most`.
    """
    pixels = shape[0] * shape[1]
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        # No more than what is needed comes out, however much a crafted text holds.
        raw = zlib.decompressobj().decompress(packed, pixels + 1)
    except (ValueError, binascii.Error, zlib.error):
        raw = b""
    labels = np.frombuffer(raw, np.uint8)
    if labels.size != pixels or labels.max(initial=0) > most:
        raise SettingError(
            N_("a label map of {height}×{width} with labels from 0 to {most} cannot be read from this text"),
            height=shape[0],
            width=shape[1],
            most=most,
        )
    return labels.reshape(shape).copy()


def unpacking(name: str, labels: Labels) -> str:
    """A line of Python that defines `name` as this map; it needs base64, zlib and numpy as np."""
    text = base64.b64encode(zlib.compress(labels.tobytes(), 9)).decode("ascii")
    height, width = labels.shape
    return (
        f'{name} = np.frombuffer(zlib.decompress(base64.b64decode("{text}")), np.uint8)'
        f".reshape({height}, {width})"
    )
