"""The networks that the field remembers: when, by whom, with which idea, and how accurate.

A family is registered once, below; its networks are names of :func:`cnnviz.zoo.counting.catalogue`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torchvision

from cnnviz.messages import N_
from cnnviz.zoo.claims import CLAIMS, Claim

HUMAN_TOP5_ERROR = 5.1
"""Percent of ImageNet images for which none of one trained person's five guesses was right."""
HUMAN_SOURCE = "Russakovsky et al., IJCV 2015, arXiv 1409.0575"


@dataclass(frozen=True)
class Family:
    """Networks that share a paper and an idea.

    Attributes:
        id: short name.
        title: as published.
        year: of publication.
        paper, url: the paper's authors and title, and its address.
        idea: what was new: an English sentence or two, marked for translation.
        networks: name in the catalogue -> title.
        claims: what is said of them.
        accuracy: name -> (top-1, top-5) in percent, where torchvision has no weights but the paper tells.
    """

    id: str
    title: str
    year: int
    paper: str
    url: str
    idea: str
    networks: Mapping[str, str]
    claims: tuple[Claim, ...]
    accuracy: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def claims_about(self, name: str) -> tuple[Claim, ...]:
        """The claims that concern one of its networks."""
        return tuple(claim for claim in self.claims if not claim.networks or name in claim.networks)


@dataclass(frozen=True)
class Accuracy:
    """Share of ImageNet's validation images that one crop gets right, in percent.

    Attributes:
        top1, top5: the first guess; one of the first five.
        weights: torchvision's name of the trained weights; empty where the paper tells.
    """

    top1: float
    top5: float
    weights: str = ""


def accuracy(name: str, best: bool = False) -> Accuracy | None:
    """What is published of a network's accuracy on ImageNet; None where nothing is.

    Args:
        best: torchvision's best weights, often trained by a recipe years younger than the network; else the
            first ones it published, closer to the paper's.

    >>> accuracy("lenet5") is None
    True
    """
    for family in FAMILIES:
        if name in family.accuracy:
            return Accuracy(*family.accuracy[name])
    if name not in torchvision.models.list_models(module=torchvision.models):
        return None
    known = torchvision.models.get_model_weights(name)
    weights = known.DEFAULT if best else next(iter(known))
    metrics = weights.meta["_metrics"]["ImageNet-1K"]
    return Accuracy(metrics["acc@1"], metrics["acc@5"], weights.name)


def _titles(**networks: str) -> Mapping[str, str]:
    return networks


FAMILIES = (
    Family(
        "lenet",
        "LeNet-5",
        1998,
        "LeCun, Bottou, Bengio & Haffner, “Gradient-based learning applied to document recognition”",
        "https://doi.org/10.1109/5.726791",
        N_(
            "Convolution, pooling, convolution, pooling, dense: learned from pixels to digits. It read cheques for banks."
        ),
        _titles(lenet5="LeNet-5", lenet5_modern="LeNet-5 (as coded)"),
        CLAIMS["lenet"],
    ),
    Family(
        "alexnet",
        "AlexNet",
        2012,
        "Krizhevsky, Sutskever & Hinton, “ImageNet Classification with Deep Convolutional Neural Networks”",
        "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
        N_(
            "LeNet grown up: ReLU, dropout, augmented data and two graphics cards. It won ImageNet by a wide margin."
        ),
        _titles(alexnet="AlexNet"),
        CLAIMS["alexnet"],
    ),
    Family(
        "vgg",
        "VGG",
        2014,
        "Simonyan & Zisserman, “Very Deep Convolutional Networks for Large-Scale Image Recognition”",
        "https://arxiv.org/abs/1409.1556",
        N_("Nothing but 3×3 kernels, stacked deep: the same field as one large kernel, with fewer weights."),
        _titles(vgg11="VGG11", vgg13="VGG13", vgg16="VGG16", vgg19="VGG19"),
        CLAIMS["vgg"],
    ),
    Family(
        "googlenet",
        "GoogLeNet",
        2014,
        "Szegedy et al., “Going Deeper with Convolutions”",
        "https://arxiv.org/abs/1409.4842",
        N_(
            "Several kernel sizes side by side, each behind a cheap 1×1; no dense layers but one; two auxiliary heads that help it train."
        ),
        _titles(googlenet="GoogLeNet"),
        CLAIMS["googlenet"],
    ),
    Family(
        "resnet",
        "ResNet",
        2015,
        "He, Zhang, Ren & Sun, “Deep Residual Learning for Image Recognition”",
        "https://arxiv.org/abs/1512.03385",
        N_("Each block adds a correction to its input, so that even a hundred layers can be trained."),
        _titles(
            resnet18="ResNet-18",
            resnet34="ResNet-34",
            resnet50="ResNet-50",
            resnet101="ResNet-101",
            resnet152="ResNet-152",
        ),
        CLAIMS["resnet"],
    ),
    Family(
        "squeezenet",
        "SqueezeNet",
        2016,
        "Iandola et al., “SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size”",
        "https://arxiv.org/abs/1602.07360",
        N_(
            "Squeeze the channels with 1×1 before they expand to 1×1 and 3×3: AlexNet's accuracy in a fiftieth of the weights."
        ),
        _titles(squeezenet1_0="SqueezeNet 1.0", squeezenet1_1="SqueezeNet 1.1"),
        CLAIMS["squeezenet"],
    ),
    Family(
        "densenet",
        "DenseNet",
        2016,
        "Huang, Liu, van der Maaten & Weinberger, “Densely Connected Convolutional Networks”",
        "https://arxiv.org/abs/1608.06993",
        N_("Each layer reads the maps of all layers before it in its block, and adds only a few of its own."),
        _titles(
            densenet121="DenseNet-121",
            densenet161="DenseNet-161",
            densenet169="DenseNet-169",
            densenet201="DenseNet-201",
        ),
        CLAIMS["densenet"],
    ),
    Family(
        "se",
        "SENet",
        2017,
        "Hu, Shen & Sun, “Squeeze-and-Excitation Networks”",
        "https://arxiv.org/abs/1709.01507",
        N_(
            "Look at the mean of every map, then turn each map up or down: attention over channels, for a tenth more weights."
        ),
        _titles(se_resnet50="SE-ResNet-50"),
        CLAIMS["se"],
        # Table 2, single crop: 23.29 and 6.62 % errors.
        {"se_resnet50": (76.71, 93.38)},
    ),
    Family(
        "mobilenet2",
        "MobileNet V2",
        2018,
        "Sandler et al., “MobileNetV2: Inverted Residuals and Linear Bottlenecks”",
        "https://arxiv.org/abs/1801.04381",
        N_(
            "Depthwise kernels between a 1×1 that widens and a 1×1 that narrows again; the shortcut joins the narrow ends."
        ),
        _titles(mobilenet_v2="MobileNet V2"),
        CLAIMS["mobilenet2"],
    ),
    Family(
        "shufflenet",
        "ShuffleNet V2",
        2018,
        "Ma, Zhang, Zheng & Sun, “ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design”",
        "https://arxiv.org/abs/1807.11164",
        N_(
            "Half of the channels pass untouched, then all are shuffled: built for measured speed, not for counted operations."
        ),
        _titles(
            shufflenet_v2_x0_5="ShuffleNet V2 ×0.5",
            shufflenet_v2_x1_0="ShuffleNet V2 ×1",
            shufflenet_v2_x1_5="ShuffleNet V2 ×1.5",
            shufflenet_v2_x2_0="ShuffleNet V2 ×2",
        ),
        CLAIMS["shufflenet"],
    ),
    Family(
        "efficientnet",
        "EfficientNet",
        2019,
        "Tan & Le, “EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks”",
        "https://arxiv.org/abs/1905.11946",
        N_(
            "A small network found by search, then scaled in depth, width and resolution together, by one number φ."
        ),
        {f"efficientnet_b{n}": f"EfficientNet-B{n}" for n in range(8)},
        CLAIMS["efficientnet"],
    ),
    Family(
        "mobilenet3",
        "MobileNet V3",
        2019,
        "Howard et al., “Searching for MobileNetV3”",
        "https://arxiv.org/abs/1905.02244",
        N_(
            "MobileNet V2's blocks with squeeze-and-excitation and a cheaper swish, arranged by search on a phone."
        ),
        _titles(mobilenet_v3_small="MobileNet V3 small", mobilenet_v3_large="MobileNet V3 large"),
        CLAIMS["mobilenet3"],
    ),
)
"""In the order of their appearance."""

TITLES = {name: title for family in FAMILIES for name, title in family.networks.items()}
"""Every network of the zoo: name in the catalogue -> title."""
FAMILY_OF = {name: family for family in FAMILIES for name in family.networks}
