"""What the lessons that explain share: the network and the class to explain, and work that can be stopped.

Slow work is a generator that yields what it knows so far. It lives in the session as a :class:`Job`: Streamlit
interrupts a run wherever it draws, never inside a step, and the next run goes on where the last one was.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator
from torch import nn

from cnnviz.engine.device import resolve
from cnnviz.engine.local import DEFAULT
from cnnviz.errors import CnnvizError
from cnnviz.explain.attribution import subjects
from cnnviz.explain.attribution.grad_cam import layers
from cnnviz.explain.attribution.picture import Picture, picture
from cnnviz.explain.attribution.sharing import explained
from cnnviz.explain.attribution.subjects import Subject
from cnnviz.explain.traced_field import StageField
from cnnviz.figures import network as figures
from cnnviz.figures.maps import Picture as Pixels
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo
from cnnviz.zoo import card

TOP = 5
SIDE = 448
"""Side, in pixels, of the photo's part that the network sees, as it is shown."""
_NETWORK, _CLASS, _JOBS, _CASE = "explain.network", "explain.class", "explain.jobs", "explain.case"
_SAID = "explain.said"
_MOST = 48
"""Jobs that a session keeps; a map of all pixels takes 0.6 MB."""
_PAUSE = 0.8
"""Seconds between two drawings of the same unfinished map."""


# What is explained


@dataclass(frozen=True, eq=False)
class Case:
    """A photo, a network, and the class whose logit is to be explained.

    Attributes:
        picture: the photo as the network takes it, on `device`.
        logits: (classes,) float32.
        target: index of the class.
        key: equal for the same photo, network and device.
        crop: (448, 448, 3) uint8, the part of the photo that the network sees.
    """

    subject: Subject
    photo: Photo
    picture: Picture
    device: str
    logits: NDArray[np.float32]
    target: int
    key: Hashable
    crop: Pixels

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits."""
        powers = np.exp(self.logits.astype(np.float64) - self.logits.max())
        return powers / powers.sum()

    @property
    def score(self) -> float:
        """The class's logit."""
        return float(self.logits[self.target])

    @property
    def name(self) -> str:
        """The class's, in English."""
        return self.subject.class_names[self.target]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the network's input."""
        return self.picture.size

    @property
    def layers(self) -> tuple[StageField, ...]:
        """The network's, that have maps to explain by; in order."""
        return _layers(self.subject.id, self.size, self.subject.network)

    def job(self, what: Hashable, start: Callable[[], Iterator["P"]]) -> "Job[P]":
        """The work `what` on this case: as far as it has come in this session, or new."""
        kept: dict[Hashable, Job[Any]] = st.session_state.setdefault(_JOBS, {})
        key = self.key, self.target, what
        found = kept.pop(key, None) or Job(start())
        kept[key] = found
        while len(kept) > _MOST:
            kept.pop(next(iter(kept)))
        return found


def choose(lesson: LessonPage, photo: Photo, *, by_class: bool = True) -> Case | None:
    """Draw the choice of network and class, the same in all lessons; None, and why, if the network can't run.

    Args:
        by_class: whether the class matters; without, the case has the most probable one.
    """
    state.complaints().extend(st.session_state.pop(_SAID, []))
    names = {DEFAULT: card.network(DEFAULT).card.title} | {name: name for name in subjects.at_hand()}
    with st.container(horizontal=True, vertical_alignment="bottom", key="explain-choice"):
        chosen = state.link(_NETWORK, "net", DEFAULT, state.choice(list(names)))
        if chosen not in names:
            st.session_state[_NETWORK] = DEFAULT
        chosen = st.selectbox(
            _("Network"),
            list(names),
            format_func=lambda name: names[name],
            key=_NETWORK,
            persist_state="session",
            width=230,
            help=_("torchvision's classifiers are offered once torch has downloaded their weights."),
        )
        try:
            case = _case(photo, chosen, resolve(st.session_state["device"]))
        except CnnvizError as error:
            lesson.problem(error)
            return None
        target = _choose_class(case) if by_class else case.target
    return case if target == case.target else _with(case, target)


def _case(photo: Photo, name: str, device: str) -> Case:
    """The photo through the network, unless it has just been."""
    key = name, device, photo.rgb.shape, hashlib.blake2b(photo.rgb.tobytes()).digest()
    kept: Case | None = st.session_state.get(_CASE)
    if kept is None or kept.key != key:
        subject = subjects.lite0(device) if name == DEFAULT else _classifier(name, device)
        here = picture(subject.preprocess, photo.rgb, device)
        with explained(subject.network, 0), torch.no_grad():
            logits = subject.network(here.x)[0].cpu().numpy()
        crop = figures.crop(photo.rgb, subject.crop_box(*photo.rgb.shape[:2]), SIDE)
        kept = Case(subject, photo, here, device, logits, int(logits.argmax()), key, crop)
        st.session_state[_CASE] = kept
    # The photo's words follow the language.
    return kept if kept.photo is photo else _with(kept, kept.target, photo)


def _with(case: Case, target: int, photo: Photo | None = None) -> Case:
    same = (case.subject, photo or case.photo, case.picture, case.device, case.logits)
    return Case(*same, target, case.key, case.crop)


@st.cache_resource(max_entries=2, show_spinner=False)
def _classifier(name: str, device: str) -> Subject:
    return subjects.classifier(name, device)


@st.cache_resource(max_entries=4, show_spinner=False)
def _layers(name: str, size: tuple[int, int], _network: nn.Module) -> tuple[StageField, ...]:
    return layers(_network, size)


def _choose_class(case: Case) -> int:
    """The five most probable classes to choose from, and all others by name; -1 in the session is the first."""
    names, shares = case.subject.class_names, case.probabilities
    last = len(names) - 1
    stored = state.link(_CLASS, "class", -1, state.whole(-1, last))
    best = np.argsort(-shares, kind="stable")[:TOP].tolist()
    target = best[0] if not 0 <= stored <= last else stored

    def keep(key: str) -> None:
        picked = st.session_state[key]
        if picked is not None:
            st.session_state[_CLASS] = -1 if picked == best[0] else picked

    top, every = f"{_CLASS}.top", f"{_CLASS}.any"
    st.session_state[top] = target if target in best else None
    # In a container of its own, so that they wrap on a phone.
    with st.container(width="content"):
        st.pills(
            _("Class to explain"),
            best,
            format_func=lambda index: f"{names[index]} {100 * shares[index]:.1f} %",
            key=top,
            on_change=keep,
            args=(top,),
        )
    st.session_state[every] = target
    st.selectbox(
        _("or any of the {count} by name").format(count=f"{len(names):,}"),
        sorted(range(len(names)), key=lambda index: names[index].lower()),
        format_func=lambda index: names[index],
        key=every,
        on_change=keep,
        args=(every,),
        width=260,
    )
    return target


# Work that takes a while


class Progress(Protocol):
    """An answer so far."""

    @property
    def done(self) -> int: ...

    @property
    def total(self) -> int: ...


P = TypeVar("P", bound=Progress)


class Job(Generic[P]):
    """A generator's work, as far as it has come.

    Attributes:
        last: the latest answer; None before the first.
        finished: whether it is the whole, or there is an error.
        stopped: whether the reader has stopped it.
        error: why there is no more.
    """

    def __init__(self, steps: Iterator[P]) -> None:
        self.last: P | None = None
        self.finished = False
        self.stopped = False
        self.error: CnnvizError | None = None
        self._steps = steps
        self._lock = threading.Lock()

    @property
    def share(self) -> float:
        """Of the work that is done, 0 to 1."""
        return 0.0 if self.last is None else self.last.done / self.last.total

    @property
    def so_far(self) -> str:
        """How far it is, in the reader's language."""
        if self.last is None:
            return ""
        return _("{done} of {count}").format(done=f"{self.last.done:,}", count=f"{self.last.total:,}")

    def step(self) -> None:
        """Know more than before. A run that was interrupted may still be busy with its step: wait for it."""
        with self._lock:
            if self.finished:
                return
            try:
                self.last = next(self._steps)
                self.finished = self.last.done >= self.last.total
            except CnnvizError as error:
                self.error, self.finished = error.with_traceback(None), True
            if self.finished:
                self._steps = iter(())

    def run(self) -> P | None:
        """All of it, for work that is quick; None if there is an error."""
        while not self.finished:
            self.step()
        return self.last


def work(
    lesson: LessonPage,
    place: DeltaGenerator,
    jobs: Mapping[str, Job[P]],
    show: Callable[[str, P], None] = lambda title, so_far: None,
) -> None:
    """Do what is left of `jobs`, one after the other, with progress and a way to stop; the last thing on a page.

    The page runs again as soon as a job is done.

    Args:
        place: an ``st.empty()`` for the bar, and afterwards for what was stopped, or went wrong.
        jobs: by title, in the reader's language.
        show: draws what a job knows so far, without linking controls.
    """

    def halt(stopped: bool) -> None:
        for job in jobs.values():
            job.stopped = stopped

    waiting = {title: job for title, job in jobs.items() if not (job.finished or job.stopped)}
    if waiting:
        state.publish()
        with place.container(horizontal=True, vertical_alignment="center", key="explain-working"):
            bar = st.progress(0.0, width=420)
            st.button(_("Stop"), on_click=halt, args=(True,), icon=":material/stop:", key="explain.stop")
        for title, job in waiting.items():
            drawn = 0.0
            while not job.finished:
                # Streamlit interrupts the run here when anything is pressed or moved; the job stays.
                bar.progress(job.share, f"{title} {job.so_far}".strip())
                if job.last is not None and time.monotonic() - drawn > _PAUSE:
                    show(title, job.last)
                    drawn = time.monotonic()
                job.step()
            # What was wrong with the link is found only once, and said again.
            st.session_state[_SAID] = list(state.complaints())
            st.rerun()
    errors = [job.error for job in jobs.values() if job.error is not None]
    halted = [
        f"{title} {job.so_far}".strip() for title, job in jobs.items() if job.stopped and not job.finished
    ]
    if errors or halted:
        with place.container():
            for error in errors:
                lesson.problem(error)
            if halted:
                with st.container(horizontal=True, vertical_alignment="center"):
                    words = _("Stopped; what there is stays: {listed}.")
                    st.markdown(words.format(listed=", ".join(halted)), width="content")
                    icon = ":material/play_arrow:"
                    st.button(_("Go on"), on_click=halt, args=(False,), icon=icon, key="explain.go")
