"""The same window on a photo."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.convolution import kernel_sheet
from cnnviz.images import encode_jpeg, encode_png, fit
from cnnviz.layers import convolution, grids, kernels
from cnnviz.layers.convolution import ConvolutionResult, ConvolutionSettings, Floats
from cnnviz.layers.convolution_code import photo_code
from cnnviz.layers.kernels import Colour, Display, FilteredPhoto
from cnnviz.ui import state
from cnnviz.ui.cells import Box
from cnnviz.ui.convolution.asking import ask_rows
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.layer_proofs import cell_proof, cost_proofs, size_proofs
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo
from cnnviz.ui.window import Cell, Numbers, window_explorer
from cnnviz.ui.window_view import convolution_view, window_labels
from cnnviz.zoo import efficientnet_lite0

SIDE = 400
"""Long side of the photo, in pixels: small enough that a 3×3 kernel makes a visible difference."""
SHEET = (4, 8)


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    photo = lesson.photo()
    controls, stage = lesson.bench()
    with controls:
        kernel, settings, colour = _kernel(lesson, layer)
        display = _display(lesson, kernel)
    source = ""
    with stage:
        try:
            source = _filtered(lesson, layer, photo, kernel, settings, colour, display)
        except CnnvizError as error:
            lesson.problem(error)
    for anchor in ("photo", "learned"):
        lesson.section(anchor)
    if source:
        lesson.code(source, photo)


# Controls


@st.cache_data(show_spinner=False)
def _learned() -> tuple[Floats, bytes]:
    """The first kernels of the network, (32, 3, 3, 3), and a sheet with small pictures of them."""
    weight = efficientnet_lite0.load().first_layer_kernels().numpy().astype(np.float64)
    return weight, encode_png(kernel_sheet(weight, columns=SHEET[1]))


def _kernel(lesson: LessonPage, layer: LayerControls) -> tuple[Floats, ConvolutionSettings, Colour | None]:
    """The kernel, (kh, kw) or (3, kh, kw); its layer; what it slides over, None for a network's own input."""
    sources = {"named": _("by name"), "learned": _("learned")}
    if lesson.choice("from", _("Which kernel"), sources, "named") == "learned":
        weight, sheet = _learned()
        words = _("The 32 kernels of EfficientNet-Lite0's first layer, as small colour pictures. Pick one.")
        row, column = lesson.pick_cell(
            "unit", sheet, *SHEET, (1, 7), alt=words, label=_("Pick a learned kernel")
        )
        st.caption(words)
        settings = ConvolutionSettings((3, 3), in_channels=3, **layer.sliding())
        return weight[SHEET[1] * row + column], settings, None
    chosen, kernel_size = layer.kernel()
    over = {"grey": _("grey"), "each": "R, G, B"}
    each = lesson.choice("over", _("Slides over"), over, "grey") == "each"
    settings = ConvolutionSettings(kernel_size, **layer.sliding())
    if chosen == grids.RANDOM:
        layer.reseed_button()
    kernel = layer.weights(chosen, settings)[0, 0]
    if each:
        return kernel, replace(settings, in_channels=3, out_channels=3, groups=3), "each channel"
    return kernel, settings, "grey"


def _displays() -> dict[Display, str]:
    return {
        "clip": _("cut off at 0 and 255"),
        "absolute": _("without their signs"),
        "shift": _("0 as middle grey, cut off beyond ±127"),
        "stretch": _("0 as middle grey, the largest as black or white"),
    }


def _display(lesson: LessonPage, kernel: Floats) -> Display:
    """How results become a picture; a kernel that keeps the brightness needs no trick."""
    fitting: Display = "stretch"
    if kernel.ndim == 2:
        fitting = "clip" if abs(kernel.sum() - 1) < 0.01 else "shift"
    displays = _displays()
    options = {"auto": _("as suits the kernel")} | {str(name): words for name, words in displays.items()}
    chosen = lesson.choice("shown", _("Results are shown"), options, "auto", kind="list")
    return next((display for display in displays if display == chosen), fitting)


# Stage


def _filtered(
    lesson: LessonPage,
    layer: LayerControls,
    photo: Photo,
    kernel: Floats,
    settings: ConvolutionSettings,
    colour: Colour | None,
    display: Display,
) -> str:
    """Draw the photo before and after, and one place of it in numbers; return the code."""
    small = fit(photo.rgb, SIDE)
    size = (small.shape[0], small.shape[1])
    middle = (size[0] // 2, size[1] // 2)
    if colour is None:
        filtered = kernels.filter_rgb(small, kernel, settings, display)
    else:
        filtered = kernels.filter_photo(small, kernel, settings, colour, display)
    row, column = (*lesson.linked("at", middle, state.cells(2)), 0)[:2]
    pixels = kernels.planes(small, colour).transpose(2, 0, 1)
    length, most = (9, 4) if colour == "grey" else (6, 3)
    patch = grids.patch(pixels, settings, (row, column), length, most)
    alone = replace(settings, padding=0, padding_mode="zeros")
    result = convolution.run(patch.values, np.broadcast_to(kernel, settings.weight_shape), alone)
    cell = (0, patch.cells[0] // 2, patch.cells[1] // 2)

    before, after = st.columns(2)
    with before:
        lesson.pick_cell(
            "at",
            encode_jpeg(small),
            *size,
            middle,
            alt=photo.alt,
            label=_("Pick a place to see its numbers"),
            boxes=[_box(patch.box, size)],
        )
        words = _("Before: {height} × {width} pixels. Pick a place to see its numbers.")
        st.caption(words.format(height=size[0], width=size[1]))
    with after:
        if ask_rows(lesson, settings, size[0], ("s", "d", "p"), _fair(settings, size)):
            words = _after(filtered, display)
            lesson.picture(filtered.display, words)
            st.caption(words)
    _magnified(lesson, layer, result, kernel, colour, cell)
    trace = convolution.trace(result, *cell)
    proof = cell_proof(trace, result.output[cell], result.max_error, result.output.size)
    lesson.prove(*size_proofs(settings, size), *cost_proofs(settings, size), proof)
    there = (patch.first[0] + cell[1], patch.first[1] + cell[2])
    return photo_code(photo.code, size, kernel, settings, display, colour, there)


def _fair(settings: ConvolutionSettings, size: tuple[int, int]) -> Callable[[Mapping[str, Any]], bool]:
    """Which random settings leave something of the photo."""

    def accept(drawn: Mapping[str, Any]) -> bool:
        padding = drawn["p"] if isinstance(settings.padding, int) else settings.padding
        try:
            replace(settings, stride=drawn["s"], dilation=drawn["d"], padding=padding).output_size(size)
        except CnnvizError:
            return False
        return True

    return accept


def _after(filtered: FilteredPhoto, display: Display) -> str:
    height, width = filtered.output.shape[:2]
    low, high = (f"{value:.4g}" for value in (filtered.output.min(), filtered.output.max()))
    words = _("After: {height} × {width}, values from {low} to {high}, {shown}.")
    return words.format(height=height, width=width, low=low, high=high, shown=_displays()[display])


def _box(box: tuple[int, int, int, int], size: tuple[int, int]) -> Box:
    """What the patch covers, in fractions of the photo; padding lies outside."""
    (top, left, bottom, right), (height, width) = box, size
    return Box(max(left / width, 0), max(top / height, 0), min(right / width, 1), min(bottom / height, 1))


def _magnified(
    lesson: LessonPage,
    layer: LayerControls,
    result: ConvolutionResult,
    kernel: Floats,
    colour: Colour | None,
    cell: Cell,
) -> None:
    """The picked place in numbers, under the same window."""
    view = convolution_view(
        result, selected=cell, edit_weight=colour is not None, decimals=1 if colour else 2
    )
    rgb = (_("Red"), _("Green"), _("Blue"))

    def edited(numbers: Numbers) -> None:
        # R, G and B share one kernel: the edited copy is the one that differs.
        copies = [copy for copy in numbers[:, 0] if not np.allclose(copy, kernel, rtol=1e-6)]
        layer.keep("k", "w", copies[0] if copies else kernel)

    with lesson.card():
        window_explorer(
            view,
            labels=window_labels(
                view,
                inputs=(_("Grey"),) if colour == "grey" else rgb,
                outputs=rgb if colour == "each channel" else (_("Output"),),
            ),
            key=lesson.key("patch"),
            on_weight=edited,
        )
