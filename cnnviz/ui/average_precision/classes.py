"""Every class, and the mean over them."""

from dataclasses import replace

import streamlit as st

from cnnviz.errors import SettingError
from cnnviz.figures import matching as drawings
from cnnviz.figures.average_precision import Named, curves_figure
from cnnviz.metrics import measured
from cnnviz.metrics.average_precision_code import classes_code
from cnnviz.metrics.matching import AreaRange, Convention
from cnnviz.proof import Proof
from cnnviz.ui.average_precision import settings
from cnnviz.ui.detections import Picked
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.matching import shared

MOST_CURVES = 8
MOST_TERMS = 12


def draw(lesson: LessonPage, picked: Picked) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    problem, span = None, None
    with controls:
        how = settings.choose_interpolation(lesson)
        convention = shared.choose_convention(lesson)
        convention = settings.with_limit(convention, settings.choose_limit(lesson))
        try:
            span = settings.choose_size(lesson, picked)
        except SettingError as error:
            problem = error
    with stage:
        if problem:
            lesson.problem(problem)
        else:
            _show(lesson, picked, convention, span, how)
    lesson.section("classes")
    if not problem:
        lesson.code(
            classes_code(picked.code, replace(convention, interpolation=how), span),  # type: ignore[arg-type]
            files=picked.files,
        )


def _show(
    lesson: LessonPage, picked: Picked, convention: Convention, span: AreaRange | None, how: str
) -> None:
    count = len(picked.data.categories)
    values = [settings.area_of(picked, category, convention, span, how).value for category in range(count)]
    mean = settings.mean(values)
    defined = [category for category, value in enumerate(values) if value is not None]
    ranked = sorted(defined, key=lambda category: -(values[category] or 0))
    told = _ask(lesson, picked, values, ranked)
    shown = sorted(ranked[:MOST_CURVES])
    with lesson.card():
        if told:
            shared.svg(
                drawings.tiles(
                    [
                        (_("Mean AP"), settings.said(mean)),
                        (_("Classes in the mean"), f"{len(defined)} / {count}"),
                    ]
                )
            )
        curves = [
            Named(
                picked.category(category),
                settings.area_of(picked, category, convention, span, "all").pieces,
            )
            for category in shown
        ]
        alt = _("Interpolated curves of {count} classes: {names}.")
        names = ", ".join(
            f"{picked.category(category)} {settings.said(values[category]) if told else ''}".strip()
            for category in shown
        )
        lesson.figure(
            curves_figure(curves, settings.labels()),
            alt.format(count=len(shown), names=names),
            name="classes",
        )
        if len(defined) > len(shown):
            words = _("The {shown} classes with the highest AP are drawn; all {count} are in the table.")
            st.caption(words.format(shown=len(shown), count=len(defined)))
    if told:
        rows = []
        for category, value in enumerate(values):
            matching = shared.matched(picked, category, convention, span)
            steps = matching.steps
            rows.append(
                [
                    picked.category(category),
                    f"{len(matching.truths):,}",
                    f"{steps[-1].tp if steps else 0:,}",
                    f"{steps[-1].fp if steps else 0:,}",
                    shared.fraction(value),
                ]
            )
        head = (_("Class"), _("Ground truths"), "TP", "FP", "AP")
        shared.svg(drawings.table(head, rows, _("AP by class")))
        if None in values:
            st.caption(_("AP is undefined where no ground truth counts: not 0."))
        _prove(lesson, picked, convention, span, how, values)


def _ask(lesson: LessonPage, picked: Picked, values: list[float | None], ranked: list[int]) -> bool:
    if len(ranked) < 2 or values[ranked[0]] == values[ranked[1]]:
        return True
    # The best and a few others, in the order of the set.
    offered = sorted(ranked[:5])
    names = ", ".join(f"{picked.category(one)} {settings.said(values[one])}" for one in ranked[:5])
    return lesson.predict(
        _("Which class has the highest average precision?"),
        str(ranked[0]),
        why=names,
        options={str(one): picked.category(one) for one in offered},
        redraw=["iou", "m", "mt"],
        accept=lambda drawn: drawn["iou"] % 5 == 0,
    )


def _prove(
    lesson: LessonPage,
    picked: Picked,
    convention: Convention,
    span: AreaRange | None,
    how: str,
    values: list[float | None],
) -> None:
    mean = settings.mean(values)
    if mean is None:
        return
    again = settings.mean(
        [
            shared.remember(
                picked,
                ("measured", category, convention, span, how),
                lambda category=category: measured.average_precision(  # type: ignore[misc]
                    shared.matched(picked, category, convention, span), how
                ),
            )
            for category in range(len(values))
        ]
    )
    defined = [value for value in values if value is not None]
    terms = " + ".join(f"{value:.4g}" for value in defined)
    if len(defined) > MOST_TERMS:
        terms = r"\sum_k \mathrm{AP}_k"
    formula = rf"\frac{{{terms}}}{{{len(defined)}}}"
    lesson.prove(Proof(_("Mean over the classes"), formula, mean, measured=again, tolerance=1e-9))
