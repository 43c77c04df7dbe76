"""Who holds what: a network's numbers by kind of layer."""

from typing import Literal, Protocol, get_args

from cnnviz.messages import N_
from cnnviz.zoo.counting.results import NetworkCount

Measure = Literal["parameters", "macs", "memory"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
KINDS = {
    "convolution": N_("convolution"),
    "dense": N_("dense"),
    "attention": N_("attention"),
    "normalisation": N_("normalisation"),
    "other": N_("other"),
}
"""Kinds of layers by id, with their names in English."""


class Counted(Protocol):
    """What :func:`amount` can look at: a row, a module, or a whole network."""

    @property
    def parameters(self) -> int: ...
    @property
    def macs(self) -> int: ...
    @property
    def training_bytes(self) -> int: ...


def amount(counted: Counted, measure: Measure) -> int:
    """Parameters, MACs, or bytes of activations that training keeps."""
    if measure == "memory":
        return counted.training_bytes
    return counted.parameters if measure == "parameters" else counted.macs


def kind_of(name: str) -> str:
    """Which of :data:`KINDS` a module class is.

    >>> kind_of("FrozenBatchNorm2d"), kind_of("ConvTranspose2d"), kind_of("MultiheadAttention"), kind_of("ReLU")
    ('normalisation', 'convolution', 'attention', 'other')
    """
    if "Attention" in name:
        return "attention"
    if name.endswith("Linear"):
        return "dense"
    if name.startswith("Conv") or name == "PartlyConnected":
        return "convolution"
    return "normalisation" if "Norm" in name else "other"


def by_kind(counted: NetworkCount, measure: Measure) -> dict[str, int]:
    """The network's total, kind by kind; what is in the input belongs to no layer and is left out.

    >>> from cnnviz.zoo.counting import count_named
    >>> by_kind(count_named("alexnet"), "parameters")
    {'convolution': 2469696, 'dense': 58631144, 'attention': 0, 'normalisation': 0, 'other': 0}
    """
    sums = dict.fromkeys(KINDS, 0)
    for row in counted.rows:
        sums[kind_of(row.kind)] += amount(row, measure)
    return sums


def largest_kind(counted: NetworkCount, measure: Measure) -> str:
    """The kind of layer with most of it."""
    sums = by_kind(counted, measure)
    return max(sums, key=lambda kind: sums[kind])
