"""What is judged: a scene, its truth, a prediction; and everything that is said of them."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from cnnviz.metrics.label_maps import (
    CLASSES,
    MISTAKES,
    SCENES,
    SIDE,
    STRENGTHS,
    VOID,
    Labels,
    mistaken,
    scene,
    truth,
)
from cnnviz.metrics.segmentation import (
    SegmentationScores,
    boundary_ious,
    confusion_matrix,
    segmentation_scores,
)
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.painter import pick_map

FIXED = ("missed", "empty", "perfect")
"""Mistakes without a strength."""
WIDEST = 12
"""Of the boundary, in pixels."""


@dataclass(frozen=True, eq=False)
class Task:
    """A truth and a prediction of it, (64, 64).

    Attributes:
        whole: the truth of every pixel.
        truth: the same, 255 where pixels don't count.
        prediction: what is judged.
        width: of the boundary, in pixels.
        mistake, strength: what the prediction was made by.
    """

    whole: Labels
    truth: Labels
    prediction: Labels
    width: int
    mistake: str
    strength: int


@dataclass(frozen=True, eq=False)
class Judged:
    """All scores of a prediction; undefined ones are None."""

    scores: SegmentationScores
    boundary: tuple[float | None, ...]

    @property
    def mean_boundary(self) -> float | None:
        """Of the classes that have one."""
        there = [value for value in self.boundary if value is not None]
        return sum(there) / len(there) if there else None

    def means(self) -> dict[str, float | None]:
        """The six figures of the whole map, by id."""
        of = self.scores
        return {
            "pixel": of.pixel_accuracy,
            "mean": of.mean_accuracy,
            "weighted": of.frequency_weighted_iou,
            "dice": of.mean_dice,
            "miou": of.mean_iou,
            "boundary": self.mean_boundary,
        }


def judge(true: Labels, prediction: Labels, width: int) -> Judged:
    """Measure `prediction` against `true`, with a boundary of `width` pixels."""
    scores = segmentation_scores(confusion_matrix(true, prediction, len(CLASSES), VOID))
    ratio = width / float(np.hypot(*true.shape))
    return Judged(scores, boundary_ious(true, prediction, len(CLASSES), VOID, ratio))


@st.cache_data(max_entries=64, show_spinner=False)
def _maps(number: int, void: int) -> tuple[Labels, Labels]:
    drawn = scene(number)
    return truth(drawn), truth(drawn, void)


def choose(lesson: LessonPage, *, paint: bool) -> Task:
    """Draw the controls, and return what they ask for."""
    number = lesson.slider("scene", _("Scene"), 1, len(SCENES), 1) - 1
    named = {name: _(title) for name, title in MISTAKES.items()}
    own = None
    if paint:
        mistake, own = pick_map(
            lesson, "p", _("Prediction"), named, "shifted", (SIDE, SIDE), len(CLASSES) - 1
        )
    else:
        graded = {name: title for name, title in named.items() if name not in FIXED}
        mistake = lesson.choice("m", _("Prediction"), graded, "shifted", kind="list")
    strength = lesson.slider(
        "n",
        _("Strength, pixels"),
        0,
        STRENGTHS,
        3,
        help=_("Noise takes 5 % of the pixels for each step."),
        disabled=mistake in FIXED or own is not None,
    )
    width = lesson.slider("d", _("Boundary, pixels"), 1, WIDEST, 2)
    ignore = lesson.toggle(
        "void", _("Ignore the outlines"), help=_("Pixels at an outline get the label 255 and aren't counted.")
    )
    whole, true = _maps(number, int(ignore))
    prediction = mistaken(whole, mistake, strength) if own is None else own
    return Task(whole, true, prediction, width, mistake, strength)


def class_names() -> list[str]:
    """The classes in the reader's language, by label."""
    return [_(name) for name in CLASSES]


def score_names() -> dict[str, str]:
    """The six figures of the whole map, as in :meth:`Judged.means`."""
    return {
        "pixel": _("pixel accuracy"),
        "mean": _("mean accuracy"),
        "weighted": _("frequency-weighted IoU"),
        "dice": _("mean Dice"),
        "miou": _("mean IoU"),
        "boundary": _("mean boundary IoU"),
    }


def share(value: float | None) -> str:
    """A share from 0 to 1, or the word for one that is undefined."""
    return _("undefined") if value is None else f"{value:.4f}"
