"""A photo with its mask: what is under the pointer is said at once, in the browser; a click asks for all of it.

The most probable classes of a coarse grid of points travel with the picture, six bytes a point.
"""

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.figures.segmentation import PALETTE, css
from cnnviz.segmentation.mask import Hints
from cnnviz.ui.language import _

_HERE = Path(__file__).resolve().parent
_HTML = """
<div class="probe">
  <div class="surface"><img alt=""><div class="names"></div><div class="point"></div></div>
  <p class="said"></p>
  <fieldset><legend></legend></fieldset>
</div>
"""
_probe = st.components.v2.component(
    "cnnviz_probe",
    html=_HTML,
    css=(_HERE / "probe.css").read_text(encoding="utf-8"),
    js=(_HERE / "probe.js").read_text(encoding="utf-8"),
)


def probe(
    jpeg: bytes,
    *,
    alt: str,
    hints: Hints,
    names: Sequence[str],
    shares: Mapping[int, float],
    shown: Collection[int],
    places: Mapping[int, tuple[float, float]],
    point: tuple[int, int],
    key: str,
    on_point: Callable[[int, int], None],
    on_shown: Callable[[int, bool], None],
) -> None:
    """Draw the picture and, below it, a box to tick for each class.

    Args:
        jpeg: the photo with its mask.
        names: of the classes.
        shares: of the pixels, 0 to 1, of each class that is there.
        shown: classes that are coloured.
        places: where each class's name stands, (x, y) in parts of the picture.
        point: (x, y) in percent, marked by a ring.
        on_point: called with a point that was clicked, in percent.
        on_shown: called with a class and whether it shall be coloured.
    """

    def clicked() -> None:
        if told := (st.session_state.get(key) or {}).get("point"):
            on_point(*(min(100, max(0, int(value))) for value in told))

    def ticked() -> None:
        if (told := (st.session_state.get(key) or {}).get("shown")) and int(told[0]) in shares:
            on_shown(int(told[0]), bool(told[1]))

    _probe(
        data={
            "source": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}",
            "alt": alt,
            "rows": hints.classes.shape[1],
            "columns": hints.classes.shape[2],
            "classes": _text(hints.classes),
            "shares": _text(hints.shares),
            "names": list(names),
            "legend": [
                {
                    "label": label,
                    "text": f"{names[label]} {100 * share:.1f} %",
                    "colour": css(PALETTE[label]),
                    "shown": label in shown,
                }
                for label, share in shares.items()
            ],
            "places": [
                {"text": names[label], "colour": css(PALETTE[label]), "x": x, "y": y}
                for label, (x, y) in places.items()
            ],
            "point": list(point),
            "words": {
                "legend": _("Coloured classes, and their share of the pixels"),
                "hint": _(
                    "Point at the photo: its most probable classes there. A click shows all of them below."
                ),
            },
        },
        key=key,
        on_point_change=clicked,
        on_shown_change=ticked,
    )


def _text(array: NDArray[np.uint8]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
