"""What any network stores and computes, layer by layer, without computing it.

A network is built and run on the meta device, where tensors have shapes but no numbers. Every operation
that it calls passes by here: convolutions, dense layers and matrix products are counted by the rules
below, and answered with an empty tensor of the right shape, which is far quicker than PyTorch's own
shape functions; the rest runs as it is.

- A multiply–accumulate (MAC) is one product that is added up, in convolutions, dense layers and matrix
  products (attention's among them). Biases, normalisation, activations, pooling, resizing, RoI align and
  non-maximum suppression count none: so do torchvision's documented figures and FlopCounterMode (2 a MAC).
- Weights and biases are parameters; a parameter whose name ends in "bias" is a bias. Buffers are numbers
  that are kept but not learned, such as a batch normalisation's running mean.
- Activations for inference: the most bytes that are alive at once, weights left out. For training: the
  bytes of everything that is made on the way, for backpropagation keeps it. What operations use inside
  (workspaces) is in neither.
"""

import copy
import inspect
import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import FunctionType
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torchvision.models.resnet import Bottleneck
from torchvision.ops import FrozenBatchNorm2d

from cnnviz.errors import CnnvizError, ModelError, SettingError
from cnnviz.layers.arithmetic import conv_cost, conv_output_size, pool_output_size
from cnnviz.messages import N_
from cnnviz.zoo.efficientnet_lite0 import EfficientNetLite0
from cnnviz.zoo.lenet import lenet5, lenet5_modern
from cnnviz.zoo.se_resnet import SEResNet50

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LayerRow:
    """One module with operations or numbers of its own; all figures are for the whole batch.

    Attributes:
        name: its path in the network, as in ``named_modules``; empty for the network itself.
        kind: its class.
        output_shape: of its first output at its first call, batch included; None if it did not run.
        calls: how often it ran; a head that several maps share runs for each.
        weights, biases: parameters of its own, not of modules within.
        buffers: numbers kept but not learned.
        macs: multiply–accumulates.
        inference_bytes: activations alive at once, all over the network, at its fullest moment here.
        training_bytes: activations that it adds to what training keeps.
    """

    name: str
    kind: str
    output_shape: Shape | None
    calls: int
    weights: int
    biases: int
    buffers: int
    macs: int
    inference_bytes: int
    training_bytes: int

    @property
    def parameters(self) -> int:
        return self.weights + self.biases


@dataclass(frozen=True)
class ModuleNode:
    """A module and those within it, with sums over both.

    Attributes:
        name, kind, output_shape: as in :class:`LayerRow`.
        row: what is its own; None where it only holds others.
        children: in the order of the network's definition.
    """

    name: str
    kind: str
    output_shape: Shape | None
    row: LayerRow | None
    children: tuple["ModuleNode", ...]
    parameters: int
    buffers: int
    macs: int
    training_bytes: int

    def walk(self) -> Iterator["ModuleNode"]:
        """This module and all within it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class NetworkCount:
    """A network counted.

    Attributes:
        name: the network's.
        input_shape: (N, C, H, W), or whatever went in.
        output_shapes: of all tensors that came out.
        rows: modules with anything of their own, in the order in which they ran; those that didn't, last.
        tree: the same, module by module.
        weights, biases, buffers: numbers.
        macs: multiply–accumulates for the whole batch.
        inference_bytes: activations alive at once at the fullest moment, the input included.
        training_bytes: activations that training keeps, the input included.
        proposals, detections: boxes an image, for detectors whose heads run once for each; else None.
    """

    name: str
    input_shape: Shape
    output_shapes: tuple[Shape, ...]
    rows: tuple[LayerRow, ...]
    tree: ModuleNode
    weights: int
    biases: int
    buffers: int
    macs: int
    inference_bytes: int
    training_bytes: int
    proposals: int | None = None
    detections: int | None = None

    @property
    def parameters(self) -> int:
        return self.weights + self.biases

    @property
    def flops(self) -> int:
        """Floating-point operations: a product and a sum for every MAC."""
        return 2 * self.macs

    @property
    def parameter_bytes(self) -> int:
        """Of the parameters as 32-bit floats."""
        return 4 * self.parameters


_SAME_SHAPE = frozenset(
    (
        "relu",
        "relu6",
        "silu",
        "gelu",
        "hardswish",
        "hardsigmoid",
        "hardtanh",
        "sigmoid",
        "tanh",
        "leaky_relu",
        "elu",
        "selu",
        "mish",
        "softplus",
        "dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "feature_dropout",
        "alpha_dropout",
        "softmax",
        "log_softmax",
        "layer_norm",
        "group_norm",
        "batch_norm",
        "instance_norm",
        "normalize",
        "local_response_norm",
        "rsqrt",
        "sqrt",
        "exp",
        "log",
        "neg",
        "clone",
        "contiguous",
    )
)
"""Functions whose result has the shape of their first argument."""
_BROADCAST = frozenset(
    (
        "add",
        "sub",
        "mul",
        "div",
        "true_divide",
        "__add__",
        "__radd__",
        "__sub__",
        "__rsub__",
        "__mul__",
        "__rmul__",
        "__truediv__",
        "__rtruediv__",
    )
)
_IN_PLACE = frozenset(("__iadd__", "__isub__", "__imul__", "__itruediv__"))
_WITHOUT_RULE = frozenset(
    (
        "addmm",
        "addmv",
        "addbmm",
        "baddbmm",
        "mv",
        "dot",
        "vdot",
        "inner",
        "outer",
        "ger",
        "tensordot",
        "bilinear",
        "chain_matmul",
        "multi_dot",
        "kron",
        "lstm",
        "gru",
        "rnn_tanh",
        "rnn_relu",
        "conv_tbc",
        "lstm_cell",
        "gru_cell",
        "rnn_tanh_cell",
        "rnn_relu_cell",
    )
)
"""Functions that multiply and add, but for which nothing here knows how often."""


@cache
def _signature(function: FunctionType) -> inspect.Signature:
    return inspect.signature(function)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from _tensors(item)


def _blank(shape: Iterable[int]) -> Tensor:
    return torch.empty(tuple(shape), device="meta")


class _Shapes(TorchFunctionMode):
    """Answers the frequent operations on meta tensors with an empty tensor of the right shape."""

    def multiplied(self, macs: int, weight: Tensor | None = None) -> None:
        """Called with the MACs of each operation, and the weight that it uses, if it uses one."""

    def created(self, result: Any) -> None:
        """Called with what an operation makes on its way to the result."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        x = args[0] if args else None
        if name in _RULES:
            return _RULES[name](self, *args, **kwargs)
        if name in _WITHOUT_RULE:
            raise ModelError(N_("there is no rule for how often {operation} multiplies"), operation=name)
        if not isinstance(x, Tensor) or not x.is_meta:
            return func(*args, **kwargs)
        if name in _IN_PLACE or (name.endswith("_") and name[:-1] in _SAME_SHAPE):
            return x
        if name in _SAME_SHAPE:
            if isinstance(func, FunctionType):
                given = _signature(func).bind(*args, **kwargs).arguments
                # Dropout in eval mode hands on what it gets.
                if given.get("inplace") or ("dropout" in name and not given.get("training", True)):
                    return x
            elif name == "contiguous":
                return func(*args, **kwargs)
            return _blank(x.shape)
        if name in _BROADCAST and x.is_floating_point() and "out" not in kwargs:
            other = args[1]
            return _blank(
                torch.broadcast_shapes(x.shape, other.shape) if isinstance(other, Tensor) else x.shape
            )
        return func(*args, **kwargs)


class _Building(_Shapes):
    """Puts weights on the meta device, uninitialised.

    Unlike ``torch.device("meta")`` it leaves alone what a network computes with while it is built.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.empty, torch.zeros, torch.ones):
            return func(*args, **(kwargs | {"device": "meta"}))
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        if args and isinstance(args[0], Tensor) and args[0].is_meta and func.__name__ in _INITIALISERS:
            return args[0]
        return super().__torch_function__(func, types, args, kwargs)


_INITIALISERS = frozenset(
    (
        "normal_",
        "uniform_",
        "zero_",
        "fill_",
        "trunc_normal_",
        "clamp_",
        "erfinv_",
        "mul_",
        "add_",
        "copy_",
        "constant_",
    )
)


def _each(value: int | Sequence[int], dims: int) -> Sequence[int]:
    if isinstance(value, int):
        return (value,) * dims
    return tuple(value) * dims if len(value) == 1 else value


def _convolution(
    mode: _Shapes,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Each weight once for each cell of the output."""
    dims = weight.dim() - 2
    kernel, strides, dilations = weight.shape[2:], _each(stride, dims), _each(dilation, dims)
    if input.shape[-dims - 1] != weight.shape[1] * groups:
        raise ModelError(
            N_("a convolution expects {expected} channels, but {found} arrive"),
            expected=weight.shape[1] * groups,
            found=input.shape[-dims - 1],
        )
    paddings: Sequence[Any] = [padding] * dims if isinstance(padding, str) else _each(padding, dims)
    size = [
        conv_output_size(i, k, s, p, d)
        for i, k, s, p, d in zip(input.shape[-dims:], kernel, strides, paddings, dilations, strict=True)
    ]
    batch = input.shape[: -dims - 1]
    mode.multiplied(math.prod(batch) * weight.numel() * math.prod(size), weight)
    return _blank((*batch, weight.shape[0], *size))


def _transposed(
    mode: _Shapes,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """Each weight once for each cell of the input."""
    dims = weight.dim() - 2
    settings = zip(
        input.shape[-dims:],
        weight.shape[2:],
        *(_each(value, dims) for value in (stride, padding, output_padding, dilation)),
        strict=True,
    )
    size = [(i - 1) * s - 2 * p + d * (k - 1) + o + 1 for i, k, s, p, o, d in settings]
    batch = input.shape[: -dims - 1]
    mode.multiplied(math.prod(batch) * weight.numel() * math.prod(input.shape[-dims:]), weight)
    return _blank((*batch, weight.shape[1] * groups, *size))


def _linear(mode: _Shapes, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Each weight once for each vector of the input."""
    if input.shape[-1] != weight.shape[1]:
        raise ModelError(
            N_("a dense layer expects {expected} numbers, but {found} arrive"),
            expected=weight.shape[1],
            found=input.shape[-1],
        )
    mode.multiplied(input.numel() * weight.shape[0], weight)
    return _blank((*input.shape[:-1], weight.shape[0]))


def _matmul(mode: _Shapes, left: Tensor, right: Tensor) -> Tensor:
    """(…, n, k) @ (…, k, m): n·k·m for each matrix of the batch."""
    if left.dim() < 2 or right.dim() < 2 or left.shape[-1] != right.shape[-2]:
        raise ModelError(
            N_("a matrix product of shapes {left} and {right} can't be counted"),
            left=tuple(left.shape),
            right=tuple(right.shape),
        )
    batch = torch.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    shape = (*batch, left.shape[-2], right.shape[-1])
    mode.multiplied(math.prod(shape) * left.shape[-1])
    return _blank(shape)


def _einsum(mode: _Shapes, equation: str, *operands: Any) -> Tensor:
    """Of two operands: the product of the lengths of all indices."""
    tensors = tuple(_tensors(operands))
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or "." in equation or len(tensors) != 2 or len(terms) != 2:
        raise ModelError(N_("there is no rule for how often {operation} multiplies"), operation="einsum")
    lengths = {
        i: n for term, x in zip(terms, tensors, strict=True) for i, n in zip(term, x.shape, strict=True)
    }
    mode.multiplied(math.prod(lengths.values()))
    return _blank(lengths[index] for index in right)


def _attention(mode: _Shapes, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Tensor:
    """Scaled dot products (…, L, E), (…, S, E), and sums weighted by them (…, S, Ev)."""
    steps = math.prod(query.shape[:-1]) * key.shape[-2]
    mode.multiplied(steps * (query.shape[-1] + value.shape[-1]))
    return _blank((*query.shape[:-1], value.shape[-1]))


def _multi_head(
    mode: _Shapes,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    *_: Any,
    need_weights: bool = True,
    **__: Any,
) -> tuple[Tensor, None]:
    """``nn.MultiheadAttention`` over (L, N, E): projections of query, key and value, attention, projection."""
    if in_proj_weight is None or need_weights or add_zero_attn or bias_k is not None or query.dim() != 3:
        raise ModelError(
            N_("there is no rule for how often {operation} multiplies"), operation="multi_head_attention"
        )
    length, batch, width = query.shape
    for part in (query, key, value):
        mode.multiplied(part.numel() * width, in_proj_weight)
    projected = _blank((3, length, batch, width))
    mode.created(projected)
    mode.multiplied(2 * batch * length * key.shape[0] * width)
    attended = _blank((length, batch, width))
    mode.created(attended)
    mode.multiplied(attended.numel() * width, out_proj_weight)
    return _blank((length, batch, width)), None


_RULES: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    "linear": _linear,
    **dict.fromkeys(("matmul", "__matmul__", "bmm", "mm"), _matmul),
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
}


@dataclass
class _Tally:
    """What is known of a module so far."""

    output_shape: Shape | None = None
    calls: int = 0
    macs: int = 0
    inference_bytes: int = 0
    training_bytes: int = 0
    busy: bool = False  # an operation ran that is not a module's within


class _Counting(_Shapes):
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
            tally.output_shape = next((tuple(x.shape) for x in _tensors(output)), None)
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
        for tensor in _tensors(result):
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


def _on_meta(network: nn.Module) -> nn.Module:
    """A copy of the network's structure, in eval mode, over parameters and buffers without numbers."""
    memo: dict[int, Any] = {
        id(parameter): nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
        for parameter in network.parameters()
    }
    memo |= {id(buffer): buffer.to("meta") for buffer in network.buffers()}
    return copy.deepcopy(network, memo).eval()


def build_on_meta(builder: Callable[[], nn.Module]) -> nn.Module:
    """What `builder` builds, in eval mode, its parameters and buffers without numbers; no memory, little time."""
    with torch.no_grad(), _Building():
        network = builder()
    for module in network.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None and not buffer.is_meta:
                module._buffers[name] = buffer.to("meta")
        for name, parameter in module._parameters.items():
            if parameter is not None and not parameter.is_meta:
                module._parameters[name] = nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
    return network.eval()


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
    _check_sizes(batch, *input_shape)
    title = name or (type(network).__name__ if isinstance(network, nn.Module) else "")
    with _refusing(title, input_shape):
        own = _on_meta(network) if isinstance(network, nn.Module) else build_on_meta(network)
    return _count(own, title or type(own).__name__, (batch, *input_shape), own)


def _check_sizes(*sizes: int) -> None:
    for size in sizes:
        if not 1 <= size <= MAX_SIZE:
            raise SettingError(
                N_("a size or batch of {size} was asked for; it must be from 1 to {most}"),
                size=size,
                most=MAX_SIZE,
            )


MAX_SIZE = 16384


class _refusing:
    """Turns what PyTorch and torchvision raise on an impossible input into a ModelError."""

    def __init__(self, name: str, shape: Shape) -> None:
        self.name, self.shape = name, shape

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, CnnvizError) or not isinstance(
            error, RuntimeError | ValueError | AssertionError | IndexError | TypeError
        ):
            return
        raise ModelError(
            N_("{network} can't run on an input of shape {shape}: {reason}"),
            network=self.name,
            shape=self.shape,
            reason=error,
        ) from error


def _count(
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
    with _refusing(name, shape), torch.no_grad(), mode:
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
        tuple(tuple(x.shape) for x in _tensors(output)),
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


@dataclass(frozen=True)
class Published:
    """What is documented of a network.

    Attributes:
        parameters: numbers learned.
        macs: for one image, as rounded by the source; None where it gives none.
        source: where.
        size: (height, width) of the image that `macs` is for.
        proposals, detections: boxes that ran through a detector's heads; None for other networks.
        traps: English sentences, marked for translation, on what the figures leave out or keep in.
    """

    parameters: int
    macs: int | None
    source: str
    size: tuple[int, int]
    proposals: int | None = None
    detections: int | None = None
    traps: tuple[str, ...] = ()


_OWN: Mapping[str, tuple[Callable[[], nn.Module], Shape, Published]] = {
    "efficientnet_lite0": (
        EfficientNetLite0,
        (3, 224, 224),
        Published(
            4_652_008,
            407_000_000,
            "github.com/tensorflow/tpu, efficientnet/lite",
            (224, 224),
            traps=(N_("The authors' 407 M MAdds are rounded, and they don't say what they count."),),
        ),
    ),
    "lenet5": (
        lenet5,
        (1, 32, 32),
        Published(
            60_000,
            None,
            "LeCun et al. 1998, § II.B",
            (32, 32),
            traps=(N_("The output's codes are fixed, not learned: buffers, not parameters."),),
        ),
    ),
    "lenet5_modern": (lenet5_modern, (1, 32, 32), Published(61_706, None, "arithmetic", (32, 32))),
    "se_resnet50": (
        SEResNet50,
        (3, 224, 224),
        Published(
            28_071_976,
            3_870_000_000,
            "Hu et al., arXiv 1709.01507, Table 2; ResNet-50 and equation 5",
            (224, 224),
            traps=(
                N_(
                    "The paper's extra parameters leave out the biases of the excitations; with them the network has 28,088,024."
                ),
                N_(
                    "Blocks stride in their first 1×1 (v1); torchvision's residual networks stride in the 3×3."
                ),
            ),
        ),
    ),
}
_AUXILIARY = frozenset(("googlenet", "inception_v3"))
_FROZEN = frozenset(
    (
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        "fasterrcnn_mobilenet_v3_large_fpn",
        "fasterrcnn_resnet50_fpn",
        "fcos_resnet50_fpn",
        "keypointrcnn_resnet50_fpn",
        "maskrcnn_resnet50_fpn",
        "retinanet_resnet50_fpn",
    )
)
"""Detectors whose published weights come with batch normalisations of the backbone that don't learn."""
_MEASURED_BOXES = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": (0, 0),
    "fasterrcnn_mobilenet_v3_large_fpn": (0, 0),
    "fasterrcnn_resnet50_fpn": (1000, 0),
    "fasterrcnn_resnet50_fpn_v2": (1000, 0),
    "keypointrcnn_resnet50_fpn": (1000, 1),
    "maskrcnn_resnet50_fpn": (1000, 0),
    "maskrcnn_resnet50_fpn_v2": (1000, 100),
}
"""(proposals, detections) with which torchvision's documented figures come out."""


@cache
def catalogue() -> Mapping[str, tuple[str, ...]]:
    """Names that :func:`count_named` knows, by group: classification, segmentation, detection, own."""
    models = torchvision.models
    return {
        "classification": tuple(models.list_models(module=models)),
        "segmentation": tuple(models.list_models(module=models.segmentation)),
        "detection": tuple(models.list_models(module=models.detection)),
        "own": tuple(_OWN),
    }


@cache
def group_of(name: str) -> str:
    """The group of the catalogue that `name` is in; ModelError where it is in none."""
    for group, names in catalogue().items():
        if name in names:
            return group
    raise ModelError(N_("there is no network called {name} to count"), name=name)


def published(name: str) -> Published:
    """What torchvision documents, or a paper for our own; ModelError for an unknown name.

    >>> published("resnet50").parameters, published("resnet50").macs
    (25557032, 4089000000)
    """
    group = group_of(name)
    if group == "own":
        return _OWN[name][2]
    meta, transforms = _documented(name)
    if group == "classification":
        size = transforms.crop_size[0]
    else:
        # torchvision measures detectors on 512 × 512 pixels, which most of them resize.
        size = transforms.resize_size[0] if group == "segmentation" else 512
    proposals, detections = _MEASURED_BOXES.get(name, (None, None))
    return Published(
        meta["num_params"],
        round(meta["_ops"] * 1e9),
        "torchvision " + torchvision.__version__.split("+")[0],
        (size, size),
        proposals,
        detections,
        tuple(_traps(name, group)),
    )


def _documented(name: str) -> tuple[Mapping[str, Any], Any]:
    weights = torchvision.models.get_model_weights(name).DEFAULT
    return weights.meta, weights.transforms()


def _traps(name: str, group: str) -> Iterator[str]:
    yield N_("torchvision calls its figure GFLOPS; it counts multiply–accumulates, half as many.")
    if name == "googlenet":
        yield N_("The documented parameters leave out the two auxiliary heads; 13,004,888 with them.")
    if name == "inception_v3":
        yield N_("The documented parameters keep the auxiliary head in; 23,834,568 without it.")
    if group == "segmentation" and not name.startswith("lraspp"):
        yield N_("The published weights come with an auxiliary head, which is counted and run.")
    if name in _FROZEN:
        yield N_("The batch normalisations of the backbone are frozen: buffers, not parameters.")
    if name in ("resnet50", "resnet101", "resnet152"):
        yield N_("Blocks stride in the 3×3 (v1.5); the paper's stride in the first 1×1, with fewer MACs.")
    if name.startswith("vit"):
        yield N_("Position embeddings grow with the image: parameters depend on its size.")
    if name in _MEASURED_BOXES:
        yield N_(
            "The heads run once for each box: the documented figure comes out for exactly as many boxes as given here."
        )


def build(
    name: str,
    size: tuple[int, int] | None = None,
    auxiliary: bool | None = None,
    frozen: bool | None = None,
) -> nn.Module:
    """A network of the catalogue in eval mode, on the meta device: all shapes, no numbers.

    Args:
        size: (height, width) of the images; only vision transformers and MaxViT differ by it.
        auxiliary: with its auxiliary heads; None for as the published weights come. Only GoogLeNet,
            Inception v3, FCN and DeepLab have any.
        frozen: with the backbone's batch normalisations as buffers; None likewise. Only detectors.

    Raises:
        ModelError: an unknown name, or a network that can't be built for this size.
    """
    group = group_of(name)
    if group == "own":
        return build_on_meta(_OWN[name][0])
    size = size or published(name).size
    options: dict[str, Any] = {}
    if name in _AUXILIARY:
        # Their own way of drawing weights is slow; which to keep is what torchvision does with weights.
        options = {
            "aux_logits": name == "inception_v3" if auxiliary is None else auxiliary,
            "init_weights": False,
        }
    elif group == "segmentation":
        options = {"weights_backbone": None}
        if not name.startswith("lraspp"):
            options["aux_loss"] = auxiliary is not False
    elif group == "detection":
        options = {"weights_backbone": None}
    elif name.startswith("vit"):
        if size[0] != size[1]:
            raise SettingError(
                N_("a vision transformer takes square images, not {height} × {width}"),
                height=size[0],
                width=size[1],
            )
        options = {"image_size": size[0]}
    elif name.startswith("maxvit"):
        options = {"input_size": size}
    with _refusing(name, size):
        network = build_on_meta(lambda: torchvision.models.get_model(name, weights=None, **options))
    if group == "detection" and (name in _FROZEN if frozen is None else frozen):
        _freeze(network.get_submodule("backbone"))
    return network


def _freeze(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            with torch.device("meta"):
                setattr(module, name, FrozenBatchNorm2d(child.num_features))
        else:
            _freeze(child)


def resnet_v1(name: str) -> nn.Module:
    """torchvision's resnet50, resnet101 or resnet152 with the strides of the 2015 paper, on the meta device.

    A block that halves the map does it in its first 1×1, not in the 3×3 (v1.5).

    Raises:
        ModelError: another network.

    >>> round(count(resnet_v1("resnet50")).macs / 1e9, 3), round(count_named("resnet50").macs / 1e9, 3)
    (3.858, 4.089)
    """
    if name not in ("resnet50", "resnet101", "resnet152"):
        raise ModelError(N_("{name} has no version with the strides of 2015"), name=name)
    network = build(name)
    for block in network.modules():
        if isinstance(block, Bottleneck):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
    return network


def input_shape_of(name: str, size: int | tuple[int, int] | None = None) -> Shape:
    """(C, H, W) of one image; of the published size where `size` is None."""
    if size is None:
        size = published(name).size
    channels = _OWN[name][1][0] if name in _OWN else 3
    return (channels, *((size, size) if isinstance(size, int) else size))


@dataclass(frozen=True)
class _Plan:
    """A network of the catalogue, and how to run it."""

    network: nn.Module
    name: str
    shape: Shape
    run: Callable[[Tensor], Any]
    proposals: int | None = None
    detections: int | None = None


def count_named(
    name: str,
    size: int | tuple[int, int] | None = None,
    batch: int = 1,
    auxiliary: bool | None = None,
    frozen: bool | None = None,
    proposals: int | None = None,
    detections: int | None = None,
) -> NetworkCount:
    """Count a network of the :func:`catalogue`, by default as its published weights come.

    Which boxes a detector finds depends on the numbers in its weights, so it can't run as a whole without
    them. Its parts do: resizing, backbone and dense heads run as they are; the heads that look at one box
    run for as many boxes as given. Between them, RoI align and suppression count no MACs anyway; their
    memory is left out.

    Args:
        size: side of the square image, or (height, width); None for the published one. Detectors resize it.
        batch: images.
        auxiliary, frozen: as :func:`build`.
        proposals: boxes an image that a two-stage detector looks at again; None for the most it may.
        detections: boxes an image that get a mask or key points; None for the most it may.

    Raises:
        ModelError: an unknown name, or an image on which the network can't run.
        SettingError: a size, batch or number of boxes out of range.

    >>> counted = count_named("alexnet")
    >>> counted.parameters, counted.macs
    (61100840, 714188480)
    """
    plan = _plan(name, size, batch, auxiliary, frozen, proposals, detections)
    return _count(plan.network, name, plan.shape, plan.run, plan.proposals, plan.detections)


@dataclass(frozen=True)
class Measured:
    """A network as PyTorch itself counts it: `numel` of what it holds, and half of flop_counter's operations."""

    parameters: int
    buffers: int
    macs: int


def measure_named(
    name: str,
    size: int | tuple[int, int] | None = None,
    batch: int = 1,
    auxiliary: bool | None = None,
    frozen: bool | None = None,
    proposals: int | None = None,
    detections: int | None = None,
) -> Measured:
    """The proof of :func:`count_named`, with the same arguments: slower, and by none of the rules here.

    >>> measure_named("alexnet").macs
    714188480
    """
    plan = _plan(name, size, batch, auxiliary, frozen, proposals, detections)
    return _measure(plan.network, name, plan.shape, plan.run)


def measure(
    network: nn.Module | Callable[[], nn.Module], input_shape: Shape = (3, 224, 224), batch: int = 1
) -> Measured:
    """The proof of :func:`count`, likewise."""
    with _refusing("", input_shape):
        own = _on_meta(network) if isinstance(network, nn.Module) else build_on_meta(network)
    return _measure(own, type(own).__name__, (batch, *input_shape), own)


class _Flops(TorchDispatchMode):
    """Adds up ``torch.utils.flop_counter``'s formulas over every operation that runs.

    ``FlopCounterMode`` does the same, and also hooks every module of the process, other visitors' too.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func.overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


def _measure(network: nn.Module, name: str, shape: Shape, run: Callable[[Tensor], Any]) -> Measured:
    with _refusing(name, shape), torch.no_grad(), _Flops() as flops:
        run(torch.empty(shape, device="meta"))
    return Measured(
        sum(parameter.numel() for parameter in network.parameters()),
        sum(buffer.numel() for buffer in network.buffers()),
        flops.total // 2,
    )


def _plan(
    name: str,
    size: int | tuple[int, int] | None,
    batch: int,
    auxiliary: bool | None,
    frozen: bool | None,
    proposals: int | None,
    detections: int | None,
) -> _Plan:
    channels, height, width = input_shape_of(name, size)
    _check_sizes(batch, height, width)
    network: Any = build(name, (height, width), auxiliary, frozen)
    shape = (batch, channels, height, width)
    if group_of(name) != "detection":
        return _Plan(network, name, shape, network)
    if not hasattr(network, "roi_heads"):
        return _Plan(network, name, shape, partial(_detect, network, 0, 0))
    heads = network.roi_heads
    proposals = network.rpn.post_nms_top_n() if proposals is None else proposals
    each = heads.has_mask() or heads.has_keypoint()
    detections = (heads.detections_per_img if detections is None else detections) if each else None
    for number in (proposals, detections or 0):
        if not 0 <= number <= MAX_SIZE:
            raise SettingError(
                N_("{number} boxes were asked for; it must be from 0 to {most}"), number=number, most=MAX_SIZE
            )
    run = partial(_detect, network, proposals, detections or 0)
    return _Plan(network, name, shape, run, proposals, detections)


def _detect(network: Any, proposals: int, detections: int, images: Tensor) -> Any:
    """The parts of a detector that don't depend on numbers, and its box heads on so many boxes an image."""
    resized, _ = network.transform(list(images))
    features = list(network.backbone(resized.tensors).values())
    if not hasattr(network, "roi_heads"):
        return network.head(features)
    outputs = [network.rpn.head(features)]
    heads, channels = network.roi_heads, network.backbone.out_channels
    for number, pool, layers in (
        (proposals, heads.box_roi_pool, (heads.box_head, heads.box_predictor)),
        (detections, heads.mask_roi_pool, (heads.mask_head, heads.mask_predictor)),
        (detections, heads.keypoint_roi_pool, (heads.keypoint_head, heads.keypoint_predictor)),
    ):
        if number and pool is not None:
            regions: Any = _blank((number * len(images), channels, *pool.output_size))
            for layer in layers:
                regions = layer(regions)
            outputs.append(regions)
    return outputs


MAX_ROWS = 64
_LIMITS = {
    "out_channels": (1, 65536),
    "kernel_size": (1, 31),
    "stride": (1, 16),
    "padding": (0, 128),
    "groups": (1, 65536),
}
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "conv": ("out_channels", "kernel_size", "stride", "padding", "groups"),
    "pool": ("kernel_size", "stride", "padding"),
    "linear": ("out_channels",),
    "relu": (),
    "bn": (),
    "flatten": (),
    "gap": (),
}
"""Kinds of rows that :func:`count_stack` reads, and the columns that each needs."""


def count_stack(
    rows: Sequence[Mapping[str, object]], input_shape: Shape = (3, 224, 224), batch: int = 1
) -> tuple[NetworkCount, dict[int, SettingError]]:
    """Count a stack of layers from a table that somebody has edited; nothing of it is run as code.

    Args:
        rows: ``kind`` is conv, pool (max), linear, relu, bn, flatten or gap (global average pooling, and
            flatten); conv needs out_channels and kernel_size, linear out_channels, pool kernel_size. stride
            (1, or the kernel's for pool), padding (0), groups (1) and bias (True) may be left out or empty.
        input_shape: (C, H, W).
        batch: N.

    Returns:
        The count of the good rows, at most MAX_ROWS, called 1, 2, … like their rows; and by row number,
        from 1, why a row is not in it.

    >>> counted, wrong = count_stack([{"kind": "conv", "out_channels": 8, "kernel_size": 3}, {"kind": "conv"}])
    >>> counted.parameters, str(wrong[2])
    (224, 'out_channels is missing; it must be a whole number from 1 to 65536')
    """
    _check_sizes(batch, *input_shape)
    stack, wrong, shape = nn.Sequential(), dict[int, SettingError](), input_shape
    with torch.device("meta"):
        for number, row in enumerate(rows, start=1):
            try:
                if len(stack) == MAX_ROWS:
                    raise SettingError(N_("a stack has at most {most} layers here"), most=MAX_ROWS)
                layer, shape = _stacked(row, shape)
            except SettingError as error:
                wrong[number] = error
            else:
                stack.add_module(str(number), layer)
    return _count(stack.eval(), "", (batch, *input_shape), stack), wrong


def _stacked(row: Mapping[str, object], shape: Shape) -> tuple[nn.Module, Shape]:
    """The layer of a row for an input of `shape`, and the shape that comes out."""
    kind = row.get("kind")
    if not isinstance(kind, str) or kind not in _COLUMNS:
        raise SettingError(
            N_("the kind of a layer must be one of {kinds}, not {kind}"), kinds=", ".join(_COLUMNS), kind=kind
        )
    flat = len(shape) == 1
    if kind in ("conv", "pool", "gap") and flat:
        raise SettingError(
            N_("{kind} needs maps, but {features} numbers in a row arrive"), kind=kind, features=shape[0]
        )
    if kind == "linear" and not flat:
        raise SettingError(N_("linear needs numbers in a row: flatten the maps first, or use gap"))
    defaults = {"stride": 1, "padding": 0, "groups": 1}
    values: dict[str, int] = {}
    for column in _COLUMNS[kind]:
        if kind == "pool" and column == "stride":
            defaults["stride"] = values["kernel_size"]
        values[column] = _whole(column, row.get(column), defaults.get(column))
    bias = row.get("bias") is not False
    if kind == "conv":
        return _stacked_conv(shape, bias, **values)
    if kind == "pool":
        settings = (values["kernel_size"], values["stride"], values["padding"])
        height, width = (pool_output_size(side, *settings) for side in shape[1:])
        return nn.MaxPool2d(*settings), (shape[0], height, width)
    if kind == "linear":
        return nn.Linear(shape[0], values["out_channels"], bias), (values["out_channels"],)
    if kind == "bn":
        return (nn.BatchNorm1d if flat else nn.BatchNorm2d)(shape[0]), shape
    if kind == "relu":
        return nn.ReLU(inplace=True), shape
    if kind == "flatten":
        return nn.Flatten(), (math.prod(shape),)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), (shape[0],)


def _stacked_conv(
    shape: Shape, bias: bool, out_channels: int, kernel_size: int, stride: int, padding: int, groups: int
) -> tuple[nn.Module, Shape]:
    height, width = (conv_output_size(side, kernel_size, stride, padding) for side in shape[1:])
    conv_cost(shape[0], out_channels, (kernel_size, kernel_size), (height, width), groups)  # checks groups
    layer = nn.Conv2d(shape[0], out_channels, kernel_size, stride, padding, groups=groups, bias=bias)
    return layer, (out_channels, height, width)


def _whole(column: str, value: object, default: int | None) -> int:
    low, high = _LIMITS[column]
    # An empty cell arrives as None, NaN or pandas' NA, which is not even equal to itself.
    if value is None or not isinstance(value, int | float) or value != value:
        if default is not None and not isinstance(value, str):
            return default
        raise SettingError(
            N_("{setting} is missing; it must be a whole number from {low} to {high}"),
            setting=column,
            low=low,
            high=high,
        )
    if not low <= value <= high or value != int(value):
        raise SettingError(
            N_("{setting} is {value}; it must be from {low} to {high}"),
            setting=column,
            value=f"{value:g}",
            low=low,
            high=high,
        )
    return int(value)
