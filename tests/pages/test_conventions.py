"""The page of the convention switchboard, through Streamlit's own test harness."""

import contextlib
import io
import json
import re
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.metrics import set_code
from cnnviz.metrics.average_precision import mean_average_precision
from cnnviz.metrics.conventions import PRESETS, SWITCHES, encode, neighbours
from cnnviz.metrics.example import example
from cnnviz.metrics.matching import COCO, VOC2007, Convention
from cnnviz.metrics.scenes import SceneSettings
from cnnviz.metrics.shape_detector import evaluate_scenes

from .visit import notebook_text, source, texts, visit

open_at = partial(visit, "conventions")

DATA = example()
WIDGETS = {
    "plus": "1",
    "cmp": "gt",
    "match": "voc",
    "special": "count",
    "ties": "reversed",
    "area": "11",
    "max": "1",
}


def html(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html"))


def rows(at: AppTest) -> list[list[str]]:
    """The body of the last table: what turning one switch would do."""
    body = at.get("html")[-1].proto.body.partition("<tbody>")[2]
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in body.split("</tr>")[:-1]]


def shown(at: AppTest) -> str:
    return at.metric[0].value


def percent(convention: Convention) -> str:
    value = mean_average_precision(DATA, convention).value
    assert value is not None
    return f"{100 * value:.2f} %"


def test_coco_comes_first_and_nothing_is_switched() -> None:
    at = open_at(lang="en")
    assert shown(at) == percent(COCO) == "62.25 %"
    assert "Nothing has been switched yet" in texts(at)
    assert dict(at.query_params) == {"lang": "en"}
    assert texts(at).count(":green-badge") == 3
    assert ":orange-badge" not in texts(at)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(preset: str) -> None:
    at = open_at(lang="en", plus="1", cmp="gt", max="1")
    pills = next(group for group in at.button_group if group.key == "conventions.preset")
    pills.set_value(preset).run()
    assert not at.exception
    assert shown(at) == percent(PRESETS[preset])
    pills = next(group for group in at.button_group if group.key == "conventions.preset")
    assert pills.value == preset


def test_the_detection_that_flips_is_named() -> None:
    at = open_at(lang="en")
    at.button_group(key="conventions.plus").set_value("1").run()
    text = texts(at)
    assert "**Width of a box**: right − left → +1 pixel. mAP: 62.25 % → **72.50 %**" in text
    assert "The detection that makes the difference: **D1**, on `image 1`." in text
    # 266/534 and 300/582, by hand in tests/metrics/test_example.py.
    assert "wrong, IoU 0.498" in html(at)
    assert "right, IoU 0.515" in html(at)
    assert r"\frac{300}{582} = 0.5155" in text
    assert at.metric[0].delta == "+10.24"
    (picture,) = at.get("image")
    assert picture.proto.imgs[0].alt.startswith("image 1: detection D1, solid")
    # The next switch is compared with this one, and the link says so.
    at.button_group(key="conventions.match").set_value("voc").run()
    assert "**Matching**: COCO: best free → VOC: best" in texts(at)
    assert "**D5**" in texts(at)
    assert at.query_params["was"] == "_".join(
        map(str, encode(Convention(True, ties="image", max_detections=100)))
    )


def test_a_link_shows_the_same_change() -> None:
    link = {"lang": "en", "match": "voc", "was": "_".join(map(str, encode(VOC2007)))}
    at = open_at(**link)
    assert dict(at.query_params) == link
    text = texts(at)
    assert "**Width of a box**: +1 pixel → right − left" in text
    assert "**Area under the curve**: 11 recalls → 101 recalls" in text


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"ties": "reversed"}, "these change places in the order: D7 (0.70), D21 (0.70)"),
        ({"area": "11"}, "the same curve, of which another area is taken"),
        ({"max": "all"}, "Every detection ends as before, and so does the area."),
        ({"special": "count"}, "Ground truths that count only now: T7, T9."),
        ({"cmp": "gt"}, "**D6**"),
        ({"max": "1"}, "detections make the difference"),
    ],
)
def test_what_each_switch_does(link: dict[str, str], said: str) -> None:
    assert said in texts(open_at(lang="en", **link))


@pytest.mark.parametrize("iou", ["0.05", "0.95"])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_switch_at_its_other_end(iou: str, lang: str) -> None:
    at = open_at(lang=lang, iou=iou, **WIDGETS)
    convention = Convention(True, ">", "voc", "count", "reversed", "11", float(iou), 1)
    assert shown(at) == percent(convention)
    assert ":orange-badge" not in texts(at)
    for key in ("class", "by"):
        for option in at.selectbox(key=f"conventions.{key}").options:
            at.selectbox(key=f"conventions.{key}").select(option)
            at.run()
            assert not at.exception


def test_the_table_of_single_switches() -> None:
    at = open_at(lang="en")
    expected = sorted(percent(other) for _name, other in neighbours(COCO))
    assert sorted(row[2] for row in rows(at)) == expected
    assert rows(at)[0][3].startswith(("+", "-"))
    assert rows(at)[-1][3] == "="
    changes = [0.0 if row[3] == "=" else abs(float(row[3])) for row in rows(at)]
    assert changes == sorted(changes, reverse=True)


def test_the_strip_holds_every_combination() -> None:
    at = open_at(lang="en", by="interpolation")
    chart = at.get("plotly_chart")[0].proto
    spec = json.loads(chart.spec)
    assert [trace.get("name") for trace in spec["data"][3:]] == [
        "VOC2007 63.81", "VOC2010 64.10", "COCO 62.25", "now 62.25",
    ]  # fmt: skip
    assert list(spec["layout"]["yaxis"]["ticktext"]) == ["all points", "11 recalls", "101 recalls"]
    assert "mAP under 576 combinations" in chart.alt
    assert "now 62.25 %" in chart.alt


@pytest.mark.parametrize(
    ("name", "text"), [("plus", "2"), ("iou", "7"), ("was", "a"), ("class", "9"), ("by", "x"), ("set", "own")]
)
def test_nonsense_in_the_link_is_explained(name: str, text: str) -> None:
    at = open_at(lang="en", **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert shown(at) == "62.25 %"


def test_a_class_without_truths_is_undefined_in_words() -> None:
    at = open_at(lang="en")
    at.session_state["set.popover"] = True
    at.run()
    rows = b"image,category,x1,y1,x2,y2,score\n1,cup,0,0,9,9,\n1,cup,0,0,8,9,0.5\n1,ghost,0,0,8,9,0.7\n"
    at.file_uploader[0].set_value(("mine.csv", rows, "text/csv"))
    at.run()
    at.button(key="set.read").click().run()
    assert shown(at) == "100.00 %"
    at.selectbox(key="conventions.class").select("ghost").run()
    assert not at.exception
    assert shown(at) == "undefined"
    assert "AP is undefined under every combination" in texts(at)
    assert "nan" not in (texts(at) + html(at)).lower()


def test_predict_the_switch() -> None:
    at = open_at(lang="en", predict="1")
    assert not at.get("plotly_chart")
    assert "green-badge" not in texts(at)
    here = mean_average_precision(DATA, COCO).value
    far = dict.fromkeys(SWITCHES, 0.0)
    for name, other in neighbours(COCO):
        value = mean_average_precision(DATA, other).value
        assert value is not None
        assert here is not None
        far[name] = max(far[name], abs(value - here))
    at.radio(key="conventions.guess").set_value(max(far, key=lambda name: far[name]))
    at.button(key="FormSubmitter:conventions.form-Check").click().run()
    assert f"up to {100 * max(far.values()):.2f} points" in at.success[0].value
    assert at.get("plotly_chart")
    for _turn in range(3):
        at.button(key="conventions.another").click().run()
        assert not at.exception
        assert not at.get("plotly_chart")
        at.button(key="conventions.show").click().run()
        assert at.get("plotly_chart")


def test_another_set_asks_anew() -> None:
    at = open_at(lang="en", predict="1", scenes="50")
    at.button(key="conventions.show").click().run()
    at.button_group(key="set").set_value("scenes").run()
    assert not at.exception
    assert at.button(key="conventions.show")


def test_many_combinations_are_computed_when_asked_for() -> None:
    at = open_at(lang="en", set="scenes", scenes="100", hard="0.2")
    assert not at.get("plotly_chart")
    assert len(rows(at)) == 11, "what one switch would do is there at once"
    at.button(key="conventions.compute").click().run()
    assert not at.exception
    assert at.get("plotly_chart")
    at.button_group(key="conventions.cmp").set_value("gt").run()
    assert at.get("plotly_chart"), "kept"


@pytest.mark.parametrize("link", [{}, {"plus": "1", "area": "11", "ties": "file"}, WIDGETS])
def test_the_code_prints_what_is_on_screen(link: dict[str, str]) -> None:
    at = open_at(lang="en", iou="0.4", **link)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(source(at), {})
    value = re.search(r"mean: ([\d.]+)", out.getvalue())
    assert value
    assert f"{100 * float(value[1]):.2f} %" == shown(at)


def test_the_notebook_runs(tmp_path: Path) -> None:
    at = open_at(lang="ko", set="scenes", scenes="50")
    *_rest, last = evaluate_scenes(SceneSettings(50))
    assert last.data is not None
    carried = {set_code.FILE: set_code.as_json(last.data)}
    value = re.search(r"mean: ([\d.]+)", notebook_text(source(at), tmp_path, None, carried))
    assert value
    assert f"{100 * float(value[1]):.2f} %" == shown(at)
