"""What any network stores and computes, layer by layer, without computing it; proved by PyTorch's own counters."""

from cnnviz.zoo.counting.checks import MAX_SIZE
from cnnviz.zoo.counting.counter import count
from cnnviz.zoo.counting.measured import Measured, measure, measure_named
from cnnviz.zoo.counting.named import count_named
from cnnviz.zoo.counting.networks import (
    Published,
    build,
    catalogue,
    group_of,
    input_shape_of,
    published,
    resnet_v1,
    switches,
)
from cnnviz.zoo.counting.results import LayerRow, ModuleNode, NetworkCount, Shape
from cnnviz.zoo.counting.shapes import build_on_meta
from cnnviz.zoo.counting.stacks import MAX_ROWS, build_stack, count_stack

__all__ = [
    "MAX_ROWS",
    "MAX_SIZE",
    "LayerRow",
    "Measured",
    "ModuleNode",
    "NetworkCount",
    "Published",
    "Shape",
    "build",
    "build_on_meta",
    "build_stack",
    "catalogue",
    "count",
    "count_named",
    "count_stack",
    "group_of",
    "input_shape_of",
    "measure",
    "measure_named",
    "published",
    "resnet_v1",
    "switches",
]
