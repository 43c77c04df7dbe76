"""The lesson "What does a channel look for?", as a visitor's clicks see it."""

import json
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz import samples
from cnnviz.explain.attribution.exciting import Peaks, exciting, first_kernels, first_layer, maps, peaks
from cnnviz.explain.attribution.grad_cam import layers
from cnnviz.explain.attribution.picture import picture
from cnnviz.explain.attribution.subjects import lite0
from cnnviz.images import encode_png, fit
from cnnviz.ui.features import gallery as gallery_of
from cnnviz.ui.features import view
from cnnviz.ui.features.find import PHOTOS
from cnnviz.ui.language import catalogue
from cnnviz.ui.trust import shared

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "features")
SIZE = (224, 224)
NOISE = np.random.default_rng(2).integers(0, 256, (90, 120, 3), np.uint8)


@cache
def seen(name: str) -> Any:
    return picture(lite0().preprocess, fit(samples.load(name), 800))


@cache
def layer(path: str) -> Any:
    network = lite0().network
    return {one.name: one for one in (first_layer(network, SIZE), *layers(network, SIZE))}[path]


@cache
def expected(path: str) -> Peaks:
    return peaks(lite0().network, layer(path), [(name, seen(name)) for name in PHOTOS])


def gallery(at: AppTest) -> list[str]:
    """The captions of the patches."""
    body = "".join(html.proto.body for html in at.get("html"))
    return re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", body)


def captions(at: AppTest) -> str:
    return "\n".join(image.caption for group in at.get("image") for image in group.proto.imgs)


def sheet(at: AppTest) -> dict[str, Any]:
    return json.loads(at.get("bidi_component")[0].proto.json)


def ranked(path: str, channel: int) -> list[str]:
    found = exciting(expected(path), channel)
    return [f"{samples.SAMPLES[one.photo].title} {one.value:.2f}" for one in found]


def test_kernels_and_what_they_look_for() -> None:
    at = open_at()
    kernel, *patches = gallery(at)
    assert kernel == "Kernel 24"
    assert patches == ranked("stages.stem.1", 23)
    assert "agree]" in proofs(at)[0]
    assert "agree]" in proofs(at)[1]
    here = maps(lite0().network, layer("stages.stem.1"), seen("cat"))[23]
    row, column = np.unravel_index(here.argmax(), here.shape)
    assert f"Answer at row {row + 1}, column {column + 1}: 27 products" in texts(at)
    assert f"**{here.max():.4g}**" in proofs(at)[0]
    length = np.linalg.norm(first_kernels(lite0().network)[23])
    assert f"{length:.3f} \\cdot" in proofs(at)[1]
    assert sheet(at)["selected"] == [2, 7]
    at.slider[0].set_value(12).run()
    assert "the channel is dead" in texts(at)
    assert link(at)["c"] == "12"
    assert not at.exception
    for end in (1, 32):
        at.slider[0].set_value(end).run()
        assert not at.exception
        assert gallery(at)[1:] == ranked("stages.stem.1", end - 1)


@pytest.mark.parametrize("path", ["stages.stage3.1", "stages.head"])
def test_patches_of_any_layer(path: str) -> None:
    at = open_at(view="patches", layer=path, c="7", photo="flower", o="0.2")
    assert gallery(at) == ranked(path, 6)
    flower = next(one for one in exciting(expected(path), 6) if one.photo == "flower")
    left, top, right, bottom = flower.box
    assert f"that cell sees {right - left} × {bottom - top} of the 224 × 224 pixels" in captions(at)
    assert f"row {flower.cell[0] + 1}, column {flower.cell[1] + 1} (orange)" in captions(at)
    (proof,) = proofs(at)
    assert "agree]" in proof
    assert f"**{flower.value:.4g}** · PyTorch **{flower.value:.4g}**" in proof
    at.toggle[0].set_value(True).run()
    assert not at.exception
    assert link(at)["cover"] == "1"
    last = len(maps(lite0().network, layer(path), seen("cat")))
    at.slider[0].set_value(last).run()
    assert not at.exception
    assert gallery(at) == ranked(path, last - 1)
    first = (last - 1) // gallery_of.PART * gallery_of.PART
    assert sheet(at)["selected"] == list(divmod(last - 1 - first, gallery_of.COLUMNS))
    assert f"Channels {first + 1} to {last} of {last:,}" in sheet(at)["alt"]


def test_the_field_alone_is_kept_when_the_rest_is_covered() -> None:
    at = open_at(view="patches", layer="stages.stage2.0", c="3")
    before = captions(at)
    at.toggle[0].set_value(True).run()
    after = captions(at)
    largest = re.findall(r"to (-?[\d.]+)\. The largest answer is at (row \d+, column \d+)", before)
    assert largest == re.findall(r"to (-?[\d.]+)\. The largest answer is at (row \d+, column \d+)", after)
    assert before != after, "what the other cells answer has changed"


def test_an_own_photo_joins_the_search() -> None:
    at = open_at(NOISE)
    own = maps(lite0().network, layer("stages.stem.1"), picture(lite0().preprocess, NOISE))[23].max()
    assert f"Your photo {own:.2f}" in gallery(at)
    assert len(gallery(at)) == 1 + len(PHOTOS) + 1
    assert "photo" not in link(at)
    assert 'photos["own"] = photo' in source(at)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_both_languages(language: str) -> None:
    at = open_at(lang=language, view="patches")
    ours = catalogue(language).gettext
    assert ours("agree") in proofs(at)[0]
    assert any(ours("Cat") in caption for caption in gallery(at))
    headings = [heading.value for heading in at.subheader]
    assert ("Deeper, show it photos" in headings) == (language == "en")


def test_nonsense_in_the_link_is_explained() -> None:
    wrong = {"view": "99", "c": "0", "layer": "nowhere", "o": "7", "cover": "x", "net": "abc"}
    at = open_at(**wrong)
    said = "\n".join(warning.value for warning in at.warning)
    assert [name for name, value in wrong.items() if name != "layer" and f"{name}={value}" not in said] == []
    assert gallery(at)[0] == "Kernel 24"
    assert "layer=nowhere" in "\n".join(w.value for w in open_at(view="patches", layer="nowhere").warning)


def test_predicting_first() -> None:
    at = open_at(predict="1", view="patches", layer="stages.stage3.1", c="5")
    assert not proofs(at)
    assert gallery(at) == [samples.SAMPLES[name].title for name in PHOTOS], "in no order, and without numbers"
    best = exciting(expected("stages.stage3.1"), 4)[0]
    at.radio[0].set_value(best.photo)
    next(button for button in at.button if button.label == "Check").click().run()
    assert not at.exception
    assert f"Right: **{samples.SAMPLES[best.photo].title}**" in at.success[0].value
    assert gallery(at) == ranked("stages.stage3.1", 4)
    at.toggle[0].set_value(True).run()
    next(button for button in at.button if button.label == "Another question").click().run()
    assert not at.exception
    assert at.session_state["features.c"] != 5


def test_a_search_that_was_stopped_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "work", lambda *_anything: None)
    monkeypatch.setattr(shared, "_PATIENCE", 0.0)
    at = open_at(view="patches", layer="stages.stage4.0", c="9")
    assert len(gallery(at)) == 1
    assert "agree]" in proofs(at)[0]


@pytest.mark.parametrize("parameters", [{}, {"view": "patches", "layer": "stages.stage5.1", "c": "30"}])
def test_the_code_prints_the_numbers_on_screen(parameters: dict[str, str]) -> None:
    at = open_at(**parameters)
    path = parameters.get("layer", "stages.stem.1")
    channel = int(parameters.get("c", "24")) - 1
    lines = printed(at).splitlines()
    for one in exciting(expected(path), channel):
        line = next(line for line in lines if line.startswith(f"{one.photo}: ") and " at row " in line)
        value = re.search(r": (-?[\d.]+) at row (\d+), column (\d+)", line)
        assert value is not None
        assert float(value[1]) == pytest.approx(one.value, abs=2e-3)
    best = exciting(expected(path), channel)[0]
    left, top, right, bottom = best.box
    assert lines[-1] == (
        f"{best.photo}: rows {top} to {bottom - 1}, columns {left} to {right - 1} of the network's input"
    )


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_at(NOISE)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    text = notebook_text(source(at), tmp_path, encode_png(NOISE))
    own = next(caption for caption in gallery(at) if caption.startswith("Your photo"))
    found = re.search(r"own: (-?[\d.]+) at row", text)
    assert found is not None
    assert float(found[1]) == pytest.approx(float(own.rsplit(" ", 1)[1]), abs=0.01)
