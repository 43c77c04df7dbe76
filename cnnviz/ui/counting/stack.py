"""A stack of layers that the reader builds in a table."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cnnviz.errors import CnnvizError, SettingError
from cnnviz.messages import N_
from cnnviz.ui import state
from cnnviz.ui.counting import proofs, result
from cnnviz.ui.counting.stack_table import stack_table
from cnnviz.ui.language import _, explain
from cnnviz.ui.lesson import LessonPage
from cnnviz.zoo.counting import Measured, NetworkCount, build_stack, count_stack, measure
from cnnviz.zoo.counting.code import stack_code
from cnnviz.zoo.counting.stack_rows import PRESETS, Rows, preset_of, read_rows, write_rows

OWN = "own"
STACK = state.Codec(
    write_rows,
    read_rows,
    N_("{presets}, or layers like conv_8_3~relu~gap"),
    {"presets": ", ".join(PRESETS)},
    lambda rng: PRESETS[rng.choice(list(PRESETS))].rows,
)
Wrong = dict[int, SettingError]


@st.cache_resource(max_entries=64, show_spinner=False)
def _counted(text: str, shape: tuple[int, int, int], batch: int) -> tuple[NetworkCount, Wrong]:
    return count_stack([row.cells() for row in read_rows(text)], shape, batch)


@st.cache_resource(max_entries=64, show_spinner=False)
def _measured(text: str, shape: tuple[int, int, int], batch: int) -> Measured:
    return measure(build_stack([row.cells() for row in read_rows(text)], shape)[0], shape, batch)


def draw(lesson: LessonPage) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    counted: NetworkCount | None = None
    wrong: Wrong = {}
    show = False
    title = _("your stack")
    with controls:
        rows = choose_stack(lesson)
        shape = (
            lesson.slider("c", _("Channels of the input"), 1, 16, 3),
            *(lesson.slider("m", _("Side of the input"), 1, 512, 32),) * 2,
        )
        batch = lesson.slider("b", _("Batch"), 1, 256, 1)
        chosen = result.choose_measure(lesson)
        try:
            counted, wrong = _counted(write_rows(rows), shape, batch)
        except CnnvizError as error:
            problem = error
        else:
            opened = result.choose_module(lesson, counted)
    good = tuple(row for number, row in enumerate(rows, start=1) if number not in wrong)
    with stage:
        words = _("The stack as a table to edit, one layer a row.")
        stack_table(
            rows, key=lesson.key("table"), alt=words, on_edit=lambda edited: lesson.put("stack", edited)
        )
        for row, reason in wrong.items():
            st.warning(_("Row {row} is left out: {reason}.").format(row=row, reason=explain(reason)))
        if counted is None:
            lesson.problem(problem)
        elif not good:
            st.info(_("No layer yet: add a row to the table."))
        elif show := ask(lesson, rows, shape, counted):
            result.draw_totals(counted, title)
            result.draw_kinds(counted)
            result.draw_treemap(lesson, counted, chosen, opened, title)
    lesson.section("head")
    if counted is not None and show:
        result.draw_table(lesson, counted, chosen, opened, "stack")
        same = preset_of(rows) if shape == (3, 224, 224) and batch == 1 and not wrong else None
        network = PRESETS[same].network if same else None
        measured = _measured(write_rows(rows), shape, batch)
        lesson.prove(*proofs.stack_proofs(counted, measured, network))
    if counted is not None and good:
        lesson.code(stack_code(good, shape, batch))


def choose_stack(lesson: LessonPage) -> Rows:
    """Draw the list of presets and return the rows of the link; a preset brings an input that suits it."""
    rows = lesson.linked("stack", PRESETS["small"].rows, STACK)
    key, titles = lesson.key("preset"), {name: _(preset.title) for name, preset in PRESETS.items()}
    st.session_state[key] = preset_of(rows) or OWN
    if st.session_state[key] == OWN:
        titles[OWN] = _("Your own")

    def take() -> None:
        preset = PRESETS[st.session_state[key]]
        lesson.put("stack", preset.rows)
        lesson.put("c", preset.input_shape[0])
        lesson.put("m", preset.input_shape[1])

    st.selectbox(_("Stack"), list(titles), format_func=lambda name: titles[name], key=key, on_change=take)
    return rows


def ask(lesson: LessonPage, rows: Rows, shape: tuple[int, int, int], counted: NetworkCount) -> bool:
    """How many parameters the first layer that has any holds; the next question is about another input or stack."""
    first = next((row for row in counted.rows if row.parameters), None)
    if first is None:
        return True
    own = rows[int(first.name.split(".")[0]) - 1]
    words = _(
        "How many parameters does row {row} hold, the first that has any ({kind}, {channels} channels arrive)?"
    )
    arriving = first.weights // (own.out_channels or 1) if own.kind == "linear" else shape[0]
    question = words.format(row=first.name, kind=own.kind, channels=arriving)
    return lesson.predict(
        question,
        first.parameters,
        why=_why(own.kind, own.out_channels, own.kernel_size, own.groups or 1, first.weights, first.biases),
        redraw=["stack", "c"],
        accept=_whole,
    )


def _why(
    kind: str | None, out: int | None, kernel: int | None, groups: int, weights: int, biases: int
) -> str:
    if kind == "conv" and out and kernel:
        arriving = weights // (out * kernel * kernel)
        return rf"${out} \cdot {arriving} \cdot {kernel} \cdot {kernel} + {biases} = {weights + biases}$"
    if kind == "linear" and out:
        return rf"${out} \cdot {weights // out} + {biases} = {weights + biases}$"
    return f"${weights} + {biases} = {weights + biases}$"


def _whole(drawn: Mapping[str, Any]) -> bool:
    """Whether all rows of the drawn stack are good on an input of 224 pixels."""
    rows = [row.cells() for row in drawn["stack"]]
    return not count_stack(rows, (drawn["c"], 224, 224))[1]
