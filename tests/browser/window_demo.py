"""The window explorer alone, for the browser test: `?case=` picks what it shows."""

from dataclasses import replace

import numpy as np
import streamlit as st

from cnnviz.ui.window import Numbers, WindowLabels, WindowView, window_explorer

LABELS = WindowLabels(
    inputs=tuple(f"Input {i + 1}" for i in range(8)),
    outputs=tuple(f"Output {i + 1}" for i in range(8)),
    input_note="",
    output_note="",
    operator="∗",
    cell="{grid}, row {row}, column {column}",
    padding="padding",
    hidden="hidden",
    readers="Output cells that read it: {count}",
    player="Move the window",
    back="Step back",
    forward="Step forward",
    play="Play",
    pause="Pause",
    speed="Speed",
    position="{index} of {count}",
    show_all="Show all {count} terms",
    show_less="Show fewer terms",
    hint="Point at an output cell to see where it comes from, or at an input cell to see where it goes.",
    kernel="{input} → {output}",
    kernel_note="",
    bias="bias",
    invalid="Not a number",
)


def convolve(
    x: Numbers, weight: Numbers, bias: Numbers | None, stride: int, dilation: int, groups: int
) -> Numbers:
    """Cross-correlation by its definition; `x` (C, H, W) is padded already."""
    outputs, inputs, kh, kw = weight.shape
    height = (x.shape[1] - dilation * (kh - 1) - 1) // stride + 1
    width = (x.shape[2] - dilation * (kw - 1) - 1) // stride + 1
    result = np.zeros((outputs, height, width))
    for o, r, c in np.ndindex(result.shape):
        first = o // (outputs // groups) * inputs
        for k, i, j in np.ndindex(inputs, kh, kw):
            value = x[first + k, r * stride + i * dilation, c * stride + j * dilation]
            result[o, r, c] += weight[o, k, i, j] * value
        result[o, r, c] += 0 if bias is None else bias[o]
    return result


def convolution(
    x: Numbers,
    weight: Numbers,
    *,
    bias: Numbers | None = None,
    padding: int = 0,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    **more: object,
) -> tuple[WindowView, dict[str, object]]:
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    view = WindowView(
        mode="convolution",
        input=padded,
        output=convolve(padded, weight, bias, stride, dilation, groups),
        kernel_size=weight.shape[2:],
        weight=weight,
        bias=bias,
        pads=(padding,) * 4,
        stride=(stride, stride),
        dilation=(dilation, dilation),
        groups=groups,
        **more,
    )
    h, w = x.shape[1:]
    words: dict[str, object] = {
        "input_note": f"({h} × {w}, padding {padding})",
        "kernel_note": f"({weight.shape[2]} × {weight.shape[3]}, dilation {dilation})",
        "output_note": f"({view.output.shape[1]} × {view.output.shape[2]})",
    }
    return view, words


def pooling(
    mode: str, x: Numbers, size: int, stride: int, **more: object
) -> tuple[WindowView, dict[str, object]]:
    reduce = {"max": np.max, "min": np.min, "average": np.mean}[mode]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    view = WindowView(
        mode=mode,
        input=x,
        output=reduce(windows, axis=(-2, -1)),
        kernel_size=(size, size),
        stride=(stride, stride),
        **more,
    )
    return view, {
        "operator": {"average": "mean"}.get(mode, mode),
        "input_note": f"({x.shape[1]} × {x.shape[2]})",
        "output_note": f"({view.output.shape[1]} × {view.output.shape[2]})",
    }


def numbers(*shape: int, low: int = -3, high: int = 5, seed: int = 0) -> Numbers:
    return np.random.default_rng(seed).integers(low, high, shape).astype(np.float64)


SMALL = np.array([[[1, 2, 0, 1], [3, -1, 2, 0], [0, 1, 4, 2], [2, 0, 1, 3]]], dtype=float)
EDGE = np.array([[[[1, 0, -1], [2, 0, -2], [1, 0, -1]]]], dtype=float)

st.set_page_config(layout="wide")
st.session_state.runs = st.session_state.get("runs", 0) + 1
case = st.query_params.get("case", "conv")
stored_input = st.session_state.get("input", SMALL)
stored_weight = st.session_state.get("weight", EDGE)

if case == "conv":
    view, words = convolution(
        SMALL, EDGE, bias=np.array([0.5]), padding=1, selected=st.session_state.get("selected")
    )
elif case == "channels":
    weight = numbers(2, 2, 3, 3, low=-1, high=2) / 2
    view, words = convolution(
        numbers(2, 5, 5),
        weight,
        bias=np.array([0.5, -1.0]),
        padding=2,
        stride=2,
        dilation=2,
        hidden_cells=frozenset({(1, 2, 2)}),
    )
elif case == "groups":
    view, words = convolution(numbers(4, 4, 4), numbers(4, 1, 2, 2, low=-2, high=3), groups=4)
elif case == "long":
    view, words = convolution(numbers(6, 7, 7), numbers(1, 6, 5, 5, seed=2), bias=np.array([1.0]))
elif case == "thirds":
    view, words = convolution(SMALL, np.full((1, 1, 3, 3), 1 / 9))
elif case == "flipped":
    kernel = np.arange(4.0).reshape(1, 1, 2, 2)
    turned, words = convolution(SMALL, kernel[:, :, ::-1, ::-1])
    view = replace(turned, weight=kernel, flipped=True)
elif case == "hidden":
    view, words = convolution(SMALL, EDGE, padding=1, hidden_cells=frozenset({(0, 0, 0), (0, 1, 2)}))
elif case == "hidden-max":
    view, words = pooling("max", SMALL, 2, 2, hidden_cells=frozenset({(0, 0, 0)}))
elif case == "edit":
    view, words = convolution(stored_input, stored_weight, padding=1, edit_input=True, edit_weight=True)
elif case == "grow":
    view, words = convolution(SMALL, np.ones((1, 1, 2, 2)) if "cell" in st.session_state else EDGE, padding=1)
elif case == "big":
    weight = numbers(8, 8, 3, 3, low=-4, high=5, seed=1) / 4
    view, words = convolution(numbers(8, 16, 16) / 4, weight, bias=numbers(8) / 4, padding=1)
elif case == "ignored":
    padded = np.pad(SMALL, [(0, 0), (1, 1), (1, 1)], constant_values=-np.inf)
    view, words = pooling("max", padded, 3, 1, pads=(1, 1, 1, 1))
elif case == "indices":
    view, words = pooling("max", np.ones((1, 4, 4)), 2, 2, winners=np.array([[[5, 7], [8, 15]]]))
else:
    view, words = pooling(case, SMALL, 2, 2)

st.title("The window explorer")
if st.toggle("Shown", value=True):
    selection = window_explorer(
        view,
        labels=replace(LABELS, **words),
        key="window",
        on_cell=lambda cell: st.session_state.update(cell=cell),
        on_input=lambda values: st.session_state.update(input=values),
        on_weight=lambda values: st.session_state.update(weight=values),
    )
    st.text(f"selection {selection.cell}")
st.text(f"runs {st.session_state.runs}")
st.text(f"cell {st.session_state.get('cell')}")
st.text(f"input {stored_input.ravel().tolist()}")
st.text(f"weight {stored_weight.ravel().tolist()}")


def reset() -> None:
    for name in ("input", "weight"):
        st.session_state.pop(name, None)


st.button("Reset", on_click=reset)
st.button("Point", on_click=lambda: st.session_state.update(selected=(0, 3, 1)))
