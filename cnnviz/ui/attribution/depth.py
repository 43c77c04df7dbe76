"""Grad-CAM at every layer: a film strip through the depth of the network, and one of its pictures."""

import streamlit as st

from cnnviz.explain.attribution.grad_cam import Depth, GradCam, through_depth
from cnnviz.figures import attribution as figures
from cnnviz.images import encode_jpeg
from cnnviz.ui.attribution.proofs import side_proof
from cnnviz.ui.attribution.shared import Drawn, ask_quarter, choose_opacity, over_photo
from cnnviz.ui.cells import cell_picker
from cnnviz.ui.explaining import Case
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once

_COLUMNS = 6


def draw(lesson: LessonPage, case: Case) -> Drawn:
    controls, stage = lesson.bench()
    with controls:
        relu = lesson.toggle("relu", _("Cut off what speaks against the class (ReLU)"), True)
    job = case.job(
        ("depth", relu), lambda: through_depth(case.subject.network, case.picture, case.target, relu)
    )
    depth = job.run()
    if depth is None:
        if job.error is not None:
            lesson.problem(job.error)
        return Drawn()
    count = len(depth.layers)
    with controls:
        chosen = lesson.slider("d", _("Layer, from the photo to the answer"), 1, count, count) - 1
    layer, found = depth.layers[chosen], depth.attributions[chosen]
    title = _("Layer {number} of {count}, {name}").format(number=chosen + 1, count=count, name=layer.name)
    with stage:
        told = ask_quarter(lesson, case, title, found, ["d"])
    with controls:
        opacity = choose_opacity(lesson)
    if told:
        with stage:
            many, one = st.columns([3, 2], gap="medium")
            with many:
                _strip(lesson, case, depth, chosen)
            with one:
                over_photo(lesson, case, title, found, opacity)
    with stage:
        proof = side_proof(layer, case.size[0], found.map.shape[0])
        if proof is not None:
            lesson.prove(proof)
    return Drawn([GradCam(layer.name, relu)])


def _strip(lesson: LessonPage, case: Case, depth: Depth, chosen: int) -> None:
    """All layers as tiles; picking one moves the slider."""
    count = len(depth.layers)
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    image = once(
        lesson,
        "strip",
        depth,
        lambda: encode_jpeg(figures.strip(case.crop, [each.map for each in depth.attributions], columns)),
    )
    key = lesson.key("d")
    component = f"{key}.strip"

    def keep() -> None:
        cell = st.session_state[component].cell
        if cell is not None:
            st.session_state[key] = min(int(cell[0]) * columns + int(cell[1]), count - 1) + 1

    alt = _(
        "Grad-CAM at {count} layers, from the first to the last, in rows of {columns}; {chosen} is picked."
    )
    cell_picker(
        image,
        rows,
        columns,
        divmod(chosen, columns),
        alt=alt.format(count=count, columns=columns, chosen=chosen + 1),
        label=_("Choose a layer"),
        cell_text=_("row {row}, column {column}"),
        key=component,
        on_pick=keep,
    )
    st.caption(_("From the photo, row by row, to the answer; each map has its own scale."))
