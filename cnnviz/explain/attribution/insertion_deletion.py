"""Is what a map calls important what the network needs? Pixels go, or come, in the map's order."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.errors import SettingError
from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.results import Checked
from cnnviz.explain.attribution.sharing import batch_size, explained
from cnnviz.messages import N_


@dataclass(frozen=True)
class CurveSettings(Checked):
    """How the curves are taken.

    Attributes:
        steps: equal parts of the pixels.
        deletion: what pixels become when they are deleted, one of
            :data:`cnnviz.explain.attribution.picture.FILLS`; grey in the paper.
        insertion: what pixels are inserted into; the blurred photo in the paper.
        seed: of noise.
    """

    steps: int = 28
    deletion: str = "grey"
    insertion: str = "blur"
    seed: int = 0
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {"steps": (2, 224)}


@dataclass(frozen=True, eq=False)
class Curves:
    """The class's probability while pixels go, and while they come.

    Attributes:
        shares: (steps + 1,) of the pixels that went or came, 0 to 1.
        deletion, insertion: (steps + 1,) probabilities; NaN for those to come.
        done, total: images that went through the network.
    """

    shares: NDArray[np.float64]
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]
    done: int
    total: int

    @property
    def deletion_area(self) -> float | None:
        """0 to 1, small for a good map; None until the curve is whole."""
        return _area(self.deletion, self.shares)

    @property
    def insertion_area(self) -> float | None:
        """0 to 1, large for a good map; None until the curve is whole."""
        return _area(self.insertion, self.shares)


def _area(curve: NDArray[np.float64], shares: NDArray[np.float64]) -> float | None:
    area = float(np.trapezoid(curve, shares))
    return None if np.isnan(area) else area


def curves(
    network: nn.Module,
    picture: Picture,
    target: int,
    importance: NDArray[Any],
    settings: CurveSettings | None = None,
) -> Iterator[Curves]:
    """Delete the most important pixels first, insert the most important pixels first; a yield for each batch.

    Petsiuk, Das & Saenko, "RISE", BMVC 2018 (arXiv 1806.07421), section 4.1: the areas under both curves, by the
    trapezoidal rule.

    Args:
        importance: (H, W) of the network's input, as :meth:`Attribution.resized` gives it; equal pixels go in the
            order of reading.

    Raises:
        SettingError: the map doesn't fit.
        ModelError: no such class, or too little memory.
    """
    settings = settings or CurveSettings()
    image_at = _images(picture, importance, settings)
    steps = settings.steps
    shares = np.array([_count(importance.size, step, steps) for step in range(steps + 1)]) / importance.size
    found = np.full((2, steps + 1), np.nan)
    # Both curves grow together.
    jobs = [(curve, step) for step in range(steps + 1) for curve in (0, 1)]
    with explained(network, target):
        size = batch_size(network, picture.x)
        for start in range(0, len(jobs), size):
            some = jobs[start : start + size]
            images = torch.cat([image_at(curve, step) for curve, step in some])
            with torch.no_grad():
                probabilities = network(images).softmax(1)[:, target].double().cpu().numpy()
            for (curve, step), probability in zip(some, probabilities, strict=True):
                found[curve, step] = probability
            deletion, insertion = found.copy()
            yield Curves(shares, deletion, insertion, start + len(some), len(jobs))


def images_at(
    picture: Picture, importance: NDArray[Any], settings: CurveSettings, step: int
) -> tuple[Picture, Picture]:
    """The photo after `step` parts of its pixels are deleted, and what they are when they are all that is there.

    Raises:
        SettingError: the map doesn't fit.
    """
    image_at = _images(picture, importance, settings)
    return replace(picture, x=image_at(0, step)), replace(picture, x=image_at(1, step))


def _count(pixels: int, step: int, steps: int) -> int:
    return round(pixels * step / steps)


def _images(
    picture: Picture, importance: NDArray[Any], settings: CurveSettings
) -> Callable[[int, int], Tensor]:
    """The image at a step of the curve 0, deletion, or 1, insertion."""
    if importance.shape != picture.size:
        raise SettingError(
            N_("a map of {expected} pixels was expected, not {shape}"),
            expected=picture.size,
            shape=importance.shape,
        )
    rank = np.empty(importance.size, np.int64)
    rank[np.argsort(-importance.ravel(), kind="stable")] = np.arange(importance.size)
    ranks = torch.from_numpy(rank.reshape(importance.shape)).to(picture.x.device)
    ends = (
        (picture.x, picture.filled(settings.deletion, settings.seed)),
        (picture.filled(settings.insertion, settings.seed), picture.x),
    )

    def image_at(curve: int, step: int) -> Tensor:
        before, after = ends[curve]
        return torch.where(ranks < _count(importance.size, step, settings.steps), after, before)

    return image_at
