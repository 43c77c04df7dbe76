"""What channels last and half precision change of an answer: nothing, and little."""

import copy

import numpy as np
import pytest
import skimage.data
import torch
from torch import nn

from cnnviz.engine.catalogue import model
from cnnviz.engine.loading import load
from cnnviz.engine.local import LocalEngine, shared_engine
from cnnviz.engine.results import Result
from cnnviz.engine.runner import MOVED, RELABELLED, Prepared, Runner, as_tensor
from cnnviz.segmentation.postprocess import scores_at_photo

CAT = skimage.data.chelsea()


def probabilities(result):
    """(classes, rows, columns) of a segmentation at the photo's size."""
    return torch.from_numpy(np.array(scores_at_photo(result, result.photo))).softmax(0)


@torch.inference_mode()
def answer(runner, x, prepared):
    return probabilities(runner.results(runner.network(x, [prepared]), [prepared])[0])


def test_segmentation():
    """Float16 on the CPU, slow as it is, rounds as a GPU does."""
    runner = load(model("lite0_deeplab"))
    runner.side = 224
    prepared = runner.prepare(CAT)
    plain = Runner.__new__(type(runner))
    plain.card, plain.module = (
        runner.card,
        copy.deepcopy(runner.module).to(memory_format=torch.contiguous_format),
    )
    expected = answer(plain, prepared.x, prepared)
    runner.to("cpu")
    x = prepared.x.contiguous(memory_format=torch.channels_last)
    channels_last = answer(runner, x, prepared)
    torch.testing.assert_close(channels_last, expected, atol=1e-4, rtol=0)
    assert (channels_last.argmax(0) == expected.argmax(0)).float().mean() > 0.9999
    assert runner.half
    with torch.autocast("cpu", torch.float16):
        half = answer(runner, x, prepared)
    assert 0 < (half - expected).abs().max() <= MOVED
    assert (half.argmax(0) != expected.argmax(0)).float().mean() <= RELABELLED


class Probe(Runner):
    """Remembers how it was run."""

    half = True

    def __init__(self, card):
        super().__init__(card, nn.Conv2d(3, 3, 2))
        self.seen = []

    def prepare(self, rgb):
        return Prepared(as_tensor(rgb)[None].float(), rgb.shape[:2], rgb.shape[:2])

    def network(self, x, prepared):
        last = torch.channels_last
        self.seen.append(
            (
                self.module(x).dtype,
                x.is_contiguous(memory_format=last),
                self.module.weight.is_contiguous(memory_format=last),
            )
        )

    def results(self, outputs, prepared):
        return [Result(model=self.card.id, photo=one.photo) for one in prepared]


def seen_on(device):
    probes = []

    def load(card):
        probes.append(Probe(card))
        return probes[0]

    LocalEngine(load=load).run("resnet18", CAT, device)
    return probes[0].seen


def test_a_cpu_runs_in_single_precision_channels_last():
    assert seen_on("cpu") == [(torch.float32, True, True)]


@pytest.mark.gpu
def test_a_gpu_runs_in_half_precision_channels_last():
    assert seen_on("cuda") == [(torch.float16, True, True)]


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["lite0_deeplab", "lite0_unet"])
def test_segmentation_on_a_gpu(name):
    cpu, gpu = (probabilities(shared_engine().run(name, CAT, device)) for device in ("cpu", "cuda"))
    assert (gpu - cpu).abs().max() <= MOVED
    assert (gpu.argmax(0) != cpu.argmax(0)).float().mean() <= RELABELLED
