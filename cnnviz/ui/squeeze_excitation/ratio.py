"""Last view: what the reduction ratio costs, and what it buys."""

from collections.abc import Mapping
from functools import partial
from statistics import mean, stdev
from typing import Any

import streamlit as st
import torch

from cnnviz.blocks.small_se_resnet import WIDTHS
from cnnviz.blocks.squeeze_excite import SqueezeExcite, excitation_parameters
from cnnviz.errors import WeightsError
from cnnviz.figures.squeeze_excitation import RatioWords, ratio_figure
from cnnviz.figures.zoo import Row, table
from cnnviz.proof import Proof
from cnnviz.training import se_resnet
from cnnviz.training.se_resnet import PLAIN, Run
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.zoo.counting import build_on_meta
from cnnviz.zoo.se_resnet import OUTPUTS, SEResNet50, excitation_weights
from cnnviz.zoo.se_resnet_code import ratio_code

PAPER = "arXiv 1709.01507, § 4"
_LARGEST = 6
"""log₂ of the largest r on the slider."""


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        r = 2 ** lesson.slider(
            "log", _("Reduction: r = 2 to the power of"), 0, _LARGEST, 4,
            help=_("The paper's r is 16, the fourth power."),
        )  # fmt: skip
        st.markdown(f"**r = {r}**")
        names = {str(outputs): str(outputs) for outputs, _blocks in OUTPUTS}
        channels = int(lesson.choice("C", _("Channels of one block"), names, "256", kind="list"))
        bias = lesson.toggle("bias", _("The dense layers have biases"))
    with stage:
        if _ask(lesson, r, channels):
            with lesson.card():
                _table(r, bias)
        lesson.prove(*_proofs(r, channels, bias))
    lesson.section("cost")
    lesson.section("accuracy")
    try:
        _accuracy(lesson, str(r))
    except WeightsError as error:
        lesson.problem(error)
    lesson.code(ratio_code(r, channels, bias))


def _ask(lesson: LessonPage, r: int, channels: int) -> bool:
    def accept(drawn: Mapping[str, Any]) -> bool:
        # As much as can be done by heart.
        return bool(drawn["log"] >= 2 and int(drawn["C"]) <= 512)

    return lesson.predict(
        _("A block has {channels} channels and r = {r}. How many weights have its two dense layers together, without biases?")
        .format(channels=channels, r=r),
        excitation_parameters(channels, r),
        why=rf"$2 \cdot {channels}^2 / {r} = {excitation_parameters(channels, r):,}$",
        redraw=["log", "C"],
        accept=accept,
    )  # fmt: skip


def _table(r: int, bias: bool) -> None:
    """SE-ResNet-50, stage by stage."""
    head = [
        _("Stage of SE-ResNet-50"),
        _("Channels C"),
        _("Hidden units C/r"),
        _("Each block"),
        _("Blocks N"),
        _("All blocks"),
    ]
    rows, total = [], 0
    for stage, (outputs, blocks) in enumerate(OUTPUTS, start=1):
        each = excitation_parameters(outputs, r, bias)
        total += blocks * each
        cells = (
            str(stage), f"{outputs:,}", f"{outputs // r:,}", f"{each:,}", str(blocks), f"{blocks * each:,}",
        )  # fmt: skip
        rows.append(Row(cells))
    share = 100 * total / _resnet50()[0]
    rows.append(Row((_("Together"), "", "", "", "", f"{total:,}"), "total"))
    st.html(table(_("Weights of the gates, by stage"), head, rows))
    st.markdown(
        _("Together that is {share:.2f} % of the {parameters} parameters of ResNet-50 without gates.").format(
            share=share, parameters=f"{_resnet50()[0]:,}"
        )
    )


@st.cache_data(max_entries=1, show_spinner=False)
def _resnet50() -> tuple[int, int]:
    """Parameters and multiply–accumulates without gates, with the stride of 2015."""
    from cnnviz.zoo.counting import measure
    from cnnviz.zoo.counting.networks import resnet_v1

    measured = measure(resnet_v1("resnet50"))
    return measured.parameters, measured.macs


@st.cache_data(max_entries=2 * (_LARGEST + 1), show_spinner=False)
def _se_resnet50(r: int, bias: bool) -> tuple[int, int]:
    """Parameters and multiply–accumulates of SE-ResNet-50 as PyTorch has them."""
    from cnnviz.zoo.counting import measure

    build = partial(SEResNet50, r, bias)
    return sum(p.numel() for p in build_on_meta(build).parameters()), measure(build).macs


@st.cache_data(max_entries=64, show_spinner=False)
def _block(channels: int, r: int, bias: bool) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in SqueezeExcite(channels, r, bias).parameters())


def _proofs(r: int, channels: int, bias: bool) -> list[Proof]:
    published = r == 16
    (plain, plain_macs), (parameters, macs) = _resnet50(), _se_resnet50(r, bias)
    terms = " + ".join(rf"{blocks} \cdot {outputs}^2" for outputs, blocks in OUTPUTS)
    biases = sum(blocks * (outputs + outputs // r) for outputs, blocks in OUTPUTS) if bias else 0
    more = rf" + {biases:,}".replace(",", "{,}") if bias else ""
    one = rf" + {channels} + {channels // r}" if bias else ""
    weights = excitation_weights(r)
    return [
        Proof(
            _("Parameters of one block with {channels} channels").format(channels=channels),
            rf"\tfrac{{2 \cdot {channels}^2}}{{{r}}}{one}",
            excitation_parameters(channels, r, bias),
            measured=_block(channels, r, bias),
        ),
        Proof(
            _("Parameters of all gates of SE-ResNet-50"),
            rf"\tfrac{{2}}{{{r}}} ({terms}){more}",
            weights + biases,
            measured=parameters - plain,
            published=2_500_000 if published else None,
            source=PAPER,
            tolerance=0.015 if published else 0.0,
            why=_("The paper rounds: about 2.5 million.") if published else "",
        ),
        Proof(
            _("Parameters of SE-ResNet-50"),
            rf"{plain:,} + {weights + biases:,}".replace(",", "{,}"),
            plain + weights + biases,
            measured=parameters,
        ),
        Proof(
            _("Multiply–accumulates that the gates add, in percent"),
            rf"100 \cdot \tfrac{{2}}{{{r}}} ({terms}) / {plain_macs:,}".replace(",", "{,}"),
            100 * weights / plain_macs,
            measured=100 * (macs - plain_macs) / plain_macs,
            published=0.26 if published else None,
            source="arXiv 1709.01507, Table 2",
            tolerance=1e-9,
            why=_(
                "The paper divides rounded figures, 3.87 by 3.86 GFLOPs; the dense layers alone are a quarter of that."
            )
            if published
            else "",
        ),
    ]


def _accuracy(lesson: LessonPage, chosen: str) -> None:
    """What our networks of several r have learned, and how much luck there is in it."""
    found = se_resnet.runs()
    names = {r: _("no gates") if r == PLAIN else str(r) for r in found}
    shares = {names[r]: [run.curve[-1].both for run in each] for r, each in found.items()}
    words = RatioWords(_("Reduction ratio r"), _("colour and shape right, %"), _("one training"), _("mean"))
    told = "; ".join(
        f"r {name}: {', '.join(f'{100 * share:.1f} %' for share in each)}" for name, each in shares.items()
    )
    alt = _(
        "Test pictures whose colour and shape are both right, for several trainings of our network. {told}."
    ).format(told=told)
    lesson.figure(ratio_figure(shares, words, chosen), alt, name="ratio")
    head = ["r", _("Gates' weights"), _("Both right, mean"), _("Spread"), _("Colour right"), _("Shape right")]
    rows = [
        Row(_cells(names[r], r, each), "chosen" if names[r] == chosen else "") for r, each in found.items()
    ]
    st.html(table(_("Our networks by reduction ratio"), head, rows))
    st.caption(
        _("{seeds} trainings each, {steps} steps, {tests} test pictures; the spread is the standard deviation over the trainings.")
        .format(seeds=se_resnet.SEEDS, steps=se_resnet.STEPS, tests=f"{se_resnet.TESTS:,}")
    )  # fmt: skip


def _cells(name: str, r: int, runs: tuple[Run, ...]) -> tuple[str, ...]:
    last = [run.curve[-1] for run in runs]
    weights = sum(excitation_parameters(width, r) for width in WIDTHS) if r != PLAIN else 0
    both = [100 * point.both for point in last]
    return (
        name,
        f"{weights:,}",
        f"{mean(both):.1f} %",
        f"{stdev(both):.1f}",
        f"{mean(100 * point.colour for point in last):.1f} %",
        f"{mean(100 * point.shape for point in last):.1f} %",
    )
