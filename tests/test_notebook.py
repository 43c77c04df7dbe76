import json

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from cnnviz import notebook

SOURCE = """\
x = 20

# %%
print(x + 2)
"""


def test_cells_run_in_order() -> None:
    data = notebook.build("Title", "Words.", "http://localhost/x?a=1", SOURCE)
    book = nbformat.reads(data.decode(), as_version=4)
    NotebookClient(book, timeout=120).execute()
    assert [cell.cell_type for cell in book.cells] == ["markdown", "code", "code"]
    assert book.cells[2].outputs[0].text == "22\n"
    assert "http://localhost/x?a=1" in book.cells[0].source


def test_a_broken_cell_would_be_noticed() -> None:
    book = nbformat.reads(notebook.build("T", "", "", "1/0").decode(), as_version=4)
    with pytest.raises(CellExecutionError):
        NotebookClient(book, timeout=120).execute()


def test_same_state_same_file() -> None:
    assert notebook.build("T", "w", "l", SOURCE) == notebook.build("T", "w", "l", SOURCE)


def test_own_photo_travels_inside() -> None:
    cells = json.loads(notebook.build("T", "", "", "x = 1", b"png bytes"))["cells"]
    assert notebook.PHOTO_FILE in "".join(cells[1]["source"])
