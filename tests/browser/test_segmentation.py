"""What the segmentation page's components do in a real browser: pointing, clicking, ticking, painting."""

import re
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from .conftest import Open, settled

pytestmark = pytest.mark.browser


def parameters(page: Page, before: str) -> dict[str, str]:
    """The address's, once it has changed."""
    page.wait_for_function("url => location.href !== url", arg=before)
    settled(page)
    return {name: values[0] for name, values in parse_qs(urlparse(page.url).query).items()}


def test_point_click_and_tick(open_page: Open) -> None:
    page = open_page("segmentation?lang=en")
    surface, said = page.locator(".probe .surface"), page.locator(".probe .said")
    expect(said).to_contain_text("Point at the photo", timeout=60_000)
    surface.scroll_into_view_if_needed()
    box = surface.bounding_box()
    assert box
    url = page.url
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.85 * box["height"])
    expect(said).to_have_text(re.compile(r"^cat \d+ % · \w+ \d+ % · \w+ \d+ %$"))
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.85 * box["height"])
    expect(said).to_have_text(re.compile(r"^person \d+ % · "))
    assert page.url == url, "pointing asks the server nothing"
    page.mouse.down()
    page.mouse.up()
    told = parameters(page, url)
    assert (told["x"], told["y"]) == ("80", "85")
    expect(page.get_by_text("At the ring, pixel (512, 340)")).to_be_visible()
    url = page.url
    page.get_by_role("checkbox", name=re.compile("^cat ")).uncheck()
    assert parameters(page, url)["hide"] == "8"
    expect(page.locator(".probe .names span")).to_have_text(["person"])
    url = page.url
    page.get_by_role("checkbox", name=re.compile("^cat ")).check()
    assert "hide" not in parameters(page, url)
    expect(page.locator(".probe .names span")).to_have_count(2)


def test_paint_on_the_photo(open_page: Open) -> None:
    page = open_page("segmentation?lang=en&view=paint")
    canvas = page.locator(".painter .surface canvas")
    expect(canvas).to_have_attribute("tabindex", "0", timeout=60_000)
    # What is background is clear, and the photo shows; a class lets it shine through.
    look = """(c, [x, y]) => c.getContext('2d').getImageData(x * c.width, y * c.height, 1, 1).data[3]"""
    assert canvas.evaluate(look, [0.5, 0.02]) == 0
    assert 100 < canvas.evaluate(look, [0.5, 0.85]) < 200
    assert "data:image/jpeg" in canvas.evaluate("c => getComputedStyle(c).backgroundImage")
    perfect = page.get_by_role("cell", name="1.000", exact=True)
    expect(perfect).to_have_count(3)
    url = page.url
    canvas.click(position={"x": 200, "y": 12})
    assert "x" in parameters(page, url)
    expect(perfect).to_have_count(1)
