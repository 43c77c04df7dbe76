"""What the maps of a layer say: Grad-CAM and guided Grad-CAM, at any layer through the network's depth."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from captum import attr
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from cnnviz.errors import ModelError
from cnnviz.explain.attribution.gradients import own
from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.results import Attribution, Checked, array
from cnnviz.explain.attribution.sharing import explained, with_own
from cnnviz.explain.traced_field import StageField, trace_module
from cnnviz.messages import N_

# captum says so at each call; the hooks are on modules that nobody else has. Once and for all threads, since
# ``catch_warnings`` is not safe among threads.
warnings.filterwarnings("ignore", "Setting backward hooks on ReLU", UserWarning)

_CONTAINERS = (nn.Sequential, nn.ModuleDict, nn.ModuleList)


def blocks(network: nn.Module, prefix: str = "") -> Iterator[str]:
    """Paths of the parts that a network is put together from, in the order in which they are registered.

    Plain containers are opened; a block that is a class of its own is one part.

    >>> list(blocks(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 8, 3)))))
    ['0', '1.0', '1.1']
    """
    for name, child in network.named_children():
        if type(child) in _CONTAINERS:
            yield from blocks(child, f"{prefix}{name}.")
        else:
            yield prefix + name


def layers(network: nn.Module, size: tuple[int, int]) -> tuple[StageField, ...]:
    """The blocks whose output is a grid of more than one cell, in order of the forward pass.

    Args:
        network: is neither run nor changed.
        size: (H, W) of its input.

    Returns:
        each with its path, ``map_size``, ``stride`` and receptive field.

    Raises:
        ModelError: the network can't be traced.
    """
    paths = set(blocks(network))
    return tuple(
        module
        for module in trace_module(network, size).modules
        if module.name in paths and module.dims == (2, 3) and max(module.map_size or (0,)) > 1
    )


def last_layer(network: nn.Module, size: tuple[int, int]) -> str:
    """Path of the last of :func:`layers`.

    Raises:
        ModelError: there is none.
    """
    found = layers(network, size)
    if not found:
        raise ModelError(
            N_("{network} has no layer whose maps have more than one cell"), network=type(network).__name__
        )
    return found[-1].name


@dataclass(frozen=True)
class GradCam(Checked):
    r"""The maps of a layer, weighted by their mean gradient (captum ``LayerGradCam``).

    Selvaraju et al., "Grad-CAM", ICCV 2017 (arXiv 1610.02391), equations 1 and 2:
    :math:`\alpha_k = \frac1Z \sum_{ij} \partial y / \partial A^k_{ij}`,
    :math:`L = \mathrm{ReLU}(\sum_k \alpha_k A^k)`.

    Attributes:
        layer: a path of :func:`layers`; empty for the last.
        relu: whether what speaks against the class is cut off, as in the paper.
    """

    layer: str = ""
    relu: bool = True

    def run(self, network: nn.Module, picture: Picture, target: int) -> Iterator[Attribution]:
        """One pass forward and one back to the layer."""
        path = self.layer or last_layer(network, picture.size)
        mine = with_own(network, path)
        method = attr.LayerGradCam(mine, mine.get_submodule(path))
        yield Attribution(array(method.attribute(own(picture.x), target, relu_attributions=self.relu)))


@dataclass(frozen=True, eq=False)
class Depth:
    """Grad-CAM at every layer.

    Attributes:
        layers: those of :func:`layers`, in order.
        attributions: one a layer, with the class's logit as its score.
        done, total: it comes at once.
    """

    layers: tuple[StageField, ...]
    attributions: tuple[Attribution, ...]
    done: int = 1
    total: int = 1


def through_depth(network: nn.Module, picture: Picture, target: int, relu: bool = True) -> Iterator[Depth]:
    """:class:`GradCam` at all layers, for the price of one: a pass forward and a pass back that keep every map.

    Args:
        relu: as :class:`GradCam`.

    Raises:
        ModelError: no such class, no layers, or the network can't be traced.
    """
    found = layers(network, picture.size)
    mine = with_own(network, *(layer.name for layer in found))
    kept: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        kept[name] = output
        # What follows may write into it, as nn.ReLU(inplace=True) does.
        return output.clone()

    for layer in found:
        mine.get_submodule(layer.name).register_forward_hook(partial(keep, layer.name))
    with explained(network, target), torch.enable_grad():
        score = mine(own(picture.x))[0, target]
        maps = [kept[layer.name] for layer in found]
        gradients = torch.autograd.grad(score, maps)
    cams = (
        (gradient.mean((2, 3), keepdim=True) * each).sum(1, True)
        for gradient, each in zip(gradients, maps, strict=True)
    )
    yield Depth(
        found,
        tuple(Attribution(array(cam.relu() if relu else cam), score=float(score.detach())) for cam in cams),
    )


@dataclass(frozen=True)
class GuidedGradCam(Checked):
    r"""Guided backpropagation where Grad-CAM lights up (captum ``GuidedGradCam``).

    Selvaraju et al. (arXiv 1610.02391), section 3.2: their product, Grad-CAM resized bilinearly. Guided
    backpropagation: Springenberg, Dosovitskiy, Brox & Riedmiller, "Striving for Simplicity", ICLR workshop 2015
    (arXiv 1412.6806), section 3.4: at every ReLU
    :math:`R^l = (f^l > 0) \cdot (R^{l+1} > 0) \cdot R^{l+1}`.

    captum 0.9 hooks ``nn.ReLU`` alone: of a network with ReLU6 (EfficientNet-Lite0, MobileNetV2), or one that
    calls ``F.relu``, it silently returns the plain gradient. Here all of these go through modules that captum
    hooks. For ReLU6 the paper's rule says the same, with a forward pass that also stops what is cut off at 6.
    A network with none of them has no guided gradient.

    Attributes:
        layer: a path of :func:`layers`; empty for the last.
    """

    layer: str = ""

    def run(self, network: nn.Module, picture: Picture, target: int) -> Iterator[Attribution]:
        """Grad-CAM, and one more pass forward and back.

        Raises:
            ModelError: the network has neither ReLU nor ReLU6.
        """
        path = self.layer or last_layer(network, picture.size)
        mine = with_own(network, path)
        guided = Rectified(mine)
        method = attr.GuidedGradCam(guided, mine.get_submodule(path))
        values = method.attribute(own(picture.x), target, interpolate_mode="bilinear")
        guided.check(network)
        yield Attribution(array(values))


class ReLU6(nn.ReLU):
    """min(max(x, 0), 6), as a kind of the class that captum hooks."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return F.relu6(x)


class Rectified(nn.Module):
    """A network whose ReLUs and ReLU6s, modules or functions, all go through two modules that captum can hook.

    The network itself is not a child: captum hooks nothing on it.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.relu6 = ReLU6()
        self.calls = 0
        self._network = partial(network)

    def forward(self, x: Tensor) -> Tensor:
        """As the network."""
        with _Rerouted(self):
            return self._network(x)

    def check(self, network: nn.Module) -> None:
        """Raise a ModelError if nothing went through the two modules."""
        if not self.calls:
            raise ModelError(
                N_("guided backpropagation is defined for ReLU, and {network} has none"),
                network=type(network).__name__,
            )


class _Rerouted(TorchFunctionMode):
    def __init__(self, rectified: Rectified) -> None:
        super().__init__()
        self.rectified = rectified

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        # nn.ReLU6 is a hardtanh, which hands its limits on by name.
        limits = (kwargs.get("min_val"), kwargs.get("max_val"))
        clipped = func is F.relu6 or (func is F.hardtanh and limits == (0, 6))
        if not clipped and func not in (F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_):
            return func(*args, **kwargs)
        self.rectified.calls += 1
        return (self.rectified.relu6 if clipped else self.rectified.relu)(args[0])
