"""What the gates of a trained network do on one picture, step by step, and what follows when one is forced.

Works for our own blocks and for torchvision's, which say the same in 1×1 convolutions with biases (EfficientNet's
σ is a sigmoid, MobileNetV3's its straight-lined cousin). The network may be shared: it is never touched.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops.misc import SqueezeExcitation

from cnnviz.blocks.squeeze_excite import SqueezeExcite
from cnnviz.errors import ModelError, SettingError
from cnnviz.explain.attribution.sharing import with_own
from cnnviz.messages import N_

Floats = NDArray[np.float32]

PARTS: Mapping[type[nn.Module], tuple[str, str, str, str, str]] = MappingProxyType(
    {
        SqueezeExcite: ("squeeze", "reduce", "relu", "expand", "sigmoid"),
        SqueezeExcitation: ("avgpool", "fc1", "activation", "fc2", "scale_activation"),
    }
)
"""Of each kind of block: the modules that squeeze, narrow (W₁), activate (δ), widen (W₂) and bound (σ)."""
SIGMAS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"Sigmoid": torch.sigmoid, "Hardsigmoid": lambda x: (x / 6 + 0.5).clamp(0, 1)}
)
"""σ by the name of its module, written out."""
DELTAS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"ReLU": lambda x: x.clamp(min=0), "SiLU": F.silu}
)
"""δ, likewise."""


def gated(network: nn.Module) -> tuple[str, ...]:
    """Paths of the blocks worth looking at: of ours all, of torchvision's the last of each stage.

    Raises:
        ModelError: the network has none.
    """
    paths = [path for path, module in network.named_modules() if type(module) in PARTS]
    if not paths:
        raise ModelError(N_("{network} has no channel gates"), network=type(network).__name__)
    # "features.4.2.block.2" belongs to stage "features.4".
    stages = {".".join(path.split(".")[:2]): path for path in paths}
    return tuple(stages.values())


@dataclass(frozen=True, eq=False)
class Excitation:
    """One block on one picture, every number as PyTorch computed it.

    Attributes:
        maps: u, (C, H, W), what comes in.
        scaled: x̃, (C, H, W), what goes out.
        squeezed: z, (C,).
        hidden: δ(W₁ z), (C / r,).
        gates: s, (C,).
        weights: (W₁, b₁, W₂, b₂), of (C / r, C), (C / r,), (C, C / r) and (C,); biases are 0 where there are none.
        delta, sigma: names of the activations, keys of :data:`DELTAS` and :data:`SIGMAS`.
    """

    maps: Floats
    scaled: Floats
    squeezed: Floats
    hidden: Floats
    gates: Floats
    weights: tuple[Floats, Floats, Floats, Floats]
    delta: str
    sigma: str

    @property
    def reduction(self) -> float:
        """r, C over the units in the middle."""
        return len(self.gates) / len(self.hidden)

    def gate(self, channel: int) -> float:
        """s of one channel by equations 2 and 3, from the maps alone, in float64."""
        w1, b1, w2, b2 = (torch.tensor(part, dtype=torch.float64) for part in self.weights)
        z = torch.tensor(self.maps, dtype=torch.float64).mean((1, 2))
        hidden = DELTAS[self.delta](w1 @ z + b1)
        return float(SIGMAS[self.sigma](w2[channel] @ hidden + b2[channel]))


@dataclass(frozen=True, eq=False)
class Look:
    """A picture through a network.

    Attributes:
        logits: (classes,).
        gates: (C,) of each block, by its path.
        chosen: the block that was asked for.
    """

    logits: Floats
    gates: Mapping[str, Floats]
    chosen: Excitation


def look(network: nn.Module, x: Tensor, path: str) -> Look:
    """Put a picture through and keep every gate, and of one block everything.

    Args:
        network: in eval mode.
        x: (1, 3, H, W), as the network takes it.
        path: of the block, one of :func:`gated`.

    Raises:
        ModelError: there is no such block.
    """
    paths = {each: f"{each}.{_parts(network, each)[4]}" for each in gated(network)}
    parts = _parts(network, path)
    own = with_own(network, path, *paths.values(), *(f"{path}.{part}" for part in parts))
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            kept[name] = out.detach().clone()
            if name == path:
                kept["maps"] = given[0].detach().clone()

        return hook

    for name in (path, *paths.values(), f"{path}.{parts[0]}", f"{path}.{parts[2]}"):
        own.get_submodule(name).register_forward_hook(keep(name))
    with torch.inference_mode():
        logits = own(x)[0]
    block = own.get_submodule(path)
    chosen = Excitation(
        _numbers(kept["maps"][0]),
        _numbers(kept[path][0]),
        _numbers(kept[f"{path}.{parts[0]}"].flatten()),
        _numbers(kept[f"{path}.{parts[2]}"].flatten()),
        _numbers(kept[paths[path]].flatten()),
        (*_dense(block.get_submodule(parts[1])), *_dense(block.get_submodule(parts[3]))),
        type(block.get_submodule(parts[2])).__name__,
        type(block.get_submodule(parts[4])).__name__,
    )
    gates = {each: _numbers(kept[name].flatten()) for each, name in paths.items()}
    return Look(_numbers(logits), MappingProxyType(gates), chosen)


def force(network: nn.Module, x: Tensor, path: str, channel: int, values: Sequence[float]) -> Floats:
    """The logits with one gate held at each of `values`, everything else left to the network.

    Args:
        network, x, path: as in :func:`look`.
        channel: from 0.

    Returns:
        (len(values), classes).

    Raises:
        ModelError: there is no such block.
        SettingError: it has no such channel.
    """
    name = f"{path}.{_parts(network, path)[4]}"
    own = with_own(network, name)
    held = torch.tensor(values, dtype=x.dtype, device=x.device)

    def hook(_module: nn.Module, _given: tuple[Tensor, ...], gates: Tensor) -> Tensor:
        if not 0 <= channel < gates.shape[1]:
            raise SettingError(
                N_("there is no channel {channel}; the block has {count}"),
                channel=channel + 1,
                count=gates.shape[1],
            )
        gates = gates.clone()
        gates[:, channel] = held.reshape(-1, *[1] * (gates.dim() - 2))
        return gates

    own.get_submodule(name).register_forward_hook(hook)
    with torch.inference_mode():
        return _numbers(own(x.expand(len(values), -1, -1, -1)))


def _parts(network: nn.Module, path: str) -> tuple[str, str, str, str, str]:
    if path not in gated(network):
        raise ModelError(
            N_("{network} has no channel gates at {path}"), network=type(network).__name__, path=path
        )
    return PARTS[type(network.get_submodule(path))]


def _dense(layer: nn.Module) -> tuple[Floats, Floats]:
    """Weights (out, in) and biases of a dense layer, or of a 1×1 convolution, which is one."""
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    bias = layer.bias if layer.bias is not None else layer.weight.new_zeros(layer.weight.shape[0])
    return _numbers(layer.weight.flatten(1)), _numbers(bias)


def _numbers(tensor: Tensor) -> Floats:
    return np.asarray(tensor.detach().float().cpu().numpy(), np.float32)
