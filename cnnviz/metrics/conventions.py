"""The switches of a convention: their settings, their neighbours, and an area measured a second way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from cnnviz.metrics.matching import CHOICES, COCO, VOC2007, VOC2010, Convention, Matching

SWITCHES: Mapping[str, tuple[Any, ...]] = {
    "plus_one": (False, True),
    **CHOICES,
    "max_detections": (None, 100, 10, 1),
}
"""Every switch with its settings; the IoU threshold is a slider."""

PRESETS: Mapping[str, Convention] = {"VOC2007": VOC2007, "VOC2010": VOC2010, "COCO": COCO}


def neighbours(convention: Convention) -> Iterator[tuple[str, Convention]]:
    """The conventions that differ by one switch, with its name.

    >>> [name for name, other in neighbours(COCO)][:3]
    ['plus_one', 'matching', 'comparison']
    """
    for name, settings in SWITCHES.items():
        for setting in settings:
            if setting != getattr(convention, name):
                yield name, replace(convention, **{name: setting})


def encode(convention: Convention) -> tuple[int, ...]:
    """A convention as whole numbers: the setting of each switch, and the threshold in percent."""
    places = [settings.index(getattr(convention, name)) for name, settings in SWITCHES.items()]
    return (*places, round(100 * convention.iou_threshold))


def decode(numbers: Sequence[int]) -> Convention:
    """The convention of :func:`encode`'s numbers; COCO's where they are no convention's.

    >>> decode(encode(VOC2007)) == VOC2007, decode((9, 9)) == COCO
    (True, True)
    """
    *places, percent = numbers or (0,)
    fits = len(places) == len(SWITCHES) and 1 <= percent <= 100
    if not fits or any(
        not 0 <= place < len(settings) for place, settings in zip(places, SWITCHES.values(), strict=True)
    ):
        return COCO
    chosen = {name: settings[place] for place, (name, settings) in zip(places, SWITCHES.items(), strict=True)}
    return Convention(iou_threshold=percent / 100, **chosen)


def measured_area(matching: Matching) -> float | None:
    """The area from the outcomes alone, by other means than :func:`cnnviz.metrics.average_precision.area`.

    Of all points: every true positive adds the greatest precision from it on, divided by the ground truths.
    Of 11 or 101: for each recall, the fewest true positives that reach it, and the greatest precision from there on.
    """
    count = len(matching.truths)
    if not count:
        return None
    outcomes = [step.outcome == "tp" for step in matching.steps if step.outcome != "ignored"]
    if not outcomes:
        return 0.0
    hits = torch.tensor(outcomes, dtype=torch.float64)
    found = hits.cumsum(0)
    precision = found / torch.arange(1, len(hits) + 1)
    if matching.convention.interpolation == "all":
        best = precision.flip(0).cummax(0).values.flip(0)
        return float((best * hits).sum() / count)
    # The greatest precision at each number of true positives, and from there on.
    top = torch.zeros(count + 1, dtype=torch.float64)
    top.scatter_reduce_(0, (found.long() - 1).clamp(min=0), precision, "amax")
    best = top.flip(0).cummax(0).values.flip(0)
    recalls = torch.from_numpy(np.linspace(0, 1, int(matching.convention.interpolation)))
    needed = torch.searchsorted(torch.arange(1, count + 1, dtype=torch.float64) / count, recalls)
    return float(best[needed].mean())
