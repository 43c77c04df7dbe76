"""The checkerboard of transposed convolutions: where it comes from, what it does to a picture, and its cures.

A transposed convolution of kernel k and stride s writes some outputs more often than others, unless s divides k.
The pattern repeats every s cells, so that it stands at the frequency 1/s, and its multiples, in the spectrum.

Sources: Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016; Aitken et al., arXiv 1707.02937;
Sugawara et al., "Checkerboard artifacts free convolutional neural networks", 2019 (the final blur).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import transposed_output_size
from cnnviz.layers.convolution import Floats, as_numbers
from cnnviz.messages import N_
from cnnviz.upsampling import kernels
from cnnviz.upsampling.bench import upsample
from cnnviz.upsampling.operator import Kernel, Operator, Settings, Whole, operator
from cnnviz.upsampling.operators.dilated import Dilated
from cnnviz.upsampling.operators.resize_convolve import ResizeConvolve
from cnnviz.upsampling.operators.subpixel import SubPixel
from cnnviz.upsampling.operators.transposed import Transposed

Integers = NDArray[np.int64]

KernelKind = Literal["uniform", "random"]

MOST_PERIOD = 4096
"""Pixels: 4 layers of stride 8."""


# Counting


@dataclass(frozen=True)
class Layer:
    """A transposed convolution, as far as counting goes."""

    kernel_size: int = 3
    stride: int = 2
    padding: int = 0
    output_padding: int = 0

    @property
    def is_even(self) -> bool:
        """Whether it writes every output equally often, borders aside: only where stride divides kernel_size."""
        return self.kernel_size % self.stride == 0


def phases(kernel_size: int, stride: int) -> tuple[int, ...]:
    """How often the outputs are written, borders aside: the pattern of `stride` counts that repeats.

    Output i gets one product for every weight a with a ≡ i (mod stride): ⌈(k − i mod s) / s⌉ of them.

    Raises:
        SettingError: a kernel or stride below 1.

    >>> phases(3, 2), phases(4, 2), phases(5, 2)
    ((2, 1), (2, 2), (3, 2))
    """
    transposed_output_size(1, kernel_size, stride)
    return tuple(-(-(kernel_size - phase) // stride) for phase in range(stride))


def overlaps_1d(input_size: int, layers: Layer | Sequence[Layer]) -> Integers:
    """How many products each output cell sums, along one axis, borders included.

    Several layers multiply: a cell that sums three cells of counts 1, 2 and 1 has the count 4.

    Args:
        input_size: cells before the first layer.
        layers: in the order of the forward pass.

    Raises:
        SettingError: wherever ``torch.nn.ConvTranspose2d`` raises, or for an empty output.

    >>> overlaps_1d(4, Layer(3, 2)).tolist()
    [1, 1, 2, 1, 2, 1, 2, 1, 1]
    >>> overlaps_1d(3, [Layer(3, 2), Layer(3, 2)])[3:-3].tolist()
    [1, 3, 2, 3, 1, 3, 2, 3, 1]
    """
    counts = np.ones(input_size, np.int64)
    for layer in [layers] if isinstance(layers, Layer) else layers:
        k, s, p = layer.kernel_size, layer.stride, layer.padding
        size = transposed_output_size(len(counts), k, s, p, layer.output_padding)
        canvas = np.zeros((len(counts) - 1) * s + k + layer.output_padding, np.int64)
        for cell, count in enumerate(counts):
            canvas[cell * s : cell * s + k] += count
        counts = canvas[p : p + size]
    return counts


def overlaps_2d(size: tuple[int, int], layers: Layer | Sequence[Layer]) -> Integers:
    """The same for a map of (height, width) `size`: the two axes multiply, which makes the checkerboard.

    >>> overlaps_2d((3, 3), Layer(3, 2))[2:5, 2:5].tolist()
    [[4, 2, 4], [2, 1, 2], [4, 2, 4]]
    """
    return np.outer(*(overlaps_1d(side, layers) for side in size))


def tile(layers: Layer | Sequence[Layer]) -> Integers:
    """The counts that repeat along one axis, borders aside: one period, the product of the strides, of them.

    >>> tile(Layer(3, 2)).tolist(), tile([Layer(3, 2)] * 2).tolist()
    ([2, 1], [3, 2, 3, 1])
    """
    layers = [layers] if isinstance(layers, Layer) else layers
    period = int(np.prod([layer.stride for layer in layers]))
    plain = [Layer(layer.kernel_size, layer.stride) for layer in layers]
    # A border reaches in by less than one kernel a layer, counted in cells before the first layer.
    border = sum(layer.kernel_size for layer in layers) + 1
    counts = overlaps_1d(2 * border + 1, plain)
    return counts[border * period : (border + 1) * period]


def unevenness(layers: Layer | Sequence[Layer]) -> float:
    """Highest over lowest count along one axis, borders aside; 1 is even, 2-D has the square of it.

    Infinite where a kernel smaller than the stride leaves gaps.

    >>> unevenness(Layer(3, 2)), unevenness([Layer(3, 2)] * 2), unevenness(Layer(4, 2))
    (2.0, 3.0, 1.0)
    """
    inner = tile(layers)
    return float(inner.max() / inner.min()) if inner.min() else float("inf")


# The spectrum


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Power of a picture by frequency.

    Attributes:
        power: (H, W), |DFT|² / (H·W)² summed over channels; frequency 0 in the middle.
        rows: frequency of each row in cycles per pixel, −1/2 to below 1/2.
        columns: the same of each column.
        peaks: (row, column) of the entries at multiples of 1/stride, but for frequency 0: the grid's.
        peak_ratio: their share of the whole power (frequency 0, the mean level, included), 0 to 1.
    """

    power: Floats
    rows: Floats
    columns: Floats
    peaks: tuple[tuple[int, int], ...]
    peak_ratio: float


def spectrum(picture: ArrayLike, stride: int) -> Spectrum:
    """Power spectrum of `picture`, (C, H, W), cut to a multiple of `stride`, so that the grid falls on entries.

    The picture's part of the peaks comes from its content and its borders: compare with the original's.

    Args:
        picture: (C, H, W).
        stride: the grid's period in pixels; the product of the strides of several layers.

    Raises:
        SettingError: a picture smaller than one period, or a stride below 1.

    >>> grid = spectrum([[[1, 2, 1, 2]]* 4], 2)
    >>> grid.peaks, round(grid.peak_ratio, 3)  # mean 3/2, amplitude 1/2: 0.25 / (2.25 + 0.25)
    (((0, 0), (0, 2), (2, 0)), 0.1)
    """
    Whole(1, MOST_PERIOD).check("stride", stride)
    x = as_numbers("picture", picture, (None, None, None))
    height, width = (side // stride * stride for side in x.shape[1:])
    if not height or not width:
        raise SettingError(
            N_("a picture of {height} × {width} is smaller than one period of {stride}"),
            height=x.shape[1],
            width=x.shape[2],
            stride=stride,
        )
    transformed = np.fft.fft2(x[:, :height, :width]) / (height * width)
    power: Floats = np.fft.fftshift((np.abs(transformed) ** 2).sum(0))
    lines = [
        [(side // 2 + multiple * side // stride) % side for multiple in range(stride)]
        for side in (height, width)
    ]
    middle = (height // 2, width // 2)
    peaks = sorted((row, column) for row in lines[0] for column in lines[1] if (row, column) != middle)
    total = float(power.sum())
    return Spectrum(
        power=power,
        rows=np.fft.fftshift(np.fft.fftfreq(height)),
        columns=np.fft.fftshift(np.fft.fftfreq(width)),
        peaks=tuple(peaks),
        peak_ratio=float(sum(power[peak] for peak in peaks)) / total if total else 0.0,
    )


# The pattern, and its cures


@dataclass(frozen=True, eq=False)
class Pattern:
    """A picture upsampled, and how much of a grid it got.

    Attributes:
        id: which layers made it.
        title: English, marked for translation.
        output: (C, H', W'), borders left as they came out.
        spectrum: of the output without its borders.
        kernel: its weights; None for the sub-pixel convolution, which has r² kernels.
    """

    id: str
    title: str
    output: Floats
    spectrum: Spectrum
    kernel: Kernel | None

    @property
    def peak_ratio(self) -> float:
        """Share of the grid's frequencies in the power; the picture's own part is in there."""
        return self.spectrum.peak_ratio


def make_kernel(kind: KernelKind, kernel_size: int, stride: int, seed: int = 0) -> Kernel:
    """A kernel that keeps the mean level: equal weights, or random ones.

    Raises:
        SettingError: a kernel or stride that is below 1 or too large.
    """
    Whole(1, 16).check("kernel_size", kernel_size)
    Whole(1, 8).check("stride", stride)
    if kind == "uniform":
        return kernels.uniform(kernel_size, stride)
    return kernels.random(kernel_size, stride, seed)


def pattern(
    picture: ArrayLike,
    kernel: ArrayLike,
    stride: int,
    layers: int = 1,
    title: str = N_("Transposed convolution"),
) -> Pattern:
    """Upsample `picture`, (C, H, W), by `layers` transposed convolutions of the same kernel, k × k.

    The kernel may be trained, random or uniform. Padding is (k − stride) // 2, as decoders have it, or none.

    Raises:
        SettingError: a kernel or stride out of range, or less than one layer.
    """
    if layers < 1:
        raise SettingError(N_("a layer count of {layers}; it must be at least 1"), layers=layers)
    x = as_numbers("picture", picture, (None, None, None))
    weights = kernels.as_kernel(as_numbers("kernel", kernel, (None, None)))
    settings = Transposed(weights, stride, max(0, (len(weights) - stride) // 2))
    for _ in range(layers):
        x = upsample(operator("transposed"), x, settings)
    return _pattern("transposed", title, x, stride**layers, weights)


def untouched(picture: ArrayLike, period: int) -> Pattern:
    """The picture itself, (C, H, W), to compare with: its content has a part in the grid's frequencies, too.

    Raises:
        SettingError: a picture smaller than one period.
    """
    return _pattern(
        "original", N_("The original"), as_numbers("picture", picture, (None, None, None)), period, None
    )


def _pattern(id: str, title: str, output: Floats, period: int, kernel: Kernel | None) -> Pattern:
    # Borders are written less often whatever the layer; where the picture is large enough, leave them out.
    margin = 2 * period if min(output.shape[1:]) >= 6 * period else 0
    inner = output[:, margin : output.shape[1] - margin, margin : output.shape[2] - margin]
    return Pattern(id, title, output, spectrum(inner, period), kernel)


def blur(picture: Floats, stride: int) -> Floats:
    """Mean of `stride` × `stride` pixels: zero at the frequency 1/stride and all its multiples.

    (C, H, W) -> the same; zeros beyond the border.
    """
    return np.asarray(operator("dilated").apply(picture, Dilated(kernels.uniform(stride, 1), 1)), np.float64)


def cures(
    picture: ArrayLike, kernel_size: int = 3, stride: int = 2, kind: KernelKind = "uniform", seed: int = 0
) -> tuple[Pattern, ...]:
    """The checkerboard, and what helps, each on the same picture.

    In this order: "transposed" (kernel_size as given); "divisible" (the next larger k that stride
    divides); "resize_convolve" (nearest, then an odd kernel); "random_shuffle" (the sub-pixel convolution as
    PyTorch starts it, with a grid); "icnr" (the same with ICNR); "blur" (the first one, blurred at the end).
    Everything is computed by PyTorch. A divisible kernel of random weights still makes a grid: it only removes the overlap's part.

    Args:
        picture: (C, H, W).
        kernel_size: k of the transposed convolution.
        stride: times larger, 2 to 8.
        kind: of the kernels, but for those before a shuffle, which are random.
        seed: of random kernels.

    Raises:
        SettingError: a setting out of range, or a picture smaller than one period.
    """
    x = as_numbers("picture", picture, (None, None, None))
    divisible = -(-kernel_size // stride) * stride
    odd = min(kernel_size - 1 + kernel_size % 2, 9)
    first = pattern(x, make_kernel(kind, kernel_size, stride, seed), stride)
    second = pattern(
        x, make_kernel(kind, divisible, stride, seed), stride, title=N_("Kernel size divisible by stride")
    )

    def made(id: str, title: str, by: Operator[Any], settings: Settings, kernel: Kernel | None) -> Pattern:
        return _pattern(id, title, upsample(by, x, settings), stride, kernel)

    once = make_kernel(kind, odd, 1, seed)
    shuffled = operator("subpixel")
    return (
        first,
        Pattern("divisible", second.title, second.output, second.spectrum, second.kernel),
        made(
            "resize_convolve",
            N_("Resize, then convolve"),
            operator("resize_convolve"),
            ResizeConvolve(stride, "nearest", once),
            once,
        ),
        made(
            "random_shuffle",
            N_("Pixel shuffle, random start"),
            shuffled,
            SubPixel(stride, odd, "random", seed),
            None,
        ),
        made("icnr", N_("Pixel shuffle, ICNR"), shuffled, SubPixel(stride, odd, "ICNR", seed), None),
        _pattern("blur", N_("Blur at the end"), blur(first.output, stride), stride, first.kernel),
    )
