"""The lesson on Inception, as a visitor's clicks see it."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.blocks.auxiliary import ChainSettings, injected
from cnnviz.blocks.inception import TABLE, TABLE_TOLERANCE
from cnnviz.images import encode_png

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "inception")
SMALL = {"i": "8", "s": "7"}


def alts(at: AppTest) -> list[str]:
    return [image.proto.imgs[0].alt for image in at.get("image")]


def tables(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html"))


def graph(at: AppTest) -> str:
    return str(at.get("graphviz_chart")[0].proto.spec)


def move_everything(at: AppTest) -> None:
    for key in [slider.key for slider in at.slider if not slider.disabled]:
        for end in ("max", "min"):
            at.slider(key=key).set_value(getattr(at.slider(key=key), end)).run()
            assert not at.exception, (key, end)
            assert not at.warning
            assert proofs(at)
    assert ":orange-badge" not in texts(at)


@pytest.mark.parametrize("kind", ["reduced", "naive"])
def test_every_slider_at_both_ends(kind: str) -> None:
    move_everything(open_at(lang="ko", kind=kind, **SMALL))


def test_every_slider_of_the_chain_at_both_ends() -> None:
    move_everything(open_at(lang="ko", view="auxiliary", seeds="1"))


def test_all_at_their_largest() -> None:
    widths = {"a": "384", "r3": "192", "b": "384", "r5": "192", "c": "192", "p": "192"}
    at = open_at(lang="en", **widths, i="832", s="28", n="9", kind="naive")
    assert not at.warning
    assert "832 × 28 × 28" in graph(at)
    assert "formula **1,792** · PyTorch **1,792**" in texts(at)
    assert ":orange-badge" not in texts(at)


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(lang="en", i="0", kind="wild", a="x", seed="-1", **{"in": "film"})
    warnings = " ".join(warning.value for warning in at.warning)
    assert all(each in warnings for each in ("i=0", "kind=wild", "a=x", "seed=-1", "in=film"))
    assert proofs(at)


# The module


def test_module_3a_on_the_photo() -> None:
    at = open_at(lang="en")
    assert "published **256** (Szegedy et al., CVPR 2015, Table 1)" in texts(at)
    assert "formula **120,422,400** · PyTorch **120,422,400**" in texts(at)
    assert "formula **12,443,648** · PyTorch **12,443,648**" in texts(at)
    assert "formula **155,872** · PyTorch **155,872**" in texts(at)
    assert ":orange-badge" not in texts(at)
    assert "256 × 28 × 28" in graph(at)
    told = dict(re.findall(r"^(\w+): (\d+ channels, .*)$", printed(at), re.M))
    assert list(told) == ["one", "three", "five", "pool"]
    for branch, alt in zip(told, alts(at)[-4:], strict=True):
        channels, mean = re.search(r"(\d+) × 28 × 28, mean ([\d.]+\d)", alt).groups()  # type: ignore[union-attr]
        assert told[branch].startswith(f"{channels} channels, ")
        assert float(told[branch].rpartition(" ")[2]) == pytest.approx(float(mean), rel=5e-3)
    assert "12,443,648 MACs" in told["five"]
    assert "[256, 256, 256, 256, 256]" in printed(at)


def test_naive_modules_grow() -> None:
    at = open_at(lang="en", kind="naive", n="4", **{"in": "random"})
    assert "formula **1,088** · PyTorch **1,088**" in texts(at)
    assert "864 → 1,088" in tables(at)
    assert "[416, 640, 864, 1088]" in printed(at)
    assert "torchvision's module" not in texts(at)
    assert at.slider(key="inception.p").disabled
    assert alts(at)[0].startswith("Input: 192 × 28 × 28, mean")


def test_table_1_and_its_slips() -> None:
    at = open_at(lang="en")
    assert tables(at).count("<tr class=chosen>") == 1
    for name in ("4a", "5a"):
        at.pills(key="inception.example").set_value(name).run()
        row = TABLE[name]
        assert f"published **{row.outputs}**" in texts(at)
        slips = [proof for proof in proofs(at) if ":orange-badge" in proof]
        assert all("doesn't follow from the widths" in slip for slip in slips)
        assert len(slips) == {"4a": 0, "5a": 2}[name]
        macs = int(re.search(r"\\tfrac\{(\d+)\}\{10\^6\}", texts(at))[1])  # type: ignore[index]
        assert (abs(macs / 1e6 / row.operations - 1) > TABLE_TOLERANCE) == (name == "5a")
    assert link(at)["i"] == "832"


def test_as_in_torchvision() -> None:
    at = open_at(lang="en", like="torchvision", **SMALL)
    assert "5×5 branch, here a 3×3" in tables(at)
    found = re.findall(r"formula \*\*([\d,]+)\*\* · PyTorch \*\*([\d,]+)\*\*", texts(at))
    counts = [computed for computed, _measured in found]
    assert counts.count(counts[1]) == 2, "our module has as many parameters as torchvision's"
    total = sum(int(each.replace(",", "")) for each in re.findall(r"([\d,]+) parameters", printed(at)))
    assert f"{total:,}" == counts[1]


def test_other_random_numbers() -> None:
    at = open_at(lang="en", **SMALL, **{"in": "random"})
    before = alts(at)
    at.button(key="inception.reseed").click().run()
    assert alts(at) != before
    assert link(at)["seed"] == "1"
    assert alts(open_at(**link(at))) == alts(at)


# Auxiliary classifiers


def test_the_injected_gradient() -> None:
    at = open_at(lang="en", view="auxiliary", seeds="2", blocks="6")
    found = injected(ChainSettings(6, "sigmoid"), range(2))
    without, with_heads = np.median(found.norms(), axis=0), np.median(found.norms(0.3, 0.3), axis=0)
    times = f"{float(f'{with_heads[0] / without[0]:.2g}'):,g}"
    assert f"{times} times as much" in texts(at)
    assert "formula **2** · PyTorch **2**" in texts(at)
    told = np.array([[float(x) for x in line.split()[1:]] for line in printed(at).splitlines()])
    np.testing.assert_allclose(told, np.stack([without, with_heads], 1), rtol=1e-3)
    figure = at.get("plotly_chart")[0].proto
    assert "times as much" in figure.alt
    at.slider(key="inception.w").set_value(0.0).run()
    assert "1 times as much" in texts(at)
    assert "formula **6** · PyTorch **6**" in texts(at)
    at.slider(key="inception.w").set_value(1.0).run()
    at.toggle(key="inception.h2").set_value(False).run()
    assert "formula **4** · PyTorch **4**" in texts(at)
    assert link(at) == {"lang": "en", "view": "auxiliary", "seeds": "2", "blocks": "6", "w": "1", "h2": "0"}
    for activation in ("relu", "tanh"):
        at.segmented_control(key="inception.act").set_value(activation).run()
        at.toggle(key="inception.bn").set_value(activation == "relu").run()
        assert not at.exception
    assert ":orange-badge" not in texts(at)


def test_parameters_of_the_heads() -> None:
    at = open_at(lang="en", view="auxiliary", blocks="3", seeds="1")
    assert "formula **13,004,888** · PyTorch **13,004,888**" in texts(at)
    assert "published **6,624,904** (torchvision" in texts(at)
    assert "512 × 14 × 14" in graph(at)


# Predict first


def test_predict_the_channels() -> None:
    at = open_at(lang="en", predict="1", **SMALL)
    assert not proofs(at)
    assert not at.get("graphviz_chart")
    assert "→" not in tables(at)
    assert not [alt for alt in alts(at) if "mean" in alt]
    at.number_input(key="inception.guess").set_value(256)
    at.button[[button.label for button in at.button].index("Check")].click().run()
    assert "Right: **256**" in at.success[0].value
    assert proofs(at)
    at.button(key="inception.another").click().run()
    assert not at.exception
    assert not proofs(at)


def test_predict_who_is_reached() -> None:
    at = open_at(lang="ko", view="auxiliary", predict="1", blocks="5", seeds="1")
    assert not proofs(at)
    assert not at.get("plotly_chart")
    at.number_input(key="inception.guess").set_value(1)
    at.button[[button.label for button in at.button].index("확인")].click().run()
    assert "**1**" in at.success[0].value
    assert "5 − 4" in at.success[0].value


def test_the_notebook_runs(tmp_path: Path) -> None:
    own = np.random.default_rng(0).integers(0, 256, (60, 48, 3)).astype(np.uint8)
    at = open_at(own, lang="en", like="torchvision", **SMALL)
    assert "output: (1, 256, 7, 7)" in notebook_text(source(at), tmp_path, encode_png(own))
