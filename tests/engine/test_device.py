"""The devices of this machine: those that torch has, and no others."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import cnnviz
from cnnviz.engine import device
from cnnviz.engine.device import Device, available, describe, resolve


@pytest.fixture
def pretend(monkeypatch):
    """Make torch report the given devices."""

    def report(cuda=False, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        available.cache_clear()

    yield report
    monkeypatch.undo()
    available.cache_clear()


@pytest.mark.parametrize(
    ("there", "ids"),
    [
        ({}, ("cpu",)),
        ({"cuda": True}, ("cpu", "cuda")),
        ({"mps": True}, ("cpu", "mps")),
    ],
)
def test_only_what_is_there_is_available(pretend, there, ids):
    pretend(**there)
    assert available() == ids


def test_every_available_device_computes():
    for device_id in available():
        assert torch.ones(2, device=device_id).sum().item() == 2


def test_a_device_that_is_not_there_resolves_to_the_cpu(pretend):
    pretend(mps=True)
    found = {asked: resolve(asked) for asked in ("cpu", "mps", "cuda", "")}
    assert found == {"cpu": "cpu", "mps": "mps", "cuda": "cpu", "": "cpu"}


def test_a_cpu_has_the_cores_of_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5, 9}, raising=False)
    assert describe("cpu").cores == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert describe("cpu").cores == 12
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert describe("cpu").cores == 1


def test_every_chip_has_a_name(monkeypatch):
    assert describe("cpu").name
    monkeypatch.setattr(device.platform, "processor", lambda: "")
    monkeypatch.setattr(device.platform, "machine", lambda: "riscv64")
    assert describe("cpu").name == "riscv64"


def test_a_gpu_is_described_by_its_driver(pretend, monkeypatch):
    pretend(cuda=True)
    properties = SimpleNamespace(name="Some GPU", total_memory=8 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    assert describe("cuda") == Device("cuda", "Some GPU", memory=8 * 2**30)


@pytest.mark.gpu
def test_a_real_gpu_has_a_name_and_memory():
    described = describe("cuda")
    assert described.name == torch.cuda.get_device_name()
    assert described.memory > 2**30


@pytest.mark.parametrize("module", ["engine.device", "engine.local", "zoo.card", "zoo.imagenet"])
def test_importing_does_not_import_torch(module):
    code = f"import sys, cnnviz.{module}; sys.exit('torch' in sys.modules)"
    root = Path(cnnviz.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
