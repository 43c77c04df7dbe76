"""One visitor's photo on its way through the network: run once, looked at from all sides."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.engine.local import DEFAULT, Look, shared_engine
from cnnviz.errors import ModelError
from cnnviz.figures import maps, network
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo
from cnnviz.zoo import anatomy
from cnnviz.zoo.card import Network
from cnnviz.zoo.card import network as find

T = TypeVar("T")
_CROP = 448
"""Side of the enlarged crop in pixels, which the cells of every stage divide."""


@dataclass
class Visit:
    """What the views of the lesson draw on.

    Attributes:
        same: equal as long as photo and device are.
        look: what the network made of the photo; None if it could not be run.
        pixels: (1, 3, 224, 224), the photo as the network reads it.
        costs: what each stage stores and computes, by formula.
        proofs: what the views have to prove, in the order in which they are drawn.
    """

    lesson: LessonPage
    net: Network
    photo: Photo
    same: object
    look: Look | None
    pixels: Tensor
    costs: tuple[anatomy.StageCost, ...]
    proofs: list[Proof] = field(default_factory=list)

    @property
    def stages(self) -> dict[str, str]:
        """The stages' names in the reader's language, in order."""
        titles = {"stem": _("stem"), "head": _("head")}
        for number in range(1, len(self.net.stages) - 1):
            titles[f"stage{number}"] = _("stage {number}").format(number=number)
        return {stage.name: titles[stage.name] for stage in self.net.stages}

    def choose_stage(self) -> tuple[str, int]:
        """The control for the stage; its name and its place in the network."""
        stage = self.lesson.choice("stage", _("Stage"), self.stages, "stem", kind="pills")
        return stage, list(self.stages).index(stage)

    def choose_opacity(self) -> float:
        return self.lesson.fraction("o", _("Opacity of the map"), 0, 1, 0.6)

    def over_photo(self, name: str, chosen: NDArray[np.float32], palette: str, opacity: float) -> None:
        """One map over the part of the photo that it covers, with a frame where it is strongest."""
        side, (row, column) = len(chosen), anatomy.strongest_cell(chosen)
        box = self.net.crop_box(*self.photo.rgb.shape[:2])
        crop = once(self.lesson, "crop", self.same, lambda: network.crop(self.photo.rgb, box, _CROP))
        heat = maps.overlay(crop, maps.colour(chosen, palette), opacity)
        words = _(
            "{name}: {side} × {side} cells, {low} to {high}. Framed: row {row}, column {column}."
        ).format(
            name=name,
            side=side,
            low=f"{chosen.min():.2f}",
            high=f"{chosen.max():.2f}",
            row=row + 1,
            column=column + 1,
        )
        over = _("Over the photo at {percent} % opacity. {words}")
        cell = _CROP / side
        frame = column * cell, row * cell, (column + 1) * cell, (row + 1) * cell
        alt = over.format(percent=round(100 * opacity), words=words)
        self.lesson.picture(maps.outline(heat, frame), alt, caption=words)


def once(lesson: LessonPage, name: str, key: object, make: Callable[[], T]) -> T:
    """`make()`, kept in this visitor's session and nowhere else until `key` changes."""
    place = lesson.key(f"kept.{name}")
    if place not in st.session_state or st.session_state[place][0] != key:
        st.session_state[place] = key, make()
    return st.session_state[place][1]


@st.cache_data(max_entries=1, show_spinner=False)
def _by_arithmetic() -> tuple[anatomy.StageCost, ...]:
    return anatomy.stage_costs(anatomy.blank())


def look_at(lesson: LessonPage, photo: Photo) -> Visit:
    """Put a photo through the network, unless it has just been; say so if that fails."""
    net, device = find(DEFAULT), st.session_state["device"]
    same = device, photo.rgb.shape, hashlib.blake2b(photo.rgb.tobytes()).digest()
    pixels = once(lesson, "pixels", same, lambda: net.preprocess(photo.rgb))
    look: Look | None = None
    try:
        look = once(lesson, "look", same, lambda: shared_engine().look(photo.rgb, device=device))
    except ModelError as error:
        lesson.problem(error)
    return Visit(lesson, net, photo, same, look, pixels, _by_arithmetic())


def ink() -> str:
    """Colour of the text on figures."""
    return network.INK[st.context.theme.type or "light"]
