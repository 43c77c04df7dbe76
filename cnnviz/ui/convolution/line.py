"""The sum itself, in one dimension: convolution, with cross-correlation beside it."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from cnnviz.figures.convolution import LineLabels, line_figure
from cnnviz.layers import convolution, grids
from cnnviz.layers.convolution import ConvolutionResult, ConvolutionSettings, Floats, OneDResult, Step
from cnnviz.layers.convolution_code import line_code
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import OWN, LayerControls
from cnnviz.ui.layer_proofs import settled, tex
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.window import window_explorer
from cnnviz.ui.window_view import convolution_view, window_labels

CONVOLVED, CORRELATED = "*", r"\star"
MOST = 12
"""Longest signal or kernel that a link may bring."""


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    controls, stage = lesson.bench()
    with controls:
        signal = _numbers(layer, "sig", "fx", _("Signal f"), grids.SIGNALS, "pulses")
        kernel = _numbers(layer, "ker", "gx", _("Kernel g"), grids.LINE_KERNELS, "echo")
        sums = convolution.convolve_1d(signal, kernel)
        index = lesson.slider("t", _("Position t"), 0, len(sums.convolution) - 1, 3)
    flipped, plain = (_run(signal, kernel, flip) for flip in (True, False))
    convolved, correlated = sums.convolution[index], sums.correlation[index]
    with stage:
        if _predicted(lesson, signal, kernel, index, convolved):
            _sums(lesson, sums, index)
            _explore(lesson, layer, flipped, index)
        why = _("NumPy's convolve and correlate say the same; largest difference over all sums: {error}.")
        error = max(sums.max_error, *_numpy_errors(sums.f, sums.g, flipped, plain))
        lesson.prove(
            _proof(CONVOLVED, convolved, flipped.output[0, 0, index], why.format(error=f"{error:.1g}")),
            _proof(CORRELATED, correlated, plain.output[0, 0, index], ""),
        )
    lesson.section("line")
    lesson.code(line_code(sums.f, sums.g))


def _predicted(lesson: LessonPage, signal: Floats, kernel: Floats, index: int, step: Step) -> bool:
    """Ask for one sum, where it can be done by heart."""
    total = settled(step.total)
    if not float(total).is_integer():
        return True
    question = _("f = ({f}) and g = ({g}), both counted from 0. What is the convolution's sum at t = {t}?")
    f, g = (", ".join(f"{value:g}" for value in values) for values in (signal, kernel))
    return lesson.predict(
        question.format(f=f, g=g, t=index), int(total), why=f"${_sum(CONVOLVED, step)}$", redraw=["t"]
    )


def _sums(lesson: LessonPage, sums: OneDResult, index: int) -> None:
    """Both sums, each under its picture."""
    convolved, correlated = sums.convolution[index], sums.correlation[index]
    left, right = st.columns(2)
    with left:
        title = _("Convolution: g runs backwards")
        st.markdown(f"**{title}**\n\n${_sum(CONVOLVED, convolved)}$")
        labels = LineLabels("f(i)", "g(t − i)", "f(i) · g(t − i)", "(f ∗ g)(t)")
        figure = line_figure(sums, index, "convolution", labels)
        lesson.figure(figure, _alt(title, convolved), name="convolution")
    with right:
        title = _("Cross-correlation: g as it is written")
        st.markdown(f"**{title}**\n\n${_sum(CORRELATED, correlated)}$")
        labels = LineLabels("f(i)", "g(i − t)", "f(i) · g(i − t)", "(f ⋆ g)(t)")
        figure = line_figure(sums, index, "correlation", labels)
        lesson.figure(figure, _alt(title, correlated), name="correlation")


def _numbers(
    layer: LayerControls,
    choice: str,
    numbers: str,
    label: str,
    named: Mapping[str, tuple[str, tuple[float, ...]]],
    default: str,
) -> Floats:
    titles = {name: _(title) for name, (title, _numbers) in named.items()}
    chosen = layer.pick(choice, label, titles, default, numbers, MOST)
    if chosen == OWN:
        return np.array(st.session_state[layer.lesson.key(numbers)][0][0])
    return np.array(named[chosen][1], dtype=np.float64)


def _run(signal: Floats, kernel: Floats, flip: bool) -> ConvolutionResult:
    """The same sums by a layer: one row, and padding for every position where f and g overlap."""
    settings = ConvolutionSettings((1, len(kernel)), padding=(0, len(kernel) - 1), flip=flip)
    return convolution.run(signal[None, None], kernel[None, None, None], settings)


def _numpy_errors(
    f: Floats, g: Floats, flipped: ConvolutionResult, plain: ConvolutionResult
) -> tuple[float, ...]:
    pairs = ((np.convolve(f, g), flipped), (np.correlate(f, g, "full"), plain))
    return tuple(float(np.abs(theirs - ours.output[0, 0]).max()) for theirs, ours in pairs)


def _products(step: Step) -> str:
    return " + ".join(rf"{tex(term.f)} \cdot {tex(term.g)}" for term in step.terms)


def _sum(operator: str, step: Step) -> str:
    return rf"(f {operator} g)({step.t}) = {_products(step)} = {settled(step.total):g}"


def _alt(title: str, step: Step) -> str:
    words = _("{title}. At t = {t} the products {products} add up to {total}.")
    products = ", ".join(f"{settled(term.product):g}" for term in step.terms)
    return words.format(title=title, t=step.t, products=products, total=f"{settled(step.total):g}")


def _proof(operator: str, step: Step, measured: float, why: str) -> Proof:
    name = rf"$(f {operator} g)({step.t})$"
    return Proof(name, _products(step), settled(step.total), measured=settled(measured), why=why)


def _explore(lesson: LessonPage, layer: LayerControls, result: ConvolutionResult, index: int) -> None:
    """The same convolution under the window of the other views, with numbers to edit."""
    view = convolution_view(result, selected=(0, 0, index), edit_input=True, edit_weight=True)
    with lesson.card():
        window_explorer(
            view,
            labels=window_labels(view, inputs=("f",), outputs=("f ∗ g",)),
            key=lesson.key("line"),
            on_cell=lambda cell: lesson.put("t", cell[2]),
            on_input=lambda numbers: layer.keep("sig", "fx", numbers),
            on_weight=lambda numbers: layer.keep("ker", "gx", numbers),
        )
