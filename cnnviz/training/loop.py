"""The loop that every head over cached maps is trained by: repeatable, resumable, with averaged weights."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Recipe:
    """How a head is trained.

    Attributes:
        steps, batch: how many steps of how many views.
        rate: the highest learning rate, reached after `warm_up` steps and lowered to 0 along a cosine.
        decay: AdamW's weight decay of what is multiplied; offsets and normalisation are left alone.
        average: the share of the averaged weights that stays at each step.
    """

    steps: int
    batch: int = 16
    rate: float = 2e-3
    warm_up: int = 60
    decay: float = 0.02
    average: float = 0.998

    def rate_at(self, step: int) -> float:
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        return self.rate / 2 * (1 + math.cos(math.pi * (step - self.warm_up) / (self.steps - self.warm_up)))


def train(
    network: nn.Module,
    loss: Callable[[nn.Module, np.random.Generator], Tensor],
    recipe: Recipe,
    seed: int,
    checkpoint: Path | None = None,
    report: int = 50,
) -> nn.Module:
    """Train from the start, or from `checkpoint` if that file is there.

    Each step has random numbers of its own, drawn from the seed and the step, so that a run that is stopped
    and goes on gives what one run gives: the same weights on one machine with one number of threads.

    Args:
        network: to start from; it is trained in place.
        loss: draws a batch by the generator and returns its loss; called once a step.
        report: a line is printed and the checkpoint written every so many steps.

    Returns:
        the moving average of the weights, in eval mode: what is shipped.
    """
    average = copy.deepcopy(network).eval().requires_grad_(False)
    groups = [
        {"params": [p for p in network.parameters() if p.dim() > 1], "weight_decay": recipe.decay},
        {"params": [p for p in network.parameters() if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, recipe.rate)
    first = 0
    if checkpoint and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
    losses: list[float] = []
    since = time.perf_counter()
    network.train()
    for step in range(first, recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate_at(step)
        with torch.random.fork_rng(devices=[]):
            generator = np.random.default_rng((seed, step))
            torch.manual_seed(int(generator.integers(2**62)))
            value = loss(network, generator)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimiser.step()
        _move(average, network, min(recipe.average, (step + 1) / (step + 10)))
        losses.append(value.item())
        if (step + 1) % report == 0 or step + 1 == recipe.steps:
            seconds = (time.perf_counter() - since) / (step + 1 - first)
            mean = sum(losses) / len(losses)
            print(f"step {step + 1} of {recipe.steps}: loss {mean:.4f}, {seconds:.2f} s a step", flush=True)
            losses.clear()
            if checkpoint:
                _write(checkpoint, network, average, optimiser, step + 1)
    return average


@torch.no_grad()
def _move(average: nn.Module, network: nn.Module, stays: float) -> None:
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - stays)
        else:
            mean.copy_(value)


def _write(
    path: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, step: int
) -> None:
    """All or nothing: a machine that stops while it writes leaves the checkpoint before."""
    state = {"network": network.state_dict(), "average": average.state_dict(), "step": step}
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_suffix(".begun")
    torch.save(state | {"optimiser": optimiser.state_dict()}, begun)
    begun.replace(path)


def averaged(checkpoint: Path, network: nn.Module) -> nn.Module:
    """The averaged weights of a checkpoint, finished or not, in `network`, in eval mode."""
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    return network.eval().requires_grad_(False)
