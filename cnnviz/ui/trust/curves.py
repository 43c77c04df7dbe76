"""The class's probability while pixels go, and while they come, in a map's order and in a random one."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray

from cnnviz.explain.attribution.insertion_deletion import Curves, CurveSettings, curves, images_at
from cnnviz.explain.attribution.methods import METHODS, explain
from cnnviz.explain.attribution.picture import FILLS
from cnnviz.explain.attribution.trust_code import curves_script
from cnnviz.figures import trust as figures
from cnnviz.figures.features import tile
from cnnviz.proof import Proof
from cnnviz.ui.attribution.shared import predicting, titles
from cnnviz.ui.detections import table
from cnnviz.ui.explaining import SIDE, Case
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once
from cnnviz.ui.trust.proofs import area_proof, ends_proof
from cnnviz.ui.trust.shared import Ending, as_seen, choose_method, network_of, percent, settings_of, wait

STEPS = 28
RANDOM = "random"
SEED = 0


@dataclass(frozen=True, eq=False)
class Judged:
    """A map and what its order does, so far.

    Attributes:
        importance: (H, W); None while the map is computed.
        curves: None before the first.
        done, total: passes, the map's own included.
    """

    importance: NDArray[Any] | None
    curves: Curves | None
    done: int
    total: int


def _judge(case: Case, method: str, settings: CurveSettings) -> Iterator[Judged]:
    passes, before = 2 * (settings.steps + 1), 0
    importance: NDArray[Any]
    if method == RANDOM:
        importance = np.random.default_rng(SEED).permutation(case.size[0] * case.size[1]).reshape(case.size)
    else:
        for found in explain(case.subject.network, case.picture, case.target, settings_of(case, method)):
            before = found.total
            yield Judged(None, None, found.done, found.total + passes)
        importance = found.resized(case.size)
    for so_far in curves(case.subject.network, case.picture, case.target, importance, settings):
        yield Judged(importance, so_far, before + so_far.done, before + passes)


def draw(lesson: LessonPage, case: Case) -> Ending:
    names = titles() | {RANDOM: _("Random order")}
    fills = {name: _(title) for name, title in FILLS.items()}
    controls, stage = lesson.bench()
    with controls:
        method = choose_method(lesson)
        deletion = lesson.choice("del", _("Deleted pixels become"), fills, "grey", kind="list")
        insertion = lesson.choice("ins", _("Pixels are inserted into"), fills, "blur", kind="list")
        every = lesson.toggle("all", _("All methods that take one pass"))
    settings = CurveSettings(STEPS, deletion, insertion)
    quick = [name for name, one in METHODS.items() if every and not one.slow and name != method]
    wanted = [method, RANDOM, *quick]
    jobs = {
        name: case.job(("curves", name, settings), partial(_judge, case, name, settings))
        for name in (*wanted, *(name for name in names if name not in wanted))
    }
    shown = [name for name in jobs if name in wanted or jobs[name].finished]
    found = {name: last for name in shown if (last := jobs[name].last) is not None and last.curves}
    with stage:
        place, unfinished = st.empty(), st.empty()
        told = _ask(
            lesson, {name: found[name].curves for name in (method, RANDOM) if name in found}, names, case
        )
    with controls:
        at = lesson.slider("n", _("Pixels gone, or there, in 28ths"), 0, STEPS, 7)
    if told:
        with stage:
            if method in found:
                _pictures(lesson, case, names[method], found[method], settings, at)
            if found:
                _figures(lesson, case, found, names, at)
            _prove(lesson, case, names[method], found.get(method), settings, at)

    def show(title: str, so_far: Judged) -> None:
        if told and so_far.curves is not None:
            lines = {title: so_far.curves.deletion}
            figure = figures.probabilities(lines, so_far.curves.shares, at, _("pixels deleted"))
            unfinished.plotly_chart(figure, key=lesson.key(f"partial.{title}.{so_far.done}"), alt=title)

    source = curves_script(
        case.photo.code,
        {name: settings_of(case, name) for name in (method, *quick)},
        case.target,
        settings,
        SEED,
        layer=case.layers[-1].name,
        **network_of(case),
    )
    return Ending(source, {names[name]: jobs[name] for name in wanted}, place, show)


def _ask(lesson: LessonPage, found: dict[str, Curves | None], names: dict[str, str], case: Case) -> bool:
    """Does the map's order do better than chance?"""
    areas = {name: curve.deletion_area for name, curve in found.items() if curve is not None}
    if len(areas) < 2 or None in areas.values():
        if predicting():
            wait()
        return not predicting()
    (method, area), (_random, chance) = areas.items()
    assert area is not None
    assert chance is not None
    question = _(
        "Pixels are deleted, those first that matter most to {method}. "
        "Does the probability of “{name}” fall faster than when they go in random order?"
    )
    why = _(
        "The areas under the curves are {area} and, in random order, {chance}; a smaller one falls faster."
    )
    return lesson.predict(
        question.format(method=names[method], name=case.name),
        "map" if area < chance else RANDOM,
        why=why.format(area=f"{area:.4f}", chance=f"{chance:.4f}"),
        options={"map": _("Yes, the map finds what counts"), RANDOM: _("No, random order is faster")},
        redraw=["m", "del"],
        accept=lambda drawn: not METHODS[drawn["m"]].slow,
    )


def _pictures(
    lesson: LessonPage, case: Case, title: str, judged: Judged, settings: CurveSettings, at: int
) -> None:
    """What is left of the photo, and what has come, at the share chosen."""
    found, importance = judged.curves, judged.importance
    assert found is not None
    assert importance is not None
    both = images_at(case.picture, importance, settings, at)
    share = percent(float(found.shares[at]))
    texts = (
        _("{title}: {share} of the pixels deleted, probability {probability}"),
        _("{title}: {share} of the pixels inserted, probability {probability}"),
    )
    with lesson.card():
        for place, text, here, curve in zip(
            st.columns(2), texts, both, (found.deletion, found.insertion), strict=True
        ):
            value = float(curve[at])
            probability = "…" if np.isnan(value) else percent(value)
            said = text.format(title=title, share=share, probability=probability)
            with place:
                lesson.picture(tile(as_seen(here), SIDE), f"{said}. {case.photo.alt}", caption=said)


def _figures(
    lesson: LessonPage, case: Case, found: dict[str, Judged], names: dict[str, str], at: int
) -> None:
    """Both curves of every method, and their areas."""
    known = {names[name]: judged.curves for name, judged in found.items() if judged.curves is not None}
    words = _("Probability of {name} over the share of {what}: {values}.")
    axes = (_("pixels deleted"), _("pixels inserted"))
    for place, kind, across in zip(st.columns(2), ("deletion", "insertion"), axes, strict=True):
        lines = {title: getattr(curve, kind) for title, curve in known.items()}
        quarter = "; ".join(
            f"{title} " + ", ".join(percent(float(value)) for value in line[::7] if value == value)
            for title, line in lines.items()
        )
        first = next(iter(known.values()))
        with place:
            figure = figures.probabilities(lines, first.shares, at, across)
            lesson.figure(figure, words.format(name=case.name, what=across, values=quarter), name=kind)
    rows = [
        (
            title,
            *("…" if area is None else f"{area:.4f}" for area in (curve.deletion_area, curve.insertion_area)),
        )
        for title, curve in known.items()
    ]
    rows.sort(key=lambda row: row[1])
    head = (_("Order"), _("deletion area, small is good"), _("insertion area, large is good"))
    st.html(table(head, rows, _("Areas under the curves")))


def _prove(
    lesson: LessonPage, case: Case, title: str, judged: Judged | None, settings: CurveSettings, at: int
) -> None:
    proofs: list[Proof] = []
    if judged is not None and judged.done == judged.total:
        found, importance = judged.curves, judged.importance
        assert found is not None
        assert importance is not None
        area = _("Area under the deletion curve of {title}").format(title=title)
        proofs = [area_proof(area, found.deletion, found.shares), ends_proof(found)]
        key = judged, at

        def now() -> float:
            gone, _come = images_at(case.picture, importance, settings, at)
            with torch.no_grad():
                return float(case.subject.network(gone.x).softmax(1)[0, case.target])

        proofs.append(
            Proof(
                _("Probability of the picture on the left: on the curve, and asked again"),
                rf"p^{{\text{{del}}}}_{{{at}}}",
                float(found.deletion[at]),
                measured=once(lesson, "again", key, now),
                tolerance=1e-2,
            )
        )
    lesson.prove(*proofs)
