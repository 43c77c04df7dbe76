"""The photo picker: a sample, an upload or the camera, the same photo in every lesson.

An own photo lives in the session's memory and nowhere else: it is decoded once, the file's bytes
are dropped, and no shared cache ever sees it. Links name samples only.
"""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz import samples
from cnnviz.errors import PhotoError
from cnnviz.images import encode_jpeg, encode_png, fit, read_photo
from cnnviz.notebook import PHOTO_FILE
from cnnviz.samples import SAMPLES
from cnnviz.ui import state
from cnnviz.ui.language import _, explain

OWN = "own"
MAX_SIDE = 800
"""Long side, in pixels, of the photo that lessons work on."""
MEGABYTES = 10
"""Largest upload; the same as server.maxUploadSize."""
_KEY, _OWN_KEY, _TURN_KEY, _ERROR_KEY = "photo", "photo.own", "photo.turn", "photo.error"


@dataclass(frozen=True)
class Photo:
    """The photo that the lessons look at.

    Attributes:
        id: a sample's id, or ``"own"``.
        rgb: (H, W, 3) uint8, long side at most 800 px.
        title: its name in the reader's language.
        alt: words for the picture, in the reader's language.
    """

    id: str
    rgb: NDArray[np.uint8]
    title: str
    alt: str

    @property
    def code(self) -> str:
        """Python that gives this same array as ``photo``: from the sample's package, or from a file."""
        sample = SAMPLES.get(self.id)
        if sample is None or not sample.package:
            return (
                "import numpy as np\nfrom PIL import Image\n\n"
                f'photo = np.asarray(Image.open("{PHOTO_FILE}").convert("RGB"))  # the notebook carries this file'
            )
        height, width = self.rgb.shape[:2]
        return (
            "import importlib.util\nfrom pathlib import Path\n\n"
            "import cv2\nimport numpy as np\nfrom PIL import Image\n\n"
            f'package = Path(importlib.util.find_spec("{sample.package}").origin).parent\n'
            f'photo = np.asarray(Image.open(package / "{sample.file}").convert("RGB"))\n'
            f"photo = cv2.resize(photo, ({width}, {height}), interpolation=cv2.INTER_AREA)"
        )

    @property
    def png(self) -> bytes | None:
        """The pixels for the notebook to carry, unless a package has them."""
        sample = SAMPLES.get(self.id)
        return encode_png(self.rgb) if sample is None or not sample.package else None


@st.cache_data(max_entries=16, show_spinner=False)
def _sample(sample_id: str) -> NDArray[np.uint8]:
    return fit(samples.load(sample_id), MAX_SIDE)


@st.cache_data(max_entries=16, show_spinner=False)
def _preview(sample_id: str) -> bytes:
    return encode_jpeg(fit(_sample(sample_id), 240))


def _accept(key: str) -> None:
    """Decode what was just uploaded or taken, and let go of the file (a widget callback)."""
    file = st.session_state[key]
    if file is None:
        return
    try:
        st.session_state[_OWN_KEY] = read_photo(file.getvalue(), max_side=MAX_SIDE)
    except PhotoError as error:
        # Without its traceback, whose frames would keep the file alive.
        st.session_state[_ERROR_KEY] = (file.name, error.with_traceback(None))
    else:
        st.session_state[_ERROR_KEY] = None
        st.session_state[_KEY] = OWN
    # A new key makes a new, empty uploader: Streamlit frees the file of the old one.
    st.session_state[_TURN_KEY] = st.session_state.get(_TURN_KEY, 0) + 1


def pick(default: str = "cat") -> Photo:
    """Draw the picker and return the photo chosen."""
    own = st.session_state.get(_OWN_KEY)
    ids = [*SAMPLES, OWN] if own is not None else list(SAMPLES)
    chosen = state.link(_KEY, _KEY, default, state.samples_only(list(SAMPLES)))
    if chosen not in ids:
        st.session_state[_KEY] = default

    with st.container(horizontal=True, vertical_alignment="center", key="photo-picker"):
        preview = st.empty()
        with st.container():
            picked = st.pills(
                _("Photo"),
                ids,
                format_func=lambda i: _("Your photo") if i == OWN else _(SAMPLES[i].title),
                key=_KEY,
                required=True,
                persist_state="session",
            )
            with st.popover(_("Use your own"), icon=":material/add_a_photo:", on_change="rerun") as own_photo:
                if own_photo.open:
                    _own_photo()
    if error := st.session_state.get(_ERROR_KEY):
        name, reason = error
        sentence = _("**{name}**: {reason} The photo you had is still here.")
        st.error(sentence.format(name=name, reason=explain(reason)))

    if picked == OWN and own is not None:
        photo = Photo(OWN, own, _("Your photo"), _("Your own photo."))
        # Streamlit shrinks what is wider than it is shown, and fails where a strip's height becomes 0.
        small = fit(own, 240 if own.shape[0] > own.shape[1] else 120)
        preview.image(encode_jpeg(small), width=120, alt=photo.alt)
    else:
        sample = SAMPLES[picked or default]
        photo = Photo(sample.id, _sample(sample.id), _(sample.title), _(sample.alt))
        preview.image(_preview(sample.id), width=120, alt=photo.alt)
    return photo


def _own_photo() -> None:
    """Upload or camera, with our own words above them: the uploader's own cannot be translated."""
    turn = st.session_state.get(_TURN_KEY, 0)
    st.markdown(
        _(
            "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF, up to {megabytes} MB. "
            "It stays in this session's memory: nothing is saved, nobody else sees it."
        ).format(megabytes=MEGABYTES)
    )
    upload = f"photo.upload.{turn}"
    st.file_uploader(
        _("Choose a photo file"),
        key=upload,
        on_change=_accept,
        args=(upload,),
        max_upload_size=MEGABYTES,
    )
    if st.toggle(_("Use the camera"), key="photo.camera"):
        camera = f"photo.shot.{turn}"
        st.camera_input(_("Take a picture"), key=camera, on_change=_accept, args=(camera,))
