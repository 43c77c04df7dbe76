"""The lesson Count any network, as a visitor's clicks see it."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.zoo.counting import count_named, published
from cnnviz.zoo.counting.shares import KINDS, MEASURES, amount, largest_kind
from cnnviz.zoo.counting.stack_rows import PRESETS

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "counting")


AGREE = {"en": "agree", "ko": "일치"}


def own_link(at: AppTest) -> dict[str, str]:
    """The lesson's part of it."""
    return {name: value for name, value in link(at).items() if name != "lang"}


def treemap(at: AppTest) -> dict[str, object]:
    return json.loads(at.get("plotly_chart")[0].proto.spec)["data"][0]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("view", ["network", "stack"])
def test_every_view_and_every_extreme(view: str, language: str) -> None:
    at = open_at(view=view, lang=language, **({"model": "squeezenet1_1"} if view == "network" else {}))
    assert sum(AGREE[language] in proof for proof in proofs(at)) == 2
    sliders = [slider.key for slider in at.slider if not slider.disabled]
    assert len(sliders) == (2 if view == "network" else 3)
    for key in sliders:
        for end in ("min", "max"):
            slider = at.slider(key=key)
            slider.set_value(getattr(slider, end)).run()
            assert not at.exception, (key, end)
            # A side that is too small is explained in one sentence, and hides what can't be counted.
            assert at.warning or proofs(at)
    for radio in range(3):
        by = at.radio(key="counting.by")
        by.set_value(list(MEASURES)[radio]).run()
        assert not at.exception


@pytest.mark.parametrize(
    "name", ["resnet50", "googlenet", "vit_b_32", "deeplabv3_resnet50", "retinanet_resnet50_fpn", "lenet5"]
)
def test_all_agree_with_what_is_published(name: str) -> None:
    at = open_at(model=name)
    assert all("green-badge" in proof and "≠" not in proof for proof in proofs(at))
    said, found = published(name), count_named(name)
    assert f"published **{said.parameters:,}** ({said.source})" in proofs(at)[0]
    assert f"PyTorch **{found.macs:,}**" in proofs(at)[1]
    assert ("published" in proofs(at)[1]) == (said.macs is not None)
    assert f"**{found.parameters:,}**" in texts(at)


def test_the_strides_of_2015() -> None:
    at = open_at()
    assert "4,089,184,256" in proofs(at)[1]
    at.toggle(key="counting.v1").set_value(True).run()
    assert own_link(at) == {"v1": "1"}
    assert "PyTorch **3,857,973,248**" in proofs(at)[1]
    assert "published **3,800,000,000** (He et al., arXiv 1512.03385, Table 1)" in proofs(at)[1]
    assert "green-badge" in proofs(at)[1]
    assert "3.8 stands for 3.86 billion" in texts(at)
    assert "multiply–accumulates: 3,857,973,248" in printed(at)


@pytest.mark.parametrize(
    ("parameters", "found", "why"),
    [
        ({"model": "googlenet", "aux": "1"}, 13_004_888, "leave out the two auxiliary heads"),
        ({"model": "inception_v3", "aux": "0"}, 23_834_568, "keep the auxiliary head in"),
        ({"model": "vit_b_16", "n": "384"}, 86_859_496, "Position embeddings grow"),
        ({"model": "fasterrcnn_resnet50_fpn", "frozen": "0"}, 41_808_406, "frozen: buffers, not parameters"),
    ],
)
def test_traps_bite_where_they_are_set(parameters: dict[str, str], found: int, why: str) -> None:
    at = open_at(**parameters)
    proof = proofs(at)[0]
    assert f"PyTorch **{found:,}** ·" in proof
    assert "orange-badge" in proof
    assert f"published **{published(parameters['model']).parameters:,}** ≠" in proof
    assert why in proof


def test_another_network_brings_its_size_and_its_switches() -> None:
    at = open_at(model="googlenet", aux="1", n="100")
    at.selectbox(key="counting.model").set_value("inception_v3").run()
    assert own_link(at) == {"model": "inception_v3"}
    assert at.slider(key="counting.n").value == 299
    assert at.toggle(key="counting.aux").value is True
    assert "orange-badge" not in "".join(proofs(at))


def test_boxes_of_a_detector() -> None:
    at = open_at(model="maskrcnn_resnet50_fpn_v2")
    assert (at.slider(key="counting.boxes").value, at.slider(key="counting.found").value) == (1000, 100)
    assert "published **333,577,000,000**" in proofs(at)[1].replace("333,578", "333,577")
    at.slider(key="counting.found").set_value(0).run()
    fewer = count_named("maskrcnn_resnet50_fpn_v2", proposals=1000, detections=0)
    assert f"PyTorch **{fewer.macs:,}**" in proofs(at)[1]
    assert "published" not in proofs(at)[1], "only of exactly that case"


def test_treemap_and_table_open_at_a_module() -> None:
    at = open_at(model="resnet18", by="macs")
    found = count_named("resnet18")
    table = at.dataframe[0].value
    assert len(table) == len(found.rows)
    assert table["share"].sum() == pytest.approx(1)
    assert table["MACs"].sum() == found.macs
    assert next(iter(table["layer"])) == "conv1"
    assert table["MACs a weight"][0] == 112 * 112
    assert treemap(at)["level"] == "·"
    at.selectbox(key="counting.in").set_value("layer3.0").run()
    assert treemap(at)["level"] == "layer3.0"
    inside = at.dataframe[0].value
    assert all(name.startswith("layer3.0") for name in inside["layer"])
    assert inside["share"].sum() == pytest.approx(
        next(node.macs for node in found.tree.walk() if node.name == "layer3.0") / found.macs
    )
    again = open_at(**own_link(at))
    assert again.selectbox(key="counting.in").value == "layer3.0"
    assert treemap(again)["values"] == treemap(at)["values"]
    at.selectbox(key="counting.model").set_value("vgg11").run()
    assert not at.exception
    assert at.selectbox(key="counting.in").value == "all", "vgg11 has no such module"


@pytest.mark.parametrize("measure", MEASURES)
def test_largest_first(measure: str) -> None:
    at = open_at(model="alexnet", by=measure, top="1")
    found = count_named("alexnet")
    amounts = sorted(
        (amount(row, next(m for m in MEASURES if m == measure)) for row in found.rows), reverse=True
    )
    shares = list(at.dataframe[0].value["share"])
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(amounts[0] / sum(amounts))


def test_the_pictures_say_their_numbers() -> None:
    at = open_at(model="vgg16")
    said = at.get("plotly_chart")[0].proto.alt
    assert "classifier · Sequential 89.4\xa0%, features · Sequential 10.6\xa0%" in said
    bars = next(html.proto.body for html in at.get("html") if "role=" in html.proto.body)
    assert "Parameters: convolution 10.6\xa0%, dense 89.4\xa0%." in bars


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"model": "alexnet", "n": "20"}, "too small for alexnet"),
        ({"model": "vit_b_16", "n": "100"}, "patches of 16 pixels; 100 is no multiple"),
        ({"model": "lenet5_modern", "n": "64"}, "a dense layer expects 120 numbers, but 9720 arrive"),
        ({"n": "99999"}, "n=99999"),
        ({"model": "skynet"}, "expected a network of the list"),
        ({"view": "stack", "stack": "lstm_3"}, "stack=lstm_3"),
        ({"by": "price"}, "by=price"),
    ],
)
def test_nonsense_is_explained_in_a_sentence(parameters: dict[str, str], said: str) -> None:
    at = open_at(**parameters)
    assert len(at.warning) == 1
    assert said in at.warning[0].value


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_of_stacks(preset: str) -> None:
    at = open_at(view="stack")
    at.selectbox(key="counting.preset").set_value(preset).run()
    assert not at.exception
    assert not at.warning
    assert at.slider(key="counting.m").value == PRESETS[preset].input_shape[1]
    if network := PRESETS[preset].network:
        assert f"published **{published(network).parameters:,}** (torchvision" in proofs(at)[0]
    assert all("green-badge" in proof for proof in proofs(at))
    again = open_at(**own_link(at))
    assert proofs(again) == proofs(at)


def edit(at: AppTest, **edits: object) -> AppTest:
    """Run with what the browser reports when a reader has edited the table, which AppTest has no word for."""
    states = at._tree.get_widget_states()
    editor = states.widgets.add()
    editor.id = at.data_editor[0].proto.id
    editor.string_value = json.dumps(edits)
    return at._run(states)


def test_the_table_is_the_stack() -> None:
    at = open_at(view="stack")
    edit(at, edited_rows={0: {"out_channels": 8}}, added_rows=[{"kind": "relu"}], deleted_rows=[1])
    assert not at.exception
    assert own_link(at)["stack"].startswith("conv_8_3_1_1_1~pool__2_2_0~conv_32")
    assert at.selectbox(key="counting.preset").value == "own"
    assert "PyTorch" in proofs(at)[0]
    out = printed(at)
    number = re.search(r"PyTorch \*\*([\d,]+)\*\*", proofs(at)[0])
    assert number is not None
    assert f"parameters: {number[1]} =" in out
    assert list(open_at(**own_link(at)).data_editor[0].value["kind"])[-1] == "relu"


@pytest.mark.parametrize(
    ("row", "cells", "said"),
    [
        (0, {"kernel_size": 0}, "Row 1 is left out: kernel_size is 0; it must be from 1 to 31."),
        (0, {"groups": 2}, "Row 1 is left out: "),
        (3, {"kind": None}, "Row 4 is left out: the kind of a layer must be one of"),
        (6, {"kind": "relu"}, "Row 8 is left out: linear needs numbers in a row"),
        (6, {"kind": "__import__('os')"}, "Row 7 is left out: the kind of a layer must be one of"),
    ],
)
def test_a_bad_row_is_explained_and_the_rest_stays(row: int, cells: dict[str, object], said: str) -> None:
    at = edit(open_at(view="stack"), edited_rows={row: cells})
    assert not at.exception
    assert any(warning.value.startswith(said) for warning in at.warning)
    assert len(at.data_editor[0].value) == len(PRESETS["small"].rows)
    assert [warning.value for warning in open_at(**own_link(at)).warning] == [w.value for w in at.warning]
    if proofs(at):
        assert "parameters:" in printed(at)


def test_an_empty_stack_is_no_accident() -> None:
    at = edit(open_at(view="stack"), deleted_rows=list(range(len(PRESETS["small"].rows))))
    assert not at.exception
    assert own_link(at)["stack"] == "none"
    assert "No layer yet" in at.info[0].value
    assert not open_at(**own_link(at)).exception


def check(at: AppTest) -> AppTest:
    return at.button(key="FormSubmitter:counting.form-Check").click().run()


def test_prediction_of_a_kind() -> None:
    at = open_at(predict="1", model="vgg16")
    assert not proofs(at)
    assert not at.get("plotly_chart")
    assert not at.dataframe
    assert "138,357,544" not in texts(at)
    at.radio(key="counting.guess").set_value("dense")
    check(at)
    assert "Right: **dense**" in at.success[0].value
    assert "dense 89.4\xa0%" in at.success[0].value
    assert proofs(at)


@pytest.mark.parametrize(
    ("model", "factor"), [("resnet50", "4"), ("vit_b_16", "4"), ("fasterrcnn_resnet50_fpn", "1")]
)
def test_prediction_of_a_factor(model: str, factor: str) -> None:
    at = open_at(predict="1", model=model, by="macs")
    at.radio(key="counting.guess").set_value(factor)
    check(at)
    assert at.success[0].value.startswith(f"Right: **about {factor}**")
    side = at.slider(key="counting.n").value
    both = [count_named(model, size, proposals=published(model).proposals) for size in (side, 2 * side)]
    assert f"× {both[1].macs / both[0].macs:.3f};" in at.success[0].value
    assert f"{both[1].parameters:,}." in at.success[0].value


def test_prediction_where_the_image_cannot_grow_asks_for_the_kind() -> None:
    at = open_at(predict="1", model="lenet5_modern", by="macs")
    at.radio(key="counting.guess").set_value(largest_kind(count_named("lenet5_modern"), "macs"))
    check(at)
    assert at.success


def test_prediction_of_memory_and_further_questions() -> None:
    at = open_at(predict="1", model="vgg16", by="memory")
    at.radio(key="counting.guess").set_value("training")
    check(at)
    assert "Not quite" in next(warning.value for warning in at.warning)
    assert "**its parameters**" in next(warning.value for warning in at.warning)
    for _again in range(4):
        at.button(key="counting.another").click().run()
        assert not at.exception
        assert not proofs(at)
        at.button(key="counting.show").click().run()
        assert "The answer:" in at.info[0].value
        assert proofs(at)


def test_prediction_of_a_stack() -> None:
    at = open_at(predict="1", view="stack")
    assert not proofs(at)
    assert "arrive" in texts(at)
    at.number_input(key="counting.guess").set_value(3 * 16 * 9 + 16)
    check(at)
    assert "Right: **448**" in at.success[0].value
    for _again in range(3):
        at.button(key="counting.another").click().run()
        assert not at.exception
        assert not proofs(at)
        at.button(key="counting.show").click().run()
        assert proofs(at)


def test_korean_names_the_kinds() -> None:
    at = open_at(lang="ko", model="alexnet")
    bars = next(html.proto.body for html in at.get("html") if "role=" in html.proto.body)
    assert "완전 연결" in bars
    assert set(KINDS) & set(re.findall(r"[a-z]+", proofs(at)[0])) == set()


def test_code_prints_the_numbers_on_screen() -> None:
    at = open_at(model="squeezenet1_1", n="100", b="3")
    found = count_named("squeezenet1_1", 100, batch=3)
    assert f"PyTorch **{found.macs:,}**" in proofs(at)[1]
    lines = printed(at).splitlines()
    assert lines[0].startswith(f"parameters: {found.parameters:,} =")
    assert lines[2] == f"multiply–accumulates: {found.macs:,}"


def test_notebook_runs(tmp_path: Path) -> None:
    at = open_at(model="alexnet")
    out = notebook_text(source(at), tmp_path)
    assert out == printed(at)
