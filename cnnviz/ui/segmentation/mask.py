"""The mask over the photo, and what every pixel of it might be."""

import streamlit as st

from cnnviz.figures import segmentation as figures
from cnnviz.images import encode_jpeg
from cnnviz.segmentation.code import OWN, files, mask_code
from cnnviz.segmentation.mask import hints
from cnnviz.segmentation.postprocess import probabilities_at
from cnnviz.ui import live, state
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.segmentation.probe import probe
from cnnviz.ui.segmentation.visit import (
    DEFAULT,
    PHOTO,
    Seen,
    bias_slider,
    cards,
    class_names,
    honest,
    listed,
    look,
    parameter_proof,
    stride_proof,
)

HINTS = 48
"""Points along the long side at which a browser knows the probabilities."""


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        card = live.choose_model(lesson, cards(), DEFAULT)
        opacity = lesson.fraction("o", _("Opacity"), 0, 1, 0.55)
        outlined = lesson.toggle("line", _("Outlines"), True)
        favouring = bias_slider(lesson)
        threshold = lesson.slider(
            "sure", _("Colour only from, %"), 0, 95, 0, step=5, help=_("Least probability of a class.")
        )
        x = lesson.slider("x", _("Point, % from the left"), 0, 100, 25)
        y = lesson.slider("y", _("Point, % from the top"), 0, 100, 45)
        hidden = lesson.linked("hide", (), state.cells(21))
    with stage:
        seen = look(lesson, card, photo, favouring, threshold=threshold / 100)
        if seen is not None:
            if _ask(lesson, seen):
                _picture(lesson, seen, opacity, outlined, set(hidden), (x, y))
            else:
                lesson.picture(seen.picture, photo.alt)
            live.timings(lesson, seen.result)
        st.caption(honest(card))
    if seen is not None:
        lesson.prove(*(one for one in (stride_proof(seen), parameter_proof(card)) if one is not None))
    lesson.section("mask")
    lesson.section("honest")
    if seen is not None:
        point = _pixel(seen, x, y)
        source = mask_code(
            photo.code, seen.download, seen.bias, seen.size, seen.threshold, point, figures.PALETTE, opacity
        )
        lesson.code(source, photo, files=lambda: files([card.id]))


def _ask(lesson: LessonPage, seen: Seen) -> bool:
    """Which class is the largest, background aside."""
    found = [label for label in seen.shares if label]
    if not found:
        return True
    likely = seen.result.scores.max((1, 2)).argsort()[::-1].tolist()
    offered = sorted({*found[:3], *[label for label in likely if label][:4]})
    names = class_names()
    return lesson.predict(
        _("The background aside: which class will cover the most pixels?"),
        str(found[0]),
        why=_("The mask: {shares}.").format(shares=listed(seen.shares)),
        options={str(label): names[label] for label in offered},
        redraw=["model"],
        accept=lambda drawn: drawn["model"].startswith(OWN),
    )


def _pixel(seen: Seen, x: int, y: int) -> tuple[float, float]:
    """The centre of the photo's pixel at so many percent."""
    height, width = seen.result.photo
    return min(int(x / 100 * width), width - 1) + 0.5, min(int(y / 100 * height), height - 1) + 0.5


def _picture(
    lesson: LessonPage, seen: Seen, opacity: float, outlined: bool, hidden: set[int], point: tuple[int, int]
) -> None:
    names, shares = class_names(), seen.shares
    objects = {label: share for label, share in shares.items() if label}
    shown = [label for label in objects if label not in hidden]
    picture = figures.paint(seen.picture, seen.labels, shown, opacity, outlined)
    height, width = seen.size
    scale = HINTS / max(height, width)
    grid = max(1, round(height * scale)), max(1, round(width * scale))

    def move(x: int, y: int) -> None:
        lesson.put("x", x)
        lesson.put("y", y)

    def tick(label: int, wanted: bool) -> None:
        now = set(st.session_state[lesson.key("hide")]) - {label}
        lesson.put("hide", tuple(sorted(now if wanted else now | {label})))

    words = _("{photo} Coloured: {classes}. Share of the pixels: {shares}.")
    coloured = ", ".join(names[label] for label in shown) or _("nothing")
    with lesson.card():
        probe(
            encode_jpeg(picture),
            alt=words.format(photo=seen.photo.alt, classes=coloured, shares=listed(shares)),
            hints=hints(seen.favoured, grid),
            names=names,
            shares=objects,
            shown=shown,
            places=figures.middles(seen.labels, shown),
            point=point,
            key=lesson.key("probe"),
            on_point=move,
            on_shown=tick,
        )
    x, y = _pixel(seen, *point)
    here = probabilities_at(seen.favoured, x, y)
    best = {int(label): float(here[label]) for label in here.argsort()[::-1][:5]}
    title = _("At the ring, pixel ({x}, {y}): the five most probable classes").format(x=int(x), y=int(y))
    st.markdown(f"**{title}**")
    st.html(figures.share_bars(title, best, names))
