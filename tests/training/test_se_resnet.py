"""The networks that are shipped, and a training of a few steps."""

import numpy as np
import pytest
import torch

from cnnviz.blocks.small_se_resnet import SmallSEResNet
from cnnviz.errors import SettingError, WeightsError
from cnnviz.training import se_resnet
from cnnviz.training.lit_shapes import draw
from cnnviz.training.se_resnet import (
    PLAIN,
    REDUCTIONS,
    SEEDS,
    STEPS,
    Point,
    Run,
    initialised,
    load,
    prepared,
    runs,
)


def test_equal_starts_give_equal_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(se_resnet, "_CHUNK", 40)
    monkeypatch.setattr(se_resnet, "TRAINING", 80)
    monkeypatch.setattr(se_resnet, "TESTS", 40)
    se_resnet._pictures.cache_clear()
    try:
        first, again, plain = (list(se_resnet.train(r, 0, steps=3))[-1] for r in (4, 4, PLAIN))
    finally:
        se_resnet._pictures.cache_clear()
    assert torch.equal(first[0].dense.weight, again[0].dense.weight)
    assert not torch.equal(first[0].dense.weight, plain[0].dense.weight)
    assert first[1] == again[1]
    (point,) = first[1]
    assert point.step == 3
    assert 0 <= point.both <= min(point.colour, point.shape)


def test_all_ratios_start_from_the_same_convolutions() -> None:
    stems = [initialised(r, 1) for r in (2, 16, PLAIN)]
    for each in stems[1:]:
        assert torch.equal(stems[0].stem[0].weight, each.stem[0].weight)
        assert torch.equal(stems[0].blocks[2].branch[0].weight, each.blocks[2].branch[0].weight)
    assert not torch.equal(stems[0].stem[0].weight, initialised(2, 2).stem[0].weight)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_shipped_networks_know_pictures_they_have_not_seen(reduction: int) -> None:
    network, drawn = load(reduction), draw(300, 900)
    assert isinstance(network, SmallSEResNet)
    assert not network.training
    with torch.inference_mode():
        found = network(prepared(torch.from_numpy(drawn.images().transpose(0, 3, 1, 2).copy()))).argmax(1)
    right = float((found.numpy() == drawn.labels).mean())
    assert right == pytest.approx(runs()[reduction][0].curve[-1].both, abs=0.08)
    assert load(reduction) is network


def test_every_run_is_there() -> None:
    assert tuple(runs()) == (*REDUCTIONS, PLAIN)
    for each in runs().values():
        assert [run.seed for run in each] == list(range(SEEDS))
        for run in each:
            assert run.curve[-1].step == STEPS
            assert run.curve[-1].both > run.curve[0].both
            assert all(p.both <= min(p.colour, p.shape) + 1e-6 for p in run.curve)


def test_what_the_lesson_says_of_the_runs() -> None:
    last = {r: [run.curve[-1] for run in each] for r, each in runs().items()}
    both = {r: np.array([point.both for point in each]) for r, each in last.items()}
    assert max(both, key=lambda r: both[r].mean()) == PLAIN, "without gates the shapes are learned best"
    colour = [np.mean([point.colour for point in each]) for each in last.values()]
    assert np.ptp(colour) < 0.01, "and the colours as well as with them"
    assert np.ptp(both[16]) > np.ptp([each.mean() for each in both.values()]), "the dots of r = 16"


def test_curves_come_back_as_they_were_saved(tmp_path) -> None:
    curve = (Point(1, 0.25, 0.5, 0.75), Point(2, 0.5, 0.5, 1.0))
    found = {r: [Run(r, 0, curve), Run(r, 1, curve[::-1])] for r in (*REDUCTIONS, PLAIN)}
    se_resnet.save_runs(found, tmp_path)
    back = runs(tmp_path)
    assert {r: list(each) for r, each in back.items()} == found


def test_what_is_not_there(tmp_path) -> None:
    with pytest.raises(SettingError, match="no network with r = 3 is shipped; there are 2, 4, 8, 16"):
        load(3)
    with pytest.raises(WeightsError, match="se_resnet_ratios"):
        runs(tmp_path / "nowhere")
    assert np.isfinite(load(2).dense.weight.numpy()).all()
