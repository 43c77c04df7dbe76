"""A prediction to paint over the truth, and everything that is said of it."""

import streamlit as st

from cnnviz.figures.labels import CLASSES as SWATCHES
from cnnviz.figures.labels import RIGHT, WRONG, picture
from cnnviz.figures.miou import confusion_table, scores_table
from cnnviz.metrics.label_maps import CLASSES, VOID
from cnnviz.metrics.segmentation_code import scores_code
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.miou.proofs import score_proofs
from cnnviz.ui.miou.task import Judged, Task, choose, class_names, judge, score_names, share
from cnnviz.ui.painter import Brush, keep_map, painter, painter_words

SMALL = 4
"""Screen pixels of a pixel in the pictures beside the painting."""
RANGES = ("0", "20", "40", "60", "80")


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        task = choose(lesson, paint=True)
        outlined = lesson.toggle("outline", _("Show the truth's outline"), True)
    judged = judge(task.truth, task.prediction, task.width)
    with stage:
        told = _ask(lesson, judged)
        with lesson.card():
            _pictures(lesson, task, judged, outlined)
        if told:
            _tables(judged)
        lesson.prove(*score_proofs(task, judged.scores))
    for anchor in ("confusion", "undefined", "ignore", "boundary"):
        lesson.section(anchor)
    lesson.code(scores_code(task.truth, task.prediction, CLASSES, task.width))


def _pictures(lesson: LessonPage, task: Task, judged: Judged, outlined: bool) -> None:
    names = class_names()
    confusion = judged.scores.confusion
    wrong, total = int(confusion.sum() - confusion.trace()), int(confusion.sum())
    painting, beside = st.columns([5, 2])
    with painting:
        words = _("The prediction: {classes}.")
        said = ", ".join(f"{name} {count}" for name, count in zip(names, confusion.sum(0), strict=True))
        painter(
            task.prediction,
            swatches=SWATCHES,
            names=names,
            brushes=[Brush(name, label, label) for label, name in enumerate(names)],
            words=painter_words(),
            alt=words.format(classes=said),
            key=lesson.key("paint"),
            on_paint=lambda painted: keep_map(lesson, "p", painted),
            outline=task.whole if outlined else None,
            brush=1,
        )
    with beside:
        words = _("The truth: {classes}.")
        said = ", ".join(f"{name} {count}" for name, count in zip(names, confusion.sum(1), strict=True))
        lesson.map_image(picture(task.truth, SWATCHES, SMALL), words.format(classes=said), caption=_("Truth"))
        mistakes = (task.truth != task.prediction).astype("uint8")
        mistakes[task.truth == VOID] = VOID
        caption = _("Wrong: {wrong} of {total} pixels").format(wrong=f"{wrong:,}", total=f"{total:,}")
        lesson.map_image(picture(mistakes, (RIGHT, WRONG), SMALL), caption, caption=caption)


def _ask(lesson: LessonPage, judged: Judged) -> bool:
    scores = judged.scores
    if scores.mean_iou is None or scores.pixel_accuracy is None:
        return True
    question = _("{percent} % of the pixels are right. In which range is the mean IoU?")
    options = {low: _("{low} to {high} %").format(low=low, high=int(low) + 20) for low in RANGES}
    answer = RANGES[min(int(scores.mean_iou * 5), 4)]
    why = _("It is {miou}: each of the {count} classes has one vote, the background no more than any other.")
    return lesson.predict(
        question.format(percent=f"{100 * scores.pixel_accuracy:.1f}"),
        answer,
        why=why.format(miou=share(scores.mean_iou), count=sum(value is not None for value in scores.iou)),
        options=options,
        redraw=["scene", "p", "n"],
        accept=lambda drawn: drawn["p"] not in ("perfect", "own") and drawn["n"] > 0,
    )


def _tables(judged: Judged) -> None:
    scores, names = judged.scores, class_names()
    means, labels = judged.means(), score_names()
    overall = ("pixel", "weighted")
    st.markdown(" · ".join(f"{labels[name]} **{share(means[name])}**" for name in ("miou", *overall)))
    rows = [
        [share(column[label]) for column in (scores.iou, scores.dice, scores.accuracy, judged.boundary)]
        for label in range(len(names))
    ]
    last = (_("mean"), *(share(means[name]) for name in ("miou", "dice", "mean", "boundary")))
    heads = (_("class"), "IoU", "Dice", _("accuracy"), _("boundary IoU"))
    title = _("Scores of each class")
    matrix = confusion_table(
        _("Confusion matrix"), _("truth ↓ taken for →"), names, scores.confusion, _("all")
    )
    st.html(scores_table(title, heads, names, rows, last) + matrix)
    if absent := [name for name, value in zip(names, scores.iou, strict=True) if value is None]:
        words = _(
            "Neither in the truth nor in the prediction, so undefined and left out of the means: {classes}."
        )
        st.caption(words.format(classes=", ".join(absent)))
    if untrue := [
        name
        for name, value, iou in zip(names, scores.accuracy, scores.iou, strict=True)
        if value is None and iou is not None
    ]:
        words = _("Predicted, but nowhere in the truth: the IoU is 0, the accuracy undefined: {classes}.")
        st.caption(words.format(classes=", ".join(untrue)))
