"""Dense blocks against torchvision's, and their costs by formula against what PyTorch keeps and counts."""

from fractions import Fraction

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnviz.blocks.dense import DenseBlock, DenseSettings, Transition, densenet121, small_densenet
from cnnviz.blocks.dense_cost import dense_cost, densenet121_cost, kept_for_backward, measure
from cnnviz.blocks.dense_maps import new_maps
from cnnviz.blocks.residual import Block, Design
from cnnviz.errors import SettingError


def test_densenet_121_is_torchvisions() -> None:
    ours, theirs = densenet121().eval(), torchvision.models.densenet121(weights=None).eval()
    state = theirs.state_dict()
    # Both hold their layers in the order in which they run.
    ours.load_state_dict(dict(zip(ours.state_dict(), state.values(), strict=True)))
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x))
    whole = densenet121_cost()
    assert whole.channels == theirs.classifier.in_features == 1024
    assert whole.parameters == sum(each.numel() for each in theirs.parameters()) == 7_978_856


def test_a_block_keeps_its_input_and_everything_after() -> None:
    block = DenseBlock(DenseSettings(3, 2, 4)).eval()
    x = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features, y = block.features(x), block(x)
        again = block.layers[2](torch.cat(features[:3], 1))
    assert [each.shape[1] for each in features] == [3, 2, 2, 2, 2]
    assert torch.equal(y, torch.cat(features, 1))
    assert torch.equal(y[:, :3], x)
    assert torch.equal(features[3], again)
    parts = block.settings.sources(5)
    assert all(torch.equal(y[:, part], feature) for part, feature in zip(parts, features, strict=True))


@settings(max_examples=12, deadline=None)
@given(
    inputs=st.integers(1, 20),
    growth=st.integers(1, 9),
    layers=st.integers(1, 5),
    bottleneck=st.booleans(),
    hundredths=st.integers(1, 100),
    side=st.integers(2, 9),
)
def test_formulas_are_what_pytorch_counts(
    inputs: int, growth: int, layers: int, bottleneck: bool, hundredths: int, side: int
) -> None:
    chosen = DenseSettings(inputs, growth, layers, bottleneck, hundredths / 100)
    assert chosen.kept == max(1, Fraction(hundredths, 100) * chosen.outputs // 1)
    cost, block = dense_cost(chosen, side), DenseBlock(chosen)
    found = measure(block, (inputs, side, side))
    assert (cost.parameters, cost.macs, cost.kept) == (found.parameters, found.macs, found.kept)
    assert found.outputs == chosen.outputs
    assert found.convolutions == layers * (1 + bottleneck)
    assert cost.read == sum(layer[0].num_features for layer in block.layers)
    transition = measure(Transition(chosen.outputs, chosen.kept), (chosen.outputs, side, side))
    assert (transition.parameters, transition.outputs) == (cost.transition, chosen.kept)


def test_kept_on_the_meta_device_is_what_is_kept() -> None:
    block, x = DenseBlock(DenseSettings(6, 4, 3)), torch.randn(2, 6, 5, 5)
    owned = {each.data_ptr() for each in (*block.parameters(), *block.buffers())}
    saved: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = block(x)
    real = sum(t.untyped_storage().nbytes() for address, t in saved.items() if address not in owned)
    assert kept_for_backward(block, (2, 6, 5, 5)) == real
    assert output.requires_grad
    assert not any(each.is_meta for each in block.parameters()), "the block itself isn't touched"


def test_copies_grow_with_the_square_of_the_depth() -> None:
    kept = [dense_cost(DenseSettings(8, 8, layers), 8).kept for layers in (4, 8, 16)]
    first, second = kept[1] / kept[0], kept[2] / kept[1]
    assert 2 < first < second < 4
    plain = Block(8, 8, design=Design("identity", "pre"))
    assert kept_for_backward(plain, (1, 8, 8, 8)) == 4 * 4 * 8 * 65


def test_new_maps() -> None:
    chosen = DenseSettings(8, 4, 3, compression=0.3)
    noise = new_maps(None, (9, 7), chosen, seed=1)
    assert [each.shape for each in noise.features] == [(8, 9, 7), (4, 9, 7), (4, 9, 7), (4, 9, 7)]
    assert (noise.outputs, noise.kept.shape, noise.moved) == (20, (6, 4, 3), 0.0)
    same, other = new_maps(None, (9, 7), chosen, seed=1), new_maps(None, (9, 7), chosen, seed=2)
    assert (noise.kept == same.kept).all()
    assert not (noise.kept == other.kept).all()


def test_a_small_one_has_no_bottlenecks_and_compresses_nothing() -> None:
    network = small_densenet(4, 10)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    kernels = [part.kernel_size for part in network.modules() if isinstance(part, nn.Conv2d)]
    assert kernels == [(3, 3)] * 6 + [(1, 1)] + [(3, 3)] * 5
    assert [block.settings.outputs for block in network.blocks] == [28, 48]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [((0, 4, 2), "inputs is 0"), ((4, 4, 0), "layers is 0"), ((4, 4, 2, True, 0.0), "compression is 0.0")],
)
def test_what_has_no_meaning_is_said(arguments: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        DenseSettings(*arguments)  # type: ignore[arg-type]
