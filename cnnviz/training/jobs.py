"""Training beside the page: a bounded number of jobs at a time, watched, paused and stopped from outside.

What is trained is a generator of frozen snapshots (:class:`Progress`). It makes its own modules and draws its
random numbers from generators of its own, so that no job sees another's, and it never touches a shared model.
Nothing runs between two snapshots but training, so a generator that yields several times a second can be
stopped as quickly::

    office = Office(places=1)          # one for the server
    seat = Seat(office)                # one for each visitor
    job = seat.start(lambda: train(seed=0), about=settings)
    job.status()                       # queued at place 1, running with the last snapshot, ...
    seat.leave()                       # the visitor is gone
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from cnnviz.errors import CnnvizError, ModelError
from cnnviz.messages import N_

State = Literal["queued", "running", "paused", "stopped", "done", "failed"]

_LOG = logging.getLogger(__name__)
_NICE = 10
"""How far a job stands back behind the pages' own threads, in Unix's niceness."""


class Progress(Protocol):
    """A frozen snapshot of a training: how far it is, and whatever the page shows of it."""

    @property
    def done(self) -> int:
        """Steps taken."""

    @property
    def total(self) -> int:
        """Steps in all."""


P = TypeVar("P", bound=Progress)


@dataclass(frozen=True, eq=False)
class Status(Generic[P]):
    """One job at one moment.

    Attributes:
        state: a queued job waits for a place; a paused one waits for :meth:`Job.resume` and takes no place;
            the other three are final: stopped by the visitor, done, or failed.
        place: in the queue, 1 for the next one to run; 0 unless queued.
        progress: the last snapshot; None before the first.
        error: why it failed.
    """

    state: State
    place: int
    progress: P | None
    error: CnnvizError | None

    @property
    def active(self) -> bool:
        """Whether something will change without the visitor."""
        return self.state in ("queued", "running")

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return self.progress.done / self.progress.total if self.progress else 0.0


class Job(Generic[P]):
    """One training. Made by :meth:`Seat.start`; safe to use from any thread.

    Attributes:
        about: what it was started for, so that a page can tell whether its settings have changed since.
    """

    def __init__(self, office: "Office", make: Callable[[], Iterator[P]], about: Hashable) -> None:
        self.about = about
        self._office = office
        self._make = make
        self._steps: Iterator[P] | None = None
        self._state: State = "queued"
        self._wish: Literal["run", "pause", "stop"] = "run"
        self._progress: P | None = None
        self._error: CnnvizError | None = None

    def status(self) -> Status[P]:
        """What it is doing now."""
        with self._office.changed:
            return Status(self._state, self._office.place(self), self._progress, self._error)

    def pause(self) -> None:
        """Keep what is trained and give the place to the next; nothing, for a job that has ended."""
        self._ask("pause")

    def stop(self) -> None:
        """End it; the last snapshot stays."""
        self._ask("stop")

    def resume(self) -> None:
        """Go on where a paused job was; it queues again."""
        with self._office.changed:
            self._wish = "run" if self._wish == "pause" else self._wish
            if self._state == "paused":
                self._office.enqueue(self)

    def wait(self, timeout: float | None = None) -> Status[P]:
        """The status once it is no longer active, or after `timeout` seconds."""
        with self._office.changed:
            self._office.changed.wait_for(lambda: self._state not in ("queued", "running"), timeout)
        return self.status()

    def _ask(self, wish: Literal["pause", "stop"]) -> None:
        with self._office.changed:
            if self._state in ("stopped", "done", "failed") or self._wish == "stop":
                return
            self._wish = wish
            if self._state != "running":
                self._office.dequeue(self)
                self._leave("paused" if wish == "pause" else "stopped")

    def _run(self) -> None:
        """Train until it ends or is asked to stop; called by one worker at a time."""
        try:
            if self._steps is None:
                self._steps = self._make()
            for progress in self._steps:
                with self._office.changed:
                    self._progress = progress
                    if self._wish != "run":
                        self._leave("paused" if self._wish == "pause" else "stopped")
                        return
        except CnnvizError as error:
            # Without its traceback, whose frames would keep the networks alive.
            self._fail(error.with_traceback(None))
        except Exception as error:
            _LOG.exception("a training failed")
            reason = str(error).partition("\n")[0] or type(error).__name__
            self._fail(ModelError(N_("The training failed: {reason}"), reason=reason))
        else:
            with self._office.changed:
                self._leave("done")

    def _fail(self, error: CnnvizError) -> None:
        with self._office.changed:
            self._error = error
            self._leave("failed")

    def _leave(self, state: State) -> None:
        self._state = state
        if state != "paused":
            self._steps = None  # and with it the networks and the optimisers
        self._office.changed.notify_all()


class Office:
    """Where all jobs of a server run: at most `places` at a time, the others wait in order.

    A job's thread computes on one core and stands back behind the pages', so that other visitors'
    sliders keep moving.

    Attributes:
        changed: guards every job's state, and tells of its changes.
    """

    def __init__(self, places: int = 1) -> None:
        self.changed = threading.Condition()
        self._places = places
        self._workers = 0
        self._queue: deque[Job[Any]] = deque()
        self._running: list[Job[Any]] = []

    def place(self, job: Job[Any]) -> int:
        """In the queue, from 1; 0 for a job that isn't there."""
        with self.changed:
            return self._queue.index(job) + 1 if job in self._queue else 0

    def enqueue(self, job: Job[Any]) -> None:
        """Run `job` as soon as a place is free."""
        with self.changed:
            job._state = "queued"
            self._queue.append(job)
            if self._workers < self._places:
                self._workers += 1
                threading.Thread(target=self._work, name="training", daemon=True).start()

    def dequeue(self, job: Job[Any]) -> None:
        """Forget a queued job."""
        with self.changed, suppress(ValueError):
            self._queue.remove(job)

    def close(self) -> None:
        """Stop all jobs, and wait a moment until they have."""
        with self.changed:
            jobs = [*self._queue, *self._running]
        for job in jobs:
            job.stop()
        for job in jobs:
            job.wait(5)

    def _work(self) -> None:
        _stand_back()
        while True:
            with self.changed:
                if not self._queue:
                    self._workers -= 1
                    return
                job = self._queue.popleft()
                job._state = "running"
                self._running.append(job)
                self.changed.notify_all()
            job._run()
            with self.changed:
                self._running.remove(job)


class Seat:
    """One visitor's place at the office: one job at a time.

    Attributes:
        job: the last one started, whatever became of it.
    """

    def __init__(self, office: Office) -> None:
        self.office = office
        self.job: Job[Any] | None = None

    def start(self, make: Callable[[], Iterator[P]], about: Hashable = None) -> Job[P]:
        """Queue a new job; the visitor's earlier one is stopped.

        Args:
            make: gives the generator of snapshots; called in the job's thread.
            about: kept as :attr:`Job.about`.
        """
        if self.job is not None:
            self.job.stop()
        job = Job(self.office, make, about)
        self.job = job
        self.office.enqueue(job)
        return job

    def leave(self) -> None:
        """The visitor is away: their job takes no more time. A visitor who comes back can resume it."""
        if self.job is not None:
            self.job.pause()


def _stand_back() -> None:
    """Make this thread compute on one core, and let the others go first."""
    import torch

    # Asking makes torch set this thread up, which it would do later otherwise, with the number of all.
    everyone = torch.get_num_threads()
    torch.set_num_threads(1)
    # That was for this thread and all to come; a thread of its own takes it back for those to come.
    again = threading.Thread(target=torch.set_num_threads, args=(everyone,))
    again.start()
    again.join()
    if hasattr(os, "setpriority"):
        with suppress(OSError):  # where a priority is the whole process's, or mustn't be changed
            if os.uname().sysname == "Linux":
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
