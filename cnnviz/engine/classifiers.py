"""Running the classifiers: EfficientNet-Lite0 and torchvision's."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torchvision
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.engine.results import Classification, ClassificationResult
from cnnviz.engine.runner import WIDEST, Prepared, Runner, as_tensor, finite, read_only
from cnnviz.zoo import card as zoo
from cnnviz.zoo.card import Box

TOP = 5


class Classifier(Runner[ClassificationResult]):
    """A classifier of torchvision, preprocessed as its weights ask for."""

    half = True

    @cached_property
    def _transforms(self) -> Any:
        return torchvision.models.get_model_weights(self.card.id).DEFAULT.transforms()

    def prepare(self, rgb: NDArray[np.uint8]) -> Prepared:
        x = as_tensor(rgb)
        height, width = x.shape[1:]
        # Only the middle is looked at.
        most = WIDEST * min(height, width)
        top, left = max(0, height - most) // 2, max(0, width - most) // 2
        x = self._transforms(x[:, top : height - top, left : width - left])[None]
        return Prepared(x, (height, width), (x.shape[2], x.shape[3]))

    def crop(self, height: int, width: int) -> Box:
        """(left, top, right, bottom) of what it looks at in a photo of this size."""
        share = self._transforms.crop_size[0] / self._transforms.resize_size[0]
        side = max(1, min(height, width, round(min(height, width) * share)))
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side

    def network(self, x: Tensor, prepared: Sequence[Prepared]) -> Tensor:
        return self.module(x)

    def results(self, outputs: Tensor, prepared: Sequence[Prepared]) -> list[ClassificationResult]:
        logits = finite(outputs.float().cpu(), self.card)
        probabilities, indices = logits.softmax(1).topk(min(TOP, logits.shape[1]))
        return [
            ClassificationResult(
                model=self.card.id,
                photo=photo.photo,
                classification=Classification(
                    names=tuple(self.card.classes[index] for index in indices[number].tolist()),
                    indices=tuple(indices[number].tolist()),
                    probabilities=tuple(probabilities[number].tolist()),
                    logits=read_only(logits[number]),
                ),
                crop=self.crop(*photo.photo),
            )
            for number, photo in enumerate(prepared)
        ]


class Lite0(Classifier):
    """EfficientNet-Lite0, as the zoo preprocesses it."""

    def prepare(self, rgb: NDArray[np.uint8]) -> Prepared:
        x = zoo.network(self.card.id).preprocess(rgb)
        return Prepared(x, (rgb.shape[0], rgb.shape[1]), (x.shape[2], x.shape[3]))

    def crop(self, height: int, width: int) -> Box:
        return zoo.network(self.card.id).crop_box(height, width)
