"""Training repeats itself, goes on where it was stopped, and averages."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnviz.training.loop import Recipe, averaged, train

RECIPE = Recipe(30, batch=4, rate=0.05, warm_up=5, average=0.8)


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))


def loss(module: nn.Module, generator: np.random.Generator) -> Tensor:
    x = torch.from_numpy(generator.normal(size=(16, 3)).astype(np.float32))
    return ((module(x)[:, 0] - x.sum(1)) ** 2).mean()


def weights(module: nn.Module) -> list[list[float]]:
    return [values.flatten().tolist() for values in module.state_dict().values()]


def test_learns_and_repeats() -> None:
    before = torch.get_rng_state()
    one, other = (train(network(), loss, RECIPE, seed=1) for _ in range(2))
    assert weights(one) == weights(other)
    assert weights(one) != weights(train(network(), loss, RECIPE, seed=2))
    assert not one.training
    generator = np.random.default_rng(9)
    untrained = network().eval()
    assert loss(one, generator) < loss(untrained, generator) / 2
    assert (torch.get_rng_state() == before).all(), "training leaves the process's random numbers alone"


def test_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    straight = train(network(), loss, RECIPE, seed=1)
    path = tmp_path / "deep" / "head.pt"
    steps = 0

    def stopped(module: nn.Module, generator: np.random.Generator) -> Tensor:
        nonlocal steps
        steps += 1
        if steps == 18:
            raise KeyboardInterrupt
        return loss(module, generator)

    with pytest.raises(KeyboardInterrupt):
        train(network(), stopped, RECIPE, seed=1, checkpoint=path, report=10)
    assert torch.load(path, weights_only=True)["step"] == 10
    assert weights(train(network(), loss, RECIPE, seed=1, checkpoint=path)) == weights(straight)
    assert weights(averaged(path, network())) == weights(straight)
    # Finished: there is nothing left to do.
    assert weights(train(network(), loss, RECIPE, seed=1, checkpoint=path)) == weights(straight)


def test_rate() -> None:
    rates = [RECIPE.rate_at(step) for step in range(RECIPE.steps)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[5] == RECIPE.rate
    assert np.all(np.diff(rates[5:]) < 0)
    assert 0 < rates[-1] < RECIPE.rate / 100
