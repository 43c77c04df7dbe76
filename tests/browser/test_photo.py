"""Uploads as a visitor makes them."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from .conftest import Open, settled

pytestmark = pytest.mark.browser


def jpeg(colour: tuple[int, int, int]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((120, 160, 3), colour, np.uint8)).save(data, "JPEG")
    return data.getvalue()


def upload(page: Page, name: str, data: bytes) -> None:
    if not page.get_by_test_id("stFileUploader").is_visible():
        page.get_by_role("button", name="Use your own").click()
    page.locator('input[type="file"]').set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": data}
    )


def chosen(page: Page) -> str:
    return page.locator('.st-key-photo-picker [aria-checked="true"]').inner_text()


def test_upload_shows_on_every_page_and_only_here(open_page: Open) -> None:
    page = open_page("network")
    upload(page, "mine.jpg", jpeg((200, 30, 30)))
    expect(page.locator('.st-key-photo-picker [aria-checked="true"]')).to_have_text("Your photo")
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.keyboard.press("Escape")  # closes the popover, which would take the first click
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Images as tensors").click()
    expect(page.get_by_role("heading", name="Images as tensors", level=1)).to_be_visible()
    settled(page)
    assert chosen(page) == "Your photo"

    stranger = open_page(page.url.split("/", 3)[3])
    expect(stranger.locator(".st-key-photo-picker").get_by_text("Your photo")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.jpg", b""),
        ("archive.jpg", b"PK\x03\x04" + bytes(200)),
        ("cut.jpg", jpeg((1, 2, 3))[:200]),
        ("words.png", b"this is not a picture"),
    ],
)
def test_bad_upload_gets_a_sentence_and_changes_nothing(open_page: Open, name: str, data: bytes) -> None:
    page = open_page("network?photo=coffee")
    upload(page, name, data)
    alert = page.get_by_test_id("stAlert").filter(has_text=name)
    expect(alert).to_be_visible()
    expect(alert).to_contain_text("The photo you had is still here.")
    settled(page)
    assert chosen(page) != "Your photo"
    expect(page.get_by_test_id("stException")).to_have_count(0)
