"""Ten IoU thresholds, ten curves, one mean."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from cnnviz.figures import matching as drawings
from cnnviz.figures.average_precision import Named, curves_figure
from cnnviz.metrics import measured
from cnnviz.metrics.average_precision_code import thresholds_code
from cnnviz.metrics.coco import THRESHOLDS
from cnnviz.metrics.matching import Convention
from cnnviz.proof import Proof
from cnnviz.ui.average_precision import settings
from cnnviz.ui.detections import Picked
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.matching import shared


def draw(lesson: LessonPage, picked: Picked) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    with controls:
        category = shared.choose_class(lesson, picked)
        how = settings.choose_interpolation(lesson)
        base = shared.choose_convention(lesson, threshold=False)
        strong = lesson.slider("at", _("Stands out, %"), 50, 95, 50, step=5)
    conventions = [replace(base, iou_threshold=float(threshold)) for threshold in THRESHOLDS]
    names = [f"{100 * threshold:.0f} %" for threshold in THRESHOLDS]
    with stage:
        with st.spinner(_("Matching at ten thresholds …"), show_time=True):
            values = [
                settings.area_of(picked, category, convention, None, how).value for convention in conventions
            ]
        if values[0] is None:
            st.info(
                _(
                    "No ground truth of this class counts, so the average precision is undefined at every threshold: not 0."
                )
            )
        elif _ask(lesson, picked, category, conventions[0], values):
            _show(lesson, picked, category, how, conventions, names, values, (strong - 50) // 5)
    lesson.section("thresholds")
    lesson.code(
        thresholds_code(picked.code, replace(base, interpolation=how), category),  # type: ignore[arg-type]
        files=picked.files,
    )


def _ask(
    lesson: LessonPage,
    picked: Picked,
    category: int,
    convention: Convention,
    values: Sequence[float | None],
) -> bool:
    steps = shared.matched(picked, category, convention).steps
    best = max((step.iou or 0.0 for step in steps if step.outcome == "tp"), default=0.0)
    words = _(
        "The true positive that fits best overlaps its ground truth with an IoU of {iou}. At how many of the ten thresholds, 50 % to 95 %, is the AP above 0?"
    )
    above = sum(value is not None and value > 0 for value in values)
    why = _("A threshold that nothing reaches leaves no true positive; {count} thresholds are reached.")
    return lesson.predict(
        words.format(iou=f"{best:.3f}"), above, why=why.format(count=above), redraw=["cls", "mt"]
    )


def _show(
    lesson: LessonPage,
    picked: Picked,
    category: int,
    how: str,
    conventions: Sequence[Convention],
    names: Sequence[str],
    values: list[float | None],
    strong: int,
) -> None:
    mean = settings.mean(values)
    with lesson.card():
        shown = sorted({0, 5, strong})
        numbers = [("AP 50:95", shared.fraction(mean))]
        numbers += [(f"AP{50 + 5 * place}", shared.fraction(values[place])) for place in shown]
        shared.svg(drawings.tiles(numbers))
        curves = [
            Named(name, settings.area_of(picked, category, convention, None, "all").pieces, place == strong)
            for place, (name, convention) in enumerate(zip(names, conventions, strict=True))
        ]
        words = _("Ten interpolated curves, one for each IoU threshold. AP: {values}.")
        said = ", ".join(
            f"{name} {shared.fraction(value)}" for name, value in zip(names, values, strict=True)
        )
        lesson.figure(
            curves_figure(curves, settings.labels(), shades=True), words.format(values=said), name="ious"
        )
        rows = [["AP", *(shared.fraction(value) for value in values), shared.fraction(mean)]]
        heads = ["IoU", *names, _("Mean")]
        shared.svg(drawings.table(heads, rows, _("AP at each threshold")))
    again = settings.mean(
        [
            measured.average_precision(shared.matched(picked, category, convention), how)
            for convention in conventions
        ]
    )
    formula = rf"\frac{{{' + '.join(f'{value:.3g}' for value in values)}}}{{10}}"
    if mean is not None:
        lesson.prove(Proof(_("AP over IoU 0.50 to 0.95"), formula, mean, measured=again, tolerance=1e-9))
