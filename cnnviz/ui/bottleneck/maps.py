"""Third view: the block run, on a photo or on random numbers, with the maps after each of its convolutions."""

import streamlit as st
import torch

from cnnviz.blocks import bottleneck_code
from cnnviz.blocks.bottleneck import Plan, fitting
from cnnviz.blocks.bottleneck_code import maps_code
from cnnviz.blocks.bottleneck_maps import (
    Maps,
    Run,
    first_by_product,
    random_input,
    run,
)
from cnnviz.figures.bottleneck import board
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.ui.bottleneck.shared import inverted, version
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage

SIDE = 64
"""Long side of the photo, in pixels."""
_NOISE = 32
_MOST, _COLUMNS = 12, 4
_WIDTH, _TILE = 335, 64
_SEEDS = 999

# Never shared: the photo may be a visitor's own.
_run = st.cache_data(max_entries=8, show_spinner=False, scope="session")(run)


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo()
    layer = LayerControls(lesson)
    # Not 0: the default block would then lose a map of the default photo to its ReLU.
    seed = layer.seed % _SEEDS + 1
    controls, stage = lesson.bench()
    with controls:
        wide = inverted(lesson)
        sources = {"photo": _("the photo"), "noise": _("random numbers")}
        source = lesson.choice("input", _("Input"), sources, "photo")
        inputs = 3
        if source == "noise":
            inputs = lesson.slider("m_i", _("Input channels"), 1, 32, 16)
        if wide:
            middle = inputs * lesson.slider("m_t", _("Expansion t of the middle"), 2, 10, 6)
            outputs = lesson.slider("m_o", _("Output channels"), 1, 32, 8)
        else:
            middle = lesson.slider("m_w", _("Width: channels of the 3×3"), 1, 16, 4)
            outputs = middle * lesson.slider("m_e", _("Expansion: outputs over width"), 1, 8, 4)
        stride = lesson.slider("m_s", _("Stride"), 1, 4, 1)
        place = version(lesson, stride, wide)
        layer.reseed_button()
    plan = Plan(inputs, middle, outputs, stride, place, fitting(inputs, outputs, stride, wide), wide)
    if source == "photo":
        small = fit(photo.rgb, SIDE)
        x = small.transpose(2, 0, 1) / 127.5 - 1
        given = bottleneck_code.photo_input(photo.code, (small.shape[0], small.shape[1]))
    else:
        x = random_input(inputs, _NOISE, seed + 1)
        given = bottleneck_code.random_input(inputs, _NOISE, seed + 1)
    found: Run = _run(plan, x, seed)
    with stage:
        if _ask(lesson, plan, found):
            with lesson.card():
                _pictures(lesson, found)
            st.markdown(_remark(plan, found))
        lesson.prove(*_proofs(plan, x, seed, found))
    # While the learner is asked, the words would answer.
    if not lesson.asking:
        lesson.section("maps")
        lesson.section("rank")
    lesson.code(maps_code(plan, given, seed), photo if source == "photo" else None)


def _ask(lesson: LessonPage, plan: Plan, found: Run) -> bool:
    question = _(
        "{outputs} maps leave the last 1×1 convolution, mixed from {middle} maps that come into it. How many of them are linearly independent, for this input?"
    )
    return lesson.predict(
        question.format(outputs=plan.outputs, middle=plan.middle),
        found.ranks.branch,
        why=_(
            "A 1×1 only mixes: at most {outputs}, and no more than the {rank} independent ones that come in."
        ).format(outputs=plan.outputs, rank=found.ranks.second),
        redraw=["m_t", "m_o"] if plan.inverted else ["m_w", "m_e"],
        accept=lambda drawn: not plan.inverted or drawn["m_o"] < 3 * drawn["m_t"],
    )


def _pictures(lesson: LessonPage, found: Run) -> None:
    shown = [
        (_("after the first 1×1"), found.first, found.ranks.first),
        (_("after the 3×3"), found.second, found.ranks.second),
        (_("after the last 1×1: F(x)"), found.branch, found.ranks.branch),
        (_("out of the block"), found.output, found.ranks.output),
    ]
    with st.container(horizontal=True):
        for name, maps, rank in shown:
            channels, rows, columns = maps.shape
            caption = _("{name}: {channels} maps of {rows} × {columns}, {rank} independent").format(
                name=name, channels=channels, rows=rows, columns=columns, rank=rank
            )
            if channels > _MOST:
                caption += " · " + _("the first {count} are shown").format(count=_MOST)
            said = _("{caption}. Values from {low} to {high}.").format(
                caption=caption, low=f"{maps.min():.2f}", high=f"{maps.max():.2f}"
            )
            # A width of its own would not shrink on a phone; a container's does.
            with st.container(width=_WIDTH):
                lesson.map_image(board(maps, _MOST, _COLUMNS, _TILE), said, caption=caption)


def _remark(plan: Plan, found: Run) -> str:
    ranks = found.ranks
    words = _("{branch} maps leave F, and {rank} of them are independent: the others are mixtures.").format(
        branch=plan.outputs, rank=ranks.branch
    )
    if plan.shortcut != "none":
        words += " " + _("With what the shortcut adds, it is {rank}.").format(rank=ranks.joined)
    if not plan.inverted:
        words += " " + _("The ReLU behind the sum makes it {rank}.").format(rank=ranks.output)
    dead = int((found.second.reshape(len(found.second), -1).max(1) <= 0).sum())
    if dead:
        words += " " + _(
            "{dead} of the {middle} maps behind the 3×3 are zero everywhere: with these weights and this input the ReLU lets nothing pass."
        ).format(dead=dead, middle=plan.middle)
    return words


def _proofs(plan: Plan, x: Maps, seed: int, found: Run) -> list[Proof]:
    mixed = first_by_product(plan, x, seed)
    clipped = r"\min(6, \max(0, W x))" if plan.inverted else r"\max(0, W x)"
    before = found.ranks.second
    rank = torch.linalg.matrix_rank(torch.from_numpy(found.branch).flatten(1))
    return [
        Proof(
            _(
                "Mean behind the first 1×1, which is a matrix W of {middle} × {inputs} times each pixel"
            ).format(middle=plan.middle, inputs=plan.inputs),
            rf"\overline{{{clipped}}}",
            float(mixed.mean()),
            measured=float(found.first.mean()),
            tolerance=1e-9,
        ),
        Proof(
            _("Independent maps of F(x)"),
            rf"\min({plan.outputs}, \operatorname{{rank}} M) = \min({plan.outputs}, {before})",
            min(plan.outputs, before),
            measured=int(rank),
        ),
    ]
