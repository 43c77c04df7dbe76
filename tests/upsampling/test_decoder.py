"""One encoder, seven decoders: their operators, their weights, and what unpooling is told."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnviz.errors import SettingError
from cnnviz.upsampling.decoder import (
    CHANNELS,
    KINDS,
    UNPOOLING,
    Decoder,
    Dense,
    Doubling,
    Encoder,
    count_parameters,
    decoder_parameters,
    index_bits,
    initialise,
    parameters_formula,
)
from cnnviz.upsampling.operator import operator


@pytest.mark.parametrize("side", [8, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_shapes_gradients_and_weights(kind: str, side: int) -> None:
    encoder, decoder = Encoder(side, 5), Decoder(kind, side, 5)
    images = torch.rand(3, 1, side, side, generator=torch.Generator().manual_seed(0))
    codes, indices = encoder(images)
    assert codes.shape == (3, 5)
    stages = decoder.stages(codes, indices)
    first, second = CHANNELS
    assert [tuple(each.shape[1:]) for each in stages] == [
        (second, side // 4, side // 4),
        (stages.doubled.shape[1], side // 2, side // 2),
        (first, side // 2, side // 2),
        (stages.doubled_again.shape[1], side, side),
        (first, side, side),
        (1, side, side),
    ]
    assert torch.equal(decoder(codes, indices), stages.picture)
    stages.picture.sum().backward()
    assert all(parameter.grad is not None for parameter in decoder.parameters())
    assert count_parameters(decoder) == decoder_parameters(kind, side, 5)
    # The formula on the page, computed by Python instead of by us.
    python = parameters_formula(kind, side, 5).replace(r"\cdot", "*").replace(r"\,", "*").replace("^", "**")
    assert eval(python) == decoder_parameters(kind, side, 5)
    assert 2 * sum(each[0].numel() for each in indices) == index_bits(side)
    assert Dense(side, 5)(codes).shape == (3, 1, side, side)


@pytest.mark.parametrize("kind", ["nearest", "bilinear", "resize_convolve"])
def test_doubling_is_the_registered_operator(kind: str) -> None:
    maps = torch.rand(2, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    layer = Doubling(kind, 4, 4)
    doubled, _convolved = layer(maps, None)
    one = operator("nearest" if kind == "resize_convolve" else kind)
    assert torch.allclose(doubled, one.reference(maps, one.settings()))


def test_learned_doublings_are_torchs_own() -> None:
    maps = torch.rand(2, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    shuffled = Doubling("pixel_shuffle", 4, 2)
    by_hand = nn.PixelShuffle(2)(
        F.conv2d(maps, shuffled.convolution.weight, shuffled.convolution.bias, padding=1)
    )
    assert torch.allclose(shuffled(maps, None)[0], by_hand)
    assert Doubling("transposed", 4, 2)(maps, None)[0].shape == (2, 2, 6, 6)


def test_fixed_operators_draw_nothing_between_cells() -> None:
    """With 1 × 1 convolutions only, nearest stays constant on blocks of 4 × 4."""
    decoder = Decoder("nearest", 16, 3)
    picture = decoder(torch.randn(1, 3, generator=torch.Generator().manual_seed(0)))[0, 0]
    blocks = picture.unfold(0, 4, 4).unfold(1, 4, 4)
    assert torch.allclose(blocks, blocks[..., :1, :1].expand_as(blocks))


@pytest.mark.parametrize("kind", UNPOOLING)
def test_unpooling_puts_values_at_the_encoders_maxima(kind: str) -> None:
    encoder, decoder = Encoder(8, 4), Decoder(kind, 8, 4)
    codes, indices = encoder(torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(2)))
    doubled = decoder.stages(codes, indices).doubled[0]
    for channel in range(CHANNELS[1]):
        written = set(doubled[channel].flatten().nonzero().flatten().tolist())
        assert written <= set(indices[1][0, channel].flatten().tolist())
    with pytest.raises(SettingError, match="needs the indices"):
        decoder(codes)


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(SettingError, match="no decoder called cubic"):
        Decoder("cubic", 8, 2)
    with pytest.raises(SettingError, match="multiple of 4"):
        Encoder(10, 2)


def test_initial_weights_come_from_the_generator() -> None:
    one, two, other = (Decoder("transposed", 16, 8) for _ in range(3))
    for module, seed in ((one, 3), (two, 3), (other, 4)):
        initialise(module, torch.Generator().manual_seed(seed))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.small.weight, other.small.weight)
    # Equal spread in and out: each cell of a transposed convolution gets a quarter of the 9 weights a channel.
    maps = torch.randn(200, CHANNELS[1], 8, 8, generator=torch.Generator().manual_seed(0)).relu()
    out = one.up(maps, None)[0]
    assert 0.6 < float(out.detach().std() / maps.pow(2).mean().sqrt() / 2**0.5) < 1.6
    assert re.match(r"16", parameters_formula("nearest", 8, 2))
