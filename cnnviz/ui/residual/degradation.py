"""Degradation, live: plain and residual networks of two depths trained side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from torch import nn
from torchvision.models import ResNet18_Weights, ResNet34_Weights

from cnnviz.blocks.small_resnet import SmallResNet, parameters, parameters_formula
from cnnviz.errors import CnnvizError
from cnnviz.figures.degradation import CurveLabels, curves_figure
from cnnviz.figures.zoo import Row, table
from cnnviz.proof import Proof
from cnnviz.training.degradation import NETWORKS, Point, Setup, Snapshot, train
from cnnviz.training.degradation_code import training_code
from cnnviz.training.pictures import pictures
from cnnviz.ui import training
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.residual import runs
from cnnviz.ui.residual.runs import NAMES, Shown

PAPER = {"plain-18": 27.94, "plain-34": 28.54, "ResNet-18": 27.88, "ResNet-34": 25.03}
"""Top-1 error on ImageNet, per cent, 10 crops: He et al., arXiv 1512.03385, Table 2."""
SIZES = {20: 0.27e6, 56: 0.85e6}
"""Parameters by depth, at width 16: the same, Table 6."""
_PAPER_WIDTH = 16

Curves = Mapping[str, Sequence[Point]]


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        runs.choose(lesson)
    source = ""
    with stage:
        try:
            setup = runs.setup(lesson)
        except CnnvizError as error:
            lesson.problem(error)
        else:
            shown = runs.shown(lesson, setup.networks)
            if _ask(lesson, setup, shown):
                with lesson.card():
                    _train(lesson, setup)
                lesson.prove(*_proofs(setup))
            source = training_code(setup, len(pictures(setup.pictures).classes))
    lesson.section("degradation")
    lesson.section("degradation-paper")
    _published()
    if source:
        lesson.code(source)


def _ask(lesson: LessonPage, setup: Setup, shown: Shown) -> bool:
    if len(setup.networks) < 2:
        return True
    ends = {name: shown.run.curves[name][-1] for name in setup.networks}
    worst = max(ends, key=lambda name: (ends[name].train_error, ends[name].test_error))
    told = ", ".join(f"{NAMES[name]} {point.train_error:.1%}" for name, point in ends.items())
    return lesson.predict(
        _(
            "These networks are trained on the same batches for {steps} steps. Which one ends with the highest error "
            "on the pictures that it was trained on?"
        ).format(steps=shown.setup.steps),
        worst,
        why=_("Training errors at the end: {errors}. {run}").format(errors=told, run=shown.told),
        options={name: NAMES[name] for name in setup.networks},
        redraw=["pic", "p20", "r20", "p56", "r56"],
        accept=lambda drawn: sum(drawn[name] for name in ("p20", "r20", "p56", "r56")) > 1,
    )


def _train(lesson: LessonPage, setup: Setup) -> None:
    def show(snapshot: Snapshot | None) -> None:
        if snapshot is None:
            kept = runs.shipped(setup.pictures)
            st.caption(kept.told)
            curves: Curves = {name: kept.run.curves[name] for name in setup.networks}
        else:
            curves = snapshot.curves
        _figures(lesson, curves)
        st.html(table(_("Errors at the end of the curves"), _head(), _rows(curves), words=(0,)))

    training.train(lesson, lambda: train(setup), setup, show)


def _figures(lesson: LessonPage, curves: Curves) -> None:
    words = CurveLabels(
        _("training step"), _("error"), _("{network}, test pictures"), _("{network}, training pictures")
    )
    kinds = {False: _("Plain"), True: _("Residual")}
    parts = {
        kind: {NAMES[name]: points for name, points in curves.items() if NETWORKS[name][1] is kind}
        for kind in kinds
    }
    drawn = [kind for kind, part in parts.items() if part]
    for kind, column in zip(drawn, st.columns(len(drawn)), strict=True):
        with column:
            st.markdown(f"**{kinds[kind]}**")
            deepest = {NAMES[name] for name, (depth, _residual) in NETWORKS.items() if depth == 56}
            figure = curves_figure(parts[kind], deepest, words)
            lesson.figure(figure, _alt(parts[kind]), name="residual" if kind else "plain")
    st.caption(_("Whole lines: test pictures. Dotted lines: the pictures that the network learns from."))


def _alt(curves: Curves) -> str:
    told = "; ".join(
        _("{network}: training {first} → {last}, test {before} → {after}").format(
            network=name,
            first=f"{points[0].train_error:.1%}",
            last=f"{points[-1].train_error:.1%}",
            before=f"{points[0].test_error:.1%}",
            after=f"{points[-1].test_error:.1%}",
        )
        for name, points in curves.items()
    )
    return _("Errors from step 0 to step {step}. {errors}.").format(
        step=max(points[-1].step for points in curves.values()), errors=told
    )


def _head() -> list[str]:
    return [_("Network"), _("Step"), _("Training error"), _("Test error"), _("56 layers against 20")]


def _rows(curves: Curves) -> list[Row]:
    """The ends of the curves; behind the deeper of two its training error less the shallower one's."""
    rows = []
    for name in (name for name in NETWORKS if name in curves):
        end, shallow = curves[name][-1], curves.get(name.replace("56", "20"))
        more = ""
        if shallow is not None and name.endswith("56") and shallow[-1].step == end.step:
            points = 100 * (end.train_error - shallow[-1].train_error)
            more = _("{points} points").format(points=f"{points:+.1f}".replace("-", "−"))
        rows.append(
            Row((NAMES[name], str(end.step), f"{end.train_error:.1%}", f"{end.test_error:.1%}", more))
        )
    return rows


def _proofs(setup: Setup) -> list[Proof]:
    classes = len(pictures(setup.pictures).classes)
    proofs = []
    for depth in sorted({NETWORKS[name][0] for name in setup.networks}):
        (weighted, plain), (_same, residual) = (
            _counted(depth, setup.width, classes, residual) for residual in (False, True)
        )
        blocks = (depth - 2) // 6
        names = f"plain-{depth}", f"ResNet-{depth}"
        formula = parameters_formula(depth, setup.width, classes)
        expected = parameters(depth, setup.width, classes)
        proofs += [
            Proof(_("Layers with weights in {network}").format(network=names[0]), rf"6 \cdot {blocks} + 2", 6 * blocks + 2,
                  measured=weighted, published=depth, source="He et al., arXiv 1512.03385, § 4.2"),
            Proof(_("Parameters of {network}").format(network=names[0]), formula, expected, measured=plain),
            Proof(_("Parameters of {network}").format(network=names[1]), formula, expected, measured=residual,
                  why=_("The same: shortcuts of zeros have nothing to learn.")),
        ]  # fmt: skip
        if setup.width == _PAPER_WIDTH:
            proofs.append(
                Proof(_("Parameters at the paper's width, {network}").format(network=names[1]), formula, expected,
                      published=SIZES[depth], source="He et al., arXiv 1512.03385, Table 6", tolerance=0.01,
                      why=_("The paper rounds, and its first convolution sees three channels, not one."))
            )  # fmt: skip
    fall = PAPER["plain-34"] - PAPER["ResNet-34"]
    proofs.append(
        Proof(_("On ImageNet: points of top-1 error that plain-34 loses with shortcuts"),
              rf"{PAPER['plain-34']} - {PAPER['ResNet-34']}", round(fall, 2),
              published=3.5, source="He et al., arXiv 1512.03385, § 4.1", tolerance=0.01, why=_("The paper rounds."))
    )  # fmt: skip
    return proofs


@st.cache_data(max_entries=256, show_spinner=False)
def _counted(depth: int, width: int, classes: int, residual: bool) -> tuple[int, int]:
    """Layers with weights, and parameters, that PyTorch has."""
    network = SmallResNet(depth, width, classes, residual)
    layers = sum(isinstance(part, nn.Conv2d | nn.Linear) for part in network.modules())
    return layers, sum(each.numel() for each in network.parameters())


def _published() -> None:
    """The paper's table, and what torchvision's own training of the same residual networks says."""
    own = {"ResNet-18": ResNet18_Weights, "ResNet-34": ResNet34_Weights}

    def one_crop(name: str) -> str:
        if name not in own:
            return "–"
        meta: dict[str, Any] = own[name].IMAGENET1K_V1.meta
        return f"{100 - meta['_metrics']['ImageNet-1K']['acc@1']:.2f}%"

    rows = [Row((name, f"{error:.2f}%", one_crop(name)), "") for name, error in PAPER.items()]
    head = [
        _("Network"),
        _("He et al., Table 2: top-1 error, 10 crops"),
        _("torchvision's weights: top-1 error, 1 crop"),
    ]
    st.html(table(_("Top-1 errors on the ImageNet validation set"), head, rows))
