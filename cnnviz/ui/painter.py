"""A small label map to paint on: pick a label and a brush, and paint with a pointer or by keys."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.figures.labels import Swatch
from cnnviz.messages import N_
from cnnviz.metrics.label_maps import pack, unpack
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.state import Codec

_HERE = Path(__file__).resolve().parent
_HTML = """
<div class="painter">
  <div class="tools">
    <fieldset><legend></legend></fieldset>
    <label class="size"><span></span><select></select></label>
  </div>
  <div class="surface"><canvas></canvas><div class="cursor" hidden></div></div>
  <p class="hint"></p>
  <div class="said" aria-live="polite"></div>
</div>
"""
_painter = st.components.v2.component(
    "cnnviz_painter",
    html=_HTML,
    css=(_HERE / "painter.css").read_text(encoding="utf-8"),
    js=(_HERE / "painter.js").read_text(encoding="utf-8"),
)
SIZES = (1, 3, 5, 9, 15)
OWN = "own"
"""The choice that stands for the reader's own painting."""


@dataclass(frozen=True)
class Brush:
    """What a stroke does to a label: it takes the bits `clear` away and puts the bits `set` there.

    Attributes:
        name: in the reader's language.
        label: whose pattern the brush shows.
    """

    name: str
    label: int
    set: int
    clear: int = 255


@dataclass(frozen=True)
class PainterWords:
    """The painter's words, in the reader's language.

    Attributes:
        brush, size: names of the two tools.
        label: what painting does, and with which keys, for screen readers.
        hint: the same in short, below the map.
        position: said of the cell under the cursor, with fields ``{row}``, ``{column}`` and ``{label}``.
    """

    brush: str
    size: str
    label: str
    hint: str
    position: str


def painter(
    labels: NDArray[np.uint8],
    *,
    swatches: Sequence[Swatch],
    names: Sequence[str],
    brushes: Sequence[Brush],
    words: PainterWords,
    alt: str,
    key: str,
    on_paint: Callable[[NDArray[np.uint8]], None],
    outline: NDArray[np.uint8] | None = None,
    brush: int = 0,
    size: int = 5,
    photo: bytes = b"",
    opacity: float = 1.0,
) -> None:
    """Draw `labels`, (H, W) below 10, to be painted on.

    Args:
        swatches, names: colour and pattern, and name, of each label.
        alt: what the map shows now.
        on_paint: called with the new map before the script runs again.
        outline: another map whose borders are drawn over this one.
        brush, size: the tools picked at first.
        photo: a JPEG that shows through where the label is 0.
        opacity: of the other labels' colours over the photo, 0 to 1.
    """

    def painted() -> None:
        report = st.session_state[key].grid
        if report is not None and len(report["value"]) == labels.size:
            values = np.frombuffer(report["value"].encode("ascii"), np.uint8) - ord("0")
            if values.max(initial=0) < len(swatches):
                on_paint(values.reshape(labels.shape).astype(np.uint8))

    report = (st.session_state.get(key) or {}).get("grid")
    _painter(
        data={
            "grid": _text(labels),
            "outline": None if outline is None else _text(outline),
            "rows": labels.shape[0],
            "columns": labels.shape[1],
            "palette": [asdict(swatch) for swatch in swatches],
            "names": list(names),
            "brushes": [asdict(one) for one in brushes],
            "brush": brush,
            "size": size,
            "sizes": list(SIZES),
            "words": asdict(words),
            "alt": alt,
            "photo": f"data:image/jpeg;base64,{base64.b64encode(photo).decode('ascii')}" if photo else "",
            "opacity": opacity,
            "seen": report["stamp"] if report else 0,
        },
        key=key,
        on_grid_change=painted,
    )


def _text(labels: NDArray[np.uint8]) -> str:
    return (labels.ravel() % 10 + ord("0")).astype(np.uint8).tobytes().decode("ascii")


# A painted map in the link


def pick_map(
    lesson: LessonPage,
    choice: str,
    label: str,
    named: Mapping[str, str],
    default: str,
    shape: tuple[int, int],
    most: int,
) -> tuple[str, NDArray[np.uint8] | None]:
    """Choose among what has a name, and the reader's own painting once there is one.

    Args:
        choice: the choice's name in the link; the painting is `x` there.
        named: id -> its name in the reader's language.
        shape, most: the map's height and width, and its largest label.

    Returns:
        What is chosen, and the painting if that is it.
    """

    def read(text: str) -> str:
        unpack(text, shape, most)
        return text

    codec = Codec(str, read, N_("a painted map of {height}×{width}"), {"height": shape[0], "width": shape[1]})
    own = lesson.linked("x", "", codec)
    options = {**named, OWN: _("Your own painting")} if own else named
    chosen = lesson.choice(choice, label, options, default, kind="list")
    if chosen == OWN:
        return chosen, unpack(own, shape, most)
    lesson.put("x", "")
    return chosen, None


def keep_map(lesson: LessonPage, choice: str, labels: NDArray[np.uint8]) -> None:
    """Take over a painted map, in a callback of the painter."""
    lesson.put("x", pack(labels))
    lesson.put(choice, OWN)


def painter_words() -> PainterWords:
    """The usual words."""
    return PainterWords(
        brush=_("Paint"),
        size=_("Brush, pixels"),
        label=_("Arrow keys move the brush, Space paints, Shift and arrow keys paint on the way."),
        hint=_("Paint with the pointer; by keyboard: arrow keys, Space, Shift + arrow keys."),
        position=_("row {row}, column {column}: {label}"),
    )
