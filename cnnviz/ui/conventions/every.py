"""AP of every combination as a picture, and what each single switch would do, as a table."""

from dataclasses import replace

import streamlit as st

from cnnviz.figures.conventions import Dot, strip_figure
from cnnviz.metrics.conventions import PRESETS, SWITCHES, neighbours
from cnnviz.metrics.matching import Convention
from cnnviz.ui.conventions import data, switches
from cnnviz.ui.conventions.data import Combinations
from cnnviz.ui.conventions.explain import percent
from cnnviz.ui.detections import Picked, table
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage


def get(lesson: LessonPage, picked: Picked, category: int | None, threshold: float) -> Combinations | None:
    """Every combination; of a large set only when asked for, with progress, and a way to stop."""
    every = data.combinations(picked, category, threshold)
    if every is not None:
        return every
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        count = len(picked.data.detections)
        st.markdown(
            _("Every combination, for {count} detections: this takes a while.").format(count=f"{count:,}")
        )
        asked = st.button(_("Compute them"), key=lesson.key("compute"), icon=":material/play_arrow:")
    if not asked:
        return None
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, width=420)
        st.button(_("Stop"), key=lesson.key("stop"), icon=":material/stop:")

        def show(part: float) -> None:
            # Streamlit interrupts the run here, when Stop or anything else is pressed.
            bar.progress(part)

        every = data.compute(picked, category, threshold, show)
    place.empty()
    return every


def distinct(every: Combinations) -> int:
    """How many different values there are, to ten digits."""
    return len({round(value, 10) for value in every.values() if value is not None})


def strip(lesson: LessonPage, every: Combinations, convention: Convention) -> None:
    """The picture, split by the switch that the reader chooses."""
    names = switches.titles()
    by = lesson.choice("by", _("Split by"), {name: names[name] for name in SWITCHES}, "matching", kind="list")
    rows = [switches.words(by, setting) for setting in SWITCHES[by]]
    dots: dict[Convention, Dot] = {}
    texts = switches.sentences(every)
    for each, value in every.items():
        # A limit of 10 or 100 draws the same dots again, unless it is what splits them.
        shown = each.max_detections in (None, 1, convention.max_detections) or by == "max_detections"
        if value is not None and shown:
            dots[each] = Dot(value, SWITCHES[by].index(getattr(each, by)), texts[each])
    if not dots:
        st.markdown(_("No class has a ground truth that counts: AP is undefined under every combination."))
        return
    at = convention.iou_threshold
    marks = {}
    for name, preset in PRESETS.items():
        same = replace(preset, iou_threshold=at)
        if same not in dots and same in every and every[same] is not None:
            same = replace(same, max_detections=None)
        if same in dots:
            marks[name] = dots[same]
    values = [100 * dot.ap for dot in dots.values()]
    spans = [
        (rows[row], [100 * dot.ap for dot in dots.values() if dot.row == row]) for row in range(len(rows))
    ]
    words = _("mAP under {count} combinations, from {low} to {high}; now {now}. By {switch}: {spans}.")
    said = "; ".join(
        _("{setting} {low} to {high}").format(
            setting=row, low=f"{min(each):.2f} %", high=f"{max(each):.2f} %"
        )
        for row, each in spans
        if each
    )
    alt = words.format(
        count=f"{len(every):,}",
        low=f"{min(values):.2f} %",
        high=f"{max(values):.2f} %",
        now=percent(every[convention]),
        switch=names[by],
        spans=said,
    )
    with lesson.card():
        lesson.figure(
            strip_figure(list(dots.values()), rows, dots.get(convention), marks, "mAP", _("now")),
            alt,
            name="strip",
        )
    words = _("{count} combinations give {distinct} different values, {span} points apart.")
    st.caption(
        words.format(
            count=f"{len(every):,}", distinct=distinct(every), span=f"{max(values) - min(values):.2f}"
        )
    )


def flips(every: Combinations, convention: Convention) -> None:
    """What turning one switch would do from here, the greatest change first."""
    names, here = switches.titles(), every[convention]
    rows = []
    for switch, other in neighbours(convention):
        value = every[other]
        change = 0.0 if value is None or here is None else 100 * (value - here)
        rows.append((abs(change), switch, other, value, change))
    rows.sort(key=lambda row: -row[0])
    body = [
        (
            names[switch],
            f"{switches.words(switch, getattr(convention, switch))} → "
            f"{switches.words(switch, getattr(other, switch))}",
            percent(value),
            "=" if abs(change) < 5e-9 else f"{change:+.2f}",
        )
        for _size, switch, other, value, change in rows
    ]
    label = _("What turning one switch would do")
    st.html(table((_("Switch"), _("Turned"), "mAP", _("Change, in points")), body, label))


def strongest(every: Combinations, convention: Convention) -> tuple[dict[str, float], str]:
    """How far each switch alone can move AP, in points; and the one that moves it farthest, or ``none``."""
    here = every[convention] or 0.0
    far = dict.fromkeys(SWITCHES, 0.0)
    for switch, other in neighbours(convention):
        value = every[other]
        if value is not None:
            far[switch] = max(far[switch], round(100 * abs(value - here), 8))
    best = max(far, key=lambda switch: far[switch])
    return far, best if far[best] > 0 else "none"
