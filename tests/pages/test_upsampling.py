"""The upsampling bench, as a visitor's clicks see it."""

import doctest
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.figures import upsampling as figures
from cnnviz.layers.arithmetic import transposed_output_size
from cnnviz.ui.upsampling import proofs as lesson_proofs
from cnnviz.ui.upsampling.board import Numbers, Picture, Refused, _sent
from cnnviz.upsampling.panels import Choices, look, panels, transposed_kernel

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "upsampling")
COUNTING = np.arange(1.0, 17).reshape(1, 4, 4)


def sent(at: AppTest) -> dict[str, Any]:
    """What the board was sent."""
    return json.loads(at.get("bidi_component")[0].proto.json)


def panel(at: AppTest, id: str) -> dict[str, Any]:
    return next(each for each in sent(at)["panels"] if each["id"] == id)


def answer(at: AppTest, button: str = "Check") -> None:
    at.button(key=f"FormSubmitter:upsampling.form-{button}").click().run()


# Numbers


def test_first_visit_shows_every_operator_on_the_same_numbers() -> None:
    at = open_at(lang="en")
    assert [each["id"] for each in sent(at)["panels"]] == list(panels(Choices()))
    for id, each in panels(Choices()).items():
        shown, seen = panel(at, id), look(each, COUNTING)
        assert shown["values"] == pytest.approx(seen.run.output.ravel(), rel=1e-5)
        assert shown["note"].startswith("equals PyTorch")
        weights = np.zeros((len(shown["weights"]), 16))
        for row, parts in enumerate(shown["weights"]):
            for place, weight in parts:
                weights[row, place] = weight
        np.testing.assert_allclose(weights @ COUNTING.ravel(), shown["values"], rtol=1e-2, atol=1e-2)
    assert len(proofs(at)) == 3
    assert ":orange-badge" not in texts(at)
    assert "F.interpolate" in source(at)
    told = printed(at)
    assert all(f"{each.title} (" in told for each in panels(Choices()).values())


@pytest.mark.parametrize(
    ("operator", "row"),
    [
        ("nearest", "[1, 1, 2, 2]"),
        ("bilinear", "[1, 1.25, 1.75, 2]"),
        ("bilinear_corners", "[1, 1.333, 1.667, 2]"),
    ],
)
def test_documented_rows(operator: str, row: str) -> None:
    at = open_at(lang="en", n="2", op=operator, cell="0_1")
    assert f"published **{row}** (torch.nn.Upsample)" in texts(at)
    assert ":orange-badge" not in texts(at)


def test_every_operator_closely_and_every_control_at_its_ends() -> None:
    at = open_at(lang="ko")
    for id, each in panels(Choices()).items():
        at.selectbox(key="upsampling.op").set_value(id).run()
        assert each.operator.formula in texts(at)
        assert each.operator.call in texts(at)
        # Those of every operator need to be moved once only.
        shared = () if id == "transposed" else ("upsampling.f", "upsampling.n")
        for key in [slider.key for slider in at.slider if slider.key not in shared]:
            for end in ("min", "max"):
                at.slider(key=key).set_value(getattr(at.slider(key=key), end)).run()
                assert not at.exception, (id, key, end)
        for key in [box.key for box in at.selectbox if box.key not in ("upsampling.op", "upsampling.in")]:
            at.selectbox(key=key).select_index(-1).run()
            assert not at.exception, (id, key)
        assert ":orange-badge" not in texts(at)


def test_a_kernel_brings_the_padding_that_fits() -> None:
    at = open_at(lang="en", op="transposed")
    at.slider(key="upsampling.f").set_value(4).run()
    assert at.slider(key="upsampling.p").value == 2
    assert panel(at, "transposed")["size"] == "16 × 16"
    at.selectbox(key="upsampling.tk").set_value("three").run()
    assert (at.slider(key="upsampling.p").value, at.slider(key="upsampling.extra").value) == (0, 1)
    assert panel(at, "transposed")["size"] == "16 × 16"
    # A link's own values stay.
    at = open_at(lang="en", op="transposed", f="3", p="0", extra="2")
    side = transposed_output_size(4, len(transposed_kernel("bilinear", 3)), 3, 0, 2)
    assert panel(at, "transposed")["size"] == f"{side} × {side}"
    assert link(at)["p"] == "0"


def test_settings_that_cannot_be_are_explained_in_their_panel() -> None:
    at = open_at(lang="en", op="transposed", extra="2")
    assert "output_padding" in panel(at, "transposed")["error"]
    assert "values" in panel(at, "bilinear")
    assert "conv_transpose2d(x, weight" not in source(at)
    at = open_at(lang="ko", n="3")
    assert "3 × 3" in panel(at, "pixel_shuffle")["error"]


def test_own_numbers_kernel_and_cell_travel_in_the_link() -> None:
    at = open_at(
        lang="en", op="transposed", n="2", tk="own", w="1_2~3_4", x="5_-1~0_2", cell="3_0", **{"in": "own"}
    )
    edits = {edit["name"]: edit["values"] for edit in sent(at)["edits"]}
    assert edits == {"x": [[5, -1], [0, 2]], "w": [[1, 2], [3, 4]]}
    # 2 × 2 stamps with stride 2 lie side by side.
    assert panel(at, "transposed")["values"][12:14] == [0, 0]
    assert panel(at, "transposed")["values"][:2] == [5, 10]
    assert sent(at)["cell"] == [3, 0]
    assert link(at)["w"] == "1_2~3_4"


@pytest.mark.parametrize(
    ("name", "text"),
    [("f", "9"), ("op", "teleport"), ("cell", "a_b"), ("w", "1_2~3"), ("view", "none"), ("tk", "x")],
)
def test_nonsense_in_the_link_is_explained(name: str, text: str) -> None:
    at = open_at(lang="en", **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert ":green-badge" in texts(at)


def test_predict_how_many_cells_count() -> None:
    at = open_at(lang="en", predict="1", op="bicubic", cell="3_3")
    assert "weights" not in panel(at, "bicubic")
    assert not proofs(at)
    at.number_input(key="upsampling.guess").set_value(
        len(look(panels(Choices())["bicubic"], COUNTING).terms(3, 3))
    )
    answer(at)
    assert at.success
    assert "weights" in panel(at, "bicubic")
    for _turn in range(4):
        at.button(key="upsampling.another").click().run()
        assert not at.exception
        assert all("weights" not in each for each in sent(at)["panels"])
        at.button(key="upsampling.show").click().run()
        assert any("weights" in each for each in sent(at)["panels"])


# The photo


def test_the_photo_there_and_back() -> None:
    at = open_at(lang="en", view="photo", f="3", photo="coffee")
    table = dict(re.findall(r"\| ([\w ,-]+) \| ([\d.]+|∞) dB \|", texts(at)))
    told = dict(re.findall(r"([\w ,-]+): PSNR ([\d.]+|inf) dB", printed(at)))
    assert {name: value.replace("inf", "∞") for name, value in told.items()} == table
    assert len(table) == len(panels(Choices()))
    assert max(table, key=lambda name: float(table[name].replace("∞", "inf"))) == "Pixel shuffle"
    assert float(table["Bicubic"]) > float(table["Bilinear"]) > float(table["Bed of nails"])
    assert panel(at, "bicubic")["note"].startswith(f"PSNR {table['Bicubic']} dB, SSIM 0.")
    assert "don't divide by 3" in " ".join(caption.value for caption in at.caption)
    assert ":green-badge" in texts(at)


def test_the_window_is_the_same_in_every_panel() -> None:
    at = open_at(lang="ko", view="photo", zoom="16", x="100", y="0")
    assert {each["size"] for each in sent(at)["panels"]} == {"16 × 16"}
    for name, value in (("zoom", 96), ("zoom", 8), ("y", 100), ("x", 0)):
        at.slider(key=f"upsampling.{name}").set_value(value).run()
        assert not at.exception
    assert {each["size"] for each in sent(at)["panels"]} == {"8 × 8"}
    assert link(at)["x"] == "0"


def test_another_size_is_not_compared() -> None:
    at = open_at(lang="en", view="photo", op="transposed", p="3")
    assert "not to be compared" in panel(at, "transposed")["note"]
    assert "| Transposed convolution |" not in texts(at)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 9, 3), (5, 300, 3)])
def test_own_photos_of_odd_shapes(shape: tuple[int, int, int]) -> None:
    own = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    at = visit("upsampling", own, lang="en", view="photo")
    if shape[0] == 1:
        assert [warning.value for warning in at.warning] == [
            "a picture of 1 × 1 can't be made 2 times smaller"
        ]
    else:
        assert "| Bicubic |" in texts(at)


def test_predict_the_closest() -> None:
    at = open_at(lang="en", view="photo", predict="1")
    assert "PSNR and SSIM" not in texts(at)
    assert {each.get("note") for each in sent(at)["panels"]} == {""}
    at.radio(key="upsampling.guess").set_value("bicubic")
    answer(at)
    assert at.success
    assert "| Bicubic |" in texts(at)


# The feature map


def test_a_map_of_the_network() -> None:
    at = open_at(lang="en", view="map", op="transposed")
    assert panel(at, "itself")["size"] == "7 × 7"
    assert "7 × 7 can't be unshuffled" in panel(at, "pixel_shuffle")["error"]
    at.selectbox(key="upsampling.stage").set_value("stage4").run()
    at.slider(key="upsampling.m").set_value(5).run()
    at.slider(key="upsampling.f").set_value(4).run()
    assert not at.exception
    assert panel(at, "itself")["size"] == "14 × 14"
    assert panel(at, "transposed")["size"] == "56 × 56"
    assert r"$(14-1) \cdot 4 - 2 \cdot 2 + 8 + 0 = 56$" in texts(at)
    told = dict(re.findall(r"([\w ,-]+) \(\d+, \d+\) (-?[\d.]+ to -?[\d.]+)", printed(at)))
    # 14 cells fall into no blocks of 4.
    assert set(told) == {each.title for each in panels(Choices()).values()} - {"Pixel shuffle"}
    for each in sent(at)["panels"][1:]:
        if "error" not in each:
            low, high = (float(value) for value in told[each["title"]].split(" to "))
            shown = [float(value) for value in each["note"].split(" to ")]
            assert shown == pytest.approx([low, high], abs=0.011)


def test_predict_the_size_of_a_map() -> None:
    at = open_at(lang="en", view="map", predict="1", op="dilated")
    assert not at.get("bidi_component")
    at.number_input(key="upsampling.guess").set_value(7)
    answer(at)
    assert at.success
    assert at.get("bidi_component")


# Unpooling


def test_unpooling_of_the_documented_example_and_its_notebook(tmp_path: Path) -> None:
    at = open_at(lang="en", view="unpool")
    text = texts(at)
    assert "published **[6, 8, 14, 16]** (torch.nn.MaxUnpool2d)" in text
    assert "published **5** (torch.nn.MaxUnpool2d)" in text
    assert "6 → 5, 8 → 7, 14 → 13, 16 → 15" in text
    assert "moved: 0" in notebook_text(source(at), tmp_path)


def test_a_wrong_index() -> None:
    at = open_at(lang="en", view="unpool", wrong="1", which="2", to="4")
    captions = " ".join(caption.value for caption in at.caption)
    assert "1 of 4 maxima end where they never stood" in captions
    assert "8 → 4" in texts(at)
    assert "moved: 1" in printed(at)
    at.slider(key="upsampling.to").set_value(15).run()
    assert "1 have been overwritten" in " ".join(caption.value for caption in at.caption)


def test_every_unpooling_control_at_its_ends() -> None:
    at = open_at(lang="ko", view="unpool", wrong="1")
    for told in (True, False):
        at.toggle(key="upsampling.told").set_value(told).run()
        for key in [slider.key for slider in at.slider]:
            for end in ("max", "min"):
                at.slider(key=key).set_value(getattr(at.slider(key=key), end)).run()
                assert not at.exception, (key, end)
        assert ":orange-badge" not in texts(at)


def test_without_the_size_odd_indices_do_not_fit() -> None:
    at = open_at(lang="en", view="unpool", side="5", told="0")
    assert [warning.value for warning in at.warning] == [
        "index 16 is outside an output of 4 × 4, whose last index is 15"
    ]
    assert "What a wrong index does" in [heading.value for heading in at.subheader]
    at.toggle(key="upsampling.told").set_value(True).run()
    assert not at.warning


def test_predict_an_index() -> None:
    at = open_at(lang="ko", view="unpool", predict="1", side="6", k="3", s="3")
    assert "→" not in texts(at)
    at.number_input(key="upsampling.guess").set_value(35)
    answer(at, "확인")
    assert at.success
    at.button(key="upsampling.another").click().run()
    assert not at.exception


# What is sent


def test_docstrings() -> None:
    assert doctest.testmod(lesson_proofs).failed == doctest.testmod(figures).failed == 0


def test_what_the_board_is_sent() -> None:
    weights = np.zeros((1, 2, 2, 2))
    weights[0, 1, 1, 0] = 1 / 3
    numbers = Numbers(id="a", title="A", values=np.array([[1.0, 2.0]]), weights=weights, note="", alt="words")
    assert _sent(numbers)["weights"] == [[], [[2, 0.3333]]]
    picture = Picture(id="b", title="B", pixels=np.zeros((2, 3, 3), np.uint8), note="", alt="words")
    assert _sent(picture)["source"].startswith("data:image/png;base64,")
    assert _sent(picture)["size"] == "2 × 3"
    assert _sent(Refused(id="c", title="C", error="why")) == {"id": "c", "title": "C", "error": "why"}
