"""The lesson "Detection on your photo", as a visitor's clicks see it."""

import json
import re
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont
from streamlit.testing.v1 import AppTest

from cnnviz import samples
from cnnviz.detection.postprocess import select
from cnnviz.detection.pyramid import CARD
from cnnviz.detection.steps import boxes_of, steps
from cnnviz.engine import weights
from cnnviz.engine.catalogue import model
from cnnviz.engine.loading import runner_of
from cnnviz.engine.local import shared_engine
from cnnviz.engine.results import DetectionResult
from cnnviz.figures import detection as figures
from cnnviz.images import encode_jpeg, fit
from cnnviz.metrics.boxes import iou_matrix
from cnnviz.metrics.files.reader import read
from cnnviz.segmentation.code import files
from cnnviz.ui import live
from cnnviz.ui.detection.boxes import annotated, coco_json
from cnnviz.ui.detection.visit import Seen
from cnnviz.ui.language import catalogue
from cnnviz.ui.photo import MAX_SIDE, Photo

from ..engine.random_models import detector
from .visit import arrive, link, notebook_text, printed, proofs, source, texts, visit

OWN = "lite0_pyramid"
open_at = partial(visit, "detection", lang="en", model=OWN)
VIEWS = ("boxes", "nms", "cells", "iou", "several")
LOW = 8
"""A score in percent that enough boxes exceed."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the network, which a browser's page would ask for again."""
    monkeypatch.setattr(live, "PATIENCE", 60.0)


def look(photo: str = "together") -> DetectionResult:
    found = shared_engine().run(OWN, fit(samples.load(photo), MAX_SIDE))
    assert isinstance(found, DetectionResult)
    return found


def sent(at: AppTest) -> dict[str, Any]:
    """What the component was sent."""
    return json.loads(at.get("bidi_component")[0].proto.json)


def drawn(at: AppTest, kind: str = "solid") -> list[list[float]]:
    return [box["at"] for box in sent(at)["boxes"] if box["kind"] == kind]


def tables(at: AppTest) -> str:
    return "\n".join(body for element in at.get("html") if "<table" in (body := element.proto.body))


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption)


# What our weights find on the samples


@pytest.mark.parametrize(
    ("photo", "name", "box"),
    [
        ("cat", "cat", (60, 0, 430, 300)),
        ("astronaut", "person", (40, 0, 440, 512)),
        ("hopper", "person", (50, 20, 510, 600)),
    ],
)
def test_golden(photo: str, name: str, box: tuple[float, ...]) -> None:
    """At the default settings one box is the object, and nothing of another class is found."""
    result = look(photo)
    kept = select(result).kept
    assert {result.classes[label] for label in result.labels[kept]} == {name}
    # The astronaut's head and arm get boxes of their own.
    assert len(kept) == (3 if photo == "astronaut" else 1)
    found = result.boxes[kept].astype(np.float64)
    assert iou_matrix(found, np.array([box], np.float64)).max() > 0.6


def test_golden_together() -> None:
    """Both people and the cat are among the best boxes."""
    result = look()
    kept = select(result, result.scores[0] / 3).kept
    for name, box in (
        ("person", (0, 20, 250, 400)),
        ("cat", (190, 200, 450, 400)),
        ("person", (340, 20, 640, 400)),
    ):
        same = kept[result.labels[kept] == result.classes.index(name)]
        common = iou_matrix(result.boxes[same].astype(np.float64), np.array([box], np.float64))
        assert common.max(initial=0) > 0.5, (name, box)


def test_golden_nothing() -> None:
    for photo in ("scene", "bricks"):
        assert len(select(look(photo)).kept) <= 1, photo


# Every view


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_view_and_every_extreme(language: str) -> None:
    ours = catalogue(language).gettext
    for view in VIEWS:
        at = open_at(view=view, lang=language, score=str(LOW))
        for key, usual in [(slider.key, slider.value) for slider in at.slider if language == "en"]:
            for value in (at.slider(key=key).min, at.slider(key=key).max, usual):
                at.slider(key=key).set_value(value).run()
                assert not at.exception, (view, key, value)
        assert not at.warning
        compile(source(at), view, "exec")
        assert "cnnviz" not in source(at)
        assert all(ours("agree") in proof for proof in proofs(at))
        assert bool(proofs(at)) == (view != "several")


def test_nonsense_in_the_link_is_explained() -> None:
    wrong = {"score": "0", "nms": "2", "most": "x", "only": "cat", "model": "vgg16", "view": "99"}
    at = open_at(**wrong)
    said = "\n".join(warning.value for warning in at.warning)
    assert [name for name, value in wrong.items() if f"{name}={value}" not in said] == []
    at = open_at(view="iou", score=str(LOW), a="0", b="1000")
    assert len(at.warning) == 2
    at = open_at(view="nms", score=str(LOW), step="-1", across="some")
    assert len(at.warning) == 2
    at = open_at(view="cells", level="9", count="vgg16", **{"class": "99"})
    assert len(at.warning) == 3


def test_boxes_follow_the_sliders_without_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    result = look()
    at = open_at(score=str(LOW))
    engine = shared_engine()
    monkeypatch.setattr(engine, "submit", lambda *_given, **_more: pytest.fail("the network ran again"))
    for score, iou, most in ((LOW, 0.5, 100), (LOW, 0.9, 100), (2 * LOW, 0.1, 2)):
        for name, value in (("score", score), ("nms", iou), ("most", most)):
            at.slider(key=f"detection.{name}").set_value(value).run()
        kept = select(result, score / 100, iou, limit=most).kept
        np.testing.assert_allclose(drawn(at), result.boxes[kept], atol=0.051)
        text = [box["text"] for box in sent(at)["boxes"]]
        assert text == [f"{result.classes[result.labels[i]]} {100 * result.scores[i]:.0f} %" for i in kept]
        assert f" {len(kept)} boxes: " in sent(at)["alt"]
        assert tables(at).count("<tr>") == 1 + min(25, len(kept))
    assert link(at) == {"lang": "en", "model": OWN, "score": "16", "nms": "0.1", "most": "2"}
    at.button(key="detection.reset").click().run()
    assert set(link(at)) == {"lang"}


def test_a_box_says_where_it_comes_from() -> None:
    result = look("cat")
    first = sent(open_at(photo="cat"))["boxes"][0]
    rows, columns = result.grids[result.levels[0]]
    row, column = result.cells[0] + 1
    told = f"level {result.levels[0] + 1} ({columns} × {rows} cells), row {row}, column {column}."
    assert first["said"].startswith("cat ")
    assert first["said"].endswith(told)
    np.testing.assert_allclose(first["origin"], result.origins[0], atol=0.051)
    left, top, right, bottom = first["origin"]
    assert right - left == pytest.approx(bottom - top, abs=0.2), "a square cell"


def test_only_some_classes() -> None:
    result = look()
    person = result.classes.index("person")
    at = open_at(score=str(LOW), only=str(person))
    kept = select(result, LOW / 100, 0.5, classes=[person]).kept
    assert len(drawn(at)) == len(kept)
    at.session_state["detection.only.pills"] = []
    at.session_state["detection.only"] = ()
    at.run()
    assert len(drawn(at)) == len(select(result, LOW / 100, 0.5).kept) > len(kept)


def test_what_is_taken_home() -> None:
    """The photo with its boxes, and a file that the evaluation opens."""
    rgb = fit(samples.load("together"), MAX_SIDE)
    seen = Seen(Photo("together", rgb, "", ""), model(OWN), look(), LOW / 100, 0.5)
    kept = seen.selection.kept
    data = read(("found.json", coco_json(seen))).data
    np.testing.assert_allclose(data.detections.boxes, seen.result.boxes[kept], rtol=1e-6)
    assert data.images[0].name == "together.jpg"
    names = [data.categories[category].name for category in data.detections.category]
    assert names == [seen.result.classes[label] for label in seen.result.labels[kept]]
    picture = Image.open(BytesIO(annotated(seen, "en")))
    assert picture.size == (640, 400)
    assert np.abs(np.asarray(picture).astype(int) - rgb).max() > 100


def test_the_jpeg_speaks_korean_where_the_machine_can_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(
        Photo("together", fit(samples.load("together"), MAX_SIDE), "", ""), model(OWN), look(), LOW / 100, 0.5
    )
    english, font = annotated(seen, "en"), figures.korean_font()
    if font is not None:
        letters = ImageFont.truetype(font, 20)
        assert bytes(letters.getmask("사람")) != bytes(letters.getmask("\uffff\uffff")), (
            "no boxes for letters"
        )
        assert annotated(seen, "ko") != english
    monkeypatch.setattr(figures, "korean_font", lambda: None)
    assert annotated(seen, "ko") == english
    said = "\n".join(caption.value for caption in open_at(lang="ko").caption)
    assert (
        catalogue("ko").gettext(
            "The JPEG names the classes in English: this server has no font with Korean letters."
        )
        in said
    )


def test_suppression_step_by_step() -> None:
    result = look()
    for across, per_class in (("own", True), ("all", False)):
        told = steps(select(result, LOW / 100, 0.5, per_class=per_class))
        at = open_at(view="nms", score=str(LOW), across=across, step="2")
        assert at.slider(key="detection.step").max == len(told)
        step = told[1]
        np.testing.assert_allclose(drawn(at, "strong"), result.boxes[[step.kept]], atol=0.051)
        np.testing.assert_allclose(drawn(at, "solid"), result.boxes[[told[0].kept]], atol=0.051)
        assert len(drawn(at, "dashed")) == len(step.removed)
        waiting = len(boxes_of(told[2:]))
        assert len(drawn(at, "ghost")) == min(120, waiting)
        for overlap in step.overlap[:12]:
            assert f">{overlap:.3f}</td>" in tables(at)
        assert f"removes {len(step.removed)} boxes; {waiting} wait" in texts(at)


def test_thousands_of_boxes_and_no_suppression() -> None:
    at = open_at(view="nms", score="1", nms="1", step="500")
    assert at.slider(key="detection.step").max == len(look())
    assert len(sent(at)["boxes"]) < 300
    at = open_at(view="cells", score="1", level="1")
    assert len(sent(at)["boxes"]) <= 400


def test_nothing_to_suppress_is_said() -> None:
    at = open_at(view="nms", score="99", step="3")
    assert "No box has a score above 99 %." in at.info[-1].value
    assert link(at)["step"] == "3", "kept for when there are boxes again"
    at = open_at(view="iou", score="99", a="3")
    assert "Fewer than two boxes" in at.info[-1].value


def test_cells_of_a_class() -> None:
    result = look("cat")
    cat = result.classes.index("cat")
    level = int(result.levels[0])
    at = open_at(view="cells", photo="cat", score=str(LOW), level=str(level + 1), **{"class": str(cat)})
    wanted = (result.scores > LOW / 100) & (result.labels == cat)
    here = wanted & (result.levels == level)
    cells = {tuple(cell) for cell in result.cells[here].tolist()}
    assert len(drawn(at, "cell")) == len(cells)
    rows, columns = result.grids[level]
    assert (sent(at)["lines"]["rows"], sent(at)["lines"]["columns"]) == (rows, columns)
    best = sent(at)["boxes"][0]
    np.testing.assert_allclose(best["at"], result.origins[here][0], atol=0.5)
    assert best["origin"] == pytest.approx(result.boxes[here][0].tolist(), abs=0.051)
    counts = [int(one) for one in re.findall(r">(\d+)</td></tr>", tables(at))]
    assert counts == [int((wanted & (result.levels == one)).sum()) for one in range(3)]


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("ssd300_vgg16", "8,732"),
        ("retinanet_resnet50_fpn", "120,087"),
        ("fasterrcnn_resnet50_fpn", "159,882"),
        ("ssdlite320_mobilenet_v3_large", "3,234"),
    ],
)
def test_anchors_of_the_famous(name: str, total: str) -> None:
    (proof,) = proofs(open_at(view="cells", count=name))
    assert f"formula **{total}** · PyTorch **{total}**" in proof
    assert ("published **8,732**" in proof) == (name == "ssd300_vgg16")


def test_any_two_boxes() -> None:
    result = look()
    boxes = np.round(result.boxes[:6].astype(np.float64), 1)
    at = open_at(view="iou", score=str(LOW), a="2", b="5")
    expected = iou_matrix(boxes, boxes)[1, 4]
    assert f"<b>{expected:.3f}</b>" in tables(at)
    assert f"formula **{expected:.4g}**" in proofs(at)[0]
    pair = [box for box in sent(at)["boxes"] if box["text"][:1] in ("A", "B") and "∩" not in box["text"]]
    np.testing.assert_allclose([box["at"] for box in pair], boxes[[1, 4]], atol=0.051)
    at.selectbox(key="detection.b").set_value(2).run()
    assert "<b>1.000</b>" in tables(at), "a box with itself"
    assert link(at)["b" if "b" in link(at) else "a"] == "2"


# Official models


def test_ours_answers_until_the_official_one_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "at_hand", lambda model_id: model_id == OWN)
    at = visit("detection", lang="en")
    assert "aren't on this machine yet" in captions(at)
    assert "small teaching model of ours" in captions(at)
    assert f"box AP **{100 * CARD.ap:.1f} %**" in captions(at)
    assert any("Fetch 13 MB" in button.label for button in at.button)


@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "maskrcnn_resnet50_fpn"])
def test_official_networks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every view of boxes from anchors, and from proposals with masks; the weights are random here."""
    card = model(name)
    runner = runner_of(card)(card, detector(name))
    prepared = runner.prepare(fit(samples.load("together"), MAX_SIDE))
    with torch.inference_mode():
        (result,) = runner.results(runner.network(prepared.x, [prepared]), [prepared])
    monkeypatch.setattr(weights, "at_hand", lambda _id: True)
    monkeypatch.setattr(live, "run_model", lambda *_given: result)
    score = int(100 * result.scores[min(len(result) - 1, 30)])
    origin = "Region proposal of " if name.startswith("mask") else "Anchor of "
    for view in VIEWS[:-1]:
        at = open_at(model=name, view=view, score=str(score), level="1")
        assert not at.warning
        assert all("agree" in proof for proof in proofs(at))
        assert proofs(at)
        compile(source(at), view, "exec")
        if view != "cells":
            assert origin in sent(at)["boxes"][0]["said"]
    at = open_at(model=name, view="boxes", score=str(score))
    kept = select(result, score / 100, 0.5, limit=100).kept
    np.testing.assert_allclose(drawn(at), result.boxes[kept], atol=0.051)
    if result.masks is not None:
        before = sent(at)["source"]
        at.toggle(key="detection.masks").set_value(False).run()
        assert sent(at)["source"] != before, "masks are painted on the photo"
    else:
        (proof,) = proofs(open_at(model=name, view="cells"))
        assert "formula **3,234** · PyTorch **3,234**" in proof


# Several photos


def test_several_photos() -> None:
    at = open_at(view="several", score=str(LOW), predict="1")
    names = ("cat", "hopper")
    uploads = [(f"{name}.jpg", encode_jpeg(samples.load(name)), "image/jpeg") for name in names]
    at.file_uploader[0].set_value([*uploads, ("x.png", b"no photo", "image/png")]).run()
    batch = at.session_state["live.batch"]
    assert batch.job.wait(120)
    at.run()
    assert not at.exception
    assert not tables(at), "first the question"
    answer = sum(len(select(look(photo=name), LOW / 100, 0.5).kept) for name in names)
    at.number_input(key="detection.guess").set_value(answer)
    next(button for button in at.button if button.label == "Check").click().run()
    assert f"Right: **{answer}**" in at.success[0].value
    rows = tables(at).split("<tr>")[2:]
    assert [name in row for name, row in zip(names, rows, strict=True)] == [True, True]
    assert "cat × " in rows[0]
    assert "person × " in rows[1]
    assert "x.png" in at.error[0].value
    assert any("COCO JSON" in button.proto.label for button in at.get("download_button"))


# Predicting


@pytest.mark.parametrize("view", ["boxes", "nms", "cells"])
def test_the_answer_is_hidden_until_it_is_given(view: str) -> None:
    result = look()
    selection = select(result, LOW / 100, 0.5)
    first = steps(selection)[0]
    answer = {
        "boxes": len(selection.kept),
        "nms": len(first.removed),
        "cells": sum(rows * columns for rows, columns in result.grids),
    }[view]
    at = open_at(predict="1", view=view, score=str(LOW))
    assert not proofs(at)
    assert not tables(at)
    if view == "nms":
        assert not drawn(at, "dashed")
    else:
        assert not at.get("bidi_component")
    at.number_input(key="detection.guess").set_value(answer)
    next(button for button in at.button if button.label == "Check").click().run()
    assert f"Right: **{answer}**" in at.success[0].value
    assert tables(at)
    assert proofs(at)


def test_the_overlap_is_asked_for() -> None:
    result = look()
    boxes = np.round(result.boxes[:2].astype(np.float64), 1)
    at = open_at(predict="1", view="iou", score=str(LOW))
    assert "∩" not in json.dumps(sent(at)["boxes"], ensure_ascii=False)
    at.radio(key="detection.guess").set_value("yes" if iou_matrix(boxes, boxes)[0, 1] > 0.5 else "no")
    next(button for button in at.button if button.label == "Check").click().run()
    assert at.success
    next(button for button in at.button if button.label == "Another question").click().run()
    assert not at.exception


# The code


def test_the_notebook_runs_and_agrees(tmp_path: Path) -> None:
    at = open_at(photo="cat")
    text = notebook_text(source(at), tmp_path, None, files([OWN]))
    result = look("cat")
    kept = select(result, CARD.score_threshold, 0.5).kept
    assert f"{len(kept)} boxes left" in text
    told = re.findall(r"^([a-zA-Z ]+) ([\d.]+) %: ", text, re.M)
    assert [name for name, _score in told] == [result.classes[label] for label in result.labels[kept]]
    for (_name, score), index in zip(told, kept, strict=True):
        assert float(score) == pytest.approx(100 * result.scores[index], abs=0.2)


def test_an_own_photo_goes_all_the_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = fit(samples.load("astronaut"), 301)[:, :257]
    at = arrive("detection", own, lang="en", model=OWN, score=str(LOW)).run()
    assert not at.exception
    assert "photo" not in link(at)
    Image.fromarray(own).save(tmp_path / "photo.png")
    for name, data in files([OWN]).items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    assert f"{len(drawn(at))} boxes left" in printed(at)
    for strip in (own[:1], own[:, :1]):
        at = arrive("detection", np.ascontiguousarray(strip), lang="en", model=OWN).run()
        assert not at.exception
