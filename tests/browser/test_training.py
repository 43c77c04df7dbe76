"""A training in a real browser: its progress comes by itself, and a closed tab ends it."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from .conftest import serve, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    script = Path(__file__).with_name("training_demo.py")
    with serve(script, tmp_path_factory.mktemp("training") / "log") as address:
        yield address


def test_progress_comes_by_itself_and_a_closed_tab_ends_it(
    demo: str, browser: Browser, tmp_path: Path
) -> None:
    log = tmp_path / "steps"
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{demo}/?log={log}")
    settled(page)
    page.get_by_role("button", name="Train here and now").click()
    shown = page.get_by_text(re.compile(r"^shown \d+$"))
    expect(shown).to_be_visible(timeout=20_000)
    before = shown.inner_text()
    expect(shown).not_to_have_text(before, timeout=20_000)
    expect(page.get_by_text(re.compile(r"Training: step \d+ of 2000\."))).to_be_visible()
    context.close()
    # Streamlit notices a closed connection at once; a step takes a fiftieth of a second.
    for _turn in range(100):
        size = log.stat().st_size
        time.sleep(0.3)
        if log.stat().st_size == size:
            break
    assert log.stat().st_size == size < 2000, "it stops long before its end"


def test_the_last_step_is_drawn_and_the_drawing_ends(demo: str, browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{demo}/?log={tmp_path / 'steps'}&steps=60")
    settled(page)
    page.get_by_role("button", name="Train here and now").click()
    expect(page.get_by_text("Trained: 60 steps.")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("shown 60")).to_be_visible()
    expect(page.get_by_role("button", name="Train again")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    context.close()
