"""What every lesson must do in a real browser."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from cnnviz.lessons import BY_ID, LESSONS
from cnnviz.ui.language import catalogue

from .conftest import PHONE, ROOT, WIDE, Open, serve, settled

pytestmark = pytest.mark.browser
IDS = [lesson.id for lesson in LESSONS]
GRAVE = ("serious", "critical")


def controls(page: Page) -> list[str]:
    """What every control of the page says it is set to."""
    return page.evaluate(
        """() => [
            ...[...document.querySelectorAll('input[type=range]')].map(e => e.value),
            ...[...document.querySelectorAll('[aria-checked]')].map(e => e.getAttribute('aria-checked')),
            ...[...document.querySelectorAll('input[type=checkbox]')].map(e => String(e.checked)),
        ]"""
    )


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlparse(page.url).query)


def no_exception(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)


def fits(page: Page) -> None:
    """Nothing has to be scrolled sideways."""
    page.wait_for_timeout(500)
    widths = page.get_by_test_id("stMain").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert widths[0] <= widths[1] + 1


def whole(page: Page, lesson: str, language: str) -> None:
    """The lesson is there from its title to its code, in one language, and its link says which."""
    translated = catalogue(language).gettext
    expect(page.get_by_role("heading", name=translated(BY_ID[lesson].title), level=1)).to_be_visible()
    expect(page.get_by_text(translated(BY_ID[lesson].question)).first).to_be_visible()
    expect(page.get_by_text(translated("The code"), exact=True).last).to_be_attached()
    no_exception(page)
    assert parameters(page)["lang"] == [language]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_home_fits_a_phone(open_page: Open, language: str) -> None:
    page = open_page(f"?lang={language}", viewport=PHONE)
    fits(page)
    no_exception(page)


BLANK = """
import streamlit as st
def page():
    st.title("Blank")
st.navigation({"": [st.Page(page, title="Blank")], "Section": [st.Page(lambda: None, title="Other", url_path="b")]}).run()
"""


@pytest.fixture(scope="session")
def blank_violations(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What axe says of a Streamlit app with pages in a section and nothing on them but a title."""
    folder = tmp_path_factory.mktemp("blank")
    script = folder / "blank.py"
    script.write_text(BLANK)
    with serve(script, folder / "log") as address:
        page = browser.new_page(viewport=WIDE)  # type: ignore[arg-type]
        page.goto(address)
        settled(page)
        found = {v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in GRAVE}
        page.close()
    return found


def grave_violations(page: Page, also_blank: set[str]) -> dict[tuple[str, str], list[str]]:
    """What axe finds of ours, in light and in dark: the first elements of each grave violation."""
    page.wait_for_timeout(500)
    app, grounds, found = page.get_by_test_id("stApp"), set(), {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        settled(page)
        page.wait_for_timeout(500)
        grounds.add(app.evaluate("e => getComputedStyle(e).backgroundColor"))
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in GRAVE and violation["id"] not in also_blank:
                found[scheme, violation["id"]] = [node["html"][:200] for node in violation["nodes"][:3]]
    assert len(grounds) == 2
    return found


def test_axe_finds_nothing_serious_at_home(open_page: Open, blank_violations: set[str]) -> None:
    assert grave_violations(open_page(""), blank_violations) == {}


@pytest.mark.parametrize("lesson", IDS)
def test_a_visit(open_page: Open, blank_violations: set[str], lesson: str) -> None:
    """Every check of a lesson on one page and one more that opens its link: loading pages is what takes time."""
    page = open_page(lesson)
    whole(page, lesson, "en")
    assert grave_violations(page, blank_violations) == {}
    before, url = controls(page), page.url

    # A tweak by keyboard moves the link.
    slider = page.locator('input[type="range"]:not([disabled])').first
    slider.focus()
    page.keyboard.press("ArrowLeft" if slider.input_value() == slider.get_attribute("max") else "ArrowRight")
    page.wait_for_function("url => location.href !== url", arg=url)
    settled(page)
    after = controls(page)
    assert after != before
    no_exception(page)

    # The link opens the same state, on a phone whose language is another one.
    other = open_page(page.url.split("/", 3)[3], locale="ko-KR", viewport=PHONE)
    whole(other, lesson, "en")
    assert controls(other) == after
    fits(other)

    # The language switch keeps the state.
    other.get_by_test_id("stExpandSidebarButton").click()
    before = controls(other)
    other.get_by_role("radio", name="한국어").or_(other.get_by_role("button", name="한국어")).first.click()
    other.wait_for_function("() => location.search.includes('lang=ko')")
    settled(other)
    whole(other, lesson, "ko")
    # The language control itself moves; nothing else may.
    changed = [pair for pair in zip(before, controls(other), strict=True) if pair[0] != pair[1]]
    assert len(changed) == 2
    fits(other)

    # So does a walk home and back.
    here = page.url
    page.get_by_role("link", name=re.compile("Home")).first.click()
    expect(page.get_by_role("heading", name="See how convolutional networks see")).to_be_visible()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=BY_ID[lesson].title, exact=True).click()
    page.wait_for_function("url => location.href === url", arg=here)
    settled(page)
    assert controls(page) == after


def test_first_deep_link_to_a_new_server(browser: Browser, tmp_path: Path) -> None:
    with serve(ROOT / "app.py", tmp_path / "log") as address:
        page = browser.new_page(viewport=WIDE)  # type: ignore[arg-type]
        page.goto(f"{address}/convolution?lang=en")
        expect(page.get_by_role("heading", name="Convolution", level=1)).to_be_visible(timeout=60_000)
        settled(page)
        expect(page.get_by_text("Page not found")).to_have_count(0)
        page.close()


def test_home_leads_to_every_lesson(open_page: Open) -> None:
    page = open_page("")
    for lesson in LESSONS:
        expect(
            page.get_by_test_id("stMain").get_by_role("link", name=lesson.title, exact=True)
        ).to_be_visible()
    pictures = page.get_by_test_id("stMain").locator("img")
    assert pictures.count() == len(LESSONS)
    assert all(pictures.nth(index).get_attribute("alt") for index in range(pictures.count()))


def test_nonsense_in_the_link_is_explained(open_page: Open) -> None:
    page = open_page("convolution?lang=xx&predict=maybe")
    expect(page.get_by_text("lang=xx")).to_be_visible()
    expect(page.get_by_text("predict=maybe")).to_be_visible()
    no_exception(page)


def test_the_repository_has_no_page_outside_its_frame() -> None:
    assert not list((ROOT / "pages").glob("*.py"))
