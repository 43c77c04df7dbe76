"""The detection page's component in a real browser: pointing, arrow keys, and picking two boxes."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Open

pytestmark = pytest.mark.browser
OWN = "lang=en&model=lite0_pyramid&score=8"


def surface(page: Page) -> Locator:
    """The photo, once its boxes are drawn."""
    expect(page.locator(".photo-boxes rect.box").first).to_be_attached(timeout=60_000)
    return page.locator(".photo-boxes .surface")


def test_a_box_says_where_it_comes_from(open_page: Open) -> None:
    page = open_page(f"detection?{OWN}")
    photo, said = surface(page), page.locator(".photo-boxes .said")
    url = page.url
    expect(said).to_contain_text("Point at a box")
    photo.scroll_into_view_if_needed()
    box = photo.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"])
    expect(said).to_have_text(
        re.compile(r"^[\w ]+ \d+ %\. Cell of \d+ × \d+ pixels, level \d .*row \d+, column \d+\.$")
    )
    expect(page.locator(".photo-boxes rect.origin")).to_have_count(2)
    page.mouse.move(1, 1)
    expect(page.locator(".photo-boxes rect.origin")).to_have_count(0)
    assert page.url == url, "pointing asks the server nothing"


def test_by_keyboard(open_page: Open) -> None:
    page = open_page(f"detection?{OWN}")
    photo = surface(page)
    expect(photo).to_have_attribute("role", "slider")
    photo.focus()
    seen = []
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight"):
        page.keyboard.press(key)
        seen.append(int(photo.get_attribute("aria-valuenow") or 0))
    last = int(photo.get_attribute("aria-valuemax") or 0)
    assert seen == [1, 2, 3, 2, last, 1]
    expect(page.locator(".photo-boxes .said")).to_have_text(photo.get_attribute("aria-valuetext") or "")


def test_chips_never_cover_each_other(open_page: Open) -> None:
    page = open_page(f"detection?{OWN}", viewport={"width": 400, "height": 900})
    surface(page)
    places = page.locator(".photo-boxes .chips span").evaluate_all(
        "all => all.filter(e => e.style.visibility !== 'hidden').map(e => e.getBoundingClientRect().toJSON())"
    )
    assert len(places) > 1
    for i, a in enumerate(places):
        for b in places[:i]:
            apart = (
                a["right"] <= b["left"] + 1
                or b["right"] <= a["left"] + 1
                or a["bottom"] <= b["top"] + 1
                or b["bottom"] <= a["top"] + 1
            )
            assert apart


def test_two_boxes_are_picked(open_page: Open) -> None:
    page = open_page(f"detection?{OWN}&view=iou")
    photo = surface(page)
    photo.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"a=2"))
    assert "b=" in page.url
    expect(page.locator(".photo-boxes .chips span").nth(1)).to_contain_text("B · ")
