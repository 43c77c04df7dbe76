"""The lesson on matching, as a visitor's clicks see it."""

import re
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.metrics.average_precision import confusion_matrix, counts_at
from cnnviz.metrics.example import example
from cnnviz.metrics.matching import Convention, match

from .visit import notebook_text, printed, source, texts, visit

open_at = partial(visit, "matching")

VIEWS = ("steps", "threshold")


def tiles(at: AppTest) -> dict[str, str]:
    return dict(re.findall(r'font-size:.85rem">([^<]+)</div><div style="[^"]+">([^<]+)</div>', texts(at)))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_control_at_both_ends(view: str, language: str) -> None:
    at = open_at(lang=language, view=view)
    for key in [slider.key for slider in at.slider if not slider.disabled]:
        for end in ("min", "max"):
            slider = at.slider(key=key)
            slider.set_value(getattr(slider, end)).run()
            assert not at.exception, (key, end)
            assert ":orange-badge" not in texts(at), (key, end)
    for name, value in (("mt", "voc"), ("cls", "1")):
        at.session_state[f"matching.{name}"] = value
        at.run()
        assert not at.exception
        assert ":green-badge" in texts(at) or view == "threshold"


@pytest.mark.parametrize("matching", ["coco", "voc"])
def test_each_step_is_what_the_core_says(matching: str) -> None:
    steps = match(example(), 0, Convention(matching=matching, ties="image")).steps  # type: ignore[arg-type]
    at = open_at(lang="en", mt=matching, i="1")
    names = {"tp": "True positive", "fp": "False positive", "ignored": "Ignored"}
    for number, step in enumerate(steps, 1):
        text = texts(at)
        assert f"**Detection {number}** · score {step.score:g} · **{names[step.outcome]}**" in text
        current = re.search(r'aria-current="true"[^>]*>(.*?)</tr>', text)
        assert current
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", current[1])
        assert cells[6:9] == [str(step.tp), str(step.fp), str(step.fn)]
        assert cells[9:] == [f"{step.precision:.3f}", f"{step.recall:.3f}"]
        if number < len(steps):
            at.button(key="matching.next").click().run()
    assert at.button(key="matching.next").disabled
    at.button(key="matching.back").click().run()
    assert at.slider(key="matching.i").value == len(steps) - 1


def test_the_picture_tells_what_it_shows() -> None:
    text = texts(open_at(lang="en"))
    assert (
        'aria-label="image 1: 2 ground truths of the class and detection 4, score 0.82: False positive.'
        in text
    )
    assert "<title>Ground truth T1</title>" in text
    assert "data:image/jpeg;base64" in text
    assert "Ground truth T1, IoU 0.498" in text
    crowd = texts(open_at(lang="ko", i="9"))
    assert "정답 T9: 무리(crowd)" in crowd


def test_the_threshold_moves_everything_together() -> None:
    at = open_at(lang="en", view="threshold")
    matching = match(example(), 0, Convention(ties="image"))
    for percent in (0, 60, 76, 100):
        at.slider(key="matching.t").set_value(percent).run()
        counts = counts_at(matching, percent / 100)
        shown = tiles(at)
        assert [shown[name] for name in ("TP", "FP", "FN")] == [
            str(counts.tp),
            str(counts.fp),
            str(counts.fn),
        ]
        words = [
            "undefined" if value is None else f"{value:.3f}"
            for value in (counts.precision, counts.recall, counts.f1)
        ]
        assert [shown[name] for name in ("Precision", "Recall", "F1")] == words
        matrix = confusion_matrix(example(), Convention(ties="image"), percent / 100)
        table = re.search(r'aria-label="Confusion matrix".*?</table>', texts(at))
        assert table
        cells = [int(value) for value in re.findall(r"<td[^>]*>([\d,]+)</td>", table[0])]
        assert cells == matrix.ravel().tolist()[:-1]
        boxes = texts(at).count("<title>Detection ")
        assert boxes == sum(step.score >= percent / 100 for step in matching.steps)
        assert at.query_params["t"] == str(percent)
    assert "it would be 0/0" in texts(at)


def test_thousands_of_boxes_are_counted_but_not_drawn() -> None:
    at = open_at(lang="en", view="threshold", set="scenes", scenes="100")
    text = texts(at)
    assert text.count("data:image/jpeg") == 8
    assert any("Pictures 1 to 8 of" in caption.value for caption in at.caption)
    at.slider(key="matching.p").set_value(2).run()
    assert any("Pictures 9 to 16 of" in caption.value for caption in at.caption)
    assert "set.json" in source(at)


@pytest.mark.parametrize(("name", "text"), [("i", "99"), ("iou", "x"), ("cls", "7"), ("view", "nothing")])
def test_nonsense_in_the_link_is_explained(name: str, text: str) -> None:
    at = open_at(lang="en", **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert ":green-badge" in texts(at)


def test_predict_what_becomes_of_it() -> None:
    at = open_at(lang="en", predict="1", i="4")
    text = texts(at)
    assert "0.498" not in text
    assert "badge" not in text.replace("violet-badge", "")
    assert "0.82 ?" in text
    at.radio(key="matching.guess").set_value("tp")
    at.button(key="FormSubmitter:matching.form-Check").click().run()
    assert at.warning[0].value.startswith("Not quite: you said True positive, it is **False positive**")
    assert "0.498" in texts(at)
    at.button(key="matching.another").click().run()
    assert not at.exception


def test_predict_f1() -> None:
    at = open_at(lang="ko", predict="1", view="threshold", t="60")
    assert "0.727" not in texts(at)
    f1 = counts_at(match(example(), 0, Convention(ties="image")), 0.6).f1
    assert f1 is not None
    at.number_input(key="matching.guess").set_value(int(100 * f1 + 0.5))
    at.button(key="FormSubmitter:matching.form-확인").click().run()
    assert at.success


@pytest.mark.parametrize("matching", ["coco", "voc"])
@pytest.mark.parametrize("category", ["0", "1"])
def test_code_of_the_steps(matching: str, category: str) -> None:
    steps = match(
        example(),
        int(category),
        Convention(matching=matching, ties="image", iou_threshold=0.75),  # type: ignore[arg-type]
    ).steps
    lines = printed(open_at(lang="en", iou="75", mt=matching, cls=category, i=str(len(steps)))).splitlines()
    assert len(lines) == len(steps)
    for line, step in zip(lines, steps, strict=True):
        assert f"TP {step.tp}, FP {step.fp}, FN {step.fn}" in line
        overlap = "no ground truth" if step.iou is None else f"IoU {step.iou:.4f}"
        assert f"score {step.score:g}, {overlap}, " in line


def test_code_at_a_threshold() -> None:
    at = open_at(lang="en", view="threshold", t="45")
    out, shown = printed(at), tiles(at)
    assert f"TP {shown['TP']}, FP {shown['FP']}, FN {shown['FN']}" in out
    assert float(re.search(r"F1 ([\d.]+)", out)[1]) == pytest.approx(float(shown["F1"]), abs=6e-4)  # type: ignore[index]
    matrix = confusion_matrix(example(), Convention(ties="image"), 0.45)
    assert [int(value) for value in re.findall(r"\d+", out.split("[[")[1])] == matrix.ravel().tolist()


def test_the_notebook_runs(tmp_path: Path) -> None:
    at = open_at(lang="ko")
    assert "IoU 0.4981, FP: TP 2, FP 1, FN 7" in notebook_text(source(at), tmp_path)
