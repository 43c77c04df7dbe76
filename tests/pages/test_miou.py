"""The mIoU lesson, as a visitor's clicks see it."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, recall_score
from streamlit.testing.v1 import AppTest

from cnnviz.metrics.label_maps import (
    CLASSES,
    MISTAKES,
    SCENES,
    SIDE,
    STRENGTHS,
    VOID,
    mistaken,
    pack,
    scene,
    truth,
)
from cnnviz.metrics.segmentation import boundary_ious

from .visit import notebook_outputs, printed, source, texts, visit

open_at = partial(visit, "miou")

Labels = np.ndarray


def sent(at: AppTest) -> dict[str, Any]:
    """What the painter was sent."""
    return json.loads(at.get("bidi_component")[0].proto.json)


def prediction(at: AppTest) -> Labels:
    return np.array(list(sent(at)["grid"]), np.uint8).reshape(SIDE, SIDE)


def table(at: AppTest) -> dict[str, list[str]]:
    """The cells of both tables by the name of their row, scores first."""
    found: dict[str, list[str]] = {}
    for body in at.get("html")[0].proto.body.split("</tr>"):
        cells = [
            re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", body)
        ]
        if cells:
            found.setdefault(cells[0], []).extend(cells[1:])
    return found


def summary(at: AppTest) -> dict[str, str]:
    return dict(re.findall(r"([a-zA-Z -]+?) \*\*([\d.]+|undefined)\*\*", texts(at).replace(" · ", "\n")))


# Against scikit-learn, from the maps alone


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("void", [0, 1])
def test_every_mistake_against_scikit_learn(mistake: str, void: int) -> None:
    at = open_at(lang="en", p=mistake, void=str(void), scene="2", n="2")
    whole, true = truth(scene(1)), truth(scene(1), void)
    guess = prediction(at)
    assert (guess == mistaken(whole, mistake, 2)).all()
    counted = true != VOID
    t, p = true[counted], guess[counted]
    present = sorted(set(t.tolist()) | set(p.tolist()))
    names = [CLASSES[label] for label in present]
    shown = table(at)
    for column, score in enumerate((jaccard_score, f1_score)):
        expected = score(t, p, labels=present, average=None)
        assert [shown[name][column] for name in names] == [f"{value:.4f}" for value in expected]
        assert shown["mean"][column] == f"{expected.mean():.4f}"
    assert shown["mean"][2] == f"{recall_score(t, p, labels=sorted(set(t.tolist())), average='macro'):.4f}"
    totals = summary(at)
    assert totals["pixel accuracy"] == f"{accuracy_score(t, p):.4f}"
    assert totals["frequency-weighted IoU"] == f"{jaccard_score(t, p, average='weighted'):.4f}"
    assert ":orange-badge" not in texts(at)
    assert texts(at).count(":green-badge") == 3


def test_what_is_absent_is_said_in_words() -> None:
    at = open_at(lang="en", scene="1")
    assert table(at)["square"][:4] == ["undefined"] * 4
    assert any("left out of the means: square." in caption.value for caption in at.caption)
    at = open_at(lang="ko", scene="1")
    assert table(at)["사각형"][:4] == ["정의 안 됨"] * 4


def test_one_stray_pixel_of_an_absent_class_costs_a_fifth() -> None:
    """As the prose says: four classes at IoU 1 and a fifth at 0."""
    painted = truth(scene(0))
    painted[0, 0] = 2
    at = open_at(lang="en", p="own", x=pack(painted))
    assert summary(at)["mean IoU"] == f"{(3042 / 3043 + 3) / 5:.4f}"
    assert table(at)["square"][:4] == ["0.0000", "0.0000", "undefined", "0.0000"]
    assert any("nowhere in the truth" in caption.value for caption in at.caption)


def test_all_background_is_hardly_wrong_by_pixels() -> None:
    totals = summary(open_at(lang="en", p="empty", scene="8"))
    assert float(totals["pixel accuracy"]) > 0.75
    assert float(totals["mean IoU"]) < 0.35


@pytest.mark.parametrize(
    "link",
    [
        {"scene": "1", "n": "0", "d": "1"},
        {"scene": str(len(SCENES)), "n": str(STRENGTHS), "d": "12", "void": "1"},
        {"p": "eroded", "n": str(STRENGTHS), "outline": "0"},
        {"p": "noise", "n": str(STRENGTHS), "lang": "ko"},
        {"view": "curves", "m": "dilated", "n": "0"},
        {"view": "curves", "m": "noise", "n": str(STRENGTHS), "d": "12", "void": "1", "lang": "ko"},
    ],
)
def test_extremes(link: dict[str, str]) -> None:
    link = {"lang": "en", **link}
    at = open_at(**link)
    assert ":orange-badge" not in texts(at)
    assert dict(at.query_params) == {
        name: value for name, value in link.items() if name != "scene" or value != "1"
    }


@pytest.mark.parametrize(
    ("name", "bad"), [("n", "99"), ("scene", "0"), ("p", "bent"), ("x", "AAAA"), ("d", "x")]
)
def test_a_bad_link_is_explained(name: str, bad: str) -> None:
    at = open_at(lang="en", **{name: bad})
    assert f"{name}={bad}" in at.warning[0].value
    assert summary(at)["mean IoU"] == summary(open_at(lang="en"))["mean IoU"]


def test_a_painting_travels_in_the_link() -> None:
    random = np.random.default_rng(1).integers(0, 5, (SIDE, SIDE), np.uint8)
    link = {"lang": "en", "p": "own", "x": pack(random)}
    assert len(link["x"]) < 2500, "the worst a visitor could paint still fits an address"
    at = open_at(**link)
    assert (prediction(at) == random).all()
    assert dict(at.query_params) == link
    assert at.slider(key="miou.n").disabled
    at.selectbox(key="miou.p").select("perfect").run()
    assert "x" not in at.query_params
    assert summary(at)["mean IoU"] == "1.0000"


# Predict first


def test_predict_the_mean() -> None:
    at = open_at(lang="en", predict="1")
    assert not at.get("html")
    assert not summary(at)
    assert "88.2 %" in texts(at)
    assert "0.6235" not in texts(at)
    at.radio(key="miou.guess").set_value("80")
    at.button(key="FormSubmitter:miou.form-Check").click().run()
    assert "it is **60 to 80 %**. It is 0.6235" in at.warning[0].value
    for _turn in range(4):
        at.button(key="miou.another").click().run()
        assert not at.exception
        assert not at.get("html")
        at.button(key="miou.show").click().run()
        low = int(re.search(r"\*\*(\d+) to", at.info[0].value)[1])  # type: ignore[index]
        assert low <= 100 * float(summary(at)["mean IoU"]) <= low + 20


def test_predict_the_hardest_judge() -> None:
    at = open_at(lang="ko", predict="1", view="curves")
    assert not at.get("plotly_chart")
    at.radio(key="miou.guess").set_value("boundary")
    at.button(key="FormSubmitter:miou.form-확인").click().run()
    assert at.success
    assert at.get("plotly_chart")
    at = open_at(lang="en", predict="1", view="curves", n="0")
    at.button(key="miou.show").click().run()
    assert "Several are equally low" in at.info[0].value


# The curves, and the code


def test_the_curves_are_the_scores() -> None:
    at = open_at(lang="en", view="curves", m="eroded", n="4", d="3")
    chart = at.get("plotly_chart")[0].proto
    lines = {line["name"]: line["y"] for line in json.loads(chart.spec)["data"]}
    whole = truth(scene(0))
    for strength in (0, 4, STRENGTHS):
        guess = mistaken(whole, "eroded", strength)
        assert lines["pixel accuracy"][strength] == pytest.approx((guess == whole).mean())
        edges = boundary_ious(whole, guess, 5, ratio=3 / float(np.hypot(SIDE, SIDE)))
        there = [value for value in edges if value is not None]
        assert lines["mean boundary IoU"][strength] == pytest.approx(sum(there) / len(there))
    assert f"mean IoU {lines['mean IoU'][4]:.4f}" in chart.alt


@pytest.mark.parametrize("link", [{"p": "noise", "void": "1", "d": "4"}, {"p": "missed", "scene": "5"}])
def test_the_code_prints_what_is_on_screen(link: dict[str, str]) -> None:
    at = open_at(lang="en", **link)
    told, shown = printed(at), table(at)
    for name in CLASSES:
        assert re.search(rf"^{name} (.*)$", told, re.M)[1].split() == shown[name][:4]  # type: ignore[index]
    means = re.findall(r"^mean (?:IoU|Dice|accuracy|boundary IoU) (\S+)$", told, re.M)
    assert means == shown["mean"]
    totals = summary(at)
    assert f"pixel accuracy {totals['pixel accuracy']}\n" in told
    assert f"frequency-weighted IoU {totals['frequency-weighted IoU']}\n" in told


def test_the_notebook_runs(tmp_path: Path) -> None:
    at = open_at(lang="en")
    outputs = notebook_outputs(source(at), tmp_path)
    # A busy kernel sends what a cell prints in several pieces.
    assert f"mean IoU {summary(at)['mean IoU']}\n" in "".join(output.get("text", "") for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_state_survives_another_page() -> None:
    at = open_at(lang="en", p="noise", scene="4")
    at.switch_page("pages/start/home.py").run()
    at.switch_page("pages/evaluation/miou.py").run()
    assert at.slider(key="miou.scene").value == 4
    assert at.selectbox(key="miou.p").value == "noise"
