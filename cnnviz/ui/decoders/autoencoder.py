"""One encoder and a decoder with each operator: what they make of test pictures, and how they learn it."""

from collections.abc import Mapping

import streamlit as st

from cnnviz.figures.decoders import LossLabels, Strip, loss_figure, strips
from cnnviz.proof import Proof
from cnnviz.training.autoencoder import (
    BATCH,
    DENSE,
    RATE,
    LinearCode,
    Setup,
    Snapshot,
    Trained,
    linear_code,
    load,
    train,
)
from cnnviz.training.pictures import Pictures, pictures
from cnnviz.ui import training
from cnnviz.ui.decoders import shared
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling.decoder import (
    CHANNELS,
    KINDS,
    UNPOOLING,
    count_parameters,
    decoder_parameters,
    index_bits,
    parameters_formula,
)
from cnnviz.upsampling.decoder_code import training_code


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        setup = shared.choose(lesson)
        kind = shared.choose_kind(lesson)
        data = pictures(setup.pictures)
        most = len(data.test) // shared.SHOWN
        start = shared.SHOWN * (lesson.slider("g", _("Test pictures, ten at a time"), 1, most, 1) - 1)
    with stage:
        run, own = shared.trained(lesson, setup)
        if _ask(lesson, run, own):
            with lesson.card():
                _train(lesson, setup, data, start, kind)
            lesson.prove(*_proofs(setup, data, kind, run))
    lesson.section("operators")
    lesson.section("unpooling")
    lesson.section("training")
    lesson.code(
        training_code(
            setup.pictures, setup.latent, setup.seed, kind, steps=setup.steps, batch=BATCH, rate=RATE
        )
    )


def _ask(lesson: LessonPage, run: Trained, own: bool) -> bool:
    found = {
        kind: error for kind, error in shared.errors(run, own).items() if kind not in (DENSE, *UNPOOLING)
    }
    names = shared.names()
    told = ", ".join(f"{names[kind]} {error:.4f}" for kind, error in found.items())
    return lesson.predict(
        _("Which of these decoders makes the smallest error? All get the same codes, and only the codes."),
        min(found, key=lambda kind: found[kind]),
        why=_("Mean squared error of a pixel on the test pictures: {errors}.").format(errors=told),
        options={kind: names[kind] for kind in found},
        redraw=["d", "z"],
        accept=shared.fair,
    )


def _train(lesson: LessonPage, setup: Setup, data: Pictures, start: int, kind: str) -> None:
    def show(snapshot: Snapshot | None) -> None:
        run = snapshot.trained if snapshot is not None else load(setup.pictures, setup.latent)
        errors = shared.errors(run, snapshot is not None)
        st.html(strips(_rows(setup, data, run, errors, start, kind), _head(), _alt(errors)))
        words = LossLabels(_("training step"), _("mean squared error"), shared.names())
        lesson.figure(loss_figure(run.history, words), _curve_alt(run), name="loss")
        if snapshot is None:
            st.caption(
                _(
                    "The finished run that comes with this page, of seed 0, is shown until you train one of your own."
                )
            )

    training.train(lesson, lambda: train(setup), setup, show)


def _head() -> list[str]:
    return [_("Decoder"), _("Test pictures"), _("Error"), _("Weights")]


def _rows(
    setup: Setup, data: Pictures, run: Trained, errors: Mapping[str, float], start: int, kind: str
) -> list[Strip]:
    images = shared.group(data, start)
    names, rebuilt = shared.names(), run.rebuild(images)
    linear = _linear(setup.pictures, setup.latent)
    rows = [
        Strip(_("Original"), images[:, 0], ("", "")),
        Strip(_("Principal components"), linear.rebuild(images), (f"{linear.error:.4f}", "")),
    ]
    for each, decoded in rebuilt.items():
        module = run.dense if each == DENSE else run.decoders[each]
        error = f"{errors[each]:.4f}" if each in errors else ""
        rows.append(Strip(names[each], decoded, (error, f"{count_parameters(module):,}"), each == kind))
    return rows


@st.cache_resource(max_entries=16, show_spinner=False)
def _linear(name: str, latent: int) -> LinearCode:
    return linear_code(pictures(name), latent)


def _alt(errors: Mapping[str, float]) -> str:
    names = shared.names()
    told = ", ".join(f"{names[kind]} {error:.4f}" for kind, error in errors.items())
    return _("Test pictures and what each decoder makes of them; errors: {errors}.").format(errors=told)


def _curve_alt(run: Trained) -> str:
    names = shared.names()
    told = ", ".join(
        f"{names[kind]} {points[0][1]:.3f} → {points[-1][1]:.3f}"
        for kind, points in run.history.items()
        if points
    )
    return _("The error on the test pictures from the first step to the last: {errors}.").format(errors=told)


def _proofs(setup: Setup, data: Pictures, kind: str, run: Trained) -> list[Proof]:
    side = data.side
    linear = _linear(setup.pictures, setup.latent)
    decoder = run.decoders[kind]
    proofs = [
        Proof(
            _("Weights of the decoder: {name}").format(name=_(KINDS[kind])),
            parameters_formula(kind, side, setup.latent),
            decoder_parameters(kind, side, setup.latent),
            measured=count_parameters(decoder),
        ),
        Proof(
            _("Error of the best linear code, on the pictures it was made of"),
            rf"\frac{{1}}{{{len(data.train)} \cdot {side}^2}}\sum_{{i > {setup.latent}}} \sigma_i^2",
            linear.left_out,
            measured=linear.measured,
            tolerance=1e-5,
            why=_("What the principal components that are left out hold; no linear encoder does better."),
        ),
    ]
    if shared.needs_indices(kind):
        first, second = CHANNELS
        _codes, indices = run.encode(data.test[:1])
        proofs.append(
            Proof(
                _("Bits that the indices tell beside the code"),
                rf"2 \cdot \left({first} \cdot {side // 2}^2 + {second} \cdot {side // 4}^2\right)",
                index_bits(side),
                measured=2 * sum(each.numel() for each in indices),
                why=_("Two bits for each 2 × 2 window, as SegNet counts them; the code has {bits}.").format(
                    bits=32 * setup.latent
                ),
            )
        )
    return proofs
