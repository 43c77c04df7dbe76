"""From a matching to the precision–recall curve, its area, and what changes it.

Average precision is the area under the interpolated curve, p(r) = the greatest precision at a recall of r or
more: Everingham et al. 2010, section 4.2 (11 recalls); the VOC2010 development kit (all points); COCO (101).
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.metrics import boxes
from cnnviz.metrics.data import DetectionSet, Floats, Indices
from cnnviz.metrics.matching import (
    CHOICES,
    AreaRange,
    Convention,
    Matching,
    Outcome,
    Overlaps,
    Step,
    match,
    overlaps_of,
    ranked,
)


@dataclass(frozen=True)
class Curve:
    """The precision–recall curve: a point for each detection that counts, from the highest score down.

    Attributes:
        recall, precision: (P,) raw.
        envelope: (P,) interpolated: the greatest precision from this point on.
        score: (P,) at or above which detections count for the point.
        step: (P,) index of the matching's step that adds the point. A step that has none is ignored, and
            where no ground truth counts, there is no recall and no point at all.
    """

    recall: Floats
    precision: Floats
    envelope: Floats
    score: Floats
    step: Indices


def curve(matching: Matching) -> Curve:
    """The curve of one class."""
    chosen = [
        (step.recall, step.precision, step.score, index)
        for index, step in enumerate(matching.steps)
        if step.outcome != "ignored" and step.recall is not None
    ]
    recall, precision, score, step = np.array(chosen, np.float64).reshape(-1, 4).T
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return Curve(recall, precision, envelope, score, step.astype(np.int64))


@dataclass(frozen=True)
class Piece:
    """A rectangle of the area: from `left` to `right` on the axis of recall, `height` high.

    Attributes:
        recall: where the height is read off: of all points the point's own; of 11 or 101 the recall asked
            for, i/10 or i/100, whose column stands from i/11 or i/101 on, so that the columns fill the axis.
    """

    left: float
    right: float
    height: float
    recall: float


@dataclass(frozen=True)
class Area:
    """Average precision as the sum of pieces; None, without pieces, where no ground truth counts."""

    value: float | None
    pieces: tuple[Piece, ...]


def area(matching: Matching, interpolation: str | None = None) -> Area:
    """The area under the interpolated curve.

    The 11 and 101 recalls are those of the programs, in floating point: the fourth of the 11 is
    0.30000000000000004, which a recall of 3/10 does not reach.

    Args:
        interpolation: 'all', '11' or '101'; the convention's own where not given.

    Raises:
        SettingError: another interpolation.
    """
    how = interpolation or matching.convention.interpolation
    if how not in CHOICES["interpolation"]:
        raise SettingError(N_("the interpolation is 'all', '11' or '101'; it is {how}"), how=how)
    if not matching.truths:
        return Area(None, ())
    points = curve(matching)
    if how == "all":
        # Only a true positive moves along the axis of recall.
        lefts = np.concatenate(([0.0], points.recall[:-1]))
        steps = zip(
            lefts[: len(points.recall)].tolist(),
            points.recall.tolist(),
            points.envelope.tolist(),
            strict=True,
        )
        pieces = tuple(Piece(left, right, height, right) for left, right, height in steps if right > left)
        return Area(math.fsum((piece.right - piece.left) * piece.height for piece in pieces), pieces)
    count = int(how)
    recalls = np.linspace(0, 1, count)
    heights = np.append(points.envelope, 0)[np.searchsorted(points.recall, recalls, side="left")]
    pieces = tuple(
        Piece(index / count, (index + 1) / count, height, recall)
        for index, (height, recall) in enumerate(zip(heights.tolist(), recalls.tolist(), strict=True))
    )
    return Area(math.fsum(heights) / count, pieces)


@dataclass(frozen=True)
class MeanAP:
    """Mean average precision.

    Attributes:
        value: the mean over the classes that have a ground truth; None where none has.
        per_class: (K,) the classes' own; None where undefined.
    """

    value: float | None
    per_class: tuple[float | None, ...]


def mean_average_precision(
    detection_set: DetectionSet, convention: Convention, area_range: AreaRange | None = None
) -> MeanAP:
    """AP of every class, and their mean."""
    matchings = (
        match(detection_set, category, convention, area_range)
        for category in range(len(detection_set.categories))
    )
    return _mean([area(matching).value for matching in matchings])


def _mean(values: Sequence[float | None]) -> MeanAP:
    defined = [value for value in values if value is not None]
    return MeanAP(math.fsum(defined) / len(defined) if defined else None, tuple(values))


@dataclass(frozen=True)
class Counts:
    """What is right and wrong among the detections with a score of `score` or more.

    Attributes:
        precision, recall, f1: None where there is nothing to divide by; f1 = 2tp / (2tp + fp + fn).
    """

    score: float
    tp: int
    fp: int
    fn: int
    precision: float | None
    recall: float | None
    f1: float | None


def counts_at(matching: Matching, score: float) -> Counts:
    """The point of the curve for a score threshold. Matching is greedy: lower scores change nothing above."""
    tp = fp = 0
    for step in matching.steps:
        if step.score >= score:
            tp, fp = step.tp, step.fp
    fn = len(matching.truths) - tp
    return Counts(
        score,
        tp,
        fp,
        fn,
        precision=tp / (tp + fp) if tp + fp else None,
        recall=tp / (tp + fn) if tp + fn else None,
        f1=2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
    )


@dataclass(frozen=True, eq=False)
class Confusions:
    """Which class was found where which class is, for every score threshold at once.

    Attributes:
        score: (P,) of each detection that is counted, falling.
        row: (P,) class of the ground truth that it gets; K, the background, where it gets none.
        column: (P,) its own class.
        truths: (K,) ground truths of each class that count.
    """

    score: Floats
    row: Indices
    column: Indices
    truths: Indices

    def at(self, score: float) -> NDArray[np.int64]:
        """(K + 1, K + 1) of the detections with at least this score: rows the truth, columns the detection.

        The last column counts what was missed, the last row what was found where nothing is.
        """
        background = len(self.truths)
        matrix = np.zeros((background + 1, background + 1), np.int64)
        # Matching is greedy: lower scores change nothing above.
        counted = self.score >= score
        np.add.at(matrix, (self.row[counted], self.column[counted]), 1)
        matrix[:background, background] = self.truths - matrix[:background, :background].sum(axis=1)
        return matrix


def confusions(detection_set: DetectionSet, convention: Convention) -> Confusions:
    """Match blind to the class.

    From the highest score down, each detection gets the free ground truth of any class with the greatest IoU
    that reaches the threshold. Special truths that are ignored swallow what only they match. Of the
    convention, the threshold, its comparison, `plus_one`, `special` and `ties` are used.
    """
    truths, detections = detection_set.truths, detection_set.detections
    background = len(detection_set.categories)
    special = (truths.crowd | truths.difficult) & (convention.special == "ignore")
    free = np.ones(len(truths), bool)
    by_image: dict[int, list[int]] = {}
    for truth, image in enumerate(truths.image.tolist()):
        by_image.setdefault(image, []).append(truth)
    counted, rows = [], []
    for detection in ranked(detection_set, np.arange(len(detections)), convention.ties).tolist():
        there = np.array(by_image.get(int(detections.image[detection]), []), np.int64)
        overlap = boxes.iou(
            detections.boxes[detection],
            truths.boxes[there],
            plus_one=convention.plus_one,
            crowd=truths.crowd[there] & special[there],
        )
        reaches = (
            overlap >= convention.iou_threshold
            if convention.comparison == ">="
            else overlap > convention.iou_threshold
        )
        possible = reaches & (special | free)[there]
        row = background
        if possible.any():
            # A truth that counts before one that is ignored, then by IoU.
            best = there[np.lexsort((overlap, ~special[there], possible))[-1]]
            if special[best]:
                continue
            free[best] = False
            row = int(truths.category[best])
        counted.append(detection)
        rows.append(row)
    chosen = np.array(counted, np.int64)
    return Confusions(
        detections.score[chosen],
        np.array(rows, np.int64),
        detections.category[chosen],
        np.bincount(truths.category[~special], minlength=background),
    )


def confusion_matrix(
    detection_set: DetectionSet, convention: Convention, score: float = 0.0
) -> NDArray[np.int64]:
    """What is taken for what at one score threshold; see :func:`confusions` and :meth:`Confusions.at`."""
    return confusions(detection_set, convention).at(score)


@dataclass(frozen=True)
class Combination:
    """The average precision, None where undefined, under one convention."""

    convention: Convention
    ap: float | None


def all_combinations(
    detection_set: DetectionSet,
    *,
    category: int | None = None,
    iou_threshold: float = 0.5,
    max_detections: Sequence[int | None] = (None, 100),
    progress: Callable[[float], None] | None = None,
) -> tuple[Combination, ...]:
    """AP under every combination of the switches.

    Args:
        category: index of a class; the mean over all if not given.
        max_detections: a limit that no image and class reaches costs nothing: it is as none.
        progress: is called with the part that is done, 0 … 1; it may raise to stop.
    """
    chosen = range(len(detection_set.categories)) if category is None else [category]
    detections = detection_set.detections
    group = detections.category * len(detection_set.images) + detections.image
    most = int(np.bincount(group).max(initial=0))
    names = ("plus_one", "max_detections", *CHOICES)
    settings: list[dict[str, Any]] = [
        dict(zip(names, values, strict=True))
        for values in itertools.product((False, True), max_detections, *CHOICES.values())
    ]
    known: dict[tuple[int, bool, str], Overlaps] = {}
    values: dict[Convention, float | None] = {}
    matched: tuple[Convention | None, list[Matching]] = None, []
    result: list[Combination] = []
    for done, setting in enumerate(settings):
        convention = Convention(iou_threshold=iou_threshold, **setting)
        limit = convention.max_detections
        alike = replace(convention, max_detections=None) if limit and limit >= most else convention
        if alike not in values:
            # The way the area is taken changes nothing in the matching.
            how = replace(alike, interpolation="all")
            if matched[0] != how:
                matched = how, []
                for one in chosen:
                    key = one, convention.plus_one, convention.special
                    if key not in known:
                        known[key] = overlaps_of(detection_set, one, convention)
                    matched[1].append(match(detection_set, one, how, overlaps=known[key]))
            values[alike] = _mean([area(each, convention.interpolation).value for each in matched[1]]).value
        if progress:
            progress((done + 1) / len(settings))
        result.append(Combination(convention, values[alike]))
    return tuple(result)


@dataclass(frozen=True)
class Flip:
    """A detection that one convention treats otherwise than another.

    Attributes:
        detection, image: indices into the set.
        score: its confidence.
        rank_before, rank_after: its place in the order, from 0; None where it isn't among those that count.
        iou_before, iou_after: with the truth it was held against; None without one.
        outcome_before, outcome_after: 'tp', 'fp', 'ignored', or None where it isn't there.
        reason_before, reason_after: keys of :data:`cnnviz.metrics.matching.REASONS`, or None.
    """

    detection: int
    image: int
    score: float
    rank_before: int | None
    rank_after: int | None
    iou_before: float | None
    iou_after: float | None
    outcome_before: Outcome | None
    outcome_after: Outcome | None
    reason_before: str | None
    reason_after: str | None


@dataclass(frozen=True)
class Change:
    """Why the average precision of a class isn't the same under two conventions.

    Attributes:
        switches: the names of the convention's settings that differ.
        ap_before, ap_after: None where undefined.
        flips: the detections whose outcome differs, by score.
        moved: those that end the same but have another place in the order (ties).
        truths_gained, truths_lost: ground truths that count only after, or only before.

    Where all four are empty and the values differ, only the area is taken otherwise.
    """

    switches: tuple[str, ...]
    ap_before: float | None
    ap_after: float | None
    flips: tuple[Flip, ...]
    moved: tuple[Flip, ...]
    truths_gained: tuple[int, ...]
    truths_lost: tuple[int, ...]


def explain_change(before: Matching, after: Matching) -> Change:
    """Name the detections that make the difference between two matchings of one class and set."""
    old, new = (
        {step.detection: (rank, step) for rank, step in enumerate(matching.steps)}
        for matching in (before, after)
    )
    scores = {step.detection: step.score for step in (*before.steps, *after.steps)}
    flips, moved = [], []
    for detection in sorted(scores, key=lambda one: (-scores[one], one)):
        flip = _flip(*old.get(detection, (None, None)), *new.get(detection, (None, None)))
        if flip.outcome_before != flip.outcome_after:
            flips.append(flip)
        elif flip.rank_before != flip.rank_after:
            moved.append(flip)
    return Change(
        tuple(
            field.name
            for field in fields(Convention)
            if getattr(before.convention, field.name) != getattr(after.convention, field.name)
        ),
        area(before).value,
        area(after).value,
        tuple(flips),
        tuple(moved),
        tuple(sorted(set(after.truths) - set(before.truths))),
        tuple(sorted(set(before.truths) - set(after.truths))),
    )


def _flip(was_at: int | None, was: Step | None, is_at: int | None, now: Step | None) -> Flip:
    either = was or now
    assert either is not None
    return Flip(
        either.detection,
        either.image,
        either.score,
        was_at,
        is_at,
        was.iou if was else None,
        now.iou if now else None,
        was.outcome if was else None,
        now.outcome if now else None,
        was.reason if was else None,
        now.reason if now else None,
    )
