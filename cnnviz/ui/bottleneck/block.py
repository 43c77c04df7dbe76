"""First view: the block, drawn from its module, and its price beside two 3×3."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from cnnviz.blocks.bottleneck import (
    KNOWN,
    KNOWN_PAIR,
    Bottleneck,
    Plan,
    fitting,
    measure,
    same_cost,
    same_ends,
)
from cnnviz.blocks.bottleneck_code import block_code
from cnnviz.errors import CnnvizError
from cnnviz.layers.cost import Comparison, Design
from cnnviz.layers.cost_formula import macs_formula, parameters_formula
from cnnviz.layers.cost_measured import measure as measure_design
from cnnviz.messages import N_
from cnnviz.proof import Proof
from cnnviz.ui.block_graph import block_graph
from cnnviz.ui.bottleneck.shared import channels_text, inverted, version
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.small_kernels.parts import Preset, draw_designs, panel, presets, rounded
from cnnviz.zoo.counting import build_on_meta

NARROW = {
    "conv2": Preset(N_("ResNet-50, conv2"), {"i": 256, "w": 64, "e": 4, "s": 1, "side": 56}),
    "conv3": Preset(N_("conv3, first"), {"i": 256, "w": 128, "e": 4, "s": 2, "side": 56}),
    "conv5": Preset("conv5", {"i": 2048, "w": 512, "e": 4, "s": 1, "side": 7}),
}
WIDE = {
    "second": Preset(N_("MobileNetV2, 24 channels"), {"n": 24, "t": 6, "o": 24, "s": 1, "side": 56}),
    "down": Preset(N_("from 24 to 32"), {"n": 24, "t": 6, "o": 32, "s": 2, "side": 56}),
    "late": Preset(N_("160 channels"), {"n": 160, "t": 6, "o": 160, "s": 1, "side": 14}),
}


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        plan, side = _read(lesson)
    fits = True
    with stage:
        try:
            _show(lesson, plan, side)
        except CnnvizError as error:
            fits = False
            lesson.problem(error)
    # While the learner is asked, the words would answer.
    if not lesson.asking:
        for anchor in ("block", "money", "inverted"):
            lesson.section(anchor)
    if fits:
        pair = same_cost(plan, side)
        after = plan.branch(side).layers[-1].output_size[0]
        pairs = {"same ends": (same_ends(plan, side), side), "same cost": (pair, after)}
        lesson.code(block_code(plan, side, pairs))


def _read(lesson: LessonPage) -> tuple[Plan, int]:
    """What the controls say, and the side of the maps that come in."""
    wide = inverted(lesson)
    with presets(lesson, "example.wide" if wide else "example.narrow", WIDE if wide else NARROW):
        if wide:
            inputs = lesson.slider("n", _("Input channels"), 1, 512, 24)
            middle = inputs * lesson.slider("t", _("Expansion t of the middle"), 2, 10, 6)
            outputs = lesson.slider("o", _("Output channels"), 1, 512, 24)
        else:
            inputs = lesson.slider("i", _("Input channels"), 1, 2048, 256)
            middle = lesson.slider("w", _("Width: channels of the 3×3"), 1, 512, 64)
            outputs = middle * lesson.slider("e", _("Expansion: outputs over width"), 1, 8, 4)
        stride = lesson.slider("s", _("Stride"), 1, 4, 1)
        side = lesson.slider("side", _("Map, height and width"), 1, 224, 56)
    place = version(lesson, stride, wide)
    shortcut = fitting(inputs, outputs, stride, wide)
    if not wide:
        kinds = {
            "fitting": _("identity where it fits"),
            "identity": _("identity"),
            "projection": _("projection"),
        }
        chosen = lesson.choice("beside", _("Shortcut"), kinds, "fitting", kind="list")
        if chosen != "fitting":
            shortcut = "identity" if chosen == "identity" else "projection"
    return Plan(inputs, middle, outputs, stride, place, shortcut, wide), side


def _show(lesson: LessonPage, plan: Plan, side: int) -> None:
    block = build_on_meta(lambda: Bottleneck(plan))
    branch, plain, rival = plan.branch(side), same_ends(plan, side), same_cost(plan, side)
    told = _ask(lesson, plan, Comparison(plain, branch))
    channels = channels_text(plan.inputs, plan.middle, plan.outputs)
    name = _("Inverted: {channels}") if plan.inverted else _("Bottleneck: {channels}")
    title, width = name.format(channels=channels), rival.layers[0].in_channels
    drawn = [
        panel(_("Two 3×3 between the same ends"), _("same ends"), plain),
        panel(title, _("inverted") if plan.inverted else _("bottleneck"), branch),
    ]
    said = _("Two 3×3 from {inputs} to {outputs} channels, and a block of {channels}.").format(
        inputs=plan.inputs, outputs=plan.outputs, channels=channels
    )
    if told:
        words = _("Two 3×3 at equal cost: {width} channels").format(width=f"{width:,}")
        drawn.append(panel(words, _("equal cost"), rival))
        counted = _(
            "Weights: {plain} for the pair, {block} for the block. For the block's multiply–accumulates, a pair could have {width} channels."
        )
        said += " " + counted.format(plain=f"{plain.weights:,}", block=f"{branch.weights:,}", width=width)
    draw_designs(lesson, drawn, said, hidden=not told)
    block_graph(lesson, block, (1, plan.inputs, side, side), title=title)
    if told:
        st.markdown(_remark(plan, side))
        lesson.prove(*_proofs(plan, side, plain))


def _ask(lesson: LessonPage, plan: Plan, pair: Comparison) -> bool:
    question = _(
        "Two 3×3 convolutions lead from {inputs} to {outputs} channels. For every 1,000 weights of theirs, how many does the block of {channels} have, rounded?"
    )
    answer = rounded(1000 * pair.weights_ratio)
    inputs, middle, outputs = plan.inputs, plan.middle, plan.outputs
    look = rf"9\cdot {middle}" if plan.inverted else rf"9\cdot {middle}^2"
    block = rf"{inputs}\cdot {middle} + {look} + {middle}\cdot {outputs}"
    return lesson.predict(
        question.format(inputs=inputs, outputs=outputs, channels=channels_text(inputs, middle, outputs)),
        answer,
        why=rf"$1000\cdot\frac{{{block}}}{{9\cdot {inputs}\cdot {outputs} + 9\cdot {outputs}^2}} \approx {answer}$",
        redraw=["t"] if plan.inverted else ["w"],
        accept=_fair,
    )


def _fair(drawn: Mapping[str, Any]) -> bool:
    return "t" in drawn or drawn["w"] in (16, 32, 48, 64, 96, 128, 256)


def _remark(plan: Plan, side: int) -> str:
    words = [
        _(
            "With its 3×3 alone to look around, a cell of the block sees {block} × {block} cells of the input; behind two 3×3 it sees {pair} × {pair}."
        ).format(block=3, pair=3 + 2 * plan.stride)
        if plan.version == "v1.5"
        else _(
            "The first 1×1 already strides, so the 3×3 sees {block} × {block} cells of the input, of which it reads nine; behind two 3×3 a cell sees {pair} × {pair}."
        ).format(block=1 + 2 * plan.stride, pair=3 + 2 * plan.stride)
    ]
    beside = plan.beside(side)
    if plan.stride > 1 and not plan.inverted:
        front, middle = (
            f"{replace(plan, version=place).branch(side).macs + beside.macs:,}" for place in ("v1", "v1.5")
        )
        words.append(
            _(
                "With the stride in the first 1×1 the block, shortcut included, takes {front} multiply–accumulates, in the 3×3 {middle}."
            ).format(front=front, middle=middle)
        )
    if beside.weights:
        words.append(
            _("The shortcut projects, for {weights} weights more; the comparison leaves it out.").format(
                weights=f"{beside.weights:,}"
            )
        )
    elif plan.shortcut == "none":
        words.append(_("The shape changes, and MobileNetV2 then does without a shortcut."))
    return " ".join(words)


def _proofs(plan: Plan, side: int, plain: Design) -> list[Proof]:
    branch, beside, measured = plan.branch(side), plan.beside(side), measure(plan, side)
    whole = Design(branch.layers + beside.layers)
    # Where the stride sits changes no weight.
    known = KNOWN.get(replace(plan, version="v1.5"))
    pair, pair_source = KNOWN_PAIR.get((plan.inputs, plan.outputs), (None, ""))
    counted = measure_design(plain, (plan.inputs, side, side))
    learned = rf"{parameters_formula(whole)} + 2\cdot {plan.normalised}"
    return [
        Proof(
            _("Weights of F: 1×1, 3×3, 1×1"),
            parameters_formula(branch),
            branch.weights,
            measured=measured.weights,
            published=known.weights if known else None,
            source=known.source if known else "",
        ),
        Proof(
            _("Weights of two 3×3 between the same ends"),
            parameters_formula(plain),
            plain.weights,
            measured=counted.weights,
            published=pair,
            source=pair_source,
        ),
        Proof(
            _("Parameters of the block, with shortcut and normalisation"),
            learned,
            whole.weights + 2 * plan.normalised,
            measured=measured.parameters,
            published=known.parameters if known else None,
            source=known.source if known else "",
        ),
        Proof(
            _("Multiply–accumulates of the block, with its shortcut"),
            macs_formula(whole),
            whole.macs,
            measured=measured.macs,
        ),
    ]
