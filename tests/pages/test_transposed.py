"""The lesson on transposed convolution, as a visitor's clicks see it."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.upsampling.transposed import (
    PUBLISHED_SIZES,
    TransposedSettings,
    stamping,
    there_and_back,
    zero_stuffed,
)
from cnnviz.upsampling.transposed_presets import make_input, make_kernel

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "transposed")

VIEWS = ("stamps", "stuffed", "matrix", "inverse")


def sent(at: AppTest) -> dict[str, Any]:
    """What the component on the page was sent."""
    return json.loads(at.get("bidi_component")[0].proto.json)


def html(at: AppTest) -> str:
    return "".join(element.proto.body for element in at.get("html"))


def grid(printed_text: str) -> np.ndarray:
    """The first tensor that was printed."""
    rows = re.search(r"tensor\(\[\[(.*?)\]\]", printed_text, re.S)
    assert rows
    return np.array([[float(x) for x in row.split(",")] for row in re.split(r"\],\s*\[", rows[1])])


@pytest.mark.parametrize("view", VIEWS)
def test_every_slider_at_both_ends_and_every_choice(view: str) -> None:
    at = open_at(lang="ko" if view in VIEWS[::2] else "en", view=view)
    for key in [slider.key for slider in at.slider]:
        for end in ("min", "max"):
            at.slider(key=key).set_value(getattr(at.slider(key=key), end)).run()
            assert not at.exception, (key, end)
    assert ":orange-badge" not in texts(at)
    for key in [box.key for box in at.selectbox]:
        for index in range(len(at.selectbox(key=key).options)):
            at.selectbox(key=key).select_index(index).run()
            assert not at.exception, (key, index)
            assert ":orange-badge" not in texts(at)


@pytest.mark.parametrize("view", VIEWS)
def test_all_at_their_largest(view: str) -> None:
    at = open_at(
        lang="en", view=view, n="7", big="9", kk="5", s="4", p="4", op="3", d="2", k="random", back="random"
    )
    assert not at.warning
    assert proofs(at)
    assert ":orange-badge" not in texts(at)
    assert "Traceback" not in printed(at)


@pytest.mark.parametrize("view", VIEWS[:3])
def test_an_empty_output_is_explained(view: str) -> None:
    at = open_at(lang="en", view=view, p="4")
    assert "takes away the whole output" in at.warning[0].value
    assert len(at.subheader) >= 1, "the rest stays"
    at.slider(key="transposed.n").set_value(7).run()
    assert not at.warning


def test_nothing_fits_there() -> None:
    at = open_at(lang="en", view="inverse", big="3", kk="3", d="3")
    assert "the padded input has only 3" in at.warning[0].value
    at = open_at(lang="en", op="3")
    assert "output_padding is 3" in at.warning[0].value


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(lang="en", n="99", w="1_2~3", cell="a", view="none")
    warnings = " ".join(warning.value for warning in at.warning)
    assert all(each in warnings for each in ("n=99", "w=1_2~3", "cell=a", "view=none"))
    assert len(proofs(at)) == 2


# Three ways


@pytest.mark.parametrize("case", PUBLISHED_SIZES)
def test_published_sizes(case: tuple[int, ...]) -> None:
    names = ("n", "kk", "s", "p", "op")
    at = open_at(lang="en", view=VIEWS[sum(case) % 3], **dict(zip(names, map(str, case), strict=True)))
    assert f"published **{PUBLISHED_SIZES[case]}** (Dumoulin & Visin" in texts(at)
    assert ":orange-badge" not in texts(at)


def test_what_a_visitor_sees_first() -> None:
    at = open_at(lang="en")
    data, steps = sent(at), stamping(make_input("count", 2, 2), make_kernel("count", 3), TransposedSettings())
    assert (data["rows"], data["canvas"], data["crop"]) == (2, [5, 5], [0, 0, 5, 5])
    assert (data["step"], data["selected"], data["hidden"]) == (4, [2, 2], None)
    assert "$1 \\cdot 9 + 2 \\cdot 7 + 3 \\cdot 3 + 4 \\cdot 1 = 36$" in texts(at)
    assert "at least 1, at most 4" in texts(at)
    told = printed(at)
    np.testing.assert_array_equal(grid(told), steps.output)
    assert told.splitlines()[-4:] == ["True", "True", "True", "4 False"]


def test_what_the_reader_does_in_the_component_travels_in_the_link() -> None:
    at = open_at(lang="ko", x="3_0~-1_2", **{"in": "own"}, k="own", w="1_2~0_5", kk="2", cell="1_1", step="2")
    data = sent(at)
    assert data["input"] == [[3, 0], [-1, 2]]
    assert data["kernel"] == [[1, 2], [0, 5]]
    assert (data["step"], data["selected"]) == (2, [1, 1])
    assert "$3 \\cdot 5 = 15$" in texts(at)
    assert link(at)["w"] == "1_2~0_5"
    at.segmented_control(key="transposed.view").set_value("stuffed").run()
    data = sent(at)
    assert data["weight"] == [5, 0, 2, 1]
    assert data["selected"] == [0, 1, 1]
    at.segmented_control(key="transposed.view").set_value("inverse").run()
    assert not at.exception
    at.selectbox(key="transposed.in").select("ones").run()
    assert "x" not in link(at)


def test_zero_stuffed() -> None:
    at = open_at(lang="en", view="stuffed", n="3", p="1", op="1", k="tent")
    same = zero_stuffed(make_input("count", 3, 3), make_kernel("tent", 3), TransposedSettings(2, 1, 1))
    data = sent(at)
    assert data["inputShape"] == [1, 8, 8]
    assert data["input"] == same.padded.ravel().tolist()
    assert data["output"] == same.output.ravel().tolist()
    assert data["pads"] == [1, 2, 1, 2]
    assert "1 above, 2 below" in texts(at)
    at.slider(key="transposed.p").set_value(3).run()
    assert "above: 1" in texts(at)
    assert sent(at)["pads"] == [0, 0, 0, 0]


def test_matrix() -> None:
    at = open_at(lang="en", view="matrix", cell="0_2")
    drawn = re.findall(r"<svg.*?</svg>", texts(at), re.S)
    assert len(drawn) == 2
    assert re.findall(r">(\d)</text>", drawn[0]) == [
        str(weight) for _row in range(4) for weight in range(1, 10)
    ]
    assert "column 3 is picked; it holds 5." in drawn[1]
    assert "36.0 % may differ from zero" in texts(at)
    assert "$1 \\cdot 3 + 2 \\cdot 1 = 5$" in texts(at)
    at.slider(key="transposed.n").set_value(7).run()
    assert "<svg" not in texts(at)
    assert "49 rows and 225 columns; 441 of its entries" in at.get("image")[0].proto.imgs[0].alt


def test_not_the_inverse() -> None:
    at = open_at(lang="en", view="inverse")
    trip = there_and_back(make_input("count", 5, 5), make_kernel("ones", 3))
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", html(at))
    assert cells[25:29] == ["63", "81", "153", "171"]
    assert cells[29:54] == [f"{value:g}" for value in trip.back.ravel()]
    assert len(cells) == 4 * 25 + 4
    assert f"off by {np.abs(trip.back - trip.input).max():g}" in texts(at)
    assert "published **2**" in texts(at)
    told = printed(at)
    np.testing.assert_array_equal(grid(told), trip.small)
    assert "rank 4: of 25 dimensions, 21 are lost" in told
    assert "the same again: False" in told
    at.slider(key="transposed.kk").set_value(1).run()
    at.slider(key="transposed.s").set_value(1).run()
    assert "Here, and only here" in texts(at)
    assert "the same again: True" in printed(at)


# Predict first


@pytest.mark.parametrize(("view", "answer"), [*zip(VIEWS, (5, 7, 36, 21), strict=True)])
def test_predict_first(view: str, answer: int) -> None:
    at = open_at(lang="en", view=view, predict="1")
    assert not proofs(at)
    assert not at.get("bidi_component")
    at.number_input(key="transposed.guess").set_value(answer)
    at.button[[button.label for button in at.button].index("Check")].click().run()
    assert f"Right: **{answer}**" in at.success[0].value
    assert proofs(at)
    at.button(key="transposed.another").click().run()
    assert not at.exception
    assert not at.warning
    assert not proofs(at)


def test_predict_one_cell() -> None:
    at = open_at(lang="ko", predict="1", ask="cell")
    assert sent(at)["hidden"] == [2, 2]
    assert not proofs(at)
    at.number_input(key="transposed.guess").set_value(35)
    at.button[[button.label for button in at.button].index("확인")].click().run()
    assert "36" in at.warning[0].value
    assert sent(at)["hidden"] is None


def test_the_notebook_runs(tmp_path: Path) -> None:
    code = source(open_at(lang="en", s="3", op="2", p="1"))
    assert "\n".join(["True"] * 3) in notebook_text(code, tmp_path)
