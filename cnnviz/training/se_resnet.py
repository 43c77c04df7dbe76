"""Train small SE-ResNets at several reduction ratios: ``python -m cnnviz.training.se_resnet``.

All see the same drawn pictures (:mod:`cnnviz.training.lit_shapes`) in the same order for a seed; only the gates
differ, and for :data:`PLAIN` there are none. Equal runs on one machine and one number of threads give equal weights.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz import weights
from cnnviz.blocks.small_se_resnet import SmallSEResNet
from cnnviz.blocks.squeeze_excite import SqueezeExcite
from cnnviz.errors import SettingError, WeightsError
from cnnviz.messages import N_
from cnnviz.training.lit_shapes import CLASSES, draw
from cnnviz.training.pictures import SHAPES

REDUCTIONS = (2, 4, 8, 16)
"""Ratios r whose networks of seed 0 are shipped."""
PLAIN = 0
"""In place of r: the same network without gates."""
SEEDS = 3
STEPS, BATCH, RATE = 800, 32, 1e-2
REPORT = 100
"""Steps between two looks at the test pictures."""
_CHUNK = 500
TRAINING, TESTS = 16 * _CHUNK, 4 * _CHUNK
TEST_SEED, TRAINING_SEED = 1, 100
CURVES = "se_resnet_ratios"
"""Name of the file with every run's curve."""


@dataclass(frozen=True)
class Point:
    """A network after some steps: shares of the test pictures, 0 … 1.

    Attributes:
        both: whose colour and shape are both right.
        colour, shape: of which one is.
    """

    step: int
    both: float
    colour: float
    shape: float


@dataclass(frozen=True)
class Run:
    """How one network learned; the last point is what became of it."""

    reduction: int
    seed: int
    curve: tuple[Point, ...]


@cache
def _pictures(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """(count, 3, 32, 32) uint8 and (count,) labels, drawn in parts, which need less memory."""
    parts = [draw(_CHUNK, seed + part) for part in range(count // _CHUNK)]
    images = np.concatenate([part.images() for part in parts]).transpose(0, 3, 1, 2)
    labels = np.concatenate([part.labels for part in parts])
    return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels)


def initialised(reduction: int, seed: int) -> SmallSEResNet:
    """Weights of He et al., drawn from `seed`: the convolutions' first, so that all ratios share them."""
    network = SmallSEResNet(len(CLASSES), reduction or None)
    generator = torch.Generator().manual_seed(seed)
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    gates = {
        layer
        for module in network.modules()
        if isinstance(module, SqueezeExcite)
        for layer in module.children()
    }
    for layer in sorted(layers, key=lambda layer: layer in gates):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return network


def train(reduction: int, seed: int, steps: int = STEPS) -> Iterator[tuple[SmallSEResNet, tuple[Point, ...]]]:
    """Train one network; gives it and its curve each time it has looked at the test pictures.

    Args:
        reduction: r, or :data:`PLAIN`.
        seed: of the weights and of the order of the pictures.
    """
    network = initialised(reduction, seed).to(memory_format=torch.channels_last)
    images, labels = _pictures(TRAINING, TRAINING_SEED)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps + 1)
    order = torch.Generator().manual_seed(seed)
    curve: tuple[Point, ...] = ()
    for step in range(1, steps + 1):
        rows = torch.randint(len(images), (BATCH,), generator=order)
        loss = F.cross_entropy(network.train()(prepared(images[rows])), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % REPORT == 0 or step == steps:
            curve = (*curve, measure(network, step))
            yield network, curve


def prepared(images: Tensor) -> Tensor:
    """(N, 3, S, S) uint8 as the network takes it, from 0 to 1."""
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def measure(network: SmallSEResNet, step: int = STEPS) -> Point:
    """How `network` does on the test pictures."""
    images, labels = _pictures(TESTS, TEST_SEED)
    network.eval()
    found = torch.cat([network(prepared(part)).argmax(1) for part in images.split(_CHUNK)])
    kinds = len(SHAPES)
    right = [found == labels, found // kinds == labels // kinds, found % kinds == labels % kinds]
    return Point(step, *(float(each.double().mean()) for each in right))


def name(reduction: int) -> str:
    """Of the file with the weights of seed 0."""
    return f"se_resnet_r{reduction}"


@cache
def load(reduction: int) -> SmallSEResNet:
    """The shipped network with ratio `reduction`, in eval mode and frozen; shared, so never trained.

    Raises:
        SettingError: none is shipped with that ratio.
        WeightsError: the file is missing or damaged.
    """
    if reduction not in REDUCTIONS:
        raise SettingError(
            N_("no network with r = {reduction} is shipped; there are {known}"),
            reduction=reduction,
            known=", ".join(map(str, REDUCTIONS)),
        )
    network = SmallSEResNet(len(CLASSES), reduction)
    weights.load_into(network, name(reduction))
    return network.eval().requires_grad_(False)


@cache
def runs(folder: Path = weights.FOLDER) -> Mapping[int, tuple[Run, ...]]:
    """Every run whose curve is shipped, by r or :data:`PLAIN`.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    path = folder / f"{CURVES}.safetensors"
    try:
        tensors = {int(key): tensor.tolist() for key, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            N_("The weights in {file} cannot be loaded ({reason}); expected those of {name}."),
            file=path.name,
            reason=str(error),
            name=CURVES,
        ) from error
    return MappingProxyType(
        {
            reduction: tuple(
                Run(reduction, seed, tuple(Point(round(step), *shares) for step, *shares in curve))
                for seed, curve in enumerate(tensors[reduction])
            )
            for reduction in (*REDUCTIONS, PLAIN)
        }
    )


def save_runs(found: Mapping[int, list[Run]], folder: Path) -> Path:
    """Curves of all runs: for each r a tensor (seeds, points, 4) of steps and shares."""
    tensors = {
        str(reduction): torch.tensor(
            [[(p.step, p.both, p.colour, p.shape) for p in run.curve] for run in each], dtype=torch.float32
        )
        for reduction, each in found.items()
    }
    path = folder / f"{CURVES}.safetensors"
    save_file(tensors, path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--threads", type=int, default=1, help="other numbers give slightly other weights")
    parser.add_argument("--output", type=Path, default=weights.FOLDER)
    parser.add_argument("--measure", action="store_true", help="only print the model card's figures")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.measure:
        _print_figures()
        return
    found: dict[int, list[Run]] = {reduction: [] for reduction in (*REDUCTIONS, PLAIN)}
    for seed in range(chosen.seeds):
        for reduction, each in found.items():
            since = time.process_time()
            for trained in train(reduction, seed, chosen.steps):
                network, curve = trained
                seconds = time.process_time() - since
                print(f"r {reduction or '–'}, seed {seed}: {curve[-1]}, {seconds:.0f} s", flush=True)
            each.append(Run(reduction, seed, curve))
            if seed == 0 and reduction != PLAIN:
                weights.save(network, name(reduction), chosen.output)
    print(save_runs(found, chosen.output))


def _print_figures() -> None:
    """Of the shipped networks, measured now; then of all runs, from their curves."""
    for reduction in REDUCTIONS:
        now = measure(load(reduction))
        print(f"| {reduction} | {now.both:.3f} | {now.colour:.3f} | {now.shape:.3f} |", flush=True)
    for reduction, each in runs().items():
        shares = ", ".join(f"{run.curve[-1].both:.3f}" for run in each)
        print(f"r {reduction or '–'}: {shares}")


if __name__ == "__main__":
    main()
