"""First view: how often each output cell is written."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch.nn import functional as F

from cnnviz.figures.checkerboard import StampWords, counts_picture, evenness_table, stamps_drawing
from cnnviz.layers.convolution import Floats
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling.checkerboard import Layer, overlaps_1d, overlaps_2d, phases, tile, unevenness
from cnnviz.upsampling.views_code import checkerboard_code

SOURCE = "Odena et al. 2016, Distill"
PUBLISHED = {(3, 2): "2, 1", (4, 2): "2, 2", (5, 2): "3, 2"}
"""(k, s) -> counts along one axis, from the outputs where a stamp begins."""
MOST_KERNEL, MOST_STRIDE = 8, 4


def draw(lesson: LessonPage, _layer: LayerControls) -> None:
    controls, stage = lesson.bench()
    with controls:
        k = lesson.slider("k", _("Kernel size"), 1, MOST_KERNEL, 3)
        s = lesson.slider("s", _("Stride"), 1, MOST_STRIDE, 2)
        depth = lesson.slider("layers", _("Layers in a row"), 1, 3, 1)
        n = lesson.slider("n", _("Input cells along a side"), 2, 8, 5)
    layers = [Layer(k, s)] * depth
    with stage:
        if _ask(lesson, layers):
            with lesson.card():
                _line(layers, n)
                _map(lesson, layers, n)
            st.markdown(_remark(layers))
        lesson.prove(*_proofs(layers))
    lesson.section("counts")
    if not lesson.asking:
        table = [[_ratio(unevenness(Layer(each, step)) ** 2) for step in _strides()] for each in _kernels()]
        label = _("Most over least written, in 2-D, by kernel size k and stride s")
        st.html(evenness_table(table, (k, s), "k \\ s", label))
        st.caption(label)
    lesson.code(checkerboard_code((n, n), layers))


def _kernels() -> range:
    return range(1, MOST_KERNEL + 1)


def _strides() -> range:
    return range(1, MOST_STRIDE + 1)


def _ratio(value: float) -> str:
    return "∞" if value == float("inf") else f"{value:.3g}"


def _ask(lesson: LessonPage, layers: Sequence[Layer]) -> bool:
    layer = layers[0]
    counts = tile(layers)
    most = int(counts.max())
    if len(layers) == 1:
        question = _(
            "A transposed convolution in 2-D has a kernel of {k} × {k} and a stride of {s}. How many products does its "
            "most written output cell sum, away from the borders?"
        )
        why = rf"$\lceil {layer.kernel_size} / {layer.stride} \rceil^2 = {most**2}$"
    else:
        question = _(
            "{layers} transposed convolutions in a row, in 2-D, each with a kernel of {k} × {k} and a stride of {s}. "
            "How many products does the most written output cell sum in the end, away from the borders?"
        )
        why = _("Along one axis the counts repeat {counts}; the two axes multiply: {most}² = {all}.").format(
            counts=_listed(counts), most=most, all=most**2
        )

    def accept(drawn: Mapping[str, Any]) -> bool:
        # More can't be done by heart.
        return bool(tile([Layer(drawn["k"], drawn["s"])] * drawn["layers"]).max() <= 12)

    return lesson.predict(
        question.format(layers=len(layers), k=layer.kernel_size, s=layer.stride),
        most**2,
        why=why,
        redraw=["k", "s", "layers"],
        accept=accept,
    )


def _listed(counts: np.ndarray, most: int = 16) -> str:
    numbers = [str(count) for count in counts.tolist()]
    return ", ".join(numbers if len(numbers) <= most else [*numbers[:most], "…"])


def _line(layers: Sequence[Layer], n: int) -> None:
    counts = [overlaps_1d(n, layers[: depth + 1]) for depth in range(len(layers))]
    named = [
        _("Output: how many stamps write each of its {size} cells").format(size=len(counts[0])),
        *(
            _("After layer {layer}: products in each of {size} cells").format(layer=number, size=len(line))
            for number, line in enumerate(counts[1:], start=2)
        ),
    ]
    alt = _("{n} stamps of {k} cells, {s} apart. The counts along the output are {counts}.")
    words = StampWords(
        _("Input, {n} cells").format(n=n),
        _("One stamp for each"),
        named,
        alt.format(n=n, k=layers[0].kernel_size, s=layers[0].stride, counts=_listed(counts[-1], 32)),
    )
    st.markdown(stamps_drawing(layers[0], counts, n, words), unsafe_allow_html=True)


def _map(lesson: LessonPage, layers: Sequence[Layer], n: int) -> None:
    counts = overlaps_2d((n, n), layers)
    inner = np.outer(tile(layers), tile(layers))
    side = len(counts)
    caption = _(
        "In 2-D, {side} × {side} cells: from {least} (dark) to {most} (bright); borders aside, {low} to {high}."
    )
    words = caption.format(
        side=side, least=counts.min(), most=counts.max(), low=inner.min(), high=inner.max()
    )
    repeated = _("What repeats, row by row: {rows}.").format(
        rows=" | ".join(_listed(row, 8) for row in inner[:8])
    )
    # A width of its own would not shrink on a phone; a container's does.
    with st.container(width=420):
        lesson.map_image(counts_picture(counts), f"{words} {repeated}", caption=words)


def _remark(layers: Sequence[Layer]) -> str:
    layer, ratio = layers[0], unevenness(layers)
    if layer.is_even:
        return _(
            "{s} divides {k}: away from the borders, every cell is written equally often, and so it stays through any "
            "number of such layers."
        ).format(s=layer.stride, k=layer.kernel_size)
    if ratio == float("inf"):
        return _(
            "A kernel of {k} is smaller than the stride of {s}: some cells are never written at all."
        ).format(k=layer.kernel_size, s=layer.stride)
    return _(
        "{s} doesn't divide {k}. Along one axis the most written cell gets {line} times as much as the least written; "
        "in 2-D, {plane} times."
    ).format(s=layer.stride, k=layer.kernel_size, line=_ratio(ratio), plane=_ratio(ratio**2))


def _proofs(layers: Sequence[Layer]) -> list[Proof]:
    layer, counts = layers[0], tile(layers)
    measured = _measured(layers, len(counts))
    found = []
    k, s = layer.kernel_size, layer.stride
    if len(layers) == 1:
        found.append(
            Proof(
                _("Counts along one axis, over one period"),
                rf"\left\lceil \frac{{{k} - r}}{{{s}}} \right\rceil,\ r = 0 \dots {s - 1}",
                ", ".join(map(str, phases(k, s))),
                measured=", ".join(f"{count:g}" for count in measured),
                published=PUBLISHED.get((k, s)),
                source=SOURCE,
            )
        )
    for name, pick in ((_("Most written cell, 2-D"), max), (_("Least written cell, 2-D"), min)):
        count = int(pick(counts))
        found.append(Proof(name, rf"{count} \cdot {count}", count**2, measured=int(pick(measured)) ** 2))
    return found


def _measured(layers: Sequence[Layer], period: int) -> Floats:
    """One period of the counts, by PyTorch: ones, upsampled with ones, away from the borders."""
    border = sum(layer.kernel_size for layer in layers) + 1
    x = torch.ones(1, 1, 2 * border + 1, dtype=torch.float64)
    with torch.inference_mode():
        for layer in layers:
            x = F.conv_transpose1d(x, torch.ones(1, 1, layer.kernel_size, dtype=x.dtype), stride=layer.stride)
    return np.asarray(x[0, 0, border * period : (border + 1) * period].numpy(), np.float64)
