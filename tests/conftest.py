"""Tests marked ``gpu`` are left out, not skipped, on a machine without a CUDA device."""

from cnnviz.engine.device import available


def pytest_collection_modifyitems(config, items):
    if "cuda" not in available():
        without = [item for item in items if item.get_closest_marker("gpu") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in without])
        items[:] = without
