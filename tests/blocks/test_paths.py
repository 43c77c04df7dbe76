from itertools import product
from math import comb

import numpy as np
import pytest
import torch

from cnnviz.blocks.paths import Trace, path_counts, path_gradients
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
    parts = [trace.back(gradient, path) for path in product([False, True], repeat=len(blocks))]
    whole = x.clone().requires_grad_()
    out = torch.nn.Sequential(*blocks)(whole)
    assert torch.allclose(out, trace.output)
    out.backward(gradient)
    assert len(parts) == 16 == sum(path_counts(4))
    assert torch.allclose(sum(parts), whole.grad, atol=1e-12)


def test_lengths_are_binomial():
    assert path_counts(54)[27] == comb(54, 27)
    assert sum(path_counts(54)) == 2**54


def test_norms_by_length(blocks):
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    trace = Trace(blocks, x)
    gradient = torch.ones_like(trace.output)
    found = path_gradients(trace, gradient, 40, torch.Generator().manual_seed(0))
    # One path only has no residual branch, and one has all four.
    assert found.norms[0] == pytest.approx(float(trace.back(gradient, [False] * 4).norm()))
    assert found.norms[4] == pytest.approx(float(trace.back(gradient, [True] * 4).norm()))
    assert found.shares.sum() == pytest.approx(1)
    exact = np.mean(
        [float(trace.back(gradient, [n == taken for n in range(4)]).norm()) for taken in range(4)]
    )
    assert found.norms[1] == pytest.approx(exact, rel=0.4)
    low, high = found.effective
    assert 0 <= low <= high <= 4


def test_what_has_no_meaning_is_said(blocks):
    with pytest.raises(SettingError, match="one path only"):
        Trace([Block(2, 2, design=Design("none"))], torch.zeros(1, 2, 4, 4))
    trace = Trace(blocks[:1], torch.zeros(1, 2, 4, 4, dtype=torch.float64))
    with pytest.raises(SettingError, match="0 paths"):
        path_gradients(trace, trace.output, 0, torch.Generator())
