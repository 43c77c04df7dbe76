"""Work that goes on where it was interrupted, and what a session keeps of it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.errors import ModelError
from cnnviz.ui.explaining import Job


@dataclass(frozen=True)
class Step:
    done: int
    total: int = 3


def counted() -> Iterator[Step]:
    for done in (1, 2, 3):
        yield Step(done)


def test_a_job_knows_more_with_every_step() -> None:
    job = Job(counted())
    assert (job.last, job.share, job.finished) == (None, 0.0, False)
    job.step()
    assert (job.last, job.finished) == (Step(1), False)
    assert job.run() == Step(3)
    assert (job.share, job.finished, job.error) == (1.0, True, None)
    job.step()
    assert job.last == Step(3)


def test_an_error_ends_a_job_and_keeps_what_there_is() -> None:
    def broken() -> Iterator[Step]:
        yield Step(1)
        raise ModelError("no more")

    job = Job(broken())
    assert job.run() == Step(1)
    assert job.finished
    assert str(job.error) == "no more"


def test_two_runs_never_take_the_same_step() -> None:
    """A run that was interrupted may still be in a step when the next one begins."""
    inside, together = threading.Lock(), []

    def slow() -> Iterator[Step]:
        for done in range(1, 51):
            together.append(not inside.acquire(blocking=False))
            threading.Event().wait(0.001)
            inside.release()
            yield Step(done, 50)

    job = Job(slow())
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: job.run(), range(2))) == [Step(50, 50)] * 2
    assert together == [False] * 50


def page() -> None:
    """Three lessons ask for more work than a session keeps."""
    import streamlit as st

    from cnnviz.ui import language, state
    from cnnviz.ui.explaining import choose
    from cnnviz.ui.lesson import LessonPage
    from cnnviz.ui.photo import Photo

    st.session_state.setdefault(language.KEY, "en")
    st.session_state.setdefault("device", "cpu")
    state.begin()
    lesson = LessonPage.__new__(LessonPage)
    photo = Photo("own", st.session_state["rgb"], "", "")
    case = choose(lesson, photo)
    assert case is not None
    for number in range(60):
        case.job(number, lambda: iter(()))
    assert case.job(59, lambda: iter(())) is case.job(59, lambda: iter(()))
    st.session_state["seen"] = (case.key, case.target, case.name, case.score)
    st.session_state["best"] = int(case.probabilities.argmax())


@pytest.fixture
def session() -> AppTest:
    at = AppTest.from_function(page, default_timeout=60)
    at.session_state["rgb"] = np.full((40, 60, 3), 200, np.uint8)
    at.run()
    assert not at.exception
    return at


def test_a_session_keeps_only_its_latest_jobs(session: AppTest) -> None:
    assert len(session.session_state["explain.jobs"]) == 48


def test_the_class_is_the_best_until_another_is_chosen(session: AppTest) -> None:
    key, target, name, score = session.session_state["seen"]
    assert target == session.session_state["best"]
    session.selectbox(key="explain.class.any").set_value(134).run()
    assert session.session_state["seen"][1:3] == (134, "crane bird")
    assert session.session_state["seen"][3] < score
    assert session.session_state["seen"][0] == key
    names = session.selectbox(key="explain.class.any").options
    assert len(set(names)) == 1000, "or a name could not be found"
    session.selectbox(key="explain.class.any").set_value(target).run()
    assert session.session_state["explain.class"] == -1, "the best of the next photo, too"
    session.session_state["rgb"] = np.zeros((40, 60, 3), np.uint8)
    session.run()
    assert session.session_state["seen"][0] != key
    assert session.session_state["seen"][2] != name
