"""The frame around every page: navigation, language, device, and the link."""

from contextlib import nullcontext

import streamlit as st

from cnnviz.lessons import ASSETS, LESSONS, ROOT
from cnnviz.ui import language, state, warmup
from cnnviz.ui.language import LANGUAGES, _

DEVICE = "device"


def draw() -> None:
    """Run one page inside the frame."""
    state.begin()
    _choose_language()
    st.set_page_config(page_title="cnnviz", page_icon=str(ASSETS / "icon.svg"), layout="wide")
    pages: dict[str, list[st.Page]] = {
        "": [st.Page(ROOT / "pages/start/home.py", title=_("Home"), icon=":material/home:", default=True)]
    }
    for lesson in LESSONS:
        page = st.Page(
            ROOT / lesson.page,
            title=_(lesson.title),
            icon=f":material/{lesson.icon}:",
            url_path=lesson.id,
            help=_(lesson.question),
        )
        pages.setdefault(_(lesson.section), []).append(page)
    page = st.navigation(pages, expanded=True)
    if language.current() == "ko":
        # Korean breaks between words, not inside them.
        st.html(
            "<style>[data-testid='stApp'] :is(h1, h2, h3, h4, p, li, label) { word-break: keep-all; }</style>"
        )
    with st.sidebar:
        _settings()
    with warmup.alone() if page.url_path else nullcontext():
        page.run()
    if (lesson_page := st.session_state[state.PAGE]) is not None:
        lesson_page.close()
    state.publish()
    warmup.may_start()


def _choose_language() -> None:
    # The default is empty, so that a link always says which language its sender saw.
    if not state.link(language.KEY, "lang", "", state.choice(list(LANGUAGES))):
        st.session_state[language.KEY] = language.of_browser()


def _settings() -> None:
    st.segmented_control(
        "Language · 언어",
        list(LANGUAGES),
        format_func=lambda code: LANGUAGES[code],
        key=language.KEY,
        required=True,
        persist_state="session",
    )
    devices = _devices()
    chosen = state.link(DEVICE, DEVICE, devices[-1], state.choice(["cpu", "cuda", "mps"]))
    if chosen not in devices:
        st.session_state[DEVICE] = devices[-1]
    st.segmented_control(
        _("Device"),
        devices,
        format_func=str.upper,
        key=DEVICE,
        required=True,
        persist_state="session",
        help=_("Where the networks run: only what this machine has is offered."),
    )
    state.link(state.PREDICT, "predict", False, state.flag())
    st.toggle(
        _("Predict first"),
        key=state.PREDICT,
        persist_state="session",
        help=_(
            "Each lesson asks you before it shows you. The questions follow your settings, so they never run out."
        ),
    )


def _devices() -> list[str]:
    """What this machine can run networks on, best last; asks torch only once it is warm."""
    if not warmup.done():
        return ["cpu"]
    from cnnviz.engine.device import available

    return list(available())
