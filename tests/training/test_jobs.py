"""Jobs beside the page: bounded, queued, paused, stopped, and their errors kept."""

import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch

from cnnviz.errors import ModelError, SettingError
from cnnviz.training.jobs import Job, Office, Seat

SOON = 20.0


@dataclass(frozen=True)
class Step:
    done: int
    total: int = 5


class Gate:
    """A training that takes one step each time it is let through; `close` lets it run to its end."""

    def __init__(self) -> None:
        self.tickets = threading.Semaphore(0)
        self.began, self.ended = threading.Event(), threading.Event()
        self.threads: set[int] = set()

    def steps(self) -> Iterator[Step]:
        self.began.set()
        try:
            for done in range(1, 6):
                assert self.tickets.acquire(timeout=SOON)
                self.threads.add(threading.get_ident())
                yield Step(done)
        finally:
            self.ended.set()

    def let(self, count: int = 1) -> None:
        self.tickets.release(count)


def until(job: Job[Step], true: Callable[[], bool]) -> None:
    """Wait for a change that the office tells of, or for a step."""
    deadline = threading.Event()
    for _turn in range(int(SOON / 0.01)):
        if true():
            return
        deadline.wait(0.01)
    raise AssertionError(job.status())


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office(places=1)
    yield made
    made.close()


def test_runs_to_its_end(office: Office) -> None:
    gate = Gate()
    job = Seat(office).start(gate.steps, about=("digits", 2))
    assert job.about == ("digits", 2)
    assert gate.began.wait(SOON)
    assert (job.status().state, job.status().progress, job.status().share) == ("running", None, 0)
    gate.let(5)
    status = job.wait(SOON)
    assert (status.state, status.progress, status.share, status.active) == ("done", Step(5), 1, False)
    assert gate.threads.isdisjoint({threading.get_ident()})
    job.pause()
    job.resume()
    job.stop()
    assert job.status().state == "done", "what has ended stays so"


def test_two_visitors_wait_for_one_place_in_order(office: Office) -> None:
    gates = [Gate() for _ in range(3)]
    first, second, third = (Seat(office).start(gate.steps) for gate in gates)
    assert gates[0].began.wait(SOON)
    assert [job.status().state for job in (first, second, third)] == ["running", "queued", "queued"]
    assert [job.status().place for job in (first, second, third)] == [0, 1, 2]
    assert not gates[1].began.is_set()
    second.stop()
    assert (second.status().state, third.status().place) == ("stopped", 1)
    gates[0].let(5)
    gates[2].let(5)
    assert (first.wait(SOON).state, third.wait(SOON).state) == ("done", "done")
    assert not gates[1].began.is_set(), "a job that was stopped in the queue never starts"


def test_never_more_at_a_time_than_places() -> None:
    office, lock, running, most = Office(places=2), threading.Lock(), [0], [0]

    def steps() -> Iterator[Step]:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        for done in range(1, 6):
            threading.Event().wait(0.01)
            yield Step(done)
        with lock:
            running[0] -= 1

    jobs = [Seat(office).start(steps) for _ in range(7)]
    assert {job.wait(SOON).state for job in jobs} == {"done"}
    assert most == [2]


def test_a_visitor_has_one_job(office: Office) -> None:
    seat, old, new = Seat(office), Gate(), Gate()
    first = seat.start(old.steps)
    assert old.began.wait(SOON)
    second = seat.start(new.steps)
    assert seat.job is second
    old.let()
    assert first.wait(SOON).state == "stopped"
    assert old.ended.wait(SOON), "its generator is closed"
    new.let(5)
    assert second.wait(SOON).state == "done"
    assert old.tickets.acquire(timeout=0) is False, "not one step more"


def test_pause_gives_the_place_away_and_resume_goes_on(office: Office) -> None:
    gate, other = Gate(), Gate()
    job, waiting = Seat(office).start(gate.steps), Seat(office).start(other.steps)
    gate.let(2)
    until(job, lambda: job.status().progress == Step(2))
    job.pause()
    gate.let()
    assert (job.wait(SOON).state, job.status().progress) == ("paused", Step(3))
    other.let(5)
    assert waiting.wait(SOON).state == "done"
    job.resume()
    gate.let(2)
    status = job.wait(SOON)
    assert (status.state, status.progress) == ("done", Step(5)), "five steps in all, none twice"


def test_stop_while_paused_lets_go_of_everything(office: Office) -> None:
    class Network:
        pass

    alive: list[weakref.ref[Network]] = []

    def steps() -> Iterator[Step]:
        network = Network()
        alive.append(weakref.ref(network))
        for done in range(1, 6):
            yield Step(done)
            threading.Event().wait(0.02)

    job = Seat(office).start(steps)
    until(job, lambda: job.status().progress is not None)
    job.pause()
    assert job.wait(SOON).state == "paused"
    assert alive[0]() is not None
    job.stop()
    gc.collect()
    assert job.status().state == "stopped"
    assert alive[0]() is None


def test_a_visitor_who_never_comes_back_leaves_nothing(office: Office) -> None:
    class Network:
        pass

    alive: list[weakref.ref[Network]] = []
    ended = threading.Event()

    def steps() -> Iterator[Step]:
        network = Network()
        alive.append(weakref.ref(network))
        try:
            for done in range(1, 6):
                yield Step(done)
                threading.Event().wait(0.02)
        finally:
            ended.set()

    seat = Seat(office)
    until(seat.start(steps), lambda: bool(alive))
    seat.leave()
    seat.job.wait(SOON)
    assert alive[0]() is not None
    # The connection's end pauses the job; the session's end, later, forgets the seat.
    del seat
    assert ended.wait(SOON)
    gc.collect()
    assert alive[0]() is None


def test_whoever_leaves_takes_no_time_and_may_come_back(office: Office) -> None:
    gate, seat = Gate(), Seat(office)
    seat.leave()
    job = seat.start(gate.steps)
    gate.let()
    until(job, lambda: job.status().progress == Step(1))
    seat.leave()
    gate.let()
    assert job.wait(SOON).state == "paused"
    job.resume()
    gate.let(3)
    assert job.wait(SOON).state == "done"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SettingError("stride is {stride}", stride=0), "stride is 0"),
        (RuntimeError("no memory\nat line 3"), "The training failed: no memory"),
        (KeyError(), "The training failed: KeyError"),
    ],
)
def test_a_failure_is_a_sentence_and_the_next_one_runs(
    office: Office, error: Exception, sentence: str
) -> None:
    def steps() -> Iterator[Step]:
        yield Step(1)
        raise error

    seat = Seat(office)
    status = seat.start(steps).wait(SOON)
    assert (status.state, str(status.error), status.progress) == ("failed", sentence, Step(1))
    assert isinstance(status.error, SettingError | ModelError)
    gate = Gate()
    gate.let(5)
    assert seat.start(gate.steps).wait(SOON).state == "done"


def test_a_job_computes_on_one_core_and_leaves_the_others_alone(office: Office) -> None:
    before, seen = torch.get_num_threads(), []

    def steps() -> Iterator[Step]:
        torch.randn(64, 64, generator=torch.Generator().manual_seed(0)).matmul(torch.ones(64, 64))
        seen.append(torch.get_num_threads())
        if hasattr(os, "getpriority"):
            seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        yield Step(5)

    torch.set_num_threads(3)
    try:
        assert Seat(office).start(steps).wait(SOON).state == "done"
        assert torch.get_num_threads() == 3
        fresh: list[int] = []
        thread = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert fresh == [3]
    finally:
        torch.set_num_threads(before)
    assert seen[0] == 1
    assert seen[1:] == [] or seen[1] >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)


def test_closing_stops_all() -> None:
    office, gate, waiting = Office(), Gate(), Gate()
    first, second = Seat(office).start(gate.steps), Seat(office).start(waiting.steps)
    assert gate.began.wait(SOON)
    gate.let()
    until(first, lambda: first.status().progress == Step(1))
    gate.let()
    office.close()
    assert (first.status().state, second.status().state) == ("stopped", "stopped")
