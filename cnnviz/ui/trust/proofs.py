"""What vouches for a rank correlation, for random weights, for areas under curves and for erased patches."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.explain.attribution.cascade import RankCorrelation
from cnnviz.explain.attribution.insertion_deletion import Curves
from cnnviz.explain.attribution.occlusion import Erased
from cnnviz.proof import Proof
from cnnviz.ui.language import _


def correlation_proof(size: int, found: RankCorrelation, measured: float) -> Proof:
    """Spearman's rank correlation of two maps of `size` values, where it is defined."""
    assert found.value is not None
    return Proof(
        _("Rank correlation of the two maps, {count} values each").format(count=f"{size:,}"),
        r"\frac{\operatorname{cov}(R, R')}{\sigma_R \, \sigma_{R'}} = "
        rf"\frac{{{_tex(found.covariance)}}}{{{_tex(found.first)} \cdot {_tex(found.second)}}}",
        found.value,
        measured=measured,
        tolerance=1e-6,
    )


def by_torch(first: NDArray[Any], other: NDArray[Any]) -> float:
    """Spearman's rank correlation, ranks and all by PyTorch; NaN where it is undefined."""
    ranks = [_ranks(torch.from_numpy(values.copy())) for values in (first, other)]
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])


def _ranks(values: Tensor) -> Tensor:
    """How many values are smaller, and half of those that are equal."""
    flat = values.flatten()
    ordered = flat.sort().values
    below, up_to = (torch.searchsorted(ordered, flat, right=right) for right in (False, True))
    return (below + up_to).double() / 2


def _tex(value: float) -> str:
    return f"{value:.5g}" if abs(value) < 1e5 else rf"{value / 1e6:.4f} \cdot 10^6"


def weights_proof(network: nn.Module, seed: int) -> Proof:
    """The spread of the random weights that the last layer gets."""
    last = [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
    fan_in = last.weight[0].numel()
    drawn = torch.randn(last.weight.shape, generator=torch.Generator().manual_seed(seed))
    return Proof(
        _("Standard deviation of the last layer's random weights"),
        rf"\sigma = \frac{{1}}{{\sqrt{{\text{{fan-in}}}}}} = \frac{{1}}{{\sqrt{{{fan_in}}}}}",
        1 / math.sqrt(fan_in),
        measured=float((drawn / math.sqrt(fan_in)).std()),
        why=_(
            "{count} weights were drawn: their spread is nearly, not exactly, the one they were drawn from."
        ).format(count=f"{last.weight.numel():,}"),
        tolerance=0.01,
    )


def area_proof(title: str, curve: NDArray[np.float64], shares: NDArray[np.float64]) -> Proof:
    """The area under a curve, by the trapezoidal rule."""
    n = len(curve) - 1
    inner = float(curve[1:-1].sum())
    return Proof(
        title,
        rf"\frac{{1}}{{{n}}} \Big( \frac{{p_0 + p_{{{n}}}}}{{2}} + \sum_{{i=1}}^{{{n - 1}}} p_i \Big) = "
        rf"\frac{{1}}{{{n}}} \Big( \frac{{{curve[0]:.4f} + {curve[-1]:.4f}}}{{2}} + {inner:.4f} \Big)",
        ((curve[0] + curve[-1]) / 2 + inner) / n,
        measured=float(torch.trapezoid(torch.from_numpy(curve.copy()), torch.from_numpy(shares.copy()))),
        tolerance=1e-3,
    )


def ends_proof(curves: Curves) -> Proof:
    """Nothing deleted is everything inserted: the photo."""
    return Proof(
        _("Probability with no pixel deleted, and with all inserted"),
        rf"p^{{\text{{del}}}}_0 = p^{{\text{{ins}}}}_{{{len(curves.shares) - 1}}}",
        float(curves.deletion[0]),
        measured=float(curves.insertion[-1]),
        tolerance=1e-3,
    )


def erased_proof(erased: Erased, target: int, drop: float | None) -> Proof:
    """How far the logit falls, against what occlusion found for the same window.

    Args:
        drop: occlusion's; None where it hasn't come to this window, or there is none: then PyTorch's own.
    """
    before, after = float(erased.logits[target]), float(erased.erased_logits[target])
    name = _("Fall of the logit") if drop is None else _("Fall of the logit, against occlusion's own run")
    difference = torch.from_numpy(erased.logits - erased.erased_logits)[target]
    return Proof(
        name,
        rf"S(x) - S(x \setminus w) = {before:.4f} - ({after:.4f})",
        before - after,
        measured=float(difference) if drop is None else drop,
        tolerance=max(1e-4, 2e-4 / max(abs(before - after), 1e-9)),
    )


def softmax_proof(erased: Erased, target: int) -> Proof:
    """What the fall of the logit makes of the probability."""
    logits = erased.erased_logits.astype(np.float64)
    top, total = float(logits[target]), float(np.exp(logits).sum())
    return Proof(
        _("Probability after erasing"),
        rf"\frac{{e^{{z_t}}}}{{\sum_c e^{{z_c}}}} = \frac{{e^{{{top:.3f}}}}}{{{total:.5g}}}",
        math.exp(top) / total,
        measured=float(erased.erased_probabilities[target]),
        tolerance=1e-4,
    )
