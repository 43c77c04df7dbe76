"""Second view: a block run on the photo, or on noise, and what each layer adds to the pile."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.blocks.dense import DenseSettings
from cnnviz.blocks.dense_code import maps_code
from cnnviz.blocks.dense_maps import NewMaps, new_maps
from cnnviz.figures.maps import DIVERGING, colour, montage
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.ui.dense_block import shared
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage

_LONG, _NOISE = 64, (48, 64)
"""Long side of the photo, and size of the noise, in pixels."""
_SHOWN, _TILE = 6, 108
"""Maps in a row, and the width of each on the page."""
_SEEDS = 999


# Never shared: the photo may be a visitor's own.
@st.cache_data(max_entries=8, show_spinner=False, scope="session")
def _run(rgb: NDArray[np.uint8] | None, size: tuple[int, int], settings: DenseSettings, seed: int) -> NewMaps:
    return new_maps(rgb, size, settings, seed)


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo()
    random = LayerControls(lesson)
    controls, stage = lesson.bench()
    with controls:
        inputs = {"photo": _("the photo"), "noise": _("noise")}
        given = lesson.choice("in", _("Input"), inputs, "photo")
        settings = shared.choose(lesson)
        random.reseed_button()
    seed = random.seed % _SEEDS
    rgb = fit(photo.rgb, _LONG) if given == "photo" else None
    size = _NOISE if rgb is None else (rgb.shape[0], rgb.shape[1])
    with stage:
        if _ask(lesson, settings):
            run = _run(rgb, size, settings, seed)
            _pictures(lesson, run, settings, inputs[given])
            lesson.prove(*_proofs(run, settings))
    lesson.section("maps")
    own = photo if given == "photo" else None
    lesson.code(maps_code(photo.code if own else None, size, settings, seed), own)


def _ask(lesson: LessonPage, settings: DenseSettings) -> bool:
    question = _(
        "{inputs} channels go into a dense block of {layers} layers, and each makes {growth} new ones. How many channels does the last layer read?"
    )
    return lesson.predict(
        question.format(inputs=settings.inputs, layers=settings.layers, growth=settings.growth),
        settings.read[-1],
        why=_("Its own maps aren't there yet: ${sum}$.").format(
            sum=rf"{settings.inputs} + {settings.layers - 1} \cdot {settings.growth}"
        ),
        redraw=["k0", "k", "n"],
        accept=shared.fair,
    )


def _pictures(lesson: LessonPage, run: NewMaps, settings: DenseSettings, given: str) -> None:
    said = _("Block's input, from {given} by a random 3×3 convolution: {count} of {all} channels")
    added = _("Layer {layer} reads {read} channels and adds {all}; {count} of them")
    spread = _("The numbers lie between {low} and {high}; blue is below zero, red above.")
    kept = _("The transition keeps {all} of {outputs} channels, on maps of half the size; {count} of them")
    for layer, maps in enumerate((*run.features, run.kept)):
        words = said if layer == 0 else added if layer <= settings.layers else kept
        read = settings.read[layer - 1] if 0 < layer <= settings.layers else 0
        shown = maps[:_SHOWN]
        caption = words.format(
            layer=layer, given=given, read=read, outputs=run.outputs, all=len(maps), count=len(shown)
        )
        limit = float(np.abs(maps).max()) or 1.0
        tiles = [colour(each, DIVERGING, (-limit, limit)) for each in shown]
        alt = f"{caption}. {spread.format(low=f'{maps.min():.2g}', high=f'{maps.max():.2g}')}"
        # A width of its own would not shrink on a phone; a container's does.
        with st.container(width=_TILE * len(tiles)):
            lesson.map_image(montage(tiles, len(tiles), gap=1), alt, caption=caption)


def _proofs(run: NewMaps, settings: DenseSettings) -> list[Proof]:
    return [
        Proof(
            _("Channels that came out"),
            rf"{settings.inputs} + {settings.layers} \cdot {settings.growth}",
            settings.outputs,
            measured=run.outputs,
        ),
        Proof(
            _("Channels behind the transition"),
            rf"\lfloor {settings.compression:g} \cdot {settings.outputs} \rfloor",
            settings.kept,
            measured=len(run.kept),
        ),
        Proof(
            _("Largest change of the block's input on its way through {layers} layers").format(
                layers=settings.layers
            ),
            rf"\max |y_{{1 \dots {settings.inputs}}} - x_0|",
            0.0,
            measured=run.moved,
            why=_("Side by side, nothing is overwritten. Where maps are added, this holds for none of them."),
        ),
    ]
