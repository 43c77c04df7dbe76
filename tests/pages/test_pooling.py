"""The Pooling lesson, as a visitor's clicks see it."""

import contextlib
import io
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.layers.pooling import PoolingSettings, run
from cnnviz.layers.pooling_presets import GRIDS, KNOWN, SIGNALS
from cnnviz.ui import state

from .visit import notebook_outputs, printed, source, texts, visit

open_at = partial(visit, "pooling")

VIEWS: tuple[dict[str, str], ...] = (
    {"view": "grid"},
    {"view": "photo"},
    {"view": "shift"},
    {"view": "shift", "on": "photo"},
    {"view": "convolution"},
)
NAMES = ["-".join(view.values()) for view in VIEWS]


def explorer(at: AppTest) -> dict[str, Any]:
    """What the window explorer was sent."""
    return json.loads(at.get("bidi_component")[0].proto.json)


def captions(at: AppTest) -> list[str]:
    return [image.proto.imgs[0].caption for image in at.get("image") if image.proto.imgs[0].caption]


# Every control


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_slider_and_toggle_at_both_ends(view: dict[str, str], language: str) -> None:
    at = open_at(lang=language, **view)
    for key in [slider.key for slider in at.slider if not slider.disabled]:
        for end in ("min", "max"):
            slider = at.slider(key=key)
            slider.set_value(getattr(slider, end)).run()
            assert not at.exception, (key, end)
    own = [toggle for toggle in at.toggle if str(toggle.key).startswith("pooling.")]
    for key in [toggle.key for toggle in own if not toggle.disabled]:
        at.toggle(key=key).set_value(not at.toggle(key=key).value).run()
        assert not at.exception, key


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_every_choice(view: dict[str, str]) -> None:
    at = open_at(lang="en", **view)
    for box in [box.key for box in at.selectbox]:
        for index in range(len(at.selectbox(key=box).options)):
            at.selectbox(key=box).select_index(index).run()
            assert not at.exception, (box, index)
            assert ":orange-badge" not in texts(at), "a proof that doesn't hold"
    assert ":green-badge" in texts(at)


def test_all_together_at_their_largest() -> None:
    at = open_at(lang="ko", k="4", s="4", p="2", n="8", ceil="1", cip="0", kind="average", cell="63")
    assert explorer(at)["outputShape"] == [1, 3, 3]
    assert ":orange-badge" not in texts(at)
    at = open_at(lang="en", k="4", s="4", view="shift", dx="8", row="wave", w="difference")
    assert ":orange-badge" not in texts(at)


def test_a_window_larger_than_the_grid_is_explained() -> None:
    at = open_at(lang="ko", n="2", k="4")
    assert [warning.value for warning in at.warning] == [
        "윈도우가 4픽셀에 걸치는데, 패딩을 더한 입력은 2픽셀뿐입니다"
    ]
    assert "윈도우마다 숫자 하나" in [heading.value for heading in at.subheader], "the rest stays"
    at.slider(key="pooling.p").set_value(2).run()
    assert not at.warning
    assert explorer(at)["outputShape"] == [1, 2, 2]


@pytest.mark.parametrize(
    ("name", "text"), [("k", "99"), ("cell", "-1"), ("x", "1_2~3"), ("view", "nothing"), ("f", "3")]
)
def test_nonsense_in_the_link_is_explained(name: str, text: str) -> None:
    at = open_at(lang="en", **({"view": "photo"} if name == "f" else {}), **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert ":green-badge" in texts(at)


# On a grid


def test_the_published_example_comes_first() -> None:
    at = open_at(lang="en")
    sent = explorer(at)
    assert sent["output"] == [6, 8, 14, 16]
    assert sent["winners"] == [5, 7, 13, 15]
    assert "published **[5, 7, 13, 15]** (torch.nn.MaxUnpool2d)" in texts(at)
    assert "published **[6, 8, 14, 16]**" in texts(at)
    assert "published **284**" in texts(at)
    table = at.get("html")[0].proto.body
    assert re.findall(r'<td class="won">(\d+)<small>(\d+)', table) == [
        ("6", "5"),
        ("8", "7"),
        ("14", "13"),
        ("16", "15"),
    ]


@pytest.mark.parametrize("network", KNOWN)
def test_a_networks_own_layer(network: str) -> None:
    at = open_at(lang="en", k="4", n="3", kind="min", ceil="1")
    pills = next(group for group in at.button_group if group.key == "pooling.network")
    pills.set_value(network).run()
    assert not at.exception
    layer = KNOWN[network]
    text = texts(at)
    assert f"published **{layer.published}**" in text
    assert ":orange-badge" not in text
    shown = run(np.arange(1.0, layer.grid**2 + 1).reshape(1, layer.grid, layer.grid), layer.settings)
    assert explorer(at)["output"] == pytest.approx(shown.output.ravel().tolist())


def test_own_numbers_and_the_cell_travel_in_the_link() -> None:
    link = {"lang": "en", "in": "own", "x": "9_-1.5~0_2", "n": "2", "k": "1", "s": "1", "cell": "2"}
    at = open_at(**link)
    sent = explorer(at)
    assert sent["input"] == [9, -1.5, 0, 2]
    assert sent["selected"] == [0, 1, 0]
    assert dict(at.query_params) == link
    at.selectbox(key="pooling.in").select(next(iter(GRIDS))).run()
    assert explorer(at)["input"] == [1, 2, 3, 4]
    assert "x" not in at.query_params


def test_numbers_too_large_to_show_are_bounded() -> None:
    assert explorer(open_at(**{"in": "own", "x": "1e300_2~3_4", "n": "2"}))["input"] == [9999, 2, 3, 4]


def test_what_no_window_reads_and_what_several_share() -> None:
    text = texts(open_at(lang="en", n="8", k="3"))
    assert "No window reads these rows of the input: 8." in text
    assert "neighbours share 1 of their 3 columns" in text
    assert "4 outputs come from 1 input cells only" in texts(
        open_at(lang="en", n="5", k="3", **{"in": "dot"})
    )


# On a photo, under a shift, against a convolution


def test_the_average_keeps_the_mean() -> None:
    at = open_at(lang="en", view="photo", photo="coffee", over="grey")
    means = dict(re.match(r"(\w+): .* ([\d.]+)$", words).groups() for words in captions(at))  # type: ignore[union-attr]
    assert float(means["Minimum"]) < float(means["Average"]) < float(means["Maximum"])
    assert means["Average"] == means["Photo"]


def test_zhangs_example_is_the_first_shift() -> None:
    text = texts(open_at(lang="en", view="shift"))
    assert "published **[0, 1, 0, 1]** (Zhang, arXiv 1904.11486, section 3.2)" in text
    assert "published **[1, 1, 1, 1]**" in text
    assert "published" not in texts(open_at(lang="en", view="shift", dx="2"))


@pytest.mark.parametrize("row", SIGNALS)
@pytest.mark.parametrize("dx", ["2", "-4"])
def test_a_shift_by_the_stride_moves_everything(row: str, dx: str) -> None:
    at = open_at(lang="en", view="shift", row=row, dx=dx)
    alt = at.get("plotly_chart")[0].proto.alt
    assert alt.count(f"moved by {int(dx) // 2} to the right") == 4
    assert ":orange-badge" not in texts(at)


def test_on_a_photo_too() -> None:
    at = open_at(lang="en", view="shift", on="photo", dx="2", dy="-4")
    assert captions(at) == [
        f"{name}: moved by whole cells, 1 right and -2 down"
        for name in ("Maximum", "Average", "Minimum", "Convolution")
    ]
    assert "**-2, 1**" in texts(at)


@pytest.mark.parametrize(("kernel", "zero"), [("box", True), ("difference", False)])
def test_equal_weights_are_the_average(kernel: str, zero: bool) -> None:
    at = open_at(lang="en", view="convolution", v=kernel, k="3", p="1")
    largest = re.search(r"at most ([\d.]+):", " ".join(captions(at)))
    assert largest
    assert (float(largest[1]) == 0) == zero
    assert ("the convolution is the average" in texts(at)) == zero
    assert "| Convolution, all channels together | 36,864 | 28,901,376 |" in texts(at)  # 64·64·9·28·28


# Predict first


def test_predict_a_cell() -> None:
    at = open_at(lang="en", predict="1", cell="3")
    sent = explorer(at)
    assert sent["output"] == [6, 8, 14, None]
    assert sent["winners"][3] == -1
    assert "16**" not in texts(at)
    assert not at.get("html")
    assert "badge" not in texts(at).replace("violet-badge", "")
    at.number_input(key="pooling.guess").set_value(15)
    at.button(key="FormSubmitter:pooling.form-Check").click().run()
    assert "you said 15, it is **16**" in at.warning[0].value
    assert explorer(at)["output"] == [6, 8, 14, 16]
    for _turn in range(6):
        at.button(key="pooling.another").click().run()
        assert not at.exception
        assert None in explorer(at)["output"]
        at.button(key="pooling.show").click().run()
        assert None not in explorer(at)["output"]


def test_predict_an_average() -> None:
    at = open_at(lang="en", predict="1", kind="average", k="3", p="1", ceil="1", cell="8")
    options = at.radio(key="pooling.guess").options
    assert sorted(options, key=float) == options
    at.radio(key="pooling.guess").set_value("average")
    at.button(key="FormSubmitter:pooling.form-Check").click().run()
    shown = run(
        np.arange(1.0, 17.0).reshape(1, 4, 4), PoolingSettings("average", (3, 3), padding=1, ceil_mode=True)
    )
    assert at.success[0].value.startswith(f"Right: **{shown.output[0, 2, 2]:.4g}**")


@pytest.mark.parametrize(
    ("view", "answer"),
    [
        ({"view": "photo"}, 50),
        ({"view": "shift"}, 2),
        ({"view": "convolution", "k": "3", "c": "10"}, 900),
    ],
)
def test_predict_a_number(view: dict[str, str], answer: int) -> None:
    at = open_at(lang="en", predict="1", **view)
    assert f"**{answer}**" not in texts(at)
    at.number_input(key="pooling.guess").set_value(answer)
    at.button(key="FormSubmitter:pooling.form-Check").click().run()
    assert at.success
    at.button(key="pooling.another").click().run()
    assert not at.exception


def test_predict_the_layer() -> None:
    at = open_at(lang="ko", predict="1", view="shift", on="photo")
    assert not captions(at)
    at.radio(key="pooling.guess").set_value("convolution")
    at.button(key="FormSubmitter:pooling.form-확인").click().run()
    assert "합성곱" in at.success[0].value
    assert len(captions(at)) == 4


# The code


def test_code_of_the_grid() -> None:
    at = open_at(k="3", n="7", kind="min", **{"in": "random"}, seed="5")
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(source(at), names)
    assert out.getvalue().strip() == str(names["output"])
    assert names["output"].flatten().tolist() == explorer(at)["output"]
    assert names["indices"].flatten().tolist() == explorer(at)["winners"]


@pytest.mark.parametrize("over", ["each", "grey"])
def test_code_of_the_photo(over: str) -> None:
    at = open_at(lang="en", view="photo", f="4", over=over, photo="temple")
    told = {
        name: (int(width), int(height), mean)
        for name, height, width, mean in re.findall(r"(\w+) \(\d, (\d+), (\d+)\) ([\d.]+)", printed(at))
    }
    shown = {
        {"Maximum": "max", "Average": "average", "Minimum": "min"}.get(name): (int(width), int(height), mean)
        for name, width, height, mean in (
            re.match(r"(\w+): (\d+) × (\d+), mean level ([\d.]+)", words).groups()  # type: ignore[union-attr]
            for words in captions(at)
        )
    }
    assert told == {name: shown[name] for name in ("max", "average", "min")}


@pytest.mark.parametrize("on", ["row", "photo"])
def test_code_of_the_shift(on: str) -> None:
    at = open_at(lang="en", view="shift", on=on, k="3", dx="-3", w="gaussian", row="peak")
    told = re.findall(r"change ([\d.]+%), unchanged cells (\d+%)", printed(at))
    words = " ".join(captions(at)) or at.get("plotly_chart")[0].proto.alt
    assert re.findall(r"change ([\d.]+%), (\d+%) of the cells as before", words) == told
    assert len(told) == 4


def test_code_of_the_convolution() -> None:
    at = open_at(lang="en", view="convolution", against="max", v="difference", c="16", s="3")
    out = printed(at)
    largest = re.search(r"at most ([\d.]+): (\d+) × (\d+)", captions(at)[-1])
    assert largest
    told = re.search(r"\(1, (\d+), (\d+)\)\nlargest difference ([\d.]+)", out)
    assert told
    assert (told[2], told[1]) == (largest[2], largest[3])
    assert float(told[3]) == pytest.approx(float(largest[1]), rel=0.01)
    costs = re.search(r"0 parameters, 0 .*\n(\d+) parameters, (\d+) multiply", out)
    assert costs
    assert f"| {int(costs[1]):,} | {int(costs[2]):,} |" in texts(at)


def test_the_notebook_runs(tmp_path: Path) -> None:
    at = open_at(lang="ko", view="photo", f="16")
    outputs = notebook_outputs(source(at), tmp_path)
    assert any("max (3," in output.get("text", "") for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_state_survives_another_page() -> None:
    at = open_at(lang="en", k="3", kind="average")
    at.switch_page("pages/start/home.py").run()
    at.switch_page("pages/foundations/pooling.py").run()
    assert at.slider(key="pooling.k").value == 3
    assert at.selectbox(key="pooling.kind").value == "average"
    assert state.PREDICT not in at.query_params
