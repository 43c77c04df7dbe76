"""The register, and every method on one network from many threads at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import is_dataclass

import numpy as np
import pytest
import torch

from cnnviz import samples
from cnnviz.engine.local import DEFAULT, shared_engine
from cnnviz.errors import ModelError
from cnnviz.explain.attribution.cascade import cascade
from cnnviz.explain.attribution.grad_cam import GradCam, GuidedGradCam
from cnnviz.explain.attribution.gradients import IntegratedGradients, Saliency, SmoothGrad
from cnnviz.explain.attribution.methods import METHODS, explain
from cnnviz.explain.attribution.occlusion import Occlusion
from cnnviz.explain.attribution.picture import picture
from cnnviz.explain.attribution.results import Attribution
from cnnviz.explain.attribution.sharing import batch_size
from cnnviz.zoo.card import network as card
from tests.explain.attribution.networks import photo, small, untouched


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.id)
def test_every_method_keeps_what_its_card_says(method):
    settings = method.settings()
    assert is_dataclass(settings)
    assert METHODS[method.id] is method
    for name in getattr(settings, "RANGES", {}):
        assert hasattr(settings, name)
    found = list(explain(small(), photo(40), 1, settings))
    assert found[-1].finished
    assert not any(part.finished for part in found[:-1])
    assert [part.done for part in found] == sorted({part.done for part in found})
    assert method.slow == (found[-1].total > 1)
    if not method.signed:
        assert (found[-1].map >= 0).all()
    assert found[-1].resized((40, 40)).shape == (40, 40)
    assert np.isfinite(found[-1].map).all()


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.id)
@pytest.mark.parametrize("target", [-1, 4])
def test_a_class_that_is_not_there(method, target):
    with pytest.raises(ModelError, match=f"has no class {target}$"):
        list(explain(small(), photo(40), target, method.settings()))


def test_resized_keeps_the_map_and_its_scale():
    (cam,) = explain(small(), photo(), 1, GradCam("3"))
    resized = cam.resized((16, 16))
    assert resized.max() <= cam.map.max()
    np.testing.assert_allclose(resized.mean(), cam.map.mean(), rtol=0.02)
    np.testing.assert_array_equal(cam.resized(cam.map.shape), cam.map)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[1, 0], [0, 0]], "upper_left"),
        ([[1, 2], [0, 0]], "upper_right"),
        ([[0, 0, 0], [0, 1, 3], [0, 0, 2]], "lower_right"),
        ([[0, 5, -9], [0, 0, 0], [3, 0, 0]], "lower_left"),
    ],
)
def test_the_quarter_with_most_of_what_speaks_for_the_class(values, expected):
    found = Attribution(np.array([values], np.float32))
    assert found.quarter() == expected


def quick(method_id: str):
    return {
        "smooth_grad": SmoothGrad(3),
        "integrated_gradients": IntegratedGradients(4, "noise"),
        "occlusion": Occlusion(48, 48),
        "grad_cam": GradCam("stages.stage5.0"),
        "guided_grad_cam": GuidedGradCam("stages.head"),
    }.get(method_id) or METHODS[method_id].settings()


def test_many_threads_on_the_shared_network():
    """Right results, and a network that is as it was: afterwards and at every moment in between."""
    network = shared_engine().module()
    here = photo(96)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    alone = {name: list(explain(network, here, 281, quick(name)))[-1].values for name in METHODS}
    moments, over = [], threading.Event()

    def watch():
        while not over.is_set():
            moments.append(untouched(network))
            over.wait(0.01)

    def work(name):
        return name, list(explain(network, here, 281, quick(name)))[-1].values

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(work, [*METHODS, *reversed(METHODS)]))
    finally:
        over.set()
        watcher.join()
    for name, values in found:
        scale = np.abs(alone[name]).max()
        np.testing.assert_allclose(values, alone[name], atol=1e-3 * scale, err_msg=name)
    assert len(moments) > 10
    assert all(moments)
    assert untouched(network)
    assert not here.x.requires_grad
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_cascade_beside_others_leaves_them_their_weights():
    network, here = small(), photo()
    (expected,) = explain(network, here, 1, Saliency())
    for _ in cascade(network, here, 1, Saliency(), torch.Generator().manual_seed(1)):
        (found,) = explain(network, here, 1, Saliency())
        np.testing.assert_array_equal(found.values, expected.values)


def test_batches_fit(monkeypatch):
    network = small()
    kept = 4 * (3 * 64 + 2 * 5 * 64)  # at the least: the image, and both sides of the first ReLU
    monkeypatch.setattr("cnnviz.explain.attribution.sharing._free", lambda device: 4 * 5 * kept)
    assert 1 <= batch_size(network, photo().x) <= 5
    monkeypatch.setattr("cnnviz.explain.attribution.sharing._free", lambda device: 0)
    assert batch_size(network, photo().x) == 1
    monkeypatch.setattr("cnnviz.explain.attribution.sharing._free", lambda device: 2**50)
    assert batch_size(network, photo().x) == 32
    assert untouched(network)


def test_what_torch_says_becomes_an_error_of_ours():
    class Full(torch.nn.Module):
        def forward(self, x):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried\nto")

    with pytest.raises(ModelError, match=r"Full failed: CUDA out of memory\. Tried$"):
        list(explain(Full().eval(), photo(), 0, SmoothGrad()))


@pytest.mark.gpu
@pytest.mark.parametrize("name", METHODS)
def test_on_a_gpu_as_on_the_cpu(name):
    results = []
    for device in ("cpu", "cuda"):
        network = shared_engine().module(DEFAULT, device)
        here = picture(card(DEFAULT).preprocess, samples.load("cat"), device)
        results.append(list(explain(network, here, 281, quick(name)))[-1].map)
    correlation = np.corrcoef(results[0].ravel(), results[1].ravel())[0, 1]
    assert correlation > 0.99
