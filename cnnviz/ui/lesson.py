"""The scaffold: the eight things that every lesson has, built once.

A page opens its lesson and reads on from top to bottom::

    lesson = open_lesson("pooling")          # question, opening words, link
    controls, stage = lesson.bench()
    with controls:
        size = lesson.slider("k", _("Window"), 2, 3, 2)
    ...
    lesson.prove(Proof(...))
    lesson.section("shift")                  # prose, in the reader's language
    lesson.code(source)
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from cnnviz import lessons, prose
from cnnviz.errors import CnnvizError
from cnnviz.images import encode_jpeg, encode_png
from cnnviz.proof import Proof, Value, agree
from cnnviz.ui import state
from cnnviz.ui.cells import Box, cell_picker
from cnnviz.ui.controls import Controls
from cnnviz.ui.language import _, current, explain
from cnnviz.ui.photo import OWN, Photo, pick

Width = Literal["stretch", "content"] | int
SCORE = "score"
# A long formula scrolls on a phone, and not the whole page with it.
_SCROLLING = "<style>[class*='st-key-proof'] p { overflow-x: auto; }</style>"


class LessonPage(Controls):
    """One lesson on screen. Made by :func:`open_lesson`."""

    def __init__(self, entry: lessons.Lesson) -> None:
        super().__init__(entry.id)
        self.entry = entry
        self.prose = prose.read(current(), entry.id)
        self.complaints: DeltaGenerator
        self.asking = False
        self._proved = 0

    # 1. A question

    def _open(self) -> None:
        with st.container(horizontal=True, vertical_alignment="bottom", key="lesson-head"):
            # A width of its own, so that on a phone the buttons move below it.
            with st.container(width=690):
                st.title(_(self.entry.title), anchor=False)
                st.markdown(f"#### {_(self.entry.question)}")
            self._link = st.popover(_("Share"), icon=":material/link:")
            self.reset_button()
        self.complaints = st.container()
        st.markdown(self.prose.opening)

    def section(self, anchor: str) -> None:
        """Draw a section of the lesson's prose: its heading and its words."""
        section = self.prose.sections[anchor]
        st.subheader(section.title, anchor=anchor)
        st.markdown(section.body)

    # 2. Live controls: see Controls

    def bench(self) -> tuple[DeltaGenerator, DeltaGenerator]:
        """Two places side by side, stacked on a phone: for the controls, and for what they move."""
        controls, stage = st.columns([1, 3], gap="medium")
        return controls.container(border=True), stage

    def card(self) -> DeltaGenerator:
        """Where the lesson's main figure goes; `make pictures` takes the lesson's card from it."""
        return st.container(key="card")

    def photo(self, default: str = "cat") -> Photo:
        """Draw the photo picker and return the photo that all lessons share."""
        return pick(default)

    def problem(self, error: CnnvizError) -> None:
        """Say what is wrong with the settings, in the reader's language; the page stays whole."""
        st.warning(explain(error), icon=":material/tune:")

    # 3. Proof

    def prove(self, *proofs: Proof) -> None:
        """Show formula, measurement and published value of each number; green only where they agree.

        Nothing is drawn while a prediction is still to be made: it would give the answer away.
        """
        if self.asking:
            return
        heading = _("Proof")
        self._proved += 1
        with st.container(border=True, key=f"proof-{self.scope}-{self._proved}"):
            st.markdown(f"{_SCROLLING}\n\n**{heading}**", unsafe_allow_html=True)
            # An element each: the browser draws again only those whose numbers have changed.
            for proof in proofs:
                st.markdown(_proof_text(proof))

    # 4. Predict first

    def predict(
        self,
        question: str,
        answer: int | str,
        *,
        why: str,
        options: Mapping[str, str] | None = None,
        redraw: Sequence[str] = (),
        accept: Callable[[Mapping[str, Any]], bool] = lambda values: True,
    ) -> bool:
        """Ask about the state on screen before it is shown, if the learner wants to be asked.

        Args:
            question: about what the controls are set to now.
            answer: the core's own result: a whole number, or the id of the right option.
            why: how to get there; shown once answered.
            options: id -> text of the choices, where the answer is one of them.
            redraw: names of the linked controls that get random values for the next question.
            accept: whether random values make a sensible question.

        Returns:
            Whether the page may show the answer now.
        """
        if not st.session_state.get(state.PREDICT):
            return True
        key, asked = self.key("asked"), state.signature(self.scope)
        if st.session_state.get(key, {}).get("about") != (asked, question):
            st.session_state[key] = {"about": (asked, question), "guess": None, "done": False}
        asking = st.session_state[key]

        def mark() -> None:
            guess = st.session_state[self.key("guess")]
            if guess is not None:
                right, all_asked = st.session_state.get(SCORE, (0, 0))
                asking.update(guess=guess, done=True)
                st.session_state[SCORE] = (right + int(guess == answer), all_asked + 1)

        def show() -> None:
            asking["done"] = True

        with st.container(border=True, key=f"predict-{self.scope}"):
            badge = _("Predict first")
            st.markdown(f":violet-badge[{badge}] **{question}**")
            if not asking["done"]:
                with st.form(self.key("form"), border=False):
                    if options is None:
                        st.number_input(_("Your answer"), value=None, step=1, key=self.key("guess"))
                    else:
                        st.radio(
                            _("Your answer"),
                            list(options),
                            index=None,
                            format_func=lambda i: options[i],
                            key=self.key("guess"),
                        )
                    st.form_submit_button(_("Check"), on_click=mark)
                st.button(_("Just show me"), on_click=show, key=self.key("show"), type="tertiary")
                self.asking = True
                return False
            shown = options[str(answer)] if options is not None else str(answer)
            if asking["guess"] is None:
                st.info(_("The answer: **{answer}**. {why}").format(answer=shown, why=why))
            elif asking["guess"] == answer:
                st.success(_("Right: **{answer}**. {why}").format(answer=shown, why=why))
            else:
                guessed = options[asking["guess"]] if options is not None else str(asking["guess"])
                verdict = _("Not quite: you said {guess}, it is **{answer}**. {why}")
                st.warning(verdict.format(guess=guessed, answer=shown, why=why))
            right, all_asked = st.session_state.get(SCORE, (0, 0))
            with st.container(horizontal=True, vertical_alignment="center"):
                if redraw:
                    st.button(
                        _("Another question"),
                        on_click=state.redraw,
                        args=([self.key(name) for name in redraw], accept),
                        key=self.key("another"),
                    )
                if all_asked:
                    st.caption(_("{right} of {asked} right").format(right=right, asked=all_asked))
        return True

    # 5. The state in the link

    def close(self) -> None:
        """Draw the link, now that every control is known. The frame does this when the page is done."""
        for complaint in state.complaints():
            self.complaints.warning(complaint, icon=":material/link_off:")
        with self._link:
            st.markdown(_("This address shows exactly what you see:"))
            st.code(state.address(), language=None, wrap_lines=True)
            if st.session_state.get("photo") == OWN:
                st.caption(
                    _(
                        "Your own photo is not part of the link: it never leaves this session. The notebook carries it."
                    )
                )

    # 6. The code

    def code(
        self,
        source: str,
        own_photo: Photo | None = None,
        files: Callable[[], Mapping[str, bytes]] = dict,
    ) -> None:
        """Show runnable Python for the state on screen, to copy, and as a notebook to download.

        Args:
            source: the Python.
            own_photo: the photo that it reads, if it is the visitor's.
            files: gives what else it reads, by name, for the notebook to carry.
        """
        st.subheader(_("The code"), anchor="code")
        # Wrapped and whole: a box that scrolls can't be reached by keyboard.
        st.code(source, language="python", wrap_lines=True)
        title, opening, link = _(self.entry.title), self.prose.opening, state.address()

        def notebook() -> bytes:
            from cnnviz.notebook import build

            return build(title, opening, link, source, own_photo.png if own_photo else None, files())

        st.download_button(
            _("Download as a notebook"),
            notebook,
            file_name=f"cnnviz-{self.scope}.ipynb",
            mime="application/x-ipynb+json",
            icon=":material/download:",
            on_click="ignore",
            key=self.key("notebook"),
        )

    # 8. Words for the picture

    def picture(
        self, pixels: NDArray[np.uint8], alt: str, *, caption: str | None = None, width: Width = "stretch"
    ) -> None:
        """Draw a photo, (H, W, 3) uint8, with the words that stand for it."""
        st.image(encode_jpeg(pixels), caption=caption, width=width, alt=alt)

    def map_image(
        self, pixels: NDArray[np.uint8], alt: str, *, caption: str | None = None, width: Width = "stretch"
    ) -> None:
        """Draw a coloured map, (H, W) or (H, W, 3) uint8, without losing a single value."""
        st.image(encode_png(pixels), caption=caption, width=width, alt=alt)

    def pick_cell(
        self,
        name: str,
        image: bytes,
        rows: int,
        columns: int,
        default: tuple[int, int] = (0, 0),
        *,
        alt: str,
        label: str,
        boxes: Sequence[Box] | Callable[[int, int], Sequence[Box]] = (),
        width: Width = "stretch",
    ) -> tuple[int, int]:
        """Draw a picture divided into cells, and return the row and column of the one picked.

        Args:
            name: name of the pick in the link.
            image: JPEG or PNG.
            default: row and column picked at first.
            alt: what the picture shows; `label`: what picking does.
            boxes: rectangles to outline over the picture, or a function that gives them for the cell picked.
        """
        stored = self.linked(name, default, state.cells(2))
        row, column = (*stored, 0)[:2]
        picked = min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)
        key, component = self.key(name), self.key(f"{name}.picker")

        def keep() -> None:
            cell = st.session_state[component].cell
            if cell is not None:
                st.session_state[key] = (int(cell[0]), int(cell[1]))

        cell_picker(
            image,
            rows,
            columns,
            picked,
            alt=alt,
            label=label,
            cell_text=_("row {row}, column {column}"),
            boxes=boxes(*picked) if callable(boxes) else boxes,
            width=width,
            key=component,
            on_pick=keep,
        )
        return picked

    def figure(self, figure: Any, alt: str, *, name: str) -> None:
        """Draw a plotly figure with the words that stand for it."""
        st.plotly_chart(
            figure,
            key=self.key(f"figure.{name}"),
            alt=alt,
            config={"displayModeBar": False, "responsive": True},
        )


def open_lesson(lesson_id: str) -> LessonPage:
    """Start the page of one lesson: its title, its question, its opening words."""
    page = LessonPage(lessons.BY_ID[lesson_id])
    page._open()
    st.session_state[state.PAGE] = page
    return page


def _proof_text(proof: Proof) -> str:
    agreement, difference = _("agree"), _("differ")
    badge = (
        f":green-badge[:material/check: {agreement}]"
        if proof.holds
        else f":orange-badge[:material/info: {difference}]"
    )

    def verdict(value: Value) -> str:
        mark = "" if agree(proof.computed, value, proof.tolerance) else " ≠"
        return f"**{_number(value)}**{mark}"

    parts = [_("formula {value}").format(value=f"**{_number(proof.computed)}**")]
    if proof.measured is not None:
        parts.append(f"PyTorch {verdict(proof.measured)}")
    if proof.published is not None:
        published = _("published {value} ({source})")
        parts.append(published.format(value=verdict(proof.published), source=proof.source))
    lines = [
        f"**{proof.name}** {badge}",
        f"${proof.formula} = {_in_tex(_number(proof.computed))}$",
        " · ".join(parts),
    ]
    if proof.why:
        lines.append(f"*{proof.why}*")
    return "  \n".join(lines)


def _number(value: Value) -> str:
    if isinstance(value, tuple):
        return " × ".join(map(_number, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else value


def _in_tex(number: str) -> str:
    """Powers of ten as such: in a formula "7e+12" would read as a sum."""
    return re.sub(r"e([+-]\d+)$", lambda found: rf" \cdot 10^{{{int(found[1])}}}", number)
