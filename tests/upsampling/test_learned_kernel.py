"""The learned kernel against PyTorch's own gradients, and where it must end."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.upsampling import kernels
from cnnviz.upsampling.bench import shrink
from cnnviz.upsampling.checkerboard import pattern
from cnnviz.upsampling.learned_kernel import descend, squared_error, task

CASES = [(3, 2), (4, 2), (5, 3), (2, 3), (1, 4)]


def picture(side: int = 27) -> np.ndarray:
    """Smooth, with noise of its own: (3, side, side + 4)."""
    rows, columns = np.mgrid[:side, : side + 4] / side
    noise = np.random.default_rng(0).uniform(size=(3, side, side + 4))
    return 0.5 + 0.3 * np.sin(4 * rows + 5 * columns) + 0.1 * noise


@pytest.mark.parametrize(("k", "s"), CASES)
def test_descends_as_autograd_does(k: int, s: int) -> None:
    x, learning, start = picture(), task(picture(), k, s), kernels.random(k, s, 3)
    w, padding = torch.tensor(start, dtype=torch.double, requires_grad=True), max(0, (k - s) // 2)
    whole = torch.from_numpy(x)[:, None]
    for _ in range(4):
        y = F.conv_transpose2d(F.avg_pool2d(whole, s), w[None, None], None, s, padding)
        height, width = min(y.shape[2], whole.shape[2]), min(y.shape[3], whole.shape[3])
        loss = F.mse_loss(y[..., :height, :width], whole[..., :height, :width])
        (gradient,) = torch.autograd.grad(loss, w)
        with torch.no_grad():
            w -= learning.rate * gradient
    learned = descend(learning, start, 4)
    np.testing.assert_allclose(learned, w.detach(), rtol=1e-9, atol=1e-12)
    assert learning.loss(learned) == pytest.approx(squared_error(x, learned, s), rel=1e-9)


@pytest.mark.parametrize(("k", "s"), CASES)
def test_every_step_lowers_the_loss_towards_the_least_there_is(k: int, s: int) -> None:
    learning, start = task(picture(), k, s), kernels.random(k, s)
    losses = [learning.loss(descend(learning, start, steps)) for steps in (0, 1, 5, 50, 3000)]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(losses))
    best = (
        learning.constant - learning.target @ np.linalg.lstsq(learning.gram, learning.target, rcond=None)[0]
    )
    assert losses[0] > losses[1] > best * 0.999
    assert losses[-1] == pytest.approx(best, rel=0.02)


def test_phases_learn_apart_and_unlearn_the_grid() -> None:
    x, learning, start = picture(60), task(picture(60), 3, 2), kernels.random(3, 2)
    phase = (np.indices((3, 3)) % 2).reshape(2, 9)
    apart = (phase[:, :, None] != phase[:, None]).any(0)
    assert not learning.gram[apart].any()
    shares = [pattern(shrink(x, 2), descend(learning, start, steps), 2).peak_ratio for steps in (0, 3, 30)]
    assert shares[0] > 5 * shares[1] > 50 * shares[2]


def test_what_cannot_be_learned_is_explained() -> None:
    with pytest.raises(SettingError, match="black"):
        task(np.zeros((1, 8, 8)), 3, 2)
    with pytest.raises(SettingError):
        task(np.ones((1, 1, 8)), 3, 2)
    with pytest.raises(SettingError):
        task(np.ones((1, 8, 8)), 0, 2)
