"""The engine: right answers, shared modules, many threads, and what happens when a device fails."""

import gc
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import skimage.data
import torch
from torch import nn

from cnnviz.engine import local
from cnnviz.engine.local import Engine, LocalEngine, shared_engine
from cnnviz.errors import ModelError, SettingError, WeightsError
from cnnviz.zoo.card import Network, Stage
from cnnviz.zoo.efficientnet_lite0 import CARD, load, preprocess

GREEN = np.full((4, 6, 3), (0, 200, 100), np.uint8)


class Mixer(nn.Module):
    """A classifier whose answer can be said beforehand: the logits are the mean red, green and blue."""

    def forward_features(self, x):
        return {"same": x, "half": x[:, :, ::2, ::2]}

    def classify(self, maps):
        return maps.mean((2, 3))


def tiny(module=Mixer):
    """A network around `module`, which scales 0 … 255 to 0 … 1 and looks at the whole photo."""
    return Network(
        card=replace(CARD, id="tiny", title="Tiny", classes=3),
        stages=(Stage("same", "none", 0, 3, 1), Stage("half", "none", 0, 3, 2)),
        load=module,
        class_names=lambda: ("red", "green", "blue"),
        crop_box=lambda height, width: (0, 0, width, height),
        preprocess=lambda rgb: torch.tensor(rgb).permute(2, 0, 1)[None] / 255,
    )


def engine_for(module):
    return LocalEngine(lambda network: tiny(module))


def test_an_answer_by_hand():
    look = engine_for(Mixer).look(GREEN, "tiny", top=2)
    total = sum(math.exp(value / 255) for value in (0, 200, 100))
    assert look.classification.names == ("green", "blue")
    assert look.classification.indices == (1, 2)
    expected = [math.exp(200 / 255) / total, math.exp(100 / 255) / total]
    assert look.classification.probabilities == pytest.approx(expected)
    np.testing.assert_allclose(look.classification.logits, [0, 200 / 255, 100 / 255], rtol=1e-6)
    assert [maps.maps.shape for maps in look.stages] == [(3, 4, 6), (3, 2, 3)]
    assert (look.network, look.device, look.fell_back, look.crop) == ("tiny", "cpu", False, (0, 0, 6, 4))


def test_a_result_can_not_be_changed():
    look = engine_for(Mixer).look(GREEN, "tiny", top=1)
    for array in (look.classification.logits, *(maps.maps for maps in look.stages)):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(FrozenInstanceError):
        look.device = "cuda"


def test_it_is_the_network_itself():
    rgb = skimage.data.coffee()
    look = shared_engine().look(rgb)
    network = load()
    with torch.inference_mode():
        maps = network.forward_features(preprocess(rgb))
        logits = network.classify(maps["head"])[0]
    np.testing.assert_allclose(look.classification.logits, logits, atol=1e-3)
    for ours, (name, theirs) in zip(look.stages, maps.items(), strict=True):
        assert ours.stage.name == name
        np.testing.assert_allclose(ours.maps, theirs[0], atol=1e-3)
    assert look.classification.names[0] == "espresso"
    assert look.crop == (125, 25, 475, 375)
    assert min(look.timings.preprocess, look.timings.network, look.timings.postprocess) > 0


def test_many_threads_get_the_answers_of_one():
    engine = shared_engine()
    photos = [skimage.data.coffee(), skimage.data.chelsea(), skimage.data.astronaut(), GREEN]
    alone = [engine.look(photo) for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(engine.look, photos * 6))
    for index, look in enumerate(together):
        expected = alone[index % len(photos)]
        assert look.classification.names == expected.classification.names
        np.testing.assert_allclose(look.classification.logits, expected.classification.logits, atol=1e-4)
        for ours, theirs in zip(look.stages, expected.stages, strict=True):
            np.testing.assert_allclose(ours.maps, theirs.maps, atol=1e-4)


def test_one_copy_however_many_ask_at_once():
    loads = []

    def slow():
        loads.append(threading.get_ident())
        time.sleep(0.05)
        return Mixer()

    engine, barrier = engine_for(slow), threading.Barrier(16)

    def ask(_):
        barrier.wait()
        return engine.module("tiny")

    with ThreadPoolExecutor(16) as pool:
        modules = set(pool.map(ask, range(16)))
    assert len(loads) == len(modules) == 1


def test_another_network_does_not_wait_for_a_slow_one():
    release = threading.Event()

    def stuck():
        assert release.wait(10)
        return Mixer()

    engine = LocalEngine(lambda network: tiny(stuck if network == "slow" else Mixer))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(engine.module, "slow")
        assert engine.look(GREEN, "quick", top=1).classification.names == ("green",)
        assert not slow.done()
        release.set()
        slow.result(10)


def test_loading_is_tried_again_after_a_failure():
    outcomes = iter([WeightsError("the weights are gone"), None])

    def flaky():
        if error := next(outcomes):
            raise error
        return Mixer()

    engine = engine_for(flaky)
    with pytest.raises(WeightsError):
        engine.look(GREEN, "tiny", top=1)
    assert engine.look(GREEN, "tiny", top=1).classification.names == ("green",)


def test_warming_up_loads_and_runs():
    calls = []

    class Watched(Mixer):
        def classify(self, maps):
            calls.append("run")
            return super().classify(maps)

    def watched():
        calls.append("load")
        return Watched()

    engine: Engine = engine_for(watched)
    engine.warm("tiny")
    assert calls == ["load", "run"]
    engine.look(GREEN, "tiny", top=1)
    assert calls == ["load", "run", "run"]


def test_looking_leaves_the_shared_module_as_it_was():
    engine = shared_engine()
    module = engine.module()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    engine.look(GREEN)
    assert engine.module() is module
    assert not any(
        part.training or part._forward_hooks or part._forward_pre_hooks for part in module.modules()
    )
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_gradients_of_the_input_go_through_the_shared_module():
    x = preprocess(skimage.data.coffee()).requires_grad_()
    module = shared_engine().module()
    module.classify(module.forward_features(x)["head"])[0, 967].backward()
    assert x.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("top", [-1, 0, 4])
def test_as_many_classes_as_there_are(top):
    with pytest.raises(SettingError, match=f"top is {top}; it must be between 1 and 3"):
        engine_for(Mixer).look(GREEN, "tiny", top=top)


def test_names_that_mean_nothing():
    with pytest.raises(ModelError, match="no network called abacus"):
        LocalEngine().look(GREEN, "abacus")
    with pytest.raises(ModelError, match="no device abacus; it has cpu"):
        LocalEngine().look(GREEN, device="abacus")


def test_a_photo_that_is_none():
    with pytest.raises(ModelError, match=r"\(5, 5\) and float64"):
        shared_engine().look(np.zeros((5, 5)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_answer_that_is_no_number(value):
    class Broken(Mixer):
        def classify(self, maps):
            return super().classify(maps) + value

    with pytest.raises(ModelError, match="Tiny gave no finite answer"):
        engine_for(Broken).look(GREEN, "tiny", top=1)


class Failing(Mixer):
    """Raises `error` wherever a tensor is on the devices named."""

    def __init__(self, error, devices):
        super().__init__()
        self.error, self.devices = error, devices

    def forward_features(self, x):
        if x.device.type in self.devices:
            raise self.error
        return super().forward_features(x)


class Unmovable(Mixer):
    """Too large for any device but the CPU."""

    def to(self, device, **how):
        if device != "cpu":
            raise FULL
        return super().to(device, **how)


FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore")


@pytest.mark.parametrize(
    "module",
    [
        lambda: Failing(FULL, {"meta"}),
        lambda: Failing(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), {"meta"}),
        Unmovable,
    ],
    ids=["cuda", "mps", "loading"],
)
def test_a_full_device_leaves_it_to_the_cpu(monkeypatch, module):
    # torch's "meta" device, where tensors have no values, stands in for a GPU.
    monkeypatch.setattr(local, "available", lambda: ("cpu", "meta"))
    look = engine_for(module).look(GREEN, "tiny", "meta", top=1)
    assert (look.device, look.fell_back, look.classification.names) == ("cpu", True, ("green",))


def test_a_full_machine_says_so():
    with pytest.raises(ModelError, match="cpu has too little memory left for tiny"):
        engine_for(lambda: Failing(FULL, {"cpu"})).look(GREEN, "tiny", top=1)


def test_any_other_failure_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(local, "available", lambda: ("cpu", "meta"))
    engine = engine_for(lambda: Failing(RuntimeError("cuDNN says no\nand much more"), {"cpu", "meta"}))
    for device in ("cpu", "meta"):
        with pytest.raises(ModelError, match=f"tiny failed on {device}: cuDNN says no$"):
            engine.look(GREEN, "tiny", device, top=1)


@pytest.mark.gpu
def test_a_gpu_gives_the_cpus_answer():
    for photo in (skimage.data.coffee(), skimage.data.chelsea()):
        cpu, gpu = (shared_engine().look(photo, device=device) for device in ("cpu", "cuda"))
        assert (gpu.device, gpu.fell_back) == ("cuda", False)
        assert gpu.classification.names[0] == cpu.classification.names[0]
        # Convolutions on a GPU round their inputs to TF32's ten bits.
        np.testing.assert_allclose(gpu.classification.logits, cpu.classification.logits, atol=0.1)


@pytest.mark.gpu
def test_a_full_gpu_leaves_it_to_the_cpu():
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        look = LocalEngine().look(skimage.data.coffee(), device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert (look.device, look.fell_back, look.classification.names[0]) == ("cpu", True, "espresso")
