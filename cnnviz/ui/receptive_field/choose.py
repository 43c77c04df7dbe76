"""The stack that two views share: a preset, or one of the reader's own."""

import streamlit as st

from cnnviz.layers.receptive_field import PRESETS
from cnnviz.layers.stack import Stack, preset_of, random_stack, read_stack, write_stack
from cnnviz.messages import N_
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

STACK = state.Codec(
    write_stack,
    read_stack,
    N_("{presets}, or layers like c3-1-1-1~p2-2-0-1"),
    {"presets": ", ".join(PRESETS)},
    random_stack,
)
RIVALS = {
    "two_3x3": "one_5x5",
    "one_5x5": "two_3x3",
    "three_3x3": "one_7x7",
    "one_7x7": "three_3x3",
    "resnet50_v1": "resnet50_v1_5",
    "resnet50_v1_5": "resnet50_v1",
    "dilated": "three_3x3",
}
"""What a preset is most worth comparing with."""
OWN, NOTHING = "own", "none"


def choose_stack(lesson: LessonPage) -> Stack:
    """Draw the list of presets and return the stack of the link; a preset brings an input that suits it."""
    stack = lesson.linked("stack", PRESETS["three_3x3"].layers, STACK)
    key, titles = lesson.key("preset"), {name: _(preset.title) for name, preset in PRESETS.items()}
    st.session_state[key] = preset_of(stack) or OWN
    if st.session_state[key] == OWN:
        titles[OWN] = _("Your own")

    def take() -> None:
        preset = st.session_state[key]
        layers = PRESETS[preset].layers
        lesson.put("stack", layers)
        lesson.put("with", RIVALS.get(preset, NOTHING))
        lesson.put(
            "n", 227 if preset == "alexnet" else 224 if len(layers) > 8 else 32 if len(layers) > 3 else 16
        )
        st.session_state.pop(lesson.key("cell"), None)

    st.selectbox(_("Stack"), list(titles), format_func=lambda name: titles[name], key=key, on_change=take)
    return stack
