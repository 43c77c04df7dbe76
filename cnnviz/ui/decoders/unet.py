"""U-Net's concatenation, and what odd sizes do to it."""

from typing import get_args

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.decoders import SizeLabels, ladder_figure, unet_figure
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling.decoder_code import ladder_code, unet_code
from cnnviz.upsampling.odd_sizes import (
    Cure,
    Ladder,
    UNetSizes,
    fitting_sizes,
    ladder,
    measure,
    run_unet,
    unet,
)

LARGEST = 300


def draw(lesson: LessonPage) -> None:
    kinds = {"own": _("Any size, padded"), "paper": _("The published U-Net")}
    if lesson.choice("net", _("Network"), kinds, "own") == "own":
        _own(lesson)
    else:
        _paper(lesson)


# Any size


def _own(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        height = lesson.slider("h", _("Height"), 2, LARGEST, 7)
        width = lesson.slider("w", _("Width"), 2, LARGEST, 7)
        depth = lesson.slider("n", _("Halved so often"), 1, 5, 1)
        names = {
            "none": _("Nothing"),
            "output_padding": _("Output padding"),
            "pad": _("Pad what is doubled"),
            "crop": _("Crop the skip"),
            "size": _("Resize to the skip's size"),
        }
        chosen = lesson.choice("cure", _("Cure"), names, "none", kind="list")
        cure: Cure = next(each for each in get_args(Cure) if each == chosen)
    with stage:
        try:
            sizes = ladder((height, width), depth, cure)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            if _ask(lesson, sizes):
                _show(lesson, sizes)
                lesson.prove(*_proofs(sizes, depth))
    lesson.section("odd")
    lesson.section("cures")
    lesson.code(ladder_code((height, width), depth, cure))


def _ask(lesson: LessonPage, sizes: Ladder) -> bool:
    bare = ladder(sizes.input, len(sizes.down) - 1)
    answer = len(bare.levels) if bare.stuck else 0
    why = _("Halved, the sides are {sizes}: an odd one that is halved and doubled comes back short by 1.")
    return lesson.predict(
        _(
            "A map of {height} × {width} is halved {depth} times, and doubled as often. Without a cure: which "
            "concatenation, counted from the bottom, is the first that fails? 0 for none."
        ).format(height=sizes.input[0], width=sizes.input[1], depth=len(sizes.down) - 1),
        answer,
        why=why.format(sizes=", ".join(f"{a} × {b}" for a, b in sizes.down)),
        redraw=["h", "w", "n"],
        accept=lambda drawn: min(drawn["h"], drawn["w"]) >= 2 ** drawn["n"],
    )


def _show(lesson: LessonPage, sizes: Ladder) -> None:
    down = " → ".join(f"{a} × {b}" for a, b in sizes.down)
    end = f"{sizes.output[0]} × {sizes.output[1]}" if sizes.output else _("stuck")
    alt = _("Encoder and decoder: down {down}; up to {end}.").format(down=down, end=end)
    labels = SizeLabels(_("pool ÷ 2"), "× 2 →", _("copy"), _("stuck"), alt)
    with lesson.card():
        st.markdown(ladder_figure(sizes, labels), unsafe_allow_html=True)
    if (stuck := sizes.stuck) is not None:
        told = measure(stuck, sizes.cure).error
        st.error(
            _("PyTorch stops at {size}:").format(size=f"{stuck.skip[0]} × {stuck.skip[1]}") + f" `{told}`"
        )
        depth = len(sizes.down) - 1
        (low, high), (left, right) = (fitting_sizes(side, depth) for side in sizes.input)
        if low and left:
            words = _("Sizes that fit without a cure: {small} or {large}.")
            st.markdown(words.format(small=f"{low} × {left}", large=f"{high} × {right}"))
    elif sizes.output != sizes.input:
        words = _("The output is {output}, smaller than the input: what was cropped is not labelled.")
        st.markdown(words.format(output=end))


def _proofs(sizes: Ladder, depth: int) -> list[Proof]:
    height, width = sizes.input
    proofs = [
        Proof(
            _("Smallest map"),
            rf"\left\lfloor\frac{{{height}}}{{2^{depth}}}\right\rfloor \times "
            rf"\left\lfloor\frac{{{width}}}{{2^{depth}}}\right\rfloor",
            (height // 2**depth, width // 2**depth),
            measured=sizes.down[-1],
        )
    ]
    for level in sizes.levels:
        found = measure(level, sizes.cure)
        joined = level.joined
        a, b = level.below
        proofs.append(
            Proof(
                _("Concatenation at {size}").format(size=f"{level.skip[0]} × {level.skip[1]}"),
                rf"2 \cdot ({a}, {b}) = ({2 * a}, {2 * b}) \rightarrow \text{{cat}}",
                joined if joined is not None else "✕",
                measured=found.size if found.size is not None else "✕",
            )
        )
    return proofs


# The paper's


def _paper(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        side = lesson.slider("side", _("Side of the input"), 140, 700, 572, step=2)
    with stage:
        try:
            sizes = unet(side)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            if _ask_paper(lesson, side, sizes):
                _show_paper(lesson, side, sizes)
    lesson.section("paper")
    lesson.code(unet_code(side))


def _ask_paper(lesson: LessonPage, side: int, sizes: UNetSizes) -> bool:
    return lesson.predict(
        _("No convolution is padded: how wide is the output for an input of {side}?").format(side=side),
        sizes.output,
        why=_(
            "Each pair of 3 × 3 convolutions takes 4 pixels; between them the sides are {down}, and back up."
        ).format(down=" → ".join(map(str, sizes.down))),
        redraw=["side"],
        accept=lambda drawn: drawn["side"] >= 188 and drawn["side"] % 16 == 12,
    )


def _show_paper(lesson: LessonPage, side: int, sizes: UNetSizes) -> None:
    crops = ", ".join(f"{skip} → {cropped}" for skip, cropped in sizes.skips)
    alt = _("U-Net for an input of {side}: down {down}; skips cropped {crops}; output {output}.")
    labels = SizeLabels(
        _("pool ÷ 2"), "× 2 →", _("crop, copy"), _("stuck"),
        alt.format(side=side, down=" → ".join(map(str, sizes.down)), crops=crops, output=sizes.output),
    )  # fmt: skip
    with lesson.card():
        st.markdown(unet_figure(sizes, labels), unsafe_allow_html=True)
    if not sizes.even:
        st.warning(
            _("Not every map that is pooled has an even side, which the paper asks for: rows are lost.")
        )
    published = side == 572
    lesson.prove(
        Proof(
            _("Side of the output"),
            _formula(side, sizes),
            sizes.output,
            measured=_run(side, False),
            published=388 if published else None,
            source="Ronneberger et al. 2015, arXiv 1505.04597, figure 1",
        ),
        Proof(
            _("Side of the smallest map"),
            _down_formula(side),
            sizes.down[-1],
            measured=_run(side, True),
            published=28 if published else None,
            source="arXiv 1505.04597, figure 1",
        ),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _run(side: int, bottom: bool) -> int:
    return run_unet(side, bottom=bottom)


def _down_formula(side: int) -> str:
    formula = f"({side} - 4)"
    for level in range(4):
        formula = rf"\lfloor {formula}/2\rfloor - 4"
        formula = rf"({formula})" if level < 3 else formula
    return formula


def _formula(side: int, sizes: UNetSizes) -> str:
    formula = str(sizes.down[-1])
    for _level in range(4):
        formula = rf"2\,({formula}) - 4" if _level else rf"2 \cdot {formula} - 4"
    return formula
