"""The picker of the Evaluation lessons: the example, scenes, and uploads, through a page of its own."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.metrics.example import example
from cnnviz.metrics.files.coco import write_coco_json
from cnnviz.metrics.files.table import write_csv
from cnnviz.metrics.scenes import SceneSettings
from cnnviz.metrics.shape_detector import evaluate_scenes
from cnnviz.ui import detections


def page() -> None:
    import streamlit as st

    from cnnviz.ui import state
    from cnnviz.ui.detections import pick_set

    state.begin()
    state.link("lang", "lang", "", state.choice(["en", "ko"]))
    picked = pick_set()
    st.session_state["picked"] = picked
    st.session_state["complaints"] = list(state.complaints())
    state.publish()


def open_at(**link: str) -> AppTest:
    at = AppTest.from_function(page, default_timeout=60)
    at.query_params.update(link)
    at.run()
    assert not at.exception
    return at


def picked(at: AppTest) -> detections.Picked:
    return at.session_state["picked"]


def upload(at: AppTest, truths: tuple[str, bytes], found: tuple[str, bytes] | None = None) -> AppTest:
    at.session_state["set.popover"] = True
    at.run()
    for uploader, file in zip(at.file_uploader, (truths, found), strict=True):
        if file is not None:
            uploader.set_value((*file, "application/octet-stream"))
    at.run()
    at.button(key="set.read").click().run()
    assert not at.exception
    return at


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption)


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return out.getvalue()


def defined(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def test_the_example_comes_first() -> None:
    at = open_at(lang="en")
    shown = picked(at)
    assert (shown.source, len(shown.data.truths)) == ("example", 15)
    assert captions(at) == "Images 7 · ground truths 15 · detections 24 · classes 2"
    assert dict(at.query_params) == {"lang": "en"}
    names = defined(shown.code)
    assert shown.files() == {}
    assert [one["box"] for one in names["truths"]] == shown.data.truths.boxes.tolist()
    assert [one["score"] for one in names["detections"]] == shown.data.detections.score.tolist()
    assert [one["crowd"] for one in names["truths"]].index(True) == 8
    for image in range(7):
        drawn = shown.picture(image)
        assert drawn is not None
        assert drawn.shape == (480, 640, 3)
        here = shown.data.truths.image == image
        # Outside every box nothing but wall and table.
        outside = np.ones((480, 640), bool)
        for x1, y1, x2, y2 in (shown.data.truths.boxes[here] * 4).astype(int):
            outside[max(y1 - 3, 0) : y2 + 4, max(x1 - 3, 0) : x2 + 4] = False
        assert len(np.unique(drawn[outside], axis=0)) <= 2
        assert (len(np.unique(drawn.reshape(-1, 3), axis=0)) > 2) == here.any()


def test_scenes_are_the_detectors_own() -> None:
    link = {"lang": "en", "set": "scenes", "scenes": "50", "hard": "0.5", "sceneseed": "7"}
    at = open_at(**link)
    shown = picked(at)
    *_rest, last = evaluate_scenes(SceneSettings(50, 0.5, 0.2, 0.2, 7))
    assert last.data is not None
    assert shown.data.truths.boxes.tolist() == last.data.truths.boxes.tolist()
    assert shown.data.detections.score == pytest.approx(last.data.detections.score, abs=1e-3)
    assert shown.data.truths.masks is not None
    assert len(shown.data.truths.masks) == len(shown.data.truths)
    assert len(shown.data.images) == 50
    scene = shown.picture(49)
    assert scene is not None
    assert scene.shape == (128, 128, 3)
    assert dict(at.query_params) == link
    (file,) = shown.files().items()
    assert file[0] == "set.json"
    assert len(json.loads(file[1])["detections"]) == len(shown.data.detections)
    # A slider's move keeps what does not change: the same first scenes.
    at.slider(key="set.scenes").set_value(100).run()
    assert picked(at).data.truths.boxes[: len(last.data.truths)].tolist() == last.data.truths.boxes.tolist()
    assert picked(at).key != shown.key


@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_extremes_of_the_scenes(extreme: float) -> None:
    at = open_at(set="scenes", scenes="50")
    for name in ("hard", "noise", "hidden"):
        at.slider(key=f"set.{name}").set_value(extreme)
    at.run()
    assert not at.exception
    assert len(picked(at).data.images) == 50


def test_stopping_keeps_what_was_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is interrupted where the bar moves, as Streamlit does when Stop is pressed."""
    import streamlit as st

    evaluated: list[int] = []
    real = detections.evaluate_part

    def interrupted(settings: SceneSettings, start: int, stop: int) -> Any:
        evaluated.append(start)
        if start == 64:
            st.session_state["set.stopped"] = 1000
            st.rerun()
        return real(settings, start, stop)

    monkeypatch.setattr(detections, "evaluate_part", interrupted)
    at = open_at(lang="en", set="scenes", scenes="1000", sceneseed="98")
    assert evaluated == [0, 32, 64]
    assert len(picked(at).data.images) == 64
    assert "Stopped after 64 of 1,000 scenes: these are evaluated below." in [m.value for m in at.markdown]
    at.slider(key="set.scenes").set_value(50).run()
    assert evaluated == [0, 32, 64], "fewer than are there: nothing to do"
    assert len(picked(at).data.images) == 50
    monkeypatch.setattr(detections, "evaluate_part", real)
    at.slider(key="set.scenes").set_value(150).run()
    assert len(picked(at).data.images) == 150


def test_a_stopped_evaluation_goes_on() -> None:
    at = open_at(set="scenes", scenes="50", sceneseed="3")
    at.session_state["set.stopped"] = 100
    at.slider(key="set.scenes").set_value(100).run()
    assert len(picked(at).data.images) == 64
    at.button(key="set.go").click().run()
    assert len(picked(at).data.images) == 100


@pytest.mark.parametrize(
    ("name", "text"), [("set", "own"), ("scenes", "99999"), ("hard", "nan"), ("sceneseed", "x")]
)
def test_nonsense_in_the_link_is_explained(name: str, text: str) -> None:
    link = {"set": "scenes", "scenes": "50"} | {name: text}
    at = open_at(lang="en", **link)
    assert any(f"{name}={text}" in complaint for complaint in at.session_state["complaints"])


# Uploads

DATA = example()
CSV = ("all.csv", write_csv(DATA))
COCO = ("gt.json", write_coco_json(DATA)), ("found.csv", CSV[1])


def test_one_csv() -> None:
    at = upload(open_at(lang="en"), CSV)
    shown = picked(at)
    assert (shown.source, len(shown.data.detections)) == ("own", 24)
    assert shown.data.truths.boxes.tolist() == DATA.truths.boxes.tolist()
    assert shown.picture(0) is None
    assert dict(at.query_params) == {"lang": "en"}, "own data is never in the link"
    assert "not part of the link" in captions(at)
    assert not at.warning
    # The files themselves are gone.
    assert all(uploader.value is None for uploader in at.file_uploader)


def test_two_files_and_back_to_the_example() -> None:
    at = upload(open_at(lang="ko"), *COCO)
    first = picked(at)
    assert len(first.data.truths) == 15
    at = upload(at, *COCO)
    assert picked(at).key != first.key
    at.button_group(key="set").set_value("example").run()
    assert picked(at).source == "example"
    at.button_group(key="set").set_value("own").run()
    assert picked(at).source == "own"


def test_yolo_takes_the_assumed_size() -> None:
    at = open_at(lang="en")
    at.session_state["set.popover"] = True
    at.run()
    at.number_input(key="set.size.w").set_value(200)
    at.number_input(key="set.size.h").set_value(100)
    truths = zipped(a__txt="0 0.5 0.5 0.5 0.5\n", classes__txt="cup\n")
    found = zipped(a__txt="0 0.5 0.5 0.5 0.4 0.9\n")
    at = upload(at, ("t.zip", truths), ("d.zip", found))
    assert picked(at).data.truths.boxes.tolist() == [[50, 25, 150, 75]]
    assert "size had to be assumed: 1." in captions(at)


def test_problems_are_counted_and_listed() -> None:
    rows = b"image,category,x1,y1,x2,y2,score\n<b>1</b>,cup,0,0,9,9,\n1,cup,5,5,1,1,\n1,cup,0,0,8,9,0.5\n1,cup,0,0,8,9,x\n"
    at = upload(open_at(lang="en"), ("mine.csv", rows))
    assert len(picked(at).data.truths) + len(picked(at).data.detections) == 2
    assert "Records read and evaluated: 2. Records that could not be read: 2." in at.warning[0].value
    body = at.get("html")[-1].proto.body
    assert body.count("<tr>") == 3
    assert "mine.csv" in body
    korean = upload(open_at(lang="ko"), ("mine.csv", rows))
    assert korean.get("html")[-1].proto.body != body
    assert korean.warning[0].value != at.warning[0].value


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.json", b""),
        ("photo.png", b"\x89PNG\r\n\x1a\n1234"),
        ("a.zip", b"PK\x03\x04zzz"),
        ("a.txt", b"hello"),
    ],
)
def test_a_failed_upload_is_one_sentence_and_changes_nothing(name: str, data: bytes) -> None:
    at = upload(open_at(lang="en"), CSV)
    before = picked(at).key
    at = upload(at, (name, data))
    assert len(at.error) == 1
    assert at.error[0].value.endswith("What you had is still here.")
    assert picked(at).key == before
    at = upload(at, CSV)
    assert not at.error
    assert picked(at).key != before


def test_file_names_are_shown_as_they_are() -> None:
    at = upload(open_at(lang="en"), ("<script>*x*.csv", CSV[1]))
    assert "\\<script\\>\\*x\\*" in captions(at)
