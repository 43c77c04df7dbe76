"""What the live pages share: choose a model and fetch it, run it for this visitor, and take several photos at once.

Networks run in the engine's threads. A page waits a moment for a result; after that it draws how far it is,
in a fragment, so that every other control keeps answering. Results stay in the session, a few of them, so
that thresholds, opacities and classes never run a network again.
"""

import hashlib
import uuid
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.engine import weights
from cnnviz.engine.catalogue import ModelCard
from cnnviz.engine.device import describe, resolve
from cnnviz.engine.jobs import Job, in_background
from cnnviz.engine.local import shared_engine
from cnnviz.engine.results import Result
from cnnviz.errors import CnnvizError
from cnnviz.images import read_photo
from cnnviz.ui import state
from cnnviz.ui.language import _, explain
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import MAX_SIDE, MEGABYTES

T = TypeVar("T")
RGB = NDArray[np.uint8]

PATIENCE = 1.5
"""Seconds that a page waits for a result before it draws without."""
POLL = 0.4
"""Seconds between two looks at work that isn't done."""
MANY = 20
"""Photos that are taken at once."""
_KEPT = 8
"""Results that a session keeps; the largest take a few megabytes."""
_VISITOR, _RUNS, _RESULTS, _FETCHES, _BATCH = (
    "live.visitor",
    "live.runs",
    "live.results",
    "live.fetches",
    "live.batch",
)


# Choosing and fetching


def choose_model(
    lesson: LessonPage,
    cards: Sequence[ModelCard],
    default: str,
    *,
    name: str = "model",
    label: str | None = None,
) -> ModelCard:
    """Draw the choice of a model, what there is to say of it, and the way to its weights.

    Args:
        cards: what can be chosen; one of them at least is our own.
        default: id of the card chosen at first.
        name: of the choice in the link.
        label: in the reader's language; "Model" where None.

    Returns:
        The card chosen if its weights are at hand; until they are, the default if that is ours, or else the
        first of our own.
    """
    by_id = {card.id: card for card in cards}
    options = {card.id: _offered(card) for card in cards}
    card = by_id[lesson.choice(name, label or _("Model"), options, default, kind="list")]
    with st.popover(_("About this model"), icon=":material/info:", key=lesson.key(f"{name}.about")):
        st.markdown(_said(card))
    if weights.at_hand(card.id):
        return card
    stands_in = by_id[default] if by_id[default].own else next(other for other in cards if other.own)
    _fetch(lesson, name, card, stands_in)
    return stands_in


def _offered(card: ModelCard) -> str:
    if card.own:
        # All of ours share one backbone, which the title names last.
        return _("{model} · ours").format(model=_(card.title).partition(",")[0])
    if weights.at_hand(card.id):
        return _(card.title)
    return f"{_(card.title)} · " + _("{megabytes} MB to fetch").format(megabytes=_megabytes(card.download))


def _said(card: ModelCard) -> str:
    """The card as a list."""
    height, width = card.size
    macs = _("{number} G for {width} × {height} pixels")
    lines = {
        _("Paper"): f"[{card.paper}]({card.paper_url})",
        _("Trained on"): _(card.dataset),
        _("Classes"): str(len(card.classes)),
        _("Parameters"): f"{card.parameters:,}",
        _("Multiply–accumulates"): macs.format(number=f"{card.macs / 1e9:.2f}", width=width, height=height),
        card.metric: f"{card.figure:.1f} % ({_(card.measured_on)})",
        _("Preprocessing"): _(card.preprocessing).format(**card.values),
        _("Licence"): card.licence,
        _("Download"): _("none: always here") if card.own else f"{_megabytes(card.download)} MB",
    }
    return "\n".join(f"- **{name}**: {text}" for name, text in lines.items())


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.0f}"


def _fetch(lesson: LessonPage, name: str, card: ModelCard, stands_in: ModelCard) -> None:
    """The button, the progress, and what to do when it fails."""
    jobs: dict[str, Job[Any]] = st.session_state.setdefault(_FETCHES, {})
    watched = card.id in jobs and not jobs[card.id].finished

    @st.fragment(run_every=POLL if watched else None)
    def panel() -> None:
        job = jobs.get(card.id)
        if job is None or job.state in ("failed", "cancelled"):
            words = _("The weights of {model} aren't on this machine yet. Until they are, {other} answers.")
            st.caption(words.format(model=_(card.title), other=_(stands_in.title)))
            if job is not None and job.error is not None:
                lesson.problem(job.error)
            button = _("Fetch {megabytes} MB").format(megabytes=_megabytes(card.download))
            if st.button(button, icon=":material/download:", key=lesson.key(f"fetch.{name}")):
                jobs[card.id] = weights.download(card.id)
                st.rerun()
        elif not job.finished:
            done, total = job.progress or (0, 0)
            total = total or card.download
            words = _("{done} of {total} MB of {model}")
            text = words.format(done=_megabytes(done), total=_megabytes(total), model=_(card.title))
            st.progress(min(1.0, done / max(1, total)), text=text)
            if st.button(_("Cancel"), icon=":material/close:", key=lesson.key(f"cancel.{name}")):
                job.cancel()
                st.rerun()
        if watched and (job is None or job.finished):
            st.rerun()

    panel()
    if card.id in jobs and jobs[card.id].state == "done":
        # Fetched, and yet not there: what was fetched has been deleted since.
        del jobs[card.id]


# Running


def digest(photo: RGB) -> bytes:
    """Equal for equal photos."""
    return hashlib.blake2b(photo.tobytes(), key=repr(photo.shape).encode(), digest_size=16).digest()


def _device() -> str:
    return resolve(st.session_state["device"])


def _visitor() -> str:
    return st.session_state.setdefault(_VISITOR, uuid.uuid4().hex)


def run_model(lesson: LessonPage, card: ModelCard, photo: RGB, slot: str = "one") -> Result | None:
    """The model's result on a photo: kept from before, or from a run that starts now.

    While it runs, its progress is drawn instead, and the page is drawn again when it is done.

    Args:
        photo: (H, W, 3) uint8.
        slot: a run replaces the last one of the same slot; two models at once need two.

    Returns:
        The result, or None while there is none.
    """
    device = _device()
    key: Hashable = card.id, digest(photo), device
    kept: dict[Hashable, Result] = st.session_state.setdefault(_RESULTS, {})
    if key in kept:
        kept[key] = result = kept.pop(key)
        return result
    runs: dict[str, tuple[Hashable, Job[Result]]] = st.session_state.setdefault(_RUNS, {})
    about, job = runs.get(slot, (None, None))
    if job is None or about != key:
        job = shared_engine().submit(card.id, photo, device, visitor=(_visitor(), slot))
        runs[slot] = key, job
        job.wait(PATIENCE)
    if job.state == "done":
        del runs[slot]
        kept[key] = result = job.result()
        while len(kept) > _KEPT:
            kept.pop(next(iter(kept)))
        return result
    if job.finished:
        if job.error is not None:
            lesson.problem(job.error)
        else:
            st.info(_("Cancelled."))

        def again() -> None:
            del runs[slot]

        st.button(_("Run again"), icon=":material/replay:", key=lesson.key(f"again.{slot}"), on_click=again)
        return None
    _wait(lesson, job, _("{model} is looking at the photo …").format(model=_(card.title)), slot)
    return None


def _wait(lesson: LessonPage, job: Job[Any], words: str, slot: str) -> None:
    """How far it is, until it is done; then the page is drawn again."""

    @st.fragment(run_every=POLL)
    def panel() -> None:
        if job.finished:
            st.rerun()
        done, total = job.progress or (0, 0)
        st.progress(done / total if total else 0.0, text=words)
        if st.button(_("Cancel"), icon=":material/close:", key=lesson.key(f"stop.{slot}")):
            job.cancel()
            st.rerun()

    panel()


def timings(lesson: LessonPage, result: Result) -> None:
    """One line on where the time went; and why it ran elsewhere than was asked."""
    times, device = result.timings, describe(result.device)
    parts = [
        _("network **{ms} ms**").format(ms=f"{times.network:.0f}"),
        _("before it {ms} ms").format(ms=f"{times.decode + times.preprocess:.1f}"),
        _("after it {ms} ms").format(ms=f"{times.postprocess:.1f}"),
    ]
    if times.waited >= 1:
        parts.append(_("waited {ms} ms").format(ms=f"{times.waited:.0f}"))
    where = f"{result.device.upper()}, {device.name}"
    if device.cores:
        where += _(", {cores} cores").format(cores=device.cores)
    st.caption(f":material/timer: {' · '.join(parts)} · {where}")
    if result.notice is not None:
        lesson.problem(result.notice)


# Several photos


@dataclass(frozen=True)
class Seen(Generic[T]):
    """One of several photos.

    Attributes:
        name: of its file.
        made: what the page made of its result; None where there is none.
        error: why not.
    """

    name: str
    made: T | None
    error: CnnvizError | None = None


@dataclass
class _Batch(Generic[T]):
    scope: str
    total: int
    seen: list[Seen[T]]
    job: Job[None]


def several(
    lesson: LessonPage,
    card: ModelCard,
    make: Callable[[RGB, Any], T],
    ask: Callable[[Sequence[Seen[T]]], bool],
    draw: Callable[[Sequence[Seen[T]]], None],
) -> None:
    """Draw an uploader for several photos, how far they are, and what came out.

    Args:
        make: photo and result to what is kept of them; it runs in another thread, calls nothing of
            Streamlit's, and keeps little: the photos are gone afterwards.
        ask: a question about all of them, with :meth:`LessonPage.predict`; whether they may be shown.
        draw: shows what there is so far. It links no controls: it runs in a fragment.
    """
    turn = st.session_state.get("live.turn", 0)
    upload, device = f"live.upload.{turn}", _device()

    def take() -> None:
        files = [(file.name, file.getvalue()) for file in st.session_state[upload] or []][:MANY]
        # A new key makes a new, empty uploader: Streamlit frees the files of the old one.
        st.session_state["live.turn"] = turn + 1
        if old := st.session_state.get(_BATCH):
            old.job.cancel()
        seen: list[Seen[T]] = []
        total = len(files)

        def work(job: Job[None]) -> None:
            while files:
                if job.finished:
                    raise CancelledError
                name, data = files.pop(0)
                seen.append(_see(name, data, card.id, device, make))
                job.advance(len(seen), total)

        st.session_state[_BATCH] = _Batch(lesson.scope, total, seen, in_background(work)) if files else None

    words = _("Up to {many} photos, {megabytes} MB each. They are looked at one by one and not kept.")
    st.markdown(words.format(many=MANY, megabytes=MEGABYTES))
    st.file_uploader(
        _("Choose photo files"),
        key=upload,
        accept_multiple_files=True,
        on_change=take,
        max_upload_size=MEGABYTES,
    )
    batch: _Batch[T] | None = st.session_state.get(_BATCH)
    if batch is None or batch.scope != lesson.scope:
        return
    watched = not batch.job.wait(0)

    @st.fragment(run_every=POLL if watched else None)
    def panel() -> None:
        done = len(batch.seen)
        if not batch.job.finished:
            text = _("{done} of {total} photos").format(done=done, total=batch.total)
            st.progress(done / batch.total, text=text)
            if st.button(_("Cancel"), icon=":material/close:", key=lesson.key("stop.several")):
                batch.job.cancel()
                st.rerun()
        elif batch.job.error is not None:
            lesson.problem(batch.job.error)
        elif done < batch.total:
            st.info(_("Cancelled after {done} of {total} photos.").format(done=done, total=batch.total))
        for one in batch.seen:
            if one.error is not None:
                st.error(f"**{one.name}**: {explain(one.error)}")
        made = [one for one in batch.seen if one.made is not None]
        # A question about all of them can wait until all are there, but then nothing may be shown before.
        asked = bool(st.session_state.get(state.PREDICT))
        if made and (batch.job.finished or not asked) and ask(made):
            draw(made)
        if watched and batch.job.finished:
            st.rerun()

    panel()


def _see(name: str, data: bytes, model_id: str, device: str, make: Callable[[RGB, Any], T]) -> Seen[T]:
    try:
        photo = read_photo(data, max_side=MAX_SIDE)
        return Seen(name, make(photo, shared_engine().run(model_id, photo, device)))
    except CnnvizError as error:
        return Seen(name, None, error.with_traceback(None))
