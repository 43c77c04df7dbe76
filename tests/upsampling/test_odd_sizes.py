"""Odd sizes: what PyTorch does with them, and that every cure lets the concatenation through."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import conv_output_size
from cnnviz.upsampling.odd_sizes import (
    CURES,
    Cure,
    centre_crop,
    fitting_sizes,
    ladder,
    measure,
    run_unet,
    sizes_with_the_same_output,
    unet,
    upsample,
)

sizes = st.tuples(st.integers(1, 70), st.integers(1, 70))


def test_seven_three_six() -> None:
    steps = ladder((7, 7), 1)
    assert steps.down == ((7, 7), (3, 3))
    assert steps.stuck is not None
    assert steps.stuck.upsampled == (6, 6)
    measured = measure(steps.stuck, "none")
    assert measured.size is None
    assert "Sizes of tensors must match" in measured.error
    assert {cure: ladder((7, 7), 1, cure).output for cure in CURES} == {
        "none": None,
        "output_padding": (7, 7),
        "pad": (7, 7),
        "crop": (6, 6),
        "size": (7, 7),
    }


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sizes, st.integers(1, 5), st.sampled_from(CURES))
def test_pytorch_says_the_same(size: tuple[int, int], depth: int, cure: Cure) -> None:
    if min(size) < 2**depth:
        with pytest.raises(SettingError):
            ladder(size, depth, cure)
        return
    steps = ladder(size, depth, cure)
    x = torch.zeros(1, 1, *size)
    for expected in steps.down[1:]:
        x = torch.nn.functional.max_pool2d(x, 2)
        assert tuple(x.shape[-2:]) == expected
    for level in steps.levels:
        measured = measure(level, cure)
        assert measured.size == level.joined
        assert bool(measured.error) == (level.joined is None)
    assert (steps.output is None) == (steps.stuck is not None)
    if cure not in ("none", "crop"):
        assert steps.output == size
    fits = all(side in fitting_sizes(side, depth) for side in size)
    assert (ladder(size, depth).output == size) == fits


def test_cures_differ_in_what_they_put_in() -> None:
    """output_padding and pad leave the last row empty, size= fills it, crop drops the skip's."""
    below, skip = torch.ones(1, 1, 3, 3), torch.arange(49.0).reshape(1, 1, 7, 7)
    for cure in ("output_padding", "pad"):
        up, same = upsample(below, skip, cure)
        assert up[0, 0, 6].tolist() == [0] * 7
        assert up[0, 0, 5].tolist() == [1] * 6 + [0]
        assert same is skip
    assert upsample(below, skip, "size")[0].min() == 1
    assert torch.equal(upsample(below, skip, "crop")[1], skip[..., :6, :6])


def test_centre_crop_is_the_middle() -> None:
    maps = torch.arange(64 * 64).reshape(1, 1, 64, 64)
    assert torch.equal(centre_crop(maps, 56, 56), maps[..., 4:60, 4:60])


def test_unet_as_published() -> None:
    """Ronneberger et al. 2015, figure 1."""
    published = unet(572)
    assert published.down == (568, 280, 136, 64, 28)
    assert published.skips == ((64, 56), (136, 104), (280, 200), (568, 392))
    assert published.output == 388
    assert published.even


def test_other_unets() -> None:
    assert unet(96, lost=0).output == 96
    assert not unet(100, lost=0).even
    assert unet(100, lost=0).output == 96
    with pytest.raises(SettingError, match="an input of 100 is too small"):
        unet(100)


@pytest.mark.parametrize("size", [188, 190, 251, 300])
def test_pytorch_runs_the_unet(size: int) -> None:
    sizes = unet(size)
    assert run_unet(size) == sizes.output
    assert run_unet(size, bottom=True) == sizes.down[-1]
    with pytest.raises(SettingError, match="too small"):
        run_unet(size // 2)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 5), st.integers(0, 3))
def test_every_input_with_the_same_output(output: int, k: int, s: int, p: int) -> None:
    try:
        found = sizes_with_the_same_output(output, k, s, p)
    except SettingError:
        return
    for size in range(1, found.stop + 5):
        try:
            same = conv_output_size(size, k, s, p) == output
        except SettingError:
            same = False
        assert same == (size in found)


@pytest.mark.parametrize(
    ("arguments", "message"), [(((8, 8), 0), "depth of 0"), (((8, 8), 1, "hope"), "no cure called hope")]
)
def test_impossible_ladders(arguments: tuple, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        ladder(*arguments)
