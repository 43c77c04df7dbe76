"""One block on the visitor's photo or on random numbers: what F adds, its slope, its shortcut and its price."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import streamlit as st

from cnnviz.blocks.residual import Activation, Design, Order, Shortcut
from cnnviz.blocks.residual_code import block_code, photo_code, random_code
from cnnviz.blocks.residual_live import (
    CHANNELS,
    PATCH,
    SCALES,
    STRIDES,
    BlockSettings,
    Live,
    build,
    live,
    photo_input,
    random_input,
)
from cnnviz.errors import CnnvizError, SettingError
from cnnviz.figures.residual import coloured
from cnnviz.figures.zoo import Row, table
from cnnviz.proof import Proof
from cnnviz.ui.block_graph import block_graph
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.residual import seeds
from cnnviz.zoo.counting import count

_MAP, _JACOBIAN = 165, 215
"""Width of a map and of a Jacobian, in pixels."""
MOST_ASKED = 3
"""Channels up to which one can be asked for a count by heart."""


def draw(lesson: LessonPage) -> None:
    inputs = {"photo": _("Your photo"), "random": _("A random tensor")}
    on_photo = lesson.choice("on", _("Input"), inputs, "photo") == "photo"
    photo = lesson.photo() if on_photo else None
    controls, stage = lesson.bench()
    seed = seeds.current(lesson)
    with controls:
        scale = lesson.fraction("size", _("Size of F"), *SCALES, 1.0)
        design = replace(_design(lesson), scale=scale)
        stride = lesson.slider("s", _("Stride"), *STRIDES, 1)
        channels = 3 if on_photo else lesson.slider("cin", _("Input channels"), *CHANNELS, 3)
        outputs = lesson.slider("cout", _("Output channels"), *CHANNELS, 3)
        shown = lesson.slider("c", _("Channel shown"), 1, max(channels, outputs), 1) - 1
        seeds.button(lesson)
    source = ""
    with stage:
        try:
            settings = BlockSettings(channels, outputs, stride, design, seed)
            x = photo_input(photo.rgb) if photo else random_input(channels, seed)
            found = live(settings, x)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            height, width = x.shape[2:]
            if _ask(lesson, settings):
                with lesson.card():
                    _maps(lesson, found, shown)
                st.markdown(_said(found, settings))
                title = _("Block with the shortcut “{shortcut}”").format(
                    shortcut=_shortcuts()[design.shortcut]
                )
                block_graph(lesson, build(settings).float(), (1, *x.shape[1:]), title=title)
                _slopes(lesson, found)
                lesson.prove(*_proofs(settings, found, (height, width)))
            made = photo_code(photo.code, (height, width)) if photo else random_code(channels, seed)
            source = block_code(made, settings)
    for anchor in ("block", "slope", "shortcuts"):
        lesson.section(anchor)
        if anchor == "shortcuts" and not lesson.asking:
            _prices(channels, outputs, stride, design)
    lesson.section("order")
    if source:
        lesson.code(source, photo)


def _shortcuts() -> dict[str, str]:
    return {
        "identity": _("Identity"),
        "projection": _("Projection: a 1 × 1"),
        "zeros": _("Zeros for new channels"),
        "none": _("None: a plain block"),
    }


def _design(lesson: LessonPage) -> Design:
    shortcut = lesson.choice("via", _("Shortcut"), _shortcuts(), "identity", kind="list")
    order = lesson.choice("order", _("Order"), seeds.orders(), "pre")
    activation = lesson.choice("act", _("Activation"), seeds.activations(), "relu")
    return Design(
        next(each for each in get_args(Shortcut) if each == shortcut),
        next(each for each in get_args(Order) if each == order),
        next(each for each in get_args(Activation) if each == activation),
        lesson.toggle("bn", "BatchNorm", True),
    )


def _ask(lesson: LessonPage, settings: BlockSettings) -> bool:
    design = settings.design
    question = _(
        "Two 3 × 3 convolutions, {inputs} channels in, {outputs} out, {normalised}; shortcut: {shortcut}. "
        "How many parameters does the block have?"
    )

    def accept(drawn: Mapping[str, Any]) -> bool:
        try:
            build(
                BlockSettings(
                    settings.inputs, drawn["cout"], drawn["s"], replace(design, shortcut=drawn["via"])
                )
            )
        except SettingError:
            return False
        return int(drawn["cout"]) <= MOST_ASKED

    return lesson.predict(
        question.format(
            inputs=settings.inputs,
            outputs=settings.outputs,
            normalised=_("with BatchNorm") if design.normalise else _("with biases, without BatchNorm"),
            shortcut=_shortcuts()[design.shortcut],
        ),
        settings.parameters,
        why=f"${settings.parameters_formula} = {settings.parameters}$",
        redraw=["via", "cout", "s", "bn"],
        accept=accept,
    )  # fmt: skip


def _size(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.square(values).mean()))


def _maps(lesson: LessonPage, found: Live, shown: int) -> None:
    parts = [("x", found.x), ("F(x)", found.residual)]
    if found.shortcut is not None and found.block.design.shortcut != "identity":
        parts.append((_("shortcut"), found.shortcut))
    parts.append(("H(x)", found.output))
    each = [(name, min(shown, len(values) - 1), values) for name, values in parts]
    pictures = coloured([values[channel] for _name, channel, values in each], _MAP)
    with st.container(horizontal=True):
        for (name, channel, values), picture in zip(each, pictures, strict=True):
            one = values[channel]
            low, high = (f"{end:.2f}".replace("-", "−") for end in (one.min(), one.max()))
            alt = _(
                "{name}, channel {channel} of {channels}, {height} × {width} numbers from {low} to {high}."
            )
            lesson.map_image(
                picture,
                alt.format(
                    name=name, channel=channel + 1, channels=len(values), height=one.shape[0],
                    width=one.shape[1], low=low, high=high,
                ),
                caption=_("{name} · {low} to {high}").format(name=name, low=low, high=high),
                width=_MAP,
            )  # fmt: skip
    st.caption(_("Red above zero, blue below, white at zero; all with the same limits."))


def _said(found: Live, settings: BlockSettings) -> str:
    sizes = [f"{_size(values):.3f}" for values in (found.x, found.residual, found.output)]
    said = _("Root mean square: x **{x}**, F(x) **{f}**, H(x) **{h}**.").format(
        x=sizes[0], f=sizes[1], h=sizes[2]
    )
    design = settings.design
    if design.scale == 0 and design.shortcut == "identity":
        said += " " + (
            _("F is switched off: the block is the identity, to the last digit.")
            if design.order == "pre"
            else _("F is switched off, and what is left is the activation after the sum.")
        )
    return said


def _slopes(lesson: LessonPage, found: Live) -> None:
    slope, design = found.slope, found.block.design
    parts = [("∂H/∂x", slope.block), ("F′", slope.residual)]
    if design.shortcut == "identity":
        parts.append((_("1, the identity"), slope.shortcut))
    elif design.shortcut != "none":
        parts.append((_("slope of the shortcut"), slope.shortcut))
    rows, columns = slope.block.shape
    st.markdown(
        _(
            "**The slope** on {side} × {side} pixels in the middle: {rows} numbers out by {columns} in."
        ).format(side=PATCH, rows=rows, columns=columns)
    )
    pictures = coloured([each.numpy() for _name, each in parts], _JACOBIAN)
    with st.container(horizontal=True):
        for (name, each), picture in zip(parts, pictures, strict=True):
            diagonal = f"{float(each.diagonal().mean()):.3f}".replace("-", "−")
            alt = _("{name}: {rows} rows and {columns} columns; the mean of the diagonal is {mean}.")
            lesson.map_image(
                picture,
                alt.format(name=name, rows=rows, columns=columns, mean=diagonal),
                caption=_("{name} · mean of the diagonal {mean}").format(name=name, mean=diagonal),
                width=_JACOBIAN,
            )
    st.markdown(_composed(design, float(slope.gate.mean())))


def _composed(design: Design, gate: float) -> str:
    through = {
        "identity": _("an identity shortcut adds 1 to F′"),
        "projection": _("a projection adds its weights to F′, where the identity has ones"),
        "zeros": _("this shortcut adds 1 where an old channel's pixel is kept, and 0 elsewhere"),
        "none": _("without a shortcut nothing is added to F′"),
    }[design.shortcut]
    if design.order == "pre":
        after = _("nothing follows the sum")
    else:
        after = _(
            "the activation after the sum multiplies each row by its own slope, {gate} on average"
        ).format(gate=f"{gate:.2f}")
    return _("Here {through}; {after}.").format(through=through, after=after)


def _proofs(settings: BlockSettings, found: Live, size: tuple[int, int]) -> list[Proof]:
    counted = count(build(settings).float(), (settings.inputs, *size))
    i, o = settings.inputs, settings.outputs
    height, width = found.output.shape[1:]
    projected = rf" + {i} \cdot {o}" if settings.design.shortcut == "projection" else ""
    per_cell = 9 * i * o + 9 * o * o + (i * o if projected else 0)
    slope = found.slope
    proofs = [
        Proof(
            _("Parameters of the block"),
            settings.parameters_formula,
            settings.parameters,
            measured=counted.parameters,
        ),
        Proof(
            _("Multiply–accumulates"),
            rf"\left(9 \cdot {i} \cdot {o} + 9 \cdot {o} \cdot {o}{projected}\right) \cdot {height} \cdot {width}",
            per_cell * height * width,
            measured=counted.macs,
        ),
    ]
    if settings.design.shortcut == "identity" and settings.design.order == "pre":
        n = len(slope.residual)
        trace = float(slope.residual.trace())
        proofs.append(
            Proof(
                _("Sum of the diagonal of ∂H/∂x, which is F′ + 1"),
                rf"\operatorname{{tr}} F' + n = {trace:.4g} + {n}",
                trace + n,
                measured=float(slope.block.trace()),
                tolerance=1e-9,
            )
        )
    else:
        proofs.append(
            Proof(
                _("Norm of ∂H/∂x, put together from its parts"),
                r"\left\lVert D \, (F' + S') \right\rVert",
                float(slope.composed.norm()),
                measured=float(slope.block.norm()),
                tolerance=1e-9,
                why=_("D is the slope of what follows the sum, S′ that of the shortcut."),
            )
        )
    return proofs


def _prices(inputs: int, outputs: int, stride: int, design: Design) -> None:
    """What each shortcut would cost in this block."""
    rows = []
    for shortcut, name in _shortcuts().items():
        kind = next(each for each in get_args(Shortcut) if each == shortcut)
        settings = BlockSettings(inputs, outputs, stride, replace(design, shortcut=kind))
        try:
            build(settings)
        except SettingError:
            cells = ("–", _("can't be: the shapes differ"))
        else:
            extra = inputs * outputs if shortcut == "projection" else 0
            cells = (f"{settings.parameters:,}", f"{extra:,}")
        rows.append(Row((name, *cells), "chosen" if shortcut == design.shortcut else ""))
    title = _("Parameters of this block with each shortcut")
    head = [_("Shortcut"), _("Parameters of the block"), _("of them the shortcut's")]
    st.html(table(title, head, rows))
