"""Last view: what the offsets add to a layer."""

import streamlit as st
import torch
from torch.utils.flop_counter import FlopCounterMode

from cnnviz.blocks.deformable import DeformableConv2d, offset_parameters
from cnnviz.blocks.deformable_code import cost_code
from cnnviz.figures.zoo import Row, table
from cnnviz.proof import Proof
from cnnviz.ui.block_graph import block_graph
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        before = lesson.slider("cin", _("Input channels"), 8, 512, 64, step=8)
        after = lesson.slider("cout", _("Output channels"), 8, 512, 64, step=8)
        k = lesson.slider("k", _("Kernel size"), 3, 5, 3, step=2)
        side = lesson.slider("h", _("Side of the map"), 4, 64, 28)
        modulated = lesson.toggle("v2", _("Version 2: modulation"))
    k += 1 - k % 2  # an even one comes from a link only
    with torch.device("meta"):
        layer = DeformableConv2d(before, after, k, modulated=modulated)
    with stage:
        if _ask(lesson, k, modulated):
            with lesson.card():
                block_graph(
                    lesson, layer, (1, before, side, side), title=_("A deformable convolution"), zoom=1.1
                )
            _table(before, after, k, side, modulated)
            lesson.prove(*_proofs(layer, before, after, k, side, modulated))
    lesson.section("cost")
    lesson.code(cost_code(before, after, k, modulated, side))


def _ask(lesson: LessonPage, k: int, modulated: bool) -> bool:
    per = 3 if modulated else 2
    return lesson.predict(
        _(
            "Version {version}, a kernel of {k} × {k}: how many numbers must be computed for every output cell to say how "
            "to sample?"
        ).format(version=2 if modulated else 1, k=k),
        per * k * k,
        why=(
            _("Down, right and a modulation for each of the {points} points.")
            if modulated
            else _("Down and right for each of the {points} points.")
        ).format(points=k * k),
        redraw=["v2", "k", "cin"],
        accept=lambda drawn: drawn["k"] % 2 == 1 and drawn["cin"] % 8 == 0,
    )


def _table(before: int, after: int, k: int, side: int, modulated: bool) -> None:
    per, cells = (3 if modulated else 2) * k * k, side * side
    convolution = k * k * before * after
    reading = 4 * k * k * before * cells
    rows = [
        Row((_("Convolution, k × k"), f"{convolution + after:,}", f"{convolution * cells:,}")),
        Row((_("Offsets: another one"), f"{offset_parameters(before, k, modulated):,}", f"{per * k * k * before * cells:,}")),
        Row((_("Reading between pixels, 4 products a sample"), "0", f"{reading:,}")),
    ]  # fmt: skip
    title = _("What the parts of the layer cost")
    st.html(table(title, (_("Part of the layer"), _("Parameters"), _("Multiply–accumulates")), rows))


def _proofs(
    layer: DeformableConv2d, before: int, after: int, k: int, side: int, modulated: bool
) -> list[Proof]:
    per = 3 if modulated else 2
    x = torch.empty(1, before, side, side, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer.offset(x)
    own = k * k * before * after + after
    added = offset_parameters(before, k, modulated)
    counted = sum(values.numel() for values in layer.offset.parameters())
    plain = sum(values.numel() for values in layer.conv.parameters())
    return [
        Proof(
            _("Parameters of the convolution itself"),
            rf"{k}^2 \cdot {before} \cdot {after} + {after}",
            own,
            measured=plain,
        ),
        Proof(
            _("Parameters that the offsets add"),
            rf"{per} \cdot {k}^2 \cdot \left({k}^2 \cdot {before} + 1\right)",
            added,
            measured=counted,
        ),
        Proof(
            _("That is, per cent of the convolution's"),
            rf"100 \cdot {added} / {own}",
            round(100 * added / own, 4),
            measured=round(100 * counted / plain, 4),
            why=_("With as many channels out as in, the share falls as the channels grow: it is about {per}k²/C′.").format(
                per=per
            ),
        ),
        Proof(
            _("Multiply–accumulates that computing the offsets adds"),
            rf"{per} \cdot {k}^2 \cdot {k}^2 \cdot {before} \cdot {side}^2",
            per * k**4 * before * side**2,
            # The counter has two for a multiply–accumulate.
            measured=counter.get_total_flops() // 2,
        ),
    ]  # fmt: skip
