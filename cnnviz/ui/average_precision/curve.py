"""One curve, raw and interpolated, with the area that is summed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from itertools import groupby

import streamlit as st

from cnnviz.errors import SettingError
from cnnviz.figures import matching as drawings
from cnnviz.figures.average_precision import RawPoint, curve_figure
from cnnviz.metrics import measured
from cnnviz.metrics.average_precision import Area, Piece
from cnnviz.metrics.average_precision_code import area_code
from cnnviz.metrics.matching import Matching
from cnnviz.proof import Proof
from cnnviz.ui import state
from cnnviz.ui.average_precision import settings
from cnnviz.ui.detections import Picked
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.matching import shared

MOST_TERMS = 14
"""Terms of a sum that are written out."""


def draw(lesson: LessonPage, picked: Picked) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    matching, problem = None, None
    with controls:
        category = shared.choose_class(lesson, picked)
        how = settings.choose_interpolation(lesson)
        convention = shared.choose_convention(lesson)
        convention = settings.with_limit(convention, settings.choose_limit(lesson))
        try:
            span = settings.choose_size(lesson, picked)
        except SettingError as error:
            problem = error
        else:
            matching = shared.matched(picked, category, convention, span)
            number = _choose_step(lesson, len(matching.steps))
    with stage:
        if matching is None:
            assert problem is not None
            lesson.problem(problem)
        elif not matching.truths:
            st.info(
                _(
                    "No ground truth of this class and size counts. There is no recall, no curve, and the average precision is undefined: not 0."
                )
            )
        else:
            areas = {
                way: settings.area_of(picked, category, convention, span, way) for way in ("all", "11", "101")
            }
            told = _ask(lesson, areas["all"], bool(matching.steps))
            with lesson.card():
                _show(lesson, picked, matching, areas, how, number, told)
            if told:
                _prove(lesson, matching, areas[how], how)
    lesson.section("curve")
    lesson.section("area")
    if matching is not None:
        source = area_code(picked.code, replace(convention, interpolation=how), category, span)  # type: ignore[arg-type]
        lesson.code(source, files=picked.files)


def _choose_step(lesson: LessonPage, count: int) -> int:
    """The detection that is looked at, from 1; 0: none."""
    if not count:
        return 0
    return lesson.slider(
        "i",
        _("Look at detection"),
        0,
        count,
        0,
        help=_(
            "Why its point is on the curve, or isn't; 0 looks at none. Pointing at the curve says it too."
        ),
    )


def _ask(lesson: LessonPage, whole: Area, any_detection: bool) -> bool:
    tenths = lesson.linked("ask", 5, state.whole(1, 10))
    if not any_detection:
        return True
    recall = tenths / 10
    height = next((piece.height for piece in whole.pieces if piece.right >= recall), 0.0)
    words = _(
        "The raw curve is drawn. How high is the interpolated curve at a recall of {recall}, in whole percent?"
    )
    why = (
        _("The greatest precision at this recall or beyond is {height}.").format(height=f"{height:.3f}")
        if height
        else _("No point lies at this recall or beyond it, so precision counts as 0.")
    )
    return lesson.predict(
        words.format(recall=f"{recall:g}"),
        math.floor(100 * height + 0.5),
        why=why,
        redraw=["ask", "cls", "iou"],
        accept=lambda drawn: drawn["iou"] % 5 == 0,
    )


def _show(
    lesson: LessonPage,
    picked: Picked,
    matching: Matching,
    areas: Mapping[str, Area],
    how: str,
    number: int,
    told: bool,
) -> None:
    names = _ways()
    if told:
        shown = [(f"AP · {names[way]}", settings.said(one.value)) for way, one in areas.items()]
        shared.svg(drawings.tiles(shown))
    points = [RawPoint(step.recall or 0.0, step.precision or 0.0, step.outcome) for step in matching.steps]
    figure = curve_figure(
        points,
        settings.labels(),
        lambda place: _hover(picked, matching, place),
        steps=areas["all"].pieces if told else (),
        pieces=areas[how].pieces if told else (),
        picked=number - 1 if number else None,
    )
    lesson.figure(figure, _alt(matching, how, areas[how].value, told), name="curve")
    if number:
        st.markdown(_why(picked, matching, number, told))
    st.markdown(_end(picked, matching))


def _ways() -> dict[str, str]:
    return {"all": _("All points"), "11": _("11 points"), "101": _("101 points")}


def _hover(picked: Picked, matching: Matching, place: int) -> str:
    """What pointing at a detection says, in short lines."""
    step = matching.steps[place]
    lines = shared.point_words(picked, step, place + 1).replace(". ", ".<br>")
    where = _("It adds no point: both sums stay as they are.")
    if step.outcome != "ignored":
        where = _("Recall {recall}, precision {precision}.").format(
            recall=shared.fraction(step.recall), precision=shared.fraction(step.precision)
        )
    return f"{lines}<br>{escape(shared.image_name(picked, step.image))}<br>{where}"


def _alt(matching: Matching, how: str, value: float | None, told: bool) -> str:
    last = matching.steps[-1] if matching.steps else None
    words = _("Precision over recall of {count} detections; the curve ends at recall {recall}.")
    alt = words.format(count=len(matching.steps), recall=shared.fraction(last.recall if last else 0.0))
    if told:
        words = _("The area under the interpolated curve, {how}, is {value}.")
        alt += " " + words.format(how=_ways()[how], value=settings.said(value))
    return alt


def _why(picked: Picked, matching: Matching, number: int, told: bool) -> str:
    """Why a detection's point is on the curve, or isn't, and whether the area knows of it."""
    step = matching.steps[number - 1]
    text = f"**{shared.point_words(picked, step, number)}**"
    if step.outcome == "ignored" or step.precision is None:
        return text + " " + _("It adds no point: both sums stay as they are.")
    words = _("Its point is at recall {recall} and precision {precision}.")
    text += " " + words.format(recall=shared.fraction(step.recall), precision=shared.fraction(step.precision))
    if not told:
        return text
    later = [
        (one.precision, place)
        for place, one in enumerate(matching.steps[number:], number + 1)
        if one.outcome == "tp" and one.precision is not None and one.precision > step.precision
    ]
    if later:
        height, place = max(later, key=lambda pair: pair[0])
        words = _("Interpolation passes above it: detection {number} reaches {height} at a higher recall.")
        return text + " " + words.format(number=place, height=f"{height:.3f}")
    if step.outcome == "fp":
        return text + " " + _("The interpolated curve falls past it, straight down.")
    return text + " " + _("The interpolated curve runs through it: no later point is higher.")


def _end(picked: Picked, matching: Matching) -> str:
    """Why the curve ends where it does."""
    missed = matching.missed
    if not missed:
        return _("Every ground truth is found: the curve reaches recall 1.")
    names = ", ".join(shared.truth_name(picked, truth) for truth in missed[:8])
    if len(missed) > 8:
        names += ", …"
    found = 1 - len(missed) / len(matching.truths)
    words = _(
        "No detection finds {missed} of the {truths} ground truths ({names}), so there is no point beyond recall {recall}: there, precision counts as 0."
    )
    return words.format(
        missed=f"{len(missed):,}", truths=f"{len(matching.truths):,}", names=names, recall=f"{found:.3f}"
    )


def sum_formula(pieces: Sequence[Piece], truths: int, how: str) -> str:
    """The sum as LaTeX, with equal heights gathered; a long one as a sum sign."""
    count = str(truths) if how == "all" else how
    groups = [(height, len(list(same))) for height, same in groupby(pieces, lambda piece: piece.height)]
    terms = [
        f"{height:.4g}" if times == 1 else rf"{times} \cdot {height:.4g}"
        for height, times in groups
        if height
    ]
    if len(terms) > MOST_TERMS:
        reached = sum(1 for piece in pieces if piece.height)
        return rf"\frac{{1}}{{{count}}} \sum_{{n=1}}^{{{reached}}} p_{{\mathrm{{interp}}}}(r_n)"
    return rf"\frac{{1}}{{{count}}}\,({' + '.join(terms) or '0'})"


def _prove(lesson: LessonPage, matching: Matching, summed: Area, how: str) -> None:
    again = measured.average_precision(matching, how)
    if summed.value is None or again is None:
        return
    formula = sum_formula(summed.pieces, len(matching.truths), how)
    name = {
        "all": _("AP: each true positive moves recall by the same width"),
        "11": _("AP: mean of the heights at 11 recalls"),
        "101": _("AP: mean of the heights at 101 recalls"),
    }[how]
    lesson.prove(Proof(name, formula, summed.value, measured=again, tolerance=1e-9))
