"""A network by name."""

from collections.abc import Mapping
from dataclasses import replace
from math import log2
from typing import Any

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.counting import percent, short
from cnnviz.ui import state
from cnnviz.ui.counting import proofs, result
from cnnviz.ui.counting.choose import LARGEST, Chosen, choose_network
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.zoo.counting import NetworkCount, published
from cnnviz.zoo.counting.code import network_code
from cnnviz.zoo.counting.shares import KINDS, Measure, by_kind, largest_kind

ASKED = (
    "alexnet",
    "vgg16",
    "googlenet",
    "resnet18",
    "resnet50",
    "densenet121",
    "squeezenet1_1",
    "mobilenet_v2",
    "shufflenet_v2_x1_0",
    "efficientnet_b0",
    "convnext_tiny",
    "vit_b_16",
    "vit_b_32",
    "swin_t",
)
"""Networks that the next question may be about."""


def draw(lesson: LessonPage) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    counted: NetworkCount | None = None
    show = False
    with controls:
        chosen = choose_network(lesson)
        measure = result.choose_measure(lesson)
        try:
            counted = chosen.count()
        except CnnvizError as error:
            problem = error
        else:
            opened = result.choose_module(lesson, counted)
    with stage:
        if counted is None:
            lesson.problem(problem)
        elif show := ask(lesson, chosen, counted, measure):
            result.draw_totals(counted, chosen.name)
            result.draw_kinds(counted)
            result.draw_treemap(lesson, counted, measure, opened, chosen.name)
    if not lesson.asking:
        lesson.section("layers")
    if counted is not None and show:
        result.draw_table(lesson, counted, measure, opened, chosen.name)
        lesson.prove(*proofs.network_proofs(chosen, counted))
    if not lesson.asking:
        lesson.section("memory")
        lesson.section("traps")
    if counted is not None:
        heading = _("Traps of {network}").format(network=chosen.name)
        traps = proofs.traps_text(published(chosen.name, chosen.v1).traps)
        if traps:
            st.markdown(f"**{heading}**\n\n{traps}")
        source = {("side" if name == "size" else name): value for name, value in chosen.arguments().items()}
        lesson.code(network_code(**source))


def ask(lesson: LessonPage, chosen: Chosen, counted: NetworkCount, measure: Measure) -> bool:
    """A question for each thing that can be counted; the next one is about another network."""

    def works(drawn: Mapping[str, Any]) -> bool:
        try:
            return drawn["model"] in ASKED and bool(Chosen(drawn["model"], chosen.size, 1).count())
        except CnnvizError:
            return False

    if not st.session_state.get(state.PREDICT):
        return True  # without counting twice, for a question that nobody asked
    question, answer, why, options = _question(chosen, counted, measure)
    return lesson.predict(question, answer, why=why, options=options, redraw=["model", "by"], accept=works)


def _question(
    chosen: Chosen, counted: NetworkCount, measure: Measure
) -> tuple[str, str, str, dict[str, str]]:
    """Question, answer, reason, options."""
    if measure == "memory":
        return _memory_question(chosen, counted)
    double = _doubled(chosen) if measure == "macs" else None
    if double is None:
        kind = largest_kind(counted, measure)
        words = _("Which kind of layer has the largest share of {network} in this: {measure}?")
        question = words.format(network=chosen.name, measure=result.measure_titles()[measure])
        return question, kind, kinds_text(counted, measure), {kind: _(name) for kind, name in KINDS.items()}
    words = _(
        "The image's side doubles, from {side} to {double} pixels. By what factor do the multiply–accumulates of {network} grow?"
    )
    question = words.format(side=chosen.size, double=double.input_shape[-1], network=chosen.name)
    factor = double.macs / counted.macs
    nearest = min((1, 2, 4, 8, 16), key=lambda number: abs(log2(factor / number)))
    words = _("From {before} to {after}, × {factor}; parameters: {small} and {large}.")
    why = words.format(
        before=short(counted.macs),
        after=short(double.macs),
        factor=f"{factor:.3f}",
        small=f"{counted.parameters:,}",
        large=f"{double.parameters:,}",
    )
    options = {str(number): _("about {number}").format(number=number) for number in (1, 2, 4, 8, 16)}
    return question, str(nearest), why, options


def _doubled(chosen: Chosen) -> NetworkCount | None:
    """The same on images of twice the side; None where the network can't."""
    try:
        return replace(chosen, size=2 * chosen.size).count() if chosen.size <= LARGEST else None
    except CnnvizError:
        return None


def _memory_question(chosen: Chosen, counted: NetworkCount) -> tuple[str, str, str, dict[str, str]]:
    sizes = {
        "parameters": counted.parameter_bytes,
        "inference": counted.inference_bytes,
        "training": counted.training_bytes,
    }
    options = {
        "parameters": _("its parameters"),
        "inference": _("activations alive at once, for inference"),
        "training": _("activations kept, for training"),
    }
    words = _("What of {network} takes most memory, for a batch of {batch} with sides of {side} pixels?")
    question = words.format(network=chosen.name, batch=chosen.batch, side=chosen.size)
    why = "; ".join(f"{options[name]}: {short(size, 'B')}" for name, size in sizes.items()) + "."
    return question, max(sizes, key=lambda name: sizes[name]), why, options


def kinds_text(counted: NetworkCount, measure: Measure) -> str:
    """The shares of the kinds in words."""
    sums = by_kind(counted, measure)
    whole = sum(sums.values())
    return (
        ", ".join(f"{_(KINDS[kind])} {percent(value, whole)}" for kind, value in sums.items() if value) + "."
    )
