"""The page Evaluate your own detections, through Streamlit's own test harness."""

import contextlib
import io
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.metrics import coco, set_code
from cnnviz.metrics.average_precision import confusion_matrix
from cnnviz.metrics.data import DetectionSet
from cnnviz.metrics.example import example
from cnnviz.metrics.files.coco import write_coco_json
from cnnviz.metrics.files.reader import read
from cnnviz.metrics.masks import encode
from cnnviz.metrics.matching import COCO
from cnnviz.metrics.scenes import SceneSettings
from cnnviz.metrics.shape_detector import evaluate_scenes

from .visit import notebook_outputs, source, visit

open_at = partial(visit, "evaluate")

DATA = example()


def upload(at: AppTest, name: str, data: bytes) -> AppTest:
    at.session_state["set.popover"] = True
    at.run()
    at.file_uploader[0].set_value((name, data, "application/octet-stream"))
    at.run()
    at.button(key="set.read").click().run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(element.value for element in (*at.markdown, *at.caption))


def tables(at: AppTest) -> list[list[list[str]]]:
    """Rows of cells of every table on the page, their headings included."""
    found = []
    for element in at.get("html"):
        body = element.proto.body
        if "<table>" in body:
            parts = body.partition("<table>")[2].split("<tr>")[1:]
            found.append([re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in parts])
    return found


def masked(data: DetectionSet) -> DetectionSet:
    """Every box as a mask of the example's images; the detections' lose their last column of pixels."""

    def mask(box: list[float], less: int) -> np.ndarray:
        x1, y1, x2, y2 = (int(side) for side in box)
        full = np.zeros((120, 160), bool)
        full[y1:y2, x1 : x2 - less] = True
        return full

    truths = tuple(encode(mask(box, 0)) for box in data.truths.boxes.tolist())
    found = tuple(encode(mask(box, 1)) for box in data.detections.boxes.tolist())
    return replace(
        data, truths=replace(data.truths, masks=truths), detections=replace(data.detections, masks=found)
    )


def test_the_twelve_figures_of_the_example() -> None:
    at = open_at(lang="en")
    twelve, classes, confusion = tables(at)
    expected = {
        name: "undefined" if value is None else f"{value:.4f}"
        for name, value in coco.evaluate(DATA).figures.items()
    }
    assert {row[0]: row[1] for row in twelve[1:]} == expected
    assert expected["APl"] == "undefined"
    assert "Undefined: APl, ARl." in texts(at)
    assert [row[:3] for row in classes[1:]] == [["cup", "11", "18"], ["bottle", "4", "6"]]
    matrix = confusion_matrix(DATA, COCO, 0.5)
    assert [row[1:] for row in confusion[1:3]] == [
        [str(count) for count in row] for row in matrix[:2].tolist()
    ]
    assert texts(at).count(":green-badge") == 2
    assert ":orange-badge" not in texts(at)
    assert dict(at.query_params) == {"lang": "en"}


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize(("score", "iou"), [(0, 5), (100, 95), (0, 95), (100, 5)])
def test_extremes(lang: str, score: int, iou: int) -> None:
    at = open_at(lang=lang, score=str(score), iou=str(iou), picture="curves")
    matrix = confusion_matrix(DATA, replace(COCO, iou_threshold=iou / 100), score / 100)
    shown = [row[1:] for row in tables(at)[2][1:]]
    assert [int(cell) for row in shown[:2] for cell in row] == matrix[:2].ravel().tolist()
    assert shown[2][-1] == "·"
    assert "AP50: " in at.get("plotly_chart")[0].proto.alt


def test_controls_move_the_link() -> None:
    at = open_at(lang="ko")
    at.slider(key="evaluate.score").set_value(30).run()
    at.button_group(key="evaluate.picture").set_value("curves").run()
    assert dict(at.query_params) == {"lang": "ko", "score": "30", "picture": "curves"}


@pytest.mark.parametrize(("name", "text"), [("score", "101"), ("iou", "x"), ("picture", "none")])
def test_nonsense_in_the_link_is_explained(name: str, text: str) -> None:
    at = open_at(lang="en", **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert len(tables(at)) == 3


def test_masks_are_evaluated_where_both_have_them() -> None:
    data = masked(DATA)
    at = upload(open_at(lang="en"), "mine.json", write_coco_json(data))
    twelve, classes, _confusion = tables(at)
    results = [coco.evaluate(data, kind).figures for kind in ("bbox", "segm")]
    assert twelve[0][1:3] == ["boxes", "masks"]
    assert [row[1:3] for row in twelve[1:]] == [
        ["undefined" if result[name] is None else f"{result[name]:.4f}" for result in results]
        for name in results[0]
    ]
    assert results[0]["AP"] != results[1]["AP"]
    assert classes[0][3:5] == ["AP (boxes)", "AP50 (boxes)"]
    assert texts(at).count(":green-badge") == 4
    at.button_group(key="evaluate.kind").set_value("segm").run()
    assert not at.exception
    assert "0.50 to 0.95: mean" in at.get("plotly_chart")[0].proto.alt


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize(
    "rows",
    [b"1,cup,0,0,9,9,\n", b"1,cup,0,0,9,9,0.5\n", b"1,,,,,,\n"],
    ids=["truths only", "detections only", "an empty image"],
)
def test_sets_with_nothing_to_divide_by(lang: str, rows: bytes) -> None:
    at = upload(open_at(lang=lang), "mine.csv", b"image,category,x1,y1,x2,y2,score\n" + rows)
    page = texts(at) + str(tables(at))
    assert not re.search(r"\bnan\b|-1\.0|-1\b", page.lower())
    if not rows.endswith(b"9,9,\n"):
        assert {row[1] for row in tables(at)[0][1:]} == {"undefined" if lang == "en" else "정의 안 됨"}


def test_class_names_are_shown_as_they_are() -> None:
    rows = b"image,category,x1,y1,x2,y2,score\n1,<b>$x$</b>,0,0,9,9,\n1,<b>$x$</b>,0,0,9,9,0.5\n"
    at = upload(open_at(lang="en"), "mine.csv", rows)
    assert "&lt;b&gt;$x$&lt;/b&gt;" in at.get("html")[1].proto.body
    assert "<b>$x$" not in "".join(element.proto.body for element in at.get("html"))


def test_predict_what_is_missed() -> None:
    at = open_at(lang="en", predict="1")
    assert len(tables(at)) == 2, "the matrix would give it away"
    missed = int(confusion_matrix(DATA, COCO, 0.5)[:-1, -1].sum())
    at.number_input(key="evaluate.guess").set_value(missed)
    at.button(key="FormSubmitter:evaluate.form-Check").click().run()
    assert f"Right: **{missed}**" in at.success[0].value
    assert len(tables(at)) == 3
    for _turn in range(3):
        at.button(key="evaluate.another").click().run()
        assert not at.exception
        assert len(tables(at)) == 2
        at.button(key="evaluate.show").click().run()


def test_the_code_prints_what_is_on_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_at(lang="en", score="40", iou="60")
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(source(at), {})
    assert (tmp_path / "curves.png").exists()
    printed = dict(re.findall(r"^(A[PR]\w*): (\S+)$", out.getvalue(), re.MULTILINE))
    shown = {row[0]: row[1] for row in tables(at)[0][1:]}
    assert {
        name: value if value == "undefined" else f"{float(value):.4f}" for name, value in printed.items()
    } == shown
    matrix = [[int(n) for n in re.findall(r"\d+", row)] for row in out.getvalue().splitlines()[-3:]]
    assert [[str(n) for n in row] for row in matrix[:2]] == [row[1:] for row in tables(at)[2][1:3]]


def test_the_notebook_carries_the_set_and_recomputes_it(tmp_path: Path) -> None:
    at = open_at(lang="en", set="scenes", scenes="50")
    *_rest, last = evaluate_scenes(SceneSettings(50))
    assert last.data is not None
    files = {set_code.FILE: set_code.as_json(last.data)}
    outputs = notebook_outputs(source(at), tmp_path, None, files)
    printed = "".join(output.get("text", "") for output in outputs)
    told = {
        name: round(float(value), 4) for name, value in re.findall(r"^(A[PR]\w*): (\d\S+)$", printed, re.M)
    }
    assert told["AP"] == pytest.approx(float(tables(at)[0][1][1]), abs=2e-4)
    assert {name: told[name] for name in ("APs", "ARm")} == {
        row[0]: pytest.approx(float(row[1]), abs=2e-4)
        for row in tables(at)[0][1:]
        if row[0] in ("APs", "ARm")
    }
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_what_is_kept_can_be_read_again() -> None:
    """The set that the report names is the one that was read."""
    data = read(("mine.json", write_coco_json(DATA))).data
    at = upload(open_at(lang="en"), "mine.json", write_coco_json(DATA))
    assert {row[0]: row[1] for row in tables(at)[0][1:]}["AP"] == f"{coco.evaluate(data).figures['AP']:.4f}"
    buttons = at.get("download_button")
    assert [button.proto.label for button in buttons][:3] == [
        "Figures, CSV",
        "Classes, CSV",
        "Confusion, CSV",
    ]
    assert len(buttons) == 11
    assert json.loads(set_code.as_json(data))["categories"] == ["cup", "bottle"]
