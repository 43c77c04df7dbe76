"""A training's buttons and its end, without a browser."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime.caching import clear_session_resource_cache
from streamlit.testing.v1 import AppTest

from cnnviz.training.jobs import Job, Office, Seat
from cnnviz.ui import training

SOON = 20.0
SESSION = "test session id"
"""What AppTest calls every session, so that all its visitors share one session's caches."""


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """One of this test's own, with one place."""
    made = Office(places=1)
    monkeypatch.setattr(training, "_office", lambda: made)
    clear_session_resource_cache(SESSION)
    yield made
    made.close()
    clear_session_resource_cache(SESSION)


def visitor(log: Path, **parameters: str) -> AppTest:
    at = AppTest.from_file("../browser/training_demo.py", default_timeout=60)
    at.query_params["log"] = str(log)
    for name, value in parameters.items():
        at.query_params[name] = value
    return at.run()


def press(at: AppTest, name: str) -> AppTest:
    at.button(key=f"demo.training.{name}").click().run()
    assert not at.exception
    return at


def buttons(at: AppTest) -> list[str]:
    return [str(button.key).rpartition(".")[2] for button in at.button]


def job(at: AppTest) -> Job:
    found = at.session_state["training.seat"].job
    assert found is not None
    return found


def endless() -> Iterator[Any]:
    while True:
        time.sleep(0.01)
        yield SimpleNamespace(done=1, total=2)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def bars(at: AppTest) -> str:
    return " ".join(each.proto.text for each in at.get("progress"))


def told(at: AppTest) -> str:
    return "\n".join([each.value for each in [*at.caption, *at.markdown]])


def test_train_pause_resume_and_end(office: Office, tmp_path: Path) -> None:
    at = visitor(tmp_path / "log")
    assert buttons(at) == ["train"]
    assert "shown nothing" in told(at)
    press(at, "train")
    until(lambda: job(at).status().progress is not None)
    assert buttons(at.run()) == ["pause", "stop"]
    press(at, "pause")
    done = job(at).status().progress.done
    assert f"Paused at step {done} of 2000." in told(at)
    assert f"shown {done}" in told(at)
    assert buttons(at) == ["resume", "stop"]
    press(at, "resume")
    until(lambda: job(at).status().progress.done > done)
    press(at, "stop")
    assert job(at).status().state == "stopped"
    assert "Stopped at step" in told(at)
    assert buttons(at) == ["train"]


def test_a_finished_one_and_other_settings(office: Office, tmp_path: Path) -> None:
    at = press(visitor(tmp_path / "log", steps="3"), "train")
    assert job(at).wait(SOON).state == "done"
    assert "Trained: 3 steps." in told(at.run())
    assert "shown 3" in told(at)
    at.query_params["steps"] = "2000"
    assert "shown nothing" in told(at.run()), "a run of other settings isn't shown"
    press(at, "train")
    at.query_params["steps"] = "4"
    assert "Your other training still runs" in told(at.run())


def test_a_failure_is_told(office: Office, tmp_path: Path) -> None:
    at = press(visitor(tmp_path / "log", fail="1"), "train")
    assert job(at).wait(SOON).state == "failed"
    at.run()
    assert [warning.value for warning in at.warning] == ["no step 2"]
    assert buttons(at) == ["train"]


def test_a_second_visitor_waits(office: Office, tmp_path: Path) -> None:
    other = Seat(office)
    theirs = other.start(endless)
    until(lambda: theirs.status().state == "running")
    at = press(visitor(tmp_path / "log"), "train")
    assert "Waiting for a free place: number 1 in the queue." in bars(at.run())
    assert buttons(at) == ["pause", "stop"]
    press(at, "pause")
    assert job(at).status().state == "paused"
    theirs.stop()
    press(at, "resume")
    until(lambda: job(at).status().state == "running")


def test_the_end_of_a_session_ends_its_training(office: Office, tmp_path: Path) -> None:
    log = tmp_path / "log"
    at = press(visitor(log), "train")
    until(lambda: log.exists() and log.stat().st_size > 2)
    # What Streamlit calls as soon as a visitor's connection ends.
    clear_session_resource_cache(SESSION)
    assert job(at).wait(SOON).state == "paused"
    size = log.stat().st_size
    time.sleep(0.3)
    assert log.stat().st_size == size
    # A visitor who comes back finds it and can go on.
    assert buttons(at.run()) == ["resume", "stop"]
