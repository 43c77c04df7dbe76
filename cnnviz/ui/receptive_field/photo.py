"""On a photo: what one cell can see, and what it really looks at."""

from typing import Any

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray

from cnnviz.engine.device import resolve
from cnnviz.errors import CnnvizError, SettingError
from cnnviz.explain import photo_field
from cnnviz.explain.photo_field import STAGES, Subject
from cnnviz.explain.receptive_field import Cell, EffectiveField
from cnnviz.explain.receptive_field_code import photo_code
from cnnviz.explain.traced_field import StageField, TracedNetwork, trace_module
from cnnviz.figures import receptive_field as figures
from cnnviz.images import encode_jpeg, fit
from cnnviz.layers.receptive_field import Layer
from cnnviz.layers.stack import Stack, read_stack, write_stack
from cnnviz.messages import N_
from cnnviz.ui import state
from cnnviz.ui.cells import Box
from cnnviz.ui.frame import DEVICE
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo
from cnnviz.ui.receptive_field import proofs
from cnnviz.ui.receptive_field.choose import choose_stack
from cnnviz.zoo.efficientnet_lite0 import crop_box


@st.cache_resource(max_entries=6, show_spinner=False)
def subject(kind: Subject, stack: str, device: str) -> torch.nn.Module:
    """The network, one for everybody; `stack` as :func:`write_stack` writes it."""
    return photo_field.subject(kind, read_stack(stack), device)


@st.cache_resource(max_entries=24, show_spinner=False)
def fields(kind: Subject, stack: str, side: int) -> TracedNetwork:
    """Its theoretical fields on an image of `side` pixels."""
    return trace_module(subject(kind, stack, "cpu"), side)


# In the session's own cache: the photo may be the visitor's.
@st.cache_data(max_entries=8, show_spinner=False, scope="session")
def look(
    kind: Subject, stack: str, path: str, side: int, cell: Cell, rgb: NDArray[np.uint8], device: str
) -> EffectiveField:
    """The effective field of one cell of the map behind module `path`."""
    field = fields(kind, stack, side)[path]
    return photo_field.look(subject(kind, stack, device), path, rgb, side, cell, field, device)


def draw(lesson: LessonPage) -> None:
    """Draw the view."""
    photo = lesson.photo()
    controls, stage = lesson.bench()
    source = ""
    with controls:
        kinds: dict[str, str] = {
            "trained": _("Trained network"),
            "untrained": _("The same, untrained"),
            "stack": _("A stack, untrained"),
        }
        told = _(
            "EfficientNet-Lite0 with the weights of ImageNet and with random ones, or a stack of yours with random ones."
        )
        kind: Any = lesson.choice("net", _("Look through"), kinds, "trained", kind="radio", help=told)
        layers: Stack = ()
        stage_name = ""
        if kind == "stack":
            layers = choose_stack(lesson)
        else:
            names = {name: name for name in STAGES}
            stage_name = lesson.choice("stage", _("Map after"), names, "stage4", kind="list")
        side = lesson.slider("side", _("Side of the image"), 64, 320, 224, step=32)
    with stage:
        try:
            if kind == "stack" and not layers:
                raise SettingError(N_("the stack has no layer yet; choose one, or build one layer by layer"))
            path = photo_field.stage_path(kind, stage_name, layers)
            field = fields(kind, write_stack(layers), side)[path]
            effective = draw_photo(lesson, kind, layers, field, side, photo)
            lesson.prove(*proofs.cell_proofs(field, effective, side))
            source = photo_code(photo.code, kind, layers, stage_name, field, side, effective.cell)
        except CnnvizError as error:
            lesson.problem(error)
    lesson.section("effective")
    gaussian_section(lesson)
    if source:
        lesson.code(source, photo)


def draw_photo(
    lesson: LessonPage, kind: Subject, layers: Stack, field: StageField, side: int, photo: Photo
) -> EffectiveField:
    """The photo with the heat, the frame and the circle of the cell picked, and the heat's profile."""
    rows, columns = field.map_size or (1, 1)
    middle = (rows // 2, columns // 2)
    stored = lesson.linked("at", middle, state.cells(2))
    row, column = (*stored, 0)[:2]
    cell = min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)
    device = resolve(st.session_state[DEVICE])
    effective = look(kind, write_stack(layers), field.name, side, cell, photo.rgb, device)
    left, top, right, bottom = crop_box(*photo.rgb.shape[:2])
    picture = figures.heat_over(
        fit(photo.rgb[top:bottom, left:right], 480), effective.map, effective.centre, effective.radius
    )
    x0, y0, x1, y1 = effective.box
    seen = x0 < x1 and y0 < y1
    size = field.size[0] if field.size else side
    named = _("theoretical: {size} px").format(size=size)
    boxes = [Box(x0 / side, y0 / side, x1 / side, y1 / side, label=named)] if seen else []
    place = {"row": cell[0], "column": cell[1], "size": size}
    if not seen:
        said = _("Cell ({row}, {column}) sees nothing but padding.").format(**place)
    elif not effective.map.any():
        said = _(
            "No gradient arrives: every path from cell ({row}, {column}) to the photo is switched off by a ReLU. Pick another one."
        ).format(**place)
    else:
        said = _(
            "Theoretical field of cell ({row}, {column}): {size} pixels a side; inside the image, columns {x0} to {x1} and rows {y0} to {y1}. 95 % of the effective field lie within {radius} pixels of its centre (the circle)."
        ).format(**place, x0=x0, x1=x1 - 1, y0=y0, y1=y1 - 1, radius=f"{effective.radius:.1f}")
    left_side, right_side = st.columns([3, 2], gap="medium")
    with left_side:
        lesson.pick_cell(
            "at",
            encode_jpeg(picture),
            rows,
            columns,
            middle,
            alt=f"{photo.alt} {said}",
            label=_("Pick a cell of the map"),
            boxes=boxes,
        )
    with right_side:
        st.markdown(said)
        words = _("Share of the effective field in each column of pixels; standard deviation {sigma} pixels.")
        lesson.figure(
            figures.profile(effective.map.sum(axis=0), 0, 0, 0, (x0, x1), profile_labels()),
            words.format(sigma=f"{effective.sigma[1]:.1f}"),
            name="profile",
        )
    return effective


def profile_labels() -> figures.ProfileLabels:
    return figures.ProfileLabels(
        pixels=_("pixel"),
        share=_("share"),
        measured=_("effective, by gradient"),
        gaussian=_("Gaussian"),
        theoretical=_("theoretical field"),
    )


def gaussian_section(lesson: LessonPage) -> None:
    """Averaging 3×3 layers, as many as the reader likes, against the Gaussian."""
    lesson.section("gaussian")
    count = lesson.slider("deep", _("3×3 layers"), 1, 40, 10)
    stack = tuple([Layer("conv", 3, padding=1)] * count)
    field = proofs.measured_field(stack)
    assert field is not None
    words = _(
        "How much each of the {size} pixels counts after {count} averaging 3×3 layers, and a Gaussian of standard deviation {sigma}."
    )
    lesson.figure(
        figures.profile(
            field.profile, 0, field.sigma, (field.size - 1) / 2, (0, field.size), profile_labels()
        ),
        words.format(size=field.size, count=count, sigma=f"{field.sigma:.3f}"),
        name="gaussian",
    )
    lesson.prove(*proofs.sigma_proofs(stack))
