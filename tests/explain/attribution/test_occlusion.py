"""Occlusion against captum, against erasing by hand, and against a linear network's weights."""

import numpy as np
import pytest
import torch
from captum import attr

from cnnviz.errors import SettingError
from cnnviz.explain.attribution import occlusion
from cnnviz.explain.attribution.methods import explain
from cnnviz.explain.attribution.occlusion import Occlusion, erase, rectangle
from cnnviz.explain.attribution.picture import FILLS
from tests.explain.attribution.networks import linear, photo, small

HERE = photo(11)


def last(network, settings, target=1):
    return list(explain(network, HERE, target, settings))[-1]


@pytest.mark.parametrize("fill", FILLS)
def test_without_overlap_each_value_is_the_drop_when_that_window_is_erased(fill):
    network, settings = small(), Occlusion(window=4, stride=4, fill=fill, seed=2)
    found = last(network, settings, 2)
    assert found.drops.shape == (3, 3)
    for row, y in enumerate(settings.starts(11)):
        for column, x in enumerate(settings.starts(11)):
            mask = rectangle(HERE.size, (x, y, x + 4, y + 4))
            drop = erase(network, HERE, mask, fill, seed=2).drop(2)
            assert found.drops[row, column] == pytest.approx(drop, abs=1e-5)
            np.testing.assert_allclose(found.map[mask], drop, atol=1e-5)
    assert np.abs(found.drops).max() > 1e-3


@pytest.mark.parametrize(("window", "stride"), [(4, 4), (5, 2), (3, 1), (11, 11), (11, 3), (1, 1), (6, 5)])
@pytest.mark.parametrize("size", [1, 4, 500])
def test_the_map_is_captums(window, stride, size, monkeypatch):
    monkeypatch.setattr(occlusion, "batch_size", lambda network, x: size)
    network = small()
    found = list(explain(network, HERE, 2, Occlusion(window, stride, "blur")))
    bare = attr.Occlusion(network).attribute(
        HERE.x, (3, window, window), strides=(3, stride, stride), baselines=HERE.filled("blur"), target=2
    )
    for channel in bare[0]:
        np.testing.assert_allclose(found[-1].map, channel, atol=1e-6)
    windows = found[-1].drops.size
    assert len(found) == -(-windows // size)
    for part in found:
        assert np.isfinite(part.drops).sum() == part.done
        assert part.total == windows
    np.testing.assert_array_equal(found[0].drops.ravel()[:1], found[-1].drops.ravel()[:1])


def test_of_a_linear_network():
    """Covering a pixel with grey, 0, takes away what its three weights add."""
    network = linear(11)
    weights = network[1].weight[0].reshape(3, 11, 11)
    found = last(network, Occlusion(1, 1), 0)
    np.testing.assert_allclose(found.map, (weights * HERE.x[0]).sum(0), atol=1e-5)
    assert found.score == pytest.approx(float(network(HERE.x)[0, 0]), abs=1e-6)


def test_the_photo_stays():
    before = HERE.x.clone()
    last(small(), Occlusion(4, 4))
    assert torch.equal(before, HERE.x)


def test_nothing_erased_changes_nothing_and_all_erased_leaves_the_fill():
    network = small()
    same = erase(network, HERE, np.zeros((11, 11), bool))
    assert same.drop(1) == 0
    np.testing.assert_array_equal(same.probabilities, same.erased_probabilities)
    assert same.probabilities.sum() == pytest.approx(1, abs=1e-6)
    gone = erase(network, HERE, np.ones((11, 11), bool), "black")
    torch.testing.assert_close(gone.picture.x, HERE.filled("black"))
    np.testing.assert_allclose(gone.erased_logits, network(HERE.filled("black"))[0], atol=1e-6)


def test_what_makes_no_sense():
    with pytest.raises(SettingError, match="stride is 5"):
        Occlusion(window=4, stride=5)
    with pytest.raises(SettingError, match="window"):
        Occlusion(window=0, stride=0)
    with pytest.raises(SettingError, match=r"\(11, 11\) pixels was expected, not \(3, 4\)"):
        erase(small(), HERE, np.ones((3, 4), bool))
