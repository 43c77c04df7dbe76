"""What gates do on a picture, against PyTorch and by hand; nobody's network is touched."""

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from cnnviz.blocks.gate_causes import causes, measured_causes
from cnnviz.blocks.gates import force, gated, look
from cnnviz.blocks.small_se_resnet import SmallSEResNet
from cnnviz.errors import ModelError, SettingError
from tests.explain.attribution.networks import untouched

PATHS = ("blocks.0.branch.5", "blocks.1.branch.5", "blocks.2.branch.5")


def ours() -> SmallSEResNet:
    torch.manual_seed(0)
    return SmallSEResNet(24, 4).eval().requires_grad_(False)


def picture(side: int, seed: int = 1) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("path", PATHS)
def test_each_step_is_what_the_block_computes(path: str) -> None:
    network, x = ours(), picture(32)
    assert gated(network) == PATHS
    seen = look(network, x, path)
    assert untouched(network)
    np.testing.assert_allclose(seen.logits, network(x)[0], atol=1e-6)
    block = seen.chosen
    np.testing.assert_allclose(block.squeezed, block.maps.mean((1, 2)), atol=1e-6)
    w1, _b1, w2, _b2 = block.weights
    hidden = np.maximum(w1 @ block.squeezed, 0)
    np.testing.assert_allclose(block.hidden, hidden, atol=1e-6)
    np.testing.assert_allclose(block.gates, 1 / (1 + np.exp(-w2 @ hidden)), atol=1e-6)
    np.testing.assert_allclose(block.scaled, block.maps * block.gates[:, None, None], atol=1e-6)
    np.testing.assert_array_equal(seen.gates[path], block.gates)
    assert block.reduction == 4
    assert block.gate(3) == pytest.approx(block.gates[3], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "blocks"), [("mobilenet_v3_small", 9), ("efficientnet_b0", 7), ("regnet_y_400mf", 4)]
)
def test_torchvisions_gates(name: str, blocks: int) -> None:
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None).eval().requires_grad_(False)
    x = picture(64)
    paths = gated(network)
    assert len(paths) == blocks
    seen = look(network, x, paths[1])
    assert untouched(network)
    block = seen.chosen
    for channel in (0, len(block.gates) - 1):
        assert block.gate(channel) == pytest.approx(block.gates[channel], rel=1e-4)
    np.testing.assert_allclose(seen.logits, network(x)[0], atol=1e-5)
    same = force(network, x, paths[1], 0, [float(block.gates[0])])
    np.testing.assert_allclose(same[0], seen.logits, atol=1e-5)


def test_a_forced_gate_is_what_the_rest_gets() -> None:
    network, x = ours(), picture(32)
    path, channel = PATHS[2], 5
    own = float(look(network, x, path).chosen.gates[channel])
    logits = force(network, x, path, channel, [own, 0.0, 2.0])
    assert untouched(network)
    np.testing.assert_allclose(logits[0], network(x)[0], atol=1e-6)
    # By hand: everything up to the last block, and the block with the gate replaced.
    before = network.blocks[:2](network.stem(x))
    last = network.blocks[2]
    residual = last.residual(before)
    residual[:, channel] *= 0.0 / own
    maps = torch.relu(residual + last.skip(before))
    np.testing.assert_allclose(logits[1], network.dense(maps.mean((2, 3)))[0], atol=1e-5)
    assert not np.allclose(logits[1], logits[2])


def test_what_is_not_there() -> None:
    with pytest.raises(ModelError, match="Sequential has no channel gates"):
        gated(nn.Sequential(nn.Conv2d(3, 3, 1)))
    network, x = ours(), picture(32)
    with pytest.raises(ModelError, match=r"no channel gates at blocks\.9"):
        look(network, x, "blocks.9")
    with pytest.raises(SettingError, match="no channel 17; the block has 16"):
        force(network, x, PATHS[0], 16, [0.0])


def test_causes_by_hand() -> None:
    """Light adds 0 or 2, the picture 0 or 4: variances 1 and 4; then one product more."""
    gates = np.array([[[0.0], [2.0]], [[4.0], [6.0]]])
    found = causes(gates)
    assert (found.light, found.picture) == (pytest.approx(1 / 5), pytest.approx(4 / 5))
    assert found.both == pytest.approx(0)
    gates[1, 1] += 4
    assert causes(gates).both == pytest.approx(1 / 14)  # variances 4, 9 and 1
    assert causes(np.ones((2, 2, 3))).light == 0


def test_causes_of_a_network() -> None:
    network = ours()
    pictures = torch.cat([picture(32, seed) for seed in range(4)])
    unlit = measured_causes(network, [pictures, pictures])
    assert untouched(network)
    assert len(unlit) == 3
    for each in unlit:
        assert (each.light, each.picture) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
