"""A visit to one lesson without a browser, and what is on the page."""

import contextlib
import io
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbclient import NotebookClient
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from cnnviz import notebook
from cnnviz.lessons import BY_ID
from cnnviz.ui.photo import OWN


def arrive(lesson: str, own: NDArray[np.uint8] | None = None, /, **parameters: str) -> AppTest:
    """On the way to a lesson by a link with `parameters`, an own photo uploaded before; not drawn yet."""
    at = AppTest.from_file("../../app.py", default_timeout=120)
    page = BY_ID[lesson].page

    def follow() -> None:
        for name, value in parameters.items():
            at.query_params[name] = value

    follow()
    if own is not None:
        at.session_state["photo.own"] = own
        at.session_state["photo"] = OWN
    if Path(page).stem != lesson:
        # AppTest knows an address that is not the file's name once the router has run.
        at.run()
        follow()
    at.switch_page(page)
    return at


def visit(lesson: str, own: NDArray[np.uint8] | None = None, /, **parameters: str) -> AppTest:
    """A lesson, drawn without an exception."""
    at = arrive(lesson, own, **parameters).run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    """All prose on the page."""
    return "\n".join(element.value for element in at.markdown)


def proofs(at: AppTest) -> list[str]:
    """What says of itself whether it agrees."""
    return [element.value for element in at.markdown if "badge[:material" in element.value]


def link(at: AppTest) -> dict[str, str]:
    """The address's parameters: lists as they were given, text once the page has written them."""
    return {name: value if isinstance(value, str) else value[0] for name, value in at.query_params.items()}


def source(at: AppTest) -> str:
    """The code that the lesson hands out."""
    return [code.value for code in at.code if code.language == "python"][-1]


def printed(at: AppTest) -> str:
    """What that code prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(source(at), {"__name__": "notebook"})
    return out.getvalue()


def notebook_outputs(code: str, folder: Path, *carried: Any) -> list[dict[str, Any]]:
    """Build the notebook of `code` with what it carries, run it in `folder`, and return its cells' outputs."""
    book = nbformat.reads(notebook.build("수업", "글", "link", code, *carried).decode(), as_version=4)
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return [output for cell in book.cells for output in cell.get("outputs", [])]


def notebook_text(code: str, folder: Path, *carried: Any) -> str:
    """What that notebook prints."""
    return "".join(output.get("text", "") for output in notebook_outputs(code, folder, *carried))
