"""Last view: what each layer of a trained DenseNet reads, and what it costs to cut a connection."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from cnnviz.blocks.dense_code import WEIGHTS_FILE, archive, reuse_code
from cnnviz.blocks.reuse import Map, cut, rank_correlation, readers, starting_map, weight_map
from cnnviz.figures.dense_block import BarCell, CurveLabels, bar_table, cells, curve_figure, overview
from cnnviz.images import encode_png
from cnnviz.proof import Proof
from cnnviz.training.degradation import error
from cnnviz.training.densenet import (
    GROWTH,
    GROWTHS,
    Setup,
    Snapshot,
    Trained,
    held_out,
    initialised,
    load,
    train,
)
from cnnviz.training.pictures import PICTURES
from cnnviz.ui import training
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage


@dataclass(frozen=True, eq=False)
class _Read:
    """A run with what is read out of it.

    Attributes:
        run: the visitor's own, or the shipped one.
        own: which of them it is.
        weights: mean |w| of every connection, and `left`, over what it was before training on the average.
        whole: test error of the whole network; `lost` is what each cut adds to it.
    """

    run: Trained
    own: bool
    weights: Map
    left: Map
    whole: float
    lost: Map


@dataclass(frozen=True)
class _Picked:
    """A connection: block, source and target, counted from 0."""

    block: int
    source: int
    target: int


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        titles = {name: _(title) for name, title in PICTURES.items()}
        name = lesson.choice("d", _("Pictures"), titles, "digits", kind="list")
        shows = {"weights": _("mean |w|"), "cuts": _("error when cut")}
        show = lesson.choice("by", _("The colours show"), shows, "weights")
        block = int(lesson.choice("b", _("Block"), {"1": "1", "2": "2"}, "1")) - 1
        growth = lesson.slider(
            "g", _("Growth rate of your own training"), *GROWTHS, GROWTH,
            help=_("The run that comes with this page has a growth rate of {growth}.").format(growth=GROWTH),
        )  # fmt: skip
        seed = lesson.slider("seed", _("Seed of the training"), 0, 9, 0)
    setup = Setup(name, growth, seed)
    read = _read(lesson, setup)
    picked: _Picked | None = None
    with stage:
        if _ask(lesson, read, block):
            with lesson.card():
                picked = _connections(lesson, read, block, show)
            _tell(read, block, picked)
            if picked is not None:
                lesson.prove(*_proofs(read, picked))
    lesson.section("reuse")
    lesson.section("cut")
    if not lesson.asking:
        _train(lesson, setup)
    lesson.section("training")
    shown = picked or _Picked(block, 0, read.weights.shape[2] - 1)
    images, labels = held_out(name)
    lesson.code(
        reuse_code(read.run.network, shown.block, shown.source, shown.target),
        files=lambda: {WEIGHTS_FILE: archive(read.run.network, images.numpy(), labels.numpy())},
    )


# The run


def _read(lesson: LessonPage, setup: Setup) -> _Read:
    """The visitor's own finished run of these settings, or the shipped one on the same pictures."""
    snapshot = training.last(lesson, setup)
    if isinstance(snapshot, Snapshot) and snapshot.trained is not None:
        return _reading(snapshot.trained, True)
    return _shipped(setup.pictures)


@st.cache_resource(max_entries=4, show_spinner=False)
def _shipped(name: str) -> _Read:
    run = load(name).trained
    assert run is not None
    return _reading(run, False)


def _reading(run: Trained, own: bool) -> _Read:
    weights, whole = weight_map(run.network), run.error()
    return _Read(run, own, weights, weights / starting_map(run.network), whole, run.cuts - whole)


def _source(number: int) -> str:
    return f"x{number}"


def _target(read: _Read, block: int, number: int) -> str:
    """A layer by its number; T for a transition, C for the classifier."""
    layers = read.weights.shape[2] - 1
    if number < layers:
        return f"H{number + 1}"
    return "T" if block < len(read.weights) - 1 else "C"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


# Predict first


def _ask(lesson: LessonPage, read: _Read, block: int) -> bool:
    target = read.weights.shape[2] - 1
    errors = read.run.cuts[block, :, target]
    if np.sum(errors == errors.max()) > 1:
        return True  # of two that cost the same, neither is the answer
    names = {
        str(source): _source(source) if source else _("x0, the block's input")
        for source in range(len(errors))
    }
    question = _(
        "Block {block} of a DenseNet trained on these pictures. What follows it reads the block's input and the maps of all its layers; one of them is cut from it. Which one costs most?"
    )
    told = ", ".join(f"{_source(source)} {_percent(wrong)}" for source, wrong in enumerate(errors))
    return lesson.predict(
        question.format(block=block + 1),
        str(int(np.argmax(errors))),
        why=_("Errors on the test pictures without each: {errors}; with all of them {whole}.").format(
            errors=told, whole=_percent(read.whole)
        ),
        options=names,
        redraw=["d", "b"],
    )


# The connections


def _connections(lesson: LessonPage, read: _Read, block: int, show: str) -> _Picked | None:
    weights, lost = read.weights[block], read.lost[block]
    count = len(weights)
    shades = _shades(read, show)[block]
    texts = [
        [f"{weights[s, t]:.3f}" if show == "weights" else f"{100 * lost[s, t]:+.1f}" for t in range(count)]
        for s in range(count)
    ]
    columns = [_target(read, block, target) for target in range(count)]
    picture = cells(shades, texts, columns, [_source(source) for source in range(count)])
    if show == "weights":
        alt = _(
            "Mean absolute weight of each connection of block {block}: rows are the sources, columns what reads them. Every column is coloured by its own largest, which lies in {largest}."
        )
        largest = ", ".join(
            f"{_source(int(np.nanargmax(weights[:, target])))} → {columns[target]}" for target in range(count)
        )
        words = alt.format(block=block + 1, largest=largest)
    else:
        alt = _(
            "What each connection of block {block} is worth: percentage points of error that its cut adds to {whole}. The dearest is {dearest}, {points} points."
        )
        source, target = divmod(int(np.nanargmax(lost)), count)
        words = alt.format(
            block=block + 1,
            whole=_percent(read.whole),
            dearest=f"{_source(source)} → {columns[target]}",
            points=f"{100 * lost[source, target]:+.1f}",
        )
    # A width of its own would not shrink on a phone; a container's does.
    with st.container(width=560):
        row, column = lesson.pick_cell(
            "cell",
            encode_png(picture),
            count + 1,
            count + 1,
            (1, count),
            alt=words,
            label=_("Pick a connection"),
        )
        st.caption(words)
        st.caption(
            _(
                "x0 is the block's input, x1 to x{layers} are the maps of its layers; H1 to H{layers} are the layers that read them, T the transition, C the classifier."
            ).format(layers=count - 1)
        )
    source, target = row - 1, column - 1
    if source < 0 or target < source:
        return None
    return _Picked(block, source, target)


def _shades(read: _Read, show: str) -> Map:
    """What is coloured, from 0 to 1: each column by its largest weight, or each block by its dearest cut."""
    if show == "weights":
        return read.weights / np.nanmax(read.weights, axis=1, keepdims=True)
    dearest = np.nanmax(read.lost, axis=(1, 2), keepdims=True)
    return np.clip(read.lost / np.maximum(dearest, 1e-9), 0, 1)


def _tell(read: _Read, block: int, picked: _Picked | None) -> None:
    if picked is None:
        st.info(_("Nothing flows here: a layer reads only what was made before it. Pick a coloured cell."))
    else:
        name = f"{_source(picked.source)} → {_target(read, block, picked.target)}"
        place = (block, picked.source, picked.target)
        st.markdown(
            _(
                "**{name}**: mean |w| is **{weight}**, {left} of what random weights start with. Without this connection **{wrong}** of the test pictures come out wrong, with it {whole}."
            ).format(
                name=name,
                weight=f"{read.weights[place]:.4f}",
                left=f"{100 * read.left[place]:.0f}\u00a0%",
                wrong=_percent(read.run.cuts[place]),
                whole=_percent(read.whole),
            )
        )
        _bars(read, picked)
    free = int((read.lost[np.isfinite(read.lost)] <= 0).sum())
    every = int(np.isfinite(read.lost).sum())
    correlation = rank_correlation(read.left, read.lost)
    words = _(
        "Over all {every} connections of both blocks: {free} can be cut one at a time without a single further error. The rank correlation between what is left of a weight and what its cut costs is **{correlation}**."
    )
    st.markdown(words.format(every=every, free=free, correlation=f"{correlation:.2f}"))


def _bars(read: _Read, picked: _Picked) -> None:
    block, target = picked.block, picked.target
    name = _target(read, block, target)
    weights, left = read.weights[block, :, target], read.left[block, :, target]
    cuts, silenced = read.run.cuts[block], read.run.silenced[block]
    top = max(float(np.nanmax(cuts)), float(silenced.max()), 1e-9)
    rows = [
        (
            _source(source),
            [
                BarCell(
                    f"{weights[source]:.4f} ({100 * left[source]:.0f}\u00a0%)",
                    float(weights[source] / np.nanmax(weights)),
                ),
                BarCell(_percent(cuts[source, target]), float(cuts[source, target] / top)),
                BarCell(_percent(silenced[source]), float(silenced[source] / top)),
            ],
        )
        for source in range(target + 1)
    ]
    head = [
        _("Maps read"),
        _("mean |w| in {target}").format(target=name),
        _("error, cut from {target}").format(target=name),
        _("error, cut from all that read it"),
    ]
    title = _("What {target} reads").format(target=name)
    st.html(bar_table(title, head, rows, picked.source))


@st.cache_data(max_entries=300, show_spinner=False, scope="session")
def _error_without(_run: Trained, about: tuple[Setup, bool], picked: _Picked) -> float:
    """Measured now, on the whole network."""
    deaf = cut(_run.network, picked.block, picked.source, [picked.target])
    return error(deaf, *held_out(_run.setup.pictures))


@st.cache_data(max_entries=200, show_spinner=False)
def _weight_before(setup: Setup, picked: _Picked) -> tuple[float, float, int, int]:
    """Mean |w| of all that one reader reads before training: expected and measured; its inputs and weights."""
    network = initialised(setup)
    weight = readers(network, picked.block)[picked.target].weight.detach()
    expected = float(starting_map(network)[picked.block, 0, picked.target])
    return expected, float(weight.abs().mean()), weight.shape[1], weight.numel()


def _proofs(read: _Read, picked: _Picked) -> list[Proof]:
    run, count = read.run, len(held_out(read.run.setup.pictures)[1])
    name = _target(read, picked.block, picked.target)
    expected, measured, inputs, numbers = _weight_before(run.setup, picked)
    side = "3 " if name.startswith("H") else ""
    wrong = float(run.cuts[picked.block, picked.source, picked.target])
    return [
        Proof(
            _("Mean |w| of {target} before training").format(target=name),
            rf"\frac{{2}}{{{side}\sqrt{{\pi \cdot {inputs}}}}}",
            expected,
            measured=measured,
            # Of n normal numbers the mean absolute value strays by 0.756 / √n of itself.
            tolerance=4 * 0.756 / numbers**0.5,
            why=_(
                "The formula gives the mean; {numbers} weights were drawn, which stray a little from it."
            ).format(numbers=f"{numbers:,}"),
        ),
        Proof(
            _("Error without {name}, in %").format(name=f"{_source(picked.source)} → {name}"),
            rf"100 \cdot \frac{{{round(wrong * count)}}}{{{count}}}",
            100 * wrong,
            measured=100 * _error_without(run, (run.setup, read.own), picked),
            tolerance=1e-9,
            why=_(
                "Measured now: its weights set to 0 in a copy of the network, and all test pictures run through it."
            ),
        ),
    ]


# Training


def _train(lesson: LessonPage, setup: Setup) -> None:
    def show(snapshot: Snapshot | None) -> None:
        shown = snapshot if snapshot is not None else load(setup.pictures)
        words = CurveLabels(
            _("training step"), _("wrong answers"), _("training pictures"), _("test pictures")
        )
        first, last = shown.curve[0], shown.curve[-1]
        said = _(
            "Error by training step: on the test pictures {first} before training, {last} after {step} steps."
        )
        lesson.figure(
            curve_figure([(each.step, each.train_error, each.test_error) for each in shown.curve], words),
            said.format(first=_percent(first.test_error), last=_percent(last.test_error), step=last.step),
            name="curve",
        )
        shades = shown.weights / np.nanmax(shown.weights, axis=1, keepdims=True)
        words_map = _("Mean |w| of both blocks after {step} steps, each column by its own largest.").format(
            step=last.step
        )
        with st.container(width=420):
            lesson.map_image(overview(list(shades)), words_map, caption=words_map)
        if snapshot is None:
            st.caption(
                _(
                    "The finished run that comes with this page, with a growth rate of {growth} and seed 0, is shown until you train one of your own."
                ).format(growth=GROWTH)
            )

    training.train(lesson, lambda: train(setup), setup, show)
