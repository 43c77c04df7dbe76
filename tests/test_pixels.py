"""Pixels, channels, layouts, ranges and shrinking agree with PyTorch, Pillow, scikit-image and sums by hand."""

import doctest
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from cnnviz import pixels
from cnnviz.errors import SettingError
from cnnviz.pixels import (
    FLOATS,
    METHODS,
    NORMALISATIONS,
    brighten,
    crop,
    ghosts,
    layouts,
    luma,
    mean_grey,
    measured_layouts,
    mix,
    normalise,
    overflow,
    quantise,
    round_trip,
    row_major,
    shrink,
    zone_plate,
)


def photo(height=24, width=36, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


EVERY_LEVEL = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
sides = st.integers(1, 12)


def test_examples():
    assert doctest.testmod(pixels).failed == 0


# Pixels and channels


@given(sides, sides, st.data(), st.integers(1, 15))
def test_crop_holds_the_pixel(height, width, data, size):
    rgb = photo(height, width)
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    window = crop(rgb, row, column, size)
    assert window.rgb.shape == (min(size, height), min(size, width), 3)
    assert (window.rgb[row - window.row, column - window.column] == rgb[row, column]).all()
    down, right = window.rgb.shape[:2]
    assert (window.rgb == rgb[window.row : window.row + down, window.column : window.column + right]).all()


def test_crop_centres_where_there_is_room():
    rgb = photo()
    assert (crop(rgb, 10, 20, 5).row, crop(rgb, 10, 20, 5).column) == (8, 18)
    assert (crop(rgb, 10, 20, 4).row, crop(rgb, 10, 20, 4).column) == (8, 18)
    corner = crop(rgb, 23, 35, 8)
    assert (corner.row, corner.column) == (16, 28)


@pytest.mark.parametrize(
    ("row", "column", "size", "sentence"),
    [
        (24, 0, 4, r"Pixel \(24, 0\) is outside the photo; it has rows 0–23 and columns 0–35\."),
        (0, -1, 4, r"Pixel \(0, -1\) is outside"),
        (0, 0, 0, r"The window is 0 pixels wide; it must be at least 1\."),
    ],
)
def test_no_such_window(row, column, size, sentence):
    with pytest.raises(SettingError, match=sentence):
        crop(photo(), row, column, size)


def test_channels_apart_add_up_to_the_photo():
    rgb = photo()
    alone = [mix(rgb, *gains) for gains in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    for channel, part in enumerate(alone):
        others = [c for c in range(3) if c != channel]
        assert (part[..., channel] == rgb[..., channel]).all()
        assert not part[..., others].any()
    assert (sum(part.astype(int) for part in alone) == rgb).all()


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_mix_is_the_rounded_product(red, green, blue):
    rgb = photo(5, 7)
    assert np.abs(mix(rgb, red, green, blue) - rgb * np.array([red, green, blue])).max() <= 0.5


@pytest.mark.parametrize("gain", [-0.01, 1.01, math.nan])
def test_gains_are_from_0_to_1(gain):
    with pytest.raises(SettingError, match=r"gain is .*; it must be from 0 to 1"):
        mix(photo(), 1, gain, 1)


# Grey


def test_luma_is_what_pillow_calls_l():
    rgb = photo(64, 64)
    theirs = np.asarray(Image.fromarray(rgb).convert("L"))
    assert np.abs(luma(rgb).astype(int) - theirs).max() <= 1
    assert (luma(EVERY_LEVEL) == EVERY_LEVEL[..., 0]).all()
    assert sum(pixels.BT601) == pytest.approx(1)


def test_mean_grey_by_hand():
    rgb = np.array([[[0, 0, 255], [10, 11, 11], [255, 255, 254]]], np.uint8)
    assert mean_grey(rgb).tolist() == [[85, 11, 255]]


@pytest.mark.parametrize("bits", range(1, 9))
def test_quantise(bits):
    values = np.arange(256, dtype=np.uint8)
    result = quantise(values, bits)
    levels = np.unique(result)
    assert len(levels) == 2**bits
    assert (levels[0], levels[-1]) == (0, 255)
    assert np.ptp(np.diff(levels.astype(int))) <= 1  # even, but for rounding
    assert set(np.unique(result, return_counts=True)[1].tolist()) == {256 // 2**bits}
    assert (np.diff(result.astype(int)) >= 0).all()
    assert (quantise(result, bits) == result).all()
    assert np.abs(result.astype(int) - values).max() <= 256 // 2**bits


def test_eight_bits_are_all_there_is():
    rgb = photo()
    assert (quantise(rgb, 8) == rgb).all()
    for bits in (0, 9):
        with pytest.raises(SettingError, match=f"^{bits} bits a value; it must be from 1 to 8"):
            quantise(rgb, bits)


# Memory


@given(sides, sides)
def test_layouts_are_what_pytorch_reports(height, width):
    assert layouts(height, width) == measured_layouts(photo(height, width))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_row_major_strides(shape):
    assert row_major(shape) == torch.empty(shape).stride()


def test_permute_moves_nothing_and_contiguous_moves_everything():
    rgb = photo(5, 7)
    interleaved = torch.from_numpy(rgb)
    view = interleaved.permute(2, 0, 1)
    copy = view.contiguous()
    for layout, tensor in zip(layouts(5, 7), (interleaved, view, copy), strict=True):
        memory = bytes(tensor.untyped_storage())
        for row in range(5):
            for column in range(7):
                at = [layout.offset(row, column, channel) for channel in range(3)]
                assert [memory[offset] for offset in at] == rgb[row, column].tolist()
    assert [layout.offset(2, 3, 1) for layout in layouts(5, 7)] == [52, 52, 52]  # 2·21+3·3+1, and 35+2·7+3
    assert [layout.offset(0, 1, 2) for layout in layouts(5, 7)] == [5, 5, 71]


def test_the_permuted_view_is_what_pytorch_calls_channels_last():
    view = torch.from_numpy(photo(5, 7)).permute(2, 0, 1)[None]
    assert view.is_contiguous(memory_format=torch.channels_last)
    assert view.stride()[1:] == layouts(5, 7)[1].strides


# Ranges


@pytest.mark.parametrize("norm", NORMALISATIONS.values(), ids=list(NORMALISATIONS))
def test_normalise_is_what_torchvision_does(norm):
    from torchvision.transforms.v2 import functional as F

    rgb = photo()
    unit = F.to_dtype(torch.from_numpy(rgb).permute(2, 0, 1), torch.float32, scale=True)
    theirs = F.normalize(unit, list(norm.mean), list(norm.std)).permute(1, 2, 0)
    ours = normalise(rgb, norm.mean, norm.std)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-6)


def test_published_normalisations():
    from torchvision.models import ResNet50_Weights

    torchvisions = ResNet50_Weights.IMAGENET1K_V1.transforms()
    assert list(NORMALISATIONS["imagenet"].mean) == torchvisions.mean
    assert list(NORMALISATIONS["imagenet"].std) == torchvisions.std
    rgb = photo()
    lite0 = NORMALISATIONS["lite0"]
    np.testing.assert_allclose(
        normalise(rgb, lite0.mean, lite0.std), (rgb.astype(float) - 127) / 128, atol=1e-6
    )
    signed = normalise(EVERY_LEVEL, NORMALISATIONS["signed"].mean, NORMALISATIONS["signed"].std)
    assert (signed.min(), signed.max()) == (-1, 1)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("norm", NORMALISATIONS.values(), ids=list(NORMALISATIONS))
def test_rounded_round_trips_lose_nothing(norm, dtype):
    trip = round_trip(EVERY_LEVEL, norm.mean, norm.std, dtype)
    assert trip.changed == 0
    assert (trip.back == EVERY_LEVEL).all()
    assert trip.worst < {"float32": 1e-4, "float16": 0.1, "bfloat16": 0.5}[dtype]
    for channel in range(3):
        assert trip.low[channel] == pytest.approx(-norm.mean[channel] / norm.std[channel], rel=1e-2, abs=1e-6)
        assert trip.high[channel] == pytest.approx((1 - norm.mean[channel]) / norm.std[channel], rel=1e-2)


def test_cutting_off_instead_of_rounding_darkens():
    norm = NORMALISATIONS["lite0"]
    trip = round_trip(EVERY_LEVEL, norm.mean, norm.std, rounded=False)
    difference = trip.back.astype(int) - EVERY_LEVEL
    assert set(np.unique(difference).tolist()) == {-1, 0}
    assert trip.changed == np.count_nonzero(difference)


def test_settings_of_a_round_trip():
    norm = NORMALISATIONS["unit"]
    with pytest.raises(SettingError, match="float type is int8; expected one of float32, float16, bfloat16"):
        round_trip(photo(), norm.mean, norm.std, "int8")
    with pytest.raises(SettingError, match="std is 0; it must be above 0"):
        normalise(photo(), norm.mean, (1, 0, 1))


@given(st.integers(0, 255), st.integers(0, 255))
def test_overflow_is_what_uint8_does(first, second):
    result = overflow(first, second)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert result.wrapped == np.uint8(first) + np.uint8(second)
    pair = torch.tensor([first, second], dtype=torch.uint8)
    assert result.wrapped == (pair[0] + pair[1]).item()
    assert result.clipped == np.clip(result.exact, 0, 255)
    assert result.exact == first + second


def test_overflow_needs_eight_bit_values():
    with pytest.raises(SettingError, match="value is 256; 8 bits hold 0 to 255"):
        overflow(1, 256)


@given(st.integers(-255, 255))
def test_brighten(amount):
    rgb = photo(4, 4)
    exact = rgb.astype(int) + amount
    assert (brighten(rgb, amount, wrap=False) == exact.clip(0, 255)).all()
    wrapped = torch.from_numpy(rgb) + torch.tensor(amount % 256, dtype=torch.uint8)
    assert (brighten(rgb, amount, wrap=True) == wrapped.numpy()).all()


# Shrinking


def in_torch(rgb, factor, method):
    tensor = torch.from_numpy(rgb).permute(2, 0, 1)[None].double()
    if method == "drop":
        small = tensor[:, :, ::factor, ::factor]
    elif method == "area":
        small = torch.nn.functional.avg_pool2d(tensor, factor)
    else:
        small = torch.nn.functional.interpolate(
            tensor, scale_factor=1 / factor, mode="bilinear", antialias=False
        )
    return small[0].permute(1, 2, 0).round().numpy()


@settings(deadline=None)
@given(st.sampled_from(METHODS), st.integers(1, 6), st.integers(1, 8), st.integers(1, 8))
def test_shrink_is_what_pytorch_does(method, factor, height, width):
    rgb = photo(height * factor, width * factor)
    ours = shrink(rgb, factor, method)
    assert (ours.original == rgb).all()
    assert np.abs(ours.small - in_torch(rgb, factor, method)).max() <= (1 if method == "bilinear" else 0)
    back = torch.nn.functional.interpolate(
        torch.from_numpy(ours.small).permute(2, 0, 1)[None], scale_factor=factor, mode="nearest"
    )
    assert (ours.restored == back[0].permute(1, 2, 0).numpy()).all()


@pytest.mark.parametrize("method", METHODS)
def test_what_is_lost(method):
    rgb = photo(42, 63)
    result = shrink(rgb, 4, method)
    assert result.small.shape == (10, 15, 3)
    assert result.original.shape == result.restored.shape == (40, 60, 3)
    error = result.restored.astype(float) - rgb[:40, :60]
    assert result.largest_error == np.abs(error).max()
    assert result.mean_error == pytest.approx(np.abs(error).mean())
    assert result.psnr == pytest.approx(peak_signal_noise_ratio(result.original, result.restored))


def test_lossless_cases():
    flat = np.full((8, 8, 3), 77, np.uint8)
    for method in METHODS:
        assert shrink(photo(), 1, method).psnr == math.inf
        result = shrink(flat, 4, method)
        assert (result.largest_error, result.mean_error, result.psnr) == (0, 0, math.inf)


def test_the_mean_is_the_best_that_one_number_a_block_can_do():
    """The mean has the least squared error of any constant, so no other method comes nearer."""
    rgb = photo(64, 64)
    assert shrink(rgb, 4, "area").psnr > max(shrink(rgb, 4, other).psnr for other in ("drop", "bilinear"))


@pytest.mark.parametrize(
    ("factor", "method", "sentence"),
    [
        (0, "area", "factor is 0; it must be from 1 to 24, the photo's shorter side"),
        (25, "area", "factor is 25; it must be from 1 to 24"),
        (4, "magic", "method is magic; expected one of drop, bilinear, area"),
    ],
)
def test_settings_of_shrinking(factor, method, sentence):
    with pytest.raises(SettingError, match=sentence):
        shrink(photo(), factor, method)


def test_zone_plate_by_hand():
    plate = zone_plate(64)
    assert plate.shape == (64, 64, 3)
    assert (plate[32, 32, 0], plate[32, 40, 0], plate[0, 0, 0]) == (255, 0, 128)  # cos 0, cos π, left grey
    along = plate[32, :33, 0].astype(int)
    turns = np.count_nonzero(np.diff(np.sign(along - 127.5)))
    assert turns == 16  # phase π·32²/64 = 16 π at the left edge: one turn for every π


def test_dropping_pixels_makes_false_rings():
    """Copies of the centre appear exactly where the formula says; the mean hardly shows them."""
    size, factor, near = 384, 4, 8
    assert ghosts(size, factor) == (-96, 96)
    plate = zone_plate(size)
    centre = size // 2 // factor

    def patch(small, right):
        middle = centre + int(right) // factor
        return small[centre - near : centre + near, middle - near : middle + near, 0].astype(float)

    dropped, averaged = (shrink(plate, factor, method).small for method in ("drop", "area"))
    for right in ghosts(size, factor):
        assert (patch(dropped, right) == patch(dropped, 0)).all()
        assert np.ptp(patch(averaged, right)) < 0.5 * np.ptp(patch(averaged, 0))
        true = plate[
            size // 2 - 4 : size // 2 + 4, size // 2 + int(right) - 4 : size // 2 + int(right) + 4, 0
        ]
        assert np.ptp(true) > 200  # where the photo has fine stripes, no rings
