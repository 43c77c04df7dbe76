"""What layers cost, and what designs that see the same cost less: whole numbers only, one image at a time.

A design is a chain of layers; a :class:`Comparison` sets a factored design against the plain one that it
replaces. Weights and biases are counted apart. A multiply–accumulate (MAC) is one product of a weight
that is added up; biases, pooling and non-linearities cost none.

Sources: small kernels: Simonyan & Zisserman, arXiv 1409.1556, § 2.3. Bottleneck: He et al., arXiv
1512.03385, Figure 5. A 1×1 before the 5×5: Szegedy et al., arXiv 1409.4842, Table 1. 1×n and n×1:
Szegedy et al., arXiv 1512.00567, § 3.2. Depthwise separable: Howard et al., arXiv 1704.04861, § 3.1.
Grouped and shuffled: Zhang et al., arXiv 1707.01083, § 3.1. Global average pooling: Lin et al., arXiv
1312.4400, § 3.2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from cnnviz.errors import SettingError
from cnnviz.layers.arithmetic import Padding, conv_cost, conv_output_size, pool_output_size
from cnnviz.messages import N_

LayerKind = Literal["conv", "linear", "pool", "gap", "shuffle"]


@dataclass(frozen=True)
class LayerCost:
    """One layer: what it stores and computes for one image.

    Attributes:
        kind: "conv", "linear", "pool" (max pooling), "gap" (global average pooling) or "shuffle" (of channels).
        kernel_size: (height, width); (1, 1) for a dense layer.
        in_channels, out_channels: maps in and out; numbers in and out of a dense layer.
        groups: into how many the channels are divided.
        output_size: (height, width) of the maps that come out; (1, 1) for a dense layer.
        weights: numbers learned, biases left out.
        biases: one per output channel, or 0.
        macs: multiply–accumulates.
        nonlinearity: whether one follows.
        stride: step of the window.
    """

    kind: LayerKind
    kernel_size: tuple[int, int]
    in_channels: int
    out_channels: int
    groups: int
    output_size: tuple[int, int]
    weights: int
    biases: int
    macs: int
    nonlinearity: bool = True
    stride: int = 1

    @property
    def parameters(self) -> int:
        return self.weights + self.biases

    @property
    def sheet(self) -> tuple[int, int]:
        """Rows and columns of the weights laid out flat, a kernel for every pair of channels.

        Of `groups` only the blocks on the diagonal exist, 1/groups of the area; where nothing is learned
        there is no sheet: (0, 0).
        """
        if not self.weights:
            return 0, 0
        return self.out_channels * self.kernel_size[0], self.in_channels * self.kernel_size[1]

    @property
    def activations(self) -> int:
        """Numbers that come out: out_channels × height × width."""
        return self.out_channels * self.output_size[0] * self.output_size[1]


@dataclass(frozen=True)
class Design:
    """Layers one after another, and their sums.

    >>> two = Design((conv_layer(64, 64, 3, 56, bias=False),) * 2)
    >>> two.weights, two.macs, two.activations, two.nonlinearities
    (73728, 231211008, 401408, 2)
    """

    layers: tuple[LayerCost, ...]

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers)

    @property
    def biases(self) -> int:
        return sum(layer.biases for layer in self.layers)

    @property
    def parameters(self) -> int:
        return self.weights + self.biases

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def activations(self) -> int:
        """Numbers that come out of all layers together: what training keeps."""
        return sum(layer.activations for layer in self.layers)

    @property
    def nonlinearities(self) -> int:
        return sum(layer.nonlinearity for layer in self.layers)


@dataclass(frozen=True)
class Comparison:
    """A design and what it is factored into; ratios are factored over plain.

    Attributes:
        plain: the design to be replaced.
        factored: what replaces it.
    """

    plain: Design
    factored: Design

    @property
    def weights_ratio(self) -> Fraction:
        return Fraction(self.factored.weights, self.plain.weights)

    @property
    def parameters_ratio(self) -> Fraction:
        return Fraction(self.factored.parameters, self.plain.parameters)

    @property
    def macs_ratio(self) -> Fraction:
        return Fraction(self.factored.macs, self.plain.macs)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _at_least_one(count: int) -> int:
    if count < 1:
        raise SettingError(N_("a count of {count} was given; it must be at least 1"), count=count)
    return count


def _odd(kernel_size: int) -> int:
    if kernel_size % 2 == 0:
        raise SettingError(
            N_("kernel_size is {kernel_size}; it must be odd for the map to keep its size"),
            kernel_size=kernel_size,
        )
    return kernel_size


def conv_layer(
    in_channels: int,
    out_channels: int,
    kernel_size: int | tuple[int, int],
    input_size: int | tuple[int, int],
    stride: int = 1,
    padding: Padding | None = None,
    groups: int = 1,
    bias: bool = True,
    nonlinearity: bool = True,
) -> LayerCost:
    """A convolution on maps of `input_size`; sizes are one number for both axes, or (height, width).

    Args:
        padding: None for half the kernel, rounded down, along each axis: odd kernels of stride 1 then
            keep the size.

    Raises:
        SettingError: wherever ``torch.nn.Conv2d`` raises.

    >>> conv_layer(128, 64, 3, 56, bias=False).weights
    73728
    """
    kernel, size = _pair(kernel_size), _pair(input_size)
    height, width = (
        conv_output_size(i, k, stride, k // 2 if padding is None else padding)
        for i, k in zip(size, kernel, strict=True)
    )
    cost = conv_cost(in_channels, out_channels, kernel, (height, width), groups, bias)
    return LayerCost(
        "conv",
        kernel,
        in_channels,
        out_channels,
        groups,
        (height, width),
        cost.weights,
        cost.biases,
        cost.macs,
        nonlinearity,
        stride,
    )


def linear_layer(
    in_features: int, out_features: int, bias: bool = True, nonlinearity: bool = True
) -> LayerCost:
    """A dense layer: a 1×1 convolution on a map of one pixel.

    >>> linear_layer(256 * 6 * 6, 4096).weights
    37748736
    """
    weights = _at_least_one(in_features) * _at_least_one(out_features)
    biases = out_features if bias else 0
    return LayerCost(
        "linear", (1, 1), in_features, out_features, 1, (1, 1), weights, biases, weights, nonlinearity
    )


def pool_layer(channels: int, input_size: int, kernel_size: int, stride: int) -> LayerCost:
    """Max pooling of square maps without padding; nothing is learned.

    >>> pool_layer(256, 13, kernel_size=3, stride=2).output_size
    (6, 6)
    """
    side = pool_output_size(input_size, kernel_size, stride)
    window = (kernel_size, kernel_size)
    return LayerCost(
        "pool", window, _at_least_one(channels), channels, channels, (side, side), 0, 0, 0, False, stride
    )


def gap_layer(channels: int, input_size: int | tuple[int, int]) -> LayerCost:
    """Global average pooling: one number for each of `channels` maps of `input_size`; nothing is learned."""
    height, width = _pair(input_size)
    for count in (channels, height, width):
        _at_least_one(count)
    return LayerCost("gap", (height, width), channels, channels, channels, (1, 1), 0, 0, 0, False)


def equivalent_kernel(layers: int, kernel_size: int) -> int:
    """Kernel that sees as far as `layers` kernels of `kernel_size`: ``layers * (kernel_size - 1) + 1``.

    >>> equivalent_kernel(2, 3), equivalent_kernel(3, 3)
    (5, 7)
    """
    return _at_least_one(layers) * (_at_least_one(kernel_size) - 1) + 1


def small_kernels(
    layers: int,
    kernel_size: int,
    channels: int,
    size: int | tuple[int, int],
    bias: bool = True,
    in_channels: int | None = None,
) -> Comparison:
    """One large kernel, and a stack of `layers` small ones that sees as much; a non-linearity after each.

    Args:
        kernel_size: of the small ones, odd, so that every map keeps its size.
        channels: out of every layer, and in, save for the first.
        size: of every map.
        in_channels: into the first layer; None for `channels`.

    Raises:
        SettingError: an even kernel, or a count below 1.

    >>> pair = small_kernels(2, 3, 64, 56, bias=False)
    >>> pair.factored.weights, pair.plain.weights, pair.macs_ratio
    (73728, 102400, Fraction(18, 25))
    """
    large = equivalent_kernel(layers, _odd(kernel_size))
    first = channels if in_channels is None else in_channels
    stack = tuple(
        conv_layer(first if place == 0 else channels, channels, kernel_size, size, bias=bias)
        for place in range(layers)
    )
    return Comparison(Design((conv_layer(first, channels, large, size, bias=bias),)), Design(stack))


@dataclass(frozen=True)
class Crossover:
    """Where a stack of small kernels and the large one cost the same; None where they never do.

    With C channels in and out of every layer, the stack is cheaper above these C. Where the first layer
    reads a fixed number of channels instead, as it does on an RGB image, it is cheaper below them.

    Attributes:
        parameters: C at which both have as many parameters. With C everywhere the ratio of the weights
            doesn't depend on C, and with biases this is at most 1.
        memory: C at which both keep as many numbers for one image, parameters and activations: the
            stack has more maps to keep.
        in_channels: with C channels in all other places, channels into the first layer above which the
            stack has fewer parameters.
    """

    parameters: Fraction | None
    memory: Fraction | None
    in_channels: Fraction | None


def crossover(
    layers: int,
    kernel_size: int,
    channels: int,
    size: int | tuple[int, int],
    bias: bool = True,
    in_channels: int | None = None,
) -> Crossover:
    """Where one large kernel and a stack that sees as much cost the same; arguments as :func:`small_kernels`.

    With n layers of k×k, K = n(k−1)+1, maps of A cells and b = 1 with biases, 0 without: parameters are
    equal at C = b(n−1) / (K²−nk²), numbers kept at C = (n−1)(A+b) / (K²−nk²), and parameters with another
    number of input channels at (n−1)(k²C+b) / (K²−k²). With I channels into the first layer, whatever C
    is, at C = ((K²−k²)I − b(n−1)) / ((n−1)k²) and ((K²−k²)I − (n−1)(A+b)) / ((n−1)k²).

    >>> found = crossover(2, 3, channels=64, size=56, bias=False)
    >>> found.parameters, found.memory, found.in_channels
    (Fraction(0, 1), Fraction(448, 1), Fraction(36, 1))
    >>> crossover(2, 3, channels=64, size=56, bias=False, in_channels=36).parameters
    Fraction(64, 1)
    """
    height, width = _pair(size)
    area, b, more = height * width, int(bias), layers - 1
    large, small = equivalent_kernel(layers, kernel_size) ** 2, kernel_size**2
    first = Fraction(more * (small * _at_least_one(channels) + b), large - small) if large > small else None
    if in_channels is None:
        saved = large - layers * small
        return Crossover(
            Fraction(b * more, saved) if saved > 0 else None,
            Fraction(more * (area + b), saved) if saved > 0 else None,
            first,
        )

    def equal(extra: int) -> Fraction | None:
        found = Fraction((large - small) * _at_least_one(in_channels) - extra, more * small) if more else None
        return found if found is not None and found > 0 else None

    return Crossover(equal(more * b), equal(more * (area + b)), first)


@dataclass(frozen=True)
class Sweep:
    """What a stack costs in terms of the one layer that it replaces, over the channels C.

    Attributes:
        channels: C, growing.
        parameters: the stack's over the one layer's, for each C.
        memory: the same of parameters and activations together.
    """

    channels: tuple[int, ...]
    parameters: tuple[float, ...]
    memory: tuple[float, ...]


def sweep(
    layers: int,
    kernel_size: int,
    size: int | tuple[int, int],
    bias: bool = True,
    in_channels: int | None = None,
    most: int = 512,
) -> Sweep:
    """The ratios over C from 1 to `most`, at about equal steps of log C; other arguments as :func:`small_kernels`.

    >>> curve = sweep(2, 3, 56, bias=False)
    >>> curve.channels[0], curve.channels[-1], curve.parameters[0], round(curve.memory[0], 2)
    (1, 512, 0.72, 1.99)
    """
    steps = 36
    channels = sorted({round(most ** (step / steps)) for step in range(steps + 1)})
    pairs = [small_kernels(layers, kernel_size, c, size, bias, in_channels) for c in channels]
    memory = [
        (pair.factored.parameters + pair.factored.activations)
        / (pair.plain.parameters + pair.plain.activations)
        for pair in pairs
    ]
    return Sweep(tuple(channels), tuple(float(pair.parameters_ratio) for pair in pairs), tuple(memory))


def bottleneck(
    channels: int, narrow: int, size: int | tuple[int, int], kernel_size: int = 3, bias: bool = False
) -> Comparison:
    """Two k×k layers, and 1×1 – k×k – 1×1 with `narrow` channels in the middle (residual networks).

    >>> pair = bottleneck(256, 64, 56)
    >>> pair.plain.weights, pair.factored.weights
    (1179648, 69632)
    """
    plain = conv_layer(channels, channels, _odd(kernel_size), size, bias=bias)
    return Comparison(
        Design((plain, plain)),
        Design(
            (
                conv_layer(channels, narrow, 1, size, bias=bias),
                conv_layer(narrow, narrow, kernel_size, size, bias=bias),
                conv_layer(narrow, channels, 1, size, bias=bias),
            )
        ),
    )


def reduced(
    in_channels: int,
    narrow: int,
    out_channels: int,
    kernel_size: int,
    size: int | tuple[int, int],
    bias: bool = False,
) -> Comparison:
    """A k×k layer, and the same behind a 1×1 that leaves it only `narrow` channels (Inception).

    >>> pair = reduced(192, 16, 32, kernel_size=5, size=28)
    >>> pair.plain.macs, pair.factored.macs
    (120422400, 12443648)
    """
    return Comparison(
        Design((conv_layer(in_channels, out_channels, _odd(kernel_size), size, bias=bias),)),
        Design(
            (
                conv_layer(in_channels, narrow, 1, size, bias=bias),
                conv_layer(narrow, out_channels, kernel_size, size, bias=bias),
            )
        ),
    )


def depthwise_separable(
    in_channels: int, out_channels: int, kernel_size: int, size: int | tuple[int, int], bias: bool = False
) -> Comparison:
    """A k×k layer, and a k×k for each channel alone followed by a 1×1 (MobileNet).

    The ratio of weights and of MACs is 1/N + 1/k², N being `out_channels`.

    >>> depthwise_separable(32, 64, 3, 112).macs_ratio == Fraction(1, 64) + Fraction(1, 9)
    True
    """
    return Comparison(
        Design((conv_layer(in_channels, out_channels, _odd(kernel_size), size, bias=bias),)),
        Design(
            (
                conv_layer(in_channels, in_channels, kernel_size, size, groups=in_channels, bias=bias),
                conv_layer(in_channels, out_channels, 1, size, bias=bias),
            )
        ),
    )


def grouped(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    groups: int,
    size: int | tuple[int, int],
    shuffle: bool = False,
    bias: bool = False,
) -> Comparison:
    """A k×k layer, and the same in `groups` that don't see each other; with `shuffle` they are mixed after.

    The ratio of weights and of MACs is 1/groups; the shuffle moves maps and costs neither.

    Raises:
        SettingError: `groups` doesn't divide both channels.

    >>> grouped(64, 64, 3, groups=8, size=28).weights_ratio
    Fraction(1, 8)
    """
    layer = conv_layer(in_channels, out_channels, _odd(kernel_size), size, groups=groups, bias=bias)
    mix = LayerCost("shuffle", (1, 1), out_channels, out_channels, groups, layer.output_size, 0, 0, 0, False)
    return Comparison(
        Design((conv_layer(in_channels, out_channels, kernel_size, size, bias=bias),)),
        Design((layer, mix) if shuffle else (layer,)),
    )


def shuffle_order(channels: int, groups: int) -> tuple[int, ...]:
    """Which channel comes to each place when the groups are dealt out in turn.

    Raises:
        SettingError: `groups` doesn't divide `channels`.

    >>> shuffle_order(6, groups=2)
    (0, 3, 1, 4, 2, 5)
    """
    if _at_least_one(channels) % _at_least_one(groups):
        raise SettingError(
            N_("the number of channels ({channels}) must be a multiple of groups ({groups})"),
            channels=channels,
            groups=groups,
        )
    each = channels // groups
    return tuple(group * each + member for member in range(each) for group in range(groups))


@dataclass(frozen=True)
class ChannelLevel:
    """One place on the way through grouped layers.

    Attributes:
        kind: what comes out here: the input, a grouped convolution, or a shuffle.
        seen: channels that the chosen output depends on.
    """

    kind: Literal["input", "conv", "shuffle"]
    seen: frozenset[int]


def channel_reads(
    kind: Literal["input", "conv", "shuffle"], channel: int, channels: int, groups: int
) -> tuple[int, ...]:
    """Channels of the level before that one channel reads; before the input there is none.

    >>> channel_reads("conv", 3, channels=4, groups=2), channel_reads("shuffle", 1, channels=4, groups=2)
    ((2, 3), (2,))
    """
    if kind == "input":
        return ()
    if kind == "shuffle":
        return (shuffle_order(channels, groups)[channel],)
    each = channels // groups
    return tuple(range(channel // each * each, (channel // each + 1) * each))


def channel_fan(
    channels: int, groups: int, layers: int, shuffle: bool, output: int
) -> tuple[ChannelLevel, ...]:
    """Channels that one output depends on, from the input to the last of `layers` grouped layers of equal width.

    Args:
        shuffle: whether channels are shuffled between the layers.
        output: index of the output channel, from 0.

    Raises:
        SettingError: `groups` doesn't divide `channels`, or there is no such layer or output.

    >>> [sorted(level.seen) for level in channel_fan(4, 2, layers=2, shuffle=True, output=3)]
    [[0, 1, 2, 3], [1, 3], [2, 3], [3]]
    >>> sorted(channel_fan(4, 2, layers=2, shuffle=False, output=3)[0].seen)
    [2, 3]
    """
    if not 0 <= output < channels:
        raise SettingError(
            N_("there is no output channel {output}; they are counted from 0 to {last}"),
            output=output,
            last=channels - 1,
        )
    between: tuple[Literal["conv", "shuffle"], ...] = ("shuffle", "conv") if shuffle else ("conv",)
    kinds: tuple[Literal["conv", "shuffle"], ...] = ("conv", *between * (_at_least_one(layers) - 1))
    order, each = shuffle_order(channels, groups), channels // groups
    levels = []
    seen = frozenset([output])
    for kind in reversed(kinds):
        levels.append(ChannelLevel(kind, seen))
        if kind == "shuffle":
            seen = frozenset(order[channel] for channel in seen)
        else:
            starts = {channel // each * each for channel in seen}
            seen = frozenset(start + member for start in starts for member in range(each))
    return ChannelLevel("input", seen), *reversed(levels)


def asymmetric(
    kernel_size: int, channels: int, size: int | tuple[int, int], bias: bool = False
) -> Comparison:
    """An n×n layer, and 1×n followed by n×1: the ratio is 2/n.

    >>> asymmetric(7, 192, 17).macs_ratio
    Fraction(2, 7)
    """
    return Comparison(
        Design((conv_layer(channels, channels, _odd(kernel_size), size, bias=bias),)),
        Design(
            (
                conv_layer(channels, channels, (1, kernel_size), size, bias=bias),
                conv_layer(channels, channels, (kernel_size, 1), size, bias=bias),
            )
        ),
    )


def dense_head(
    channels: int, size: int | tuple[int, int], features: Sequence[int], bias: bool = True
) -> Design:
    """Dense layers on all cells of the last maps; a non-linearity after all but the last.

    Args:
        size: of the maps.
        features: numbers that come out of each dense layer.

    >>> dense_head(256, 6, (4096, 4096, 1000)).parameters  # AlexNet
    58631144
    """
    height, width = _pair(size)
    widths = (channels * height * width, *features)
    return Design(
        tuple(
            linear_layer(inputs, outputs, bias, nonlinearity=place < len(features))
            for place, (inputs, outputs) in enumerate(zip(widths, features, strict=False), start=1)
        )
    )


def pooled_head(
    channels: int, size: int | tuple[int, int], features: Sequence[int], bias: bool = True
) -> Design:
    """Global average pooling of the last maps, then dense layers; arguments as :func:`dense_head`.

    >>> pooled_head(256, 6, (1000,)).parameters
    257000
    """
    return Design((gap_layer(channels, size), *dense_head(channels, 1, features, bias).layers))


def dense_or_pooled(
    channels: int,
    size: int | tuple[int, int],
    hidden: Sequence[int] = (4096, 4096),
    classes: int = 1000,
    bias: bool = True,
) -> Comparison:
    """Dense layers on every cell of the maps, and global average pooling with one dense layer instead."""
    return Comparison(
        dense_head(channels, size, (*hidden, classes), bias), pooled_head(channels, size, (classes,), bias)
    )


@dataclass(frozen=True)
class FirstDense:
    """Three ways from the last maps to the first dense layer.

    Attributes:
        every_cell: dense on every cell of the maps.
        pooled: dense behind a max pooling.
        averaged: dense behind global average pooling.
    """

    every_cell: Design
    pooled: Design
    averaged: Design


def first_dense(
    channels: int, size: int, units: int, window: int = 3, stride: int = 2, bias: bool = False
) -> FirstDense:
    """A classifier's first dense layer, of `units`, on `channels` square maps of `size`.

    Args:
        window, stride: of the max pooling.

    Raises:
        SettingError: a count below 1, or maps smaller than the window.

    >>> alexnet = first_dense(256, 13, 4096)
    >>> alexnet.every_cell.weights, alexnet.pooled.weights, alexnet.averaged.weights
    (177209344, 37748736, 1048576)
    """
    pool = pool_layer(channels, size, window, stride)
    behind = linear_layer(pool.activations, units, bias)
    averaged = (gap_layer(channels, size), linear_layer(channels, units, bias))
    whole = linear_layer(channels * size * size, units, bias)
    return FirstDense(Design((whole,)), Design((pool, behind)), Design(averaged))


def dense_or_convolution(
    in_channels: int, out_channels: int, kernel_size: int, size: int, bias: bool = False
) -> Comparison:
    """Maps to maps of the same `size` by a dense layer (plain), and by a convolution.

    Without biases the ratio of the weights is k²/size⁴, that of the MACs k²/size².

    >>> pair = dense_or_convolution(64, 64, 3, size=56)
    >>> pair.macs_ratio, pair.weights_ratio
    (Fraction(9, 3136), Fraction(9, 9834496))
    """
    area = size * size
    return Comparison(
        Design((linear_layer(_at_least_one(in_channels) * area, _at_least_one(out_channels) * area, bias),)),
        Design((conv_layer(in_channels, out_channels, _odd(kernel_size), size, bias=bias),)),
    )


@dataclass(frozen=True)
class PublishedNumber:
    """A number as somebody published it."""

    value: int
    source: str


PUBLISHED: Mapping[str, PublishedNumber] = MappingProxyType(
    {
        "notes_conv": PublishedNumber(73_728, N_("lecture notes: 64 filters of 3×3×128")),
        "vgg_more": PublishedNumber(81, "Simonyan & Zisserman, arXiv 1409.1556, § 2.3"),
        "inception_less": PublishedNumber(28, "Szegedy et al., arXiv 1512.00567, § 3.1"),
        "asymmetric_less": PublishedNumber(33, "Szegedy et al., arXiv 1512.00567, § 3.2"),
        "notes_dense": PublishedNumber(177_209_344, N_("lecture notes: 13·13·128·2 × 2048·2")),
        "alexnet_dense": PublishedNumber(37_748_736, "Krizhevsky et al. 2012: 6·6·256 × 4096"),
        "alexnet_head": PublishedNumber(58_631_144, "torchvision, AlexNet"),
        "vgg16_dense": PublishedNumber(102_760_448, "Stanford CS231n: 7·7·512 × 4096"),
        "vgg16_head": PublishedNumber(123_642_856, "torchvision, VGG16"),
    }
)
"""By example: what the pages set beside the computed numbers; the other papers give formulas only."""
