"""First view: channels side by side against channels added, the block's graph, and what it costs."""

from collections import OrderedDict
from dataclasses import replace

import streamlit as st
import torch
from torch import nn
from torchvision.models.resnet import Bottleneck

from cnnviz.blocks.dense import DenseBlock, DenseSettings, Transition
from cnnviz.blocks.dense_code import block_code
from cnnviz.blocks.dense_cost import BlockCount, dense_cost, densenet121_cost, measure
from cnnviz.blocks.residual import Block, Design
from cnnviz.figures.dense_block import StackRow, side_by_side, stacks
from cnnviz.figures.zoo import Row, table
from cnnviz.proof import Proof
from cnnviz.ui.block_graph import block_graph
from cnnviz.ui.dense_block import shared
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.zoo.claims import dense_connections
from cnnviz.zoo.counting import build, published

SIDE = 56
"""Of the maps: that of DenseNet-121's first block."""
_DRAWN = 4
"""Layers in the graph: with more of them, its arrows can't be followed any longer."""


@st.cache_data(max_entries=200, show_spinner=False)
def _measured(kind: str, settings: DenseSettings) -> BlockCount:
    """Of the block, the transition, or a residual block of the same output."""
    width, channels = settings.outputs, settings.outputs
    block: nn.Module
    with torch.device("meta"):  # shapes are enough
        if kind == "dense":
            block, channels = DenseBlock(settings), settings.inputs
        elif kind == "transition":
            block = Transition(width, settings.kept)
        elif kind == "residual":
            block = Block(width, width, design=Design("identity", "pre"))
        else:
            block = Bottleneck(width, width // 4)
    return measure(block, (channels, SIDE, SIDE))


@st.cache_data(max_entries=200, show_spinner=False)
def _reads(settings: DenseSettings) -> tuple[int, ...]:
    """Channels that the first BatchNorm of each layer normalises."""
    with torch.device("meta"):
        return tuple(layer[0].num_features for layer in DenseBlock(settings).layers)  # type: ignore[index]


@st.cache_data(show_spinner=False)
def _densenet121() -> tuple[int, int]:
    """Channels before the classifier, and parameters, of torchvision's."""
    network = build("densenet121")
    return network.classifier.in_features, sum(each.numel() for each in network.parameters())  # type: ignore[return-value,union-attr]


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        settings = shared.choose(lesson)
    with stage:
        if _ask(lesson, settings):
            with lesson.card():
                _channels(settings)
            st.markdown(_remark(settings))
        lesson.prove(*_channel_proofs(settings))
    lesson.section("channels")
    if not lesson.asking:
        _graph(lesson, settings)
    lesson.section("graph")
    if not lesson.asking:
        _costs(settings)
    lesson.prove(*_cost_proofs(settings))
    lesson.section("cost")
    lesson.prove(*_memory_proofs(settings))
    lesson.section("memory")
    lesson.prove(*_network_proofs())
    lesson.section("densenet121")
    lesson.code(block_code(settings, SIDE))


def _ask(lesson: LessonPage, settings: DenseSettings) -> bool:
    question = _(
        "A dense block gets {inputs} channels. It has {layers} layers with a growth rate of {growth}. How many channels come out?"
    )
    return lesson.predict(
        question.format(inputs=settings.inputs, layers=settings.layers, growth=settings.growth),
        settings.outputs,
        why=_("Each layer adds k and keeps the rest: ${sum}$.").format(sum=_outputs_formula(settings)),
        redraw=["k0", "k", "n"],
        accept=shared.fair,
    )


def _outputs_formula(settings: DenseSettings) -> str:
    return rf"{settings.inputs} + {settings.layers} \cdot {settings.growth}"


# Channels


def _channels(settings: DenseSettings) -> None:
    layers, widest = settings.layers, settings.outputs
    names = [_("Layer {layer}").format(layer=layer) for layer in range(1, layers + 1)]
    dense, added = [], []
    for place, name in enumerate([*names, _("Output")]):
        grown = [((source,), settings.growth) for source in range(1, place + 1)]
        dense.append(StackRow(name, (((0,), settings.inputs), *grown)))
        terms = ["x₀", *(f"F{_subscript(source)}" for source in range(1, place + 1))]
        text = " + ".join(terms if place < 4 else [terms[0], terms[1], "…", terms[-1]])
        added.append(StackRow(name, ((tuple(range(place + 1)), settings.inputs),), text))
    said = _("Channels that each layer of a dense block reads: {reads}; {outputs} come out.")
    reads = ", ".join(map(str, settings.read))
    other = _(
        "With addition every layer reads {inputs} channels, in which all layers before it are summed, and {inputs} come out."
    )
    st.html(
        side_by_side(
            stacks(
                _("Side by side: what each layer reads"),
                dense,
                layers + 1,
                widest,
                said.format(reads=reads, outputs=widest),
            ),
            stacks(
                _("Added: what each layer reads"),
                added,
                layers + 1,
                widest,
                other.format(inputs=settings.inputs),
            ),
        )
    )
    st.caption(
        _(
            "One colour for each source, from the block's input, dark, to its last layer, bright; stripes where they are summed."
        )
    )


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _remark(settings: DenseSettings) -> str:
    return _(
        "The last layer reads **{most}** channels, every layer writes **{growth}**. {outputs} come out, and the "
        "transition keeps **{kept}** of them, on maps of half the size."
    ).format(most=settings.read[-1], growth=settings.growth, outputs=settings.outputs, kept=settings.kept)


def _channel_proofs(settings: DenseSettings) -> list[Proof]:
    transition = _measured("transition", settings)
    layers = settings.layers
    return [
        Proof(
            _("Channels of the block"),
            _outputs_formula(settings),
            settings.outputs,
            measured=_measured("dense", settings).outputs,
        ),
        Proof(
            _("Channels behind the transition"),
            rf"\lfloor {settings.compression:g} \cdot {settings.outputs} \rfloor",
            settings.kept,
            measured=transition.outputs,
        ),
        Proof(
            _("Connections within the block, L (L + 1) / 2"),
            rf"{layers} \cdot {layers + 1} / 2",
            dense_connections(layers),
            # The block's input, and as many earlier layers as the channels that are read beside it hold.
            measured=sum(1 + (read - settings.inputs) // settings.growth for read in _reads(settings)),
        ),
    ]


# The graph


def _graph(lesson: LessonPage, settings: DenseSettings) -> None:
    part = replace(settings, layers=min(settings.layers, _DRAWN))
    title = _("A dense block of {layers} layers with its transition").format(layers=part.layers)
    if part.layers < settings.layers:
        title = _("The first {layers} layers of the block, with a transition").format(layers=part.layers)
    with torch.device("meta"):  # shapes are enough
        parts = OrderedDict(block=DenseBlock(part), transition=Transition(part.outputs, part.kept))
    block = nn.Sequential(parts)
    block_graph(lesson, block, (1, part.inputs, SIDE, SIDE), title=title)


# Costs


def _costs(settings: DenseSettings) -> None:
    width = settings.outputs
    kinds = {
        "dense": _("Dense block, {layers} layers").format(layers=settings.layers),
        "residual": _("One residual block, two 3×3 with {width} channels").format(width=width),
    }
    if width % 4 == 0:
        kinds["bottleneck"] = _("One residual bottleneck, {width} to {narrow} and back").format(
            width=width, narrow=width // 4
        )
    rows = []
    for kind, name in kinds.items():
        found = _measured(kind, settings)
        rows.append(
            Row(
                (
                    name,
                    str(found.outputs),
                    str(found.convolutions),
                    f"{found.parameters:,}",
                    f"{found.macs / 1e6:,.0f} M",
                    f"{found.kept / 2**20:.1f} MiB",
                ),
                "chosen" if kind == "dense" else "",
            )
        )
    head = [
        _("Block"),
        _("Channels out"),
        _("Convolutions"),
        _("Parameters"),
        _("MACs"),
        _("Kept for training"),
    ]
    title = _("Blocks with {width} channels at the end, on maps of {side} × {side}").format(
        width=width, side=SIDE
    )
    st.markdown(f"**{title}**")
    st.html(table(title, head, rows))


def _cost_proofs(settings: DenseSettings) -> list[Proof]:
    cost, found = dense_cost(settings, SIDE), _measured("dense", settings)
    residual, width = _measured("residual", settings), settings.outputs
    return [
        Proof(
            _("Channels read by all layers together"),
            cost.read_formula,
            cost.read,
            measured=sum(_reads(settings)),
        ),
        Proof(
            _("Parameters of the dense block"),
            cost.parameters_formula,
            cost.parameters,
            measured=found.parameters,
        ),
        Proof(
            _("Multiply–accumulates of the dense block"), cost.macs_formula, cost.macs, measured=found.macs
        ),
        Proof(
            _("Parameters of the transition"),
            cost.transition_formula,
            cost.transition,
            measured=_measured("transition", settings).parameters,
        ),
        Proof(
            _("Parameters of the residual block of the same width"),
            rf"2 (9 \cdot {width}^2 + 2 \cdot {width})",
            2 * (9 * width**2 + 2 * width),
            measured=residual.parameters,
            why=_("{ratio} times as many as the dense block.").format(
                ratio=f"{residual.parameters / found.parameters:.3g}"
            ),
        ),
    ]


def _memory_proofs(settings: DenseSettings) -> list[Proof]:
    cost, found = dense_cost(settings, SIDE), _measured("dense", settings)
    return [
        Proof(
            _("Bytes that autograd keeps of the block"),
            cost.kept_formula,
            cost.kept,
            measured=found.kept,
            why=_("The features themselves, each once, are {features}: {times} times less.").format(
                features=f"{cost.features:,}", times=f"{cost.kept / cost.features:.3g}"
            ),
        )
    ]


def _network_proofs() -> list[Proof]:
    whole, said = densenet121_cost(), published("densenet121")
    channels, parameters = _densenet121()
    return [
        Proof(
            _("Channels that reach DenseNet-121's classifier"),
            whole.channels_formula,
            whole.channels,
            measured=channels,
        ),
        Proof(
            _("Parameters of DenseNet-121"),
            whole.parameters_formula,
            whole.parameters,
            measured=parameters,
            published=said.parameters,
            source=said.source,
            why=_(
                "In order: the stem, four blocks with a transition after each of the first three, the last BatchNorm, the classifier."
            ),
        ),
    ]
