"""Last view: what helps, side by side."""

import numpy as np
import streamlit as st
import torch

from cnnviz.errors import CnnvizError
from cnnviz.figures.checkerboard import beside, detail, spectrum_picture
from cnnviz.proof import Proof
from cnnviz.ui.checkerboard.shared import HALF, look, percent, share_proof, small
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.layer_proofs import settled
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling.checkerboard import KernelKind, Pattern, cures
from cnnviz.upsampling.checkerboard_code import cures_code

_SEEDS = 999
_PART, _SHOWN = 32, 192
"""Side of the part that is enlarged, and of each picture, in pixels."""


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    photo = lesson.photo()
    controls, stage = lesson.bench()
    with controls:
        kinds = {"uniform": _("uniform"), "random": _("random")}
        kind: KernelKind = (
            "random" if lesson.choice("start", _("Kernels"), kinds, "uniform") == "random" else "uniform"
        )
        k = lesson.slider("k", _("Kernel size"), 1, 8, 3)
        s = lesson.slider("s", _("Stride"), 2, 4, 2)
        layer.reseed_button()
    seed, source = layer.seed % _SEEDS, ""
    try:
        given = small(photo, s)
        with controls:
            middle = look(lesson, given, photo.alt)
        found = cures(given.tiny, k, s, kind, seed)
    except CnnvizError as error:
        with stage:
            lesson.problem(error)
    else:
        with stage:
            if _ask(lesson, found):
                _pictures(lesson, found, middle)
            lesson.prove(*_proofs(found, s))
        source = cures_code(photo.code, given.size, k, s, kind, seed)
    for anchor in ("cures", "deceived"):
        lesson.section(anchor)
    if source:
        lesson.code(source, photo)


def _ask(lesson: LessonPage, found: tuple[Pattern, ...]) -> bool:
    worst = max(found, key=lambda each: each.peak_ratio)
    return lesson.predict(
        _(
            "Six ways to make the photo larger, with the settings on the left. Which leaves the strongest grid?"
        ),
        worst.id,
        options={each.id: _(each.title) for each in found},
        why=_("The grid's frequencies hold {share} of its power.").format(share=percent(worst.peak_ratio)),
        redraw=["k", "s", "start"],
    )


def _pictures(lesson: LessonPage, found: tuple[Pattern, ...], middle: tuple[float, float]) -> None:
    top = max(float(each.spectrum.power.max()) for each in found)
    alt = _(
        "{name}: {size} pixels; the grid's frequencies hold {share} of the power. On the left a part, on the right the spectrum."
    )
    with lesson.card(), st.container(horizontal=True):
        for each in found:
            title, share = _(each.title), percent(each.peak_ratio)
            size = " × ".join(map(str, each.output.shape[1:]))
            part = detail(each.output, middle, _PART, _SHOWN)
            lesson.picture(
                beside(part, spectrum_picture(each.spectrum, top, _SHOWN)),
                alt.format(name=title, size=size, share=share),
                caption=f"{title}: {share}",
                width=HALF,
            )


def _proofs(found: tuple[Pattern, ...], s: int) -> list[Proof]:
    """The two that are left alone, and why the blur helps whatever came before."""
    name = _("{title}: the grid's share of the power, in %")
    shares = [
        share_proof(name.format(title=_(each.title)), each, s)
        for each in found
        if each.id in ("transposed", "random_shuffle")
    ]
    response = np.exp(-2j * np.pi * np.arange(s) / s).mean()
    measured = torch.fft.fft(torch.full((s,), 1 / s, dtype=torch.float64))[1]
    return [
        *shares,
        Proof(
            _("What the blur lets pass at the grid's frequency"),
            rf"\left|\tfrac{{1}}{{{s}}} \sum_{{n=0}}^{{{s - 1}}} e^{{-2 \pi i n / {s}}}\right|",
            settled(float(abs(response))),
            measured=settled(float(measured.abs())),
        ),
    ]
