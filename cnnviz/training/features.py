"""The frozen backbone's maps of every view, computed once and kept in a folder.

Each value takes a byte: a channel's deviation from its mean, in sixteenths of its standard deviation. The
heads begin with batch normalisation or a linear layer and don't notice. A folder that was begun is
continued; it holds::

    scale.npz                 mean and step of each channel at each stride
    KIND.maps.npy             (photos, values) int8, the four maps of a view one after another
    KIND.masks.npy            (photos, 80, 80) uint8
    KIND.boxes.npy            (photos, BOXES, 6) float32: xyxy, label (−1: no box), whether it is ignored
    KIND.done                 how many photos are done
"""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cnnviz.segmentation import backbone
from cnnviz.segmentation.backbone import CHANNELS, STRIDES
from cnnviz.training.voc_data import CANVAS, KINDS, Photo, split, view
from cnnviz.zoo.efficientnet_lite0 import Conv

BOXES = 60
"""At most so many boxes a view; the largest."""

SHAPES = tuple(
    (channels, CANVAS // stride, CANVAS // stride) for channels, stride in zip(CHANNELS, STRIDES, strict=True)
)
_VALUES = sum(math.prod(shape) for shape in SHAPES)
_BATCH = 16
_AT_ONCE = 2  # more don't fit into a processor's cache and take twice the time


def quick(network: backbone.Backbone) -> nn.Module:
    """A copy for computing many maps: normalisation folded into the convolutions, bfloat16."""
    folded = copy.deepcopy(network)
    for part in [part for part in folded.modules() if isinstance(part, Conv)]:
        for at, (layer, normalise) in enumerate(itertools.pairwise(part)):
            if isinstance(layer, nn.Conv2d) and isinstance(normalise, nn.BatchNorm2d):
                part[at], part[at + 1] = fuse_conv_bn_eval(layer, normalise), nn.Identity()
    return folded.bfloat16().to(memory_format=torch.channels_last)


def _maps(network: nn.Module, views: Sequence[NDArray[np.uint8]]) -> list[Tensor]:
    batch = torch.from_numpy(np.stack([*views])).permute(0, 3, 1, 2).float()
    batch = ((batch - 127) / 128).bfloat16().contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        parts = [network(part) for part in batch.split(_AT_ONCE)]
        return [torch.cat(maps).float().contiguous() for maps in zip(*parts, strict=True)]


def cache(photos: Sequence[Photo], folder: Path, kinds: Iterable[str] = KINDS, seed: int = 0) -> None:
    """Compute what is missing in `folder`, a view of every photo after another."""
    folder.mkdir(parents=True, exist_ok=True)
    network = quick(backbone.load())
    scale_file = folder / "scale.npz"
    if not scale_file.exists():
        generator = np.random.default_rng(seed)
        drawn = generator.permutation(len(photos))[:256].tolist()
        views = [view(photos, index, "whole", generator).rgb for index in drawn]
        parts = [_maps(network, views[at : at + _BATCH]) for at in range(0, len(views), _BATCH)]
        joined = [torch.cat(stride) for stride in zip(*parts, strict=True)]
        arrays = {f"mean{i}": maps.mean((0, 2, 3)).numpy() for i, maps in enumerate(joined)}
        arrays |= {f"step{i}": maps.std((0, 2, 3)).numpy() / 16 for i, maps in enumerate(joined)}
        np.savez(scale_file, allow_pickle=False, **arrays)
    scales = np.load(scale_file)
    for number, kind in enumerate(kinds):
        _cache_kind(photos, folder, kind, (seed, KINDS.index(kind)), network, scales)
        print(f"{kind}: {number + 1} of {len(tuple(kinds))} views cached", flush=True)


def _cache_kind(
    photos: Sequence[Photo],
    folder: Path,
    kind: str,
    seed: tuple[int, int],
    network: nn.Module,
    scales: dict[str, NDArray[np.float32]],
) -> None:
    count, done_file = len(photos), folder / f"{kind}.done"
    done = int(done_file.read_text()) if done_file.exists() else 0
    mode = "r+" if done else "w+"
    side = CANVAS // 4
    open_memmap = np.lib.format.open_memmap
    maps = open_memmap(folder / f"{kind}.maps.npy", mode, np.int8, (count, _VALUES))
    masks = open_memmap(folder / f"{kind}.masks.npy", mode, np.uint8, (count, side, side))
    boxes = open_memmap(folder / f"{kind}.boxes.npy", mode, np.float32, (count, BOXES, 6))
    others, since, first = (
        split(photos).train.tolist(),
        time.perf_counter(),
        done,
    )  # a mosaic must not show the held-out
    while done < count:
        chosen = range(done, min(done + _BATCH, count))
        views = [view(photos, index, kind, np.random.default_rng((*seed, index)), others) for index in chosen]
        parts = []
        for i, values in enumerate(_maps(network, [one.rgb for one in views])):
            mean, step = (torch.from_numpy(scales[f"{what}{i}"])[:, None, None] for what in ("mean", "step"))
            parts.append(((values - mean) / step).round().clamp(-127, 127).to(torch.int8).flatten(1))
        maps[chosen.start : chosen.stop] = torch.cat(parts, 1).numpy()
        for index, one in zip(chosen, views, strict=True):
            masks[index] = one.mask
            rows = np.column_stack([one.boxes, one.labels, one.ignored]).astype(np.float32)
            area = (one.boxes[:, 2:] - one.boxes[:, :2]).prod(1)
            rows = rows[np.argsort(-area, kind="stable")[:BOXES]]
            boxes[index] = 0
            boxes[index, :, 4] = -1
            boxes[index, : len(rows)] = rows
        done = chosen.stop
        if done % (32 * _BATCH) == 0 or done == count:
            done_file.write_text(str(done))
            seconds = time.perf_counter() - since
            print(f"{kind}: {done} of {count}, {seconds / (done - first) * 1e3:.0f} ms each", flush=True)


@dataclass(frozen=True, eq=False)
class Cached:
    """The cached views, packed as the module says.

    Attributes:
        kinds: for each, there is a view of the first photos;
        done: of so many.
    """

    kinds: tuple[str, ...]
    done: tuple[int, ...]
    maps: tuple[NDArray[np.int8], ...]
    masks: tuple[NDArray[np.uint8], ...]
    boxes: tuple[NDArray[np.float32], ...]
    means: tuple[Tensor, ...]
    steps: tuple[Tensor, ...]

    def features(self, rows: Sequence[tuple[int, int]], finest: int = STRIDES[0]) -> list[Tensor]:
        """The four maps, float32, of views given as (kind, photo); those finer than `finest` are left empty."""
        first = STRIDES.index(finest)
        sizes = [math.prod(shape) for shape in SHAPES]
        skipped = sum(sizes[:first])
        packed = torch.from_numpy(np.stack([self.maps[kind][photo, skipped:] for kind, photo in rows]))
        found = [torch.empty(0)] * first
        parts = packed.split(sizes[first:], 1)
        for part, shape, mean, step in zip(
            parts, SHAPES[first:], self.means[first:], self.steps[first:], strict=True
        ):
            values = part.view(-1, *shape).to(memory_format=torch.channels_last, dtype=torch.float32)
            found.append(values.mul_(step).add_(mean))
        return found

    def labels(self, rows: Sequence[tuple[int, int]]) -> Tensor:
        """(N, 80, 80) int64 class of each cell of stride 4."""
        return torch.from_numpy(np.stack([self.masks[kind][photo] for kind, photo in rows])).long()

    def truths(self, rows: Sequence[tuple[int, int]]) -> Tensor:
        """(N, BOXES, 6) float32: xyxy, label (−1: no box), whether it is ignored."""
        return torch.from_numpy(np.stack([self.boxes[kind][photo] for kind, photo in rows]))


def open_cache(folder: Path, kinds: Sequence[str] = KINDS) -> Cached:
    """What :func:`cache` has done so far in `folder`, of these kinds."""
    scales = np.load(folder / "scale.npz")
    files = {kind: folder / f"{kind}.done" for kind in kinds}
    done = {kind: int(file.read_text()) for kind, file in files.items() if file.exists()}

    def opened(what: str) -> tuple[NDArray, ...]:
        return tuple(np.load(folder / f"{kind}.{what}.npy", mmap_mode="r") for kind in done)

    per_channel = {
        what: tuple(torch.from_numpy(scales[f"{what}{i}"])[:, None, None] for i in range(len(STRIDES)))
        for what in ("mean", "step")
    }
    return Cached(
        tuple(done),
        tuple(done.values()),
        opened("maps"),
        opened("masks"),
        opened("boxes"),
        per_channel["mean"],
        per_channel["step"],
    )
