from dataclasses import astuple, replace

import pytest
import torch
from torch import nn
from torchvision.models.googlenet import Inception as TorchvisionInception

from cnnviz.blocks.inception import (
    BRANCHES,
    TABLE,
    TABLE_TOLERANCE,
    Inception,
    InceptionSettings,
    Widths,
    chain,
    costs,
    growth,
    initialise,
    printed,
)
from cnnviz.blocks.inception_live import SHOWN, look
from cnnviz.blocks.inception_measured import (
    as_in_torchvision,
    googlenet_count,
    head_parameters,
    measure_five,
    measure_growth,
    measure_module,
    torchvision_parameters,
)
from cnnviz.errors import SettingError
from cnnviz.zoo.claims import GOOGLENET_ROWS

SMALL = Widths(3, 2, 5, 1, 4, 2)
FIRST = InceptionSettings(192, TABLE["3a"].widths)


@pytest.mark.parametrize("naive", [True, False])
@pytest.mark.parametrize("five", [3, 5])
@pytest.mark.parametrize("normalise", [True, False])
def test_costs_are_those_of_the_module(naive, five, normalise):
    settings = InceptionSettings(7, SMALL, naive, five, normalise)
    found, counted = costs(settings, 6).values(), measure_module(settings, 6)
    assert sum(branch.parameters for branch in found) == counted.parameters
    assert sum(branch.macs for branch in found) == counted.macs
    assert measure_five(settings, 6).macs == costs(settings, 6)["five"].macs
    block = Inception(settings).eval()
    with torch.no_grad():
        out = block(torch.zeros(2, 7, 6, 5))
        parts = [block.get_submodule(branch)(torch.zeros(2, 7, 6, 5)).shape[1] for branch in BRANCHES]
    assert out.shape == (2, settings.outputs, 6, 5)
    assert parts == list(settings.passed.values())


def test_by_hand_for_module_3a():
    naive = costs(replace(FIRST, naive=True), 28)
    assert naive["five"].macs == 25 * 192 * 32 * 784 == 120_422_400
    assert costs(FIRST, 28)["five"].macs == (192 * 16 + 25 * 16 * 32) * 784 == 12_443_648
    assert costs(FIRST, 28)["three"].parameters == 192 * 96 + 96 + 9 * 96 * 128 + 128
    assert naive["pool"].parameters == 0
    assert replace(FIRST, naive=True).outputs == 64 + 128 + 32 + 192


def test_table_1():
    off = {"parameters": set(), "operations": set()}
    for name, row in TABLE.items():
        settings = InceptionSettings(row.inputs, row.widths)
        found = costs(settings, row.side).values()
        assert settings.outputs == row.outputs
        assert printed(settings, row.side) == name
        for what, computed in (
            ("parameters", sum(branch.parameters for branch in found) / 1024),
            ("operations", sum(branch.macs for branch in found) / 1e6),
        ):
            if abs(computed / getattr(row, what) - 1) > TABLE_TOLERANCE:
                off[what].add(name)
    # What the lesson's prose says of the table.
    assert off == {"parameters": {"4c", "4d", "5a", "5b"}, "operations": {"5a"}}
    four = TABLE["4a"]
    other = costs(InceptionSettings(four.inputs, replace(four.widths, three=204)), four.side).values()
    assert round(sum(branch.parameters for branch in other) / 1024) == four.parameters
    assert round(sum(branch.macs for branch in other) / 1e6) == four.operations
    # The same figures as the zoo's, which are in the order of the paper's rows.
    assert tuple(row.parameters for row in TABLE.values()) == GOOGLENET_ROWS[2:11]


def test_only_the_paper_s_own_is_printed():
    assert printed(FIRST, 27) == printed(replace(FIRST, naive=True), 28) == ""
    assert printed(replace(FIRST, five=3), 28) == printed(replace(FIRST, normalise=True), 28) == ""


def test_equals_torchvision():
    generator = torch.Generator().manual_seed(0)
    ours = Inception(as_in_torchvision(InceptionSettings(7, SMALL)))
    theirs = TorchvisionInception(7, *astuple(SMALL))
    initialise(ours, "relu", generator)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.randn(2, 7, 6, 6, generator=generator)
    for mode in (True, False):
        torch.testing.assert_close(ours.train(mode)(x), theirs.train(mode)(x))
    for row in TABLE.values():
        settings = InceptionSettings(row.inputs, row.widths)
        found = costs(as_in_torchvision(settings), row.side).values()
        assert sum(branch.parameters for branch in found) == torchvision_parameters(settings)


def test_only_the_naive_module_grows():
    naive = replace(FIRST, naive=True)
    assert growth(naive, 28, 4).channels == (192, 416, 640, 864, 1088)
    assert growth(FIRST, 28, 4).channels == (192, 256, 256, 256, 256)
    assert growth(naive, 28, 2).macs[0] == sum(branch.macs for branch in costs(naive, 28).values())
    for settings in (naive, FIRST):
        assert measure_growth(settings, 4) == growth(settings, 28, 4).channels[-1]
        assert len(chain(settings, 4)) == 4
        assert list(growth(settings, 28, 4).macs) == sorted(growth(settings, 28, 4).macs)


def test_look():
    photo = torch.randint(256, (40, 60, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    settings = InceptionSettings(12, Widths(9, 2, 5, 1, 4, 2))
    for given in (photo.numpy(), None):
        seen = look(settings, 6, 3, given)
        assert list(seen) == ["input", *BRANCHES]
        assert [each.shape for each in seen.values()] == [(n, 6, 6) for n in (12, 9, 5, 4, 2)]
        assert [len(each.maps) for each in seen.values()] == [min(SHOWN, n) for n in (12, 9, 5, 4, 2)]
        again, other = look(settings, 6, 3, given), look(settings, 6, 4, given)
        assert seen["five"].mean == again["five"].mean != other["five"].mean
    spread = seen["one"].maps.var((1, 2))
    assert (spread[:-1] >= spread[1:]).all()
    # Nothing but the maximum of the input, in the naive module; of one channel, so that there is no order.
    naive = look(InceptionSettings(1, SMALL, naive=True), 6, 3, None)
    pooled = nn.functional.max_pool2d(torch.tensor(naive["input"].maps), 3, 1, 1)
    torch.testing.assert_close(torch.tensor(naive["pool"].maps), pooled)


def test_googlenet_with_its_heads():
    count = googlenet_count()
    assert count.heads == (head_parameters(512), head_parameters(528))
    assert count.full == count.documented + sum(count.heads) == 13_004_888
    assert count.without == count.documented
    # The documented size of the file fits only with the heads.
    assert count.kept_mib == pytest.approx(count.file_mib, rel=0.005)


def test_bounds():
    with pytest.raises(SettingError, match="three is 0"):
        Widths(1, 1, 0, 1, 1, 1)
    with pytest.raises(SettingError, match="must be odd"):
        InceptionSettings(4, SMALL, five=4)
    with pytest.raises(SettingError, match="inputs is 0"):
        InceptionSettings(0, SMALL)
