"""The counts of :mod:`cnnviz.layers.cost` written out in LaTeX, with their numbers."""

from itertools import groupby

from cnnviz.layers.cost import Design, LayerCost


def _weights(layer: LayerCost) -> list[str]:
    """Factors of a layer's weights."""
    if layer.kind == "linear":
        return [str(layer.in_channels), str(layer.out_channels)]
    inputs = str(layer.in_channels)
    if layer.groups == layer.in_channels:
        inputs = "1"
    elif layer.groups > 1:
        inputs = rf"\tfrac{{{layer.in_channels}}}{{{layer.groups}}}"
    return [*map(str, layer.kernel_size), inputs, str(layer.out_channels)]


def _sum(terms: list[tuple[list[str], int]]) -> str:
    """Products and what is added to each; equal neighbours are written once."""
    parts = []
    for (factors, added), run in groupby(terms):
        times = len(list(run))
        product = r"\cdot ".join(factors)
        if added:
            term = f"{product} + {added}"
            parts.append(rf"{times}\cdot ({term})" if times > 1 else term)
        else:
            parts.append(rf"{times}\cdot {product}" if times > 1 else product)
    return " + ".join(parts)


def parameters_formula(design: Design) -> str:
    r"""Parameters of every layer that learns, added up.

    >>> from cnnviz.layers.cost import small_kernels
    >>> parameters_formula(small_kernels(2, 3, 64, 56).factored)
    '2\\cdot (3\\cdot 3\\cdot 64\\cdot 64 + 64)'
    """
    return _sum([(_weights(layer), layer.biases) for layer in design.layers if layer.weights])


def macs_formula(design: Design) -> str:
    r"""Multiply–accumulates of every layer that learns: its weights once for every cell.

    >>> from cnnviz.layers.cost import depthwise_separable
    >>> macs_formula(depthwise_separable(32, 64, 3, 112).factored)
    '3\\cdot 3\\cdot 1\\cdot 32\\cdot 112^2 + 1\\cdot 1\\cdot 32\\cdot 64\\cdot 112^2'
    """

    def cells(layer: LayerCost) -> list[str]:
        height, width = layer.output_size
        if layer.kind == "linear":
            return []
        return [f"{height}^2"] if height == width else [str(height), str(width)]

    return _sum([([*_weights(layer), *cells(layer)], 0) for layer in design.layers if layer.weights])
