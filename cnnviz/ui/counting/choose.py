"""Which network, on what input, and which way it is built."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from cnnviz.messages import N_
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.zoo.counting import (
    NetworkCount,
    catalogue,
    count_named,
    group_of,
    measure_named,
    published,
    switches,
)

LARGEST = 1024
"""Longest side of an image to choose."""
SHORT = {"auxiliary": "aux", "frozen": "frozen", "v1": "v1"}
"""Names in the link of what can be built both ways."""

counted_named = st.cache_resource(max_entries=64, show_spinner=False)(count_named)
measured_named = st.cache_resource(max_entries=64, show_spinner=False)(measure_named)


@dataclass(frozen=True)
class Chosen:
    """The arguments of :func:`~cnnviz.zoo.counting.count_named`."""

    name: str
    size: int
    batch: int
    auxiliary: bool | None = None
    frozen: bool | None = None
    proposals: int | None = None
    detections: int | None = None
    v1: bool = False

    def arguments(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)

    def count(self) -> NetworkCount:
        """Counted, or remembered; raises what counting raises."""
        return counted_named(**self.arguments())


def names() -> dict[str, str]:
    """All networks by id, with the group behind the name where it is not the first."""
    groups = {"segmentation": _("segmentation"), "detection": _("detection"), "own": _("our own")}
    return {
        name: f"{name} · {groups[group]}" if group in groups else name
        for group, members in catalogue().items()
        for name in members
    }


def choose_network(lesson: LessonPage) -> Chosen:
    """Draw the controls. Another network brings the image size of its published figures."""
    titles, key = names(), lesson.key("model")
    codec = state.choice(list(titles))
    # Over a hundred names: the sentence about a bad link names the group instead.
    codec = state.Codec(codec.write, codec.read, N_("a network of the list"), {}, codec.draw)
    lesson.linked("model", "resnet50", codec)

    def take() -> None:
        network = st.session_state[key]
        said = published(network)
        lesson.put("n", said.size[0])
        lesson.put("boxes", said.proposals or 0)
        lesson.put("found", said.detections or 0)
        for way, default in switches(network).items():
            lesson.put(SHORT[way], default)

    name = st.selectbox(
        _("Network"),
        list(titles),
        format_func=lambda name: titles[name],
        key=key,
        on_change=take,
        persist_state="session",
    )
    said = published(name)
    step = _step(name)
    side = lesson.slider(
        "n", _("Side of the image"), max(step, 16), LARGEST // step * step, said.size[0], step=step
    )
    batch = lesson.slider("b", _("Batch"), 1, 256, 1)
    return Chosen(name, side, batch, **_variant(lesson, name, switches(name)))


def _step(name: str) -> int:
    """Between sides that the network's patches or windows divide."""
    if name.startswith("vit_"):
        return int(name.rpartition("_")[2])
    return 224 if name.startswith("maxvit") else 1


def _variant(lesson: LessonPage, name: str, ways: Mapping[str, bool]) -> dict[str, Any]:
    """Switches that only some networks have."""
    variant: dict[str, Any] = {}
    labels = {
        "auxiliary": (_("Auxiliary heads"), _("Classifiers beside the main one, for training only.")),
        "frozen": (
            _("Frozen batch normalisation"),
            _("Scale and shift of the backbone's normalisations are buffers, not parameters."),
        ),
        "v1": (_("Strides of 2015"), _("Blocks halve the map in the first 1×1, not in the 3×3.")),
    }
    for way, default in ways.items():
        label, help_text = labels[way]
        variant[way] = lesson.toggle(SHORT[way], label, default, help=help_text)
    said = published(name)
    if group_of(name) == "detection" and said.proposals is not None:
        variant["proposals"] = lesson.slider(
            "boxes", _("Boxes looked at again"), 0, 1000, said.proposals, help=_("Proposals an image.")
        )
        if name.startswith(("mask", "keypoint")):
            variant["detections"] = lesson.slider(
                "found", _("Boxes with a mask or key points"), 0, 100, said.detections or 0
            )
    return variant
