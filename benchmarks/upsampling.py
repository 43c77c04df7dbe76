"""One slider step of the upsampling bench, against a page that redraws as many pictures and does nothing else."""

import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.tweaks import ready, rested
from tests.browser.conftest import CHROMIUM_FLAGS, ROOT, chromium, serve

STEPS = 24
PICTURES = 14
FLOOR = f"""
import numpy as np
import streamlit as st
side = st.slider("Window", 8, 96, 48, step=8)
noise = np.random.default_rng(side).integers(0, 256, ({PICTURES}, side, side, 3), np.uint8)
for column in range(2):
    with st.container(horizontal=True):
        for picture in noise[column::2]:
            st.image(picture, width=170, output_format="PNG")
"""
VIEWS = {
    "grid": "Times larger",
    "photo": "Window, in pixels",
    "photo, another factor": "Times larger",
    "map": "Times larger",
    "unpool": "Rows and columns",
}
"""View -> the slider that is moved."""


def step(page: Page, name: str, turn: int) -> float:
    """Milliseconds of one step of slider `name`, there and back."""
    page.bring_to_front()
    page.get_by_role("slider", name=name).first.focus()
    page.keyboard.press("ArrowLeft" if turn % 2 else "ArrowRight")
    return rested(page)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        script = Path(folder) / "floor.py"
        script.write_text(FLOOR)
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        with (
            serve(script, Path(folder) / "log") as low,
            serve(ROOT / "app.py", Path(folder) / "log2") as high,
        ):
            floor = ready(browser, low)
            for view, slider in VIEWS.items():
                page = ready(browser, f"{high}/upsampling?lang=en&view={view.partition(',')[0]}")
                page.wait_for_timeout(3000)
                pairs = [(step(floor, "Window", turn), step(page, slider, turn)) for turn in range(STEPS)][4:]
                base, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
                ratio = statistics.median(mine / theirs for theirs, mine in pairs)
                print(f"  {view:22} {ours:6.0f} ms, {PICTURES} pictures {base:4.0f} ms, ratio {ratio:.2f}")
                page.context.close()
        browser.close()
