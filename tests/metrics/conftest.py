"""Tests marked ``facts`` read the folder that the environment variable CNNVIZ_FACTS names; left out without it."""

import os
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "facts: reads the data sets in the folder $CNNVIZ_FACTS")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("facts")]
    if marked and not os.environ.get("CNNVIZ_FACTS"):
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


@pytest.fixture
def facts() -> Path:
    return Path(os.environ["CNNVIZ_FACTS"]) / "metrics"
