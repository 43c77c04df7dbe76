"""A small DenseNet on small pictures, to see what each of its layers reuses.

SGD with momentum 0.9, as Huang et al. (arXiv 1608.06993, § 4.2) train, but in a hundredth of the time and with a rate
that rises and falls once. Weights that nobody needs shrink only by weight decay, so here it is stronger than the
paper's 1e-4: rate × decay, summed over the steps, is what shrinks them.
Equal runs on one machine and one number of threads give equal weights.

Run as ``python -m cnnviz.training.densenet`` to make the shipped runs again; ``--measure`` prints the model card's
figures.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.blocks.dense import DenseNet, small_densenet
from cnnviz.blocks.reuse import Map, connections, cut_errors, rank_correlation, starting_map, weight_map
from cnnviz.ranges import check_ranges
from cnnviz.training.degradation import Point, error
from cnnviz.training.pictures import PICTURES, pictures
from cnnviz.weights import FOLDER, load_into, save

GROWTHS, GROWTH = (2, 12), 4
"""Range of k, and that of the shipped runs."""
STEPS, BATCH, RATE, DECAY = 600, 64, 0.05, 2e-2
REPORT = 20
"""Steps between two measurements."""
SEEN = 360
"""Training pictures that the training error is measured on."""


@dataclass(frozen=True)
class Setup:
    """One run.

    Attributes:
        pictures: a set of :data:`cnnviz.training.pictures.PICTURES`.
        growth: k.
        seed: of the weights and of the order of the pictures.
        steps: of training.

    Raises:
        SettingError: a value has no meaning.
    """

    pictures: str
    growth: int = GROWTH
    seed: int = 0
    steps: int = STEPS

    def __post_init__(self) -> None:
        check_ranges(self, {"growth": GROWTHS, "seed": (0, 2**31 - 1), "steps": (1, 100_000)})


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run.

    Attributes:
        setup: what was trained.
        network: in eval mode and frozen.
        cuts: test error with one connection cut, by block, source and target; NaN where nothing flows.
        silenced: (blocks, L + 1), test error with a source cut from everything that reads it.
    """

    setup: Setup
    network: DenseNet
    cuts: Map
    silenced: Map

    def error(self) -> float:
        """Of the whole network, on the test pictures."""
        return error(self.network, *held_out(self.setup.pictures))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run on its way.

    Attributes:
        done, total: steps of training, and then cuts tried.
        curve: errors from step 0 on.
        weights: mean |w| of every connection at the last measurement.
        trained: at the end.
    """

    done: int
    total: int
    curve: tuple[Point, ...]
    weights: Map
    trained: Trained | None = None


def held_out(name: str) -> tuple[Tensor, Tensor]:
    """Test pictures (N, 1, S, S) and their labels (N,)."""
    data = pictures(name)
    return torch.tensor(data.test), torch.tensor(data.test_labels)


def initialised(setup: Setup) -> DenseNet:
    """The network before training: normal weights with the variance of He et al. (arXiv 1502.01852, eq. 10)."""
    network = small_densenet(setup.growth, len(pictures(setup.pictures).classes))
    generator = torch.Generator().manual_seed(setup.seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def train(setup: Setup) -> Iterator[Snapshot]:
    """Train, with a snapshot after every step, then cut each connection in turn; the last snapshot has it all."""
    data = pictures(setup.pictures)
    images, labels = torch.tensor(data.train), torch.tensor(data.train_labels)
    network = initialised(setup)
    optimiser = torch.optim.SGD(network.parameters(), RATE, momentum=0.9, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, setup.steps + 1)
    batches = torch.Generator().manual_seed(setup.seed)
    curve: list[Point] = []

    def measure(step: int) -> None:
        seen = error(network, images[:SEEN], labels[:SEEN])
        curve.append(Point(step, seen, error(network, *held_out(setup.pictures))))

    measure(0)
    blocks = len(network.blocks)
    total = (
        setup.steps + len(list(connections(network))) + sum(len(each.layers) + 1 for each in network.blocks)
    )
    last = Snapshot(0, total, tuple(curve), weight_map(network))
    yield last
    for step in range(1, setup.steps + 1):
        rows = torch.randint(len(images), (BATCH,), generator=batches)
        optimiser.zero_grad()
        F.cross_entropy(network.train()(images[rows]), labels[rows]).backward()
        optimiser.step()
        schedule.step()
        if step % REPORT == 0 or step == setup.steps:
            measure(step)
            last = Snapshot(step, total, tuple(curve), weight_map(network))
        yield replace(last, done=step)
    frozen = copy.deepcopy(network).eval().requires_grad_(False)
    cuts, silenced = np.full_like(last.weights, np.nan), np.empty((blocks, last.weights.shape[1]))
    for done, ((block, source, target), wrong) in enumerate(
        cut_errors(frozen, *held_out(setup.pictures)), start=setup.steps + 1
    ):
        if target is None:
            silenced[block, source] = wrong
        else:
            cuts[block, source, target] = wrong
        if done < total:
            yield replace(last, done=done)
    yield replace(last, done=total, trained=Trained(setup, frozen, cuts, silenced))


class _Record(nn.Module):
    """What is stored of a run: the network, its curve, and how many pictures each cut gets wrong."""

    curve: Tensor
    cuts: Tensor
    silenced: Tensor

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.network = initialised(setup)
        blocks, sources, targets = weight_map(self.network).shape
        self.register_buffer("curve", torch.zeros(1 + STEPS // REPORT, 3))
        self.register_buffer("cuts", torch.full((blocks, sources, targets), torch.nan))
        self.register_buffer("silenced", torch.zeros(blocks, sources))


def _name(pictures: str) -> str:
    return f"densenet_{pictures}"


def ship(last: Snapshot, folder: Path = FOLDER) -> Path:
    """Store a run in half precision. Its cuts are tried again with the weights as they are stored."""
    assert last.trained is not None
    setup = last.trained.setup
    record = _Record(setup)
    record.network = copy.deepcopy(last.trained.network).half().float()
    record.curve = torch.tensor([(point.step, point.train_error, point.test_error) for point in last.curve])
    images, labels = held_out(setup.pictures)
    for (block, source, target), wrong in cut_errors(record.network, images, labels):
        place = record.silenced[block] if target is None else record.cuts[block, source]
        place[source if target is None else target] = round(wrong * len(labels))
    return save(record, _name(setup.pictures), folder)


@lru_cache(maxsize=4)
def load(pictures: str, folder: Path = FOLDER) -> Snapshot:
    """The shipped run on these pictures, of k = 4 and seed 0; shared, so never trained.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    setup = Setup(pictures)
    record = _Record(setup)
    load_into(record, _name(pictures), folder)
    network, count = record.network.eval().requires_grad_(False), len(held_out(pictures)[1])
    cuts, silenced = (each.double().numpy() / count for each in (record.cuts, record.silenced))
    curve = tuple(Point(int(step), before, after) for step, before, after in record.curve.tolist())
    return Snapshot(STEPS, STEPS, curve, weight_map(network), Trained(setup, network, cuts, silenced))


def row(name: str, folder: Path = FOLDER) -> str:
    """A line of the model card."""
    run = load(name, folder).trained
    assert run is not None
    weights, lost = weight_map(run.network), run.cuts - run.error()
    flows = np.isfinite(lost)
    left = (weights / starting_map(run.network))[flows]
    measured = (
        sum(each.numel() for each in run.network.parameters()),
        f"{run.error():.2%}",
        f"{left.min():.2f} to {left.max():.2f}",
        f"{(lost[flows] <= 0).sum()} of {flows.sum()}",
        f"{np.nanmax(lost):.1%}",
        f"{rank_correlation(weights / starting_map(run.network), lost):.2f}",
    )
    return f"| {name} | {' | '.join(map(str, measured))} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", choices=list(PICTURES), nargs="+", default=list(PICTURES))
    parser.add_argument("--measure", action="store_true", help="only print the model card's figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.pictures:
        if not arguments.measure:
            for snapshot in train(Setup(name, seed=arguments.seed)):
                if snapshot.done % (5 * REPORT) == 0:
                    print(name, snapshot.done, snapshot.curve[-1], flush=True)
            print(ship(snapshot))
        print(row(name))


if __name__ == "__main__":
    main()
