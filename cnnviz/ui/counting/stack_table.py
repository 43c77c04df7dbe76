"""A stack of layers as a table to edit; every row travels in the link as it stands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from cnnviz.ui.language import current
from cnnviz.ui.receptive_field.stack_table import Row, apply_edits
from cnnviz.zoo.counting.stack_rows import NUMBERS, Rows, row_of
from cnnviz.zoo.counting.stacks import KINDS, MAX_ROWS


@dataclass
class _Table:
    """What the editor was given, the rows it stands for now, and how often it was given anew."""

    given: list[Row]
    rows: Rows
    turn: int


def stack_table(rows: Rows, *, key: str, alt: str, on_edit: Callable[[Rows], None]) -> None:
    """Draw the table; what a reader makes of it comes back by `on_edit`, before the next run.

    An editor keeps its edits only as long as all that it was given stays the same. So the table given is
    kept, and made anew when the rows were changed elsewhere or the editor was away.
    """
    table: _Table | None = st.session_state.get(f"{key}.table")
    if table is None or table.rows != rows:
        table = _Table([], rows, table.turn + 1 if table else 0)
        st.session_state[f"{key}.table"] = table
    editor = f"{key}.editor.{table.turn}.{current()}"
    if editor not in st.session_state:
        table.given = [row.cells() for row in table.rows]

    def edited() -> None:
        changed = apply_edits(table.given, st.session_state[editor])
        table.rows = tuple(map(row_of, changed[:MAX_ROWS]))
        on_edit(table.rows)

    st.data_editor(
        _frame(table.given),
        key=editor,
        num_rows="dynamic",
        placeholder="",
        hide_index=True,
        height=420,
        column_config=_columns(),
        on_change=edited,
        alt=alt,
    )


def _frame(rows: list[Row]) -> pd.DataFrame:
    """The rows as columns that keep their type where all cells are empty, or no row is left."""
    types = {"kind": "string", **dict.fromkeys(NUMBERS, "Int64"), "bias": "boolean"}
    columns = {name: pd.array([row.get(name) for row in rows], dtype=kind) for name, kind in types.items()}
    return pd.DataFrame(columns)


def _columns() -> dict[str, Any]:
    widths = zip(NUMBERS, (118, 108, 78, 88, 78), strict=True)
    numbers = {name: st.column_config.NumberColumn(name, step=1, width=width) for name, width in widths}
    return {
        "kind": st.column_config.SelectboxColumn("kind", options=list(KINDS), default="conv", width=76),
        **numbers,
        "bias": st.column_config.CheckboxColumn("bias", default=True, width=58),
    }
