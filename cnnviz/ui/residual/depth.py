"""The gradient at every layer before training, plain against residual, as deep as the slider says."""

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import streamlit as st

from cnnviz.blocks.depth import (
    DEPTHS,
    SMALLEST_SINGLE,
    GradientNorms,
    StackSettings,
    gradient_norms,
    measured_norms,
    steepness,
)
from cnnviz.blocks.residual import Activation, Order
from cnnviz.blocks.residual_code import depth_code
from cnnviz.figures.residual import PLAIN, RESIDUAL, Line, LogLabels, log_lines
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.residual import seeds

MOST_SEEDS = 9
HEALTHY = 1e3
"""A gradient that changes by less than this on its way counts as kept."""


@st.cache_data(max_entries=1024, show_spinner=False)
def _norms(settings: StackSettings, first: int, count: int) -> GradientNorms:
    return gradient_norms(settings, range(first, first + count))


@st.cache_data(max_entries=1024, show_spinner=False)
def _checks(plain: StackSettings, seed: int, norm: float) -> tuple[float, float, float]:
    """‖∂L/∂W‖ at the plain stack's two ends, by modules; how steep the residual stack's loss is."""
    ends = measured_norms(plain, seed)[[0, -1]]
    return float(ends[0]), float(ends[1]), steepness(replace(plain, residual=True), seed, norm)


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    first = seeds.current(lesson)
    with controls:
        depth = lesson.slider("depth", _("Depth: 3 × 3 convolutions"), *DEPTHS, 30)
        chosen = lesson.choice("phi", _("Activation"), seeds.activations(), "sigmoid")
        activation: Activation = next(each for each in get_args(Activation) if each == chosen)
        normalise = lesson.toggle("norm", "BatchNorm", False)
        chosen = lesson.choice("order", _("Order"), seeds.orders(), "pre")
        order: Order = next(each for each in get_args(Order) if each == chosen)
        several = lesson.slider("seeds", _("Seeds"), 1, MOST_SEEDS, 5)
        seeds.button(lesson)
    settings = StackSettings(depth, False, activation, normalise, order)
    plain = _norms(settings, first, several)
    residual = _norms(replace(settings, residual=True), first, several)
    with stage:
        if _ask(lesson, plain):
            with lesson.card():
                st.markdown(_figure(plain, residual), unsafe_allow_html=True)
            st.markdown(_said(_("Plain"), plain) + "  \n" + _said(_("Residual"), residual))
            if (plain.median < SMALLEST_SINGLE).any():
                st.markdown(_in_single_precision(plain))
            lesson.prove(*_proofs(plain, residual, first))
    lesson.section("depth")
    lesson.section("healthy")
    lesson.code(depth_code(depth, activation, normalise, order, range(first, first + several)))


def _fate(found: GradientNorms) -> str:
    if found.ratio > HEALTHY:
        return "grows"
    return "kept" if found.ratio >= 1 / HEALTHY else "fades"


def _ask(lesson: LessonPage, plain: GradientNorms) -> bool:
    settings = plain.settings
    question = _(
        "A plain stack of {depth} convolutions, {activation}, {normalised}, just initialised. What happens to the "
        "gradient on its way from the last layer to the first?"
    ).format(
        depth=settings.depth,
        activation=seeds.activations()[settings.activation],
        normalised=_("with BatchNorm") if settings.normalise else _("without BatchNorm"),
    )
    return lesson.predict(
        question,
        _fate(plain),
        options={
            "fades": _("it fades to less than a thousandth"),
            "kept": _("it stays within a factor of a thousand"),
            "grows": _("it grows more than a thousandfold"),
        },
        why=_("The first layer gets {ratio} times what the last one gets: a factor of {factor} a layer.").format(
            ratio=seeds.power(plain.ratio), factor=f"{plain.per_layer:.3f}"
        ),
        redraw=["depth", "phi", "norm", "order"],
    )  # fmt: skip


def _figure(plain: GradientNorms, residual: GradientNorms) -> str:
    depth, count = plain.settings.depth, len(plain.norms)
    lines = [
        Line(name, each.median, each.norms.min(0), each.norms.max(0), paint, dashed)
        for name, each, paint, dashed in (
            (_("Plain"), plain, PLAIN, True),
            (_("Residual"), residual, RESIDUAL, False),
        )
    ]
    labels = LogLabels(
        _("layer, from the input on"),
        _("{name}, layer {x}: {value}; over the seeds {low} to {high}"),
        _("smallest number of single precision"),
    )
    alt = _(
        "Norm of the gradient at each of {depth} layers, median and range of {count} seeds, on a logarithmic axis. "
        "Plain: {plain_first} at the first layer, {plain_last} at the last. Residual: {first} and {last}."
    ).format(
        depth=depth, count=count,
        plain_first=f"{plain.median[0]:.2g}", plain_last=f"{plain.median[-1]:.2g}",
        first=f"{residual.median[0]:.2g}", last=f"{residual.median[-1]:.2g}",
    )  # fmt: skip
    title = _("‖∂L/∂W‖ at each layer: median of {count} seeds, and their range").format(count=count)
    return f'<div style="font-weight:600">{title}</div>' + log_lines(
        lines, 1, labels, alt, floor=SMALLEST_SINGLE
    )


def _said(name: str, found: GradientNorms) -> str:
    first, last = found.median[0], found.median[-1]
    if not last:
        return _("**{name}**: no gradient arrives at all; every unit of some layer is off.").format(name=name)
    said = _(
        "**{name}**: {first} at the first layer, {last} at the last; a factor of **{factor}** for each layer back."
    )
    return said.format(
        name=name, first=seeds.power(first), last=seeds.power(last), factor=f"{found.per_layer:.3f}"
    )


def _in_single_precision(plain: GradientNorms) -> str:
    lost = int((plain.median < SMALLEST_SINGLE).sum())
    return _(
        "This page computes in double precision. In single precision, as networks are trained, the plain stack's first "
        "{count} layers would get a gradient of exactly 0."
    ).format(count=lost)


def _proofs(plain: GradientNorms, residual: GradientNorms, seed: int) -> list[Proof]:
    whole = float(np.linalg.norm(residual.norms[0]))
    first, last, steep = _checks(plain.settings, seed, whole)
    depth = plain.settings.depth
    proofs = []
    if plain.norms[0, -1]:
        ratio = plain.norms[0, 0] / plain.norms[0, -1]
        exponent = rf"^{{1/{depth - 1}}}" if depth > 2 else ""
        proofs.append(
            Proof(
                _("Plain, first seed: factor for each layer back"),
                rf"\left(\frac{{{_tex(plain.norms[0, 0])}}}{{{_tex(plain.norms[0, -1])}}}\right){exponent}",
                float(ratio ** (1 / (depth - 1))),
                measured=float((first / last) ** (1 / (depth - 1))),
                tolerance=1e-6,
                why=_("Formula: all seeds at once, as in the figure. PyTorch: modules one by one, and backward()."),
            )
        )  # fmt: skip
    proofs.append(
        Proof(
            _("Residual, first seed: norm of the whole gradient"),
            rf"\sqrt{{\textstyle\sum_{{l=1}}^{{{depth}}} \lVert \partial L / \partial W_l \rVert^2}}",
            whole,
            measured=steep,
            tolerance=1e-4,
            why=_("PyTorch: two losses, a small step apart along the gradient; no derivative is taken."),
        )
    )
    return proofs


def _tex(value: float) -> str:
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(value))
    return f"{value:.4g}" if -3 <= exponent < 4 else rf"{value / 10.0**exponent:.3f} \cdot 10^{{{exponent}}}"
