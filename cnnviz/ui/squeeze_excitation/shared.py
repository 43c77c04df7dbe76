"""What the views have in common: the network, the picture that goes through it, a block and a channel of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz import weights
from cnnviz.blocks.gates import Excitation, Look, gated, look
from cnnviz.engine.device import resolve
from cnnviz.errors import CnnvizError
from cnnviz.explain.attribution import subjects
from cnnviz.explain.attribution.subjects import Subject
from cnnviz.figures import network as figures
from cnnviz.figures.maps import enlarge
from cnnviz.images import encode_png
from cnnviz.training import se_resnet
from cnnviz.training.lit_shapes import CLASSES, LIGHTS, LitShapes, draw, small, tinted
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.photo import Photo

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
DRAWN, DRAWN_SEED = 40, 50
"""Drawn pictures to choose from; no network was trained or tested on them."""
SHOWN = 224
"""Side of a picture as it is shown, in pixels."""
FILE = "picture.png"
_OURS = "r"
_FAMILIES = ("mobilenet_v3", "efficientnet", "regnet_y")
"""torchvision's classifiers that have channel gates."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture before any network has taken it.

    Attributes:
        rgb: (H, W, 3) uint8, in the light that was chosen.
        light: id of that light.
        title: its name in the reader's language.
        photo: the visitor's photo in white light; None where the picture was drawn.
    """

    rgb: Pixels
    light: str
    title: str
    photo: Photo | None = None


@dataclass(frozen=True, eq=False)
class Net:
    """A network with gates, in eval mode and shared.

    Attributes:
        id: ``r4`` for ours, or torchvision's name.
        classes: in the reader's language where they are ours.
        paths: of the blocks, in order.
        subject: of torchvision's; None for ours.
    """

    id: str
    network: nn.Module
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    device: str
    subject: Subject | None = None

    @property
    def reduction(self) -> int | None:
        """r of ours."""
        return None if self.subject else int(self.id.removeprefix(_OURS))

    def take(self, rgb: Pixels) -> Tensor:
        """(1, 3, H, W), as the network takes it."""
        if self.subject is not None:
            return self.subject.preprocess(rgb).to(self.device)
        return torch.tensor(small(rgb)).permute(2, 0, 1)[None].float() / 255

    def sees(self, rgb: Pixels) -> Pixels:
        """The part of a picture that the network sees, about 224 pixels high."""
        if self.subject is not None:
            return figures.crop(rgb, self.subject.crop_box(*rgb.shape[:2]), SHOWN)
        return enlarge(small(rgb), SHOWN // small(rgb).shape[0])


def choose_net(lesson: LessonPage) -> Net | None:
    """The network; None, and why, if it can't run."""
    names = {f"{_OURS}{r}": _("Ours, r = {r}").format(r=r) for r in se_resnet.REDUCTIONS}
    names |= {name: name for name in subjects.at_hand() if name.startswith(_FAMILIES)}
    chosen = lesson.choice(
        "net", _("Network"), names, f"{_OURS}4", kind="list",
        help=_("MobileNetV3, EfficientNet and RegNetY are offered too once torch has downloaded their weights."),
    )  # fmt: skip
    try:
        if chosen.removeprefix(_OURS).isdigit():
            network: nn.Module = se_resnet.load(int(chosen.removeprefix(_OURS)))
            return Net(chosen, network, classes(), gated(network), "cpu")
        device = resolve(st.session_state["device"])
        subject = _classifier(chosen, device)
    except CnnvizError as error:
        lesson.problem(error)
        return None
    return Net(chosen, subject.network, subject.class_names, gated(subject.network), device, subject)


@st.cache_resource(max_entries=2, show_spinner=False)
def _classifier(name: str, device: str) -> Subject:
    return subjects.classifier(name, device)


def classes() -> tuple[str, ...]:
    """What our networks tell apart, in the reader's language."""
    template = _("{colour} {shape}")
    return tuple(template.format(colour=_(colour), shape=_(shape)) for colour, shape in CLASSES)


def lights() -> dict[str, str]:
    return {light: _(title) for light, (title, _rgb) in LIGHTS.items()}


@st.cache_resource(show_spinner=False)
def drawn() -> LitShapes:
    """Pictures to look at."""
    return draw(DRAWN, DRAWN_SEED)


def drawn_picture(number: int, light: str) -> Picture:
    """Picture `number`, from 1, in a light."""
    pictures = drawn()
    white = np.rint(pictures.reflectance[number - 1] * 255).astype(np.uint8)
    said = classes()[int(pictures.labels[number - 1])]
    title = _("Drawn picture {number}: {what}").format(number=number, what=said)
    return Picture(tinted(white, LIGHTS[light][1]), light, title)


def choose_kind(lesson: LessonPage) -> Photo | None:
    """Whether to look at a photo, and which; None for a drawn picture."""
    kinds = {"photo": _("A photo"), "drawn": _("A drawn picture")}
    return lesson.photo() if lesson.choice("on", _("Picture"), kinds, "photo") == "photo" else None


def choose_picture(lesson: LessonPage, photo: Photo | None) -> Picture:
    """The rest of the choice: its number if it is drawn, and its light."""
    number = 1 if photo else lesson.slider("n", _("Drawn picture"), 1, DRAWN, 3)
    light = lesson.choice("light", _("Light"), lights(), "white", kind="list")
    if photo is None:
        return drawn_picture(number, light)
    return Picture(tinted(photo.rgb, LIGHTS[light][1]), light, photo.title, photo)


def stage_names(net: Net, gates: Mapping[str, NDArray[np.float32]]) -> list[str]:
    """Each block's name and how many channels it has."""
    named = _("Stage {stage}: {channels} channels")
    return [
        named.format(stage=stage, channels=len(gates[path])) for stage, path in enumerate(net.paths, start=1)
    ]


def choose_channel(lesson: LessonPage, net: Net, picture: Picture) -> tuple[int, int, Look]:
    """A stage and a channel of it, both from 0, and the picture's way through the network."""
    stage = lesson.slider("stage", _("Stage"), 1, len(net.paths), 1) - 1
    seen = look(net.network, net.take(picture.rgb), net.paths[stage])
    channel = lesson.slider("c", _("Channel"), 1, len(seen.chosen.gates), 1) - 1
    return stage, channel, seen


def files(picture: Picture, name: str = FILE) -> dict[str, bytes]:
    """What a script reads beside the visitor's photo: a picture that was drawn."""
    return {name: encode_png(picture.rgb)} if picture.photo is None else {}


def weights_file(net: Net) -> dict[str, bytes]:
    """Our network's weights, for the notebook to carry."""
    if net.reduction is None:
        return {}
    name = f"{se_resnet.name(net.reduction)}.safetensors"
    return {name: (weights.FOLDER / name).read_bytes()}


def best(look: Look, count: int = 5) -> list[int]:
    """Classes with the largest logits, the largest first."""
    return np.argsort(-look.logits, kind="stable")[:count].tolist()


def near(value: float, scale: float) -> float:
    """How far float32 may be from `value` after summing numbers of size `scale`, relative to `value`."""
    return 1e-5 + (1e-6 * scale / abs(value) if value else 0.0)


def tex(value: float) -> str:
    """Four digits for a formula: closed gates are small, and "7e-05" would read there as a difference.

    >>> tex(0.52254), tex(-7.2491e-05)
    ('0.5225', '-7.249 \\\\cdot 10^{-5}')
    """
    return re.sub(r"e([+-]\d+)$", lambda found: rf" \cdot 10^{{{int(found[1])}}}", f"{value:.4g}")


def knows(net: Net) -> str:
    """What the network has learned, and what it has not."""
    if net.subject is not None:
        return _("torchvision's weights, trained on ImageNet's 1,000 classes.")
    return _(
        "This network has only ever seen drawn shapes, 32 × 32 pixels, in coloured light, over pieces of these photos. "
        "It knows {classes} classes, red circle to violet star; a cat is none of them, so don't believe its answer to "
        "a photo. Its gates answer all the same, and they are what we look at."
    ).format(classes=len(net.classes))


def scale(block: Excitation, channel: int) -> float:
    """Size of the numbers that a map's mean sums."""
    return float(np.abs(block.maps[channel]).mean())
