"""What vouches for an Inception module: its channels, its cost, Table 1, and torchvision's module."""

from collections.abc import Iterable
from dataclasses import replace

import streamlit as st

from cnnviz.blocks import inception_measured as measured
from cnnviz.blocks.inception import (
    TABLE,
    TABLE_TOLERANCE,
    BranchCost,
    InceptionSettings,
    chain,
    costs,
    printed,
)
from cnnviz.layers.cost_formula import macs_formula, parameters_formula
from cnnviz.proof import Proof
from cnnviz.ui.language import _

PAPER = "Szegedy et al., CVPR 2015, Table 1"

_module = st.cache_data(max_entries=200, show_spinner=False)(measured.measure_module)
_five = st.cache_data(max_entries=200, show_spinner=False)(measured.measure_five)
_growth = st.cache_data(max_entries=200, show_spinner=False)(measured.measure_growth)
_torchvision = st.cache_data(max_entries=200, show_spinner=False)(measured.torchvision_parameters)


def module_proofs(settings: InceptionSettings, side: int, blocks: int) -> list[Proof]:
    """All that can be proved of a module on maps of `side` × `side`, and of `blocks` in a row."""
    found, passed = costs(settings, side), settings.passed
    row = printed(settings, side)
    counted = _module(settings, side)
    parameters = sum(branch.parameters for branch in found.values())
    macs = sum(branch.macs for branch in found.values())
    proofs = [
        Proof(
            _("Output channels"),
            " + ".join(map(str, passed.values())),
            settings.outputs,
            measured=_growth(settings, 1),
            published=TABLE[row].outputs if row else None,
            source=PAPER,
        ),
        Proof(
            _("Parameters of the module"),
            _parameters_formula(found.values()),
            parameters,
            measured=counted.parameters,
        ),
        Proof(
            _("Multiply–accumulates of the module"),
            _macs_formula(found.values()),
            macs,
            measured=counted.macs,
        ),
    ]
    if row:
        proofs += _printed(row, parameters, macs, counted.parameters, counted.macs)
    proofs += _five_proofs(settings, side)
    if not settings.naive:
        proofs.append(_torchvision_proof(settings, side))
    return [*proofs, _growth_proof(settings, blocks)]


def _parameters_formula(branches: Iterable[BranchCost]) -> str:
    parts = [parameters_formula(branch.design) for branch in branches if branch.design.layers]
    scales = sum(branch.normalisation for branch in branches)
    return " + ".join([*parts, *([rf"2\cdot {scales // 2}"] if scales else [])])


def _macs_formula(branches: Iterable[BranchCost]) -> str:
    return " + ".join(macs_formula(branch.design) for branch in branches if branch.design.layers)


def _printed(
    name: str, parameters: int, macs: int, counted_parameters: int, counted_macs: int
) -> list[Proof]:
    row = TABLE[name]
    slip = _(
        "The printed figure doesn't follow from the widths printed beside it; those of other modules do."
    )

    def proof(title: str, formula: str, computed: float, found: float, published: int, rounded: str) -> Proof:
        made = Proof(title, formula, computed, found, published, PAPER, rounded, TABLE_TOLERANCE)
        return made if made.holds else replace(made, why=slip)

    return [
        proof(
            _("Parameters of module {name}, in thousands").format(name=name),
            rf"\tfrac{{{parameters}}}{{1024}}",
            parameters / 1024,
            counted_parameters / 1024,
            row.parameters,
            _("The table rounds, and its thousand seems to be 1,024: compared to 1 %."),
        ),
        proof(
            _("Operations of module {name}, in millions").format(name=name),
            rf"\tfrac{{{macs}}}{{10^6}}",
            macs / 1e6,
            counted_macs / 1e6,
            row.operations,
            _("The table rounds: compared to 1 %."),
        ),
    ]


def _five_proofs(settings: InceptionSettings, side: int) -> list[Proof]:
    names = {
        True: _("Multiply–accumulates of the 5×5 branch, naive"),
        False: _("Multiply–accumulates of the 5×5 branch, with its 1×1"),
    }
    proofs = []
    for naive, name in names.items():
        built = replace(settings, naive=naive)
        branch = costs(built, side)["five"]
        proofs.append(Proof(name, macs_formula(branch.design), branch.macs, measured=_five(built, side).macs))
    return proofs


def _torchvision_proof(settings: InceptionSettings, side: int) -> Proof:
    found = costs(measured.as_in_torchvision(settings), side).values()
    return Proof(
        _("Parameters of torchvision's module of these widths"),
        _parameters_formula(found),
        sum(branch.parameters for branch in found),
        measured=_torchvision(settings),
        why=_(
            "It has a 3×3 where the paper has a 5×5, and the two numbers of a BatchNorm for each channel instead of one bias."
        ),
    )


def _growth_proof(settings: InceptionSettings, blocks: int) -> Proof:
    added = sum(size for branch, size in settings.passed.items() if branch != "pool")
    if settings.naive:
        formula = rf"{settings.inputs} + {blocks}\cdot {added}"
    else:
        formula = rf"{added} + {settings.widths.pool}"
    return Proof(
        _("Channels after {blocks} modules in a row").format(blocks=blocks),
        formula,
        chain(settings, blocks)[-1].outputs,
        measured=_growth(settings, blocks),
    )
