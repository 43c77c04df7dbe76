"""Loading torch, the network and plotly behind the first page, so that no lesson waits for them.

The first page is drawn before the warm-up starts, because importing torch holds Python's lock for
seconds. When all is loaded, what lives for good is frozen: otherwise Streamlit's collection after
every run walks through torch's objects, which costs more than most lessons' own work.
"""

import gc
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

PATIENCE = 6.0
"""Seconds to wait for a first visitor before warming up anyway."""
LONGEST = 20.0
"""Seconds that a lesson waits for another one's imports, at the most."""
AFTERGLOW = 0.8
"""Seconds that the first visitor's browser gets to fetch what its page names."""


@dataclass(frozen=True)
class _Progress:
    first_page: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    importing: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False)
def _progress() -> _Progress:
    return _Progress()


def may_start() -> None:
    """Tell the warm-up that a page has been drawn."""
    _progress().first_page.set()


def done() -> bool:
    """Whether torch can be asked without waiting for its import."""
    return _progress().done.is_set()


@contextmanager
def alone() -> Iterator[None]:
    """Run a lesson; until all is loaded, one at a time.

    Two threads that import torch or torchvision at once can see modules that are only half made.
    """
    progress = _progress()
    held = not done() and progress.importing.acquire(timeout=LONGEST)
    try:
        yield
    finally:
        if held:
            progress.importing.release()


def _warm(progress: _Progress, stop: threading.Event) -> None:
    if progress.first_page.wait(PATIENCE):
        stop.wait(AFTERGLOW)
    if stop.is_set():
        return
    with progress.importing:
        import captum.attr  # noqa: F401
        import plotly.graph_objects as go
        import torch
        import torchvision  # noqa: F401

        from cnnviz.engine.local import shared_engine

        # Handing a tiny convolution to a second thread costs more than it saves, and visitors share the cores.
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
        shared_engine().warm()
        go.Figure(go.Bar(x=[0], y=[0])).to_json()
    gc.collect()
    gc.freeze()
    progress.done.set()


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Warm up while the server runs."""
    # Seeing our folder pages/, Streamlit would serve the first visit as an app of its old kind, where a
    # deep link answers "Page not found" before st.navigation has had its say.
    PagesManager.uses_pages_directory = False
    stop = threading.Event()
    thread = threading.Thread(target=_warm, args=(_progress(), stop), name="warm-up", daemon=True)
    thread.start()
    yield
    stop.set()
