"""Train the heads over the frozen backbone: ``python -m cnnviz.training COMMAND …``.

::

    cache         DATA WORK     the backbone's maps of all views, once (about 11 GB for 9,000 photos)
    segmentation  DATA WORK     train segmentation heads
    detection     DATA WORK     train the detector
    choose        DATA WORK     what the defaults should be, by the photos held out
    ship          WORK          put trained weights into assets/weights
    measure       DATA          the shipped weights' figures on photos they were not trained on

DATA is a folder as :mod:`cnnviz.training.voc_data` says; WORK takes the cache and the checkpoints. What
was stopped goes on where it was when the same command is given again.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cnnviz import weights
from cnnviz.detection import pyramid
from cnnviz.metrics.coco import evaluate
from cnnviz.metrics.data import DetectionSet
from cnnviz.segmentation import heads
from cnnviz.segmentation.heads import HEADS
from cnnviz.segmentation.voc import CLASSES
from cnnviz.training import features, outside, voc_data
from cnnviz.training.detection import RECIPE, train_detector
from cnnviz.training.detection_figures import at_threshold, detect
from cnnviz.training.loop import Recipe, averaged
from cnnviz.training.segmentation import RECIPES, train_head
from cnnviz.training.segmentation_figures import figures

BIASES = (0.5, 1.0, 1.5, 2.0)
CERTAINTIES = (0.0, 0.6, 0.7, 0.8, 0.9)
THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
SUPPRESSION = (0.4, 0.5, 0.6)


def _checkpoint(work: Path, name: str, seed: int) -> Path:
    return work / "checkpoints" / f"{name}-seed{seed}.pt"


def _untrained(name: str) -> nn.Module:
    return pyramid.Pyramid() if name == pyramid.ID else HEADS[name].build()


def _with_steps(recipe: Recipe, steps: int | None) -> Recipe:
    from dataclasses import replace

    return replace(recipe, steps=steps) if steps else recipe


def _cache(chosen: argparse.Namespace) -> None:
    features.cache(voc_data.read(chosen.data), chosen.work / "cache", chosen.kinds)


def _segmentation(chosen: argparse.Namespace) -> None:
    photos = voc_data.read(chosen.data)
    cached = features.open_cache(chosen.work / "cache", chosen.kinds)
    for head_id in chosen.heads:
        print(f"{head_id}, seed {chosen.seed}", flush=True)
        recipe = _with_steps(RECIPES[head_id], chosen.steps)
        checkpoint = _checkpoint(chosen.work, head_id, chosen.seed)
        train_head(head_id, cached, photos, voc_data.split(photos).train, chosen.seed, recipe, checkpoint)


def _detection(chosen: argparse.Namespace) -> None:
    photos = voc_data.read(chosen.data)
    cached = features.open_cache(chosen.work / "cache", chosen.kinds)
    recipe = _with_steps(RECIPE, chosen.steps)
    checkpoint = _checkpoint(chosen.work, pyramid.ID, chosen.seed)
    train_detector(cached, photos, voc_data.split(photos).train, chosen.seed, recipe, checkpoint)


def _choose(chosen: argparse.Namespace) -> None:
    photos = voc_data.read(chosen.data)
    held = [photos[index] for index in voc_data.split(photos).validation.tolist()]
    found = {
        name: averaged(_checkpoint(chosen.work, name, chosen.seed), _untrained(name))
        for name in [*HEADS, pyramid.ID]
        if _checkpoint(chosen.work, name, chosen.seed).exists() and name in chosen.heads
    }
    detector = found.pop(pyramid.ID, None)
    for side in chosen.sides:
        tried = dict.fromkeys(found, tuple(product(BIASES, CERTAINTIES)))
        for (head_id, (bias, certainty)), result in figures(found, held, side, tried).items():
            print(
                f"{head_id}, {side} px, background bias {bias}, certainty {certainty}: {result}", flush=True
            )
        for nms_iou in SUPPRESSION:
            if detector is None:
                continue
            _print_detections(detector, [photo for photo in held if photo.human], side, nms_iou, THRESHOLDS)


def _print_detections(
    detector: nn.Module,
    photos: list[voc_data.Photo],
    side: int,
    nms_iou: float,
    thresholds: tuple[float, ...],
) -> DetectionSet:
    data = detect(detector, photos, side, nms_iou)
    shown = ", ".join(f"{name} {value or 0:.4f}" for name, value in evaluate(data).figures.items())
    print(f"{side} px, NMS {nms_iou}: {shown}", flush=True)
    for threshold in thresholds:
        result = at_threshold(data, threshold)
        print(f"  score from {threshold}: {result}, F1 {result.f1:.3f}", flush=True)
    return data


def _ship(chosen: argparse.Namespace) -> None:
    for name in chosen.heads:
        network = averaged(_checkpoint(chosen.work, name, chosen.seed), _untrained(name))
        print(weights.save(network, name, chosen.output))


def _measure(chosen: argparse.Namespace) -> None:
    photos = voc_data.read(chosen.data)
    shipped = {name: heads.load(name) for name in chosen.heads if name in HEADS}
    settings = {name: ((HEADS[name].background_bias, HEADS[name].certainty),) for name in shipped}
    theirs = {name: outside.MeanIou() for name in shipped} if chosen.outside else {}

    def also(head_id: str, truth: NDArray[np.uint8], found: NDArray[np.int64]) -> None:
        if theirs:
            theirs[head_id].add(truth, found)

    for (name, (bias, certainty)), result in figures(shipped, photos, heads.SIDE, settings, also).items():
        print(f"{name}, {heads.SIDE} px, background bias {bias}, certainty {certainty}: {result}", flush=True)
        print(
            "  "
            + ", ".join(
                f"{label} {iou or 0:.2f}" for label, iou in zip(CLASSES, result.scores.iou, strict=True)
            )
        )
        if theirs:
            print(f"  by torchmetrics: mIoU {theirs[name].value():.4f}", flush=True)
    if pyramid.ID in chosen.heads:
        card = pyramid.CARD
        detector, thresholds = pyramid.load(), (card.score_threshold,)
        data = _print_detections(detector, photos, pyramid.SIDE, card.nms_iou, thresholds)
        if chosen.outside:
            ap, ap50 = outside.average_precision(data)
            print(f"  by pycocotools: AP {ap:.4f}, AP50 {ap50:.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m cnnviz.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--threads", type=int, default=2, help="other numbers give slightly other weights")
    commands = parser.add_subparsers(required=True)
    everything = [*HEADS, pyramid.ID]

    def command(name: str, does: object, *folders: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name)
        added.set_defaults(does=does)
        for folder in folders:
            added.add_argument(folder, type=Path)
        return added

    cache = command("cache", _cache, "data", "work")
    segmentation = command("segmentation", _segmentation, "data", "work")
    segmentation.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS))
    detection = command("detection", _detection, "data", "work")
    choose = command("choose", _choose, "data", "work")
    choose.add_argument("--sides", nargs="+", type=int, default=[320, 384, 448, 512])
    ship = command("ship", _ship, "work")
    ship.add_argument("--output", type=Path, default=weights.FOLDER)
    measure = command("measure", _measure, "data")
    measure.add_argument("--outside", action="store_true", help="also by torchmetrics and pycocotools")
    for one in (choose, ship, measure):
        one.add_argument("--heads", nargs="+", choices=everything, default=everything)
    for one in (segmentation, detection, choose, ship):
        one.add_argument("--seed", type=int, default=0)
    for one in (cache, segmentation, detection):
        one.add_argument("--kinds", nargs="+", choices=voc_data.KINDS, default=voc_data.KINDS)
    for one in (segmentation, detection):
        one.add_argument("--steps", type=int, help="other than the recipe's")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    chosen.does(chosen)


if __name__ == "__main__":
    main()
