"""The lesson The zoo, as a visitor's clicks see it."""

import re
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.zoo.counting import count_named
from cnnviz.zoo.efficientnet_scaling import compound, scaled
from cnnviz.zoo.history import FAMILIES, TITLES, accuracy
from cnnviz.zoo.sizes import size

from .visit import notebook_outputs, printed, source, texts, visit

open_at = partial(visit, "zoo")

VIEWS = ("all", "one", "scaling", "sides")
CHOICES = {
    "zoo.x": ("macs", "parameters"),
    "zoo.y": ("top1", "top5"),
    "zoo.w": ("best", "first"),
    "zoo.detail": ("layers", "stages"),
    "zoo.from": ("efficientnet_b7", "eq3"),
    "zoo.by": ("layers", "sizes"),
}


def tables(at: AppTest) -> list[list[list[str]]]:
    """Cells of the tables on screen, row by row."""
    found = [html.proto.body for html in at.get("html") if "<tbody>" in html.proto.body]
    return [
        [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body)][1:]
        for body in found
    ]


def dot(at: AppTest) -> str:
    return str(at.get("graphviz_chart")[0].proto.spec)


# Every control


@pytest.mark.parametrize("view", VIEWS)
def test_every_control_in_korean(view: str) -> None:
    at = open_at(lang="ko", view=view)
    for key in [str(slider.key) for slider in at.slider]:
        slider = at.slider(key=key)
        for end in (slider.max, slider.min):
            at.slider(key=key).set_value(end).run()
            assert not at.exception, (key, end)
    for key, options in CHOICES.items():
        if any(group.key == key for group in at.button_group):
            for option in options:
                next(group for group in at.button_group if group.key == key).set_value(option).run()
                assert not at.exception, (key, option)
    assert not re.search(r"\b(Parameters|Network|Stage)\b", " ".join(e.label for e in at.selectbox))


@pytest.mark.parametrize(
    ("name", "text", "view"),
    [("net", "resnet9", "all"), ("phi", "99", "scaling"), ("part", "layer9", "one"), ("zoom", "x", "one")],
)
def test_nonsense_in_the_link_is_explained(name: str, text: str, view: str) -> None:
    at = open_at(lang="en", view=view, **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert "badge" in texts(at)


# All networks


def test_the_line_belongs_to_top5() -> None:
    at = open_at(lang="en")
    chart = at.get("plotly_chart")[0].proto.spec
    assert "a person: top-5 error 5.1 %" in chart
    assert "94.9" in chart
    at = open_at(lang="en", y="top1")
    assert "a person" not in at.get("plotly_chart")[0].proto.spec
    assert "has no line here" in texts(at)


def test_the_scatter_says_who_is_best() -> None:
    at = open_at(lang="en", y="top1", x="macs")
    heights = {name: known.top1 for name in TITLES if (known := accuracy(name))}
    best = max(heights, key=lambda name: heights[name])
    alt = at.get("plotly_chart")[0].proto.alt
    assert f"{len(heights)} networks by Multiply–accumulates and top-1" in alt
    assert f"Most accurate: {TITLES[best]}, {heights[best]:.2f} %" in alt
    assert len(tables(at)[0]) == len(FAMILIES)


def test_better_training_lifts_the_same_network() -> None:
    first, best = open_at(lang="en"), open_at(lang="en", w="best")
    assert "top-1 76.13 %" in texts(first)
    assert "top-1 80.86 %" in texts(best)
    assert texts(first).count("25.6 M parameters") == texts(best).count("25.6 M parameters") == 1


def test_years_pass() -> None:
    at = open_at(lang="en", to="1998")
    assert "None of these networks has seen ImageNet yet" in at.info[0].value
    at.slider(key="zoo.to").set_value(2015).run()
    # AlexNet, four VGGs, GoogLeNet, five ResNets
    assert at.get("plotly_chart")[0].proto.alt.startswith("11 networks by")


def test_lenet_has_no_bubble() -> None:
    at = open_at(lang="en", net="lenet5")
    assert "has no bubble" in texts(at)
    assert "published **60,000** (LeCun et al. 1998" in texts(at)


# One network


def test_its_table() -> None:
    at = open_at(lang="en", view="one")
    rows = {row[0]: row for row in tables(at)[0]}
    assert rows["layer3"][2:5] == ["1024 × 14 × 14", "6", "7,098,368"]
    assert rows["Total"][4] == f"{count_named('resnet50').parameters:,}"
    assert "published **3,800,000,000** (arXiv 1512.03385, Table 1)" in texts(at)


def test_levels_of_detail() -> None:
    boxes = {}
    for detail in ("stages", "blocks", "layers"):
        at = open_at(lang="en", view="one", detail=detail)
        boxes[detail] = dot(at).count("label=")
        assert f"as {boxes[detail]} boxes" in at.get("graphviz_chart")[0].proto.alt
    assert boxes["stages"] < boxes["blocks"] < boxes["layers"]
    part = open_at(lang="en", view="one", detail="layers", part="layer2")
    assert "layer1.2" in dot(part), "what lies before is named"
    assert "layer3.1" not in dot(part)


def test_too_many_boxes_are_explained() -> None:
    at = open_at(lang="en", view="one", net="efficientnet_b7", detail="layers")
    assert "too many to read" in at.info[0].value
    assert dot(at).count("label=") < 30
    at.selectbox(key="zoo.part").select("features.2").run()
    assert not at.info
    assert "SqueezeExcitation" not in dot(at)
    assert "concat" not in dot(at)


def test_a_part_of_another_network_is_left() -> None:
    at = open_at(lang="en", view="one", part="layer2")
    at.selectbox(key="zoo.net").select("vgg16").run()
    assert not at.exception
    assert at.selectbox(key="zoo.part").value == "all"


def test_auxiliary_heads() -> None:
    at = open_at(lang="en", view="one", net="googlenet", aux="1")
    assert tables(at)[0][-1][4] == "13,004,888"
    assert "aux1" in dot(at)
    assert "aux1" not in dot(open_at(lang="en", view="one", net="googlenet"))


@pytest.mark.parametrize("family", [family.id for family in FAMILIES])
def test_every_family(family: str) -> None:
    name = next(iter(next(each for each in FAMILIES if each.id == family).networks))
    at = open_at(lang="ko", view="one", net=name)
    assert dot(at).startswith("digraph")
    assert "badge[" in texts(at)


# Compound scaling


def test_the_constraint() -> None:
    assert "1.920 \\approx 2$ :green-badge" in texts(open_at(lang="en", view="scaling"))
    assert ":orange-badge[:material/info: not met]" in texts(open_at(lang="en", view="scaling", be="1.5"))


def test_b0_is_where_it_starts() -> None:
    at = open_at(lang="en", view="scaling", phi="0")
    own, b0 = tables(at)[0][:2]
    assert own[1:6] == b0[1:6] == ["1", "1", "224", "5.29 M", "386 M"]
    assert ":orange-badge" not in texts(at)
    at = open_at(lang="en", view="scaling", **{"from": "efficientnet_b2"})
    assert "published **9,109,994** (torchvision)" in texts(at)


def test_multipliers_out_of_reach_are_explained() -> None:
    at = open_at(lang="en", view="scaling", phi="7", al="2")
    assert "a multiplier of 128" in at.warning[0].value
    assert "Three ways to grow" in [heading.value for heading in at.subheader]


# Side by side


def test_side_by_side() -> None:
    at = open_at(lang="en", view="sides", a="vgg16", b="resnet50")
    rows = {row[0]: row for row in tables(at)[0]}
    assert rows["1 × 1"][2] == "124 M"  # 123,642,856
    assert rows["Total"][2:4] == ["138 M", "15.5 G"]
    assert rows["Total"][5:] == ["25.6 M", "4.09 G"]
    assert ":orange-badge" not in texts(at)
    layers = tables(open_at(lang="en", view="sides", a="vgg16", b="resnet50", by="layers"))[0]
    assert len(layers) == 54 + 1, "16 layers against 50 and four of shortcuts"
    assert layers[16][1:5] == [""] * 4


def test_against_itself() -> None:
    at = open_at(lang="en", view="sides", a="lenet5", b="lenet5", predict="1")
    row = tables(at)[0][-1]
    assert row[2:4] == row[5:] == ["60 k", "326 k"]


# Predict first


@pytest.mark.parametrize(
    ("view", "answer", "hidden"),
    [
        ({"net": "vgg19"}, "vgg19", "143,667,240"),
        ({"view": "one", "net": "vgg16"}, "classifier.0", "102,764,544"),
        ({"view": "scaling", "phi": "2"}, "macs", "formula"),
        ({"view": "sides"}, "vgg16", "15.5 G"),
    ],
)
def test_predict(view: dict[str, str], answer: str, hidden: str) -> None:
    at = open_at(lang="en", predict="1", **view)

    def shown() -> str:
        return texts(at) + str(tables(at)) + str([chart.proto.alt for chart in at.get("plotly_chart")])

    assert hidden not in shown()
    at.radio(key="zoo.guess").set_value(answer)
    at.button(key="FormSubmitter:zoo.form-Check").click().run()
    assert at.success
    assert hidden in shown()
    at.button(key="zoo.another").click().run()
    assert not at.exception
    assert at.radio(key="zoo.guess")


# The code


def test_code_of_the_overview() -> None:
    out = printed(open_at(w="best"))
    for name in ("alexnet", "resnet50", "efficientnet_b7"):
        known = accuracy(name, best=True)
        assert known
        line = next(line for line in out.splitlines() if line.startswith(f"{name} "))
        assert f"{known.weights}: top-1 {known.top1:.2f} %, top-5 {known.top5:.2f} %" in line
        assert f"{size(name).parameters:,} parameters" in line


@pytest.mark.parametrize("name", ["lenet5", "lenet5_modern", "squeezenet1_0"])
def test_code_of_one_network(name: str) -> None:
    at = open_at(lang="en", view="one", net=name)
    told = re.findall(r"^  (\S+) .*: ([\d,]+) parameters", printed(at), re.MULTILINE)
    assert told == [(row[0], row[4]) for row in tables(at)[0][:-1]]
    counted = count_named(name)
    assert f"total: {counted.parameters:,} parameters, {counted.macs:,} MACs" in printed(at)


def test_code_of_two_networks() -> None:
    at = open_at(view="sides", a="se_resnet50", b="mobilenet_v3_small")
    out = printed(at)
    for name in ("se_resnet50", "mobilenet_v3_small"):
        counted = count_named(name)
        assert f"total: {counted.parameters:,} parameters, {counted.macs:,} MACs" in out


def test_code_of_the_scaling() -> None:
    found = scaled(compound(2, 1.1, 1.2, 1.05)).counted
    out = printed(open_at(view="scaling", phi="2", al="1.1", be="1.2", ga="1.05"))
    assert out.splitlines() == [f"{found.parameters:,} parameters", f"{found.macs:,} multiply-accumulates"]


def test_the_notebook_runs(tmp_path: Path) -> None:
    at = open_at(lang="ko", view="one", net="lenet5")
    outputs = notebook_outputs(source(at), tmp_path)
    assert any("total: 60,000 parameters" in out.get("text", "") for out in outputs)


# The link


def test_state_travels_in_the_link_and_survives_another_page() -> None:
    at = open_at(lang="en", view="one", net="densenet121", part="features.denseblock1", zoom="60")
    assert at.selectbox(key="zoo.part").value == "features.denseblock1"
    at.slider(key="zoo.zoom").set_value(80).run()
    assert dict(at.query_params)["zoom"] in ("80", ["80"])
    at.switch_page("pages/start/home.py").run()
    at.switch_page("pages/architectures/zoo.py").run()
    assert at.slider(key="zoo.zoom").value == 80
    assert at.selectbox(key="zoo.net").value == "densenet121"
