import pytest
import torch

from cnnviz.blocks.small_resnet import SmallResNet
from cnnviz.errors import SettingError
from cnnviz.training.degradation import Setup, error, lesions, train
from cnnviz.training.pictures import pictures


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
