"""Training of the segmentation heads, and their figures on photos with masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.segmentation.heads import HEADS
from cnnviz.segmentation.voc import CLASSES, VOID
from cnnviz.training.features import Cached
from cnnviz.training.loop import Recipe, train
from cnnviz.training.voc_data import Photo

RECIPES = {
    "fcn32s": Recipe(3000),
    "fcn16s": Recipe(3000),
    "fcn8s": Recipe(3000),
    "unet": Recipe(2400),
    "deeplab": Recipe(3000),
}
SHARES = {"whole": 0.3, "near": 0.35, "flipped": 0.25, "mosaic": 0.1}
"""How often each kind of view is drawn, of those that are cached."""

BACKGROUND_WEIGHT = 0.7


def present(masks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of the 20 classes (N, 20) are in masks (N, h, w)."""
    found = np.zeros((len(masks), VOID + 1), bool)
    for number, mask in enumerate(masks):
        found[number, np.unique(mask)] = True
    return found[:, 1 : len(CLASSES)]


def chances(
    there: NDArray[np.bool_], human: NDArray[np.bool_], allowed: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How likely each photo is drawn: by 1/√(photos with its rarest class), twice if people labelled it.

    Args:
        there: (N, 20) classes in each photo; human: (N,).
        allowed: indices of the photos to train on; others have a chance of 0.

    Returns:
        (N,) float64, sums to 1. A photo without objects is drawn like one of the most frequent class.
    """
    photos = np.maximum(there[allowed].sum(0), 1)
    rarest = np.where(there, photos, photos.max()).min(1)
    chance = np.zeros(len(there))
    chance[allowed] = (1 + human[allowed]) / np.sqrt(rarest[allowed])
    return chance / chance.sum()


def class_weights(masks: NDArray[np.uint8], allowed: NDArray[np.int64]) -> Tensor:
    """(21,) float32: rarer classes weigh more, by the fourth root of their pixels; the background 0.7."""
    counts = np.zeros(VOID + 1, np.int64)
    for index in allowed.tolist():
        counts += np.bincount(masks[index].ravel(), minlength=VOID + 1)
    weight = np.maximum(counts[1 : len(CLASSES)], 1) ** -0.25
    return torch.tensor([BACKGROUND_WEIGHT, *(weight / weight.mean())], dtype=torch.float32)


def cross_entropy(logits: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    """Of logits (N, 21, h, w), upsampled to the labels (N, H, W); each pixel weighs as its class does."""
    if logits.shape[-2:] != labels.shape[-2:]:
        logits = F.interpolate(logits, labels.shape[-2:], mode="bilinear")
    return F.cross_entropy(logits, labels, weight, ignore_index=VOID)


def draw(
    cached: Cached, generator: np.random.Generator, chance: NDArray[np.float64], batch: int
) -> list[tuple[int, int]]:
    """A batch of views as (kind, photo), of those that are cached."""
    share = np.array([SHARES[kind] for kind in cached.kinds])
    kinds = generator.choice(len(share), batch, p=share / share.sum()).tolist()
    upto = chance.cumsum()
    limits = np.array([upto[cached.done[kind] - 1] for kind in kinds])
    photos = np.searchsorted(upto, generator.random(batch) * limits, side="right")
    return list(zip(kinds, photos.tolist(), strict=True))


def train_head(
    head_id: str,
    cached: Cached,
    photos: Sequence[Photo],
    allowed: NDArray[np.int64],
    seed: int = 0,
    recipe: Recipe | None = None,
    checkpoint: Path | None = None,
) -> nn.Module:
    """Train the head `head_id` on the photos `allowed`; see :func:`cnnviz.training.loop.train`."""
    human = np.array([photo.human for photo in photos])
    allowed = allowed[allowed < cached.done[0]]
    chance = chances(present(cached.masks[0]), human, allowed)
    weight = class_weights(cached.masks[0], allowed)
    recipe = recipe or RECIPES[head_id]

    def loss(network: nn.Module, generator: np.random.Generator) -> Tensor:
        rows = draw(cached, generator, chance, recipe.batch)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(cached.features(rows, HEADS[head_id].stride))
        return cross_entropy(logits.float(), cached.labels(rows), weight)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = HEADS[head_id].build().to(memory_format=torch.channels_last)
    return train(network, loss, recipe, seed, checkpoint)
