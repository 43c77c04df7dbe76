"""The network taken apart: counts by arithmetic against PyTorch, and one unit worked out by hand."""

import numpy as np
import pytest
import skimage.data
import torch
from torch.utils.flop_counter import FlopCounterMode

from cnnviz.errors import SettingError
from cnnviz.zoo import anatomy
from cnnviz.zoo.efficientnet_lite0 import CARD, EfficientNetLite0, load, preprocess

DEAD = (11, 16, 28, 31)
"""Channels of the stem whose kernels ended training at zero; the lesson's prose counts them from 1."""


@pytest.fixture(scope="module")
def trained():
    return load()


@pytest.fixture(scope="module")
def costs():
    return anatomy.stage_costs(anatomy.blank())


def test_the_published_counts(costs):
    # tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder_test.py: 'efficientnet-lite0'.
    assert sum(cost.parameters for cost in costs) == anatomy.PUBLISHED_PARAMETERS == 4_652_008
    assert sum(cost.macs for cost in costs) == CARD.macs
    # arXiv 1905.11946, Table 1, EfficientNet-B0: resolutions of stages 2 to 9.
    assert tuple(cost.side for cost in costs[:8]) == anatomy.PAPER_SIDES == (112, 112, 56, 28, 14, 14, 7, 7)


@pytest.mark.parametrize("size", [224, 160, 32])
def test_arithmetic_is_what_torch_does(size):
    network = EfficientNetLite0().eval()
    *costs, classifier = anatomy.stage_costs(network, size)
    with torch.inference_mode():
        maps = network.forward_features(torch.zeros(1, 3, size, size))
    for cost, (name, found) in zip(costs, maps.items(), strict=True):
        assert cost.name == name
        assert found.shape[1:] == (cost.channels, cost.side, cost.side)
        assert cost.parameters == sum(p.numel() for p in network.stages[name].parameters())
        assert cost.step.output_size == cost.side
    assert classifier.parameters == sum(p.numel() for p in network.classifier.parameters())
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, size, size))
    total = sum(cost.macs for cost in costs) + classifier.macs
    assert anatomy.measured_macs(network, size) == total == counter.get_total_flops() // 2


def test_counting_leaves_other_visitors_modules_alone(monkeypatch):
    def refuse(hook):
        raise AssertionError("a global hook would see every visitor's forward pass")

    monkeypatch.setattr("torch.nn.modules.module.register_module_forward_pre_hook", refuse)
    monkeypatch.setattr("torch.utils.module_tracker.register_module_forward_pre_hook", refuse)
    assert anatomy.measured_macs(anatomy.blank()) == CARD.macs


def test_strength_is_the_largest_absolute_value():
    maps = np.random.default_rng(3).normal(size=(20, 5, 4))
    peaks = [np.abs(maps[channel]).max() for channel in anatomy.by_strength(maps)]
    assert peaks == sorted(peaks, reverse=True)
    assert sorted(anatomy.by_strength(np.zeros((4, 2, 2)))) == [0, 1, 2, 3]


@pytest.mark.parametrize("photo", ["coffee", "chelsea"])
def test_a_unit_by_hand_is_the_unit_of_the_network(trained, photo):
    x = preprocess(getattr(skimage.data, photo)())
    stem = trained.forward_features(x)["stem"][0].numpy()
    rng = np.random.default_rng(0)
    cells = [(0, 0), (111, 111), (0, 111), (111, 0), *rng.integers(0, 112, (8, 2)).tolist()]
    for channel in range(32):
        for row, column in cells:
            unit = anatomy.first_layer_unit(trained, x, channel, row, column)
            assert unit.value == pytest.approx(stem[channel, row, column], abs=1e-4)
            assert (unit.top, unit.left) == (2 * row, 2 * column)


def test_padding_counts_as_zero(trained):
    x = torch.ones(1, 3, 224, 224)
    unit = anatomy.first_layer_unit(trained, x, 0, 111, 5)
    np.testing.assert_array_equal(unit.patch[:, 2], 0)
    np.testing.assert_array_equal(unit.patch[:, :2], 1)


@pytest.mark.parametrize("at", [(32, 0, 0), (0, 112, 0), (0, 0, -1)])
def test_a_unit_that_is_not_there(trained, at):
    with pytest.raises(SettingError, match=r"the maps are \(32, 112, 112\)"):
        anatomy.first_layer_unit(trained, torch.zeros(1, 3, 224, 224), *at)


def test_four_kernels_answer_nothing_to_any_photo(trained):
    """Even the photo that suits a kernel best, ±1 wherever the weight is positive or negative."""
    silent = []
    for channel, kernel in enumerate(trained.first_layer_kernels()):
        for sign in (1, -1):
            best = torch.zeros(1, 3, 224, 224)
            best[0, :, 20:23, 30:33] = sign * kernel.sign()
            unit = anatomy.first_layer_unit(trained, best, channel, 10, 15)
            if unit.value > 0:
                break
        else:
            silent.append(channel)
    assert tuple(silent) == DEAD
    weights = trained.first_layer_kernels().flatten(1).norm(dim=1)
    assert tuple(torch.nonzero(weights < 1e-3 * weights.max()).flatten().tolist()) == DEAD
