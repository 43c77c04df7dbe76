"""What the views have in common: presets, names, the drawing of designs side by side, proofs of their counts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import streamlit as st

from cnnviz.figures.small_kernels import Bars, Panel, bars, panels
from cnnviz.layers.cost import PUBLISHED, Design, LayerCost
from cnnviz.layers.cost_formula import macs_formula, parameters_formula
from cnnviz.layers.cost_measured import MeasuredCost, measure
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage


@dataclass(frozen=True)
class Preset:
    """An example by name: what the controls are set to."""

    title: str
    values: Mapping[str, int | bool]


@contextmanager
def presets(lesson: LessonPage, name: str, examples: Mapping[str, Preset]) -> Iterator[None]:
    """Buttons above the controls of the block, which set them as an example has them."""
    place = st.container()
    yield
    key = lesson.key(name)

    def take() -> None:
        if (chosen := st.session_state[key]) is not None:
            for control, value in examples[chosen].values.items():
                lesson.put(control, value)

    def holds(preset: Preset) -> bool:
        return all(st.session_state.get(lesson.key(c)) == value for c, value in preset.values.items())

    st.session_state[key] = next((id for id, preset in examples.items() if holds(preset)), None)
    with place:
        st.pills(
            _("As in"), list(examples), format_func=lambda id: _(examples[id].title), key=key, on_change=take
        )


def layer_name(layer: LayerCost) -> str:
    """What stands over a layer's pipe."""
    if layer.kind == "linear":
        return _("dense")
    if layer.kind == "gap":
        return _("average")
    if layer.kind == "pool":
        return _("max {kernel}/{stride}").format(kernel=kernel_text(layer), stride=layer.stride)
    if layer.kind == "shuffle":
        return _("shuffle")
    kernel = kernel_text(layer)
    if layer.groups == 1:
        return kernel
    if layer.groups == layer.in_channels:
        return _("{kernel} depthwise").format(kernel=kernel)
    return _("{kernel}, {groups} groups").format(kernel=kernel, groups=layer.groups)


def kernel_text(layer: LayerCost) -> str:
    """A layer's kernel, such as 3×3."""
    return f"{layer.kernel_size[0]}×{layer.kernel_size[1]}"


def panel(title: str, short: str, design: Design, *, cells: int | None = None) -> Panel:
    """A design to draw; its maps are as thick as their channels, or, given the input's, as their cells."""
    if cells is None:
        slabs = (design.layers[0].in_channels, *(layer.out_channels for layer in design.layers))
    else:
        slabs = (cells, *(layer.activations for layer in design.layers))
    return Panel(title, design, slabs, tuple(map(layer_name, design.layers)), short)


def ratio_text(part: float, whole: float) -> str:
    """How much `part` is of `whole`: in percent while that reads well, else as a multiple or a fraction."""
    ratio = part / whole
    if 0.01 <= ratio < 2:
        return f"{100 * ratio:.3g} %"
    return f"{ratio:,.3g}×" if ratio >= 2 else f"1/{whole / part:,.0f}"


def draw_designs(lesson: LessonPage, drawn: Sequence[Panel], said: str, hidden: bool) -> None:
    """The designs as pipes, sheets and bars, in one element; the first is what the others are held against.

    Args:
        said: what the drawing shows, for those who don't see it.
        hidden: while the learner is asked, only the pipes are drawn.
    """
    with lesson.card():
        html = panels(drawn, said, sheets=not hidden)
        if not hidden:
            measures = _measures(drawn)
            rows = [
                f"{measure.title}: "
                + ", ".join(f"{p.short} {t}" for p, t in zip(drawn, measure.texts, strict=True))
                for measure in measures
            ]
            note = _(
                "Each rectangle is a layer's weights laid out flat, all to one scale: a column for each input channel, a row for each output channel, and a whole kernel where they cross."
            )
            html += (
                f'<div style="font-size:13px;opacity:.8;margin:10px 0 2px;word-break:keep-all">{note}</div>'
            )
            html += bars(measures, drawn, "; ".join(rows))
        st.markdown(html, unsafe_allow_html=True)


def _measures(drawn: Sequence[Panel]) -> list[Bars]:
    designs = [panel.design for panel in drawn]

    def measure_of(title: str, parts: list[tuple[int, ...]]) -> Bars:
        sums = [sum(part) for part in parts]
        texts = [f"{sums[0]:,}"]
        texts += [f"{total:,} · <b>{ratio_text(total, sums[0])}</b>" for total in sums[1:]]
        return Bars(title, tuple(parts), tuple(texts))

    kept = [tuple(layer.activations for layer in design.layers) for design in designs]
    memory = Bars(
        _("Activations to keep in training (float32)"),
        tuple(kept),
        tuple(bytes_text(4 * sum(part)) for part in kept),
    )
    measures = [
        measure_of(_("Parameters"), [tuple(layer.parameters for layer in d.layers) for d in designs]),
        measure_of(_("Multiply–accumulates"), [tuple(layer.macs for layer in d.layers) for d in designs]),
        memory,
    ]
    counts = [design.nonlinearities for design in designs]
    if len(set(counts)) > 1:
        each = tuple(tuple(int(layer.nonlinearity) for layer in d.layers) for d in designs)
        measures.append(Bars(_("Non-linearities"), each, tuple(map(str, counts))))
    return measures


def bytes_text(count: int) -> str:
    """Bytes in the unit that reads best, 1 kB being 1000 bytes."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:,.3g} {name}" if count < 1000 * unit else f"{count / unit:,.0f} {name}"
    return f"{count} B"


@dataclass(frozen=True)
class Counted:
    """A design by name, and what PyTorch counts in it."""

    name: str
    design: Design
    measured: MeasuredCost


def counted(drawn: Sequence[Panel], shape: tuple[int, int, int]) -> list[Counted]:
    """Each drawn design, built and run by PyTorch on one input of `shape`."""
    return [Counted(panel.short, panel.design, measure(panel.design, shape)) for panel in drawn]


def parameters_proof(side: Counted, published: str | None = None, why: str = "") -> Proof:
    """Parameters of a design; `published` is a key of PUBLISHED."""
    known = PUBLISHED[published] if published else None
    return Proof(
        _("Parameters, {design}").format(design=side.name),
        parameters_formula(side.design),
        side.design.parameters,
        measured=side.measured.parameters,
        published=known.value if known else None,
        source=_(known.source) if known else "",
        why=why,
    )


def macs_proof(side: Counted) -> Proof:
    """Multiply–accumulates of a design."""
    return Proof(
        _("Multiply–accumulates, {design}").format(design=side.name),
        macs_formula(side.design),
        side.design.macs,
        measured=side.measured.macs,
    )


def saved_proof(ratio_formula: str, ratio: Fraction, measured: Fraction, published: str) -> Proof:
    """Percentage of the computation that is saved; `published` is a key of PUBLISHED."""
    known = PUBLISHED[published]
    return Proof(
        _("So many percent of the computation saved, rounded"),
        rf"100\cdot\left(1 - {ratio_formula}\right)",
        rounded(100 - 100 * ratio),
        measured=rounded(100 - 100 * measured),
        published=known.value,
        source=_(known.source),
    )


def rounded(value: Fraction) -> int:
    """To the nearest whole number, halves upwards, as one rounds at school.

    >>> rounded(Fraction(5, 2)), rounded(Fraction(7, 3))
    (3, 2)
    """
    return floor(value + Fraction(1, 2))
