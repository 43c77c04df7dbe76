"""A lesson's state as a Jupyter notebook: its link, its words and its code, ready to run."""

import base64
import zlib
from collections.abc import Mapping, Sequence

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CELL = "# %%"
"""A line that starts a new cell in exported code, as in editors that know cells."""

PHOTO_FILE = "photo.png"
"""Where exported code looks for the visitor's own photo."""


def split(source: str) -> Sequence[str]:
    """The cells of `source`, which stand between lines that begin with ``# %%``."""
    cells: list[list[str]] = [[]]
    for line in source.strip().splitlines():
        if line.startswith(CELL):
            cells.append([])
        else:
            cells[-1].append(line)
    return [text for text in ("\n".join(cell).strip() for cell in cells) if text]


def build(
    title: str,
    text: str,
    link: str,
    source: str,
    photo_png: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """Write the notebook.

    Args:
        title: the lesson's title.
        text: Markdown that opens the notebook.
        link: address that shows the same state.
        source: runnable Python; lines ``# %%`` split it into cells.
        photo_png: the visitor's own photo, which the notebook then carries and writes beside itself.
        files: other files that it carries, by name.

    Returns:
        The notebook's file, UTF-8 encoded.
    """
    cells = [new_markdown_cell(f"# {title}\n\n{text}\n\n{link}")]
    if photo_png is not None:
        encoded = base64.b64encode(photo_png).decode("ascii")
        cells.append(
            new_code_cell(
                "import base64, pathlib\n\n"
                f'pathlib.Path("{PHOTO_FILE}").write_bytes(base64.b64decode("{encoded}"))'
            )
        )
    for name, data in (files or {}).items():
        encoded = base64.b64encode(zlib.compress(data)).decode("ascii")
        cells.append(
            new_code_cell(
                "import base64, pathlib, zlib\n\n"
                f'packed = "{encoded}"\n'
                f'pathlib.Path("{name}").write_bytes(zlib.decompress(base64.b64decode(packed)))'
            )
        )
    cells += [new_code_cell(cell) for cell in split(source)]
    # Cell ids are random by default; numbered ones make the same state the same file.
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    notebook = new_notebook(
        cells=cells,
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.validate(notebook)
    return nbformat.writes(notebook).encode("utf-8")
