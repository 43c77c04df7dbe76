"""One class cut out, the rest blurred."""

import streamlit as st

from cnnviz.figures import segmentation as figures
from cnnviz.proof import Proof
from cnnviz.segmentation.code import cutout_code, files
from cnnviz.segmentation.cutout import GROUNDS, alpha, cut_out
from cnnviz.ui import live
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.segmentation.visit import DEFAULT, PHOTO, Seen, bias_slider, cards, class_names, look

PERSON = 15


def draw(lesson: LessonPage) -> None:
    photo = lesson.photo(PHOTO)
    controls, stage = lesson.bench()
    with controls:
        card = live.choose_model(lesson, cards(), DEFAULT)
        names = class_names()
        options = {str(label): name for label, name in enumerate(names)}
        label = int(lesson.choice("class", _("Keep"), options, str(PERSON), kind="list"))
        grounds = {"blur": _("blurred"), "grey": _("in grey"), "white": _("white")}
        ground = lesson.choice("ground", _("The rest"), {name: grounds[name] for name in GROUNDS}, "blur")
        blur = lesson.slider("sd", _("Blur, pixels"), 0, 30, 10, disabled=ground != "blur")
        softness = lesson.fraction("soft", _("Softness of the edge"), 0, 1, 0.5)
        favouring = bias_slider(lesson)
    with stage:
        seen = look(lesson, card, photo, favouring)
        if seen is not None:
            keep = alpha(seen.probability(label), softness)
            kept = float(keep.mean())
            if _ask(lesson, seen, kept, label):
                words = _("{name}: {percent} % of the photo is kept.")
                words = words.format(name=names[label], percent=f"{100 * kept:.1f}")
                left, right = st.columns([3, 1])
                with left, lesson.card():
                    result = cut_out(seen.picture, keep, ground, blur)
                    rest = _("The rest: {ground}.").format(ground=grounds[ground])
                    lesson.picture(result, f"{photo.alt} {words} {rest}", caption=words)
                with right:
                    matte = _("How much of each pixel is kept: white all of it, black nothing.")
                    lesson.map_image(figures.grey(keep), matte, caption=matte)
            live.timings(lesson, seen.result)
    if seen is not None:
        lesson.prove(_proof(seen, label))
    lesson.section("cutout")
    if seen is not None:
        source = cutout_code(
            photo.code, seen.download, seen.bias, seen.size, label, softness, ground, float(blur)
        )
        lesson.code(source, photo, files=lambda: files([card.id]))


def _ask(lesson: LessonPage, seen: Seen, kept: float, label: int) -> bool:
    name = class_names()[label]
    options = {str(low): _("{low} to {high} %").format(low=low, high=low + 20) for low in range(0, 100, 20)}
    return lesson.predict(
        _("To keep: {name}. How much of the photo will that be?").format(name=name),
        str(min(int(5 * kept), 4) * 20),
        why=_("It is {percent} %.").format(percent=f"{100 * kept:.1f}"),
        options=options,
        redraw=["class"],
        accept=lambda drawn: int(drawn["class"]) in seen.shares,
    )


def _proof(seen: Seen, label: int) -> Proof:
    """The probability where it is largest, from the scores there."""
    import numpy as np
    import torch

    scores = torch.tensor(seen.favoured.scores)
    shares = scores.softmax(0)[label]
    row, column = divmod(int(shares.argmax()), shares.shape[1])
    here = scores[:, row, column].double().numpy()
    total = float(np.exp(here - here.max()).sum()) * float(np.exp(here.max() - here[label]))
    return Proof(
        _("Largest probability of a cell: {name}").format(name=class_names()[label]),
        rf"\frac{{e^{{{here[label]:.3f}}}}}{{\sum_j e^{{s_j}}}}",
        round(1 / total, 4),
        round(float(shares[row, column]), 4),
        tolerance=1e-3,
    )
