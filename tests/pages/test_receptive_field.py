"""The lesson Receptive field, as a visitor's clicks see it."""

import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.layers.receptive_field import PRESETS, trace

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "receptive-field")

PAGE = "pages/foundations/receptive_field.py"
AGREE = {"en": "agree", "ko": "일치"}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("view", ["layers", "photo", "network"])
def test_every_view_and_every_extreme(view: str, language: str) -> None:
    parameters = {"model": "alexnet"} if view == "network" else {}
    at = open_at(view=view, lang=language, **parameters)
    # A network's proof by gradient takes seconds, and waits to be asked for.
    assert (AGREE[language] in texts(at)) == (view != "network")
    for index in range(len([slider for slider in at.slider if not slider.disabled])):
        for end in ("min", "max"):
            sliders = [slider for slider in at.slider if not slider.disabled]
            if index < len(sliders):
                sliders[index].set_value(getattr(sliders[index], end)).run()
                assert not at.exception, (index, end)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_proves_its_field(preset: str) -> None:
    at = open_at()
    at.selectbox(key="receptive-field.preset").set_value(preset).run()
    assert not at.exception
    step = trace(PRESETS[preset].layers)[-1]
    assert f"= {step.size}$" in "\n".join(proofs(at)).replace(",", "")
    # Only the two published cases that are another network's say so.
    assert ("differ" in "\n".join(proofs(at))) == (preset in ("resnet50_v1_5", "mobilenet"))


def test_a_stack_travels_in_the_link_and_its_code_gives_its_field() -> None:
    at = open_at()
    at.selectbox(key="receptive-field.preset").set_value("alexnet").run()
    again = open_at(**link(at))
    assert again.selectbox(key="receptive-field.preset").value == "alexnet"
    assert again.slider(key="receptive-field.n").value == 227, "the input that suits it"
    out = printed(again)
    assert "field 195, jump 32, start 33, padding 64, map 6" in out
    assert "measured: field 195, jump 32" in out
    assert "| pool5 | 195 | 32 | 33 | 64 | 6 |" in texts(again)


def test_a_stack_that_leaves_nothing_is_explained() -> None:
    at = open_at()
    at.selectbox(key="receptive-field.preset").set_value("alexnet").run()
    assert not at.warning
    at.slider(key="receptive-field.n").set_value(2).run()
    assert not at.exception
    assert "only 2" in at.warning[0].value
    assert "| conv1 | 11 | 4 | 5 | 0 | – |" in texts(at)


def edit(at: AppTest, **edits: object) -> AppTest:
    """Run with what the browser reports when a reader has edited the table, which AppTest has no word for."""
    states = at._tree.get_widget_states()
    editor = states.widgets.add()
    editor.id = at.data_editor[0].proto.id
    editor.string_value = json.dumps(edits)
    return at._run(states)


def test_the_table_is_the_stack() -> None:
    at = open_at()
    assert list(at.data_editor[0].value["kernel_size"]) == [3, 3, 3]
    pool = {"kind": "pool", "kernel_size": 2, "stride": 2, "padding": 0, "dilation": 1}
    edit(at, edited_rows={0: {"kernel_size": 5}}, added_rows=[pool], deleted_rows=[1])
    assert not at.exception
    assert link(at)["stack"] == "c5-1-1-1~c3-1-1-1~p2-2-0-1"
    assert at.selectbox(key="receptive-field.preset").value == "own"
    assert "1 + 7\\cdot 1 = 8$" in "\n".join(proofs(at))
    assert list(open_at(**link(at)).data_editor[0].value["kernel_size"]) == [5, 3, 2]


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ({"kernel_size": 0}, "Row 2 is left out: kernel_size is 0; it must be from 1 to 31."),
        ({"stride": None}, "Row 2 is left out: stride is missing; it must be a whole number from 1 to 8."),
        ({"kind": None}, "Row 2 is left out: its kind is missing; it must be a convolution or a pooling."),
    ],
)
def test_a_bad_row_is_explained_and_the_rest_stays(edits: dict[str, object], said: str) -> None:
    at = edit(open_at(), edited_rows={1: edits})
    assert not at.exception
    assert [warning.value for warning in at.warning] == [said]
    assert link(at)["stack"] == "two_3x3"
    # Away to another view and back: the row is still there, and can still be mended.
    at.segmented_control(key="receptive-field.view").set_value("network").run()
    at.segmented_control(key="receptive-field.view").set_value("layers").run()
    assert [warning.value for warning in at.warning] == [said]
    edit(at, edited_rows={1: {"kernel_size": 3, "stride": 1, "kind": "conv"}})
    assert not at.warning
    assert len(at.data_editor[0].value) == 3


def test_an_empty_stack_is_no_accident() -> None:
    at = edit(open_at(), deleted_rows=[0, 1, 2])
    assert not at.exception
    assert "itself" in at.info[0].value
    assert link(at)["stack"] == "none"
    assert not open_at(**link(at)).exception
    photo = open_at(view="photo", net="stack", stack="none")
    assert "no layer yet" in photo.warning[0].value


def test_the_widest_stack_is_drawn_but_not_measured() -> None:
    at = open_at(stack="~".join(["c31-8-128-64"] * 64), n="512")
    assert not at.exception
    assert not "\n".join(proofs(at))
    assert any("too long to measure" in caption.value for caption in at.caption)


def test_small_kernels_against_one_large_one() -> None:
    at = open_at()
    assert "27\\cdot 64^2 = 110,592$" in "\n".join(proofs(at))
    assert "49\\cdot 64^2 = 200,704$" in "\n".join(proofs(at))
    assert "published **81**" in "\n".join(proofs(at))
    at.slider(key="receptive-field.c").set_value(512).run()
    assert f"{27 * 512**2:,}" in "\n".join(proofs(at))


def test_pooling_over_a_convolution_by_the_rule() -> None:
    at = open_at(stack="c5-1-2-1~p2-2-0-1")
    assert "(2 - 1)\\cdot 1 + 5 = 6$" in "\n".join(proofs(at))
    assert "(p − 1)" not in proofs(open_at())


@pytest.mark.parametrize(
    "parameters",
    [
        {"stage": "stage3", "at": "0_27"},
        {"net": "untrained", "stage": "stem", "side": "64"},
        {"net": "stack", "stack": "vgg16"},
    ],
)
def test_photo_code_gives_the_numbers_on_screen(parameters: dict[str, str]) -> None:
    at = open_at(view="photo", **parameters)
    said = next(text.value for text in at.markdown if text.value.startswith("Theoretical"))
    size, x0, x1, y0, y1, radius = re.findall(r"[\d.]*\d", said.partition(":")[2].replace("95 %", ""))
    assert printed(at).splitlines()[-2:] == [
        f"theoretical: {size} pixels; rows {y0} to {y1}, columns {x0} to {x1}",
        f"95 % of the effective field lie within {radius} pixels",
    ]


def test_a_picked_cell_travels_in_the_link() -> None:
    at = open_at(view="photo", stage="stage4", at="2_5")
    assert "Theoretical field of cell (2, 5): 147 pixels" in texts(at)
    assert link(at)["at"] == "2_5"
    beyond = open_at(view="photo", stage="stage4", at="99_-3")
    assert "cell (13, 0)" in texts(beyond)


def test_a_photo_too_small_for_the_stack_is_explained() -> None:
    at = open_at(view="photo", net="stack", stack="c31-8-0-1~c31-8-0-1~c31-8-0-1")
    assert not at.exception
    assert len(at.warning) == 1


def test_a_tiny_photo_of_ones_own_works() -> None:
    at = open_at(view="photo", stage="stage2")
    at.session_state["photo.own"] = np.full((1, 3, 3), 7, np.uint8)
    at.session_state["photo"] = "own"
    at.run()
    assert not at.exception
    assert "Theoretical field" in texts(at)


def test_the_gaussian_of_luo_and_others() -> None:
    at = open_at(view="photo", deep="10")
    assert "2\\cdot 10 + 1 = 21$" in "\n".join(proofs(at))
    assert "= 2.582$" in "\n".join(proofs(at))


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(stack="c3-banana", n="0")
    said = " ".join(warning.value for warning in at.warning)
    assert "stack=c3-banana" in said
    assert "n=0" in said
    assert at.slider(key="receptive-field.n").value == 16


@pytest.mark.parametrize(
    ("model", "size", "differs"), [("alexnet", 195, False), ("vgg16", 212, False), ("resnet50", 427, True)]
)
def test_gradient_proves_a_stage_on_demand(model: str, size: int, differs: bool) -> None:
    at = open_at(view="network", model=model)
    assert f"sees **{size} × {size}** pixels" in texts(at)
    assert not "\n".join(proofs(at))
    next(button for button in at.button if button.label == "Prove it by gradient").click().run()
    assert not at.exception
    assert f"PyTorch **{size}**" in "\n".join(proofs(at))
    assert ("published **483** ≠" in "\n".join(proofs(at))) == differs
    assert ("of 2015" in "\n".join(proofs(at))) == differs


def test_network_code_measures_the_size_on_screen() -> None:
    at = open_at(view="network", model="alexnet", part="features.6")
    assert "sees **99 × 99** pixels" in texts(at)
    assert "features.6: field 99, jump 16" in printed(at)


def test_every_module_can_be_looked_at() -> None:
    few = open_at(view="network", model="resnet18")
    many = open_at(view="network", model="resnet18", all="1", part="layer4.1.conv1")
    assert len(many.dataframe[0].value) > 4 * len(few.dataframe[0].value)
    assert "layer4.1.conv1" in texts(many)


@pytest.mark.parametrize("model", ["vit_b_16", "efficientnet_b0", "swin_t"])
def test_networks_that_see_the_whole_image(model: str) -> None:
    at = open_at(view="network", model=model)
    assert not at.exception
    table = at.dataframe[0].value
    assert table["whole image"].iloc[-1]
    last = table["stage"].iloc[-1]
    at.selectbox(key="receptive-field.part").set_value(last).run()
    assert f"**{last}** in {model} has no grid" in texts(at)


def test_prediction_hides_the_answer_until_given_and_asks_again() -> None:
    at = open_at(predict="1")
    assert not "\n".join(proofs(at))
    assert "sees the pixels" not in texts(at)
    assert "| conv3 |" not in texts(at)
    at.number_input(key="receptive-field.guess").set_value(7)
    at.button(key="FormSubmitter:receptive-field.form-Check").click().run()
    assert not at.exception
    assert any("Right: **7**" in success.value for success in at.success)
    assert AGREE["en"] in "\n".join(proofs(at))
    for _again in range(4):
        at.button(key="receptive-field.another").click().run()
        assert not at.exception
        assert not "\n".join(proofs(at))
        size = trace(at.session_state["receptive-field.stack"])[-1].size
        at.number_input(key="receptive-field.guess").set_value(size)
        at.button(key="FormSubmitter:receptive-field.form-Check").click().run()
        assert any(f"Right: **{size}**" in success.value for success in at.success)


def test_notebook_runs(tmp_path: Path) -> None:
    at = open_at()
    out = notebook_text(source(at), tmp_path)
    assert out == printed(at)
