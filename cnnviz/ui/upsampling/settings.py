"""What the views share: how many times larger, which operator is looked at, and that operator's settings."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import OWN, LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling import kernels
from cnnviz.upsampling.operator import Kernel
from cnnviz.upsampling.panels import (
    CONVOLUTIONS,
    KERNELS,
    Choices,
    Panel,
    fitting,
    panels,
    transposed_kernel,
)

_MOST_PADDING, _MOST_EXTRA, _MOST_KERNEL = 4, 3, 8


@dataclass(frozen=True)
class Setup:
    """Today's bench.

    Attributes:
        panels: all of them by id.
        chosen: id of the one that is looked at.
        factor: times larger.
        kernel: of the transposed convolution.
    """

    panels: dict[str, Panel]
    chosen: str
    factor: int
    kernel: Kernel

    @property
    def panel(self) -> Panel:
        return self.panels[self.chosen]


def setup(lesson: LessonPage, layer: LayerControls) -> Setup:
    """Draw the controls: the factor, the operator, and the settings of that operator only."""
    factor = lesson.slider(
        "f",
        _("Times larger"),
        2,
        4,
        2,
        help=_("The scale factor, the stride and r of every operator."),
    )
    titles = {id: _(panel.title) for id, panel in panels(Choices()).items()}
    chosen = lesson.choice("op", _("Look closely at"), titles, "bilinear", kind="list")
    kernel, padding, extra = _transposed(lesson, layer, factor, chosen == "transposed")
    mode = _option(
        lesson,
        "mode",
        _("Resize by"),
        {"nearest": _("Nearest neighbour"), "bilinear": _("Bilinear")},
        chosen == "resize_convolve",
    )
    blurs = {id: _(title) for id, (title, _kernel) in CONVOLUTIONS.items()}
    convolution = _option(lesson, "ck", _("Kernel"), blurs, chosen in ("resize_convolve", "dilated"))
    starts = {"ICNR": "ICNR", "random": _("Random")}
    start = _option(lesson, "init", _("Initial weights"), starts, chosen == "subpixel")
    dilation = lesson.linked("d", 2, state.whole(1, 4))
    if chosen == "dilated":
        dilation = lesson.slider("d", _("Dilation"), 1, 4, 2)
    if chosen == "subpixel" or (chosen == "transposed" and lesson_kernel(lesson) == "random"):
        layer.reseed_button()
    choices = Choices(
        factor,
        kernel,
        padding,
        extra,
        mode,  # type: ignore[arg-type]
        CONVOLUTIONS[convolution][1],
        start,  # type: ignore[arg-type]
        layer.seed % 1000,
        dilation,
    )
    return Setup(panels(choices), chosen, factor, kernel)


def lesson_kernel(lesson: LessonPage) -> str:
    """Id of the transposed convolution's kernel."""
    return str(st.session_state[lesson.key("tk")])


def _option(lesson: LessonPage, name: str, label: str, options: dict[str, str], shown: bool) -> str:
    """A choice that keeps its value and its place in the link while it isn't shown."""
    first = next(iter(options))
    if shown:
        return lesson.choice(name, label, options, first, kind="list")
    return lesson.linked(name, first, state.choice(list(options)))


def _transposed(
    lesson: LessonPage, layer: LayerControls, factor: int, shown: bool
) -> tuple[Kernel, int, int]:
    """Kernel, padding and output padding; the last two start anew, so that they fit, with each other kernel."""
    titles = {id: _(title) for id, title in KERNELS.items()}
    if shown:
        name = layer.pick("tk", _("Kernel"), titles, "bilinear", "w", _MOST_KERNEL**2)
    else:
        lesson.linked("w", (), state.grids(_MOST_KERNEL**2))
        name = lesson.linked("tk", "bilinear", state.choice([*titles, OWN]))
    own = st.session_state[lesson.key("w")]
    if name == OWN and own:
        kernel = kernels.as_kernel(np.clip(own[0], -99, 99)[:_MOST_KERNEL, :_MOST_KERNEL])
    else:
        kernel = transposed_kernel(name if name in KERNELS else "bilinear", factor, layer.seed)
    fit = fitting(len(kernel), factor)
    remembered, now = lesson.key("fitted"), (factor, len(kernel))
    if st.session_state.get(remembered, now) != now:
        lesson.put("p", fit[0])
        lesson.put("extra", fit[1])
    st.session_state[remembered] = now
    if not shown:
        return (
            kernel,
            lesson.linked("p", fit[0], state.whole(0, _MOST_PADDING)),
            lesson.linked("extra", fit[1], state.whole(0, _MOST_EXTRA)),
        )
    padding = lesson.slider("p", _("Padding"), 0, _MOST_PADDING, fit[0])
    return kernel, padding, lesson.slider("extra", _("Output padding"), 0, _MOST_EXTRA, fit[1])
