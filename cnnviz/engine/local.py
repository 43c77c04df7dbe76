"""Networks run in this process: one shared copy of each on each device, for every visitor.

Importing this module doesn't import torch; the first photo, or :meth:`LocalEngine.warm`, does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnviz.engine.device import CPU, available
from cnnviz.errors import ModelError, SettingError
from cnnviz.messages import N_
from cnnviz.zoo import card
from cnnviz.zoo.card import Box, Classifier, Network, Stage

if TYPE_CHECKING:
    import torch

DEFAULT = "efficientnet_lite0"
"""The network that is always there: its weights are a requirement, not a download."""


@dataclass(frozen=True, eq=False)
class Classification:
    """What a network says that a photo shows.

    Attributes:
        names: English names of the most probable classes, the best first.
        indices: of the same classes among the logits.
        probabilities: of the same classes, softmax of the logits, 0 to 1.
        logits: (classes,) float32, read-only.
    """

    names: tuple[str, ...]
    indices: tuple[int, ...]
    probabilities: tuple[float, ...]
    logits: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StageMaps:
    """The maps that came out of one stage.

    Attributes:
        stage: which one.
        maps: (C, h, w) float32, read-only; cell (row, column) is centred on about
            ``((column + ½) · stride, (row + ½) · stride)`` of the network's input.
    """

    stage: Stage
    maps: NDArray[np.float32]


@dataclass(frozen=True)
class Timings:
    """Where the time went, in milliseconds; the loading of a network is not in it."""

    preprocess: float
    network: float
    postprocess: float


@dataclass(frozen=True, eq=False)
class Look:
    """One photo through one network, once.

    Attributes:
        network: the network's id.
        classification: what it says.
        stages: what each stage saw, in order of the forward pass.
        crop: the part of the photo that the network, and each whole map, covers.
        timings: where the time went.
        device: what it ran on.
        fell_back: whether that is the CPU because the device asked for had too little memory.
    """

    network: str
    classification: Classification
    stages: tuple[StageMaps, ...]
    crop: Box
    timings: Timings
    device: str
    fell_back: bool = False


class Engine(Protocol):
    """Something that runs networks: in this process (:class:`LocalEngine`) or elsewhere."""

    def warm(self, network: str = DEFAULT, device: str = CPU) -> None:
        """Make the first :meth:`look` as quick as the next."""

    def look(self, rgb: NDArray[np.uint8], network: str = DEFAULT, device: str = CPU, top: int = 5) -> Look:
        """Run `network` on a photo."""


@dataclass
class _Slot:
    """A place for one network on one device; whoever holds the lock may load it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    module: Classifier | None = None


class _TooLittleMemoryError(ModelError):
    """A device ran out of memory; the CPU may still do it."""


class LocalEngine:
    """Runs networks of the zoo in this process; safe to call from any number of threads.

    Args:
        find: gives the network of an id; the zoo's register, unless a test brings its own.
    """

    def __init__(self, find: Callable[[str], Network] = card.network) -> None:
        self._find = find
        self._slots: dict[tuple[str, str], _Slot] = {}
        self._lock = threading.Lock()

    def module(self, network: str = DEFAULT, device: str = CPU) -> Classifier:
        """The shared module itself; its first caller loads it while the others wait.

        It is in eval mode and frozen, and must stay so: no hooks, no training. Gradients with respect
        to its input are fine.

        Raises:
            ModelError: there is no such network or device, or too little memory on it.
            WeightsError: the weights can't be had.
        """
        found = self._find(network)
        if device not in available():
            raise ModelError(
                N_("this machine has no device {device}; it has {available}"),
                device=device,
                available=", ".join(available()),
            )
        import torch

        with self._lock:
            slot = self._slots.setdefault((network, device), _Slot())
        with slot.lock, _explained(network, device):
            if slot.module is None:
                # Channels last: the convolutions of a CPU are about a fifth faster for it.
                slot.module = found.load().to(device, memory_format=torch.channels_last)
            return slot.module

    def warm(self, network: str = DEFAULT, device: str = CPU) -> None:
        """Load `network` and run it on a small black square, so that the first photo doesn't wait.

        Raises:
            ModelError: as :meth:`look`.
        """
        self.look(np.zeros((8, 8, 3), np.uint8), network, device, top=1)

    def look(self, rgb: NDArray[np.uint8], network: str = DEFAULT, device: str = CPU, top: int = 5) -> Look:
        """Run `network` on a photo: one forward pass for the classes and for the maps of every stage.

        Where `device` has too little memory, the CPU does it and the result says so.

        Args:
            rgb: (height, width, 3) uint8.
            network: its id in the zoo.
            device: one of :func:`cnnviz.engine.device.available`.
            top: how many classes to name.

        Raises:
            SettingError: `top` is less than 1 or more than there are classes.
            ModelError: no such network or device, no such photo, too little memory, no finite answer.
            WeightsError: the weights can't be had.
        """
        found = self._find(network)
        if not 1 <= top <= found.card.classes:
            raise SettingError(
                N_("top is {top}; it must be between 1 and {classes}"), top=top, classes=found.card.classes
            )
        try:
            return self._look(found, rgb, device, top)
        except _TooLittleMemoryError:
            if device == CPU:
                raise
        return replace(self._look(found, rgb, CPU, top), fell_back=True)

    def _look(self, network: Network, rgb: NDArray[np.uint8], device: str, top: int) -> Look:
        import torch

        module = self.module(network.card.id, device)
        names = network.class_names()
        with torch.inference_mode(), _explained(network.card.id, device):
            start = time.perf_counter()
            x = network.preprocess(rgb).contiguous(memory_format=torch.channels_last)
            preprocessed = time.perf_counter()
            maps = module.forward_features(x.to(device))
            # Fetching the answer waits for a GPU to finish.
            logits = module.classify(maps[network.stages[-1].name])[0].cpu()
            finished = time.perf_counter()
            if not logits.isfinite().all():
                raise ModelError(N_("{network} gave no finite answer"), network=network.card.title)
            probabilities, indices = logits.softmax(0).topk(top)
            classification = Classification(
                names=tuple(names[index] for index in indices.tolist()),
                indices=tuple(indices.tolist()),
                probabilities=tuple(probabilities.tolist()),
                logits=_read_only(logits),
            )
            stages = tuple(StageMaps(stage, _read_only(maps[stage.name][0])) for stage in network.stages)
        end = time.perf_counter()
        return Look(
            network=network.card.id,
            classification=classification,
            stages=stages,
            crop=network.crop_box(*rgb.shape[:2]),
            timings=Timings(
                preprocess=(preprocessed - start) * 1e3,
                network=(finished - preprocessed) * 1e3,
                postprocess=(end - finished) * 1e3,
            ),
            device=device,
        )


@contextmanager
def _explained(network: str, device: str) -> Iterator[None]:
    """Turn what torch raises into errors of ours."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        # CUDA, its libraries and MPS each raise another class; all of them say this.
        if "out of memory" in reason.lower():
            raise _TooLittleMemoryError(
                N_("{device} has too little memory left for {network}"), device=device, network=network
            ) from error
        raise ModelError(
            N_("{network} failed on {device}: {reason}"), network=network, device=device, reason=reason
        ) from error


def _read_only(tensor: torch.Tensor) -> NDArray[np.float32]:
    """As an array that nobody can change by mistake."""
    array = tensor.contiguous().cpu().numpy()
    array.flags.writeable = False
    return array


_SHARED = LocalEngine()


def shared_engine() -> LocalEngine:
    """The engine that every visitor of this process shares."""
    return _SHARED
