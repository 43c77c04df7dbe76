"""What vouches for a convolution layer: its sizes, its cost, and each of its sums."""

from dataclasses import replace

import streamlit as st

from cnnviz.layers.arithmetic import conv_output_size
from cnnviz.layers.convolution import CellTrace, ConvolutionSettings
from cnnviz.layers.measured import PUBLISHED_SIZES, SIZES_SOURCE, Measured, measure
from cnnviz.proof import Proof
from cnnviz.ui.language import _

_TERMS = 4
"""Products that a proof writes out before it abbreviates."""

measured = st.cache_data(max_entries=500, show_spinner=False)(measure)


def size_formula(size: int, pads: tuple[int, int], kernel: int, stride: int, dilation: int) -> str:
    """LaTeX of one side's output size, with its values."""
    before, after = pads
    padding = rf"2 \cdot {before}" if before == after else f"{before} + {after}"
    inside = rf"{size} + {padding} - {dilation} \cdot ({kernel} - 1) - 1"
    return rf"\left\lfloor\dfrac{{{inside}}}{{{stride}}}\right\rfloor + 1"


def size_proofs(settings: ConvolutionSettings, size: tuple[int, int]) -> tuple[Proof, ...]:
    """Height and width of the output, once where all is square; published where these are an example."""
    height = _size_proof(_("Output height"), settings, size, 0)
    width = _size_proof(_("Output width"), settings, size, 1)
    if (height.formula, height.measured) == (width.formula, width.measured):
        return (replace(height, name=_("Output height and width")),)
    return height, width


def _size_proof(name: str, settings: ConvolutionSettings, sizes: tuple[int, int], axis: int) -> Proof:
    size, kernel = sizes[axis], settings.kernel_size[axis]
    before, after = pads = settings.pads[2 * axis], settings.pads[2 * axis + 1]
    case = (size, kernel, settings.stride, before, settings.dilation)
    known = PUBLISHED_SIZES.get(case) if before == after else None
    return Proof(
        name,
        size_formula(size, pads, kernel, settings.stride, settings.dilation),
        conv_output_size(size, kernel, settings.stride, pads, settings.dilation),
        measured=_measured(settings, sizes).output_size[axis],
        published=known,
        source=SIZES_SOURCE,
    )


def cost_proofs(settings: ConvolutionSettings, size: tuple[int, int]) -> tuple[Proof, Proof]:
    """Parameters and multiply–accumulates of the layer."""
    cost, torch_says = settings.cost(size), _measured(settings, size)
    (height, width), (rows, columns) = settings.kernel_size, settings.output_size(size)
    channels = str(settings.in_channels)
    if settings.groups > 1:
        channels = rf"\tfrac{{{channels}}}{{{settings.groups}}}"
    weights = rf"{settings.out_channels} \cdot {channels} \cdot {height} \cdot {width}"
    bias = f" + {settings.out_channels}" if settings.bias else ""
    return (
        Proof(_("Parameters"), weights + bias, cost.parameters, measured=torch_says.parameters),
        Proof(
            _("Multiply–accumulates"),
            rf"{weights} \cdot {rows} \cdot {columns}",
            cost.macs,
            measured=torch_says.macs,
            why=_("PyTorch counts by running the layer on ones: each product then adds exactly 1."),
        ),
    )


def cell_proof(trace: CellTrace, output: float, max_error: float, cells: int) -> Proof:
    """The sum behind one output cell, and the largest difference over all of them."""
    products = [rf"{tex(tap.value)} \cdot {tex(tap.weight)}" for tap in trace.taps]
    if len(products) > _TERMS + 1:
        products = [*products[:_TERMS], r"\cdots", products[-1]]
    if trace.bias:
        products.append(tex(trace.bias))
    channel, row, column = (index + 1 for index in trace.cell)
    name = _("Output {channel}, row {row}, column {column}")
    why = _("Largest difference between our sums and PyTorch's, over all {cells} cells: {error}.")
    return Proof(
        name.format(channel=channel, row=row, column=column),
        " + ".join(products),
        settled(trace.total),
        measured=settled(output),
        why=why.format(cells=cells, error=f"{max_error:.1g}"),
    )


def _measured(settings: ConvolutionSettings, size: tuple[int, int]) -> Measured:
    result: Measured = measured(settings, size)
    return result


def tex(value: float) -> str:
    text = f"{value:.3g}"
    return f"({text})" if text.startswith("-") else text


def settled(value: float) -> float:
    """Without the last bits, which depend on the order of the sum; never −0."""
    return round(value, 9) + 0.0
