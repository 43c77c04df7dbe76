"""The board: every operator's output side by side, as numbers or as pictures, under one cursor.

A Streamlit component (custom components v2) without a build step: `board.js` and `board.css` lie beside
this file. One element holds all panels, so that a tweak redraws one element.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.images import encode_png
from cnnviz.layers.convolution import Floats
from cnnviz.ui import state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

_HERE = Path(__file__).resolve().parent
_component = st.components.v2.component(
    "cnnviz_board",
    html='<div class="board"><div class="edits"></div><div class="cursor" hidden></div><div class="panels"></div></div>',
    css=(_HERE / "board.css").read_text(encoding="utf-8"),
    js=(_HERE / "board.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A panel of numbers.

    Attributes:
        values: (rows, columns).
        weights: (rows, columns, H, W), of each input cell in each number; None while they are hidden.
        note: stands below.
        alt: what the panel shows.
    """

    id: str
    title: str
    values: Floats
    weights: Floats | None
    note: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A panel with a picture, (rows, columns, 3) uint8, every pixel a square."""

    id: str
    title: str
    pixels: NDArray[np.uint8]
    note: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A panel whose operator can't do it, and why."""

    id: str
    title: str
    error: str


@dataclass(frozen=True)
class Edit:
    """Numbers that the reader may change: name, title, (rows, columns)."""

    name: str
    title: str
    values: Floats


def _sent(panel: Numbers | Picture | Refused) -> dict[str, Any]:
    data: dict[str, Any] = {"id": panel.id, "title": panel.title}
    if isinstance(panel, Refused):
        return data | {"error": panel.error}
    shape = panel.values.shape if isinstance(panel, Numbers) else panel.pixels.shape
    data |= {"rows": shape[0], "columns": shape[1], "size": f"{shape[0]} × {shape[1]}"}
    data |= {"note": panel.note, "alt": panel.alt}
    if isinstance(panel, Picture):
        encoded = base64.b64encode(encode_png(panel.pixels)).decode("ascii")
        return data | {"source": f"data:image/png;base64,{encoded}"}
    data["values"] = [float(f"{value:.6g}") for value in panel.values.flat]
    if panel.weights is not None:
        data["weights"] = [
            [[int(index), float(f"{row[index]:.4g}")] for index in np.flatnonzero(row)]
            for row in panel.weights.reshape(panel.values.size, -1)
        ]
    return data


def board(
    panels: Sequence[Numbers | Picture | Refused],
    *,
    chosen: str,
    cell: tuple[int, int],
    least: int,
    key: str,
    on_cell: Callable[[str, tuple[int, int]], None],
    grid: tuple[int, int] = (0, 0),
    edits: Sequence[Edit] = (),
    on_edit: Callable[[str, Floats], None] = lambda name, values: None,
    colours: bool = False,
) -> None:
    """Draw the panels.

    Args:
        chosen: id of the panel that is looked at closely.
        cell: (row, column) of its cell under the cursor, while nothing else is pointed at.
        least: width of a panel in pixels, where there is room.
        on_cell: called with the panel and the cell that the reader has fixed, before the script runs again.
        grid: (rows, columns) of the input behind the weights.
        edits: what may be edited; on_edit: called with the name and the new numbers.
        colours: whether the colour under the cursor is written below each picture.
    """

    def report(name: str) -> Mapping[str, Any] | None:
        return (st.session_state.get(key) or {}).get(name)

    def cell_changed() -> None:
        if told := report("cell"):
            on_cell(str(told["id"]), (int(told["row"]), int(told["column"])))

    def edited() -> None:
        if told := report("edit"):
            on_edit(str(told["name"]), np.array(told["values"], np.float64))

    numbers = [panel.values for panel in panels if isinstance(panel, Numbers)]
    _component(
        data={
            "panels": [_sent(panel) for panel in panels],
            "most": max((float(np.abs(values).max()) for values in numbers), default=0.0),
            "input": grid,
            "edits": [
                {"name": edit.name, "title": edit.title, "values": edit.values.tolist()} for edit in edits
            ],
            "chosen": chosen,
            "cell": cell,
            "least": least,
            "words": {
                "cursor": _("Cursor"),
                "cell": _("row {row}, column {column}"),
                "hint": _("Point at a cell; a click fixes it. By keyboard: arrow keys, then Enter."),
                "colour": "rgb" if colours else "",
            },
        },
        key=key,
        on_cell_change=cell_changed,
        on_edit_change=edited,
    )


def picture_board(
    lesson: LessonPage, panels: Sequence[Picture | Refused], chosen: str, colours: bool = False
) -> None:
    """Draw pictures, the first of them what the operators started from, and link the cursor and the choice.

    Args:
        chosen: id of the operator that is looked at closely.
        colours: as in :func:`board`.
    """
    source = panels[0].id

    def fix(id: str, cell: tuple[int, int]) -> None:
        lesson.put("at", cell)
        if id != source:
            lesson.put("op", id)

    row, column = (*lesson.linked("at", (10, 14), state.cells(2)), 0)[:2]
    board(
        panels,
        chosen=chosen,
        cell=(row, column),
        least=170,
        key=lesson.key("pictures"),
        on_cell=fix,
        colours=colours,
    )
