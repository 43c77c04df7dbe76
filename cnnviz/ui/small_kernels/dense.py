"""A dense layer against what replaced it: pooling first, global averages, convolutions."""

from collections.abc import Mapping
from typing import Any

from streamlit.delta_generator import DeltaGenerator

from cnnviz.errors import CnnvizError
from cnnviz.figures.small_kernels import Panel
from cnnviz.layers import cost
from cnnviz.layers.cost import PUBLISHED, Comparison, FirstDense
from cnnviz.layers.cost_code import designs_code
from cnnviz.layers.cost_formula import parameters_formula
from cnnviz.layers.cost_measured import measure
from cnnviz.messages import N_
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.small_kernels import parts
from cnnviz.ui.small_kernels.parts import Counted, Preset

HEADS = {
    "alexnet": Preset(N_("AlexNet"), {"h_c": 256, "h_s": 13, "h_w": 3, "h_u": 4096}),
    "vgg16": Preset(N_("VGG16"), {"h_c": 512, "h_s": 14, "h_w": 2, "h_u": 4096}),
}
BETWEEN = {
    "digit": Preset(N_("A digit: 28 × 28"), {"m_i": 1, "m_o": 6, "m_k": 5, "m_s": 28}),
    "vgg": Preset(N_("VGG, 56 × 56"), {"m_i": 256, "m_o": 256, "m_k": 3, "m_s": 56}),
}
CLASSES = 1000
"""Of ImageNet."""


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        places = {"head": _("After the last maps"), "between": _("Between two maps")}
        place = lesson.choice("place", _("The dense layer stands"), places, "head", kind="list")
    (_head if place == "head" else _between)(lesson, controls, stage)


# After the last maps


def _head(lesson: LessonPage, controls: DeltaGenerator, stage: DeltaGenerator) -> None:
    with controls, parts.presets(lesson, "example.head", HEADS):
        channels = lesson.slider("h_c", _("Channels of the last maps"), 1, 2048, 256)
        size = lesson.slider("h_s", _("Their height and width"), 1, 64, 13)
        window = lesson.slider("h_w", _("Pooling window, stride 2"), 1, 5, 3)
        units = lesson.slider("h_u", _("Units of the dense layer"), 1, 8192, 4096)
    ways = None
    with stage:
        try:
            ways = cost.first_dense(channels, size, units, window)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            _show_head(lesson, ways, (channels, size, size), units)
    # While the learner is asked, the words would answer.
    if not lesson.asking:
        lesson.section("head")
        lesson.section("average")
    if ways:
        designs = {"dense": ways.every_cell, "pooled": ways.pooled, "averaged": ways.averaged}
        lesson.code(designs_code(designs, (channels, size, size)))


def _show_head(lesson: LessonPage, ways: FirstDense, shape: tuple[int, int, int], units: int) -> None:
    told = _ask_head(lesson, ways, shape)
    cells = shape[0] * shape[1] * shape[2]
    drawn: tuple[Panel, ...] = (
        parts.panel(_("Dense on every cell"), _("every cell"), ways.every_cell, cells=cells),
        parts.panel(_("Pooled first"), _("pooled"), ways.pooled, cells=cells),
        parts.panel(_("Global average first"), _("averaged"), ways.averaged, cells=cells),
    )
    if not told:
        drawn = drawn[:1]
    said = _("{channels} maps of {size} × {size} and a dense layer of {units} units.").format(
        channels=shape[0], size=shape[1], units=units
    )
    if told:
        words = _(
            "Weights: {every} on every cell, {pooled} behind the pooling, {averaged} behind the average."
        )
        every, pooled, averaged = (
            f"{way.weights:,}" for way in (ways.every_cell, ways.pooled, ways.averaged)
        )
        said += " " + words.format(every=every, pooled=pooled, averaged=averaged)
    parts.draw_designs(lesson, drawn, said, hidden=not told)
    if told:
        lesson.prove(*_head_proofs(ways, shape, units, parts.counted(drawn, shape)))


def _ask_head(lesson: LessonPage, ways: FirstDense, shape: tuple[int, int, int]) -> bool:
    pool = ways.pooled.layers[0]
    side, window, (channels, size, _width) = pool.output_size[0], pool.kernel_size[0], shape
    question = _(
        "{channels} maps of {size} × {size} pass a max pooling of {window} × {window} with stride 2. How many numbers reach the dense layer?"
    )
    why = rf"$\left(\left\lfloor\tfrac{{{size} - {window}}}{{2}}\right\rfloor + 1\right)^2\cdot {channels} = {side}^2\cdot {channels} = {pool.activations}$"
    return lesson.predict(
        question.format(channels=channels, size=size, window=window),
        pool.activations,
        why=why,
        redraw=["h_s", "h_w"],
        accept=lambda drawn: 2 <= drawn["h_w"] <= 3 and 6 <= drawn["h_s"] <= 32,
    )


def _head_proofs(
    ways: FirstDense, shape: tuple[int, int, int], units: int, sides: list[Counted]
) -> list[Proof]:
    settings = (shape[0], shape[1], ways.pooled.layers[0].kernel_size[0], units)
    published: dict[int, str] = {}
    why = ["", "", ""]
    head = ""
    if settings == (256, 13, 3, 4096):
        published, head = {0: "notes_dense", 1: "alexnet_dense"}, "alexnet_head"
        why[0] = _(
            "The notes count conv5's 13 × 13 maps directly, 128 channels and 2048 units on each of two GPUs. They leave out the pooling in between."
        )
        why[1] = _("The published network pools with 3 × 3 windows at stride 2 first: 13 becomes 6.")
    elif settings == (512, 14, 2, 4096):
        published, head = {1: "vgg16_dense"}, "vgg16_head"
    proofs = [
        parts.parameters_proof(side, published.get(place), why[place]) for place, side in enumerate(sides)
    ]
    side = ways.pooled.layers[0].output_size[0]
    whole = cost.dense_or_pooled(shape[0], side, (units, units), CLASSES)
    known = PUBLISHED[head] if head else None
    for design, name, source in (
        (whole.plain, _("All three dense layers, {units}, {units} and 1000, with biases"), known),
        (whole.factored, _("A global average and 1000 classes instead, with biases"), None),
    ):
        proof = Proof(
            name.format(units=units),
            parameters_formula(design),
            design.parameters,
            measured=measure(design, (shape[0], side, side)).parameters,
            published=source.value if source else None,
            source=_(source.source) if source else "",
        )
        proofs.append(proof)
    return proofs


# Between two maps


def _between(lesson: LessonPage, controls: DeltaGenerator, stage: DeltaGenerator) -> None:
    with controls, parts.presets(lesson, "example.between", BETWEEN):
        inputs = lesson.slider("m_i", _("Input channels"), 1, 512, 1)
        outputs = lesson.slider("m_o", _("Output channels"), 1, 512, 6)
        kernel = lesson.slider("m_k", _("Kernel of the convolution"), 1, 11, 5, step=2)
        size = lesson.slider("m_s", _("Map, height and width"), 1, 224, 28)
    pair = None
    with stage:
        try:
            pair = cost.dense_or_convolution(inputs, outputs, kernel, size)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            _show_between(lesson, pair, (inputs, size, size))
    if not lesson.asking:
        lesson.section("between")
    if pair:
        lesson.code(designs_code({"dense": pair.plain, "convolution": pair.factored}, (inputs, size, size)))


def _show_between(lesson: LessonPage, pair: Comparison, shape: tuple[int, int, int]) -> None:
    told = _ask_between(lesson, pair, shape[1])
    cells = shape[0] * shape[1] * shape[2]
    drawn = (
        parts.panel(_("Dense: every number to every number"), _("dense"), pair.plain, cells=cells),
        parts.panel(
            _("Convolution: the same window everywhere"), _("convolution"), pair.factored, cells=cells
        ),
    )
    said = _("{inputs} numbers in, {outputs} out.").format(
        inputs=f"{cells:,}", outputs=f"{pair.plain.activations:,}"
    )
    if told:
        words = _("The dense layer has {dense} weights, the convolution {convolution}.")
        said += " " + words.format(dense=f"{pair.plain.weights:,}", convolution=f"{pair.factored.weights:,}")
    parts.draw_designs(lesson, drawn, said, hidden=not told)
    if told:
        sides = parts.counted(drawn, shape)
        proofs = [parts.parameters_proof(side) for side in sides] + [parts.macs_proof(sides[1])]
        lesson.prove(*proofs)


def _ask_between(lesson: LessonPage, pair: Comparison, size: int) -> bool:
    kernel = pair.factored.layers[0].kernel_size[0]
    question = _(
        "How many times as many weights as the {kernel} × {kernel} convolution has the dense layer on maps of {size} × {size}, rounded?"
    )
    answer = parts.rounded(1 / pair.weights_ratio)
    return lesson.predict(
        question.format(kernel=kernel, size=size),
        answer,
        why=rf"$\tfrac{{{size}^2\cdot {size}^2}}{{{kernel}^2}} \approx {answer}$",
        redraw=["m_k", "m_s"],
        accept=_fair,
    )


def _fair(drawn: Mapping[str, Any]) -> bool:
    return drawn["m_k"] in (1, 3, 5, 7) and drawn["m_k"] < drawn["m_s"] <= 56
