"""Second view: an ordinary convolution over the zero-stuffed, padded input."""

from dataclasses import replace

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.transposed.shared import REDRAWN, Layer, cell, cell_proof, controls, fair, size_proof
from cnnviz.ui.window import Numbers, WindowView, window_explorer
from cnnviz.ui.window_view import window_labels
from cnnviz.upsampling.transposed import ZeroStuffed, zero_stuffed
from cnnviz.upsampling.views_code import transposed_code


def draw(lesson: LessonPage, layer_controls: LayerControls) -> None:
    side, stage = lesson.bench()
    with side:
        layer = controls(layer_controls)
    source = ""
    with stage:
        try:
            same = zero_stuffed(layer.x, layer.w, layer.settings)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            place = cell(lesson, layer)
            if _ask(lesson, layer, same):
                _explore(lesson, layer_controls, layer, same, place)
                st.markdown(_remarks(same))
            lesson.prove(size_proof(layer), cell_proof(layer, place, same.max_error))
            source = transposed_code(layer.x, layer.w, layer.settings)
    lesson.section("stuffed")
    if source:
        lesson.code(source)


def _ask(lesson: LessonPage, layer: Layer, same: ZeroStuffed) -> bool:
    settings = layer.settings
    n, k, s, d, p, extra = (
        len(layer.x),
        len(layer.w),
        settings.stride,
        settings.dilation,
        settings.padding,
        settings.output_padding,
    )
    question = _(
        "An input of {n} rows, a kernel of {k}, stride {s}, dilation {d}, padding {p}, output padding {op}: zeros "
        "are stuffed between the rows and added around them. How many rows does the ordinary convolution then see?"
    )
    formula = rf"({n} - 1) \cdot {s} + 1 + 2 \cdot ({d} \cdot ({k} - 1) - {p}) + {extra}"
    return lesson.predict(
        question.format(n=n, k=k, s=s, d=d, p=p, op=extra),
        len(same.padded),
        why=f"${formula} = {len(same.padded)}$",
        redraw=REDRAWN,
        accept=fair(layer),
    )


def _explore(
    lesson: LessonPage, layer_controls: LayerControls, layer: Layer, same: ZeroStuffed, place: tuple[int, int]
) -> None:
    top, bottom, left, right = (max(0, pad) for pad in same.pads)
    d = layer.settings.dilation

    def keep_kernel(numbers: Numbers) -> None:
        layer_controls.keep("k", "w", numbers[0, 0, ::-1, ::-1])

    view = WindowView(
        mode="convolution",
        input=same.padded[None],
        output=same.output[None],
        weight=same.kernel[None, None],
        kernel_size=(len(layer.w), len(layer.w)),
        pads=(top, bottom, left, right),
        dilation=(d, d),
        selected=(0, *place),
        edit_weight=True,
    )
    with lesson.card():
        window_explorer(
            view,
            labels=replace(
                window_labels(view, inputs=(_("Input with zeros between"),)),
                kernel=_("Kernel, turned by 180°"),
            ),
            key=lesson.key("window"),
            on_cell=lambda fixed: lesson.put("cell", fixed[1:]),
            on_weight=keep_kernel,
        )


def _remarks(same: ZeroStuffed) -> str:
    top, bottom = same.pads[:2]
    said = _("The window moves by 1, whatever the stride.")
    if top >= 0:
        return f"{said} " + _("Rows of zeros around the stuffed input: {top} above, {bottom} below.").format(
            top=top, bottom=bottom
        )
    return f"{said} " + _(
        "The padding is larger than d(k − 1), so that rows of the stuffed input are cut off instead; above: {cut}."
    ).format(cut=-top)
