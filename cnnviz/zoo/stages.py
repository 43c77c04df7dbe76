"""A counted network as the few rows that its paper's table has, with the paper's kind of notation.

``3×3, 64 /2`` is a convolution with 64 outputs and stride 2; ``dw`` one that treats each channel by
itself; ``–`` goes on, ``|`` runs beside; ``[…] × 3`` is repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from torch import nn

from cnnviz.zoo.counting import ModuleNode, NetworkCount, Shape

BLOCKS = frozenset(
    (
        "BasicBlock",
        "Bottleneck",
        "Fire",
        "Inception",
        "InceptionAux",
        "InvertedResidual",
        "MBConv",
        "SEBottleneck",
        "_DenseLayer",
        "_Transition",
    )
)
"""Classes that their papers draw as one block."""
_OPENED = ("features", "classifier")
_ATTACHED = frozenset(
    ("BatchNorm2d", "Dropout", "Flatten", "Hardswish", "Identity", "ReLU", "ReLU6", "ScaledTanh", "SiLU")
)
"""Layers without a row of their own: they belong to the one before."""
_UNSPOKEN = frozenset(("Hardsigmoid", "Sequential", "Sigmoid", "StochasticDepth"))
_RUNS = frozenset(("Conv2d", "InvertedResidual"))
"""Neighbours of one class and one output size that a paper's table puts in one row."""
_SHORTCUTS = ("downsample", "shortcut")


@dataclass(frozen=True)
class Stage:
    """One row of a network's table.

    Attributes:
        name: the module that it begins with, to the one that it ends with.
        layers: what it is made of, in the module's notation.
        blocks: how many blocks or layers with weights follow one another in it.
        output_shape: (C, H, W) or (classes,); None for a head that runs in training only.
        parameters: numbers learned.
        macs: multiply–accumulates for one image.
        paths: the modules that it consists of.
    """

    name: str
    layers: str
    blocks: int
    output_shape: Shape | None
    parameters: int
    macs: int
    paths: tuple[str, ...]

    @property
    def side(self) -> int:
        """Height of the maps that come out; 1 for a vector; 0 if nothing does."""
        if self.output_shape is None:
            return 0
        return self.output_shape[1] if len(self.output_shape) == 3 else 1


def stages(counted: NetworkCount, network: nn.Module) -> tuple[Stage, ...]:
    """The rows of a network's table, in the order of its definition.

    Args:
        counted: one image through `network`.

    >>> from cnnviz.zoo.counting import build, count_named
    >>> rows = stages(count_named("resnet18"), build("resnet18"))
    >>> [row.name for row in rows]
    ['conv1', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4', 'avgpool', 'fc']
    >>> rows[2].layers, rows[2].output_shape
    ('[3×3, 64 – 3×3, 64] × 2', (64, 56, 56))
    """
    groups: list[list[ModuleNode]] = []
    for unit in _units(counted.tree):
        head = groups[-1][0] if groups else None
        if head is not None and (
            unit.kind in _ATTACHED
            or (unit.kind in _RUNS and (unit.kind, unit.output_shape) == (head.kind, head.output_shape))
        ):
            groups[-1].append(unit)
        else:
            groups.append([unit])
    return tuple(_stage(group, network) for group in groups)


def _units(tree: ModuleNode) -> Iterator[ModuleNode]:
    for child in tree.children:
        yield from (child.children or (child,)) if child.name in _OPENED else (child,)


def _stage(group: list[ModuleNode], network: nn.Module) -> Stage:
    heads = [unit for unit in group if unit.kind not in _ATTACHED] or group[:1]
    blocks: list[nn.Module] = []
    for unit in heads:
        module = network.get_submodule(unit.name)
        inner = [part for part in module.modules() if type(part).__name__ in BLOCKS]
        blocks += inner or [module]
    ran = [unit.output_shape for unit in group if unit.output_shape is not None]
    first, last = heads[0].name, heads[-1].name
    return Stage(
        first if first == last else f"{first}–{last.rpartition('.')[2]}",
        _repeated([describe(block) for block in blocks]),
        len(blocks),
        ran[-1][1:] if ran else None,
        sum(unit.parameters for unit in group),
        sum(unit.macs for unit in group),
        tuple(unit.name for unit in group),
    )


def _repeated(parts: list[str]) -> str:
    runs = [(text, len(list(same))) for text, same in groupby(parts)]
    if len(runs) == 1 and runs[0][1] == 1:
        return runs[0][0]
    return " – ".join(f"[{text}]" + (f" × {times}" if times > 1 else "") for text, times in runs)


def describe(module: nn.Module) -> str:
    """What a layer or block is made of.

    >>> describe(nn.Conv2d(64, 64, 3, 2, groups=64)), describe(nn.Linear(9, 10)), describe(nn.MaxPool2d(2))
    ('3×3 dw, 64 /2', '10', 'MaxPool2d 2×2 /2')
    """
    kind = type(module).__name__
    if isinstance(module, nn.Conv2d):
        alone = " dw" if module.groups == module.in_channels > 1 else ""
        return f"{_window(module.kernel_size)}{alone}, {module.out_channels}{_stride(module.stride)}"
    if isinstance(module, nn.Linear):
        return str(module.out_features)
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        return f"{kind} {_window(module.kernel_size)}{_stride(module.stride)}"
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return f"{kind} {_window(module.output_size)}"
    if kind in ("SqueezeExcitation", "SqueezeExcite"):
        narrow = next(part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Linear))
        return f"SE {narrow.out_channels if isinstance(narrow, nn.Conv2d) else narrow.out_features}"
    if kind == "PartlyConnected":
        maps = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
        return f"{_window(maps[0].kernel_size)}, {len(maps)}"
    row: list[str] = []
    beside: list[str] = []
    for name, child in module.named_children():
        if name not in _SHORTCUTS and (text := describe(child)):
            (beside if name.startswith(("branch", "expand1", "expand3")) else row).append(text)
    if beside:
        row.append(f"({' | '.join(beside)})" if row else " | ".join(beside))
    if row or any(True for _child in module.children()):
        return " – ".join(row)
    return "" if kind in _ATTACHED or kind in _UNSPOKEN else kind


def _window(size: object) -> str:
    height, width = size if isinstance(size, tuple) else (size, size)
    return f"{height}×{width}"


def _stride(stride: object) -> str:
    step = stride[0] if isinstance(stride, tuple) else stride
    return "" if step == 1 else f" /{step}"
