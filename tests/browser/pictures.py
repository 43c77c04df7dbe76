"""The pictures that the app and the README show, taken of the app itself: ``make pictures``.

A lesson's card is its own figure, the container that its page opens with ``lesson.card()``.
"""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from cnnviz.lessons import ASSETS, LESSONS
from tests.browser.conftest import CHROMIUM_FLAGS, ROOT, WIDE, chromium, serve, settled

CARD = (480, 270)
WIDEST = 1.3
"""A figure is cut to the card's shape unless it is so many times wider."""
SCREENSHOTS = {
    "convolution": "convolution?lang=en",
    "network": "network?lang=en",
}


def open_at(browser: Browser, url: str, *, dark: bool = False, viewport: dict[str, int] = WIDE) -> Page:
    context = browser.new_context(viewport=viewport, color_scheme="dark" if dark else "light", locale="en-US")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url)
    settled(page)
    page.wait_for_timeout(2500)
    return page


def card(browser: Browser, address: str, lesson: str, *, dark: bool) -> Image.Image:
    """A lesson's figure, cut to 16:9 from its top left and made small."""
    page = open_at(
        browser, f"{address}/{lesson}?lang=en", dark=dark, viewport={"width": 1440, "height": 2400}
    )
    figure = page.locator(".st-key-card").first
    picture = Image.open(io.BytesIO(figure.screenshot())).convert("RGB")
    page.context.close()
    shape = CARD[0] / CARD[1]
    if picture.width > WIDEST * shape * picture.height:
        # Shown whole, on its own ground: its middle alone would tell nothing.
        card_ = Image.new("RGB", (picture.width, round(picture.width / shape)), picture.getpixel((0, 0)))
        card_.paste(picture, (0, (card_.height - picture.height) // 2))
        return card_.resize(CARD, Image.Resampling.LANCZOS)
    width = min(picture.width, round(picture.height * shape))
    height = min(picture.height, round(width / shape))
    left = (picture.width - width) // 2
    return picture.crop((left, 0, left + width, height)).resize(CARD, Image.Resampling.LANCZOS)


def main() -> None:
    (ASSETS / "cards").mkdir(exist_ok=True)
    (ASSETS / "screenshots").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        with serve(ROOT / "app.py", Path(folder) / "log") as address:
            for lesson in LESSONS:
                for mode in ("light", "dark"):
                    picture = card(browser, address, lesson.id, dark=mode == "dark")
                    picture.quantize(128).save(ASSETS / "cards" / f"{lesson.id}-{mode}.png", optimize=True)
            for name, path in SCREENSHOTS.items():
                page = open_at(browser, f"{address}/{path}")
                shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                shot.quantize(200).save(ASSETS / "screenshots" / f"{name}.png", optimize=True)
                page.context.close()
        browser.close()


if __name__ == "__main__":
    main()
