"""What a run of a network leaves: small, frozen, and enough to move every threshold without another run.

Importing this module doesn't import torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import ModelError

Size = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True)
class Timings:
    """Where the time went, in milliseconds; the loading of a network is in `waited` at most.

    Attributes:
        preprocess: photo to tensor: cropping, scaling, normalising.
        network: the forward pass, until the device has finished.
        postprocess: outputs to numbers on the CPU.
        decode: file to photo; 0 where a photo was given.
        waited: from the request until its turn came, with the network loaded.
    """

    preprocess: float
    network: float
    postprocess: float
    decode: float = 0.0
    waited: float = 0.0


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


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """One photo through one network, once.

    Attributes:
        model: the network's id in the catalogue.
        photo: (height, width) of the photo.
        timings: where the time went.
        device: what it ran on.
        notice: why that is the CPU where another device was asked for; an error that was answered, not raised.
    """

    model: str
    photo: Size
    timings: Timings = Timings(0, 0, 0)
    device: str = "cpu"
    notice: ModelError | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassificationResult(Result):
    """What a classifier says.

    Attributes:
        classification: the five most probable classes, and all logits.
        crop: (left, top, right, bottom), the part of the photo that the network saw.
    """

    classification: Classification
    crop: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class SegmentationResult(Result):
    """The score maps as the network gives them, before they are enlarged.

    Attributes:
        classes: names of the maps, background first.
        scores: (C, h, w) float32 logits, read-only.
        input_size: (height, width) of what went into the network.
        extent: (left, top, right, bottom) in pixels of the photo: what the maps cover. Beyond the photo
            where it was padded.
        background_bias: is added to the background's logit by default, against false colour.
        certainty: a class that no cell finds this probable is not coloured anywhere, 0 to 1.
    """

    classes: tuple[str, ...]
    scores: NDArray[np.float32]
    input_size: Size
    extent: tuple[float, float, float, float]
    background_bias: float = 0.0
    certainty: float = 0.0

    @property
    def stride(self) -> int:
        """Pixels of the network's input from one cell of the maps to the next."""
        return round(self.input_size[0] / self.scores.shape[1])


Origin = Literal["anchor", "proposal", "cell"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DetectionResult(Result):
    """Every box that a detector considers, before non-maximum suppression; the best score first.

    Arrays are read-only, boxes xyxy in pixels of the photo.

    Attributes:
        classes: names by label.
        boxes: (N, 4) float32.
        scores: (N,) float32, 0 to 1, all above `floor`.
        labels: (N,) int64, indices into `classes`.
        origin: what each box was predicted from: an anchor, the region proposal of a first stage, or a cell.
        origins: (N, 4) float32, that anchor, proposal or cell.
        levels: (N,) int64, the pyramid level of it, finest 0.
        cells: (N, 2) int64, row and column in the grid of that level; −1 for proposals.
        grids: (rows, columns) of each level.
        floor: boxes scored no better were left out.
        masks: (M, 28, 28) float32, probabilities within a box; None where the network gives none.
        mask_of: (N,) int64, index into `masks`, or −1: the mask head ran only for what the model's own
            settings keep.
        score_threshold, iou_threshold, limit: the model's own settings: the score that a box must exceed, the
            IoU beyond which a better box of its class suppresses it, and how many are kept at most.
    """

    classes: tuple[str, ...]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    origin: Origin
    origins: NDArray[np.float32]
    levels: NDArray[np.int64]
    cells: NDArray[np.int64]
    grids: tuple[Size, ...]
    floor: float
    score_threshold: float
    iou_threshold: float
    limit: int
    masks: NDArray[np.float32] | None = None
    mask_of: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.boxes)
