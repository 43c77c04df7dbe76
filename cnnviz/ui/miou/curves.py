"""Every score over the strength of one mistake."""

import streamlit as st

from cnnviz.figures.labels import CLASSES as SWATCHES
from cnnviz.figures.labels import picture
from cnnviz.figures.miou import score_lines
from cnnviz.metrics.label_maps import CLASSES, STRENGTHS, mistaken
from cnnviz.metrics.segmentation_code import scores_code
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.miou.proofs import score_proofs
from cnnviz.ui.miou.task import Task, choose, judge, score_names, share

Lines = dict[str, list[float | None]]
SEVERAL = "several"


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        task = choose(lesson, paint=False)
    lines, names = _lines(task), score_names()
    here = {name: line[task.strength] for name, line in lines.items()}
    with stage:
        told = _ask(lesson, here, names)
        truth, prediction = st.columns(2)
        with truth:
            lesson.map_image(picture(task.truth, SWATCHES), _("The truth"), caption=_("Truth"))
        with prediction:
            words = _("The prediction, strength {strength}").format(strength=task.strength)
            lesson.map_image(picture(task.prediction, SWATCHES), words, caption=words)
        if told:
            said = ", ".join(f"{names[name]} {share(value)}" for name, value in here.items())
            words = _("Six lines over strengths from 0 to {last}. At {strength}: {scores}.")
            lesson.figure(
                score_lines(lines, names, task.strength, _("Strength")),
                words.format(last=STRENGTHS, strength=task.strength, scores=said),
                name="curves",
            )
            st.caption(said)
        lesson.prove(*score_proofs(task, judge(task.truth, task.prediction, task.width).scores)[:1])
    for anchor in ("curves", "boundary"):
        lesson.section(anchor)
    lesson.code(scores_code(task.truth, task.prediction, CLASSES, task.width))


def _lines(task: Task) -> Lines:
    """The six figures at each strength."""
    lines: Lines = {name: [] for name in score_names()}
    for strength in range(STRENGTHS + 1):
        prediction = mistaken(task.whole, task.mistake, strength)
        for name, value in judge(task.truth, prediction, task.width).means().items():
            lines[name].append(value)
    return lines


def _ask(lesson: LessonPage, here: dict[str, float | None], names: dict[str, str]) -> bool:
    there = {name: value for name, value in here.items() if value is not None}
    lowest = [name for name, value in there.items() if value - min(there.values()) < 1e-12]
    question = _("Which of the six judges this prediction hardest, with the lowest value?")
    return lesson.predict(
        question,
        lowest[0] if len(lowest) == 1 else SEVERAL,
        why=", ".join(f"{names[name]} {share(value)}" for name, value in here.items()),
        options={**names, SEVERAL: _("Several are equally low")},
        redraw=["scene", "m", "n", "d"],
        accept=lambda drawn: drawn["n"] > 0,
    )
