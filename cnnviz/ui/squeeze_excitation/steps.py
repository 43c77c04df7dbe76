"""Second view: squeeze, excite and scale, one after the other, with the numbers of one channel written out."""

import numpy as np
import streamlit as st
from torch import nn

from cnnviz.blocks.gates import Excitation
from cnnviz.blocks.gates_code import gates_code
from cnnviz.figures.squeeze_excitation import Bars, bars, one_map, shared_limits
from cnnviz.training.lit_shapes import LIGHTS
from cnnviz.ui.block_graph import block_graph
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.squeeze_excitation import shared
from cnnviz.ui.squeeze_excitation.gates import photo_alt, proofs
from cnnviz.ui.squeeze_excitation.shared import Net, Picture

_TERMS = 4
"""Products that are written out before the rest is left to dots."""
_MAP = 200
"""Width of a map, in pixels."""


def draw(lesson: LessonPage) -> None:
    photo = shared.choose_kind(lesson)
    controls, stage = lesson.bench()
    with controls:
        net = shared.choose_net(lesson)
        picture = shared.choose_picture(lesson, photo)
        if net is not None:
            number, channel, seen = shared.choose_channel(lesson, net, picture)
            lesson.map_image(net.sees(picture.rgb), photo_alt(picture), width=_MAP)
    if net is not None:
        with stage:
            if _ask(lesson, seen.chosen, channel):
                _steps(lesson, seen.chosen, channel)
            lesson.prove(*proofs(seen.chosen, channel))
    for anchor in ("squeeze", "excite", "scale"):
        lesson.section(anchor)
    if net is not None:
        _graph(lesson, net, picture, number, seen.chosen)
        source = gates_code(
            photo.code if photo else None,
            LIGHTS[picture.light][1] if photo else None,
            net.id,
            net.paths[number],
            channel,
            None,
        )
        lesson.code(source, photo, lambda: shared.files(picture) | shared.weights_file(net))


def _score(block: Excitation, channel: int) -> float:
    """What the gate's σ is given."""
    _w1, _b1, w2, b2 = block.weights
    return float(w2[channel].astype(np.float64) @ block.hidden + b2[channel])


def _ask(lesson: LessonPage, block: Excitation, channel: int) -> bool:
    score, gate = _score(block, channel), float(block.gates[channel])
    tenths = {f"{tenth / 10:.1f}": f"{tenth / 10:.1f}" for tenth in range(11)}
    sigma = r"1 / (1 + e^{-a})" if block.sigma == "Sigmoid" else r"\min(1, \max(0, a/6 + 1/2))"
    return lesson.predict(
        _("For channel {channel}, row {channel} of W₂ times the hidden units gives a = {score:.2f}. "
          "What is the gate, to the nearest tenth?").format(channel=channel + 1, score=score),
        f"{gate:.1f}",
        options=tenths,
        why=_("$s = {sigma} = {gate:.3f}$").format(sigma=sigma, gate=gate),
        redraw=["stage", "c"],
    )  # fmt: skip


def _steps(lesson: LessonPage, block: Excitation, channel: int) -> None:
    maps = np.stack([block.maps[channel], block.scaled[channel]])
    limits, signed = shared_limits(maps)
    where, gate = channel + 1, float(block.gates[channel])
    height, width = maps.shape[1:]
    heads = _("1. Squeeze"), _("2. Excite"), _("3. Scale")
    with lesson.card():
        first, second, third = st.columns([2, 5, 2], gap="medium")
        with first:
            st.markdown(f"**{heads[0]}**")
            alt = _("Map {channel}, {height} × {width} cells, from {low:.2f} to {high:.2f}.").format(
                channel=where, height=height, width=width, low=maps[0].min(), high=maps[0].max()
            )
            lesson.map_image(one_map(maps[0], limits, signed), alt, caption=alt)
            total = maps[0].astype(np.float64).sum()
            st.markdown(
                rf"$z_{{{where}}} = {shared.tex(total)} / {maps[0].size}$  "
                + f"\n$= {shared.tex(block.squeezed[channel])}$"
            )
        with second:
            st.markdown(f"**{heads[1]}**")
            st.markdown(_bars(block, channel), unsafe_allow_html=True)
            st.markdown(_written(block, channel))
        with third:
            st.markdown(f"**{heads[2]}**")
            alt = _("The same map times its gate, {gate:.3g}: from {low:.3g} to {high:.3g}.").format(
                gate=gate, low=maps[1].min(), high=maps[1].max()
            )
            lesson.map_image(one_map(maps[1], limits, signed), alt, caption=alt)
            row, column = np.unravel_index(int(np.abs(maps[0]).argmax()), maps[0].shape)
            st.markdown(
                _("Its strongest cell, row {row}, column {column}:").format(row=row + 1, column=column + 1)
            )
            st.markdown(
                rf"${maps[0, row, column]:.3f} \cdot {shared.tex(gate)}$  "
                + f"\n$= {shared.tex(maps[1, row, column])}$"
            )


def _bars(block: Excitation, channel: int) -> str:
    rows = [
        Bars(
            _("z: the mean of each of {count} maps").format(count=len(block.squeezed)),
            block.squeezed,
            float(np.abs(block.squeezed).max()) or 1.0,
            channel,
            signed=bool((block.squeezed < 0).any()),
        ),
        Bars(
            _("δ(W₁z): {count} hidden units").format(count=len(block.hidden)),
            block.hidden,
            float(np.abs(block.hidden).max()) or 1.0,
            signed=bool((block.hidden < 0).any()),
        ),
        Bars(_("s: {count} gates, from 0 to 1").format(count=len(block.gates)), block.gates, 1.0, channel),
    ]
    alt = _("{all} means become {few} hidden units, {active} of them not zero, and these become {all} gates.")
    told = alt.format(all=len(block.gates), few=len(block.hidden), active=int((block.hidden != 0).sum()))
    return bars(rows, _("From means to gates"), told, 420)


def _written(block: Excitation, channel: int) -> str:
    """The gate as a sum of products, the largest first."""
    _w1, _b1, w2, b2 = block.weights
    products = w2[channel] * block.hidden
    order = np.argsort(-np.abs(products), kind="stable")
    terms = [f"{w2[channel, each]:.2f} \\cdot {block.hidden[each]:.2f}" for each in order[:_TERMS]]
    if len(order) > _TERMS:
        terms.append(r"\dots")
    if b2[channel]:
        terms.append(f"{b2[channel]:.2f}")
    joined = " + ".join(f"({each})" if each.startswith("-") else each for each in terms)
    sigma = r"\sigma" if block.sigma == "Sigmoid" else r"\sigma_\text{hard}"
    return (
        f"$a = {joined} = {_score(block, channel):.3f}$  \n"
        rf"$s_{{{channel + 1}}} = {sigma}(a) = {shared.tex(block.gates[channel])}$"
    )


def _graph(lesson: LessonPage, net: Net, picture: Picture, number: int, block: Excitation) -> None:
    """Of ours the whole residual block, of torchvision's the gates alone."""
    part: nn.Module
    if net.reduction is None:
        part, shape = net.network.get_submodule(net.paths[number]), (1, *block.maps.shape)
        title = _("Squeeze and excitation in {network}, stage {stage}").format(
            network=net.id, stage=number + 1
        )
    else:
        part = net.network.get_submodule(f"blocks.{number}")
        side = net.take(picture.rgb).shape[-1] // 2 ** max(1, number)
        shape = (1, part.branch[0].in_channels, side, side)  # type: ignore[union-attr, index]
        title = _("Residual block of stage {stage}, with its gates").format(stage=number + 1)
    lesson.section("graph")
    block_graph(lesson, part, shape, title=title)
