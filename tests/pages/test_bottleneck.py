"""The lesson on bottlenecks, as a visitor's clicks see it."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.blocks.bottleneck import Plan
from cnnviz.blocks.bottleneck_maps import run
from cnnviz.blocks.bottleneck_stride import network_cost
from cnnviz.images import encode_png, fit
from cnnviz.samples import load

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "bottleneck")

VIEWS: dict[str, dict[str, str]] = {
    "narrow": {},
    "wide": {"kind": "wide"},
    "stride": {"view": "stride"},
    "maps": {"view": "maps"},
    "maps-wide-noise": {"view": "maps", "kind": "wide", "input": "noise"},
}


def pictures(at: AppTest) -> list[str]:
    """Alternative texts, the photo picker's left out."""
    return [image.proto.imgs[0].alt for image in at.get("image")][1:]


def press(at: AppTest, group: str, chosen: str) -> AppTest:
    return next(each for each in at.button_group if each.key == f"bottleneck.{group}").set_value(chosen).run()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_every_control_at_its_ends_in_korean(view: dict[str, str]) -> None:
    at = open_at(lang="ko", **view)
    assert at.title[0].value == "병목"
    for key in [slider.key for slider in at.slider]:
        for end in ("max", "min"):
            at.slider(key=key).set_value(getattr(at.slider(key=key), end)).run()
            assert not at.exception, (key, end)
            assert not at.warning
            assert proofs(at)
            assert ":orange-badge" not in "\n".join(proofs(at)), (key, end)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_all_at_their_largest_with_the_stride_in_front(view: dict[str, str]) -> None:
    largest = {
        "i": "2048", "w": "512", "e": "8", "n": "512", "t": "10", "o": "512", "s": "4", "side": "223", "z": "4",
        "cells": "95", "depth": "152", "m_i": "32", "m_w": "16", "m_e": "8", "m_t": "10", "m_o": "32", "m_s": "4",
        "place": "v1", "beside": "projection",
    }  # fmt: skip
    at = open_at(lang="en", **view, **largest)
    assert not at.warning
    assert proofs(at)
    assert ":orange-badge" not in texts(at)


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(lang="en", i="0", w="wide", place="v2", beside="bridge", kind="oval")
    warnings = " ".join(warning.value for warning in at.warning)
    assert all(each in warnings for each in ("i=0", "w=wide", "place=v2", "beside=bridge", "kind=oval"))
    assert proofs(at)


def test_an_identity_that_cannot_be_is_explained_and_the_page_goes_on() -> None:
    at = open_at(lang="en", beside="identity", w="63")
    assert "252 channels of 256" in at.warning[0].value
    assert not proofs(at)
    at.slider(key="bottleneck.w").set_value(64).run()
    assert not at.warning
    assert len(proofs(at)) == 4
    assert link(at) == {"lang": "en", "beside": "identity"}


# The block


def test_the_published_price() -> None:
    at = open_at(lang="en")
    said = "\n".join(proofs(at))
    assert "published **69,632** (torchvision, resnet50.layer1[1])" in said
    assert "published **1,179,648** (torchvision, vgg16" in said
    assert "a pair could have 62 channels" in texts(at)
    assert "sees 3 × 3 cells of the input; behind two 3×3 it sees 5 × 5" in texts(at)
    assert {"block: 69,632 weights, 218,365,952 MACs, (256, 56, 56)"} <= set(printed(at).splitlines())


@pytest.mark.parametrize(
    ("group", "chosen", "published"),
    [
        ("example.narrow", "conv3", "245,760"),
        ("example.narrow", "conv5", "4,456,448"),
        ("example.wide", "down", "9,360"),
        ("example.wide", "late", "315,840"),
    ],
)
def test_examples_are_published_blocks(group: str, chosen: str, published: str) -> None:
    at = press(open_at(lang="en", kind=group.removeprefix("example.")), group, chosen)
    assert f"published **{published}**" in texts(at)
    assert ":orange-badge" not in texts(at)
    whole = re.search(r"Parameters of the block.*?formula \*\*([\d,]+)\*\*", "\n".join(proofs(at)), re.S)
    assert whole
    assert f"the block has {whole[1]} parameters" in printed(at)


def test_the_graph_follows_the_stride() -> None:
    at = press(open_at(lang="en", place="v1"), "example.narrow", "conv3")
    drawn = at.get("graphviz_chart")[0].proto.spec
    assert "1×1, 128 /2 · BN · ReLU" in drawn
    assert "reads nine" in texts(at)
    front, middle = (Plan(256, 128, 512, 2, place, "projection") for place in ("v1", "v1.5"))
    macs = [f"{plan.branch(56).macs + plan.beside(56).macs:,}" for plan in (front, middle)]
    assert f"takes {macs[0]} multiply–accumulates, in the 3×3 {macs[1]}." in texts(at)
    press(at, "place", "v1.5")
    assert "3×3, 128 /2 · BN · ReLU" in at.get("graphviz_chart")[0].proto.spec
    assert link(at)["w"] == "128"


# The stride


def test_what_is_read_of_the_photo() -> None:
    at = open_at(lang="en", view="stride")
    shares = [re.search(r"([\d.]+)\xa0% of the cells are read, (.*)\.$", alt) for alt in pictures(at)]
    assert [each and each.groups() for each in shares] == [
        ("25", "up to 9 times"), ("100", "up to 4 times"), ("25", "once each")
    ]  # fmt: skip
    assert "published **75**" in texts(at)
    told = printed(at)
    assert "v1 reads 25.00 % of the pixels, each at most 9 times" in told
    assert "v1.5 reads 100.00 % of the pixels, each at most 4 times" in told
    for version in ("v1", "v1.5"):
        cost = network_cost(50, version)  # type: ignore[arg-type]
        assert f"{version}: {cost.parameters:,} parameters, {cost.macs:,} MACs" in told
        for stage, field in enumerate(cost.fields, start=2):
            assert f"{version}, conv{stage}: {field} pixels" in told
        assert f"PyTorch **{', '.join(map(str, cost.fields))}**" in texts(at)
    assert "published **483**" in texts(at)


def test_published_for_its_own_case_only() -> None:
    at = open_at(lang="en", view="stride", cells="35", depth="101")
    assert "published **75**" not in texts(at)
    assert "published **1,027**" in texts(at)
    assert "published **7.6**" in texts(at)
    tables = "".join(element.proto.body for element in at.get("html"))
    for number in ("3.858 G", "4.089 G", "7.570 G", "7.801 G", "11.282 G", "11.514 G", "0.231 G"):
        assert number in tables


# Maps


def test_the_maps_of_the_photo() -> None:
    at = open_at(lang="en", view="maps")
    x = fit(fit(load("cat"), 800), 64).transpose(2, 0, 1) / 127.5 - 1
    found = run(Plan(3, 4, 16, shortcut="projection"), x, 1)
    for alt, maps, rank in zip(
        pictures(at),
        (found.first, found.second, found.branch, found.output),
        (found.ranks.first, found.ranks.second, found.ranks.branch, found.ranks.output),
        strict=True,
    ):
        channels, rows, columns = maps.shape
        assert f"{channels} maps of {rows} × {columns}, {rank} independent" in alt
        assert f"Values from {maps.min():.2f} to {maps.max():.2f}" in alt
    assert "16 maps leave F, and 4 of them are independent" in texts(at)
    told = printed(at)
    assert f"1×1: (4, 43, 64), independent: {found.ranks.first}, mean {found.first.mean():.4f}" in told
    assert f"1×1 again: (16, 43, 64), independent: 4, mean {found.branch.mean():.4f}" in told
    assert f"output: (16, 43, 64), independent: {found.ranks.output}" in told


def test_random_numbers_and_other_weights() -> None:
    at = open_at(lang="en", view="maps", input="noise", m_i="16")
    before = pictures(at)
    assert "With what the shortcut adds, it is 16." in texts(at)
    assert "independent: 4" in printed(at)
    at.button(key="bottleneck.reseed").click().run()
    assert pictures(at) != before
    assert link(at)["seed"] == "1"
    means = [float(each) for each in re.findall(r"mean (-?[\d.]+)", printed(at))]
    assert f"= {means[0]:.4g}$" in texts(at)


def test_a_black_photo_is_no_trouble() -> None:
    at = open_at(np.zeros((30, 40, 3), np.uint8), lang="en", view="maps")
    assert proofs(at)
    assert ":orange-badge" not in texts(at)


# Predict first


@pytest.mark.parametrize(("view", "answer"), [("narrow", 59), ("wide", 792), ("stride", 75), ("maps", 4)])
def test_predict(view: str, answer: int) -> None:
    at = open_at(lang="en", predict="1", **VIEWS[view])
    assert not proofs(at)
    assert not pictures(at)
    assert not [each for each in ("69,632", "one cell in four", "rank 4") if each in texts(at)]
    at.number_input(key="bottleneck.guess").set_value(answer)
    at.button[[button.label for button in at.button].index("Check")].click().run()
    assert f"Right: **{answer}**" in at.success[0].value
    assert proofs(at)
    at.button(key="bottleneck.another").click().run()
    assert not at.exception
    assert not proofs(at)


def test_the_notebook_runs_with_an_own_photo(tmp_path: Path) -> None:
    own = np.random.default_rng(0).integers(0, 256, (60, 48, 3)).astype(np.uint8)
    at = open_at(own, lang="en", view="maps", m_s="2", place="v1")
    told = notebook_text(source(at), tmp_path, encode_png(own))
    found = run(Plan(3, 4, 16, 2, "v1", "projection"), own.transpose(2, 0, 1) / 127.5 - 1, 1)
    assert f"1×1: (4, 30, 24), independent: {found.ranks.first}, mean {found.first.mean():.4f}" in told
