"""The networks on warped digits: repeatable training, the shipped run, and what is measured of it."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

from cnnviz.blocks.deformable_net import KINDS, WarpNet, initialise, look, parameters, run
from cnnviz.errors import SettingError, WeightsError
from cnnviz.training import deformable as training
from cnnviz.training.deformable import VALUES, Response, Setup, error, response, train
from cnnviz.training.pictures import pictures
from cnnviz.training.warped_digits import RANGES, SIDE, draw, held_out, warp
from cnnviz.weights import FOLDER

CARD = (FOLDER / f"{training.NAME}.md").read_text(encoding="utf-8")
ONE = torch.ones(1)


@pytest.fixture(scope="module")
def short() -> list[training.Snapshot]:
    """Two steps of each network, measured on few pictures."""
    few = tuple(each[:36] for each in held_out())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "held_out", lambda: few)
        patch.setattr(training, "response", lambda network, against: Response((), (), ()))
        return list(train(Setup(seed=3, steps=2), report=1))


def test_training_is_repeatable(short: list[training.Snapshot], monkeypatch: pytest.MonkeyPatch) -> None:
    few = tuple(each[:36] for each in held_out())
    monkeypatch.setattr(training, "held_out", lambda: few)
    steps = train(Setup(seed=3, steps=2), report=1)
    curves = [next(steps) for _step in range(4)][-1].curves
    for kind in ("ordinary", "dilated"):
        assert curves[kind] == short[-1].curves[kind][:2]


def test_training(short: list[training.Snapshot]) -> None:
    assert short[-1].total == 6
    assert [snapshot.done for snapshot in short[:7]] == list(range(7))
    last = short[-1]
    assert all([step for step, _error in last.curves[kind]] == [0, 1, 2] for kind in KINDS)
    assert last.curves["deformable"][0] == last.curves["ordinary"][0], "they begin as the same network"
    moved = last.trained["deformable"].first[0].offset.weight  # type: ignore[union-attr]
    assert moved.abs().max() > 0
    assert not any(values.requires_grad for values in last.trained["deformable"].parameters())
    assert set(last.responses) == set(VALUES)


def test_all_begin_with_the_same_weights() -> None:
    again = WarpNet("dilated")
    initialise(again, torch.Generator().manual_seed(3))
    other = WarpNet("ordinary")
    initialise(other, torch.Generator().manual_seed(3))
    for one, same in zip(again.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)


@pytest.mark.parametrize("kind", KINDS)
def test_counted(kind: str) -> None:
    assert parameters(kind) == sum(values.numel() for values in WarpNet(kind).parameters())  # type: ignore[arg-type]
    assert f"{parameters(kind):,}" in CARD  # type: ignore[arg-type]


def test_settings_without_meaning() -> None:
    with pytest.raises(SettingError, match="seed is -1"):
        Setup(seed=-1)
    with pytest.raises(SettingError, match="steps is 0"):
        Setup(steps=0)


def test_warping() -> None:
    corner = torch.zeros(1, 1, 8, 8)
    corner[0, 0, 0, 0] = 1
    upright = warp(corner, ONE, 0 * ONE, ONE)[0, 0]
    turned = warp(corner, ONE, 90 * ONE, ONE)[0, 0]
    # Clockwise: what was on the upper left is on the upper right.
    torch.testing.assert_close(turned, torch.rot90(upright, -1))
    full = torch.ones(1, 1, 8, 8)
    tall = warp(full, ONE, 0 * ONE, 1.5 * ONE)[0, 0] > 0.5
    assert tall.any(1).sum() > 1.3 * tall.any(0).sum()
    small, large = (float(warp(full, s * ONE, 0 * ONE, ONE).sum()) for s in (0.6, 1.2))
    assert large == pytest.approx(4 * small, rel=0.05)


def test_drawn_within_the_ranges() -> None:
    digits = torch.ones(200, 1, 8, 8)
    drawn = draw(digits, torch.Generator().manual_seed(0))
    assert drawn.shape == (200, 1, SIDE, SIDE)
    areas = drawn.sum((1, 2, 3)) / 16**2
    low, high = RANGES["scale"]
    assert low**2 * 0.9 < areas.min() < 0.6
    assert 1.8 < areas.max() < high**2 * 1.1
    assert torch.equal(drawn, draw(digits, torch.Generator().manual_seed(0)))


def test_the_shipped_run() -> None:
    shipped = training.load()
    assert (FOLDER / f"{training.NAME}.safetensors").stat().st_size < 60_000
    rows = re.findall(r"^\| (ordinary|dilated|deformable) \|(.*)\|$", CARD, re.M)
    assert [name for name, _row in rows] == list(KINDS)
    images, labels = held_out()
    for name, row in rows:
        kind = next(each for each in KINDS if each == name)
        written = [float(number) for number in re.findall(r"\d+\.\d+", row)]
        responded = shipped.responses["scale"][kind]
        told = [shipped.curves[kind][-1][1], *responded.errors]
        # Half precision and another processor move a picture or two.
        assert 100 * np.array(told) == pytest.approx(written[:7], abs=0.06)
        assert [responded.second[0], responded.second[-1]] == pytest.approx(written[7:], abs=0.01)
        assert error(shipped.trained[kind], images, labels) == pytest.approx(told[0], abs=0.005)
    errors = {kind: shipped.curves[kind][-1][1] for kind in KINDS}
    assert errors["deformable"] < errors["dilated"] < errors["ordinary"]
    wide = shipped.responses["scale"]["deformable"].second
    assert wide[-1] > wide[0] > 1


def test_response_is_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "VALUES", {"scale": (1.6,)})
    found = response(training.load().trained["deformable"], "scale")
    stored = training.load().responses["scale"]["deformable"]
    assert found.errors[0] == pytest.approx(stored.errors[-1], abs=0.006)
    assert found.second[0] == pytest.approx(stored.second[-1], rel=0.01)
    assert found.first[0] == pytest.approx(stored.first[-1], rel=0.01)


def test_saved_and_loaded(short: list[training.Snapshot], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        empty = tuple(0.0 for _value in VALUES["scale"])
        patch.setattr(training, "VALUES", {"scale": VALUES["scale"]})
        patch.setattr(training, "response", lambda network, against: Response(empty, empty, empty))
        few = tuple(each[:36] for each in held_out())
        patch.setattr(training, "held_out", lambda: few)
        patch.setattr(training, "STEPS", 2)
        patch.setattr(training, "REPORT", 1)
        training.save(short[-1], tmp_path)
        again = training.load.__wrapped__(tmp_path)
    for name, values in short[-1].trained["deformable"].named_parameters():
        torch.testing.assert_close(
            again.trained["deformable"].state_dict()[name].float(), values.float(), atol=2e-3, rtol=1e-3
        )
    np.testing.assert_allclose(again.curves["dilated"][:2], short[-1].curves["dilated"][:2])
    named = load(training.weights_file(short[-1]))
    assert "networks.deformable.first.0.offset.weight" in named
    with pytest.raises(WeightsError, match=r"deformable\.safetensors"):
        training.load.__wrapped__(tmp_path / "nowhere")


# What a network looks at


def picture(number: int = 5) -> torch.Tensor:
    return held_out()[0][number]


@pytest.mark.parametrize(("kind", "size"), [("ordinary", 11), ("dilated", 27)])
def test_fixed_windows(kind: str, size: int) -> None:
    network = training.load().trained[kind]  # type: ignore[index]
    found = look(network, picture(), (7, 7))
    assert found.dilations == (network.dilation, network.dilation)
    assert found.both.shape == (81, 2)
    # Points of points: a square around the cell's pixel, and the stem sees one pixel more on each side.
    assert np.ptp(found.both, axis=0).tolist() == [size - 3, size - 3]
    assert found.both.mean(0).tolist() == [14, 14]
    assert all(side <= size for side in found.extent)
    assert not found.field[14 + size // 2 + 1 :].any()


def test_deformable_windows_depend_on_the_picture() -> None:
    network = training.load().trained["deformable"]
    one, other = (look(network, picture(number), (7, 7)) for number in (5, 6))
    assert one.dilations != other.dilations
    assert one.extent > (11, 11)
    _logits, first, second = run(network, picture()[None])
    torch_says = network.first[0].offset(network.stem(picture()[None]))[0].unflatten(0, (9, 2))  # type: ignore[union-attr, operator]
    regular = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"), -1).reshape(9, 2)
    np.testing.assert_allclose(first[0] - regular[:, :, None, None], torch_says.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(one.second, 2 * (second[0, :, :, 7, 7] + 7), atol=1e-9)
    assert one.shares.sum() == pytest.approx(1)


def test_looking_leaves_the_shared_network_alone() -> None:
    network = training.load().trained["deformable"]
    before = {name: values.clone() for name, values in network.state_dict().items()}
    look(network, picture(), (0, 13))
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
    assert not any(module.training for module in network.modules())
    assert len(pictures("digits").test) * 2 == len(held_out()[1])
