"""Through any classifier of torchvision."""

import streamlit as st
import torchvision

from cnnviz.errors import CnnvizError
from cnnviz.explain.receptive_field import FieldProof
from cnnviz.explain.receptive_field_code import network_code
from cnnviz.explain.traced_field import StageField, TracedNetwork
from cnnviz.figures.receptive_field import stage_sizes
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.receptive_field import proofs


@st.cache_data(show_spinner=False)
def classifiers() -> list[str]:
    """Their names, in alphabetical order."""
    return torchvision.models.list_models(module=torchvision.models)


def draw(lesson: LessonPage) -> None:
    """Draw the view."""
    controls, stage = lesson.bench()
    with controls:
        names = {name: name for name in classifiers()}
        name = lesson.choice("model", _("Network of torchvision"), names, "resnet50", kind="list")
        every = lesson.toggle(
            "all", _("Every module"), help=_("Not the stages only, but all modules inside them.")
        )
        try:
            network = proofs.traced(name)
        except CnnvizError as error:
            lesson.problem(error)
            return
        parts = {part.name: part for part in (network.modules if every else distinct(network.stages))}
        local = [part for part in parts.values() if part.size]
        last = local[-1].name if local else next(iter(parts))
        titles = {part.name: f"{part.name} · {part.kind}" for part in parts.values()}
        chosen = parts[lesson.choice("part", _("Stage"), titles, last, kind="list")]
        asked: set[tuple[str, str]] = st.session_state.setdefault(lesson.key("proved"), set())
        if st.button(_("Prove it by gradient"), icon=":material/science:", width="stretch"):
            asked.add((name, chosen.name))
    with stage:
        draw_stages(lesson, network, chosen, local)
        if (name, chosen.name) in asked:
            try:
                with st.spinner(_("Following the gradient through {name}…").format(name=name)):
                    proof = proofs.proved(name, chosen.name)
                lesson.prove(*proofs.stage_proofs(network, chosen, proof))
                for remark in remarks(network, chosen, proof):
                    st.caption(remark)
            except CnnvizError as error:
                lesson.problem(error)
        draw_parts(list(parts.values()))
    lesson.section("graph")
    lesson.code(network_code(network, chosen))


def distinct(stages: tuple[StageField, ...]) -> list[StageField]:
    """The stages without those that leave field and map as they were: activations, normalisations, dropout."""

    def seen(part: StageField) -> tuple[object, ...]:
        return part.rows, part.columns, part.whole_image, part.shape if part.dims else None

    return [
        part
        for before, part in zip((None, *stages), stages, strict=False)
        if not before or seen(before) != seen(part)
    ]


def draw_stages(
    lesson: LessonPage, network: TracedNetwork, chosen: StageField, local: list[StageField]
) -> None:
    """The chosen stage in words, and the fields of all stages that have a local one as bars."""
    side = network.input_size[0]
    if chosen.size and chosen.stride:
        said = _(
            "One cell of **{stage}** in {network} sees **{height} × {width}** pixels, cells lie {stride} pixels apart."
        )
        said = said.format(
            stage=chosen.name,
            network=network.name,
            height=chosen.size[0],
            width=chosen.size[1],
            stride=chosen.stride[0],
        )
        if chosen.whole_image:
            said += " " + _(
                "That is by its convolutions; through global pooling or attention it depends on the whole image besides."
            )
    else:
        said = _("**{stage}** in {network} has no grid of cells any more: it depends on the whole image.")
        said = said.format(stage=chosen.name, network=network.name)
    st.markdown(said)
    names = [part.name for part in local]
    sizes = [part.size[0] for part in local if part.size]
    if local:
        words = _(
            "Bars: the field grows from {first} pixels after {start} to {last} after {end}; the image has {side}."
        )
        lesson.figure(
            stage_sizes(
                names,
                sizes,
                names.index(chosen.name) if chosen in local else -1,
                side,
                (_("field, pixels"), _("image: {side}").format(side=side)),
            ),
            words.format(first=sizes[0], start=names[0], last=sizes[-1], end=names[-1], side=side),
            name="stages",
        )


def remarks(network: TracedNetwork, chosen: StageField, proof: FieldProof) -> list[str]:
    """How the measurement differs from what stands above it."""
    side, said = network.input_size[0], []
    if proof.clipped:
        words = _(
            "Measured inside an image of {side} × {side} pixels: the field is all of it, or the network takes no other size."
        )
        said.append(words.format(side=proof.rows.image_length))
    if chosen.size and proof.stage.size != chosen.size:
        words = _(
            "Measured on a longer image, where this network's windows lie otherwise: on {side} × {side} pixels the field is {size}."
        )
        said.append(words.format(side=side, size=chosen.size[0]))
    return said


def draw_parts(parts: list[StageField]) -> None:
    """All parts as a table."""

    def pair(value: tuple[int, int] | None) -> str:
        return "–" if value is None else str(value[0]) if value[0] == value[1] else f"{value[0]} × {value[1]}"

    columns = {
        _("stage"): [part.name for part in parts],
        _("kind"): [part.kind for part in parts],
        _("field"): [pair(part.size) for part in parts],
        _("jump"): [pair(part.stride) for part in parts],
        _("padding"): [pair(part.padding) for part in parts],
        _("map"): [pair(part.map_size) for part in parts],
        _("whole image"): [part.whole_image for part in parts],
    }
    words = _("Field, jump, padding and map of {count} parts of the network, first to last.")
    st.dataframe(
        columns,
        hide_index=True,
        height=min(36 * (len(parts) + 1) + 4, 420),
        alt=words.format(count=len(parts)),
    )
