"""Three ways back from pooling, and what a wrong index does."""

import numpy as np
import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.upsampling import UnpoolingLabels, plain_grids, unpooling_figure
from cnnviz.layers.convolution import Floats
from cnnviz.layers.grids import RANDOM
from cnnviz.layers.pooling_presets import COUNTING, GRIDS, grid
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.upsampling.proofs import unpooling_proofs
from cnnviz.upsampling.operator import operator
from cnnviz.upsampling.operators.bed_of_nails import Blocks
from cnnviz.upsampling.unpooling import RoundTrip, pool, round_trip, unpooled_size, with_index
from cnnviz.upsampling.views_code import unpooling_code

MOST = 7


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    controls, stage = lesson.bench()
    with controls:
        size = lesson.slider("side", _("Rows and columns"), 3, MOST, 4)
        values = _input(lesson, layer, size)
        kernel = lesson.slider("k", _("Window"), 1, 3, 2)
        stride = lesson.slider("s", _("Stride"), 1, 3, 2)
        pooled, remembered = pool(values, kernel, stride)
        default = unpooled_size((pooled.shape[1], pooled.shape[2]), kernel, stride)
        told_size = lesson.toggle(
            "told",
            _("Tell it the size"),
            True,
            help=_("`output_size` of `max_unpool2d`; without it, it takes the smallest input that fits."),
        )
        target = (size, size) if told_size else default
        indices, marked = _move(lesson, remembered, target[0] * target[1])
    trip = None
    with stage:
        try:
            trip = round_trip(values, kernel, stride, size=target, indices=indices)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            if _ask(lesson, values, remembered, pooled):
                with lesson.card():
                    _figure(trip, marked)
                _others(trip, stride)
                lesson.prove(*unpooling_proofs(trip, kernel, stride))
    lesson.section("unpool")
    lesson.section("wrong")
    if trip is not None:
        lesson.code(unpooling_code(trip, kernel, stride))


def _input(lesson: LessonPage, layer: LayerControls, size: int) -> Floats:
    titles = {id: _(title) for id, title in GRIDS.items()}
    chosen = lesson.choice("from", _("Input"), titles, COUNTING, kind="list")
    if chosen == RANDOM:
        layer.reseed_button()
    return grid(chosen, size, layer.seed)


def _move(
    lesson: LessonPage, remembered: np.ndarray, cells: int
) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Indices to unpool with, one of them changed where the reader wants that, and whose it is."""
    if not lesson.toggle("wrong", _("Change one index")):
        return remembered, None
    which = lesson.slider("which", _("Of which maximum"), 1, remembered.size, 1) - 1
    place = np.unravel_index(which, remembered.shape)
    index = lesson.slider("to", _("It now returns to index"), 0, cells - 1, 2)
    cell = int(place[0]), int(place[1]), int(place[2])
    return with_index(remembered, cell, index), (cell[1], cell[2])


def _ask(lesson: LessonPage, values: Floats, remembered: np.ndarray, pooled: np.ndarray) -> bool:
    """Which flat index does pooling remember?"""
    which = remembered.shape[1] * remembered.shape[2] - 1
    row, column = np.unravel_index(which, remembered.shape[1:])
    index, width = int(remembered[0, row, column]), values.shape[2]
    listed = "; ".join(" ".join(f"{value:g}" for value in line) for line in values[0])
    return lesson.predict(
        _(
            "The input, row by row: {rows}. Which flat index does max-pooling remember for its last window, "
            "whose maximum is {maximum}? Count from 0."
        ).format(rows=f"`{listed}`", maximum=f"{pooled[0, row, column]:g}"),
        index,
        why=_("It stands in row {row}, column {column}, counted from 0: {row} · {width} + {column}.").format(
            row=index // width, column=index % width, width=width
        ),
        redraw=["side", "k", "s", "from"],
    )


def _figure(trip: RoundTrip, marked: tuple[int, int] | None) -> None:
    to = ", ".join(
        f"{arrow.value:g} → {arrow.place[0] * trip.unpooled.shape[2] + arrow.place[1]}"
        for arrow in trip.arrows
    )
    labels = UnpoolingLabels(
        _("Input"),
        _("Maxima"),
        _("Max-unpooling"),
        _("Maxima and the flat indices that they return to: {arrows}").format(arrows=to),
    )
    st.markdown(unpooling_figure(trip, labels, marked), unsafe_allow_html=True)
    said = []
    if trip.misplaced:
        said.append(
            _("{count} of {all} maxima end where they never stood (dashed).").format(
                count=len(trip.misplaced), all=len(trip.arrows)
            )
        )
    if trip.lost:
        said.append(_("{count} have been overwritten by a later one (dotted).").format(count=len(trip.lost)))
    shared = len(trip.arrows) - len({arrow.place for arrow in trip.arrows}) - len(trip.lost)
    if shared > 0:
        said.append(_("{count} share a place with an equal one: their windows overlap.").format(count=shared))
    if not said:
        said.append(_("Every maximum is back where it stood; all else is 0."))
    st.caption(" ".join(said))


def _others(trip: RoundTrip, stride: int) -> None:
    """The two unpoolings that remember nothing."""
    grids = []
    for id in ("bed_of_nails", "nearest_unpooling"):
        each = operator(id)
        output = each.apply(trip.pooled, Blocks(stride))[0]
        grids.append((_(each.title), output))
    alt = _("The same maxima without indices: {first}, {second}").format(
        first=grids[0][0], second=grids[1][0]
    )
    st.markdown(plain_grids(grids, alt), unsafe_allow_html=True)
