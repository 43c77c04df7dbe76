"""What is dragged and painted in a real browser reaches Python, once a movement."""

from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Locator, Page, expect

from cnnviz.metrics.label_maps import SIDE, mistaken, scene, truth, unpack

from .conftest import Open, settled

pytestmark = pytest.mark.browser


def drag(page: Page, part: Locator, at: tuple[float, float], by: tuple[float, float]) -> None:
    """Press at a part's fraction `at`, move by fractions of the canvas beside it, let go."""
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    assert box
    x, y = box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by[0], y + by[1], steps=6)
    page.mouse.up()


def parameters(page: Page, before: str) -> dict[str, str]:
    """The address's, once it has changed."""
    page.wait_for_function("url => location.href !== url", arg=before)
    settled(page)
    return {name: values[0] for name, values in parse_qs(urlparse(page.url).query).items()}


def test_drag_a_box_a_corner_and_use_the_keys(open_page: Open) -> None:
    page = open_page("iou?lang=en")
    first, second = page.locator(".pair .box.a"), page.locator(".pair .box.b")
    expect(first).to_have_attribute("aria-label", "Box A: left 6, top 6, right 22, bottom 20")
    pixel = page.locator(".pair .paper").bounding_box()["width"] / 41  # type: ignore[index]
    url = page.url
    drag(page, first.locator("rect"), (0.2, 0.2), (3 * pixel, 2 * pixel))
    assert parameters(page, url) == {"lang": "en", "ax": "9_25", "ay": "8_22"}
    url = page.url
    drag(page, second.locator(".grip.nw"), (0.5, 0.5), (22 * pixel, 12 * pixel))
    told = parameters(page, url)
    assert (told["bx"], told["by"]) == ("34_36", "20_22"), "dragged past the other corner, the box turns over"
    url = page.url
    second.focus()
    page.keyboard.press("Shift+ArrowDown")
    assert parameters(page, url)["by"] == "20_23"
    url = page.url
    page.keyboard.press("ArrowLeft")
    assert parameters(page, url)["bx"] == "33_35"
    page.get_by_role("button", name="Reset").click()
    expect(second).to_have_attribute("aria-label", "Box B: left 14, top 10, right 34, bottom 20")


def test_paint_by_pointer_and_by_keys(open_page: Open) -> None:
    page = open_page("miou?lang=en")
    canvas = page.locator(".painter .surface canvas")
    expect(canvas).to_have_attribute("tabindex", "0")
    pixel = canvas.bounding_box()["width"] / SIDE  # type: ignore[index]
    page.locator(".painter select").select_option("1")
    url = page.url
    drag(page, canvas, (10.5 / SIDE, 60.5 / SIDE), (5 * pixel, 0))
    expected = mistaken(truth(scene(0)), "shifted", 3)
    expected[60, 10:16] = 1
    told = parameters(page, url)
    assert told["p"] == "own"
    assert (unpack(told["x"], (SIDE, SIDE), 4) == expected).all()

    url = page.url
    page.get_by_role("radio", name="star").check(force=True)
    canvas.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".painter .said")).to_have_text("row 62, column 16: background")
    page.keyboard.press("Space")
    expected[61, 15] = 4
    assert (unpack(parameters(page, url)["x"], (SIDE, SIDE), 4) == expected).all()
    expect(page.locator(".painter .said")).to_have_text("row 62, column 16: star")
    expect(page.get_by_role("combobox", name="Prediction")).to_have_value("Your own painting")
