"""Where boxes come from: the grids of the levels, and how many anchors a detector considers."""

import streamlit as st

from cnnviz.detection.anchors import FAMOUS, SSD300_PUBLISHED, Anchors, anchors, extent, grids_of, measured
from cnnviz.detection.code import cells_code
from cnnviz.engine.catalogue import ModelCard, model
from cnnviz.engine.results import DetectionResult
from cnnviz.figures.detection import css_colour
from cnnviz.figures.segmentation import text_table
from cnnviz.proof import Proof
from cnnviz.segmentation.code import files
from cnnviz.ui import live, state
from cnnviz.ui.detection.photo_boxes import Drawn, Grid, photo_boxes
from cnnviz.ui.detection.visit import PHOTO, Seen, choose, honest, result_of, score_slider
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage

_PROPOSALS = 60
"""Region proposals drawn at most."""
_CELLS = 400
"""Cells coloured at most, the best first."""
_LEVELS = 6
_ALL = "all"


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        card = choose(lesson)
        score = score_slider(lesson, card)
        below = st.container()
        titles = {_ALL: _("this photo")} | {one: _(model(one).title) for one in FAMOUS}
        famous = lesson.choice("count", _("Count the anchors of"), titles, _ALL, kind="list")
    seen, level, label, counts = None, 0, None, None
    with stage:
        result = result_of(lesson, card, photo)
        with below:
            label = _choose_class(lesson, card, result, score)
            if result is None:
                lesson.linked("level", 2, state.whole(1, _LEVELS))
            else:
                most = len(result.grids)
                level = lesson.slider("level", _("Level, fine to coarse"), 1, most, min(2, most)) - 1
        if result is not None:
            seen = Seen(photo, card, result, score, 1.0)
            counts = anchors(card.id, grids_of(result))
            if _ask(lesson, seen, counts):
                _picture(lesson, seen, level, label)
                _table(seen, counts, label)
            else:
                lesson.picture(seen.picture, photo.alt)
            live.timings(lesson, result)
        st.caption(honest(card))
    if famous != _ALL:
        lesson.prove(_proof(famous, anchors(famous, FAMOUS[famous]), _(model(famous).title)))
    elif counts is not None:
        lesson.prove(_proof(card.id, counts, _(card.title)))
    lesson.section("cells")
    if seen is not None:
        lesson.code(
            cells_code(photo.code, (card.id, card.download), score, label),
            photo,
            files=lambda: files([card.id]),
        )


def _choose_class(
    lesson: LessonPage, card: ModelCard, result: DetectionResult | None, score: float
) -> int | None:
    """A label, or None for all: of all that have a box good enough."""
    names = [_(name) for name in card.classes]
    likely = [] if result is None else dict.fromkeys(result.labels[result.scores > score].tolist())
    options = {_ALL: _("every class")} | {str(label): names[label] for label in likely}
    # A class that has been chosen stays, though its boxes may all be below the threshold now.
    key = lesson.key("class")
    asked = st.session_state.get(key, st.query_params.get("class", _ALL))
    if str(asked).isdigit() and int(asked) < len(names):
        options.setdefault(str(asked), names[int(asked)])
    chosen = lesson.choice("class", _("Boxes of"), options, _ALL, kind="list")
    return None if chosen == _ALL else int(chosen)


def _ask(lesson: LessonPage, seen: Seen, counts: Anchors) -> bool:
    grids = ", ".join(f"{columns} × {rows}" for rows, columns in counts.grids)
    question = (
        _(
            "The levels have {grids} cells, and each cell one place to predict from. How many are there in all?"
        )
        if set(counts.each) == {1}
        else _("The levels have {grids} cells, with {each} anchors in each. How many anchors are there?")
    )
    each = ", ".join(map(str, counts.each)) if len(set(counts.each)) > 1 else str(counts.each[0])
    return lesson.predict(
        question.format(grids=grids, each=each), counts.total, why=f"${_sum(counts)} = {counts.total}$"
    )


def _wanted(seen: Seen, label: int | None) -> list[int]:
    """The boxes good enough, of a class or of all."""
    result = seen.result
    good = result.scores > seen.score
    if label is not None:
        good = good & (result.labels == label)
    return good.nonzero()[0].tolist()


def _picture(lesson: LessonPage, seen: Seen, level: int, label: int | None) -> None:
    result = seen.result
    rows, columns = result.grids[level]
    right, bottom = extent(seen.card, result.photo)
    here = [index for index in _wanted(seen, label) if result.levels[index] == level]
    by_cell: dict[tuple[int, int], list[int]] = {}
    for index in here:
        by_cell.setdefault(tuple(result.cells[index].tolist()), []).append(index)
    if result.origin == "proposal":
        boxes = [
            Drawn(
                result.origins[index],
                css_colour(int(result.labels[index])),
                f"{seen.origin(index)}. " + _("It becomes {box}.").format(box=seen.title(index)),
                kind="faint",
                origin=result.boxes[index],
            )
            for index in here[:_PROPOSALS]
        ]
        words = _(
            "Level {level}, {columns} × {rows} cells: {count} boxes good enough, each from a region proposal."
        )
    else:
        boxes = [
            Drawn(
                (
                    column * right / columns,
                    row * bottom / rows,
                    (column + 1) * right / columns,
                    (row + 1) * bottom / rows,
                ),
                css_colour(int(result.labels[indices[0]])),
                _("Row {row}, column {column}. Boxes: {count}; the best: {box}.").format(
                    row=row + 1, column=column + 1, count=len(indices), box=seen.title(indices[0])
                ),
                kind="cell",
                fill=0.25 + 0.55 * float(result.scores[indices[0]]),
                origin=result.boxes[indices[0]],
            )
            for (row, column), indices in list(by_cell.items())[:_CELLS]
        ]
        words = _("Level {level}, {columns} × {rows} cells: {count} boxes good enough, from {cells} cells.")
    said = words.format(level=level + 1, columns=columns, rows=rows, count=len(here), cells=len(by_cell))
    with lesson.card():
        photo_boxes(
            seen.picture,
            result.photo,
            boxes,
            alt=f"{seen.photo.alt} {said}",
            label=_("Where boxes come from, the best first"),
            hint=_(
                "Point at a coloured cell, or go through them with the arrow keys: its box is outlined in white."
            )
            if result.origin != "proposal"
            else _(
                "Point at a proposal, or go through them with the arrow keys: its box is outlined in white."
            ),
            key=lesson.key("board.cells"),
            grid=Grid(rows, columns, right, bottom),
        )
    st.markdown(said)


def _table(seen: Seen, counts: Anchors, label: int | None) -> None:
    wanted = seen.result.levels[_wanted(seen, label)].tolist()
    rows = []
    for place, ((down, across), each, total) in enumerate(
        zip(counts.grids, counts.each, counts.levels, strict=True)
    ):
        # The coarsest level of a first stage isn't one that boxes are read from.
        found = str(wanted.count(place)) if place < len(seen.result.grids) else "–"
        rows.append([str(place + 1), f"{across} × {down}", str(each), f"{total:,}", found])
    heads = (_("Level"), _("Cells"), _("Anchors a cell"), _("Anchors"), _("Boxes good enough"))
    st.html(text_table(_("Levels of the pyramid"), heads, rows))


def _sum(counts: Anchors) -> str:
    terms = [
        f"{rows} \\cdot {columns}" + (f" \\cdot {each}" if each > 1 else "")
        for (rows, columns), each in zip(counts.grids, counts.each, strict=True)
    ]
    return " + ".join(terms)


def _proof(model_id: str, counts: Anchors, title: str) -> Proof:
    classic = model_id == "ssd300_vgg16"
    return Proof(
        _("Anchors of {model}").format(model=title)
        if max(counts.each) > 1
        else _("Cells of {model}").format(model=title),
        _sum(counts),
        counts.total,
        measured(model_id, counts.grids),
        published=SSD300_PUBLISHED if classic else None,
        source="Liu et al., arXiv 1512.02325, table 7" if classic else "",
    )
