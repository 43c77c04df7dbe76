"""What vouches for a pooling layer: on a grid, in a network, on a photo, under a shift, beside a convolution."""

import numpy as np
import torch
from torch.nn import functional

from cnnviz.layers.arithmetic import pool_output_size
from cnnviz.layers.convolution import ConvolutionSettings, Floats
from cnnviz.layers.pooling import (
    Comparison,
    PoolingResult,
    PoolingSettings,
    PoolTrace,
    ShiftResponse,
    trace,
)
from cnnviz.layers.pooling_photo import Shrunk
from cnnviz.layers.pooling_presets import KNOWN, ZHANG, ZHANG_SOURCE, known, signal
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.layer_proofs import cost_proofs

_SHOWN = 9
"""Numbers that a list shows before it abbreviates."""
_EXAMPLE = np.arange(1.0, 17.0).reshape(1, 4, 4)
_EXAMPLE_SOURCE = "torch.nn.MaxUnpool2d"


def grid_proofs(result: PoolingResult) -> list[Proof]:
    """Everything that can be proved of a small grid's first channel."""
    traces = [trace(result, 0, *cell) for cell in np.ndindex(result.output.shape[1:])]
    example = result.settings == PoolingSettings("max") and np.array_equal(result.input, _EXAMPLE)
    proofs = [*_sizes(result), _outputs(result, traces, example)]
    if result.indices is not None:
        proofs.append(_indices(result, traces, example))
    if name := known(result.settings):
        proofs.append(_in_network(name))
    return proofs


def size_formula(size: int, settings: PoolingSettings) -> tuple[str, bool]:
    """LaTeX of one side's output size with its values, and whether a window had to be left out."""
    kernel, stride, padding = settings.kernel_size[0], settings.stride, settings.padding
    up = settings.ceil_mode
    room = size + 2 * padding - kernel
    plain = (-(-room // stride) if up else room // stride) + 1
    left_out = plain > pool_output_size(size, kernel, stride, padding, ceil_mode=up)
    left, right = (r"\lceil", r"\rceil") if up else (r"\lfloor", r"\rfloor")
    fraction = rf"\frac{{{size} + 2 \cdot {padding} - {kernel}}}{{{stride}}}"
    return rf"\left{left}{fraction}\right{right} + 1" + (" - 1" if left_out else ""), left_out


def _sizes(result: PoolingResult) -> list[Proof]:
    size, output = result.input.shape[1:], result.output.shape[1:]
    settings = result.settings
    names = [_("Output height"), _("Output width")]
    if size[0] == size[1]:
        names = [_("Output height and width")]
    proofs = []
    for axis, name in enumerate(names):
        layer = PoolingSettings(
            kernel_size=(settings.kernel_size[axis],) * 2,
            stride=settings.stride,
            padding=settings.padding,
            ceil_mode=settings.ceil_mode,
        )
        formula, left_out = size_formula(size[axis], layer)
        why = _("A last window that would begin in the padding after the input is left out.")
        computed = layer.output_size((size[axis],) * 2)[0]
        proofs.append(Proof(name, formula, computed, measured=output[axis], why=why if left_out else ""))
    return proofs


def _outputs(result: PoolingResult, traces: list[PoolTrace], example: bool) -> Proof:
    """All outputs by their definition, in plain Python."""
    settings = result.settings
    ours = [_by_definition(told, settings) for told in traces]
    (height, width), stride, padding = settings.kernel_size, settings.stride, settings.padding
    index = f"- {padding}" if padding else ""
    cells = rf"x_{{{stride}r + i {index},\; {stride}c + j {index}}}"
    under = rf"{{0 \le i < {height},\; 0 \le j < {width}}}"
    if result.divisor is None:
        formula = rf"\{settings.operation}_{under}\; {cells}"
    else:
        divisors = set(result.divisor.ravel().tolist())
        divisor = str(divisors.pop()) if len(divisors) == 1 else "n_{rc}"
        formula = rf"\frac{{1}}{{{divisor}}} \sum_{under} {cells}"
    why = _("Largest difference between our windows and PyTorch's, over all {cells} outputs: {error}.")
    return Proof(
        _("All outputs, row by row"),
        formula,
        _list(ours),
        measured=_list([told.result for told in traces]),
        published="[6, 8, 14, 16]" if example else None,
        source=_EXAMPLE_SOURCE,
        why=why.format(cells=len(ours), error=f"{result.max_error:.1g}"),
    )


def _by_definition(told: PoolTrace, settings: PoolingSettings) -> float:
    values = told.values.values()
    if told.divisor is not None:
        return sum(values) / told.divisor
    return max(values) if settings.operation == "max" else min(values)


def _indices(result: PoolingResult, traces: list[PoolTrace], example: bool) -> Proof:
    """Where each maximum or minimum came from; among equals the first."""
    assert result.indices is not None
    width = result.input.shape[2]
    best = max if result.settings.operation == "max" else min
    ours = [best(told.values, key=lambda place, told=told: told.values[place]) for told in traces]  # type: ignore[misc]
    return Proof(
        _("Where they came from: flat indices"),
        rf"\mathrm{{row}} \cdot {width} + \mathrm{{column}}",
        _list([row * width + column for row, column in ours]),
        measured=_list(result.indices[0].ravel().tolist()),
        published="[5, 7, 13, 15]" if example else None,
        source=_EXAMPLE_SOURCE,
        why=_("Rows and columns count from 0; among equals the first wins."),
    )


def _in_network(name: str) -> Proof:
    """The size that this layer gives in its network."""
    layer = KNOWN[name]
    settings = layer.settings.on((layer.size, layer.size))
    # A tensor on the meta device has a shape and no numbers: PyTorch says at once what would come out.
    tensor = torch.empty(1, layer.size, layer.size, device="meta")
    output = functional.max_pool2d(
        tensor, settings.kernel_size, settings.stride, settings.padding, ceil_mode=settings.ceil_mode
    )
    title = _("The same layer in {network}, from {size} × {size}")
    why = _("Rounding down would give {size}: the published size tells that the layer rounds up.")
    return Proof(
        title.format(network=layer.network, size=layer.size),
        size_formula(layer.size, settings)[0],
        settings.output_size((layer.size, layer.size))[0],
        measured=output.shape[-1],
        published=layer.published,
        source=layer.source,
        why=why.format(size=layer.published - 1) if settings.ceil_mode else "",
    )


def photo_proofs(shrunk: Shrunk) -> list[Proof]:
    """Sizes, the mean that an average keeps, and pooling by 2 again and again."""
    factor, times = shrunk.factor, shrunk.factor.bit_length() - 1
    settings = PoolingSettings(kernel_size=(factor, factor), stride=factor)
    size, output = shrunk.source.shape[1:], shrunk.pooled["max"].shape[1:]
    cells = shrunk.pooled["max"].size
    repeated = _("Maxima that pooling by 2, {times} times over, gives as well")
    return [
        *(
            Proof(name, size_formula(size[axis], settings)[0], size[axis] // factor, measured=output[axis])
            for axis, name in enumerate((_("Output height"), _("Output width")))
        ),
        Proof(
            _("Mean level after average pooling"),
            r"\bar{y} = \bar{x}",
            round(shrunk.source_mean, 1),
            measured=round(shrunk.mean["average"], 1),
            why=_("Every pixel counts in one window, with the same weight: the mean stays."),
            tolerance=2e-3,
        ),
        Proof(
            repeated.format(times=times),
            r" \cdot ".join(map(str, shrunk.pooled["max"].shape)),
            cells,
            measured=round(shrunk.repeated["max"] * cells),
        ),
    ]


def shift_proofs(
    x: Floats, response: ShiftResponse, settings: PoolingSettings, dy: int, dx: int
) -> list[Proof]:
    """What a shift does to the maxima.

    Args:
        x: (C, H, W), not shifted.
        response: of maximum pooling.
        settings: its window and stride.
        dy, dx: the shift.
    """
    tensor = torch.from_numpy(x)
    before, after = (
        functional.max_pool2d(image, settings.kernel_size, settings.stride)
        for image in (tensor, tensor.roll((dy, dx), (-2, -1)))
    )
    proofs = []
    if norm := float(np.linalg.norm(response.before)):
        difference = float(np.linalg.norm(response.after - response.before))
        proofs.append(
            Proof(
                _("Change of the maxima"),
                rf"\frac{{\lVert y' - y \rVert}}{{\lVert y \rVert}} = \frac{{{difference:.6g}}}{{{norm:.6g}}}",
                round(response.change, 9),
                measured=round(((after - before).norm() / before.norm()).item(), 9),
                tolerance=1e-6,
            )
        )
    example = settings == PoolingSettings("max", (1, 2)) and np.array_equal(x, signal("steps"))
    if example and abs(dx) == 1:
        for name, image, output, published in (
            (_("Maxima before the shift"), x, before, ZHANG[0]),
            (_("Maxima after the shift"), np.roll(x, dx, axis=2), after, ZHANG[1]),
        ):
            values = image[0, 0].tolist()
            ours = [max(pair) for pair in zip(values[::2], values[1::2], strict=True)]
            proofs.append(
                Proof(
                    name,
                    r"\max(x_{2i},\, x_{2i+1})",
                    _list(ours),
                    measured=_list(output.flatten().tolist()),
                    published=_list(list(published)),
                    source=ZHANG_SOURCE,
                )
            )
    if response.moved is not None and response.moved_error is not None and (dy or dx):
        (down, right), found = response.moved, _move(before, after, response.moved)
        why = _("Largest difference between the outputs once the first has been moved: {error}.")
        steps = [rf"\frac{{{step}}}{{{settings.stride}}}" for step in ((dy, dx) if dy else (dx,))]

        def told(move: tuple[int, int]) -> str:
            return f"{move[0]}, {move[1]}" if dy else str(move[1])

        proofs.append(
            Proof(
                _("The outputs' move, down and right") if dy else _("The outputs' move to the right"),
                r",\; ".join(steps),
                told((down, right)),
                measured=told(found) if found else "–",
                why=why.format(error=f"{response.moved_error:.1g}"),
            )
        )
    return proofs


def _move(before: torch.Tensor, after: torch.Tensor, near: tuple[int, int]) -> tuple[int, int] | None:
    """The move, of those up to a cell from `near`, that turns one output into the other.

    What comes in over the edge doesn't count. Where several moves do, in a signal that repeats, `near` is
    preferred.
    """
    places = [(near[0] + down, near[1] + right) for down in (0, -1, 1) for right in (0, -1, 1)]
    for move in places:
        rows, columns = (_overlap(*pair) for pair in zip(before.shape[1:], move, strict=True))
        there, here = after[:, rows[1], columns[1]], before[:, rows[0], columns[0]]
        if there.numel() and torch.equal(there, here):
            return move
    return None


def _overlap(size: int, move: int) -> tuple[slice, slice]:
    """Where a move starts from and where it leads to, along an axis."""
    return slice(max(0, -move), size - max(0, move)), slice(max(0, move), size - max(0, -move))


def comparison_proofs(sides: Comparison, channels: int, side: int, same: bool) -> list[Proof]:
    """Size, cost, and, where the convolution is the average pooling, that it is.

    Args:
        sides: both layers on a photo.
        channels: of a map, before and after, that the cost is counted for.
        side: its height and width.
        same: whether both compute the same.
    """
    pooled, convolved = sides.pooled, sides.convolved
    settings = pooled.settings
    layer = ConvolutionSettings(
        convolved.settings.kernel_size,
        convolved.settings.stride,
        convolved.settings.padding,
        in_channels=channels,
        out_channels=channels,
    )
    proofs = [
        Proof(
            name,
            size_formula(pooled.input.shape[1 + axis], settings)[0],
            pooled.output.shape[1 + axis],
            measured=convolved.output.shape[1 + axis],
            why=_("Computed for the pooling, measured on the convolution."),
        )
        for axis, name in enumerate((_("Output height"), _("Output width")))
    ]
    if same:
        (height, width), cells = settings.kernel_size, pooled.output.size
        agreeing = int(np.isclose(pooled.output, convolved.output, rtol=1e-9, atol=1e-9).sum())
        why = _("Largest difference: {error}, of levels from 0 to 255.")
        error = float(np.abs(pooled.output - convolved.output).max())
        proofs.append(
            Proof(
                _("Outputs in which the convolution is the average"),
                rf"\sum_{{ij}} \tfrac{{1}}{{{height * width}}}\, x_{{ij}}"
                rf" = \tfrac{{1}}{{{height * width}}} \sum_{{ij}} x_{{ij}}: \quad"
                rf" {pooled.output.shape[1]} \cdot {pooled.output.shape[2]}",
                cells,
                measured=agreeing,
                why=why.format(error=f"{error:.1g}"),
            )
        )
    return [*proofs, *cost_proofs(layer, (side, side))]


def _list(values: list[float] | list[int]) -> str:
    texts = [f"{value + 0.0:.4g}" for value in values]
    if len(texts) > _SHOWN:
        texts = [*texts[: _SHOWN - 2], "…", texts[-1]]
    return f"[{', '.join(texts)}]"
