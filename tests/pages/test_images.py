"""The lesson "Images as tensors", as a visitor's clicks see it."""

import contextlib
import io
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cnnviz import pixels, samples
from cnnviz.images import fit
from cnnviz.ui.photo import MAX_SIDE

from .visit import notebook_text, printed, source, texts, visit

open_at = partial(visit, "images")

VIEWS = ("zoom", "channels", "layout", "numbers", "shrink")
CAT = fit(samples.load("cat"), MAX_SIDE)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_and_every_extreme(view: str, language: str) -> None:
    at = open_at(view=view, lang=language)
    for index in range(len([slider for slider in at.slider if not slider.disabled])):
        for end in ("min", "max"):
            slider = at.slider[index]
            slider.set_value(getattr(slider, end)).run()
            assert not at.exception, (slider.label, end)
    for index in range(len(at.radio)):
        for option in at.radio[index].options:
            radio = at.radio[index]
            radio.set_value(
                dict(zip(radio.options, ids(radio.options), strict=True)).get(option, option)
            ).run()
            assert not at.exception
    assert ("일치" if language == "ko" else "agree") in texts(at)


def ids(options: list[str]) -> list[str]:
    """The ids behind the names that a radio shows."""
    return list(pixels.NORMALISATIONS) if len(options) == len(pixels.NORMALISATIONS) else options


def test_zoom_shows_the_photos_own_numbers() -> None:
    at = open_at(size="3", at="0_0")
    namespace: dict[str, np.ndarray] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source(at), namespace)
    window = namespace["window"]
    caption = next(c.value for c in at.caption if c.value.startswith("Rows"))
    top, bottom, left, right = map(int, re.findall(r"\d+", caption))
    np.testing.assert_array_equal(window, CAT[top : bottom + 1, left : right + 1])
    table = at.get("html")[-1].proto.body
    for red, green, blue in window.reshape(-1, 3).tolist():
        assert f">{red}<br>{green}<br>{blue}<" in table
    assert f"{CAT.size:,}" in texts(at)


def test_channels_code_gives_the_means_on_screen() -> None:
    at = open_at(view="channels", r="0.5", grey="mean", bits="2")
    out = printed(at)
    means = pixels.mix(CAT, 0.5, 1, 1).reshape(-1, 3).mean(axis=0).round(2).tolist()
    assert f"means of R, G, B {means}" in out
    assert f"mean grey {pixels.mean_grey(CAT).mean().round(2)}" in out
    assert "of 4" in out


def test_layout_code_gives_the_places_on_screen() -> None:
    at = open_at(view="layout", h="3", w="5", row="2", col="4")
    layout = pixels.layouts(3, 5)[2]
    places = [layout.offset(2, 4, channel) for channel in range(3)]
    assert f"planar {places}" in printed(at)
    assert str(places) in "".join(element.proto.body for element in at.get("html"))


def test_numbers_code_gives_the_sum_on_screen() -> None:
    at = open_at(view="numbers", a="250", b="10", norm="imagenet", type="bfloat16")
    trip = pixels.round_trip(CAT, *_norm("imagenet"), "bfloat16")
    assert "uint8 4 float 260" in printed(at)
    assert f"values changed {trip.changed} of {CAT.size}" in printed(at)
    assert f"**{trip.changed:,}**" in texts(at)


def _norm(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    norm = pixels.NORMALISATIONS[name]
    return norm.mean, norm.std


@pytest.mark.parametrize("rings", ["0", "1"])
def test_shrink_code_gives_the_errors_on_screen(rings: str) -> None:
    at = open_at(view="shrink", n="3", rings=rings)
    rgb = pixels.zone_plate(320) if rings == "1" else CAT
    for method in pixels.METHODS:
        result = pixels.shrink(rgb, 3, method)
        assert f"{method} mean error {round(result.mean_error, 3)}" in printed(at)


def test_state_goes_into_the_link_and_comes_back() -> None:
    at = open_at()
    at.slider(key="images.size").set_value(20).run()
    link = {name: value if isinstance(value, str) else value[0] for name, value in at.query_params.items()}
    assert link["size"] == "20"
    again = open_at(**link)
    assert again.slider(key="images.size").value == 20


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(size="999", view="nowhere")
    assert any("size=999" in warning.value for warning in at.warning)
    assert any("view=nowhere" in warning.value for warning in at.warning)
    assert at.slider(key="images.size").value == 8


def test_prediction_is_asked_marked_and_never_given_away() -> None:
    at = open_at(predict="1", size="5")
    assert str(5 * 5 * 3) not in texts(at)
    at.number_input(key="images.guess").set_value(75)
    at.button(key="FormSubmitter:images.form-Check").click().run()
    assert any("75" in success.value for success in at.success)
    at.button(key="images.another").click().run()
    assert not at.exception
    assert at.slider(key="images.size").value != 5
    at.number_input(key="images.guess").set_value(1)
    at.button(key="FormSubmitter:images.form-Check").click().run()
    assert any("you said 1" in warning.value for warning in at.warning)


@pytest.mark.parametrize("view", ["zoom", "shrink"])
def test_notebook_runs(view: str, tmp_path: Path) -> None:
    at = open_at(view=view)
    out = notebook_text(source(at), tmp_path)
    assert out == printed(at)


def test_tiny_photo_works_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for view in VIEWS:
        at = open_at(view=view)
        at.session_state["photo.own"] = np.full((1, 3, 3), 7, np.uint8)
        at.session_state["photo"] = "own"
        at.run()
        assert not at.exception, view
