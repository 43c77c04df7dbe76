"""A photo with boxes over it: one that is pointed at, or reached by arrow keys, says where it comes from."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.images import encode_jpeg

_HERE = Path(__file__).resolve().parent
_HTML = """
<div class="photo-boxes">
  <div class="surface"><img alt=""><svg aria-hidden="true"></svg><div class="chips" aria-hidden="true"></div></div>
  <p class="said"></p>
</div>
"""
_photo_boxes = st.components.v2.component(
    "cnnviz_photo_boxes",
    html=_HTML,
    css=(_HERE / "photo_boxes.css").read_text(encoding="utf-8"),
    js=(_HERE / "photo_boxes.js").read_text(encoding="utf-8"),
)

Corners = Sequence[float] | NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A box over the photo.

    Attributes:
        at: xyxy in pixels of the photo.
        colour: CSS.
        said: below the photo while it is pointed at, and to screen readers.
        text: on its chip; none where empty.
        kind: how its outline looks.
        fill: opacity of its inside, 0 to 1.
        origin: another box, outlined while this one is pointed at.
    """

    at: Corners
    colour: str
    said: str
    text: str = ""
    kind: Literal["solid", "strong", "dashed", "faint", "ghost", "cell"] = "solid"
    fill: float = 0.0
    origin: Corners | None = None


@dataclass(frozen=True)
class Grid:
    """Lines over the photo: `rows` × `columns` cells from the upper left corner to (right, bottom) in pixels."""

    rows: int
    columns: int
    right: float
    bottom: float


def photo_boxes(
    picture: NDArray[np.uint8],
    size: tuple[int, int],
    boxes: Sequence[Drawn],
    *,
    alt: str,
    label: str,
    hint: str,
    key: str,
    grid: Grid | None = None,
    on_pick: Callable[[int], None] | None = None,
) -> None:
    """Draw the photo with its boxes, the first of them with the first choice of places for its chip.

    Args:
        picture: (h, w, 3), the photo at any size.
        size: (height, width) of the photo whose pixels the boxes are in.
        alt: what the picture shows now.
        label: what the arrow keys go through, for screen readers.
        hint: below the photo while nothing is pointed at.
        on_pick: called with the place in `boxes` of one that was clicked.
    """

    def picked() -> None:
        told = (st.session_state.get(key) or {}).get("pick")
        if told and on_pick is not None and 0 <= int(told[0]) < len(boxes):
            on_pick(int(told[0]))

    source = base64.b64encode(encode_jpeg(picture, 80)).decode("ascii")
    _photo_boxes(
        data={
            "source": f"data:image/jpeg;base64,{source}",
            "alt": alt,
            "label": label,
            "hint": hint,
            "height": size[0],
            "width": size[1],
            "boxes": [
                {
                    "at": _tenths(box.at),
                    "colour": box.colour,
                    "said": box.said,
                    "text": box.text,
                    "kind": box.kind,
                    "fill": round(box.fill, 3),
                    "origin": None if box.origin is None else _tenths(box.origin),
                }
                for box in boxes
            ],
            "lines": None if grid is None else vars(grid),
            "pickable": on_pick is not None,
        },
        key=key,
        on_pick_change=picked,
    )


def _tenths(box: Corners) -> list[float]:
    return [round(float(value), 1) for value in box]
