"""The IoU lesson, as a visitor's clicks see it."""

import json
import re
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.metrics.box_presets import HEIGHT, PAIRS, WIDTH, slide
from cnnviz.metrics.boxes import compare
from cnnviz.metrics.label_maps import pack
from cnnviz.metrics.mask_presets import PRESETS, SIDE, compare_masks

from .visit import notebook_text, printed, source, texts, visit

open_at = partial(visit, "iou")

MEASURES = {"IoU": "iou", "GIoU": "giou", "DIoU": "diou", "CIoU": "ciou"}


def sent(at: AppTest) -> dict[str, Any]:
    """What the component on the page was sent."""
    return json.loads(at.get("bidi_component")[0].proto.json)


def rows(at: AppTest) -> dict[str, tuple[str, str]]:
    """The table's cells by row: continuous, and with the last pixel."""
    return {
        cells[0]: (cells[1].strip("*"), cells[2].strip("*"))
        for line in texts(at).splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 3
    }


def boxes_of(pair: str) -> dict[str, str]:
    """The link of a preset."""
    a, b = PAIRS[pair].a, PAIRS[pair].b
    spans = {"ax": (a[0], a[2]), "ay": (a[1], a[3]), "bx": (b[0], b[2]), "by": (b[1], b[3])}
    return {name: f"{begin}_{end}" for name, (begin, end) in spans.items()}


# Two boxes


def test_what_a_visitor_sees_first() -> None:
    at = open_at(lang="en")
    table = rows(at)
    assert table["A ∩ B"] == ("8 × 10 = 80", "9 × 11 = 99")
    assert table["A ∪ B"][0] == "224 + 200 − 80 = 344"
    assert table["IoU"] == (f"{80 / 344:.4f}", f"{99 / 387:.4f}")
    assert sent(at)["alt"].endswith("They share 80 of 344 square pixels.")
    assert texts(at).count(":green-badge") == 1


@pytest.mark.parametrize(("pair", "plus"), list(zip(PAIRS, cycle((1, 0)), strict=False)))
def test_every_preset_in_a_convention(pair: str, plus: int) -> None:
    at = open_at(lang="ko" if plus else "en", m="ciou", plus=str(plus), **boxes_of(pair))
    measured = compare(PAIRS[pair].a, PAIRS[pair].b, bool(plus))
    table = rows(at)
    for title, name in MEASURES.items():
        value = getattr(measured, name)
        words = "정의 안 됨" if plus else "undefined"
        assert table[title][plus] == (words if value is None else f"{value + 0.0:.4f}")
    assert ":orange-badge" not in texts(at)
    assert texts(at).count(":green-badge") == (measured.iou is not None) + (measured.ciou is not None)
    assert len(at.info) == len(measured.undefined)
    assert "nan" not in texts(at)
    told = printed(at)
    assert re.findall(r"^[GDC]?IoU (\S+)$", told, re.M) == [
        "undefined" if (v := getattr(measured, name)) is None else f"{v:.4f}" for name in MEASURES.values()
    ]
    assert f"union {measured.union_area:g}" in told


def test_a_preset_moves_the_sliders_and_back() -> None:
    at = open_at(lang="en")
    at.selectbox(key="iou.preset").select("nested").run()
    assert at.slider(key="iou.bx").value == (22, 32)
    assert "GIoU equals IoU" in texts(at)
    assert dict(at.query_params) == {"lang": "en", **boxes_of("nested")}
    at.slider(key="iou.bx").set_value((0, 40)).run()
    assert at.selectbox(key="iou.preset").value is None
    assert sent(at)["b"] == [0, 14, 40, 24]
    at.button(key="iou.reset").click().run()
    assert sent(at)["b"] == [14, 10, 34, 20]


@pytest.mark.parametrize("ends", [(0, 0), (WIDTH, WIDTH), (0, WIDTH)])
@pytest.mark.parametrize("view", ["boxes", "slide"])
def test_sliders_at_their_ends(ends: tuple[int, int], view: str) -> None:
    rise = (min(ends[0], HEIGHT), min(ends[1], HEIGHT))
    link = {"ax": ends, "bx": ends, "ay": rise, "by": rise}
    at = open_at(lang="en", view=view, **{name: f"{low}_{high}" for name, (low, high) in link.items()})
    assert sent(at)["a"] == [ends[0], rise[0], ends[1], rise[1]]
    assert bool(at.info) == (ends[0] == ends[1])
    assert ":orange-badge" not in texts(at)


def test_typed_boxes() -> None:
    at = open_at(lang="en")
    at.text_input(key="iou.typed.a").set_value("[3, 4, 17.0, 16]").run()
    assert "left ≤ right ≤ 40" in at.warning[0].value
    assert sent(at)["a"] == [6, 6, 22, 20]
    at.text_input(key="iou.typed.a").set_value("3 4 17 31").run()
    assert "3 4 17 31" in at.warning[0].value
    at.text_input(key="iou.typed.a").set_value("(3, 4, 17, 16)").run()
    assert not at.warning
    assert sent(at)["a"] == [3, 4, 17, 16]
    assert at.query_params["ax"] == "3_17"


@pytest.mark.parametrize("bad", ["9", "9_3", "0_41", "a_b", "1_2_3"])
def test_a_bad_link_is_explained(bad: str) -> None:
    at = open_at(lang="en", ax=bad)
    assert f"ax={bad}" in at.warning[0].value
    assert at.slider(key="iou.ax").value == (6, 22)


def test_predict_the_intersection() -> None:
    at = open_at(lang="en", predict="1", plus="1")
    assert sent(at)["aid"] == ""
    assert "share" not in sent(at)["alt"]
    assert not rows(at)
    assert "Proof" not in texts(at)
    at.number_input(key="iou.guess").set_value(80)
    at.button(key="FormSubmitter:iou.form-Check").click().run()
    assert "you said 80, it is **99**" in at.warning[0].value
    assert sent(at)["aid"] == "iou"
    at.button(key="iou.another").click().run()
    assert sent(at)["aid"] == ""
    a, b = sent(at)["a"], sent(at)["b"]
    at.button(key="iou.show").click().run()
    assert f"**{compare(a, b, True).intersection_area:g}**" in at.info[0].value


# Sliding by


@pytest.mark.parametrize("pair", ["overlap", "line", "points"])
def test_every_line_of_the_slide(pair: str) -> None:
    at = open_at(lang="en", view="slide", **boxes_of(pair))
    chart = at.get("plotly_chart")[0].proto
    lines = {line["name"]: line for line in json.loads(chart.spec)["data"] if line["mode"] == "lines"}
    pairs = slide(PAIRS[pair].a, PAIRS[pair].b)
    zero = sum(one.iou == 0 for one in pairs)
    assert list(lines) == list(MEASURES)
    assert f"IoU is 0 at {zero} of {WIDTH + 1} places" in chart.alt
    told = [line.split() for line in printed(at).splitlines()]
    assert len(told) == WIDTH + 1
    for left, one in enumerate(pairs):
        values = [getattr(one, name) for name in MEASURES.values()]
        assert told[left] == [str(left), *("undefined" if v is None else f"{v:.4f}" for v in values)]


@pytest.mark.parametrize(
    ("pair", "answer"),
    [("far", 3), ("points", 0), ("overlap", 4), ("nested", 2), ("line", 2)],
)
def test_predict_how_many_measures_change(pair: str, answer: int) -> None:
    """Worked out by hand: apart, all but IoU; undefined, none; overlapping, all; inside, the two with a distance."""
    at = open_at(lang="en", view="slide", predict="1", **boxes_of(pair))
    assert not at.get("plotly_chart")
    at.number_input(key="iou.guess").set_value(answer)
    at.button(key="FormSubmitter:iou.form-Check").click().run()
    assert at.success
    assert at.get("plotly_chart")


# Two masks


@pytest.mark.parametrize("preset", PRESETS)
def test_masks_against_their_boxes(preset: str) -> None:
    at = open_at(lang="en", view="masks", masks=preset)
    pair = compare_masks(PRESETS[preset].make())
    of = pair.of_boxes.iou if pair.of_boxes else None
    shown = tuple("undefined" if value is None else f"{value:.4f}" for value in (pair.iou, of))
    assert rows(at)["IoU"] == shown
    assert texts(at).count(":green-badge") == sum(value is not None for value in (pair.iou, of))
    assert ":orange-badge" not in texts(at)
    told = printed(at)
    assert re.search(r"^masks \d+ \d+ (\S+)$", told, re.M)[1] == shown[0]  # type: ignore[index]
    assert re.search(r"^boxes .*?(\S+)$", told, re.M)[1] == shown[1]  # type: ignore[index]


def test_a_painting_travels_in_the_link() -> None:
    painted = np.zeros((SIDE, SIDE), np.uint8)
    painted[10:20, 10:20], painted[15:20, 10:20], painted[40, 40] = 1, 3, 2
    link = {"lang": "en", "view": "masks", "masks": "own", "x": pack(painted)}
    at = open_at(**link)
    assert sent(at)["grid"] == "".join(map(str, painted.ravel()))
    assert rows(at)["A"] == ("100", "100")
    assert rows(at)["B"] == ("51", f"{31 * 26}")
    assert dict(at.query_params) == link
    at.selectbox(key="iou.masks").select("ring").run()
    assert "x" not in at.query_params
    assert rows(at)["A ∩ B"][0] == "0"


@pytest.mark.parametrize(
    "bad", ["zzz", "", pack(np.full((SIDE, SIDE), 4, np.uint8)), pack(np.zeros(9, np.uint8))]
)
def test_a_damaged_painting_is_explained(bad: str) -> None:
    at = open_at(lang="en", view="masks", masks="own", x=bad)
    assert any("masks=own" in warning.value for warning in at.warning)
    assert bad == "" or any("a painted map of 48×48" in warning.value for warning in at.warning)
    assert rows(at)["A"][0] == "366"


@pytest.mark.parametrize(("preset", "answer"), [("bars", "below"), ("equal", "equal"), ("none", "undefined")])
def test_predict_which_is_higher(preset: str, answer: str) -> None:
    at = open_at(lang="ko", view="masks", predict="1", masks=preset)
    assert not rows(at)
    at.radio(key="iou.guess").set_value(answer)
    at.button(key="FormSubmitter:iou.form-확인").click().run()
    assert at.success
    assert rows(at)["IoU"]


def test_the_notebook_runs(tmp_path: Path) -> None:
    at = open_at(lang="ko", m="giou")
    text = notebook_text(source(at), tmp_path)
    pair = compare(PAIRS["overlap"].a, PAIRS["overlap"].b)
    assert f"GIoU {pair.giou:.4f}" in text
    assert f"generalized_box_iou {pair.giou:.4f}" in text


def test_state_survives_another_page() -> None:
    at = open_at(lang="en", **boxes_of("cross"))
    at.switch_page("pages/start/home.py").run()
    at.switch_page("pages/evaluation/iou.py").run()
    assert at.slider(key="iou.ay").value == (2, 28)
