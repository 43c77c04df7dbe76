"""What vouches for a receptive field: of a stack, of a stage of a network, of two stacks side by side."""

import numpy as np
import streamlit as st

from cnnviz.explain.receptive_field import EffectiveField, FieldProof, prove
from cnnviz.explain.stack_gradient import MeasuredField, count_weights, measure_stack
from cnnviz.explain.traced_field import StageField, TracedNetwork, traced_fields
from cnnviz.layers.receptive_field import pool_after_conv, trace, uniform_sigma
from cnnviz.layers.stack import (
    PUBLISHED,
    PublishedField,
    Stack,
    jump_formula,
    padding_formula,
    preset_of,
    read_stack,
    size_formula,
    weights_at,
    write_stack,
)
from cnnviz.proof import Proof
from cnnviz.ui.language import _

NETWORK_STAGES = {
    ("alexnet", "features.12"): "alexnet",
    ("vgg16", "features.30"): "vgg16",
    ("resnet50", "layer4"): "resnet50_v1_5",
}
"""Stages of torchvision's networks whose published field is known, with the preset that holds it."""

traced = st.cache_resource(max_entries=40, show_spinner=False)(traced_fields)
proved = st.cache_resource(max_entries=200, show_spinner=False)(prove)


@st.cache_resource(max_entries=100, show_spinner=False)
def _measured(text: str) -> MeasuredField | None:
    return measure_stack(read_stack(text))


def measured_field(stack: Stack) -> MeasuredField | None:
    """What PyTorch says of a stack; None where its field is too long to measure."""
    return _measured(write_stack(stack))


def measured(stack: Stack, attribute: str) -> int | float | None:
    """One attribute of it."""
    field = measured_field(stack)
    return None if field is None else getattr(field, attribute)


def stack_proofs(stack: Stack) -> list[Proof]:
    """Size, jump, padding and start of the last map."""
    step = trace(stack)[-1]
    known = PUBLISHED.get(preset_of(stack) or "")
    facts = (
        (_("Size of the field"), size_formula(stack), "size"),
        (_("Jump"), jump_formula(stack), "jump"),
        (_("Padding"), padding_formula(stack), "padding"),
    )
    proofs = []
    for name, formula, attribute in facts:
        value, published = getattr(step, attribute), getattr(known, attribute, None)
        proofs.append(
            Proof(
                name,
                formula,
                value,
                measured=measured(stack, attribute),
                published=published,
                source=known.source if known else "",
                why=_(known.why) if known and known.why and published not in (None, value) else "",
            )
        )
    start = rf"\tfrac{{{step.size} - 1}}{{2}} - {step.padding}"
    return [*proofs, Proof(_("Start"), start, step.start, measured=measured(stack, "start"))]


def rule_proof(stack: Stack) -> Proof | None:
    """The rule for a pooling over a convolution, where the stack begins with these two."""
    if len(stack) < 2 or [layer.kind for layer in stack[:2]] != ["conv", "pool"]:
        return None
    conv, pool = stack[:2]
    if conv.dilation > 1 or pool.dilation > 1:
        return None
    p, k, s = pool.kernel_size, conv.kernel_size, conv.stride
    return Proof(
        _("A pooling over a convolution, (p − 1)·s + k"),
        rf"({p} - 1)\cdot {s} + {k}",
        pool_after_conv(p, k, s),
        measured=measured(stack[:2], "size"),
    )


def weight_proofs(stack: Stack, other: Stack, channels: int) -> list[Proof]:
    """Weights of two stacks of convolutions that keep their channels."""
    proofs = [
        Proof(
            _("Weights of {stack}").format(stack=name),
            rf"{weights_at(layers, 1)}\cdot {channels}^2",
            weights_at(layers, channels),
            measured=count_weights(layers, channels),
        )
        for name, layers in (("A", stack), ("B", other))
    ]
    a, b = weights_at(stack, 1), weights_at(other, 1)
    if b > a:
        case = (preset_of(stack), preset_of(other)) == ("three_3x3", "one_7x7")
        more = Proof(
            _("B has so many percent more"),
            rf"100\cdot\left(\tfrac{{{b}}}{{{a}}} - 1\right)",
            round(100 * (b / a - 1)),
            measured=round(100 * (count_weights(other, channels) / count_weights(stack, channels) - 1)),
            published=81 if case else None,
            source="Simonyan & Zisserman, arXiv 1409.1556, § 2.3",
        )
        proofs.append(more)
    return proofs


def sigma_proofs(stack: Stack) -> list[Proof]:
    """Size and standard deviation of n 3×3 layers that average."""
    n = len(stack)
    return [
        Proof(_("Size of the field"), rf"2\cdot {n} + 1", 2 * n + 1, measured=measured(stack, "size")),
        Proof(
            _("Standard deviation of the effective field"),
            rf"\sqrt{{\tfrac{{2\cdot {n}}}{{3}}}}",
            uniform_sigma(stack),
            measured=measured(stack, "sigma"),
            tolerance=1e-9,
        ),
    ]


def stage_proofs(network: TracedNetwork, stage: StageField, proof: FieldProof) -> list[Proof]:
    """Size and jump of a stage of a network, down and right where they differ."""
    preset = NETWORK_STAGES.get((network.name, stage.name))
    known: PublishedField | None = PUBLISHED[preset] if preset else None
    proofs = []
    same = proof.rows == proof.columns
    for axis, name in ((proof.rows, _("rows")), (proof.columns, _("columns"))):
        if same and axis is proof.columns:
            break
        first, stop = axis.traced[0]
        published = known.size if known else None
        size = Proof(
            _("Size of the field") if same else _("Size of the field, {axis}").format(axis=name),
            f"{stop} - {first}" if first >= 0 else f"{stop} - ({first})",
            stop - first,
            measured=axis.size,
            published=published,
            source=known.source if known else "",
            why=_(known.why) if known and known.why and published != stop - first else "",
        )
        proofs.append(size)
        if axis.stride is not None:
            (a, _stop), (b, _stop) = axis.traced[:2]
            cells = axis.cells[1] - axis.cells[0]
            formula = f"{b} - {a}" if cells == 1 else rf"\tfrac{{{b} - {a}}}{{{cells}}}"
            jump = Proof(
                _("Jump") if same else _("Jump, {axis}").format(axis=name),
                formula,
                (b - a) // cells,
                measured=axis.stride,
                published=known.jump if known else None,
                source=known.source if known else "",
            )
            proofs.append(jump)
    return proofs


def cell_proofs(field: StageField, effective: EffectiveField, side: int) -> list[Proof]:
    """Rows and columns of the image that one cell depends on, against those that have a gradient."""
    x0, y0, x1, y1 = effective.box
    why = _(
        "The gradient reaches fewer pixels where ReLUs are off or another number was the maximum; never more."
    )
    proofs = []
    for name, axis, number, span in (
        (_("Rows that can count"), field.rows, 0, (y0, y1)),
        (_("Columns that can count"), field.columns, 1, (x0, x1)),
    ):
        reached = np.flatnonzero(effective.map.any(axis=1 - number))
        computed = f"{span[0]} … {span[1] - 1}" if span[0] < span[1] else "∅"
        measured = f"{reached[0]} … {reached[-1]}" if len(reached) else "∅"
        if axis is None:
            continue
        first = axis.interval(effective.cell[number])[0]
        formula = rf"{effective.cell[number]}\cdot {axis.stride} - {effective.cell[number] * axis.stride - first} + [0, {axis.size}) \;\cap\; [0, {side})"
        differs = why if measured != computed else ""
        proofs.append(Proof(name, formula, computed, measured=measured, why=differs))
    return proofs
