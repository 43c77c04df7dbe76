"""The drawing of a block, made from the module itself: what it computes, in order, with the shape of every tensor."""

import copy

from torch import nn

from cnnviz.zoo.counting import Shape
from cnnviz.zoo.diagram import Diagram, diagram, trace


def drawing(block: nn.Module, input_shape: Shape) -> Diagram:
    """Trace a block.

    Normalisations and activations that follow nothing but one layer share its box; each arrow carries the
    `output_shape` of the box that it leaves.

    Args:
        block: any module whose path doesn't depend on the numbers; it is copied, and not touched.
        input_shape: (N, C, H, W).

    Raises:
        ModelError: it can't be traced.

    >>> found = drawing(nn.Sequential(nn.Conv2d(3, 8, 3, 2, padding=1), nn.ReLU()), (1, 3, 32, 32))
    >>> [(node.layers, node.output_shape) for node in found.nodes[1:-1]]
    [('3×3, 8 /2 · ReLU', (8, 16, 16))]
    """
    return diagram(trace(copy.deepcopy(block).to("meta"), input_shape), (), "layers")
