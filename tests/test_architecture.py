"""The direction of flow: pages -> ui + core -> results -> figures, and no arrow back."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([ROOT / "app.py", *(ROOT / "cnnviz").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])
TORCH_FREE = (
    "cnnviz/lessons.py",
    "cnnviz/prose.py",
    "cnnviz/layers/arithmetic.py",
    "cnnviz/layers/receptive_field.py",
)


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Every module that a file names in an import, relative ones resolved against cnnviz."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction of flow"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def within(names: set[str], package: str) -> set[str]:
    return {name for name in names if name == package or name.startswith(f"{package}.")}


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_flow(path: Path) -> None:
    names, where = imported(path), place(path)
    if not where.startswith(("app.py", "pages/", "cnnviz/ui/")):
        assert not within(names, "streamlit"), "only app.py, pages/ and cnnviz/ui/ speak to streamlit"
        assert not within(names, "cnnviz.ui"), "the core doesn't know the page it is drawn on"
        assert not within(names, "pages")
    if where.startswith("cnnviz/") and not where.startswith(("cnnviz/ui/", "cnnviz/figures/")):
        assert not within(names, "cnnviz.figures"), "the core returns results; figures take them"
        assert not within(names, "plotly")
    if where.startswith("cnnviz/figures/"):
        assert not within(names, "torch"), "figures take results, not tensors"
    assert "matplotlib.pyplot" not in names, "pyplot's global state is shared by every visitor"


@pytest.mark.parametrize("where", TORCH_FREE)
def test_integer_core_needs_no_torch(where: str) -> None:
    assert not within(imported(ROOT / where, top_level_only=True), "torch")


def test_rules_catch_a_violation(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import streamlit as st\nfrom cnnviz.figures import grids\n")
    names = imported(bad)
    assert within(names, "streamlit")
    assert within(names, "cnnviz.figures")


def test_pages_live_in_section_folders() -> None:
    assert not list((ROOT / "pages").glob("*.py")), "a page directly in pages/ opens without its frame"


@pytest.mark.parametrize("path", sorted((ROOT / "pages").rglob("*.py")), ids=place)
def test_pages_run_to_their_end(path: Path) -> None:
    """st.stop would leave the frame without its link."""
    calls = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    assert not [call for call in calls if ast.unparse(call.func) in ("st.stop", "exit", "sys.exit")]
