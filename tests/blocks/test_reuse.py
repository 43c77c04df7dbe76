"""What is read out of a DenseNet's weights, and what is cut from it."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from cnnviz.blocks.dense import DenseNet
from cnnviz.blocks.reuse import (
    connections,
    cut,
    cut_errors,
    rank_correlation,
    readers,
    starting_map,
    weight_map,
)
from cnnviz.errors import SettingError
from cnnviz.training.degradation import error
from cnnviz.training.densenet import Setup, initialised


def network() -> DenseNet:
    made = initialised(Setup("digits", 2)).eval().requires_grad_(False)
    for part in made.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.bias.fill_(0.1)
    return made


def test_who_reads_what() -> None:
    made = network()
    first, second = made.blocks
    assert readers(made, 0) == [*(layer[2] for layer in first.layers), made.body[1][2]]
    assert readers(made, 1)[:-1] == [layer[2] for layer in second.layers]
    assert readers(made, 1)[-1] is made.head[-1]
    flows = list(connections(made))
    assert len(flows) == 2 * 21
    assert flows[:4] == [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 0, 2)]


def test_mean_weights_by_source() -> None:
    made = network()
    reader = readers(made, 0)[2]  # reads 4 + 2 + 2 channels
    reader.weight[:] = torch.cat([torch.full((2, n, 3, 3), x) for n, x in ((4, -1.0), (2, 2.0), (2, 0.5))], 1)
    found = weight_map(made)
    assert found[0, :, 2].tolist()[:3] == [1.0, 2.0, 0.5]
    assert np.isnan(found[0, 3:, 2]).all()
    assert np.isfinite(found).sum() == 42
    started = initialised(Setup("digits", 12))
    np.testing.assert_allclose(np.nanmean(weight_map(started) / starting_map(started)), 1, atol=0.01)


def test_a_cut_is_like_maps_that_are_not_there() -> None:
    made = network()
    x = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    layer = made.blocks[0].layers[3]
    features = made.blocks[0].features(made.stem(x))
    deaf = cut(made, 0, 2, [3])
    after = layer[1](layer[0](torch.cat(features[:4], 1)))
    after[:, made.blocks[0].settings.sources(4)[2]] = 0
    expected = layer[2](after)
    torch.testing.assert_close(deaf.blocks[0].features(made.stem(x))[4], expected)
    assert not torch.equal(deaf(x), made(x))
    assert (weight_map(deaf) == 0).sum() == 1
    assert (weight_map(made) == 0).sum() == 0, "the network itself isn't touched"
    with pytest.raises(SettingError, match="reads sources 0 to 1, not 2"):
        cut(made, 0, 2, [1])


def test_errors_of_all_cuts() -> None:
    made = network()
    images = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = made(images).argmax(1)
    found = dict(cut_errors(made, images, labels))
    assert len(found) == 42 + 12
    for block, source, target in ((0, 1, 4), (1, 0, 5), (0, 0, 0)):
        assert found[block, source, target] == error(cut(made, block, source, [target]), images, labels)
    assert found[0, 5, None] == found[0, 5, 5], "only the transition reads the last layer"
    assert found[1, 2, None] == error(cut(made, 1, 2, range(2, 6)), images, labels)
    assert max(found.values()) > 0


def test_rank_correlation_is_scipys() -> None:
    random = np.random.default_rng(0)
    first, second = random.integers(0, 6, (2, 2, 4, 4)).astype(float)
    first[0, 1, 2] = second[0, 1, 2] = np.nan
    flows = np.isfinite(first)
    expected = spearmanr(first[flows], second[flows]).statistic
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert np.isnan(rank_correlation(first, np.zeros_like(first)))
