"""The window on a grid of numbers, and where the numbers that it keeps came from."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.pooling import OriginLabels, origin_tables
from cnnviz.layers import pooling
from cnnviz.layers.convolution import Floats
from cnnviz.layers.grids import RANDOM
from cnnviz.layers.pooling import PoolingResult, PoolingSettings
from cnnviz.layers.pooling_presets import COUNTING, GRIDS, KNOWN, grid, known
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import OWN, LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.pooling import controls as shared
from cnnviz.ui.pooling.proofs import grid_proofs
from cnnviz.ui.window import Cell, window_explorer
from cnnviz.ui.window_view import pooling_view, window_labels

MOST = 8
"""Longest side of a grid."""
LARGEST = 9999.0
"""Largest number that a link may bring."""


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    controls, stage = lesson.bench()
    with controls:
        settings = _settings(lesson)
        values = _input(lesson, layer)
    result = None
    with stage:
        try:
            result = pooling.run(values, settings)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            cell = _cell(lesson, result)
            told = _ask(lesson, result, settings, cell)
            _explore(lesson, layer, result, cell, hidden=not told)
            if told:
                if said := _remarks(result):
                    st.markdown("  \n".join(said))
                lesson.prove(*grid_proofs(result))
    lesson.section("grid")
    if settings.operation == "average":
        lesson.section("divide")
    else:
        lesson.section("where")
        if result is not None and not lesson.asking:
            labels = OriginLabels(_("Input, with flat indices"), _("Indices"), _("Max-unpooling"))
            st.html(origin_tables(result, labels))
    if result is not None:
        lesson.code(pooling.code(settings, values))


# Controls


def _settings(lesson: LessonPage) -> PoolingSettings:
    kinds = {
        "max": _("Maximum"),
        "average": _("Average"),
        "min": _("Minimum"),
        "global-max": _("Global maximum"),
        "global-average": _("Global average"),
    }
    kind = lesson.choice("kind", _("Keep"), kinds, "max", kind="list")
    whole = kind.startswith("global")
    settings = replace(
        shared.window(lesson, disabled=whole),
        kind=kind.replace("-", " "),  # type: ignore[arg-type]
        ceil_mode=lesson.toggle(
            "ceil",
            _("Round up"),
            help=_("`ceil_mode`: a last window may reach over the end."),
            disabled=whole,
        ),
        count_include_pad=lesson.toggle(
            "cip",
            _("Count the padding"),
            True,
            help=_("`count_include_pad`: an average divides by the zeros of the padding, too."),
            disabled=kind != "average",
        ),
    )
    _networks(lesson, settings)
    return settings


def _networks(lesson: LessonPage, settings: PoolingSettings) -> None:
    """Set everything as a well-known network has it."""
    key = lesson.key("network")

    def take() -> None:
        if (name := st.session_state[key]) is None:
            return
        layer = KNOWN[name].settings
        lesson.put("kind", layer.kind.replace(" ", "-"))
        lesson.put("n", KNOWN[name].grid)
        if not layer.is_global:
            lesson.put("k", layer.kernel_size[0])
            lesson.put("s", layer.stride)
            lesson.put("p", layer.padding)
            lesson.put("ceil", layer.ceil_mode)

    st.session_state[key] = known(settings)
    names = {name: layer.network for name, layer in KNOWN.items()}
    st.pills(_("As in"), list(names), format_func=lambda name: names[name], key=key, on_change=take)


def _input(lesson: LessonPage, layer: LayerControls) -> Floats:
    chosen = layer.pick("in", _("Input"), shared.translated(GRIDS), COUNTING, "x", MOST * MOST)
    size = lesson.slider("n", _("Rows and columns"), 2, MOST, 4)
    if chosen == OWN:
        return layer.own("x", (1, size, size)).clip(-LARGEST, LARGEST)
    if chosen == RANDOM:
        layer.reseed_button()
    return grid(chosen, size, layer.seed)


def _cell(lesson: LessonPage, result: PoolingResult) -> Cell:
    """The output cell in the link, which counts them row by row."""
    rows, columns = result.output.shape[1:]
    row, column = divmod(lesson.linked("cell", 0, state.whole(0, 99)) % (rows * columns), columns)
    return 0, row, column


# Stage


def _explore(
    lesson: LessonPage, layer: LayerControls, result: PoolingResult, cell: Cell, hidden: bool
) -> None:
    hidden_cells = frozenset({cell} if hidden else ())
    view = pooling_view(result, selected=cell, hidden_cells=hidden_cells, edit_input=True)
    columns = result.output.shape[2]
    with lesson.card():
        window_explorer(
            view,
            labels=window_labels(view),
            key=lesson.key("window"),
            on_cell=lambda fixed: lesson.put("cell", fixed[1] * columns + fixed[2]),
            on_input=lambda numbers: layer.keep("in", "x", numbers),
        )


def _remarks(result: PoolingResult) -> list[str]:
    """What is worth saying about this state."""
    said = []
    for sentence, unread in (
        (_("No window reads these rows of the input: {places}."), result.unread_rows),
        (_("No window reads these columns of the input: {places}."), result.unread_columns),
    ):
        if unread:
            said.append(sentence.format(places=", ".join(str(index + 1) for index in unread)))
    settings = result.settings
    if max(result.output.shape[1:]) > 1 and settings.stride < settings.kernel_size[0]:
        words = _("The windows overlap: neighbours share {shared} of their {size} columns.")
        shared_columns = settings.kernel_size[0] - settings.stride
        said.append(words.format(shared=shared_columns, size=settings.kernel_size[0]))
    if result.indices is not None:
        several, winners = result.indices.size, len(set(result.indices.ravel().tolist()))
        if winners < several:
            words = _("{outputs} outputs come from {winners} input cells only: some win several windows.")
            said.append(words.format(outputs=several, winners=winners))
    return said


# Predict first


def _ask(lesson: LessonPage, result: PoolingResult, settings: PoolingSettings, cell: Cell) -> bool:
    """What goes in the output cell with the question mark?"""
    told = pooling.trace(result, *cell)
    values = list(told.values.values())
    operation = result.settings.operation
    why = {
        "max": _("It is the largest of the window's {count} numbers."),
        "min": _("It is the smallest of the window's {count} numbers."),
        "average": _("Add the window's {count} numbers and divide by {divisor}."),
    }[operation]
    whole = operation != "average" and told.result.is_integer()
    return lesson.predict(
        _("Which number belongs in the output cell with the question mark?"),
        int(told.result) if whole else operation,
        why=why.format(count=len(values), divisor=told.divisor),
        options=None if whole else _options(operation, told.result, values),
        redraw=["kind", "k", "s", "in", "cell", "seed"],
        accept=_fair(result, settings),
    )


def _options(operation: str, answer: float, values: list[float]) -> dict[str, str]:
    """The answer among the numbers that one could mistake for it, each once, by size."""
    numbers = {
        "max": max(values),
        "min": min(values),
        "sum": sum(values),
        "average": sum(values) / len(values),
        operation: answer,
    }
    texts = {f"{value:.4g}": name for name, value in numbers.items()} | {f"{answer:.4g}": operation}
    return {name: text for text, name in sorted(texts.items(), key=lambda item: float(item[0]))}


def _fair(result: PoolingResult, settings: PoolingSettings) -> Callable[[Mapping[str, Any]], bool]:
    """Which random settings fit, and leave something to choose in a window."""

    def accept(drawn: Mapping[str, Any]) -> bool:
        size = drawn["k"]
        layer = replace(
            settings,
            kind=drawn["kind"].replace("-", " "),
            kernel_size=(size, size),
            stride=drawn["s"],
            padding=min(settings.padding, size // 2),
        )
        try:
            layer.output_size((result.input.shape[1], result.input.shape[2]))
        except CnnvizError:
            return False
        return drawn["in"] != OWN and (layer.is_global or size > 1)

    return accept
