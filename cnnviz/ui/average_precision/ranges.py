"""What counts: ground truths of a size, and so many detections an image."""

from dataclasses import replace

import streamlit as st

from cnnviz.errors import SettingError
from cnnviz.figures import matching as drawings
from cnnviz.figures.average_precision import Named, curves_figure
from cnnviz.metrics import measured
from cnnviz.metrics.average_precision_code import ranges_code
from cnnviz.metrics.coco import RANGES
from cnnviz.metrics.matching import AreaRange, Convention
from cnnviz.proof import Proof
from cnnviz.ui.average_precision import settings
from cnnviz.ui.average_precision.curve import sum_formula
from cnnviz.ui.average_precision.settings import LIMITS
from cnnviz.ui.detections import Picked
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.matching import shared


def draw(lesson: LessonPage, picked: Picked) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    problem, own = None, None
    with controls:
        category = shared.choose_class(lesson, picked)
        what = lesson.choice("what", _("Compare"), {"size": _("Sizes"), "limit": _("Limits")}, "size")
        how = settings.choose_interpolation(lesson)
        convention = shared.choose_convention(lesson)
        try:
            own = settings.choose_own(lesson, picked)
        except SettingError as error:
            problem = error
    ranges: dict[str, AreaRange | None] = {**RANGES, "all": None}
    if own:
        ranges["own"] = own
    with stage:
        if problem:
            lesson.problem(problem)
        if what == "size":
            _sizes(lesson, picked, category, convention, how, ranges)
        else:
            _limits(lesson, picked, category, convention, how)
    lesson.section("ranges")
    source = ranges_code(
        picked.code,
        replace(convention, interpolation=how),  # type: ignore[arg-type]
        category,
        ranges,
        list(LIMITS.values()),
    )
    lesson.code(source, files=picked.files)


Row = tuple[str, Convention, AreaRange | None]


def _sizes(
    lesson: LessonPage,
    picked: Picked,
    category: int,
    convention: Convention,
    how: str,
    ranges: dict[str, AreaRange | None],
) -> None:
    names = settings.size_names()
    values = {
        name: settings.area_of(picked, category, convention, span, how).value for name, span in ranges.items()
    }
    sizes = {name: value for name, value in values.items() if name != "all" and value is not None}
    best = sorted(sizes, key=lambda name: -sizes[name])
    told = True
    if len(best) > 1 and sizes[best[0]] != sizes[best[1]]:
        told = lesson.predict(
            _("In which size range is the average precision highest?"),
            best[0],
            why=", ".join(f"{names[name]} {settings.said(value)}" for name, value in values.items()),
            options={name: names[name] for name in ranges if name != "all"},
            redraw=["cls", "iou", "lo", "hi"],
            accept=lambda drawn: drawn["iou"] % 5 == 0 and drawn["lo"] + 8 < drawn["hi"],
        )
    _compare(
        lesson,
        picked,
        category,
        how,
        [(names[name], convention, span) for name, span in ranges.items()],
        told,
    )


def _limits(lesson: LessonPage, picked: Picked, category: int, convention: Convention, how: str) -> None:
    first = shared.matched(picked, category, settings.with_limit(convention, 1))
    total = len(shared.matched(picked, category, convention).steps)
    words = _("The class has {count} detections. How many are left if each image may bring only its best?")
    told = True
    if total:
        told = lesson.predict(
            words.format(count=f"{total:,}"),
            len(first.steps),
            why=_("As many as there are images with a detection of the class."),
            redraw=["cls"],
        )
    rows: list[Row] = []
    for name, limit in LIMITS.items():
        title = _("no limit") if limit is None else _("at most {limit}").format(limit=name)
        rows.append((title, settings.with_limit(convention, limit), None))
    _compare(lesson, picked, category, how, rows, told)


def _compare(
    lesson: LessonPage, picked: Picked, category: int, how: str, rows: list[Row], told: bool
) -> None:
    curves, lines, proofs, values = [], [], [], []
    for name, convention, span in rows:
        matching = shared.matched(picked, category, convention, span)
        summed = settings.area_of(picked, category, convention, span, how)
        value = summed.value
        values.append(value)
        curves.append(Named(name, settings.area_of(picked, category, convention, span, "all").pieces))
        steps = matching.steps
        lines.append(
            [
                name,
                f"{len(matching.truths):,}",
                f"{steps[-1].tp if steps else 0:,}",
                f"{steps[-1].fp if steps else 0:,}",
                f"{sum(step.outcome == 'ignored' for step in steps):,}",
                shared.fraction(value),
                shared.fraction(steps[-1].recall if steps else (0.0 if matching.truths else None)),
            ]
        )
        # Of the limits only the sharpest: the others often are the same.
        if value is not None and (span is not None or convention.max_detections == 1):
            again = measured.average_precision(matching, how)
            formula = sum_formula(summed.pieces, len(matching.truths), how)
            proofs.append(Proof(f"AP, {name}", formula, value, measured=again, tolerance=1e-9))
    with lesson.card():
        words = _("Interpolated curves: {names}.")
        alt = words.format(names=", ".join(f"{line[0]} AP {line[5]}" if told else line[0] for line in lines))
        lesson.figure(curves_figure(curves, settings.labels()), alt, name="ranges")
        if told:
            head = (
                "", _("Ground truths"), "TP", "FP", _("Ignored"), "AP", _("Recall reached"),
            )  # fmt: skip
            shared.svg(drawings.table(head, lines, _("What counts, and the AP")))
            if any(value is None for value in values):
                st.caption(_("AP is undefined where no ground truth counts: not 0."))
    if told and proofs:
        lesson.prove(*proofs)
