"""Numbers: what eight bits can't hold, and normalisation there and back."""

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from cnnviz import pixels, pixels_code
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo

SHOWN = 420
"""Long side of photos shown side by side."""


def draw(lesson: LessonPage, photo: Photo, controls: DeltaGenerator) -> str:
    with controls:
        first = lesson.slider("a", _("First value"), 0, 255, 200)
        second = lesson.slider("b", _("Second value"), 0, 255, 100)
        norms = {norm.id: _(norm.title) for norm in pixels.NORMALISATIONS.values()}
        norm = pixels.NORMALISATIONS[lesson.choice("norm", _("Normalisation"), norms, "lite0", kind="radio")]
        dtype = lesson.choice(
            "type", _("Float type"), {name: name for name in pixels.FLOATS}, "float32", kind="list"
        )
    total = pixels.overflow(first, second)
    question = _("What is {a} + {b} in uint8?").format(a=first, b=second)
    why = _("{sum} mod 256").format(sum=total.exact)
    if lesson.predict(question, total.wrapped, why=why, redraw=["a", "b"]):
        small = fit(photo.rgb, SHOWN)
        left, right = st.columns(2)
        with left:
            alt = _("The photo with {b} added in uint8: bright parts wrap around to dark.").format(b=second)
            caption = _("+ {b} in uint8: {a} becomes {wrapped}").format(
                a=first, b=second, wrapped=total.wrapped
            )
            lesson.picture(pixels.brighten(small, second, wrap=True), alt, caption=caption)
        with right:
            alt = _("The photo with {b} added in float and clipped to 255.").format(b=second)
            caption = _("+ {b} in float, clipped: {a} becomes {clipped}").format(
                a=first, b=second, clipped=total.clipped
            )
            lesson.picture(pixels.brighten(small, second, wrap=False), alt, caption=caption)
    trip = pixels.round_trip(photo.rgb, norm.mean, norm.std, dtype)
    low, high = min(trip.low), max(trip.high)
    sentence = _(
        "Normalised, this photo runs from **{low}** to **{high}**. Back in eight bits, **{changed}** of {all} values "
        "have changed; the worst was off by {worst} levels before rounding."
    )
    st.markdown(
        sentence.format(low=f"{low:.3f}", high=f"{high:.3f}", changed=f"{trip.changed:,}", all=f"{photo.rgb.size:,}",
                        worst=f"{trip.worst:.2g}")
    )  # fmt: skip
    as_tensor = [torch.tensor(value, dtype=torch.uint8) for value in (first, second)]
    mean, std = norm.mean[0], norm.std[0]
    by_torch = (torch.tensor(first, dtype=torch.float64) / 255 - mean) / std
    lesson.prove(
        Proof(f"{first} + {second} (uint8)", rf"({first} + {second}) \bmod 256", total.wrapped,
              measured=int(as_tensor[0] + as_tensor[1])),
        Proof(_("{a} normalised (red channel)").format(a=first),
              rf"\frac{{{first}/255 - {mean:.4g}}}{{{std:.4g}}}",
              float(pixels.normalise(np.full((1, 1, 3), first, np.uint8), norm.mean, norm.std)[0, 0, 0]),
              measured=float(by_torch), tolerance=1e-5),
    )  # fmt: skip
    return pixels_code.numbers(photo.code, first, second, norm, dtype)
