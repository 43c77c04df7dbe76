"""First view: stamp the kernel and add."""

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.transposed.shared import (
    MOST_INPUT,
    REDRAWN,
    Layer,
    ask_rows,
    cell,
    cell_proof,
    controls,
    fair,
    size_proof,
)
from cnnviz.ui.transposed.stamps import stamps
from cnnviz.upsampling.transposed import Stamping, stamping
from cnnviz.upsampling.views_code import transposed_code


def draw(lesson: LessonPage, layer_controls: LayerControls) -> None:
    side, stage = lesson.bench()
    with side:
        layer = controls(layer_controls)
    source = ""
    with stage:
        try:
            steps = stamping(layer.x, layer.w, layer.settings)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            place = cell(lesson, layer)
            if _predicted(lesson, layer_controls, layer, steps, place):
                st.markdown(_remarks(steps))
            lesson.prove(size_proof(layer), cell_proof(layer, place, steps.max_error))
            source = transposed_code(layer.x, layer.w, layer.settings)
    for anchor in ("stamps", "size"):
        lesson.section(anchor)
    if source:
        lesson.code(source)


def _explore(
    lesson: LessonPage,
    layer_controls: LayerControls,
    layer: Layer,
    steps: Stamping,
    place: tuple[int, int],
    hidden: bool,
) -> None:
    most = MOST_INPUT**2
    step = min(lesson.linked("step", most, state.whole(0, most)), len(steps.stamps))
    with lesson.card():
        stamps(
            layer.x,
            layer.w,
            steps,
            step=step,
            selected=place,
            hidden=hidden,
            key=lesson.key("stamps"),
            # All stamps is the usual value, however many they are.
            on_step=lambda count: lesson.put("step", most if count == len(steps.stamps) else count),
            on_cell=lambda fixed: lesson.put("cell", fixed),
            on_input=lambda numbers: layer_controls.keep("in", "x", numbers),
            on_kernel=lambda numbers: layer_controls.keep("k", "w", numbers),
        )


def _predicted(
    lesson: LessonPage,
    layer_controls: LayerControls,
    layer: Layer,
    steps: Stamping,
    place: tuple[int, int],
) -> bool:
    """Ask for the output's rows or for one of its cells, draw the stamps, and say whether all is told."""
    total = float(steps.output[place])
    asked = lesson.linked("ask", "rows", state.choice(["rows", "cell"]))
    if asked == "rows" or not total.is_integer():
        told = ask_rows(lesson, layer)
        if told:
            _explore(lesson, layer_controls, layer, steps, place, hidden=False)
        return told
    told = lesson.predict(
        _("Which number stands in the output cell with the question mark?"),
        int(total),
        why=_("Find the stamps that reach it; each brings one product, and they add up below the grids."),
        redraw=("ask", *REDRAWN),
        accept=fair(layer),
    )
    _explore(lesson, layer_controls, layer, steps, place, hidden=not told)
    return told


def _remarks(steps: Stamping) -> str:
    top, left, bottom, right = steps.crop
    inside = steps.counts[top:bottom, left:right]
    least, most = int(inside.min()), int(inside.max())
    if least == most:
        said = _("Stamps that write an output cell: {count} everywhere.").format(count=most)
    else:
        said = _("Stamps that write an output cell: at least {least}, at most {most}.").format(
            least=least, most=most
        )
    if least == 0:
        said += " " + _("Where nothing is written, zero stays.")
    return said
