"""The photo made smaller, and larger again by every operator, under one magnifying glass."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from cnnviz.errors import CnnvizError
from cnnviz.figures.maps import outline
from cnnviz.figures.upsampling import window
from cnnviz.images import fit
from cnnviz.ui.language import _, explain
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import OWN, Photo
from cnnviz.ui.upsampling.board import Picture, Refused, picture_board
from cnnviz.ui.upsampling.proofs import photo_proof
from cnnviz.ui.upsampling.settings import Setup, setup
from cnnviz.upsampling.bench_code import photo_code
from cnnviz.upsampling.panels import Panel, enlarge, halves
from cnnviz.upsampling.quality import Quality

SIDE = 256
"""Long side of the photo in pixels: PSNR and SSIM of all operators in a tenth of a second."""
ORIGINAL = "original"
_GUESSED = ("nearest", "bilinear", "bicubic", "transposed", "resize_convolve", "subpixel")


@dataclass(frozen=True, eq=False)
class Shown:
    """What an operator made of the photo.

    Attributes:
        pixels: (H', W', 3).
        quality: None where the size differs from the original's.
        error: mean squared error, of values from 0 to 1; 0 where it can't be told.
        torch_error: the same, by PyTorch.
    """

    pixels: NDArray[np.uint8]
    quality: Quality | None
    error: float
    torch_error: float


def _shown(rgb: NDArray[np.uint8], factor: int, panel: Panel) -> Shown:
    small, full = halves(rgb.transpose(2, 0, 1) / 255, factor)
    made = enlarge(panel, small, full)
    output = made.output.clip(0, 1)
    error = by_torch = 0.0
    if made.quality:
        error = float(((full - output) ** 2).mean())
        by_torch = float(F.mse_loss(torch.from_numpy(output), torch.from_numpy(full)))
    return Shown(np.rint(255 * output).astype(np.uint8).transpose(1, 2, 0), made.quality, error, by_torch)


@st.cache_data(max_entries=256, show_spinner=False)
def _of_sample(sample: str, factor: int, panel: Panel, _rgb: NDArray[np.uint8]) -> Shown:
    return _shown(_rgb, factor, panel)


@st.cache_data(max_entries=32, show_spinner=False, scope="session")
def _of_own(rgb: NDArray[np.uint8], factor: int, panel: Panel) -> Shown:
    return _shown(rgb, factor, panel)


def _make(photo: Photo, rgb: NDArray[np.uint8], factor: int, panel: Panel) -> Shown | CnnvizError:
    try:
        if photo.id == OWN:
            return _of_own(rgb, factor, panel)
        return _of_sample(photo.id, factor, panel, rgb)
    except CnnvizError as error:
        return error


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    photo = lesson.photo()
    rgb = fit(photo.rgb, SIDE)
    controls, stage = lesson.bench()
    with controls:
        glass = lesson.slider("zoom", _("Window, in pixels"), 8, 96, 48, step=8)
        left = lesson.slider("x", _("From the left, in %"), 0, 100, 45)
        top = lesson.slider("y", _("From the top, in %"), 0, 100, 35)
        chosen = setup(lesson, layer)
    factor, size = chosen.factor, (rgb.shape[0], rgb.shape[1])
    made = {id: _make(photo, rgb, factor, panel) for id, panel in chosen.panels.items()}
    working = {id: each for id, each in made.items() if isinstance(each, Shown)}
    original = rgb[: size[0] // factor * factor, : size[1] // factor * factor]
    with stage:
        if working:
            with controls:
                _overview(lesson, photo, original, glass, (left, top))
            told = _ask(lesson, chosen, working)
            if original.shape != rgb.shape:
                st.caption(_cut_off(rgb, original, factor))
            with lesson.card():
                _board(lesson, chosen, original, made, (glass, left, top), told)
            if told:
                st.markdown(_table(chosen, working), unsafe_allow_html=True)
                looked = working.get(chosen.chosen)
                if looked and looked.quality and looked.error:
                    lesson.prove(photo_proof(looked.error, looked.torch_error, looked.quality))
        else:
            lesson.problem(next(each for each in made.values() if isinstance(each, CnnvizError)))
    lesson.section("photo")
    lesson.section("odd")
    side = next((each.quality.window for each in working.values() if each.quality), 0)
    lesson.code(photo_code(photo.code, size, factor, [chosen.panels[id] for id in working], side), photo)


def _cut_off(rgb: NDArray[np.uint8], original: NDArray[np.uint8], factor: int) -> str:
    words = _(
        "{rows} × {columns} pixels don't divide by {factor}: what no whole block covers is cut off, and "
        "{height} × {width} are compared."
    )
    return words.format(
        rows=rgb.shape[0],
        columns=rgb.shape[1],
        factor=factor,
        height=original.shape[0],
        width=original.shape[1],
    )


def _overview(
    lesson: LessonPage, photo: Photo, original: NDArray[np.uint8], glass: int, place: tuple[int, int]
) -> None:
    """The whole photo with the window framed."""
    top, left, bottom, right = window(original.shape, glass, place)
    words = _("Framed: rows {top} to {bottom}, columns {left} to {right}").format(
        top=top + 1, bottom=bottom, left=left + 1, right=right
    )
    framed = outline(original, (left, top, right, bottom), thickness=2)
    lesson.picture(framed, f"{photo.alt} {words}", caption=words)


def _ask(lesson: LessonPage, chosen: Setup, working: dict[str, Shown]) -> bool:
    """Which operator comes closest to the original?"""
    ranks = {
        id: each.quality.psnr for id, each in working.items() if id in _GUESSED and each.quality is not None
    }
    if len(ranks) < 2:
        return True
    best = max(ranks, key=lambda id: ranks[id])
    return lesson.predict(
        _(
            "Made {factor} times smaller, and larger again: which of these comes closest to the original, by PSNR?"
        ).format(factor=chosen.factor),
        best,
        why=_("Its PSNR is {psnr} dB.").format(psnr=f"{ranks[best]:.2f}"),
        options={id: _(chosen.panels[id].title) for id in ranks},
        redraw=["f", "tk", "mode", "ck", "init"],
    )


def _board(
    lesson: LessonPage,
    chosen: Setup,
    original: NDArray[np.uint8],
    made: dict[str, Shown | CnnvizError],
    place: tuple[int, int, int],
    told: bool,
) -> None:
    glass, *percent = place

    def crop(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        top, left, bottom, right = window(pixels.shape, glass, (percent[0], percent[1]))
        return pixels[top:bottom, left:right]

    first = Picture(
        id=ORIGINAL,
        title=_("The original"),
        pixels=crop(original),
        note="",
        alt=_("The original in the window"),
    )
    panels: list[Picture | Refused] = [first]
    for id, each in made.items():
        title = _(chosen.panels[id].title)
        if isinstance(each, CnnvizError):
            panels.append(Refused(id=id, title=title, error=explain(each)))
            continue
        note = _quality(each, original.shape) if told else ""
        alt = _("{operator} in the same window. {quality}").format(operator=title, quality=note)
        panels.append(Picture(id=id, title=title, pixels=crop(each.pixels), note=note, alt=alt))

    picture_board(lesson, panels, chosen.chosen, colours=True)


def _quality(each: Shown, size: tuple[int, ...]) -> str:
    """PSNR and SSIM in words, or why there are none."""
    if each.quality is None:
        words = _("{rows} × {columns} instead of {height} × {width}: not to be compared")
        return words.format(
            rows=each.pixels.shape[0], columns=each.pixels.shape[1], height=size[0], width=size[1]
        )
    return f"PSNR {_decibels(each.quality)}, SSIM {_similarity(each.quality)}"


def _decibels(quality: Quality) -> str:
    return "∞ dB" if np.isinf(quality.psnr) else f"{quality.psnr:.2f} dB"


def _similarity(quality: Quality) -> str:
    return "–" if quality.ssim is None else f"{quality.ssim:.3f}"


def _table(chosen: Setup, working: dict[str, Shown]) -> str:
    """All that can be compared, the closest first."""
    rows = sorted(
        ((id, each.quality) for id, each in working.items() if each.quality is not None),
        key=lambda row: -row[1].psnr,
    )
    operator, label = _("Operator"), _("PSNR and SSIM of every operator")
    lines = [f"| {operator} | PSNR | SSIM |", "|:--|--:|--:|"]
    lines += [
        f"| {_(chosen.panels[id].title)} | {_decibels(quality)} | {_similarity(quality)} |"
        for id, quality in rows
    ]
    table = "\n".join(lines)
    return f'<div style="overflow:auto" tabindex="0" role="region" aria-label="{label}">\n\n{table}\n\n</div>'
