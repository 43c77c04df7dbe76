"""Third view: the transpose of the convolution's sparse matrix."""

import numpy as np
import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.maps import colour, enlarge
from cnnviz.figures.transposed import MatrixWords, matrix_drawing, matrix_picture
from cnnviz.images import encode_png
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.transposed.shared import (
    DEFAULT_CELL,
    REDRAWN,
    Layer,
    cell,
    cell_proof,
    controls,
    fair,
    size_proof,
)
from cnnviz.upsampling.transposed import ConvolutionMatrix, matrix, reference
from cnnviz.upsampling.views_code import transposed_code

MOST_DRAWN = 1300
"""Entries that are drawn with their numbers; beyond, the pattern is."""


def draw(lesson: LessonPage, layer_controls: LayerControls) -> None:
    side, stage = lesson.bench()
    with side:
        layer = controls(layer_controls)
    source = ""
    with stage:
        try:
            c = matrix((len(layer.x), len(layer.x)), layer.w, layer.settings)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            place = cell(lesson, layer)
            if _ask(lesson, layer, c):
                _matrices(lesson, layer, c, place)
            error_ = float(np.abs(c.transpose(layer.x) - reference(layer.x, layer.w, layer.settings)).max())
            lesson.prove(size_proof(layer), _count_proof(layer, c), cell_proof(layer, place, error_))
            source = transposed_code(layer.x, layer.w, layer.settings)
    lesson.section("matrix")
    if source:
        lesson.code(source)


def _ask(lesson: LessonPage, layer: Layer, c: ConvolutionMatrix) -> bool:
    rows, columns = c.values.shape
    question = _(
        "The convolution from {large} to {small} numbers, written as a matrix C, has {rows} × {columns} entries. Its "
        "kernel has {k} × {k} weights, its padding is {p}. How many entries of C hold a weight?"
    )
    written = int((c.taps >= 0).sum())
    why = (
        _("Each of the {rows} rows holds the {taps} weights once.")
        if written == rows * c.kernel.size
        else _(
            "Each of the {rows} rows holds the {taps} weights once, but for those that fall into the padding."
        )
    )
    return lesson.predict(
        question.format(
            large=columns, small=rows, rows=rows, columns=columns, k=len(layer.w), p=layer.settings.padding
        ),
        written,
        why=why.format(rows=rows, taps=c.kernel.size),
        redraw=REDRAWN,
        accept=fair(layer),
    )


def _count_proof(layer: Layer, c: ConvolutionMatrix) -> Proof:
    """How many entries hold a weight: on ones, a transposed convolution counts them."""
    ones = reference(np.ones(c.small), np.ones_like(c.kernel), layer.settings)
    along = [
        sum(
            0 <= i * layer.settings.stride - layer.settings.padding + a * layer.settings.dilation < side
            for i in range(len(layer.x))
            for a in range(len(layer.w))
        )
        for side in c.large
    ]
    rows, columns = c.values.shape
    share = _("Of {all} entries, {share} % may differ from zero.")
    return Proof(
        _("Entries of C that hold a weight"),
        rf"{along[0]} \cdot {along[1]}",
        along[0] * along[1],
        measured=int(ones.sum()),
        why=share.format(all=rows * columns, share=f"{100 * along[0] * along[1] / (rows * columns):.1f}"),
    )


def _matrices(lesson: LessonPage, layer: Layer, c: ConvolutionMatrix, place: tuple[int, int]) -> None:
    rows, columns = c.values.shape
    height, width = c.large
    y, drawn = c.transpose(layer.x), rows * columns <= MOST_DRAWN
    written = int((c.taps >= 0).sum())
    forward = _("C: {rows} × {columns}, the convolution from {height} × {width} to {h} × {w}").format(
        rows=rows, columns=columns, height=height, width=width, h=c.small[0], w=c.small[1]
    )
    alt = _(
        "The matrix C has {rows} rows and {columns} columns; {written} of its entries hold a weight."
    ).format(rows=rows, columns=columns, written=written)
    picked = _("Output row {row}, column {column} is picked; it holds {value}.").format(
        row=place[0] + 1, column=place[1] + 1, value=f"{y[place]:g}"
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        lesson.pick_cell(
            "cell",
            encode_png(enlarge(colour(y), max(1, 240 // height))),
            height,
            width,
            DEFAULT_CELL,
            alt=_("The output, {height} × {width}, from {least} to {most}. {picked}").format(
                height=height, width=width, least=f"{y.min():g}", most=f"{y.max():g}", picked=picked
            ),
            label=_("Output cell"),
            width=140,
        )
        with st.container(width=420):
            st.markdown(
                _("Pick a cell of the output y: its row of Cᵀ, which is its column of C, is framed.")
                if drawn
                else _("Pick a cell of the output y: the proof below writes out its sum.")
            )
    with lesson.card():
        if drawn:
            words = MatrixWords(forward, _("Cᵀ · x = y: the transposed convolution"), alt, f"{alt} {picked}")
            st.markdown(matrix_drawing(c, layer.x, place, words), unsafe_allow_html=True)
        else:
            st.markdown(f"**{forward}**")
            lesson.map_image(matrix_picture(c), f"{alt} {picked}")
            st.caption(
                _("Too large for numbers: blue is above zero, red below, white where no weight stands.")
            )
