"""The networks that can be counted by name: what is documented of them, and how to build them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.models.resnet import Bottleneck
from torchvision.ops import FrozenBatchNorm2d

from cnnviz.errors import ModelError, SettingError
from cnnviz.messages import N_
from cnnviz.zoo.counting.checks import refusing
from cnnviz.zoo.counting.results import Shape
from cnnviz.zoo.counting.shapes import build_on_meta
from cnnviz.zoo.efficientnet_lite0 import EfficientNetLite0
from cnnviz.zoo.lenet import lenet5, lenet5_modern
from cnnviz.zoo.se_resnet import SEResNet50


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
    """
    fasterrcnn_mobilenet_v3_large_320_fpn fasterrcnn_mobilenet_v3_large_fpn fasterrcnn_resnet50_fpn
    fcos_resnet50_fpn keypointrcnn_resnet50_fpn maskrcnn_resnet50_fpn retinanet_resnet50_fpn
    """.split()  # noqa: SIM905
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

_V1 = {"resnet50": 3_800_000_000, "resnet101": 7_600_000_000, "resnet152": 11_300_000_000}
"""MACs with the strides of 2015: He et al., arXiv 1512.03385, Table 1, which calls them FLOPs."""


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


def published(name: str, v1: bool = False) -> Published:
    """What torchvision documents, or a paper for our own; ModelError for an unknown name.

    With `v1`, what the paper of 2015 says of ResNet-50, 101 and 152, whose parameters are the same.

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
    if v1:
        source = "He et al., arXiv 1512.03385, Table 1"
        return Published(meta["num_params"], _V1[name], source, (size, size), traps=_PAPER_TRAPS)
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


_PAPER_TRAPS = (
    N_("The paper calls multiply–accumulates FLOPs and drops digits: 3.8 stands for 3.86 billion."),
)


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
    if name in _V1:
        yield N_("Blocks stride in the 3×3 (v1.5); the paper's stride in the first 1×1, with fewer MACs.")
    if name.startswith("vit_"):
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
    v1: bool = False,
) -> nn.Module:
    """A network of the catalogue in eval mode, on the meta device: all shapes, no numbers.

    Args:
        size: (height, width) of the images; only vision transformers and MaxViT differ by it.
        auxiliary: with its auxiliary heads; None for as the published weights come. Only GoogLeNet,
            Inception v3, FCN and DeepLab have any.
        frozen: with the backbone's batch normalisations as buffers; None likewise. Only detectors.
        v1: with the strides of 2015; only ResNet-50, 101 and 152.

    Raises:
        ModelError: an unknown name, or a network that can't be built for this size.
        SettingError: a size that doesn't divide into the network's patches.
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
        patch = int(name.rpartition("_")[2])
        if size[0] % patch:
            raise SettingError(
                N_("{network} cuts its image into patches of {patch} pixels; {size} is no multiple of that"),
                network=name,
                patch=patch,
                size=size[0],
            )
        options = {"image_size": size[0]}
    elif name.startswith("maxvit"):
        if size[0] % 224 or size[1] % 224:
            raise SettingError(
                N_(
                    "{network} cuts each of its maps into windows of 7 × 7; {height} × {width} is no multiple of 224"
                ),
                network=name,
                height=size[0],
                width=size[1],
            )
        options = {"input_size": size}
    with refusing(name, size):
        network = build_on_meta(lambda: torchvision.models.get_model(name, weights=None, **options))
    if group == "detection" and (name in _FROZEN if frozen is None else frozen):
        _freeze(network.get_submodule("backbone"))
    if v1:
        _move_strides(name, network)
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

    >>> from cnnviz.zoo.counting import count, count_named
    >>> round(count(resnet_v1("resnet50")).macs / 1e9, 3), round(count_named("resnet50").macs / 1e9, 3)
    (3.858, 4.089)
    """
    return build(name, v1=True)


def _move_strides(name: str, network: nn.Module) -> None:
    if name not in _V1:
        raise ModelError(N_("{name} has no version with the strides of 2015"), name=name)
    for block in network.modules():
        if isinstance(block, Bottleneck):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride


def switches(name: str) -> Mapping[str, bool]:
    """What :func:`build` can build both ways, and which way the published weights come.

    >>> switches("googlenet"), switches("resnet50"), switches("vgg16")
    ({'auxiliary': False}, {'v1': False}, {})
    """
    group = group_of(name)
    if name in _AUXILIARY:
        return {"auxiliary": name == "inception_v3"}
    if group == "segmentation" and not name.startswith("lraspp"):
        return {"auxiliary": True}
    if group == "detection" and name != "ssd300_vgg16":
        return {"frozen": name in _FROZEN}
    return {"v1": False} if name in _V1 else {}


def input_shape_of(name: str, size: int | tuple[int, int] | None = None) -> Shape:
    """(C, H, W) of one image; of the published size where `size` is None."""
    if size is None:
        size = published(name).size
    channels = _OWN[name][1][0] if name in _OWN else 3
    return (channels, *((size, size) if isinstance(size, int) else size))
