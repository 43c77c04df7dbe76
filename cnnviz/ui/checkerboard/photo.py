"""Second view: the pattern on a photo, and its spectrum."""

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.checkerboard import ProfileWords, detail, profile_figure, spectrum_picture
from cnnviz.layers.convolution import Floats
from cnnviz.proof import Proof
from cnnviz.ui.checkerboard.shared import DETAIL, HALF, Small, look, percent, share_proof, small
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling import learned_kernel
from cnnviz.upsampling.checkerboard import Pattern, make_kernel, pattern, untouched
from cnnviz.upsampling.checkerboard_code import pattern_code
from cnnviz.upsampling.learned_kernel import Task, descend, squared_error
from cnnviz.upsampling.operator import Kernel

STEPS = ("0", "1", "3", "10", "30", "100", "300", "1000")
_SEEDS = 999


# Never shared: the photo may be a visitor's own.
@st.cache_data(max_entries=8, show_spinner=False, scope="session")
def _task(picture: Floats, k: int, s: int) -> Task:
    return learned_kernel.task(picture, k, s)


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    photo = lesson.photo()
    controls, stage = lesson.bench()
    with controls:
        kinds = {"uniform": _("uniform"), "random": _("random"), "trained": _("trained")}
        kind = lesson.choice("kind", _("Kernel"), kinds, "uniform", kind="pills")
        steps = 0
        if kind == "trained":
            names = {count: count for count in STEPS}
            steps = int(lesson.choice("steps", _("Training steps"), names, "3", kind="list"))
        k = lesson.slider("k", _("Kernel size"), 1, 8, 3)
        s = lesson.slider("s", _("Stride"), 2, 4, 2)
        depth = lesson.slider("layers", _("Layers in a row"), 1, 3, 1)
        if kind != "uniform":
            layer.reseed_button()
    seed, period, source = layer.seed % _SEEDS, s**depth, ""
    start = make_kernel("uniform" if kind == "uniform" else "random", k, s, seed)
    try:
        given = small(photo, period)
        with controls:
            middle = look(lesson, given, photo.alt)
        task = _task(given.x, k, s) if kind == "trained" else None
        kernel = descend(task, start, steps) if task else start
        made = pattern(given.tiny, kernel, s, depth)
        original = untouched(given.x, period)
    except CnnvizError as error:
        with stage:
            lesson.problem(error)
    else:
        with stage:
            if _ask(lesson, s, depth):
                _pictures(lesson, given, made, original, middle, period)
                st.markdown(_remark(k, s, kind, made, original))
            proofs = [share_proof(_("The grid's share of the power, in %"), made, period)]
            if task:
                proofs.append(_loss_proof(task, start, kernel, given))
            lesson.prove(*proofs)
        source = pattern_code(photo.code, given.size, start, s, depth, steps, task.rate if task else 0.0)
    lesson.section("photo")
    lesson.section("trained")
    if source:
        lesson.code(source, photo)


def _ask(lesson: LessonPage, s: int, depth: int) -> bool:
    question = _(
        "Transposed convolutions in a row: {layers}, with a stride of {s}. If a grid is left, after how many pixels "
        "does it repeat?"
    )
    return lesson.predict(
        question.format(layers=depth, s=s),
        s**depth,
        why=_("Each layer spreads what came before by the stride: ${s}^{layers} = {all}$.").format(
            s=s, layers=depth, all=s**depth
        ),
        redraw=["s", "layers"],
    )


def _pictures(
    lesson: LessonPage,
    given: Small,
    made: Pattern,
    original: Pattern,
    middle: tuple[float, float],
    period: int,
) -> None:
    top = max(float(each.spectrum.power.max()) for each in (made, original))
    alt = _(
        "{name}: the grid's frequencies hold {share} of the power. Its levels lie between {low} and {high}; a part of it is shown."
    )
    both = ((_("Original"), original), (_("Upsampled"), made))
    with lesson.card(), st.container(horizontal=True):
        for name, each in both:
            size = f"{each.output.shape[1]} × {each.output.shape[2]}"
            words = alt.format(
                name=name,
                share=percent(each.peak_ratio),
                low=f"{each.output.min():.2f}",
                high=f"{each.output.max():.2f}",
            )
            part = detail(each.output, middle, DETAIL, HALF)
            lesson.picture(part, words, caption=f"{name}, {size}", width=HALF)
        for name, each in both:
            caption = _("Its spectrum; at the grid's frequencies: {share}")
            caption = caption.format(share=percent(each.peak_ratio))
            lesson.picture(
                spectrum_picture(each.spectrum, top, HALF), f"{name}. {caption}", caption=caption, width=HALF
            )
    labels = ProfileWords(
        _("original"), _("upsampled"), _("horizontal frequency, cycles per pixel"), _("power")
    )
    said = _(
        "Power by frequency. The multiples of 1 / {period} hold {share} of it, in the original {before}."
    )
    lesson.figure(
        profile_figure(original.spectrum, made.spectrum, period, labels),
        said.format(period=period, share=percent(made.peak_ratio), before=percent(original.peak_ratio)),
        name="profile",
    )


def _remark(k: int, s: int, kind: str, made: Pattern, original: Pattern) -> str:
    said = _(
        "The grid's frequencies hold **{share}** of the power; in the original, where there is no grid, {before}."
    )
    words = said.format(share=percent(made.peak_ratio), before=percent(original.peak_ratio))
    if k % s == 0 and kind == "random":
        words += " " + _(
            "{s} divides {k}, so every pixel is written equally often, but random weights don't add up to the same in "
            "every phase: a grid remains."
        ).format(s=s, k=k)
    return words


def _loss_proof(task: Task, start: Kernel, kernel: Kernel, given: Small) -> Proof:
    """The loss as a function of the weights, and as PyTorch measures it on the pixels."""
    why = _("Before training it was {loss}.").format(loss=f"{task.loss(start):.4g}")
    return Proof(
        _("Mean squared error of one layer"),
        r"w^\top G\, w - 2\, b^\top w + c",
        task.loss(kernel),
        measured=squared_error(given.x, kernel, task.stride),
        tolerance=1e-6,
        why=why,
    )
