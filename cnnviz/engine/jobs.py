"""Work that others wait for: a ticket to look at, to wait for, and to cancel.

Importing this module doesn't import torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Generic, Literal, TypeVar

from cnnviz.errors import CnnvizError, ModelError
from cnnviz.messages import N_

T = TypeVar("T")

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Job(Generic[T]):
    """A piece of work in another thread; every method may be called from any thread and returns at once.

    Only :meth:`result` and :meth:`wait` wait.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._state: State = "queued"
        self._result: T | None = None
        self._error: CnnvizError | None = None
        self._progress: tuple[int, int] | None = None

    @property
    def state(self) -> State:
        """What has become of it; done, failed and cancelled are for good."""
        return self._state

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self._state in ("done", "failed", "cancelled")

    @property
    def progress(self) -> tuple[int, int] | None:
        """How much is done of how much; None where that isn't known."""
        return self._progress

    @property
    def error(self) -> CnnvizError | None:
        """Why it failed."""
        return self._error

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is finished, for so long at most; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.finished, seconds)

    def result(self, timeout: float | None = None) -> T:
        """Wait for what came out.

        Raises:
            CnnvizError: what it failed with.
            concurrent.futures.CancelledError: it was cancelled, or replaced by another.
            TimeoutError: it takes longer than `timeout` seconds.
        """
        if not self.wait(timeout):
            raise TimeoutError
        if self._state == "cancelled":
            raise CancelledError
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def cancel(self) -> bool:
        """Give it up; whether that came in time. What is being computed is thrown away."""
        return self._finish("cancelled")

    # For whoever does the work.

    def start(self) -> bool:
        """It is its turn now; False where it was cancelled before."""
        with self._changed:
            if self._state == "queued":
                self._state = "running"
            return self._state == "running"

    def advance(self, done: int, total: int) -> None:
        """So much is done."""
        self._progress = done, total

    def succeed(self, result: T) -> None:
        """This came out, unless it was cancelled."""
        with self._changed:
            if not self.finished:
                self._result = result
            self._finish("done")

    def fail(self, error: BaseException) -> None:
        """This went wrong."""
        if not isinstance(error, CnnvizError):
            error = ModelError(N_("something unforeseen went wrong: {reason}"), reason=repr(error))
        # A page keeps it; the frames of a traceback would keep photos and tensors alive.
        error.__traceback__ = error.__cause__ = error.__context__ = None
        with self._changed:
            if not self.finished:
                self._error = error
            self._finish("failed")

    def _finish(self, state: State) -> bool:
        with self._changed:
            if self.finished:
                return False
            self._state = state
            self._changed.notify_all()
            return True


def in_background(work: Callable[[Job[T]], T]) -> Job[T]:
    """Do `work` in a thread of its own; it gets its job, to tell its progress and to see whether it is cancelled."""
    job: Job[T] = Job()

    def run() -> None:
        job.start()
        try:
            job.succeed(work(job))
        except CancelledError:
            job.cancel()
        except BaseException as error:  # whatever it is, somebody waits for it
            job.fail(error)

    threading.Thread(target=run, daemon=True).start()
    return job
