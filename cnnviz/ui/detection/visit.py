"""What the views share: a photo, a detector, its boxes, and the words for them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.detection.postprocess import Selection, select
from cnnviz.detection.pyramid import CARD
from cnnviz.engine.catalogue import ModelCard, models
from cnnviz.engine.results import DetectionResult
from cnnviz.figures.detection import css_colour
from cnnviz.images import fit
from cnnviz.ui import live, state
from cnnviz.ui.detection.photo_boxes import Drawn
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo

DEFAULT = "ssdlite320_mobilenet_v3_large"
PHOTO = "together"
SIDE = 640
"""Long side of the pictures, in pixels."""
MANY = 10_000
_OFFERED = 12
"""Classes that the filter offers."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo through a detector, and what the controls make of its boxes.

    Attributes:
        result: as the model gave it.
        score: boxes must exceed it, 0 to 1.
        iou: beyond which a better box suppresses another.
        per_class: whether only one of its own class does.
        only: labels to look at; all where empty.
        limit: boxes that are kept at most.
    """

    photo: Photo
    card: ModelCard
    result: DetectionResult
    score: float
    iou: float
    per_class: bool = True
    only: tuple[int, ...] = ()
    limit: int = MANY

    @cached_property
    def selection(self) -> Selection:
        return select(
            self.result,
            self.score,
            self.iou,
            classes=self.only or None,
            per_class=self.per_class,
            limit=self.limit,
        )

    @cached_property
    def picture(self) -> NDArray[np.uint8]:
        return fit(self.photo.rgb, SIDE)

    def name(self, index: int) -> str:
        """A box's class in the reader's language."""
        return _(self.result.classes[self.result.labels[index]])

    def title(self, index: int) -> str:
        """A box's class and score."""
        return f"{self.name(index)} {100 * self.result.scores[index]:.0f} %"

    def origin(self, index: int) -> str:
        """Which anchor, cell or proposal a box comes from, in words."""
        result = self.result
        left, top, right, bottom = result.origins[index]
        level = int(result.levels[index])
        rows, columns = result.grids[level]
        row, column = result.cells[index] + 1
        words = {
            "anchor": _(
                "Anchor of {width} × {height} pixels, level {level} ({columns} × {rows} cells), row {row}, column {column}"
            ),
            "cell": _(
                "Cell of {width} × {height} pixels, level {level} ({columns} × {rows} cells), row {row}, column {column}"
            ),
            "proposal": _(
                "Region proposal of {width} × {height} pixels, read from level {level} ({columns} × {rows} cells)"
            ),
        }[result.origin]
        return words.format(
            width=f"{right - left:.0f}",
            height=f"{bottom - top:.0f}",
            level=level + 1,
            columns=columns,
            rows=rows,
            row=row,
            column=column,
        )

    def place(self, index: int) -> str:
        """The same in numbers: level, and row and column of the cell."""
        row, column = self.result.cells[index].tolist()
        level = int(self.result.levels[index]) + 1
        return f"{level}" if row < 0 else f"{level}: {row + 1}, {column + 1}"

    def drawn(self, index: int, said: str = "", **look: str) -> Drawn:
        """A box over the photo, with `said` before where it comes from; `look` is its text and kind."""
        result = self.result
        before = f"{self.title(index)}. {said}".strip()
        return Drawn(
            result.boxes[index],
            css_colour(int(result.labels[index])),
            f"{before} {self.origin(index)}.",
            origin=result.origins[index],
            **look,  # type: ignore[arg-type]
        )


def cards() -> tuple[ModelCard, ...]:
    return (*models("detection"), *models("instance"))


def choose(lesson: LessonPage) -> ModelCard:
    return live.choose_model(lesson, cards(), DEFAULT)


def score_slider(lesson: LessonPage, card: ModelCard) -> float:
    """The least score, 0 to 1; ours is sure of less than the official ones."""
    percent = lesson.slider(
        "score",
        _("Score above, %"),
        1,
        99,
        round(100 * CARD.score_threshold) if card.own else 50,
        help=_("Boxes that the network is less sure of are left out. It isn't run again."),
    )
    return percent / 100


def iou_slider(lesson: LessonPage) -> float:
    return lesson.fraction(
        "nms",
        _("NMS: IoU above"),
        0.0,
        1.0,
        0.5,
        help=_("A better box removes every other that it overlaps by more. 1 switches suppression off."),
    )


def result_of(lesson: LessonPage, card: ModelCard, photo: Photo) -> DetectionResult | None:
    """The photo through a model; None while there is no result."""
    result = live.run_model(lesson, card, photo.rgb)
    return result if isinstance(result, DetectionResult) else None


def class_filter(lesson: LessonPage, result: DetectionResult | None, score: float) -> tuple[int, ...]:
    """The labels to look at; empty for all. Offered are those with a box that is good enough."""
    linked = lesson.linked("only", (), state.cells(20))
    if result is None:
        return ()
    likely = list(dict.fromkeys(result.labels[result.scores > score].tolist()))
    known = [label for label in linked if 0 <= label < len(result.classes)]
    offered = list(dict.fromkeys([*known, *likely]))[: max(_OFFERED, len(known))]
    key = lesson.key("only.pills")
    st.session_state[key] = known

    def keep() -> None:
        lesson.put("only", tuple(st.session_state[key]))

    st.pills(
        _("Only these classes"),
        offered,
        selection_mode="multi",
        format_func=lambda label: _(result.classes[label]),
        key=key,
        on_change=keep,
        help=_("None chosen: all of them."),
    )
    return tuple(known)


def counted(seen: Seen, indices: Sequence[int]) -> str:
    """Classes with how many boxes of each, in words."""
    labels = seen.result.labels[list(indices)].tolist()
    names = seen.result.classes
    return ", ".join(f"{_(names[label])} × {count}" for label, count in Counter(labels).items()) or _(
        "no box"
    )


def honest(card: ModelCard) -> str:
    """What the model reaches, and what another kind of model does."""
    every = models("detection")
    if card.own:
        best = max((one for one in every if not one.own), key=lambda one: one.figure)
        words = _(
            "{model} is a small teaching model of ours: box AP **{figure} %** on {photos}. The official {other} reaches "
            "a published **{best} %** on all 80 classes of {where}, with {times} times the parameters."
        )
        times = best.parameters / card.parameters
    else:
        best = next(one for one in every if one.own)
        words = _(
            "{model} has a published {metric} of **{figure} %** ({photos}, 80 classes). Ours, a small teaching model, "
            "reaches a box AP of **{best} %** on {where}; {times} times the parameters are in this one."
        )
        times = card.parameters / best.parameters
    return words.format(
        model=_(card.title),
        metric=card.metric,
        figure=f"{card.figure:.1f}",
        photos=_(card.measured_on),
        other=_(best.title),
        best=f"{best.figure:.1f}",
        where=_(best.measured_on),
        times=f"{times:.1f}",
    )
