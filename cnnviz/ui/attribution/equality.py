"""The class activation map by hand beside Grad-CAM: the same picture, but for one factor."""

import numpy as np
import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.explain.attribution.cam import Cam, prove_cam
from cnnviz.explain.attribution.grad_cam import GradCam
from cnnviz.explain.attribution.results import Attribution
from cnnviz.ui.attribution.proofs import cam_proofs
from cnnviz.ui.attribution.shared import Drawn, choose_opacity, over_photo
from cnnviz.ui.explaining import Case
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once


def draw(lesson: LessonPage, case: Case) -> Drawn:
    controls, stage = lesson.bench()
    try:
        proof = once(
            lesson,
            "cam",
            (case.key, case.target),
            lambda: prove_cam(case.subject.network, case.picture, case.target),
        )
    except CnnvizError as error:
        with stage:
            lesson.problem(error)
        return Drawn([GradCam(relu=False)])
    rows, columns = proof.cam.shape
    with stage:
        question = _(
            "The last maps are {rows} × {columns} cells. By how much must Grad-CAM, before its ReLU, be multiplied to "
            "give the class activation map?"
        )
        told = lesson.predict(
            question.format(rows=rows, columns=columns),
            proof.cells,
            why=_(
                "The logit is a mean over {cells} cells, so its gradient at each of them is a weight divided by {cells}."
            ).format(cells=proof.cells),
        )
    with controls:
        opacity = choose_opacity(lesson)
    if told:
        with stage:
            left, right = st.columns(2, gap="medium")
            with left:
                over_photo(lesson, case, _("CAM, by hand"), _as(proof.cam), opacity)
            with right:
                over_photo(
                    lesson, case, _("Grad-CAM without ReLU, by gradients"), _as(proof.grad_cam), opacity
                )
            words = _("Largest difference of CAM and {cells} · Grad-CAM: {error} of the strongest cell.")
            st.markdown(words.format(cells=proof.cells, error=f"{proof.error:.1e}"))
    with stage:
        lesson.prove(*cam_proofs(proof))
    return Drawn([Cam(), GradCam(relu=False)])


def _as(values: np.ndarray) -> Attribution:
    return Attribution(values[None])
