"""For which numbers of channels a stack costs less than the one layer."""

from fractions import Fraction
from math import floor

import streamlit as st

from cnnviz.figures import small_kernels as figures
from cnnviz.layers import cost
from cnnviz.ui.language import _
from cnnviz.ui.small_kernels.settings import Settings

MOST = 4096
"""Channels up to which the crossover is drawn."""


def draw(settings: Settings) -> None:
    """What the stack costs in terms of the one layer over C, as lines and in words."""
    n, k, c, size, bias = (
        settings.layers,
        settings.kernel_size,
        settings.channels,
        settings.size,
        settings.bias,
    )
    curve = cost.sweep(n, k, size, bias, settings.fixed, MOST)
    found = cost.crossover(n, k, c, size, bias, settings.fixed)
    over = found.parameters, found.memory
    labels = figures.CrossoverLabels(
        channels=_("channels C in and out of every layer")
        if settings.fixed is None
        else _("channels C; the first layer reads {first}").format(first=settings.fixed),
        parameters=_("parameters"),
        memory=_("parameters + activations"),
        more=_("above 1: the stack takes more"),
        less=_("below 1: the stack takes less"),
    )
    sentences = [
        _verdict(settings, _("Parameters"), found.parameters),
        _verdict(settings, _("Parameters and activations of one image"), found.memory),
    ]
    if found.in_channels is not None:
        words = _(
            "With C = {c} everywhere else, the stack has fewer parameters once its first layer reads more than {inputs} channels."
        )
        sentences.append(words.format(c=c, inputs=f"{floor(found.in_channels):,}"))
    said = "  \n".join(sentences)
    html = figures.crossover(
        curve, c, [None if at is None else float(at) for at in over], labels, said.replace("  \n", " ")
    )
    st.markdown(html, unsafe_allow_html=True)
    st.markdown(said)


def _verdict(settings: Settings, what: str, at: Fraction | None) -> str:
    """For which C the stack takes less."""
    if at is None or at < 1:
        # No crossing at a whole C: on one side of 1 everywhere.
        if settings.layers == 1:
            words = _("{what}: a stack of one is the one layer itself.")
        elif settings.fixed is None and at is not None:
            words = _("{what}: the stack takes less for every C.")
        else:
            words = _("{what}: the stack takes more for every C.")
        return words.format(what=what)
    if settings.fixed is None:
        words = _("{what}: equal at C = {c}; the stack takes less above it.")
    else:
        words = _("{what}: equal at C = {c}; the stack takes less below it.")
    return words.format(what=what, c=_number(at))


def _number(value: Fraction) -> str:
    return f"{int(value):,}" if value.denominator == 1 else f"{float(value):,.1f}"
