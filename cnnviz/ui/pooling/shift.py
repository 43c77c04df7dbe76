"""What a shift of the input does to each layer: on a row of numbers, and on a photo."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.pooling import ErrorLabels, ShiftLabels, change_picture, error_figure, shift_figure
from cnnviz.images import fit
from cnnviz.layers import pooling, pooling_presets
from cnnviz.layers.convolution import Floats
from cnnviz.layers.grids import RANDOM
from cnnviz.layers.pooling import PoolingSettings, ShiftResponse
from cnnviz.layers.pooling_code import shifted_photo_code, signal_code
from cnnviz.layers.pooling_photo import planes
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.pooling import controls as shared
from cnnviz.ui.pooling.proofs import shift_proofs

FURTHEST = 8
"""Largest shift, in pixels."""
SIDE = 200
"""Long side of the photo, in pixels: every cell of its maps can be seen."""

Responses = Mapping[str, ShiftResponse]


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    inputs = {"row": _("A row of numbers"), "photo": _("Your photo")}
    if lesson.choice("on", _("Shift"), inputs, "row") == "row":
        _row(lesson, layer)
    else:
        _photo(lesson)


def _percent(share: float) -> str:
    return "∞" if share == np.inf else f"{share:.1%}"


def _names(responses: Responses) -> dict[str, str]:
    """Each layer's name, with what the shift did to its output."""
    return {name: f"{title}: {_told(responses[name])}" for name, title in shared.layer_names().items()}


def _told(response: ShiftResponse) -> str:
    if response.only_moved and response.moved:
        down, right = response.moved
        words = (
            _("moved by whole cells, {right} right and {down} down")
            if down
            else _("moved by {right} to the right")
        )
        return words.format(right=right, down=down)
    words = _("change {change}, {unchanged} of the cells as before")
    return words.format(change=_percent(response.change), unchanged=f"{response.unchanged:.0%}")


def _responses(x: Floats, settings: PoolingSettings, dy: int, dx: int, weight: Floats) -> Responses:
    found: Mapping[Any, ShiftResponse] = pooling.shift_response(x, settings, dy, dx, weight)
    return {name: found[name] for name in shared.layer_names()}


# A row of numbers


def _row(lesson: LessonPage, layer: LayerControls) -> None:
    controls, stage = lesson.bench()
    with controls:
        dx = lesson.slider("dx", _("Shift to the right"), -FURTHEST, FURTHEST, 1)
        window = shared.window(lesson, padding=False)
        size, stride = window.kernel_size[0], window.stride
        weight = pooling_presets.kernel(shared.kernel(lesson, "w", "pick"), 1, size)
        rows = shared.translated(pooling_presets.SIGNALS)
        chosen = lesson.choice("row", _("Numbers"), rows, "steps", kind="list")
        if chosen == RANDOM:
            layer.reseed_button()
    signal = pooling_presets.signal(chosen, layer.seed)
    settings = PoolingSettings("max", (1, size), stride)
    responses = _responses(signal, settings, 0, dx, weight)
    with stage:
        told = _ask_changed(lesson, responses["max"])
        names = _names(responses) if told else shared.layer_names()
        labels = ShiftLabels(_("Before"), _("Shifted by {dx}").format(dx=dx), _("Input"), names)
        shifted = np.roll(signal, dx, axis=2)
        with lesson.card():
            lesson.figure(
                shift_figure(signal, shifted, responses, (size, stride), labels, reveal=told),
                _alt(responses, names, told),
                name="row",
            )
        lesson.prove(*shift_proofs(signal, responses["max"], settings, 0, dx))
    lesson.section("shift")
    lesson.code(signal_code(signal, settings, dx, weight))


def _alt(responses: Responses, names: Mapping[str, str], told: bool) -> str:
    """Every number of the figure, in words."""

    def numbers(values: Floats) -> str:
        return ", ".join(f"{value:.3g}" for value in values.flat)

    words = _("{name}: before {before}; after {after}.")
    hidden = _("hidden")
    return " ".join(
        words.format(
            name=names[name],
            before=numbers(response.before),
            after=numbers(response.after) if told else hidden,
        )
        for name, response in responses.items()
    )


def _ask_changed(lesson: LessonPage, response: ShiftResponse) -> bool:
    cells = response.before.size
    changed = cells - round(response.unchanged * cells)
    question = _("The input is shifted. How many of the {cells} maxima are not what they were before?")
    return lesson.predict(
        question.format(cells=cells),
        changed,
        why=_("Cell by cell, {changed} of {cells} differ.").format(changed=changed, cells=cells),
        redraw=["row", "dx", "k", "s", "seed"],
        accept=lambda drawn: drawn["dx"] != 0 and drawn["k"] > 1,
    )


# A photo


def _photo(lesson: LessonPage) -> None:
    photo = lesson.photo()
    small = fit(photo.rgb, SIDE)
    grey = planes(small, "grey").astype(np.float64)
    controls, stage = lesson.bench()
    with controls:
        dx = lesson.slider("dx", _("Shift to the right"), -FURTHEST, FURTHEST, 1)
        dy = lesson.slider("dy", _("Shift down"), -FURTHEST, FURTHEST, 0)
        settings = shared.window(lesson, padding=False)
        kernel = shared.kernel(lesson, "w", "pick")
    weight = pooling_presets.kernel(kernel, *settings.kernel_size)
    with stage:
        try:
            responses = _responses(grey, settings, dy, dx, weight)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            if _ask_largest(lesson, responses):
                _pictures(lesson, responses)
                _curves(lesson, grey, settings, kernel, abs(dx) if dy == 0 else None)
                lesson.prove(*shift_proofs(grey, responses["max"], settings, dy, dx))
    lesson.section("shift")
    size = (small.shape[0], small.shape[1])
    lesson.code(shifted_photo_code(photo.code, size, settings, (dy, dx), weight), photo)


def _ask_largest(lesson: LessonPage, responses: Responses) -> bool:
    names = shared.layer_names()
    changes = ", ".join(f"{title} {_percent(responses[name].change)}" for name, title in names.items())
    return lesson.predict(
        _("Which layer's output changes most, for its size, when the photo is shifted like this?"),
        max(responses, key=lambda name: responses[name].change),
        why=_("Length of the change by length of the output: {changes}.").format(changes=changes),
        options=names,
        redraw=["dx", "dy", "k", "s", "w"],
        accept=lambda drawn: (drawn["dx"], drawn["dy"]) != (0, 0) and drawn["k"] > 1 and drawn["w"] != "box",
    )


def _pictures(lesson: LessonPage, responses: Responses) -> None:
    """For each layer: its output before and after, and what changed."""
    st.markdown(_("Above: before and after the shift. Below: what grew is red, what shrank is blue."))
    differences = [np.abs(response.after - response.before) for response in responses.values()]
    # A few cells change by far more than the rest, which would all be black beside them.
    largest = max(float(np.quantile(difference, 0.995)) for difference in differences) or 1.0
    words = _("The output before and after the shift, and below the difference. {sentence}.")
    names = _names(responses)
    layers = list(responses.items())
    with lesson.card():
        for pair in (layers[:2], layers[2:]):
            for place, (name, response) in zip(st.columns(2), pair, strict=True):
                pixels = change_picture(response.before[0], response.after[0], largest)
                with place:
                    lesson.map_image(pixels, words.format(sentence=names[name]), caption=names[name])


@st.cache_data(max_entries=24, show_spinner=False, scope="session")
def _errors(grey: Floats, size: int, stride: int, kernel: str) -> dict[Any, tuple[float, ...]]:
    weight = pooling_presets.kernel(kernel, size, size)
    return pooling.moved_errors(grey, PoolingSettings("max", (size, size), stride), FURTHEST, weight)


def _curves(
    lesson: LessonPage, grey: Floats, settings: PoolingSettings, kernel: str, shift: int | None
) -> None:
    errors = _errors(grey, settings.kernel_size[0], settings.stride, kernel)
    names = shared.layer_names()
    labels = ErrorLabels(_("shift to the right, in pixels"), _("change that no move explains"), names)
    words = _(
        "Change of each layer's output that no move by whole cells explains, for shifts by 0 to {most} pixels. "
        "At multiples of {stride} it is 0; at 1 it is {values}."
    )
    values = ", ".join(f"{title} {errors[name][1]:.1%}" for name, title in names.items())
    alt = words.format(most=FURTHEST, stride=settings.stride, values=values)
    lesson.figure(error_figure(errors, shift, labels), alt, name="errors")
