"""Building and running a network on the meta device, where tensors have shapes but no numbers.

Every operation that the network calls passes by here. Those that :mod:`~cnnviz.zoo.counting.rules` knows, and the
frequent ones whose shape is plain, are answered with an empty tensor of the right shape, which is far quicker
than PyTorch's own shape functions; the rest runs as it is.
"""

import copy
import inspect
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnviz.errors import ModelError
from cnnviz.messages import N_
from cnnviz.zoo.counting.rules import RULES, WITHOUT_RULE, blank

_SAME_SHAPE = frozenset(
    """
    relu relu6 silu gelu hardswish hardsigmoid hardtanh sigmoid tanh leaky_relu elu selu mish softplus
    dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout softmax log_softmax layer_norm
    group_norm batch_norm instance_norm normalize local_response_norm rsqrt sqrt exp log neg clone
    contiguous
    """.split()  # noqa: SIM905
)
"""Functions whose result has the shape of their first argument."""

_BROADCAST = frozenset(
    """
    add sub mul div true_divide __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__
    __rtruediv__
    """.split()  # noqa: SIM905
)

_IN_PLACE = frozenset(("__iadd__", "__isub__", "__imul__", "__itruediv__"))


@cache
def _signature(function: FunctionType) -> inspect.Signature:
    return inspect.signature(function)


class ShapeMode(TorchFunctionMode):
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
        if name in RULES:
            return RULES[name](self, *args, **kwargs)
        if name in WITHOUT_RULE:
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
            return blank(x.shape)
        if name in _BROADCAST and x.is_floating_point() and "out" not in kwargs:
            other = args[1]
            return blank(
                torch.broadcast_shapes(x.shape, other.shape) if isinstance(other, Tensor) else x.shape
            )
        return func(*args, **kwargs)


class _Building(ShapeMode):
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
    """
    normal_ uniform_ zero_ fill_ trunc_normal_ clamp_ erfinv_ mul_ add_ copy_ constant_
    """.split()  # noqa: SIM905
)


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


def on_meta(network: nn.Module) -> nn.Module:
    """A copy of the network's structure, in eval mode, over parameters and buffers without numbers."""
    memo: dict[int, Any] = {
        id(parameter): nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
        for parameter in network.parameters()
    }
    memo |= {id(buffer): buffer.to("meta") for buffer in network.buffers()}
    return copy.deepcopy(network, memo).eval()
