"""Why the number changed: the switch, and the detections that changed sides."""

import base64

import streamlit as st

from cnnviz.figures.conventions import scene_svg
from cnnviz.images import encode_jpeg
from cnnviz.metrics.average_precision import Change, Flip, explain_change
from cnnviz.metrics.matching import REASONS, Matching
from cnnviz.ui.conventions import switches
from cnnviz.ui.detections import Picked, table
from cnnviz.ui.language import _

SHOWN = 12
"""Detections named at most."""


def draw(
    picked: Picked,
    before: tuple[Matching, ...],
    after: tuple[Matching, ...],
    values: tuple[float | None, float | None],
) -> None:
    """Say what the last switch did."""
    old, new = before[0].convention, after[0].convention
    names = switches.titles()
    changed = [name for name in names if getattr(old, name) != getattr(new, name)]
    if not changed:
        st.markdown(_("Nothing has been switched yet. Turn one switch, and see here what it does."))
        return
    turned = "; ".join(
        _("**{switch}**: {old} → {new}").format(
            switch=names[name],
            old=switches.words(name, getattr(old, name)),
            new=switches.words(name, getattr(new, name)),
        )
        for name in changed
    )
    words = _("{turned}. mAP: {old} → **{new}**") if len(after) > 1 else _("{turned}. AP: {old} → **{new}**")
    st.markdown(words.format(turned=turned, old=percent(values[0]), new=percent(values[1])))
    changes = [explain_change(one, other) for one, other in zip(before, after, strict=True)]
    flips = [(flip, matched) for change, matched in zip(changes, after, strict=True) for flip in change.flips]
    _truths(changes)
    if flips:
        _flips(picked, flips)
        return
    moved = [flip for change in changes for flip in change.moved]
    if moved:
        words = _("No detection changes sides, but these change places in the order: {detections}.")
        named = ", ".join(f"{label(flip)} ({flip.score:.2f})" for flip in moved[:SHOWN])
        st.markdown(words.format(detections=named))
    elif values[0] != values[1] and not any(each.truths_gained or each.truths_lost for each in changes):
        st.markdown(_("Every detection ends as before: the same curve, of which another area is taken."))
    elif values[0] == values[1]:
        st.markdown(_("Every detection ends as before, and so does the area."))


def label(flip: Flip) -> str:
    """A detection's short name, counted from 1 in the order of the file."""
    return f"D{flip.detection + 1}"


def percent(value: float | None) -> str:
    """An AP in percent, or words."""
    return _("undefined") if value is None else f"{100 * value:.2f} %"


def difference(before: float | None, after: float | None) -> str | None:
    """In points, with its sign; None where nothing has changed, or one of the two is undefined."""
    if before is None or after is None or abs(after - before) < 5e-7:
        return None
    return f"{100 * (after - before):+.2f}"


def _truths(changes: list[Change]) -> None:
    for words, which in (
        (_("Ground truths that count only now: {truths}."), [t for c in changes for t in c.truths_gained]),
        (_("Ground truths that count no longer: {truths}."), [t for c in changes for t in c.truths_lost]),
    ):
        if which:
            named = ", ".join(f"T{truth + 1}" for truth in which[:SHOWN])
            st.markdown(words.format(truths=named + (" …" if len(which) > SHOWN else "")))


def _flips(picked: Picked, flips: list[tuple[Flip, Matching]]) -> None:
    outcomes = {
        "tp": _("right"),
        "fp": _("wrong"),
        "ignored": _("ignored"),
        None: _("left out"),
    }

    def state(outcome: str | None, iou: float | None) -> str:
        return outcomes[outcome] + ("" if iou is None else f", IoU {iou:.3f}")

    first, matched = flips[0]
    words = _("The detection that makes the difference: {detection}, on {image}.")
    if len(flips) > 1:
        words = _("{count} detections make the difference; the first: {detection}, on {image}.")
    image = picked.data.images[first.image].name
    st.markdown(words.format(count=f"{len(flips):,}", detection=f"**{label(first)}**", image=f"`{image}`"))
    rows = [
        (
            label(flip),
            picked.category(each.category),
            f"{flip.score:.2f}",
            state(flip.outcome_before, flip.iou_before),
            state(flip.outcome_after, flip.iou_after),
            "" if flip.reason_after is None else _(REASONS[flip.reason_after]),
        )
        for flip, each in flips[:SHOWN]
    ]
    head = (_("Detection"), _("Class"), _("Score"), _("Until now"), _("Now"), _("Why now"))
    _picture(picked, first, matched)
    st.html(table(head, rows, _("Detections that changed sides")))
    if len(flips) > SHOWN:
        more = _("The first {shown} of {count} are listed.")
        st.caption(more.format(shown=SHOWN, count=f"{len(flips):,}"))


def _picture(picked: Picked, flip: Flip, matched: Matching) -> None:
    """The image with the detection, and with the truths of its class."""
    data, image = picked.data, picked.data.images[flip.image]
    near = [i for i in (*matched.truths, *matched.ignored) if data.truths.image[i] == flip.image][:30]
    truths = {f"T{i + 1}": data.truths.boxes[i].tolist() for i in near}
    box = data.detections.boxes[flip.detection].tolist()
    size = float(image.width), float(image.height)
    if not all(size):
        size = tuple(max(each[i] for each in (box, *truths.values())) * 1.05 for i in (2, 3))
    pixels = picked.picture(flip.image)
    uri = pixels is not None and f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(pixels)).decode()}"
    alt = _("{image}: detection {detection}, solid, and the ground truths of its class, dashed: {truths}.")
    words = alt.format(image=image.name, detection=label(flip), truths=", ".join(truths) or _("none"))
    st.image(scene_svg(size, truths, {label(flip): box}, uri or None), alt=words, width=380)
