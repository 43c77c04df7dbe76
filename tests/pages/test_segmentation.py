"""The lesson "Segmentation on your photo", as a visitor's clicks see it."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz import samples
from cnnviz.engine.local import shared_engine
from cnnviz.engine.results import SegmentationResult
from cnnviz.images import fit
from cnnviz.metrics.label_maps import pack
from cnnviz.metrics.segmentation import confusion_matrix, segmentation_scores
from cnnviz.segmentation import code
from cnnviz.segmentation.convolutionalised import heat
from cnnviz.segmentation.heads import HEADS
from cnnviz.segmentation.mask import decide, favour, shown_size
from cnnviz.segmentation.postprocess import probabilities_at, shares
from cnnviz.segmentation.voc import CLASSES
from cnnviz.ui import live
from cnnviz.ui.language import catalogue
from cnnviz.ui.photo import MAX_SIDE
from cnnviz.zoo import efficientnet_lite0
from cnnviz.zoo.imagenet import class_names

from .visit import arrive, link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "segmentation", lang="en")
VIEWS = ("mask", "compare", "skips", "scores", "dense", "cutout", "paint", "several")
CAT, PERSON = CLASSES.index("cat"), CLASSES.index("person")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the network, which a browser's page would ask for again."""
    monkeypatch.setattr(live, "PATIENCE", 60.0)


def look(model: str = "lite0_deeplab", photo: str = "together") -> SegmentationResult:
    found = shared_engine().run(model, fit(samples.load(photo), MAX_SIDE))
    assert isinstance(found, SegmentationResult)
    return found


def sent(at: AppTest) -> dict[str, Any]:
    """What the component was sent."""
    return json.loads(at.get("bidi_component")[0].proto.json)


def captions(at: AppTest) -> str:
    """Below pictures, and elsewhere."""
    below = [image.caption for picture in at.get("image") for image in picture.proto.imgs]
    return "\n".join([*below, *(caption.value for caption in at.caption)])


def tables(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html"))


# What our weights find on the samples


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    ("photo", "label", "least"), [("cat", CAT, 0.45), ("astronaut", PERSON, 0.3), ("hopper", PERSON, 0.4)]
)
def test_golden(head: str, photo: str, label: int, least: float) -> None:
    result = look(f"lite0_{head}", photo)
    size = shown_size(result.photo, 320)
    found = shares(decide(favour(result), size), CLASSES)
    assert found.get(label, 0) > least
    assert sum(share for other, share in found.items() if other not in (0, label)) < 0.15


def test_golden_together() -> None:
    result = look()
    labels = decide(favour(result), (400, 640))
    found = shares(labels, CLASSES)
    assert {label for label, share in found.items() if share > 0.02} == {0, CAT, PERSON}
    assert (labels[280:390, 250:400] == CAT).mean() > 0.8
    assert (labels[220:380, 40:180] == PERSON).mean() > 0.5
    assert (labels[100:380, 450:540] == PERSON).mean() > 0.8
    assert (labels[:20] == 0).mean() > 0.9


def test_golden_nothing() -> None:
    """What is none of the classes; but a cup stands for the table under it, as the lesson says."""
    found = shares(decide(favour(look(photo="coffee")), (200, 300)), CLASSES)
    assert found[CLASSES.index("dining table")] > 0.4
    for photo in ("scene", "bricks", "rocket", "temple"):
        found = shares(decide(favour(look(photo=photo)), (300, 400)), CLASSES)
        assert found.get(0, 0) > 0.85, photo


# Every view


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_view_and_every_extreme(language: str) -> None:
    ours = catalogue(language).gettext
    for view in VIEWS:
        at = open_at(view=view, lang=language)
        for index in range(len(at.slider)):
            if language == "ko":
                break
            for end in ("min", "max"):
                at.slider[index].set_value(getattr(at.slider[index], end)).run()
                assert not at.exception, (view, index, end)
        assert not at.warning
        compile(source(at), view, "exec")
        assert "cnnviz" not in source(at)
        stated = [proof for proof in proofs(at) if "material/" in proof]
        assert all(ours("agree") in proof for proof in stated)
        assert bool(stated) == (view != "several")
        assert all(image.alt for picture in at.get("image") for image in picture.proto.imgs)


def test_nonsense_in_the_link_is_explained() -> None:
    wrong = {
        "model": "vgg",
        "o": "2",
        "x": "-1",
        "y": "a",
        "hide": "cat",
        "bias": "nan",
        "sure": "96",
        "view": "99",
    }
    at = open_at(**wrong)
    said = "\n".join(warning.value for warning in at.warning)
    assert [name for name, value in wrong.items() if f"{name}={value}" not in said] == []
    assert sent(at)["point"] == [25, 45]
    at = open_at(view="paint", x="0.AAAA")
    assert "x=0.AAAA" in "\n".join(warning.value for warning in at.warning)
    at = open_at(view="dense", c="1000", side="100")
    assert len(at.warning) == 2


def test_mask_points_and_hides() -> None:
    at = open_at(x="53", y="80", bias="0.5", o="0.3", sure="40")
    favoured = favour(look(), look().background_bias + 0.5)
    labels = decide(favoured, (400, 640), 0.4)
    expected = {label: share for label, share in shares(labels, CLASSES).items() if label}
    legend = sent(at)["legend"]
    assert [row["text"] for row in legend] == [
        f"{CLASSES[label]} {100 * share:.1f} %" for label, share in expected.items()
    ]
    assert all(row["shown"] for row in legend)
    here = probabilities_at(favoured, int(0.53 * 640) + 0.5, int(0.8 * 400) + 0.5)
    best = [int(label) for label in np.argsort(-here)[:5]]
    assert re.findall(r"([\d.]+) %</td>", tables(at)) == [f"{100 * here[label]:.1f}" for label in best]
    assert best[0] == CAT
    alt = sent(at)["alt"]
    assert "Coloured: " in alt
    before = sent(at)["source"]
    at = open_at(hide=str(CAT))
    assert [row["shown"] for row in sent(at)["legend"] if row["label"] == CAT] == [False]
    assert CAT not in [CLASSES.index(place["text"]) for place in sent(at)["places"]]
    assert sent(at)["source"] != before
    at.slider(key="segmentation.x").set_value(10).run()
    assert link(at)["x"] == "10"
    assert link(at)["hide"] == str(CAT)
    at.button(key="segmentation.reset").click().run()
    assert set(link(at)) == {"lang"}


def test_compare_counts_what_differs() -> None:
    at = open_at(view="compare", left="lite0_fcn32s", right="lite0_unet")
    size = shown_size((400, 640), 480)
    left, right = (decide(favour(look(name)), size) for name in ("lite0_fcn32s", "lite0_unet"))
    assert f"the {100 * (left != right).mean():.1f} % of the pixels where the two differ" in captions(at)
    scores = segmentation_scores(confusion_matrix(left, right, 21))
    assert f"{scores.iou[PERSON]:.3f}</td>" in tables(at)


def test_skips() -> None:
    at = open_at(view="skips")
    told = captions(at)
    for stride, cells in ((32, "14 × 9"), (16, "28 × 18"), (8, "56 × 36")):
        assert f"Up to stride {stride}: " in told
        assert f"Stride {stride}, {cells} cells" in told
    at = open_at(view="skips", fcn="three")
    for head in ("fcn32s", "fcn16s", "fcn8s"):
        assert f"mIoU {100 * HEADS[head].mean_iou:.1f} %" in captions(at)
    assert len(proofs(at)) == 3


def test_scores_are_the_networks_own() -> None:
    raw = look("lite0_fcn16s").scores[CAT]
    at = open_at(view="scores", model="lite0_fcn16s", **{"class": str(CAT)})
    row, column = np.unravel_index(int(raw.argmax()), raw.shape)
    told = f"cat: 28 × 18 cells, {raw.min():.1f} to {raw.max():.1f}; the largest in row {row + 1}, column {column + 1}."
    assert told in captions(at)


def test_any_class_of_the_classifier() -> None:
    espresso = 967
    found = heat(efficientnet_lite0.load(), samples.load("coffee"), 224)
    best = int(found.best(1)[0])
    at = open_at(view="dense", side="224", photo="coffee")
    assert (
        f"{class_names()[best]}: 7 × 5 cells, at most {100 * found.probabilities(best).max():.1f} %"
        in captions(at)
    )
    at.selectbox(key="segmentation.c.any").set_value(espresso).run()
    told = f"espresso: 7 × 5 cells, at most {100 * found.probabilities(espresso).max():.1f} %"
    assert told in captions(at)
    assert link(at)["c"] == str(espresso)
    assert told in printed(at)


# Painting


def painted(at: AppTest) -> np.ndarray:
    """The map in the painter, as its own labels."""
    data = sent(at)
    return np.array(list(data["grid"]), np.uint8).reshape(data["rows"], data["columns"])


def test_the_network_s_mask_is_painted_over() -> None:
    at = open_at(view="paint")
    names = sent(at)["names"]
    assert {"background", "cat", "person"} <= set(names)
    assert sent(at)["photo"].startswith("data:image/jpeg")
    assert "$= 1$" in "".join(proofs(at)) or "= 1$" in "".join(proofs(at))
    truth = decide(favour(look()), shown_size((400, 640), 96))
    prediction = truth.copy()
    truth[:10] = PERSON
    about = live.digest(fit(samples.load("together"), MAX_SIDE)).hex()[:8]
    at = open_at(view="paint", x=f"{about}.{pack(truth)}")
    assert (painted(at)[:10] == names.index("person")).all()
    scores = segmentation_scores(confusion_matrix(truth, prediction, 21))
    assert f"{scores.iou[PERSON]:.3f}</td>" in tables(at)
    assert f"formula **{scores.mean_iou:.4g}**" in "".join(proofs(at))
    out = printed(at)
    assert f"person {scores.iou[PERSON]:.4f}" in out
    at.button(key="segmentation.forget").click().run()
    assert "x" not in link(at)
    assert "= 1$" in "".join(proofs(at))


def test_a_painting_of_another_photo_is_left_alone() -> None:
    about = live.digest(fit(samples.load("together"), MAX_SIDE)).hex()[:8]
    at = open_at(view="paint", photo="cat", x=f"{about}.{pack(np.zeros((60, 96), np.uint8))}")
    assert not at.warning
    assert "= 1$" in "".join(proofs(at))
    at = open_at(view="paint", x=f"{about}.{pack(np.zeros((9, 9), np.uint8))}")
    assert "a label map of 60×96" in at.warning[0].value


def test_an_own_painting_stays_with_its_photo() -> None:
    own = np.random.default_rng(1).integers(0, 256, (60, 96, 3), np.uint8)
    at = arrive("segmentation", own, view="paint", lang="en").run()
    at.session_state["segmentation.x"] = (
        f"{live.digest(own).hex()[:8]}.{pack(np.full((60, 96), 3, np.uint8))}"
    )
    at.run()
    assert not at.exception
    assert "bird" in tables(at)
    assert "x" not in link(at)


# Predicting


def test_the_answer_is_hidden_until_it_is_given() -> None:
    at = open_at(predict="1")
    assert not at.get("bidi_component")
    assert not proofs(at)
    options = at.radio(key="segmentation.guess").options
    assert len(options) >= 3
    at.radio(key="segmentation.guess").set_value(str(PERSON))
    next(button for button in at.button if button.label == "Check").click().run()
    assert "Right: **person**" in at.success[0].value
    assert at.get("bidi_component")


@pytest.mark.parametrize(
    ("view", "answer"),
    [("scores", 56), ("skips", 16), ("dense", 14 * 9), ("compare", None), ("cutout", None)],
)
def test_every_main_view_asks(view: str, answer: int | None) -> None:
    at = open_at(predict="1", view=view)
    assert not at.get("image")[1:], "only the photo's preview"
    assert not proofs(at)
    if answer is None:
        next(button for button in at.button if button.label == "Just show me").click().run()
        assert "The answer: " in at.info[-1].value
    else:
        at.number_input(key="segmentation.guess").set_value(answer)
        next(button for button in at.button if button.label == "Check").click().run()
        assert "Right: " in at.success[0].value
    assert at.get("image")[1:]


# The code


def test_the_notebook_runs_and_agrees(tmp_path: Path) -> None:
    at = open_at(photo="cat")
    text = notebook_text(source(at), tmp_path, None, code.files(["lite0_deeplab"]))
    result = look(photo="cat")
    expected = shares(decide(favour(result), shown_size(result.photo, 640)), CLASSES)[CAT]
    told = re.search(r"^cat: ([\d.]+) %$", text, re.M)
    assert told is not None
    assert float(told[1]) == pytest.approx(100 * expected, abs=0.3)


def test_an_own_photo_goes_all_the_way() -> None:
    own = fit(samples.load("astronaut"), 301)[:, :257]
    at = arrive("segmentation", own, lang="en").run()
    assert not at.exception
    assert sent(at)["legend"][0]["text"].startswith("person ")
    assert "photo" not in link(at)
    assert "photo.png" in source(at)
    for strip in (own[:1], own[:, :1]):
        at = arrive("segmentation", np.ascontiguousarray(strip), lang="en").run()
        assert not at.exception
    assert texts(at)
