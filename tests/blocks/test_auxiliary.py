import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnviz.blocks.auxiliary import (
    BATCH,
    CLASSES,
    SIDE,
    WIDTH,
    Chain,
    ChainSettings,
    injected,
    total_gradient,
)
from cnnviz.blocks.inception import initialise
from cnnviz.errors import SettingError


@pytest.mark.parametrize("normalise", [True, False])
def test_norms_are_those_of_backward(normalise):
    settings = ChainSettings(4, "tanh", normalise)
    generator = torch.Generator().manual_seed(5)
    network = Chain(settings).double()
    initialise(network, "tanh", generator)
    x = torch.randn(BATCH, WIDTH, SIDE, SIDE, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (BATCH,), generator=generator)
    last, one, two = (F.cross_entropy(logits, labels) for logits in network(x))
    (last + 0.3 * one + 0.7 * two).backward()
    wanted = [
        sum(float(m.weight.grad.square().sum()) for m in block.modules() if isinstance(m, nn.Conv2d)) ** 0.5
        for block in network.blocks
    ]
    found = injected(settings, [5])
    assert found.norms(0.3, 0.7)[0] == pytest.approx(wanted, rel=1e-9)
    assert total_gradient(settings, 5, 0.3, 0.7).norm(dim=1).tolist() == pytest.approx(wanted, rel=1e-9)


def test_heads_after_each_third():
    assert ChainSettings(9).heads == (3, 6)
    assert ChainSettings(3).heads == (1, 2)
    assert ChainSettings(10).heads == (4, 7)


def test_a_gradient_only_goes_back():
    found = injected(ChainSettings(7, "sigmoid"), [0, 1])
    without = found.norms()
    for first, second, same in ((0.3, 0.3, 2), (0.3, 0, 4), (0, 0.3, 2), (0, 0, 7)):
        assert found.untouched(first, second) == same
        unchanged = (found.norms(first, second) == without).all(0)
        assert unchanged.tolist() == [False] * (7 - same) + [True] * same


def test_what_the_lesson_says():
    """Sigmoids swallow the gradient and the heads bring it back; ReLU hardly needs them, BatchNorm neither."""

    def first(*settings):
        found = injected(ChainSettings(*settings), [0, 1, 2])
        return [float(np.median(norms[:, 0])) for norms in (found.norms(), found.norms(0.3, 0.3))]

    before, after = first(9, "sigmoid")
    assert before < 1e-6
    assert after > 100 * before
    assert 1 < first(9, "relu")[1] / first(9, "relu")[0] < 5
    normalised = first(9, "sigmoid", True)
    assert normalised[0] > 1e-2
    assert normalised[1] == pytest.approx(normalised[0], rel=0.2)


def test_bounds():
    with pytest.raises(SettingError, match="blocks is 2"):
        ChainSettings(2)
