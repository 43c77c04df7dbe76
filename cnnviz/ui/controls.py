"""Controls whose values are part of the link.

Each control has a short `name`, which is its parameter in the address and, behind the lesson's id,
its key in the session.
"""

from collections.abc import Mapping
from typing import Literal

import streamlit as st

from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.state import Codec, T


class Controls:
    """The linked controls of one lesson.

    Args:
        scope: the lesson's id; keys in the session are ``<scope>.<name>``.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def key(self, name: str) -> str:
        """Session key of the control `name`."""
        return f"{self.scope}.{name}"

    def linked(self, name: str, default: T, codec: Codec[T]) -> T:
        """A linked value without a widget of its own: a grid, a cell, a table."""
        return state.link(self.key(name), name, default, codec)

    def put(self, name: str, value: object) -> None:
        """Set a linked value (in a callback, or before its control is drawn)."""
        st.session_state[self.key(name)] = value

    def slider(
        self,
        name: str,
        label: str,
        low: int,
        high: int,
        default: int,
        *,
        step: int = 1,
        help: str | None = None,
        disabled: bool = False,
    ) -> int:
        """A slider over whole numbers; a stored value outside today's bounds is moved to the nearest."""
        default = min(max(default, low), high)
        value = self.linked(name, default, state.whole(low, high))
        if low == high:
            st.slider(label, low, low + 1, low, key=self.key(name) + ".only", disabled=True, help=help)
            self.put(name, low)
            return low
        self.put(name, min(max(value, low), high))
        return st.slider(
            label,
            low,
            high,
            step=step,
            key=self.key(name),
            help=help,
            disabled=disabled,
            persist_state="session",
        )

    def fraction(
        self,
        name: str,
        label: str,
        low: float,
        high: float,
        default: float,
        *,
        step: float = 0.05,
        help: str | None = None,
        disabled: bool = False,
    ) -> float:
        """A slider over real numbers."""
        value = self.linked(name, float(default), state.number(low, high))
        self.put(name, min(max(float(value), float(low)), float(high)))
        return st.slider(
            label,
            float(low),
            float(high),
            step=step,
            key=self.key(name),
            help=help,
            disabled=disabled,
            persist_state="session",
        )

    def choice(
        self,
        name: str,
        label: str,
        options: Mapping[str, str],
        default: str,
        *,
        kind: Literal["segments", "list", "pills", "radio"] = "segments",
        help: str | None = None,
        disabled: bool = False,
    ) -> str:
        """One of `options`, a mapping from id (in the link) to its name in the reader's language."""
        ids = list(options)
        value = self.linked(name, default, state.choice(ids))
        if value not in options:
            self.put(name, default)
        key = self.key(name)
        common = {"key": key, "help": help, "disabled": disabled, "persist_state": "session"}
        if kind == "list":
            return st.selectbox(label, ids, format_func=lambda i: options[i], **common)  # type: ignore[call-overload]
        if kind == "radio":
            return st.radio(label, ids, format_func=lambda i: options[i], **common)  # type: ignore[call-overload]
        draw = st.pills if kind == "pills" else st.segmented_control
        return draw(label, ids, format_func=lambda i: options[i], required=True, **common)  # type: ignore[call-overload]

    def toggle(
        self, name: str, label: str, default: bool = False, *, help: str | None = None, disabled: bool = False
    ) -> bool:
        """On or off."""
        self.linked(name, default, state.flag())
        return st.toggle(label, key=self.key(name), help=help, disabled=disabled, persist_state="session")

    def reset_button(self) -> None:
        """A button that puts every linked value of the lesson back to its default."""

        def reset() -> None:
            for key, value in state.defaults(self.scope).items():
                st.session_state[key] = value

        st.button(_("Reset"), icon=":material/restart_alt:", on_click=reset, key=f"{self.scope}.reset")
