"""Training in a page: its buttons, its progress, and its end when the visitor goes.

The job runs in a thread of the server (:mod:`cnnviz.training.jobs`); while it is active, the page draws its
last snapshot again every second, in a fragment, so that nothing else is drawn again.
"""

import atexit
import os
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import streamlit as st

from cnnviz.training.jobs import Job, Office, P, Seat, Status
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

SECONDS = 1.0
"""Between two drawings of a running job."""
_SEAT = "training.seat"


@st.cache_resource(show_spinner=False)
def _office() -> Office:
    """The server's. Every job computes on one core; half of the cores stay free for pages."""
    office = Office(max(1, (os.cpu_count() or 1) // 2))
    atexit.register(office.close)
    return office


@st.cache_resource(scope="session", on_release=Seat.leave, show_spinner=False)
def seat() -> Seat:
    """This visitor's seat, for all lessons.

    Streamlit releases it as soon as the connection ends: by a closed tab, or by a network that was lost.
    The job then takes no more time; a visitor who comes back before the session is forgotten finds it
    paused, and with the session goes the job.
    """
    return st.session_state.setdefault(_SEAT, Seat(_office()))


def train(
    lesson: LessonPage,
    make: Callable[[], Iterator[P]],
    about: Hashable,
    draw: Callable[[P | None], None],
) -> None:
    """Draw the buttons of one training, how far it is, and by `draw` its last snapshot.

    Args:
        make: gives the generator of snapshots; it runs in another thread, so it calls nothing of Streamlit's.
        about: what would be trained: a job that the visitor started for something else isn't shown.
        draw: shows a snapshot, or what there is without one. It links no controls: it runs in a fragment.
    """
    about = (lesson.scope, about)
    mine = _job(about)
    watched = mine is not None and mine.status().active

    @st.fragment(run_every=SECONDS if watched else None)
    def panel() -> None:
        job = _job(about)
        status: Status[P] | None = job.status() if job is not None else None
        _buttons(lesson, make, about, job, status)
        _tell(lesson, status)
        draw(status.progress if status is not None else None)
        if watched and not (status is not None and status.active):
            st.rerun()  # which ends the drawing every second

    panel()


def last(lesson: LessonPage, about: Hashable) -> Any:
    """The last snapshot of the visitor's training of `about`; None without one."""
    job = _job((lesson.scope, about))
    return job.status().progress if job is not None else None


def _job(about: Hashable) -> Job[Any] | None:
    job = seat().job
    return job if job is not None and job.about == about else None


def _buttons(
    lesson: LessonPage,
    make: Callable[[], Iterator[P]],
    about: Hashable,
    job: Job[Any] | None,
    status: Status[P] | None,
) -> None:
    state = status.state if status is not None else None
    actions: list[tuple[str, str, str, Callable[[], object]]] = []
    if job is not None and state in ("queued", "running"):
        actions.append(("pause", _("Pause"), ":material/pause:", job.pause))
    elif job is not None and state == "paused":
        actions.append(("resume", _("Resume"), ":material/play_arrow:", job.resume))
    if job is not None and state in ("queued", "running", "paused"):
        actions.append(("stop", _("End the training"), ":material/stop:", job.stop))
    else:
        words = _("Train here and now") if job is None else _("Train again")
        actions.append(("train", words, ":material/model_training:", lambda: seat().start(make, about)))
    with st.container(horizontal=True, vertical_alignment="center"):
        for name, words, icon, act in actions:
            if st.button(words, icon=icon, key=lesson.key(f"training.{name}")):
                act()
                if job is not None and name in ("pause", "stop"):
                    job.wait(SECONDS)
                st.rerun()
        if job is None and (other := seat().job) is not None and other.status().active:
            st.caption(_("Your other training still runs; a new one ends it."))


def _tell(lesson: LessonPage, status: Status[P] | None) -> None:
    """How far it is."""
    if status is None:
        return
    if status.error is not None:
        lesson.problem(status.error)
        return
    words = {
        "queued": _("Waiting for a free place: number {place} in the queue."),
        "running": _("Training: step {done} of {total}."),
        "paused": _("Paused at step {done} of {total}."),
        "stopped": _("Stopped at step {done} of {total}."),
        "done": _("Trained: {total} steps."),
    }[status.state]
    done, total = (status.progress.done, status.progress.total) if status.progress else (0, "…")
    text = words.format(place=status.place, done=done, total=total)
    if status.active:
        st.progress(status.share, text=text)
    else:
        st.caption(text)
