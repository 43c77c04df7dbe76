"""The set that the Evaluation lessons look at: the example, our detector's scenes, or the visitor's files.

The choice is the same in every lesson. Own files live in the session's memory and nowhere else: they are
read once, their bytes are dropped, and no shared cache ever sees them. Links name the example and the
scenes only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal
from uuid import uuid4

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cnnviz.errors import AnnotationError, CnnvizError
from cnnviz.metrics import set_code
from cnnviz.metrics.data import DetectionSet
from cnnviz.metrics.example import example
from cnnviz.metrics.example_pictures import draw_example
from cnnviz.metrics.files import reader
from cnnviz.metrics.files.opening import MAX_BYTES
from cnnviz.metrics.files.reader import Reading
from cnnviz.metrics.scenes import SceneSettings, draw_from
from cnnviz.metrics.shape_detector import Part, evaluate_part, join
from cnnviz.ui import state
from cnnviz.ui.controls import Controls
from cnnviz.ui.language import _, explain

Source = Literal["example", "scenes", "own"]
EXAMPLE: Final = "example"
SCENES: Final = "scenes"
OWN: Final = "own"
MOST_SCENES = 5000
CHUNK = 32
"""Scenes that are evaluated between two looks at the Stop button."""
MEGABYTES = MAX_BYTES // 2**20
SHOWN_PROBLEMS = 100

_SCOPE = "set"
_OWN_KEY, _TURN_KEY, _ERROR_KEY, _POPOVER_KEY = "set.own", "set.turn", "set.error", "set.popover"
_DONE_KEY, _STOP_KEY, _SEEN_KEY = "set.done", "set.stopped", "set.seen"


@dataclass(frozen=True, eq=False)
class Picked:
    """The set that is evaluated.

    Attributes:
        data: truths and detections.
        source: 'example', 'scenes' or 'own'.
        key: names the set's content, for caches: equal keys mean equal sets. An own set's key is
            random, so that no other session meets it; cache what is computed from it for the session only.
        title: in the reader's language.
        scenes: difficulty, noise, occlusion and seed, where the set is made of scenes.
    """

    data: DetectionSet
    source: Source
    key: str
    title: str
    scenes: tuple[float, float, float, int] | None = None

    def picture(self, image: int) -> NDArray[np.uint8] | None:
        """(H, W, 3) image number `image`, None for own files.

        Boxes count in ``data.images[image].width`` and ``height``; the example's pictures have four pixels
        for each of those, so stretch the picture over the frame instead of going by its shape.
        """
        if self.source == EXAMPLE:
            return draw_example(self.data, image)
        if self.scenes is not None:
            difficulty, noise, occlusion, seed = self.scenes
            return draw_from(seed, image, difficulty, noise, occlusion).image
        return None

    @property
    def code(self) -> str:
        """Python that defines ``categories``, ``truths`` and ``detections``; see :mod:`set_code`."""
        return set_code.code(self.data)

    def files(self) -> Mapping[str, bytes]:
        """What :attr:`code` reads, for the notebook to carry: ``lesson.code(source, files=picked.files)``."""
        return {} if set_code.is_inline(self.data) else {set_code.FILE: set_code.as_json(self.data)}

    def category(self, index: int) -> str:
        """A class's name, in the reader's language where it is ours."""
        name = self.data.categories[index].name
        return name if self.source == OWN else _(name)


@dataclass(frozen=True, eq=False)
class _Own:
    reading: Reading
    key: str


def pick_set() -> Picked:
    """Draw the picker and return the set chosen.

    While scenes are being evaluated the run ends here only when all are done or the visitor stops it;
    whatever was evaluated until then is kept.
    """
    own: _Own | None = st.session_state.get(_OWN_KEY)
    titles = {EXAMPLE: _("The example"), SCENES: _("Our detector")}
    if own is not None:
        titles[OWN] = _("Your files")
    source = state.link(_SCOPE, "set", EXAMPLE, state.samples_only([EXAMPLE, SCENES]))
    if source not in titles:
        st.session_state[_SCOPE] = EXAMPLE
    with st.container(border=True, key="set-picker"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.pills(
                _("What is evaluated"),
                list(titles),
                format_func=lambda i: titles[i],
                key=_SCOPE,
                required=True,
                persist_state="session",
            )
            with st.popover(
                _("Use your own files"), icon=":material/upload_file:", on_change="rerun", key=_POPOVER_KEY
            ) as popover:
                if popover.open:
                    _upload()
        if error := st.session_state.get(_ERROR_KEY):
            st.error(_("{reason} What you had is still here.").format(reason=explain(error)))
        if chosen == SCENES:
            picked = _scenes()
        elif chosen == OWN and own is not None:
            picked = Picked(own.reading.data, OWN, own.key, titles[OWN])
        else:
            picked = Picked(_example(), EXAMPLE, EXAMPLE, titles[EXAMPLE])
        data = picked.data
        words = _("Images {images} · ground truths {truths} · detections {detections} · classes {classes}")
        st.caption(
            words.format(
                images=f"{len(data.images):,}",
                truths=f"{len(data.truths):,}",
                detections=f"{len(data.detections):,}",
                classes=len(data.categories),
            )
        )
        if picked.source == OWN and own is not None:
            _own_words(own.reading)
    _ask_anew(picked.key)
    return picked


def _ask_anew(key: str) -> None:
    """Another set makes another question, whatever the lesson's own settings are."""
    if st.session_state.setdefault(_SEEN_KEY, key) != key:
        st.session_state[_SEEN_KEY] = key
        for name in [str(name) for name in st.session_state if str(name).endswith(".asked")]:
            del st.session_state[name]


@st.cache_resource(show_spinner=False)
def _example() -> DetectionSet:
    return example()


# Scenes


def _scenes() -> Picked:
    controls = Controls(_SCOPE)
    with st.container(horizontal=True):
        with st.container(width=190):
            count = controls.slider("scenes", _("Scenes"), 50, MOST_SCENES, 200, step=50)
        with st.container(width=150):
            difficulty = controls.fraction("hard", _("Difficulty"), 0.0, 1.0, 0.3)
        with st.container(width=150):
            noise = controls.fraction("noise", _("Noise"), 0.0, 1.0, 0.2)
        with st.container(width=150):
            occlusion = controls.fraction("hidden", _("Occlusion"), 0.0, 1.0, 0.2)
        with st.container(width=150):
            seed = controls.slider("sceneseed", _("Random seed"), 0, 99, 0)
    drawn = (difficulty, noise, occlusion, seed)
    data, done = _evaluate(count, drawn)
    key = f"scenes {done} {drawn}"
    return Picked(data, SCENES, key, _("Our detector"), drawn)


def _evaluate(count: int, drawn: tuple[float, float, float, int]) -> tuple[DetectionSet, int]:
    """Evaluate `count` scenes, or as many as there is patience for."""
    kept = st.session_state.get(_DONE_KEY)
    if kept is None or kept["drawn"] != drawn:
        kept = st.session_state[_DONE_KEY] = {"drawn": drawn, "parts": [], "joined": None}
        st.session_state[_STOP_KEY] = None
    parts = kept["parts"]
    aim = -(-count // CHUNK)

    def stop() -> None:
        st.session_state[_STOP_KEY] = count

    def go_on() -> None:
        st.session_state[_STOP_KEY] = None

    place = st.empty()
    if not parts:
        # Something to show even if the first thing that the visitor does is to stop.
        parts.append(_chunk(*drawn, 0))
    if len(parts) < aim and st.session_state[_STOP_KEY] != count:
        with place.container(horizontal=True, vertical_alignment="center"):
            words = _("{done} of {count} scenes evaluated")
            bar = st.progress(0.0, width=420)
            st.button(_("Stop"), on_click=stop, icon=":material/stop:", key="set.stop")
            while len(parts) < aim:
                # Here Streamlit interrupts the run when anything is moved or pressed; the parts stay.
                done = len(parts) * CHUNK
                bar.progress(done / (aim * CHUNK), words.format(done=f"{done:,}", count=f"{count:,}"))
                parts.append(_chunk(*drawn, len(parts) * CHUNK))
        place.empty()
    done = min(count, len(parts) * CHUNK)
    if done < count:
        with place.container(horizontal=True, vertical_alignment="center"):
            sentence = _("Stopped after {done} of {count} scenes: these are evaluated below.")
            st.markdown(sentence.format(done=f"{done:,}", count=f"{count:,}"))
            st.button(_("Go on"), on_click=go_on, icon=":material/play_arrow:", key="set.go")
    if kept["joined"] is None or kept["joined"][0] != done:
        whole, rest = divmod(done, CHUNK)
        ends = [parts[whole].first(rest)] if rest else []
        kept["joined"] = (done, join([*parts[:whole], *ends]))
    return kept["joined"][1], done


@st.cache_data(max_entries=2 * MOST_SCENES // CHUNK, show_spinner=False)
def _chunk(difficulty: float, noise: float, occlusion: float, seed: int, start: int) -> Part:
    """Scenes `start` and following, evaluated; they do not depend on how many there are in all."""
    settings = SceneSettings(MOST_SCENES, difficulty, noise, occlusion, seed)
    return evaluate_part(settings, start, start + CHUNK)


# Own files


def _upload() -> None:
    turn = st.session_state.get(_TURN_KEY, 0)
    # The uploader's own words can't be translated: ours stand above it.
    st.markdown(
        _(
            "COCO JSON, CSV, or a zip of VOC XML, YOLO txt or plain txt, up to {megabytes} MB each. "
            "The ground truths come first; a COCO JSON or a CSV may hold the detections too. "
            "Everything stays in this session's memory: nothing is saved, nobody else sees it."
        ).format(megabytes=MEGABYTES)
    )
    keys = [f"set.upload.{name}.{turn}" for name in ("truths", "detections")]
    for key, label in zip(keys, (_("Ground truths"), _("Detections")), strict=True):
        st.file_uploader(label, key=key, max_upload_size=MEGABYTES)
    with st.container(horizontal=True):
        sizes = [
            st.number_input(label, 1, 100_000, 640, key=f"set.size.{name}", width=150)
            for name, label in (("w", _("Image width")), ("h", _("Image height")))
        ]
    st.caption(_("The size is for YOLO's files, where no picture in the zip tells it."))
    st.button(
        _("Evaluate these files"),
        on_click=_accept,
        args=(*keys, tuple(sizes)),
        key="set.read",
        type="primary",
        disabled=st.session_state.get(keys[0]) is None,
    )


def _accept(truths_key: str, detections_key: str, size: tuple[int, int]) -> None:
    """Read what was uploaded, and let go of the files (a widget callback)."""
    truths, found = st.session_state.get(truths_key), st.session_state.get(detections_key)
    if truths is None:
        return
    uploads = [(file.name, file.getvalue()) for file in (truths, found) if file is not None]
    try:
        reading = reader.read(uploads[0], uploads[1] if len(uploads) > 1 else None, size)
    except AnnotationError as error:
        # Without its traceback, whose frames would keep the files alive.
        st.session_state[_ERROR_KEY] = error.with_traceback(None)
    else:
        st.session_state[_ERROR_KEY] = None
        st.session_state[_OWN_KEY] = _Own(reading, f"own {uuid4().hex}")
        st.session_state[_SCOPE] = OWN
        st.session_state[_POPOVER_KEY] = False
        # A new key makes a new, empty uploader: Streamlit frees the files of the old one.
        st.session_state[_TURN_KEY] = st.session_state.get(_TURN_KEY, 0) + 1


def _own_words(reading: Reading) -> None:
    """What was read, and what could not be."""
    st.caption(
        _(
            "**{name}** ({formats}). Your own files are not part of the link: they stay in this session."
        ).format(name=_plain(reading.data.name), formats=", ".join(reading.formats))
    )
    if assumed := reading.data.extra.get("assumed_sizes", 0):
        words = _("Images whose size had to be assumed: {count}.")
        st.caption(words.format(count=f"{assumed:,}"))
    if not reading.unread:
        return
    words = _("Records read and evaluated: {kept}. Records that could not be read: {unread}.")
    kept = len(reading.data.truths) + len(reading.data.detections)
    st.warning(words.format(unread=f"{reading.unread:,}", kept=f"{kept:,}"), icon=":material/rule:")
    name = _("Records that could not be read")
    with st.expander(name):
        problems = reading.problems[:SHOWN_PROBLEMS]
        rows = [
            (problem.file, str(problem.record), explain(CnnvizError(problem.message, **problem.values)))
            for problem in problems
        ]
        st.html(table((_("File"), _("Record"), _("Reason")), rows, name))
        if reading.unread > len(problems):
            words = _("The first {shown} of {count} are listed.")
            st.caption(words.format(shown=len(problems), count=f"{reading.unread:,}"))


def _plain(text: str) -> str:
    """A file's name as it is, though Markdown would read it otherwise."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()<>#+-.!|~$:" else letter for letter in text)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], label: str) -> str:
    """An HTML table that scrolls by itself, also by keyboard."""
    style = "text-align:left;padding:0.15rem 1rem 0.15rem 0;vertical-align:top"
    top = "".join(f'<th scope="col" style="{style};white-space:nowrap">{escape(text)}</th>' for text in head)
    body = "".join(f"<tr>{''.join(_cell(text, style) for text in row)}</tr>" for row in rows)
    return (
        f'<div tabindex="0" role="region" aria-label="{escape(label)}" style="overflow:auto;max-height:24rem">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(text: str, style: str) -> str:
    """Short words stay on one line; only sentences break."""
    kept = ";white-space:nowrap" if len(text) <= 24 else ";min-width:10rem"
    return f'<td style="{style}{kept}">{escape(text)}</td>'
