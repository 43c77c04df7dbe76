"""The lesson on squeeze and excitation, as a visitor's clicks see it."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from streamlit.testing.v1 import AppTest

from cnnviz import weights
from cnnviz.blocks.gates import force, gated, look
from cnnviz.images import encode_png, fit
from cnnviz.samples import load
from cnnviz.training import se_resnet
from cnnviz.training.lit_shapes import CLASSES, LIGHTS, small, tinted
from cnnviz.ui.squeeze_excitation.shared import drawn, tex

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "squeeze-excitation")

VIEWS: tuple[dict[str, str], ...] = (
    {"view": "gates", "force": "1"},
    {"view": "steps", "on": "drawn", "net": "r16"},
    {"view": "compare", "on": "drawn", "with": "drawn"},
    {"view": "ratio"},
)


def x_of(rgb: np.ndarray) -> torch.Tensor:
    return torch.tensor(small(rgb)).permute(2, 0, 1)[None].float() / 255


def picture(number: int, light: str) -> np.ndarray:
    white = np.rint(drawn().reflectance[number - 1] * 255).astype(np.uint8)
    return tinted(white, LIGHTS[light][1])


def numbers(text: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?\d+\.\d+", text)]


def html(at: AppTest) -> str:
    return "".join(element.proto.body for element in at.get("html"))


def answer(at: AppTest, button: str) -> AppTest:
    at.button[[each.label for each in at.button].index(button)].click().run()
    assert not at.exception
    return at


@pytest.mark.parametrize("view", VIEWS, ids=[view["view"] for view in VIEWS])
def test_every_slider_at_both_ends_and_every_choice(view: dict[str, str]) -> None:
    at = open_at(lang="ko", **view)
    for key in [slider.key for slider in at.slider]:
        for end in ("max", "min"):
            at.slider(key=key).set_value(getattr(at.slider(key=key), end)).run()
            assert not at.exception, (key, end)
            assert proofs(at)
    for key in [box.key for box in at.selectbox]:
        for option in at.selectbox(key=key).options[-2:]:
            at.selectbox(key=key).select(option).run()
            assert not at.exception, (key, option)
    assert not at.warning
    assert ":orange-badge" not in texts(at)


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(lang="en", view="gates", net="vgg16", stage="9", light="red", to="5")
    said = " ".join(warning.value for warning in at.warning)
    assert all(each in said for each in ("net=vgg16", "stage=9", "light=red", "to=5"))
    assert proofs(at)


def test_the_state_is_in_the_link() -> None:
    state = {
        "lang": "en",
        "view": "compare",
        "on": "drawn",
        "n": "7",
        "with": "same",
        "light2": "warm",
        "stage": "2",
    }
    at = open_at(**state)
    assert link(at) == state
    at.slider(key="squeeze-excitation.stage").set_value(1).run()
    assert link(at) == {name: text for name, text in state.items() if name != "stage"}


# Gates


def test_the_numbers_on_a_photo_are_the_networks(tmp_path: Path) -> None:
    own = np.random.default_rng(0).integers(0, 256, (60, 48, 3)).astype(np.uint8)
    at = open_at(own, lang="en", light="cold", net="r8", stage="2", c="5", force="1", to="1.5")
    network, x = se_resnet.load(8), x_of(tinted(own, LIGHTS["cold"][1]))
    path = gated(network)[1]
    seen = look(network, x, path)
    said = "\n".join(proofs(at))
    assert f"PyTorch **{seen.chosen.gates[4]:.4g}**" in said
    assert f"PyTorch **{seen.chosen.squeezed[4]:.4g}**" in said
    forced = force(network, x, path, 4, [1.5])[0]
    best = np.argsort(-seen.logits)[:5]
    cells = re.findall(r"<td>(-?\d+\.\d{3})</td><td>(-?\d+\.\d{3})</td>", html(at))
    assert [(f"{seen.logits[each]:.3f}", f"{forced[each]:.3f}") for each in best] == cells
    said = notebook_text(
        source(at),
        tmp_path,
        encode_png(own),
        {"se_resnet_r8.safetensors": (weights.FOLDER / "se_resnet_r8.safetensors").read_bytes()},
    )
    lines = said.splitlines()
    found = [seen.chosen.squeezed[4], seen.chosen.gates[4], seen.chosen.scaled[4].mean()]
    assert numbers(lines[0]) == pytest.approx(found, abs=2e-4)
    assert [numbers(line)[-1] for line in lines[1:]] == pytest.approx(
        [*seen.logits[best], *forced[best]], abs=2e-3
    )
    colour, shape = CLASSES[best[0]]
    assert lines[1].startswith(f"{colour} {shape}:")


def test_the_page_says_what_the_network_does_not_know() -> None:
    at = open_at(lang="en")
    assert "a cat is none of them" in "".join(caption.value for caption in at.caption)


# Steps


def test_steps_and_their_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_at(lang="en", view="steps", on="drawn", n="9", light="warm", stage="3", c="10")
    network, rgb = se_resnet.load(4), picture(9, "warm")
    block = look(network, x_of(rgb), gated(network)[2]).chosen
    assert f"= {tex(block.gates[9])}$" in texts(at)
    monkeypatch.chdir(tmp_path)
    Path("picture.png").write_bytes(encode_png(rgb))
    Path("se_resnet_r4.safetensors").write_bytes((weights.FOLDER / "se_resnet_r4.safetensors").read_bytes())
    found = [block.squeezed[9], block.gates[9], block.scaled[9].mean()]
    assert numbers(printed(at).splitlines()[0]) == pytest.approx(found, abs=2e-4)


# Two pictures


def test_two_pictures_and_their_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_at(lang="en", view="compare", other="coffee", light2="violet")
    network, cat = se_resnet.load(4), fit(load("cat"), 800)
    coffee = tinted(fit(load("coffee"), 800), LIGHTS["violet"][1])
    paths = gated(network)
    one, other = (look(network, x_of(rgb), paths[0]).gates for rgb in (cat, coffee))
    apart = [float(np.abs(one[path] - other[path]).mean()) for path in paths]
    for each in apart:
        assert f"they differ by {each:.3f} on average" in texts(at)
    monkeypatch.chdir(tmp_path)
    Path("second.png").write_bytes(encode_png(coffee))
    Path("se_resnet_r4.safetensors").write_bytes((weights.FOLDER / "se_resnet_r4.safetensors").read_bytes())
    assert [numbers(line)[-1] for line in printed(at).splitlines()] == pytest.approx(apart, abs=1e-3)


def test_a_picture_beside_itself_has_the_same_gates_and_the_light_moves_the_first_stage() -> None:
    at = open_at(lang="en", view="compare", **{"with": "same"})
    assert texts(at).count("they differ by 0.000 on average") == 6, (
        "as title and in the words for the picture"
    )
    rows = re.findall(r"<tr><td class=words>(\d)</td><td>(\d+) %</td><td>(\d+) %</td>", html(at))
    light = [int(share) for _stage, share, _picture in rows]
    assert len(light) == 3
    assert light[0] > 50 > light[1] > light[2], "the light is settled early"


# The reduction ratio


def test_the_papers_numbers() -> None:
    at = open_at(lang="en", view="ratio")
    said = "\n".join(proofs(at))
    assert "= 2,514,944$" in said
    assert "= 28,071,976$" in said
    assert "published **2,500,000**" in said
    # Where the paper rounds first, the page says so.
    assert said.count(":orange-badge") == 1
    assert "0.26" in said
    assert "2,514,944" in html(at)
    at.toggle(key="squeeze-excitation.bias").set_value(True).run()
    said = "\n".join(proofs(at))
    assert "= 2,530,992$" in said
    assert "= 28,088,024$" in said
    assert "SE-ResNet-50: 28,088,024" in printed(at)


def test_what_our_networks_learned_is_in_the_table() -> None:
    at = open_at(lang="en", view="ratio", log="2")
    for reduction, each in se_resnet.runs().items():
        mean = 100 * np.mean([run.curve[-1].both for run in each])
        name = str(reduction) if reduction else "no gates"
        assert re.search(rf"<td class=words>{name}</td><td>[\d,]+</td><td>{mean:.1f} %</td>", html(at)), name


# Predict first


def test_predict_the_logit() -> None:
    at = open_at(lang="en", stage="3", c="2", predict="1")
    assert not proofs(at)
    assert "<table>" not in html(at)
    network, x = se_resnet.load(4), x_of(fit(load("cat"), 800))
    path = gated(network)[2]
    before, after = look(network, x, path).logits, force(network, x, path, 1, [0.0])[0]
    top = int(before.argmax())
    right = "up" if after[top] > before[top] else "down"
    at.radio(key="squeeze-excitation.guess").set_value(right)
    answer(at, "Check")
    assert at.success
    assert f"{after[top]:.3f}" in at.success[0].value
    assert proofs(at)
    at.button(key="squeeze-excitation.another").click().run()
    assert not at.exception
    assert not proofs(at)


@pytest.mark.parametrize("view", ["steps", "compare"])
def test_predict_says_nothing_before(view: str) -> None:
    at = open_at(lang="ko", view=view, predict="1")
    assert not proofs(at)
    assert "svg" not in texts(at)
    answer(at, "바로 보기")
    assert at.info
    assert proofs(at)


def test_predict_the_weights() -> None:
    at = open_at(lang="en", view="ratio", log="3", C="512", predict="1")
    assert not proofs(at)
    at.number_input(key="squeeze-excitation.guess").set_value(65536)
    answer(at, "Check")
    assert "Right: **65536**" in at.success[0].value


# torchvision's


def test_an_official_network_once_its_weights_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    file = torchvision.models.MobileNet_V3_Small_Weights.DEFAULT.url.rsplit("/", 1)[1]
    torch.manual_seed(0)
    torch.save(
        torchvision.models.mobilenet_v3_small(weights=None).state_dict(), tmp_path / "hub/checkpoints" / file
    )
    at = open_at(lang="en", net="mobilenet_v3_small", stage="9", force="1", view="steps")
    assert not at.warning
    assert len(proofs(at)) == 3
    assert ":orange-badge" not in texts(at)
    said = printed(at)
    gate = float(re.search(r"PyTorch \*\*([\d.]+)\*\*", proofs(at)[1])[1])  # type: ignore[index]
    assert numbers(said.splitlines()[0])[1] == pytest.approx(gate, abs=1e-3)
    for view in ("gates", "compare"):
        at.segmented_control(key="squeeze-excitation.view").set_value(view).run()
        assert not at.exception
        assert ":orange-badge" not in texts(at)
