"""What the live pages share, on the segmentation page: fetching, running, cancelling, several photos."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz import samples
from cnnviz.engine import weights
from cnnviz.engine.jobs import Job
from cnnviz.engine.local import LocalEngine
from cnnviz.errors import ModelError, WeightsError
from cnnviz.images import encode_jpeg
from cnnviz.messages import N_
from cnnviz.ui import live

from ..pages.visit import texts, visit

open_at = partial(visit, "segmentation", view="scores", lang="en")
OFFICIAL = "deeplabv3_resnet50"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the network, which a browser's page would ask for again."""
    monkeypatch.setattr(live, "PATIENCE", 60.0)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Job[Path]]]:
    """Downloads that go on until they are told to end."""
    started: list[Job[Path]] = []

    def download(model_id: str) -> Job[Path]:
        started.append(Job())
        started[-1].start()
        started[-1].advance(80 * 2**20, 160 * 2**20)
        return started[-1]

    monkeypatch.setattr(weights, "at_hand", lambda model_id: model_id.startswith("lite0_"))
    monkeypatch.setattr(weights, "download", download)
    yield started
    for job in started:
        job.cancel()


def button(at: AppTest, label: str) -> Any:
    return next(button for button in at.button if button.label == label)


def said(at: AppTest) -> str:
    return "\n".join(element.value for element in [*at.info, *at.warning, *at.error, *at.caption])


def test_a_model_is_fetched_while_ours_answers(downloads: list[Job[Path]]) -> None:
    at = open_at(model=OFFICIAL)
    assert (
        "The weights of DeepLabV3, ResNet-50 aren't on this machine yet. Until they are, DeepLabV3, Eff"
        in said(at)
    )
    assert "network **" in said(at), "ours has run"
    button(at, "Fetch 161 MB").click().run()
    assert len(downloads) == 1
    progress = at.get("progress")[0].proto
    assert (progress.value, progress.text) == (50, "80 of 160 MB of DeepLabV3, ResNet-50")
    button(at, "Cancel").click().run()
    assert downloads[0].state == "cancelled"
    button(at, "Fetch 161 MB").click().run()
    broken = WeightsError(N_("{host} can't be reached ({reason}). Without a network these still run: {there}"),
                          host="the server", reason="no route", there="FCN-32s")  # fmt: skip
    downloads[1].fail(broken)
    at.run()
    assert "the server can't be reached (no route). Without a network these still run: FCN-32s" in said(at)
    button(at, "Fetch 161 MB").click().run()
    assert len(downloads) == 3


def test_both_sides_may_want_the_same(downloads: list[Job[Path]]) -> None:
    at = open_at(view="compare", left=OFFICIAL, right=OFFICIAL)
    assert [button.label for button in at.button].count("Fetch 161 MB") == 2
    assert not at.exception


def test_the_card_says_what_the_catalogue_says(downloads: list[Job[Path]]) -> None:
    told = texts(open_at(model=OFFICIAL))
    assert "**mIoU**: 66.4 % (COCO-val2017-VOC-labels)" in told
    assert "**Parameters**: 42,004,074" in told
    assert "**Download**: 161 MB" in told


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[object, Job[Any]]]]:
    """An engine that never comes to an end by itself."""
    started: list[tuple[object, Job[Any]]] = []

    def submit(
        self: LocalEngine, model_id: str, photo: Any, device: str = "cpu", visitor: object = None
    ) -> Job[Any]:
        job: Job[Any] = Job()
        job.start()
        started.append((visitor, job))
        return job

    monkeypatch.setattr(live, "PATIENCE", 0.0)
    monkeypatch.setattr(LocalEngine, "submit", submit)
    yield started
    for _visitor, job in started:
        job.cancel()


def test_a_slow_run_can_be_cancelled_and_run_again(slow: list[tuple[object, Job[Any]]]) -> None:
    at = open_at()
    assert at.get("progress")[0].proto.text == "DeepLabV3, EfficientNet-Lite0 is looking at the photo …"
    at.run()
    assert len(slow) == 1, "a page that is drawn again asks for nothing again"
    button(at, "Cancel").click().run()
    assert slow[0][1].state == "cancelled"
    assert "Cancelled." in said(at)
    button(at, "Run again").click().run()
    assert len(slow) == 2
    slow[1][1].fail(ModelError(N_("{network} gave no finite answer"), network="It"))
    at.run()
    assert "It gave no finite answer" in said(at)
    assert len(slow) == 2
    # Another model of this visitor's has the same token, by which the engine drops the first.
    at.selectbox(key="segmentation.model").set_value("lite0_unet").run()
    assert len({visitor for visitor, _job in slow}) == 1
    open_at()
    assert slow[3][0] != slow[0][0], "another visitor has another"


def test_a_result_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    submit = LocalEngine.submit

    def counted(self: LocalEngine, model_id: str, *rest: Any, **more: Any) -> Any:
        runs.append(model_id)
        return submit(self, model_id, *rest, **more)

    monkeypatch.setattr(LocalEngine, "submit", counted)
    at = open_at(view="mask")
    for slider in range(len(at.slider)):
        for end in ("min", "max"):
            at.slider[slider].set_value(getattr(at.slider[slider], end)).run()
    at.toggle(key="segmentation.line").set_value(False).run()
    at.selectbox(key="segmentation.model").set_value("lite0_fcn8s").run()
    at.selectbox(key="segmentation.model").set_value("lite0_deeplab").run()
    assert not at.exception
    assert runs == ["lite0_deeplab", "lite0_fcn8s"]


# Several photos


def photos(*names: str) -> list[tuple[str, bytes, str]]:
    return [(f"{name}.jpg", encode_jpeg(samples.load(name)), "image/jpeg") for name in names]


def table(at: AppTest) -> str:
    return at.get("html")[-1].proto.body


def finish(at: AppTest) -> AppTest:
    assert at.session_state["live.batch"].job.wait(120)
    return at.run()


def test_several_photos() -> None:
    at = open_at(view="several", predict="1")
    broken = ("broken.jpg", b"\xff\xd8\xff broken", "image/jpeg")
    at.file_uploader[0].set_value([*photos("cat", "astronaut"), broken]).run()
    finish(at)
    assert not at.exception
    assert not at.get("html"), "first the question"
    at.number_input(key="segmentation.guess").set_value(1)
    button(at, "Check").click().run()
    assert "Right: **1**. Those are: astronaut.jpg." in at.success[0].value
    body = table(at)
    assert "cat.jpg" in body
    assert "astronaut.jpg" in body
    assert body.count("data:image/jpeg;base64,") == 2
    assert body.count(" ms</td>") == 2
    assert "**broken.jpg**: Expected a complete JPEG photo" in said(at)
    assert not at.file_uploader[0].value, "the files are let go"
    assert not at.get("progress")
    at.segmented_control(key="segmentation.view").set_value("scores").run()
    at.segmented_control(key="segmentation.view").set_value("several").run()
    button(at, "Just show me").click().run()
    assert "cat.jpg" in table(at), "what was seen stays"


def test_several_photos_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def waiting(self: LocalEngine, *rest: Any, **more: Any) -> Any:
        go.wait(60)
        raise CancelledError

    monkeypatch.setattr(LocalEngine, "run", waiting)
    at = open_at(view="several")
    at.file_uploader[0].set_value(photos("cat", "coffee", "rocket")).run()
    assert at.get("progress")[0].proto.text == "0 of 3 photos"
    button(at, "Cancel").click().run()
    go.set()
    finish(at)
    assert "Cancelled after " in said(at)
    assert not at.session_state["live.batch"].seen
