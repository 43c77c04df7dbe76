"""FCN-32s, 16s and 8s on a drawn scene: every score map, and what each skip adds."""

from itertools import pairwise

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.figures.decoders import SkipLabels, skip_figure
from cnnviz.figures.labels import CLASSES as SWATCHES
from cnnviz.figures.labels import picture
from cnnviz.metrics import scenes
from cnnviz.metrics.scenes import SHAPES, Scene, SceneSettings
from cnnviz.metrics.segmentation import confusion_matrix, segmentation_scores
from cnnviz.proof import Proof
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.upsampling.decoder_code import WEIGHTS_FILE, archive, skips_code
from cnnviz.upsampling.shape_fcn import CLASSES, HEADS, STRIDES, Way, follow, load, truth

SCENES = 40
"""Scenes to choose from; the network has seen none of them."""


def draw(lesson: LessonPage) -> None:
    controls, stage = lesson.bench()
    with controls:
        number = lesson.slider("scene", _("Scene"), 1, SCENES, 7)
        share16 = lesson.slider("a16", _("Skip at stride 16, in percent"), 0, 100, 100, step=5) / 100
        share8 = lesson.slider("a8", _("Skip at stride 8, in percent"), 0, 100, 100, step=5) / 100
        titles = {"0": _("background")} | {str(i): _(name) for i, name in enumerate(SHAPES, 1)}
        category = int(lesson.choice("c", _("Scores of"), titles, "0", kind="list"))
    scene = scenes.draw(SceneSettings(SCENES, difficulty=0.3, noise=0.2, occlusion=0.2, seed=3), number - 1)
    labels = truth(scene)
    way = follow(load(), scene.image, share16, share8)
    right = {head: float((found == labels).mean()) for head, found in way.labels.items()}
    with controls:
        lesson.picture(
            scene.image,
            _("Scene {number}: {count} shapes.").format(number=number, count=len(scene.category)),
            caption=_("The scene"),
        )
        names = ", ".join(titles[str(i)] for i in range(CLASSES) if (labels == i).any())
        alt = _("Each pixel's true label: {names}.").format(names=names)
        lesson.map_image(picture(labels, SWATCHES, 4), alt, caption=_("The truth"))  # fmt: skip
    with stage:
        if _ask(lesson, right):
            _show(lesson, way, labels, right, category, {16: share16, 8: share8}, titles[str(category)])
            lesson.prove(*_proofs(way))
    lesson.section("skips")
    lesson.section("scores")
    lesson.code(skips_code(share16, share8), files=lambda: {WEIGHTS_FILE: _archive(scene, labels)})


def _archive(scene: Scene, labels: NDArray[np.uint8]) -> bytes:
    return archive(load(), image=scene.image, truth=labels)


def _ask(lesson: LessonPage, right: dict[str, float]) -> bool:
    told = ", ".join(f"FCN-{head} {share:.2%}" for head, share in right.items())
    return lesson.predict(
        _("With the skips as they are set: which head labels most pixels of this scene right?"),
        max(right, key=lambda head: right[head]),
        why=_("Pixels right: {shares}.").format(shares=told),
        options={head: f"FCN-{head}" for head in right},
        redraw=["scene", "a16", "a8"],
        accept=lambda drawn: drawn["a16"] % 5 == 0 and drawn["a8"] % 5 == 0,
    )


def _show(
    lesson: LessonPage, way: Way, labels: NDArray[np.uint8], right: dict[str, float], category: int,
    shares: dict[int, float], name: str,
) -> None:  # fmt: skip
    results, told = {}, []
    for head, stride in HEADS.items():
        scores = segmentation_scores(confusion_matrix(labels, way.labels[head], CLASSES))
        results[stride] = _("{share} right, mIoU {iou}").format(
            share=f"{right[head]:.1%}", iou=f"{scores.mean_iou or 0:.3f}"
        )
        told.append(f"FCN-{head}: {results[stride]}")
    alt = _("Score maps of {name} at strides 32, 16 and 8, doubled and added step by step. {results}.")
    words = SkipLabels(
        map=_("Map"), score=_("Its scores"), doubled=_("From above"), total=_("Sum"), output=_("Enlarged"),
        stride=_("stride {stride}"), results=results, alt=alt.format(name=name, results="; ".join(told)),
    )  # fmt: skip
    with lesson.card():
        st.markdown(skip_figure(way, category, shares, words), unsafe_allow_html=True)
    st.caption(_("Red: scores for {name}; blue: against it.").format(name=name))
    gained = _gained(way, labels)
    st.markdown(gained)


def _gained(way: Way, labels: NDArray[np.uint8]) -> str:
    """How many pixels each skip makes right, and how many it spoils."""
    heads = list(HEADS)
    lines = []
    for coarse, fine in pairwise(heads):
        before, after = way.labels[coarse] == labels, way.labels[fine] == labels
        sentence = _("From FCN-{coarse} to FCN-{fine}: {better} pixels become right, {worse} become wrong.")
        lines.append(
            sentence.format(
                coarse=coarse, fine=fine, better=f"{int((after & ~before).sum()):,}",
                worse=f"{int((before & ~after).sum()):,}",
            )
        )  # fmt: skip
    return "  \n".join(lines)


def _proofs(way: Way) -> list[Proof]:
    side = way.labels["8s"].shape[0]
    proofs = [
        Proof(
            _("Side of the score map at stride {stride}").format(stride=stride),
            rf"\frac{{{side}}}{{2^{stride.bit_length() - 1}}}",
            side // stride,
            measured=way.scores[stride].shape[-1],
        )
        for stride in STRIDES
    ]
    wide = [(channels + 1) * CLASSES for channels, _height, _width in way.sizes.values()]
    terms = " + ".join(rf"5\,({channels} + 1)" for channels, _height, _width in way.sizes.values())
    proofs.append(
        Proof(
            _("Weights of the three 1 × 1 scoring layers"),
            terms,
            sum(wide),
            measured=sum(p.numel() for p in load().score.parameters()),
        )
    )
    return proofs
