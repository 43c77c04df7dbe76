"""Stamping the kernel, to step through and to play; input and kernel can be edited in place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from cnnviz.layers.convolution import Floats
from cnnviz.ui.language import _
from cnnviz.upsampling.transposed import Stamping

_HERE = Path(__file__).resolve().parent
_component = st.components.v2.component(
    "cnnviz_stamps",
    html='<div class="stamps"></div>',
    css=(_HERE / "stamps.css").read_text(encoding="utf-8"),
    js=(_HERE / "stamps.js").read_text(encoding="utf-8"),
)


def stamps(
    input: Floats,
    kernel: Floats,
    steps: Stamping,
    *,
    step: int,
    selected: tuple[int, int],
    hidden: bool,
    key: str,
    on_step: Callable[[int], None],
    on_cell: Callable[[tuple[int, int]], None],
    on_input: Callable[[Floats], None],
    on_kernel: Callable[[Floats], None],
) -> None:
    """Draw the component; what the reader does is reported before the script runs again.

    Args:
        input: (H, W).
        kernel: (kh, kw).
        steps: what comes of them.
        step: how many stamps are on the canvas.
        selected: (row, column) of the output cell whose sum is written.
        hidden: whether that cell shows a question mark.
    """

    def report(name: str) -> Any:
        return (st.session_state.get(key) or {}).get(name)

    def when(name: str, tell: Callable[[Any], None], read: Callable[[Any], Any]) -> Callable[[], None]:
        def changed() -> None:
            if (said := report(name)) is not None:
                tell(read(said["value"]))

        return changed

    def numbers(values: Any) -> Floats:
        return np.array(values, dtype=np.float64)

    rows, columns = input.shape
    height, width = steps.output.shape
    _component(
        data={
            "input": input.tolist(),
            "kernel": kernel.tolist(),
            "rows": rows,
            "columns": columns,
            "kernelRows": kernel.shape[0],
            "kernelColumns": kernel.shape[1],
            "canvas": steps.canvas_size,
            "crop": steps.crop,
            "stride": steps.settings.stride,
            "dilation": steps.settings.dilation,
            "step": step,
            "selected": selected,
            "hidden": selected if hidden else None,
            "labels": {
                "input": _("Input"),
                "inputNote": f"({rows} × {columns})",
                "kernel": _("Kernel"),
                "kernelNote": f"({kernel.shape[0]} × {kernel.shape[1]})",
                "output": _("Output"),
                "outputNote": f"({height} × {width})",
                "cell": _("{grid}, row {row}, column {column}"),
                "cut": _("cut off by the padding"),
                "unwritten": _("no stamp reaches it"),
                "player": _("Move the stamp"),
                "back": _("Step back"),
                "forward": _("Step forward"),
                "play": _("Play"),
                "pause": _("Pause"),
                "steps": _("Stamps on the canvas"),
                "position": _("{index} of {count}"),
                "empty": _("The canvas is empty: zeros everywhere."),
                "said": _(
                    "Stamp {step}: the input's row {row}, column {column} holds {value}. {value} times the kernel is "
                    "added, its corner at row {top}, column {left} of the output."
                ),
                "hint": _(
                    "Type over any number of the input or the kernel. Point at an input cell to see where it is "
                    "stamped, at an output cell to see what adds up there; a click fixes the cell."
                ),
            },
            "seen": max(
                (r["stamp"] for n in ("step", "cell", "input", "kernel") if (r := report(n))), default=0
            ),
        },
        key=key,
        on_step_change=when("step", on_step, int),
        on_cell_change=when("cell", on_cell, lambda cell: (int(cell[0]), int(cell[1]))),
        on_input_change=when("input", on_input, numbers),
        on_kernel_change=when("kernel", on_kernel, numbers),
    )
