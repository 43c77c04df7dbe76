"""Running the networks that give every pixel a class: our heads, and torchvision's."""

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms import functional as F

from cnnviz.engine.catalogue import ModelCard
from cnnviz.engine.results import SegmentationResult
from cnnviz.engine.runner import WIDEST, Prepared, Runner, as_tensor, finite, read_only
from cnnviz.segmentation import backbone, heads


class Segmenter(Runner[SegmentationResult]):
    """A segmentation network of torchvision, without the auxiliary head and the final enlarging."""

    half = True

    @cached_property
    def _transforms(self) -> Any:
        return torchvision.models.get_model_weights(self.card.id).DEFAULT.transforms()

    def prepare(self, rgb: NDArray[np.uint8]) -> Prepared:
        x, steps = as_tensor(rgb), self._transforms
        # The weights' own steps, but for the limit.
        most = WIDEST * steps.resize_size[0]
        x = F.resize(x, steps.resize_size, steps.interpolation, max_size=most, antialias=steps.antialias)
        x = F.normalize(F.convert_image_dtype(x), steps.mean, steps.std)[None]
        return Prepared(x, (rgb.shape[0], rgb.shape[1]), (x.shape[2], x.shape[3]))

    def network(self, x: Tensor, prepared: Sequence[Prepared]) -> Tensor:
        module: Any = self.module
        features = module.backbone(x)
        # LR-ASPP reads two maps, the others one.
        return module.classifier(features.get("out", features))

    def results(self, outputs: Tensor, prepared: Sequence[Prepared]) -> list[SegmentationResult]:
        scores = finite(outputs.float().cpu(), self.card)
        return [self._result(one, photo) for one, photo in zip(scores, prepared, strict=True)]

    def _result(self, scores: Tensor, photo: Prepared) -> SegmentationResult:
        (height, width), (inner_height, inner_width) = photo.photo, photo.inner
        across, down = photo.x.shape[3] / inner_width, photo.x.shape[2] / inner_height
        return SegmentationResult(
            model=self.card.id,
            photo=photo.photo,
            classes=self.card.classes,
            scores=read_only(scores),
            input_size=(photo.x.shape[2], photo.x.shape[3]),
            extent=(0, 0, width * across, height * down),
            background_bias=self.background_bias,
            certainty=self.certainty,
        )

    @property
    def background_bias(self) -> float:
        """Is added to the background's logit by default."""
        return 0.0

    @property
    def certainty(self) -> float:
        """The probability that one cell must reach for a class to be coloured at all."""
        return 0.0


class Headed(nn.Module):
    """One of our heads on top of its backbone."""

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, x: Tensor) -> Any:
        return self.head(self.body(x))


class OwnRunner(Runner[Any]):
    """A head of ours; on the CPU all of them share one backbone."""

    side: int

    def __init__(self, card: ModelCard, head: nn.Module) -> None:
        super().__init__(card, Headed(backbone.load(), head))

    def to(self, device: str) -> Runner[Any]:
        if device != "cpu":
            self.module = copy.deepcopy(self.module)
        return super().to(device)

    def prepare(self, rgb: NDArray[np.uint8]) -> Prepared:
        x, fit = backbone.preprocess(rgb, self.side)
        return Prepared(x, (fit.height, fit.width), (fit.inner_height, fit.inner_width))

    def network(self, x: Tensor, prepared: Sequence[Prepared]) -> Any:
        return self.module(x)


class OwnSegmenter(OwnRunner, Segmenter):
    """One of our segmentation heads."""

    side = heads.SIDE

    @property
    def background_bias(self) -> float:
        return heads.HEADS[self.card.id.removeprefix("lite0_")].background_bias

    @property
    def certainty(self) -> float:
        return heads.HEADS[self.card.id.removeprefix("lite0_")].certainty
