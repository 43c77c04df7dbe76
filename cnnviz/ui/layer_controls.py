"""The controls of a convolution layer: its input, its kernels, how the window slides, its channels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike
from streamlit.delta_generator import DeltaGenerator

from cnnviz.errors import SettingError
from cnnviz.layers import grids
from cnnviz.layers.convolution import ConvolutionSettings, Floats
from cnnviz.layers.kernels import PRESETS
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

OWN = "own"
"""The choice that stands for numbers which the reader has edited."""
_SEEDS = 10_000


class LayerControls:
    """Linked controls that the views of a lesson share, and what they are set to."""

    def __init__(self, lesson: LessonPage) -> None:
        self.lesson = lesson
        self.seed = lesson.linked("seed", 0, state.whole(0, _SEEDS - 1))

    # A choice among named numbers, which becomes "your own" by an edit

    def pick(
        self, choice: str, label: str, named: Mapping[str, str], default: str, numbers: str, most: int
    ) -> str:
        """Choose among what has a name, and the reader's own numbers once there are some.

        Args:
            choice: the choice's name in the link.
            named: id -> its name in the reader's language.
            numbers: the own numbers' name in the link, empty unless they are chosen.
            most: how many there may be.
        """
        own = self.lesson.linked(numbers, (), state.grids(most))
        options = {**named, OWN: _("Your own numbers")} if own else named
        chosen = self.lesson.choice(choice, label, options, default, kind="list")
        if chosen != OWN:
            self.lesson.put(numbers, ())
        return chosen

    def keep(self, choice: str, numbers: str, values: ArrayLike) -> None:
        """Take over edited numbers, (…, rows, columns), with the digits that the link keeps."""
        array = np.asarray(values, dtype=np.float64)
        planes = array.reshape(-1, *array.shape[-2:])
        rounded = tuple(tuple(tuple(float(f"{x:g}") for x in row) for row in plane) for plane in planes)
        self.lesson.put(numbers, rounded)
        self.lesson.put(choice, OWN)

    def own(self, numbers: str, shape: Sequence[int]) -> Floats:
        """The own numbers as far as they reach, with zeros around."""
        planes = np.zeros((int(np.prod(shape[:-2])), *shape[-2:]))
        return grids.overlay(planes, st.session_state[self.lesson.key(numbers)]).reshape(shape)

    def reseed_button(self) -> None:
        """Draw other random numbers."""
        st.button(
            _("Other random numbers"),
            icon=":material/casino:",
            on_click=self.lesson.put,
            args=("seed", (self.seed + 1) % _SEEDS),
            key=self.lesson.key("reseed"),
        )

    # Input and kernels

    def picture(self) -> tuple[str, tuple[int, int]]:
        """Which small picture, and its (rows, columns)."""
        titles = {name: _(title) for name, title in grids.PICTURES.items()}
        chosen = self.pick("in", _("Input"), titles, "letter", "x", 4 * 12 * 12)
        with _pair():
            rows = self.lesson.slider("rows", _("Rows"), 3, 12, 6)
            columns = self.lesson.slider("cols", _("Columns"), 3, 12, 6)
        return chosen, (rows, columns)

    def input(self, chosen: str, channels: int, size: tuple[int, int]) -> Floats:
        """The input, (channels, rows, columns)."""
        if chosen == OWN:
            return self.own("x", (channels, *size))
        return grids.picture(chosen, channels, *size, seed=self.seed)

    def kernel(self) -> tuple[str, tuple[int, int]]:
        """Which kernel, and its (height, width)."""
        titles = {preset.id: _(preset.title) for preset in PRESETS.values()}
        titles[grids.RANDOM] = _("Random numbers")
        chosen = self.pick("k", _("Kernel"), titles, "sobel-x", "w", 4 * 4 * 7 * 7)
        with _pair():
            height = self.lesson.slider("kh", _("Kernel height"), 1, 7, 3)
            width = self.lesson.slider("kw", _("Kernel width"), 1, 7, 3)
        return chosen, (height, width)

    def weights(self, chosen: str, settings: ConvolutionSettings) -> Floats:
        """The layer's weights; random ones stand in where the chosen kernel has no such size."""
        if chosen == OWN:
            return self.own("w", settings.weight_shape)
        try:
            return grids.bank(chosen, settings, self.seed)
        except SettingError:
            height, width = settings.kernel_size
            words = _(
                "{title} needs odd sides from 3 on; for {height} × {width}, random numbers stand in for it."
            )
            title = _(PRESETS[chosen].title)
            st.warning(words.format(title=title, height=height, width=width), icon=":material/tune:")
            return grids.bank(grids.RANDOM, settings, self.seed)

    # The rest of the layer, as arguments of ConvolutionSettings

    def sliding(self) -> dict[str, Any]:
        """How the window moves, and what lies around the input."""
        lesson = self.lesson
        with _pair():
            stride = lesson.slider("s", _("Stride"), 1, 4, 1)
            dilation = lesson.slider("d", _("Dilation"), 1, 4, 1)
        words = {"number": "0–6", "same": "same", "valid": "valid"}
        with _pair():
            word = lesson.choice("pad", _("Padding"), words, "number", kind="list")
            amount = lesson.slider("p", _("Each side"), 0, 6, 0, disabled=word != "number")
        modes = {
            "zeros": _("zeros"),
            "reflect": _("reflect: mirrored"),
            "replicate": _("replicate: the border again"),
            "circular": _("circular: from the other side"),
        }
        return {
            "stride": stride,
            "dilation": dilation,
            "padding": amount if word == "number" else word,
            "padding_mode": lesson.choice("mode", _("What fills the padding"), modes, "zeros", kind="list"),
            "flip": lesson.toggle("flip", _("Flip the kernel")),
        }

    def channels(self) -> dict[str, Any]:
        """Channels, groups and bias, folded away until one of them is used."""
        lesson = self.lesson
        few = state.whole(1, 4)
        inputs, outputs, groups = (lesson.linked(name, 1, few) for name in ("cin", "cout", "groups"))
        bias = lesson.linked("bias", False, state.flag())
        folder = st.expander(
            _("Channels, groups, bias"),
            expanded=bias or max(inputs, outputs, groups) > 1,
            key=lesson.key("channels"),
            on_change="rerun",
        )
        if folder.open:
            with folder:
                inputs = lesson.slider("cin", _("Input channels"), 1, 4, 1)
                outputs = lesson.slider("cout", _("Output channels"), 1, 4, 1)
                groups = lesson.slider("groups", _("Groups"), 1, 4, 1)
                bias = lesson.toggle("bias", _("Bias"))
        return {"in_channels": inputs, "out_channels": outputs, "groups": groups, "bias": bias}


def _pair() -> DeltaGenerator:
    """Two controls side by side. A redraw of columns costs several times as much."""
    return st.container(horizontal=True, wrap=False)
