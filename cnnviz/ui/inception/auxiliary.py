"""Second view: the gradient that auxiliary classifiers inject into the early modules, and what they weigh."""

from typing import cast

import numpy as np
import streamlit as st

from cnnviz.blocks import inception_measured as measured
from cnnviz.blocks.auxiliary import (
    BLOCKS,
    PAPER_WEIGHT,
    ChainSettings,
    Injected,
    injected,
    total_gradient,
)
from cnnviz.blocks.inception_code import auxiliary_code
from cnnviz.blocks.inception_measured import HEADS, GoogLeNetCount, head_parameters
from cnnviz.blocks.residual import Activation
from cnnviz.figures.inception import GradientWords, gradient_figure
from cnnviz.proof import Proof
from cnnviz.ui.block_graph import block_graph
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

MOST_SEEDS = 5
_SOURCE = "torchvision, GoogLeNet_Weights.IMAGENET1K_V1"

_injected = st.cache_data(max_entries=100, show_spinner=False)(injected)
_count = st.cache_data(show_spinner=False)(measured.googlenet_count)


@st.cache_data(max_entries=100, show_spinner=False)
def _by_autograd(settings: ChainSettings, first: float, second: float) -> tuple[float, int]:
    """By one backward pass through the sum of the losses, seed 0: the first module's norm, and how many modules stay as they were."""
    total, alone = (total_gradient(settings, 0, *weights) for weights in ((first, second), (0.0, 0.0)))
    return float(total[0].norm()), int((total == alone).all(1).sum())


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        blocks = lesson.slider("blocks", _("Modules in a row"), *BLOCKS, 9)
        weight = lesson.fraction("w", _("Weight of the auxiliary losses"), 0.0, 1.0, PAPER_WEIGHT)
        on = (
            lesson.toggle("h1", _("First classifier, after a third"), True),
            lesson.toggle("h2", _("Second classifier, after two thirds"), True),
        )
        names = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}
        chosen = lesson.choice("act", _("Activation"), names, "sigmoid")
        normalise = lesson.toggle("bn", _("BatchNorm"))
        seeds = lesson.slider("seeds", _("Seeds"), 1, MOST_SEEDS, 3)
    settings = ChainSettings(blocks, cast(Activation, chosen), normalise)
    first, second = (weight if each else 0.0 for each in on)
    found = _injected(settings, range(seeds))
    with stage:
        if _ask(lesson, found, first, second):
            _picture(lesson, found, first, second)
        lesson.prove(*_proofs(found, first, second))
    lesson.section("injected")
    lesson.section("later")
    lesson.section("heads")
    block_graph(
        lesson,
        measured.head(HEADS["4a"]),
        (1, HEADS["4a"], 14, 14),
        title=_("The auxiliary classifier behind module 4a"),
    )
    lesson.prove(*_head_proofs(_count()))
    lesson.code(auxiliary_code(settings, range(seeds), first, second))


def _ask(lesson: LessonPage, found: Injected, first: float, second: float) -> bool:
    settings, answer = found.settings, found.untouched(first, second)
    named = ((place, w) for place, w in zip(settings.heads, (first, second), strict=True))
    losses = [_("module {place}, weight {weight}").format(place=p, weight=f"{w:g}") for p, w in named]
    question = _(
        "{blocks} modules in a row; auxiliary classifiers behind {losses}. How many modules get exactly the same "
        "gradient as without them?"
    ).format(blocks=settings.blocks, losses="; ".join(losses))
    if answer == settings.blocks:
        why = _("A loss with the weight 0 sends nothing back.")
    else:
        why = _(
            "A gradient only goes back: those behind the last classifier at work, {blocks} − {place} of them."
        ).format(blocks=settings.blocks, place=settings.blocks - answer)
    return lesson.predict(question, answer, why=why, redraw=["blocks", "h1", "h2"])


def _picture(lesson: LessonPage, found: Injected, first: float, second: float) -> None:
    without, with_heads = found.norms(), found.norms(first, second)
    places = [place for place, w in zip(found.settings.heads, (first, second), strict=True) if w]
    words = GradientWords(
        _("the last loss alone"),
        _("with the auxiliary losses"),
        _("Module"),
        _("‖∂L/∂W‖ of the module"),
        _("classifier"),
    )
    before, after = (float(np.median(norms[:, 0])) for norms in (without, with_heads))
    end = float(np.median(without[:, -1]))
    said = _(
        "At the first of {blocks} modules the gradient's norm is {before} without the auxiliary losses and {after} with them: "
        "{times} times as much. At the last it is {end} either way. Medians over {seeds} seeds."
    ).format(
        blocks=found.settings.blocks,
        before=_short(before),
        after=_short(after),
        times=_short(after / before),
        end=_short(end),
        seeds=len(without),
    )
    with lesson.card():
        lesson.figure(gradient_figure(without, with_heads, places, words), said, name="gradients")
        st.markdown(said)


def _short(value: float) -> str:
    """Two digits, and a power of ten where the number is very small or large.

    >>> _short(1.7e-7), _short(2217.7), _short(0.3)
    ('1.7·10⁻⁷', '2,200', '0.3')
    """
    if value == 0 or 1e-3 <= value < 1e6:
        return f"{float(f'{value:.2g}'):,g}"
    mantissa, _e, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}·10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def _latex(value: float) -> str:
    mantissa, _e, exponent = f"{value:.3e}".partition("e")
    return rf"{mantissa}\cdot 10^{{{int(exponent)}}}" if int(exponent) else mantissa


def _proofs(found: Injected, first: float, second: float) -> list[Proof]:
    settings = found.settings
    norm, same = _by_autograd(settings, first, second)
    v, g = np.array([0.0, first, second]), found.products[0, 0]
    injected_square, along = float(v @ g @ v), float(g[0] @ v)
    place = settings.blocks - found.untouched(first, second)
    return [
        Proof(
            _("Gradient's norm at the first module, seed 0"),
            rf"\sqrt{{\|g_0\|^2 + 2\, g_0\!\cdot\! a + \|a\|^2}} = "
            rf"\sqrt{{{_latex(float(g[0, 0]))} + 2\cdot ({_latex(along)}) + {_latex(injected_square)}}}",
            float(found.norms(first, second)[0, 0]),
            measured=norm,
            tolerance=1e-6,
            why=_(
                "g₀ is the gradient of the last loss, a that of the weighted auxiliary losses; PyTorch goes back once, through their sum."
            ),
        ),
        Proof(
            _("Modules whose gradient stays exactly as it was"),
            rf"{settings.blocks} - {place}",
            found.untouched(first, second),
            measured=same,
        ),
    ]


def _head_proofs(count: GoogLeNetCount) -> list[Proof]:
    formulas = [
        rf"{channels}\cdot 128 + 2\cdot 128 + (2048\cdot 1024 + 1024) + (1024\cdot 1000 + 1000)"
        for channels in HEADS.values()
    ]
    sizes = [head_parameters(channels) for channels in HEADS.values()]
    name = _("Parameters of the auxiliary classifier behind module {name}")
    heads = [
        Proof(name.format(name=module), formula, size, measured=found)
        for module, formula, size, found in zip(HEADS, formulas, sizes, count.heads, strict=True)
    ]
    full = count.documented + sum(sizes)
    return [
        *heads,
        Proof(
            _("Parameters of GoogLeNet with both"),
            " + ".join(map(str, (count.documented, *sizes))),
            full,
            measured=count.full,
        ),
        Proof(
            _("Parameters of GoogLeNet without them"),
            rf"{count.full} - {sizes[0]} - {sizes[1]}",
            count.full - sum(sizes),
            measured=count.without,
            published=count.documented,
            source=_SOURCE,
        ),
        Proof(
            _("Size of the file of weights, in MiB"),
            rf"\tfrac{{4\cdot {full}}}{{2^{{20}}}}",
            4 * full / 2**20,
            measured=count.kept_mib,
            published=count.file_mib,
            source=_SOURCE,
            tolerance=0.005,
            why=_(
                "So the published file holds the classifiers, though the documented count leaves them out. The running statistics of the BatchNorms, and the file's own frame, make the rest."
            ),
        ),
    ]
