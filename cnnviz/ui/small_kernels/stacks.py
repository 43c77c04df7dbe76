"""One large kernel against a stack of small ones that sees as much."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from cnnviz.errors import CnnvizError
from cnnviz.layers import cost
from cnnviz.layers.cost import PUBLISHED, Comparison
from cnnviz.layers.cost_code import crossover_code, designs_code
from cnnviz.messages import N_
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.small_kernels import crossover, parts
from cnnviz.ui.small_kernels.parts import Counted, Preset
from cnnviz.ui.small_kernels.settings import Settings

EXAMPLES = {
    "two": Preset(N_("3×3 twice"), {"n": 2, "k": 3, "c": 64, "apart": False, "size": 56, "bias": False}),
    "three": Preset(
        N_("VGG: 3×3 three times"), {"n": 3, "k": 3, "c": 256, "apart": False, "size": 56, "bias": False}
    ),
    "notes": Preset(
        N_("Notes: 3×3×128, 64 filters"),
        {"n": 2, "k": 3, "c": 64, "apart": True, "first": 128, "size": 56, "bias": False},
    ),
    "rgb": Preset(
        N_("On an RGB image"), {"n": 3, "k": 3, "c": 64, "apart": True, "first": 3, "size": 224, "bias": True}
    ),
}


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls, parts.presets(lesson, "example", EXAMPLES):
        settings = Settings(
            lesson.slider("n", _("Layers in the stack"), 1, 5, 2),
            lesson.slider("k", _("Kernel of each"), 1, 7, 3, step=2),
            lesson.slider("c", _("Channels C"), 1, 512, 64),
            _first(lesson),
            lesson.slider("size", _("Map, height and width"), 1, 224, 56),
            lesson.toggle("bias", _("Biases")),
        )
    pair = None
    with stage:
        try:
            pair = settings.compare()
        except CnnvizError as error:
            lesson.problem(error)
        else:
            _show(lesson, settings, pair)
    # While the learner is asked, the words would answer.
    if not lesson.asking:
        lesson.section("stacks")
        lesson.section("crossover")
    if pair is None:
        return
    if not lesson.asking:
        crossover.draw(settings)
    one, stack = _titles(settings)
    code = designs_code(
        {f"one {one}": pair.plain, f"{stack} in turn": pair.factored},
        (settings.in_channels, settings.size, settings.size),
    )
    sizes = (settings.layers, settings.kernel_size, settings.size, settings.bias)
    lesson.code(code + crossover_code(*sizes, settings.fixed, crossover.MOST))


def _first(lesson: LessonPage) -> int | None:
    """Channels into the first layer, where they are not C."""
    words = _("As on an RGB image, where the first layer reads 3 channels whatever C is.")
    if not lesson.toggle("apart", _("Other channels into the first layer"), help=words):
        return None
    return lesson.slider("first", _("Channels into the first layer"), 1, 512, 3)


def _titles(settings: Settings) -> tuple[str, str]:
    large = cost.equivalent_kernel(settings.layers, settings.kernel_size)
    small = f"{settings.kernel_size}×{settings.kernel_size}"
    return f"{large}×{large}", f"{settings.layers} × {small}"


def _show(lesson: LessonPage, settings: Settings, pair: Comparison) -> None:
    one, stack = _titles(settings)
    told = _ask(lesson, settings, pair)
    drawn = (
        parts.panel(_("One {kernel} layer").format(kernel=one), one, pair.plain),
        parts.panel(_("A stack that sees as much: {stack}").format(stack=stack), stack, pair.factored),
    )
    said = _("One {one} layer and {stack} in turn both see {large} pixels.").format(
        one=one, stack=stack, large=one
    )
    if told:
        words = _("The stack has {stack} parameters, the one layer has {one}.")
        said += " " + words.format(stack=f"{pair.factored.parameters:,}", one=f"{pair.plain.parameters:,}")
    parts.draw_designs(lesson, drawn, said, hidden=not told)
    if told:
        shape = (settings.in_channels, settings.size, settings.size)
        lesson.prove(*_proofs(settings, pair, parts.counted(drawn, shape)))


def _ask(lesson: LessonPage, settings: Settings, pair: Comparison) -> bool:
    one, stack = _titles(settings)
    question = _(
        "For every 100 weights of the one {one} layer, how many does the stack of {stack} have, rounded? Leave biases out."
    )
    n, k, c, first = settings.layers, settings.kernel_size, settings.channels, settings.in_channels
    large = cost.equivalent_kernel(n, k)
    answer = parts.rounded(100 * pair.weights_ratio)
    if settings.fixed is None:
        formula = rf"\frac{{{n}\cdot {k}^2}}{{{large}^2}}"
    else:
        formula = rf"\frac{{{k}^2\cdot {first}\cdot {c} + {n - 1}\cdot {k}^2\cdot {c}\cdot {c}}}{{{large}^2\cdot {first}\cdot {c}}}"
    return lesson.predict(
        question.format(one=one, stack=stack),
        answer,
        why=rf"$100\cdot {formula} \approx {answer}$",
        redraw=["n", "k"],
        accept=_fair,
    )


def _fair(drawn: Mapping[str, Any]) -> bool:
    return drawn["n"] > 1 and drawn["k"] in (3, 5, 7)


def _proofs(settings: Settings, pair: Comparison, sides: list[Counted]) -> list[Proof]:
    one, stack = sides
    n, k, bias = settings.layers, settings.kernel_size, settings.bias
    proofs = [parts.parameters_proof(one), parts.parameters_proof(stack), parts.macs_proof(stack)]
    first = pair.factored.layers[0]
    if (first.in_channels, first.out_channels, k, bias) == (128, 64, 3, False):
        design = cost.Design((first,))
        shape = (settings.in_channels, settings.size, settings.size)
        layer = parts.counted((parts.panel("", _("first layer of the stack"), design),), shape)
        proofs.append(parts.parameters_proof(layer[0], "notes_conv"))
    if settings.fixed is None and not bias and n > 1 and k > 1:
        large = cost.equivalent_kernel(n, k) ** 2
        more = rf"100\cdot\left(\tfrac{{{large}}}{{{n}\cdot {k * k}}} - 1\right)"
        measured = parts.rounded(Fraction(100 * one.measured.weights, stack.measured.weights) - 100)
        vgg = PUBLISHED["vgg_more"] if (n, k) == (3, 3) else None
        proofs.append(
            Proof(
                _("So many percent more weights in the one layer, rounded"),
                more,
                parts.rounded(100 / pair.weights_ratio - 100),
                measured=measured,
                published=vgg.value if vgg else None,
                source=vgg.source if vgg else "",
            )
        )
    if (n, k) == (2, 3) and settings.fixed is None:
        measured_ratio = Fraction(stack.measured.macs, one.measured.macs)
        proofs.append(
            parts.saved_proof(r"\tfrac{9 + 9}{25}", pair.macs_ratio, measured_ratio, "inception_less")
        )
    area = f"{settings.size}^2"
    kept = Proof(
        _("Numbers that come out of the stack's layers"),
        rf"{n}\cdot {settings.channels}\cdot {area}",
        pair.factored.activations,
        measured=stack.measured.activations,
    )
    return [*proofs, kept]
