"""Tests marked ``gpu`` are left out, not skipped, on a machine without a CUDA device."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    from cnnviz.engine.device import available

    if "cuda" not in available():
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]
