"""The twelve figures, the classes, and the confusion matrix, as tables."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.metrics.coco import CocoResult
from cnnviz.metrics.report import PER_CLASS, class_figures
from cnnviz.ui.detections import Picked
from cnnviz.ui.language import _

MOST_CLASSES = 100
"""Rows of the table of classes; the CSV has all."""
MOST_CONFUSED = 25
"""Classes up to which the confusion matrix is drawn."""
_STYLE = """<style>
.figures { overflow: auto; max-height: 40rem; }
.figures table { border-collapse: collapse; }
.figures th, .figures td { padding: 0.2rem 0.9rem 0.2rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
.figures th:first-child { text-align: left; }
.figures td.words { text-align: left; white-space: normal; min-width: 14rem; opacity: 0.85; }
.figures td.none { font-style: italic; }
.figures td.right { outline: 2px solid currentColor; outline-offset: -2px; font-weight: 700; }
.figures td.count { padding: 0.3rem 0.6rem; text-align: center; min-width: 2.6rem; }
</style>"""


def said(value: float | None) -> str:
    """A figure, or words."""
    return _("undefined") if value is None else f"{value:.4f}"


def meanings() -> Mapping[str, str]:
    """What each of the twelve figures is."""
    small, medium, large = _("area up to 32²"), _("area 32² to 96²"), _("area above 96²")
    return {
        "AP": _("mean over IoU 0.50, 0.55, … 0.95: the main figure"),
        "AP50": _("at IoU 0.50, as VOC asks"),
        "AP75": _("at IoU 0.75: boxes that sit well"),
        "APs": small,
        "APm": medium,
        "APl": large,
        "AR1": _("recall with 1 detection an image"),
        "AR10": _("recall with 10 detections an image"),
        "AR100": _("recall with 100 detections an image"),
        "ARs": small,
        "ARm": medium,
        "ARl": large,
    }


def kind_names() -> Mapping[str, str]:
    """Boxes and masks."""
    return {"bbox": _("boxes"), "segm": _("masks")}


def twelve(results: Mapping[str, CocoResult]) -> None:
    """The twelve figures, a column a kind."""
    names = kind_names()
    head = [_("Figure"), *(names[kind] for kind in results), ""]
    rows = [
        (name, [result.figures[name] for result in results.values()], words)
        for name, words in meanings().items()
    ]
    body = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(_cell(value) for value in values)}'
        f'<td class="words">{escape(words)}</td></tr>'
        for name, values, words in rows
    )
    _table(head, body, _("The twelve figures"))
    undefined = [name for name, values, _words in rows if None in values]
    if undefined:
        sentence = _("Undefined: {figures}. No ground truth counts for them, so there is nothing to find.")
        st.caption(sentence.format(figures=", ".join(undefined)))


def classes(picked: Picked, results: Mapping[str, CocoResult]) -> None:
    """A row a class."""
    data, names = picked.data, kind_names()
    truths = np.bincount(data.truths.category, minlength=len(data.categories))
    found = np.bincount(data.detections.category, minlength=len(data.categories))
    several = len(results) > 1
    head = [_("Class"), _("Ground truths"), _("Detections")]
    head += [f"{name} ({names[kind]})" if several else name for kind in results for name in PER_CLASS]
    body = ""
    for index in range(min(len(data.categories), MOST_CLASSES)):
        values = [value for result in results.values() for value in class_figures(result, index).values()]
        body += (
            f'<tr><th scope="row">{escape(picked.category(index))}</th>'
            f"<td>{truths[index]:,}</td><td>{found[index]:,}</td>{''.join(_cell(value) for value in values)}</tr>"
        )
    _table(head, body, _("Every class"))
    if len(data.categories) > MOST_CLASSES:
        words = _("The first {shown} of {count} are listed; the CSV has all.")
        st.caption(words.format(shown=MOST_CLASSES, count=f"{len(data.categories):,}"))


def confusion(matrix: NDArray[np.int64], labels: Sequence[str]) -> None:
    """What is taken for what; shaded by row, the right ones framed."""
    if len(labels) - 1 > MOST_CONFUSED:
        words = _(
            "With {count} classes the matrix is too wide for the screen: the CSV and the picture have it."
        )
        st.markdown(words.format(count=len(labels) - 1))
        return
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    body, last = "", len(labels) - 1
    for row, label in enumerate(labels):
        cells = "".join(
            f'<td class="count{" right" if row == column != last else ""}" style="background:'
            f'color-mix(in srgb, #2f8fe0 {60 * shares[row, column]:.0f}%, transparent)">'
            f"{'·' if row == column == last else f'{matrix[row, column]:,}'}</td>"
            for column in range(len(labels))
        )
        body += f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>'
    corner = _("truth ↓ detection →")
    _table([corner, *labels], body, _("Confusion matrix"))


def _cell(value: float | None) -> str:
    kind = "" if value is not None else ' class="none"'
    return f"<td{kind}>{escape(said(value))}</td>"


def _table(head: Sequence[str], body: str, label: str) -> None:
    top = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    st.html(
        f'{_STYLE}<div class="figures" tabindex="0" role="region" aria-label="{escape(label)}">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )
