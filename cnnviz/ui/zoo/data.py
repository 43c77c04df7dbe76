"""What the views look up: counted and traced once a process, shared by all visitors and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from cnnviz.figures.zoo import PALETTE
from cnnviz.proof import Proof, Value
from cnnviz.ui.language import _
from cnnviz.zoo import counting
from cnnviz.zoo.claims import Claim
from cnnviz.zoo.counting import LayerRow, Measured, Shape
from cnnviz.zoo.diagram import Operation, trace
from cnnviz.zoo.efficientnet_scaling import Scaling, build, scaled
from cnnviz.zoo.history import FAMILIES, FAMILY_OF
from cnnviz.zoo.stages import Stage, stages

COLOURS: Mapping[str, str] = {family.id: colour for family, colour in zip(FAMILIES, PALETTE, strict=True)}


@dataclass(frozen=True)
class Table:
    """A network as its views show it.

    Attributes:
        stages: rows of its table.
        layers: its convolutions and dense layers.
        input_shape: (N, C, H, W).
    """

    stages: tuple[Stage, ...]
    layers: tuple[LayerRow, ...]
    parameters: int
    macs: int
    input_shape: Shape


@st.cache_resource(max_entries=64, show_spinner=False)
def table(name: str, auxiliary: bool = False) -> Table:
    """Count one network, stage by stage."""
    heads = True if auxiliary else None
    counted = counting.count_named(name, auxiliary=heads)
    rows = stages(counted, counting.build(name, auxiliary=heads))
    layers = tuple(row for row in counted.rows if row.macs)
    return Table(rows, layers, counted.parameters, counted.macs, counted.input_shape)


@st.cache_resource(max_entries=64, show_spinner=False)
def graph(name: str, auxiliary: bool = False) -> tuple[Operation, ...]:
    """Trace one network."""
    network = counting.build(name, auxiliary=True if auxiliary else None)
    return trace(network, table(name, auxiliary).input_shape, training=auxiliary)


@st.cache_resource(max_entries=64, show_spinner=False)
def measured(name: str) -> Measured:
    """What PyTorch itself counts."""
    return counting.measure_named(name)


@st.cache_resource(max_entries=64, show_spinner=False)
def claims(name: str) -> tuple[tuple[Claim, Value, Value | None], ...]:
    """Every claim about a network, with what it comes to and what is measured."""
    return tuple(
        (claim, claim.computed(), claim.measured() if claim.measured else None)
        for claim in FAMILY_OF[name].claims_about(name)
    )


def proofs(name: str) -> list[Proof]:
    """The claims about a network in the reader's language."""
    return [
        Proof(
            _(claim.name),
            claim.formula,
            computed,
            found,
            claim.published,
            _(claim.source) if claim.source else "",
            _(claim.why) if claim.why else "",
            claim.tolerance,
        )
        for claim, computed, found in claims(name)
    ]


@dataclass(frozen=True)
class Scaled:
    """A scaled EfficientNet: multiply–accumulates and parameters, predicted and counted; its blocks."""

    predicted_macs: int
    predicted_parameters: int
    macs: int
    parameters: int
    blocks: int


@st.cache_resource(max_entries=512, show_spinner=False)
def scaling(wanted: Scaling) -> Scaled:
    """Count one scaled EfficientNet."""
    found = scaled(wanted)
    blocks = sum(node.kind == "MBConv" for node in found.counted.tree.walk())
    return Scaled(
        found.predicted_macs, found.predicted_parameters, found.counted.macs, found.counted.parameters, blocks
    )


@st.cache_resource(max_entries=512, show_spinner=False)
def scaling_measured(wanted: Scaling) -> Measured:
    """What PyTorch itself counts in it."""
    return counting.measure(partial(build, wanted), (3, wanted.resolution, wanted.resolution))
