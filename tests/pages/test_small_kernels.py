"""The lesson "Why small kernels win", as a visitor's clicks see it."""

import re
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.layers import cost

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "small-kernels")

PAGE = "pages/architectures/small_kernels.py"
VIEWS = [
    {"view": "stacks"},
    {"view": "stacks", "apart": "1"},
    {"view": "factorised", "kind": "bottleneck"},
    {"view": "factorised", "kind": "reduced"},
    {"view": "factorised", "kind": "separable"},
    {"view": "factorised", "kind": "grouped"},
    {"view": "factorised", "kind": "asymmetric"},
    {"view": "dense", "place": "head"},
    {"view": "dense", "place": "between"},
]
NAMES = ["-".join(view.values()) for view in VIEWS]
AGREE = {"en": "agree", "ko": "일치"}


def press(at: AppTest, presets: str, chosen: str) -> AppTest:
    pills = next(group for group in at.button_group if group.key == f"small-kernels.{presets}")
    return pills.set_value(chosen).run()


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_every_extreme_is_drawn_and_proved_or_explained(view: dict[str, str]) -> None:
    at = open_at(**view)
    assert AGREE["en"] in "\n".join(proofs(at))
    for slider in [slider.key for slider in at.slider]:
        for end in ("min", "max"):
            control = at.slider(key=slider)
            control.set_value(getattr(control, end)).run()
            assert not at.exception, (slider, end)
            assert ":orange-badge" not in "\n".join(proofs(at)), (slider, end)
            # Maps smaller than the pooling's window, and groups that don't divide, are explained.
            explained = [warning.value for warning in at.warning]
            assert explained or AGREE["en"] in "\n".join(proofs(at)), (slider, end)
            assert len(explained) <= 1
    for toggle in [toggle.key for toggle in at.toggle if toggle.key.startswith("small-kernels.")]:
        at.toggle(key=toggle).set_value(not at.toggle(key=toggle).value).run()
        assert not at.exception


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_korean(view: dict[str, str]) -> None:
    at = open_at(lang="ko", **view)
    assert at.title[0].value == "작은 커널이 이기는 이유"
    assert AGREE["ko"] in "\n".join(proofs(at))
    assert not re.search(
        r"[a-z]{4,} [a-z]{4,} [a-z]{4,}", "\n".join(proofs(at)).replace("Simonyan & Zisserman", "")
    )


@pytest.mark.parametrize(
    ("view", "presets", "chosen", "numbers"),
    [
        ({}, "example", "two", ["= 102,400$", "= 73,728$", "published **28**"]),
        ({}, "example", "three", [f"= {27 * 256**2:,}$", f"= {49 * 256**2:,}$", "published **81**"]),
        ({}, "example", "notes", ["3\\cdot 3\\cdot 128\\cdot 64 = 73,728$", "published **73,728**"]),
        ({}, "example", "rgb", [f"= {49 * 3 * 64 + 64:,}$", f"= {9 * 3 * 64 + 2 * 9 * 64 * 64 + 3 * 64:,}$"]),
        ({"view": "factorised"}, "example.bottleneck", "early", ["= 1,179,648$", "= 69,632$", "17/288"]),
        ({"view": "factorised"}, "example.bottleneck", "late", ["2048\\cdot 512"]),
        (
            {"view": "factorised", "kind": "reduced"},
            "example.reduced",
            "3a",
            ["= 120,422,400$", "= 12,443,648$"],
        ),
        (
            {"view": "factorised", "kind": "separable"},
            "example.separable",
            "first",
            ["\\tfrac{1}{64} + \\tfrac{1}{3^2} = 73/576$", "PyTorch **73/576**"],
        ),
        ({"view": "factorised", "kind": "grouped"}, "example.grouped", "shufflenet", ["= 80$"]),
        ({"view": "factorised", "kind": "grouped"}, "example.grouped", "resnext", ["= 4,608$"]),
        (
            {"view": "factorised", "kind": "asymmetric"},
            "example.asymmetric",
            "three",
            ["= 2/3$", "published **33**"],
        ),
        (
            {"view": "dense"},
            "example.head",
            "alexnet",
            ["published **177,209,344**", "published **37,748,736**", "published **58,631,144**", "257,000"],
        ),
        (
            {"view": "dense"},
            "example.head",
            "vgg16",
            ["published **102,760,448**", "published **123,642,856**"],
        ),
        ({"view": "dense", "place": "between"}, "example.between", "digit", ["= 3,687,936$", "= 150$"]),
    ],
)
def test_presets_prove_what_is_published(
    view: dict[str, str], presets: str, chosen: str, numbers: list[str]
) -> None:
    at = open_at(**view)
    press(at, presets, chosen)
    assert not at.exception
    assert ":orange-badge" not in "\n".join(proofs(at))
    for number in numbers:
        assert number in "\n".join(proofs(at))


def test_published_numbers_are_shown_for_their_own_case_only() -> None:
    at = open_at(n="3")
    assert "published **81**" in "\n".join(proofs(at))
    at.slider(key="small-kernels.k").set_value(5).run()
    assert "published" not in "\n".join(proofs(at))
    at = open_at(view="dense", h_s="14")
    assert "published" not in "\n".join(proofs(at))


def test_crossover_in_words() -> None:
    at = open_at()
    assert (
        "Parameters and activations of one image: equal at C = 448; the stack takes less above it."
        in texts(at)
    )
    assert "Parameters: the stack takes less for every C." in texts(at)
    assert "reads more than 36 channels" in texts(at)
    at = open_at(apart="1", first="3")
    found = cost.crossover(2, 3, 64, 56, False, 3).parameters
    assert found is not None
    assert f"Parameters: equal at C = {float(found):.1f}; the stack takes less below it." in texts(at)
    assert "Parameters: a stack of one is the one layer itself." in texts(open_at(n="1"))
    assert "Parameters: the stack takes more for every C." in texts(open_at(k="1"))


def test_a_shuffle_lets_every_channel_through() -> None:
    at = open_at(view="factorised", kind="grouped")
    assert "sees **4** of 12" in texts(at)
    at.toggle(key="small-kernels.g_x").set_value(True).run()
    assert "sees **12** of 12" in texts(at)
    assert link(at)["g_x"] == "1"
    at.slider(key="small-kernels.g_g").set_value(5).run()
    assert "in_channels" in at.warning[0].value or "multiple of groups (5)" in at.warning[0].value
    assert not "\n".join(proofs(at))


def test_the_state_travels_in_the_link() -> None:
    at = open_at(n="4", c="100", bias="1", apart="1", first="7")
    at.slider(key="small-kernels.size").set_value(9).run()
    assert link(at) | {"lang": "en"} == {
        "n": "4", "c": "100", "bias": "1", "apart": "1", "first": "7", "size": "9", "lang": "en",
    }  # fmt: skip
    again = open_at(**link(at))
    assert proofs(again) == proofs(at)
    assert "9\\cdot" not in proofs(open_at(view="dense"))


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(n="99", k="banana")
    said = " ".join(warning.value for warning in at.warning)
    assert "n=99" in said
    assert "k=banana" in said
    assert at.slider(key="small-kernels.n").value == 2
    even = open_at(k="4")
    assert "must be odd" in even.warning[0].value


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_prediction_comes_before_the_answer(view: dict[str, str]) -> None:
    at = open_at(predict="1", **view)
    assert not "\n".join(proofs(at))
    assert not at.subheader or [head.value for head in at.subheader] == ["The code"]
    assert "cqw;height" not in texts(at), "no sheets of weights"
    at.number_input(key="small-kernels.guess").set_value(-1)
    at.button(key="FormSubmitter:small-kernels.form-Check").click().run()
    assert not at.exception
    answer = re.search(r"it is \*\*(\d+)\*\*", at.warning[0].value)
    assert answer
    assert AGREE["en"] in "\n".join(proofs(at))
    before = link(at)
    at.button(key="small-kernels.another").click().run()
    assert not at.exception
    assert not "\n".join(proofs(at))
    assert link(at) != before


def test_predictions_by_hand() -> None:
    def answer(**parameters: str) -> str:
        at = open_at(predict="1", **parameters)
        at.button(key="small-kernels.show").click().run()
        return at.info[0].value.split("**")[1]

    assert answer() == "72"
    assert answer(n="3") == str(round(2700 / 49))
    assert answer(apart="1", first="3") == str(round(100 * (9 * 3 * 64 + 9 * 64 * 64) / (25 * 3 * 64)))
    assert answer(view="factorised", kind="separable") == str(round(100 / 64 + 100 / 9))
    assert answer(view="factorised", kind="grouped", g_x="1") == "12"
    assert answer(view="dense") == "9216"
    assert answer(view="dense", place="between") == str(round(28**4 / 25))


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_code_prints_the_numbers_on_screen(view: dict[str, str]) -> None:
    at = open_at(**view)
    lines = printed(at).splitlines()
    counted = [line for line in lines if " MACs" in line]
    assert len(counted) == (3 if view.get("place") == "head" else 2)
    shown = texts(at)
    for line in counted:
        parameters, macs = re.findall(r"([\d,]+) (?:parameters|MACs)", line)
        assert f"= {parameters}$" in "\n".join(proofs(at))
        assert macs in shown
    if view["view"] == "stacks":
        assert [line.partition(":")[0] for line in lines[-2:]] == ["parameters", "parameters and activations"]
    if view.get("kind") == "grouped":
        assert lines[-1] == "output 1 sees 4 of 12 input channels"


def test_notebook_runs(tmp_path: Path) -> None:
    at = open_at(view="dense")
    out = notebook_text(source(at), tmp_path)
    assert out == printed(at)
    assert "dense: 177,209,344 parameters" in out
