"""What the views have in common: which pictures and how many numbers, what is trained, and the decoders' names."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from cnnviz.training.autoencoder import DENSE, LATENTS, Floats, Setup, Snapshot, Trained, load
from cnnviz.training.pictures import PICTURES, Pictures, pictures
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.training import last
from cnnviz.upsampling.decoder import KINDS, UNPOOLING

SHOWN = 10
"""Test pictures in a row."""


def choose(lesson: LessonPage) -> Setup:
    """The set of pictures, the length of the code, and the seed of a training of one's own."""
    titles = {name: _(title) for name, title in PICTURES.items()}
    name = lesson.choice("d", _("Pictures"), titles, "digits", kind="list")
    latent = lesson.slider(
        "z", _("Numbers in the code"), LATENTS[0], LATENTS[-1], 8, step=LATENTS.step,
        help=_("All that a decoder is told of a picture."),
    )  # fmt: skip
    seed = lesson.slider("seed", _("Seed of the training"), 0, 9, 0)
    return Setup(name, latent, seed)


def fair(drawn: Mapping[str, Any]) -> bool:
    """Whether a random length of the code is one that the slider has."""
    return drawn["z"] in LATENTS


def trained(lesson: LessonPage, setup: Setup) -> tuple[Trained, bool]:
    """The visitor's own finished run, if there is one, or the shipped one; and whether it is their own."""
    snapshot = last(lesson, setup)
    if isinstance(snapshot, Snapshot) and snapshot.done == snapshot.total:
        return snapshot.trained, True
    return load(setup.pictures, setup.latent), False


def names() -> dict[str, str]:
    """All decoders in the reader's language."""
    return {DENSE: _("No map: dense layers"), **{kind: _(title) for kind, title in KINDS.items()}}


def choose_kind(lesson: LessonPage, default: str = "pixel_shuffle") -> str:
    """One operator."""
    titles = {kind: _(title) for kind, title in KINDS.items()}
    return lesson.choice("op", _("Decoder"), titles, default, kind="list")


def classes(data: Pictures) -> list[str]:
    return [_(name) for name in data.classes]


def needs_indices(kind: str) -> bool:
    return kind in UNPOOLING


@st.cache_data(max_entries=24, show_spinner=False)
def shipped_errors(name: str, latent: int) -> dict[str, float]:
    """Test errors of the shipped run."""
    return load(name, latent).errors(pictures(name).test)


def errors(run: Trained, own: bool) -> dict[str, float]:
    """Test errors of a run: the last ones measured, or measured now."""
    if own:
        return {kind: points[-1][1] for kind, points in run.history.items() if points}
    return shipped_errors(run.pictures, run.latent)


def group(data: Pictures, start: int) -> Floats:
    """(10, 1, S, S) test pictures from `start` on."""
    return np.ascontiguousarray(data.test[start : start + SHOWN])
