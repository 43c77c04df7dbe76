"""A real server and a real Chromium, each started once, ended by their own handle."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
READY_SECONDS = 60.0
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 400, "height": 800}

Open = Callable[..., Page]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(script: Path, log: Path, port: int, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Streamlit script on a loopback port; yield its process once it answers."""
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
    environment = os.environ | settings
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).read()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(log.read_text()) from None
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@contextmanager
def serve(script: Path, log: Path) -> Iterator[str]:
    """Run a Streamlit script on a loopback port; yield its address once it answers."""
    port = free_port()
    with started(script, log, port):
        yield f"http://127.0.0.1:{port}"


def chromium() -> str:
    """Path of an installed Chromium; a test without one fails rather than skips."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise RuntimeError("no Chromium found: `make test` installs it (Debian package chromium)")


def settled(page: Page) -> None:
    """Wait until the script has run and the page no longer changes."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
    page.wait_for_function(
        "() => !document.querySelector('[data-stale=\"true\"]') && !document.querySelector('[data-testid=\"stSkeleton\"]')",
        timeout=60_000,
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(ROOT / "app.py", tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(server: str, browser: Browser) -> Iterator[Open]:
    """Open a path in a fresh context: its own cookies, its own session."""
    contexts = []

    def go(path: str, *, locale: str = "en-US", viewport: dict[str, int] = WIDE, dark: bool = False) -> Page:
        scheme = "dark" if dark else "light"
        context = browser.new_context(locale=locale, viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{server}/{path}")
        settled(page)
        return page

    yield go
    for context in contexts:
        context.close()
