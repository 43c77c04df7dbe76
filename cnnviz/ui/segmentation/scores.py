"""The network's own, small score maps, before anything is enlarged."""

import numpy as np
import streamlit as st

from cnnviz.figures import segmentation as figures
from cnnviz.proof import Proof
from cnnviz.segmentation.code import OWN, files, scores_code
from cnnviz.segmentation.mask import shown_size
from cnnviz.segmentation.postprocess import scores_at_photo
from cnnviz.ui import live
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.segmentation.visit import DEFAULT, PHOTO, Seen, cards, class_names, look, stride_proof

SIDE = 448


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        card = live.choose_model(lesson, cards(), DEFAULT)
        names = class_names()
        options = {str(label): name for label, name in enumerate(names)}
        label = int(lesson.choice("class", _("Scores of"), options, "15", kind="list"))
    with stage:
        seen = look(lesson, card, photo)
        if seen is not None and _ask(lesson, seen):
            _pictures(lesson, seen, label)
            live.timings(lesson, seen.result)
    if seen is not None:
        lesson.prove(stride_proof(seen), _mean_proof(seen, label))
    lesson.section("scores")
    if seen is not None:
        source = scores_code(photo.code, seen.download, label)
        lesson.code(source, photo, files=lambda: files([card.id]))


def _ask(lesson: LessonPage, seen: Seen) -> bool:
    result = seen.result
    question = _(
        "The network reads {width} × {height} pixels, and its output stride is {stride}. How many cells wide is a score map?"
    )
    width, stride = result.input_size[1], result.stride
    return lesson.predict(
        question.format(width=width, height=result.input_size[0], stride=stride),
        result.scores.shape[2],
        why=rf"$\lceil {width} / {stride} \rceil = {result.scores.shape[2]}$",
        redraw=["model"],
        accept=lambda drawn: drawn["model"].startswith(OWN),
    )


def _pictures(lesson: LessonPage, seen: Seen, label: int) -> None:
    result, name = seen.result, class_names()[label]
    raw = result.scores[label]
    size = shown_size(result.photo, SIDE)
    large = scores_at_photo(result, size)[label]
    limit = float(np.abs(raw).max()) or 1.0
    rows, columns = raw.shape
    row, column = np.unravel_index(int(raw.argmax()), raw.shape)
    small = _(
        "{name}: {columns} × {rows} cells, {low} to {high}; the largest in row {row}, column {column}."
    ).format(
        name=name,
        columns=columns,
        rows=rows,
        low=f"{raw.min():.1f}",
        high=f"{raw.max():.1f}",
        row=int(row) + 1,
        column=int(column) + 1,
    )
    words = _(
        "Enlarged bilinearly to {width} × {height} pixels, {factor} for each cell: {low} to {high}."
    ).format(
        width=size[1],
        height=size[0],
        factor=f"{size[1] / columns * (result.extent[2] / result.photo[1]):.0f}",
        low=f"{large.min():.1f}",
        high=f"{large.max():.1f}",
    )
    with lesson.card():
        left, right = st.columns(2)
        with left:
            picture = figures.score_picture(raw, limit, max(1, round(SIDE / columns)))
            lesson.map_image(picture, small, caption=small)
        with right:
            lesson.map_image(figures.score_picture(large, limit), f"{seen.photo.alt} {words}", caption=words)
    if round(result.extent[3]) > result.photo[0] or round(result.extent[2]) > result.photo[1]:
        st.caption(
            _("The map covers the padding at the right or bottom, too, which is cut off when it is enlarged.")
        )


def _mean_proof(seen: Seen, label: int) -> Proof:
    """A pixel between four cells: bilinear weights times their scores."""
    import torch
    from torch.nn import functional as F

    raw = torch.tensor(seen.result.scores[label])
    row, column = (max(0, min(side - 2, side // 2)) for side in raw.shape)
    cells = raw[row : row + 2, column : column + 2]
    four = F.pad(cells, (0, 2 - cells.shape[1], 0, 2 - cells.shape[0])) if cells.numel() < 4 else cells
    a, b, c, d = (f"{value:.3f}" for value in four.flatten().tolist())
    middle = F.interpolate(four[None, None], (1, 1), mode="bilinear").item()
    return Proof(
        _("Score in the middle of four cells"),
        rf"\tfrac14 ({a} + {b} + {c} + {d})".replace("+ -", "- "),
        round(four.mean().item(), 4),
        round(middle, 4),
        tolerance=1e-3,
    )
