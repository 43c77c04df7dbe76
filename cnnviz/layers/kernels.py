"""Kernels with a name, for any size where they make sense, and photos filtered with a kernel.

Kernels are written as a convolution layer reads them, as cross-correlation: the left column of the
kernel lies on the left of the window. Arrays are float64, (rows, columns).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import comb
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from cnnviz.errors import SettingError
from cnnviz.layers.convolution import ConvolutionSettings, Floats, apply, as_numbers
from cnnviz.messages import N_

Colour = Literal["grey", "each channel"]
Display = Literal["clip", "absolute", "shift", "stretch"]

GREY = np.array([299, 587, 114], dtype=np.int32)
"""Thousandths of R, G and B in a grey level (ITU-R BT.601, as in JPEG and in Pillow's mode L)."""


@dataclass(frozen=True)
class KernelPreset:
    """A kernel with a name.

    Attributes:
        id: name in links.
        title: English name.
        description: in English, what it does to a picture.
        make: (height, width) -> the kernel, for a size that :meth:`fits`.
        centred: whether it needs a middle and neighbours on both sides: odd sizes from 3 on.
    """

    id: str
    title: str
    description: str
    make: Callable[[int, int], Floats]
    centred: bool = True

    def fits(self, height: int, width: int) -> bool:
        """Whether there is such a kernel of this size.

        >>> PRESETS["box"].fits(2, 5), PRESETS["sobel-x"].fits(2, 5)
        (True, False)
        """
        return not self.centred or all(side >= 3 and side % 2 for side in (height, width))


def _binomial(size: int) -> Floats:
    """A row of Pascal's triangle: the whole-number Gaussian of σ = √(size − 1) / 2."""
    return np.array([comb(size - 1, index) for index in range(size)], dtype=np.float64)


def _identity(height: int, width: int) -> Floats:
    kernel = np.zeros((height, width))
    # Left and above of the middle where there is none: that is where PyTorch's 'same' puts the window.
    kernel[(height - 1) // 2, (width - 1) // 2] = 1
    return kernel


def _box(height: int, width: int) -> Floats:
    return np.full((height, width), 1 / (height * width))


def _gaussian(height: int, width: int) -> Floats:
    return np.outer(_binomial(height), _binomial(width)) / 2 ** (height + width - 2)


def _sobel_x(height: int, width: int) -> Floats:
    return np.outer(_binomial(height), np.convolve(_binomial(width - 2), [-1, 0, 1]))


def _sobel_y(height: int, width: int) -> Floats:
    return _sobel_x(width, height).T


def _enlarged(core: ArrayLike, height: int, width: int) -> Floats:
    """A 3×3 kernel made to look at a picture that a Gaussian has smoothed first."""
    smoothing = _gaussian(height - 2, width - 2)
    kernel = np.zeros((height, width))
    for (i, j), weight in np.ndenumerate(np.asarray(core)):
        kernel[i : i + height - 2, j : j + width - 2] += weight * smoothing
    return kernel


def _laplacian(height: int, width: int) -> Floats:
    return _enlarged([[0, 1, 0], [1, -4, 1], [0, 1, 0]], height, width)


def _sharpen(height: int, width: int) -> Floats:
    return _identity(height, width) - _laplacian(height, width)


def _emboss(height: int, width: int) -> Floats:
    return _identity(height, width) + _enlarged([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]], height, width)


PRESETS: Mapping[str, KernelPreset] = MappingProxyType(
    {
        preset.id: preset
        for preset in (
            KernelPreset(
                "identity",
                N_("Identity"),
                N_("A single 1 at the centre: the picture comes out as it went in."),
                _identity,
                centred=False,
            ),
            KernelPreset(
                "box",
                N_("Box blur"),
                N_("The plain mean of the window: every pixel counts the same."),
                _box,
                centred=False,
            ),
            KernelPreset(
                "gaussian",
                N_("Gaussian blur"),
                N_("A mean in which near pixels count more; the weights are binomial coefficients."),
                _gaussian,
                centred=False,
            ),
            KernelPreset(
                "sobel-x",
                N_("Sobel x"),
                N_("The slope of brightness from left to right: strong at vertical edges."),
                _sobel_x,
            ),
            KernelPreset(
                "sobel-y",
                N_("Sobel y"),
                N_("The slope of brightness from top to bottom: strong at horizontal edges."),
                _sobel_y,
            ),
            KernelPreset(
                "laplacian",
                N_("Laplacian"),
                N_(
                    "How far a pixel is from its neighbours' mean: zero on even slopes, strong at edges and dots."
                ),
                _laplacian,
            ),
            KernelPreset(
                "sharpen",
                N_("Sharpen"),
                N_("The picture minus its Laplacian: edges gain contrast, flat areas stay."),
                _sharpen,
            ),
            KernelPreset(
                "emboss",
                N_("Emboss"),
                N_("The picture plus its slope towards the lower right: it looks lit from one side."),
                _emboss,
            ),
        )
    }
)
"""The named kernels by id, in teaching order."""


def preset(id: str, height: int, width: int) -> Floats:
    """The named kernel of (height, width).

    Sobel is binomial smoothing along the edge times the binomial derivative across it (whole numbers).
    Laplacian, sharpen and emboss are the usual 3×3 kernels; larger ones smooth with a Gaussian first.

    Raises:
        SettingError: there is no such kernel, or not of this size.

    >>> preset("sobel-x", 3, 3).tolist()
    [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]
    """
    if id not in PRESETS:
        raise SettingError(
            N_("there is no kernel '{id}'; the kernels are {names}"), id=id, names=", ".join(PRESETS)
        )
    if height < 1 or width < 1:
        raise SettingError(
            N_("a kernel of {height}×{width}; both sides must be at least 1"), height=height, width=width
        )
    if not PRESETS[id].fits(height, width):
        raise SettingError(
            N_("the kernel '{id}' needs odd sides of at least 3, but the size is {height}×{width}"),
            id=id,
            height=height,
            width=width,
        )
    return PRESETS[id].make(height, width)


@dataclass(frozen=True, eq=False)
class FilteredPhoto:
    """A photo after one kernel.

    Attributes:
        output: float32, (height, width), or (height, width, RGB) where each channel was filtered.
        display: the same as something to look at, uint8, 0–255.
    """

    output: NDArray[np.float32]
    display: NDArray[np.uint8]


def to_display(output: NDArray[np.float32], display: Display) -> NDArray[np.uint8]:
    """Filter output as grey levels from 0 to 255.

    Args:
        output: any shape.
        display: ``"clip"`` cuts below 0 and above 255; ``"absolute"`` shows the size whatever the sign;
            ``"shift"`` shows 0 as 128; ``"stretch"`` does too, and scales the largest size to fill the range.

    >>> to_display(np.array([-64, 0, 300], dtype=np.float32), "shift")
    array([ 64, 128, 255], dtype=uint8)
    """
    if display == "absolute":
        output = np.abs(output)
    elif display == "shift":
        output = output + 128
    elif display == "stretch":
        output = 128 + output * (127 / (float(np.abs(output).max()) or 1.0))
    return np.rint(output).clip(0, 255).astype(np.uint8)


def planes(
    rgb: NDArray[np.uint8], colour: Colour | None, mean: float = 127.0, std: float = 128.0
) -> NDArray[np.float32]:
    """What a kernel slides over, channels last: (H, W, 1) or (H, W, 3).

    Args:
        rgb: (H, W, 3), 0–255.
        colour: grey levels, or R, G and B, whole numbers from 0 to 255; None for R, G and B as a network
            wants them:
        mean: taken from each pixel before ...
        std: ... it is divided by this.

    >>> planes(np.full((1, 1, 3), 255, np.uint8), None).tolist()
    [[[1.0, 1.0, 1.0]]]
    """
    if colour == "grey":
        # In whole numbers, so that a level halfway between two is rounded alike everywhere.
        levels = (rgb.astype(np.int32) @ GREY + 500) // 1000
        return levels.astype(np.float32)[..., None]
    pixels = rgb.astype(np.float32, order="C")
    return pixels if colour else (pixels - np.float32(mean)) / np.float32(std)


def _slide(pixels: NDArray[np.float32], weight: Floats, settings: ConvolutionSettings) -> NDArray[np.float32]:
    """(H, W, C) pixels through an (O, C/groups, kh, kw) weight: (Ho, Wo, O). Of `settings` the way of sliding counts."""
    (height, width, channels), (outputs, group, *kernel_size) = pixels.shape, weight.shape
    layer = replace(
        settings,
        kernel_size=(kernel_size[0], kernel_size[1]),
        in_channels=channels,
        out_channels=outputs,
        groups=channels // group,
        bias=False,
    )
    layer.output_size((height, width))
    with torch.inference_mode():
        # Channels stay last in memory, where PyTorch filters each of them several times faster.
        batch = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        output = apply(batch, torch.from_numpy(weight.astype(np.float32)), layer)
        slid: NDArray[np.float32] = output[0].permute(1, 2, 0).contiguous().numpy()
    return slid


def filter_photo(
    rgb: NDArray[np.uint8],
    kernel: ArrayLike,
    settings: ConvolutionSettings,
    colour: Colour = "grey",
    display: Display = "clip",
) -> FilteredPhoto:
    """Slide a kernel over a photo.

    Args:
        rgb: (H, W, 3), 0–255.
        kernel: (kh, kw).
        settings: how it slides: stride, padding, its mode, dilation and flip. Sizes and channels don't count.
        colour: over the grey levels, or over R, G and B each.
        display: see :func:`to_display`.

    Raises:
        SettingError: the kernel isn't a grid of finite numbers, or the settings don't fit the photo.
    """
    weights = as_numbers("kernel", kernel, (None, None))
    pixels = planes(rgb, colour)
    output = _slide(pixels, np.stack([weights[None]] * pixels.shape[2]), settings)
    if colour == "grey":
        output = output[..., 0]
    return FilteredPhoto(output, to_display(output, display))


def filter_rgb(
    rgb: NDArray[np.uint8],
    kernel: ArrayLike,
    settings: ConvolutionSettings,
    display: Display = "stretch",
    mean: float = 127.0,
    std: float = 128.0,
) -> FilteredPhoto:
    """Slide one kernel of a network's first layer over a photo: it sees R, G and B at once.

    Args:
        rgb: (H, W, 3), 0–255.
        kernel: (3, kh, kw).
        settings: how it slides: stride, padding, its mode, dilation and flip. Sizes and channels don't count.
        display: see :func:`to_display`.
        mean: taken from each pixel before ...
        std: ... it is divided by this: what the network was trained with (here EfficientNet-Lite0's).

    Raises:
        SettingError: the kernel isn't three grids of finite numbers, or the settings don't fit the photo.
    """
    weights = as_numbers("kernel", kernel, (3, None, None))
    output = _slide(planes(rgb, None, mean, std), weights[None], settings)[..., 0]
    return FilteredPhoto(output, to_display(output, display))
