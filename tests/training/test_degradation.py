import copy
import re
from pathlib import Path

import pytest
import torch

from cnnviz.blocks.small_resnet import SmallResNet, parameters, parameters_formula
from cnnviz.errors import SettingError, WeightsError
from cnnviz.training import degradation
from cnnviz.training.degradation import (
    NETWORKS,
    STEPS,
    WIDTH,
    Setup,
    Snapshot,
    card,
    error,
    lesions,
    load,
    predict,
    save,
    silenced,
    train,
)
from cnnviz.training.pictures import PICTURES, pictures
from cnnviz.weights import FOLDER

CARD = (FOLDER / "degradation.md").read_text(encoding="utf-8")


def weights(run: Snapshot) -> dict[str, torch.Tensor]:
    return {f"{name}.{key}": x for name, net in run.trained.items() for key, x in net.state_dict().items()}


def labelled(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(pictures(name).test), torch.tensor(pictures(name).test_labels)


def test_paper_networks_have_the_paper_s_sizes():
    # He et al., arXiv 1512.03385, Table 6: 0.27 M and 0.85 M parameters; ours see one channel, theirs three.
    for depth, published in ((20, 0.27e6), (56, 0.85e6)):
        network = SmallResNet(depth, 16, 10)
        assert sum(p.numel() for p in network.parameters()) == pytest.approx(published, rel=0.02)
        plain = SmallResNet(depth, 16, 10, residual=False)
        assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in network.parameters())
        weighted = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
        assert len(weighted) == depth
    with pytest.raises(SettingError, match="6n"):
        SmallResNet(21, 4, 10)


def test_runs_repeat_learn_and_stop():
    setup = Setup("shapes", ("resnet-20",), width=4, steps=30)
    (*between, last) = train(setup)
    assert [snapshot.done for snapshot in between] == list(range(31))
    assert last.done == last.total == 30
    (*_, again) = train(setup)
    assert last.curves == again.curves
    points = last.curves["resnet-20"]
    assert [point.step for point in points] == [0, 10, 20, 30]
    data = pictures("shapes")
    found = error(last.trained["resnet-20"], torch.tensor(data.test), torch.tensor(data.test_labels))
    assert found == points[-1].test_error
    assert next(train(setup)).trained == {}


def test_a_network_learns_the_same_alone_and_beside_another():
    alone = list(train(Setup("digits", ("plain-20",), width=2, steps=12)))[-1]
    beside = list(train(Setup("digits", ("resnet-20", "plain-20"), width=2, steps=12)))[-1]
    assert alone.curves["plain-20"] == beside.curves["plain-20"]


def test_lesion_leaves_out_one_block():
    torch.manual_seed(0)
    network = SmallResNet(20, 4, 10).eval()
    data = pictures("digits")
    images, labels = torch.tensor(data.test), torch.tensor(data.test_labels)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    found = lesions(network, images, labels)
    assert len(found) == 9
    for number in (0, 3, 8):
        copy = SmallResNet(20, 4, 10).eval()
        copy.load_state_dict(before)
        # A branch whose last BatchNorm gives nothing adds nothing.
        norm = copy.blocks[number].branch[-1]
        torch.nn.init.zeros_(norm.weight)
        torch.nn.init.zeros_(norm.bias)
        assert found[number] == error(copy, images, labels)
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
    assert len(lesions(SmallResNet(20, 4, 10, residual=False).eval(), images, labels)) == 9


def test_settings_are_checked():
    with pytest.raises(SettingError, match="width is 99"):
        Setup("digits", width=99)
    with pytest.raises(SettingError, match="vgg"):
        Setup("digits", ("vgg",))


@pytest.mark.parametrize(("depth", "width", "classes"), [(20, 16, 10), (56, 2, 4), (8, 5, 3)])
def test_parameters_by_formula(depth: int, width: int, classes: int) -> None:
    for residual in (False, True):
        network = SmallResNet(depth, width, classes, residual)
        assert parameters(depth, width, classes) == sum(each.numel() for each in network.parameters())
    written = parameters_formula(depth, width, classes).replace(r"\cdot", "*").replace("^", "**")
    assert eval(written) == parameters(depth, width, classes)


def test_deleting_blocks_by_three_ways() -> None:
    network = load("digits").trained["resnet-20"]
    images, labels = labelled("digits")
    before = {name: values.clone() for name, values in network.state_dict().items()}
    assert torch.equal(predict(network, images), network(images).argmax(1))
    each = lesions(network, images, labels)
    for number in (0, 3, 8):
        assert float((predict(network, images, [number]) != labels).double().mean()) == each[number]
        assert error(silenced(network, [number]), images, labels) == each[number]
    several = predict(network, images, [1, 4, 5])
    assert torch.equal(several, silenced(network, [1, 4, 5])(images).argmax(1))
    # A plain block has no shortcut: silenced, it says nothing; deleted, it lets its maps pass.
    plain = load("digits").trained["plain-20"]
    assert predict(silenced(plain, [8]), images).unique().numel() == 1
    assert predict(plain, images, [8]).unique().numel() > 1
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())


@pytest.mark.parametrize("name", PICTURES)
def test_every_shipped_run_is_whole_and_shows_degradation(name: str) -> None:
    run, (images, labels) = load(name), labelled(name)
    assert tuple(run.trained) == tuple(run.curves) == tuple(NETWORKS)
    assert run.done == run.total == STEPS * len(NETWORKS)
    for each, points in run.curves.items():
        assert [point.step for point in points] == list(range(0, STEPS + 1, 10))
        # As a count of pictures; another processor adds in another order.
        assert points[-1].test_error == pytest.approx(error(run.trained[each], images, labels), abs=0.01)
        assert not any(parameter.requires_grad for parameter in run.trained[each].parameters())
    ends = {each: points[-1] for each, points in run.curves.items()}
    assert ends["plain-56"].train_error > ends["plain-20"].train_error + 0.1
    assert ends["resnet-56"].train_error < ends["resnet-20"].train_error + 0.05


def test_only_the_deep_plain_network_needs_full_precision() -> None:
    images, labels = labelled("digits")
    for each, network in load("digits").trained.items():
        rounded = copy.deepcopy(network).half().float()
        worse = error(rounded, images, labels) - error(network, images, labels)
        assert worse > 0.2 if each == "plain-56" else abs(worse) < 0.02, each


def test_a_training_leaves_the_shipped_run_alone() -> None:
    shipped = load("digits")
    before = {name: x.clone() for name, x in weights(shipped).items()}
    (*_, last) = train(Setup("digits", steps=1))
    assert not any(
        torch.equal(x, before[name]) for name, x in weights(last).items() if "dense.weight" in name
    )
    assert load("digits") is shipped
    assert all(torch.equal(x, before[name]) for name, x in weights(shipped).items())


def test_saved_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(degradation, "STEPS", 2)
    monkeypatch.setattr(degradation, "REPORT", 2)
    (*_, last) = train(Setup("shapes", steps=2))
    file = save(last, "shapes", tmp_path)
    again = load.__wrapped__("shapes", tmp_path)
    for name, x in weights(last).items():
        assert torch.equal(x, weights(again)[name]) or "tracked" in name, name
    assert again.curves == last.curves
    assert not any(net.training for net in last.trained.values())
    file.write_bytes(file.read_bytes()[:999])
    with pytest.raises(WeightsError, match=r"degradation_shapes\.safetensors"):
        load.__wrapped__("shapes", tmp_path)


@pytest.mark.parametrize("name", PICTURES)
def test_card(name: str) -> None:
    rows = re.findall(rf"^\| {name} .*$", CARD, re.M)
    assert len(rows) == len(NETWORKS)
    for row, line in zip(rows, card(name), strict=True):
        (written, measured) = ([float(x) for x in each.split("|")[3:-1]] for each in (row, line))
        assert measured == pytest.approx(written, abs=1)
    assert f"width {WIDTH}" in CARD
    assert f"{STEPS} steps" in CARD
    assert (FOLDER / f"degradation_{name}.safetensors").stat().st_size < 800_000
