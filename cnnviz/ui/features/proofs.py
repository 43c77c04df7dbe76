"""What vouches for a kernel's answer to a patch, and for a cell that sees nothing outside its field."""

import numpy as np

from cnnviz.explain.attribution.exciting import first_convolution, window
from cnnviz.explain.traced_field import StageField
from cnnviz.proof import Proof
from cnnviz.ui.explaining import Case
from cnnviz.ui.language import _
from cnnviz.zoo.card import Box

TOLERANCE = 2e-4
"""PyTorch adds up in float32, in another order."""


def kernel_proofs(
    case: Case, layer: StageField, channel: int, cell: tuple[int, int], measured: float
) -> tuple[Proof, ...]:
    """One cell of the first convolution: products added up, and the same by lengths and an angle."""
    module = first_convolution(case.subject.network)[1]
    weight = module.weight[channel].detach().cpu().numpy().astype(np.float64)
    bias = 0.0 if module.bias is None else float(module.bias[channel])
    given = window(case.picture, layer, cell)
    products = weight * given
    total = float(products.sum())
    lengths = float(np.linalg.norm(weight)), float(np.linalg.norm(given))
    cosine = total / (lengths[0] * lengths[1]) if all(lengths) else 0.0
    place = {"row": cell[0] + 1, "column": cell[1] + 1}
    added = f" + ({bias:.3f})" if bias else ""
    name = _("Answer at row {row}, column {column}: {count} products, added up")
    parts = " + ".join(f"({part:.3f})" for part in products.sum((1, 2)))
    return (
        Proof(
            name.format(count=products.size, **place),
            rf"\sum_{{c,i,j}} w_{{cij}}\, x_{{cij}} = {parts}{added}",
            total + bias,
            measured=measured,
            tolerance=TOLERANCE,
        ),
        Proof(
            _("The same by lengths and the angle between kernel and patch"),
            rf"\lVert w \rVert \, \lVert x \rVert \cos\theta = "
            rf"{lengths[0]:.3f} \cdot {lengths[1]:.3f} \cdot {cosine:.4f}{added}",
            lengths[0] * lengths[1] * cosine + bias,
            measured=measured,
            tolerance=TOLERANCE,
        ),
    )


def covered_proof(channel: int, cell: tuple[int, int], box: Box, value: float, alone: float) -> Proof:
    """The answer of a cell to the whole photo, and to its field alone.

    Args:
        box: the field, (left, top, right, bottom).
        value, alone: the two answers.
    """
    left, top, right, bottom = box
    name = _(
        "Answer of row {row}, column {column} with everything outside rows {top}–{bottom}, columns {left}–{right} covered"
    )
    return Proof(
        name.format(
            row=cell[0] + 1, column=cell[1] + 1, top=top, bottom=bottom - 1, left=left, right=right - 1
        ),
        rf"A^{{{channel + 1}}}_{{{cell[0] + 1},{cell[1] + 1}}}(x) = A\big(m \odot x + (1 - m) \odot g\big)",
        value,
        measured=alone,
        tolerance=TOLERANCE,
    )
