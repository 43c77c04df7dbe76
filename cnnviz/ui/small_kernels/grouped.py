"""A layer in groups that don't see each other, and the shuffle that introduces them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz.errors import CnnvizError
from cnnviz.figures import small_kernels as figures
from cnnviz.layers import cost
from cnnviz.layers.cost import ChannelLevel
from cnnviz.layers.cost_code import designs_code, reach_code
from cnnviz.layers.cost_measured import measure_reach
from cnnviz.messages import N_
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.small_kernels import parts
from cnnviz.ui.small_kernels.parts import Preset

EXAMPLES = {
    "small": Preset(N_("Small enough to follow"), {"g_c": 12, "g_g": 3, "g_k": 3, "g_s": 28}),
    "shufflenet": Preset(N_("ShuffleNet"), {"g_c": 240, "g_g": 3, "g_k": 1, "g_s": 28}),
    "resnext": Preset(N_("ResNeXt-50"), {"g_c": 128, "g_g": 32, "g_k": 3, "g_s": 56}),
}
MOST_GROUPS = 64
"""End of the slider."""


@dataclass(frozen=True)
class Settings:
    """What the controls say: layers of `channels` in and out, in `groups`."""

    channels: int
    groups: int
    layers: int
    shuffle: bool
    output: int
    kernel_size: int
    size: int

    def compare(self) -> cost.Comparison:
        """One layer, plain and grouped."""
        return cost.grouped(
            self.channels, self.channels, self.kernel_size, self.groups, self.size, self.shuffle
        )

    def fan(self) -> tuple[ChannelLevel, ...]:
        return cost.channel_fan(self.channels, self.groups, self.layers, self.shuffle, self.output)


def draw(lesson: LessonPage, controls: DeltaGenerator, stage: DeltaGenerator) -> None:
    with controls, parts.presets(lesson, "example.grouped", EXAMPLES):
        channels = lesson.slider("g_c", _("Channels in and out"), 1, 512, 12)
        settings = Settings(
            channels=channels,
            groups=lesson.slider("g_g", _("Groups"), 1, MOST_GROUPS, 3),
            layers=lesson.slider("g_l", _("Layers, one after another"), 1, 4, 2),
            shuffle=lesson.toggle("g_x", _("Shuffle the channels after each layer")),
            output=lesson.slider("g_o", _("Output channel to follow"), 0, channels - 1, 1),
            kernel_size=lesson.slider("g_k", _("Kernel"), 1, 11, 3, step=2),
            size=lesson.slider("g_s", _("Map, height and width"), 1, 224, 28),
        )
    possible = False
    with stage:
        try:
            fan, pair = settings.fan(), settings.compare()
        except CnnvizError as error:
            lesson.problem(error)
        else:
            possible = True
            _show(lesson, settings, fan, pair)
    if not lesson.asking:
        lesson.section("grouped")
    if possible:
        shape = (settings.channels, settings.size, settings.size)
        code = designs_code({"plain": pair.plain, "grouped": pair.factored}, shape)
        reach = reach_code(
            settings.channels, settings.groups, settings.layers, settings.shuffle, settings.output
        )
        lesson.code(code + reach)


def _show(
    lesson: LessonPage, settings: Settings, fan: tuple[ChannelLevel, ...], pair: cost.Comparison
) -> None:
    seen, channels = len(fan[0].seen), settings.channels
    question = _(
        "On how many of the {channels} input channels does output channel {output} depend after {layers} layers?"
    ).format(channels=channels, output=settings.output, layers=settings.layers)
    told = lesson.predict(
        question,
        seen,
        why=_why(settings, seen),
        redraw=["g_g", "g_l", "g_x"],
        accept=_fair(channels),
    )
    if told:
        words = _(
            "Output channel **{output}** sees **{seen}** of {channels} input channels after {layers} layers."
        )
        said = words.format(output=settings.output, seen=seen, channels=channels, layers=settings.layers)
        st.markdown(said)
        html = figures.channel_fan(fan, _names(fan), channels, settings.groups, said.replace("**", ""))
        st.markdown(html, unsafe_allow_html=True)
    kernel = f"{settings.kernel_size}×{settings.kernel_size}"
    drawn = (
        parts.panel(_("Plain: {design}").format(design=kernel), _("plain"), pair.plain),
        parts.panel(
            _("{kernel} in groups: {groups}").format(kernel=kernel, groups=settings.groups),
            _("grouped"),
            pair.factored,
        ),
    )
    titles = f"{drawn[0].title}; {drawn[1].title}."
    parts.draw_designs(lesson, drawn, titles, hidden=not told)
    if told:
        sides = parts.counted(drawn, (channels, settings.size, settings.size))
        reach = (channels, settings.groups, settings.layers, settings.shuffle, settings.output)
        lesson.prove(
            Proof(
                _("Input channels that count: groups seen times channels of a group"),
                rf"{seen * settings.groups // channels}\cdot \tfrac{{{channels}}}{{{settings.groups}}}",
                seen,
                measured=measure_reach(*reach),
            ),
            *(proof for side in sides for proof in (parts.parameters_proof(side), parts.macs_proof(side))),
        )


def _why(settings: Settings, seen: int) -> str:
    each = settings.channels // settings.groups
    if not settings.shuffle:
        words = _("Without a shuffle, an output never sees beyond its own group of {each}.")
        return words.format(each=each)
    if settings.layers == 1:
        words = _("One layer sees its own group of {each}; the shuffle only helps the next layer.")
        return words.format(each=each)
    words = _(
        "After a shuffle a group's {each} channels come from other groups: {groups} groups of {each} are seen."
    )
    return words.format(each=each, groups=seen // each)


def _fair(channels: int) -> Callable[[Mapping[str, Any]], bool]:
    """Groups that divide the channels, and more than one of them where that can be."""
    possible = {groups for groups in range(2, MOST_GROUPS + 1) if channels % groups == 0} or {1}
    return lambda drawn: drawn["g_g"] in possible


def _names(fan: tuple[ChannelLevel, ...]) -> list[str]:
    words = {"input": _("input"), "conv": _("conv"), "shuffle": _("shuffle")}
    return [words[level.kind] for level in fan]
