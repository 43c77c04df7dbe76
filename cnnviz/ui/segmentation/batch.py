"""Several photos at once: their largest classes, and small pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.engine.results import SegmentationResult
from cnnviz.figures import segmentation as figures
from cnnviz.images import fit
from cnnviz.segmentation.code import OWN, batch_code, files
from cnnviz.segmentation.heads import HEADS
from cnnviz.segmentation.mask import decide, favour, shown_size
from cnnviz.segmentation.postprocess import shares
from cnnviz.ui import live
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.segmentation.cutout import PERSON
from cnnviz.ui.segmentation.visit import DEFAULT, cards, class_names, honest

SIDE = 160
MOST = 4
"""Classes that the table names for a photo."""


@dataclass(frozen=True, eq=False)
class Small:
    """What is kept of one of several photos."""

    picture: NDArray[np.uint8]
    shares: dict[int, float]
    milliseconds: float


def shrink(photo: NDArray[np.uint8], result: SegmentationResult) -> Small:
    size = shown_size(result.photo, SIDE)
    labels = decide(favour(result), size)
    found = shares(labels, result.classes)
    picture = figures.paint(fit(photo, SIDE), labels, [label for label in found if label], 0.55, False)
    times = result.timings
    return Small(picture, found, times.preprocess + times.network + times.postprocess)


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        card = live.choose_model(lesson, cards(), DEFAULT)
    with stage:
        live.several(lesson, card, shrink, partial(_ask, lesson), _table)
        st.caption(honest(card))
    lesson.section("several")
    bias = HEADS[card.id.removeprefix(OWN)].background_bias if card.own else 0.0
    lesson.code(batch_code((card.id, card.download), bias, SIDE), files=lambda: files([card.id]))


def _ask(lesson: LessonPage, seen: Sequence[live.Seen[Small]]) -> bool:
    people = [one.name for one in seen if one.made is not None and _largest(one.made) == PERSON]
    return lesson.predict(
        _(
            "In how many of these {count} photos will the largest class, but for the background, be person?"
        ).format(count=len(seen)),
        len(people),
        why=_("Those are: {names}.").format(names=", ".join(people))
        if people
        else _("It is in none of them."),
    )


def _largest(small: Small) -> int:
    """The label with most pixels besides the background's; 0 where there is nothing else."""
    return next((label for label in small.shares if label), 0)


def _table(seen: Sequence[live.Seen[Small]]) -> None:
    names = class_names()
    rows = []
    for one in seen:
        assert one.made is not None
        objects = [(label, share) for label, share in one.made.shares.items() if label][:MOST]
        said = [f"{names[label]} {100 * share:.1f} %" for label, share in objects] or [
            _("nothing but background")
        ]
        chips = [f"{figures.chip(label)} " for label, _share in objects] or [""]
        alt = f"{one.name}: {', '.join(said)}"
        rows.append(
            [
                escape(one.name),
                figures.thumbnail(one.made.picture, alt),
                "<br>".join(chip + escape(text) for chip, text in zip(chips, said, strict=True)),
                f"{one.made.milliseconds:.0f} ms",
            ]
        )
    heads = (_("Photo"), _("Mask"), _("Largest classes"), _("Time"))
    st.html(figures.text_table(_("Several photos"), heads, rows))
