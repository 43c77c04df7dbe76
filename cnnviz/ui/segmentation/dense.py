"""The classifier made convolutional: a heat map of any of the 1,000 classes, at any size."""

import numpy as np
import streamlit as st
import torch

from cnnviz.engine.local import DEFAULT, shared_engine
from cnnviz.figures import segmentation as figures
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.segmentation.code import heat_code
from cnnviz.segmentation.convolutionalised import SIDES, STRIDE, Heat, compare, heat
from cnnviz.ui import live, state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once
from cnnviz.ui.photo import Photo
from cnnviz.zoo.efficientnet_lite0 import EfficientNetLite0, preprocess
from cnnviz.zoo.imagenet import class_names

SIDE = 560


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo("together")
    network = shared_engine().module(DEFAULT)
    assert isinstance(network, EfficientNetLite0)
    same = live.digest(photo.rgb)
    controls, stage = lesson.bench()
    with controls:
        sides = {str(side): str(side) for side in SIDES}
        side = int(lesson.choice("side", _("Long side, pixels"), sides, "448", kind="pills"))
        found = once(lesson, "heat", (same, side), lambda: heat(network, photo.rgb, side))
        label = _choose_class(lesson, found)
        opacity = lesson.fraction("o", _("Opacity"), 0, 1, 0.55)
    with stage:
        if _ask(lesson, found):
            _picture(lesson, photo, found, label, opacity)
    lesson.prove(*_proofs(lesson, network, photo, same, found))
    lesson.section("dense")
    lesson.code(heat_code(photo.code, side, label), photo)


def _choose_class(lesson: LessonPage, found: Heat) -> int:
    """The five classes that are strongest anywhere, and all others by name."""
    names = class_names()
    best = [int(label) for label in found.best()]
    stored = lesson.linked("c", -1, state.whole(-1, len(names) - 1))
    label = best[0] if stored < 0 else stored

    def keep(key: str) -> None:
        if (picked := st.session_state[key]) is not None:
            lesson.put("c", picked)

    top, every = lesson.key("c.top"), lesson.key("c.any")
    st.session_state[top] = label if label in best else None
    st.pills(
        _("Strongest in some cell"),
        best,
        format_func=lambda i: names[i],
        key=top,
        on_change=keep,
        args=(top,),
    )
    st.session_state[every] = label
    st.selectbox(
        _("Or any of 1,000 classes"),
        range(len(names)),
        format_func=lambda i: names[i],
        key=every,
        on_change=keep,
        args=(every,),
    )
    return label


def _ask(lesson: LessonPage, found: Heat) -> bool:
    question = _(
        "The photo becomes {width} × {height} pixels. How many cells with 1,000 scores each will there be?"
    )
    rows, columns = found.logits.shape[1:]
    width, height = found.fit.inner_width, found.fit.inner_height
    return lesson.predict(
        question.format(width=width, height=height),
        rows * columns,
        why=rf"$\lceil {width} / {STRIDE} \rceil \cdot \lceil {height} / {STRIDE} \rceil = {columns} \cdot {rows}$",
        redraw=["side"],
    )


def _picture(lesson: LessonPage, photo: Photo, found: Heat, label: int, opacity: float) -> None:
    shares = found.probabilities(label)
    rows, columns = shares.shape
    row, column = np.unravel_index(int(shares.argmax()), shares.shape)
    words = _(
        "{name}: {columns} × {rows} cells, at most {high} %, in row {row}, column {column}. Class names are ImageNet's own, in English."
    ).format(
        name=class_names()[label],
        columns=columns,
        rows=rows,
        high=f"{100 * shares.max():.1f}",
        row=int(row) + 1,
        column=int(column) + 1,
    )
    # The strongest cell is as bright as can be, so that weak classes show, too.
    picture = figures.heat_over(
        fit(photo.rgb, SIDE), shares / max(float(shares.max()), 1e-9), found.extent, opacity
    )
    with lesson.card():
        lesson.picture(picture, f"{photo.alt} {words}", caption=words)


def _proofs(
    lesson: LessonPage, network: EfficientNetLite0, photo: Photo, same: bytes, found: Heat
) -> list[Proof]:
    classified, convolved = once(
        lesson, "crop", same, lambda: compare(network, preprocess(photo.rgb).contiguous())
    )
    label = int(classified.argmax())
    difference = float(np.abs(classified - convolved).max())
    name = class_names()[label]
    weights = torch.nn.Conv2d(1280, 1000, 1, device="meta")
    width = found.fit.inner_width
    return [
        Proof(
            _("Logit of “{name}” on the 224-pixel crop").format(name=name),
            r"\mathbf{w} \cdot \frac{1}{49} \sum_{i=1}^{49} \mathbf{x}_i + b",
            round(float(classified[label]), 4),
            round(float(convolved[label]), 4),
            why=_(
                "PyTorch: the mean over 7 × 7 cells of the 1×1 convolution. Of all 1,000 logits none differs by more "
                "than {difference}."
            ).format(difference=f"{difference:.0e}"),
            tolerance=1e-4,
        ),
        Proof(
            _("Weights and biases, of the dense layer and of the convolution"),
            r"1 \cdot 1 \cdot 1280 \cdot 1000 + 1000",
            1 * 1 * 1280 * 1000 + 1000,
            sum(parameter.numel() for parameter in weights.parameters()),
        ),
        Proof(
            _("Cells across"),
            rf"\left\lceil\frac{{{width}}}{{{STRIDE}}}\right\rceil",
            -(-width // STRIDE),
            found.logits.shape[2],
        ),
    ]
