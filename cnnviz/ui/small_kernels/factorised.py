"""A layer and what it is factored into: bottleneck, 1×1 first, depthwise separable, grouped, 1×n and n×1."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from cnnviz.errors import CnnvizError
from cnnviz.layers import cost
from cnnviz.layers.cost import Comparison
from cnnviz.layers.cost_code import designs_code
from cnnviz.messages import N_
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.small_kernels import grouped, parts
from cnnviz.ui.small_kernels.parts import Preset


@dataclass(frozen=True)
class Factored:
    """What the controls of one kind say.

    Attributes:
        shape: (channels, height, width) of the input.
        title: of the factored design; `short` beside its bars.
        law: the ratio of the MACs by its own formula: LaTeX, and its value.
        published: key in PUBLISHED of the percentage saved, where these settings are a published case.
    """

    pair: Comparison
    shape: tuple[int, int, int]
    title: str
    short: str
    law: tuple[str, Fraction]
    published: str | None = None


@dataclass(frozen=True)
class Kind:
    """One way to factor a layer.

    Attributes:
        title: in the choice, in English.
        examples: presets; the first is what the controls start with.
        read: draws the controls and gives what they say.
        redraw: controls that the next question changes.
        accept: whether their random values make a fair question.
    """

    title: str
    examples: Mapping[str, Preset]
    read: Callable[[LessonPage], Factored]
    redraw: tuple[str, ...]
    accept: Callable[[Mapping[str, Any]], bool] = lambda drawn: True


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    factored = None
    problem = None
    with controls:
        titles = {name: _(kind.title) for name, kind in KINDS.items()} | {"grouped": _("Grouped, shuffled")}
        chosen = lesson.choice("kind", _("Factored into"), titles, "bottleneck", kind="list")
        if chosen != "grouped":
            kind = KINDS[chosen]
            with parts.presets(lesson, f"example.{chosen}", kind.examples):
                try:
                    factored = kind.read(lesson)
                except CnnvizError as error:
                    problem = error
    if chosen == "grouped":
        grouped.draw(lesson, controls, stage)
        return
    with stage:
        if problem:
            lesson.problem(problem)
        if factored:
            _show(lesson, KINDS[chosen], factored)
    if not lesson.asking:
        lesson.section(chosen)
    if factored:
        designs = {"plain": factored.pair.plain, chosen: factored.pair.factored}
        lesson.code(designs_code(designs, factored.shape))


def _show(lesson: LessonPage, kind: Kind, factored: Factored) -> None:
    pair = factored.pair
    told = _ask(lesson, kind, factored)
    plain = " + ".join(parts.kernel_text(layer) for layer in pair.plain.layers)
    drawn = (
        parts.panel(_("Plain: {design}").format(design=plain), _("plain"), pair.plain),
        parts.panel(factored.title, factored.short, pair.factored),
    )
    said = f"{drawn[0].title}; {drawn[1].title}."
    if told:
        words = _("{factored} multiply–accumulates instead of {plain}, {ratio}.")
        ratio = parts.ratio_text(pair.factored.macs, pair.plain.macs)
        said += " " + words.format(
            factored=f"{pair.factored.macs:,}", plain=f"{pair.plain.macs:,}", ratio=ratio
        )
    parts.draw_designs(lesson, drawn, said, hidden=not told)
    if told:
        sides = parts.counted(drawn, factored.shape)
        proofs = [proof for side in sides for proof in (parts.parameters_proof(side), parts.macs_proof(side))]
        formula, value = factored.law
        measured = Fraction(sides[1].measured.macs, sides[0].measured.macs)
        name = _("Multiply–accumulates, factored over plain")
        proofs.append(Proof(name, formula, str(value), measured=str(measured)))
        if factored.published:
            proofs.append(parts.saved_proof(formula, value, measured, factored.published))
        lesson.prove(*proofs)


def _ask(lesson: LessonPage, kind: Kind, factored: Factored) -> bool:
    pair = factored.pair
    answer = parts.rounded(100 * pair.macs_ratio)
    why = rf"$100\cdot\left({factored.law[0]}\right) \approx {answer}$"
    question = _(
        "For every 100 multiply–accumulates of the plain design, how many does the factored one need, rounded?"
    )
    return lesson.predict(question, answer, why=why, redraw=kind.redraw, accept=kind.accept)


# The kinds and their controls


def _size(lesson: LessonPage, name: str, default: int) -> int:
    return lesson.slider(name, _("Map, height and width"), 1, 224, default)


def _bottleneck(lesson: LessonPage) -> Factored:
    channels = lesson.slider("b_c", _("Channels in and out"), 1, 2048, 256)
    narrow = lesson.slider("b_n", _("Channels in the middle"), 1, 1024, 64)
    kernel = lesson.slider("b_k", _("Kernel"), 1, 11, 3, step=2)
    size = _size(lesson, "b_s", 56)
    pair = cost.bottleneck(channels, narrow, size, kernel)
    text = f"{channels} – {narrow} – {channels}"
    law = rf"\tfrac{{2\cdot {channels}\cdot {narrow} + {kernel}^2\cdot {narrow}^2}}{{2\cdot {kernel}^2\cdot {channels}^2}}"
    title = _("Bottleneck: {channels}").format(channels=text)
    return Factored(pair, (channels, size, size), title, _("bottleneck"), (law, pair.macs_ratio))


def _reduced(lesson: LessonPage) -> Factored:
    inputs = lesson.slider("r_i", _("Input channels"), 1, 1024, 192)
    narrow = lesson.slider("r_n", _("Channels after the 1×1"), 1, 512, 16)
    outputs = lesson.slider("r_o", _("Output channels"), 1, 1024, 32)
    kernel = lesson.slider("r_k", _("Kernel"), 1, 11, 5, step=2)
    size = _size(lesson, "r_s", 28)
    pair = cost.reduced(inputs, narrow, outputs, kernel, size)
    law = rf"\tfrac{{{inputs}\cdot {narrow} + {kernel}^2\cdot {narrow}\cdot {outputs}}}{{{kernel}^2\cdot {inputs}\cdot {outputs}}}"
    title = _("A 1×1 first, which leaves {narrow} channels").format(narrow=narrow)
    return Factored(pair, (inputs, size, size), title, _("1×1 first"), (law, pair.macs_ratio))


def _separable(lesson: LessonPage) -> Factored:
    inputs = lesson.slider("d_i", _("Input channels"), 1, 1024, 32)
    outputs = lesson.slider("d_o", _("Output channels N"), 1, 1024, 64)
    kernel = lesson.slider("d_k", _("Kernel k"), 1, 11, 3, step=2)
    size = _size(lesson, "d_s", 112)
    pair = cost.depthwise_separable(inputs, outputs, kernel, size)
    law = (
        rf"\tfrac{{1}}{{{outputs}}} + \tfrac{{1}}{{{kernel}^2}}",
        Fraction(1, outputs) + Fraction(1, kernel**2),
    )
    title = _("Depthwise, then 1×1")
    return Factored(pair, (inputs, size, size), title, _("separable"), law)


def _asymmetric(lesson: LessonPage) -> Factored:
    kernel = lesson.slider("a_k", _("Kernel n"), 1, 15, 7, step=2)
    channels = lesson.slider("a_c", _("Channels in and out"), 1, 1024, 192)
    size = _size(lesson, "a_s", 17)
    pair = cost.asymmetric(kernel, channels, size)
    title = _("Along the row, then down the column: {first} and {second}")
    law = rf"\tfrac{{2}}{{{kernel}}}", Fraction(2, kernel)
    words = title.format(first=f"1×{kernel}", second=f"{kernel}×1")
    published = "asymmetric_less" if kernel == 3 else None
    return Factored(pair, (channels, size, size), words, f"1×{kernel}, {kernel}×1", law, published)


KINDS = {
    "bottleneck": Kind(
        N_("Bottleneck"),
        {
            "early": Preset(N_("ResNet: 256-64"), {"b_c": 256, "b_n": 64, "b_k": 3, "b_s": 56}),
            "late": Preset(N_("ResNet: 2048-512"), {"b_c": 2048, "b_n": 512, "b_k": 3, "b_s": 7}),
        },
        _bottleneck,
        ("b_n", "b_k"),
        lambda drawn: drawn["b_n"] <= 256 and drawn["b_k"] in (3, 5, 7),
    ),
    "reduced": Kind(
        N_("1×1 first (Inception)"),
        {
            "3a": Preset(N_("Inception 3a"), {"r_i": 192, "r_n": 16, "r_o": 32, "r_k": 5, "r_s": 28}),
            "4a": Preset(N_("Inception 4a"), {"r_i": 480, "r_n": 16, "r_o": 48, "r_k": 5, "r_s": 14}),
        },
        _reduced,
        ("r_n", "r_k"),
        lambda drawn: drawn["r_n"] <= 96 and drawn["r_k"] in (3, 5, 7, 9),
    ),
    "separable": Kind(
        N_("Depthwise separable"),
        {
            "first": Preset(N_("MobileNet, first"), {"d_i": 32, "d_o": 64, "d_k": 3, "d_s": 112}),
            "last": Preset(N_("MobileNet, last"), {"d_i": 1024, "d_o": 1024, "d_k": 3, "d_s": 7}),
        },
        _separable,
        ("d_o", "d_k"),
        lambda drawn: drawn["d_o"] >= 8 and drawn["d_k"] in (3, 5, 7, 9),
    ),
    "asymmetric": Kind(
        N_("1×n and n×1"),
        {
            "seven": Preset(N_("Inception-v3: n = 7"), {"a_k": 7, "a_c": 192, "a_s": 17}),
            "three": Preset(N_("n = 3"), {"a_k": 3, "a_c": 64, "a_s": 35}),
        },
        _asymmetric,
        ("a_k",),
        lambda drawn: drawn["a_k"] % 2 == 1 and drawn["a_k"] > 1,
    ),
}
"""In teaching order; grouped layers have a view of their own."""
