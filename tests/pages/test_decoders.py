"""The decoders lesson, as a visitor's clicks see it."""

import base64
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from streamlit.runtime.caching import clear_session_resource_cache

from cnnviz.metrics.scenes import SceneSettings, draw
from cnnviz.training import autoencoder
from cnnviz.training.autoencoder import load, train
from cnnviz.training.pictures import pictures
from cnnviz.ui.decoders import autoencoder as view
from cnnviz.upsampling import decoder_code, shape_fcn
from cnnviz.upsampling.odd_sizes import ladder

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "decoders")

VIEWS: tuple[dict[str, str], ...] = (
    {"view": "operators"},
    {"view": "codes", "op": "max_unpooling"},
    {"view": "fcn"},
    {"view": "unet"},
    {"view": "unet", "net": "paper"},
    {"view": "deconvnet"},
    {"view": "deconvnet", "on": "decoder"},
)
NAMES = ["-".join(view.values()) for view in VIEWS]


def table(at) -> dict[str, tuple[str, str]]:
    """Error and weights of each row of the strips."""
    (html,) = [each.proto.body for each in at.get("html") if "strips" in each.proto.body]
    rows = re.findall(r'<th scope="row">(.*?)</th>.*?<td>(.*?)</td><td>(.*?)</td>', html)
    return {name: (error, weights) for name, error, weights in rows}


def captions(at) -> list[str]:
    return [image.proto.imgs[0].caption for image in at.get("image") if image.proto.imgs[0].caption]


@pytest.mark.parametrize("chosen", VIEWS, ids=NAMES)
def test_every_slider_at_both_ends_and_every_choice(chosen: dict[str, str]) -> None:
    at = open_at(lang="ko", **chosen)
    for key in [slider.key for slider in at.slider if not slider.disabled]:
        for end in ("min", "max"):
            slider = at.slider(key=key)
            slider.set_value(getattr(slider, end)).run()
            assert not at.exception, (key, end)
            assert ":orange-badge" not in texts(at), (key, end)
    for key in [box.key for box in at.selectbox]:
        for option in at.selectbox(key=key).options[1:]:
            at.selectbox(key=key).select(option).run()
            assert not at.exception, (key, option)
            assert ":orange-badge" not in texts(at), (key, option)


@pytest.mark.parametrize(
    ("name", "text", "chosen"),
    [("z", "3.5", "operators"), ("op", "cubic", "codes"), ("h", "1", "unet"), ("cell", "a", "codes")],
)
def test_nonsense_in_the_link_is_explained(name: str, text: str, chosen: str) -> None:
    at = open_at(lang="en", view=chosen, **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert proofs(at)


def test_the_state_is_in_the_link() -> None:
    state = {"lang": "en", "view": "codes", "d": "shapes", "z": "2", "op": "bilinear", "cell": "3_4"}
    at = open_at(**state)
    assert link(at) == state
    at.slider(key="decoders.z").set_value(8).run()
    assert link(at) == {name: text for name, text in state.items() if name != "z"}


# Each operator in turn


def test_errors_and_weights_are_the_shipped_runs() -> None:
    rows = table(open_at(lang="en", z="2", op="unpool_convolve"))
    errors = load("digits", 2).errors(pictures("digits").test)
    assert rows["Pixel shuffle"] == (f"{errors['pixel_shuffle']:.4f}", "7,177")  # 64·3 + 32·145 + 32·73 + 9
    assert rows["No map: dense layers"][0] == f"{errors['dense']:.4f}"
    assert len(rows) == 10
    assert float(rows["Principal components"][0]) > errors["dense"], (
        "two numbers are better used by an encoder"
    )


def test_training_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "train", lambda setup: train(replace(setup, steps=4)))
    clear_session_resource_cache("test session id")
    at = open_at(lang="en", z="2", seed="5")
    shipped = table(at)["Bilinear"]
    at.button(key="decoders.training.train").click().run()
    assert not at.exception
    job = at.session_state["training.seat"].job
    status = job.wait(60)
    assert status.state == "done", status.error
    at.run()
    (*_, last) = train(autoencoder.Setup("digits", 2, 5, steps=4))
    assert table(at)["Bilinear"] == (f"{last.trained.history['bilinear'][-1][1]:.4f}", shipped[1])
    assert table(at)["Bilinear"] != shipped
    # The other views go on with it, and other settings show the shipped run again.
    at.segmented_control(key="decoders.view").set_value("codes").run()
    assert not at.exception
    assert "comes with this page" not in "".join(each.value for each in at.caption)
    at.segmented_control(key="decoders.view").set_value("operators").run()
    at.slider(key="decoders.seed").set_value(0).run()
    assert table(at)["Bilinear"] == shipped


def test_code_of_the_training() -> None:
    text = source(open_at(lang="en", z="2", seed="1", op="transposed"))
    assert f"latent, side, seed, steps = 2, 8, 1, {autoencoder.STEPS}" in text
    assert "nn.ConvTranspose2d(16, 8, 3" in text


# The map of codes


def test_a_place_is_decoded_and_its_code_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_at(lang="en", view="codes", z="2", cell="2_9", op="unpool_convolve", lend="7")
    shown = re.search(r"Code: `([^`]*)`", texts(at))
    assert shown
    run, data = load("digits", 2), pictures("digits")
    codes, indices = run.encode(data.test)
    code = autoencoder.plane(codes).code(*(x * 0.24 - 1.2 for x in (9, 8)))
    assert [float(x) for x in shown[1].split(",")] == pytest.approx(code.tolist(), abs=0.006)
    packed = decoder_code.archive(
        run.decoders["unpool_convolve"], code=code.numpy(),
        first=indices[0][6:7].numpy(), second=indices[1][6:7].numpy(),
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("weights.npz").write_bytes(packed)
    said = printed(at)
    (book := tmp_path / "book").mkdir()
    assert said == notebook_text(source(at), book, None, {"weights.npz": packed})
    assert [float(x) for x in re.findall(r"-?\d+\.\d+", said.splitlines()[0])] == pytest.approx(
        code.tolist(), abs=0.001
    )


# Skips, sizes, indices


def test_skips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_at(lang="en", view="fcn", scene="3", a8="0")
    scene = draw(SceneSettings(40, seed=3), 2)
    truth = shape_fcn.truth(scene)
    way = shape_fcn.follow(shape_fcn.load(), scene.image, 1, 0)
    (svg,) = [each.value for each in at.markdown if "<svg" in each.value]
    for head, labels in way.labels.items():
        assert f"{(labels == truth).mean():.1%} right" in svg, head
    monkeypatch.chdir(tmp_path)
    Path("weights.npz").write_bytes(decoder_code.archive(shape_fcn.load(), image=scene.image, truth=truth))
    assert f"FCN-8s {(way.labels['8s'] == truth).mean():.2%}" in printed(at)
    image = re.search(r'href="data:image/png;base64,([^"]+)"', svg)
    assert image
    assert base64.b64decode(image[1]).startswith(b"\x89PNG")


def test_seven_three_six_and_the_cures() -> None:
    at = open_at(lang="en", view="unet")
    assert "Expected size 6 but got size 7" in at.error[0].value
    assert "Sizes that fit without a cure: 6 × 6 or 8 × 8." in texts(at)
    assert printed(at).splitlines()[-1].startswith("Sizes of tensors must match")
    for cure in ("output_padding", "pad", "crop", "size"):
        at = open_at(lang="en", view="unet", cure=cure)
        assert not at.error
        output = ladder((7, 7), 1, cure).output  # type: ignore[arg-type]
        assert printed(at).splitlines()[-1] == f"up {output}"
    assert "smaller than the input" in texts(open_at(lang="en", view="unet", cure="crop"))


def test_a_map_too_small_is_explained() -> None:
    at = open_at(lang="ko", view="unet", h="2", n="5")
    assert len(at.warning) == 1
    assert at.subheader


def test_the_published_unet() -> None:
    at = open_at(lang="en", view="unet", net="paper")
    assert "published **388**" in texts(at)
    assert "published **28**" in texts(at)
    assert printed(at).splitlines()[-1] == "up 388"
    at.slider(key="decoders.side").set_value(570).run()
    assert "published" not in "".join(proofs(at))
    assert "even side" in at.warning[0].value


def test_unpooling_the_photo() -> None:
    at = open_at(lang="en", view="deconvnet", n="3", handed="corner", photo="coffee")
    said = re.search(r"(\d+) of (\d+) pixels", printed(at))
    assert said
    assert captions(at)[-1].endswith(f"{int(said[1]) / int(said[2]):.1%} of the pixels written")
    assert f"**{int(said[1]):,}**" in "".join(proofs(at))


# Predict first


@pytest.mark.parametrize("chosen", VIEWS, ids=NAMES)
def test_asked_first(chosen: dict[str, str]) -> None:
    at = open_at(lang="en", predict="1", **chosen)
    assert not proofs(at)
    assert not [each for each in at.markdown if "<svg" in each.value]
    assert not [each for each in at.get("html") if "strips" in each.proto.body]
    at.button(key="decoders.show").click().run()
    assert proofs(at)
    at.button(key="decoders.another").click().run()
    assert not at.exception
    assert not proofs(at)


def test_a_right_answer() -> None:
    at = open_at(lang="en", predict="1", view="unet", h="100", w="90", n="3")
    at.number_input(key="decoders.guess").set_value(1)
    at.button(key="FormSubmitter:decoders.form-Check").click().run()
    assert at.success[0].value.startswith("Right: **1**")
    at = open_at(lang="en", predict="1", view="operators", z="2")
    errors = load("digits", 2).errors(pictures("digits").test)
    kinds = ("nearest", "bilinear", "transposed", "pixel_shuffle", "resize_convolve")
    at.radio(key="decoders.guess").set_value(min(kinds, key=lambda kind: errors[kind]))
    at.button(key="FormSubmitter:decoders.form-Check").click().run()
    assert at.success[0].value.startswith("Right")
