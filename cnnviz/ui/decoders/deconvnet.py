"""DeconvNet's symmetry: the indices of every pooling handed over to the unpooling opposite, on a photo and in a decoder."""

from typing import get_args

import numpy as np
import streamlit as st
import torch
from torch import Tensor
from torch.nn import functional as F

from cnnviz.errors import CnnvizError
from cnnviz.figures.decoders import grey, stage_rows
from cnnviz.figures.maps import enlarge
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.training.pictures import pictures
from cnnviz.ui.decoders import shared
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling.decoder import CHANNELS, Indices, index_bits
from cnnviz.upsampling.decoder_code import WEIGHTS_FILE, archive, decoding_code, symmetric_code
from cnnviz.upsampling.symmetric import Handed, Symmetric, there_and_back

SIDE = 320
"""Long side of the photo, in pixels."""
KIND = "unpool_convolve"


def draw(lesson: LessonPage) -> None:
    inputs = {"photo": _("Your photo"), "decoder": _("A trained decoder")}
    if lesson.choice("on", _("Unpool"), inputs, "photo") == "photo":
        _photo(lesson)
    else:
        _decoder(lesson)


# A photo


def _photo(lesson: LessonPage) -> None:
    photo = lesson.photo()
    small = fit(photo.rgb, SIDE)
    controls, stage = lesson.bench()
    with controls:
        depth = lesson.slider("n", _("Pooled and unpooled so often"), 1, 5, 2)
        names = {
            "indices": _("Handed over"),
            "corner": _("Forgotten: into the corner"),
            "spread": _("Forgotten: over the whole window"),
        }
        chosen = lesson.choice("handed", _("Indices"), names, "indices", kind="radio")
        handed: Handed = next(each for each in get_args(Handed) if each == chosen)
    with stage:
        try:
            trip = there_and_back(small.transpose(2, 0, 1).astype(np.float32), depth, handed)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            if _ask(lesson, trip, depth):
                _pictures(lesson, small, trip)
                lesson.prove(*_proofs(trip, depth, handed))
    lesson.section("symmetric")
    height, width = small.shape[:2]
    lesson.code(symmetric_code(photo.code, (height, width), depth, handed), photo)


def _ask(lesson: LessonPage, trip: Symmetric, depth: int) -> bool:
    height, width = trip.sizes[0]
    rows, columns = trip.pooled.shape[1:]
    return lesson.predict(
        _(
            "The photo has {height} × {width} pixels. It is pooled by 2 × 2 {depth} times and unpooled as often, "
            "with the indices. How many pixels of a channel are written in the end?"
        ).format(height=height, width=width, depth=depth),
        rows * columns,
        why=_("One for each cell of the smallest map: {rows} · {columns}.").format(
            rows=rows, columns=columns
        ),
        redraw=["n"],
    )


def _pictures(lesson: LessonPage, small: np.ndarray, trip: Symmetric) -> None:
    height, width = trip.sizes[0]
    rows, columns = trip.pooled.shape[1:]
    share = trip.written.mean()
    middle = enlarge(trip.pooled.transpose(1, 2, 0).astype(np.uint8), max(1, SIDE // max(rows, columns)))
    up = trip.unpooled.transpose(1, 2, 0).astype(np.uint8)
    pictures = (
        (small, _("Photo: {height} × {width}").format(height=height, width=width)),
        (middle, _("Pooled: {height} × {width}").format(height=rows, width=columns)),
        (up, _("Unpooled: {share} of the pixels written").format(share=f"{share:.1%}")),
    )
    with lesson.card():
        for column, (pixels, words) in zip(st.columns(3), pictures, strict=True):
            with column:
                lesson.picture(pixels, words, caption=words)
    words = _("Of what is written, {share} stands where the photo has the same value.")
    st.markdown(words.format(share=f"{trip.at_home:.1%}"))


def _proofs(trip: Symmetric, depth: int, handed: Handed) -> list[Proof]:
    height, width = trip.sizes[0]
    cells = (height // 2**depth) * (width // 2**depth)
    spread = 4**depth if handed == "spread" else 1
    formula = (
        rf"\left\lfloor\tfrac{{{height}}}{{2^{depth}}}\right\rfloor \cdot \left\lfloor\tfrac{{{width}}}{{2^{depth}}}\right\rfloor"
        + (rf" \cdot 4^{depth}" if handed == "spread" else "")
    )
    return [
        Proof(_("Pixels of a channel that are written"), formula, cells * spread, measured=int(trip.written.sum())),
        Proof(
            _("Bits for each index"), r"\log_2 (2 \cdot 2)", 2, measured=int(torch.tensor(4.0).log2()),
            published=2, source="SegNet, arXiv 1511.00561, section III",
        ),
    ]  # fmt: skip


# A trained decoder


def _decoder(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        setup = shared.choose(lesson)
        data = pictures(setup.pictures)
        most = len(data.test)
        number = lesson.slider("i", _("Code of test picture number"), 1, most, 1) - 1
        lender = lesson.slider("lend", _("Indices of test picture number"), 1, most, 4) - 1
    run, _own = shared.trained(lesson, setup)
    codes, indices = run.encode(data.test[[number, lender]])
    own: Indices = (indices[0][:1], indices[1][:1])
    lent: Indices = (indices[0][1:], indices[1][1:])
    decoder = run.decoders[KIND]
    with torch.inference_mode():
        stages = decoder.stages(codes[:1], lent)
        at_home = decoder(codes[:1], own)
    classes = shared.classes(data)
    names = [classes[data.test_labels[index]] for index in (number, lender)]
    with stage:
        away = [
            float((stages.picture[0, 0] - torch.tensor(data.test[each, 0])).pow(2).mean())
            for each in (number, lender)
        ]
        if _ask_whose(lesson, number, lender, away, names):
            _show(lesson, [data.test[number, 0], data.test[lender, 0]], names, away, list(stages), at_home)
            lesson.prove(_written(data.side, lent), _bits(data.side, lent))
    lesson.section("places")
    lesson.code(
        decoding_code(KIND, setup.latent, data.side),
        files=lambda: {
            WEIGHTS_FILE: archive(
                decoder, code=codes[0].numpy(), first=lent[0].numpy(), second=lent[1].numpy()
            )
        },
    )


def _ask_whose(lesson: LessonPage, number: int, lender: int, away: list[float], names: list[str]) -> bool:
    options = {
        "code": _("the picture that the code is of"),
        "indices": _("the picture that the indices are of"),
    }
    return lesson.predict(
        _(
            "The decoder gets the code of test picture {code} ({first}) and the indices of test picture {lender} "
            "({second}). Which of the two does it draw more closely?"
        ).format(code=number + 1, first=names[0], lender=lender + 1, second=names[1]),
        "code" if away[0] <= away[1] else "indices",
        why=_("Mean squared error {code} from the first, {indices} from the second.").format(
            code=f"{away[0]:.3f}", indices=f"{away[1]:.3f}"
        ),
        options=options,
        redraw=["i", "lend"],
        accept=lambda drawn: drawn["i"] != drawn["lend"],
    )


def _show(
    lesson: LessonPage,
    given: list[np.ndarray],
    names: list[str],
    away: list[float],
    stages: list[Tensor],
    at_home: Tensor,
) -> None:
    side = given[0].shape[-1]
    errors = _("error {code} from the first, {indices} from the second").format(
        code=f"{away[0]:.3f}", indices=f"{away[1]:.3f}"
    )
    pictures = (
        (given[0], _("Code of: {name}").format(name=names[0])),
        (given[1], _("Indices of: {name}").format(name=names[1])),
        (stages[-1][0, 0].numpy(), _("Decoded: {errors}").format(errors=errors)),
        (at_home[0, 0].numpy(), _("With its own indices")),
    )
    with lesson.card(), st.container(horizontal=True):
        for pixels, words in pictures:
            lesson.map_image(enlarge(grey(pixels), 192 // side), words, caption=words, width=164)
    titles = (
        _("Small map of the code"),
        _("Unpooled"),
        _("Convolved"),
        _("Unpooled again"),
        _("Convolved again"),
    )
    channels = CHANNELS[0]
    rows = stage_rows([stage[0].numpy() for stage in stages[:-1]], channels, 64)
    for title, stage, row in zip(titles, stages, rows, strict=False):
        filled = float((stage[0] != 0).float().mean())
        shape = " × ".join(map(str, stage.shape[1:]))
        words = _("{title}: {shape}, {filled} of the cells are not zero.").format(
            title=title, shape=shape, filled=f"{filled:.0%}"
        )
        lesson.map_image(row, words, caption=words)


def _bits(side: int, lent: Indices) -> Proof:
    first, second = CHANNELS
    return Proof(
        _("Bits that the indices tell beside the code"),
        rf"2 \cdot \left({first} \cdot {side // 2}^2 + {second} \cdot {side // 4}^2\right)",
        index_bits(side),
        measured=2 * sum(each.numel() for each in lent),
    )


def _written(side: int, lent: Indices) -> Proof:
    """How many cells the first unpooling can write."""
    second = CHANNELS[1]
    ones = torch.ones(lent[1].shape)
    return Proof(
        _("Cells that the first unpooling writes, of four times as many"),
        rf"{second} \cdot {side // 4}^2",
        second * (side // 4) ** 2,
        measured=int((F.max_unpool2d(ones, lent[1], [2, 2]) != 0).sum()),
    )
