"""One copy of each, within a budget, least recently used first, never one in use."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cnnviz.engine.shelf import Shelf, TooLittleMemoryError


class Loader:
    """Counts how often each thing is loaded."""

    def __init__(self, budget=10):
        self.loads = []
        self.shelf = Shelf(lambda device: budget)

    def use(self, name, size=4, device="cpu"):
        with self.borrow(name, size, device) as thing:
            return thing

    def borrow(self, name, size=4, device="cpu"):
        def load():
            self.loads.append(name)
            return object()

        return self.shelf.borrow(name, device, size, load)


def test_loaded_once():
    loader = Loader()
    assert loader.use("a") is loader.use("a")
    assert loader.loads == ["a"]
    assert loader.shelf.held("cpu") == {"a": 4}


def test_the_one_used_longest_ago_goes():
    loader = Loader()
    for name in ("a", "b", "a", "c"):
        loader.use(name)
    assert list(loader.shelf.held("cpu")) == ["a", "c"]
    loader.use("b")
    assert loader.loads == ["a", "b", "c", "b"]
    assert list(loader.shelf.held("cpu")) == ["c", "b"]


def test_each_device_has_its_own_budget():
    loader = Loader()
    for device in ("cpu", "cuda"):
        for name in ("a", "b"):
            loader.use(name, device=device)
    assert len(loader.loads) == 4
    assert loader.shelf.held("cuda") == {"a": 4, "b": 4}


def test_none_in_use_goes():
    loader = Loader()
    with loader.borrow("a"):
        loader.use("b")
        loader.use("c")
        assert list(loader.shelf.held("cpu")) == ["a", "c"]


def test_waiting_for_others_to_finish():
    loader, entered = Loader(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with loader.borrow("a"), loader.borrow("b"):
            third = pool.submit(lambda: (entered.set(), loader.use("c"))[1])
            assert entered.wait(5)
            assert not threading.Event().wait(0.1)
            assert not third.done()
            assert loader.loads == ["a", "b"]
        third.result(5)
    assert loader.loads == ["a", "b", "c"]


def test_too_large_for_the_budget():
    loader = Loader()
    loader.use("a")
    with pytest.raises(TooLittleMemoryError, match="cpu has too little memory left for whale"):
        loader.use("whale", size=11)
    assert list(loader.shelf.held("cpu")) == ["a"], "nothing made room in vain"
    loader.use("whole", size=10)
    assert list(loader.shelf.held("cpu")) == ["whole"]


def test_a_failure_leaves_no_trace():
    loader = Loader()

    def fail():
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), loader.shelf.borrow("a", "cpu", 8, fail):
        pass
    assert loader.shelf.held("cpu") == {}
    loader.use("b", 8)
    loader.use("a", 8)
    assert loader.loads == ["b", "a"]


def test_many_threads_stay_within_the_budget():
    loader, alive, most = Loader(), set(), []
    lock = threading.Lock()

    def use(number):
        name = number % 5
        with loader.borrow(name):
            with lock:
                alive.add((name, number))
                most.append(len({name for name, _ in alive}))
            with lock:
                alive.discard((name, number))
        return sum(loader.shelf.held("cpu").values())

    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(use, range(200)))
    assert max(held) <= 10
    assert max(most) <= 2
