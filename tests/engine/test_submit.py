"""Queueing: turns, tickets, batches, devices that are full, and memory; with models that cost nothing."""

import gc
import os
import threading
import time
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
import skimage.data
import torch
from torch import nn

from cnnviz.engine import local, scheduler
from cnnviz.engine.catalogue import model, models
from cnnviz.engine.local import Engine, LocalEngine, shared_engine
from cnnviz.engine.results import Result
from cnnviz.engine.runner import MOVED, RELABELLED, Prepared, Runner, as_tensor
from cnnviz.errors import ModelError, PhotoFormatError, WeightsError
from cnnviz.images import encode_png

A, B, C, D = [card.id for card in models("detection")[:4]]


def full():
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore")


def photo(value, side=4):
    return np.full((side, side, 3), value, np.uint8)


@dataclass(frozen=True, eq=False, kw_only=True)
class Answer(Result):
    mean: float


class Mean(Runner):
    """Answers with the photo's mean; `gate` lets a batch through, `most` photos fit on a device that isn't the CPU."""

    def __init__(self, card, gate=None, most=100, refuses=()):
        super().__init__(card, nn.Identity())
        self.gate, self.most, self.refuses = gate, most, refuses
        self.batches, self.entered = [], threading.Event()
        self.device = "cpu"

    def to(self, device):
        self.device = device
        return self

    def prepare(self, rgb):
        return Prepared(as_tensor(rgb)[None].float(), rgb.shape[:2], rgb.shape[:2])

    def network(self, x, prepared):
        self.batches.append(len(x))
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.device != "cpu" and len(x) > self.most:
            raise full()
        return [float(one.x.mean()) for one in prepared]

    def results(self, outputs, prepared):
        if any(value in self.refuses for value in outputs):
            raise ModelError("{network} gave no finite answer", network=self.card.title)
        return [
            Answer(model=self.card.id, photo=one.photo, mean=m)
            for m, one in zip(outputs, prepared, strict=True)
        ]


class House:
    """An engine with runners by model, made when they are first asked for."""

    def __init__(self, monkeypatch, make=Mean, batch=1, **how):
        # torch's "meta" device stands in for a GPU; nothing is computed on it here.
        monkeypatch.setattr(local, "available", lambda: ("cpu", "meta"))
        monkeypatch.setattr(
            local,
            "_outputs",
            lambda runner, device, prepared: runner.network(torch.cat([one.x for one in prepared]), prepared),
        )
        self.runners, self._make = [], make
        self.engine = LocalEngine(load=self._load, batch=lambda device: batch, **how)

    def _load(self, card):
        self.runners.append(self._make(card))
        return self.runners[-1]

    def wait_for_runner(self, number=0):
        for _ in range(1000):
            if len(self.runners) > number:
                assert self.runners[number].entered.wait(10)
                return self.runners[number]
            time.sleep(0.01)
        raise AssertionError("nothing was loaded")


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


def test_one_photo(monkeypatch):
    house = House(monkeypatch)
    engine: Engine = house.engine
    result = engine.submit(A, photo(7)).result(10)
    assert (result.mean, result.model, result.photo, result.device, result.notice) == (
        7,
        A,
        (4, 4),
        "cpu",
        None,
    )
    times = result.timings
    assert min(times.preprocess, times.network, times.postprocess, times.waited) > 0
    assert times.decode == 0


def test_the_bytes_of_a_file(monkeypatch):
    house = House(monkeypatch)
    result = house.engine.run(A, encode_png(photo(9)))
    assert result.mean == 9
    assert result.timings.decode > 0
    with pytest.raises(PhotoFormatError):
        house.engine.run(A, b"MZ no photo at all \x00\x01")


def test_what_can_not_be_asked(monkeypatch):
    engine = House(monkeypatch).engine
    with pytest.raises(ModelError, match="no model called abacus"):
        engine.submit("abacus", photo(1))
    with pytest.raises(ModelError, match="no device cuda; it has cpu, meta"):
        engine.submit(A, photo(1), "cuda")
    with pytest.raises(ModelError, match=r"a photo of shape \(height, width, 3\)"):
        engine.run(A, np.zeros((5, 5)))


def test_weights_that_are_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(WeightsError, match="the weights of SSD300, VGG16 have not been fetched"):
        LocalEngine().run("ssd300_vgg16", photo(1))


def test_one_copy_for_all(monkeypatch):
    house = House(monkeypatch)
    with ThreadPoolExecutor(8) as pool:
        means = list(pool.map(lambda value: house.engine.run(A, photo(value)).mean, range(40)))
    assert means == list(range(40)), "everybody gets their own"
    assert len(house.runners) == 1


def test_a_slow_model_holds_up_nobody_else(monkeypatch, gate):
    house = House(monkeypatch, lambda card: Mean(card, gate if card.id == A else None))
    slow = [house.engine.submit(A, photo(value)) for value in range(6)]
    house.wait_for_runner()
    assert house.engine.submit(B, photo(5)).result(10).mean == 5
    assert [job.state for job in slow] == ["running"] + 5 * ["queued"]
    gate.set()
    assert [job.result(10).mean for job in slow] == list(range(6))


def test_as_many_at_once_as_there_are_workers(monkeypatch, gate):
    house = House(monkeypatch, lambda card: Mean(card, gate))
    jobs = [house.engine.submit(name, photo(1)) for name in (A, B, C, D)]
    for number in range(scheduler.WORKERS):
        house.wait_for_runner(number)
    assert [job.state for job in jobs] == ["running"] * 3 + ["queued"]
    gate.set()
    for job in jobs:
        job.result(10)


def test_a_second_request_replaces_the_first(monkeypatch, gate):
    house = House(monkeypatch, lambda card: Mean(card, gate))
    ask = house.engine.submit
    running = ask(A, photo(1), visitor="Ann")
    house.wait_for_runner()
    others = ask(A, photo(2), visitor="Bob")
    waiting = ask(A, photo(3), visitor="Ann")
    last = ask(A, photo(4), visitor="Ann")
    assert [job.state for job in (running, waiting, last, others)] == [
        "cancelled",
        "cancelled",
        "queued",
        "queued",
    ]
    gate.set()
    assert (last.result(10).mean, others.result(10).mean) == (4, 2)
    with pytest.raises(CancelledError):
        running.result(10)
    assert house.runners[0].batches == [1, 1, 1], "what was given up before its turn never ran"
    assert ask(A, photo(5), visitor="Ann").result(10).mean == 5
    assert last.state == "done", "what is done stays done"


def test_requests_of_several_visitors_become_one_batch(monkeypatch, gate):
    house = House(monkeypatch, lambda card: Mean(card, gate), batch=8)
    first = house.engine.submit(A, photo(0), "meta")
    house.wait_for_runner()
    rest = [
        house.engine.submit(A, photo(value, side), "meta") for value, side in ((1, 4), (2, 4), (3, 5), (4, 4))
    ]
    gate.set()
    assert [job.result(10).mean for job in (first, *rest)] == [0, 1, 2, 3, 4]
    assert house.runners[0].batches == [1, 3, 1], "those of one size together"


def test_a_batch_has_a_limit(monkeypatch, gate):
    house = House(monkeypatch, lambda card: Mean(card, gate), batch=2)
    jobs = [house.engine.submit(A, photo(0))]
    house.wait_for_runner()
    jobs += [house.engine.submit(A, photo(value)) for value in range(1, 6)]
    gate.set()
    assert [job.result(10).mean for job in jobs] == list(range(6))
    assert house.runners[0].batches == [1, 2, 2, 1]


@pytest.mark.parametrize(("most", "batches"), [(4, [4]), (2, [4, 2, 2]), (1, [4, 2, 1, 1, 2, 1, 1])])
def test_a_full_device_takes_smaller_batches(monkeypatch, gate, most, batches):
    house = House(monkeypatch, lambda card: Mean(card, gate, most), batch=8)
    first = house.engine.submit(A, photo(9), "meta")
    runner = house.wait_for_runner()
    rest = [house.engine.submit(A, photo(value), "meta") for value in range(4)]
    gate.set()
    results = [job.result(10) for job in rest]
    assert [result.mean for result in results] == list(range(4))
    assert {(result.device, result.notice) for result in results} == {("meta", None)}
    assert runner.batches == [1, *batches]
    first.result(10)


def test_too_full_for_one_leaves_it_to_the_cpu(monkeypatch):
    house = House(monkeypatch, lambda card: Mean(card, most=0), batch=8)
    result = house.engine.run(A, photo(6), "meta")
    assert (result.mean, result.device) == (6, "cpu")
    assert str(result.notice) == f"meta has too little memory left for {model(A).title}"
    assert [runner.device for runner in house.runners] == ["meta", "cpu"]


def test_what_filled_the_memory_is_let_go_before_the_next_try(monkeypatch, gate):
    class Hog(Mean):
        """Holds a tensor, as a network in the middle of its layers does, when memory runs out."""

        def network(self, x, prepared):
            assert all(tensor() is None for tensor in held)
            inside = torch.zeros(len(x))
            held.append(weakref.ref(inside))
            return super().network(x, prepared)

    held = []
    house = House(monkeypatch, lambda card: Hog(card, gate, most=1), batch=8)
    jobs = [house.engine.submit(A, photo(value), "meta") for value in range(4)]
    gate.set()
    assert [job.result(10).mean for job in jobs] == list(range(4))
    result = House(monkeypatch, lambda card: Hog(card, most=0)).engine.run(A, photo(5), "meta")
    assert (result.mean, result.device) == (5, "cpu")


def test_a_model_that_does_not_fit_at_all(monkeypatch):
    class Heavy(Mean):
        def to(self, device):
            if device != "cpu":
                raise full()
            return super().to(device)

    result = House(monkeypatch, Heavy).engine.run(A, photo(6), "meta")
    assert (result.mean, result.device) == (6, "cpu")
    assert "too little memory" in str(result.notice)
    small = House(monkeypatch, budget=lambda device: 10**9 if device == "cpu" else 100)
    assert small.engine.run(A, photo(6), "meta").device == "cpu"
    tiny = House(monkeypatch, budget=lambda device: 100)
    with pytest.raises(ModelError, match="cpu has too little memory left for"):
        tiny.engine.run(A, photo(6), "meta")


def test_the_budget_holds(monkeypatch):
    """Four models in turn, of which two fit."""
    names = [card.id for card in models("detection") if card.parameters > 30e6][:4]
    limit = 2 * 4 * max(model(name).parameters for name in names)
    house = House(monkeypatch, budget=lambda device: limit)
    for name in names * 2:
        assert house.engine.run(name, photo(1)).model == name
        assert sum(house.engine.shelf.held("cpu").values()) <= limit
    assert len(house.runners) == 8


def test_nobodys_photo_fails_anothers(monkeypatch, gate):
    house = House(monkeypatch, lambda card: Mean(card, gate, refuses=(2,)), batch=8)
    first = house.engine.submit(A, photo(9))
    house.wait_for_runner()
    jobs = [house.engine.submit(A, photo(value)) for value in range(4)]
    jobs.append(house.engine.submit(A, b"no photo"))
    gate.set()
    for job in (first, *jobs):
        job.wait(10)
    assert [job.state for job in jobs] == ["done", "done", "failed", "done", "failed"]
    assert "no finite answer" in str(jobs[2].error)


def test_whatever_goes_wrong_somebody_hears_of_it(monkeypatch):
    class Odd(Mean):
        def network(self, x, prepared):
            raise IndexError("list index out of range")

    house = House(monkeypatch, Odd)
    for _ in range(5):
        with pytest.raises(ModelError, match="IndexError"):
            house.engine.run(A, photo(1))


def test_workers_go_home_and_come_back(monkeypatch):
    monkeypatch.setattr(scheduler, "IDLE_SECONDS", 0.05)
    house = House(monkeypatch)
    before = threading.active_count()
    assert house.engine.run(A, photo(1)).mean == 1
    for _ in range(500):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before
    assert house.engine.run(A, photo(2)).mean == 2


def test_the_engine_keeps_no_photo(monkeypatch):
    house, rgb = House(monkeypatch), photo(3, 40)
    gone = weakref.ref(rgb)
    job = house.engine.submit(A, rgb, visitor="Ann")
    job.result(10)
    del rgb
    for _ in range(200):
        gc.collect()
        if gone() is None:
            break
        time.sleep(0.01)
    assert gone() is None


def test_the_shared_engine_classifies():
    engine = shared_engine()
    held = engine.shelf.held("cpu")
    result = engine.run("efficientnet_lite0", skimage.data.coffee())
    assert result.classification.names[0] == "espresso"
    look = engine.look(skimage.data.coffee())
    np.testing.assert_allclose(result.classification.logits, look.classification.logits, atol=1e-3)
    assert result.crop == look.crop
    assert engine.shelf.held("cpu") == held, "one copy for both ways in"


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_fifty_uploads_leave_memory_flat():
    engine, random = LocalEngine(), np.random.default_rng(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        sizes = []
        for _ in range(50):
            upload = encode_png(random.integers(0, 255, (160, 200, 3), np.uint8))
            assert engine.run("efficientnet_lite0", upload).photo == (160, 200)
            sizes.append(resident())
    finally:
        torch.set_num_threads(threads)
    assert max(sizes[10:]) <= 1.1 * sizes[9]


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["lite0_deeplab", "lite0_pyramid", "efficientnet_lite0"])
def test_a_gpu_gives_the_cpus_answer(name):
    """In half precision, but for boxes."""
    from cnnviz.detection.postprocess import select
    from cnnviz.segmentation.mask import decide, favour

    rgb = skimage.data.chelsea()
    cpu, gpu = (shared_engine().run(name, rgb, device) for device in ("cpu", "cuda"))
    assert (gpu.device, gpu.notice) == ("cuda", None)
    if name == "efficientnet_lite0":
        assert gpu.classification.names[0] == cpu.classification.names[0]
        np.testing.assert_allclose(
            gpu.classification.probabilities, cpu.classification.probabilities, atol=MOVED
        )
    elif name == "lite0_deeplab":
        masks = [decide(favour(result), result.photo) for result in (gpu, cpu)]
        assert (masks[0] != masks[1]).mean() <= RELABELLED
    else:
        ours, theirs = (result.boxes[select(result).kept] for result in (gpu, cpu))
        np.testing.assert_allclose(ours, theirs, atol=1)


@pytest.mark.gpu
def test_a_gpu_answers_several_at_once():
    jobs = [shared_engine().submit("lite0_deeplab", skimage.data.chelsea(), "cuda") for _ in range(16)]
    assert {job.result(60).device for job in jobs} == {"cuda"}


@pytest.mark.gpu
def test_a_full_gpu_leaves_it_to_the_cpu():
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        result = LocalEngine().run("lite0_deeplab", skimage.data.coffee(), "cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert result.device == "cpu"
    assert "cuda has too little memory" in str(result.notice)
