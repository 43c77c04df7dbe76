"""The first layer kernel by kernel: what each looks like, and what it answers to in the photo."""

from functools import partial

import streamlit as st

from cnnviz.engine.local import Look, shared_engine
from cnnviz.figures import maps, network
from cnnviz.images import encode_png
from cnnviz.ui.language import _
from cnnviz.ui.network.proofs import unit_proof
from cnnviz.ui.network.visit import Visit, once
from cnnviz.zoo import anatomy
from cnnviz.zoo.efficientnet_lite0 import EfficientNetLite0

_COLUMNS = 8
_ORANGE = (2, 7)
"""The kernel picked at first, by row and column: it looks orange, and so does the cat that it answers to."""


def draw(visit: Visit, look: Look) -> tuple[str, int]:
    """Draw the view; returns the stage and the channel on screen."""
    lesson = visit.lesson
    module = shared_engine().module(look.network, look.device)
    assert isinstance(module, EfficientNetLite0)
    pictures = [network.kernel(kernel) for kernel in module.first_layer_kernels().numpy(force=True)]
    framed = partial(maps.montage, gap=4, line=(0, 0, 0))
    controls, area = lesson.bench()
    with controls:
        opacity = visit.choose_opacity()
    with area:
        many, one = st.columns([5, 4], gap="medium")
    with many:
        alt = _("{count} kernels of 3 × 3 pixels as colours, in rows of {columns}.")
        row, column = lesson.pick_cell(
            "kernel",
            once(lesson, "kernels", look.network, lambda: encode_png(framed(pictures, _COLUMNS))),
            len(pictures) // _COLUMNS,
            _COLUMNS,
            _ORANGE,
            alt=alt.format(count=len(pictures), columns=_COLUMNS),
            label=_("Choose a kernel"),
        )
    channel = row * _COLUMNS + column
    seen = look.stages[0].maps[channel]
    at = anatomy.strongest_cell(seen)
    unit = anatomy.first_layer_unit(module, visit.pixels, channel, *at)
    with many:
        words = _("Kernel {number}, and the 3 × 3 pixels that it answers to most: {value}.")
        words = words.format(number=channel + 1, value=f"{unit.value:.2f}")
        pair = framed([pictures[channel], network.pixels(unit.patch)], 2)
        lesson.map_image(pair, words, caption=words, width=240)
    with one:
        name = _("What kernel {number} answers").format(number=channel + 1)
        visit.over_photo(name, seen, maps.SEQUENTIAL, opacity)
    visit.proofs.append(unit_proof(unit, channel, at, float(seen[at])))
    return "stem", channel
