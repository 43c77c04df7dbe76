"""The window on a grid of numbers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.layers import convolution, grids
from cnnviz.layers.convolution import ConvolutionResult, ConvolutionSettings
from cnnviz.layers.kernels import PRESETS
from cnnviz.ui import state
from cnnviz.ui.convolution.asking import ask_rows
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.layer_proofs import cell_proof, cost_proofs, size_proofs
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.window import Cell, window_explorer
from cnnviz.ui.window_view import convolution_view, window_labels

REDRAWN = ("ask", "rows", "kh", "s", "d", "p", "k", "seed")


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    controls, stage = lesson.bench()
    with controls:
        picture, size = layer.picture()
        kernel, kernel_size = layer.kernel()
        settings = ConvolutionSettings(kernel_size, **layer.sliding(), **layer.channels())
        if grids.RANDOM in (picture, kernel):
            layer.reseed_button()
    source = ""
    with stage:
        try:
            settings.cost(size)
            values = layer.input(picture, settings.in_channels, size)
            weight = layer.weights(kernel, settings)
            bias = grids.biases(settings.out_channels) if settings.bias else None
            result = convolution.run(values, weight, settings, bias)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            cell = _cell(lesson, result)
            if _predicted(lesson, layer, result, cell):
                st.markdown("  \n".join(_remarks(kernel, result)))
            trace = convolution.trace(result, *cell)
            proof = cell_proof(trace, result.output[cell], result.max_error, result.output.size)
            lesson.prove(*size_proofs(settings, size), *cost_proofs(settings, size), proof)
            source = convolution.code(result)
    for anchor in ("window", "size", "channels"):
        lesson.section(anchor)
    if source:
        lesson.code(source)


def _cell(lesson: LessonPage, result: ConvolutionResult) -> Cell:
    """The output cell in the link, or one in the middle where there is none such."""
    stored, shape = lesson.linked("cell", (), state.cells(3)), result.output.shape
    if len(stored) == 3 and all(0 <= index < length for index, length in zip(stored, shape, strict=True)):
        return stored[0], stored[1], stored[2]
    return 0, shape[1] // 2, shape[2] // 2


def _explore(
    lesson: LessonPage, layer: LayerControls, result: ConvolutionResult, cell: Cell, hidden: bool
) -> None:
    view = convolution_view(
        result,
        selected=cell,
        hidden_cells=frozenset({cell} if hidden else ()),
        edit_input=True,
        edit_weight=True,
    )
    with lesson.card():
        window_explorer(
            view,
            labels=window_labels(view),
            key=lesson.key("window"),
            on_cell=lambda fixed: lesson.put("cell", fixed),
            on_input=lambda numbers: layer.keep("in", "x", numbers),
            on_weight=lambda numbers: layer.keep("k", "w", numbers),
        )


# Predict first


def _predicted(lesson: LessonPage, layer: LayerControls, result: ConvolutionResult, cell: Cell) -> bool:
    """Ask for the output's rows or for one of its cells, draw the window, and say whether all is told."""
    if (
        lesson.linked("ask", "rows", state.choice(["rows", "cell"])) == "rows"
        or not result.output[cell].is_integer()
    ):
        told = ask_rows(lesson, result.settings, result.input.shape[1], REDRAWN, _fair(result))
        if told:
            _explore(lesson, layer, result, cell, hidden=False)
        return told
    told = lesson.predict(
        _("Which number belongs in the output cell with the question mark?"),
        int(result.output[cell]),
        why=_("Multiply what lies on top of each other and add up: the whole sum stands below the grids."),
        redraw=REDRAWN,
        accept=_fair(result),
    )
    _explore(lesson, layer, result, cell, hidden=not told)
    return told


def _fair(result: ConvolutionResult) -> Callable[[Mapping[str, Any]], bool]:
    """Which random settings make a question for pen and paper."""

    def accept(drawn: Mapping[str, Any]) -> bool:
        settings = replace(
            result.settings,
            kernel_size=(drawn["kh"], result.settings.kernel_size[1]),
            stride=drawn["s"],
            dilation=drawn["d"],
        )
        if isinstance(settings.padding, int):
            settings = replace(settings, padding=drawn["p"])
        try:
            settings.output_size((drawn["rows"], result.input.shape[2]))
            weight = grids.bank(drawn["k"], settings)
        except CnnvizError:
            return False
        easy = weight[0].size <= 12 and bool((weight == weight.round()).all())
        return drawn["p"] <= 2 and (drawn["ask"] == "rows" or easy)

    return accept


# What is worth saying


def _remarks(kernel: str, result: ConvolutionResult) -> list[str]:
    settings = result.settings
    said = []
    if kernel in PRESETS and PRESETS[kernel].fits(*settings.kernel_size):
        ids = grids.bank_ids(kernel, settings.out_channels, *settings.kernel_size)
        for number, preset in enumerate((PRESETS[name] for name in ids), start=1):
            which = _("Output {number}").format(number=number) + ": " if len(ids) > 1 else ""
            said.append(f"{which}**{_(preset.title)}**. {_(preset.description)}")
    if settings.padding == "same":
        top, bottom, left, right = result.pads
        sentence = _(
            "'same' adds {top} rows above and {bottom} below, {left} columns left and {right} right."
        )
        said.append(sentence.format(top=top, bottom=bottom, left=left, right=right))
    for sentence, unread in (
        (_("No window reads these rows of the input: {places}."), result.unread_rows),
        (_("No window reads these columns of the input: {places}."), result.unread_columns),
    ):
        if unread:
            said.append(sentence.format(places=", ".join(str(index + 1) for index in unread)))
    if settings.flip:
        said.append(_flip_remark(result))
    if settings.groups > 1:
        said.append(
            _("As many groups as channels: a depthwise convolution, each input channel by itself.")
            if settings.groups == settings.in_channels
            else _("Each group of output channels sees its own group of input channels only.")
        )
    return said


def _flip_remark(result: ConvolutionResult) -> str:
    turned = result.weight[..., ::-1, ::-1]
    if np.array_equal(turned, result.weight):
        return _("This kernel looks the same upside down, so the flip changes nothing.")
    if np.array_equal(turned, -result.weight):
        return _("Upside down, this kernel is its own negative: the flip changes every sign.")
    return _("Every input cell meets the weight from the opposite side of the kernel.")
