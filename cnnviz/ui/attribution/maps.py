"""Several maps of one photo under one cursor and one zoom: pointing is the browser's own, only a pin comes here.

Opacity and zoom are custom properties of the page (:func:`look`), so that moving them sends no map again.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from cnnviz.figures.maps import DIVERGING, SEQUENTIAL, colour

_HERE = Path(__file__).resolve().parent
_HTML = '<div class="maps"><div class="grid"></div><p class="hint"></p></div>'
_maps = st.components.v2.component(
    "cnnviz_attribution_maps",
    html=_HTML,
    css=(_HERE / "maps.css").read_text(encoding="utf-8"),
    js=(_HERE / "maps.js").read_text(encoding="utf-8"),
)
_PALETTES = {
    signed: colour(np.linspace(0, 1, 256)[None], palette, (0, 1)).tobytes().hex()
    for signed, palette in ((False, SEQUENTIAL), (True, DIVERGING))
}


@dataclass(frozen=True)
class Panel:
    """One map.

    Attributes:
        title: of the method, in the reader's language.
        source: a grey PNG of :func:`cnnviz.figures.attribution.levels`; empty while there is nothing yet.
        signed: whether level 128 is 0.
        alt: what the map shows now.
        note: under the map.
    """

    title: str
    source: bytes
    signed: bool
    alt: str
    note: str = ""


@dataclass(frozen=True)
class MapsWords:
    """The words of the maps, in the reader's language.

    Attributes:
        photo: title of the first panel.
        label: what pointing does, with its keys, for screen readers; `hint`: the same in short, below.
        position: name of a place, with fields ``{row}`` and ``{column}`` that count from 0.
        nothing: in place of a map that is not there yet.
    """

    photo: str
    label: str
    hint: str
    position: str
    nothing: str


def look(opacity: float, zoom: float) -> None:
    """How opaque the maps are over the photo, 0 to 1, and how many times they are enlarged."""
    st.html(f"<style>:root {{ --attribution-opacity: {opacity:g}; --attribution-zoom: {zoom:g} }}</style>")


def linked_maps(
    photo: bytes,
    photo_alt: str,
    panels: Sequence[Panel],
    size: tuple[int, int],
    pin: tuple[int, int],
    words: MapsWords,
    *,
    key: str,
    on_pin: Callable[[tuple[int, int]], None],
) -> None:
    """Draw the photo and every map over it.

    Args:
        photo: JPEG of what all the maps are about.
        size: (rows, columns) in which places are told.
        pin: (row, column) where the cursor rests.
        on_pin: called with the new pin before the script runs again.
    """

    def pinned() -> None:
        place = st.session_state[key].pin
        if place is not None:
            row, column = (min(max(int(value), 0), most - 1) for value, most in zip(place, size, strict=True))
            on_pin((row, column))

    _maps(
        data={
            "photo": _address("jpeg", photo),
            "photoAlt": photo_alt,
            "panels": [asdict(panel) | {"source": _address("png", panel.source)} for panel in panels],
            "palettes": {"signed": _PALETTES[True], "plain": _PALETTES[False]},
            "size": list(size),
            "pin": list(pin),
            "words": asdict(words),
        },
        key=key,
        on_pin_change=pinned,
    )


def _address(kind: str, image: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}" if image else ""
