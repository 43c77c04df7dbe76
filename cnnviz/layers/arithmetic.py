"""Sizes, windows and costs of convolution, pooling and transposed convolution, one axis at a time.

Everything is a whole number of pixels, except costs, which count numbers and multiply–accumulates.
Padding is one number for both ends, a pair ``(before, after)``, or PyTorch's ``"same"`` and
``"valid"``. What ``torch.nn`` refuses raises :class:`~cnnviz.errors.SettingError` here.

Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285.
"""

from dataclasses import dataclass
from typing import Literal

from cnnviz.errors import SettingError
from cnnviz.messages import N_

Padding = int | tuple[int, int] | Literal["same", "valid"]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


def _check_window(kernel_size: int, stride: int, dilation: int) -> None:
    if kernel_size < 1:
        raise SettingError(N_("kernel_size is {kernel_size}; it must be at least 1"), kernel_size=kernel_size)
    if stride < 1:
        raise SettingError(N_("stride is {stride}; it must be at least 1"), stride=stride)
    if dilation < 1:
        raise SettingError(N_("dilation is {dilation}; it must be at least 1"), dilation=dilation)


def _check_input(input_size: int) -> None:
    if input_size < 1:
        raise SettingError(N_("the input size is {input_size}; it must be at least 1"), input_size=input_size)


def extent(kernel_size: int, dilation: int = 1) -> int:
    """Length of input that one window spans, holes included: ``dilation * (kernel_size - 1) + 1``."""
    return dilation * (kernel_size - 1) + 1


def padding_pair(padding: Padding, kernel_size: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """`padding` as ``(before, after)``.

    ``"same"`` adds ``dilation * (kernel_size - 1)`` in all; where that is odd, the extra one goes after
    (right or bottom), as PyTorch does it.

    Raises:
        SettingError: negative padding, ``"same"`` with a stride other than 1, or an impossible window.

    >>> padding_pair("same", kernel_size=4)
    (1, 2)
    """
    _check_window(kernel_size, stride, dilation)
    if padding == "valid":
        return 0, 0
    if padding == "same":
        if stride != 1:
            raise SettingError(
                N_("padding 'same' needs a stride of 1, but the stride is {stride}"), stride=stride
            )
        total = dilation * (kernel_size - 1)
        return total // 2, total - total // 2
    if isinstance(padding, str):
        raise SettingError(
            N_("padding is '{padding}'; the only words for it are 'same' and 'valid'"), padding=padding
        )
    before, after = (padding, padding) if isinstance(padding, int) else padding
    if before < 0 or after < 0:
        raise SettingError(N_("padding is {padding}; it can't be negative"), padding=min(before, after))
    return before, after


def check_padding_mode(input_size: int, padding: tuple[int, int], mode: PaddingMode) -> None:
    """Refuse what the padding mode can't fill.

    Reflection leaves out the border pixel, so that ``padding < input_size``; circular padding goes
    round once, so that ``padding <= input_size``. Zeros and replicated borders have no limit.

    Raises:
        SettingError: the input is too short for this much padding.
    """
    most = max(padding)
    if mode == "reflect" and most >= input_size:
        raise SettingError(
            N_("reflect padding of {padding} needs an input longer than that, but it is {input_size} long"),
            padding=most,
            input_size=input_size,
        )
    if mode == "circular" and most > input_size:
        raise SettingError(
            N_("circular padding of {padding} would go round an input of {input_size} more than once"),
            padding=most,
            input_size=input_size,
        )


def conv_output_size(
    input_size: int,
    kernel_size: int,
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
    padding_mode: PaddingMode = "zeros",
) -> int:
    """Output size of a convolution: ``floor((i + p_before + p_after - d(k-1) - 1) / s) + 1``.

    Raises:
        SettingError: wherever ``torch.nn.Conv2d`` raises, be it when built or when run.

    >>> conv_output_size(6, kernel_size=3, stride=2, padding=1)  # floored: 2.5 + 1
    3
    """
    _check_input(input_size)
    before, after = padding_pair(padding, kernel_size, stride, dilation)
    check_padding_mode(input_size, (before, after), padding_mode)
    padded, span = input_size + before + after, extent(kernel_size, dilation)
    if span > padded:
        raise SettingError(
            N_("the kernel spans {span} pixels, but the padded input has only {padded}"),
            span=span,
            padded=padded,
        )
    return (padded - span) // stride + 1


def pool_output_size(
    input_size: int,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Output size of max or average pooling; `stride` is `kernel_size` where it is None.

    With `ceil_mode` the division rounds up, but a last window that would begin in the padding after
    the input is left out (``torch.nn.MaxPool2d``'s rule).

    Raises:
        SettingError: wherever ``torch.nn.MaxPool2d`` (and, without dilation, ``AvgPool2d``) raises;
            among others where padding is more than half the kernel.

    >>> pool_output_size(6, kernel_size=3, stride=2), pool_output_size(6, 3, 2, ceil_mode=True)
    (2, 3)
    """
    stride = kernel_size if stride is None else stride
    _check_input(input_size)
    padding_pair(padding, kernel_size, stride, dilation)
    if 2 * padding > kernel_size:
        raise SettingError(
            N_("pooling allows padding up to half the kernel size {kernel_size}, but it is {padding}"),
            kernel_size=kernel_size,
            padding=padding,
        )
    room = input_size + 2 * padding - extent(kernel_size, dilation)
    size = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (size - 1) * stride >= input_size + padding:
        size -= 1
    if size < 1:
        raise SettingError(
            N_("the window spans {span} pixels, but the padded input has only {padded}"),
            span=extent(kernel_size, dilation),
            padded=input_size + 2 * padding,
        )
    return size


def transposed_output_size(
    input_size: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> int:
    """Output size of a transposed convolution: ``(i-1)s - 2p + d(k-1) + output_padding + 1``.

    `padding` is PyTorch's: that of the convolution which this one reverses, so it shrinks the output.

    Raises:
        SettingError: wherever ``torch.nn.ConvTranspose2d`` raises. An empty output is refused too, which
            one of torch's kernels (oneDNN, float32) lets through.

    >>> transposed_output_size(3, kernel_size=3, stride=2, padding=1)
    5
    """
    _check_input(input_size)
    padding_pair(padding, kernel_size, stride, dilation)
    if not 0 <= output_padding < max(stride, dilation):
        raise SettingError(
            N_(
                "output_padding is {output_padding}; it must be at least 0 and below stride or dilation, {limit}"
            ),
            output_padding=output_padding,
            limit=max(stride, dilation),
        )
    size = (input_size - 1) * stride - 2 * padding + extent(kernel_size, dilation) + output_padding
    if size < 1:
        raise SettingError(
            N_("padding of {padding} takes away the whole output: its size would be {size}"),
            padding=padding,
            size=size,
        )
    return size


def window(
    output_index: int, kernel_size: int, stride: int = 1, padding: Padding = 0, dilation: int = 1
) -> range:
    """Input indices that output `output_index` reads, one a kernel weight.

    Indices below 0 or past the input's end lie in the padding. ``.start`` and ``.stop`` bound the window.

    >>> list(window(1, kernel_size=3, stride=2, padding=1))
    [1, 2, 3]
    """
    before, _ = padding_pair(padding, kernel_size, stride, dilation)
    start = output_index * stride - before
    return range(start, start + extent(kernel_size, dilation), dilation)


def leftover(
    input_size: int, kernel_size: int, stride: int = 1, padding: Padding = 0, dilation: int = 1
) -> int:
    """How many inputs at the end no window reaches, because the stride doesn't divide and is floored.

    >>> leftover(6, kernel_size=3, stride=2)
    1
    """
    last = conv_output_size(input_size, kernel_size, stride, padding, dilation) - 1
    return max(0, input_size - window(last, kernel_size, stride, padding, dilation).stop)


@dataclass(frozen=True)
class ConvCost:
    """What a convolution layer stores, and computes for one image.

    Attributes:
        weights: out_channels × in_channels/groups × kernel height × kernel width.
        biases: out_channels, or 0 without bias.
        macs: multiply–accumulates: each weight once for each output position (biases not counted).
    """

    weights: int
    biases: int
    macs: int

    @property
    def parameters(self) -> int:
        return self.weights + self.biases


def conv_cost(
    in_channels: int,
    out_channels: int,
    kernel_size: tuple[int, int],
    output_size: tuple[int, int],
    groups: int = 1,
    bias: bool = True,
) -> ConvCost:
    """Parameters and multiply–accumulates of a 2-D convolution; sizes are (height, width).

    Raises:
        SettingError: a count below 1, or channels that `groups` doesn't divide.

    >>> conv_cost(3, 4, kernel_size=(5, 5), output_size=(28, 28))
    ConvCost(weights=300, biases=4, macs=235200)
    """
    for channels in (in_channels, out_channels):
        if channels < 1:
            raise SettingError(N_("a layer of {channels} channels; it needs at least 1"), channels=channels)
    if groups < 1:
        raise SettingError(N_("groups is {groups}; it must be at least 1"), groups=groups)
    if in_channels % groups:
        raise SettingError(
            N_("in_channels ({in_channels}) must be a multiple of groups ({groups})"),
            in_channels=in_channels,
            groups=groups,
        )
    if out_channels % groups:
        raise SettingError(
            N_("out_channels ({out_channels}) must be a multiple of groups ({groups})"),
            out_channels=out_channels,
            groups=groups,
        )
    for side in kernel_size:
        _check_window(side, stride=1, dilation=1)
    height, width = kernel_size
    weights = out_channels * (in_channels // groups) * height * width
    return ConvCost(weights, out_channels if bias else 0, weights * output_size[0] * output_size[1])
