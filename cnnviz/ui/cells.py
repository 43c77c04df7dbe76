"""A picture whose parts can be picked: by a click, or by arrow keys and Enter."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

_HERE = Path(__file__).resolve().parent
_HTML = """
<div class="picker">
  <img alt="">
  <div class="boxes"></div>
  <div class="mark" hidden></div>
  <div class="hover" hidden></div>
  <div class="surface"></div>
</div>
"""
_picker = st.components.v2.component(
    "cnnviz_cells",
    html=_HTML,
    css=(_HERE / "cells.css").read_text(encoding="utf-8"),
    js=(_HERE / "cells.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Box:
    """An outlined rectangle over the picture, in fractions of its width and height, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float
    colour: str = "#56b4e9"
    label: str = ""


def cell_picker(
    image: bytes,
    rows: int,
    columns: int,
    selected: tuple[int, int] | None,
    *,
    alt: str,
    label: str,
    cell_text: str,
    boxes: Sequence[Box] = (),
    width: Literal["stretch", "content"] | int = "stretch",
    key: str,
    on_pick: Callable[[], None],
) -> None:
    """Draw `image` (JPEG or PNG) divided into `rows` × `columns` equal cells.

    The pick is in ``st.session_state[key].cell`` as ``[row, column]`` when `on_pick` is called.

    Args:
        alt: what the picture shows.
        label: what picking does, for screen readers.
        cell_text: name of a cell, with fields ``{row}`` and ``{column}`` that count from 1.
    """
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    _picker(
        data={
            "source": f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}",
            "rows": rows,
            "columns": columns,
            "selected": list(selected) if selected is not None else None,
            "alt": alt,
            "label": label,
            "cellText": cell_text,
            "boxes": [asdict(box) for box in boxes],
        },
        key=key,
        width=width,
        on_cell_change=on_pick,
    )
