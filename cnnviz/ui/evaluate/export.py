"""The curves on screen, and everything to take away: tables, pictures, and the report."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.figures.evaluate import Line, confusion_picture, lines_figure, lines_picture
from cnnviz.metrics import report
from cnnviz.metrics.coco import RECALLS, THRESHOLDS, CocoResult
from cnnviz.metrics.matching import Convention
from cnnviz.ui.detections import Picked
from cnnviz.ui.evaluate.tables import kind_names, said
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

MOST_LINES = 6
"""Classes that get a line of their own, those with the most ground truths."""


def drawn(picked: Picked, result: CocoResult) -> list[int]:
    """The classes that get a line: those with the most ground truths, in the order of the classes."""
    counts = result.truths[:, 0]
    best = np.argsort(-counts, kind="stable")[:MOST_LINES]
    return sorted(int(index) for index in best if counts[index])


def curves(picked: Picked, result: CocoResult) -> dict[str, Line]:
    """Interpolated precision at IoU 0.50, over 101 recalls."""
    return {
        picked.category(index): (RECALLS.tolist(), result.precision[0, :, index, 0, 2].tolist())
        for index in drawn(picked, result)
    }


def thresholds(picked: Picked, result: CocoResult) -> dict[str, Line]:
    """AP over the ten thresholds, of the mean and of each class."""
    lines: dict[str, Line] = {}
    for index in [None, *drawn(picked, result)]:
        values = [result.ap(iou=threshold, category=index) for threshold in THRESHOLDS.tolist()]
        if None not in values:
            name = _("mean") if index is None else picked.category(index)
            lines[name] = (THRESHOLDS.tolist(), [value or 0.0 for value in values])
    return lines


def show(lesson: LessonPage, picked: Picked, results: Mapping[str, CocoResult]) -> None:
    """The picture that is chosen, and words for it."""
    options = {"curves": _("Precision and recall"), "thresholds": _("AP and the IoU threshold")}
    chosen = lesson.choice("picture", _("Picture"), options, "thresholds")
    kind = next(iter(results))
    if len(results) > 1:
        kind = lesson.choice("kind", _("Compared by"), dict(kind_names()), "bbox")
    result = results[kind]
    if chosen == "curves":
        lines, titles = curves(picked, result), (_("Recall"), _("Precision, interpolated"))
        areas = {name: float(np.mean(y)) for name, (_x, y) in lines.items()}
        words = _("Precision over recall at IoU 0.50. AP50: {values}.")
        told = ", ".join(f"{name} {said(value)}" for name, value in areas.items())
    else:
        lines, titles = thresholds(picked, result), (_("IoU threshold"), "AP")
        words = _("AP from IoU 0.50 to 0.95: {values}.")
        told = ", ".join(f"{name} {y[0]:.4f} → {y[-1]:.4f}" for name, (_x, y) in lines.items())
    if not lines:
        st.markdown(_("No class has a ground truth that counts: there is no curve."))
        return
    with lesson.card():
        lesson.figure(lines_figure(lines, *titles), words.format(values=told), name="lines")
    if len(drawn(picked, result)) < (result.truths[:, 0] > 0).sum():
        words = _("Drawn are the {count} classes with the most ground truths.")
        st.caption(words.format(count=MOST_LINES))


def downloads(
    lesson: LessonPage,
    picked: Picked,
    results: Mapping[str, CocoResult],
    matrix: NDArray[np.int64],
    convention: Convention,
    score: float,
) -> None:
    """Buttons; each file is made when it is asked for."""
    data, first = picked.data, next(iter(results.values()))
    names: Sequence[str] = [category.name for category in data.categories]
    labels = [*names, report.BACKGROUND]

    def lines(
        which: Callable[[Picked, CocoResult], dict[str, Line]], x: str, y: str, form: str
    ) -> Callable[[], bytes]:
        return lambda: lines_picture(which(picked, first), x, y, form)

    def confusion(form: str) -> Callable[[], bytes]:
        return lambda: confusion_picture(matrix, labels, "detection", "ground truth", form)

    files: dict[str, list[tuple[str, str, str, Callable[[], bytes]]]] = {
        _("Tables"): [
            (_("Figures, CSV"), "figures.csv", "text/csv", lambda: report.figures_csv(results)),
            (_("Classes, CSV"), "classes.csv", "text/csv", lambda: report.classes_csv(data, results)),
            (_("Confusion, CSV"), "confusion.csv", "text/csv", lambda: report.confusion_csv(data, matrix)),
        ],
        _("Pictures"): [
            (f"{title}, {form.upper()}", f"{stem}.{form}", mime, make(form))
            for title, stem, make in (
                (_("Curves"), "curves", lambda form: lines(curves, "recall", "precision", form)),
                (_("Thresholds"), "thresholds", lambda form: lines(thresholds, "IoU threshold", "AP", form)),
                (_("Confusion"), "confusion", confusion),
            )
            for form, mime in (("png", "image/png"), ("svg", "image/svg+xml"))
        ],
        _("All of it"): [
            (
                _("Report, JSON"),
                "report.json",
                "application/json",
                lambda: report.report(data, results, matrix, convention, score),
            )
        ],
    }
    for title, group in files.items():
        st.markdown(f"**{title}**")
        with st.container(horizontal=True):
            for label, name, mime, make in group:
                st.download_button(
                    label,
                    make,
                    file_name=f"cnnviz-{name}",
                    mime=mime,
                    on_click="ignore",
                    key=lesson.key(f"save.{name}"),
                )
