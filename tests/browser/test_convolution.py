"""The Convolution lesson in a real browser: what is edited and picked there reaches the link."""

from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Open, settled

pytestmark = pytest.mark.browser


def cell(page: Page, kind: str, row: int, column: int) -> Locator:
    grid = page.locator(f".{kind} .grid").first
    return grid.get_by_role("row").nth(row).get_by_role("gridcell").nth(column)


def wait_for(page: Page, name: str, value: str) -> None:
    page.wait_for_function(
        "([name, value]) => new URLSearchParams(location.search).get(name) === value", arg=[name, value]
    )
    settled(page)


def test_an_edited_input_travels_in_the_link(open_page: Open) -> None:
    page = open_page("convolution?lang=en&rows=3&cols=3&in=dot")
    expect(cell(page, "output", 0, 0)).to_have_text("0")
    cell(page, "input", 1, 2).dblclick()
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    wait_for(page, "x", "0_0_0~0_1_7~0_0_0")
    expect(cell(page, "output", 0, 0)).to_have_text("14")  # Sobel x: 2 · 7
    other = open_page(page.url.split("/", 3)[3], locale="ko-KR")
    expect(cell(other, "output", 0, 0)).to_have_text("14")


def test_an_edited_kernel_filters_the_photo_too(open_page: Open) -> None:
    page = open_page("convolution?lang=en")
    cell(page, "kernel", 1, 1).dblclick()
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    wait_for(page, "w", "-1_0_1~-2_9_2~-1_0_1")
    page.get_by_role("radio", name="On your photo").or_(
        page.get_by_role("button", name="On your photo")
    ).first.click()
    wait_for(page, "view", "photo")
    expect(cell(page, "kernel", 1, 1)).to_have_text("9")


def test_a_fixed_cell_travels_in_the_link(open_page: Open) -> None:
    page = open_page("convolution?lang=en")
    cell(page, "output", 0, 3).click()
    wait_for(page, "cell", "0_0_3")
    assert parse_qs(urlparse(page.url).query)["cell"] == ["0_0_3"]
    other = open_page(page.url.split("/", 3)[3])
    expect(other.locator(".sum")).to_contain_text("row 1, column 4")


def test_what_no_window_reads_is_struck_out(open_page: Open) -> None:
    page = open_page("convolution?lang=en&s=2")
    # The last row and the last column of 6 × 6.
    expect(page.locator(".input .cell.unread")).to_have_count(11)
    assert page.locator(".input .cell.unread").first.evaluate(
        "e => getComputedStyle(e).textDecorationLine"
    ) == ("line-through")
    page = open_page("convolution?lang=en&s=2&p=1")
    expect(page.locator(".input .cell").first).to_be_visible()
    expect(page.locator(".input .cell.unread")).to_have_count(0)


def test_a_place_on_the_photo(open_page: Open) -> None:
    page = open_page("convolution?lang=en&view=photo")
    before = cell(page, "input", 0, 0).inner_text()
    photo = page.get_by_role("slider", name="Pick a place to see its numbers")
    box = photo.bounding_box()
    assert box is not None
    photo.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.25})
    page.wait_for_function("() => new URLSearchParams(location.search).has('at')")
    settled(page)
    row, column = map(int, parse_qs(urlparse(page.url).query)["at"][0].split("_"))
    assert (row, column) == (pytest.approx(266 / 4, abs=2), pytest.approx(400 / 4, abs=2))
    assert cell(page, "input", 0, 0).inner_text() != before
