"""A photo made smaller: bright, blurred, dark."""

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.maps import enlarge
from cnnviz.images import fit
from cnnviz.layers.kernels import Colour
from cnnviz.layers.pooling import PoolingSettings
from cnnviz.layers.pooling_code import photo_code
from cnnviz.layers.pooling_photo import OPERATIONS, Shrunk, levels, planes, shrink
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.pooling.controls import layer_names
from cnnviz.ui.pooling.proofs import photo_proofs, size_formula

SIDE = 400
"""Long side of the photo, in pixels: small enough that single pixels show when it is pooled."""


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    photo = lesson.photo()
    small = fit(photo.rgb, SIDE)
    controls, stage = lesson.bench()
    with controls:
        factors = {name: f"{name} × {name}" for name in ("2", "4", "8", "16")}
        factor = int(lesson.choice("f", _("Window and stride"), factors, "8"))
        over = {"each": _("R, G and B"), "grey": _("grey levels")}
        grey = lesson.choice("over", _("Slides over"), over, "each") == "grey"
    colour: Colour = "grey" if grey else "each channel"
    with stage:
        try:
            shrunk = shrink(planes(small, colour), factor)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            if _ask(lesson, small.shape[1], factor):
                _pictures(lesson, shrunk, photo.alt)
                lesson.prove(*photo_proofs(shrunk))
    lesson.section("photo")
    size = (small.shape[0], small.shape[1])
    lesson.code(photo_code(photo.code, size, factor, colour), photo)


def _ask(lesson: LessonPage, width: int, factor: int) -> bool:
    question = _(
        "The photo is {width} pixels wide; window and stride are {factor}. How wide is it after pooling?"
    )
    settings = PoolingSettings(kernel_size=(factor, factor), stride=factor)
    formula, answer = size_formula(width, settings)[0], width // factor
    return lesson.predict(
        question.format(width=width, factor=factor), answer, why=f"${formula} = {answer}$", redraw=["f"]
    )


def _pictures(lesson: LessonPage, shrunk: Shrunk, alt: str) -> None:
    """The photo and its three poolings, drawn at the same size: every number a square."""
    caption = _("{name}: {width} × {height}, mean level {mean}")
    names = layer_names()
    pictures = [(_("Photo"), shrunk.source, 1, shrunk.source_mean)]
    pictures += [
        (names[operation], shrunk.pooled[operation], shrunk.factor, shrunk.mean[operation])
        for operation in OPERATIONS
    ]
    with lesson.card():
        for pair in (pictures[:2], pictures[2:]):
            for place, (name, x, factor, mean) in zip(st.columns(2), pair, strict=True):
                words = caption.format(name=name, width=x.shape[2], height=x.shape[1], mean=f"{mean:.1f}")
                with place:
                    lesson.picture(enlarge(levels(x), factor), f"{words}. {alt}", caption=words)
