"""One cursor over all maps, in a real browser: pointing stays there, a click pins."""

import pytest
from playwright.sync_api import Page, expect

from .conftest import Open, settled

pytestmark = pytest.mark.browser


def point(page: Page, figure: int, row: int, column: int) -> None:
    """Move the pointer to where a pixel of the network's 224 × 224 is drawn, without zoom."""
    view = page.locator(".maps .view").nth(figure)
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    assert box
    page.mouse.move(
        box["x"] + (column + 0.5) / 224 * box["width"], box["y"] + (row + 0.5) / 224 * box["height"]
    )


def test_one_cursor_for_all_maps(open_page: Open) -> None:
    page = open_page("attribution?lang=en&on=grad_cam.cam&at=0_0")
    values = page.locator(".maps output")
    expect(page.locator(".maps canvas:not([hidden])")).to_have_count(2)
    expect(values.nth(0)).to_have_text("0, 0")
    before, url = values.nth(1).inner_text(), page.url
    assert values.nth(2).inner_text() == before, "CAM is Grad-CAM times 49, where nothing is below 0"
    point(page, 2, 112, 56)
    expect(values.nth(0)).to_have_text("112, 56")
    assert values.nth(1).inner_text() == values.nth(2).inner_text() != before
    page.mouse.move(5, 5)
    expect(values.nth(0)).to_have_text("0, 0")
    assert page.url == url, "pointing asks the server nothing"

    point(page, 1, 112, 56)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("location.search.includes('at=112_56')")
    settled(page)
    expect(page.get_by_role("columnheader", name="at row 112, column 56")).to_be_visible()

    surface = page.get_by_role("slider", name="Cursor on all maps")
    surface.focus()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert (surface.get_attribute("aria-valuetext") or "").startswith("row 128, column 52; Grad-CAM ")
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('at=128_52')")


def test_the_zoom_keeps_the_pin_in_its_place(open_page: Open) -> None:
    page = open_page("attribution?lang=en&on=cam&at=56_168&z=4")
    expect(page.locator(".maps canvas:not([hidden])")).to_have_count(1)
    point(page, 1, 56, 168)
    expect(page.locator(".maps output").nth(0)).to_have_text("56, 168")
    point(page, 1, 112, 168)
    row = int(page.locator(".maps output").nth(0).inner_text().split(",")[0])
    assert row in (69, 70, 71), "four times as large, a quarter of the side is 14 pixels"
