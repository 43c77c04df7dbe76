"""A channel, what excites it most, and where in the photo chosen."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.errors import CnnvizError, ModelError
from cnnviz.explain.attribution.exciting import covered, maps
from cnnviz.explain.attribution.exciting_code import script
from cnnviz.explain.traced_field import AxisField, StageField
from cnnviz.figures import features
from cnnviz.figures.maps import colour, overlay
from cnnviz.messages import N_
from cnnviz.ui.attribution.shared import predicting
from cnnviz.ui.explaining import SIDE, Case, work
from cnnviz.ui.features import find
from cnnviz.ui.features.find import Found
from cnnviz.ui.features.gallery import gallery, sheet
from cnnviz.ui.features.proofs import covered_proof, kernel_proofs
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once
from cnnviz.ui.trust.shared import begin, wait
from cnnviz.zoo.card import Box

SEVERAL = "several"


def draw(lesson: LessonPage, case: Case, kernels: bool) -> None:
    """Draw the view of the first layer's kernels, or that of any layer's patches."""
    controls, stage = lesson.bench()
    with controls:
        layer = find.first(case.subject.id, case.size, case.subject.network)
        if not kernels:
            layer = _choose_layer(lesson, case)
        channel = lesson.slider("c", _("Channel"), 1, layer.shape[1], min(24, layer.shape[1])) - 1
    job = case.job(("features", layer.name), lambda: find.search(case, layer))
    begin(job)
    with stage:
        place = st.empty()
        told = job.last is not None and _ask(lesson, job.last, channel, job.finished or job.stopped)
    # Below the question, so that moving them asks nothing new.
    with controls:
        opacity = lesson.fraction("o", _("Opacity of the map"), 0, 1, 0.4)
        words = _("All of the photo outside the blue frame becomes grey.")
        alone = lesson.toggle("cover", _("Cover what the cell can't see"), help=words)
    if job.last is not None and told:
        with stage:
            try:
                _answer(lesson, job.last, channel, opacity, alone, kernels)
            except CnnvizError as error:
                lesson.problem(error)
    lesson.section("kernels" if kernels else "patches")
    lesson.section("limits")
    shapes = {name: find.shape(name) if name in find.PHOTOS else (0, 0) for name in find.names(case)}
    source = script(case.photo.code, shapes, layer, channel, case.size, case.subject.id)
    lesson.code(source, case.photo)
    work(lesson, place, {_("Photos searched"): job})


def _choose_layer(lesson: LessonPage, case: Case) -> StageField:
    layers = {layer.name: layer for layer in case.layers}
    words = _("{layer}: {channels} channels, a cell sees {size} pixels")
    named = {
        path: words.format(
            layer=path.removeprefix("stages."),
            channels=f"{layer.shape[1]:,}",
            size=layer.size[0] if layer.size else case.size[0],
        )
        for path, layer in layers.items()
    }
    return layers[lesson.choice("layer", _("Layer"), named, list(layers)[len(layers) * 2 // 7], kind="list")]


def _ask(lesson: LessonPage, found: Found, channel: int, complete: bool) -> bool:
    """Which photo's best patch excites the channel most?"""
    if not predicting():
        return True
    if not complete:
        wait()
        return False
    patches = sorted(found.best(channel, found.total), key=lambda one: found.peaks.photos.index(one.photo))
    options = {one.photo: find.title(one.photo) for one in patches} | {SEVERAL: _("Several, equally")}
    ranked = sorted(patches, key=lambda one: -one.value)
    why = ", ".join(f"{find.title(one.photo)} {one.value:.2f}" for one in ranked[:3])
    question = _(
        "Each photo has a patch that excites channel {channel} most. Which of them excites it most of all?"
    )
    told = lesson.predict(
        question.format(channel=channel + 1),
        found.leader(channel) or SEVERAL,
        why=why,
        options=options,
        redraw=["c"],
    )
    if not told:
        items = [(found.square(one), find.title(one.photo), find.title(one.photo)) for one in patches]
        st.html(features.gallery(items, _("One patch from each photo")))
    return told


def _answer(
    lesson: LessonPage, found: Found, channel: int, opacity: float, alone: bool, kernels: bool
) -> None:
    gallery(lesson, found, channel, kernels)
    case, layer, network = found.case, found.layer, found.case.subject.network
    seen = once(lesson, "maps", (case.key, layer.name), lambda: maps(network, layer, case.picture))[channel]
    row, column = map(int, np.unravel_index(seen.argmax(), seen.shape))
    box = layer.box((row, column), case.size)
    if box is None:
        raise ModelError(
            N_("the cells of {name} are not evenly spaced; try another image size"), name=layer.name
        )
    only = seen
    if alone or not kernels:
        only = once(
            lesson,
            "alone",
            (case.key, layer.name, box),
            lambda: maps(network, layer, covered(case.picture, box)),
        )[channel]
    with lesson.card():
        many, one = st.columns([5, 4], gap="medium")
        with many:
            sheet(lesson, found, channel, kernels)
        with one:
            _photo(lesson, found, channel, (row, column), box, only if alone else seen, opacity, alone)
    value = float(seen[row, column])
    if kernels:
        lesson.prove(*kernel_proofs(case, layer, channel, (row, column), value))
    else:
        lesson.prove(covered_proof(channel, (row, column), box, value, float(only[row, column])))


def _photo(
    lesson: LessonPage,
    found: Found,
    channel: int,
    cell: tuple[int, int],
    box: Box,
    seen: NDArray[np.float32],
    opacity: float,
    alone: bool,
) -> None:
    """The channel's map over the photo chosen, with the strongest cell and what it sees."""
    case, layer = found.case, found.layer
    height, width = case.size
    across, down = SIDE / width, SIDE / height
    field = box[0] * across, box[1] * down, box[2] * across, box[3] * down
    photo = case.crop
    if alone:
        photo = np.full_like(photo, 128)
        left, top, right, bottom = map(round, field)
        inside = np.s_[top:bottom, left:right]
        photo[inside] = case.crop[inside]
    assert layer.rows is not None
    assert layer.columns is not None
    x, y = _span(layer.columns, cell[1], width), _span(layer.rows, cell[0], height)
    place = x[0] * across, y[0] * down, x[1] * across, y[1] * down
    heat = overlay(photo, colour(seen), opacity)
    words = _(
        "{title}, channel {channel}: {low} to {high}. The largest answer is at row {row}, column {column} "
        "(orange); that cell sees {wide} × {high_px} of the {size} × {size} pixels (blue)."
    )
    caption = words.format(
        title=case.photo.title,
        channel=channel + 1,
        low=f"{seen.min():.2f}",
        high=f"{seen.max():.2f}",
        row=cell[0] + 1,
        column=cell[1] + 1,
        wide=box[2] - box[0],
        high_px=box[3] - box[1],
        size=width,
    )
    lesson.picture(
        features.framed(heat, field, place, dim=1.0 if max(box[2] - box[0], box[3] - box[1]) < 8 else 0.55),
        caption,
        caption=caption,
    )


def _span(axis: AxisField, cell: int, side: int) -> tuple[float, float]:
    """The pixels between `cell` and its neighbours, around the middle of what it sees."""
    middle = sum(axis.interval(cell)) / 2
    return max(0.0, middle - axis.stride / 2), min(float(side), middle + axis.stride / 2)
