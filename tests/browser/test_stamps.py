"""The stamps of the lesson on transposed convolution: what a page's own tests can't see."""

import pytest
from playwright.sync_api import Page, expect

from .conftest import Open

pytestmark = pytest.mark.browser


def parts(page: Page) -> tuple[list[str], str]:
    """The canvas's numbers, and the sum that is written out."""
    cells = page.locator(".stamps .canvas .cell")
    expect(cells).to_have_count(25)
    return cells.all_text_contents(), page.locator(".stamps .sum").inner_text()


def linked(page: Page, words: str) -> None:
    page.wait_for_function("words => location.search.includes(words)", arg=words)


def test_step_pick_and_edit_by_keyboard(open_page: Open) -> None:
    page = open_page("transposed?lang=en")
    numbers, written = parts(page)
    assert numbers[12] == "36"
    assert written.endswith("1 · 9 + 2 · 7 + 3 · 3 + 4 · 1 = 36")

    page.get_by_role("button", name="Step back").click()
    linked(page, "step=3")
    numbers, written = parts(page)
    assert numbers[12] == "32", "without the last stamp"
    assert numbers[24] == "0"
    assert written.endswith("= 36"), "the whole sum stays"

    page.locator(".stamps .canvas .cell").nth(6).focus()
    page.keyboard.press("ArrowDown")
    assert parts(page)[1].startswith("Output, row 3, column 2 = 1 · 8 + 3 · 2")
    page.keyboard.press("Enter")
    linked(page, "cell=2_1")

    first = page.get_by_role("textbox", name="Kernel, row 1, column 1")
    first.fill("nothing")
    first.press("Enter")
    expect(first).to_have_value("1")
    first.fill("−0,5")
    first.press("Enter")
    linked(page, "k=own")
    assert parts(page)[0][0] == "−0.5"
    assert "w=-0.5_2_3" in page.url


def test_play_ends_at_the_last_stamp(open_page: Open) -> None:
    page = open_page("transposed?lang=en&step=2")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".stamps .player")).to_contain_text("4 of 4")
    page.wait_for_function("() => !location.search.includes('step')")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
