"""Keeping loaded networks within a memory budget: those used longest ago make room, none in use does.

Importing this module doesn't import torch.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cnnviz.errors import ModelError
from cnnviz.messages import N_

T = TypeVar("T")


class TooLittleMemoryError(ModelError):
    """A device has too little memory; another may still do it."""


@dataclass
class _Place(Generic[T]):
    """A place for one thing; whoever holds `loading` may load it."""

    loading: threading.Lock = field(default_factory=threading.Lock)
    thing: T | None = None
    size: int = 0
    users: int = 0
    used: int = 0


class Shelf(Generic[T]):
    """Things by name and device, one copy of each, for any number of threads.

    Args:
        budget: bytes that all things on a device may take together.
    """

    def __init__(self, budget: Callable[[str], int]) -> None:
        self._budget = budget
        self._places: dict[tuple[Hashable, str], _Place[T]] = {}
        self._changed = threading.Condition()
        self._clock = itertools.count()

    @contextmanager
    def borrow(self, name: Hashable, device: str, size: int, load: Callable[[], T]) -> Iterator[T]:
        """The thing called `name`, loaded if it isn't there; it stays as long as anybody borrows it.

        Its first borrower loads it while the others wait; things by other names are not held up. Where
        room can only be made by taking what others use, that is waited for.

        Args:
            size: bytes that it takes on `device`.

        Raises:
            TooLittleMemoryError: it alone is larger than the budget.
        """
        with self._changed:
            place = self._places.setdefault((name, device), _Place())
            place.users += 1
        try:
            with place.loading:
                if place.thing is None:
                    self._reserve(name, device, size, place)
                    try:
                        place.thing = load()
                    finally:
                        if place.thing is None:
                            place.size = 0
            yield place.thing
        finally:
            with self._changed:
                place.users -= 1
                place.used = next(self._clock)
                self._changed.notify_all()

    def held(self, device: str) -> dict[Hashable, int]:
        """Names and sizes of what is there, the one used longest ago first."""
        with self._changed:
            there = [
                (place.used, name, place.size) for (name, on), place in self._places.items()
                if on == device and place.thing is not None
            ]  # fmt: skip
        return {name: size for _, name, size in sorted(there, key=lambda entry: entry[0])}

    def _reserve(self, name: Hashable, device: str, size: int, mine: _Place[T]) -> None:
        """Set `size` bytes aside for `mine`, taking the place of others as needed."""
        budget = self._budget(device)
        if size > budget:
            raise TooLittleMemoryError(
                N_("{device} has too little memory left for {network}"), device=device, network=name
            )
        with self._changed:
            while True:
                others = [place for (_, on), place in self._places.items() if on == device and place.size]
                if sum(place.size for place in others) + size <= budget:
                    mine.size = size
                    return
                idle = [place for place in others if not place.users]
                if idle:
                    oldest = min(idle, key=lambda place: place.used)
                    oldest.thing, oldest.size = None, 0
                else:
                    self._changed.wait()
