"""Two boxes on a grid of pixels, to drag or to move by arrow keys."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from cnnviz.metrics.box_presets import HEIGHT, WIDTH
from cnnviz.ui.language import _

Whole = tuple[int, int, int, int]
"""A box in whole pixels, xyxy."""

_HERE = Path(__file__).resolve().parent
_component = st.components.v2.component(
    "cnnviz_box_pair",
    html='<div class="pair"><svg role="group"></svg><p></p></div>',
    css=(_HERE / "box_pair.css").read_text(encoding="utf-8"),
    js=(_HERE / "box_pair.js").read_text(encoding="utf-8"),
)


def box_pair(
    a: Whole,
    b: Whole,
    *,
    plus_one: bool,
    aid: str,
    alt: str,
    key: str,
    on_move: Callable[[Whole, Whole], None],
) -> None:
    """Draw both boxes.

    Args:
        plus_one: whether a box covers its last pixel too.
        aid: the measure whose construction is drawn: iou, giou, diou or ciou; nothing where empty.
        alt: what the picture shows now.
        on_move: called with the new boxes before the script runs again, once a movement.
    """

    def moved() -> None:
        report = st.session_state[key].boxes
        if report is not None:
            first, second = (tuple(int(value) for value in box) for box in report["value"])
            on_move(first, second)  # type: ignore[arg-type]

    report = (st.session_state.get(key) or {}).get("boxes")
    _component(
        data={
            "a": a,
            "b": b,
            "width": WIDTH,
            "height": HEIGHT,
            "plusOne": plus_one,
            "aid": aid,
            "alt": alt,
            "words": {
                "box": _("Box {name}: left {left}, top {top}, right {right}, bottom {bottom}"),
                "hint": _(
                    "Drag a box or one of its corners. By keyboard: Tab to a box, arrow keys move it, with Shift "
                    "they resize it."
                ),
            },
            "seen": report["stamp"] if report else 0,
        },
        key=key,
        on_boxes_change=moved,
    )
