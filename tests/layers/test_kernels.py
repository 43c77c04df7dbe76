"""Named kernels against textbook values and their defining properties; filtered photos against scipy."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from cnnviz.errors import SettingError
from cnnviz.layers.convolution import ConvolutionSettings, run
from cnnviz.layers.kernels import PRESETS, filter_photo, filter_rgb, preset, to_display

SIZES = [(3, 3), (5, 5), (7, 7), (3, 7), (5, 3)]
SAME = ConvolutionSettings(padding="same")


def photo(height: int = 23, width: int = 31) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "scale", "textbook"),
    [
        ("identity", 1, [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
        ("box", 9, [[1, 1, 1], [1, 1, 1], [1, 1, 1]]),
        ("gaussian", 16, [[1, 2, 1], [2, 4, 2], [1, 2, 1]]),
        ("sobel-x", 1, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
        ("sobel-y", 1, [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
        ("laplacian", 1, [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
        ("sharpen", 1, [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
        ("emboss", 1, [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]),
    ],
)
def test_textbook_kernels(name: str, scale: int, textbook: list[list[int]]) -> None:
    np.testing.assert_allclose(preset(name, 3, 3) * scale, textbook, rtol=1e-15)


def test_every_preset_has_its_textbook_value() -> None:
    parametrized = test_textbook_kernels.pytestmark[0].args[1]
    assert [name for name, *_ in parametrized] == list(PRESETS) == [p.id for p in PRESETS.values()]


@pytest.mark.parametrize("size", [3, 5, 7])
def test_larger_sobel_is_the_small_one_smoothed(size: int) -> None:
    """Convolving with 1 2 1 along both axes adds two rows and columns: the usual way to larger Sobel kernels."""
    expected = preset("sobel-x", 3, 3)
    for _ in range((size - 3) // 2):
        smooth = np.outer([1, 2, 1], [1, 2, 1])
        expected = ndimage.convolve(np.pad(expected, 2), smooth, mode="constant")[1:-1, 1:-1]
    np.testing.assert_array_equal(preset("sobel-x", size, size), expected)


def test_sobel_5_by_hand() -> None:
    """1 4 6 4 1 down, and −1 0 1 smoothed with 1 2 1, which is −1 −2 0 2 1, across."""
    assert preset("sobel-x", 5, 5)[0].tolist() == [-1, -2, 0, 2, 1]
    assert preset("sobel-x", 5, 5)[:, 4].tolist() == [1, 4, 6, 4, 1]


def test_laplacian_5_by_hand() -> None:
    """The small one on a picture smoothed with 1 2 1 × 1 2 1, in sixteenths: 16 L(1, 2) = 1 + 4 + 1 − 8."""
    assert (preset("laplacian", 5, 5) * 16).tolist() == [
        [0, 1, 2, 1, 0],
        [1, 0, -2, 0, 1],
        [2, -2, -8, -2, 2],
        [1, 0, -2, 0, 1],
        [0, 1, 2, 1, 0],
    ]


@pytest.mark.parametrize("size", SIZES)
def test_what_each_kernel_does_to_a_plane(size: tuple[int, int]) -> None:
    """On 5 + 2x + 3y, means and sharpening change nothing; slopes and curvature are known."""
    y, x = np.mgrid[-10:11, -10:11]
    plane = 5.0 + 2 * x + 3 * y

    def at_the_centre(name: str) -> float:
        kernel = preset(name, *size)
        output = run(plane[None], kernel[None, None], ConvolutionSettings(size)).output[0]
        return float(output[output.shape[0] // 2, output.shape[1] // 2])

    for name in ("identity", "box", "gaussian", "sharpen"):
        assert at_the_centre(name) == pytest.approx(5)
    # A binomial smoothing over n weights sums to 2^(n−1); the difference spans two pixels.
    assert at_the_centre("sobel-x") == pytest.approx(2 * 2 * 2 ** (size[0] - 1) * 2 ** (size[1] - 3))
    assert at_the_centre("sobel-y") == pytest.approx(2 * 3 * 2 ** (size[1] - 1) * 2 ** (size[0] - 3))
    assert at_the_centre("laplacian") == pytest.approx(0)
    # i + j over a 3×3 window: 6 of slope x and 6 of slope y, on top of the pixel itself.
    assert at_the_centre("emboss") == pytest.approx(5 + 6 * 2 + 6 * 3)


@pytest.mark.parametrize("size", SIZES)
def test_laplacian_measures_curvature(size: tuple[int, int]) -> None:
    """On x² + 3y² second differences are 2 and 6 everywhere, smoothed or not."""
    y, x = np.mgrid[0:9, 0:9]
    bowl = (x**2 + 3 * y**2)[None]
    output = run(bowl, preset("laplacian", *size)[None, None], ConvolutionSettings(size)).output
    np.testing.assert_allclose(output, 8)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (4, 3), (1, 6), (7, 2)])
def test_identity_box_and_gaussian_have_every_size(size: tuple[int, int]) -> None:
    x = np.random.default_rng(1).normal(size=(1, 6, 7))
    layer = ConvolutionSettings(size, padding="same")
    np.testing.assert_array_equal(run(x, preset("identity", *size)[None, None], layer).output, x)
    for name in ("box", "gaussian"):
        kernel = preset(name, *size)
        assert kernel.shape == size
        assert kernel.sum() == pytest.approx(1)
        np.testing.assert_array_equal(kernel, kernel[::-1, ::-1])


def test_gaussian_weights_are_coefficients_of_a_power() -> None:
    assert (preset("gaussian", 1, 7)[0] * 64).tolist() == np.poly(-np.ones(6)).tolist()


@pytest.mark.parametrize("name", PRESETS)
def test_sizes_are_what_fits_says(name: str) -> None:
    for height in range(1, 8):
        for width in range(1, 8):
            if PRESETS[name].fits(height, width):
                kernel = preset(name, height, width)
                assert kernel.shape == (height, width)
                assert kernel.dtype == np.float64
            else:
                with pytest.raises(SettingError, match=f"{height}×{width}"):
                    preset(name, height, width)


def test_no_such_kernel() -> None:
    with pytest.raises(SettingError) as caught:
        preset("sobel-x", 3, 4)
    assert str(caught.value) == "the kernel 'sobel-x' needs odd sides of at least 3, but the size is 3×4"
    with pytest.raises(SettingError, match="there is no kernel 'blur'; the kernels are identity, box"):
        preset("blur", 3, 3)
    with pytest.raises(SettingError, match="both sides must be at least 1"):
        preset("identity", 0, 3)


# Photos


def test_identity_gives_the_photo_back() -> None:
    rgb = photo()
    filtered = filter_photo(rgb, [[1]], SAME, "each channel")
    np.testing.assert_array_equal(filtered.display, rgb)
    np.testing.assert_array_equal(filtered.output, rgb.astype(np.float32))
    turned = filter_photo(rgb[::-1, ::-1], [[1]], SAME, "each channel")
    np.testing.assert_array_equal(turned.display, rgb[::-1, ::-1])


def test_grey_is_pillows_grey() -> None:
    rgb = photo()
    grey = filter_photo(rgb, [[1]], SAME, "grey")
    pillow = np.asarray(Image.fromarray(rgb).convert("L")).astype(int)
    assert grey.output.shape == rgb.shape[:2]
    assert np.abs(grey.display.astype(int) - pillow).max() <= 1, "Pillow rounds in fixed point"


@pytest.mark.parametrize(
    ("mode", "scipys"),
    [("zeros", "constant"), ("reflect", "mirror"), ("replicate", "nearest"), ("circular", "wrap")],
)
@pytest.mark.parametrize("flip", [False, True])
def test_photo_equals_scipy(mode: Any, scipys: str, flip: bool) -> None:
    rgb = photo()
    kernel = np.random.default_rng(2).normal(size=(3, 5))
    settings = ConvolutionSettings(padding="same", padding_mode=mode, flip=flip)
    slide = ndimage.convolve if flip else ndimage.correlate
    expected = np.stack([slide(rgb[..., c].astype(float), kernel, mode=scipys) for c in range(3)], axis=-1)
    filtered = filter_photo(rgb, kernel, settings, "each channel")
    np.testing.assert_allclose(filtered.output, expected, atol=1e-2)
    grey = filter_photo(rgb, kernel, settings, "grey")
    levels = (rgb @ np.array([299, 587, 114]) + 500) // 1000
    levels = levels.astype(float)
    np.testing.assert_allclose(grey.output, slide(levels, kernel, mode=scipys), atol=1e-2)


def test_photo_equals_the_proved_layer() -> None:
    """Stride, padding and dilation mean what they mean on the small grid."""
    rgb = photo()
    settings = ConvolutionSettings((9, 9), 3, (2, 1), "reflect", 2, groups=7, in_channels=7, out_channels=7)
    kernel = np.random.default_rng(3).normal(size=(4, 3))
    proved = run(
        rgb[..., 1][None],
        kernel[None, None],
        ConvolutionSettings((4, 3), 3, (2, 1), "reflect", 2),
    )
    filtered = filter_photo(rgb, kernel, settings, "each channel")
    np.testing.assert_allclose(filtered.output[..., 1], proved.output[0], atol=1e-2)


def test_first_layer_kernel_sees_all_channels() -> None:
    """Against Conv2d itself, with the input normalised by hand."""
    rgb = photo()
    weight = np.random.default_rng(4).normal(size=(3, 3, 3))
    layer = torch.nn.Conv2d(3, 1, 3, stride=2, padding=1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight[None]))
        expected = layer((torch.from_numpy(rgb).double().permute(2, 0, 1) - 127) / 128)[0].numpy()
    filtered = filter_rgb(rgb, weight, ConvolutionSettings(stride=2, padding=1))
    np.testing.assert_allclose(filtered.output, expected, atol=1e-5)
    strongest = np.unravel_index(np.abs(expected).argmax(), expected.shape)
    assert filtered.display[strongest] == (255 if expected[strongest] > 0 else 1)


@pytest.mark.parametrize(
    ("display", "levels"),
    [
        ("clip", [0, 0, 0, 100, 255]),
        ("absolute", [255, 100, 0, 100, 255]),
        ("shift", [0, 28, 128, 228, 255]),
        ("stretch", [1, 96, 128, 160, 255]),
    ],
)
def test_display_by_hand(display: Any, levels: list[int]) -> None:
    """Stretched, ±400 fills ±127 around 128: 100 becomes 128 + 31.75."""
    output = np.array([-400, -100, 0, 100, 400], dtype=np.float32)
    shown = to_display(output, display)
    assert shown.dtype == np.uint8
    assert shown.tolist() == levels
    assert output.tolist() == [-400, -100, 0, 100, 400], "the input is left alone"


def test_nothing_stretches_to_middle_grey() -> None:
    assert to_display(np.zeros((2, 2), dtype=np.float32), "stretch").tolist() == [[128, 128], [128, 128]]


def test_impossible_filters_are_explained() -> None:
    with pytest.raises(SettingError, match="the kernel spans 7 pixels, but the padded input has only 5"):
        filter_photo(photo(5, 9), np.ones((7, 7)), ConvolutionSettings())
    with pytest.raises(SettingError, match="kernel holds a value that is not a finite number"):
        filter_photo(photo(), [[np.nan]], SAME)
    with pytest.raises(SettingError, match=r"kernel has the shape \(3 × 3\); it must be \(3 × n × n\)"):
        filter_rgb(photo(), np.ones((3, 3)), SAME)
