"""The bench: every operator with today's settings on the same input, with what each output cell is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from cnnviz.layers.convolution import Floats
from cnnviz.messages import N_
from cnnviz.upsampling import bench, kernels
from cnnviz.upsampling.bench import Run
from cnnviz.upsampling.operator import Kernel, Maps, Operator, Settings, operator
from cnnviz.upsampling.operators.bed_of_nails import Blocks
from cnnviz.upsampling.operators.dilated import BOX, Dilated
from cnnviz.upsampling.operators.max_unpooling import MaxUnpooling
from cnnviz.upsampling.operators.pixel_shuffle import PixelShuffle
from cnnviz.upsampling.operators.resize_convolve import ResizeConvolve
from cnnviz.upsampling.operators.subpixel import SubPixel
from cnnviz.upsampling.operators.transposed import BILINEAR, Transposed
from cnnviz.upsampling.quality import Quality, quality
from cnnviz.upsampling.resizing import CornerResizing, Resizing
from cnnviz.upsampling.shuffling import shuffle, unshuffle

Feed = Literal["small", "full", "channels"]


@dataclass(frozen=True)
class Choices:
    """What the bench is set to; the operators' own defaults at first.

    Attributes:
        factor: times as high and wide: scale factor, stride and r of all operators.
        kernel, padding, output_padding: of the transposed convolution.
        mode: how resize-then-convolve resizes.
        convolution: kernel of resize-then-convolve and of the dilated convolution.
        initialisation, seed: of the sub-pixel convolution.
        dilation: of the dilated convolution.
    """

    factor: int = 2
    kernel: Kernel = BILINEAR
    padding: int = 1
    output_padding: int = 0
    mode: Literal["nearest", "bilinear"] = "nearest"
    convolution: Kernel = BOX
    initialisation: Literal["ICNR", "random"] = "ICNR"
    seed: int = 0
    dilation: int = 2


@dataclass(frozen=True)
class Panel:
    """One operator as it stands on the bench.

    Attributes:
        id: for links; the operator's, unless it stands there twice.
        title: English, marked for translation.
        operator_id: which operator.
        settings: its settings.
        feed: what it is given: the small map; the map at full size; or that map with its blocks of r × r cells
            moved into r² channels.
    """

    id: str
    title: str
    operator_id: str
    settings: Settings
    feed: Feed

    @property
    def operator(self) -> Operator[Any]:
        return operator(self.operator_id)

    def given(self, small: Maps, full: Maps) -> Maps:
        """What the operator reads of (C, h, w) `small` and (C, H, W) `full`.

        Raises:
            SettingError: a full size that falls into no blocks of r × r.
        """
        if isinstance(self.settings, PixelShuffle):
            return unshuffle(full, self.settings.upscale_factor)
        return small if self.feed == "small" else full


def panels(choices: Choices) -> dict[str, Panel]:
    """All panels by id, in the order of teaching."""
    r = choices.factor
    settings: list[tuple[str, Settings]] = [
        ("nearest", Resizing(r)),
        ("bilinear", CornerResizing(r)),
        ("bilinear", CornerResizing(r, align_corners=True)),
        ("bicubic", CornerResizing(r)),
        ("area", Resizing(r)),
        ("bed_of_nails", Blocks(r)),
        ("nearest_unpooling", Blocks(r)),
        ("max_unpooling", MaxUnpooling(r, r)),
        ("transposed", Transposed(choices.kernel, r, choices.padding, choices.output_padding)),
        ("resize_convolve", ResizeConvolve(r, choices.mode, choices.convolution)),
        ("pixel_shuffle", PixelShuffle(r)),
        ("subpixel", SubPixel(r, 3, choices.initialisation, choices.seed)),
        ("dilated", Dilated(choices.convolution, choices.dilation)),
    ]
    found = {}
    for name, each in settings:
        known = operator(name)
        corners = isinstance(each, CornerResizing) and each.align_corners
        id = f"{name}_corners" if corners else name
        title = N_("Bilinear, align_corners") if corners else known.title
        feed: Feed = "channels" if name == "pixel_shuffle" else known.start
        found[id] = Panel(id, title, name, each, feed)
    return found


# Presets


_KERNELS: Mapping[str, tuple[str, Callable[[int, int], Kernel]]] = MappingProxyType(
    {
        "bilinear": (N_("Bilinear, as FCN starts"), lambda stride, _seed: kernels.bilinear(stride)),
        "block": (N_("Ones, as large as the stride"), lambda stride, _seed: kernels.uniform(stride, stride)),
        "three": (N_("Equal weights, 3 × 3"), lambda stride, _seed: kernels.uniform(3, stride)),
        "random": (N_("Random weights, 4 × 4"), lambda stride, seed: kernels.random(4, stride, seed)),
    }
)

KERNELS: Mapping[str, str] = MappingProxyType({id: title for id, (title, _make) in _KERNELS.items()})
"""English titles of the transposed convolution's kernels by id."""

CONVOLUTIONS: Mapping[str, tuple[str, Kernel]] = MappingProxyType(
    {
        "box": (N_("Box blur"), BOX),
        "gaussian": (
            N_("Gaussian blur"),
            ((0.0625, 0.125, 0.0625), (0.125, 0.25, 0.125), (0.0625, 0.125, 0.0625)),
        ),
        "sharpen": (N_("Sharpen"), ((0.0, -1.0, 0.0), (-1.0, 5.0, -1.0), (0.0, -1.0, 0.0))),
    }
)
"""Kernels of the ordinary convolutions by id: English title, weights that add up to 1."""


def transposed_kernel(id: str, stride: int, seed: int = 0) -> Kernel:
    """One of :data:`KERNELS`, made to keep the mean level at this stride."""
    return _KERNELS[id][1](stride, seed)


def fitting(kernel_size: int, stride: int) -> tuple[int, int]:
    """The (padding, output_padding) that make a transposed convolution `stride` times as large, exactly.

    >>> fitting(4, 2), fitting(3, 2), fitting(1, 3)
    ((1, 0), (1, 1), (0, 2))
    """
    padding = max(0, -(-(kernel_size - stride) // 2))
    return padding, 2 * padding + stride - kernel_size


# On a small grid


@dataclass(frozen=True, eq=False)
class Seen:
    """One panel on a small grid.

    Attributes:
        run: the operator's, with our own implementation's output.
        weights: (H', W', H, W), how much each cell of the grid counts in each output cell.
    """

    run: Run
    weights: Floats

    def terms(self, row: int, column: int) -> list[tuple[float, float]]:
        """(weight, value) of every input cell that counts in an output cell, row by row."""
        grid: Maps = self.run.input
        if grid.shape[1:] != self.weights.shape[2:]:
            grid = shuffle(grid, self.weights.shape[2] // grid.shape[1])
        weights = self.weights[row, column]
        return [
            (float(weight), float(value))
            for weight, value in zip(weights.flat, grid.flat, strict=True)
            if weight
        ]


def look(panel: Panel, grid: Floats) -> Seen:
    """Run a panel on a grid of one channel, (1, H, W), which is its small map and its map at full size at once.

    Raises:
        SettingError: the settings don't fit the grid.
    """
    given = panel.given(grid, grid)
    run = bench.run(panel.operator, given, panel.settings)
    weights = bench.all_contributions(panel.operator, given, panel.settings)[0]
    rows, columns = weights.shape[:2]
    if isinstance(panel.settings, PixelShuffle):
        blocks = weights.reshape(-1, *weights.shape[3:])
        weights = shuffle(blocks, panel.settings.upscale_factor)
    return Seen(run, weights.reshape(rows, columns, *grid.shape[1:]))


def size_formula(panel: Panel, side: int) -> tuple[str, int]:
    """LaTeX of the output's side with its values, and its result; `side` is that of the map on the bench.

    >>> size_formula(panels(Choices())["transposed"], 4)
    ('(4-1) \\\\cdot 2 - 2 \\\\cdot 1 + 4 + 0', 8)
    """
    match panel.settings:
        case Transposed() as each:
            s, p, k, extra = each.stride, each.padding, each.kernel_size[0], each.output_padding
            formula = rf"({side}-1) \cdot {s} - 2 \cdot {p} + {k} + {extra}"
            return formula, (side - 1) * s - 2 * p + k + extra
        case Dilated() as each:
            lost = each.dilation * (len(each.kernel) - 1)
            return rf"{side} + {lost} - {each.dilation} \cdot ({len(each.kernel)} - 1)", side
        case PixelShuffle() as each:
            r = each.upscale_factor
            return rf"\tfrac{{{side}}}{{{r}}} \cdot {r}", side
        case MaxUnpooling():
            return r"H_{\text{in}}", side
        case Blocks() as each:
            factor = each.stride
        case SubPixel() as each:
            factor = each.upscale_factor
        case each:
            factor = each.scale_factor  # type: ignore[attr-defined]
    return rf"{side} \cdot {factor}", side * factor


# On a picture


@dataclass(frozen=True, eq=False)
class Enlarged:
    """One panel on a picture.

    Attributes:
        output: (C, H', W').
        quality: against the picture at full size; None where the output has another size.
    """

    output: Floats
    quality: Quality | None


def halves(picture: Maps, factor: int) -> tuple[Floats, Floats]:
    """(small, full): the means of `factor` × `factor` blocks, and the picture without what no block covers.

    Raises:
        SettingError: a picture smaller than one block.
    """
    small = bench.shrink(picture, factor)
    return small, picture[:, : small.shape[1] * factor, : small.shape[2] * factor].astype(float)


def enlarge(panel: Panel, small: Floats, full: Floats, data_range: float = 1.0) -> Enlarged:
    """Upsample by PyTorch, and compare with `full` after cutting values off at 0 and `data_range`.

    Raises:
        SettingError: the settings don't fit the picture.
    """
    output = bench.upsample(panel.operator, panel.given(small, full), panel.settings)
    same = output.shape == full.shape
    return Enlarged(output, quality(full, output.clip(0, data_range), data_range) if same else None)
