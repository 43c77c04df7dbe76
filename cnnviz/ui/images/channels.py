"""Channels: red, green and blue apart and mixed, grey, and fewer bits."""

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
        gains = tuple(
            lesson.fraction(name, label, 0, 1, 1)
            for name, label in (("r", _("Red")), ("g", _("Green")), ("b", _("Blue")))
        )
        greys = {"luma": _("As the eye sees"), "mean": _("Plain mean")}
        grey = lesson.choice("grey", _("Grey"), greys, "luma")
        bits = lesson.slider("bits", _("Bits a value"), 1, 8, 8)
    small = fit(photo.rgb, SHOWN)
    mixed = pixels.mix(small, *gains)
    means = [round(float(mean)) for mean in mixed.reshape(-1, 3).mean(axis=0)]
    columns = st.columns(4)
    for index, name in enumerate("RGB"):
        plane = np.zeros_like(mixed)
        plane[..., index] = mixed[..., index]
        with columns[index]:
            alt = _("Channel {name} alone, mean {mean} of 255.").format(name=name, mean=means[index])
            lesson.picture(plane, alt, caption=f"{name} · {means[index]}")
    with columns[3]:
        alt = _("The three channels together; mean red {r}, green {g}, blue {b}.")
        lesson.picture(mixed, alt.format(r=means[0], g=means[1], b=means[2]), caption=_("Their mix"))
    whole = pixels.luma(photo.rgb) if grey == "luma" else pixels.mean_grey(photo.rgb)
    coarse = pixels.quantise(whole, bits)
    used = len(np.unique(coarse))
    left, right = st.columns(2)
    options = {"R": _("Red"), "G": _("Green"), "B": _("Blue")}
    order = [channel.mean() for channel in np.moveaxis(photo.rgb, 2, 0)]
    brightest = "RGB"[int(np.argmax(order))]
    asked = _("Which channel of this photo is brightest on average?")
    why = _("Means: R {r}, G {g}, B {b}").format(
        **{k: round(v, 1) for k, v in zip("rgb", order, strict=True)}
    )
    if lesson.predict(asked, brightest, why=why, options=options):
        with left:
            alt = _("The photo in grey, mean {mean}.").format(mean=round(float(whole.mean())))
            lesson.picture(np.repeat(fit(whole, SHOWN)[..., None], 3, 2), alt, caption=greys[grey])
        with right:
            alt = _("The grey photo with {levels} levels.").format(levels=used)
            small_coarse = pixels.quantise(fit(whole, SHOWN), bits)
            lesson.map_image(
                small_coarse, alt, caption=_("{bits} bits: {levels} levels").format(bits=bits, levels=2**bits)
            )
    r, g, b = (int(value) for value in photo.rgb[0, 0])
    weights = pixels.BT601 if grey == "luma" else (1 / 3, 1 / 3, 1 / 3)
    measured = torch.from_numpy(photo.rgb[0, 0].astype(float)) @ torch.tensor(weights, dtype=torch.float64)
    terms = " + ".join(rf"{w:.3f} \cdot {v}" for w, v in zip(weights, (r, g, b), strict=True))
    lesson.prove(
        Proof(_("Grey of the first pixel"), terms, round(sum(w * v for w, v in zip(weights, (r, g, b), strict=True)), 6),
              measured=round(float(measured), 6), tolerance=1e-6),
        Proof(_("Levels that {bits} bits can hold").format(bits=bits), rf"2^{{{bits}}}", 2**bits,
              measured=len(np.unique(pixels.quantise(np.arange(256, dtype=np.uint8), bits)))),
    )  # fmt: skip
    return pixels_code.channels(photo.code, gains, grey, bits)  # type: ignore[arg-type]
