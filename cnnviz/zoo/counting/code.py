"""A count as a script of its own, for a reader who has PyTorch but not this project."""

import inspect
from collections.abc import Sequence

from cnnviz.zoo import efficientnet_lite0, lenet, se_resnet
from cnnviz.zoo.counting.networks import group_of, published, switches
from cnnviz.zoo.counting.results import Shape
from cnnviz.zoo.counting.stack_rows import StackRow
from cnnviz.zoo.source import source

_IMPORTS = """import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
"""

_ON_META = """
# %% On the meta device tensors have shapes but no numbers: any network in a moment, in no memory
with torch.device("meta"):
    network = {network}
"""

_MOVED = """
# %% Building it computes with numbers; then they can go
network = {network}.to("meta")
"""

_PARAMETERS = """network = network.eval()

# %% Parameters by numel
weights = sum(p.numel() for name, p in network.named_parameters() if not name.endswith("bias"))
biases = sum(p.numel() for name, p in network.named_parameters() if name.endswith("bias"))
buffers = sum(b.numel() for b in network.buffers())
print(f"parameters: {weights + biases:,} = {weights:,} weights + {biases:,} biases")
print(f"buffers: {buffers:,}")

# %% Multiply–accumulates, of which PyTorch counts two operations each
images = torch.empty(BATCH, CHANNELS, SIDE, SIDE, device="meta")
RUN
print(f"multiply–accumulates: {counter.get_total_flops() // 2:,}")

# %% Module by module
for name, module in network.named_children():
    print(f"{name}: {sum(p.numel() for p in module.parameters()):,} parameters")
"""

_RUN = """with FlopCounterMode(display=False) as counter, torch.no_grad():
    network(images)"""

_DENSE_DETECTOR = """# Which boxes are kept depends on numbers, but multiplies nothing: run the parts before it.
with FlopCounterMode(display=False) as counter, torch.no_grad():
    resized, _ = network.transform(list(images))
    network.head(list(network.backbone(resized.tensors).values()))"""

_BOX_DETECTOR = """# Which boxes are found depends on numbers; the heads are run on so many boxes an image.
with FlopCounterMode(display=False) as counter, torch.no_grad():
    resized, _ = network.transform(list(images))
    features = list(network.backbone(resized.tensors).values())
    network.rpn.head(features)
    heads = network.roi_heads
    for boxes, pool, layers in (
        (PROPOSALS, heads.box_roi_pool, (heads.box_head, heads.box_predictor)),
        (DETECTIONS, heads.mask_roi_pool, (heads.mask_head, heads.mask_predictor)),
        (DETECTIONS, heads.keypoint_roi_pool, (heads.keypoint_head, heads.keypoint_predictor)),
    ):
        if boxes and pool is not None:
            x = torch.empty(boxes * len(images), features[0].shape[1], *pool.output_size, device="meta")
            for layer in layers:
                x = layer(x)"""

_FREEZE = """

def freeze(module):
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, torchvision.ops.FrozenBatchNorm2d(child.num_features))
        else:
            freeze(child)


with torch.device("meta"):
    freeze(network.backbone)
"""

_STRIDES = """
# The strides of 2015: a block halves the map in its first 1×1, not in the 3×3
for block in network.modules():
    if isinstance(block, torchvision.models.resnet.Bottleneck):
        block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
"""


def network_code(
    name: str,
    side: int,
    batch: int = 1,
    auxiliary: bool | None = None,
    frozen: bool | None = None,
    proposals: int | None = None,
    detections: int | None = None,
    v1: bool = False,
) -> str:
    """Script that prints parameters, buffers and MACs of a network, by PyTorch's own counters.

    Args: as :func:`~cnnviz.zoo.counting.named.count_named`; `side` of the square images.
    """
    group, published_way = group_of(name), switches(name)
    if group == "own":
        made, call = _own(name)
        # LeNet's codes are drawn with numbers.
        build = (_MOVED if name == "lenet5" else _ON_META).format(network=call)
        source = made + build
    else:
        options = ", weights=None"
        if name in ("googlenet", "inception_v3"):
            on = published_way["auxiliary"] if auxiliary is None else auxiliary
            options += f", aux_logits={on}, init_weights=False"
        elif group in ("segmentation", "detection"):
            options += ", weights_backbone=None"
            if "auxiliary" in published_way:
                options += f", aux_loss={auxiliary is not False}"
        elif name.startswith("vit_"):
            options += f", image_size={side}"
        elif name.startswith("maxvit"):
            options += f", input_size=({side}, {side})"
        build = _MOVED if name.startswith("regnet") else _ON_META
        source = _IMPORTS + build.format(network=f'torchvision.models.get_model("{name}"{options})')
        if published_way.get("frozen") if frozen is None else frozen:
            source += _FREEZE
        if v1:
            source += _STRIDES
    run = _RUN
    if group == "detection":
        said = published(name)
        run = _DENSE_DETECTOR
        if said.proposals is not None:
            boxes = (proposals if proposals is not None else said.proposals, detections or 0)
            run = _BOX_DETECTOR.replace("PROPOSALS", str(boxes[0])).replace("DETECTIONS", str(boxes[1]))
    channels = 1 if name.startswith("lenet") else 3
    return source + _tail((channels, side, side), batch, run)


def _tail(shape: Shape, batch: int, run: str) -> str:
    text = _PARAMETERS.replace("RUN", run).replace("BATCH", str(batch))
    return text.replace("CHANNELS, SIDE, SIDE", ", ".join(map(str, shape)))


def _own(name: str) -> tuple[str, str]:
    """The definition of one of our own networks, and the call that builds it."""
    counter = "from torch.utils.flop_counter import FlopCounterMode\n"
    if name == "efficientnet_lite0":
        parts = ("_Row", "Conv", "MBConv", "EfficientNetLite0")
        row, *classes = (inspect.getsource(getattr(efficientnet_lite0, part)) for part in parts)
        rows = "".join(f"    {row!r},\n" for row in efficientnet_lite0._TABLE)
        sizes = (
            f"_STEM, _HEAD = {efficientnet_lite0._STEM}, {efficientnet_lite0._HEAD}\n_TABLE = (\n{rows})\n"
        )
        body = "\n\n".join([row, sizes, *classes]).replace("CARD.classes", "1000")
        imports = "from typing import NamedTuple\n\nimport torch\nfrom torch import Tensor, nn\n"
        return imports + counter + "\n\n" + body, "EfficientNetLite0()"
    body = source(se_resnet if name == "se_resnet50" else lenet)
    return counter + body + "\n\n", "SEResNet50()" if name == "se_resnet50" else f"{name}()"


_LAYERS = {
    "relu": "nn.ReLU(inplace=True)",
    "flatten": "nn.Flatten()",
    "gap": "nn.AdaptiveAvgPool2d(1), nn.Flatten()",
    "bn": "nn.LazyBatchNorm2d()",
}


def stack_code(rows: Sequence[StackRow], input_shape: Shape, batch: int = 1) -> str:
    """Script that prints the same of a stack; layers find the number of channels that arrive by themselves.

    Args:
        rows: good ones only.
        input_shape: (C, H, W).
    """
    flat, layers = False, ""
    for row in rows:
        layers += f"        {_layer(row, flat)},\n"
        flat = flat or row.kind in ("flatten", "gap")
    source = (
        "import torch\nfrom torch import nn\nfrom torch.utils.flop_counter import FlopCounterMode\n"
        + _ON_META.format(network=f"nn.Sequential(\n{layers}    )")
        + f'network.eval()(torch.empty({batch}, {", ".join(map(str, input_shape))}, device="meta"))'
        + "  # lazy layers look at what arrives\n"
    )
    return source + _tail(input_shape, batch, _RUN)


def _layer(row: StackRow, flat: bool) -> str:
    bias = "" if row.bias else ", bias=False"
    if row.kind == "conv":
        values = [row.out_channels, row.kernel_size, row.stride or 1, row.padding or 0]
        groups = f", groups={row.groups}" if (row.groups or 1) > 1 else ""
        return f"nn.LazyConv2d({', '.join(map(str, values))}{groups}{bias})"
    if row.kind == "pool":
        return f"nn.MaxPool2d({row.kernel_size}, {row.stride or row.kernel_size}, {row.padding or 0})"
    if row.kind == "linear":
        return f"nn.LazyLinear({row.out_channels}{bias})"
    return _LAYERS[str(row.kind)].replace("2d", "1d") if flat and row.kind == "bn" else _LAYERS[str(row.kind)]
