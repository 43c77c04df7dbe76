"""Small grids of numbers to convolve: tiny pictures, signals, patches of photos, and sets of kernels.

Arrays are float64: pictures (channels, rows, columns), kernels (O, C/groups, kh, kw).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import extent
from cnnviz.layers.convolution import PADDING_MODES, ConvolutionSettings, Floats
from cnnviz.layers.kernels import PRESETS, preset
from cnnviz.messages import N_

RANDOM = "random"
"""Id of the pictures and kernels that are drawn from a seed."""


def _letter(height: int, width: int) -> Floats:
    """An F, with a border where there is room: from 4 × 4 on, turned or mirrored it is another picture."""
    grid = np.zeros((height, width))
    edge = int(min(height, width) >= 6)
    top, bottom, left, right = edge, height - edge, edge, width - edge
    middle = max(height // 2, top + 1)
    grid[top:bottom, left] = 1
    grid[top, left:right] = 1
    grid[middle, left : max(right - 1, left + 1)] = 1
    return grid


def _edge(height: int, width: int) -> Floats:
    grid = np.zeros((height, width))
    grid[:, width // 2 :] = 1
    return grid


def _ramp(height: int, width: int) -> Floats:
    return np.tile(np.arange(width, dtype=np.float64), (height, 1))


def _checkerboard(height: int, width: int) -> Floats:
    return np.asarray(np.indices((height, width)).sum(axis=0) % 2, dtype=np.float64)


def _dot(height: int, width: int) -> Floats:
    grid = np.zeros((height, width))
    grid[height // 2, width // 2] = 1
    return grid


_MAKERS: Mapping[str, Callable[[int, int], Floats]] = MappingProxyType(
    {"letter": _letter, "edge": _edge, "ramp": _ramp, "checkerboard": _checkerboard, "dot": _dot}
)

PICTURES: Mapping[str, str] = MappingProxyType(
    {
        "letter": N_("The letter F"),
        "edge": N_("An edge"),
        "ramp": N_("A ramp"),
        "checkerboard": N_("A checkerboard"),
        "dot": N_("A single dot"),
        RANDOM: N_("Random digits"),
    }
)
"""English titles of the small pictures by id, in teaching order."""


def picture(id: str, channels: int, height: int, width: int, seed: int = 0) -> Floats:
    """A small picture. Channels after the first are the same mirrored; random ones are drawn anew.

    Raises:
        SettingError: there is no such picture.

    >>> picture("edge", 2, 1, 4).tolist()
    [[[0.0, 0.0, 1.0, 1.0]], [[1.0, 1.0, 0.0, 0.0]]]
    """
    if id == RANDOM:
        return np.random.default_rng(seed).integers(0, 10, (channels, height, width)).astype(np.float64)
    if id not in _MAKERS:
        raise SettingError(
            N_("there is no picture '{id}'; the pictures are {names}"), id=id, names=", ".join(PICTURES)
        )
    grid = _MAKERS[id](height, width)
    mirrored = (grid, grid[:, ::-1], grid[::-1], grid[::-1, ::-1])
    return np.stack([mirrored[channel % 4] for channel in range(channels)])


def bank_ids(id: str, outputs: int, height: int, width: int) -> tuple[str, ...]:
    """The named kernels of `outputs` channels: `id`, then those that follow it, as far as they fit the size.

    >>> bank_ids("emboss", 3, 3, 3)
    ('emboss', 'identity', 'box')
    """
    fitting = [name for name in PRESETS if name == id or PRESETS[name].fits(height, width)]
    start = fitting.index(id)
    return tuple(fitting[(start + step) % len(fitting)] for step in range(outputs))


def bank(id: str, settings: ConvolutionSettings, seed: int = 0) -> Floats:
    """Kernels for every channel of a layer.

    The first output channel has the named kernel for each of its inputs, the next channels have those
    of :func:`bank_ids`. Random ones are whole numbers from −2 to 2.

    Raises:
        SettingError: there is no such kernel, or not of this size.

    >>> bank("sobel-x", ConvolutionSettings(out_channels=2))[1, 0].tolist()  # Sobel y comes next
    [[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]]
    """
    outputs, inputs, height, width = shape = settings.weight_shape
    if id == RANDOM:
        return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float64)
    preset(id, height, width)
    named = [preset(name, height, width) for name in bank_ids(id, outputs, height, width)]
    return np.stack([np.stack([kernel] * inputs) for kernel in named])


def overlay(base: Floats, numbers: ArrayLike) -> Floats:
    """A copy of `base` with `numbers` written over it from the start of each axis, as far as both reach.

    >>> overlay(np.zeros((1, 2, 2)), [[[5, 6, 7]]]).tolist()
    [[[5.0, 6.0], [0.0, 0.0]]]
    """
    top = np.asarray(numbers, dtype=np.float64)
    common = tuple(slice(min(sides)) for sides in zip(base.shape, top.shape, strict=True))
    result = base.copy()
    result[common] = top[common]
    return result


def biases(channels: int) -> Floats:
    """A bias for each output channel: 1, −1, 2, −2, …

    >>> biases(3).tolist()
    [1.0, -1.0, 2.0]
    """
    return np.array([(index // 2 + 1) * (-1) ** index for index in range(channels)], dtype=np.float64)


# A line


SIGNALS: Mapping[str, tuple[str, tuple[float, ...]]] = MappingProxyType(
    {
        "pulses": (N_("Two pulses"), (0, 2, 0, 1, 0, 0, 0)),
        "step": (N_("A step"), (0, 0, 0, 1, 1, 1, 1)),
        "ramp": (N_("A ramp"), (0, 1, 2, 3, 4, 5, 6)),
    }
)
"""One-dimensional signals: English title and numbers by id."""

LINE_KERNELS: Mapping[str, tuple[str, tuple[float, ...]]] = MappingProxyType(
    {
        "echo": (N_("An echo"), (4, 2, 1)),
        "difference": (N_("A difference"), (1, 0, -1)),
        "sum": (N_("A running sum"), (1, 1, 1)),
        "delay": (N_("A delay"), (0, 0, 0, 1)),
    }
)
"""One-dimensional kernels: English title and numbers by id."""


# A patch of a photo


@dataclass(frozen=True, eq=False)
class Patch:
    """What a few neighbouring output cells read of a large input.

    Attributes:
        values: (C, h, w), cut out of the padded input; a layer without padding gives the cells.
        first: (row, column) of the first of the cells in the whole output.
        cells: how many there are, (rows, columns).
        box: what it covers of the input: (top, left, bottom, right) in pixels, the last two excluded;
            it may reach into the padding.
    """

    values: Floats
    first: tuple[int, int]
    cells: tuple[int, int]
    box: tuple[int, int, int, int]


def patch(
    planes: ArrayLike,
    settings: ConvolutionSettings,
    position: tuple[int, int],
    length: int = 9,
    most: int = 5,
) -> Patch:
    """The patch of a large input around a pixel.

    Args:
        planes: (C, H, W).
        settings: the layer; channels don't count.
        position: (row, column) of the pixel, as near the middle as the border allows.
        length: longest side of the patch, unless a single window is longer.
        most: most output cells along a side.

    Raises:
        SettingError: the settings don't fit the input.

    >>> around = patch(np.zeros((1, 40, 40)), ConvolutionSettings((3, 3)), (20, 20))
    >>> around.values.shape, around.first, around.box
    ((1, 7, 7), (17, 17), (17, 17, 24, 24))
    """
    whole = np.asarray(planes, dtype=np.float64)
    outputs = settings.output_size((whole.shape[1], whole.shape[2]))
    top, bottom, left, right = settings.pads
    firsts, counts, spans = [], [], []
    for axis, before in ((0, top), (1, left)):
        span = extent(settings.kernel_size[axis], settings.dilation)
        count = min(max((length - span) // settings.stride + 1, 1), most, outputs[axis])
        nearest = round((position[axis] + before - (span - 1) / 2) / settings.stride)
        firsts.append(min(max(nearest - count // 2, 0), outputs[axis] - count))
        counts.append(count)
        spans.append((count - 1) * settings.stride + span)
    start = [first * settings.stride for first in firsts]
    padded = np.pad(
        whole, ((0, 0), (top, bottom), (left, right)), mode=PADDING_MODES[settings.padding_mode][1]
    )
    box = (start[0] - top, start[1] - left, start[0] - top + spans[0], start[1] - left + spans[1])
    return Patch(
        values=padded[:, start[0] : start[0] + spans[0], start[1] : start[1] + spans[1]],
        first=(firsts[0], firsts[1]),
        cells=(counts[0], counts[1]),
        box=box,
    )
