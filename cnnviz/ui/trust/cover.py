"""The part of the photo that is covered: how it is chosen, and how it is shown."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.explain.attribution.occlusion import Erased, Occlusion, rectangle
from cnnviz.explain.attribution.picture import FILLS
from cnnviz.figures.features import tile
from cnnviz.figures.labels import swatch
from cnnviz.images import encode_jpeg
from cnnviz.messages import N_
from cnnviz.metrics.label_maps import pack, unpack
from cnnviz.ui.explaining import SIDE, Case
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once
from cnnviz.ui.painter import Brush, painter, painter_words
from cnnviz.ui.state import Codec
from cnnviz.ui.trust.shared import as_seen, percent

GRID = 56
"""Cells along a side of what is painted on."""
_SWATCHES = (swatch((236, 239, 244), "plain"), swatch((128, 128, 128), "slash"))


@dataclass(frozen=True, eq=False)
class Part:
    """What is covered.

    Attributes:
        mask: (H, W) of the network's input.
        fill: by what.
        occlusion: the run to which the window belongs; None for what is painted.
        cell: (row, column) of the window in its grid.
        box: (left, top, right, bottom) of the window.
        painted: (56, 56), 1 where it is painted over.
    """

    mask: NDArray[np.bool_]
    fill: str
    occlusion: Occlusion | None = None
    cell: tuple[int, int] = (0, 0)
    box: tuple[int, int, int, int] | None = None
    painted: NDArray[np.uint8] | None = None


def choose(lesson: LessonPage, case: Case) -> Part:
    """The controls, and the part that they cover."""
    ways = {"window": _("A window"), "brush": _("A brush")}
    by = lesson.choice("by", _("Cover"), ways, "window")
    fills = {name: _(title) for name, title in FILLS.items()}
    if by == "brush":
        fill = lesson.choice("fill", _("It becomes"), fills, "blur", kind="list")
        painted = _painted(lesson)
        spread = (
            np.arange(case.size[0]) * GRID // case.size[0],
            np.arange(case.size[1]) * GRID // case.size[1],
        )
        return Part(painted[np.ix_(*spread)] > 0, fill, painted=painted)
    side = lesson.slider("w", _("Side of the window, pixels"), 32, 112, 96, step=16)
    occlusion = Occlusion(side, side // 2)
    rows, columns = (occlusion.starts(length) for length in case.size)
    row = lesson.slider("r", _("Row of the window"), 1, len(rows), 2) - 1
    column = lesson.slider("col", _("Column of the window"), 1, len(columns), 3) - 1
    fill = lesson.choice("fill", _("It becomes"), fills, "blur", kind="list")
    top, left = rows[row], columns[column]
    box = left, top, min(left + side, case.size[1]), min(top + side, case.size[0])
    return Part(rectangle(case.size, box), fill, Occlusion(side, side // 2, fill), (row, column), box)


def _painted(lesson: LessonPage) -> NDArray[np.uint8]:
    def read(text: str) -> str:
        unpack(text, (GRID, GRID), 1)
        return text

    codec = Codec(str, read, N_("a painted map of {height}×{width}"), {"height": GRID, "width": GRID})
    text = lesson.linked("x", "", codec)
    return unpack(text, (GRID, GRID), 1) if text else np.zeros((GRID, GRID), np.uint8)


def show(lesson: LessonPage, case: Case, part: Part, erased: Erased) -> None:
    """The photo with the part covered, to be covered otherwise."""
    covered = _("{share} of the picture is covered.").format(share=percent(float(part.mask.mean())))
    if part.painted is not None:
        key = lesson.key("x")

        def keep(map: NDArray[np.uint8]) -> None:
            st.session_state[key] = pack(map) if map.any() else ""

        painter(
            part.painted,
            swatches=_SWATCHES,
            names=[_("seen"), _("covered")],
            brushes=[Brush(_("Cover"), 1, 1), Brush(_("Uncover"), 0, 0)],
            words=painter_words(),
            alt=f"{case.photo.alt} {covered}",
            key=lesson.key("paint"),
            on_paint=keep,
            photo=once(lesson, "crop", case.key, lambda: encode_jpeg(case.crop)),
        )
        st.caption(covered)
        return
    assert part.occlusion is not None
    pixels = as_seen(erased.picture)
    assert part.box is not None
    left, top, right, bottom = part.box
    words = _("{share} of the picture is covered: rows {top} to {bottom}, columns {left} to {right}.")
    said = words.format(
        share=percent(float(part.mask.mean())), top=top, bottom=bottom - 1, left=left, right=right - 1
    )
    lesson.picture(tile(pixels, SIDE), f"{case.photo.alt} {said}", caption=said)
