"""How a network of the catalogue is run: photo → tensor → outputs → result, the same steps for every kind.

Every network runs channels last, which changes nothing but the last digits: on a CPU it takes 0.6 to 1.0 of the
time. Half precision is for GPUs alone. On a CPU float16 takes ten times as long where the chip doesn't compute in
it; bfloat16 takes 0.4 to 0.6 of the time where it does, but has three digits less, and moves probabilities by up
to 0.09 and gives up to 1 pixel in 60 another class: more than :data:`MOVED` and :data:`RELABELLED` allow. (One thread
of an AVX-512 BF16 CPU; ``python -m benchmarks engine`` measures it anew.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.engine.catalogue import ModelCard
from cnnviz.engine.results import Result, Size
from cnnviz.errors import ModelError
from cnnviz.messages import N_

R = TypeVar("R", bound=Result, covariant=True)
P = TypeVar("P", bound="Prepared")

MOVED, RELABELLED = 0.03, 1 / 200
"""What half precision may change: by how much it moves a probability, and the share of pixels of another class."""

WIDEST = 4
"""Photos longer than so many times their short side are not brought to a network's short side: the tensor of
a strip of one pixel would fill the memory. None of the data sets has such photos."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A photo made ready for a network.

    Attributes:
        x: (1, 3, H, W) float32 on the CPU.
        photo: (height, width) of the photo.
        inner: (height, width) of the part of `x` that holds it; the rest is padding.
    """

    x: Tensor
    photo: Size
    inner: Size


class Runner(ABC, Generic[R]):
    """A network, loaded, and what running it takes; shared by every visitor, so nothing in it may change.

    Attributes:
        card: of the network.
        module: in eval mode and frozen; :meth:`to` moves it.
        half: whether it runs in half precision on a GPU: where that changes no more than :data:`MOVED` and
            :data:`RELABELLED` allow. Boxes are wanted to the pixel, and stay exact.
    """

    half = False

    def __init__(self, card: ModelCard, module: nn.Module) -> None:
        self.card = card
        self.module = module.eval().requires_grad_(False)

    def to(self, device: str) -> Runner[R]:
        """Itself, on a device; channels last, which convolutions are quicker in."""
        self.module = self.module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    @abstractmethod
    def prepare(self, rgb: NDArray[np.uint8]) -> Prepared:
        """A photo, (height, width, 3) uint8, made ready."""

    @abstractmethod
    def network(self, x: Tensor, prepared: Sequence[Prepared]) -> Any:
        """What the network makes of a batch, (N, 3, H, W) on its device, of photos that became equal in size."""

    @abstractmethod
    def results(self, outputs: Any, prepared: Sequence[Prepared]) -> list[R]:
        """One result for each photo, on the CPU; times and device are filled in by the engine."""


def as_tensor(rgb: NDArray[np.uint8]) -> Tensor:
    """A photo as (3, height, width) uint8.

    Raises:
        ModelError: `rgb` is something else.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ModelError(
            N_("a photo of shape (height, width, 3) and type uint8 was expected, not {shape} and {dtype}"),
            shape=rgb.shape,
            dtype=rgb.dtype,
        )
    return torch.tensor(rgb).permute(2, 0, 1)


def finite(tensor: Tensor, card: ModelCard) -> Tensor:
    """`tensor`, if all of it is a number.

    Raises:
        ModelError: it isn't.
    """
    if not tensor.isfinite().all():
        raise ModelError(N_("{network} gave no finite answer"), network=card.title)
    return tensor


def read_only(tensor: Tensor) -> NDArray[Any]:
    """As an array of its own that nobody can change by mistake."""
    # A view of a larger tensor would keep all of it alive.
    array = tensor.detach().cpu().numpy().copy()
    array.flags.writeable = False
    return array
