"""One method, with the settings that matter to it."""

import streamlit as st
import torch

from cnnviz.errors import CnnvizError
from cnnviz.explain.attribution.cam import Cam
from cnnviz.explain.attribution.grad_cam import GradCam, GuidedGradCam
from cnnviz.explain.attribution.gradients import (
    InputXGradient,
    IntegratedGradients,
    Saliency,
    SmoothGrad,
    slope,
)
from cnnviz.explain.attribution.methods import METHODS
from cnnviz.explain.attribution.occlusion import Occlusion
from cnnviz.explain.attribution.picture import FILLS
from cnnviz.explain.attribution.results import Attribution, Settings
from cnnviz.proof import Proof
from cnnviz.ui.attribution import proofs
from cnnviz.ui.attribution.shared import (
    Drawn,
    ask_quarter,
    choose_opacity,
    over_photo,
    predicting,
    titles,
    work_on,
)
from cnnviz.ui.explaining import Case
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once


def draw(lesson: LessonPage, case: Case) -> Drawn:
    controls, stage = lesson.bench()
    with controls:
        chosen = lesson.choice("m", _("Method"), titles(), "integrated_gradients", kind="list")
        try:
            settings = choose_settings(lesson, case, chosen)
        except CnnvizError as error:
            lesson.problem(error)
            return Drawn()
    method, title = METHODS[chosen], titles()[chosen]
    job = work_on(case, settings)
    if not method.slow:
        job.run()
    elif job.last is None:
        # Something to show even if the first thing that the visitor does is to stop.
        job.step()
    with stage:
        st.markdown(f"**{title}** · [{method.paper}]({method.url})")
        st.latex(method.formula)
        place = st.empty()
        told = _ask(lesson, case, chosen, job.last if job.finished else None)
    with controls:
        opacity = choose_opacity(lesson)
    with stage:
        slot = st.empty()

    def show(_title: str, so_far: Attribution) -> None:
        if told:
            with slot.container(width=560):
                over_photo(lesson, case, title, so_far, opacity)

    if job.last is not None:
        show(title, job.last)
        with stage:
            lesson.prove(*_proofs(lesson, case, settings, job.last))
    return Drawn([settings], {title: job}, place, show)


def _ask(lesson: LessonPage, case: Case, chosen: str, found: Attribution | None) -> bool:
    """Ask, as soon as the whole map is there."""
    if found is None:
        lesson.asking = predicting()
        return not lesson.asking
    return ask_quarter(
        lesson, case, titles()[chosen], found, ["m"], lambda drawn: not METHODS[drawn["m"]].slow
    )


def choose_fill(lesson: LessonPage, name: str, label: str, default: str) -> str:
    """What stands in the place of pixels."""
    return lesson.choice(name, label, {fill: _(title) for fill, title in FILLS.items()}, default, kind="list")


def choose_settings(lesson: LessonPage, case: Case, chosen: str) -> Settings:
    """The controls of one method.

    Raises:
        SettingError: they don't go together.
    """
    if chosen == "smooth_grad":
        samples = lesson.slider("n", _("Noisy copies"), 2, 100, 25)
        return SmoothGrad(samples, lesson.fraction("noise", _("Noise level"), 0, 1, 0.15))
    if chosen == "integrated_gradients":
        baseline = choose_fill(lesson, "base", _("Baseline"), "grey")
        return IntegratedGradients(lesson.slider("steps", _("Steps"), 2, 256, 32), baseline)
    if chosen == "grad_cam":
        layer = _choose_layer(lesson, case)
        cut = _("Cut off what speaks against the class (ReLU)")
        return GradCam(layer, lesson.toggle("relu", cut, True))
    if chosen == "guided_grad_cam":
        return GuidedGradCam(_choose_layer(lesson, case))
    if chosen == "occlusion":
        window = lesson.slider("w", _("Window, pixels"), 8, 112, 32, step=4)
        stride = lesson.slider("s", _("Stride, pixels"), 4, 112, 16, step=4)
        return Occlusion(window, stride, choose_fill(lesson, "fill", _("Covered with"), "grey"))
    return METHODS[chosen].settings()


def _choose_layer(lesson: LessonPage, case: Case) -> str:
    named = {
        layer.name: f"{layer.name} · {' × '.join(map(str, layer.map_size or ()))}" for layer in case.layers
    }
    return lesson.choice("layer", _("Layer"), named, case.layers[-1].name, kind="list")


def _proofs(lesson: LessonPage, case: Case, settings: Settings, found: Attribution) -> list[Proof]:
    """What can be said of the map on screen."""
    network, here, side = case.subject.network, case.picture, case.size[0]
    proof: Proof | None = None
    if isinstance(settings, Saliency):
        measured = once(lesson, "slope", found, lambda: slope(network, here, case.target, found.values))
        proof = proofs.slope_proof(found, measured)
    elif isinstance(settings, InputXGradient):
        with torch.no_grad():
            middle = once(
                lesson, "middle", case.key, lambda: network(torch.zeros_like(here.x))[0].cpu().numpy()
            )
        proof = proofs.product_proof(found, case.score, float(middle[case.target]))
    elif isinstance(settings, SmoothGrad):
        low, high = float(here.x.min()), float(here.x.max())
        sigma = settings.noise * (high - low)
        generator = torch.Generator().manual_seed(settings.seed)
        drawn = float((sigma * torch.randn(here.x.shape, generator=generator)).std())
        proof = proofs.noise_proof(sigma, settings.noise, low, high, drawn)
    elif isinstance(settings, IntegratedGradients) and found.finished:
        proof = proofs.sum_proof(found, settings)
    elif isinstance(settings, GradCam | GuidedGradCam):
        layer = next(layer for layer in case.layers if layer.name == settings.layer)
        proof = proofs.side_proof(layer, side, (layer.map_size or (0,))[0])
    elif isinstance(settings, Occlusion):
        proof = proofs.windows_proof(found, settings, side)
    elif isinstance(settings, Cam):
        proof = proofs.cam_proof(found)
    return [] if proof is None else [proof]
