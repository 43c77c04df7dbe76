"""Part of the photo covered: by a window that can be moved, or by a brush; what the network and a map say then."""

import numpy as np
import streamlit as st

from cnnviz.explain.attribution.methods import METHODS, explain
from cnnviz.explain.attribution.occlusion import Erased, erase
from cnnviz.explain.attribution.results import Attribution
from cnnviz.explain.attribution.trust_code import erase_script
from cnnviz.figures import attribution as pictures
from cnnviz.figures import trust as figures
from cnnviz.figures.maps import colour
from cnnviz.images import encode_jpeg, encode_png
from cnnviz.ui.attribution.shared import choose_opacity, number, over_photo, titles, work_on
from cnnviz.ui.cells import cell_picker
from cnnviz.ui.explaining import TOP, Case, Job
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import ink, once
from cnnviz.ui.trust import cover
from cnnviz.ui.trust.cover import Part
from cnnviz.ui.trust.proofs import erased_proof, softmax_proof
from cnnviz.ui.trust.shared import Ending, begin, network_of, percent, settings_of


def draw(lesson: LessonPage, case: Case) -> Ending:
    controls, stage = lesson.bench()
    with controls:
        part = cover.choose(lesson, case)
    key = case.key, part.fill, part.mask.tobytes()
    erased = once(
        lesson, "erased", key, lambda: erase(case.subject.network, case.picture, part.mask, part.fill)
    )
    jobs: dict[str, Job[Attribution]] = {}
    if part.occlusion is not None:
        occluding = work_on(case, part.occlusion)
        jobs = {_("Occlusion"): occluding}
        begin(occluding)
    with stage:
        place, partial = st.empty(), st.empty()
        told = _ask(lesson, case, erased, part)
    with controls:
        quick = {name: title for name, title in titles().items() if not METHODS[name].slow}
        method = lesson.choice("em", _("Map"), quick, "grad_cam", kind="list")
        opacity = choose_opacity(lesson)
    drop = None
    with stage:
        with lesson.card():
            left, right = st.columns(2, gap="medium")
            with left:
                cover.show(lesson, case, part, erased)
            with right:
                if told:
                    _bars(lesson, case, erased)
        if told:
            _maps(lesson, case, erased, method, opacity, key)
            for job in jobs.values():
                drop = _drops(lesson, case, part, job, opacity)
            lesson.prove(erased_proof(erased, case.target, drop), softmax_proof(erased, case.target))

    def show(title: str, so_far: Attribution) -> None:
        if told:
            partial.image(encode_jpeg(pictures.over(case.crop, so_far.map, opacity)), width=224, alt=title)

    source = erase_script(
        case.photo.code,
        case.target,
        part.fill,
        box=part.box,
        mask=part.painted,
        occlusion=part.occlusion,
        **network_of(case),
    )
    return Ending(source, jobs if told else {}, place, show)


def _ask(lesson: LessonPage, case: Case, erased: Erased, part: Part) -> bool:
    """What will the probability do?"""
    before, after = (float(each[case.target]) for each in (erased.probabilities, erased.erased_probabilities))
    if not part.mask.any():
        return True
    options = {
        "half": _("It falls below half of that"),
        "falls": _("It falls, but stays above half of that"),
        "rises": _("It does not fall"),
    }
    answer = "rises" if after >= before else "half" if after < before / 2 else "falls"
    question = _(
        "The network gives “{name}” {probability}. What if {share} of the picture is covered like this?"
    )
    why = _("{before} become {after}.")
    return lesson.predict(
        question.format(name=case.name, probability=percent(before), share=percent(float(part.mask.mean()))),
        answer,
        why=why.format(before=percent(before), after=percent(after)),
        options=options,
        redraw=["w", "r", "col", "fill"] if part.box else ["fill"],
        accept=lambda drawn: drawn.get("w", 0) % 16 == 0,
    )


def _bars(lesson: LessonPage, case: Case, erased: Erased) -> None:
    """The five classes that were most probable, and the class to explain, before and after."""
    best = np.argsort(-erased.probabilities, kind="stable")[:TOP].tolist()
    chosen = best if case.target in best else [*best[:-1], case.target]
    names = [case.subject.class_names[index] for index in chosen]
    pairs = [(float(erased.probabilities[i]), float(erased.erased_probabilities[i])) for i in chosen]
    before, after = zip(*pairs, strict=True)
    listed = ", ".join(
        f"{name} {percent(b)} → {percent(a)}" for name, (b, a) in zip(names, pairs, strict=True)
    )
    alt = _("Probabilities before and after: {listed}.").format(listed=listed)
    figure = figures.before_after(names, before, after, (_("before"), _("after")), ink())
    lesson.figure(figure, alt, name="bars")
    now = int(erased.erased_probabilities.argmax())
    words = _(
        "The logit of **{name}** goes from {first} to **{last}**. "
        "The most probable class is now **{now}**, {share}."
    )
    st.markdown(
        words.format(
            name=case.name,
            first=f"{erased.logits[case.target]:.3f}",
            last=f"{erased.erased_logits[case.target]:.3f}",
            now=case.subject.class_names[now],
            share=percent(float(erased.erased_probabilities[now])),
        )
    )


def _maps(lesson: LessonPage, case: Case, erased: Erased, method: str, opacity: float, key: object) -> None:
    """A method's map of the photo, and of the photo with the part covered."""
    title = titles()[method]
    before = work_on(case, settings_of(case, method)).run()

    def after() -> Attribution:
        (*_all, last) = explain(case.subject.network, erased.picture, case.target, settings_of(case, method))
        return last

    if before is None:
        return
    found = once(lesson, "after", (key, case.target, method), after)
    for place, attribution, words in zip(
        st.columns(2), (before, found), (_("{title}, before"), _("{title}, after")), strict=True
    ):
        with place:
            over_photo(lesson, case, words.format(title=title), attribution, opacity)


def _drops(lesson: LessonPage, case: Case, part: Part, job: Job[Attribution], opacity: float) -> float | None:
    """Occlusion's drops, window by window, to choose a window by; the chosen window's, if it is there."""
    if job.last is None or job.last.drops is None or part.occlusion is None:
        return None
    drops = job.last.drops
    rows, columns = drops.shape

    def keep() -> None:
        cell = st.session_state[key].cell
        if cell is not None:
            lesson.put("r", int(cell[0]) + 1)
            lesson.put("col", int(cell[1]) + 1)

    key = lesson.key("drops")
    value = float(drops[part.cell])
    known = drops[np.isfinite(drops)]
    words = _(
        "What erasing each of the {rows} × {columns} windows costs the logit, {low} to {high}. "
        "Chosen: row {row}, column {column}, {value}."
    )
    said = words.format(
        rows=rows,
        columns=columns,
        low=number(float(known.min())),
        high=number(float(known.max())),
        row=part.cell[0] + 1,
        column=part.cell[1] + 1,
        value="…" if np.isnan(value) else number(value),
    )
    st.markdown(
        _("**Occlusion does this for every window.** Each cell is one; choose one to erase it yourself.")
    )
    left, right = st.columns(2, gap="medium")
    with left:
        cell_picker(
            encode_png(np.kron(colour(drops), np.ones((24, 24, 1), np.uint8))),
            rows,
            columns,
            part.cell,
            alt=said,
            label=_("Choose a window"),
            cell_text=_("row {row}, column {column}"),
            key=key,
            on_pick=keep,
        )
        st.caption(said)
    with right:
        over_photo(
            lesson, case, _("Occlusion's map, the mean over the windows at each pixel"), job.last, opacity
        )
    return None if np.isnan(value) else value
