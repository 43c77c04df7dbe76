"""EfficientNet's compound scaling: depth, width and resolution together."""

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.figures.zoo import Row, ScalingLabels, scaling_figure, short
from cnnviz.figures.zoo import table as html_table
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.zoo import data
from cnnviz.ui.zoo.data import Scaled
from cnnviz.zoo.efficientnet_scaling import (
    ALPHA,
    BASE_RESOLUTION,
    BETA,
    GAMMA,
    VARIANTS,
    Scaling,
    compound,
    doubling,
)
from cnnviz.zoo.history import accuracy
from cnnviz.zoo.history_code import scaling_code
from cnnviz.zoo.sizes import size

CLOSE = 0.05
"""How far α·β²·γ² may be from 2 and still count as about 2; the authors' own is 4 % below."""
EQUATION = "eq3"


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        sources = {EQUATION: "α, β, γ, φ"} | {name: name[-2:].upper() for name in VARIANTS}
        source = lesson.choice(
            "from",
            _("Multipliers"),
            sources,
            EQUATION,
            kind="pills",
            help=_("By the equation, or as the published B0–B7 have them, which are rounded."),
        )
        fixed = source != EQUATION
        phi = lesson.slider("phi", "φ", 0, 7, 1, disabled=fixed)
        alpha = lesson.fraction("al", _("α, depth"), 1.0, 2.0, ALPHA, disabled=fixed)
        beta = lesson.fraction("be", _("β, width"), 1.0, 1.5, BETA, disabled=fixed)
        gamma = lesson.fraction("ga", _("γ, resolution"), 1.0, 1.5, GAMMA, disabled=fixed)
    wanted = None
    with stage:
        try:
            wanted = VARIANTS[source] if fixed else compound(phi, alpha, beta, gamma)
            found = data.scaling(wanted)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            if not fixed:
                _constraint(alpha, beta, gamma)
            if fixed or _ask(lesson, phi, alpha, beta, gamma):
                _results(lesson, wanted, found, None if fixed else (alpha, beta, gamma))
                lesson.prove(*_proofs(wanted, found, source))
    lesson.section("scaling")
    if wanted is not None:
        lesson.code(scaling_code(wanted))


def _constraint(alpha: float, beta: float, gamma: float) -> None:
    """Whether α·β²·γ² is about 2."""
    product = doubling(alpha, beta, gamma)
    met = abs(product / 2 - 1) <= CLOSE
    yes, no = _("met"), _("not met")
    badge = f":green-badge[:material/check: {yes}]" if met else f":orange-badge[:material/info: {no}]"
    st.markdown(
        rf"$\alpha\,\beta^2\,\gamma^2 = {alpha:g} \cdot {beta:g}^2 \cdot {gamma:g}^2 = {product:.3f} \approx 2$ {badge}"
    )


def _ask(lesson: LessonPage, phi: int, alpha: float, beta: float, gamma: float) -> bool:
    factors = {
        "depth": alpha**phi,
        "parameters": (alpha * beta**2) ** phi,
        "linear": (alpha * beta * gamma) ** phi,
        "macs": doubling(alpha, beta, gamma) ** phi,
    }
    texts = {f"{value:.2f}": name for name, value in factors.items()}
    options = {name: f"× {text}" for text, name in sorted(texts.items(), key=lambda item: float(item[0]))}
    return lesson.predict(
        _("By what factor do the multiply–accumulates grow, by the equation?"),
        "macs",
        why=rf"$(\alpha\,\beta^2\,\gamma^2)^\varphi = {doubling(alpha, beta, gamma):.3f}^{{{phi}}} = {factors['macs']:.2f}$",
        options=options,
        redraw=["phi"],
        accept=lambda drawn: drawn["phi"] > 0,
    )


def _results(
    lesson: LessonPage, wanted: Scaling, found: Scaled, bases: tuple[float, float, float] | None
) -> None:
    macs, parameters = _("Multiply–accumulates"), _("Parameters")
    base = data.scaling(VARIANTS["efficientnet_b0"])
    along = [
        (base.macs * doubling(*used) ** step, base.parameters * (used[0] * used[1] ** 2) ** step)
        for used in [bases or (ALPHA, BETA, GAMMA)]
        for step in (0, 7)
    ]
    variants = {name[-2:].upper(): (size(name).macs, size(name).parameters) for name in VARIANTS}
    labels = ScalingLabels(parameters, macs, _("Your network"), _("By the equation"))
    alt = _(
        "Your network has {parameters} parameters and {macs} multiply–accumulates; B0 has {b0_parameters} and {b0_macs}, B7 {b7_parameters} and {b7_macs}."
    ).format(
        parameters=short(found.parameters),
        macs=short(found.macs),
        b0_parameters=short(variants["B0"][1]),
        b0_macs=short(variants["B0"][0]),
        b7_parameters=short(variants["B7"][1]),
        b7_macs=short(variants["B7"][0]),
    )
    with lesson.card():
        lesson.figure(
            scaling_figure(variants, (found.macs, found.parameters), along, labels), alt, name="scaling"
        )
    own = (labels.own, wanted, found.parameters, found.macs, None)
    published = [
        (f"EfficientNet-{name[-2:].upper()}", VARIANTS[name], size(name).parameters, size(name).macs, name)
        for name in VARIANTS
    ]
    rows = []
    for title, each, stored, computed, name in [own, *published]:
        known = accuracy(name) if name else None
        rows.append(
            Row(
                (
                    title,
                    f"{each.depth:.3g}",
                    f"{each.width:.3g}",
                    str(each.resolution),
                    short(stored),
                    short(computed),
                    f"{known.top1:.2f} %" if known else "–",
                ),
                "" if name else "chosen",
            )
        )
    headings = ("", _("Depth ×"), _("Width ×"), _("Image, px"), parameters, "MAC", "top-1")
    st.html(html_table(_("Your network and B0–B7"), headings, rows))


def _proofs(wanted: Scaling, found: Scaled, source: str) -> list[Proof]:
    base, measured = data.scaling(VARIANTS["efficientnet_b0"]), data.scaling_measured(wanted)
    depth, width = f"{wanted.depth:.4g}", f"{wanted.width:.4g}"
    side = rf"({wanted.resolution}/{BASE_RESOLUTION})^2"
    why = _(
        "Layers are rounded up and channels to eights; depthwise layers grow with w, not w², and the dense layer not with d."
    )
    proofs = [
        Proof(
            _("Multiply–accumulates, by the equation"),
            rf"{base.macs:,} \cdot {depth} \cdot {width}^2 \cdot {side}".replace(",", "{,}"),
            found.predicted_macs,
            measured.macs,
            why=why if found.macs != found.predicted_macs else "",
        ),
        Proof(
            _("Parameters, by the equation"),
            rf"{base.parameters:,} \cdot {depth} \cdot {width}^2".replace(",", "{,}"),
            found.predicted_parameters,
            measured.parameters,
            why=why if found.parameters != found.predicted_parameters else "",
        ),
    ]
    if source != EQUATION:
        proofs.append(
            Proof(
                _("Parameters of EfficientNet-{variant}, counted").format(variant=source[-2:].upper()),
                r"\textstyle\sum_l P_l",
                found.parameters,
                data.measured(source).parameters,
                size(source).parameters,
                "torchvision",
            )
        )
    return proofs
