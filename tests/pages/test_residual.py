"""The lesson on residual blocks, the views on untrained networks, as a visitor's clicks see it."""

import re
from functools import partial
from math import comb
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.blocks.depth import StackSettings, gradient_norms
from cnnviz.blocks.paths import ChainSettings, chain
from cnnviz.images import encode_png

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "residual")
VIEWS = ("block", "depth", "paths")
CHOICES = {
    "order": ("post", "pre"),
    "act": ("sigmoid", "tanh", "relu"),
    "phi": ("relu", "tanh", "sigmoid"),
    "on": ("photo", "random"),
}


def alts(at: AppTest) -> list[str]:
    return [image.proto.imgs[0].alt for image in at.get("image")]


def numbers(text: str, pattern: str) -> list[float]:
    return [float(each) for each in re.findall(pattern + r"\s+([\d.e+-]+)", text)]


def holds(at: AppTest) -> None:
    assert not at.exception
    assert not at.warning
    assert proofs(at)
    assert ":orange-badge" not in texts(at)


@pytest.mark.parametrize("view", VIEWS)
def test_every_slider_at_both_ends_and_every_choice(view: str) -> None:
    # A projection fits any shape.
    at = open_at(lang="ko", view=view, via="projection", on="random")
    for key in [slider.key for slider in at.slider][::-1]:
        for end in ("max", "min"):
            at.slider(key=key).set_value(getattr(at.slider(key=key), end)).run()
            holds(at)
    for toggle in ("bn", "norm"):
        for widget in [each for each in at.toggle if each.key == f"residual.{toggle}"]:
            widget.set_value(not widget.value).run()
            holds(at)
    for name, options in CHOICES.items():
        if f"residual.{name}" in [group.key for group in at.button_group]:
            for option in options:
                at.button_group(key=f"residual.{name}").set_value(option).run()
                holds(at)
    at.button(key="residual.reseed").click().run()
    holds(at)
    assert link(at)["seed"] == "1"


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_every_depth_has_its_proof(order: str, activation: str) -> None:
    at = open_at(lang="en", view="depth", depth="110", phi=activation, order=order, norm="1", seeds="2")
    holds(at)
    at.slider(key="residual.depth").set_value(3).run()
    holds(at)


@pytest.mark.parametrize("shortcut", ["identity", "projection", "zeros", "none"])
def test_every_shortcut_on_the_photo(shortcut: str) -> None:
    at = open_at(lang="en", via=shortcut, order="post", act="tanh", size="0.5")
    holds(at)
    maps = [alt for alt in alts(at) if "numbers from" in alt]
    assert len(maps) == (3 if shortcut in ("identity", "none") else 4)
    assert "x, channel 1 of 3, 64 × 96 numbers" in maps[0]
    table = "".join(element.proto.body for element in at.get("html"))
    assert table.count("<td>183</td>" if shortcut == "projection" else "<td>174</td>") >= 1
    graph = at.get("graphviz_chart")[0].proto
    assert "tanh" in graph.spec.lower()


def test_what_can_not_be_is_explained() -> None:
    at = open_at(lang="en", cout="5")
    assert "5 channels of 3" in at.warning[0].value
    assert not proofs(at)
    at = open_at(lang="ko", via="zeros", cout="2")
    assert "2" in at.warning[0].value
    assert "can only add" not in at.warning[0].value
    at = open_at(np.full((3, 40, 3), 200, np.uint8), lang="en")
    assert "too small" in at.warning[0].value


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(lang="en", size="7", via="wire", s="0", bn="x", seed="-1")
    warnings = " ".join(warning.value for warning in at.warning)
    assert all(each in warnings for each in ("size=7", "via=wire", "s=0", "bn=x", "seed=-1"))
    assert proofs(at)


def test_the_link_brings_everything_back() -> None:
    given = {"view": "block", "on": "random", "via": "zeros", "order": "post", "act": "tanh", "bn": "0",
             "size": "0.25", "s": "2", "cin": "2", "cout": "4", "c": "3", "seed": "7"}  # fmt: skip
    at = open_at(lang="en", **given)
    there = open_at(**link(at))
    assert texts(there) == texts(at)
    assert {name: link(there)[name] for name in given if name != "view"} == {
        name: value for name, value in given.items() if name != "view"
    }


# One block


def test_without_f_the_block_is_the_identity() -> None:
    at = open_at(lang="en", size="0")
    assert "the block is the identity" in texts(at)
    assert "tr} F' + n = 0 + 48 = 48" in texts(at)
    size = re.search(r"x \*\*([\d.]+)\*\*, F\(x\) \*\*([\d.]+)\*\*, H\(x\) \*\*([\d.]+)", texts(at))
    assert size
    assert size[2] == "0.000"
    assert size[1] == size[3]


@pytest.mark.parametrize(
    "given", [{}, {"on": "random", "via": "zeros", "cout": "5", "s": "2", "order": "post", "bn": "0"}]
)
def test_the_block_s_code_prints_what_is_shown(given: dict[str, str]) -> None:
    at = open_at(lang="en", size="0.5", **given)
    told = printed(at)
    shown = [float(each) for each in re.findall(r"\*\*([\d.]+)\*\*", texts(at).split("Root mean square")[1])][
        :3
    ]
    assert [float(each) for each in re.findall(r"\) ([\d.]+)$", told, re.M)] == pytest.approx(shown, abs=6e-4)
    (parameters,) = numbers(told, "parameters:")
    assert f"formula **{parameters:.0f}** · PyTorch **{parameters:.0f}**" in texts(at)
    slopes = [alt for alt in alts(at) if "mean of the diagonal" in alt]
    means = [float(alt.rsplit(" ", 1)[1].rstrip(".").replace("−", "-")) for alt in slopes[:2]]
    assert numbers(told, "mean of the diagonal") == pytest.approx(means, abs=6e-4)


def test_the_notebook_runs_on_an_own_photo(tmp_path: Path) -> None:
    own = np.random.default_rng(0).integers(0, 256, (60, 48, 3)).astype(np.uint8)
    at = open_at(own, lang="en", via="projection", cout="4", s="2")
    told = notebook_text(source(at), tmp_path, encode_png(own))
    (parameters,) = numbers(told, "parameters:")
    assert f"formula **{parameters:.0f}** · PyTorch **{parameters:.0f}**" in texts(at)


def test_predict_the_parameters() -> None:
    at = open_at(lang="en", predict="1")
    assert not proofs(at)
    assert not [alt for alt in alts(at) if "numbers" in alt]
    assert not at.get("graphviz_chart")
    at.number_input(key="residual.guess").set_value(174)
    at.button[[button.label for button in at.button].index("Check")].click().run()
    assert "Right: **174**" in at.success[0].value
    at.button(key="residual.another").click().run()
    assert not at.warning
    assert not proofs(at)


# Depth


def test_gradients_by_depth_and_their_code() -> None:
    at = open_at(lang="en", view="depth", depth="41", phi="sigmoid", seeds="3", seed="4")
    holds(at)
    plain, residual = (
        gradient_norms(StackSettings(41, residual, "sigmoid", False, "pre"), range(4, 7))
        for residual in (False, True)
    )
    assert f"a factor of **{plain.per_layer:.3f}**" in texts(at)
    assert f"a factor of **{residual.per_layer:.3f}**" in texts(at)
    assert f"Plain, layer 1: {plain.median[0]:.2g}" in texts(at)
    told = printed(at)
    assert numbers(told, "factor a layer") == pytest.approx([plain.per_layer, residual.per_layer], rel=1e-6)
    assert numbers(told, "first") == pytest.approx([plain.median[0], residual.median[0]], rel=1e-6)
    assert "single precision, as networks are trained" not in texts(at)
    at.slider(key="residual.depth").set_value(110).run()
    assert "single precision, as networks are trained" in texts(at)
    at.toggle(key="residual.norm").set_value(True).run()
    assert "single precision, as networks are trained" not in texts(at)


@pytest.mark.parametrize(
    ("given", "fate"), [({}, "fades"), ({"phi": "relu", "norm": "1", "depth": "110"}, "grows")]
)
def test_predict_the_fate_of_a_gradient(given: dict[str, str], fate: str) -> None:
    at = open_at(lang="ko", view="depth", predict="1", **given)
    assert not proofs(at)
    assert "aria-label" not in texts(at)
    at.radio(key="residual.guess").set_value(fate)
    at.button[[button.label for button in at.button].index("확인")].click().run()
    assert at.success
    assert proofs(at)


# Paths


def test_paths_and_their_code() -> None:
    at = open_at(lang="en", view="paths", n="7", k="3", size="0.8")
    holds(at)
    assert f"{comb(7, 3)} of them of length 3" in texts(at)
    assert "every path walked by itself" in texts(at)
    whole = float(chain(ChainSettings(7, scale=0.8)).gradient().norm())
    told = printed(at)
    assert numbers(told, "whole gradient:") == pytest.approx([whole], rel=1e-9)
    assert numbers(told, "all paths added up:") == pytest.approx([whole], rel=1e-9)
    low, high = re.search(r"by lengths \*\*(\d+) to (\d+)\*\*", texts(at)).groups()  # type: ignore[union-attr]
    assert f"goes through {low} to {high} branches" in told
    assert "128 paths, 35 of them" in told


def test_the_paper_s_54_blocks() -> None:
    at = open_at(lang="en", view="paths", n="54")
    assert f"{2**54:,} paths" in texts(at)
    assert "formula **0.4537** · PyTorch **0.4537** · published **0.45**" in texts(at)
    assert "multiplied out block by block" in texts(at)
    holds(at)


def test_predict_the_number_of_paths() -> None:
    at = open_at(lang="en", view="paths", n="6", k="2", predict="1")
    assert not proofs(at)
    assert "aria-label" not in texts(at)
    at.number_input(key="residual.guess").set_value(15)
    at.button[[button.label for button in at.button].index("Check")].click().run()
    assert "Right: **15**" in at.success[0].value
    at.button(key="residual.another").click().run()
    assert not proofs(at)
    assert at.slider(key="residual.n").value <= 10
