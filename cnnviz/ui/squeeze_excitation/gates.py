"""First view: every stage's gates on a picture, the maps before and after, and one gate forced."""

import numpy as np
import streamlit as st

from cnnviz.blocks.gates import Excitation, Look, force
from cnnviz.blocks.gates_code import gates_code
from cnnviz.figures.squeeze_excitation import Bars, GateWords, bars, before_and_after, gate_figure
from cnnviz.figures.zoo import Row, table
from cnnviz.proof import Proof
from cnnviz.training.lit_shapes import LIGHTS
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.squeeze_excitation import shared
from cnnviz.ui.squeeze_excitation.shared import Net, Picture

MOST = 2.0
"""Largest value that a gate can be forced to: twice what a sigmoid can give."""
_VALUES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
_MAPS = 8
"""Maps in a row, the most open ones and the most closed."""


def draw(lesson: LessonPage) -> None:
    photo = shared.choose_kind(lesson)
    controls, stage = lesson.bench()
    with controls:
        net = shared.choose_net(lesson)
        picture = shared.choose_picture(lesson, photo)
        if net is not None:
            number, channel, seen = shared.choose_channel(lesson, net, picture)
            forcing = lesson.toggle("force", _("Force this gate"))
            to = lesson.fraction("to", _("Gate, forced to"), 0.0, MOST, 0.0, disabled=not forcing)
    if net is not None:
        value = to if forcing else None
        with stage:
            if _ask(lesson, net, picture, number, channel, seen):
                with lesson.card():
                    _see(lesson, net, picture, number, channel, seen)
                _logits(lesson, net, picture, number, channel, seen, value)
            lesson.prove(*proofs(seen.chosen, channel))
    lesson.section("gates")
    lesson.section("force")
    if net is not None:
        source = gates_code(
            photo.code if photo else None,
            LIGHTS[picture.light][1] if photo else None,
            net.id,
            net.paths[number],
            channel,
            value,
        )
        lesson.code(source, photo, lambda: shared.files(picture) | shared.weights_file(net))


def _ask(lesson: LessonPage, net: Net, picture: Picture, number: int, channel: int, seen: Look) -> bool:
    top = shared.best(seen, 1)[0]
    (closed,) = force(net.network, net.take(picture.rgb), net.paths[number], channel, [0.0])
    before, after = round(float(seen.logits[top]), 3), round(float(closed[top]), 3)
    answer = "same" if before == after else "up" if after > before else "down"
    return lesson.predict(
        _(
            "The network's first guess is “{name}”. Channel {channel} of stage {stage} is closed: its gate is forced to 0. "
            "What happens to the logit of “{name}”?"
        ).format(name=net.classes[top], channel=channel + 1, stage=number + 1),
        answer,
        options={"up": _("It rises"), "down": _("It falls"), "same": _("Nothing at all")},
        why=_(
            "It was {before:.3f} with the gate at {gate:.3f}, and is {after:.3f} with the gate at 0."
        ).format(before=before, gate=float(seen.chosen.gates[channel]), after=after),
        redraw=["stage", "c"],
    )


def _see(lesson: LessonPage, net: Net, picture: Picture, number: int, channel: int, seen: Look) -> None:
    """The picture, all gates, and the maps of the chosen stage."""
    left, right = st.columns([1, 3], gap="medium")
    with left:
        alt = photo_alt(picture)
        lesson.map_image(net.sees(picture.rgb), alt, caption=_("What the network sees"))
    with right:
        names = shared.stage_names(net, seen.gates)
        rows = [
            Bars(title, seen.gates[path], marked=channel if index == number else None)
            for index, (title, path) in enumerate(zip(names, net.paths, strict=True))
        ]
        alt = _(
            "Gates from 0 to 1, a bar a channel. {stages}. Channel {channel} of stage {stage} has {gate:.3f}."
        ).format(
            stages="; ".join(_spread(row) for row in rows),
            channel=channel + 1,
            stage=number + 1,
            gate=float(seen.chosen.gates[channel]),
        )
        st.markdown(bars(rows, _("Gates of every stage"), alt, 560), unsafe_allow_html=True)
    st.caption(shared.knows(net))
    _maps(lesson, seen.chosen)


def _spread(row: Bars) -> str:
    words = _("{title}: {low:.2f} to {high:.2f}, on average {mean:.2f}")
    return words.format(title=row.title, low=row.values.min(), high=row.values.max(), mean=row.values.mean())


def photo_alt(picture: Picture) -> str:
    return _("{title}, in {light} light, as the network sees it.").format(
        title=picture.title, light=shared.lights()[picture.light]
    )


def _maps(lesson: LessonPage, block: Excitation) -> None:
    order = np.argsort(-block.gates, kind="stable")
    count = min(_MAPS, len(order) // 2)
    chosen = [*order[:count].tolist(), *order[len(order) - count :].tolist()]
    height, width = block.maps.shape[1:]

    def listed(channels: list[int]) -> str:
        return ", ".join(f"{each + 1} ({block.gates[each]:.2f})" for each in channels)

    caption = _(
        "Maps of the chosen stage, {height} × {width} cells, in one scale of colours. First row: the most open channels, "
        "{opened}; second row: the same after their gates. Third and fourth row: the most closed, {closed}."
    ).format(height=height, width=width, opened=listed(chosen[:count]), closed=listed(chosen[count:]))
    lesson.map_image(before_and_after(block.maps, block.scaled, chosen, count), caption, caption=caption)


def _logits(
    lesson: LessonPage,
    net: Net,
    picture: Picture,
    number: int,
    channel: int,
    seen: Look,
    value: float | None,
) -> None:
    """What the network answers, and how the answer moves with the gate."""
    own = float(seen.chosen.gates[channel])
    asked = [*_VALUES, own if value is None else value]
    lines = _forced(net.id, net.paths[number], channel, tuple(asked), picture.rgb, net)
    top = shared.best(seen)
    head = [_("Class"), _("Logit"), _("Forced"), _("Change")]
    rows = [
        Row(
            (
                net.classes[each],
                f"{seen.logits[each]:.3f}",
                "" if value is None else f"{lines[-1, each]:.3f}",
                "" if value is None else f"{lines[-1, each] - seen.logits[each]:+.3f}",
            ),
            "chosen" if index == 0 else "",
        )
        for index, each in enumerate(top)
    ]
    first, second = st.columns(2, gap="medium")
    with first:
        st.html(table(_("The five largest logits"), head, rows))
        if value is not None:
            now = int(lines[-1].argmax())
            said = (
                _("With this gate at {value:g} the answer is still “{name}”.")
                if now == top[0]
                else _("With this gate at {value:g} the answer changes to “{name}”.")
            )
            st.markdown(said.format(value=value, name=net.classes[now]))
    with second:
        words = GateWords(
            _("Gate of channel {channel}").format(channel=channel + 1), _("Logit"), _("chosen"), _("forced")
        )
        shown = {net.classes[each]: lines[:-1, each].tolist() for each in top[:3]}
        told = "; ".join(f"{name} {line[0]:.2f} → {line[-1]:.2f}" for name, line in shown.items())
        alt = _("Logits as the gate goes from 0 to 2: {told}. The network itself chooses {gate:.3f}.").format(
            told=told, gate=own
        )
        lesson.figure(gate_figure(_VALUES, shown, own, value, words), alt, name="logits")


# Never shared: the picture may be a visitor's own.
@st.cache_data(max_entries=16, show_spinner=False, scope="session")
def _forced(
    _name: str, path: str, channel: int, values: tuple[float, ...], rgb: shared.Pixels, _net: Net
) -> shared.Floats:
    return force(_net.network, _net.take(rgb), path, channel, values)


def proofs(block: Excitation, channel: int) -> list[Proof]:
    """Equations 2 to 4 for one channel, by arithmetic in float64 against what the network computed."""
    maps, scaled = (each[channel].astype(np.float64) for each in (block.maps, block.scaled))
    height, width = maps.shape
    size, mean, gate = shared.scale(block, channel), float(maps.mean()), block.gate(channel)
    where = channel + 1
    return [
        Proof(
            _("Squeeze: the mean of map {channel}").format(channel=where),
            rf"z_{{{where}}} = \tfrac{{1}}{{{height} \cdot {width}}} \textstyle\sum u = {shared.tex(maps.sum())} / {maps.size}",
            mean,
            measured=float(block.squeezed[channel]),
            tolerance=shared.near(mean, size),
        ),
        Proof(
            _("Excitation: the gate of channel {channel}").format(channel=where),
            rf"s_{{{where}}} = \sigma(W_2\, \delta(W_1 z))_{{{where}}}",
            gate,
            measured=float(block.gates[channel]),
            tolerance=1e-4,
        ),
        Proof(
            _("Scale: the mean of map {channel} behind its gate").format(channel=where),
            rf"s_{{{where}}} \cdot z_{{{where}}} = {shared.tex(gate)} \cdot ({shared.tex(mean)})",
            gate * mean,
            measured=float(scaled.mean()),
            tolerance=1e-4 + shared.near(mean, size),
        ),
    ]
