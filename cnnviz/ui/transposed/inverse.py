"""Last view: there and back. The transposed convolution is not the inverse, and what is lost."""

import numpy as np
import streamlit as st
import torch
from torch.nn import functional as F

from cnnviz.errors import CnnvizError
from cnnviz.figures.transposed import NumberGrid, number_grids
from cnnviz.layers.measured import PUBLISHED_SIZES, SIZES_SOURCE
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.layer_proofs import settled, size_formula
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.transposed.shared import controls
from cnnviz.upsampling.transposed import ThereAndBack, there_and_back
from cnnviz.upsampling.views_code import there_and_back_code


def draw(lesson: LessonPage, layer_controls: LayerControls) -> None:
    side, stage = lesson.bench()
    with side:
        layer = controls(layer_controls, there_and_back=True)
    source = ""
    with stage:
        try:
            s = layer.settings
            trip = there_and_back(layer.x, layer.w, s.stride, s.padding, s.dilation)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            if _ask(lesson, trip):
                _grids(lesson, trip)
            lesson.prove(*_proofs(trip))
            source = there_and_back_code(trip)
    lesson.section("inverse")
    if source:
        lesson.code(source)


def _ask(lesson: LessonPage, trip: ThereAndBack) -> bool:
    cells, small = trip.input.size, trip.small.size
    question = _(
        "{side} × {side} numbers are convolved to {small} × {small}. Between pictures of {cells} numbers, in how many "
        "independent directions can two differ, and still give the same small map?"
    )
    why = _("The matrix has rank {rank}: {cells} − {rank} = {lost}.").format(
        rank=trip.rank, cells=cells, lost=cells - trip.rank
    )
    if trip.rank < small:
        why += " " + _("Its {small} rows depend on each other.").format(small=small)
    return lesson.predict(
        question.format(side=len(trip.input), small=len(trip.small), cells=cells),
        cells - trip.rank,
        why=why,
        redraw=["big", "kk", "s"],
        accept=lambda drawn: drawn["big"] >= drawn["kk"] and drawn["kk"] > 1,
    )


def _grids(lesson: LessonPage, trip: ThereAndBack) -> None:
    def sized(values: np.ndarray) -> str:
        return " × ".join(map(str, values.shape))

    most = float(np.abs(trip.input).max())
    there = [
        (_("x: the picture"), trip.input),
        (_("C x: convolved"), trip.small),
        (_("Cᵀ C x: there and back"), trip.back),
    ]
    parts = [
        NumberGrid(_("Kept of x"), _("all that C x still knows"), trip.kept, most),
        NumberGrid(_("Lost of x"), _("C makes zeros of it"), trip.lost, most),
    ]
    with lesson.card():
        st.html(
            number_grids(
                [
                    NumberGrid(name, sized(values), values, float(np.abs(values).max()))
                    for name, values in there
                ]
            )
        )
        st.html(number_grids(parts))
    energy = float((trip.lost**2).sum() / (trip.input**2).sum()) if trip.input.any() else 0.0
    said = _(
        "There and back is not the same picture: some cell is off by {off}. The best that can be made of C x leaves "
        "{share} % of the sum of squares of x behind."
    )
    if trip.is_inverse:
        said = _("Here, and only here, there and back is the same picture: CᵀC changes nothing of it.")
    st.markdown(said.format(off=f"{np.abs(trip.back - trip.input).max():.4g}", share=f"{100 * energy:.1f}"))


def _proofs(trip: ThereAndBack) -> tuple[Proof, ...]:
    layer = trip.matrix.settings
    side, k = len(trip.input), len(trip.matrix.kernel)
    x, w = (torch.from_numpy(values)[None, None] for values in (trip.input, trip.matrix.kernel))
    with torch.inference_mode():
        small = F.conv2d(x, w, None, layer.stride, layer.padding, layer.dilation)
        back = F.conv_transpose2d(
            small, w, None, layer.stride, layer.padding, layer.output_padding, 1, layer.dilation
        )
        rank = int(torch.linalg.matrix_rank(torch.from_numpy(trip.matrix.values)))
    off = settled(float(np.abs(trip.back - trip.input).max()))
    return (
        Proof(
            _("Height and width of C x"),
            size_formula(side, (layer.padding, layer.padding), k, layer.stride, layer.dilation),
            len(trip.small),
            measured=small.shape[2],
            published=PUBLISHED_SIZES.get((side, k, layer.stride, layer.padding, layer.dilation)),
            source=SIZES_SOURCE,
        ),
        Proof(
            _("Height and width of Cᵀ C x"),
            rf"({len(trip.small)} - 1) \cdot {layer.stride} - 2 \cdot {layer.padding} + {layer.dilation} \cdot ({k} - 1) "
            rf"+ {layer.output_padding} + 1",
            len(trip.back),
            measured=back.shape[2],
        ),
        Proof(
            _("Rank of C"),
            rf"\operatorname{{rank}} C \le \min({trip.small.size}, {trip.input.size}), \quad \operatorname{{rank}} C",
            trip.rank,
            measured=rank,
        ),
        Proof(
            _("Largest change, there and back"),
            r"\max \left| C^\top C\, x - x \right|",
            off,
            measured=settled(float((back - x).abs().max())),
            tolerance=1e-9,
        ),
    )
