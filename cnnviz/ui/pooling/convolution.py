"""Pooling against a convolution with the same window and stride."""

from dataclasses import replace

import numpy as np
import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.maps import DIVERGING, colour, enlarge
from cnnviz.images import fit
from cnnviz.layers import pooling, pooling_presets
from cnnviz.layers.arithmetic import conv_cost
from cnnviz.layers.pooling import Comparison, PoolingSettings
from cnnviz.layers.pooling_code import comparison_code
from cnnviz.layers.pooling_photo import OPERATIONS, planes
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.pooling import controls as shared
from cnnviz.ui.pooling.proofs import comparison_proofs

SIDE = 400
"""Long side of the photo, in pixels."""
MAP_SIDE = 56
"""Height and width of the map that the cost is counted for: ResNet's first stage."""


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    photo = lesson.photo()
    small = fit(photo.rgb, SIDE)
    grey = planes(small, "grey").astype(np.float64)
    controls, stage = lesson.bench()
    with controls:
        names = shared.layer_names()
        poolings = {name: names[name] for name in ("average", "max", "min")}
        chosen = lesson.choice("against", _("Pooling"), poolings, "average", kind="list")
        operation = next(name for name in OPERATIONS if name == chosen)
        kernel = shared.kernel(lesson, "v", "box")
        settings = replace(shared.window(lesson), kind=operation)
        channels = lesson.slider("c", _("Channels"), 1, 64, 64)
    weight = pooling_presets.kernel(kernel, *settings.kernel_size)
    with stage:
        try:
            sides = pooling.compare(grey, settings, weight)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            if _ask(lesson, settings.kernel_size[0], channels):
                _pictures(lesson, sides, names[operation])
                st.markdown(_costs(settings, channels))
                box = pooling_presets.kernel("box", *settings.kernel_size)
                same = operation == "average" and np.array_equal(weight, box)
                lesson.prove(*comparison_proofs(sides, channels, MAP_SIDE, same))
    lesson.section("convolution")
    size = (small.shape[0], small.shape[1])
    lesson.code(
        comparison_code(photo.code, size, operation, settings, weight, channels, MAP_SIDE),
        photo,
    )


def _ask(lesson: LessonPage, size: int, channels: int) -> bool:
    question = _(
        "A convolution of {size} × {size} without bias replaces the pooling, from {channels} channels to "
        "{channels}. How many weights does it have?"
    )
    answer = channels * channels * size * size
    return lesson.predict(
        question.format(size=size, channels=channels),
        answer,
        why=rf"${channels} \cdot {channels} \cdot {size} \cdot {size} = {answer}$",
        redraw=["k", "c"],
        accept=lambda drawn: drawn["k"] > 1 and drawn["c"] > 1,
    )


def _pictures(lesson: LessonPage, sides: Comparison, name: str) -> None:
    pooled, convolved = sides.pooled.output[0], sides.convolved.output[0]
    difference = convolved - pooled
    largest = float(np.abs(difference).max())
    # Less than one level of 255 is rounding, and stays black.
    reach = max(largest, 1.0)
    title = _("Difference, at most {largest}").format(largest=f"{round(largest, 9):.3g}")
    levels = (0.0, 255.0)
    pictures = (
        (name, colour(pooled, "gray", levels)),
        (_("Convolution"), colour(convolved, "gray", None if convolved.min() < 0 else levels)),
        (title, colour(difference, DIVERGING, (-reach, reach))),
    )
    height, width = pooled.shape
    caption = _("{title}: {width} × {height}")
    with lesson.card():
        for place, (title, pixels) in zip(st.columns(3), pictures, strict=True):
            words = caption.format(title=title, width=width, height=height)
            with place:
                lesson.picture(enlarge(pixels, max(1, round(SIDE / width))), words, caption=words)


def _costs(settings: PoolingSettings, channels: int) -> str:
    """A table of what each layer stores and computes."""
    output = settings.output_size((MAP_SIDE, MAP_SIDE))
    each = conv_cost(channels, channels, settings.kernel_size, output, groups=channels, bias=False)
    full = conv_cost(channels, channels, settings.kernel_size, output, bias=False)
    heading = _("On a map of {channels} × {side} × {side}").format(channels=channels, side=MAP_SIDE)
    parameters, macs = _("Parameters"), _("Multiply–accumulates")
    rows = (
        (_("Pooling"), 0, 0),
        (_("Convolution, each channel by itself"), each.parameters, each.macs),
        (_("Convolution, all channels together"), full.parameters, full.macs),
    )
    lines = [f"| {heading} | {parameters} | {macs} |", "|:--|--:|--:|"]
    return "\n".join(
        [*lines, *(f"| {name} | {stored:,} | {computed:,} |" for name, stored, computed in rows)]
    )
