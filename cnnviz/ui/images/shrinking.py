"""Shrinking: what is lost, and what is invented."""

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from cnnviz import pixels, pixels_code
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo


def draw(lesson: LessonPage, photo: Photo, controls: DeltaGenerator) -> str:
    with controls:
        factor = lesson.slider("n", _("Times smaller"), 1, 8, 4)
        pattern = lesson.toggle("rings", _("Fine rings instead of the photo"), True)
    rgb = pixels.zone_plate(320) if pattern else photo.rgb
    factor = min(factor, *rgb.shape[:2])
    methods: dict[pixels.Method, str] = {
        "drop": _("Every n-th pixel"),
        "bilinear": _("Bilinear"),
        "area": _("Mean of each block"),
    }
    results = {method: pixels.shrink(rgb, factor, method) for method in pixels.METHODS}
    question = _("Shrunk {n} times in each direction, how many of the {all} pixels are left?")
    kept = results["drop"].small.shape[0] * results["drop"].small.shape[1]
    pixel_count = rgb.shape[0] * rgb.shape[1]
    why = _("{h} × {w} whole blocks").format(
        h=results["drop"].small.shape[0], w=results["drop"].small.shape[1]
    )
    if lesson.predict(question.format(n=factor, all=pixel_count), kept, why=why, redraw=["n"]):
        columns = st.columns(4)
        with columns[0]:
            lesson.map_image(
                results["drop"].original, _("The original, at full size."), caption=_("Original")
            )
        for column, (method, title) in zip(columns[1:], methods.items(), strict=True):
            with column:
                result = results[method]
                quality = "∞" if np.isinf(result.psnr) else f"{result.psnr:.1f}"
                alt = _("{method}: mean error {error} levels, PSNR {psnr} dB.").format(
                    method=title, error=f"{result.mean_error:.1f}", psnr=quality
                )
                lesson.map_image(result.restored, alt, caption=alt)
    used = torch.from_numpy(results["area"].original.copy()).permute(2, 0, 1)[None].double()
    by_torch = torch.nn.functional.avg_pool2d(used, factor).round()
    ours = results["area"].small
    mean = float(ours.mean())
    lesson.prove(
        Proof(_("Pixels left"), rf"\lfloor {rgb.shape[0]}/{factor} \rfloor \cdot \lfloor {rgb.shape[1]}/{factor} \rfloor",
              kept, measured=by_torch.shape[2] * by_torch.shape[3]),
        Proof(_("Mean level after averaging"), r"\text{mean of } \texttt{avg\_pool2d}(x, n)".replace("n)", f"{factor})"),
              round(mean, 3), measured=round(float(by_torch.mean()), 3), tolerance=1e-3),
    )  # fmt: skip
    if pattern:
        return pixels_code.shrink(pixels_code.RINGS, factor)
    return pixels_code.shrink(photo.code, factor)
