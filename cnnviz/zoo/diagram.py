"""The graph that a network really computes, traced by torch.fx and collapsed to what can be read.

The trace has a node for every operation. At level ``layers`` normalisations, activations and changes of
shape join the layer that feeds nothing but them; at ``blocks`` every block of
:data:`cnnviz.zoo.stages.BLOCKS` is one node; at ``stages`` every row of the network's table is.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torchvision.ops import DeformConv2d

from cnnviz.errors import ModelError, SettingError
from cnnviz.messages import N_
from cnnviz.zoo.counting import Shape
from cnnviz.zoo.stages import BLOCKS, Stage, describe

Detail = Literal["stages", "blocks", "layers"]
Kind = Literal["input", "output", "conv", "dense", "pool", "join", "block", "other"]


@dataclass(frozen=True)
class Node:
    """A box of the diagram.

    Attributes:
        title: module path; empty for an operation of the network itself.
        layers: what it is made of, in the notation of :mod:`cnnviz.zoo.stages`.
        kind: what it mostly does.
        output_shape: without the batch; None where no tensor comes out.
        operations: nodes of the trace that it stands for.
    """

    title: str
    layers: str
    kind: Kind
    output_shape: Shape | None
    operations: int


@dataclass(frozen=True)
class Diagram:
    """Boxes, and arrows between them as pairs of indices."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]

    def inputs(self, index: int) -> int:
        """How many boxes feed one."""
        return sum(target == index for _source, target in self.edges)


@dataclass(frozen=True)
class Operation:
    """One tensor-valued operation of the trace.

    Attributes:
        path: of the innermost module that it runs in; empty for the network itself.
        name: of the function, or the module's class.
        layers: as in :class:`Node`.
        output_shape: without the batch.
        inputs: positions of the operations that feed it.
        block: path of the outermost block that it runs in; empty outside.
        block_layers: what that block is made of.
    """

    path: str
    name: str
    layers: str
    output_shape: Shape | None
    inputs: tuple[int, ...]
    block: str
    block_layers: str


_TRACING = threading.Lock()
"""While fx traces, every call of any module in the process goes through its tracer."""


class _Tracer(fx.Tracer):
    """Sees the layers of the own networks as leaves, and lets other threads' networks run as they do."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        own = m.__module__ == "cnnviz.zoo.lenet" or isinstance(m, DeformConv2d)
        return own or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if threading.get_ident() != self.thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)


def trace(network: nn.Module, input_shape: Shape, training: bool = False) -> tuple[Operation, ...]:
    """Every operation between input and output, in order.

    Args:
        network: on the meta device; nobody else may use it meanwhile.
        input_shape: (N, C, H, W).
        training: as in training, where auxiliary heads run.

    Raises:
        ModelError: its path through the layers depends on the numbers.
    """
    network.train(training)
    try:
        with _TRACING:
            graph = _Tracer().trace(network)
    except (fx.proxy.TraceError, TypeError) as error:
        raise ModelError(
            N_("{network} can't be drawn: {reason}"), network=type(network).__name__, reason=error
        ) from error
    module = fx.GraphModule(network, graph)
    with torch.no_grad():
        ShapeProp(module).propagate(torch.empty(input_shape, device="meta"))
    network.eval()
    modules = dict(network.named_modules())
    positions: dict[fx.Node, tuple[int, ...]] = {}
    operations: list[Operation] = []
    for node in graph.nodes:
        if node.op not in ("output", "get_attr") and not _tensors(node.meta.get("tensor_meta")):
            continue
        feeds = tuple(dict.fromkeys(i for source in node.all_input_nodes for i in positions.get(source, ())))
        # One part of a split, or several results handed on as one, is no operation; leaving out rows is.
        part = node.name.startswith("getitem") and len(feeds) == 1 and not _strided(node)
        if part or isinstance(node.target, type):
            positions[node] = feeds
            continue
        stack = [str(path) for path, _kind in node.meta.get("nn_module_stack", {}).values()]
        path = node.target if node.op == "call_module" else (stack[-1] if stack else "")
        own = modules[path] if node.op == "call_module" else None
        block = next((part for part in stack if type(modules[part]).__name__ in BLOCKS), "")
        metas = _tensors(node.meta.get("tensor_meta"))
        positions[node] = (len(operations),)
        operations.append(
            Operation(
                path,
                type(own).__name__ if own is not None else _name(node),
                describe(own) if own is not None else "",
                tuple(metas[0].shape[1:]) if metas else None,
                feeds,
                block,
                describe(modules[block]) if block else "",
            )
        )
    return tuple(operations)


def _tensors(meta: Any) -> list[Any]:
    if meta is None:
        return []
    if hasattr(meta, "memory_format"):
        return [meta]
    return [part for part in meta if hasattr(part, "memory_format")] if isinstance(meta, tuple | list) else []


def _strided(node: fx.Node) -> bool:
    """Whether it takes every second row, or so: ``x[:, :, ::2, ::2]``."""
    index = node.args[1]
    return isinstance(index, tuple) and any(
        isinstance(part, slice) and part.step not in (None, 1) for part in index
    )


def _name(node: fx.Node) -> str:
    if node.name.startswith("getitem") and _strided(node):
        return "[" + ", ".join(_index(part) for part in node.args[1]) + "]"  # type: ignore[union-attr]
    if node.op in ("placeholder", "output"):
        return "input" if node.op == "placeholder" else "output"
    return (
        str(node.target)
        if isinstance(node.target, str)
        else getattr(node.target, "__name__", str(node.target))
    )


def _index(part: Any) -> str:
    if not isinstance(part, slice):
        return str(part)
    start, stop, step = ("" if each is None else str(each) for each in (part.start, part.stop, part.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")


_JOINS = {"add": "+", "iadd": "+", "mul": "×", "cat": "concat", "stack": "concat", "chunk": "split"}
_POOLS = ("pool", "mean")
_SILENT = frozenset(
    (
        "view",
        "contiguous",
        "transpose",
        "flatten",
        "Flatten",
        "Dropout",
        "dropout",
        "Identity",
        "reshape",
        "getitem",
    )
)
_SHORT = {"BatchNorm2d": "BN", "ScaledTanh": "tanh", "transpose": "shuffle", "relu": "ReLU", "relu_": "ReLU"}
_UNARY = frozenset(
    (
        "BatchNorm2d",
        "Hardsigmoid",
        "Hardswish",
        "ReLU",
        "ReLU6",
        "ScaledTanh",
        "SiLU",
        "Sigmoid",
        "relu",
        "relu_",
        *_SILENT,
    )
)


def diagram(
    operations: tuple[Operation, ...], rows: tuple[Stage, ...], detail: Detail, part: str = ""
) -> Diagram:
    """Collapse a trace.

    Args:
        operations: from :func:`trace`.
        rows: the network's stages.
        detail: how far to collapse.
        part: name of the stage to draw alone; empty for the whole network.

    Raises:
        SettingError: there is no such stage.
    """
    if part and part not in {row.name for row in rows}:
        raise SettingError(
            N_("there is no stage called {part}; there are {known}"),
            part=part,
            known=", ".join(row.name for row in rows),
        )
    homes = _homes(operations, rows)
    groups = _absorbed(
        operations, [_key(each, home, detail) for each, home in zip(operations, homes, strict=True)]
    )
    members: dict[int, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    named = {row.name: row for row in rows}
    boxes = {
        group: _node([operations[i] for i in inside], named.get(homes[inside[0]]), detail)
        for group, inside in members.items()
    }
    pairs = dict.fromkeys(
        (groups[source], groups[position])
        for position, each in enumerate(operations)
        for source in each.inputs
        if groups[source] != groups[position]
    )
    kept = [group for group in members if not part or part in {homes[i] for i in members[group]}]
    if part:
        # What lies just outside is shown by name, so that one sees where the part hangs.
        inside = set(kept)
        around = [group for pair in pairs for group in pair if inside & set(pair) and group not in inside]
        kept = sorted({*kept, *around})
        pairs = dict.fromkeys(pair for pair in pairs if inside & set(pair))
    index = {group: number for number, group in enumerate(kept)}
    return Diagram(
        tuple(boxes[group] for group in kept),
        tuple((index[a], index[b]) for a, b in pairs if a in index and b in index),
    )


def _homes(operations: tuple[Operation, ...], rows: tuple[Stage, ...]) -> list[str]:
    """The stage of each operation; what runs outside of all joins the one that feeds it."""
    homes: list[str] = []
    for each in operations:
        home = next(
            (
                row.name
                for row in rows
                for path in row.paths
                if each.path == path or each.path.startswith(f"{path}.")
            ),
            "",
        )
        if not home and each.name not in ("input", "output") and each.inputs:
            home = homes[each.inputs[0]]
        homes.append(home)
    return homes


def _key(each: Operation, home: str, detail: Detail) -> str:
    """What operations have in common that are one box; empty for a box of its own."""
    if each.name in ("input", "output"):
        return ""
    if detail == "stages":
        return home
    return each.block if detail == "blocks" else ""


def _absorbed(operations: tuple[Operation, ...], keys: list[str]) -> list[int]:
    """The box of each operation, named by its first operation's position."""
    uses = Counter(source for each in operations for source in each.inputs)
    first: dict[str, int] = {}
    groups: list[int] = []
    for position, (each, key) in enumerate(zip(operations, keys, strict=True)):
        group = first.setdefault(key, position) if key else position
        if not key and each.name in _UNARY and len(each.inputs) == 1:
            source = each.inputs[0]
            feeder = operations[source].name
            if uses[source] == 1 and feeder != "input" and not keys[source]:
                group = groups[source]
        groups.append(group)
    return groups


def _node(inside: list[Operation], stage: Stage | None, detail: Detail) -> Node:
    first, last = inside[0], inside[-1]
    shape = last.output_shape
    if first.name in ("input", "output"):
        return Node(first.name, "", first.name, shape, 1)  # type: ignore[arg-type]
    if detail == "stages" and stage is not None:
        kind = "block" if any(each.block for each in inside) else _kind(inside)
        return Node(stage.name, stage.layers, kind, shape, len(inside))
    if detail == "blocks" and first.block:
        return Node(first.block, first.block_layers, "block", shape, len(inside))
    spoken = [
        _SHORT.get(each.name, each.name) for each in inside[1:] if each.name not in _SILENT - {"transpose"}
    ]
    head = first.layers or _JOINS.get(first.name, _SHORT.get(first.name, first.name))
    return Node(first.path, " · ".join((head, *spoken)), _kind(inside), shape, len(inside))


def _kind(inside: list[Operation]) -> Kind:
    names = [each.name for each in inside]
    if "Linear" in names:
        return "dense"
    if any(name in ("Conv2d", "PartlyConnected") for name in names):
        return "conv"
    if any(pool in name.lower() for name in names for pool in _POOLS):
        return "pool"
    return "join" if any(name in _JOINS for name in names) else "other"
