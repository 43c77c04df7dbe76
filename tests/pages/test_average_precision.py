"""The lesson on the PR curve and AP, as a visitor's clicks see it."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.metrics import set_code
from cnnviz.metrics.average_precision import area, mean_average_precision
from cnnviz.metrics.coco import RANGES, evaluate
from cnnviz.metrics.example import example
from cnnviz.metrics.matching import Convention, match
from cnnviz.metrics.scenes import SceneSettings
from cnnviz.metrics.shape_detector import evaluate_part, join
from cnnviz.ui.detections import MOST_SCENES

from .visit import notebook_text, printed, source, texts, visit

open_at = partial(visit, "average-precision")

VIEWS: tuple[dict[str, str], ...] = (
    {"view": "curve"},
    {"view": "classes"},
    {"view": "ranges"},
    {"view": "ranges", "what": "limit"},
    {"view": "ious"},
)
NAMES = ["-".join(view.values()) for view in VIEWS]


def tiles(at: AppTest) -> dict[str, str]:
    return dict(re.findall(r'font-size:.85rem">([^<]+)</div><div style="[^"]+">([^<]+)</div>', texts(at)))


def chart(at: AppTest) -> dict[str, Any]:
    return json.loads(at.get("plotly_chart")[0].proto.spec)


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_every_control_at_both_ends(view: dict[str, str]) -> None:
    at = open_at(lang="ko", **view)
    for key in [slider.key for slider in at.slider if not slider.disabled]:
        for end in ("min", "max"):
            slider = at.slider(key=key)
            slider.set_value(getattr(slider, end)).run()
            assert not at.exception, (key, end)
            assert ":orange-badge" not in texts(at), (key, end)
    for name, value in (("by", "11"), ("mt", "voc"), ("m", "1"), ("sz", "small"), ("cls", "1")):
        at.session_state[f"average-precision.{name}"] = value
        at.run()
        assert not at.exception, name
        assert ":orange-badge" not in texts(at)
    assert "NaN" not in texts(at)


@pytest.mark.parametrize("how", ["all", "11", "101"])
@pytest.mark.parametrize("category", [0, 1])
def test_the_area_that_is_summed_is_drawn(how: str, category: int) -> None:
    at = open_at(lang="en", by=how, cls=str(category))
    matching = match(example(), category, Convention(ties="image"))
    summed = area(matching, how)
    shown = tiles(at)
    assert shown[{"all": "AP · All points"}.get(how, f"AP · {how} points")] == f"{summed.value:.3f}"
    trace = chart(at)["data"][0]
    assert trace["name"] == "The area that is summed"
    corners = np.array([[x, y] for x, y in zip(trace["x"], trace["y"], strict=True) if x is not None], float)
    rectangles = corners.reshape(-1, 5, 2)
    drawn = sum((one[2, 0] - one[0, 0]) * one[1, 1] for one in rectangles)
    assert drawn == pytest.approx(summed.value, abs=1e-9)
    assert ":green-badge" in texts(at)


def test_pointing_says_why() -> None:
    at = open_at(lang="en")
    raw = next(trace for trace in chart(at)["data"] if trace["name"] == "Each detection")
    ignored = next(trace for trace in chart(at)["data"] if trace["name"] == "Ignored: no point")
    steps = match(example(), 0, Convention(ties="image")).steps
    assert len(raw["text"]) + len(ignored["text"]) == len(steps)
    assert "Its greatest IoU does not reach the threshold" in raw["text"][2]
    assert "Recall 0.222, precision 0.667" in raw["text"][2]
    assert all("It adds no point" in words for words in ignored["text"])


def test_the_slider_says_why_too() -> None:
    at = open_at(lang="en", i="4")
    assert "Interpolation passes above it: detection 7 reaches 0.833 at a higher recall." in texts(at)
    at.slider(key="average-precision.i").set_value(3).run()
    assert "It adds no point: both sums stay as they are." in texts(at)
    at.slider(key="average-precision.i").set_value(13).run()
    assert "no later point is higher" in texts(at)
    assert at.query_params["i"] == "13"
    assert "No detection finds 1 of the 9 ground truths (T1)" in texts(at)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_an_undefined_ap_is_said_in_words(language: str) -> None:
    at = open_at(lang=language, sz="large")
    assert {"en": "undefined: not 0", "ko": "0이 아닙니다"}[language] in at.info[0].value
    assert not at.get("plotly_chart")
    assert printed(at).count("undefined") == 3
    table = texts(open_at(lang=language, view="ranges"))
    assert {"en": "undefined", "ko": "정의 안 됨"}[language] in table


def test_a_range_that_ends_before_it_begins_is_explained() -> None:
    at = open_at(lang="en", sz="own", lo="30", hi="10")
    assert at.warning[0].value == "the size range begins at 30² pixels and ends before that, at 10²"
    assert "A staircase over a saw" in [heading.value for heading in at.subheader]
    at.slider(key="average-precision.hi").set_value(60).run()
    assert not at.warning
    assert at.get("plotly_chart")


@pytest.mark.parametrize("how", ["all", "11", "101"])
def test_every_class_and_the_mean(how: str) -> None:
    at = open_at(lang="en", view="classes", by=how, iou="65")
    told = mean_average_precision(
        example(),
        Convention(ties="image", interpolation=how, iou_threshold=0.65),  # type: ignore[arg-type]
    )
    assert tiles(at)["Mean AP"] == f"{told.value:.3f}"
    out = dict(re.findall(r"(\w+): ([\d.]+)", printed(at)))
    assert out == {
        name: f"{value:.4f}"
        for name, value in zip(("cup", "bottle", "mean"), (*told.per_class, told.value), strict=True)
    }


def test_sizes_and_limits() -> None:
    at = open_at(lang="en", view="ranges", by="101")
    out = printed(at)
    coco = evaluate(example())
    for size in ("small", "medium"):
        value = area(match(example(), 0, Convention(ties="image"), RANGES[size]), "101").value
        # COCO's own, of whole arrays, at the same threshold.
        assert value == pytest.approx(coco.ap(iou=0.5, category=0, area=size), abs=1e-12)
        assert f"AP {value:.4f}" in next(line for line in out.splitlines() if line.startswith(size))
        assert f">{value:.3f}</td>" in texts(at)
    at = open_at(lang="en", view="ranges", what="limit")
    assert "1: 7 detections, AP 0.4444" in printed(at)
    assert ">0.444</td>" in texts(at)


def test_ten_thresholds_are_cocos() -> None:
    at = open_at(lang="en", view="ious", by="101")
    value = evaluate(example()).ap(category=0)
    assert tiles(at)["AP 50:95"] == f"{value:.3f}"
    assert printed(at).splitlines()[-1] == f"AP: {value:.4f}"
    assert len(chart(at)["data"]) == 10


def test_the_notebook_carries_a_large_set(tmp_path: Path) -> None:
    at = open_at(lang="en", view="classes", set="scenes", scenes="50")
    data = evaluate_part(SceneSettings(MOST_SCENES), 0, 50)
    files = {set_code.FILE: set_code.as_json(join([data]))}
    mean = re.search(r"mean: ([\d.]+)", notebook_text(source(at), tmp_path, None, files))
    assert mean
    assert float(mean[1]) == pytest.approx(float(tiles(at)["Mean AP"]), abs=6e-4)


@pytest.mark.parametrize(("name", "text"), [("i", "99"), ("by", "12"), ("sz", "huge"), ("at", "51.5")])
def test_nonsense_in_the_link_is_explained(name: str, text: str) -> None:
    at = open_at(lang="en", **({"view": "ious"} if name == "at" else {}), **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert ":green-badge" in texts(at)


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_predict_first(view: dict[str, str]) -> None:
    at = open_at(lang="en", predict="1", **view)
    assert "badge" not in texts(at).replace("violet-badge", "")
    assert not tiles(at)
    if view["view"] == "curve":
        assert [trace["name"] for trace in chart(at)["data"]] == ["Each detection", "Ignored: no point"]
    answers = {"curve": 83, "ranges": 7, "ious": 10}
    if view["view"] == "classes":
        at.radio(key="average-precision.guess").set_value("0")
    elif view == {"view": "ranges"}:
        at.radio(key="average-precision.guess").set_value("medium")
    else:
        at.number_input(key="average-precision.guess").set_value(answers[view["view"]])
    at.button(key="FormSubmitter:average-precision.form-Check").click().run()
    assert at.success
    assert ":green-badge" in texts(at)
    at.button(key="average-precision.another").click().run()
    assert not at.exception
