"""Memory: (H, W, C) against (C, H, W), and what permute really does."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import pixels, pixels_code
from cnnviz.figures.pixels import memory_strip, pixel_table
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo

SHOWN = 420
"""Long side of photos shown side by side."""


def draw(lesson: LessonPage, photo: Photo, controls: DeltaGenerator) -> str:
    with controls:
        height = lesson.slider("h", _("Rows"), 1, 6, 4)
        width = lesson.slider("w", _("Columns"), 1, 6, 4)
        row = lesson.slider("row", _("Pixel's row"), 0, height - 1, 1)
        column = lesson.slider("col", _("Pixel's column"), 0, width - 1, 2)
    top, left = photo.rgb.shape[0] * 2 // 5, photo.rgb.shape[1] * 2 // 5
    patch = photo.rgb[top : top + height, left : left + width]
    height, width = patch.shape[:2]
    row, column = min(row, height - 1), min(column, width - 1)
    formula, measured = pixels.layouts(height, width), pixels.measured_layouts(patch)
    interleaved, planar = formula[0], formula[2]
    places = {
        layout.axes: [layout.offset(row, column, c) for c in range(3)] for layout in (interleaved, planar)
    }
    question = _("In (C, H, W), at which place in memory does the blue value of pixel ({r}, {c}) stand?")
    why = _("channel {ch} · {plane} + row {r} · {w} + column {c}").format(
        ch=2, plane=height * width, r=row, w=width, c=column
    )
    if lesson.predict(
        question.format(r=row, c=column), places["CHW"][2], why=why, redraw=["h", "w", "row", "col"],
        accept=lambda v: v["row"] < v["h"] and v["col"] < v["w"],
    ):  # fmt: skip
        patch_side, strip_side = st.columns([2, 3])
        with patch_side:
            st.html(pixel_table(patch, 0, 0, _("The patch, pixel by pixel")))
        with strip_side:
            caption = _("(H, W, C): the three values of pixel ({r}, {c}) stand at {places}").format(
                r=row, c=column, places=places["HWC"]
            )
            st.html(memory_strip(patch.reshape(-1), np.arange(patch.size) % 3, places["HWC"], caption))
            caption = _("(C, H, W): they stand at {places}").format(places=places["CHW"])
            by_channel = np.ascontiguousarray(patch.transpose(2, 0, 1)).reshape(-1)
            st.html(
                memory_strip(by_channel, np.arange(patch.size) // (height * width), places["CHW"], caption)
            )
    names = (_("as read"), "permute(2, 0, 1)", "permute(2, 0, 1).contiguous()")
    yes, no = _("yes"), _("no")
    table = [f"| | {_shape} | {_strides} | {_order} |" for _shape, _strides, _order in
             [(_("shape"), _("strides"), _("contiguous"))]]  # fmt: skip
    table.append("|---|---|---|---|")
    table += [
        f"| {name} | {m.shape} | {m.strides} | {yes if m.contiguous else no} |"
        for name, m in zip(names, measured, strict=True)
    ]
    st.markdown("\n".join(table))
    small = fit(photo.rgb, SHOWN)
    torn = small.reshape(3, *small.shape[:2]).transpose(1, 2, 0)
    good, bad = st.columns(2)
    with good:
        lesson.picture(small, _("The photo after permute: unchanged."), caption="permute(2, 0, 1)")
    with bad:
        alt = _("The photo after a wrong reshape: a torn pattern in which nothing can be made out.")
        lesson.picture(np.ascontiguousarray(torn), alt, caption=_("reshape(C, H, W): the classic bug"))
    lesson.prove(
        Proof(_("Place of the blue value in (C, H, W)"),
              rf"2 \cdot {height * width} + {row} \cdot {width} + {column}", places["CHW"][2],
              measured=measured[2].offset(row, column, 2)),
        Proof(_("Strides of the permuted view"), rf"(1,\; 3 \cdot {width},\; 3)", formula[1].strides,
              measured=measured[1].strides),
    )  # fmt: skip
    return pixels_code.layout(photo.code, top, left, height, width, (row, column))
