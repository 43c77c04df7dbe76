"""The networks that the engine runs, each with its card: our own first, then torchvision's.

What torchvision documents is read from its own descriptions of the weights; tests recompute the counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal, get_args

import torchvision
from torch import nn

from cnnviz.detection import pyramid
from cnnviz.engine.results import Size
from cnnviz.errors import ModelError
from cnnviz.messages import N_
from cnnviz.segmentation import heads, voc
from cnnviz.segmentation.backbone import Backbone
from cnnviz.zoo.counting import NetworkCount, count, count_named, published
from cnnviz.zoo.efficientnet_lite0 import CARD as LITE0
from cnnviz.zoo.efficientnet_lite0 import EfficientNetLite0
from cnnviz.zoo.history import FAMILY_OF, TITLES
from cnnviz.zoo.imagenet import class_names

Task = Literal["classification", "segmentation", "detection", "instance"]
TASKS: tuple[Task, ...] = get_args(Task)
BACKBONE_PARAMETERS = 2_958_848
"""Of EfficientNet-Lite0 without its last layers, over which all heads of ours stand."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelCard:
    """What there is to say about a network.

    Attributes:
        id: its name in links; torchvision's name for torchvision's.
        task: what it does.
        title: its name, as published.
        paper, paper_url: authors and title, and the address.
        dataset: what the weights were trained on.
        classes: their English names by label; where label 0 is the background, so is the first name.
        licence: of the weights.
        parameters: numbers that were learned.
        macs: multiply–accumulates for one image of `size`, (height, width).
        download: bytes to fetch, to the nearest that is documented; 0 where the weights are always there.
        figure, metric, measured_on: the published figure in percent, what it measures, and on which images.
        preprocessing: an English sentence, marked for translation, with fields that `values` fill.
        own: whether the weights are ours.
        url: where the weights come from; None where they are always there.
        counted: counts the network, layer by layer, on one image of `size`.
    """

    id: str
    task: Task
    title: str
    paper: str
    paper_url: str
    dataset: str
    classes: tuple[str, ...]
    licence: str
    parameters: int
    macs: int
    size: Size
    download: int
    figure: float
    metric: str
    measured_on: str
    preprocessing: str
    counted: Callable[[], NetworkCount] = field(repr=False)
    values: Mapping[str, object] = field(default_factory=dict)
    own: bool = False
    url: str | None = None

    @cached_property
    def memory(self) -> int:
        """Bytes for its weights and the activations alive at once, on one image of `size`, in 32-bit floats."""
        counted = self.counted()
        return counted.parameter_bytes + counted.inference_bytes


def models(task: Task) -> tuple[ModelCard, ...]:
    """The networks for a task, our own first."""
    return tuple(card for card in _cards().values() if card.task == task)


def model(model_id: str) -> ModelCard:
    """The network of an id.

    Raises:
        ModelError: there is none.
    """
    card = _cards().get(model_id)
    if card is None:
        raise ModelError(N_("the catalogue has no model called {id}"), id=model_id)
    return card


@cache
def _cards() -> Mapping[str, ModelCard]:
    return {card.id: card for card in (_lite0(), *_own(), *_torchvision())}


def _lite0() -> ModelCard:
    return ModelCard(
        id=LITE0.id,
        task="classification",
        title=LITE0.title,
        paper=FAMILY_OF[LITE0.id].paper if LITE0.id in FAMILY_OF else LITE0.paper,
        paper_url=LITE0.paper_url,
        dataset=LITE0.dataset,
        classes=class_names(),
        licence=LITE0.licence,
        parameters=LITE0.parameters,
        macs=LITE0.macs,
        size=(LITE0.input_size, LITE0.input_size),
        download=0,
        figure=LITE0.top1,
        metric="top-1",
        measured_on="ImageNet",
        preprocessing=LITE0.preprocessing,
        counted=lambda: count_named(LITE0.id),
    )


def _own() -> Iterator[ModelCard]:
    for head in heads.HEADS.values():
        yield _over_lite0(
            id=f"lite0_{head.id}",
            task="segmentation",
            title=f"{head.title}, EfficientNet-Lite0",
            paper=head.paper,
            paper_url=head.paper_url,
            classes=voc.CLASSES,
            figure=100 * head.mean_iou,
            metric="mIoU",
            side=heads.SIDE,
            build=head.build,
            learned=head.parameters,
        )
    yield _over_lite0(
        id=f"lite0_{pyramid.ID}",
        task="detection",
        title=N_("Pyramid detector, EfficientNet-Lite0"),
        paper="Tian et al., “FCOS: Fully Convolutional One-Stage Object Detection”",
        paper_url="https://arxiv.org/abs/1904.01355",
        classes=voc.OBJECTS,
        figure=100 * pyramid.CARD.ap,
        metric="box AP",
        side=pyramid.SIDE,
        build=pyramid.Pyramid,
        learned=pyramid.CARD.parameters,
    )


def _over_lite0(build: Callable[[], nn.Module], side: int, learned: int, **said: Any) -> ModelCard:
    """The card of a head of ours: its `learned` parameters, and those of the frozen backbone."""

    @cache
    def counted() -> NetworkCount:
        return count(
            lambda: nn.Sequential(Backbone(EfficientNetLite0()), build()), (3, side, side), name=said["id"]
        )

    return ModelCard(
        dataset=N_("9,276 photos, some labelled by people, most by two other networks"),
        licence="MIT",
        parameters=BACKBONE_PARAMETERS + learned,
        macs=counted().macs,
        size=(side, side),
        download=0,
        measured_on=N_("200 photos of COCO val2017, 20 classes"),
        preprocessing=N_("long side to {side} pixels, padded to multiples of 32; (RGB − 127) / 128"),
        values={"side": side},
        counted=counted,
        own=True,
        **said,
    )


def _torchvision() -> Iterator[ModelCard]:
    modules = torchvision.models, torchvision.models.segmentation, torchvision.models.detection
    for module in modules:
        for name in torchvision.models.list_models(module=module):
            # Key points are the only task without a lesson.
            if not name.startswith("keypoint"):
                yield _documented(name)


def _documented(name: str) -> ModelCard:
    weights = torchvision.models.get_model_weights(name).DEFAULT
    meta, transforms = weights.meta, weights.transforms()
    said = published(name)
    assert said.macs is not None
    task, dataset, preprocessing, values = _kind(name, transforms)
    ((measured_on, figures),) = meta["_metrics"].items()
    key, metric = _FIGURES[task]
    paper, paper_url = _paper(name)
    return ModelCard(
        id=name,
        task=task,
        title=_title(name),
        paper=paper,
        paper_url=paper_url,
        dataset="SWAG, ImageNet-1K" if "SWAG" in weights.name else dataset,
        classes=tuple(meta["categories"]),
        licence="CC-BY-NC-4.0" if "SWAG" in meta.get("license", "") else "BSD-3-Clause",
        parameters=said.parameters,
        macs=said.macs,
        size=said.size,
        download=round(meta["_file_size"] * 2**20),
        figure=figures[key],
        metric=metric,
        measured_on=measured_on,
        preprocessing=preprocessing,
        values=values,
        counted=lambda: count_named(name, proposals=said.proposals, detections=said.detections),
        url=weights.url,
    )


_FIGURES: Mapping[Task, tuple[str, str]] = {
    "classification": ("acc@1", "top-1"),
    "segmentation": ("miou", "mIoU"),
    "detection": ("box_map", "box AP"),
    "instance": ("mask_map", "mask AP"),
}


def _kind(name: str, transforms: Any) -> tuple[Task, str, str, Mapping[str, object]]:
    """Task, data set and preprocessing."""
    if hasattr(transforms, "crop_size"):
        return (
            "classification",
            "ImageNet-1K",
            N_(
                "short side to {resize} pixels, the middle {crop} × {crop} cut out, RGB normalised by ImageNet's mean and deviation"
            ),
            {"resize": transforms.resize_size[0], "crop": transforms.crop_size[0]},
        )
    if hasattr(transforms, "resize_size"):
        return (
            "segmentation",
            "COCO train2017, images with the 20 classes of VOC",
            N_("short side to {resize} pixels, RGB normalised by ImageNet's mean and deviation"),
            {"resize": transforms.resize_size[0]},
        )
    task: Task = "instance" if name.startswith("mask") else "detection"
    fixed = {"ssd300_vgg16": 300, "ssdlite320_mobilenet_v3_large": 320}.get(name)
    if fixed:
        return (
            task,
            "COCO train2017",
            N_("stretched to {side} × {side} pixels, RGB normalised"),
            {"side": fixed},
        )
    least, most = (320, 640) if "_320_" in name else (800, 1333)
    return (
        task,
        "COCO train2017",
        N_("short side to {least} pixels, but the long side to {most} at most, RGB normalised"),
        {"least": least, "most": most},
    )


_TITLES = {
    "fcn_resnet50": "FCN, ResNet-50",
    "fcn_resnet101": "FCN, ResNet-101",
    "deeplabv3_resnet50": "DeepLabV3, ResNet-50",
    "deeplabv3_resnet101": "DeepLabV3, ResNet-101",
    "deeplabv3_mobilenet_v3_large": "DeepLabV3, MobileNetV3",
    "lraspp_mobilenet_v3_large": "LR-ASPP, MobileNetV3",
    "fasterrcnn_resnet50_fpn": "Faster R-CNN, ResNet-50 FPN",
    "fasterrcnn_resnet50_fpn_v2": "Faster R-CNN v2, ResNet-50 FPN",
    "fasterrcnn_mobilenet_v3_large_fpn": "Faster R-CNN, MobileNetV3 FPN",
    "fasterrcnn_mobilenet_v3_large_320_fpn": "Faster R-CNN 320, MobileNetV3 FPN",
    "retinanet_resnet50_fpn": "RetinaNet, ResNet-50 FPN",
    "retinanet_resnet50_fpn_v2": "RetinaNet v2, ResNet-50 FPN",
    "fcos_resnet50_fpn": "FCOS, ResNet-50 FPN",
    "ssd300_vgg16": "SSD300, VGG16",
    "ssdlite320_mobilenet_v3_large": "SSDlite320, MobileNetV3",
    "maskrcnn_resnet50_fpn": "Mask R-CNN, ResNet-50 FPN",
    "maskrcnn_resnet50_fpn_v2": "Mask R-CNN v2, ResNet-50 FPN",
    "wide_resnet50_2": "Wide ResNet-50-2",
    "wide_resnet101_2": "Wide ResNet-101-2",
    "inception_v3": "Inception v3",
} | TITLES

_PAPERS = {
    "convnext": ("ConvNeXt", "Liu et al., “A ConvNet for the 2020s”", "2201.03545"),
    "efficientnet_v2": (
        "EfficientNetV2",
        "Tan & Le, “EfficientNetV2: Smaller Models and Faster Training”",
        "2104.00298",
    ),
    "inception_v3": (
        "Inception v3",
        "Szegedy et al., “Rethinking the Inception Architecture for Computer Vision”",
        "1512.00567",
    ),
    "maxvit": ("MaxViT", "Tu et al., “MaxViT: Multi-Axis Vision Transformer”", "2204.01697"),
    "mnasnet": (
        "MnasNet",
        "Tan et al., “MnasNet: Platform-Aware Neural Architecture Search for Mobile”",
        "1807.11626",
    ),
    "regnet": ("RegNet", "Radosavovic et al., “Designing Network Design Spaces”", "2003.13678"),
    "resnext": (
        "ResNeXt",
        "Xie et al., “Aggregated Residual Transformations for Deep Neural Networks”",
        "1611.05431",
    ),
    "swin": (
        "Swin",
        "Liu et al., “Swin Transformer: Hierarchical Vision Transformer using Shifted Windows”",
        "2103.14030",
    ),
    "swin_v2": (
        "Swin V2",
        "Liu et al., “Swin Transformer V2: Scaling Up Capacity and Resolution”",
        "2111.09883",
    ),
    "vgg": (
        "VGG",
        "Simonyan & Zisserman, “Very Deep Convolutional Networks for Large-Scale Image Recognition”",
        "1409.1556",
    ),
    "vit": (
        "ViT",
        "Dosovitskiy et al., “An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale”",
        "2010.11929",
    ),
    "wide_resnet": ("Wide ResNet", "Zagoruyko & Komodakis, “Wide Residual Networks”", "1605.07146"),
    "fcn": (
        "FCN",
        "Long, Shelhamer & Darrell, “Fully Convolutional Networks for Semantic Segmentation”",
        "1411.4038",
    ),
    "deeplabv3": (
        "DeepLabV3",
        "Chen et al., “Rethinking Atrous Convolution for Semantic Image Segmentation”",
        "1706.05587",
    ),
    "lraspp": ("LR-ASPP", "Howard et al., “Searching for MobileNetV3”", "1905.02244"),
    "fasterrcnn": (
        "Faster R-CNN",
        "Ren, He, Girshick & Sun, “Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks”",
        "1506.01497",
    ),
    "fasterrcnn_resnet50_fpn_v2": (
        "Faster R-CNN",
        "Li et al., “Benchmarking Detection Transfer Learning with Vision Transformers”",
        "2111.11429",
    ),
    "retinanet": ("RetinaNet", "Lin et al., “Focal Loss for Dense Object Detection”", "1708.02002"),
    "retinanet_resnet50_fpn_v2": (
        "RetinaNet",
        "Zhang et al., “Bridging the Gap Between Anchor-based and Anchor-free Detection via Adaptive Training Sample Selection”",
        "1912.02424",
    ),
    "fcos": ("FCOS", "Tian et al., “FCOS: Fully Convolutional One-Stage Object Detection”", "1904.01355"),
    "ssd300": ("SSD300", "Liu et al., “SSD: Single Shot MultiBox Detector”", "1512.02325"),
    "ssdlite": (
        "SSDlite320",
        "Sandler et al., “MobileNetV2: Inverted Residuals and Linear Bottlenecks”",
        "1801.04381",
    ),
    "maskrcnn": ("Mask R-CNN", "He, Gkioxari, Dollár & Girshick, “Mask R-CNN”", "1703.06870"),
    "maskrcnn_resnet50_fpn_v2": (
        "Mask R-CNN",
        "Li et al., “Benchmarking Detection Transfer Learning with Vision Transformers”",
        "2111.11429",
    ),
}
"""Names that begin so: family, authors and title, arXiv number; the longest beginning counts."""


def _family(name: str) -> str:
    return max((start for start in _PAPERS if name.startswith(start)), key=len)


def _paper(name: str) -> tuple[str, str]:
    if family := FAMILY_OF.get(name):
        return family.paper, family.url
    _, paper, number = _PAPERS[_family(name)]
    return paper, f"https://arxiv.org/abs/{number}"


def _title(name: str) -> str:
    """As published; by rule for torchvision's many sizes.

    >>> _title("swin_v2_b"), _title("regnet_y_1_6gf"), _title("vgg16_bn"), _title("mnasnet0_75")
    ('Swin V2 B', 'RegNet Y 1.6GF', 'VGG16 BN', 'MnasNet 0.75')
    """
    if name in _TITLES:
        return _TITLES[name]
    if name.endswith("_bn"):
        return f"{_title(name[:-3])} BN"
    start = _family(name)
    # A single digit before the underscore: 1_6gf is 1.6 GF, but 101_32x8d is 101 layers of 32 × 8d.
    words = re.sub(r"(?<!\d)(\d)_(\d)", r"\1.\2", name.removeprefix(start)).strip("_").split("_")
    return " ".join((_PAPERS[start][0], *map(_word, words)))


def _word(word: str) -> str:
    return word if word in ("base", "large", "small", "tiny") or re.match(r"\d+x", word) else word.upper()
