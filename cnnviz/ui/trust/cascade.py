"""The map while the network's blocks lose their weights, from the top down."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray

from cnnviz.explain.attribution.cascade import RankCorrelation, cascade, order
from cnnviz.explain.attribution.methods import METHODS
from cnnviz.explain.attribution.trust_code import cascade_script
from cnnviz.figures import attribution as pictures
from cnnviz.figures import trust as figures
from cnnviz.images import encode_jpeg
from cnnviz.ui.attribution.shared import choose_opacity, predicting, titles
from cnnviz.ui.cells import cell_picker
from cnnviz.ui.explaining import Case, Job
from cnnviz.ui.language import _, current
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once
from cnnviz.ui.trust.proofs import by_torch, correlation_proof, weights_proof
from cnnviz.ui.trust.shared import Ending, begin, choose_method, network_of, settings_of, wait

COLUMNS = 7
_SIDE = 112
"""Of the maps that are kept, in pixels."""
RANGES = {"high": (0.75, 1.01), "some": (0.25, 0.75), "none": (-0.25, 0.25), "against": (-1.01, -0.25)}


@dataclass(frozen=True, eq=False)
class Frame:
    """A step of the cascade, in little space.

    Attributes:
        block: the one that lost its weights last.
        map: as it is drawn, at most 112 × 112.
        size: values of the map itself.
        signed, magnitudes: rank correlation with the first map, and PyTorch's.
    """

    block: str
    map: NDArray[np.float32]
    size: int
    signed: tuple[RankCorrelation, float]
    magnitudes: tuple[RankCorrelation, float]


@dataclass(frozen=True, eq=False)
class Film:
    """The steps so far, the intact network's first."""

    steps: tuple[Frame, ...]
    total: int

    @property
    def done(self) -> int:
        return len(self.steps)

    def correlations(self, magnitudes: bool) -> list[float | None]:
        """Of each step's map with the first."""
        return [(frame.magnitudes if magnitudes else frame.signed)[0].value for frame in self.steps]


def _film(case: Case, method: str, seed: int) -> Iterator[Film]:
    frames: tuple[Frame, ...] = ()
    generator, first = torch.Generator().manual_seed(seed), None
    for step in cascade(
        case.subject.network, case.picture, case.target, settings_of(case, method), generator
    ):
        here = step.attribution.map
        first = here if first is None else first
        signed = step.signed, by_torch(first, here)
        magnitudes = step.magnitudes, by_torch(np.abs(first), np.abs(here))
        frames = (*frames, Frame(step.block, _small(here), here.size, signed, magnitudes))
        yield Film(frames, step.total)


def _small(values: NDArray[np.float32]) -> NDArray[np.float32]:
    if max(values.shape) <= _SIDE:
        return values
    return np.asarray(cv2.resize(values, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32)


def draw(lesson: LessonPage, case: Case) -> Ending:
    names, blocks = titles(), order(case.subject.network)
    controls, stage = lesson.bench()
    with controls:
        method = choose_method(lesson)
        at = lesson.slider("n", _("Blocks without their weights"), 0, len(blocks), 1)
        seed = lesson.slider("seed", _("Random seed"), 0, 9, 0)
        help = _("Compare how strong a place is, and not whether it speaks for the class or against it.")
        magnitudes = lesson.toggle("abs", _("Ignore signs"), help=help)
    jobs = {name: _job(case, name, seed) for name in names}
    job = jobs[method]
    begin(job)
    film = job.last
    with stage:
        place, unfinished = st.empty(), st.empty()
        told = film is not None and _ask(lesson, film, names[method], at, magnitudes)
    with controls:
        opacity = choose_opacity(lesson)
    if film is not None and told:
        with stage:
            at = min(at, film.done - 1)
            with lesson.card():
                _pair(lesson, case, film, at, opacity, magnitudes)
                _strip(lesson, case, film, at, len(blocks))
            _curve(lesson, method, jobs, blocks, at, magnitudes)
            frame = film.steps[at]
            parts = frame.magnitudes if magnitudes else frame.signed
            proofs = [correlation_proof(frame.size, *parts)] if parts[0].value is not None else []
            spread = partial(weights_proof, case.subject.network, seed)
            lesson.prove(*proofs, once(lesson, "spread", (case.subject.id, seed, current()), spread))

    def show(title: str, so_far: Film) -> None:
        if told:
            unfinished.image(_sheet(case, so_far), width=420, alt=title)

    source = cascade_script(
        case.photo.code,
        settings_of(case, method),
        case.target,
        blocks,
        seed,
        magnitudes=magnitudes,
        layer=case.layers[-1].name,
        **network_of(case),
    )
    return Ending(source, {names[method]: job}, place, show)


def _job(case: Case, method: str, seed: int) -> Job[Film]:
    return case.job(("cascade", method, seed), lambda: _film(case, method, seed))


def _ask(lesson: LessonPage, film: Film, method: str, at: int, magnitudes: bool) -> bool:
    """How like the first map is this one?"""
    if predicting() and film.done <= at:
        wait()
        return False
    correlation = film.correlations(magnitudes)[min(at, film.done - 1)]
    if correlation is None or at == 0:
        return True
    options = {
        "high": _("Above 0.75: nearly the same map"),
        "some": _("0.25 to 0.75: something of it is left"),
        "none": _("−0.25 to 0.25: nothing of it is left"),
        "against": _("Below −0.25: rather the opposite"),
    }
    question = _(
        "{method}: {count} of {all} blocks, from the top down, get random weights. "
        "How does the new map correlate with the first?"
    )
    why = _("The rank correlation is {value}.")
    answer = next(name for name, (low, high) in RANGES.items() if low <= correlation < high)
    return lesson.predict(
        question.format(method=method, count=at, all=film.total - 1),
        answer,
        why=why.format(value=f"{correlation:.3f}".replace("-", "−")),
        options=options,
        redraw=["m", "n"],
        accept=lambda drawn: drawn["n"] > 0 and not METHODS[drawn["m"]].slow,
    )


def _pair(lesson: LessonPage, case: Case, film: Film, at: int, opacity: float, magnitudes: bool) -> None:
    """The first map, and the one at the step chosen."""
    value = film.correlations(magnitudes)[at]
    correlation = _("undefined") if value is None else f"{value:.3f}".replace("-", "−")
    block = short(film.steps[at].block)
    after = _("random from {block} up: rank correlation {value}").format(block=block, value=correlation)
    headings = (_("as trained"), after if at else _("no block is random yet"))
    for place, step, heading in zip(st.columns(2), (0, at), headings, strict=True):
        values = film.steps[step].map
        picture = once(
            lesson,
            f"picture.{step > 0}",
            (film.steps[step], opacity),
            partial(pictures.over, case.crop, values, opacity),
        )
        with place:
            lesson.picture(picture, f"{heading}. {case.photo.alt}", caption=heading)


def short(block: str) -> str:
    """A block's name without what all have in common; the intact network's is a word."""
    return block.removeprefix("stages.") or _("trained")


def _sheet(case: Case, film: Film) -> bytes:
    every: list[NDArray[np.float32]] = [frame.map for frame in film.steps]
    blank = [np.zeros((1, 1), np.float32)] * (film.total - film.done)
    return encode_jpeg(pictures.strip(case.crop, every + blank, COLUMNS))


def _strip(lesson: LessonPage, case: Case, film: Film, at: int, last: int) -> None:
    """All maps; a click on one chooses its step."""

    def keep() -> None:
        cell = st.session_state[key].cell
        if cell is not None:
            lesson.put("n", min(int(cell[0]) * COLUMNS + int(cell[1]), last))

    key = lesson.key("film")
    alt = _(
        "{done} of {count} maps, row by row: as trained, then one more block random in each, down to {block}."
    )
    alt = alt.format(done=film.done, count=film.total, block=short(film.steps[-1].block))
    cell_picker(
        once(lesson, "film.picture", film, lambda: _sheet(case, film)),
        -(-film.total // COLUMNS),
        COLUMNS,
        divmod(at, COLUMNS),
        alt=alt,
        label=_("Choose a step"),
        cell_text=_("row {row}, column {column}"),
        key=key,
        on_pick=keep,
    )
    st.caption(alt)


def _curve(
    lesson: LessonPage,
    method: str,
    jobs: dict[str, Job[Film]],
    blocks: tuple[str, ...],
    at: int,
    magnitudes: bool,
) -> None:
    """The chosen method's correlations, and those of the methods tried before."""
    names = titles()
    tried = [name for name in (method, *(name for name in jobs if name != method)) if jobs[name].last]
    lines = {}
    for name in tried:
        film = jobs[name].last
        assert film is not None
        lines[names[name]] = film.correlations(magnitudes)
    said = "; ".join(
        f"{name}: " + ", ".join("–" if value is None else f"{value:.2f}" for value in line)
        for name, line in lines.items()
    )
    alt = _("Rank correlation with the first map, from the intact network to one without weights. {values}.")
    figure = figures.correlations(lines, [short(block) for block in ("", *blocks)], at)
    st.markdown(_("**Rank correlation with the first map**, and those of the methods you have tried before"))
    lesson.figure(figure, alt.format(values=said), name="correlations")
