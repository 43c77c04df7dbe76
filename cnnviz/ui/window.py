"""The window explorer: a sliding window on grids of numbers, to point at, step through and edit.

A Streamlit component (custom components v2) without a build step: `window.js` and `window.css` lie
beside this file. Pointing and stepping stay in the browser; only a fixed cell and an edited number
come back to Python.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

Numbers = NDArray[np.floating[Any]]
Cell = tuple[int, int, int]

_HERE = Path(__file__).resolve().parent
_COMPONENT = st.components.v2.component(
    "cnnviz_window",
    html='<div class="explorer"></div>',
    css=(_HERE / "window.css").read_text("utf-8"),
    js=(_HERE / "window.js").read_text("utf-8"),
)


@dataclass(frozen=True, kw_only=True)
class WindowView:
    """What a convolution or pooling layer read, and what it made of it.

    Attributes:
        mode: ``convolution`` (a weighted sum), or the pooling that is done.
        input: (C, Hp, Wp), the padding included; ``-inf`` where a maximum ignores it.
        output: (O, Ho, Wo).
        weight: (O, C / groups, kh, kw); None for pooling.
        bias: (O,) or None.
        kernel_size: (kh, kw).
        pads: rows and columns of padding in `input`: top, bottom, left, right.
        stride, dilation: (vertical, horizontal).
        groups: how many groups the channels fall into; pooling always reads its own channel only.
        flipped: each window is multiplied by the kernel turned by 180°: convolution in the
            mathematician's sense, where deep learning computes cross-correlation.
        winners: (O, Ho, Wo), where each maximum came from as ``max_pool2d(return_indices=True)``
            says it: the flat index in the input plane without padding. None: the first of the best.
        count_padding: whether an average divides by padding cells too (``count_include_pad``).
        selected: the output cell that is marked: channel, row, column.
        hidden_cells: output cells shown as "?"; their values are not sent to the browser.
        edit_input, edit_weight: whether a reader may change the numbers.
        decimals: most digits shown behind the decimal point.
    """

    mode: Literal["convolution", "max", "min", "average"]
    input: Numbers
    output: Numbers
    kernel_size: tuple[int, int]
    weight: Numbers | None = None
    bias: Numbers | None = None
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    flipped: bool = False
    winners: NDArray[np.integer[Any]] | None = None
    count_padding: bool = True
    selected: Cell | None = None
    hidden_cells: frozenset[Cell] = frozenset()
    edit_input: bool = False
    edit_weight: bool = False
    decimals: int = 2


@dataclass(frozen=True, kw_only=True)
class WindowLabels:
    """Every word the explorer shows or speaks, in the reader's language.

    Fields in braces are filled in by the explorer; rows, columns and positions count from 1.

    Attributes:
        inputs, outputs: a name for each channel: ``Input 1``, ``Red``.
        input_note, kernel_note, output_note: what stands behind the names: ``5 × 5, padding 1``.
        kernel: a kernel's name: ``{input} → {output}``.
        operator: the sign between input and kernel, or input and pooled output: ``∗``, ``max``.
        bias: the word for the bias.
        cell: a cell's name: ``{grid}, row {row}, column {column}``.
        padding, hidden: said of a padding cell, and of a cell that is not revealed.
        readers: said of an input cell: ``Output cells that read it: {count}``.
        player: the name of the group of stepping controls.
        back, forward, play, pause, speed: its controls.
        position: where the window is: ``{index} of {count}``.
        show_all, show_less: the switch for long sums: ``Show all {count} terms``.
        hint: how to use it, below.
        invalid: said of an entry that is not a number.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    input_note: str
    output_note: str
    operator: str
    cell: str
    padding: str
    hidden: str
    readers: str
    player: str
    back: str
    forward: str
    play: str
    pause: str
    speed: str
    position: str
    show_all: str
    show_less: str
    hint: str
    kernel: str = ""
    kernel_note: str = ""
    bias: str = ""
    invalid: str = ""


@dataclass(frozen=True)
class WindowSelection:
    """What the reader did last, since the explorer was first shown; None where nothing yet.

    Attributes:
        cell: the output cell that was fixed: channel, row, column.
        input: (C, H, W), the edited input without its padding.
        weight: (O, C / groups, kh, kw), the edited kernels.
    """

    cell: Cell | None
    input: Numbers | None
    weight: Numbers | None


def _plain(numbers: Numbers) -> list[float | str]:
    """The numbers, flat, at the precision of float32; JSON has no infinities, so they go as text."""
    return [float(f"{x:.8g}") if math.isfinite(x) else str(float(x)) for x in np.asarray(numbers).flat]


def payload(view: WindowView, labels: WindowLabels, seen: int = 0) -> dict[str, Any]:
    """What is sent to the browser; arrays go flat, hidden values not at all.

    Args:
        view: what is shown.
        labels: its words.
        seen: stamp of the reader's last report that has arrived here.
    """
    hidden = [int(np.ravel_multi_index(cell, view.output.shape)) for cell in view.hidden_cells]
    output: list[float | str | None] = [*_plain(view.output)]
    winners = None if view.winners is None else [int(index) for index in view.winners.flat]
    for index in hidden:
        output[index] = None
        if winners is not None:
            winners[index] = -1
    return {
        "mode": view.mode,
        "input": _plain(view.input),
        "inputShape": view.input.shape,
        "output": output,
        "outputShape": view.output.shape,
        "weight": None if view.weight is None else _plain(view.weight),
        "bias": None if view.bias is None else _plain(view.bias),
        "kernel": view.kernel_size,
        "pads": view.pads,
        "stride": view.stride,
        "dilation": view.dilation,
        "groups": view.groups if view.mode == "convolution" else view.input.shape[0],
        "flipped": view.flipped,
        "winners": winners,
        "countPadding": view.count_padding,
        "selected": view.selected,
        "editInput": view.edit_input,
        "editWeight": view.edit_weight,
        "decimals": view.decimals,
        "labels": asdict(labels),
        "seen": seen,
    }


def window_explorer(
    view: WindowView,
    *,
    labels: WindowLabels,
    key: str,
    on_cell: Callable[[Cell], None] | None = None,
    on_input: Callable[[Numbers], None] | None = None,
    on_weight: Callable[[Numbers], None] | None = None,
) -> WindowSelection:
    """Draw the explorer.

    What is shown is always `view`: an edit is only reported, and shows up when the page has computed
    with it and comes back with a new view.

    Args:
        view: the layer's input, weights and output.
        labels: the words, in the reader's language.
        key: the component's key in the session.
        on_cell, on_input, on_weight: called, before the script runs again, with what
            :class:`WindowSelection` holds under that name, when the reader changed it.
    """

    def state() -> dict[str, Any]:
        return st.session_state.get(key) or {}

    def last(name: str) -> Any:
        report = state().get(name)
        return None if report is None else report["value"]

    def cell() -> Cell | None:
        value = last("cell")
        return None if value is None else (int(value[0]), int(value[1]), int(value[2]))

    def numbers(name: str) -> Numbers | None:
        value = last(name)
        return None if value is None else np.array(value, dtype=np.float64)

    def cell_changed() -> None:
        if on_cell and (value := cell()) is not None:
            on_cell(value)

    def input_changed() -> None:
        if on_input and (value := numbers("input")) is not None:
            on_input(value)

    def weight_changed() -> None:
        if on_weight and (value := numbers("weight")) is not None:
            on_weight(value)

    seen = max(
        (report["stamp"] for name in ("cell", "input", "weight") if (report := state().get(name))), default=0
    )
    _COMPONENT(
        key=key,
        data=payload(view, labels, seen),
        on_cell_change=cell_changed,
        on_input_change=input_changed,
        on_weight_change=weight_changed,
    )
    return WindowSelection(cell(), numbers("input"), numbers("weight"))
