"""The class activation map by hand, and its equality with Grad-CAM."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.errors import ModelError
from cnnviz.explain.attribution.grad_cam import GradCam, last_layer
from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.results import Attribution, Checked, array
from cnnviz.explain.attribution.sharing import with_own
from cnnviz.messages import N_


@dataclass(frozen=True)
class Cam(Checked):
    r"""The last maps, weighted as the dense layer weights their means; by hand, without a gradient.

    Zhou, Khosla, Lapedriza, Oliva & Torralba, "Learning Deep Features for Discriminative Localization", CVPR 2016
    (arXiv 1512.04150), equation 2: :math:`M_c(i, j) = \sum_k w^c_k f_k(i, j)`. Only for networks that end in
    global average pooling and one dense layer, as EfficientNet-Lite0 and ResNets do. Then the logit is the mean of
    the map, and a bias.

    Attributes:
        layer: path of the last layer before the pooling; empty to look for it.
    """

    layer: str = ""

    def run(self, network: nn.Module, picture: Picture, target: int) -> Iterator[Attribution]:
        """One pass forward.

        Raises:
            ModelError: the network ends otherwise.
        """
        yield _cam(network, picture, target, self.layer or last_layer(network, picture.size))


def _cam(network: nn.Module, picture: Picture, target: int, layer: str) -> Attribution:
    """The map of the maps of `layer`."""
    dense = [path for path, module in network.named_modules() if isinstance(module, nn.Linear)][-1:]
    seen: dict[str, Tensor] = {}

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        seen["maps"] = output

    def keep_dense(module: nn.Module, inputs: Any, output: Tensor) -> None:
        seen["means"], seen["logits"] = inputs[0], output

    mine = with_own(network, layer, *dense)
    mine.get_submodule(layer).register_forward_hook(keep)
    for path in dense:
        mine.get_submodule(path).register_forward_hook(keep_dense)
    with torch.no_grad():
        logits = mine(picture.x)
    maps, means = seen["maps"], seen.get("means")
    pooled = maps.mean((2, 3))
    if (
        means is None
        or means.shape != pooled.shape
        or not torch.allclose(means, pooled, atol=1e-4)
        or not torch.equal(seen["logits"], logits)
    ):
        raise ModelError(
            N_("{network} does not end in global average pooling of {layer} and one dense layer"),
            network=type(network).__name__,
            layer=layer,
        )
    last = mine.get_submodule(dense[0])
    assert isinstance(last, nn.Linear)
    values = (last.weight[target].detach()[:, None, None] * maps[0]).sum(0)[None, None]
    bias = 0.0 if last.bias is None else float(last.bias[target])
    return Attribution(array(values), score=float(logits[0, target]), bias=bias)


@dataclass(frozen=True, eq=False)
class CamProof:
    r"""CAM by hand beside Grad-CAM by gradient.

    With :math:`y = \sum_k w_k \frac1Z \sum_{ij} A^k_{ij} + b` the gradient is :math:`w_k / Z` everywhere, and so is
    its mean :math:`\alpha_k`: Grad-CAM before its ReLU is CAM divided by Z, the number of cells (Selvaraju et al.,
    arXiv 1610.02391, section 3.1).

    Attributes:
        layer: whose maps.
        cam: (h, w), by hand.
        grad_cam: (h, w), by captum, before ReLU.
        score, bias: the logit, and the dense layer's bias.
    """

    layer: str
    cam: NDArray[np.float32]
    grad_cam: NDArray[np.float32]
    score: float
    bias: float

    @property
    def cells(self) -> int:
        """Z."""
        return self.cam.size

    @property
    def measured_factor(self) -> float:
        """CAM over Grad-CAM, by least squares; Z by theory."""
        cam, grad_cam = (each.astype(np.float64) for each in (self.cam, self.grad_cam))
        return float((cam * grad_cam).sum() / (grad_cam**2).sum())

    @property
    def error(self) -> float:
        """Largest difference of CAM and Z · Grad-CAM, as a share of CAM's largest magnitude."""
        difference = np.abs(self.cam - self.cells * self.grad_cam).max()
        return float(difference / np.abs(self.cam).max())


def prove_cam(network: nn.Module, picture: Picture, target: int, layer: str = "") -> CamProof:
    """Compute both.

    Args:
        layer: the last before the pooling; empty to look for it.

    Raises:
        ModelError: the network doesn't end in global average pooling and one dense layer.
    """
    layer = layer or last_layer(network, picture.size)
    cam = _cam(network, picture, target, layer)
    (grad_cam,) = GradCam(layer, relu=False).run(network, picture, target)
    assert cam.score is not None
    assert cam.bias is not None
    return CamProof(layer, cam.map, grad_cam.map, cam.score, cam.bias)
