"""The lesson Receptive field, as a visitor's clicks see it."""

import contextlib
import io

import nbformat
import pytest
from nbclient import NotebookClient
from streamlit.testing.v1 import AppTest

from cnnviz import notebook
from cnnviz.layers.receptive_field import PRESETS, trace

PAGE = "pages/foundations/receptive_field.py"
AGREE = {"en": "agree", "ko": "일치"}


def open_at(**parameters: str) -> AppTest:
    at = AppTest.from_file("../../app.py", default_timeout=120)
    for turn in ("home", "page"):
        for name, value in parameters.items():
            at.query_params[name] = value
        if turn == "page":
            # The page's address is not its file's name: AppTest knows it once the router has run.
            at.switch_page(PAGE)
        at.run()
    assert not at.exception
    return at


def source(at: AppTest) -> str:
    return next(code.value for code in at.code if code.language == "python")


def printed(at: AppTest) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(source(at), {})
    return out.getvalue()


def texts(at: AppTest) -> str:
    return "\n".join(element.value for element in at.markdown)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("view", ["layers", "photo", "network"])
def test_every_view_and_every_extreme(view: str, language: str) -> None:
    parameters = {"model": "alexnet"} if view == "network" else {}
    at = open_at(view=view, lang=language, **parameters)
    # A network's proof by gradient takes seconds, and waits to be asked for.
    assert (AGREE[language] in texts(at)) == (view != "network")
    for index in range(len([slider for slider in at.slider if not slider.disabled])):
        for end in ("min", "max"):
            sliders = [slider for slider in at.slider if not slider.disabled]
            if index < len(sliders):
                sliders[index].set_value(getattr(sliders[index], end)).run()
                assert not at.exception, (index, end)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_proves_its_field(preset: str) -> None:
    at = open_at()
    at.selectbox(key="receptive-field.preset").set_value(preset).run()
    assert not at.exception
    size = trace(PRESETS[preset].layers)[-1].size
    assert str(size) in texts(at).replace(",", "")


def test_a_stack_travels_in_the_link_and_its_code_gives_its_field() -> None:
    at = open_at()
    at.selectbox(key="receptive-field.preset").set_value("alexnet").run()
    link = {name: value if isinstance(value, str) else value[0] for name, value in at.query_params.items()}
    assert "stack" in link
    again = open_at(**link)
    assert again.selectbox(key="receptive-field.preset").value == "alexnet"
    again.slider(key="receptive-field.n").set_value(227).run()
    out = printed(again)
    last = trace(PRESETS["alexnet"].layers)[-1]
    assert last.size == 195
    assert str(last.size) in out
    assert str(last.jump) in out


def test_a_stack_that_leaves_nothing_is_explained() -> None:
    at = open_at()
    at.selectbox(key="receptive-field.preset").set_value("alexnet").run()
    assert not at.warning
    at.slider(key="receptive-field.n").set_value(2).run()
    assert not at.exception
    assert at.warning


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(stack="c3-banana", n="0")
    said = " ".join(warning.value for warning in at.warning)
    assert "stack=c3-banana" in said
    assert "n=0" in said
    assert at.slider(key="receptive-field.n").value == 16


@pytest.mark.parametrize(("model", "field"), [("alexnet", 195), ("vgg16", 212)])
def test_published_fields_of_named_networks(model: str, field: int) -> None:
    at = open_at(view="network", model=model)
    assert str(field) in texts(at)
    assert str(field) in printed(at)


def test_gradient_proves_a_stage_on_demand() -> None:
    at = open_at(view="network", model="alexnet")
    before = texts(at)
    button = next(button for button in at.button if button.label == "Prove it by gradient")
    button.click().run()
    assert not at.exception
    assert texts(at) != before
    assert "PyTorch" in texts(at)


def test_prediction_hides_the_proof_until_answered() -> None:
    at = open_at(predict="1")
    assert AGREE["en"] not in texts(at)
    at.number_input(key="receptive-field.guess").set_value(7)
    at.button(key="FormSubmitter:receptive-field.form-Check").click().run()
    assert not at.exception
    assert any("7" in success.value for success in at.success)
    assert AGREE["en"] in texts(at)


def test_notebook_runs() -> None:
    at = open_at()
    book = nbformat.reads(notebook.build("Field", "", "", source(at)).decode(), as_version=4)
    NotebookClient(book, timeout=120).execute()
    out = "".join(output.text for cell in book.cells if cell.cell_type == "code" for output in cell.outputs)
    assert out == printed(at)
