"""FCN-32s, 16s and 8s: what a finer map adds, within one network and between three."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.engine.catalogue import model
from cnnviz.errors import CnnvizError
from cnnviz.figures import segmentation as figures
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.segmentation.code import OWN, compare_code, files, skips_code
from cnnviz.segmentation.mask import decide, favour, shown_size
from cnnviz.segmentation.postprocess import shares
from cnnviz.segmentation.skips import Skips, Step, add_up
from cnnviz.ui import live
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once
from cnnviz.ui.photo import Photo
from cnnviz.ui.segmentation.visit import PHOTO, Seen, bias_slider, class_names, listed, look

SIDE = 400
OWNS = ("fcn32s", "fcn16s", "fcn8s")


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        kinds = {"inside": _("FCN-8s, step by step"), "three": _("Three networks")}
        inside = lesson.choice("fcn", _("Which"), kinds, "inside", kind="radio") == "inside"
        names = class_names()
        chosen = lesson.choice(
            "class",
            _("Scores of"),
            {str(label): name for label, name in enumerate(names)},
            "15",
            kind="list",
            disabled=not inside,
        )
        favouring = bias_slider(lesson)
    with stage:
        source, ids = (
            _inside(lesson, photo, int(chosen), favouring) if inside else _three(lesson, photo, favouring)
        )
    lesson.section("skips")
    if source:
        lesson.code(source, photo, files=lambda: files(ids))


def _inside(lesson: LessonPage, photo: Photo, label: int, favouring: float) -> tuple[str, list[str]]:
    own = OWN + "fcn8s"
    try:
        whole = once(lesson, "skips", live.digest(photo.rgb), lambda: add_up(photo.rgb))
    except CnnvizError as error:
        lesson.problem(error)
        return "", []
    made = whole.steps
    told = _ask(lesson, made)
    size = shown_size(made[0].total.photo, SIDE)
    bias = made[0].total.background_bias + favouring
    if told:
        limit = float(max(np.abs(step.added[label]).max() for step in made)) or 1.0
        name = class_names()[label]
        with lesson.card():
            for place, step in zip(st.columns(3), made, strict=True):
                mask = decide(favour(step.total, bias), size)
                with place:
                    _step(lesson, photo, step, mask, label, name, limit)
        words = _(
            "Upper row: the mask so far. Lower row: what this map adds to the score of {name}; red adds, blue takes away."
        )
        st.caption(words.format(name=name))
        lesson.prove(_proof(whole))
    return skips_code(photo.code, bias, size), [own]


def _step(
    lesson: LessonPage, photo: Photo, step: Step, mask: NDArray[np.uint8], label: int, name: str, limit: float
) -> None:
    found = shares(mask, step.total.classes)
    rows, columns = step.added.shape[1:]
    picture = fit(photo.rgb, SIDE)
    painted = figures.paint(picture, mask, [one for one in found if one], 0.55, True)
    words = _("Up to stride {stride}: {shares}").format(stride=step.stride, shares=listed(found, 3))
    lesson.picture(painted, f"{photo.alt} {words}.", caption=words)
    added = step.added[label]
    words = _("Stride {stride}, {columns} × {rows} cells: {low} to {high}").format(
        stride=step.stride, columns=columns, rows=rows, low=f"{added.min():.1f}", high=f"{added.max():.1f}"
    )
    factor = max(1, 336 // columns)
    lesson.map_image(figures.score_picture(added, limit, factor), f"{name}. {words}.", caption=words)


def _three(lesson: LessonPage, photo: Photo, favouring: float) -> tuple[str, list[str]]:
    cards = [model(OWN + head) for head in OWNS]
    seen = [look(lesson, card, photo, favouring, slot=card.id, side=SIDE) for card in cards]
    there = [one for one in seen if one is not None]
    with lesson.card():
        for place, one in zip(st.columns(3), there, strict=False):
            words = f"{_(one.card.title)}, mIoU {one.card.figure:.1f} %: {listed(one.shares, 3)}"
            painted = figures.paint(
                one.picture, one.labels, [label for label in one.shares if label], 0.55, True
            )
            with place:
                lesson.picture(painted, f"{photo.alt} {words}.", caption=words)
    if len(there) < len(cards):
        return "", []
    for one in there:
        live.timings(lesson, one.result)
    lesson.prove(*(_edge(one) for one in there))
    models = [one.download for one in there[::2]]
    return compare_code(photo.code, models, [one.bias for one in there[::2]], there[0].size), [
        one for one, _size in models
    ]


def _edge(one: Seen) -> Proof:
    """How many scores a network gives for this photo."""
    stride, (height, width) = one.result.stride, one.result.input_size
    return Proof(
        _("Cells of {model}").format(model=_(one.card.title)),
        rf"\frac{{{height}}}{{{stride}}} \cdot \frac{{{width}}}{{{stride}}}",
        height // stride * (width // stride),
        one.result.scores[0].size,
    )


def _ask(lesson: LessonPage, made: tuple[Step, ...]) -> bool:
    height, width = made[0].total.input_size
    question = _(
        "The network reads {width} × {height} pixels. How many cells does the map at stride 8 have for each cell of "
        "the map at stride 32?"
    )
    return lesson.predict(question.format(width=width, height=height), 16, why=r"$(32 / 8)^2 = 16$")


def _proof(whole: Skips) -> Proof:
    """The sum of the three maps at the last one's cells is what the head itself gives."""
    return Proof(
        _("Largest score of FCN-8s"),
        r"\max\left(\text{up}_2\!\left(\text{up}_2(s_{32}) + s_{16}\right) + s_8\right)",
        round(float(whole.steps[-1].total.scores.max()), 4),
        round(float(whole.scores.max()), 4),
        tolerance=1e-4,
    )
