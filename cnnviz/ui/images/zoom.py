"""Pixels: zoom until the numbers show."""

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from cnnviz import pixels, pixels_code
from cnnviz.figures.pixels import pixel_table
from cnnviz.images import encode_jpeg
from cnnviz.proof import Proof
from cnnviz.ui.cells import Box
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo

COLUMNS = 32
"""Cells a row of the photo is divided into, to pick a place from."""
NUMBERS_SHOW = 10
"""Largest window, in pixels, whose numbers are legible."""


def pick_place(lesson: LessonPage, photo: Photo, size: int) -> pixels.Crop:
    """Let the reader pick a place on the photo; the window of `size` pixels around it."""
    height, width = photo.rgb.shape[:2]
    columns = min(COLUMNS, width)
    rows = min(max(1, round(columns * height / width)), height, 2 * COLUMNS)

    def window(row: int, column: int) -> pixels.Crop:
        middle = (2 * row + 1) * height // (2 * rows), (2 * column + 1) * width // (2 * columns)
        return pixels.crop(photo.rgb, *middle, size)

    def outline(row: int, column: int) -> list[Box]:
        crop = window(row, column)
        down, right = crop.row + crop.rgb.shape[0], crop.column + crop.rgb.shape[1]
        return [Box(crop.column / width, crop.row / height, right / width, down / height, "#56b4e9")]

    picked = lesson.pick_cell(
        "at",
        encode_jpeg(photo.rgb),
        rows,
        columns,
        (rows * 3 // 8, columns // 3),
        alt=photo.alt,
        label=_("Pick a place on the photo"),
        boxes=outline,
    )
    return window(*picked)


def enlarged(rgb: NDArray[np.uint8], side: int = 512) -> NDArray[np.uint8]:
    """Pixels as squares, for the eye."""
    times = max(1, side // max(rgb.shape[:2]))
    return rgb.repeat(times, axis=0).repeat(times, axis=1)


def draw(lesson: LessonPage, photo: Photo, controls: DeltaGenerator) -> str:
    with controls:
        size = lesson.slider("size", _("Window, in pixels"), 2, 64, 8)
    height, width = photo.rgb.shape[:2]
    with lesson.card():
        photo_side, window_side = st.columns([5, 6])
    with photo_side:
        crop = pick_place(lesson, photo, size)
    high, wide = crop.rgb.shape[:2]
    question = _("How many numbers make up the marked window of {h} × {w} pixels?").format(h=high, w=wide)
    why = _("{h} rows × {w} columns × 3 channels").format(h=high, w=wide)
    with window_side:
        if lesson.predict(question, crop.rgb.size, why=why, redraw=["size"]):
            where = _("Rows {top} to {bottom}, columns {left} to {right}").format(
                top=crop.row, bottom=crop.row + high - 1, left=crop.column, right=crop.column + wide - 1
            )
            if size <= NUMBERS_SHOW:
                st.html(pixel_table(crop.rgb, crop.row, crop.column, where))
            else:
                lesson.map_image(enlarged(crop.rgb), where, width=512)
            st.caption(where)
            if size > NUMBERS_SHOW:
                st.info(_("Down to {size} pixels the numbers show.").format(size=NUMBERS_SHOW))
    tensor = torch.from_numpy(photo.rgb.copy())
    lesson.prove(
        Proof(
            _("Numbers in the photo"),
            rf"H \cdot W \cdot C = {height} \cdot {width} \cdot 3",
            height * width * 3,
            measured=tensor.numel(),
        ),
        Proof(
            _("Bytes as float32"),
            rf"4 \cdot {height} \cdot {width} \cdot 3",
            4 * height * width * 3,
            measured=tensor.float().nbytes,
        ),
    )
    return pixels_code.zoom(photo.code, crop.row, crop.column, size)
