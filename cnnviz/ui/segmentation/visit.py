"""What the views share: a photo, a model, its scores, and the words for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from cnnviz.engine.catalogue import ModelCard, models
from cnnviz.engine.results import SegmentationResult, Size
from cnnviz.images import fit
from cnnviz.proof import Proof
from cnnviz.segmentation import heads
from cnnviz.segmentation.code import OWN
from cnnviz.segmentation.mask import decide, favour, probability, shown_size
from cnnviz.segmentation.parameters import by_kind
from cnnviz.segmentation.postprocess import shares
from cnnviz.segmentation.voc import CLASSES
from cnnviz.ui import live
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once
from cnnviz.ui.photo import Photo

DEFAULT = "lite0_deeplab"
PHOTO = "together"
SIDE = 640
"""Long side of the pictures, in pixels."""
BIAS = 4.0
"""How far the background can be favoured beyond the model's own bias."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo through a model, and what is made of its scores.

    Attributes:
        result: as the model gave it.
        bias: added to the background's logit.
        threshold: least probability of a class to be coloured.
        side: long side of the mask and the picture, in pixels.
        slot: of the run, see :func:`cnnviz.ui.live.run_model`.
    """

    lesson: LessonPage
    photo: Photo
    card: ModelCard
    result: SegmentationResult
    bias: float
    threshold: float = 0.0
    side: int = SIDE
    slot: str = "one"

    @cached_property
    def favoured(self) -> SegmentationResult:
        return favour(self.result, self.bias)

    @property
    def size(self) -> Size:
        return shown_size(self.result.photo, self.side)

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """(H, W); kept from the last run of the page while nothing that it hangs on has moved."""
        key = self.result, self.bias, self.threshold, self.side
        return once(
            self.lesson, f"mask.{self.slot}", key, lambda: decide(self.favoured, self.size, self.threshold)
        )

    def probability(self, label: int) -> NDArray[np.float32]:
        """(H, W), of one class; kept likewise."""
        key = self.result, self.bias, label, self.side
        return once(self.lesson, "probability", key, lambda: probability(self.favoured, label, self.size))

    @cached_property
    def shares(self) -> dict[int, float]:
        return shares(self.labels, self.result.classes)

    @cached_property
    def picture(self) -> NDArray[np.uint8]:
        return fit(self.photo.rgb, self.side)

    @property
    def download(self) -> tuple[str, int]:
        """For scripts: the model's id, and the bytes of its weights."""
        return self.card.id, self.card.download


def class_names() -> list[str]:
    """VOC's classes in the reader's language, by label; torchvision's models have the same."""
    return [_(name) for name in CLASSES]


def cards() -> tuple[ModelCard, ...]:
    return models("segmentation")


def look(
    lesson: LessonPage,
    card: ModelCard,
    photo: Photo,
    favouring: float = 0.0,
    *,
    slot: str = "one",
    **more: float,
) -> Seen | None:
    """The photo through a model; None while there is no result.

    Args:
        favouring: how much more the background is favoured than the model asks for.
        slot: see :func:`cnnviz.ui.live.run_model`.
        more: threshold and side of :class:`Seen`.
    """
    result = live.run_model(lesson, card, photo.rgb, slot)
    if not isinstance(result, SegmentationResult):
        return None
    bias = result.background_bias + favouring
    return Seen(lesson, photo, card, result, bias, slot=slot, **more)  # type: ignore[arg-type]


def bias_slider(lesson: LessonPage) -> float:
    return lesson.fraction(
        "bias",
        _("Favour the background"),
        -BIAS,
        BIAS,
        0.0,
        step=0.25,
        help=_(
            "Added to the background's score, beyond what the model itself asks for: more of it leaves less colour."
        ),
    )


def listed(shares: dict[int, float], most: int = 6) -> str:
    """Classes with their share, in words."""
    names = class_names()
    return ", ".join(f"{names[label]} {100 * share:.1f} %" for label, share in list(shares.items())[:most])


def honest(card: ModelCard) -> str:
    """What the model reaches, and what another kind of model does."""
    every = cards()
    if card.own:
        best = max((one for one in every if not one.own), key=lambda one: one.figure)
        words = _(
            "{model} is one of our small teaching models: mIoU **{figure} %** on {photos}. The official {other} "
            "reaches a published **{best} %** ({where}), with {times} times the parameters."
        )
        times = f"{best.parameters / card.parameters:.0f}"
    else:
        best = max((one for one in every if one.own), key=lambda one: one.figure)
        words = _(
            "{model} has a published mIoU of **{figure} %** ({photos}). Ours, small teaching models, reach "
            "**{best} %** at most ({where}; {other}), with {times} times fewer parameters."
        )
        times = f"{card.parameters / best.parameters:.0f}"
    return words.format(
        model=_(card.title),
        figure=f"{card.figure:.1f}",
        photos=_(card.measured_on),
        other=_(best.title),
        best=f"{best.figure:.1f}",
        where=_(best.measured_on),
        times=times,
    )


def stride_proof(seen: Seen) -> Proof:
    """Cells of the score map, from the input's width and the stride."""
    stride, width = seen.result.stride, seen.result.input_size[1]
    return Proof(
        _("Width of the score map, cells"),
        rf"\left\lceil\frac{{\text{{input}}}}{{\text{{stride}}}}\right\rceil = "
        rf"\left\lceil\frac{{{width}}}{{{stride}}}\right\rceil",
        -(-width // stride),
        seen.result.scores.shape[2],
    )


@cache
def _parameters(head_id: str) -> tuple[Mapping[str, int], int]:
    head = heads.HEADS[head_id].build()
    return by_kind(head), sum(parameter.numel() for parameter in head.parameters())


def parameter_proof(card: ModelCard) -> Proof | None:
    """The parameters of one of our heads, layer by layer; None for other models."""
    if not card.id.startswith(OWN):
        return None
    terms, measured = _parameters(card.id.removeprefix(OWN))
    written = " + ".join(rf"\underbrace{{{count:,}}}_{{\text{{{kind}}}}}" for kind, count in terms.items())
    return Proof(
        _("Parameters of the head"),
        written.replace(",", "{,}"),
        sum(terms.values()),
        measured,
        why=_(
            "A convolution of kernel k stores k² · inputs · outputs weights, and a bias for each output where it has "
            "one; a batch normalisation two numbers a channel."
        ),
    )
