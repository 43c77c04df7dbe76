"""What any network stores and computes, layer by layer, without computing it.

- Weights and biases are parameters; a parameter whose name ends in "bias" is a bias. Buffers are numbers
  that are kept but not learned, such as a batch normalisation's running mean.
- Activations for inference: the most bytes that are alive at once, weights left out. For training: the
  bytes of everything that is made on the way, for backpropagation keeps it. What operations use inside
  (workspaces) is in neither.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.zoo.counting.checks import check_sizes, refusing
from cnnviz.zoo.counting.results import LayerRow, ModuleNode, NetworkCount, Shape
from cnnviz.zoo.counting.rules import tensors
from cnnviz.zoo.counting.shapes import ShapeMode, build_on_meta, on_meta


def count(
    network: nn.Module | Callable[[], nn.Module],
    input_shape: Shape = (3, 224, 224),
    batch: int = 1,
    name: str = "",
) -> NetworkCount:
    """Count a network, which itself is neither run nor changed.

    Args:
        network: takes one tensor (N, *input_shape); or a function that builds it, which is run so that the
            weights take no memory.
        input_shape: of one input, without the batch: (C, H, W) for images.
        batch: N.
        name: to call it; its class's if left out.

    Raises:
        ModelError: it can't run on such an input, or multiplies by an operation that has no rule here.

    >>> counted = count(nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(inplace=True)), (3, 32, 32))
    >>> counted.parameters, counted.macs, [row.name for row in counted.rows]
    (304, 235200, ['0', '1'])
    >>> counted.training_bytes == 4 * (3 * 32 * 32 + 4 * 28 * 28)
    True
    """
    check_sizes(batch, *input_shape)
    title = name or (type(network).__name__ if isinstance(network, nn.Module) else "")
    with refusing(title, input_shape):
        own = on_meta(network) if isinstance(network, nn.Module) else build_on_meta(network)
    return run_counted(own, title or type(own).__name__, (batch, *input_shape), own)


def run_counted(
    network: nn.Module,
    name: str,
    shape: Shape,
    run: Callable[[Tensor], Any],
    proposals: int | None = None,
    detections: int | None = None,
) -> NetworkCount:
    """Count `network`, whose weights are on the meta device and which nobody else uses, while it runs."""
    mode = _Counting(network)
    image = torch.empty(shape, device="meta")
    with refusing(name, shape), torch.no_grad(), mode:
        mode.created(image)
        # The input is nobody's layer, but it is alive and kept.
        mode.tallies[""].training_bytes, mode.tallies[""].busy = 0, False
        output = run(image)
    tree = _tree(network, "", mode)
    nodes = {node.name: node for node in tree.walk()}
    # What did not run comes last, so that parameters always add up.
    paths = [*mode.order, *(path for path in nodes if path not in mode.order)]
    rows = tuple(row for path in paths if (row := nodes[path].row))
    return NetworkCount(
        name,
        shape,
        tuple(tuple(x.shape) for x in tensors(output)),
        rows,
        tree,
        weights=sum(row.weights for row in rows),
        biases=sum(row.biases for row in rows),
        buffers=sum(row.buffers for row in rows),
        macs=sum(row.macs for row in rows),
        inference_bytes=mode.fullest,
        training_bytes=mode.kept,
        proposals=proposals,
        detections=detections,
    )


@dataclass
class _Tally:
    """What is known of a module so far."""

    output_shape: Shape | None = None
    calls: int = 0
    macs: int = 0
    inference_bytes: int = 0
    training_bytes: int = 0
    busy: bool = False  # an operation ran that is not a module's within


class _Counting(ShapeMode):
    """Credits every operation to the module that owns its weight, or else to the innermost that runs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        modules = dict(network.named_modules())
        self.tallies = {path: _Tally() for path in modules}
        self.order: dict[str, None] = {}
        self.running = [""]
        self.alive = self.fullest = self.kept = 0
        self._owners = {
            id(parameter): path
            for path, module in modules.items()
            for parameter in module.parameters(recurse=False)
        }
        self._seen: dict[int, weakref.ref[Tensor]] = {}
        self._storages: dict[int, list[int]] = {}  # address: [tensors, bytes]
        for path, module in modules.items():
            # Instead of two hooks: nobody else uses these modules, and handles of hooks take long to make.
            module.__dict__["forward"] = partial(
                self._forward, path, module.forward, not any(module.children())
            )

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = super().__torch_function__(func, types, args, kwargs)
        if isinstance(result, Tensor | tuple | list):
            self.created(result)
        return result

    def _forward(self, path: str, forward: Callable[..., Any], leaf: bool, *args: Any, **kwargs: Any) -> Any:
        self.running.append(path)
        output = forward(*args, **kwargs)
        self.running.pop()
        tally = self.tallies[path]
        tally.calls += 1
        if tally.output_shape is None:
            tally.output_shape = next((tuple(x.shape) for x in tensors(output)), None)
        tally.inference_bytes = max(tally.inference_bytes, self.alive)
        if tally.busy or leaf:
            self.order.setdefault(path)
        return output

    def multiplied(self, macs: int, weight: Tensor | None = None) -> None:
        path = self._owners.get(id(weight), self.running[-1])
        tally = self.tallies[path]
        tally.macs += macs
        tally.busy = True
        self.order.setdefault(path)

    def created(self, result: Any) -> None:
        """Take note of tensors with memory of their own, for as long as they live."""
        for tensor in tensors(result):
            if not tensor.is_meta or id(tensor) in self._seen or id(tensor) in self._owners:
                continue
            storage = tensor.untyped_storage()
            address = storage._cdata
            if address in self._storages:
                self._storages[address][0] += 1
            else:
                size = storage.nbytes()
                self._storages[address] = [1, size]
                self.alive += size
                self.kept += size
                self.fullest = max(self.fullest, self.alive)
                tally = self.tallies[self.running[-1]]
                tally.training_bytes += size
                tally.busy = True
                tally.inference_bytes = max(tally.inference_bytes, self.alive)
            key = id(tensor)
            self._seen[key] = weakref.ref(tensor, partial(self._gone, key, address))

    def _gone(self, key: int, address: int, _reference: Any) -> None:
        del self._seen[key]
        entry = self._storages[address]
        entry[0] -= 1
        if not entry[0]:
            self.alive -= entry[1]
            del self._storages[address]


def _tree(module: nn.Module, path: str, mode: _Counting) -> ModuleNode:
    prefix = f"{path}." if path else ""
    children = tuple(
        _tree(child, prefix + name, mode)
        for name, child in module.named_children()
        if prefix + name in mode.tallies
    )
    tally, kind = mode.tallies[path], type(module).__name__
    numbers = {True: 0, False: 0}
    for name, parameter in module.named_parameters(recurse=False):
        numbers[name.endswith("bias")] += parameter.numel()
    buffers = sum(buffer.numel() for buffer in module.buffers(recurse=False))
    row = None
    if tally.busy or numbers[True] or numbers[False] or buffers or not children:
        row = LayerRow(
            path,
            kind,
            tally.output_shape,
            tally.calls,
            numbers[False],
            numbers[True],
            buffers,
            tally.macs,
            tally.inference_bytes,
            tally.training_bytes,
        )
    return ModuleNode(
        path,
        kind,
        tally.output_shape,
        row,
        children,
        parameters=numbers[True] + numbers[False] + sum(child.parameters for child in children),
        buffers=buffers + sum(child.buffers for child in children),
        macs=tally.macs + sum(child.macs for child in children),
        training_bytes=tally.training_bytes + sum(child.training_bytes for child in children),
    )
