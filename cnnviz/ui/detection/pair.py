"""How much two boxes overlap: intersection over union, for any two that the network considered."""

import streamlit as st

from cnnviz.detection.code import pair_code
from cnnviz.figures.segmentation import text_table
from cnnviz.metrics.boxes import Box, BoxPair, compare
from cnnviz.segmentation.code import files
from cnnviz.ui import live, state
from cnnviz.ui.detection.photo_boxes import Drawn, photo_boxes
from cnnviz.ui.detection.visit import PHOTO, Seen, choose, honest, iou_slider, result_of, score_slider
from cnnviz.ui.iou.proofs import measure_proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

_OFFERED = 40
"""Candidates to choose from, the best first."""
_COLOURS = ("#56b4e9", "#ffb000")


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        card = choose(lesson)
        score, threshold = score_slider(lesson, card), iou_slider(lesson)
        below = st.container()
    seen, boxes, measure = None, None, None
    with stage:
        result = result_of(lesson, card, photo)
        with below:
            first, second = _choose(lesson, None if result is None else Seen(photo, card, result, score, 1.0))
        if result is not None:
            seen = Seen(photo, card, result, score, threshold)
            if second is None:
                lesson.picture(seen.picture, photo.alt)
                st.info(
                    _("Fewer than two boxes have a score above {score} %.").format(score=round(100 * score))
                )
            else:
                boxes = _rounded(seen, first), _rounded(seen, second)
                measure = compare(*boxes)
                shown = _ask(lesson, measure, threshold)
                _picture(lesson, seen, (first, second), boxes, measure, shown)
            live.timings(lesson, result)
        st.caption(honest(card))
    if boxes is not None and measure is not None:
        proof = measure_proof("iou", *boxes, False, measure)
        if proof is not None:
            lesson.prove(proof)
    lesson.section("iou")
    if seen is not None and second is not None:
        source = pair_code(photo.code, (card.id, card.download), score, (first, second))
        lesson.code(source, photo, files=lambda: files([card.id]))


def _choose(lesson: LessonPage, seen: Seen | None) -> tuple[int, int | None]:
    """Two candidates, before any suppression; the second is None where there is none."""
    count = 0 if seen is None else min(_OFFERED, int((seen.result.scores > seen.score).sum()))
    codec = state.whole(1, count if count >= 2 else _OFFERED)
    pair = lesson.linked("a", 1, codec), lesson.linked("b", 2, codec)
    if seen is None or count < 2:
        return pair[0] - 1, None
    made = seen

    def title(number: int) -> str:
        return f"{number} · {made.title(number - 1)}"

    for name, label, number in zip("ab", (_("Box A"), _("Box B")), pair, strict=True):
        lesson.put(name, min(number, count))
        st.selectbox(
            label, range(1, count + 1), format_func=title, key=lesson.key(name), persist_state="session"
        )
    return min(pair[0], count) - 1, min(pair[1], count) - 1


def _rounded(seen: Seen, index: int) -> Box:
    left, top, right, bottom = (round(float(value), 1) for value in seen.result.boxes[index])
    return left, top, right, bottom


def _ask(lesson: LessonPage, measure: BoxPair, threshold: float) -> bool:
    value = measure.iou or 0.0
    return lesson.predict(
        _("Do A and B overlap by more than the threshold, an IoU of {iou}?").format(iou=f"{threshold:.2f}"),
        "yes" if value > threshold else "no",
        why=_("Their IoU is {iou}.").format(iou=f"{value:.3f}"),
        options={"yes": _("Yes"), "no": _("No")},
        redraw=["a", "b"],
        accept=lambda drawn: drawn["a"] != drawn["b"],
    )


def _picture(
    lesson: LessonPage,
    seen: Seen,
    pair: tuple[int, int],
    boxes: tuple[Box, Box],
    measure: BoxPair,
    shown: bool,
) -> None:
    drawn = [
        Drawn(
            box,
            colour,
            f"{name}: {seen.title(index)}. {seen.origin(index)}.",
            f"{name} · {seen.title(index)}",
            kind,  # type: ignore[arg-type]
            0.15,
            seen.result.origins[index],
        )
        for name, index, box, colour, kind in zip(
            "AB", pair, boxes, _COLOURS, ("strong", "dashed"), strict=True
        )
    ]
    if shown and measure.intersection is not None:
        said = _("Intersection: {area} square pixels.").format(area=f"{measure.intersection_area:,.0f}")
        drawn.append(
            Drawn(
                measure.intersection,
                "#ffffff",
                said,
                f"A ∩ B: {measure.intersection_area:,.0f}",
                "cell",
                0.25,
            )
        )
    count = min(_OFFERED, int((seen.result.scores > seen.score).sum()))
    others = [index for index in range(count) if index not in pair]
    drawn += [seen.drawn(index, kind="ghost") for index in others]
    places = [*pair, *([-1] * (len(drawn) - 2 - len(others))), *others]

    def pick(place: int) -> None:
        # The last two that were clicked.
        if places[place] >= 0:
            lesson.put("a", pair[1] + 1)
            lesson.put("b", places[place] + 1)

    iou = "?" if not shown or measure.iou is None else f"{measure.iou:.3f}"
    said = _("A: {a}; B: {b}; IoU {iou}.").format(a=seen.title(pair[0]), b=seen.title(pair[1]), iou=iou)
    with lesson.card():
        photo_boxes(
            seen.picture,
            seen.result.photo,
            drawn,
            alt=f"{seen.photo.alt} {said}",
            label=_("A, B, what they share, and the other candidates"),
            hint=_("Click one box, then another: those two are compared. With arrow keys and Enter, too."),
            key=lesson.key("board.iou"),
            on_pick=pick,
        )
    if shown:
        areas = [f"{value:,.0f}" for value in (*measure.areas, measure.intersection_area, measure.union_area)]
        heads = (_("Area of A"), _("Area of B"), _("Intersection"), _("Union"), "IoU")
        st.html(text_table(_("Areas in square pixels"), heads, [[*areas, f"<b>{iou}</b>"]]))
