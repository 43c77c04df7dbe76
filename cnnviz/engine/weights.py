"""Fetching official weights, once, whole and checked, into the folder where torch looks for them.

torchvision says where its weights are, and the first digits of their SHA-256 are in the file's name; the
server is asked for no more than the bytes. What arrives is kept in a ``.part`` file beside the place of the
weights, so that a broken download goes on where it stopped, and takes its name only when it is whole and
has the right hash: nobody ever sees half of a file. ``python -m cnnviz.engine.weights classroom`` fetches
a set beforehand.

Importing this module imports torchvision.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import torch

from cnnviz.engine.catalogue import TASKS, ModelCard, Task, model, models
from cnnviz.engine.jobs import Job, in_background
from cnnviz.errors import CnnvizError, WeightsError
from cnnviz.messages import N_

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of all; 0 of all where the server doesn't say."""

TRIES = 3
"""How often a connection that breaks is opened again before the reader is told."""
PATIENCE = 20.0
"""Seconds without a byte after which a connection counts as broken."""
_CHUNK = 2**16


def sets() -> Mapping[str, tuple[str, ...]]:
    """Models that are fetched together, by name: a small set to compare architectures with, and each task's."""
    classroom = (
        "ssdlite320_mobilenet_v3_large",
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        "lraspp_mobilenet_v3_large",
        "deeplabv3_mobilenet_v3_large",
    )
    tasks: dict[str, tuple[str, ...]] = {
        task: tuple(card.id for card in models(task) if card.url) for task in TASKS
    }
    return {"classroom": classroom, **tasks}


def file_of(card: ModelCard) -> Path:
    """Where the weights of a card are, or will be: in the folder of torch.hub."""
    assert card.url is not None
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(card.url).path).name


def at_hand(model_id: str) -> bool:
    """Whether a model can be run without a network.

    Raises:
        ModelError: there is no such model.
    """
    card = model(model_id)
    return card.url is None or file_of(card).is_file()


def fetch(
    model_id: str, progress: Progress | None = None, cancelled: Callable[[], bool] | None = None
) -> Path:
    """The file of a model's weights, fetched if it isn't there; whoever asks at the same time shares the download.

    Args:
        progress: is told how far it is, a few times a second.
        cancelled: is asked as often whether to give up. What has arrived is kept for the next time, and
            a download goes on as long as anybody waits for it.

    Raises:
        ModelError: there is no such model, or its weights are not fetched.
        WeightsError: they can't be had, and why.
        concurrent.futures.CancelledError: `cancelled` said so.
    """
    card = model(model_id)
    if card.url is None:
        raise WeightsError(N_("the weights of {name} are always there"), name=card.title)
    path = file_of(card)
    if path.is_file():
        return path
    with _LOCK:
        flight = _FLIGHTS.get(path)
        if flight is None or not flight.join():
            flight = _FLIGHTS[path] = _Flight(card.url, path)
    try:
        while not flight.landed.wait(0.1):
            if progress is not None:
                progress(*flight.progress)
            if cancelled is not None and cancelled():
                raise CancelledError
    finally:
        flight.leave()
    if isinstance(flight.error, _UnreachableError):
        raise WeightsError(
            N_("{host} can't be reached ({reason}). Without a network these still run: {there}"),
            there=_at_hand_instead(card),
            **flight.error.values,
        )
    if flight.error is not None:
        # One for each who waited: raising changes an exception.
        raise WeightsError(flight.error.message, **flight.error.values)
    if progress is not None:
        progress(*flight.progress)
    return path


def download(model_id: str) -> Job[Path]:
    """:func:`fetch` in a thread of its own."""
    return in_background(lambda job: fetch(model_id, job.advance, lambda: job.finished))


def _at_hand_instead(card: ModelCard) -> str:
    """The models that can stand in for one: those for its task that are there."""
    # Nothing else finds instances; boxes come nearest.
    task: Task = "detection" if card.task == "instance" else card.task
    return ", ".join(other.title for other in models(task) if at_hand(other.id))


class _UnreachableError(WeightsError):
    """The server doesn't answer."""


class _Flight:
    """One download, by a thread of its own, for everybody who waits for it."""

    def __init__(self, url: str, path: Path) -> None:
        self.url, self.path = url, path
        self.progress = 0, 0
        self.error: WeightsError | None = None
        self.landed = threading.Event()
        self._passengers = 1
        threading.Thread(target=self._fly, daemon=True).start()

    def join(self) -> bool:
        """Wait for it, too; False where it is over."""
        self._passengers += 1
        return not self.landed.is_set()

    def leave(self) -> None:
        with _LOCK:
            self._passengers -= 1

    def _fly(self) -> None:
        while True:
            try:
                download_file(self.url, self.path, self._advance)
            except CancelledError:
                pass
            except WeightsError as error:
                self.error = error
            except OSError as error:
                self.error = WeightsError(
                    N_("{file} can't be written: {reason}"),
                    file=self.path.name,
                    reason=error.strerror or repr(error),
                )
            with _LOCK:
                # Somebody may have come while it was being given up.
                if self.error is not None or self.path.is_file() or not self._passengers:
                    _FLIGHTS.pop(self.path, None)
                    self.landed.set()
                    return

    def _advance(self, done: int, total: int) -> None:
        self.progress = done, total
        if self._passengers == 0:
            raise CancelledError


_LOCK = threading.Lock()
_FLIGHTS: dict[Path, _Flight] = {}


def download_file(url: str, path: Path, progress: Progress) -> None:
    """Download `url` to `path`, going on from what an earlier try has left.

    Args:
        progress: may raise to give up; what has arrived is kept.

    Raises:
        WeightsError: it can't be had, or is not what its name says.
        OSError: it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    resumed = part.exists()
    _gather(url, part, progress)
    if not _has_hash(part, path.name):
        part.unlink()
        if resumed:
            # Perhaps only what was left was bad.
            return download_file(url, path, progress)
        raise WeightsError(
            N_("{file} arrived, but not as published: its SHA-256 doesn't begin with the digits in its name"),
            file=path.name,
        )
    os.replace(part, path)


def is_whole(path: Path) -> bool:
    """Whether a file of weights has the hash that its name says, if it says one."""
    return path.is_file() and _has_hash(path, path.name)


def _has_hash(path: Path, name: str) -> bool:
    expected = re.search(r"-([0-9a-f]{8,})\.", name)
    with path.open("rb") as file:
        return expected is None or hashlib.file_digest(file, "sha256").hexdigest().startswith(expected[1])


def _gather(url: str, part: Path, progress: Progress) -> None:
    """Add to `part` until it is whole; a connection that breaks is opened again."""
    host = urlsplit(url).hostname
    tries = TRIES
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            with _open(url, before) as response:
                total = _receive(response, part, progress)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and before:
                part.unlink()
                continue
            raise WeightsError(
                N_("{host} doesn't give {file}: it answers {code}"),
                host=host,
                file=part.stem,
                code=error.code,
            ) from None
        except urllib.error.URLError as error:
            raise _UnreachableError("{host}: {reason}", host=host, reason=_words(error.reason)) from None
        except (TimeoutError, ConnectionError, HTTPException):
            total = 0
        done = part.stat().st_size if part.exists() else 0
        if total and done >= total:
            return
        tries = TRIES if done > before else tries - 1
        if tries == 0:
            raise WeightsError(
                N_(
                    "the connection to {host} broke after {done} bytes of {file}; another try goes on from there"
                ),
                host=host,
                done=done,
                file=part.stem,
            )


def _words(reason: object) -> str:
    return (reason.strerror if isinstance(reason, OSError) else None) or str(reason)


def _open(url: str, start: int) -> HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "cnnviz"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    response: HTTPResponse = urllib.request.urlopen(request, timeout=PATIENCE)
    return response


def _receive(response: HTTPResponse, part: Path, progress: Progress) -> int:
    """Write what comes; returns how many bytes the whole has."""
    length = int(response.headers.get("Content-Length") or 0)
    # A server that doesn't know ranges sends all of it.
    goes_on = response.status == 206
    with part.open("ab" if goes_on else "wb") as file:
        total = file.tell() + length
        progress(file.tell(), total)
        while chunk := response.read1(_CHUNK):
            file.write(chunk)
            progress(file.tell(), total)
        return total or file.tell()


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the sets or models named on the command line; 1 if any can't be had."""
    parser = argparse.ArgumentParser(prog="python -m cnnviz.engine.weights", description=main.__doc__)
    parser.add_argument("names", nargs="+", metavar="SET", help=f"{', '.join(sets())}, or a model's id")
    given = parser.parse_args(arguments).names
    failed = False
    for name in dict.fromkeys(name for one in given for name in sets().get(one, (one,))):
        try:
            path = fetch(name, _Bar(name))
        except CnnvizError as error:
            failed = True
            print(f"\r{name}: {error}", file=sys.stderr)
        else:
            print(f"\r{name}: {path.name}, {path.stat().st_size / 1e6:.1f} MB", flush=True)
    return int(failed)


class _Bar:
    """Progress on one line, once a second."""

    def __init__(self, name: str) -> None:
        self._name, self._next = name, 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            print(f"\r{self._name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
