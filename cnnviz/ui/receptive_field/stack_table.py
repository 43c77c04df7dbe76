"""A stack of layers as a table to edit: rows come and go, nonsense is explained and left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from cnnviz.errors import SettingError
from cnnviz.layers.stack import LIMITS, Stack, read_rows, rows_of
from cnnviz.ui.language import _, current

Row = dict[str, object]


@dataclass
class _Table:
    """What the editor was given, what its reader has made of it, and how often it was given anew."""

    given: list[Row]
    rows: list[Row]
    turn: int


def stack_table(
    stack: Stack, *, key: str, alt: str, on_edit: Callable[[Stack], None]
) -> dict[int, SettingError]:
    """Draw the table of `stack`; what a reader makes of it comes back by `on_edit`, before the next run.

    An editor keeps its edits only as long as all that it was given stays the same, its words and its
    height included. So the table given is kept, with the edits beside it, and made anew when the stack
    was changed elsewhere or the editor was away (another page, another language).

    Returns:
        By row number, from 1, why a row is not in the stack.
    """
    table: _Table | None = st.session_state.get(f"{key}.table")
    if table is None or read_rows(table.rows)[0] != stack:
        table = _Table(rows_of(stack), rows_of(stack), table.turn + 1 if table else 0)
        st.session_state[f"{key}.table"] = table
    editor = f"{key}.editor.{table.turn}.{current()}"
    if editor not in st.session_state:
        table.given = table.rows

    def edited() -> None:
        table.rows = apply_edits(table.given, st.session_state[editor])
        on_edit(read_rows(table.rows)[0])

    st.data_editor(
        {name: [row.get(name) for row in table.given] for name in ("kind", *LIMITS)},
        key=editor,
        num_rows="dynamic",
        hide_index=True,
        height=min(36 * max(len(table.given) + 4, 8), 420),
        column_config=_columns(),
        on_change=edited,
        alt=alt,
    )
    return read_rows(table.rows)[1]


def apply_edits(rows: list[Row], edits: Mapping[str, Any]) -> list[Row]:
    """The rows after an editor's changed cells, new rows and deleted rows.

    >>> apply_edits([{"k": 3}, {"k": 5}], {"edited_rows": {1: {"k": 7}}, "added_rows": [{"k": 1}], "deleted_rows": [0]})
    [{'k': 7}, {'k': 1}]
    """
    changed = edits.get("edited_rows", {})
    gone = set(edits.get("deleted_rows", []))
    kept = [{**row, **changed.get(place, {})} for place, row in enumerate(rows) if place not in gone]
    return [*kept, *edits.get("added_rows", [])]


def _columns() -> dict[str, Any]:
    kinds = {"conv": _("conv"), "pool": _("pool")}
    usual = {"kernel_size": (3, 62), "stride": (1, 60), "padding": (1, 72), "dilation": (1, 72)}
    numbers = {
        name: st.column_config.NumberColumn(name.removesuffix("_size"), default=value, step=1, width=width)
        for name, (value, width) in usual.items()
    }
    kind = st.column_config.SelectboxColumn(
        _("kind"),
        options=list(kinds),
        format_func=lambda option: kinds[str(option)],
        default="conv",
        width=62,
    )
    return {"kind": kind, **numbers}
