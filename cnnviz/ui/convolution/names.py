"""The layer in PyTorch's and in Keras's words."""

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.layers import convolution, grids
from cnnviz.layers.convolution import SETTING_NAMES, ConvolutionSettings, keras_same_padding, layer_call
from cnnviz.layers.convolution_code import keras_call
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.layer_proofs import cost_proofs, size_proofs
from cnnviz.ui.lesson import LessonPage


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    controls, stage = lesson.bench()
    with controls:
        picture, size = layer.picture()
        kernel, kernel_size = layer.kernel()
        settings = ConvolutionSettings(kernel_size, **layer.sliding(), **layer.channels())
    source = ""
    with stage:
        try:
            settings.cost(size)
            weight = layer.weights(kernel, settings)
            values = layer.input(picture, settings.in_channels, size)
            bias = grids.biases(settings.out_channels) if settings.bias else None
            source = convolution.code(convolution.run(values, weight, settings, bias))
        except CnnvizError as error:
            lesson.problem(error)
        else:
            pytorch, keras = st.columns(2)
            with pytorch:
                st.markdown("**PyTorch**")
                st.code(layer_call(settings), language="python")
            with keras:
                st.markdown("**Keras**")
                if settings.stride > 1 and settings.dilation > 1:
                    st.markdown(_("Keras has no layer with a stride and a dilation above 1."))
                else:
                    st.code(keras_call(settings, size), language="python")
            st.markdown(_same(settings, size))
            lesson.prove(*size_proofs(settings, size), *cost_proofs(settings, size))
    lesson.section("names")
    st.markdown(_table())
    if source:
        lesson.code(source)


def _same(settings: ConvolutionSettings, size: tuple[int, int]) -> str:
    """What 'same' would add here, in each library."""
    height, width = (
        keras_same_padding(size[axis], settings.kernel_size[axis], settings.stride, settings.dilation)
        for axis in (0, 1)
    )
    keras = _(
        "Keras's `'same'` would pad this input by {top} above, {bottom} below, {left} left, {right} right"
    )
    said = keras.format(top=height[0], bottom=height[1], left=width[0], right=width[1])
    if settings.stride > 1:
        more = _("PyTorch has no `'same'` with a stride of {stride}.").format(stride=settings.stride)
    else:
        more = _("PyTorch's adds as much.")
    return f"{said}. {more}"


def _table() -> str:
    def code(text: str) -> str:
        return f"`{text}`" if text else "–"

    setting, difference = _("Setting"), _("What differs")
    lines = [f"| {setting} | PyTorch | Keras | {difference} |", "|---|---|---|---|"]
    lines += [
        f"| {_(name.setting)} | {code(name.pytorch)} | {code(name.keras)} | {_(name.note) if name.note else ''} |"
        for name in SETTING_NAMES
    ]
    return "\n".join(lines)
