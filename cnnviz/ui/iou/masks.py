"""Two masks, to paint: their IoU against that of their boxes."""

import numpy as np
import streamlit as st

from cnnviz.figures.labels import MASKS
from cnnviz.metrics.boxes_code import masks_code
from cnnviz.metrics.mask_presets import PRESETS, SIDE, Layers, MaskPair, compare_masks
from cnnviz.ui.iou.proofs import mask_proofs
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.painter import Brush, keep_map, painter, painter_words, pick_map


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        named = {name: _(preset.title) for name, preset in PRESETS.items()}
        chosen, own = pick_map(lesson, "masks", _("Two masks"), named, "bars", (SIDE, SIDE), 3)
        boxed = lesson.toggle("boxes", _("Show their boxes"), True)
    layers = PRESETS[chosen].make() if own is None else own
    pair = compare_masks(layers)
    with stage:
        told = _ask(lesson, pair)
        names = (_("neither"), "A", "B", _("both"))
        painter(
            layers,
            swatches=MASKS,
            names=names,
            brushes=(
                Brush("A", 1, 1, 0),
                Brush("B", 2, 2, 0),
                Brush(_("Erase A"), 0, 0, 1),
                Brush(_("Erase B"), 0, 0, 2),
            ),
            words=painter_words(),
            alt=_alt(pair, told),
            key=lesson.key("paint"),
            on_paint=lambda painted: keep_map(lesson, "masks", painted),
            outline=_boxes(pair, layers.shape) if boxed else None,
        )
        if told:
            st.markdown(_table(pair))
            st.markdown(_remark(pair))
        if proofs := mask_proofs(layers, pair):
            lesson.prove(*proofs)
    lesson.section("masks")
    lesson.code(masks_code(layers))


def _boxes(pair: MaskPair, shape: tuple[int, ...]) -> Layers:
    """A map whose borders are the outlines of both boxes."""
    drawn = np.zeros(shape, np.uint8)
    for bit, box in enumerate(pair.boxes):
        if box:
            drawn[box[1] : box[3], box[0] : box[2]] += 1 << bit
    return drawn


def _order(pair: MaskPair) -> str:
    """Whether the masks' IoU is above that of the boxes, below, equal, or one is undefined."""
    if pair.iou is None or pair.of_boxes is None or pair.of_boxes.iou is None:
        return "undefined"
    difference = pair.iou - pair.of_boxes.iou
    return "equal" if abs(difference) < 1e-12 else "above" if difference > 0 else "below"


def _ask(lesson: LessonPage, pair: MaskPair) -> bool:
    return lesson.predict(
        _("How does the IoU of the masks compare with the IoU of their boxes?"),
        _order(pair),
        why=_("A box counts every pixel of its rectangle; a mask only its own."),
        options={
            "above": _("It is higher"),
            "equal": _("They are equal"),
            "below": _("It is lower"),
            "undefined": _("One of them is undefined"),
        },
        redraw=["masks"],
        accept=lambda drawn: drawn["masks"] in PRESETS,
    )


def _table(pair: MaskPair) -> str:
    undefined, unit, heads = _("undefined"), _("pixels"), (_("masks"), _("boxes"))
    of = pair.of_boxes

    def box_area(index: int) -> str:
        box = pair.boxes[index]
        return f"{(box[2] - box[0]) * (box[3] - box[1])}" if box else _("no box")

    def share(value: float | None) -> str:
        return undefined if value is None else f"**{value:.4f}**"

    rows = [
        ("A", str(pair.areas[0]), box_area(0)),
        ("B", str(pair.areas[1]), box_area(1)),
        ("A ∩ B", str(pair.intersection), f"{of.intersection_area:g}" if of else undefined),
        ("A ∪ B", str(pair.union), f"{of.union_area:g}" if of else undefined),
        ("IoU", share(pair.iou), share(of.iou if of else None)),
    ]
    lines = [f"| {unit} | {heads[0]} | {heads[1]} |", "|:--|--:|--:|"]
    return "\n".join([*lines, *(f"| {a} | {b} | {c} |" for a, b, c in rows)])


def _remark(pair: MaskPair) -> str:
    if pair.iou is None:
        return _("Neither mask has a pixel: their IoU would be 0/0, and there is no box to draw.")
    if pair.of_boxes is None:
        return _("One mask is empty: their IoU is 0, and there is no second box to compare with.")
    order = _order(pair)
    if order == "below":
        return _("The boxes agree more than what is in them: a detector judged by boxes looks better here.")
    if order == "above":
        return _("The masks agree more than their boxes: a few stray pixels are enough to stretch a box.")
    return _("Here masks and boxes tell the same.")


def _alt(pair: MaskPair, told: bool) -> str:
    words = _("Two masks of {a} and {b} pixels.").format(a=pair.areas[0], b=pair.areas[1])
    if not told:
        return words
    common = _("They share {common} of {union} pixels.")
    return f"{words} {common.format(common=pair.intersection, union=pair.union)}"
