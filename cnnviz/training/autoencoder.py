"""Train one encoder and a decoder with each operator: ``python -m cnnviz.training.autoencoder``.

The encoder learns together with a dense decoder, which knows no map and favours no operator. Then it is
fixed, and the decoders learn from its codes, all from the same batches. The page runs the same generator.
Equal runs on one machine give equal weights.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.errors import SettingError, WeightsError
from cnnviz.messages import N_
from cnnviz.ranges import check_ranges
from cnnviz.training.pictures import PICTURES, Pictures, pictures
from cnnviz.upsampling.decoder import KINDS, Decoder, Dense, Encoder, Indices, initialise

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "weights"
LATENTS = range(2, 33, 6)
"""Sizes of code that are shipped."""
STEPS = 600
BATCH = 64
RATE = 2e-2
REPORT = 30
"""Steps between two looks at the test pictures."""
BREATH = 5
"""Steps between two snapshots, which is how quickly a run can be stopped."""
DENSE = "dense"
MEASURED = (2, 8, 32)
"""Sizes of code on the model card."""

Floats = NDArray[np.float32]
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Setup:
    """One run.

    Attributes:
        pictures: a set of :data:`cnnviz.training.pictures.PICTURES`.
        latent: numbers in a code, 1 to 64.
        seed: of the weights and of the order of the pictures.
        steps: of the encoder, and as many of the decoders.

    Raises:
        SettingError: a value has no meaning.
    """

    pictures: str
    latent: int
    seed: int = 0
    steps: int = STEPS

    def __post_init__(self) -> None:
        check_ranges(self, {"latent": (1, 64), "seed": (0, 2**31 - 1), "steps": (1, 100_000)})


@dataclass(frozen=True, eq=False)
class Trained:
    """One encoder and its decoders, in eval mode and frozen.

    Attributes:
        pictures: the set that they were trained on.
        decoders: by operator.
        history: (step, test error) pairs of the dense decoder and of each operator's.
    """

    pictures: str
    latent: int
    encoder: Encoder
    dense: Dense
    decoders: Mapping[str, Decoder]
    history: Mapping[str, tuple[tuple[int, float], ...]]

    @torch.inference_mode()
    def encode(self, images: Floats) -> tuple[Tensor, Indices]:
        """Codes (N, latent), and where the maxima were, of (N, 1, S, S)."""
        codes, indices = self.encoder(torch.tensor(images))
        return codes, indices

    @torch.inference_mode()
    def decode(self, kind: str, codes: Tensor, indices: Indices | None) -> Floats:
        """(N, S, S) pictures of codes (N, latent), by an operator or :data:`DENSE`; not cut to 0 … 1."""
        decoded = self.dense(codes) if kind == DENSE else self.decoders[kind](codes, indices)
        return np.asarray(decoded[:, 0].numpy(), np.float32)

    def rebuild(self, images: Floats) -> dict[str, Floats]:
        """Encode (N, 1, S, S) and decode by everything there is: (N, S, S) each."""
        codes, indices = self.encode(images)
        return {kind: self.decode(kind, codes, indices) for kind in (DENSE, *self.decoders)}

    def errors(self, images: Floats) -> dict[str, float]:
        """Mean squared error of a pixel, by decoder."""
        return {
            kind: float(np.mean((decoded - images[:, 0]) ** 2, dtype=np.float64))
            for kind, decoded in self.rebuild(images).items()
        }


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run on its way.

    Attributes:
        done, total: steps, of the encoder and the decoders together.
        trained: copies of the networks as they are now; no decoders before the encoder is fixed.
    """

    done: int
    total: int
    trained: Trained


def train(setup: Setup, report: int = REPORT) -> Iterator[Snapshot]:
    """Train, with a snapshot every few steps; the last one is the finished run.

    Args:
        report: steps between two looks at the test pictures; snapshots in between show the earlier look.
    """
    data = pictures(setup.pictures)

    def draws() -> torch.Generator:
        """Afresh for each purpose, so that one decoder learns the same with and without the others."""
        return torch.Generator().manual_seed(setup.seed)

    encoder, dense = Encoder(data.side, setup.latent), Dense(data.side, setup.latent)
    decoders = {kind: Decoder(kind, data.side, setup.latent) for kind in KINDS}
    for module in (encoder, dense, *decoders.values()):
        initialise(module, draws())
        # The convolutions of a CPU are faster with their channels last.
        module.to(memory_format=torch.channels_last)
    images = torch.tensor(data.train)
    history: dict[str, list[tuple[int, float]]] = {DENSE: [], **{kind: [] for kind in KINDS}}

    def snapshot(step: int, stage: Mapping[str, Decoder]) -> Snapshot:
        copies = {kind: _frozen(decoder) for kind, decoder in stage.items()}
        made = Trained(setup.pictures, setup.latent, _frozen(encoder), _frozen(dense), copies, {})
        errors = made.errors(data.test)
        for kind in stage or (DENSE,):
            history[kind].append((step - setup.steps if stage else step, errors[kind]))
        told = {kind: tuple(points) for kind, points in history.items()}
        return Snapshot(step, 2 * setup.steps, replace(made, history=told))

    last = snapshot(0, {})
    yield last
    generator = draws()
    for step in _steps(setup, nn.ModuleList([encoder, dense])):
        batch = images[torch.randint(len(images), (BATCH,), generator=generator)]
        step.take(F.mse_loss(dense(encoder(batch)[0]), batch))
        if step.number % report == 0 or step.number == setup.steps:
            last = snapshot(step.number, {})
        if step.number % BREATH == 0 or last.done == step.number:
            yield replace(last, done=step.number)

    encoder.requires_grad_(False)
    with torch.no_grad():
        codes, (first, second) = encoder(images)
    generator = draws()
    for step in _steps(setup, nn.ModuleList(decoders.values())):
        rows = torch.randint(len(images), (BATCH,), generator=generator)
        given, wanted = (codes[rows], (first[rows], second[rows])), images[rows]
        # The decoders share no weights, so the gradient of the sum is each one's own.
        step.take(torch.stack([F.mse_loss(decoder(*given), wanted) for decoder in decoders.values()]).sum())
        done = setup.steps + step.number
        if step.number % report == 0 or step.number == setup.steps:
            last = snapshot(done, decoders)
        if step.number % BREATH == 0 or last.done == done:
            yield replace(last, done=done)


@dataclass
class _Step:
    number: int
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler

    def take(self, loss: Tensor) -> None:
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()


def _steps(setup: Setup, module: nn.Module) -> Iterator[_Step]:
    optimiser = torch.optim.Adam(module.parameters(), RATE, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, setup.steps + 1)
    for number in range(1, setup.steps + 1):
        yield _Step(number, optimiser, schedule)


def _frozen(module: M) -> M:
    return copy.deepcopy(module).eval().requires_grad_(False)


def path(name: str) -> Path:
    """Where the finished runs on a set of pictures are."""
    return FOLDER / f"autoencoder_{name}.safetensors"


def save(runs: Iterable[Trained], file: Path) -> None:
    """All runs on one set of pictures as float16, with their histories."""
    tensors: dict[str, Tensor] = {}
    for run in runs:
        parts = {"encoder": run.encoder, DENSE: run.dense, **run.decoders}
        for part, module in parts.items():
            for name, values in module.state_dict().items():
                tensors[f"{run.latent}.{part}.{name}"] = values.half().contiguous()
        for part, points in run.history.items():
            tensors[f"{run.latent}.{part}.history"] = torch.tensor(points).float()
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)


@lru_cache(maxsize=12)
def load(name: str, latent: int) -> Trained:
    """The shipped run on the pictures called `name`; shared, so never trained.

    Raises:
        SettingError: none is shipped for so many numbers.
        WeightsError: the file is missing or damaged.
    """
    if latent not in LATENTS:
        raise SettingError(
            N_("no run with {latent} numbers is shipped; there are {known}"),
            latent=latent,
            known=", ".join(map(str, LATENTS)),
        )
    side = pictures(name).side
    parts: dict[str, nn.Module] = {"encoder": Encoder(side, latent), DENSE: Dense(side, latent)}
    parts |= {kind: Decoder(kind, side, latent) for kind in KINDS}
    file, history = path(name), {}
    try:
        with safe_open(file, framework="pt") as weights:
            for part, module in parts.items():
                wanted = {
                    key: weights.get_tensor(f"{latent}.{part}.{key}").float() for key in module.state_dict()
                }
                module.load_state_dict(wanted)
                module.eval().requires_grad_(False)
                if part != "encoder":
                    points = weights.get_tensor(f"{latent}.{part}.history").tolist()
                    history[part] = tuple((int(step), error) for step, error in points)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            N_("The weights in {file} cannot be loaded ({reason}); expected those of the autoencoders."),
            file=file.name,
            reason=str(error),
        ) from error
    encoder, dense, *decoders = parts.values()
    return Trained(name, latent, encoder, dense, dict(zip(KINDS, decoders, strict=True)), history)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class LinearCode:
    """The best code of so many numbers that a linear encoder and decoder can make: principal components.

    Attributes:
        mean: (S·S,) of the training pictures.
        components: (latent, S·S), of length 1.
        left_out: mean squared error of a pixel of the training pictures, by the singular values left out.
        measured: the same, by encoding and decoding them.
        error: of the test pictures.
    """

    mean: Tensor
    components: Tensor
    left_out: float
    measured: float
    error: float

    def rebuild(self, images: Floats) -> Floats:
        """(N, 1, S, S) encoded and decoded: (N, S, S)."""
        flat = torch.from_numpy(images.reshape(len(images), -1).astype(np.float64)) - self.mean
        rebuilt = flat @ self.components.T @ self.components + self.mean
        return np.asarray(rebuilt.numpy().reshape(len(images), *images.shape[2:]), np.float32)


def linear_code(data: Pictures, latent: int) -> LinearCode:
    """Principal components of the training pictures (Baldi & Hornik 1989: no linear autoencoder does better)."""
    flat = torch.from_numpy(data.train.reshape(len(data.train), -1).astype(np.float64))
    mean = flat.mean(0)
    _left, singular, right = torch.linalg.svd(flat - mean, full_matrices=False)
    left_out = float((singular[latent:] ** 2).sum() / flat.numel())
    made = LinearCode(mean, right[:latent], left_out, 0.0, 0.0)

    def error(images: Floats) -> float:
        return float(np.mean((made.rebuild(images).astype(np.float64) - images[:, 0]) ** 2))

    return replace(made, measured=error(data.train), error=error(data.test))


@dataclass(frozen=True, eq=False)
class Plane:
    """A flat piece of the codes' space, to look around in.

    Attributes:
        centre: (latent,), the mean code.
        axes: (2, latent), along each axis as far as two standard deviations of the codes.
        places: (N, 2), where the codes lie, in units of `axes`.
        share: how much of the codes' variance lies in the plane.
    """

    centre: Tensor
    axes: Tensor
    places: Floats
    share: float

    def code(self, right: float, up: float) -> Tensor:
        """(latent,) at a place of the plane, in units of `axes`."""
        return self.centre + right * self.axes[0] + up * self.axes[1]


def plane(codes: Tensor) -> Plane:
    """The first two principal components of codes (N, latent); the two numbers themselves where there are two."""
    centre = codes.mean(0)
    away = codes - centre
    if codes.shape[1] == 2:
        directions = torch.eye(2)
    else:
        directions = torch.linalg.svd(away, full_matrices=False)[2][:2]
        # A component's sign is anybody's: largest number positive.
        directions = directions * directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    along = away @ directions.T
    spread = 2 * along.std(0).clamp(min=1e-6)
    share = float(along.var(0).sum() / away.var(0).sum().clamp(min=1e-12))
    return Plane(
        centre, directions * spread[:, None], np.asarray((along / spread).numpy(), np.float32), share
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--pictures", choices=list(PICTURES), nargs="+", default=list(PICTURES))
    parser.add_argument("--measure", action="store_true", help="only print the model card's figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.pictures:
        runs = []
        for latent in () if arguments.measure else LATENTS:
            (*_, last) = train(Setup(name, latent, arguments.seed, arguments.steps), report=2 * REPORT)
            runs.append(last.trained)
            print(
                name,
                latent,
                {kind: f"{points[-1][1]:.4f}" for kind, points in last.trained.history.items()},
                flush=True,
            )
        if runs:
            save(runs, path(name))
        for latent in MEASURED:
            print(row(name, latent))


def row(name: str, latent: int) -> str:
    """A line of the model card: the errors on the pictures kept for the test."""
    errors = load(name, latent).errors(pictures(name).test)
    shown = [f"{errors[kind]:.4f}" for kind in (DENSE, *KINDS)]
    return f"| {name} | {latent} | {' | '.join(shown)} |"


if __name__ == "__main__":
    main()
