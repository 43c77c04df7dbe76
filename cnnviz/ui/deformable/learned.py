"""Second view: offsets that a network learns, beside the same network without them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from cnnviz.blocks import deformable
from cnnviz.blocks.deformable import DeformableConv2d
from cnnviz.blocks.deformable_code import WEIGHTS_FILE, learned_code
from cnnviz.blocks.deformable_net import CHANNELS, CLASSES, KINDS, Kind, Look, WarpNet, look, parameters
from cnnviz.errors import CnnvizError
from cnnviz.explain.stack_gradient import measure_stack
from cnnviz.figures.deformable import LineLabels, field_picture, lines_figure, points_picture
from cnnviz.figures.maps import colour
from cnnviz.figures.zoo import Row, table
from cnnviz.images import encode_png
from cnnviz.layers.receptive_field import Layer
from cnnviz.layers.receptive_field import trace as trace_field
from cnnviz.proof import Proof
from cnnviz.training.deformable import (
    NAME,
    VALUES,
    Against,
    Setup,
    Snapshot,
    load,
    train,
    weights_file,
)
from cnnviz.training.pictures import pictures
from cnnviz.training.warped_digits import SIDE, warp
from cnnviz.ui import state, training
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.weights import FOLDER

CELLS = SIDE // 2
"""Rows and columns of the maps."""
_MIDDLE = CELLS // 2, CELLS // 2
_FIELD = 216

Lines = Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True, eq=False)
class _Scene:
    """What the controls say: a test digit, how it is warped, and the picture, (1, S, S)."""

    number: int
    warped: tuple[float, float, float]
    picture: Tensor
    label: int
    kind: Kind
    layer: str


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        scene = _choose(lesson)
        setup = Setup(lesson.slider("seed", _("Seed of the training"), 0, 9, 0))
    source, run = "", None
    with stage:
        try:
            run, own = _run(lesson, setup)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            looks, cell = _looks(lesson, run, scene)
            if _ask(lesson, scene, looks):
                with lesson.card():
                    _picture(lesson, scene, looks[scene.kind])
                    _table(scene, looks)
                _fields(lesson, looks)
                lesson.prove(*_proofs(run, scene, cell))
            source = learned_code(scene.kind, scene.number, scene.warped, cell)
    lesson.section("learned")
    lesson.section("field")
    if run is not None and not lesson.asking:
        _response(lesson, run)
    lesson.section("training")
    if run is not None and not lesson.asking:
        _training(lesson, setup, run)
    if source and run is not None:
        finished = run
        lesson.code(source, files=lambda: {WEIGHTS_FILE: _file(finished, own)})


def _choose(lesson: LessonPage) -> _Scene:
    data = pictures("digits")
    number = lesson.slider("g", _("Test digit"), 1, len(data.test), 3) - 1
    scale = lesson.slider("s", _("Size, per cent"), 60, 160, 120, step=20)
    turn = lesson.slider("t", _("Turn, degrees clockwise"), -60, 60, 20, step=20)
    stretch = lesson.slider("e", _("Height over width, per cent"), 70, 150, 100, step=10)
    chosen = lesson.choice("net", _("Network"), _names(), "deformable")
    layers = {"first": _("first layer"), "second": _("second layer"), "both": _("both: points of points")}
    layer = lesson.choice("layer", _("Points of which layer"), layers, "both", kind="list")
    kind: Kind = next(each for each in KINDS if each == chosen)
    warped = scale / 100, float(turn), stretch / 100
    one = torch.tensor(data.test[number : number + 1])
    picture = warp(one, *(torch.tensor([each]) for each in warped))[0]
    return _Scene(number, warped, picture, int(data.test_labels[number]), kind, layer)


def _names() -> dict[str, str]:
    """The networks in the reader's language."""
    return {kind: _(title) for kind, title in KINDS.items()}


def _run(lesson: LessonPage, setup: Setup) -> tuple[Snapshot, bool]:
    """The visitor's own finished run, or the shipped one; and whether it is their own."""
    snapshot = training.last(lesson, setup)
    if isinstance(snapshot, Snapshot) and snapshot.trained:
        return snapshot, True
    return load(), False


def _looks(lesson: LessonPage, run: Snapshot, scene: _Scene) -> tuple[Mapping[Kind, Look], tuple[int, int]]:
    # Linked here already: the points are drawn on the picture that the cell is picked from.
    stored = (*lesson.linked("at", _MIDDLE, state.cells(2)), 0)[:2]
    row, column = (min(max(place, 0), CELLS - 1) for place in stored)
    return {kind: look(run.trained[kind], scene.picture, (row, column)) for kind in KINDS}, (row, column)


def _ask(lesson: LessonPage, scene: _Scene, looks: Mapping[Kind, Look]) -> bool:
    shares = {kind: float(each.shares[scene.label]) for kind, each in looks.items()}
    told = ", ".join(f"{_(KINDS[kind])} {share:.1%}" for kind, share in shares.items())
    question = _(
        "A handwritten {label}, at {scale:.0%} of its size, turned by {turn:.0f}°. Which of the three networks is surest "
        "that it is a {label}?"
    )
    return lesson.predict(
        question.format(label=scene.label, scale=scene.warped[0], turn=scene.warped[1]),
        max(shares, key=lambda kind: shares[kind]),
        options=_names(),
        why=_("Shares of the softmax: {shares}.").format(shares=told),
        redraw=["g", "s", "t"],
        accept=lambda drawn: drawn["s"] % 20 == 0 and drawn["t"] % 20 == 0,
    )


def _picture(lesson: LessonPage, scene: _Scene, found: Look) -> None:
    places = {"first": found.first, "second": found.second, "both": found.both}[scene.layer]
    pixels = colour(scene.picture[0].numpy(), "gray", (0.0, 1.0))
    small = scene.layer == "both"
    drawn = points_picture(pixels, places, factor=20, radius=3.5 if small else 6.0)
    rows, columns = (np.ptp(places[:, axis]) for axis in (0, 1))
    alt = _(
        "A handwritten {label} of {side} × {side} pixels with {count} sampling points of the network {name}, spread over "
        "{rows} × {columns} pixels."
    ).format(
        label=scene.label, side=SIDE, count=len(places), name=_(KINDS[scene.kind]),
        rows=f"{rows:.1f}", columns=f"{columns:.1f}",
    )  # fmt: skip
    with st.container(width=560):
        lesson.pick_cell(
            "at",
            encode_png(drawn),
            CELLS,
            CELLS,
            default=_MIDDLE,
            alt=alt,
            label=_("Pick the output cell whose points are drawn"),
        )
    st.caption(alt + " " + _("Pick another cell."))


def _table(scene: _Scene, looks: Mapping[Kind, Look]) -> None:
    head = (
        _("Network"),
        _("says"),
        _("sure to"),
        _("the right digit"),
        _("dilation, 1st layer"),
        _("2nd layer"),
        _("pixels that count"),
    )
    rows = [
        Row(
            (
                _(KINDS[kind]),
                str(int(each.shares.argmax())),
                f"{each.shares.max():.1%}",
                f"{each.shares[scene.label]:.1%}",
                f"{each.dilations[0]:.2f}",
                f"{each.dilations[1]:.2f}",
                " × ".join(map(str, each.extent)),
            ),
            "chosen" if kind == scene.kind else "",
        )
        for kind, each in looks.items()
    ]
    st.html(
        table(_("What each network says of this picture, and how wide the picked cell looks"), head, rows)
    )


def _fields(lesson: LessonPage, looks: Mapping[Kind, Look]) -> None:
    st.markdown(_("**Which pixels move the picked cell**, by gradient: black for none, brighter for more."))
    with st.container(horizontal=True):
        for kind, each in looks.items():
            rows, columns = each.extent
            words = _("{name}: within {rows} × {columns} pixels").format(
                name=_(KINDS[kind]), rows=rows, columns=columns
            )
            with st.container(width=_FIELD):
                lesson.map_image(field_picture(each.field), words, caption=words)


def _proofs(run: Snapshot, scene: _Scene, cell: tuple[int, int]) -> list[Proof]:
    stem, first, second = CHANNELS
    plain = rf"9 \cdot ({stem} + {stem} \cdot {first} + {first} \cdot {second}) + 2 \cdot {sum(CHANNELS)} + {CLASSES} \cdot {second + 1}"
    formula = {
        "ordinary": plain,
        "dilated": plain,
        "deformable": rf"{plain} + 18 \cdot (9 \cdot {stem} + 1) + 18 \cdot (9 \cdot {first} + 1)",
    }[scene.kind]
    network = run.trained[scene.kind]
    proofs = [
        Proof(
            _("Numbers that training moves: {name}").format(name=_(KINDS[scene.kind])),
            formula,
            parameters(scene.kind),
            measured=sum(values.numel() for values in network.parameters()),
        )
    ]
    if scene.kind == "deformable":
        proofs.append(_output_proof(network, scene.picture, cell))
    else:
        proofs.append(_field_proof(network))
    return proofs


@torch.inference_mode()
def _output_proof(network: WarpNet, picture: Tensor, cell: tuple[int, int]) -> Proof:
    """The second layer's first channel at the cell, by eq. 2 and 3, and as the network computes it."""
    layer = network.second[0]
    assert isinstance(layer, DeformableConv2d)
    below = network.first(network.stem(picture[None]))
    offsets, _mask = layer.sampling(below)
    samples = deformable.read(below, offsets, 3).double()[0, :, :, cell[0], cell[1]]
    weights = layer.conv.weight[0].flatten(1).double()
    return Proof(
        _("Second layer, channel 1 at the picked cell"),
        rf"\sum_{{c=1}}^{{{len(weights)}}} \sum_{{n=1}}^{{9}} w_c(p_n) \cdot x_c(p_0 + p_n + \Delta p_n)",
        float((samples * weights).sum()),
        measured=float(layer(below)[0, 0, cell[0], cell[1]]),
        tolerance=1e-3,
        why=_("Summed by hand over the samples; PyTorch is the network's own deform_conv2d."),
    )


def _field_proof(network: WarpNet) -> Proof:
    d = network.dilation
    stack = (Layer("conv", 3, 2, 1), *[Layer("conv", 3, 1, d, d)] * 2)
    found = measure_stack(stack)
    assert found is not None
    return Proof(
        _("Receptive field of one cell, the same everywhere"),
        rf"3 + 2 \cdot {d} \cdot 2 + 2 \cdot {d} \cdot 2",
        trace_field(stack)[-1].size,
        measured=found.size,
        why=_("The picture's edge and silent activations may cut off some of it."),
    )


def _response(lesson: LessonPage, run: Snapshot) -> None:
    """How wide the points lie, and how often each network errs, against the digits' size or turn."""
    titles = {"scale": _("size of the digits"), "turn": _("turn of the digits")}
    chosen = lesson.choice("x", _("All test digits, by"), titles, "scale")
    against: Against = "turn" if chosen == "turn" else "scale"
    found = run.responses[against]
    names = _names()
    factor = 100 if against == "scale" else 1
    values = [factor * value for value in VALUES[against]]
    across = _("size, per cent") if against == "scale" else _("turn, degrees clockwise")
    wide: Lines = {kind: list(zip(values, each.second, strict=True)) for kind, each in found.items()}
    wrong: Lines = {kind: list(zip(values, each.errors, strict=True)) for kind, each in found.items()}
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(_("**Effective dilation of the second layer**, mean over the cells on ink"))
        told = "; ".join(f"{names[kind]} {line[0][1]:.2f} → {line[-1][1]:.2f}" for kind, line in wide.items())
        labels = LineLabels(across, _("cells"), names)
        lesson.figure(lines_figure(wide, labels), _alt(across, values, told), name="wide")
    with right:
        st.markdown(_("**Error on the test digits**"))
        told = "; ".join(
            f"{names[kind]} {line[0][1]:.1%} → {line[-1][1]:.1%}" for kind, line in wrong.items()
        )
        labels = LineLabels(across, _("share of errors"), names)
        lesson.figure(lines_figure(wrong, labels, percent=True), _alt(across, values, told), name="wrong")


def _alt(across: str, values: list[float], told: str) -> str:
    return _("Against {across}, from {low:g} to {high:g}: {lines}.").format(
        across=across, low=values[0], high=values[-1], lines=told
    )


def _training(lesson: LessonPage, setup: Setup, run: Snapshot) -> None:
    names = _names()

    def show(snapshot: Snapshot | None) -> None:
        if snapshot is None:
            st.caption(
                _(
                    "The finished run that comes with this page, of seed 0, is shown until you train one of your own."
                )
            )
        curves: Lines = {str(kind): line for kind, line in (snapshot or run).curves.items()}
        told = "; ".join(
            f"{names[kind]} {line[0][1]:.1%} → {line[-1][1]:.1%}" for kind, line in curves.items()
        )
        labels = LineLabels(_("training step"), _("share of errors"), names)
        alt = _("Errors on the warped test digits from the first step to the last: {errors}.").format(
            errors=told
        )
        lesson.figure(lines_figure(curves, labels, percent=True), alt, name="curves")
        st.caption(alt)

    training.train(lesson, lambda: train(setup), setup, show)


def _file(run: Snapshot, own: bool) -> bytes:
    return weights_file(run) if own else (FOLDER / f"{NAME}.safetensors").read_bytes()
