"""Tickets: their states, and that the end is the end."""

import gc
import threading
import weakref
from concurrent.futures import CancelledError

import pytest

from cnnviz.engine.jobs import Job, in_background
from cnnviz.errors import ModelError, WeightsError


def test_from_queue_to_result():
    job = Job()
    assert (job.state, job.finished, job.progress, job.error) == ("queued", False, None, None)
    assert job.start()
    job.advance(1, 4)
    assert (job.state, job.progress) == ("running", (1, 4))
    job.succeed("it")
    assert (job.state, job.finished, job.result()) == ("done", True, "it")
    assert not job.cancel()
    assert job.result() == "it"


@pytest.mark.parametrize("started", [False, True])
def test_cancelled(started):
    job = Job()
    if started:
        job.start()
    assert job.cancel()
    assert not job.start()
    job.succeed("too late")
    job.fail(WeightsError("too late"))
    assert (job.state, job.error) == ("cancelled", None)
    with pytest.raises(CancelledError):
        job.result()


def test_failed():
    job = Job()
    job.fail(WeightsError("the weights are {what}", what="gone"))
    assert job.state == "failed"
    for _ in range(2):
        with pytest.raises(WeightsError, match="the weights are gone"):
            job.result()


def test_a_failure_nobody_thought_of():
    job = Job()
    job.fail(ZeroDivisionError("division by zero"))
    with pytest.raises(ModelError, match=r"ZeroDivisionError\('division by zero'\)"):
        job.result()


def test_a_failure_keeps_nothing_alive():
    class Photo:
        pass

    def work():
        photo = Photo()
        seen.append(weakref.ref(photo))
        raise ModelError("no")

    seen, job = [], Job()
    try:
        work()
    except ModelError as error:
        job.fail(error)
    gc.collect()
    assert seen[0]() is None


def test_waiting_has_an_end():
    job = Job()
    assert not job.wait(0.01)
    with pytest.raises(TimeoutError):
        job.result(0.01)
    threading.Timer(0.05, job.succeed, ["it"]).start()
    assert job.result(10) == "it"


def test_in_the_background():
    go_on = threading.Event()

    def work(job):
        job.advance(1, 2)
        assert go_on.wait(10)
        return threading.current_thread()

    job = in_background(work)
    while job.progress is None:
        assert not job.finished
    assert job.state == "running"
    go_on.set()
    assert job.result(10) is not threading.current_thread()


def test_in_the_background_something_goes_wrong():
    def work(job):
        raise KeyError("what")

    with pytest.raises(ModelError, match="KeyError"):
        in_background(work).result(10)
