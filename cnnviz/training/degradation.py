"""Degradation, live: plain and residual networks of two depths: ``python -m cnnviz.training.degradation``.

He et al., arXiv 1512.03385, Figures 1 and 6: a deeper plain network has the higher *training* error, a deeper
residual one doesn't. Here the same designs, narrower, learn small pictures within a minute. All see the same
batches; SGD with momentum 0.9 and weight decay 1e-4 as in § 4.2, with a rate that rises and falls once.
Equal runs on one machine and one number of threads give equal weights.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import median
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.blocks.residual import Block
from cnnviz.blocks.small_resnet import SmallResNet
from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.ranges import check_ranges
from cnnviz.training.pictures import PICTURES, pictures
from cnnviz.weights import FOLDER, load_into
from cnnviz.weights import save as save_weights

NETWORKS: Mapping[str, tuple[int, bool]] = MappingProxyType(
    {
        "plain-20": (20, False),
        "resnet-20": (20, True),
        "plain-56": (56, False),
        "resnet-56": (56, True),
    }
)
"""(depth, residual) of each."""
WIDTHS = (2, 16)
WIDTH, STEPS = 4, 400
"""Of the runs that are shipped."""
BATCH, RATE = 64, 0.1
REPORT = 10
"""Steps between two measurements of the errors."""
SEEN = 360
"""Training pictures that the training error is measured on: as many as the digits' test set has."""


@dataclass(frozen=True)
class Setup:
    """One run.

    Attributes:
        pictures: a set of :data:`cnnviz.training.pictures.PICTURES`.
        networks: of :data:`NETWORKS`.
        width: channels of the first stage.
        seed: of the weights and of the order of the pictures.
        steps: of each network.

    Raises:
        SettingError: a value has no meaning.
    """

    pictures: str
    networks: tuple[str, ...] = tuple(NETWORKS)
    width: int = WIDTH
    seed: int = 0
    steps: int = STEPS

    def __post_init__(self) -> None:
        check_ranges(self, {"width": WIDTHS, "seed": (0, 2**31 - 1), "steps": (1, 100_000)})
        if not self.networks or set(self.networks) - set(NETWORKS):
            raise SettingError(
                N_("the networks are {networks}; expected some of {known}"),
                networks=", ".join(self.networks) or "–",
                known=", ".join(NETWORKS),
            )


@dataclass(frozen=True)
class Point:
    """A network after some steps: errors as shares, 0 … 1."""

    step: int
    train_error: float
    test_error: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run on its way.

    Attributes:
        done, total: steps of all networks together.
        curves: by network, from step 0 on.
        trained: copies of the networks, in eval mode and frozen; empty before the end.
    """

    done: int
    total: int
    curves: Mapping[str, tuple[Point, ...]]
    trained: Mapping[str, SmallResNet]


def train(setup: Setup) -> Iterator[Snapshot]:
    """Train all networks in turns of a few steps, with a snapshot after every step; the last has them."""
    data = pictures(setup.pictures)
    images, labels = torch.tensor(data.train), torch.tensor(data.train_labels)
    tests = torch.tensor(data.test), torch.tensor(data.test_labels)
    networks = {name: _initialised(setup, name, len(data.classes)) for name in setup.networks}
    learners = {name: _Learner(network, setup.steps) for name, network in networks.items()}
    batches = {name: torch.Generator().manual_seed(setup.seed) for name in networks}
    curves: dict[str, tuple[Point, ...]] = {}

    def measure(name: str, step: int) -> None:
        seen = error(networks[name], images[:SEEN], labels[:SEEN])
        curves[name] = (*curves.get(name, ()), Point(step, seen, error(networks[name], *tests)))

    for name in networks:
        measure(name, 0)
    done, total = 0, setup.steps * len(networks)
    last = Snapshot(0, total, dict(curves), {})
    yield last
    for start in range(0, setup.steps, REPORT):
        stop = min(start + REPORT, setup.steps)
        for name, network in networks.items():
            for _step in range(start, stop):
                rows = torch.randint(len(images), (BATCH,), generator=batches[name])
                learners[name].take(F.cross_entropy(network.train()(images[rows]), labels[rows]))
                done += 1
                yield replace(last, done=done)
            measure(name, stop)
            last = replace(last, done=done, curves=dict(curves))
    frozen = {name: copy.deepcopy(network).eval().requires_grad_(False) for name, network in networks.items()}
    yield replace(last, trained=frozen)


def error(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of (N, 1, S, S) `images` that `network` puts into another class than `labels` says."""
    network.eval()
    with torch.inference_mode():
        return float((network(images).argmax(1) != labels).double().mean())


def lesions(network: SmallResNet, images: Tensor, labels: Tensor) -> tuple[float, ...]:
    """The error without each block in turn, at test time (Veit et al., arXiv 1605.06431, § 4.1).

    Only what the block would add is left out: its shortcut, and the activation after it, stay. A plain block
    has nothing else, so there its maps pass by (strided and filled up with zeros where their shape changes).

    Args:
        network: in eval mode; it is not touched.
        images, labels: (N, 1, S, S) and (N,).
    """
    with torch.inference_mode():
        before = [network.stem(images)]
        for block in network.blocks:
            before.append(block(before[-1]))
        errors = []
        for number in range(len(network.blocks)):
            maps = network.blocks[number].shortcut_only(before[number])  # type: ignore[operator]
            logits = network.head(network.blocks[number + 1 :](maps))
            errors.append(float((logits.argmax(1) != labels).double().mean()))
    return tuple(errors)


def predict(network: SmallResNet, images: Tensor, gone: Collection[int] = ()) -> Tensor:
    """The classes (N,) that `network` puts (N, 1, S, S) `images` into, without the blocks `gone`.

    Args:
        network: in eval mode; it is not touched.
        gone: numbers of blocks, from 0, left out as in :func:`lesions`.
    """
    with torch.inference_mode():
        maps = network.stem(images)
        for number, block in enumerate(network.blocks):
            maps = block.shortcut_only(maps) if number in gone else block(maps)  # type: ignore[operator]
        return network.head(maps).argmax(1)


def silenced(network: SmallResNet, gone: Collection[int]) -> SmallResNet:
    """A copy in which F of the blocks `gone` is 0, by way of its last BatchNorm.

    For a residual network that is the same as deleting them; a plain block then passes nothing at all.
    """
    network = copy.deepcopy(network)
    for number in gone:
        block = network.blocks[number]
        assert isinstance(block, Block)
        for each in block.branch[-1].parameters():
            nn.init.zeros_(each)
    return network


class _Learner:
    def __init__(self, network: nn.Module, steps: int) -> None:
        self.optimiser = torch.optim.SGD(network.parameters(), RATE, momentum=0.9, weight_decay=1e-4)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, RATE, steps + 1)

    def take(self, loss: Tensor) -> None:
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()


def _initialised(setup: Setup, name: str, classes: int) -> SmallResNet:
    depth, residual = NETWORKS[name]
    network = SmallResNet(depth, setup.width, classes, residual)
    generator = torch.Generator().manual_seed(setup.seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            nn.init.zeros_(module.bias)
    # The convolutions of a CPU are faster with their channels last.
    return network.to(memory_format=torch.channels_last)


class _Run(nn.Module):
    """A finished run as one file.

    Attributes:
        networks: by name.
        counts: (networks, points, 3): the step, and how many training and test pictures were wrong.
    """

    counts: Tensor

    def __init__(self, networks: Mapping[str, SmallResNet], points: int) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(networks)
        self.register_buffer("counts", torch.zeros(len(networks), points, 3))


def save(run: Snapshot, name: str, folder: Path = FOLDER) -> Path:
    """A finished run of all networks on the pictures called `name`.

    As float32: plain-56 makes so much of the least change that float16 would cost it all that it has learned.
    """
    tests = len(pictures(name).test)
    whole = _Run(run.trained, STEPS // REPORT + 1)
    for row, each in zip(whole.counts, NETWORKS, strict=True):
        row[:] = torch.tensor(
            [(p.step, round(p.train_error * SEEN), round(p.test_error * tests)) for p in run.curves[each]]
        )
    return save_weights(whole, f"degradation_{name}", folder, torch.float32)


@lru_cache(maxsize=len(PICTURES))
def load(name: str, folder: Path = FOLDER) -> Snapshot:
    """The shipped run on the pictures called `name`: width :data:`WIDTH`, :data:`STEPS`, seed 0.

    It is shared, so it is never trained.

    Raises:
        SettingError: there are no such pictures.
        WeightsError: the file is missing or damaged.
    """
    data = pictures(name)
    networks = {
        each: SmallResNet(depth, WIDTH, len(data.classes), residual)
        for each, (depth, residual) in NETWORKS.items()
    }
    whole = _Run(networks, STEPS // REPORT + 1)
    load_into(whole, f"degradation_{name}", folder)
    whole.eval().requires_grad_(False)
    curves = {
        each: tuple(
            Point(int(step), train / SEEN, test / len(data.test)) for step, train, test in rows.tolist()
        )
        for each, rows in zip(NETWORKS, whole.counts, strict=True)
    }
    total = STEPS * len(NETWORKS)
    return Snapshot(total, total, curves, networks)


def measured(network: SmallResNet, name: str, step: int) -> Point:
    """The errors of `network`, in eval mode, on the pictures called `name`."""
    data = pictures(name)
    seen = error(network, torch.tensor(data.train[:SEEN]), torch.tensor(data.train_labels[:SEEN]))
    return Point(step, seen, error(network, torch.tensor(data.test), torch.tensor(data.test_labels)))


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
            (*_, last) = train(Setup(name, seed=arguments.seed))
            save(last, name)
        for line in card(name):
            print(line, flush=True)


def card(name: str) -> list[str]:
    """Lines of the model card: errors in per cent, whole and without one block: the median and the worst."""
    data, run = pictures(name), load(name)
    tests = torch.tensor(data.test), torch.tensor(data.test_labels)
    lines = []
    for each, network in run.trained.items():
        point, without = measured(network, name, STEPS), lesions(network, *tests)
        shown = (point.train_error, point.test_error, median(without), max(without))
        lines.append(f"| {name} | {each} | {' | '.join(f'{100 * value:.1f}' for value in shown)} |")
    return lines


if __name__ == "__main__":
    main()
