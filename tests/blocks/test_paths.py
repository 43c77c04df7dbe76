from math import comb

import numpy as np
import pytest
import torch

from cnnviz.blocks.paths import (
    ChainSettings,
    Trace,
    all_paths,
    chain,
    path_counts,
    path_gradients,
    share_of_paths,
)
from cnnviz.blocks.residual import Block, Design
from cnnviz.errors import SettingError


@pytest.fixture
def blocks() -> list[Block]:
    torch.manual_seed(0)
    shapes = [
        (2, 2, 1, "identity", "post"),
        (2, 4, 2, "zeros", "post"),
        (4, 4, 1, "projection", "pre"),
        (4, 4, 1, "identity", "pre"),
    ]
    chain = [Block(i, o, s, Design(shortcut, order, "tanh")) for i, o, s, shortcut, order in shapes]
    return [block.double().eval() for block in chain]


def test_all_paths_together_are_the_gradient(blocks):
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    trace = Trace(blocks, x)
    gradient = torch.randn_like(trace.output)
    paths = all_paths(len(blocks))
    parts = trace.back(gradient, paths)
    whole = x.clone().requires_grad_()
    out = torch.nn.Sequential(*blocks)(whole)
    assert torch.allclose(out, trace.output)
    out.backward(gradient)
    assert len(parts) == 16 == sum(path_counts(4))
    assert torch.allclose(parts.sum(0), whole.grad, atol=1e-12)
    by_length = trace.by_length(gradient)
    for length in range(5):
        assert torch.allclose(by_length[length], parts[paths.sum(1) == length].sum(0), atol=1e-12)


def test_lengths_are_binomial():
    assert path_counts(54)[27] == comb(54, 27)
    assert sum(path_counts(54)) == 2**54
    assert [path.tolist() for path in all_paths(1)] == [[False], [True]]
    assert all_paths(3).sum(1).bincount().tolist() == [1, 3, 3, 1]


def test_what_the_paper_says_of_54_blocks():
    """Veit et al., §§ 4.2 and 4.3: more than 95 % of the paths; 0.45 % of all paths."""
    assert share_of_paths(54, 19, 35) > 0.95
    assert round(100 * share_of_paths(54, 5, 17), 2) == 0.45


def test_norms_by_length(blocks):
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    trace = Trace(blocks, x)
    gradient = torch.ones_like(trace.output)
    found = path_gradients(trace, gradient, 40, torch.Generator().manual_seed(0))
    # One path only has no residual branch, and one has all four.
    ends = trace.back(gradient, torch.tensor([[False] * 4, [True] * 4])).flatten(1).norm(dim=1)
    assert found.norms[[0, 4]] == pytest.approx(ends.tolist())
    assert found.together[[0, 4]] == pytest.approx(ends.tolist())
    assert found.shares.sum() == pytest.approx(1)
    exact = np.mean(trace.back(gradient, torch.eye(4) > 0).flatten(1).norm(dim=1).tolist())
    assert found.norms[1] == pytest.approx(exact, rel=0.4)
    low, high = found.effective
    assert 0 <= low <= high <= 4


@pytest.mark.parametrize("order", ["pre", "post"])
@pytest.mark.parametrize("normalise", [True, False])
def test_a_chain_walked_back_is_its_gradient(order, normalise):
    drawn = chain(ChainSettings(6, order, normalise, 0.7, seed=2))
    trace, gradient = drawn.trace()
    found = path_gradients(trace, gradient, 2, torch.Generator().manual_seed(0))
    assert found.whole == pytest.approx(float(drawn.gradient().norm()), rel=1e-10)
    assert found.whole <= found.together.sum()
    again = chain(ChainSettings(6, order, normalise, 0.7, seed=2))
    assert torch.equal(again.x, drawn.x)
    assert torch.equal(again.gradient(), drawn.gradient())


def test_without_f_only_the_shortest_path_is_left():
    trace, gradient = chain(ChainSettings(5, scale=0.0)).trace()
    found = path_gradients(trace, gradient, 3, torch.Generator().manual_seed(0))
    assert found.effective == (0, 0)
    assert found.norms.tolist() == [pytest.approx(float(gradient.norm())), 0, 0, 0, 0, 0]


def test_small_f_makes_the_paths_shorter():
    def longest(scale: float) -> int:
        trace, gradient = chain(ChainSettings(16, scale=scale)).trace()
        return path_gradients(trace, gradient, 3, torch.Generator().manual_seed(0)).effective[1]

    assert longest(0.1) < longest(1.0) < 16


def test_what_has_no_meaning_is_said(blocks):
    with pytest.raises(SettingError, match="one path only"):
        Trace([Block(2, 2, design=Design("none"))], torch.zeros(1, 2, 4, 4))
    trace = Trace(blocks[:1], torch.zeros(1, 2, 4, 4, dtype=torch.float64))
    with pytest.raises(SettingError, match="0 paths"):
        path_gradients(trace, trace.output, 0, torch.Generator())
    with pytest.raises(SettingError, match="blocks is 55"):
        ChainSettings(55)
