"""A training alone, for its tests: each step is written to the file that `?log=` names."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from cnnviz.errors import CnnvizError, SettingError
from cnnviz.ui import training
from cnnviz.ui.language import explain


@dataclass(frozen=True)
class Step:
    done: int
    total: int


class Page:
    """As much of a lesson as a training needs."""

    scope = "demo"

    def key(self, name: str) -> str:
        return f"demo.{name}"

    def problem(self, error: CnnvizError) -> None:
        st.warning(explain(error))


log = Path(st.query_params["log"])
total = int(st.query_params.get("steps", 2000))
fails = "fail" in st.query_params


def steps() -> Iterator[Step]:
    for done in range(1, total + 1):
        time.sleep(0.02)
        with log.open("a") as file:
            file.write("x")
        if fails and done == 2:
            raise SettingError("no step {done}", done=done)
        yield Step(done, total)


def draw(step: Step | None) -> None:
    st.markdown(f"shown {step.done if step else 'nothing'}")


training.train(Page(), steps, total, draw)  # type: ignore[arg-type]
