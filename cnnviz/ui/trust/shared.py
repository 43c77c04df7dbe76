"""What the views leave for the end of the page, and the settings that many runs of a method can afford."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from cnnviz.explain.attribution.gradients import IntegratedGradients, SmoothGrad
from cnnviz.explain.attribution.methods import METHODS
from cnnviz.explain.attribution.occlusion import Occlusion
from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.results import Settings
from cnnviz.figures.features import levels
from cnnviz.ui.attribution.shared import titles
from cnnviz.ui.explaining import Case, Job
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

_PATIENCE = 0.6
"""Seconds without a progress bar."""
_SMOOTH, _INTEGRATED, _OCCLUSION = SmoothGrad(samples=10), IntegratedGradients(steps=10), Occlusion(56, 28)
_COARSE: Mapping[str, Settings] = {
    "smooth_grad": _SMOOTH,
    "integrated_gradients": _INTEGRATED,
    "occlusion": _OCCLUSION,
}


@dataclass(frozen=True)
class Ending:
    """What is left to do when a view is drawn.

    Attributes:
        source: the code.
        jobs: by title, what is still to be computed.
        place: an ``st.empty()`` for their progress.
        show: draws what a job knows so far.
    """

    source: str
    jobs: Mapping[str, Job[Any]] = field(default_factory=dict)
    place: DeltaGenerator | None = None
    show: Callable[[str, Any], None] = lambda title, so_far: None


def settings_of(case: Case, method: str) -> Settings:
    """A method's usual settings, or coarser ones where it is slow; the layer is looked up once, not each time."""
    usual: Any = METHODS[method].settings()
    if hasattr(usual, "layer"):
        return replace(usual, layer=case.layers[-1].name)
    return _COARSE.get(method, usual)


def network_of(case: Case) -> dict[str, Any]:
    """What the scripts want to know of the network."""
    return {"network": case.subject.id, "input_size": case.size[0]}


def as_seen(here: Picture) -> NDArray[np.uint8]:
    """What goes into the network, as colours, (H, W, 3)."""
    return levels(*(tensor[0].cpu().numpy() for tensor in (here.x, here.black, here.white)))


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def wait() -> None:
    """Say why there is no question yet."""
    st.caption(_("The question comes as soon as its answer is computed."))


def choose_method(lesson: LessonPage) -> str:
    """The control for the method; its id."""
    words = _(
        "SmoothGrad has {samples} samples here, integrated gradients have {steps} steps and occlusion has windows "
        "of {window} pixels: less than usual, because they run again and again."
    )
    help = words.format(samples=_SMOOTH.samples, steps=_INTEGRATED.steps, window=_OCCLUSION.window)
    return lesson.choice("m", _("Method"), titles(), "grad_cam", kind="list", help=help)


def begin(job: Job[Any]) -> None:
    """Do what is done before a progress bar could be read, and one step of what takes longer."""
    begun = time.monotonic()
    while not job.finished and (job.last is None or time.monotonic() - begun < _PATIENCE):
        job.step()
