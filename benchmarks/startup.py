"""From the command to the first complete page, against a blank Streamlit app started the same way."""

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import CHROMIUM_FLAGS, ROOT, chromium, serve, settled

ROUNDS = 7
BLANK = "import streamlit as st\nst.title('Blank')\nst.write('Nothing else.')\n"


def once(browser: Browser, script: Path, log: Path) -> float:
    """Seconds until the page has run and all its pictures are there."""
    start = time.perf_counter()
    with serve(script, log) as address:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("h1")
        settled(page)
        page.wait_for_function("() => [...document.images].every(image => image.complete)")
        took = time.perf_counter() - start
        page.close()
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        blank, log = Path(folder) / "blank.py", Path(folder) / "log"
        blank.write_text(BLANK)
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        pairs = [
            (once(browser, blank, log), once(browser, ROOT / "app.py", log)) for _round in range(ROUNDS)
        ][1:]
        browser.close()
    ratios = [ours / theirs for theirs, ours in pairs]
    print(f"  blank app {statistics.median(theirs for theirs, _ours in pairs):.2f} s")
    print(f"  home page {statistics.median(ours for _theirs, ours in pairs):.2f} s")
    print(f"  ratio     {statistics.median(ratios):.2f} (aim: at most 1.5)")
