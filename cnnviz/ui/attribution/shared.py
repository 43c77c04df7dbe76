"""What the views have in common: a method's work, its words, its picture, and the question about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz.explain.attribution.methods import METHODS, explain
from cnnviz.explain.attribution.results import QUARTERS, Attribution, Settings
from cnnviz.figures import attribution as figures
from cnnviz.messages import N_
from cnnviz.ui import state
from cnnviz.ui.explaining import Case, Job
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

Jobs = dict[str, Job[Attribution]]
_QUARTERS = dict(
    zip(QUARTERS, (N_("upper left"), N_("upper right"), N_("lower left"), N_("lower right")), strict=True)
)


@dataclass(frozen=True)
class Drawn:
    """What a view leaves for the end of the page.

    Attributes:
        settings: of the methods on screen, for the code.
        jobs: by title, what is still to be done.
        place: an ``st.empty()`` for their progress.
        show: draws what a job knows so far.
    """

    settings: Sequence[Settings] = ()
    jobs: Jobs = field(default_factory=dict)
    place: DeltaGenerator | None = None
    show: Callable[[str, Attribution], None] = lambda title, so_far: None


def work_on(case: Case, settings: Settings) -> Job[Attribution]:
    """The explanation of `case` by a method with its settings, as far as it has come."""
    network, here, target = case.subject.network, case.picture, case.target
    return case.job(("method", settings), lambda: explain(network, here, target, settings))


def titles() -> dict[str, str]:
    """The methods' names in the reader's language, by id."""
    return {name: _(method.title) for name, method in METHODS.items()}


def number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def words(title: str, attribution: Attribution) -> str:
    """A map's shape, range and strongest place."""
    values = attribution.map
    row, column = divmod(int(values.argmax()), values.shape[1])
    return _("{title}: {rows} × {columns}, {low} to {high}; strongest at row {row}, column {column}.").format(
        title=title,
        rows=values.shape[0],
        columns=values.shape[1],
        low=number(float(values.min())),
        high=number(float(values.max())),
        row=row,
        column=column,
    )


def choose_opacity(lesson: LessonPage) -> float:
    return lesson.fraction("o", _("Opacity of the map"), 0, 1, 0.6)


def over_photo(lesson: LessonPage, case: Case, title: str, attribution: Attribution, opacity: float) -> None:
    """One map over what the network sees of the photo."""
    said = words(title, attribution)
    over = _("Over the photo at {percent} % opacity. {words}")
    alt = over.format(percent=round(100 * opacity), words=said)
    lesson.picture(figures.over(case.crop, attribution.map, opacity), alt, caption=said)


def predicting() -> bool:
    """Whether the page asks before it shows."""
    return bool(st.session_state.get(state.PREDICT))


def ask_quarter(
    lesson: LessonPage,
    case: Case,
    title: str,
    attribution: Attribution,
    redraw: Sequence[str],
    accept: Callable[[Mapping[str, Any]], bool] = lambda values: True,
) -> bool:
    """Where does most of what speaks for the class lie?"""
    names = {quarter: _(name) for quarter, name in _QUARTERS.items()}
    question = _("{title}: in which quarter of the picture does most of what speaks for “{name}” lie?")
    why = _(
        "That is where the values above 0 have the largest sum. The strongest place is at {row}, {column}."
    )
    values = attribution.map
    row, column = divmod(int(values.argmax()), values.shape[1])
    return lesson.predict(
        question.format(title=title, name=case.name),
        attribution.quarter(),
        why=why.format(row=row, column=column),
        options=names,
        redraw=redraw,
        accept=accept,
    )
