"""The lesson on residual blocks, its views on trained networks: degradation, and deleted blocks."""

import re
from functools import partial
from pathlib import Path

import pytest
import torch
from streamlit.runtime.caching import clear_session_resource_cache

from cnnviz.training.degradation import NETWORKS, STEPS, Setup, error, lesions, load, predict, train
from cnnviz.training.pictures import pictures
from cnnviz.ui.residual.deletion import weights_file

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "residual")
VIEWS = ("degradation", "deletion")


def cells(at) -> list[list[str]]:
    """The table of errors at the end of the curves, row by row."""
    (html,) = [each.proto.body for each in at.get("html") if "<td class=words>plain-20" in each.proto.body]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in html.split("<tr>")[2:]]


def tables(at) -> str:
    return "".join(each.proto.body for each in at.get("html"))


def captions(at) -> str:
    return "\n".join(each.value for each in at.caption)


@pytest.mark.parametrize("view", VIEWS)
def test_every_slider_at_both_ends_and_every_choice(view: str) -> None:
    at = open_at(lang="ko", view=view)
    for key in [slider.key for slider in at.slider if not slider.disabled]:
        for end in ("min", "max"):
            slider = at.slider(key=key)
            slider.set_value(getattr(slider, end)).run()
            assert not at.exception, (key, end)
            assert proofs(at)
            assert ":orange-badge" not in texts(at), (key, end)
    at.selectbox(key="residual.pic").select("shapes").run()
    assert ":orange-badge" not in texts(at)
    if view == "deletion":
        at.segmented_control(key="residual.deep").set_value("56").run()
        at.slider(key="residual.b").set_value(27).run()
        assert ":orange-badge" not in texts(at)
        assert "27" in texts(at)
    for key in [toggle.key for toggle in at.toggle if view == "degradation" and toggle.key != "predict"]:
        at.toggle(key=key).set_value(False).run()
    assert not at.exception


@pytest.mark.parametrize(
    ("name", "text", "view"),
    [("wide", "99", "degradation"), ("steps", "abc", "degradation"), ("p20", "2", "degradation"), ("b", "0", "deletion"), ("deep", "21", "deletion")],
)  # fmt: skip
def test_nonsense_in_the_link_is_explained(name: str, text: str, view: str) -> None:
    at = open_at(lang="en", view=view, **{name: text})
    assert any(f"{name}={text}" in warning.value for warning in at.warning)
    assert proofs(at)


def test_no_network_at_all_is_explained() -> None:
    at = open_at(lang="en", view="degradation", p20="0", r20="0", p56="0", r56="0")
    assert [warning.value for warning in at.warning] == [
        f"the networks are –; expected some of {', '.join(NETWORKS)}"
    ]
    assert "Deeper" in at.subheader[0].value
    at.segmented_control(key="residual.view").set_value("deletion").run()
    assert not at.exception
    assert "comes with this page" in captions(at)


@pytest.mark.parametrize(
    "state",
    [
        {"lang": "en", "view": "degradation", "pic": "shapes", "r56": "0", "wide": "2", "steps": "20", "runseed": "3"},
        {"lang": "en", "view": "deletion", "deep": "56", "b": "11", "many": "3", "g": "2"},
    ],
)  # fmt: skip
def test_the_state_is_in_the_link(state: dict[str, str]) -> None:
    at = open_at(**state)
    assert link(at) == state
    moved = "runseed" if "runseed" in state else "b"
    at.slider(key=f"residual.{moved}").set_value(6).run()
    assert link(at) == {**state, moved: "6"}


def test_the_shipped_run() -> None:
    at = open_at(lang="en", view="degradation")
    run = load("digits")
    assert "width 4, seed 0, 400 steps" in captions(at)
    for name, _step, seen, unseen, _more in cells(at):
        end = run.curves[name.lower()][-1]
        assert (seen, unseen) == (f"{end.train_error:.1%}", f"{end.test_error:.1%}"), name
    assert "28.54%" in tables(at)
    assert "25.03%" in tables(at)
    assert "formula **54,214** · PyTorch **54,214**" in texts(at)
    at = open_at(lang="en", view="degradation", wide="16", p20="0")
    assert "published **2.7e+05**" in texts(at)


def test_training_in_the_page_its_code_and_what_deletion_makes_of_it() -> None:
    clear_session_resource_cache("test session id")
    at = open_at(lang="en", view="degradation", wide="2", steps="20", runseed="5", p56="0", r56="0")
    shipped = cells(at)
    at.button(key="residual.training.train").click().run()
    assert not at.exception
    status = at.session_state["training.seat"].job.wait(60)
    assert status.state == "done", status.error
    at.run()
    assert cells(at) != shipped
    said = printed(at)
    for name, _step, seen, unseen, _more in cells(at):
        (line,) = [line for line in said.splitlines() if line.startswith(name.lower())]
        numbers = [float(number) for number in re.findall(r"([\d.]+)%", line)]
        assert numbers == pytest.approx([float(seen[:-1]), float(unseen[:-1])], abs=0.051), name
        assert "4456 parameters" in line
    # The other view takes its networks; those that weren't trained are the shipped ones.
    at.segmented_control(key="residual.view").set_value("deletion").run()
    assert "Your own run: width 2, seed 5, 20 steps." in captions(at)
    network = status.progress.trained["resnet-20"]
    data = pictures("digits")
    left = predict(network, torch.tensor(data.test), [4]) != torch.tensor(data.test_labels)
    assert f"ResNet-20 without block 5: **{left.double().mean():.1%}**" in texts(at)
    at.segmented_control(key="residual.deep").set_value("56").run()
    assert "comes with this page" in captions(at)
    # Settings of another run show the shipped one again.
    at.segmented_control(key="residual.view").set_value("degradation").run()
    at.slider(key="residual.runseed").set_value(6).run()
    assert cells(at) == shipped


def test_deleted_blocks(tmp_path: Path) -> None:
    at = open_at(lang="en", view="deletion", b="2", many="2")
    data, run = pictures("digits"), load("digits")
    images, labels = torch.tensor(data.test), torch.tensor(data.test_labels)
    networks = {name: run.trained[name] for name in ("resnet-20", "plain-20")}
    code = source(at)
    said = notebook_text(code, tmp_path, None, {"weights.npz": weights_file(networks)})
    for name, network in networks.items():
        left = float((predict(network, images, [1, 2]) != labels).double().mean())
        title = name.replace("resnet", "ResNet")
        assert f"{title} without blocks 2 to 3: **{left:.1%}**" in texts(at)
        assert (
            f"{name}: test error {error(network, images, labels):.2%}, without the blocks [1, 2] {left:.2%}"
            in said
        )
        assert ", ".join(f"{value:.1%}" for value in lesions(network, images, labels)) in said
    first = [data.classes[number] for number in predict(networks["resnet-20"], images[:8]).tolist()]
    assert re.findall(r"<td[^>]*>(?:✗ )?(\w+)</td>", tables(at).split("ResNet-20</th>")[1])[:8] == first
    # At the end of the chain fewer are left to delete.
    at.slider(key="residual.b").set_value(9).run()
    assert "without block 9" in texts(at)


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_given_away_before_the_answer(view: str) -> None:
    at = open_at(lang="en", view=view, predict="1")
    assert not proofs(at)
    assert not at.get("plotly_chart")
    assert "✗" not in tables(at)
    run = load("digits")
    ends = {name: points[-1].train_error for name, points in run.curves.items()}
    if view == "degradation":
        answer = max(ends, key=lambda name: ends[name])
    else:
        data = pictures("digits")
        images, labels = torch.tensor(data.test), torch.tensor(data.test_labels)
        network = run.trained["resnet-20"]
        cost = lesions(network, images, labels)[4] - error(network, images, labels)
        answer = "little" if cost <= 0.02 else "some" if cost <= 0.1 else "much"
    at.radio(key="residual.guess").set_value(answer)
    at.button(key="FormSubmitter:residual.form-Check").click().run()
    assert at.success[0].value.startswith("Right")
    assert proofs(at)
    at.button(key="residual.another").click().run()
    assert not at.exception
    assert not proofs(at)


def test_settings_of_a_page_train_as_the_command_does() -> None:
    """The shipped run is what the page would train with its first settings, but for float16."""
    assert Setup("digits") == Setup("digits", tuple(NETWORKS), 4, 0, STEPS)
    snapshot = next(train(Setup("digits")))
    for name, points in snapshot.curves.items():
        start = load("digits").curves[name][0]
        assert (points[0].train_error, points[0].test_error) == pytest.approx(
            (start.train_error, start.test_error), abs=0.01
        )
