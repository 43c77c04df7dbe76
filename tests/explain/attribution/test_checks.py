"""The cascade, the curves, the exciting patches."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from cnnviz.engine.local import shared_engine
from cnnviz.errors import SettingError
from cnnviz.explain.attribution import insertion_deletion
from cnnviz.explain.attribution.cascade import cascade, order, rank_correlation
from cnnviz.explain.attribution.exciting import (
    covered,
    exciting,
    first_kernels,
    first_layer,
    maps,
    peaks,
    together,
    window,
)
from cnnviz.explain.attribution.grad_cam import GradCam, layers
from cnnviz.explain.attribution.gradients import Saliency, SmoothGrad
from cnnviz.explain.attribution.insertion_deletion import CurveSettings, curves, images_at
from tests.explain.attribution.networks import frozen, linear, photo, small, untouched

HERE = photo()


def steps(network, settings, seed=0):
    return list(cascade(network, HERE, 1, settings, torch.Generator().manual_seed(seed)))


def test_the_cascade_goes_from_the_top_and_leaves_the_network():
    network = small()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = steps(network, Saliency())
    assert [step.block for step in found] == ["", "6", "2", "0"]
    assert [step.done for step in found] == [1, 2, 3, 4]
    assert found[0].correlation == found[0].absolute == pytest.approx(1)
    assert found[-1].correlation < 0.9
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert untouched(network)


def test_the_cascade_comes_from_its_seed():
    first, again, other = (steps(small(), SmoothGrad(2), seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[-1].attribution.map, again[-1].attribution.map)
    assert (first[-1].attribution.map != other[-1].attribution.map).any()


def test_the_top_alone_changes_what_only_the_top_decides():
    """One dense layer: its gradient is its weights, and random weights know nothing of the old ones."""
    found = steps(linear(), Saliency(), seed=1)
    assert [step.block for step in found] == ["", "1"]
    assert abs(found[1].correlation) < 0.5


def test_normalisations_forget_too():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = frozen(network)
    network[1].running_mean.fill_(3)
    (*_, last) = steps(network, GradCam("0", relu=False))
    assert last.block == "0"
    assert network[1].running_mean.tolist() == [3] * 4


def test_a_map_without_ranks_has_no_correlation():
    assert rank_correlation(np.zeros(5), np.arange(5)).value is None


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlation_is_scipys_with_ties(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 4, 30), rng.integers(0, 10, 30)
    assert rank_correlation(first, second).value == pytest.approx(
        spearmanr(first, second).statistic, abs=1e-12
    )


def brightness() -> nn.Module:
    """The logit of class 1 is the sum of the red pixels, that of class 0 is 0."""
    network = frozen(nn.Sequential(nn.Flatten(), nn.Linear(3 * 4, 2)))
    network[1].bias.zero_()
    network[1].weight.copy_(torch.tensor([[0.0] * 12, [1.0] * 4 + [0.0] * 8]))
    return network


def test_curves_by_hand(monkeypatch):
    """Four pixels of red 1, −1, ½, 0; deleted to grey, 0, and inserted into black, −1, in the order of a map."""
    picture = photo(2)
    picture.x.copy_(torch.zeros(1, 3, 2, 2))
    picture.x[0, 0] = torch.tensor([[1.0, -1], [0.5, 0]])
    importance = np.array([[0.9, 0.1], [0.8, 0.3]])
    deletion, insertion = 1 / (1 + np.exp([[-0.5, 0.5, 1, 1, 0], [4, 2, 0.5, -0.5, -0.5]]))
    for size in (1, 3, 99):
        monkeypatch.setattr(insertion_deletion, "batch_size", lambda network, x, size=size: size)
        found = list(curves(brightness(), picture, 1, importance, CurveSettings(4, insertion="black")))
        np.testing.assert_allclose(found[-1].deletion, deletion, atol=1e-6)
        np.testing.assert_allclose(found[-1].insertion, insertion, atol=1e-6)
        np.testing.assert_allclose(found[-1].shares, [0, 0.25, 0.5, 0.75, 1])
        assert len(found) == -(-10 // size)
        for part in found[:-1]:
            assert part.insertion_area is None
        for area, curve in ((found[-1].deletion_area, deletion), (found[-1].insertion_area, insertion)):
            assert area == pytest.approx((curve[0] / 2 + sum(curve[1:4]) + curve[4] / 2) / 4, abs=1e-6)


def test_a_good_map_beats_the_opposite_order():
    """Of a linear network, gradient × (input − fill) is the best order there is."""
    network = linear()
    weights = network[1].weight[1] - network[1].weight[0]
    importance = (weights.reshape(3, 8, 8) * HERE.x[0]).sum(0).numpy()
    settings = CurveSettings(8, insertion="grey")
    (*_, good), (*_, bad) = (curves(network, HERE, 1, sign * importance, settings) for sign in (1, -1))
    assert good.deletion_area < bad.deletion_area
    assert good.insertion_area > bad.insertion_area
    assert good.deletion[0] == good.insertion[-1] == pytest.approx(bad.deletion[0])


def test_curves_want_a_map_of_their_size():
    with pytest.raises(SettingError, match=r"\(8, 8\) pixels was expected"):
        next(curves(small(), HERE, 1, np.zeros((4, 4))))
    with pytest.raises(SettingError, match="no fill pink"):
        CurveSettings(insertion="pink")


def test_the_most_exciting_patch_is_where_the_bright_pixel_is():
    """A 3 × 3 mean of red: excited most around the one bright pixel, and the field is 3 × 3 around the cell."""
    network = frozen(nn.Sequential(nn.Conv2d(3, 2, 3, padding=1)))
    network[0].weight.zero_()
    network[0].weight[1, 0] = 1 / 9
    network[0].bias.zero_()
    dark, bright = photo(8), photo(8)
    dark.x.fill_(0)
    bright.x.fill_(0)
    bright.x[0, 0, 5, 2] = 9
    (layer,) = layers(network, (8, 8))
    seen = peaks(network, layer, [("dark", dark), ("bright", bright)])
    first, second = exciting(seen, 1)
    assert (first.photo, first.value) == ("bright", pytest.approx(1))
    # All nine cells around it answer alike; the first of equals.
    assert first.cell == (4, 1)
    assert first.box == (0, 3, 3, 6)
    assert (second.photo, second.value, second.cell, second.box) == ("dark", 0, (0, 0), (0, 0, 2, 2))
    assert first.box_in((100, 200, 180, 280), (8, 8)) == (100, 230, 130, 260)
    assert len(exciting(seen, 1, count=1)) == 1
    assert untouched(network)
    with pytest.raises(SettingError, match="channel is 2"):
        exciting(seen, 2)


def test_first_kernels_are_the_zoos():
    module = shared_engine().module()
    np.testing.assert_array_equal(first_kernels(module), module.first_layer_kernels().numpy())


def test_blocks_with_weights_lose_them_from_the_top():
    assert order(small()) == ("6", "2", "0")


def test_the_parts_of_a_rank_correlation():
    """Ranks 1, 2, 3 and 1, 3, 2: covariance 1/3, standard deviations √(2/3)."""
    found = rank_correlation(np.array([1, 5, 7]), np.array([0.1, 0.3, 0.2]))
    assert found.covariance == pytest.approx(1 / 3)
    assert found.first == found.second == pytest.approx((2 / 3) ** 0.5)
    assert found.value == pytest.approx(0.5)


def test_the_pictures_of_a_curve_are_those_it_was_measured_on():
    settings = CurveSettings(4, "black", "blur")
    importance = np.random.default_rng(0).permutation(64).reshape(8, 8)
    (*_, found) = curves(small(), HERE, 1, importance, settings)
    for step in range(5):
        both = images_at(HERE, importance, settings, step)
        for here, curve in zip(both, (found.deletion, found.insertion), strict=True):
            with torch.no_grad():
                assert float(small()(here.x).softmax(1)[0, 1]) == pytest.approx(curve[step], abs=1e-6)
    gone = images_at(HERE, importance, settings, 1)[0]
    changed = (gone.x != HERE.x).any(1)[0].numpy()
    np.testing.assert_array_equal(changed, importance >= 48)


def test_nothing_outside_its_field_matters_to_a_cell():
    network = small()
    for layer in layers(network, (8, 8)):
        seen = maps(network, layer, HERE)
        for cell in ((0, 0), (1, 2), (3, 3)):
            alone = maps(network, layer, covered(HERE, layer.box(cell, (8, 8))))
            np.testing.assert_allclose(alone[:, *cell], seen[:, *cell], atol=1e-6)
            assert np.abs(alone - seen).max() > 1e-3
    assert untouched(network)


def test_the_first_convolution_answers_with_a_sum_of_products():
    network = small()
    layer = first_layer(network, (8, 8))
    assert layer.name == "0"
    seen = maps(network, layer, HERE)
    for cell in ((0, 0), (3, 7), (4, 4)):
        given = window(HERE, layer, cell)
        assert given.shape == (3, 3, 3)
        expected = np.tensordot(first_kernels(network), given, 3) + network[0].bias.numpy()
        np.testing.assert_allclose(seen[:, *cell], expected, atol=1e-5)
    assert not window(HERE, layer, (0, 0))[:, 0].any(), "past the border there are zeros"


def test_searched_one_by_one_or_all_at_once():
    network = small()
    layer = layers(network, (8, 8))[0]
    photos = [(str(seed), photo(8, seed)) for seed in range(3)]
    once, parts = peaks(network, layer, photos), [peaks(network, layer, [one]) for one in photos]
    found = together(parts)
    assert found.photos == once.photos == ("0", "1", "2")
    np.testing.assert_array_equal(found.values, once.values)
    np.testing.assert_array_equal(found.cells, once.cells)
    assert exciting(found, 1) == exciting(once, 1)
