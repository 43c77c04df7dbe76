"""Non-maximum suppression, one kept box at a time."""

import streamlit as st

from cnnviz.detection.code import nms_code
from cnnviz.detection.steps import Step, boxes_of, steps
from cnnviz.figures.segmentation import text_table
from cnnviz.metrics.boxes import compare
from cnnviz.proof import Proof
from cnnviz.segmentation.code import files
from cnnviz.ui import live, state
from cnnviz.ui.detection.photo_boxes import Drawn, photo_boxes
from cnnviz.ui.detection.visit import (
    MANY,
    PHOTO,
    Seen,
    choose,
    class_filter,
    counted,
    honest,
    iou_slider,
    result_of,
    score_slider,
)
from cnnviz.ui.iou.proofs import measure_proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

_FAINT = 120
"""Boxes that still wait, drawn at most."""
_BEFORE = 60
"""Boxes that were kept before, drawn at most."""
_ROWS = 12


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        card = choose(lesson)
        score, iou = score_slider(lesson, card), iou_slider(lesson)
        per_class = lesson.choice(
            "across",
            _("Boxes suppress"),
            {"own": _("their own class"), "all": _("every class")},
            "own",
            kind="radio",
        )
        place = st.container()
        below = st.container()
    seen, number = None, 1
    told: tuple[Step, ...] = ()
    with stage:
        result = result_of(lesson, card, photo)
        with below:
            only = class_filter(lesson, result, score)
        if result is not None:
            seen = Seen(photo, card, result, score, iou, per_class == "own", only)
            told = steps(seen.selection)
        with place:
            if told:
                number = lesson.slider("step", _("Step"), 1, len(told), 1)
            else:
                # Kept for when there are steps again.
                lesson.linked("step", 1, state.whole(1, MANY))
        if seen is not None:
            if told:
                shown = _ask(lesson, seen, told[number - 1 :])
                _picture(lesson, seen, told, number, shown)
                if shown:
                    _table(seen, told[number - 1])
            else:
                lesson.picture(seen.picture, photo.alt)
                st.info(_("No box has a score above {score} %.").format(score=round(100 * score)))
            live.timings(lesson, seen.result)
        st.caption(honest(card))
    if seen is not None and told:
        lesson.prove(*_proofs(seen, told, number))
    lesson.section("nms")
    if seen is not None:
        source = nms_code(photo.code, (card.id, card.download), score, iou, only, seen.per_class)
        lesson.code(source, photo, files=lambda: files([card.id]))


def _ask(lesson: LessonPage, seen: Seen, left: tuple[Step, ...]) -> bool:
    step = left[0]
    question = _("The best box that is left is {box}. How many of the other {waiting} does it remove?")
    best = f"{step.overlap.max():.2f}" if len(step.removed) else ""
    why = (
        _("Those overlap it by more than {iou}: up to {best}.").format(iou=f"{seen.iou:.2f}", best=best)
        if best
        else _("None overlaps it by more than {iou}.").format(iou=f"{seen.iou:.2f}")
    )
    return lesson.predict(
        question.format(box=seen.title(step.kept), waiting=len(boxes_of(left)) - 1),
        len(step.removed),
        why=why,
        redraw=["step", "score"],
    )


def _picture(lesson: LessonPage, seen: Seen, told: tuple[Step, ...], number: int, shown: bool) -> None:
    step = told[number - 1]
    boxes: list[Drawn] = [seen.drawn(step.kept, _("Kept now."), text=seen.title(step.kept), kind="strong")]
    if shown:
        boxes += [
            seen.drawn(
                index,
                _("Removed now, IoU {iou}.").format(iou=f"{overlap:.2f}"),
                text=f"IoU {overlap:.2f}" if place < _ROWS // 2 else "",
                kind="dashed",
            )
            for place, (index, overlap) in enumerate(zip(step.removed.tolist(), step.overlap, strict=True))
        ]
    boxes += [
        seen.drawn(one.kept, _("Kept before."), text=seen.title(one.kept), kind="solid")
        for one in told[: number - 1][:_BEFORE]
    ]
    waiting = boxes_of(told[number:]).tolist()
    if not shown:
        waiting = sorted([*waiting, *step.removed.tolist()])
    boxes += [seen.drawn(index, _("Its turn comes later."), kind="ghost") for index in waiting[:_FAINT]]
    words = _(
        "Step {number} of {steps}: {box} is kept and removes {removed} boxes; {waiting} wait. Kept before: {before}."
    )
    alt = words.format(
        number=number,
        steps=len(told),
        box=seen.title(step.kept),
        removed=len(step.removed) if shown else "?",
        waiting=len(waiting),
        before=counted(seen, [one.kept for one in told[: number - 1]]),
    )
    with lesson.card():
        photo_boxes(
            seen.picture,
            seen.result.photo,
            boxes,
            alt=f"{seen.photo.alt} {alt}",
            label=_("Boxes: kept, removed, then those that wait"),
            hint=_("Thick: kept in this step. Dashed: removed by it. Thin: their turn comes later."),
            key=lesson.key("board.nms"),
        )
    st.markdown(alt)


def _table(seen: Seen, step: Step) -> None:
    if not len(step.removed):
        return
    rows = [
        [seen.title(index), f"{overlap:.3f}", seen.place(index)]
        for index, overlap in list(zip(step.removed.tolist(), step.overlap, strict=True))[:_ROWS]
    ]
    heads = (_("Removed"), _("IoU with the kept box"), _("Level: cell"))
    st.html(text_table(_("Removed in this step"), heads, rows))
    if len(step.removed) > _ROWS:
        st.caption(_("And {more} more.").format(more=len(step.removed) - _ROWS))


def _proofs(seen: Seen, told: tuple[Step, ...], number: int) -> list[Proof]:
    """Every box is kept or removed exactly once; and the first box that the step removes, by its areas."""
    import torch
    from torchvision.ops import batched_nms, nms

    result = seen.result
    step = told[number - 1]
    proofs = []
    if len(step.removed):
        a, b = (
            tuple(round(float(value), 1) for value in result.boxes[index])
            for index in (step.kept, step.removed[0])
        )
        proof = measure_proof("iou", a, b, False, compare(a, b))  # type: ignore[arg-type]
        if proof is not None:
            proofs.append(proof)
    every = torch.tensor(boxes_of(told))
    boxes, scores = (torch.tensor(values)[every] for values in (result.boxes, result.scores))
    labels = torch.tensor(result.labels)[every]
    left = batched_nms(boxes, scores, labels, seen.iou) if seen.per_class else nms(boxes, scores, seen.iou)
    removed = sum(len(one.removed) for one in told)
    proofs.append(
        Proof(_("Boxes kept in the end"), f"{len(every)} - {removed}", len(every) - removed, len(left))
    )
    return proofs
