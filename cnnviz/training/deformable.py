"""Train three networks that sample differently, side by side: ``python -m cnnviz.training.deformable``.

An ordinary, a dilated and a deformable one, from the same weights, on the same warped digits in the same order.
The page runs the same generator. Equal runs on one machine give equal weights.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.blocks.deformable import effective_dilation
from cnnviz.blocks.deformable_net import KINDS, STRIDE, Kind, WarpNet, initialise, run
from cnnviz.ranges import check_ranges
from cnnviz.training.pictures import pictures
from cnnviz.training.warped_digits import draw, held_out, warp
from cnnviz.weights import FOLDER, load_into
from cnnviz.weights import save as save_weights

STEPS = 600
BATCH = 32
RATE = 1e-2
REPORT = 50
"""Steps between two looks at the test pictures."""
NAME = "deformable"
Against = Literal["scale", "turn"]
VALUES: Mapping[Against, tuple[float, ...]] = {
    "scale": (0.6, 0.8, 1.0, 1.2, 1.4, 1.6),
    "turn": (-60, -40, -20, 0, 20, 40, 60),
}
"""Where figures are taken against one setting, the others at rest."""


@dataclass(frozen=True)
class Setup:
    """One run.

    Attributes:
        seed: of the weights, the order of the digits, and how each is warped.
        steps: of every network.

    Raises:
        SettingError: a value has no meaning.
    """

    seed: int = 0
    steps: int = STEPS

    def __post_init__(self) -> None:
        check_ranges(self, {"seed": (0, 2**31 - 1), "steps": (1, 100_000)})


@dataclass(frozen=True)
class Response:
    """A network against one setting of the test digits.

    Attributes:
        errors: at each of :data:`VALUES`.
        first, second: effective dilation of either layer, mean over all cells that lie on ink; 0 without any.
    """

    errors: tuple[float, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run on its way.

    Attributes:
        done, total: steps of all networks together.
        curves: by network, (step, error on the test pictures) from step 0 on.
        trained: copies of the networks, in eval mode and frozen; empty before the end.
        responses: of them, against each setting; empty before the end.
    """

    done: int
    total: int
    curves: Mapping[Kind, tuple[tuple[int, float], ...]]
    trained: Mapping[Kind, WarpNet]
    responses: Mapping[Against, Mapping[Kind, Response]]


def train(setup: Setup, report: int = REPORT) -> Iterator[Snapshot]:
    """Train all networks in turns of `report` steps, with a snapshot after every step; the last has them."""
    data = pictures("digits")
    digits, labels = torch.tensor(data.train), torch.tensor(data.train_labels)
    networks = {kind: WarpNet(kind) for kind in KINDS}
    for network in networks.values():
        initialise(network, torch.Generator().manual_seed(setup.seed))
    learners = {kind: _Learner(network, setup.steps) for kind, network in networks.items()}
    draws = {kind: torch.Generator().manual_seed(setup.seed) for kind in KINDS}
    curves: dict[Kind, tuple[tuple[int, float], ...]] = {
        kind: ((0, error(network, *held_out())),) for kind, network in networks.items()
    }
    done, total = 0, setup.steps * len(networks)
    last = Snapshot(0, total, dict(curves), {}, {})
    yield last
    for start in range(0, setup.steps, report):
        stop = min(start + report, setup.steps)
        for kind, network in networks.items():
            for _step in range(start, stop):
                rows = torch.randint(len(digits), (BATCH,), generator=draws[kind])
                batch = draw(digits[rows], draws[kind])
                learners[kind].take(F.cross_entropy(network.train()(batch), labels[rows]))
                done += 1
                yield replace(last, done=done)
            curves[kind] = (*curves[kind], (stop, error(network, *held_out())))
            last = replace(last, done=done, curves=dict(curves))
    frozen = {kind: copy.deepcopy(network).eval().requires_grad_(False) for kind, network in networks.items()}
    responses: dict[Against, dict[Kind, Response]] = {against: {} for against in VALUES}
    for against, found in responses.items():
        for kind, trained in frozen.items():
            found[kind] = response(trained, against)
            yield last  # so that a run can be stopped here, too
    yield replace(last, trained=frozen, responses=responses)


class _Learner:
    def __init__(self, network: nn.Module, steps: int) -> None:
        self.optimiser = torch.optim.Adam(network.parameters(), RATE, fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, RATE, steps + 1)

    def take(self, loss: Tensor) -> None:
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()


def error(network: WarpNet, images: Tensor, labels: Tensor) -> float:
    """Share of (N, 1, S, S) `images` that `network` puts into another class than `labels` says."""
    network.eval()
    with torch.inference_mode():
        return float((network(images).argmax(1) != labels).double().mean())


def response(network: WarpNet, against: Against) -> Response:
    """Measure `network`, in eval mode, on every test digit at each value of one setting, the others at rest."""
    data = pictures("digits")
    digits, labels = torch.tensor(data.test), torch.tensor(data.test_labels)
    rest = {"scale": 1.0, "turn": 0.0, "stretch": 1.0}
    errors: list[float] = []
    firsts: list[float] = []
    seconds: list[float] = []
    for value in VALUES[against]:
        settings = {name: torch.full((len(digits),), x) for name, x in (rest | {against: value}).items()}
        images = warp(digits, **settings)
        logits, *found = run(network, images)
        errors.append(float((logits.argmax(1) != labels).double().mean()))
        # A cell lies on ink where the pixel that it is at is at least half white.
        ink = (images[:, 0, ::STRIDE, ::STRIDE] > 0.5).numpy()
        for each, into in zip(found, (firsts, seconds), strict=True):
            spread = effective_dilation(each.transpose(1, 2, 0, 3, 4))
            into.append(float(spread[ink].mean()) if ink.any() else 0.0)
    return Response(tuple(errors), tuple(firsts), tuple(seconds))


class _Run(nn.Module):
    """A finished run as one file: all networks, their curves in whole numbers, which float16 keeps exactly, and responses.

    Attributes:
        networks: by kind.
        counts: (kinds, points, 2): the step, and how many test pictures were wrong.
        scale, turn: (kinds, values, 3): how many test digits were wrong, and the dilation of either layer.
    """

    counts: Tensor

    def __init__(self, networks: Mapping[Kind, WarpNet]) -> None:
        super().__init__()
        self.networks = nn.ModuleDict({str(kind): network for kind, network in networks.items()})
        self.register_buffer("counts", torch.zeros(len(networks), STEPS // REPORT + 1, 2))
        for against, values in VALUES.items():
            self.register_buffer(against, torch.zeros(len(networks), len(values), 3))


def save(finished: Snapshot, folder: Path = FOLDER) -> Path:
    """A finished run as float16. What is measured at the end is what the weights do as they are stored."""
    images, labels = held_out()
    digits = len(pictures("digits").test)
    trained = {kind: copy.deepcopy(network).half().float() for kind, network in finished.trained.items()}
    whole = _Run(trained)
    for row, (kind, network) in enumerate(trained.items()):
        points = (*finished.curves[kind][:-1], (STEPS, error(network, images, labels)))
        whole.counts[row] = torch.tensor([(step, round(wrong * len(labels))) for step, wrong in points])
        for against in VALUES:
            found = response(network, against)
            wrong = [round(share * digits) for share in found.errors]
            numbers = torch.tensor(list(zip(wrong, found.first, found.second, strict=True)))
            whole.get_buffer(against)[row] = numbers
    return save_weights(whole, NAME, folder)


@lru_cache(maxsize=1)
def load(folder: Path = FOLDER) -> Snapshot:
    """The shipped run, of :data:`STEPS` and seed 0; shared, so never trained.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    networks = {kind: WarpNet(kind) for kind in KINDS}
    whole = _Run(networks)
    load_into(whole, NAME, folder)
    whole.eval().requires_grad_(False)
    tests, digits = len(held_out()[1]), len(pictures("digits").test)
    curves = {
        kind: tuple((int(step), wrong / tests) for step, wrong in rows.tolist())
        for kind, rows in zip(KINDS, whole.counts, strict=True)
    }
    responses = {
        against: {
            kind: Response(tuple((wrong / digits).tolist()), tuple(first.tolist()), tuple(second.tolist()))
            for kind, (wrong, first, second) in zip(
                KINDS, whole.get_buffer(against).transpose(1, 2), strict=True
            )
        }
        for against in VALUES
    }
    total = STEPS * len(networks)
    return Snapshot(total, total, curves, networks, responses)


def weights_file(finished: Snapshot) -> bytes:
    """The networks of a finished run as a safetensors file, float32, named as in the shipped one."""
    tensors = {
        f"networks.{kind}.{name}": values.contiguous()
        for kind, network in finished.trained.items()
        for name, values in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    return safetensors_bytes(tensors)


def card() -> list[str]:
    """Lines of the model card: errors in per cent on the test pictures and by scale, and how wide the points lie."""
    lines = []
    for kind, network in load().trained.items():
        found = response(network, "scale")
        shown = [f"{100 * value:.1f}" for value in (error(network, *held_out()), *found.errors)]
        wide = " → ".join(f"{found.second[end]:.2f}" for end in (0, -1))
        lines.append(f"| {kind} | {' | '.join(shown)} | {wide} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", action="store_true", help="only print the model card's figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.measure:
        for last in train(Setup(arguments.seed)):
            if last.done % (3 * REPORT) == 0 and not last.trained:
                told = {kind: f"{points[-1][1]:.3f}" for kind, points in last.curves.items()}
                print(f"{last.done} of {last.total}: {told}", flush=True)
        save(last)
    for line in card():
        print(line, flush=True)


if __name__ == "__main__":
    main()
