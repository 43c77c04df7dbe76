"""What the views on untrained networks share: the seed of their random numbers, and names."""

import streamlit as st

from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

_MOST = 1000


def current(lesson: LessonPage) -> int:
    """The seed."""
    return lesson.linked("seed", 0, state.whole(0, _MOST - 1))


def button(lesson: LessonPage) -> None:
    """Draw other random numbers."""
    st.button(
        _("Other random numbers"),
        icon=":material/casino:",
        on_click=lesson.put,
        args=("seed", (current(lesson) + 1) % _MOST),
        key=lesson.key("reseed"),
    )


def orders() -> dict[str, str]:
    return {"pre": _("pre-activation"), "post": _("post-activation")}


def activations() -> dict[str, str]:
    return {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}


def power(value: float) -> str:
    """A number of any size in LaTeX, to two digits.

    >>> power(4.8e-20), power(0.21)
    ('$4.8 \\\\cdot 10^{-20}$', '0.21')
    """
    if value == 0 or 0.001 <= abs(value) < 1e4:
        return f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}"
    digits, exponent = f"{value:.1e}".split("e")
    return rf"${digits} \cdot 10^{{{int(exponent)}}}$"
