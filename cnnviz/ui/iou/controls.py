"""The two boxes of the lesson: by preset, by slider, typed, or dragged."""

import random
import re

import streamlit as st

from cnnviz.messages import N_
from cnnviz.metrics.box_presets import HEIGHT, PAIRS, WIDTH
from cnnviz.ui.iou.box_pair import Whole
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.state import Codec

Span = tuple[int, int]
SIDES = ("ax", "ay", "bx", "by")


def span(most: int) -> Codec[Span]:
    """Where a box begins and ends along one axis, from 0 to `most`: ``6_22``."""

    def read(text: str) -> Span:
        begin, end = map(int, text.split("_"))
        if not 0 <= begin <= end <= most:
            raise ValueError(text)
        return begin, end

    def drawn(rng: random.Random) -> Span:
        begin, end = sorted(rng.sample(range(most + 1), 2))
        return begin, end

    expected = N_("two whole numbers from 0 to {most}, the smaller first, joined by _")
    return Codec(lambda value: f"{value[0]}_{value[1]}", read, expected, {"most": most}, drawn)


def two_boxes(lesson: LessonPage) -> tuple[Whole, Whole]:
    """Draw the controls, and return what both boxes are now."""
    default = PAIRS["overlap"]
    for name, box in zip("ab", (default.a, default.b), strict=True):
        lesson.linked(f"{name}x", (int(box[0]), int(box[2])), span(WIDTH))
        lesson.linked(f"{name}y", (int(box[1]), int(box[3])), span(HEIGHT))
    _preset(lesson)
    for name, label, most in (
        ("ax", _("A: left and right"), WIDTH),
        ("ay", _("A: top and bottom"), HEIGHT),
        ("bx", _("B: left and right"), WIDTH),
        ("by", _("B: top and bottom"), HEIGHT),
    ):
        st.slider(label, 0, most, key=lesson.key(name), persist_state="session")
    _typed(lesson)
    return stored(lesson)


def stored(lesson: LessonPage) -> tuple[Whole, Whole]:
    """Both boxes as the session has them."""
    ax, ay, bx, by = (st.session_state[lesson.key(name)] for name in SIDES)
    return (ax[0], ay[0], ax[1], ay[1]), (bx[0], by[0], bx[1], by[1])


def put_boxes(lesson: LessonPage, a: Whole, b: Whole) -> None:
    """Take over both boxes (in a callback, or before their sliders are drawn)."""
    for name, box in zip("ab", (a, b), strict=True):
        lesson.put(f"{name}x", (box[0], box[2]))
        lesson.put(f"{name}y", (box[1], box[3]))


def plus_one(lesson: LessonPage) -> bool:
    """Which convention holds."""
    return lesson.toggle(
        "plus",
        _("+1 pixel"),
        help=_("VOC's devkit takes right and bottom for the last pixel of a box, and counts it."),
    )


def _preset(lesson: LessonPage) -> None:
    key = lesson.key("preset")

    def take() -> None:
        if (name := st.session_state[key]) is not None:
            put_boxes(lesson, PAIRS[name].a, PAIRS[name].b)  # type: ignore[arg-type]

    boxes = stored(lesson)
    st.session_state[key] = next((name for name, pair in PAIRS.items() if (pair.a, pair.b) == boxes), None)
    st.selectbox(
        _("Two boxes"),
        list(PAIRS),
        format_func=lambda name: _(PAIRS[name].title),
        key=key,
        on_change=take,
        placeholder=_("Your own"),
    )


def _typed(lesson: LessonPage) -> None:
    """The same boxes as four numbers each, to type."""
    wrong = lesson.key("typed.wrong")

    def take(name: str) -> None:
        text = st.session_state[lesson.key(f"typed.{name}")]
        numbers = [int(part) for part in re.findall(r"-?\d+", text)]
        clean = re.fullmatch(r"[-\d\s,;()\[\]]*", text) and len(numbers) == 4
        if (
            not clean
            or not 0 <= numbers[0] <= numbers[2] <= WIDTH
            or not 0 <= numbers[1] <= numbers[3] <= HEIGHT
        ):
            st.session_state[wrong] = text[:40]
            return
        lesson.put(f"{name}x", (numbers[0], numbers[2]))
        lesson.put(f"{name}y", (numbers[1], numbers[3]))

    for name, label, box in zip("ab", (_("A, typed"), _("B, typed")), stored(lesson), strict=True):
        key = lesson.key(f"typed.{name}")
        st.session_state[key] = ", ".join(map(str, box))
        st.text_input(
            label,
            key=key,
            on_change=take,
            args=(name,),
            help=_("left, top, right, bottom: four whole numbers"),
        )
    if (text := st.session_state.pop(wrong, None)) is not None:
        sentence = _(
            "A box is left, top, right, bottom: four whole numbers, left ≤ right ≤ {width} and "
            "top ≤ bottom ≤ {height}; this was “{text}”."
        )
        st.warning(sentence.format(width=WIDTH, height=HEIGHT, text=text), icon=":material/tune:")
