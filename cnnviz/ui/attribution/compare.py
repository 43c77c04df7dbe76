"""All methods side by side, under one cursor and one zoom."""

import streamlit as st

from cnnviz.explain.attribution.cam import Cam
from cnnviz.explain.attribution.gradients import Saliency, slope
from cnnviz.explain.attribution.methods import METHODS
from cnnviz.explain.attribution.results import Attribution
from cnnviz.figures import attribution as figures
from cnnviz.images import encode_jpeg, encode_png
from cnnviz.messages import N_
from cnnviz.ui import state
from cnnviz.ui.attribution import maps
from cnnviz.ui.attribution.proofs import cam_proof, slope_proof
from cnnviz.ui.attribution.shared import (
    Drawn,
    Jobs,
    ask_quarter,
    choose_opacity,
    number,
    titles,
    words,
    work_on,
)
from cnnviz.ui.detections import table
from cnnviz.ui.explaining import Case
from cnnviz.ui.language import _
from cnnviz.ui.lesson import LessonPage
from cnnviz.ui.network.visit import once
from cnnviz.ui.state import Codec

QUICK = [name for name, method in METHODS.items() if not method.slow]


def _read(text: str) -> list[str]:
    chosen = text.split(".") if text != "none" else []
    if not set(chosen) <= set(METHODS):
        raise ValueError(text)
    return chosen


_SOME = Codec(
    lambda chosen: ".".join(chosen) or "none",
    _read,
    N_("some of {options}, joined by dots"),
    {"options": ", ".join(METHODS)},
)


def draw(lesson: LessonPage, case: Case) -> Drawn:
    names = titles()
    controls, stage = lesson.bench()
    with controls:
        chosen = _choose(lesson, names)
    with stage:
        quiz = lesson.linked("quiz", "grad_cam", state.choice(QUICK))
        told = _ask(lesson, case, quiz)
    with controls:
        opacity = choose_opacity(lesson)
        zoom = lesson.fraction("z", _("Zoom"), 1, 8, 1, step=0.5)
        pin = lesson.linked("at", (case.size[0] // 2, case.size[1] // 2), state.cells(2))
    settings = [METHODS[name].settings() for name in chosen]
    jobs = {names[name]: work_on(case, each) for name, each in zip(chosen, settings, strict=True)}
    slow = {names[name]: jobs[names[name]] for name in chosen if METHODS[name].slow}
    for title, job in jobs.items():
        if title not in slow:
            job.run()
    with stage:
        place, partial = st.empty(), st.empty()
        if told:
            maps.look(opacity, zoom)
            row, column = (*(min(max(at, 0), most - 1) for at, most in zip(pin, case.size, strict=False)), 0)[
                :2
            ]
            with lesson.card():
                _maps(lesson, case, jobs, (row, column))
            _numbers(case, jobs, (row, column))
        with st.expander(_("Papers and equations"), icon=":material/menu_book:"):
            _papers()

    def show(title: str, so_far: Attribution) -> None:
        if told:
            picture = figures.over(case.crop, so_far.map, opacity)
            said = words(title, so_far)
            partial.image(encode_jpeg(picture), caption=said, width=224, alt=said)

    if told:
        _prove(lesson, case)
    return Drawn(settings, jobs, place, show)


def _choose(lesson: LessonPage, names: dict[str, str]) -> list[str]:
    lesson.linked("on", QUICK, _SOME)
    picked = st.pills(
        _("Methods"),
        list(METHODS),
        format_func=lambda name: names[name],
        selection_mode="multi",
        key=lesson.key("on"),
        persist_state="session",
        help=_("SmoothGrad, integrated gradients and occlusion take many passes: they draw what they have."),
    )
    return [name for name in METHODS if name in picked]


def _ask(lesson: LessonPage, case: Case, quiz: str) -> bool:
    found = work_on(case, METHODS[quiz].settings()).run()
    return found is None or ask_quarter(lesson, case, titles()[quiz], found, ["quiz"])


def _maps(lesson: LessonPage, case: Case, jobs: Jobs, pin: tuple[int, int]) -> None:
    photo = once(lesson, "photo", case.key, lambda: encode_jpeg(case.crop))
    key = lesson.key("at")

    def keep(place: tuple[int, int]) -> None:
        st.session_state[key] = place

    maps.linked_maps(
        photo,
        case.photo.alt,
        [_panel(lesson, title, job.last) for title, job in jobs.items()],
        case.size,
        pin,
        maps.MapsWords(
            photo=_("What the network sees"),
            label=_("Cursor on all maps: arrow keys move it, with Shift farther, Enter pins it."),
            hint=_(
                "Red speaks for the class, blue against it; where nothing is below 0, colours go from black to yellow. "
                "Point at a place: each map says how strong it is there, in percent of its full colour. "
                "A click pins the place, and the zoom goes there."
            ),
            position=_("row {row}, column {column}"),
            nothing=_("not there yet"),
        ),
        key=lesson.key("maps"),
        on_pin=keep,
    )


def _panel(lesson: LessonPage, title: str, found: Attribution | None) -> maps.Panel:
    if found is None:
        nothing = _("not there yet")
        return maps.Panel(title, b"", False, f"{title}: {nothing}", nothing)
    values = found.map
    source, limit = once(
        lesson,
        f"levels.{title}",
        found,
        lambda: (encode_png(figures.levels(values)), figures.limit(values)),
    )
    end = _("full colour at {limit}").format(limit=number(limit))
    if not found.finished:
        end = _("{done} of {count}").format(done=found.done, count=found.total) + f" · {end}"
    return maps.Panel(title, source, bool(values.min() < 0), words(title, found), end)


def _numbers(case: Case, jobs: Jobs, pin: tuple[int, int]) -> None:
    """The exact values at the pin, and each map's range."""
    rows = []
    for title, job in jobs.items():
        if job.last is None:
            continue
        values = job.last.map
        height, width = values.shape
        here = values[pin[0] * height // case.size[0], pin[1] * width // case.size[1]]
        row, column = divmod(int(values.argmax()), width)
        numbers = [number(float(value)) for value in (here, values.min(), values.max())]
        rows.append((title, *numbers, f"{row}, {column}", f"{height} × {width}"))
    place = _("at row {row}, column {column}").format(row=pin[0], column=pin[1])
    head = (_("Method"), place, _("smallest"), _("largest"), _("largest at"), _("cells"))
    if rows:
        st.html(table(head, rows, _("The maps in numbers")))


def _papers() -> None:
    """Every method with where it comes from, and how it is computed."""
    st.markdown(
        "\n\n".join(
            f"**{_(method.title)}** · [{method.paper}]({method.url})\n\n${method.formula}$"
            for method in METHODS.values()
        )
    )


def _prove(lesson: LessonPage, case: Case) -> None:
    saliency = work_on(case, Saliency()).run()
    cam = work_on(case, Cam()).run()
    if saliency is not None:
        values = saliency.values
        measured = once(
            lesson,
            "slope",
            saliency,
            lambda: slope(case.subject.network, case.picture, case.target, values),
        )
        lesson.prove(slope_proof(saliency, measured), *([cam_proof(cam)] if cam is not None else []))
