"""What vouches for a network's answer, the sides of its maps, a unit of its first layer, and its counts."""

from collections.abc import Sequence

import numpy as np
import torch

from cnnviz.engine.local import Classification
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.layer_proofs import size_formula
from cnnviz.zoo import anatomy


def answer_proofs(answer: Classification) -> tuple[Proof, Proof]:
    """The first probability by the definition of softmax, and the sum of all of them."""
    logits = answer.logits.astype(np.float64)
    largest, total = float(logits.max()), float(np.exp(logits).sum())
    by_torch = torch.from_numpy(answer.logits.copy()).softmax(0)
    return (
        Proof(
            _("Probability of {name}").format(name=answer.names[0]),
            rf"\frac{{e^{{z_1}}}}{{\sum_c e^{{z_c}}}} = \frac{{e^{{{largest:.3f}}}}}{{{total:.5g}}}",
            float(np.exp(largest)) / total,
            measured=answer.probabilities[0],
            tolerance=1e-4,
        ),
        Proof(
            _("All {classes} probabilities together").format(classes=f"{len(logits):,}"),
            r"\sum_{c} \frac{e^{z_c}}{\sum_k e^{z_k}}",
            1.0,
            measured=float(by_torch.sum()),
            tolerance=1e-5,
        ),
    )


def side_proof(stage: str, index: int, cost: anatomy.StageCost, measured: int | None) -> Proof:
    """Cells along one side of a stage's maps, by the layer of the stage that sets them.

    Args:
        stage: its name in the reader's language; `index` is its place in the network.
        measured: the side of the maps on screen, if there are any.
    """
    step = cost.step
    assert step is not None, "only the dense layer has none"
    return Proof(
        _("Side of a map of “{stage}”").format(stage=stage),
        size_formula(step.input_size, step.padding, step.kernel_size, step.stride, 1),
        step.output_size,
        measured=measured,
        published=anatomy.PAPER_SIDES[index] if index < len(anatomy.PAPER_SIDES) else None,
        source=anatomy.SIDES_SOURCE,
    )


def unit_proof(unit: anatomy.Unit, channel: int, at: tuple[int, int], measured: float) -> Proof:
    """What one unit of the first layer answers, from its patch of the photo."""
    name = _("Kernel {number} at row {row}, column {column}: 27 products, batch normalisation, ReLU6")
    share = rf"\tfrac{{{unit.total:.3f} - ({unit.mean:.3f})}}{{{unit.deviation:.3f}}}"
    return Proof(
        name.format(number=channel + 1, row=at[0] + 1, column=at[1] + 1),
        rf"\mathrm{{ReLU6}}\big({unit.scale:.3f} \cdot {share} + ({unit.shift:.3f})\big)",
        unit.value,
        measured=measured,
        tolerance=5e-3,
    )


def count_proofs(costs: Sequence[anatomy.StageCost], parameters: int, macs: int) -> tuple[Proof, Proof]:
    """Parameters and multiply–accumulates of the whole network, stage by stage."""
    weights = r"k^2 \tfrac{C_\text{in}}{g} C_\text{out}"
    stored = " + ".join(f"{cost.parameters:,}".replace(",", "{,}") for cost in costs)
    computed = " + ".join(f"{cost.macs / 1e6:.1f}" for cost in costs)
    return (
        Proof(
            _("Parameters"),
            rf"\sum ({weights} + 2 C_\text{{out}}) = {stored}",
            sum(cost.parameters for cost in costs),
            measured=parameters,
            published=anatomy.PUBLISHED_PARAMETERS,
            source=anatomy.PARAMETERS_SOURCE,
        ),
        Proof(
            _("Multiply–accumulates"),
            rf"\sum {weights}\, h\, w = ({computed}) \cdot 10^6",
            sum(cost.macs for cost in costs),
            measured=macs,
            published=anatomy.PUBLISHED_MACS,
            source=anatomy.MACS_SOURCE,
            why=_("The authors round to millions, and don't say what they count besides these layers."),
        ),
    )
