"""The space of codes as a map of decoded pictures: pick a place, and its code is decoded."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.figures.decoders import PlaneLabels, grey, plane_figure, sheet
from cnnviz.figures.maps import enlarge
from cnnviz.images import encode_png
from cnnviz.proof import Proof
from cnnviz.training.autoencoder import Plane, Setup, Trained, plane
from cnnviz.training.pictures import Pictures, pictures
from cnnviz.ui import state
from cnnviz.ui.decoders import shared
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling.decoder import Indices
from cnnviz.upsampling.decoder_code import WEIGHTS_FILE, archive, decoding_code

CELLS = 11
"""Decoded pictures in a row and in a column of the map."""
REACH = 1.2
"""How far the map goes from the mean code, in units of two standard deviations."""


@dataclass(frozen=True, eq=False)
class _Place:
    """What is picked: its place in the plane, its code, and the encoded test picture nearest to it."""

    at: tuple[float, float]
    code: Tensor
    nearest: int
    distance: float


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        setup = shared.choose(lesson)
        kind = shared.choose_kind(lesson)
        data = pictures(setup.pictures)
        lender = 0
        if shared.needs_indices(kind):
            lender = lesson.slider("lend", _("Indices of test picture number"), 1, len(data.test), 1) - 1
    run, own = shared.trained(lesson, setup)
    codes, indices = run.encode(data.test)
    flat = plane(codes)
    first, second = (each[lender : lender + 1] for each in indices)
    lent = (first, second) if shared.needs_indices(kind) else None
    with stage:
        place = _place(lesson, flat, codes)
        if _ask(lesson, data, place):
            _show(lesson, run, kind, data, flat, place, lent, own)
            lesson.prove(_share_proof(setup, codes, flat))
    lesson.section("map")
    lesson.section("lent")
    given = {"first": first.numpy(), "second": second.numpy()} if lent else {}
    lesson.code(
        decoding_code(kind, setup.latent, data.side),
        files=lambda: {WEIGHTS_FILE: archive(run.decoders[kind], code=place.code.numpy(), **given)},
    )


def _coordinates(row: int, column: int) -> tuple[float, float]:
    """Right and up, from −REACH to REACH."""
    step = 2 * REACH / (CELLS - 1)
    return column * step - REACH, REACH - row * step


def _place(lesson: LessonPage, flat: Plane, codes: Tensor) -> _Place:
    stored = lesson.linked("cell", (CELLS // 2, CELLS // 2), state.cells(2))
    row, column = (min(max(each, 0), CELLS - 1) for each in (*stored, 0)[:2])
    at = _coordinates(row, column)
    code = flat.code(*at)
    away = (codes - code).norm(dim=1)
    nearest = int(away.argmin())
    return _Place(at, code, nearest, float(away[nearest]))


def _ask(lesson: LessonPage, data: Pictures, place: _Place) -> bool:
    classes = shared.classes(data)
    right, up = place.at
    question = _(
        "A point is picked in the space of codes: {right} to the right, {up} up. What does the test picture "
        "whose code lies nearest to it show?"
    )
    return lesson.predict(
        question.format(right=f"{right:+.2f}", up=f"{up:+.2f}"),
        str(data.test_labels[place.nearest]),
        why=_("Its code is {distance} away.").format(distance=f"{place.distance:.2f}"),
        options={str(index): name for index, name in enumerate(classes)},
        redraw=["d", "z", "cell"],
        accept=shared.fair,
    )


def _decode(run: Trained, kind: str, codes: Tensor, lent: Indices | None) -> NDArray[np.float32]:
    if lent is None:
        return run.decode(kind, codes, None)
    first, second = (each.expand(len(codes), -1, -1, -1) for each in lent)
    return run.decode(kind, codes, (first, second))


def _show(
    lesson: LessonPage,
    run: Trained,
    kind: str,
    data: Pictures,
    flat: Plane,
    place: _Place,
    lent: Indices | None,
    own: bool,
) -> None:
    places = [_coordinates(row, column) for row in range(CELLS) for column in range(CELLS)]
    tiles = _decode(run, kind, torch.stack([flat.code(*at) for at in places]), lent)
    left, right = st.columns([3, 2])
    classes = shared.classes(data)
    with left, lesson.card():
        words = _(
            "Map of {count} × {count} pictures decoded from a plane in the space of codes, by {name}. Neighbours look alike."
        )
        lesson.pick_cell(
            "cell",
            encode_png(sheet(tiles, CELLS, 48)),
            CELLS,
            CELLS,
            (CELLS // 2, CELLS // 2),
            alt=words.format(count=CELLS, name=shared.names()[kind]),
            label=_("Decode this place"),
        )
        st.caption(
            _(
                "Click, or use the arrow keys and Enter. The plane holds {share} of the codes' variance."
            ).format(share=f"{flat.share:.0%}")
        )
    with right:
        decoded = _decode(run, kind, place.code[None], lent)[0]
        factor = 192 // data.side
        numbers = ", ".join(f"{value:.2f}" for value in place.code.tolist())
        nearest = classes[data.test_labels[place.nearest]]
        pair = (
            (decoded, _("Decoded here"), _("Decoded from the code {numbers}.").format(numbers=numbers)),
            (
                data.test[place.nearest, 0],
                _("Nearest test picture: {name}").format(name=nearest),
                _("The test picture whose code is nearest: {name}, {distance} away.").format(
                    name=nearest, distance=f"{place.distance:.2f}"
                ),
            ),
        )
        with st.container(horizontal=True):
            for pixels, caption, alt in pair:
                lesson.map_image(enlarge(grey(pixels), factor), alt, caption=caption, width=140)
        st.markdown(_("Code: {numbers}").format(numbers=f"`{numbers}`"))
        if not own:
            st.caption(_("The finished run that comes with this page."))
    labels = PlaneLabels(_("first direction"), _("second direction"), classes, _("picked"))
    at = ", ".join(f"{value:+.2f}" for value in place.at)
    alt = _("The codes of the test pictures in the same plane, a sign for each class; picked: {at}.")
    lesson.figure(
        plane_figure(flat.places, data.test_labels, place.at, REACH, labels), alt.format(at=at), name="plane"
    )


def _share_proof(setup: Setup, codes: Tensor, flat: Plane) -> Proof:
    """The plane's share, by eigenvalues."""
    away = (codes - codes.mean(0)).double()
    eigenvalues = torch.linalg.eigvalsh(away.T @ away / (len(codes) - 1)).flip(0)
    biggest = " + ".join(f"{value:.3g}" for value in eigenvalues[:2].tolist())
    return Proof(
        _("Share of the codes' variance in the plane"),
        rf"\frac{{\lambda_1 + \lambda_2}}{{\sum_{{i=1}}^{{{setup.latent}}} \lambda_i}} = "
        rf"\frac{{{biggest}}}{{{float(eigenvalues.sum()):.3g}}}",
        float(eigenvalues[:2].sum() / eigenvalues.sum()),
        measured=flat.share,
        tolerance=1e-4,
        why=_("The eigenvalues of the codes' covariance against the spread measured along the two axes."),
    )
