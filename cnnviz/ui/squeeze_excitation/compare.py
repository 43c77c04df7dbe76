"""Third view: the gates of two pictures, and what gates answer to: the light or the picture."""

import numpy as np
import streamlit as st
import torch

from cnnviz import samples
from cnnviz.blocks.gate_causes import Causes, measured_causes
from cnnviz.blocks.gates import Look, look
from cnnviz.blocks.gates_code import compare_code
from cnnviz.figures.squeeze_excitation import Bars, bars
from cnnviz.figures.zoo import Row, table
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.samples import SAMPLES
from cnnviz.training import se_resnet
from cnnviz.training.lit_shapes import LIGHTS, tinted, under
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import MAX_SIDE, Photo
from cnnviz.ui.squeeze_excitation import shared
from cnnviz.ui.squeeze_excitation.gates import photo_alt
from cnnviz.ui.squeeze_excitation.shared import Net, Picture, Pixels

_FEW = 5
"""Channels that are told."""


def draw(lesson: LessonPage) -> None:
    photo = shared.choose_kind(lesson)
    controls, stage = lesson.bench()
    with controls:
        net = shared.choose_net(lesson)
        picture = shared.choose_picture(lesson, photo)
        other = _second(lesson, picture, photo)
        if net is not None:
            number = lesson.slider("stage", _("Stage"), 1, len(net.paths), 1) - 1
    if net is not None:
        seen, second = (look(net.network, net.take(each.rgb), net.paths[number]) for each in (picture, other))
        with stage:
            if _ask(lesson, net, seen, second):
                with lesson.card():
                    _pictures(lesson, net, (picture, other), (seen, second))
                    _bars(net, seen, second)
                _most(seen, second)
            lesson.prove(*_proofs(seen, second, number, net))
    lesson.section("compare")
    if net is not None:
        if net.reduction is not None and not lesson.asking:
            _causes(net.reduction)
        source = compare_code(
            photo.code if photo else None, LIGHTS[picture.light][1] if photo else None, net.id, net.paths
        )
        carried = {**shared.weights_file(net), "second.png": shared.encode_png(other.rgb)}
        lesson.code(source, photo, lambda: shared.files(picture) | carried)


def _second(lesson: LessonPage, picture: Picture, photo: Photo | None) -> Picture:
    """The picture to compare with."""
    kinds = {"same": _("The same picture"), "photo": _("Another photo"), "drawn": _("A drawn picture")}
    kind = lesson.choice("with", _("Compare it with"), kinds, "photo", kind="list")
    name, number = "flower", 1
    if kind == "photo":
        titles = {sample.id: _(sample.title) for sample in SAMPLES.values()}
        name = lesson.choice("other", _("Other photo"), titles, name, kind="list")
    if kind == "drawn":
        number = lesson.slider("m", _("Other drawn picture"), 1, shared.DRAWN, 4)
    light = lesson.choice("light2", _("Its light"), shared.lights(), "white", kind="list")
    if kind == "drawn":
        return shared.drawn_picture(number, light)
    if kind == "photo":
        return Picture(tinted(_sample(name), LIGHTS[light][1]), light, _(SAMPLES[name].title))
    if photo is None:
        return shared.drawn_picture(st.session_state[lesson.key("n")], light)
    return Picture(tinted(photo.rgb, LIGHTS[light][1]), light, picture.title)


@st.cache_data(max_entries=4, show_spinner=False)
def _sample(name: str) -> Pixels:
    return fit(samples.load(name), MAX_SIDE)


def _apart(one: Look, other: Look) -> dict[str, float]:
    """Mean difference of the gates of each block."""
    return {
        path: float(np.abs(gates.astype(np.float64) - other.gates[path]).mean())
        for path, gates in one.gates.items()
    }


def _ask(lesson: LessonPage, net: Net, one: Look, other: Look) -> bool:
    apart = _apart(one, other)
    told = ", ".join(f"{value:.3f}" for value in apart.values())
    return lesson.predict(
        _("In which stage do the gates of the two pictures differ most, on average over the channels?"),
        max(apart, key=lambda path: apart[path]),
        options=dict(zip(net.paths, shared.stage_names(net, one.gates), strict=True)),
        why=_("The mean differences are, from the first stage to the last, {told}.").format(told=told),
        redraw=["light", "light2", "with"],
        accept=lambda drawn: drawn["with"] != "same" or drawn["light"] != drawn["light2"],
    )


def _pictures(
    lesson: LessonPage, net: Net, pictures: tuple[Picture, Picture], looks: tuple[Look, Look]
) -> None:
    with st.container(horizontal=True):
        for place, picture, seen in zip((_("above"), _("below")), pictures, looks, strict=True):
            answer = net.classes[shared.best(seen, 1)[0]]
            caption = _("{title}, {light} light; bars {place}. First guess: {answer}").format(
                title=picture.title, light=shared.lights()[picture.light], place=place, answer=answer
            )
            lesson.map_image(net.sees(picture.rgb), photo_alt(picture), caption=caption, width=shared.SHOWN)


def _bars(net: Net, one: Look, other: Look) -> None:
    apart = _apart(one, other)
    named = _("{stage}; they differ by {apart:.3f} on average")
    rows = [
        Bars(named.format(stage=name, apart=apart[path]), one.gates[path], below=other.gates[path])
        for name, path in zip(shared.stage_names(net, one.gates), net.paths, strict=True)
    ]
    alt = _("Gates of both pictures, a bar a channel, one up and the other down. {stages}.").format(
        stages="; ".join(row.title for row in rows)
    )
    st.markdown(bars(rows, _("Gates of both pictures"), alt), unsafe_allow_html=True)


def _most(one: Look, other: Look) -> None:
    """The channels of the chosen stage that tell the two apart."""
    first, second = one.chosen.gates, other.chosen.gates
    order = np.argsort(-np.abs(first - second), kind="stable")[:_FEW]
    words = _("channel {channel}: {first:.2f} and {second:.2f}")
    told = "; ".join(
        words.format(channel=each + 1, first=first[each], second=second[each]) for each in order.tolist()
    )
    st.markdown(_("In the chosen stage the gates differ most in {told}.").format(told=told))


def _proofs(one: Look, other: Look, number: int, net: Net) -> list[Proof]:
    path = net.paths[number]
    first, second = (
        [each.chosen.gate(channel) for channel in range(len(each.chosen.gates))] for each in (one, other)
    )
    found = float(np.abs(np.array(first) - second).mean())
    size = len(first)
    return [
        Proof(
            _("Mean difference of the gates of stage {stage}").format(stage=number + 1),
            rf"\tfrac{{1}}{{{size}}} \textstyle\sum_c |s_c - s'_c|",
            found,
            measured=_apart(one, other)[path],
            tolerance=1e-4 + (1e-6 / found if found else 0),
        )
    ]


@st.cache_data(max_entries=len(se_resnet.REDUCTIONS), show_spinner=False)
def _measured_causes(reduction: int) -> tuple[Causes, ...]:
    reflectance = shared.drawn().reflectance
    lit = [
        se_resnet.prepared(
            torch.from_numpy(under(reflectance, np.array(light, np.float32)).transpose(0, 3, 1, 2).copy())
        )
        for _title, light in LIGHTS.values()
    ]
    return measured_causes(se_resnet.load(reduction), lit)


def _causes(reduction: int) -> None:
    """What moves the gates, measured on all drawn pictures in all lights."""
    head = [_("Stage"), _("the light"), _("the picture"), _("both together")]
    rows = [
        Row((str(stage), *(f"{100 * share:.0f} %" for share in (each.light, each.picture, each.both))))
        for stage, each in enumerate(_measured_causes(reduction), start=1)
    ]
    title = _(
        "What the gates of our network depend on, in percent of their variance: {pictures} drawn pictures in {lights} lights"
    )
    words = title.format(pictures=shared.DRAWN, lights=len(LIGHTS))
    st.html(table(words, head, rows))
    st.caption(words)
