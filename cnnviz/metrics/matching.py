"""Which detections are right: matching them to ground truths, one step at a time.

Everybody goes through the detections from the highest score down. Conventions differ in what happens to
each: the VOC devkit looks for the ground truth with the greatest IoU, and if that is taken the detection is
false (Everingham et al. 2010, section 4.2); COCO gives it the best of those that are still free
(pycocotools, `evaluateImg`). :class:`Convention` has a switch for each such difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.metrics import boxes, masks
from cnnviz.metrics.data import DetectionSet, Flags, Floats, Indices

Outcome = Literal["tp", "fp", "ignored"]
AreaRange = tuple[float, float]
Overlaps = Mapping[int, Mapping[int, float]]
"""IoU by detection, then by truth."""

REASONS: Mapping[str, str] = {
    "matched": N_("It reaches the threshold with a ground truth that was free."),
    "below_threshold": N_("Its greatest IoU does not reach the threshold."),
    "already_matched": N_("The ground truth has been matched by a detection that came before."),
    "no_truth": N_("The image has no ground truth of this class."),
    "ignored_truth": N_("It falls on a ground truth that counts neither for nor against."),
    "outside_range": N_("It matches nothing and its area lies outside the size range."),
}
"""Why a step ends as it does, by :attr:`Step.reason`."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "matching": ("voc", "coco"),
    "comparison": (">=", ">"),
    "special": ("ignore", "count"),
    "ties": ("file", "reversed", "image"),
    "interpolation": ("all", "11", "101"),
}


@dataclass(frozen=True)
class Convention:
    """How detections are matched and the curve's area is taken.

    Attributes:
        plus_one: a box includes its last pixel.
        comparison: whether an IoU equal to the threshold matches, '>=', or must exceed it, '>'.
        matching: 'voc' or 'coco'. Of truths with the same IoU VOC takes the first, COCO the last.
        special: 'ignore' difficult and crowd truths, or 'count' them as any other. Where they are ignored,
            a crowd's IoU is the part of the detection that lies in it.
        ties: equal scores in the order of the 'file', 'reversed', or by 'image' first and then the file.
        interpolation: the area under 'all' points, or the mean precision at '11' or '101' recalls.
        iou_threshold: above 0, up to 1.
        max_detections: so many of an image and class, the best; None: all.

    Raises:
        SettingError: a value that isn't one of these.
    """

    plus_one: bool = False
    comparison: Literal[">=", ">"] = ">="
    matching: Literal["voc", "coco"] = "coco"
    special: Literal["ignore", "count"] = "ignore"
    ties: Literal["file", "reversed", "image"] = "file"
    interpolation: Literal["all", "11", "101"] = "101"
    iou_threshold: float = 0.5
    max_detections: int | None = None

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise SettingError(
                    N_("{name} is one of {choices}; it is {value}"),
                    name=name,
                    choices=", ".join(choices),
                    value=getattr(self, name),
                )
        if not 0 < self.iou_threshold <= 1:
            raise SettingError(
                N_("the IoU threshold is above 0 and at most 1; it is {value}"), value=self.iou_threshold
            )
        if self.max_detections is not None and self.max_detections < 1:
            raise SettingError(
                N_("at least 1 detection an image must count; it is {value}"), value=self.max_detections
            )


VOC2007 = Convention(plus_one=True, matching="voc", interpolation="11")
VOC2010 = Convention(plus_one=True, matching="voc", interpolation="all")
COCO = Convention(ties="image", max_detections=100)


@dataclass(frozen=True)
class Step:
    """What becomes of one detection.

    Attributes:
        detection, image: indices into the set.
        score: its confidence.
        truth: the ground truth it matches or, if none, the one with the greatest IoU; None where the image
            has none of the class.
        iou: with that one.
        outcome: 'tp', 'fp' or 'ignored'.
        reason: key of :data:`REASONS`.
        tp, fp, fn: so far, this step included; fn are the truths not matched yet.
        precision: tp / (tp + fp); None while both are 0.
        recall: tp / (tp + fn); None where no truth counts.
    """

    detection: int
    image: int
    score: float
    truth: int | None
    iou: float | None
    outcome: Outcome
    reason: str
    tp: int
    fp: int
    fn: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Matching:
    """A class of a detection set, matched.

    Attributes:
        convention: as it was matched.
        category: index of the class.
        steps: one a detection, from the highest score down.
        truths: indices of the ground truths that count.
        ignored: indices of those that don't.
    """

    convention: Convention
    category: int
    steps: tuple[Step, ...]
    truths: tuple[int, ...]
    ignored: tuple[int, ...]

    @property
    def missed(self) -> tuple[int, ...]:
        """The truths that count and that no detection matches."""
        found = {step.truth for step in self.steps if step.outcome == "tp"}
        return tuple(truth for truth in self.truths if truth not in found)


def ranked(detection_set: DetectionSet, detections: Indices, ties: str) -> Indices:
    """These detections (indices in file order) by falling score, equal ones as the convention says."""
    found = detection_set.detections
    if ties == "reversed":
        detections = detections[::-1]
    if ties == "image":
        ranks = detection_set.image_ranks()
        detections = detections[np.argsort(ranks[found.image[detections]], kind="stable")]
    return detections[np.argsort(-found.score[detections], kind="stable")]


def match(
    detection_set: DetectionSet,
    category: int,
    convention: Convention,
    area_range: AreaRange | None = None,
    *,
    kind: str = "bbox",
    overlaps: Overlaps | None = None,
) -> Matching:
    """Match the detections of one class to its ground truths.

    Args:
        category: index of the class.
        area_range: the least and the greatest area in square pixels. Truths outside are ignored, and so are
            detections outside that match nothing.
        kind: 'bbox', or 'segm' for the IoU of masks, where `plus_one` changes nothing.
        overlaps: what :func:`overlaps_of` gives for this class, `plus_one`, `special` and kind, if it is known.

    Raises:
        SettingError: a class that the set doesn't have, or 'segm' without masks.
    """
    if not 0 <= category < len(detection_set.categories):
        raise SettingError(
            N_("the set has {count} classes, from 0 on; there is no class {category}"),
            count=len(detection_set.categories),
            category=category,
        )
    truths, detections = detection_set.truths, detection_set.detections
    low, high = area_range or (-np.inf, np.inf)
    special = (truths.crowd | truths.difficult) & (convention.special == "ignore")
    crowd = truths.crowd & special
    ignored = special | (truths.area < low) | (truths.area > high)
    outside = (detections.area < low) | (detections.area > high)

    of_class = np.flatnonzero(truths.category == category)
    order = ranked(detection_set, np.flatnonzero(detections.category == category), convention.ties)
    if convention.max_detections is not None:
        order = _first_of_each(order, detections.image[order], convention.max_detections)
    if overlaps is None:
        overlaps = _overlaps(detection_set, order, of_class, crowd, convention.plus_one, kind)

    counting = of_class[~ignored[of_class]]
    steps: list[Step] = []
    taken: set[int] = set()
    tp = fp = 0
    outcome: Outcome
    for detection in order.tolist():
        image = int(detections.image[detection])
        ious = overlaps.get(detection, {})
        truth, matched = _candidate(ious, convention, taken, ignored, crowd)
        if truth is None:
            outcome, reason = "fp", "no_truth"
        elif matched and ignored[truth]:
            outcome, reason = "ignored", "ignored_truth"
        elif matched:
            outcome, reason = "tp", "matched"
        else:
            outcome = "fp"
            reason = "already_matched" if _reaches(ious[truth], convention) else "below_threshold"
        if outcome == "fp" and outside[detection]:
            outcome, reason = "ignored", "outside_range"
        # VOC's ignored truths stay free for the next; of COCO's, crowds do.
        if matched and truth is not None and not (ignored[truth] and convention.matching == "voc"):
            taken.add(truth)
        tp += outcome == "tp"
        fp += outcome == "fp"
        steps.append(
            Step(
                detection=detection,
                image=image,
                score=float(detections.score[detection]),
                truth=truth,
                iou=None if truth is None else ious[truth],
                outcome=outcome,
                reason=reason,
                tp=tp,
                fp=fp,
                fn=len(counting) - tp,
                precision=tp / (tp + fp) if tp + fp else None,
                recall=tp / len(counting) if len(counting) else None,
            )
        )
    return Matching(
        convention,
        category,
        tuple(steps),
        tuple(counting.tolist()),
        tuple(of_class[ignored[of_class]].tolist()),
    )


def _reaches(iou: float, convention: Convention) -> bool:
    if convention.comparison == ">=":
        return iou >= convention.iou_threshold
    return iou > convention.iou_threshold


def _candidate(
    ious: Mapping[int, float], convention: Convention, taken: set[int], ignored: Flags, crowd: Flags
) -> tuple[int | None, bool]:
    """The truth that a detection is held against, and whether it gets it. `ious`: by truth, in file order."""
    if not ious:
        return None, False
    if convention.matching == "voc":
        # max() keeps the first of equal ones.
        best = max(ious, key=lambda truth: ious[truth])
        return best, _reaches(ious[best], convention) and best not in taken
    possible = [
        truth
        for truth, iou in ious.items()
        if _reaches(iou, convention) and (truth not in taken or crowd[truth])
    ]
    if possible:
        # A truth that counts before one that is ignored; then by IoU, and of equal ones the last.
        return max(reversed(possible), key=lambda truth: (not ignored[truth], ious[truth])), True
    return max(ious, key=lambda truth: ious[truth]), False


def _first_of_each(order: Indices, image: Indices, limit: int) -> Indices:
    """The first `limit` of every image, in the order they have."""
    grouped = np.argsort(image, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[grouped] = np.arange(len(order)) - np.searchsorted(image[grouped], image[grouped])
    return order[rank < limit]


def overlaps_of(
    detection_set: DetectionSet, category: int, convention: Convention, *, kind: str = "bbox"
) -> Overlaps:
    """The IoUs of one class, which many conventions share: only `plus_one` and `special` change them."""
    truths = detection_set.truths
    crowd = truths.crowd & (convention.special == "ignore")
    of_class = np.flatnonzero(truths.category == category)
    order = np.flatnonzero(detection_set.detections.category == category)
    return _overlaps(detection_set, order, of_class, crowd, convention.plus_one, kind)


def _overlaps(
    detection_set: DetectionSet,
    order: Indices,
    of_class: Indices,
    crowd: Flags,
    plus_one: bool,
    kind: str,
) -> dict[int, dict[int, float]]:
    """The IoU of each detection with each truth of its image: by detection, then by truth."""
    truths, detections = detection_set.truths, detection_set.detections
    by_image: dict[int, list[int]] = {}
    for index in of_class.tolist():
        by_image.setdefault(int(truths.image[index]), []).append(index)
    if kind not in ("bbox", "segm"):
        raise SettingError(N_("the kind of evaluation is 'bbox' or 'segm'; it is {kind}"), kind=kind)
    result: dict[int, dict[int, float]] = {}
    found: dict[int, list[int]] = {}
    for detection in order.tolist():
        found.setdefault(int(detections.image[detection]), []).append(detection)
    for image, here in found.items():
        there = by_image.get(image, [])
        ious: Floats
        if kind == "segm":
            if truths.masks is None or detections.masks is None:
                raise SettingError(
                    N_("an evaluation of masks needs masks of ground truths and of detections")
                )
            ious = masks.iou_matrix(
                [detections.masks[one] for one in here],
                [truths.masks[other] for other in there],
                crowd=crowd[there],
            )
        else:
            ious = boxes.iou_matrix(
                detections.boxes[here], truths.boxes[there], plus_one=plus_one, crowd=crowd[there]
            )
        for one, row in zip(here, ious.tolist(), strict=True):
            result[one] = dict(zip(there, row, strict=True))
    return result
