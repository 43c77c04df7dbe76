"""The Convolution lesson, as a visitor's clicks see it."""

import contextlib
import io
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from cnnviz import samples
from cnnviz.images import fit
from cnnviz.layers.convolution import ConvolutionSettings, convolve_1d, run
from cnnviz.layers.kernels import PRESETS, filter_photo, filter_rgb, preset
from cnnviz.layers.measured import PUBLISHED_SIZES
from cnnviz.zoo import efficientnet_lite0

from .visit import link, notebook_outputs, printed, source, texts, visit

open_at = partial(visit, "convolution")

VIEWS = ("grid", "photo", "line", "names")
CAT = fit(fit(samples.load("cat"), 800), 400)


def explorer(at: AppTest) -> dict[str, Any]:
    """What the window explorer was sent."""
    sent = [json.loads(component.proto.json) for component in at.get("bidi_component")]
    return next(data for data in sent if "outputShape" in data)


def output(at: AppTest) -> np.ndarray:
    sent = explorer(at)
    return np.array(sent["output"], dtype=float).reshape(sent["outputShape"])


# Every control


@pytest.mark.parametrize("view", VIEWS)
def test_every_slider_and_toggle_at_both_ends(view: str) -> None:
    at = open_at(view=view, lang="ko", cin="2", cout="2")
    own = [slider.key for slider in at.slider if not slider.disabled]
    assert own
    for key in own:
        for end in ("min", "max"):
            slider = at.slider(key=key)
            slider.set_value(getattr(slider, end)).run()
            assert not at.exception, (key, end)
            assert ":orange-badge" not in texts(at), (key, end)
    for key in [toggle.key for toggle in at.toggle if str(toggle.key).startswith("convolution.")]:
        at.toggle(key=key).set_value(not at.toggle(key=key).value).run()
        assert not at.exception, key


@pytest.mark.parametrize("view", VIEWS)
def test_every_choice(view: str) -> None:
    at = open_at(view=view, lang="en", p="2")
    for key in [box.key for box in at.selectbox]:
        for index in range(len(at.selectbox(key=key).options)):
            at.selectbox(key=key).select_index(index).run()
            assert not at.exception, (key, index)
            assert ":orange-badge" not in texts(at), (key, index)
    assert ":green-badge" in texts(at)


def test_all_together_at_their_largest() -> None:
    at = open_at(lang="en", rows="12", cols="12", kh="7", kw="7", s="4", d="4", p="6", cin="4", cout="4")
    assert [warning.value for warning in at.warning] == [
        "the kernel spans 25 pixels, but the padded input has only 24"
    ]
    at.slider(key="convolution.d").set_value(3).run()
    assert not at.warning
    assert explorer(at)["outputShape"] == [4, 2, 2]
    assert ":orange-badge" not in texts(at)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"kh": "7", "d": "2"}, "커널이 13픽셀에 걸치는데 패딩한 입력은 6픽셀뿐입니다"),
        ({"pad": "same", "s": "2"}, "padding 'same'은 stride가 1이어야 하는데 stride가 2입니다"),
        ({"p": "6", "mode": "reflect"}, "reflect 패딩 6에는 그보다 긴 입력이 필요한데 입력 길이가 6입니다"),
        ({"cin": "3", "groups": "2"}, "in_channels(3)는 groups(2)의 배수여야 합니다"),
    ],
)
def test_what_does_not_fit_is_explained(parameters: dict[str, str], sentence: str) -> None:
    at = open_at(lang="ko", **parameters)
    assert [warning.value for warning in at.warning] == [sentence]
    assert "창이 설 수 있는 자리의 수" in [heading.value for heading in at.subheader], "the rest stays"


@pytest.mark.parametrize(
    ("name", "text"), [("rows", "99"), ("x", "1_2~3"), ("cell", "a"), ("view", "sideways"), ("k", "own")]
)
def test_nonsense_in_the_link_is_explained(name: str, text: str) -> None:
    at = open_at(lang="en", **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert output(at).tolist() == output(open_at(lang="en")).tolist()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_default_in_both_languages(view: str, language: str) -> None:
    at = open_at(view=view, lang=language)
    assert ":green-badge" in texts(at)
    assert not at.warning
    prose = at.subheader[0].value
    assert bool(re.search("[가-힣]", prose)) == (language == "ko")


# On a grid


def test_first_screen() -> None:
    at = open_at(lang="en")
    f = np.zeros((6, 6))
    f[1, 1:5] = f[1:5, 1] = f[3, 1:4] = 1
    assert np.array(explorer(at)["input"]).reshape(6, 6).tolist() == f.tolist()
    with torch.inference_mode():
        sobel = torch.tensor([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]])
        expected = torch.nn.functional.conv2d(torch.tensor(f)[None].float(), sobel)
    assert output(at).tolist() == expected.tolist()
    assert link(at) == {"lang": "en"}


@pytest.mark.parametrize("case", PUBLISHED_SIZES)
def test_published_sizes_are_shown(case: tuple[int, ...]) -> None:
    size, kernel, stride, padding, dilation = map(str, case)
    at = open_at(lang="en", rows=size, cols=size, kh=kernel, kw=kernel, s=stride, p=padding, d=dilation)
    expected = f"formula **{PUBLISHED_SIZES[case]}** · PyTorch **{PUBLISHED_SIZES[case]}** · published **{PUBLISHED_SIZES[case]}**"
    assert texts(at).count(expected) == 1, "height and width are one sum where all is square"
    at.slider(key="convolution.cols").set_value(12).run()
    assert "**Output width**" in texts(at)
    assert texts(at).count(expected) == 1


def test_rows_that_no_window_reads_are_named() -> None:
    assert "No window reads" not in texts(open_at(lang="en"))
    said = texts(open_at(lang="en", s="2", cols="5"))
    assert "No window reads these rows of the input: 6." in said
    assert "columns of the input" not in said


def test_cost_of_a_grouped_layer() -> None:
    at = open_at(lang="en", cin="4", cout="4", groups="4", bias="1", pad="same")
    assert r"$4 \cdot \tfrac{4}{4} \cdot 3 \cdot 3 + 4 = 40$" in texts(at)
    assert r"$4 \cdot \tfrac{4}{4} \cdot 3 \cdot 3 \cdot 6 \cdot 6 = 1,296$" in texts(at)
    assert "depthwise" in texts(at)
    assert "'same' adds 1 rows above and 1 below, 1 columns left and 1 right." in texts(at)


def test_own_numbers_travel_in_the_link() -> None:
    numbers = {"in": "own", "x": "1_2_3~4_5_6~7_8_9", "k": "own", "w": "2_0~0_0.5", "kh": "2", "kw": "2"}
    at = open_at(lang="en", rows="3", cols="3", **numbers)
    assert output(at).tolist() == [[[4.5, 7], [12, 14.5]]]
    assert link(at) == {"lang": "en", "rows": "3", "cols": "3", **numbers}
    assert printed(at).splitlines() == [
        "tensor([[[ 4.5000,  7.0000],",
        "         [12.0000, 14.5000]]], dtype=torch.float64)",
    ]
    # More room: what is there stays, the rest is zero.
    at.slider(key="convolution.kw").set_value(3).run()
    assert explorer(at)["weight"] == [2, 0, 0, 0, 0.5, 0]
    # A named kernel starts over, and the link is short again.
    at.selectbox(key="convolution.k").set_value("box").run()
    assert "w" not in link(at)
    assert explorer(at)["weight"] == pytest.approx([1 / 6] * 6)


def test_flip_is_convolution() -> None:
    dot = {"lang": "en", "in": "dot", "rows": "5", "cols": "5", "k": "random"}
    weight = explorer(open_at(**dot))["weight"]
    stamped = output(open_at(**dot))[0, :, :].ravel()
    assert stamped.tolist() == weight[::-1], "cross-correlation stamps the kernel upside down"
    assert output(open_at(**dot, flip="1")).ravel().tolist() == weight, "convolution stamps it as it is"


def test_a_kernel_that_has_no_such_size() -> None:
    at = open_at(lang="en", kh="4")
    assert (
        at.warning[0].value == "Sobel x needs odd sides from 3 on; for 4 × 3, random numbers stand in for it."
    )
    assert explorer(at)["kernel"] == [4, 3]
    before = explorer(at)["weight"]
    at.selectbox(key="convolution.k").set_value("random").run()
    assert not at.warning
    assert explorer(at)["weight"] == before
    at.button(key="convolution.reseed").click().run()
    assert explorer(at)["weight"] != before
    assert link(at)["seed"] == "1"


def test_several_outputs_are_named() -> None:
    said = texts(open_at(lang="en", cout="3"))
    for number, name in enumerate(("sobel-x", "sobel-y", "laplacian"), start=1):
        assert f"Output {number}: **{PRESETS[name].title}**. {PRESETS[name].description}" in said


def test_folded_channels_keep_their_values() -> None:
    at = open_at(lang="en", cin="2", cout="2")
    assert explorer(at)["inputShape"] == [2, 6, 6]
    at.slider(key="convolution.s").set_value(2).run()
    assert explorer(at)["inputShape"] == [2, 6, 6]
    assert (link(at)["cin"], link(at)["cout"]) == ("2", "2")


def test_views_share_the_kernel() -> None:
    at = open_at(lang="en", k="laplacian")
    at.button_group(key="convolution.view").set_value("photo").run()
    assert explorer(at)["weight"] == preset("laplacian", 3, 3).ravel().tolist()
    assert link(at)["k"] == "laplacian"


# Predict first


def test_predict_the_rows() -> None:
    at = open_at(lang="en", predict="1", s="2", p="1")
    assert "The input has 6 rows, and padding adds 2. The kernel has 3 rows" in texts(at)
    assert not at.get("bidi_component"), "the grid would give the answer away"
    assert "badge[:material/check:" not in texts(at)
    at.number_input(key="convolution.guess").set_value(4)
    next(button for button in at.button if button.label == "Check").click().run()
    assert "you said 4, it is **3**" in at.warning[0].value
    assert explorer(at)["outputShape"] == [1, 3, 3]
    assert ":green-badge" in texts(at)


def test_predict_a_cell() -> None:
    at = open_at(lang="en", predict="1", ask="cell", cell="0_0_3")
    sent = explorer(at)
    assert sent["selected"] == [0, 0, 3]
    assert [index for index, value in enumerate(sent["output"]) if value is None] == [3]
    at.number_input(key="convolution.guess").set_value(-2)
    next(button for button in at.button if button.label == "Check").click().run()
    assert at.success[0].value.startswith("Right: **-2**")
    assert output(at)[0, 0, 3] == -2


def test_predict_on_the_photo_and_on_the_line() -> None:
    at = open_at(lang="en", view="photo", predict="1", s="2", p="1")
    rows = CAT.shape[0]
    assert f"The input has {rows} rows, and padding adds 2." in texts(at)
    assert len(at.get("image")) == 1, "the photo after it would give the answer away"
    at.number_input(key="convolution.guess").set_value((rows + 2 - 3) // 2 + 1)
    next(button for button in at.button if button.label == "Check").click().run()
    assert at.success[0].value.startswith("Right")
    assert len(at.get("image")) == 2

    at = open_at(lang="en", view="line", predict="1", t="2")
    given = re.search(r"f = \((.*?)\) and g = \((.*?)\), .* at t = 2", texts(at))
    assert given is not None
    assert not at.get("plotly_chart")
    f, g = ([float(number) for number in group.split(", ")] for group in given.groups())
    at.number_input(key="convolution.guess").set_value(int(np.convolve(f, g)[2]))
    next(button for button in at.button if button.label == "Check").click().run()
    assert at.success[0].value.startswith("Right")
    assert len(at.get("plotly_chart")) == 2


def test_questions_never_run_out() -> None:
    at = open_at(lang="en", predict="1")
    kinds = set()
    for _turn in range(6):
        next(button for button in at.button if button.label == "Just show me").click().run()
        answer = re.search(r"The answer: \*\*(-?\d+)\*\*", at.info[0].value)
        assert answer is not None
        cell = tuple(explorer(at)["selected"])
        asked = "cell" if "question mark" in texts(at) else "rows"
        kinds.add(asked)
        expected = explorer(at)["outputShape"][1] if asked == "rows" else output(at)[cell]
        assert int(answer[1]) == expected
        at.button(key="convolution.another").click().run()
        assert not at.exception
        assert not at.warning, "every question has a meaning"
    assert kinds <= {"rows", "cell"}


# On a photo


@pytest.mark.parametrize(
    ("parameters", "kernel", "settings", "colour"),
    [
        ({}, preset("sobel-x", 3, 3), ConvolutionSettings(), "grey"),
        (
            {"k": "gaussian", "kh": "5", "over": "each", "s": "2", "p": "3", "mode": "reflect"},
            preset("gaussian", 5, 3),
            ConvolutionSettings((5, 3), 2, 3, "reflect"),
            "each channel",
        ),
        (
            {"k": "own", "w": "0_1_0~1_-4_1~0_0.5_0", "flip": "1", "d": "3", "pad": "same"},
            np.array([[0, 1, 0], [1, -4, 1], [0, 0.5, 0]]),
            ConvolutionSettings((3, 3), 1, "same", dilation=3, flip=True),
            "grey",
        ),
    ],
)
def test_photo(parameters: dict[str, str], kernel: Any, settings: Any, colour: Any) -> None:
    at = open_at(lang="en", view="photo", at="100_250", **parameters)
    filtered = filter_photo(CAT, kernel, settings, colour)
    low, high = filtered.output.min(), filtered.output.max()
    height, width = filtered.output.shape[:2]
    after = next(caption.value for caption in at.caption if caption.value.startswith("After"))
    assert after.startswith(f"After: {height} × {width}, values from {low:.4g} to {high:.4g}, ")
    # The patch under the window is the photo's own output there, and the code prints the same numbers.
    lines = printed(at).splitlines()
    channels = (height, width) if filtered.output.ndim == 2 else (height, width, 3)
    assert lines[0] == str((1 if len(channels) == 2 else 3, height, width))
    assert [float(x) for x in lines[1].split()] == pytest.approx([low, high], abs=0.02)
    cell = explorer(at)["selected"]
    there = output(at)[:, cell[1], cell[2]]
    assert np.array(lines[2].strip("[]").split(), dtype=float) == pytest.approx(there, abs=0.02)
    near = filtered.output if filtered.output.ndim == 3 else filtered.output[..., None]
    assert any(np.allclose(near[r, c], there, atol=0.01) for r in range(height) for c in range(width))
    assert ":orange-badge" not in texts(at)


def test_learned_kernels() -> None:
    weight = efficientnet_lite0.load().first_layer_kernels().numpy()
    at = open_at(lang="en", view="photo", unit="2_4", s="2", **{"from": "learned"})
    assert np.array(explorer(at)["weight"]) == pytest.approx(weight[20].ravel(), rel=1e-6)
    assert not explorer(at)["editWeight"], "learned kernels are looked at, not changed"
    filtered = filter_rgb(CAT, weight[20], ConvolutionSettings(stride=2))
    lines = printed(at).splitlines()
    low, high = filtered.output.min(), filtered.output.max()
    assert [float(x) for x in lines[1].split()] == pytest.approx([low, high], abs=0.01)
    picks = [json.loads(component.proto.json) for component in at.get("bidi_component")]
    assert next((data["rows"], data["columns"]) for data in picks if "rows" in data) == (4, 8)


def test_signed_results_get_a_middle_grey() -> None:
    def after(**parameters: str) -> str:
        at = open_at(lang="en", view="photo", **parameters)
        return next(caption.value for caption in at.caption if caption.value.startswith("After"))

    assert after(k="box").endswith("cut off at 0 and 255.")
    assert after(k="laplacian").endswith("0 as middle grey, cut off beyond ±127.")
    assert after(k="box", shown="absolute").endswith("without their signs.")


# Along a line


def test_line() -> None:
    at = open_at(lang="en", view="line", t="4", fx="1_2_3", gx="0_1_0.5", sig="own", ker="own")
    sums = convolve_1d([1, 2, 3], [0, 1, 0.5])
    assert output(at).ravel().tolist() == [step.total for step in sums.convolution] == [0, 1, 2.5, 4, 1.5]
    assert explorer(at)["selected"] == [0, 0, 4]
    assert r"$(f * g)(4) = 3 \cdot 0.5 = 1.5$" in texts(at)
    assert r"$(f \star g)(2) = 3 \cdot 0 = 0$" in texts(at)
    lines = printed(at).splitlines()
    numbers = [[float(x) for x in re.findall(r"-?\d+\.?\d*", line)] for line in lines]
    assert numbers[0] == numbers[1] == numbers[4] == [0, 1, 2.5, 4, 1.5]
    assert numbers[2] == numbers[3] == numbers[5] == [step.total for step in sums.correlation]


def test_line_chart_says_what_it_shows() -> None:
    at = open_at(lang="en", view="line")
    charts = at.get("plotly_chart")
    assert len(charts) == 2
    assert charts[0].proto.alt.endswith("At t = 3 the products 2, 0, 4 add up to 6.")
    assert charts[1].proto.alt.endswith("At t = 1 the products 8, 0, 1 add up to 9.")


@pytest.mark.parametrize("text", ["1_2~3_4", "1_2.-.3_4"])
def test_a_line_has_one_row(text: str) -> None:
    at = open_at(lang="en", view="line", sig="own", fx=text)
    assert explorer(at)["inputShape"] == [1, 1, 6]


# In two libraries' words


def test_names() -> None:
    at = open_at(
        lang="en", view="names", rows="8", cols="8", s="2", p="1", mode="circular", cin="2", bias="1"
    )
    pytorch, keras, _source = (code.value for code in at.code if code.language == "python")
    layer = eval(pytorch, {"torch": torch})
    assert (layer.stride, layer.padding, layer.padding_mode, layer.in_channels) == (
        (2, 2),
        (1, 1),
        "circular",
        2,
    )
    assert "keras.ops.take(x, [7, 0, 1, 2, 3, 4, 5, 6, 7, 0], axis=1)" in keras
    assert "use_bias=True" in keras
    assert "would pad this input by 0 above, 1 below, 0 left, 1 right" in texts(at)
    assert "| Stride | `stride` | `strides` |" in texts(at)


def test_keras_has_no_such_layer() -> None:
    at = open_at(lang="en", view="names", s="2", d="2", p="2")
    assert "Keras has no layer with a stride and a dilation above 1." in texts(at)


# The notebook


def test_code_prints_the_output() -> None:
    at = open_at(lang="en", cin="2", cout="2", k="random", flip="1", bias="1", mode="replicate", p="1", s="3")
    sent = explorer(at)
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source(at), names)
    assert names["output"].ravel().tolist() == pytest.approx(sent["output"])
    settings = ConvolutionSettings(
        (3, 3), 3, 1, "replicate", in_channels=2, out_channels=2, flip=True, bias=True
    )
    x = np.array(sent["input"]).reshape(2, 8, 8)[:, 1:-1, 1:-1]
    weight = np.array(sent["weight"]).reshape(2, 2, 3, 3)
    assert run(x, weight, settings, sent["bias"]).output == pytest.approx(names["output"].numpy())


def test_notebook_runs(tmp_path: Path) -> None:
    at = open_at(lang="en", view="photo")
    outputs = notebook_outputs(source(at), tmp_path)
    printed_there = "".join(output.get("text", "") for output in outputs)
    assert printed_there.splitlines() == printed(at).splitlines()
    shown = outputs[-1]["data"]
    assert "image/png" in shown
