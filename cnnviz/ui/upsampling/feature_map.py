"""One of the network's own maps, upsampled by every operator."""

import numpy as np
import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.maps import DIVERGING, colour, limits_for, palette_for
from cnnviz.layers.convolution import Floats
from cnnviz.ui.language import _, explain
from cnnviz.ui.layer_controls import LayerControls
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import Visit, look_at
from cnnviz.ui.upsampling.board import Picture, Refused, picture_board
from cnnviz.ui.upsampling.proofs import side_proof
from cnnviz.ui.upsampling.settings import Setup, setup
from cnnviz.upsampling import bench
from cnnviz.upsampling.bench_code import map_code
from cnnviz.upsampling.panels import size_formula
from cnnviz.zoo import anatomy
from cnnviz.zoo.standalone import script

ITSELF = "itself"
_LARGEST = 28
"""Side of the largest maps offered: those before are still a photo."""
_MAPS = 16


def draw(lesson: LessonPage, layer: LayerControls) -> None:
    photo = lesson.photo()
    visit = look_at(lesson, photo)
    controls, stage = lesson.bench()
    with controls:
        chosen = setup(lesson, layer)
        name, index = _stage(lesson, visit)
        rank = lesson.slider("m", _("Which map, the strongest first"), 1, _MAPS, 1)
    channel = 0
    made: dict[str, Floats | CnnvizError] = {}
    if visit.look is not None:
        maps = visit.look.stages[index].maps
        channel = int(anatomy.by_strength(maps)[rank - 1])
        seen = maps[channel : channel + 1].astype(np.float64)
        made = {id: _upsampled(chosen, id, seen) for id in chosen.panels}
        with stage:
            if _ask(lesson, chosen, made[chosen.chosen], seen.shape[1]):
                words = _("{stage}, map {number} of {all}").format(
                    stage=visit.stages[name], number=channel + 1, all=len(maps)
                )
                with lesson.card():
                    _board(lesson, chosen, seen, made, words)
                looked = made[chosen.chosen]
                if not isinstance(looked, CnnvizError):
                    lesson.prove(side_proof(chosen.panel, seen.shape[1], looked))
    lesson.section("map")
    lesson.section("odd")
    working = [chosen.panels[id] for id, each in made.items() if not isinstance(each, CnnvizError)]
    lesson.code(map_code(script(photo.code, name, channel), working), photo)


def _stage(lesson: LessonPage, visit: Visit) -> tuple[str, int]:
    sides = {stage.name: visit.net.card.input_size // stage.stride for stage in visit.net.stages}
    offered = {name: title for name, title in visit.stages.items() if sides[name] <= _LARGEST}
    name = lesson.choice("stage", _("Stage"), offered, "head", kind="list")
    return name, list(sides).index(name)


def _upsampled(chosen: Setup, id: str, seen: Floats) -> Floats | CnnvizError:
    panel = chosen.panels[id]
    try:
        return bench.upsample(panel.operator, panel.given(seen, seen), panel.settings)
    except CnnvizError as error:
        return error


def _ask(lesson: LessonPage, chosen: Setup, made: Floats | CnnvizError, side: int) -> bool:
    if isinstance(made, CnnvizError):
        return True
    formula, answer = size_formula(chosen.panel, side)
    return lesson.predict(
        _("The map is {side} × {side}. How many rows come out of **{operator}**?").format(
            side=side, operator=_(chosen.panel.title)
        ),
        answer,
        why=f"${formula} = {answer}$",
        redraw=["f", "op", "stage"],
    )


def _board(
    lesson: LessonPage, chosen: Setup, seen: Floats, made: dict[str, Floats | CnnvizError], words: str
) -> None:
    palette = palette_for(seen)
    limits = limits_for(seen, palette)
    alt = _("{operator}: {rows} × {columns} cells, {low} to {high}")

    def picture(id: str, title: str, values: Floats) -> Picture:
        low, high = f"{values.min():.2f}", f"{values.max():.2f}"
        said = alt.format(operator=title, rows=values.shape[0], columns=values.shape[1], low=low, high=high)
        note = _("{low} to {high}").format(low=low, high=high)
        return Picture(id=id, title=title, pixels=colour(values, palette, limits), note=note, alt=said)

    panels: list[Picture | Refused] = [picture(ITSELF, words, seen[0])]
    for id, each in made.items():
        title = _(chosen.panels[id].title)
        if isinstance(each, CnnvizError):
            panels.append(Refused(id=id, title=title, error=explain(each)))
        else:
            panels.append(picture(id, title, each[0]))

    picture_board(lesson, panels, chosen.chosen)
    signed = _("White is 0, blue below, red above; one scale for all.")
    positive = _("Black is 0, yellow the map's largest value; one scale for all.")
    st.caption(signed if palette == DIVERGING else positive)
