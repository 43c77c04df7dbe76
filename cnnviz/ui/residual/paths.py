"""The 2ⁿ paths of a chain of residual blocks: how many there are of each length, and what they carry."""

from collections.abc import Mapping
from math import comb
from typing import Any, get_args

import numpy as np
import streamlit as st
import torch

from cnnviz.blocks.paths import (
    BLOCKS,
    MOST_WALKED,
    ChainSettings,
    PathGradients,
    all_paths,
    chain,
    path_gradients,
    share_of_paths,
)
from cnnviz.blocks.residual import Order
from cnnviz.blocks.residual_code import paths_code
from cnnviz.figures.residual import RESIDUAL, LengthLabels, Line, LogLabels, length_bars, log_lines
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.residual import seeds

WALKED = 400
"""Paths that are walked one by one, shared out among the lengths."""
VEIT = "Veit et al. 2016, arXiv 1605.06431, § 4.3"
VEIT_BLOCKS, VEIT_RANGE, VEIT_PERCENT = 54, (5, 17), 0.45
"""Blocks of the paper's trained network, lengths that carry nearly all of its gradient, per cent of all paths."""


def samples(settings: ChainSettings) -> int:
    """Paths of each length."""
    return min(20, WALKED // (settings.blocks + 1))


@st.cache_data(max_entries=256, show_spinner=False)
def _study(settings: ChainSettings) -> tuple[PathGradients, float, float]:
    """What the paths carry, the norm of all paths' sum, and that of the whole gradient."""
    drawn = chain(settings)
    trace, gradient = drawn.trace()
    found = path_gradients(trace, gradient, samples(settings), torch.Generator().manual_seed(settings.seed))
    summed = found.whole
    if settings.blocks <= MOST_WALKED:
        summed = float(trace.back(gradient, all_paths(settings.blocks)).sum(0).norm())
    return found, summed, float(drawn.gradient().norm())


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    seed = seeds.current(lesson)
    with controls:
        blocks = lesson.slider("n", _("Blocks"), *BLOCKS, 20)
        length = lesson.slider("k", _("Length looked at"), 0, blocks, min(5, blocks))
        scale = lesson.fraction("size", _("Size of F"), 0.0, 2.0, 1.0)
        chosen = lesson.choice("order", _("Order"), seeds.orders(), "pre")
        order: Order = next(each for each in get_args(Order) if each == chosen)
        normalise = lesson.toggle("bn", "BatchNorm", True)
        seeds.button(lesson)
    settings = ChainSettings(blocks, order, normalise, scale, seed)
    with stage:
        if _ask(lesson, blocks, length):
            found, summed, whole = _study(settings)
            with lesson.card():
                st.markdown(_bars(found, length), unsafe_allow_html=True)
            st.markdown(_said(found, length))
            st.markdown(_norm_lines(found), unsafe_allow_html=True)
            lesson.prove(*_proofs(settings, length, summed, whole))
    lesson.section("paths")
    lesson.section("effective")
    lesson.code(paths_code(settings, length, samples(settings)))


def _ask(lesson: LessonPage, blocks: int, length: int) -> bool:
    def accept(drawn: Mapping[str, Any]) -> bool:
        # More can't be done by heart.
        return bool(2 <= drawn["n"] <= 10 and drawn["k"] <= drawn["n"])

    return lesson.predict(
        _(
            "{blocks} residual blocks in a row. How many paths from the input to the output go through exactly "
            "{length} of the residual branches?"
        ).format(blocks=blocks, length=length),
        comb(blocks, length),
        why=rf"$\binom{{{blocks}}}{{{length}}} = {comb(blocks, length)}$",
        redraw=["n", "k"],
        accept=accept,
    )


def _bars(found: PathGradients, length: int) -> str:
    together = found.together / found.together.sum()
    low, high = found.effective
    blocks = len(found.counts) - 1
    labels = LengthLabels(
        _("length of the path: residual branches on it"),
        _("share of the paths"),
        _("carried: number × mean gradient"),
        _("arriving: the paths of a length added up"),
        _("length {length}: {count} paths, {paths} of all; carried {carried}, arriving {together}"),
    )
    alt = _(
        "Bars over the lengths 0 to {blocks}. Most paths have length {common}. Measured path by path, the gradient is "
        "strongest at length {peak}, and 95 % of it come by lengths {low} to {high}; added up with their signs, at {arriving}."
    ).format(
        blocks=blocks, common=int(np.argmax(found.counts)), peak=int(found.shares.argmax()), low=low, high=high,
        arriving=int(together.argmax()),
    )  # fmt: skip
    return length_bars(found.counts, found.shares, together, length, labels, alt)


def _said(found: PathGradients, length: int) -> str:
    low, high = found.effective
    blocks = len(found.counts) - 1
    said = _(
        "{all} paths, {count} of them of length {length}; each of these carries {norm} on average. "
        "95 % of what the paths carry comes by lengths **{low} to {high}**, which are {share} of all paths."
    )
    return said.format(
        all=f"{2**blocks:,}", count=f"{found.counts[length]:,}", length=length,
        norm=seeds.power(float(found.norms[length])), low=low, high=high,
        share=f"{100 * share_of_paths(blocks, low, high):.2g} %",
    )  # fmt: skip


def _norm_lines(found: PathGradients) -> str:
    title = _("Mean norm of the gradient that one path brings, by its length")
    labels = LogLabels(_("length of the path: residual branches on it"), _("length {x}: {value} a path"))
    alt = _(
        "{title}, on a logarithmic axis: {first} at length 0, {last} at length {blocks}."
    ).format(
        title=title, first=f"{found.norms[0]:.2g}", last=f"{found.norms[-1]:.2g}", blocks=len(found.norms) - 1
    )  # fmt: skip
    line = Line(title, found.norms, found.norms, found.norms, RESIDUAL)
    return log_lines([line], 0, labels, alt)


def _proofs(settings: ChainSettings, length: int, summed: float, whole: float) -> list[Proof]:
    blocks = settings.blocks
    low, high = VEIT_RANGE
    drawn = torch.distributions.Binomial(VEIT_BLOCKS, torch.tensor(0.5, dtype=torch.float64))
    lengths = torch.arange(low, high + 1, dtype=torch.float64)
    return [
        Proof(
            _("Paths through {blocks} blocks").format(blocks=blocks),
            f"2^{{{blocks}}}",
            2**blocks,
            measured=_doubled(blocks),
            why=_("PyTorch: the gradient of x where every F returns its input. Each path then brings 1."),
        ),
        Proof(
            _("Paths of length {length}").format(length=length),
            rf"\binom{{{blocks}}}{{{length}}}",
            comb(blocks, length),
            measured=_expanded(blocks, length),
            why=_("PyTorch: the coefficient of zᵏ in (1 + z)ⁿ, multiplied out by convolution."),
        ),
        Proof(
            _("Norm of the gradients of all paths, added up"),
            rf"\Big\lVert \textstyle\sum_{{2^{{{blocks}}}}} \partial L / \partial x \Big\rVert",
            summed,
            measured=whole,
            tolerance=1e-9,
            why=_("Formula: every path walked by itself. PyTorch: backpropagation through the whole chain.")
            if blocks <= MOST_WALKED
            else _("Formula: added up by length, multiplied out block by block. PyTorch: backpropagation."),
        ),
        Proof(
            _("Lengths {low} to {high} of {blocks} blocks, in % of all paths").format(
                low=low, high=high, blocks=VEIT_BLOCKS
            ),
            rf"100 \cdot 2^{{-{VEIT_BLOCKS}}} \textstyle\sum_{{k={low}}}^{{{high}}} \binom{{{VEIT_BLOCKS}}}{{k}}",
            100 * share_of_paths(VEIT_BLOCKS, low, high),
            measured=100 * float(drawn.log_prob(lengths).exp().sum()),
            published=VEIT_PERCENT,
            source=VEIT,
            tolerance=0.01,
        ),
    ]


def _doubled(blocks: int) -> int:
    x = torch.ones((), dtype=torch.float64, requires_grad=True)
    h = x
    for _block in range(blocks):
        h = h + h
    (gradient,) = torch.autograd.grad(h, x)
    return int(gradient)


def _expanded(blocks: int, length: int) -> int:
    coefficients = torch.ones(1, 1, 1, dtype=torch.float64)
    one_more = torch.ones(1, 1, 2, dtype=torch.float64)
    for _block in range(blocks):
        coefficients = torch.conv1d(coefficients, one_more, padding=1)
    return round(float(coefficients[0, 0, length]))
