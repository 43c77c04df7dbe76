"""The source of our own networks, for scripts that run without this project."""

import ast
import importlib
import inspect
from types import ModuleType


def source(module: ModuleType) -> str:
    """A module's code without its docstring; what it imports from cnnviz is written out where the import stood."""
    text = inspect.getsource(module)
    lines, body = text.splitlines(), ast.parse(text).body
    for node in reversed(body):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cnnviz."):
            home = importlib.import_module(node.module)
            parts = [inspect.getsource(getattr(home, alias.name)) for alias in node.names]
            lines[node.lineno - 1 : node.end_lineno] = "\n\n".join(["", *parts]).splitlines()
    return "\n".join(lines[body[0].end_lineno :]).strip()
