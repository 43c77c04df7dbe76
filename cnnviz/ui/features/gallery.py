"""A channel's patches in a row, and all channels on a sheet to choose from."""

from collections.abc import Sequence

import streamlit as st

from cnnviz.explain.attribution.exciting import Patch, first_kernels
from cnnviz.figures import features
from cnnviz.figures.maps import montage
from cnnviz.figures.network import kernel
from cnnviz.images import encode_jpeg, encode_png
from cnnviz.ui.cells import cell_picker
from cnnviz.ui.features import find
from cnnviz.ui.features.find import Found
from cnnviz.ui.language import _, current
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once

COLUMNS = 8
PART = 40
"""Channels on one sheet."""
DEAD = 1e-3
"""An answer that is none."""


def gallery(lesson: LessonPage, found: Found, channel: int, kernels: bool) -> None:
    """The patches that excite the channel most, the best first."""
    patches = found.best(channel, found.total)
    best = max(one.value for one in patches)
    words = _("**Channel {channel} of {count}: what excites it most in each photo, the best first.**")
    st.markdown(words.format(channel=channel + 1, count=f"{found.layer.shape[1]:,}"))
    if abs(best) < DEAD:
        st.markdown(_("It answers next to nothing to any of these photos: the channel is dead."))
    key = found.case.key, found.layer.name, channel, found.done, current()
    st.html(once(lesson, "gallery", key, lambda: _patches(found, channel, patches, kernels)))


def _patches(found: Found, channel: int, patches: Sequence[Patch], kernels: bool) -> str:
    items = []
    if kernels:
        name = _("Kernel {number}").format(number=channel + 1)
        picture = kernel(first_kernels(found.case.subject.network)[channel])
        items.append((picture, name, _("The kernel as colours; mid-grey is a weight of zero.")))
    alt = _("{title}: rows {top} to {bottom}, columns {left} to {right} of what the network reads.")
    for one in patches:
        left, top, right, bottom = one.box
        title = find.title(one.photo)
        place = {"left": left + 1, "top": top + 1, "right": right, "bottom": bottom}
        items.append((found.square(one), f"{title} {one.value:.2f}", alt.format(title=title, **place)))
    label = _("The patches that excite channel {channel} most")
    return features.gallery(items, label.format(channel=channel + 1))


def sheet(lesson: LessonPage, found: Found, channel: int, kernels: bool) -> None:
    """Every channel's kernel, or the patch that excites it most, to choose a channel by."""
    case, count = found.case, found.layer.shape[1]
    first = 0 if kernels else channel // PART * PART
    channels = range(first, count if kernels else min(first + PART, count))

    def draw() -> bytes:
        if kernels:
            tiles = [kernel(weight) for weight in first_kernels(case.subject.network)]
            return encode_png(montage(tiles, COLUMNS, gap=3, line=(0, 0, 0)))
        squares = [features.tile(found.square(found.best(each, 1)[0]), 72) for each in channels]
        return encode_jpeg(montage(squares, COLUMNS))

    def keep() -> None:
        cell = st.session_state[key].cell
        if cell is not None:
            lesson.put("c", min(first + int(cell[0]) * COLUMNS + int(cell[1]), channels[-1]) + 1)

    key = lesson.key("sheet")
    what = (
        _("The {count} kernels as colours, in rows of {columns}.")
        if kernels
        else _("Channels {first} to {last} of {count}: each one's most exciting patch, in rows of {columns}.")
    )
    place = {"first": first + 1, "last": channels[-1] + 1, "count": f"{count:,}", "columns": COLUMNS}
    words = what.format(**place)
    cell_picker(
        once(lesson, "sheet.picture", (case.key, found.layer.name, first, found.done), draw),
        -(-len(channels) // COLUMNS),
        COLUMNS,
        divmod(channel - first, COLUMNS),
        alt=words,
        label=_("Choose a channel"),
        cell_text=_("row {row}, column {column}"),
        key=key,
        on_pick=keep,
    )
    st.caption(words)
