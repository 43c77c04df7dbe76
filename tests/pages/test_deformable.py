"""The lesson on deformable convolution, as a visitor's clicks see it."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from cnnviz.blocks.deformable_net import KINDS, look
from cnnviz.blocks.deformable_points import SHAPES, Drawn, maps
from cnnviz.images import fit
from cnnviz.layers.kernels import GREY, PRESETS
from cnnviz.samples import load
from cnnviz.training import deformable as training
from cnnviz.training.pictures import pictures
from cnnviz.training.warped_digits import warp
from cnnviz.weights import FOLDER

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "deformable")


def cat() -> np.ndarray:
    """Its grey levels, as the lesson sees them."""
    photo = fit(fit(load("cat"), 800), 48)
    return ((photo.astype(np.int32) @ GREY + 500) // 1000).astype(float)


def alts(at: AppTest) -> list[str]:
    return [image.proto.imgs[0].alt for image in at.get("image")]


def ends(at: AppTest) -> None:
    """Every slider of the view at its largest and its smallest, where all must go well."""
    for key in [slider.key for slider in at.slider if not slider.key.endswith(".only")]:
        for end in ("max", "min"):
            at.slider(key=key).set_value(getattr(at.slider(key=key), end)).run()
            assert not at.exception, (key, end)
            assert not at.warning, (key, end)
            assert proofs(at)
            assert ":orange-badge" not in texts(at), (key, end)


# Points


def test_every_shape_and_slider_of_points() -> None:
    at = open_at(lang="ko", v2="1")
    ends(at)
    for shape in SHAPES:
        at.selectbox(key="deformable.o").select(shape).run()
        own = ("f", "a", "fy", "fx", "dy", "dx", "r")
        for name in own:
            if any(slider.key == f"deformable.{name}" for slider in at.slider):
                slider = at.slider(key=f"deformable.{name}")
                slider.set_value(slider.max).run()
        assert not at.exception, shape
        assert not at.warning, shape
        assert ":orange-badge" not in texts(at), shape
    for kernel in ("box", "identity"):
        at.selectbox(key="deformable.w").select(kernel).run()
        assert not at.exception
        assert ":orange-badge" not in texts(at)
    assert link(at)["o"] == "scattered"
    at.button(key="deformable.reseed").click().run()
    assert link(at)["seed"] == "1"


def test_the_output_is_the_cores() -> None:
    at = open_at(lang="en", o="shifted", dy="-1.5", dx="2", d="1", at="20_30")
    made = maps(cat(), PRESETS["sobel-x"].make(3, 3), Drawn("shifted", dy=-1.5, dx=2), np.ones(9))
    value = made.deformable[20, 30]
    assert f"formula **{value:.4g}** · PyTorch **{value:.4g}**" in texts(at)
    out = dict(re.findall(r"(.+): ([-\d.]+)", printed(at)))
    for way in ("by hand", "torchvision", "grid_sample"):
        assert float(out[way]) == pytest.approx(value, abs=1e-5), way
    assert float(out["ordinary"]) == pytest.approx(made.ordinary[20, 30], abs=1e-5)
    assert any(f"{made.deformable.min():.4g} to {made.deformable.max():.4g}" in alt for alt in alts(at))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"o": "scaled", "f": "2", "d": "2"}, "nn.Conv2d with dilation 4 instead"),
        ({"o": "shifted", "dy": "2", "dx": "-3"}, "its output moved by 2, -3"),
        ({"o": "rotated", "a": "-90"}, "its kernel turned by 270°"),
    ],
)  # fmt: skip
def test_what_offsets_amount_to(parameters: dict[str, str], said: str) -> None:
    at = open_at(lang="en", **parameters)
    assert said in texts(at)
    assert ":orange-badge" not in texts(at)


def test_code_of_every_shape() -> None:
    at = open_at(lang="en", v2="1", m="0.25")
    for shape in SHAPES:
        at.selectbox(key="deformable.o").select(shape).run()
        out = dict(re.findall(r"(.+): ([-\d.]+)", printed(at)))
        total = next(text for text in proofs(at) if text.startswith("**Output at row"))
        shown = float(re.search(r"formula \*\*([-\d.e+]+)", total)[1])  # type: ignore[index]
        assert float(f"{float(out['by hand']):.4g}") == pytest.approx(shown, abs=1e-3), shape
        assert float(out["torchvision"]) == pytest.approx(float(out["by hand"]), abs=1e-5)


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(lang="en", k="9", o="wild", at="x", d="0")
    warnings = " ".join(warning.value for warning in at.warning)
    assert all(each in warnings for each in ("k=9", "o=wild", "at=x", "d=0"))
    assert proofs(at)
    even = open_at(lang="en", k="4")
    assert "a kernel of 4 with a dilation of 2 can't be placed" in even.warning[0].value


def test_a_tiny_photo() -> None:
    at = open_at(np.full((1, 3, 3), 90, np.uint8), lang="en", o="scattered", at="40_40")
    assert not at.warning
    assert ":orange-badge" not in texts(at)


def test_predict_the_mixed_pixels() -> None:
    at = open_at(lang="en", predict="1", o="shifted", dy="0.5", dx="0", d="1")
    assert not proofs(at)
    assert "lies at row 12.5, column 17." in texts(at)
    at.number_input(key="deformable.guess").set_value(2)
    at.button[[button.label for button in at.button].index("Check")].click().run()
    assert "Right: **2**" in at.success[0].value
    assert proofs(at)
    at.button(key="deformable.another").click().run()
    assert not at.exception
    assert not proofs(at)


# Learned offsets


def test_every_slider_of_learned() -> None:
    at = open_at(lang="ko", view="learned", at="13_0")
    ends(at)
    for kind in KINDS:
        at.segmented_control(key="deformable.net").set_value(kind).run()
        assert not at.exception
        assert ":orange-badge" not in texts(at)
    for layer in ("first", "second"):
        at.selectbox(key="deformable.layer").select(layer).run()
        assert not at.exception
    at.segmented_control(key="deformable.x").set_value("turn").run()
    assert not at.exception
    assert link(at)["x"] == "turn"


def test_learned_numbers_and_code(tmp_path: Path) -> None:
    at = open_at(lang="en", view="learned", g="8", s="140", t="-40", e="80", at="6_9")
    data = pictures("digits")
    one = torch.tensor(data.test[7:8])
    picture = warp(one, torch.tensor([1.4]), torch.tensor([-40.0]), torch.tensor([0.8]))[0]
    found = look(training.load().trained["deformable"], picture, (6, 9))
    tables = "".join(element.proto.body for element in at.get("html"))
    assert f"{found.dilations[1]:.2f}" in tables
    assert " × ".join(map(str, found.extent)) in tables
    weights = {"deformable.safetensors": (FOLDER / "deformable.safetensors").read_bytes()}
    out = notebook_text(source(at), tmp_path, None, weights)
    says = int(found.shares.argmax())
    assert f"a {data.test_labels[7]}: the network says {says}, sure to {found.shares.max():.4f}" in out
    assert f"effective dilation: {found.dilations[1]:.3f}" in out


def test_predict_the_surest() -> None:
    at = open_at(lang="en", view="learned", predict="1")
    assert not proofs(at)
    data = pictures("digits")
    picture = warp(torch.tensor(data.test[2:3]), *(torch.tensor([x]) for x in (1.2, 20.0, 1.0)))[0]
    run = training.load().trained
    shares = {kind: look(run[kind], picture, (7, 7)).shares[data.test_labels[2]] for kind in KINDS}
    at.radio(key="deformable.guess").set_value(max(shares, key=lambda kind: shares[kind]))
    at.button[[button.label for button in at.button].index("Check")].click().run()
    assert "Right:" in at.success[0].value
    assert proofs(at)


def test_damaged_weights_are_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cnnviz.ui.deformable.learned.load", lambda: training.load.__wrapped__(tmp_path))
    at = open_at(lang="en", view="learned")
    assert "deformable.safetensors cannot be loaded" in at.warning[0].value


# Cost


def test_every_slider_of_cost() -> None:
    at = open_at(lang="ko", view="cost")
    ends(at)
    at.toggle(key="deformable.v2").set_value(True).run()
    assert ":orange-badge" not in texts(at)


def test_cost_in_numbers() -> None:
    at = open_at(lang="en", view="cost", cin="32", cout="16", k="5", v2="1", h="6")
    added = 75 * (25 * 32 + 1)
    assert f"formula **{added:,}** · PyTorch **{added:,}**" in texts(at)
    assert printed(at).split() == [
        "convolution:",
        str(25 * 32 * 16 + 16),
        "offsets:",
        str(added),
        "(1,",
        "16,",
        "6,",
        "6)",
    ]
    asked = open_at(lang="en", view="cost", k="5", v2="1", predict="1")
    assert not proofs(asked)
    asked.number_input(key="deformable.guess").set_value(75)
    asked.button[[button.label for button in asked.button].index("Check")].click().run()
    assert "Right: **75**" in asked.success[0].value
