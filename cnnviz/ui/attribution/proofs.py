"""What vouches for the maps: slopes, sums, counts, and CAM beside Grad-CAM."""

import numpy as np

from cnnviz.explain.attribution.cam import CamProof
from cnnviz.explain.attribution.gradients import IntegratedGradients
from cnnviz.explain.attribution.occlusion import Occlusion
from cnnviz.explain.attribution.results import Attribution
from cnnviz.explain.traced_field import StageField
from cnnviz.proof import Proof
from cnnviz.ui.language import _


def slope_proof(saliency: Attribution, measured: float) -> Proof:
    """The gradient's length, and how fast the logit really rises along it."""
    length = float(np.linalg.norm(saliency.values.astype(np.float64)))
    return Proof(
        _("How steeply the logit rises along the gradient"),
        r"\lVert g \rVert = \Big(\textstyle\sum_i (\partial S / \partial x_i)^2\Big)^{1/2}",
        length,
        measured=measured,
        why=_("Measured without a derivative: the photo is moved by 0.001 along the gradient, and back."),
        tolerance=0.03,
    )


def cam_proof(cam: Attribution) -> Proof:
    """The logit from the class activation map."""
    assert cam.score is not None
    assert cam.bias is not None
    mean = float(cam.map.mean(dtype=np.float64))
    return Proof(
        _("Logit, from the class activation map"),
        rf"\frac{{1}}{{{cam.map.size}}} \sum_{{ij}} M_{{ij}} + b = {mean:.4f} + ({cam.bias:.4f})",
        mean + cam.bias,
        measured=cam.score,
        tolerance=1e-3,
    )


def sum_proof(found: Attribution, settings: IntegratedGradients) -> Proof:
    """Completeness: what the attributions must add up to, and what they do."""
    assert found.score is not None
    assert found.baseline_score is not None
    return Proof(
        _("Sum of all attributions, {steps} steps").format(steps=settings.steps),
        rf"S(x) - S(x') = {found.score:.4f} - ({found.baseline_score:.4f})",
        found.score - found.baseline_score,
        measured=found.sum,
        why=_("A sum over {steps} steps comes near the integral, and is not the integral.").format(
            steps=settings.steps
        ),
        tolerance=0.02,
    )


def product_proof(found: Attribution, score: float, middle: float) -> Proof:
    """Gradient × input does not add up."""
    return Proof(
        _("Sum of all attributions"),
        r"\sum_i x_i \, \frac{\partial S}{\partial x_i}",
        found.sum,
        measured=score - middle,
        why=_(
            "PyTorch's number is S(x) − S(0), where 0 is a mid-grey picture. They would agree if the network were "
            "linear. It isn't, and that is what integrated gradients mends."
        ),
        tolerance=1e-3,
    )


def windows_proof(found: Attribution, settings: Occlusion, side: int) -> Proof:
    """How many windows occlusion covers."""
    assert found.drops is not None
    rows = len(settings.starts(side))
    gap = max(0, side - settings.window)
    return Proof(
        _("Windows, and passes through the network"),
        rf"\Big(\Big\lceil \tfrac{{{side} - {settings.window}}}{{{settings.stride}}} \Big\rceil + 1\Big)^2"
        rf" = ({-(-gap // settings.stride)} + 1)^2",
        rows * rows,
        measured=found.drops.size,
    )


def side_proof(layer: StageField, side: int, measured: int) -> Proof | None:
    """Cells along a side of a class activation map; None where they are not evenly spaced."""
    if layer.stride is None:
        return None
    stride = layer.stride[0]
    return Proof(
        _("Cells along one side of the map"),
        rf"\lceil {side} / {stride} \rceil",
        -(-side // stride),
        measured=measured,
    )


def noise_proof(sigma: float, noise: float, low: float, high: float, measured: float) -> Proof:
    """SmoothGrad's standard deviation."""
    return Proof(
        _("Standard deviation of the noise"),
        rf"\sigma = {noise:g} \cdot ({high:.3f} - ({low:.3f}))",
        sigma,
        measured=measured,
        tolerance=0.02,
    )


def cam_proofs(proof: CamProof) -> tuple[Proof, ...]:
    """CAM is Grad-CAM times the number of cells, and its mean is the logit."""
    rows, columns = proof.cam.shape
    mean = float(proof.cam.mean(dtype=np.float64))
    return (
        Proof(
            _("CAM by hand, divided by Grad-CAM before its ReLU"),
            rf"Z = {rows} \cdot {columns}",
            proof.cells,
            measured=proof.measured_factor,
            tolerance=1e-3,
        ),
        Proof(
            _("Strongest cell of CAM"),
            rf"Z \cdot L_{{\max}} = {proof.cells} \cdot {float(proof.grad_cam.max()):.5f}",
            proof.cells * float(proof.grad_cam.max()),
            measured=float(proof.cam.max()),
            tolerance=1e-3,
        ),
        Proof(
            _("Logit, from the class activation map"),
            rf"\frac{{1}}{{Z}} \sum_{{ij}} M_{{ij}} + b = {mean:.4f} + ({proof.bias:.4f})",
            mean + proof.bias,
            measured=proof.score,
            tolerance=1e-3,
        ),
    )
