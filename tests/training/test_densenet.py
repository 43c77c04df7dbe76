"""The small DenseNets: repeatable training, the shipped runs, and their card."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cnnviz.blocks.reuse import cut, starting_map, weight_map
from cnnviz.errors import SettingError, WeightsError
from cnnviz.training import densenet as training
from cnnviz.training.degradation import error
from cnnviz.training.densenet import STEPS, Setup, Snapshot, held_out, load, row, ship, train
from cnnviz.training.pictures import PICTURES
from cnnviz.weights import FOLDER

CARD = (FOLDER / "densenet.md").read_text(encoding="utf-8")


FEW = 40
"""Test pictures: each of 54 cuts looks at all of them."""


def few(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = held_out(name)
    return images[:FEW], labels[:FEW]


@pytest.fixture(scope="module")
def run() -> list[Snapshot]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "held_out", few)
        return list(train(Setup("digits", 2, seed=3, steps=5)))


def test_training_is_repeatable_and_ends_with_the_cuts(
    run: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "held_out", few)
    assert [each.done for each in run] == list(range(5 + 42 + 12 + 1))
    assert {each.total for each in run} == {59}
    assert [point.step for point in run[-1].curve] == [0, 5]
    assert all(each.trained is None for each in run[:-1])
    last = run[-1].trained
    assert last is not None
    images, labels = few("digits")
    assert run[-1].curve[-1].test_error == last.error() == error(last.network, images, labels)
    assert last.cuts[1, 2, 4] == error(cut(last.network, 1, 2, [4]), images, labels)
    assert last.silenced[0, 1] == error(cut(last.network, 0, 1, range(1, 6)), images, labels)
    assert np.isfinite(last.cuts).sum() == 42
    assert not any(each.requires_grad for each in last.network.parameters())
    np.testing.assert_array_equal(run[-1].weights, weight_map(last.network))
    assert not np.array_equal(run[0].weights, run[-1].weights, equal_nan=True)

    def early(seed: int) -> torch.Tensor:
        steps = train(Setup("digits", 2, seed=seed, steps=5))
        measured = [next(steps) for _step in range(6)][-1]
        return torch.tensor(measured.weights).nan_to_num()

    assert torch.equal(early(3), torch.tensor(run[5].weights).nan_to_num())
    assert not torch.equal(early(4), early(3))


def test_a_run_is_stored_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "STEPS", 20)
    monkeypatch.setattr(training, "held_out", few)
    (*_, last) = train(Setup("digits", steps=20))
    ship(last, tmp_path)
    found = load("digits", tmp_path)
    assert found.trained is not None
    assert last.trained is not None
    assert [point.step for point in found.curve] == [0, 20]
    assert found.done == found.total == 20
    np.testing.assert_allclose(found.weights, last.weights, rtol=1e-3)
    images, labels = few("digits")
    assert found.trained.cuts[0, 0, 2] == error(cut(found.trained.network, 0, 0, [2]), images, labels)
    (tmp_path / "densenet_digits.safetensors").write_bytes(b"broken")
    load.cache_clear()
    with pytest.raises(WeightsError):
        load("digits", tmp_path)


@pytest.mark.parametrize("name", PICTURES)
def test_the_shipped_runs_are_whole(name: str) -> None:
    shipped = load(name)
    found = shipped.trained
    assert found is not None
    assert shipped.curve[-1].step == STEPS
    assert found.error() == pytest.approx(shipped.curve[-1].test_error, abs=0.005)
    assert found.error() < 0.02
    images, labels = held_out(name)
    for block, source, target in ((0, 0, 0), (1, 3, 5)):
        # Another processor may round a picture to the other side.
        wrong = error(cut(found.network, block, source, [target]), images, labels)
        assert found.cuts[block, source, target] == pytest.approx(wrong, abs=1.5 / len(labels))
    left = weight_map(found.network) / starting_map(found.network)
    assert np.nanmedian(left) < 0.5, "weight decay has had time to work"
    assert row(name) in CARD


def test_settings_without_meaning() -> None:
    with pytest.raises(SettingError, match="growth is 1"):
        Setup("digits", 1)
    with pytest.raises(SettingError, match="no pictures called faces"):
        next(train(Setup("faces")))
