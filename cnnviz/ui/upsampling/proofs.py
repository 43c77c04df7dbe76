"""What vouches for the operators: on a grid, on a photo, on a feature map, and for a way back from pooling."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from cnnviz.layers.convolution import Floats
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.upsampling.panels import Panel, Seen, size_formula
from cnnviz.upsampling.quality import Quality
from cnnviz.upsampling.unpooling import RoundTrip

_TERMS, _LISTED = 9, 6
_DOCUMENTED = {
    "nearest": ("[1, 1, 2, 2]", "torch.nn.Upsample"),
    "bilinear": ("[1, 1.25, 1.75, 2]", "torch.nn.Upsample"),
    "bilinear_corners": ("[1, 1.333, 1.667, 2]", "torch.nn.Upsample"),
}
"""First row of [[1, 2], [3, 4]] made twice as large, as the documentation prints it."""
_EXAMPLE = np.arange(1.0, 17.0).reshape(1, 4, 4)
_MAXIMA, _FIRST_INDEX = "[6, 8, 14, 16]", 5


def _listed(values: Sequence[float]) -> str:
    """The first numbers of a list, of four digits each.

    >>> _listed([1.0, 4 / 3, -0.0])
    '[1, 1.333, 0]'
    """
    shown = [f"{round(float(value), 9) + 0.0:.4g}" for value in values[:_LISTED]]
    return "[" + ", ".join([*shown, *["…"] * (len(values) > _LISTED)]) + "]"


def _sum(terms: list[tuple[float, float]]) -> str:
    """LaTeX of a weighted sum with its numbers."""
    if not terms:
        return "0"
    shown = [rf"{weight:.4g} \cdot {_bracketed(value)}" for weight, value in terms[:_TERMS]]
    return " + ".join(shown).replace("+ -", "- ") + (r" + \dots" if len(terms) > _TERMS else "")


def _bracketed(value: float) -> str:
    return f"({value:.4g})" if value < 0 else f"{value:.4g}"


def grid_proofs(panel: Panel, seen: Seen, cell: tuple[int, int]) -> list[Proof]:
    """The cell under the cursor, its row, and the size of the output."""
    given = torch.from_numpy(seen.run.input)[None]
    with torch.inference_mode():
        measured = panel.operator.reference(given, panel.settings)[0, 0].numpy()
    ours, (row, column) = seen.run.output[0], cell
    terms = seen.terms(row, column)
    formula, side = size_formula(panel, seen.weights.shape[2])
    documented = row == 0 and np.array_equal(seen.run.input, [[[1, 2], [3, 4]]]) and side == 4
    published = _DOCUMENTED.get(panel.id) if documented else None
    return [
        Proof(
            _("Row {row}, column {column}, as a sum of input cells").format(row=row + 1, column=column + 1),
            _sum(terms),
            float(f"{sum(weight * value for weight, value in terms):.6g}"),
            measured=float(f"{measured[cell]:.6g}"),
            tolerance=1e-5,
        ),
        Proof(
            _("Row {row}, by our own implementation").format(row=row + 1),
            rf"y_{{{row},\cdot}}",
            _listed(ours[row].tolist()),
            measured=_listed(measured[row].tolist()),
            published=published[0] if published else None,
            source=published[1] if published else "",
        ),
        Proof(_("Output height"), formula, side, measured=measured.shape[0]),
    ]


def photo_proof(error: float, torch_error: float, measured: Quality) -> Proof:
    """PSNR from the mean squared error by its definition and by PyTorch; scikit-image's is named beside them."""
    return Proof(
        _("PSNR in dB; by scikit-image {psnr}").format(psnr=f"{measured.psnr:.4g}"),
        rf"10 \log_{{10}} \frac{{1^2}}{{{error:.4g}}}",
        -10 * float(np.log10(error)),
        measured=-10 * float(np.log10(torch_error)),
        tolerance=1e-6,
    )


def side_proof(panel: Panel, side: int, output: Floats) -> Proof:
    """Height of what comes out for a map of height `side`."""
    formula, computed = size_formula(panel, side)
    return Proof(_("Output height"), formula, computed, measured=output.shape[1])


def unpooling_proofs(trip: RoundTrip, size: int, stride: int) -> list[Proof]:
    """The maxima, the first one's index by its formula, and the height that max_unpool2d takes by default."""
    x = torch.from_numpy(trip.input)
    pooled, indices = F.max_pool2d(x, size, stride, return_indices=True)
    first, width = int(indices.flatten()[0]), x.shape[2]
    row, column = divmod(first, width)
    top, left, bottom, right = trip.arrows[0].box
    best = divmod(int(trip.input[0, top:bottom, left:right].argmax()), right - left)
    example = np.array_equal(trip.input, _EXAMPLE) and size == stride == 2
    height = pooled.shape[1]
    return [
        Proof(
            _("Maxima of the windows"),
            r"\max_{(a,b) \in W_{ij}} x_{ab}",
            _listed(trip.pooled.ravel().tolist()),
            measured=_listed(pooled.flatten().tolist()),
            published=_MAXIMA if example else None,
            source="torch.nn.MaxUnpool2d",
        ),
        Proof(
            _("Index of the first maximum: row · width + column"),
            rf"{row} \cdot {width} + {column}",
            (top + best[0]) * width + left + best[1],
            measured=first,
            published=_FIRST_INDEX if example else None,
            source="torch.nn.MaxUnpool2d",
        ),
        Proof(
            _("Height that max_unpool2d takes where none is given"),
            rf"({height}-1) \cdot {stride} + {size}",
            (height - 1) * stride + size,
            measured=F.max_unpool2d(pooled, torch.zeros_like(indices), [size, size], [stride, stride]).shape[
                1
            ],
        ),
    ]
