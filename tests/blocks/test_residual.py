import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.blocks.residual import ACTIVATIONS, Block, Design, initialise, settle, slope
from cnnviz.errors import SettingError


def maps(channels: int, side: int = 6, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(1), dtype=dtype)


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shortcut", ["projection", "zeros", "none"])
@pytest.mark.parametrize("normalise", [True, False])
def test_every_design_halves_and_widens(order, activation, shortcut, normalise):
    block = Block(4, 8, 2, Design(shortcut, order, activation, normalise))
    assert block(maps(4, 7)).shape == (2, 8, 4, 4)


def test_without_f_only_the_shortcut_is_left():
    x = maps(4)
    assert torch.equal(Block(4, 4, design=Design(order="pre", scale=0))(x), x)
    assert torch.equal(Block(4, 4, design=Design(order="post", scale=0))(x), x.relu())


def test_post_activation_is_the_block_of_torchvision():
    from torchvision.models.resnet import BasicBlock

    ours, theirs = Block(4, 4).eval(), BasicBlock(4, 4).eval()
    names = {"branch.0": "conv1", "branch.1": "bn1", "branch.3": "conv2", "branch.4": "bn2"}
    state = ours.state_dict()
    theirs.load_state_dict(
        {names[k.rpartition(".")[0]] + "." + k.rpartition(".")[2]: v for k, v in state.items()}
    )
    assert torch.allclose(ours(maps(4)), theirs(maps(4)), atol=1e-6)


def test_zeros_fill_up_and_cost_nothing():
    x = maps(3)
    block = Block(3, 5, 2, Design("zeros", "pre", scale=0))
    out = block(x)
    assert torch.equal(out[:, :3], x[:, :, ::2, ::2])
    assert not out[:, 3:].any()
    plain = Block(3, 5, 2, Design("none", "pre"))
    projected = Block(3, 5, 2, Design("projection", "pre"))
    count = [sum(p.numel() for p in module.parameters()) for module in (block, plain, projected)]
    assert count[0] == count[1] == count[2] - 3 * 5


def test_what_has_no_meaning_is_said():
    with pytest.raises(SettingError, match="8 channels of 4 at stride 1"):
        Block(4, 8)
    with pytest.raises(SettingError, match="only add"):
        Block(8, 4, design=Design("zeros"))


@settings(deadline=None, max_examples=10)
@given(st.sampled_from(list(ACTIVATIONS)), st.booleans(), st.floats(0, 2))
def test_slope_is_that_of_f_plus_one(activation, normalise, scale):
    block = Block(2, 2, design=Design("identity", "pre", activation, normalise, scale)).double().eval()
    found = slope(block, maps(2, 3, torch.float64)[:1])
    one = torch.eye(18, dtype=torch.float64)
    assert torch.equal(found.shortcut, one)
    assert torch.allclose(found.block, found.residual + one, atol=1e-12)
    if scale == 0:
        assert torch.equal(found.block, one)
    elif scale > 0.1:
        assert found.residual.abs().max() > 0


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("shortcut", ["projection", "zeros", "none"])
def test_slope_of_every_other_block(order, shortcut):
    block = Block(2, 3, 2, Design(shortcut, order)).double().eval()
    x = maps(2, 4, torch.float64)[:1]
    found = slope(block, x)
    wanted = torch.autograd.functional.jacobian(block, x).reshape(12, 32)
    assert torch.allclose(found.block, wanted, atol=1e-12)
    assert found.off < 1e-12
    assert bool((found.gate == 1).all()) == (order == "pre")
    assert set(found.shortcut.sum(1).tolist()) == {"zeros": {0.0, 1.0}, "none": {0.0}}.get(
        shortcut, set(found.shortcut.sum(1).tolist())
    )


def test_weights_are_drawn_as_he_does_and_repeat():
    blocks = [Block(16, 16, design=Design(normalise=False)) for _ in range(2)]
    for block in blocks:
        initialise(block, torch.Generator().manual_seed(5))
    first, second = (block.state_dict() for block in blocks)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert float(first["branch.0.weight"].std()) == pytest.approx((2 / (9 * 16)) ** 0.5, rel=0.05)
    assert not first["branch.0.bias"].any()


def test_settled_statistics_are_those_of_the_input():
    block, x = Block(3, 5, design=Design("projection", "post")), maps(3)
    settle(block, x)
    assert not block.training
    conv, norm = block.branch[0], block.branch[1]
    assert torch.allclose(norm.running_mean, conv(x).mean((0, 2, 3)), atol=1e-6)
    settle(block, 2 * x)
    assert torch.allclose(norm.running_mean, 2 * conv(x).mean((0, 2, 3)), atol=1e-6)
