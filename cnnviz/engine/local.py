"""Networks run in this process: one shared copy of each on each device, for every visitor.

There are two ways in. :meth:`LocalEngine.look` runs a network of the zoo at once, in the caller's thread, and
returns what every stage saw. :meth:`LocalEngine.submit` queues any model of the catalogue and returns a
ticket: workers of the engine load it, join what several visitors ask of the same model on a GPU, and answer.

Importing this module doesn't import torch; the first photo, or :meth:`LocalEngine.warm`, does.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnviz.engine.device import CPU, available, describe
from cnnviz.engine.jobs import Job
from cnnviz.engine.results import Classification, Result, Timings
from cnnviz.engine.scheduler import Scheduler
from cnnviz.engine.shelf import Shelf, TooLittleMemoryError
from cnnviz.errors import CnnvizError, ModelError, SettingError
from cnnviz.images import read_photo
from cnnviz.messages import N_
from cnnviz.zoo import card
from cnnviz.zoo.card import Box, Classifier, Network, Stage

if TYPE_CHECKING:
    import torch

    from cnnviz.engine.catalogue import ModelCard
    from cnnviz.engine.runner import Prepared, Runner

DEFAULT = "efficientnet_lite0"
"""The network that is always there: its weights are a requirement, not a download."""


BATCH = 8
"""Requests for the same model that a GPU answers together at most. On a CPU nothing is gained by it."""


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

    def submit(
        self,
        model: str,
        photo: NDArray[np.uint8] | bytes,
        device: str = CPU,
        visitor: Hashable | None = None,
    ) -> Job[Any]:
        """Queue a photo for a model of the catalogue."""


@dataclass
class _Slot:
    """A place for one network on one device; whoever holds the lock may load it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    module: Classifier | None = None


@dataclass(eq=False)
class _Request:
    """A photo on its way through a model."""

    job: Job[Any]
    photo: NDArray[np.uint8] | bytes
    submitted: float = field(default_factory=time.perf_counter)
    timings: Timings = field(default_factory=lambda: Timings(0, 0, 0))
    prepared: Prepared | None = None
    notice: ModelError | None = None

    @property
    def given_up(self) -> bool:
        return self.job.finished


def budget(device: str) -> int:
    """Bytes that loaded models may take on a device: a quarter of the machine's memory, half of a GPU's own."""
    memory = describe(device).memory
    if memory is not None:
        return memory // 2
    if not hasattr(os, "sysconf"):  # Windows doesn't say
        return 2 * 2**30
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4


class LocalEngine:
    """Runs networks in this process; safe to call from any number of threads.

    Args:
        find: gives the network of an id; the zoo's register, unless a test brings its own.
        load: gives the loaded model of a card, on the CPU; :func:`cnnviz.engine.loading.load` where None.
        budget: bytes that loaded models may take on a device.
        batch: requests for the same model that are answered together at most, on a device.
    """

    def __init__(
        self,
        find: Callable[[str], Network] = card.network,
        load: Callable[[ModelCard], Runner[Any]] | None = None,
        budget: Callable[[str], int] = budget,
        batch: Callable[[str], int] = lambda device: 1 if device == CPU else BATCH,
    ) -> None:
        self._find, self._load = find, load
        self._slots: dict[tuple[str, str], _Slot] = {}
        self._lock = threading.Lock()
        self.shelf: Shelf[Runner[Any]] = Shelf(budget)
        self._scheduler: Scheduler[tuple[ModelCard, str], _Request] = Scheduler(
            self._serve, lambda lane: batch(lane[1])
        )
        self._latest: weakref.WeakValueDictionary[Hashable, Job[Any]] = weakref.WeakValueDictionary()

    def submit(
        self,
        model: str,
        photo: NDArray[np.uint8] | bytes,
        device: str = CPU,
        visitor: Hashable | None = None,
    ) -> Job[Any]:
        """Queue a photo for a model of the catalogue.

        Where `device` has too little memory, the CPU does it and the result says so.

        Args:
            photo: (height, width, 3) uint8, or the bytes of a photo's file.
            visitor: whoever asks; what the same asked before is cancelled. None: nothing is.

        Returns:
            The job; its result is the :class:`~cnnviz.engine.results.Result` of the model's task. It fails
            with a PhotoError, a WeightsError or another ModelError.

        Raises:
            ModelError: there is no such model or device.
        """
        from cnnviz.engine import catalogue

        found = catalogue.model(model)
        _check(device)
        job: Job[Any] = Job()
        if visitor is not None:
            with self._lock:
                before = self._latest.get(visitor)
                self._latest[visitor] = job
            if before is not None:
                before.cancel()
        self._scheduler.submit((found, device), _Request(job, photo))
        return job

    def run(self, model: str, photo: NDArray[np.uint8] | bytes, device: str = CPU) -> Any:
        """:meth:`submit`, and wait for the result."""
        return self.submit(model, photo, device).result()

    def _serve(self, lane: tuple[ModelCard, str], requests: list[_Request]) -> None:
        """Answer some requests for one model; what a device is too small for, the CPU answers."""
        model, device = lane
        requests = [request for request in requests if request.job.start()]
        try:
            full = self._attempt(model, device, requests)
            self._attempt(model, CPU, full)
        except BaseException as error:  # whatever it is, somebody waits for each of them
            for request in requests:
                request.job.fail(error)

    def _attempt(self, model: ModelCard, device: str, requests: list[_Request]) -> list[_Request]:
        """Answer on `device`; returns those for which it has too little memory, unless it is the CPU."""
        if not requests:
            return []
        full: list[_Request] = []
        try:
            with self._runner(model, device) as runner, _explained(model.title, device):
                ready = [request for request in requests if self._prepare(runner, request)]
                for same in _by_shape(ready):
                    full += self._answer(runner, device, same)
        except TooLittleMemoryError:
            if device == CPU:
                raise
            full = [request for request in requests if not request.given_up]
        for request in full:
            request.notice = ModelError(
                N_("{device} has too little memory left for {network}"), device=device, network=model.title
            )
        return full

    @contextmanager
    def _runner(self, model: ModelCard, device: str) -> Iterator[Runner[Any]]:
        """The one copy of a model on a device."""
        if self._load is None and model.url is None and not model.own:
            from cnnviz.engine.classifiers import Lite0

            network: Any = self.module(model.id, device)
            yield Lite0(model, network)
            return

        def load() -> Runner[Any]:
            if self._load is not None:
                return self._load(model).to(device)
            from cnnviz.engine.loading import load

            return load(model).to(device)

        with (
            _explained(model.title, device),
            self.shelf.borrow(model.id, device, 4 * model.parameters, load) as it,
        ):
            yield it

    def _prepare(self, runner: Runner[Any], request: _Request) -> bool:
        """Photo to tensor; False where that failed or nobody waits any more."""
        if request.given_up:
            return False
        if request.prepared is not None:
            return True
        began = time.perf_counter()
        try:
            photo = request.photo
            rgb = read_photo(photo) if isinstance(photo, bytes) else photo
            decoded = time.perf_counter()
            request.prepared = runner.prepare(rgb)
        except CnnvizError as error:
            request.job.fail(error)
            return False
        request.timings = Timings(
            preprocess=(time.perf_counter() - decoded) * 1e3,
            network=0,
            postprocess=0,
            decode=(decoded - began) * 1e3 if isinstance(photo, bytes) else 0,
            waited=(began - request.submitted) * 1e3,
        )
        return True

    def _answer(self, runner: Runner[Any], device: str, requests: list[_Request]) -> list[_Request]:
        """Run one batch, or two halves of it where that fails; returns what even alone is too large for `device`."""
        import torch

        requests = [request for request in requests if not request.given_up]
        if not requests:
            return []
        prepared = [request.prepared for request in requests if request.prepared is not None]
        failure: ModelError | None = None
        try:
            with _explained(runner.card.title, device), torch.inference_mode():
                began = time.perf_counter()
                outputs = _outputs(runner, device, prepared)
                ended = time.perf_counter()
                results: list[Result] = runner.results(outputs, prepared)
                del outputs
        except ModelError as error:
            failure = error
            # The frames that it remembers hold what filled the memory.
            failure.__traceback__ = failure.__cause__ = failure.__context__ = None
        if failure is not None and len(requests) > 1:
            # Perhaps half of them fit; and nobody's photo is to fail another's.
            half = len(requests) // 2
            rest = self._answer(runner, device, requests[:half])
            return rest + self._answer(runner, device, requests[half:])
        if failure is not None:
            if device != CPU and isinstance(failure, TooLittleMemoryError):
                return requests
            requests[0].job.fail(failure)
            return []
        finished = time.perf_counter()
        for request, result in zip(requests, results, strict=True):
            timings = replace(
                request.timings, network=(ended - began) * 1e3, postprocess=(finished - ended) * 1e3
            )
            request.job.succeed(replace(result, timings=timings, device=device, notice=request.notice))
        return []

    def module(self, network: str = DEFAULT, device: str = CPU) -> Classifier:
        """The shared module itself; its first caller loads it while the others wait.

        It is in eval mode and frozen, and must stay so: no hooks, no training. Gradients with respect
        to its input are fine.

        Raises:
            ModelError: there is no such network or device, or too little memory on it.
            WeightsError: the weights can't be had.
        """
        found = self._find(network)
        _check(device)
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
        except TooLittleMemoryError:
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


def _check(device: str) -> None:
    if device not in available():
        raise ModelError(
            N_("this machine has no device {device}; it has {available}"),
            device=device,
            available=", ".join(available()),
        )


def _by_shape(requests: list[_Request]) -> list[list[_Request]]:
    """Requests that fit into one batch, together."""
    groups: dict[tuple[int, ...], list[_Request]] = {}
    for request in requests:
        assert request.prepared is not None
        groups.setdefault(tuple(request.prepared.x.shape), []).append(request)
    return list(groups.values())


def _outputs(runner: Runner[Any], device: str, prepared: Sequence[Prepared]) -> Any:
    """What the network makes of a batch, when the device has finished."""
    import torch

    x = torch.cat([one.x for one in prepared]) if len(prepared) > 1 else prepared[0].x
    x = x.contiguous(memory_format=torch.channels_last).to(device)
    half = runner.half and device == "cuda"
    with torch.autocast(device, torch.float16) if half else nullcontext():
        outputs = runner.network(x, prepared)
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
    return outputs


@contextmanager
def _explained(network: str, device: str) -> Iterator[None]:
    """Turn what torch raises into errors of ours."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        # CUDA, its libraries, MPS and the CPU each raise another class; all of them say one of these.
        if "out of memory" in reason.lower() or "can't allocate memory" in reason:
            raise TooLittleMemoryError(
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
