"""The lesson "Why did it say that?": side by side, one by one, through the depth, and proved."""

import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torchvision
from streamlit.testing.v1 import AppTest
from torch import nn

from cnnviz import samples
from cnnviz.engine.local import shared_engine
from cnnviz.errors import ModelError
from cnnviz.explain.attribution import subjects
from cnnviz.explain.attribution.grad_cam import GradCam
from cnnviz.explain.attribution.gradients import IntegratedGradients
from cnnviz.explain.attribution.methods import METHODS, explain
from cnnviz.explain.attribution.picture import picture
from cnnviz.explain.attribution.subjects import Subject
from cnnviz.images import encode_png, fit
from cnnviz.messages import N_
from cnnviz.ui import explaining
from cnnviz.ui.attribution import sums
from cnnviz.ui.language import catalogue
from cnnviz.ui.photo import MAX_SIDE
from tests.explain.attribution.networks import untouched

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "attribution")
NOISE = np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8)


def found(settings, target: int = 282, photo: str = "cat"):  # type: ignore[no-untyped-def]
    subject = subjects.lite0()
    here = picture(subject.preprocess, fit(samples.load(photo), MAX_SIDE))
    return list(explain(subject.network, here, target, settings))[-1]


def captions(at: AppTest) -> str:
    return "\n".join(image.caption for element in at.get("image") for image in element.proto.imgs)


def panels(at: AppTest) -> list[dict[str, str]]:
    """The maps that stand side by side, as the component gets them."""
    (component,) = at.get("bidi_component")
    return json.loads(component.proto.json)["panels"]


def table(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html") if "<table" in element.proto.body)


def told(attribution) -> str:  # type: ignore[no-untyped-def]
    """What the page says of a map's strongest place."""
    row, column = divmod(int(attribution.map.argmax()), attribution.map.shape[1])
    return f"strongest at row {row}, column {column}."


def button(at: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(each for each in at.button if each.label == label)


def test_side_by_side() -> None:
    at = open_at()
    quick = [method.title for method in METHODS.values() if not method.slow]
    drawn = panels(at)
    assert [panel["title"] for panel in drawn] == quick
    assert all(panel["source"].startswith("data:image/png;base64,") for panel in drawn)
    grad_cam = found(GradCam())
    assert told(grad_cam) in drawn[2]["alt"]
    row, column = divmod(int(grad_cam.map.argmax()), 7)
    assert f">{row}, {column}</td>" in table(at)
    assert f">{grad_cam.map[3, 3]:.3g}</td>" in table(at), "row 112 and column 112 of 224 lie in cell 3, 3"
    assert [pill.label for pill in at.get("button_group") if "Class" in pill.label] == ["Class to explain"]
    assert len(proofs(at)) == 2
    assert all("agree]" in proof for proof in proofs(at))
    for method in METHODS.values():
        assert method.url in texts(at)
    assert untouched(shared_engine().module())


def test_what_is_chosen_is_in_the_link_and_back() -> None:
    at = open_at(on="cam.grad_cam", at="10_200", z="3.5", o="0.25")
    assert [panel["title"] for panel in panels(at)] == ["Grad-CAM", "CAM, by hand"]
    assert "at row 10, column 200" in table(at)
    styles = "".join(element.proto.body for element in at.get("html"))
    assert "--attribution-opacity: 0.25; --attribution-zoom: 3.5" in styles
    at.selectbox(key="explain.class.any").set_value(954).run()
    assert link(at)["class"] == "954"
    assert at.get("button_group")[1].value is None, "a banana is not among the first five"
    banana = found(GradCam(), 954)
    assert told(banana) in panels(at)[0]["alt"]
    again = open_at(**link(at))
    assert panels(again) == panels(at)
    assert table(again) == table(at)
    at.session_state["explain.class.top"] = 285
    button(at, "Reset").click().run()
    assert link(at)["class"] == "954", "like the photo, the class belongs to all lessons"
    assert "on" not in link(at)


def test_nothing_chosen_and_places_that_are_not_there() -> None:
    at = open_at(on="none", at="999_-3")
    assert panels(at) == []
    assert "<table" not in table(at)
    at = open_at(on="cam", at="5")
    assert "at row 5, column 0" in table(at)


def test_a_slow_method_joins_when_it_is_done() -> None:
    at = open_at(on="saliency.smooth_grad")
    assert [panel["title"] for panel in panels(at)] == ["Gradient (saliency)", "SmoothGrad"]
    assert panels(at)[1]["note"].startswith("full colour at"), "and not 5 of 25"
    assert not [each for each in at.button if each.label == "Stop"]


def test_what_was_stopped_stays_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnviz.explain.attribution.gradients.batch_size", lambda network, x: 2)
    with monkeypatch.context() as interrupted:
        interrupted.setattr(explaining, "work", lambda *arguments: None)
        at = open_at(view="one", steps="6")
    (job,) = at.session_state["explain.jobs"].values()
    job.stopped = True
    at.run()
    assert "Stopped; what there is stays: Integrated gradients 2 of 6." in texts(at)
    assert "Integrated gradients: 224 × 224" in captions(at)
    assert not proofs(at), "a part of the sum proves nothing"
    button(at, "Go on").click().run()
    assert "Stopped" not in texts(at)
    assert f"PyTorch **{found(IntegratedGradients(6)).sum:.4g}**" in proofs(at)[0]


@pytest.mark.parametrize(
    ("method", "parameters", "said"),
    [
        ("saliency", {}, "rises along the gradient"),
        ("input_x_gradient", {}, "differ]"),
        ("smooth_grad", {"n": "2", "noise": "0"}, "Standard deviation"),
        ("smooth_grad", {"n": "3", "noise": "1"}, "agree]"),
        ("integrated_gradients", {"steps": "2", "base": "noise"}, "S(x) - S(x')"),
        ("grad_cam", {"layer": "stages.stem", "relu": "0"}, "PyTorch **112**"),
        ("guided_grad_cam", {"layer": "stages.stage5.0"}, "PyTorch **14**"),
        ("occlusion", {"w": "112", "s": "112", "fill": "blur"}, "PyTorch **4**"),
        ("cam", {}, "Logit, from the class activation map"),
    ],
)
def test_one_method_with_its_settings(method: str, parameters: dict[str, str], said: str) -> None:
    at = open_at(view="one", m=method, photo="flower", **parameters)
    assert METHODS[method].url in texts(at)
    assert f"{METHODS[method].title}: " in captions(at)
    (proof,) = proofs(at)
    assert said in proof
    assert link(at)["m"] == method if method != "integrated_gradients" else "m" not in link(at)
    assert "cnnviz" not in source(at)
    compile(source(at), method, "exec")


def test_a_stride_beyond_the_window_is_explained() -> None:
    at = open_at(view="one", m="occlusion", w="8", s="112")
    assert "stride is 112; it must be at most the window, 8" in at.warning[0].value
    assert source(at)


def test_through_the_depth() -> None:
    at = open_at(view="depth", d="3")
    third = found(GradCam("stages.stage2.0"))
    assert f"Layer 3 of 18, stages.stage2.0: 56 × 56, 0 to {third.map.max():.3g}; {told(third)}" in captions(
        at
    )
    assert "PyTorch **56**" in proofs(at)[0]
    for number in (1, 18):
        at.slider(key="attribution.d").set_value(number).run()
        assert not at.exception
        assert f"Layer {number} of 18" in captions(at)
    at.toggle(key="attribution.relu").set_value(False).run()
    assert link(at) == {"lang": "en", "view": "depth", "relu": "0"}


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "COUNTS", (2, 4, 8, 128))


@pytest.mark.usefixtures("few_steps")
def test_the_sums_come_near_what_they_should_be() -> None:
    at = open_at(view="sums", most="8")
    line, curve = json.loads(at.get("plotly_chart")[0].proto.spec)["data"]
    assert curve["x"] == [2, 4, 8]
    whole = found(IntegratedGradients(8))
    assert curve["y"][-1] == pytest.approx(whole.sum, abs=1e-3)
    assert line["y"][0] == pytest.approx(whole.score - whole.baseline_score, abs=1e-3)
    assert f"{whole.delta:+.3f}".replace("-", "−") in table(at)
    assert "Sum of all attributions, 8 steps" in proofs(at)[0]


def test_cam_is_grad_cam() -> None:
    at = open_at(view="equality", photo="coffee")
    assert len(proofs(at)) == 3
    assert all("agree]" in proof for proof in proofs(at))
    assert "Z = 7 \\cdot 7 = 49" in proofs(at)[0]
    assert re.search(r"Largest difference of CAM and 49 · Grad-CAM: \d\.\de-0[4-9] of", texts(at))
    cams = re.findall(r"strongest at row (\d), column (\d)", captions(at))
    assert cams[0] == cams[1]


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("view", ["compare", "one", "depth", "sums", "equality"])
def test_every_view_in_korean(view: str) -> None:
    at = open_at(view=view, lang="ko", m="guided_grad_cam", most="8")
    ours = catalogue("ko").gettext
    assert ours("agree") in texts(at) or ours("differ") in texts(at)
    assert ours("Class to explain") in [each.label for each in at.get("button_group")]
    assert at.title[0].value == ours("Why did it say that?")


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(on="saliency.magic", net="perceptron", z="99", at="a", **{"class": "1000"})
    said = "\n".join(warning.value for warning in at.warning)
    for wrong in ("on=saliency.magic", "net=perceptron", "z=99", "at=a", "class=1000"):
        assert wrong in said
    assert len(panels(at)) == 5


def test_a_network_without_pooling_has_no_cam(monkeypatch: pytest.MonkeyPatch) -> None:
    network = torchvision.models.squeezenet1_1(weights=None).eval().requires_grad_(False)
    lite0 = subjects.lite0()
    other = Subject("squeezenet1_1", network, lite0.class_names, lite0.crop_box, lite0.preprocess)
    monkeypatch.setattr(subjects, "at_hand", lambda: ("squeezenet1_1",))
    monkeypatch.setattr(subjects, "classifier", lambda name, device: other)
    at = open_at(net="squeezenet1_1", on="grad_cam.cam")
    assert link(at)["net"] == "squeezenet1_1"
    first, second = panels(at)
    assert first["source"]
    assert not second["source"]
    assert "does not end in global average pooling" in at.warning[0].value
    at = open_at(net="squeezenet1_1", view="equality")
    assert "does not end in global average pooling" in at.warning[0].value
    assert 'get_model("squeezenet1_1"' in source(at)
    assert isinstance(network, nn.Module)
    assert untouched(network)


def test_without_a_network_the_page_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(device: str = "cpu") -> Subject:
        raise ModelError(N_("there is no network called {network}"), network="x")

    monkeypatch.setattr(subjects, "lite0", missing)
    at = open_at()
    assert at.warning
    assert source(at)


@pytest.mark.usefixtures("few_steps")
def test_predicting_first() -> None:
    at = open_at(predict="1")
    assert "Grad-CAM: in which quarter of the picture does most of what speaks for “tiger cat” lie?" in texts(
        at
    )
    assert not at.get("bidi_component")
    assert not proofs(at)
    at.radio[0].set_value(found(GradCam()).quarter())
    button(at, "Check").click().run()
    assert at.success[0].value.startswith("Right: ")
    assert panels(at)
    at.slider(key="attribution.z").set_value(4.0).run()
    assert at.success, "the zoom asks nothing new"
    button(at, "Another question").click().run()
    assert not at.exception
    assert at.session_state["attribution.quiz"] != "grad_cam"

    at = open_at(predict="1", view="equality")
    at.number_input[0].set_value(7)
    button(at, "Check").click().run()
    assert "it is **49**" in at.warning[0].value
    assert len(proofs(at)) == 3

    at = open_at(predict="1", view="one", m="smooth_grad", n="2")
    assert "SmoothGrad: in which quarter" in texts(at)
    assert "SmoothGrad: 224" not in captions(at)

    at = open_at(predict="1", view="sums", most="8")
    assert not at.get("plotly_chart")
    at.radio[0].set_value("score")
    button(at, "Check").click().run()
    assert at.warning
    assert at.get("plotly_chart")


def test_the_code_prints_what_is_on_screen() -> None:
    at = open_at(on="grad_cam.cam")
    out = printed(at)
    lines = [line for line in out.splitlines() if "largest at" in line]
    for line, panel in zip(lines, panels(at), strict=True):
        row, column = re.search(r"largest at (\d+), (\d+)", line).groups()  # type: ignore[union-attr]
        assert f"strongest at row {row}, column {column}." in panel["alt"]
        high = float(re.search(r"to ([\d.]+),", line).group(1))  # type: ignore[union-attr]
        shown = float(re.search(r" to ([\d.]+);", panel["alt"]).group(1))  # type: ignore[union-attr]
        assert high == pytest.approx(shown, rel=0.01)
    logit = re.search(r"logit: ([\d.]+)", out).group(1)  # type: ignore[union-attr]
    assert float(logit) == pytest.approx(found(METHODS["cam"].settings()).score, abs=0.01)


def test_the_notebook_carries_the_own_photo(tmp_path: Path) -> None:
    at = open_at(NOISE, view="depth", d="18")
    out = notebook_text(source(at), tmp_path, encode_png(NOISE))
    row, column = re.search(r"strongest at row (\d+), column (\d+)", captions(at)).groups()  # type: ignore[union-attr]
    assert f"largest at {row}, {column}" in out


@pytest.mark.parametrize("shape", [(1, 1), (800, 2)])
def test_photos_of_any_shape(shape: tuple[int, int]) -> None:
    at = open_at(np.full((*shape, 3), 77, np.uint8))
    assert len(panels(at)) == 5
    assert len(proofs(at)) == 2
    assert "photo" not in link(at), "an own photo is in no link"
