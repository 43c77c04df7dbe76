"""How often an operation multiplies and adds, and the shape of what comes out; one rule an operation.

A multiply–accumulate (MAC) is one product that is added up, in convolutions, dense layers and matrix
products (attention's among them). Biases, normalisation, activations, pooling, resizing, RoI align and
non-maximum suppression count none: so do torchvision's documented figures and FlopCounterMode (2 a MAC).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from cnnviz.errors import ModelError
from cnnviz.layers.arithmetic import conv_output_size
from cnnviz.messages import N_


class Ledger(Protocol):
    """Where the rules write down what they find."""

    def multiplied(self, macs: int, weight: Tensor | None = None) -> None:
        """Called with the MACs of each operation, and the weight that it uses, if it uses one."""

    def created(self, result: Any) -> None:
        """Called with what an operation makes on its way to the result."""


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in a nest of lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from tensors(item)


def blank(shape: Iterable[int]) -> Tensor:
    """A tensor with a shape and no numbers."""
    return torch.empty(tuple(shape), device="meta")


def _each(value: int | Sequence[int], dims: int) -> Sequence[int]:
    if isinstance(value, int):
        return (value,) * dims
    return tuple(value) * dims if len(value) == 1 else value


def _convolution(
    mode: Ledger,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Each weight once for each cell of the output."""
    dims = weight.dim() - 2
    kernel, strides, dilations = weight.shape[2:], _each(stride, dims), _each(dilation, dims)
    if input.shape[-dims - 1] != weight.shape[1] * groups:
        raise ModelError(
            N_("a convolution expects {expected} channels, but {found} arrive"),
            expected=weight.shape[1] * groups,
            found=input.shape[-dims - 1],
        )
    paddings: Sequence[Any] = [padding] * dims if isinstance(padding, str) else _each(padding, dims)
    size = [
        conv_output_size(i, k, s, p, d)
        for i, k, s, p, d in zip(input.shape[-dims:], kernel, strides, paddings, dilations, strict=True)
    ]
    batch = input.shape[: -dims - 1]
    mode.multiplied(math.prod(batch) * weight.numel() * math.prod(size), weight)
    return blank((*batch, weight.shape[0], *size))


def _transposed(
    mode: Ledger,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """Each weight once for each cell of the input."""
    dims = weight.dim() - 2
    settings = zip(
        input.shape[-dims:],
        weight.shape[2:],
        *(_each(value, dims) for value in (stride, padding, output_padding, dilation)),
        strict=True,
    )
    size = [(i - 1) * s - 2 * p + d * (k - 1) + o + 1 for i, k, s, p, o, d in settings]
    batch = input.shape[: -dims - 1]
    mode.multiplied(math.prod(batch) * weight.numel() * math.prod(input.shape[-dims:]), weight)
    return blank((*batch, weight.shape[1] * groups, *size))


def _linear(mode: Ledger, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Each weight once for each vector of the input."""
    if input.shape[-1] != weight.shape[1]:
        raise ModelError(
            N_("a dense layer expects {expected} numbers, but {found} arrive"),
            expected=weight.shape[1],
            found=input.shape[-1],
        )
    mode.multiplied(input.numel() * weight.shape[0], weight)
    return blank((*input.shape[:-1], weight.shape[0]))


def _matmul(mode: Ledger, left: Tensor, right: Tensor) -> Tensor:
    """(…, n, k) @ (…, k, m): n·k·m for each matrix of the batch."""
    if left.dim() < 2 or right.dim() < 2 or left.shape[-1] != right.shape[-2]:
        raise ModelError(
            N_("a matrix product of shapes {left} and {right} can't be counted"),
            left=tuple(left.shape),
            right=tuple(right.shape),
        )
    batch = torch.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    shape = (*batch, left.shape[-2], right.shape[-1])
    mode.multiplied(math.prod(shape) * left.shape[-1])
    return blank(shape)


def _einsum(mode: Ledger, equation: str, *operands: Any) -> Tensor:
    """Of two operands: the product of the lengths of all indices."""
    factors = tuple(tensors(operands))
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or "." in equation or len(factors) != 2 or len(terms) != 2:
        raise ModelError(N_("there is no rule for how often {operation} multiplies"), operation="einsum")
    lengths = {
        i: n for term, x in zip(terms, factors, strict=True) for i, n in zip(term, x.shape, strict=True)
    }
    mode.multiplied(math.prod(lengths.values()))
    return blank(lengths[index] for index in right)


def _attention(mode: Ledger, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Tensor:
    """Scaled dot products (…, L, E), (…, S, E), and sums weighted by them (…, S, Ev)."""
    steps = math.prod(query.shape[:-1]) * key.shape[-2]
    mode.multiplied(steps * (query.shape[-1] + value.shape[-1]))
    return blank((*query.shape[:-1], value.shape[-1]))


def _multi_head(
    mode: Ledger,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    *_: Any,
    need_weights: bool = True,
    **__: Any,
) -> tuple[Tensor, None]:
    """``nn.MultiheadAttention`` over (L, N, E): projections of query, key and value, attention, projection."""
    if in_proj_weight is None or need_weights or add_zero_attn or bias_k is not None or query.dim() != 3:
        raise ModelError(
            N_("there is no rule for how often {operation} multiplies"), operation="multi_head_attention"
        )
    length, batch, width = query.shape
    for part in (query, key, value):
        mode.multiplied(part.numel() * width, in_proj_weight)
    projected = blank((3, length, batch, width))
    mode.created(projected)
    mode.multiplied(2 * batch * length * key.shape[0] * width)
    attended = blank((length, batch, width))
    mode.created(attended)
    mode.multiplied(attended.numel() * width, out_proj_weight)
    return blank((length, batch, width)), None


RULES: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    "linear": _linear,
    **dict.fromkeys(("matmul", "__matmul__", "bmm", "mm"), _matmul),
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
}

WITHOUT_RULE = frozenset(
    """
    addmm addmv addbmm baddbmm mv dot vdot inner outer ger tensordot bilinear chain_matmul multi_dot
    kron lstm gru rnn_tanh rnn_relu conv_tbc lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell
    """.split()  # noqa: SIM905
)
"""Functions that multiply and add, but for which nothing here knows how often."""
