"""Train the small FCN: ``python -m cnnviz.training.shape_fcn``.

All three heads learn at once, as the paper's "at-once" FCN: one backbone, the sum of three losses. Every scene
is seen once. Equal runs on one machine give equal weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from cnnviz.metrics.scenes import TRAINING_SEED, Scene, SceneSettings, draw, draw_from
from cnnviz.metrics.segmentation import SegmentationScores, confusion_matrix, segmentation_scores
from cnnviz.upsampling.decoder import initialise
from cnnviz.upsampling.shape_fcn import (
    CLASSES,
    HEADS,
    WEIGHTS,
    ShapeFCN,
    as_batch,
    load,
    start_bilinear,
    truth,
)

STEPS = 500
BATCH = 16
RATE = 6e-3
SEED = TRAINING_SEED + 100
"""Of the scenes: not the shape detector's, and not one that a page can show."""
MEASURED = SceneSettings(200, difficulty=0.3, noise=0.2, occlusion=0.2, seed=1)
"""The scenes of the model card."""


@dataclass(frozen=True)
class Step:
    """How far it is.

    Attributes:
        done, total: steps.
        loss: of the three heads together.
        network: in training; its owner's alone.
    """

    done: int
    total: int
    loss: float
    network: ShapeFCN


def training_scene(seed: int, index: int) -> Scene:
    """Scene `index`, with settings of its own."""
    difficulty, noise, occlusion = np.random.default_rng((seed, index, 3)).random(3) * (0.7, 0.4, 0.5)
    return draw_from(SEED + seed, index, difficulty, noise, occlusion)


def train(seed: int = 0, steps: int = STEPS) -> Iterator[Step]:
    """Train from the start."""
    network = ShapeFCN()
    initialise(network, torch.Generator().manual_seed(seed))
    start_bilinear(network)
    network.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-4, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps + 1)
    for step in range(steps):
        scenes = [training_scene(seed, BATCH * step + number) for number in range(BATCH)]
        labels = torch.from_numpy(np.stack([truth(scene) for scene in scenes])).long()
        logits = network(
            as_batch([scene.image for scene in scenes]).contiguous(memory_format=torch.channels_last)
        )
        loss = torch.stack([F.cross_entropy(each, labels) for each in logits.values()]).sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5)
        optimiser.step()
        schedule.step()
        yield Step(step + 1, steps, loss.item(), network)


def measure(
    network: ShapeFCN, settings: SceneSettings = MEASURED, batch: int = 20
) -> dict[str, SegmentationScores]:
    """Each head's scores on scenes that it has not seen."""
    counts = {head: np.zeros((CLASSES, CLASSES), np.int64) for head in HEADS}
    for start in range(0, settings.count, batch):
        scenes = [draw(settings, index) for index in range(start, min(start + batch, settings.count))]
        with torch.inference_mode():
            logits = network(as_batch([scene.image for scene in scenes]))
        labels = np.stack([truth(scene) for scene in scenes])
        for head, each in logits.items():
            counts[head] += confusion_matrix(labels, each.argmax(1).numpy().astype(np.uint8), CLASSES)
    return {head: segmentation_scores(each) for head, each in counts.items()}


def row(head: str, scores: SegmentationScores) -> str:
    """A line of the model card."""
    return f"| FCN-{head} | {scores.mean_iou or 0:.3f} | {scores.pixel_accuracy or 0:.4f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--measure", action="store_true", help="only print the model card's figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.measure:
        for step in train(arguments.seed, arguments.steps):
            if step.done % 25 == 0:
                print(f"step {step.done} of {step.total}: loss {step.loss:.3f}", flush=True)
        weights = {
            name: values.half()
            for name, values in step.network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
        WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: values.contiguous() for name, values in weights.items()}, WEIGHTS)
        load.cache_clear()
    for head, scores in measure(load()).items():
        print(row(head, scores))


if __name__ == "__main__":
    main()
