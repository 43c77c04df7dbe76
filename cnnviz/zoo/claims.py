"""What papers and lecture notes say of networks, and what it comes to.

A claim is computed by arithmetic, measured on the network, and held against what was published.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from torch import nn
from torchvision.models.googlenet import Inception

from cnnviz.layers.arithmetic import conv_cost
from cnnviz.messages import N_
from cnnviz.proof import Value
from cnnviz.zoo.counting import build, build_on_meta, measure, measure_named, resnet_v1
from cnnviz.zoo.counting import count as count_module
from cnnviz.zoo.diagram import trace
from cnnviz.zoo.se_resnet import SEResNet50, excitation_weights
from cnnviz.zoo.sizes import size


@dataclass(frozen=True)
class Claim:
    """Something that is said of a network, and what it comes to.

    Attributes:
        name: what is claimed: an English sentence, marked for translation.
        formula: LaTeX, with the values substituted, without the result.
        computed: the formula's value, by arithmetic.
        measured: on the network as PyTorch builds it.
        published: as it is said.
        source: by whom.
        why: why values differ, an English sentence, marked for translation.
        tolerance: relative difference that rounding in the source explains.
        networks: for which networks of the family; empty for all.
    """

    name: str
    formula: str
    computed: Callable[[], Value]
    measured: Callable[[], Value] | None = None
    published: Value | None = None
    source: str = ""
    why: str = ""
    tolerance: float = 0.0
    networks: tuple[str, ...] = ()


def dense_connections(layers: int) -> int:
    """Inputs of all layers of a dense block: L(L+1)/2 (Huang et al., arXiv 1608.06993, section 1).

    >>> dense_connections(6)
    21
    """
    return layers * (layers + 1) // 2


def _parameters(name: str, auxiliary: bool | None = None) -> Callable[[], int]:
    return lambda: measure_named(name, auxiliary=auxiliary).parameters


def _macs(name: str) -> Callable[[], int]:
    return lambda: measure_named(name).macs


def _conv(
    inputs: int, outputs: int, kernel_size: int, side: int = 1, groups: int = 1, bias: bool = True
) -> int:
    window = (kernel_size, kernel_size)
    return conv_cost(inputs, outputs, window, (side, side), groups=groups, bias=bias).parameters


def _dense(*widths: int) -> int:
    return sum(a * b + b for a, b in pairwise(widths))


ALEXNET_PAIRS = ((3, 96, 11, 1), (96, 256, 5, 2), (256, 384, 3, 1), (384, 384, 3, 2), (384, 256, 3, 2))
"""The 2012 network's convolutions, split over two graphics cards: inputs, outputs, kernel size, groups."""


def alexnet_2012() -> int:
    """Parameters of the network of the paper, by arithmetic.

    >>> alexnet_2012()
    60965224
    """
    convolutions = sum(_conv(i, o, k, groups=g) for i, o, k, g in ALEXNET_PAIRS)
    return convolutions + _dense(9216, 4096, 4096, 1000)


def _alexnet_layers() -> int:
    layers: list[nn.Module] = [nn.Conv2d(i, o, k, groups=g, device="meta") for i, o, k, g in ALEXNET_PAIRS]
    layers += [nn.Linear(a, b, device="meta") for a, b in ((9216, 4096), (4096, 4096), (4096, 1000))]
    return sum(parameter.numel() for layer in layers for parameter in layer.parameters())


VGG_CONVS = {
    "vgg11": (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512),
    "vgg13": (64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512),
    "vgg16": (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512),
    "vgg19": (64, 64, 0, 128, 128, 0, *(256,) * 4, 0, *(512,) * 4, 0, *(512,) * 4),
}
"""Channels of the 3×3 convolutions, 0 for a pooling (Simonyan & Zisserman, Table 1, A, B, D and E)."""


def vgg(name: str) -> int:
    """Parameters of a VGG network, by arithmetic.

    >>> vgg("vgg16")
    138357544
    """
    widths = [3, *(width for width in VGG_CONVS[name] if width)]
    convolutions = sum(_conv(a, b, 3) for a, b in pairwise(widths))
    return convolutions + _dense(512 * 7 * 7, 4096, 4096, 1000)


GOOGLENET_ROWS = (2.7, 112, 159, 380, 364, 437, 463, 580, 840, 1072, 1388, 1000)
"""Parameters, row by row (Szegedy et al., Table 1). Its K is 1,024: the last row has 1024 · 1000 of them, the
second 114,688."""


def true_fives() -> int:
    """Weights that GoogLeNet's 5×5 kernels have beyond torchvision's 3×3 in their place.

    >>> true_fives()
    380928
    """
    convolutions = (
        block.branch3[1].conv for block in build("googlenet").modules() if isinstance(block, Inception)
    )
    return sum((25 - 9) * conv.in_channels * conv.out_channels for conv in convolutions)


def _dense_inputs(name: str) -> int:
    """Tensors that the first block's layers read, from the traced graph."""
    reads = [
        each
        for each in trace(build(name), (1, 3, 224, 224))
        if each.name == "cat" and each.block.startswith("features.denseblock1.")
    ]
    return sum(len(each.inputs) for each in reads)


NOTES = N_("the lecture notes")
_LENET = "LeCun et al. 1998, § II.B"
_VGG = "arXiv 1409.1556, Table 2"
_EFFICIENT = "arXiv 1905.11946, Table 2"
_RESNET = "arXiv 1512.03385, Table 1"
_SAID_PARAMETERS = N_("Parameters, as the paper rounds them")
_SAID_MACS = N_("Multiply–accumulates, as the paper rounds them")


def _tex(*numbers: int) -> str:
    """Numbers added up, in LaTeX."""
    return " + ".join(f"{number:,}".replace(",", "{,}") for number in numbers)


def _lenet_claims() -> Iterator[Claim]:
    published = (156, 12, 1516, 32, 48_120, 10_164)
    coded = (156, 2416, 48_120, 10_164, 850)
    yield Claim(
        N_("LeNet-5 as published: C1, S2, C3, S4, C5, F6"),
        _tex(*published),
        lambda: sum(published),
        _parameters("lenet5"),
        60_000,
        _LENET,
        networks=("lenet5",),
    )
    yield Claim(
        N_("LeNet-5 as everyone codes it: C1, C3, C5, F6, output"),
        _tex(*coded),
        lambda: sum(coded),
        _parameters("lenet5_modern"),
        60_000,
        _LENET,
        N_(
            "In the paper each map of C3 reads only some maps of S2, the pooling has weights, and the output compares with fixed bitmaps."
        ),
        networks=("lenet5_modern",),
    )


def _alexnet_claims() -> Iterator[Claim]:
    yield Claim(
        N_("Parameters of the network of the paper, on two graphics cards"),
        _tex(*(_conv(i, o, k, groups=g) for i, o, k, g in ALEXNET_PAIRS), _dense(9216, 4096, 4096, 1000)),
        alexnet_2012,
        _alexnet_layers,
        60_000_000,
        "Krizhevsky et al. 2012",
        tolerance=0.02,
    )
    yield Claim(
        N_("Parameters of torchvision's AlexNet"),
        _tex(
            *(
                _conv(i, o, k)
                for i, o, k in ((3, 64, 11), (64, 192, 5), (192, 384, 3), (384, 256, 3), (256, 256, 3))
            ),
            _dense(9216, 4096, 4096, 1000),
        ),
        lambda: (
            sum(
                _conv(i, o, k)
                for i, o, k in ((3, 64, 11), (64, 192, 5), (192, 384, 3), (384, 256, 3), (256, 256, 3))
            )
            + _dense(9216, 4096, 4096, 1000)
        ),
        _parameters("alexnet"),
        60_000_000,
        "Krizhevsky et al. 2012",
        N_("This is the single-card version of 2014 (arXiv 1404.5997), with fewer maps and no groups."),
        tolerance=0.02,
    )
    yield Claim(
        N_("Weights of the first dense layer"),
        r"6 \cdot 6 \cdot 256 \cdot 4096",
        lambda: 6 * 6 * 256 * 4096,
        lambda: build("alexnet").get_submodule("classifier.1").get_parameter("weight").numel(),
        13 * 13 * 128 * 2 * 2048 * 2,
        NOTES,
        N_(
            "The notes multiply the 13 × 13 maps before the last pooling: 13·13·128·2 × 2048·2. The network pools them to 6 × 6 first."
        ),
    )


def _vgg_claims() -> Iterator[Claim]:
    for name, millions in (("vgg11", 133), ("vgg13", 133), ("vgg16", 138), ("vgg19", 144)):
        formula = (
            rf"\textstyle\sum_{{{len([w for w in VGG_CONVS[name] if w])}}} (9\, C_{{l-1}} + 1)\, C_l + "
            + _tex(_dense(25088, 4096, 4096, 1000))
        )
        yield Claim(
            _SAID_PARAMETERS,
            formula,
            lambda name=name: vgg(name),  # type: ignore[misc]
            _parameters(name),
            millions * 1_000_000,
            _VGG,
            tolerance=0.005,
            networks=(name,),
        )
        if name == "vgg16":
            yield Claim(
                N_("“VGG has 144 M parameters”"),
                formula,
                lambda: vgg("vgg16"),
                _parameters("vgg16"),
                144_000_000,
                NOTES,
                N_("That is VGG19, with 143,667,240; VGG16 has 138 M."),
                tolerance=0.005,
                networks=("vgg16",),
            )
    yield Claim(
        N_("Parameters of the three dense layers"),
        _tex(25088 * 4096 + 4096, 4096 * 4096 + 4096, 4096 * 1000 + 1000),
        lambda: _dense(25088, 4096, 4096, 1000),
        lambda: sum(p.numel() for p in build("vgg16").get_submodule("classifier").parameters()),
    )


def _times_fewer(name: str, formula: str, said: float, source: str, why: str = "") -> Claim:
    return Claim(
        N_("How many times fewer parameters than AlexNet"),
        rf"P_{{\text{{AlexNet}}}} / P_{{\text{{{formula}}}}}",
        lambda: alexnet_2012() / size(name).parameters,
        lambda: _alexnet_layers() / measure_named(name).parameters,
        said,
        source,
        why,
        tolerance=0.03,
        networks=(name,),
    )


def _googlenet_claims() -> Iterator[Claim]:
    yield _times_fewer(
        "googlenet",
        "GoogLeNet",
        12.0,
        "arXiv 1409.4842",
        N_(
            "Twelve times fewer would be 5 M, but the paper's own table adds up to 7.0 M. What is left is about nine times."
        ),
    )
    heads = [inputs * 128 + 2 * 128 + _dense(2048, 1024, 1000) for inputs in (512, 528)]
    yield Claim(
        N_("With the two auxiliary heads, in training"),
        r"P_{\text{GoogLeNet}} + " + _tex(*heads),
        lambda: size("googlenet").parameters + sum(heads),
        _parameters("googlenet", True),
    )
    yield Claim(
        N_("With 5×5 kernels, as in the paper: torchvision has 3×3 in their place"),
        r"P_{\text{GoogLeNet}} + \textstyle\sum (25 - 9)\, C_{in}\, C_{out}",
        lambda: size("googlenet").parameters + true_fives(),
        published=round(sum(GOOGLENET_ROWS) * 1024),
        source="arXiv 1409.4842, Table 1",
        why=N_(
            "Published: the sum of the table's rows, whose K is 1,024; a few of them are off. torchvision normalises instead of adding biases."
        ),
        tolerance=0.01,
    )


def _resnet_claims() -> Iterator[Claim]:
    formula = r"\textstyle\sum_l k_l^2\, C_{l-1}\, C_l\, H_l\, W_l"
    for name, billions in (
        ("resnet18", 1.8),
        ("resnet34", 3.6),
        ("resnet50", 3.8),
        ("resnet101", 7.6),
        ("resnet152", 11.3),
    ):
        bottleneck = name not in ("resnet18", "resnet34")
        if bottleneck:
            yield Claim(
                N_("Table 1's FLOPs, with the strides of the paper"),
                formula,
                lambda name=name: count_module(resnet_v1(name)).macs,  # type: ignore[misc]
                lambda name=name: measure(resnet_v1(name)).macs,  # type: ignore[misc]
                round(billions * 1e9),
                _RESNET,
                N_("The paper says FLOPs and counts multiply–accumulates."),
                tolerance=0.02,
                networks=(name,),
            )
        yield Claim(
            N_("Table 1's FLOPs, with torchvision's strides"),
            formula,
            lambda name=name: size(name).macs,  # type: ignore[misc]
            _macs(name),
            round(billions * 1e9),
            _RESNET,
            N_(
                "Blocks of the paper halve the map in their first 1×1; torchvision's in the 3×3, which costs more."
            )
            if bottleneck
            else N_("The paper says FLOPs and counts multiply–accumulates."),
            tolerance=0.02,
            networks=(name,),
        )


def _densenet_claims() -> Iterator[Claim]:
    depths = {
        "densenet121": (6, 12, 24, 16),
        "densenet161": (6, 12, 36, 24),
        "densenet169": (6, 12, 32, 32),
        "densenet201": (6, 12, 48, 32),
    }
    for name, blocks in depths.items():
        yield Claim(
            N_("Layers with weights, which name the network"),
            rf"1 + 2 \cdot ({' + '.join(map(str, blocks))}) + 3 + 1",
            lambda blocks=blocks: 1 + 2 * sum(blocks) + 3 + 1,  # type: ignore[misc]
            lambda name=name: sum(  # type: ignore[misc]
                isinstance(module, nn.Conv2d | nn.Linear) for module in build(name).modules()
            ),
            int(name.removeprefix("densenet")),
            "arXiv 1608.06993, Table 1",
            networks=(name,),
        )
    yield Claim(
        N_("Connections in the first dense block, L (L + 1) / 2"),
        r"6 \cdot 7 / 2",
        lambda: dense_connections(6),
        lambda: _dense_inputs("densenet121"),
    )
    yield Claim(
        N_("“As good as ResNet-101, with half the parameters”: the parameters"),
        r"P_{\text{DenseNet-201}} / P_{\text{ResNet-101}}",
        lambda: size("densenet201").parameters / size("resnet101").parameters,
        lambda: measure_named("densenet201").parameters / measure_named("resnet101").parameters,
        0.5,
        "arXiv 1608.06993",
        tolerance=0.11,
        networks=("densenet201",),
    )


def _se_claims() -> Iterator[Claim]:
    def measured(bias: bool) -> int:
        network = build_on_meta(lambda: SEResNet50(bias=bias))
        return sum(p.numel() for p in network.parameters()) - measure_named("resnet50").parameters

    terms = r"3 \cdot 256^2 + 4 \cdot 512^2 + 6 \cdot 1024^2 + 3 \cdot 2048^2"
    yield Claim(
        N_("Parameters beyond ResNet-50's"),
        rf"\frac{{2}}{{16}} ({terms})",
        excitation_weights,
        lambda: measured(False),
        2_500_000,
        "arXiv 1709.01507",
        tolerance=0.01,
    )
    yield Claim(
        N_("The same with the biases of the excitations, which the paper leaves out"),
        rf"\frac{{2}}{{16}} ({terms}) + 17 \cdot 944",
        lambda: excitation_weights() + 17 * 944,
        lambda: measured(True),
    )
    yield Claim(
        N_("Multiply–accumulates beyond ResNet-50's, in percent"),
        rf"100 \cdot \frac{{2}}{{16}} ({terms}) / M_{{\text{{ResNet-50}}}}",
        lambda: 100 * excitation_weights() / count_module(resnet_v1("resnet50")).macs,
        lambda: 100 * (measure_named("se_resnet50").macs / measure(resnet_v1("resnet50")).macs - 1),
        0.26,
        "arXiv 1709.01507, Table 2",
        N_("The paper divides rounded figures, 3.87 G by 3.86 G; layer by layer it is a quarter of that."),
        tolerance=0.01,
    )


def _mobile_claims() -> Iterator[Claim]:
    for name, millions, source in (
        ("mobilenet_v2", 300, "arXiv 1801.04381"),
        ("mobilenet_v3_large", 219, "arXiv 1905.02244"),
        ("mobilenet_v3_small", 56, "arXiv 1905.02244"),
        ("shufflenet_v2_x0_5", 41, "arXiv 1807.11164"),
        ("shufflenet_v2_x1_0", 146, "arXiv 1807.11164"),
        ("shufflenet_v2_x1_5", 299, "arXiv 1807.11164"),
        ("shufflenet_v2_x2_0", 591, "arXiv 1807.11164"),
    ):
        yield Claim(
            _SAID_MACS,
            r"\textstyle\sum_l k_l^2\, C_{l-1}\, C_l\, H_l\, W_l / g_l",
            lambda name=name: size(name).macs,  # type: ignore[misc]
            _macs(name),
            millions * 1_000_000,
            source,
            tolerance=0.03,
            networks=(name,),
        )


def _efficientnet_claims() -> Iterator[Claim]:
    said = (("b0", 5.3), ("b1", 7.8), ("b2", 9.2), ("b3", 12), ("b4", 19), ("b5", 30), ("b6", 43), ("b7", 66))
    for variant, millions in said:
        name = f"efficientnet_{variant}"
        yield Claim(
            _SAID_PARAMETERS,
            r"\textstyle\sum_l P_l",
            lambda name=name: size(name).parameters,  # type: ignore[misc]
            _parameters(name),
            round(millions * 1e6),
            _EFFICIENT,
            tolerance=0.03,
            networks=(name,),
        )
    yield Claim(
        _SAID_MACS,
        r"\textstyle\sum_l k_l^2\, C_{l-1}\, C_l\, H_l\, W_l / g_l",
        lambda: size("efficientnet_b0").macs,
        _macs("efficientnet_b0"),
        390_000_000,
        _EFFICIENT,
        tolerance=0.03,
        networks=("efficientnet_b0",),
    )


def _about(start: str) -> tuple[Claim, ...]:
    return tuple(claim for claim in _mobile_claims() if claim.networks[0].startswith(start))


CLAIMS: Mapping[str, tuple[Claim, ...]] = {
    "lenet": tuple(_lenet_claims()),
    "alexnet": tuple(_alexnet_claims()),
    "vgg": tuple(_vgg_claims()),
    "googlenet": tuple(_googlenet_claims()),
    "resnet": tuple(_resnet_claims()),
    "squeezenet": (_times_fewer("squeezenet1_0", "SqueezeNet", 50.0, "arXiv 1602.07360"),),
    "densenet": tuple(_densenet_claims()),
    "se": tuple(_se_claims()),
    "mobilenet2": _about("mobilenet_v2"),
    "shufflenet": _about("shufflenet"),
    "efficientnet": tuple(_efficientnet_claims()),
    "mobilenet3": _about("mobilenet_v3"),
}
"""By the id of the family in :mod:`cnnviz.zoo.history`."""
