"""Evaluate your own detections: COCO's twelve figures, the classes, what is confused, and all of it to keep."""

import streamlit as st

from cnnviz.metrics import convention_code
from cnnviz.metrics.report import BACKGROUND
from cnnviz.ui.detections import pick_set
from cnnviz.ui.evaluate import data, export, tables
from cnnviz.ui.evaluate.proofs import proofs
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("evaluate")
picked = pick_set()
with st.spinner(_("Evaluating"), show_time=True):
    results = data.results(picked)

lesson.section("figures")
tables.twelve(results)
export.show(lesson, picked, results)
lesson.prove(*proofs(picked, results))

lesson.section("classes")
tables.classes(picked, results)

lesson.section("confusion")
controls, stage = lesson.bench()
with controls:
    score = lesson.slider("score", _("Score of at least, in percent"), 0, 100, 50) / 100
    threshold = lesson.slider("iou", _("IoU of at least, in percent"), 5, 95, 50, step=5) / 100
convention = data.convention(threshold)
with stage:
    with st.spinner(_("Evaluating")):
        matrix = data.found(picked, convention).at(score)
    missed, false = int(matrix[:-1, -1].sum()), int(matrix[-1, :-1].sum())
    right = int(matrix.diagonal().sum())
    wrong = int(matrix.sum()) - right - missed - false
    told = lesson.predict(
        _("How many objects are missed at a score of at least {score} and an IoU of at least {iou}?").format(
            score=f"{score:.2f}", iou=f"{threshold:.2f}"
        ),
        missed,
        why=_("The last column: {right} are found, {wrong} are taken for something else.").format(
            right=f"{right:,}", wrong=f"{wrong:,}"
        ),
        redraw=["score", "iou"],
        accept=lambda drawn: drawn["iou"] % 5 == 0,
    )
    if told:
        names = [picked.category(index) for index in range(len(picked.data.categories))]
        tables.confusion(matrix, [*names, _(BACKGROUND)])
        words = _(
            "{right} found as what they are, {wrong} taken for another class, {missed} missed, {false} false alarms."
        )
        st.markdown(
            words.format(right=f"{right:,}", wrong=f"{wrong:,}", missed=f"{missed:,}", false=f"{false:,}")
        )

lesson.section("keep")
export.downloads(lesson, picked, results, matrix, convention, score)
code = convention_code.evaluation_code(picked.code, convention, score)
lesson.code(code, files=picked.files)
