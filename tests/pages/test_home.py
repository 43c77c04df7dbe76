"""The home page and the frame around every page."""

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.lessons import ASSETS, LESSONS
from cnnviz.ui.language import catalogue


def home(**parameters: str) -> AppTest:
    at = AppTest.from_file("../../app.py", default_timeout=60)
    for name, value in parameters.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_lesson_has_its_card(language: str) -> None:
    at = home(lang=language)
    translated = catalogue(language).gettext
    labels = [link.proto.label for link in at.get("page_link")]
    assert labels == [f"**{translated(lesson.title)}**" for lesson in LESSONS]
    said = [element.value for element in at.markdown]
    assert all(translated(lesson.question) in said for lesson in LESSONS)
    assert len(at.get("image")) == len(LESSONS)


def test_cards_are_there_for_both_themes() -> None:
    for lesson in LESSONS:
        for mode in ("light", "dark"):
            assert (ASSETS / "cards" / f"{lesson.id}-{mode}.png").stat().st_size > 1000


def test_language_is_in_the_link_and_switches() -> None:
    at = home()
    assert at.title[0].value == "See how convolutional networks see"
    at.button_group[0].set_value("ko").run()
    assert not at.exception
    assert at.title[0].value == catalogue("ko").gettext("See how convolutional networks see")


def test_only_devices_that_are_there_are_offered() -> None:
    at = home(device="cuda")
    assert not at.exception
    assert at.session_state["device"] == "cpu"


def test_nonsense_devices_are_refused() -> None:
    assert home(device="toaster").session_state["device"] == "cpu"
