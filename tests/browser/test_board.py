"""The board of the upsampling bench: one cursor over all panels, by pointer and by keyboard, and edited numbers."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Open

pytestmark = pytest.mark.browser


def panel(page: Page, title: str) -> Locator:
    return page.locator(".board figure", has=page.get_by_text(title, exact=True))


def result(page: Page, title: str) -> str:
    """What stands beside a panel's weights."""
    readout = panel(page, title).locator(".readout > b")
    expect(readout).to_be_visible()
    return str(readout.text_content())


def test_one_cursor_over_all_panels(open_page: Open) -> None:
    page = open_page("upsampling")
    # Row 3, column 4 of 8 × 8 lies in row 2, column 2 of the input 1 to 16.
    assert [result(page, title) for title in ("Nearest neighbour", "Bilinear")] == ["= 6", "= 5.25"]
    plane = panel(page, "Nearest neighbour").locator(".plane")
    box = plane.bounding_box()
    assert box
    last = {"x": box["width"] - 3, "y": box["height"] - 3}
    plane.hover(position=last)  # type: ignore[arg-type]
    assert [result(page, title) for title in ("Nearest neighbour", "Bilinear")] == ["= 16", "= 16"]
    page.mouse.move(5, 5)
    assert result(page, "Nearest neighbour") == "= 6"
    plane.click(position=last)  # type: ignore[arg-type]
    page.wait_for_url(re.compile("cell=7_7"))
    assert "op=nearest" in page.url
    expect(page.get_by_text("Row 8, column 8, as a sum of input cells")).to_be_visible()


def test_by_keyboard(open_page: Open) -> None:
    page = open_page("upsampling")
    cursor = page.get_by_role("slider", name="Cursor")
    expect(cursor).to_have_attribute("aria-valuetext", "row 3, column 4")
    cursor.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(cursor).to_have_attribute("aria-valuetext", "row 4, column 3")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("cell=3_2"))


def test_an_edited_number_reaches_every_panel(open_page: Open) -> None:
    page = open_page("upsampling")
    field = page.get_by_label("Input, row 2, column 2")
    field.fill("oops")
    field.blur()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("-3,5")
    field.blur()
    page.wait_for_url(re.compile("in=own"))
    assert "5_-3.5_7_8" in page.url
    expect(panel(page, "Nearest neighbour").locator(".readout > b")).to_have_text("= −3.5")
    expect(field).to_have_value("-3.5")


def test_colours_under_the_cursor(open_page: Open) -> None:
    page = open_page("upsampling?view=photo")
    swatches = page.locator(".board .readout .swatch")
    expect(swatches.first).to_be_visible()
    original, shuffled = (
        panel(page, title).locator(".readout") for title in ("The original", "Pixel shuffle")
    )
    shuffled.scroll_into_view_if_needed()
    expect(shuffled).to_have_text(re.compile(r"\d+, \d+, \d+"))
    assert shuffled.text_content() == original.text_content()
