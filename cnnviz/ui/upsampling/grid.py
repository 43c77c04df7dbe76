"""Every operator on one small grid of numbers, and what each output cell is made of."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from cnnviz.errors import SettingError
from cnnviz.layers.convolution import Floats
from cnnviz.layers.grids import RANDOM
from cnnviz.layers.pooling_presets import COUNTING, GRIDS, grid
from cnnviz.ui import state
from cnnviz.ui.language import _, explain
from cnnviz.ui.layer_controls import OWN, LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.upsampling.board import Edit, Numbers, Refused, board
from cnnviz.ui.upsampling.proofs import grid_proofs
from cnnviz.ui.upsampling.settings import Setup, setup
from cnnviz.upsampling.bench_code import grid_code
from cnnviz.upsampling.panels import Panel, Seen, look

MOST = 4
"""Longest side of the grid."""
LARGEST = 999.0
"""Largest number that a link may bring."""


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    controls, stage = lesson.bench()
    with controls:
        chosen = setup(lesson, layer)
        values = _input(lesson, layer)
    seen = {id: _look(panel, values) for id, panel in chosen.panels.items()}
    with stage:
        cell = _cell(lesson, seen[chosen.chosen])
        told = _ask(lesson, chosen.panel, seen[chosen.chosen], cell)
        with lesson.card():
            _board(lesson, layer, chosen, values, seen, cell, told)
        found = seen[chosen.chosen]
        if isinstance(found, Seen):
            lesson.prove(*grid_proofs(chosen.panel, found, cell))
    _details(lesson, chosen.panel)
    lesson.section("grid")
    working = [panel for id, panel in chosen.panels.items() if isinstance(seen[id], Seen)]
    lesson.code(grid_code(values, working))


_remembered = st.cache_data(max_entries=512, show_spinner=False)(look)


def _look(panel: Panel, values: Floats) -> Seen | SettingError:
    """What the panel makes of (1, H, W) `values`, or why it can't."""
    try:
        return _remembered(panel, values)
    except SettingError as error:
        return error


def _input(lesson: LessonPage, layer: LayerControls) -> Floats:
    titles = {id: _(title) for id, title in GRIDS.items()}
    chosen = layer.pick("in", _("Input"), titles, COUNTING, "x", MOST * MOST)
    size = lesson.slider("n", _("Rows and columns"), 2, MOST, 4)
    if chosen == OWN:
        return layer.own("x", (1, size, size)).clip(-LARGEST, LARGEST)
    if chosen == RANDOM:
        layer.reseed_button()
    return grid(chosen, size, layer.seed)


def _cell(lesson: LessonPage, seen: Seen | SettingError) -> tuple[int, int]:
    """The output cell in the link, as far as the chosen operator's output reaches."""
    row, column = (*lesson.linked("cell", (2, 3), state.cells(2)), 0)[:2]
    if isinstance(seen, SettingError):
        return 0, 0
    rows, columns = seen.run.output.shape[1:]
    return min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)


def _ask(lesson: LessonPage, panel: Panel, seen: Seen | SettingError, cell: tuple[int, int]) -> bool:
    """How many input cells is the cell under the cursor made of?"""
    if isinstance(seen, SettingError):
        return True
    terms = seen.terms(*cell)
    words = " + ".join(f"{weight:.4g}·{value:.4g}" for weight, value in terms[:9])
    more = " + …" if len(terms) > 9 else ""
    return lesson.predict(
        _(
            "**{operator}**: how many cells of the input count in the output cell in row {row}, column {column}?"
        ).format(operator=_(panel.title), row=cell[0] + 1, column=cell[1] + 1),
        len(terms),
        why=_("These, with their weights: {sum}").format(sum=(words or "0") + more),
        redraw=["f", "op", "n", "tk", "init", "d"],
        accept=lambda drawn: drawn["op"] != "pixel_shuffle" or drawn["n"] % drawn["f"] == 0,
    )


def _board(
    lesson: LessonPage,
    layer: LayerControls,
    chosen: Setup,
    values: Floats,
    seen: Mapping[str, Seen | SettingError],
    cell: tuple[int, int],
    told: bool,
) -> None:
    edits = [Edit("x", _("Input"), values[0])]
    if chosen.chosen == "transposed":
        kernel = _("Kernel of the transposed convolution")
        edits.append(Edit("w", kernel, np.array(chosen.kernel)))
    panels = [_panel(chosen.panels[id], each, told) for id, each in seen.items()]
    columns = max(panel.values.shape[1] for panel in panels if isinstance(panel, Numbers))

    def fix(id: str, place: tuple[int, int]) -> None:
        lesson.put("op", id)
        lesson.put("cell", place)

    board(
        panels,
        chosen=chosen.chosen,
        cell=cell,
        least=max(180, 27 * columns),
        key=lesson.key("board"),
        on_cell=fix,
        grid=(values.shape[1], values.shape[2]),
        edits=edits,
        on_edit=lambda name, numbers: layer.keep("in" if name == "x" else "tk", name, numbers),
    )


def _panel(panel: Panel, seen: Seen | SettingError, told: bool) -> Numbers | Refused:
    title = _(panel.title)
    if isinstance(seen, SettingError):
        return Refused(id=panel.id, title=title, error=explain(seen))
    output = seen.run.output[0]
    alt = _("{operator}: {rows} × {columns} numbers from {low} to {high}").format(
        operator=title,
        rows=output.shape[0],
        columns=output.shape[1],
        low=f"{output.min():.4g}",
        high=f"{output.max():.4g}",
    )
    run = seen.run
    equal = _("equals PyTorch") if run.max_error < 1e-9 else _("differs from PyTorch")
    times = _("ours {ours} µs, PyTorch's {torch} µs").format(
        ours=f"{1e6 * run.seconds:.0f}", torch=f"{1e6 * run.torch_seconds:.0f}"
    )
    return Numbers(
        id=panel.id,
        title=title,
        values=output,
        weights=seen.weights if told else None,
        note=f"{equal}: {times}",
        alt=alt,
    )


def _details(lesson: LessonPage, panel: Panel) -> None:
    """Formula, call and implementation of one operator."""
    each = panel.operator
    heading, call, source = _("{operator}, closely"), _("In PyTorch"), _("Source")
    st.markdown(
        f"#### {heading.format(operator=_(panel.title))}\n\n$$\n{each.formula}\n$$\n\n"
        f"{call}: `{each.call}`  \n{source}: {each.source}"
    )
    with st.expander(_("Our own implementation"), key=lesson.key("own-code"), on_change="rerun") as folder:
        if folder.open:
            st.code(each.implementation, language="python", wrap_lines=True)
