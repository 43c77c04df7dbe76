"""Do the attributions of integrated gradients add up? By number of steps."""

import streamlit as st
import torch

from cnnviz.explain.attribution.gradients import IntegratedGradients
from cnnviz.explain.attribution.picture import FILLS
from cnnviz.explain.attribution.results import Attribution
from cnnviz.figures import attribution as figures
from cnnviz.ui.attribution.one import choose_fill
from cnnviz.ui.attribution.proofs import sum_proof
from cnnviz.ui.attribution.shared import Drawn, Jobs, number, work_on
from cnnviz.ui.detections import table
from cnnviz.ui.explaining import Case
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once

COUNTS = (8, 16, 32, 64, 128, 256, 512)


def draw(lesson: LessonPage, case: Case) -> Drawn:
    controls, stage = lesson.bench()
    with controls:
        baseline = choose_fill(lesson, "base", _("Baseline"), "grey")
    with stage:
        told = _ask_sum(lesson, case, baseline)
    with controls:
        most = lesson.choice(
            "most", _("Steps, at most"), {str(count): str(count) for count in COUNTS[2:]}, "128", kind="pills"
        )
    every = [IntegratedGradients(steps, baseline) for steps in COUNTS if steps <= int(most)]
    jobs: Jobs = {_("{steps} steps").format(steps=each.steps): work_on(case, each) for each in every}
    with stage:
        place = st.empty()
        done = [
            (each, job.last)
            for each, job in zip(every, jobs.values(), strict=True)
            if job.finished and job.last is not None
        ]
        if told and done:
            _show_sums(lesson, case, done)
            lesson.prove(sum_proof(done[-1][1], done[-1][0]))
    return Drawn([every[-1]], jobs, place)


def _show_sums(lesson: LessonPage, case: Case, done: list[tuple[IntegratedGradients, Attribution]]) -> None:
    steps, found = [settings.steps for settings, _found in done], [each.sum for _settings, each in done]
    deltas = [each.delta or 0.0 for _settings, each in done]
    expected = done[-1][1].sum - deltas[-1]
    rows = [
        (str(count), number(total), f"{delta:+.3f}".replace("-", "−"), f"{abs(delta / expected):.1%}")
        for count, total, delta in zip(steps, found, deltas, strict=True)
    ]
    words = _("Sums of the attributions for “{name}”: {listed}. They should be {expected}.")
    listed = ", ".join(f"{count}: {total}" for count, total, *_rest in rows)
    figure = figures.sums(
        steps, found, expected, _("steps"), _("sum of the attributions"), _("difference of the logits")
    )
    alt = words.format(name=case.name, listed=listed, expected=number(expected))
    lesson.figure(figure, alt, name="sums")
    head = (_("Steps"), _("Sum"), "δ", _("of the difference"))
    st.html(table(head, rows, _("Sums by number of steps")))


def _ask_sum(lesson: LessonPage, case: Case, baseline: str) -> bool:
    """What must the attributions add up to?"""
    score = case.score
    other = once(
        lesson,
        "start",
        (case.key, case.target, baseline),
        lambda: _logit(case, case.picture.filled(baseline)),
    )
    share = case.probabilities[case.target]
    options = {
        "difference": f"S(x) − S(x′) = {number(score - other)}",
        "score": f"S(x) = {number(score)}",
        "share": _("the probability, {share}").format(share=f"{share:.3f}"),
        "one": "1",
    }
    return lesson.predict(
        _("Integrated gradients for “{name}”, from {baseline}: to what must all attributions add up?").format(
            name=case.name, baseline=_(FILLS[baseline])
        ),
        "difference",
        why=_("They explain what the photo adds to the baseline, whose logit is {other}.").format(
            other=number(other)
        ),
        options=options,
        redraw=["base"],
    )


def _logit(case: Case, x: torch.Tensor) -> float:
    with torch.no_grad():
        return float(case.subject.network(x)[0, case.target])
