"""The lesson on dense blocks, as a visitor's clicks see it."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.runtime.caching import clear_session_resource_cache
from streamlit.testing.v1 import AppTest

from cnnviz.blocks.dense import DenseSettings
from cnnviz.blocks.dense_code import WEIGHTS_FILE, archive
from cnnviz.blocks.dense_cost import dense_cost
from cnnviz.blocks.dense_maps import new_maps
from cnnviz.images import encode_png
from cnnviz.training.densenet import Trained, held_out, load, train
from cnnviz.ui.dense_block import reuse

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "dense-block")
VIEWS = ("block", "maps", "reuse")


def html(at: AppTest, name: str) -> str:
    """The page's own HTML that has a class of this name in it."""
    (found,) = [each.proto.body for each in at.get("html") if f'class="{name}' in each.proto.body]
    return found


def alts(at: AppTest) -> list[str]:
    return [image.proto.imgs[0].alt for image in at.get("image")]


def shipped(name: str = "digits") -> Trained:
    found = load(name).trained
    assert found is not None
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_every_slider_at_both_ends_and_every_choice(view: str) -> None:
    at = open_at(lang="ko", view=view)

    def fine(what: object) -> None:
        assert not at.exception, what
        assert not at.warning, what
        assert proofs(at), what
        assert ":orange-badge" not in texts(at), what

    # All at one end, then all at the other: every end, and the corners.
    for end in ("min", "max"):
        for key in [slider.key for slider in at.slider]:
            at.slider(key=key).set_value(getattr(at.slider(key=key), end))
        at.run()
        fine(end)
    for toggle in at.toggle:
        if toggle.key.startswith("dense-block"):
            at.toggle(key=toggle.key).set_value(not toggle.value).run()
            fine(toggle.key)
    for name, other in (("in", "noise"), ("by", "cuts"), ("b", "2")):
        if [each for each in at.get("button_group") if each.key == f"dense-block.{name}"]:
            at.segmented_control(key=f"dense-block.{name}").set_value(other).run()
            fine(name)
    if view == "reuse":
        at.selectbox(key="dense-block.d").set_value("shapes").run()
        fine("shapes")


def test_nonsense_in_the_link_is_explained_and_sense_comes_back() -> None:
    at = open_at(lang="en", view="block", k="0", n="x", theta="2")
    assert [each for each in ("k=0", "n=x", "theta=2") if any(each in w.value for w in at.warning)] == [
        "k=0",
        "n=x",
        "theta=2",
    ]
    assert proofs(at)
    state = {"lang": "en", "view": "reuse", "d": "shapes", "by": "cuts", "b": "2", "cell": "2_6", "seed": "3"}
    at = open_at(**state)
    assert link(at) == state
    at.segmented_control(key="dense-block.by").set_value("weights").run()
    assert link(at) == {name: text for name, text in state.items() if name != "by"}


# The block


def test_the_first_block_of_densenet_121_is_shown_and_counted() -> None:
    at = open_at(lang="en")
    said = "\n".join(proofs(at))
    cost = dense_cost(DenseSettings(64, 32, 6), 56)
    for value in (256, 128, 21, 864, cost.parameters, cost.macs, cost.kept, 1024):
        assert f"formula **{value:,}** · PyTorch **{value:,}**" in said
    assert "published **7,978,856** (torchvision" in said
    rows = re.findall(r'class="row"><span>(.*?)</span>.*?<span>(\d+)</span>', html(at, "dense-stacks"))
    assert rows[5] == ("Layer 6", "224")
    assert rows[6] == ("Output", "256")
    assert {total for _name, total in rows[7:]} == {"64"}, "sums don't grow"
    lines = dict(line.rsplit(maxsplit=1) for line in printed(at).splitlines() if line[-1].isdigit())
    assert lines == {"connections": "21", "parameters": str(cost.parameters), "MACs": str(cost.macs)}
    assert f"kept for backward {cost.kept} bytes" in printed(at)
    assert "block (1, 256, 56, 56) transition (1, 128, 28, 28)" in printed(at)


def test_without_bottlenecks() -> None:
    at = open_at(lang="en", neck="0", k0="16", k="4", n="12", theta="0.3")
    settings = DenseSettings(16, 4, 12, False, 0.3)
    cost = dense_cost(settings, 56)
    assert f"formula **{cost.parameters:,}** · PyTorch **{cost.parameters:,}**" in texts(at)
    assert f"parameters {cost.parameters}" in printed(at)
    assert "transition (1, 19, 28, 28)" in printed(at)
    graph = at.get("graphviz_chart")[0].proto
    assert graph.spec.count("concat") == 4
    assert "4×4" not in graph.spec


# On a photo


def test_new_maps_of_each_layer_and_their_code(tmp_path: Path) -> None:
    own = np.random.default_rng(0).integers(0, 256, (60, 48, 3)).astype(np.uint8)
    at = open_at(own, lang="en", view="maps", k0="8", k="4", n="3", seed="5")
    rows = [alt for alt in alts(at) if "numbers lie between" in alt]
    assert len(rows) == 5
    assert rows[3].startswith("Layer 3 reads 16 channels and adds 4; 4 of them")
    assert rows[4].startswith("The transition keeps 10 of 20 channels")
    said = notebook_text(source(at), tmp_path, encode_png(own))
    assert "layer 3 reads 16, adds 4: mean |x| 0." in said
    assert said.endswith("the block's input is still there: True\n")
    noise = open_at(lang="en", view="maps", **{"in": "noise"}, k0="8", k="4", n="3", seed="5")
    run = new_maps(None, (48, 64), DenseSettings(8, 4, 3), 5)
    told = re.findall(r"mean \|x\| ([\d.]+)", printed(noise))
    expected = [*run.features[1:], run.kept]
    assert [float(each) for each in told] == pytest.approx(
        [np.abs(each).mean() for each in expected], abs=1e-4
    )


# What is reused


def test_a_connection_is_read_and_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_at(lang="en", view="reuse", cell="2_3")
    run = shipped()
    wrong = run.cuts[0, 1, 2]
    assert "**x1 → H3**: mean |w| is" in texts(at)
    assert f"**{100 * wrong:.1f}\u00a0%** of the test pictures come out wrong" in texts(at)
    assert f"formula **{100 * wrong:.4g}** · PyTorch **{100 * wrong:.4g}**" in texts(at)
    bars = re.findall(r"<tr( class=\"marked\")?><th scope=\"row\">(x\d)", html(at, "dense-bars"))
    assert bars == [("", "x0"), (' class="marked"', "x1"), ("", "x2")]
    images, labels = held_out("digits")
    monkeypatch.chdir(tmp_path)
    Path(WEIGHTS_FILE).write_bytes(archive(run.network, images.numpy(), labels.numpy()))
    lines = printed(at).splitlines()
    assert lines[-2:] == [f"error {run.error():.4f}", f"error without x1 here {wrong:.4f}"]
    shown = re.search(r"mean \|w\| is \*\*([\d.]+)", texts(at))
    assert shown
    assert float(lines[1].split()[-1]) == pytest.approx(float(shown[1]), abs=1e-4)
    # The classifier, and a cell where nothing flows.
    at = open_at(lang="en", view="reuse", d="shapes", b="2", cell="3_6")
    assert "**x2 → C**" in texts(at)
    assert "network.head[-1].weight" in source(at)
    at = open_at(lang="en", view="reuse", cell="4_2")
    assert "Nothing flows here" in at.info[0].value
    assert not proofs(at)


def test_training_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "train", lambda setup: train(replace(setup, steps=4)))
    clear_session_resource_cache("test session id")
    at = open_at(lang="en", view="reuse", g="2", seed="5")
    captions = "".join(each.value for each in at.caption)
    assert "comes with this page" in captions
    assert "after 600 steps" in captions + "".join(alts(at))
    before = html(at, "dense-bars")
    at.button(key="dense-block.training.train").click().run()
    assert not at.exception
    status = at.session_state["training.seat"].job.wait(120)
    assert status.state == "done", status.error
    at.run()
    assert not at.exception
    assert ":orange-badge" not in texts(at)
    assert html(at, "dense-bars") != before
    assert "comes with this page" not in "".join(each.value for each in at.caption)
    assert f"{100 * status.progress.trained.error():.1f}\u00a0%" in texts(at)
    at.slider(key="dense-block.seed").set_value(0).run()
    assert html(at, "dense-bars") == before


# Predict first


@pytest.mark.parametrize(("view", "answer"), [("block", 256), ("maps", 224)])
def test_predict_a_number(view: str, answer: int) -> None:
    at = open_at(lang="en", view=view, predict="1")
    assert not proofs(at)
    assert not [each for each in at.get("html") if "dense-stacks" in each.proto.body]
    assert not [alt for alt in alts(at) if "numbers lie between" in alt]
    at.number_input(key="dense-block.guess").set_value(answer)
    at.button(key="FormSubmitter:dense-block.form-Check").click().run()
    assert at.success[0].value.startswith(f"Right: **{answer}**")
    assert proofs(at)
    at.button(key="dense-block.another").click().run()
    assert not at.exception
    assert not proofs(at)


def test_predict_the_dearest_cut() -> None:
    at = open_at(lang="ko", view="reuse", predict="1", b="2")
    assert not proofs(at)
    assert not [each for each in at.get("html") if "dense-bars" in each.proto.body]
    assert not at.get("plotly_chart")
    at.radio(key="dense-block.guess").set_value(str(int(np.argmax(shipped().cuts[1, :, 5]))))
    at.button(key="FormSubmitter:dense-block.form-확인").click().run()
    assert len(at.success) == 1
    assert proofs(at)
