"""The server over time: killed in the middle of its work, and after many uploads."""

import hashlib
import io
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from ..engine.random_models import detector
from ..engine.test_weights import Server
from .conftest import ROOT, WIDE, free_port, settled, started

pytestmark = pytest.mark.browser
ID = "ssdlite320_mobilenet_v3_large"
DEMO = ROOT / "tests/browser/restart_demo.py"


@pytest.fixture
def weights_server() -> Iterator[Server]:
    """Gives a checkpoint of SSDlite with random weights, and stalls in its middle."""
    data = io.BytesIO()
    torch.save(detector(ID).state_dict(), data)
    server = Server()
    server.content = data.getvalue()
    server.stalls_after = len(server.content) // 2
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


def eventually(true: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_in_the_middle_of_its_work(browser: Browser, weights_server: Server, tmp_path: Path) -> None:
    """One visitor waits for a segmentation, another for weights; the server dies, and is started again."""
    name = f"ssdlite-{hashlib.sha256(weights_server.content).hexdigest()[:8]}.pth"
    folder, slow, port = tmp_path / "hub" / "checkpoints", tmp_path / "slow", free_port()
    # What arrived last may still be in the buffer of the file.
    nearly_half = weights_server.stalls_after - 2**16
    settings = {
        "TORCH_HOME": str(tmp_path),
        "CNNVIZ_SLOW": str(slow),
        "CNNVIZ_WEIGHTS": f"http://127.0.0.1:{weights_server.server_port}/{name}",
    }
    context = browser.new_context(viewport=WIDE, locale="en-US")  # type: ignore[arg-type]
    mask, boxes = context.new_page(), context.new_page()
    for page in (mask, boxes):
        page.set_default_timeout(120_000)
    slow.touch()
    with started(DEMO, tmp_path / "log", port, **settings) as process:
        mask.goto(f"http://127.0.0.1:{port}/segmentation?lang=en&o=0.4")
        expect(mask.get_by_text("is looking at the photo")).to_be_visible(timeout=120_000)
        boxes.goto(f"http://127.0.0.1:{port}/detection?lang=en&score=20")
        boxes.get_by_role("button", name=re.compile(r"Fetch \d+ MB")).click()
        eventually(lambda: any(part.stat().st_size >= nearly_half for part in folder.glob("*.part")))
        process.kill()
        process.wait(10)
    assert [path.name for path in folder.iterdir()] == [f"{name}.part"]
    slow.unlink()
    weights_server.go_on.set()
    left = (folder / f"{name}.part").stat().st_size
    with started(DEMO, tmp_path / "log", port, **settings):
        # As two visitors who press “reload”: what they had set comes with the address.
        mask.reload()
        expect(mask.locator(".probe .said")).to_contain_text("Point at the photo", timeout=120_000)
        assert mask.locator('input[type="range"]').first.input_value() == "0.4"
        boxes.reload()
        boxes.get_by_role("button", name=re.compile(r"Fetch \d+ MB")).click()
        expect(boxes.get_by_text("has a published box AP")).to_be_visible(timeout=120_000)
        for page in (mask, boxes):
            settled(page)
            expect(page.get_by_test_id("stException")).to_have_count(0)
            expect(page.get_by_test_id("stAlert")).to_have_count(0)
    assert weights_server.asked == [None, f"bytes={left}-"], "it goes on where it stopped"
    assert (folder / name).read_bytes() == weights_server.content
    context.close()


def resident(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def upload(page: Page, number: int) -> None:
    """A strip, which the network is quick with, of a colour of its own."""
    data = io.BytesIO()
    Image.fromarray(np.full((20, 300, 3), (5 * number, 90, 255 - 5 * number), np.uint8)).save(data, "PNG")
    file = {"name": f"{number}.png", "mimeType": "image/png", "buffer": data.getvalue()}
    page.locator('input[type="file"]').set_input_files(file)  # type: ignore[arg-type]


def test_fifty_uploads_leave_the_server_s_memory_flat(browser: Browser, tmp_path: Path) -> None:
    port, sizes = free_port(), []
    context = browser.new_context(viewport=WIDE, locale="en-US")  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(120_000)
    with started(ROOT / "app.py", tmp_path / "log", port, OMP_NUM_THREADS="1") as process:
        page.goto(f"http://127.0.0.1:{port}/segmentation?lang=en&view=cutout")
        kept = page.get_by_text("of the photo is kept.")
        expect(kept).to_be_visible(timeout=120_000)
        page.get_by_role("button", name="Use your own").click()
        preview = page.locator(".st-key-photo-picker img").first
        for number in range(50):
            before = preview.get_attribute("src")
            upload(page, number)
            expect(preview).not_to_have_attribute("src", before or "")
            settled(page)
            sizes.append(resident(process.pid))
        expect(kept).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
    assert max(sizes[10:]) <= 1.1 * sizes[9]
    context.close()
