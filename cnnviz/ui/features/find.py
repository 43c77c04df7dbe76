"""The photos searched for what excites a layer's channels: one after the other, each once for all visitors."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from torch import nn

from cnnviz import samples
from cnnviz.explain.attribution.exciting import Patch, Peaks, exciting, first_layer, peaks, together
from cnnviz.explain.attribution.picture import Picture, picture
from cnnviz.explain.attribution.subjects import Subject
from cnnviz.explain.traced_field import StageField
from cnnviz.figures.features import patch
from cnnviz.figures.maps import Picture as Pixels
from cnnviz.images import fit
from cnnviz.samples import SAMPLES
from cnnviz.ui.explaining import Case
from cnnviz.ui.language import _
from cnnviz.ui.photo import MAX_SIDE, OWN
from cnnviz.ui.trust.shared import as_seen

PHOTOS = tuple(sample.id for sample in SAMPLES.values() if sample.package)
"""Those that are photos; the drawn one is searched when it is the one chosen."""


@dataclass(frozen=True, eq=False)
class Found:
    """The photos searched so far.

    Attributes:
        case: the photo that the visitor has chosen, and the network.
        peaks: of the photos that are done.
        done, total: photos.
    """

    case: Case
    peaks: Peaks
    done: int
    total: int

    @property
    def layer(self) -> StageField:
        return self.peaks.layer

    def best(self, channel: int, count: int) -> tuple[Patch, ...]:
        """The patches that excite `channel` most, the best first."""
        return exciting(self.peaks, channel, count)

    def square(self, one: Patch) -> Pixels:
        """A patch as a square picture."""
        return patch(pixels(self.case, one.photo), one.box)

    def leader(self, channel: int) -> str | None:
        """The photo that excites `channel` most; None where several do equally."""
        values = self.peaks.values[:, channel]
        first = np.flatnonzero(values >= values.max() - 1e-4 * abs(values.max()))
        return self.peaks.photos[first[0]] if len(first) == 1 else None


def names(case: Case) -> tuple[str, ...]:
    """The photos that are searched, by id."""
    return PHOTOS if case.photo.id in PHOTOS else (*PHOTOS, case.photo.id)


def title(name: str) -> str:
    """A photo's, in the reader's language."""
    return _("Your photo") if name == OWN else _(SAMPLES[name].title)


def search(case: Case, layer: StageField) -> Iterator[Found]:
    """A yield for each photo."""
    parts, wanted = [], names(case)
    for name in wanted:
        if name == case.photo.id:
            parts.append(peaks(case.subject.network, layer, [(name, case.picture)]))
        else:
            parts.append(_peaks(case.subject.id, case.device, name, layer.name, case.subject, layer))
        yield Found(case, together(parts), len(parts), len(wanted))


def pixels(case: Case, name: str) -> Pixels:
    """What the network reads of a photo, as colours, (H, W, 3)."""
    if name == case.photo.id:
        return as_seen(case.picture)
    return as_seen(_picture(case.subject.id, case.device, name, case.subject))


def shape(name: str) -> tuple[int, int]:
    """Width and height of a sample as the lessons work on it."""
    height, width = _sample(name).shape[:2]
    return width, height


@st.cache_resource(max_entries=16, show_spinner=False)
def _sample(name: str) -> NDArray[np.uint8]:
    return fit(samples.load(name), MAX_SIDE)


@st.cache_resource(max_entries=32, show_spinner=False)
def _picture(network: str, device: str, name: str, _subject: Subject) -> Picture:
    return picture(_subject.preprocess, _sample(name), device)


@st.cache_resource(max_entries=400, show_spinner=False)
def _peaks(network: str, device: str, name: str, path: str, _subject: Subject, _layer: StageField) -> Peaks:
    return peaks(_subject.network, _layer, [(name, _picture(network, device, name, _subject))])


@st.cache_resource(max_entries=8, show_spinner=False)
def first(network: str, size: tuple[int, int], _network: nn.Module) -> StageField:
    """The first convolution."""
    return first_layer(_network, size)
