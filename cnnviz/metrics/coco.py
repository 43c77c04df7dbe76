"""COCO's twelve figures, as pycocotools computes them, in arrays.

The definition: Lin et al., arXiv 1405.0312, and cocodataset.org/#detection-eval; the clear version, one
detection at a time, is in :mod:`cnnviz.metrics.matching`. This one gets through large sets by two thoughts:

- Only pairs of a detection and a ground truth with an IoU of 0.5 or more can match. Few are left, and
  detections of different images or classes don't compete: the r-th of every group is matched at once,
  for all thresholds and size ranges.
- Between two true positives, precision only falls. So the interpolated curve needs the true positives
  alone, and how many detections stand before each.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.metrics import boxes, masks
from cnnviz.metrics.data import DetectionSet, Flags, Floats, Indices

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
LIMITS = (1, 10, 100)
RANGES = {
    "all": (0.0, 1e5**2),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e5**2),
}
"""Areas in square pixels, both ends included."""

AT_ONCE = {"bbox": 1_000_000, "segm": 20_000}
"""So many pairs are compared at once: a bound on memory."""

Progress = Callable[[float], None]


@dataclass(frozen=True)
class CocoResult:
    """Precision and recall for T = 10 thresholds, R = 101 recalls, K classes, A = 4 size ranges, M = 3 limits.

    Attributes:
        kind: 'bbox' or 'segm'.
        precision: (T, R, K, A, M) interpolated; 0 … 1, and without meaning where truths is 0.
        recall: (T, K, A, M) the greatest reached; likewise.
        truths: (K, A) how many ground truths count. Without one, AP and AR are undefined.
    """

    kind: str
    precision: Floats
    recall: Floats
    truths: Indices

    def ap(
        self, *, iou: float | None = None, category: int | None = None, area: str = "all", limit: int = 100
    ) -> float | None:
        """Average precision; None where no class has a ground truth.

        Args:
            iou: one of the thresholds, or the mean over all.
            category: index of a class, or the mean over those that have ground truths.
            area: 'all', 'small', 'medium' or 'large'.
            limit: detections that count in an image and class: 1, 10 or 100.
        """
        return self._mean(self.precision.mean(axis=1), iou, category, area, limit)

    def ar(
        self, *, iou: float | None = None, category: int | None = None, area: str = "all", limit: int = 100
    ) -> float | None:
        """Average recall: the recall that is reached, as :meth:`ap`."""
        return self._mean(self.recall, iou, category, area, limit)

    def _mean(
        self, values: Floats, iou: float | None, category: int | None, area: str, limit: int
    ) -> float | None:
        if area not in RANGES or limit not in LIMITS:
            raise SettingError(
                N_(
                    "the size range is one of {ranges} and the limit one of {limits}; they are {area} and {limit}"
                ),
                ranges=", ".join(RANGES),
                limits=", ".join(map(str, LIMITS)),
                area=area,
                limit=limit,
            )
        thresholds = np.ones(len(THRESHOLDS), bool) if iou is None else np.isclose(THRESHOLDS, iou)
        if not thresholds.any():
            raise SettingError(N_("the IoU threshold is one of 0.50, 0.55, … 0.95; it is {iou}"), iou=iou)
        place = list(RANGES).index(area)
        defined = self.truths[:, place] > 0
        if category is not None:
            defined = defined & (np.arange(len(defined)) == category)
        chosen = values[thresholds][:, defined, place, LIMITS.index(limit)]
        return float(chosen.mean()) if chosen.size else None

    @cached_property
    def figures(self) -> dict[str, float | None]:
        """The twelve, in the order in which pycocotools prints them; None where undefined."""
        sizes = ("small", "medium", "large")
        return {
            "AP": self.ap(),
            "AP50": self.ap(iou=0.5),
            "AP75": self.ap(iou=0.75),
            **{f"AP{size[0]}": self.ap(area=size) for size in sizes},
            **{f"AR{limit}": self.ar(limit=limit) for limit in LIMITS},
            **{f"AR{size[0]}": self.ar(area=size) for size in sizes},
        }


def evaluate(detection_set: DetectionSet, kind: str = "bbox", progress: Progress | None = None) -> CocoResult:
    """Evaluate every class of a detection set as COCO does.

    Truths that are difficult are ignored as a crowd is, but match once; COCO's own files have none.
    A truth whose id is 0 counts as any other: pycocotools takes a match with it for none.

    Args:
        kind: 'bbox' for the boxes' IoU, or 'segm' for the masks'.
        progress: is called with the part that is done, 0 … 1, from time to time; it may raise to stop.

    Raises:
        SettingError: another kind, or 'segm' where there are no masks.
    """
    truths, detections = detection_set.truths, detection_set.detections
    report = progress or (lambda part: None)
    if kind not in ("bbox", "segm"):
        raise SettingError(N_("the kind of evaluation is 'bbox' or 'segm'; it is {kind}"), kind=kind)
    if kind == "segm" and (truths.masks is None or detections.masks is None):
        raise SettingError(N_("an evaluation of masks needs masks of ground truths and of detections"))
    report(0.0)
    classes = len(detection_set.categories)
    image_rank = detection_set.image_ranks()

    # Groups: one a class and image. Within, the detections by score; of equal ones the file's first.
    key = detections.category * len(image_rank) + image_rank[detections.image]
    order = np.argsort(-detections.score, kind="stable")
    order = order[np.argsort(key[order], kind="stable")]
    group = key[order]
    starts = np.searchsorted(group, group)
    rank = np.arange(len(group)) - starts
    kept = rank < LIMITS[-1]
    order, group, rank = order[kept], group[kept], rank[kept]

    truth_key = truths.category * len(image_rank) + image_rank[truths.image]
    truth_order = np.argsort(truth_key, kind="stable")
    first = np.searchsorted(truth_key[truth_order], group, side="left")
    last = np.searchsorted(truth_key[truth_order], group, side="right")

    low, high = np.array(list(RANGES.values())).T
    counts = (truths.area[:, None] >= low) & (truths.area[:, None] <= high)
    counts &= ~(truths.crowd | truths.difficult)[:, None]
    counts_of = np.zeros((classes, len(RANGES)), np.int64)
    np.add.at(counts_of, truths.category, counts)

    pairs = _close_pairs(detection_set, kind, order, truth_order, first, last, report)
    which, hits = _match(*pairs, group=group, counts=counts, crowd=truths.crowd)
    report(0.9)

    # All of a class by score; of equal ones the earlier image's first.
    by_class = np.argsort(-detections.score[order], kind="stable")
    category = detections.category[order]
    by_class = by_class[np.argsort(category[by_class], kind="stable")]
    area = detections.area[order]
    within = (area[:, None] >= low) & (area[:, None] <= high)
    position = np.empty_like(by_class)
    position[by_class] = np.arange(len(by_class))
    turn = np.argsort(position[which])
    which, hits = which[turn], hits[turn]
    precision = np.zeros((len(THRESHOLDS), len(RECALLS), classes, len(RANGES), len(LIMITS)))
    recall = np.zeros((len(THRESHOLDS), classes, len(RANGES), len(LIMITS)))
    for m, limit in enumerate(LIMITS):
        before = (within & (rank < limit)[:, None])[by_class].cumsum(axis=0)
        some = rank[which] < limit
        precision[..., m], recall[..., m] = _accumulate(
            hits[some],
            category[which[some]],
            within[which[some]],
            before[position[which[some]]],
            _before_each(category[by_class], before, classes),
            counts_of,
        )
    report(1.0)
    return CocoResult(kind, precision, recall, counts_of)


def _close_pairs(
    detection_set: DetectionSet,
    kind: str,
    order: Indices,
    truth_order: Indices,
    first: Indices,
    last: Indices,
    report: Progress,
) -> tuple[Indices, Indices, Floats]:
    """The pairs of one group with an IoU that may match: detection (place in `order`), truth, and IoU."""
    truths, detections = detection_set.truths, detection_set.detections
    own, other_areas = boxes.areas(detections.boxes), boxes.areas(truths.boxes)
    many = last - first
    found = []
    cuts = np.searchsorted(many.cumsum(), np.arange(AT_ONCE[kind], many.sum(), AT_ONCE[kind]))
    edges = [0, *cuts.tolist(), len(order)]
    for begin, end in itertools.pairwise(edges):
        report(0.1 + 0.7 * begin / max(len(order), 1))
        counts = many[begin:end]
        mine = np.repeat(np.arange(begin, end), counts)
        place = np.arange(len(mine)) + np.repeat(first[begin:end] - (counts.cumsum() - counts), counts)
        theirs = truth_order[place]
        if kind == "bbox":
            common = boxes.intersection(detections.boxes[order[mine]], truths.boxes[theirs])
            overlap = boxes.ratio(common, own[order[mine]], other_areas[theirs], truths.crowd[theirs])
        else:
            assert detections.masks is not None
            assert truths.masks is not None
            # Only the masks of this batch are spread out.
            ours, one = np.unique(order[mine], return_inverse=True)
            used, other = np.unique(theirs, return_inverse=True)
            overlap = masks.pair_iou(
                [detections.masks[index] for index in ours],
                [truths.masks[index] for index in used],
                one,
                other,
                crowd=truths.crowd[used],
            )
        close = overlap >= THRESHOLDS[0]
        found.append((mine[close], theirs[close], overlap[close]))
    mine, theirs, overlap = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return mine, theirs, overlap


def _match(
    mine: Indices, theirs: Indices, overlap: Floats, *, group: Indices, counts: Flags, crowd: Flags
) -> tuple[Indices, NDArray[np.int8]]:
    """Give each detection the best truth that is free, by rank within its group.

    Args:
        mine, theirs, overlap: (P,) pairs, sorted by detection.
        group: (D,) of the detections, in ascending order.
        counts: (N, A) which truths count in which size range.

    Returns:
        the C detections that have a pair, and their hits (C, A, T): 0 none, 1 a truth that counts, 2 one
        that is ignored.
    """
    # Best last: by IoU, and of equal ones by place in the file. A truth that counts goes before one that
    # is ignored, whatever their IoUs.
    best_last = np.lexsort((theirs, overlap, mine))
    mine, theirs, overlap = mine[best_last], theirs[best_last], overlap[best_last]
    pairs = len(mine)
    preference = (np.arange(pairs)[:, None] + pairs * counts[theirs]).astype(np.int64)
    reaches = overlap[:, None] >= THRESHOLDS
    which, begins, many = np.unique(mine, return_index=True, return_counts=True)
    hits = np.zeros((len(which), len(RANGES), len(THRESHOLDS)), np.int8)
    free = np.ones((len(crowd), len(RANGES), len(THRESHOLDS)), bool)

    turn = np.arange(len(which)) - np.searchsorted(group[which], group[which])
    in_turn = np.argsort(turn, kind="stable")
    ends = np.cumsum(np.bincount(turn))
    for now in np.split(in_turn, ends[:-1]) if len(ends) else ():
        first = many[now].cumsum() - many[now]
        pair = np.arange(many[now].sum()) + np.repeat(begins[now] - first, many[now])
        truth = theirs[pair]
        possible = reaches[pair, None, :] & (free[truth] | crowd[truth, None, None])
        best = np.maximum.reduceat(np.where(possible, preference[pair, :, None], -1), first)
        hits[now] = np.where(best >= pairs, 1, np.where(best >= 0, 2, 0))
        taken, a, t = np.nonzero(best >= 0)
        free[theirs[best[taken, a, t] % pairs], a, t] = False
    return which, hits


def _before_each(category: Indices, before: Indices, classes: int) -> Indices:
    """(K, A): how many stand before the first of each class."""
    start = np.searchsorted(category, np.arange(classes))
    return np.concatenate((np.zeros((1, before.shape[1]), np.int64), before))[start]


def _accumulate(
    hits: NDArray[np.int8],
    category: Indices,
    within: Flags,
    before: Indices,
    base: Indices,
    truths: Indices,
) -> tuple[Floats, Floats]:
    """Precision (T, R, K, A) and recall (T, K, A) from the detections that match.

    Args:
        hits: (C, A, T) of the detections that match anything, by class and score.
        category, within: (C,) and (C, A) of these.
        before: (C, A) how many detections within the size range stand up to each.
        base: (K, A) how many stand before the first of each class.
        truths: (K, A) how many truths count.
    """
    classes = len(truths)
    hits = np.ascontiguousarray(hits.transpose(1, 2, 0))
    true = hits == 1
    # One that isn't within the range counts if it matches a truth that does; one that is doesn't count if
    # it matches a truth that is ignored.
    extra = (true & ~within.T[:, None]).astype(np.int32) - ((hits == 2) & within.T[:, None])
    start = np.searchsorted(category, np.arange(classes + 1))
    positives = np.zeros((*true.shape[:2], true.shape[2] + 1), np.int32)
    true.cumsum(axis=-1, out=positives[..., 1:])
    extras = np.zeros_like(positives)
    extra.cumsum(axis=-1, out=extras[..., 1:])

    a, t, c = np.nonzero(true)
    k = category[c]
    reached = positives[a, t, c + 1] - positives[a, t, start[k]]
    counted = before[c, a] - base[k, a] + extras[a, t, c + 1] - extras[a, t, start[k]]
    at_hits = np.append(reached / counted, 0)

    # The curves lie one behind another, by range, threshold, class. A recall is reached at the first true
    # positive i for which i / truths is no less; the interpolated precision is the greatest from there on.
    totals = positives[:, :, start[1:]] - positives[:, :, start[:-1]]
    need = _needed(truths)
    length = totals.reshape(-1)
    origin = (np.cumsum(length) - length).reshape(totals.shape)
    index = origin[..., None] + np.minimum(need.transpose(1, 0, 2)[:, None] - 1, totals[..., None])
    greatest = np.maximum.reduceat(at_hits, index.ravel()).reshape(index.shape)
    reachable = need.transpose(1, 0, 2)[:, None] <= totals[..., None]
    greatest = np.where(reachable, greatest, 0)
    precision = np.maximum.accumulate(greatest[..., ::-1], axis=-1)[..., ::-1]
    recall = totals / np.maximum(truths.T[:, None], 1)
    return precision.transpose(1, 3, 2, 0), recall.transpose(1, 2, 0)


def _needed(truths: Indices) -> Indices:
    """(K, A, R): the fewest true positives, at least one, with which each recall is reached."""
    total = np.maximum(truths, 1)[..., None]
    need = np.maximum(np.floor(RECALLS * total).astype(np.int64) - 1, 1)
    for _ in range(2):
        need += need / total < RECALLS
    return need
