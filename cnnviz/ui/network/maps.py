"""What every stage sees: all its maps side by side, and one of them over the photo."""

import numpy as np
import streamlit as st

from cnnviz.engine.local import Look
from cnnviz.figures import maps
from cnnviz.images import encode_jpeg, encode_png
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.network.proofs import side_proof
from cnnviz.ui.network.visit import Visit, once
from cnnviz.zoo import anatomy

_PART = 64
"""Maps side by side at most; a stage with more comes in parts."""


def draw(visit: Visit, look: Look) -> tuple[str, int]:
    """Draw the view; returns the stage and the channel on screen."""
    lesson = visit.lesson
    controls, area = lesson.bench()
    with controls:
        stage, index = visit.choose_stage()
    seen = look.stages[index].maps
    with area:
        # Asked before the other controls are there, so that moving them asks nothing new.
        shown = _ask(visit, stage, index)
    with controls:
        opacity = visit.choose_opacity()
        orders = {"peak": _("Largest value first"), "index": _("As in the network")}
        order = lesson.choice("order", _("Order"), orders, "peak", kind="radio")
        parts = -(-len(seen) // _PART)
        part = lesson.slider("part", _("Part"), 1, parts, 1) if parts > 1 else 1
    ranked = np.arange(len(seen))
    if order == "peak":
        ranked = once(lesson, "ranked", (look, stage), lambda: anatomy.by_strength(seen))
    channels = ranked[_PART * (part - 1) : _PART * part]
    if not shown:
        lesson.linked("cell", (0, 0), state.cells(2))
        return stage, int(channels[0])
    with area, lesson.card():
        many, one = st.columns([5, 4], gap="medium")
        with many:
            channel = _pick(visit, look, stage, index, channels)
        with one:
            name = _("{stage}, map {number} of {all}")
            name = name.format(stage=visit.stages[stage], number=channel + 1, all=len(seen))
            visit.over_photo(name, seen[channel], maps.palette_for(seen), opacity)
    visit.proofs.append(side_proof(visit.stages[stage], index, visit.costs[index], seen.shape[-1]))
    return stage, channel


def _ask(visit: Visit, stage: str, index: int) -> bool:
    size, stride, side = visit.net.card.input_size, visit.net.stages[index].stride, visit.costs[index].side
    question = _("A square of {size} × {size} pixels goes in. How many cells wide is each map of “{stage}”?")
    why = _("The strides up to there multiply to {stride}, and {size} / {stride} = {side}.")
    return visit.lesson.predict(
        question.format(size=size, stage=visit.stages[stage]),
        side,
        why=why.format(stride=stride, size=size, side=side),
        redraw=["stage"],
    )


def _pick(visit: Visit, look: Look, stage: str, index: int, channels: np.ndarray) -> int:
    """The maps of `channels` side by side; returns the channel picked."""
    seen = look.stages[index].maps
    side, palette = seen.shape[-1], maps.palette_for(seen)
    # As near to a square as full rows allow; every stage has a multiple of 8 maps.
    columns = {16: 4, 24: 6}.get(len(channels), 8)

    def sheet() -> bytes:
        picture = maps.montage([maps.colour(seen[channel], palette) for channel in channels], columns)
        return encode_png(picture) if side <= 28 else encode_jpeg(picture, 90)

    alt = _("{count} of the {all} maps of “{stage}”, each {side} × {side} cells, in rows of {columns}.")
    row, column = visit.lesson.pick_cell(
        "cell",
        once(visit.lesson, "sheet", (look, stage, channels.tobytes()), sheet),
        len(channels) // columns,
        columns,
        alt=alt.format(
            count=len(channels), all=len(seen), stage=visit.stages[stage], side=side, columns=columns
        ),
        label=_("Choose a map"),
    )
    signed = _("White is 0, blue below, red above; each map has its own scale.")
    positive = _("Black is 0, yellow the map's largest value; each map has its own scale.")
    st.caption(signed if palette == maps.DIVERGING else positive)
    return int(channels[row * columns + column])
