"""Whose turn it is: requests wait in lanes, one for each network on each device, and workers serve the lanes.

A lane is served by one worker at a time, so that a slow network with many requests occupies one worker and
the others remain for everybody else. Importing this module doesn't import torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

WORKERS = 3
"""Networks that may run at the same time."""
IDLE_SECONDS = 30.0
"""A worker with nothing to do for so long ends; the next request starts another."""


class Request(Protocol):
    """What the scheduler asks of a request."""

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for it any more."""


Q = TypeVar("Q", bound=Request)
L = TypeVar("L", bound=Hashable)


@dataclass(frozen=True)
class _Waiting(Generic[L, Q]):
    lane: L
    request: Q


class Scheduler(Generic[L, Q]):
    """Serves requests in order of arrival, those of one lane never at the same time.

    Args:
        serve: does the work for some requests of one lane, and never raises.
        most: how many requests of a lane may be served together.
    """

    def __init__(self, serve: Callable[[L, list[Q]], None], most: Callable[[L], int]) -> None:
        self._serve, self._most = serve, most
        self._waiting: list[_Waiting[L, Q]] = []
        self._busy: set[L] = set()
        self._workers = self._idle = 0
        self._changed = threading.Condition()

    def submit(self, lane: L, request: Q) -> None:
        """Queue a request; returns at once."""
        with self._changed:
            self._waiting = [one for one in self._waiting if not one.request.given_up]
            self._waiting.append(_Waiting(lane, request))
            if len(self._waiting) > self._idle and self._workers < WORKERS:
                self._workers += 1
                threading.Thread(target=self._work, daemon=True).start()
            self._changed.notify()

    def _work(self) -> None:
        while self._turn():
            pass

    def _turn(self) -> bool:
        """Serve once. A method of its own, so that a worker that waits keeps no photo alive."""
        with self._changed:
            self._idle += 1
            ready = self._changed.wait_for(lambda: self._next() is not None, IDLE_SECONDS)
            self._idle -= 1
            lane = self._next() if ready else None
            if lane is None:
                self._workers -= 1
                return False
            requests = [one.request for one in self._waiting if one.lane == lane][: self._most(lane)]
            self._waiting = [one for one in self._waiting if not any(one.request is it for it in requests)]
            self._busy.add(lane)
        try:
            self._serve(lane, requests)
        finally:
            with self._changed:
                self._busy.discard(lane)
                self._changed.notify()
        return True

    def _next(self) -> L | None:
        """The lane of the request that has waited longest, among those that nobody serves."""
        return next((one.lane for one in self._waiting if one.lane not in self._busy), None)
