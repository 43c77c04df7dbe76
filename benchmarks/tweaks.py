"""Slider key press to redrawn page, for every lesson, against a page that only writes the value.

The clock starts at the key's own event in the browser and stops at the last change of the page
(elements, attributes, pictures loaded) before the script rests.
"""

import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from cnnviz.lessons import LESSONS
from tests.browser.conftest import CHROMIUM_FLAGS, ROOT, WIDE, chromium, serve, settled

TWEAKS = 24
VISITORS = 5
FLOOR = "import streamlit as st\nst.write(st.slider('Value', 1, 9, 5))\n"

CLOCK = """() => {
  window.clock = {key: 0, change: 0};
  addEventListener('keydown', () => { window.clock.key = performance.now(); window.clock.change = 0; }, true);
  const changed = () => { if (window.clock.key) window.clock.change = performance.now(); };
  addEventListener('load', changed, true);
  new MutationObserver(changed).observe(document.body,
    {subtree: true, childList: true, attributes: true, characterData: true});
}"""
RESTED = """() => window.clock.change > 0
  && performance.now() - window.clock.change > 180
  && !!document.querySelector('[data-test-script-state="notRunning"]')"""


def ready(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport=WIDE).new_page()  # type: ignore[arg-type]
    page.goto(address)
    settled(page)
    page.wait_for_timeout(1500)
    page.evaluate(CLOCK)
    return page


def press(page: Page, turn: int) -> None:
    """Move the first slider one step, back and forth."""
    slider = page.locator('input[type="range"]').first
    slider.focus()
    back = turn % 2 == 1 or slider.input_value() == slider.get_attribute("max")
    page.keyboard.press("ArrowLeft" if back else "ArrowRight")


def rested(page: Page) -> float:
    """Milliseconds from the key to the last change."""
    page.wait_for_function(RESTED, timeout=30_000, polling=20)
    return float(page.evaluate("() => window.clock.change - window.clock.key"))


def tweak(page: Page, turn: int) -> float:
    page.bring_to_front()
    press(page, turn)
    return rested(page)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        script, log = Path(folder) / "floor.py", Path(folder) / "log"
        script.write_text(FLOOR)
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        with serve(script, log) as floor_address, serve(ROOT / "app.py", Path(folder) / "log2") as address:
            warm = ready(browser, f"{address}/network")
            warm.wait_for_timeout(8000)
            floor = ready(browser, floor_address)
            for lesson in LESSONS:
                page = ready(browser, f"{address}/{lesson.id}")
                pairs = [(tweak(floor, turn), tweak(page, turn)) for turn in range(TWEAKS)][4:]
                base, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
                ratio = statistics.median(mine / theirs for theirs, mine in pairs)
                print(f"  {lesson.id:16} {ours:6.0f} ms, floor {base:4.0f} ms, ratio {ratio:.2f}")
                page.context.close()
            pages = [ready(browser, f"{address}/convolution") for _visitor in range(VISITORS)]
            alone, together = [], []
            for turn in range(TWEAKS):
                alone.append(tweak(pages[0], turn))
                for page in pages:
                    press(page, turn)
                together += [rested(page) for page in pages]
            one, five = statistics.median(alone), statistics.median(together)
            print(f"  {VISITORS} visitors at once: {five:.0f} ms, alone {one:.0f} ms, ratio {five / one:.2f}")
        browser.close()
