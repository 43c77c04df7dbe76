"""A small FCN for the drawn scenes: one backbone, and the heads 32s, 16s and 8s with every map between.

Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation", arXiv 1411.4038, figure 3:
1 × 1 convolutions score three maps; the coarser scores are doubled by a transposed convolution that starts as
bilinear interpolation and learns on, the finer ones are added; the last step up is fixed and bilinear.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.errors import SettingError, WeightsError
from cnnviz.messages import N_
from cnnviz.metrics.scenes import SHAPES, Scene
from cnnviz.upsampling import kernels

WEIGHTS = Path(__file__).resolve().parents[2] / "assets" / "weights" / "shape_fcn.safetensors"
CLASSES = 1 + len(SHAPES)
"""The ground, and the shapes."""
WIDTHS = (12, 24, 32, 48, 64)
"""Channels of the maps at strides 2, 4, 8, 16 and 32."""
HEADS: Mapping[str, int] = {"32s": 32, "16s": 16, "8s": 8}
"""The stride of the finest map that a head scores."""
STRIDES = (32, 16, 8)

Floats = NDArray[np.float32]


def _stage(inward: int, outward: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels, stride in ((inward, 2), (outward, 1)):
        layers += [
            nn.Conv2d(channels, outward, 3, stride, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU()
        ]  # fmt: skip
    return nn.Sequential(*layers)


class ShapeFCN(nn.Module):
    """(N, 3, H, W) RGB from 0 to 1, sides divisible by 32 → logits (N, 5, H, W) of each of the three heads."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            _stage(inward, outward) for inward, outward in zip((3, *WIDTHS), WIDTHS, strict=False)
        )
        self.score = nn.ModuleDict(
            {str(s): nn.Conv2d(c, CLASSES, 1) for s, c in zip(STRIDES, WIDTHS[:1:-1], strict=True)}
        )
        self.up = nn.ModuleDict(
            {str(s): nn.ConvTranspose2d(CLASSES, CLASSES, 4, 2, 1, bias=False) for s in STRIDES[:2]}
        )

    def scores(self, images: Tensor) -> dict[int, Tensor]:
        """What the map of each stride says by itself: (N, 5, H/stride, W/stride), the coarsest first."""
        maps, x = [], (images - 0.5) * 4
        for stage in self.stages:
            maps.append(x := stage(x))
        return {s: self.score[str(s)](m) for s, m in zip(STRIDES, maps[:1:-1], strict=True)}

    def fuse(self, scores: Mapping[int, Tensor], shares: Mapping[int, float]) -> dict[int, Tensor]:
        """The sums on the way up: doubled, plus `shares` of the finer scores; at 32 there is nothing to add."""
        fused = {32: scores[32]}
        for coarse, fine in ((32, 16), (16, 8)):
            fused[fine] = self.up[str(coarse)](fused[coarse]) + shares.get(fine, 1.0) * scores[fine]
        return fused

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        fused = self.fuse(self.scores(images), {})
        return {head: enlarge(fused[stride], stride) for head, stride in HEADS.items()}


def enlarge(scores: Tensor, factor: int) -> Tensor:
    """(N, 5, h, w) → (N, 5, factor · h, factor · w): the fixed, bilinear last step."""
    return F.interpolate(scores, scale_factor=factor, mode="bilinear")


def start_bilinear(network: ShapeFCN) -> None:
    """Let the learned doublings start as bilinear interpolation, each class by itself, as in the paper."""
    kernel = torch.tensor(kernels.bilinear(2))
    with torch.no_grad():
        for layer in network.up.values():
            assert isinstance(layer, nn.ConvTranspose2d)
            layer.weight.zero_()
            for index in range(CLASSES):
                layer.weight[index, index] = kernel


@cache
def load() -> ShapeFCN:
    """The trained network, ready to run; shared, so never trained or hooked.

    Raises:
        WeightsError: the shipped file is missing or damaged.
    """
    network = ShapeFCN()
    try:
        weights = {name: values.float() for name, values in load_file(WEIGHTS).items()}
        missing = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
        missing ^= set(weights)
        if missing:
            raise RuntimeError(", ".join(sorted(missing)))
        network.load_state_dict(weights, strict=False)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            N_("The weights in {file} cannot be loaded ({reason}); expected those of the small FCN."),
            file=WEIGHTS.name,
            reason=str(error),
        ) from error
    return network.eval().requires_grad_(False)


@dataclass(frozen=True, eq=False)
class Way:
    """One scene on its way up. Maps are (5, h, w) float32 scores.

    Attributes:
        scores: of each stride's map by itself.
        doubled: of the coarser sum, at strides 16 and 8.
        fused: the sum, at each stride.
        labels: (H, W) uint8, what each head says.
        sizes: (channels, height, width) of the backbone's maps, by stride.
    """

    scores: Mapping[int, Floats]
    doubled: Mapping[int, Floats]
    fused: Mapping[int, Floats]
    labels: Mapping[str, NDArray[np.uint8]]
    sizes: Mapping[int, tuple[int, int, int]]


def as_batch(images: list[NDArray[np.uint8]]) -> Tensor:
    """(N, 3, H, W) from 0 to 1, of (H, W, 3) uint8 each."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


def truth(scene: Scene) -> NDArray[np.uint8]:
    """The label of each pixel: 0 for the ground, 1 to 4 for the shapes."""
    labels = np.zeros(scene.image.shape[:2], np.uint8)
    for category, mask in zip(scene.category, scene.masks, strict=True):
        labels[mask] = category + 1
    return labels


def follow(network: ShapeFCN, image: NDArray[np.uint8], share16: float = 1, share8: float = 1) -> Way:
    """Put one image (H, W, 3) through, and keep every map.

    Args:
        share16, share8: how much of the skips' scores is added, 0 to 1.

    Raises:
        SettingError: sides that 32 doesn't divide.
    """
    height, width = image.shape[:2]
    if height % 32 or width % 32:
        raise SettingError(
            N_("an image of {height} × {width}; expected sides that 32 divides"), height=height, width=width
        )
    with torch.inference_mode():
        scores = network.scores(as_batch([image]))
        fused = network.fuse(scores, {16: share16, 8: share8})
        doubled = {fine: network.up[str(2 * fine)](fused[2 * fine]) for fine in STRIDES[1:]}
        labels = {head: enlarge(fused[stride], stride)[0].argmax(0) for head, stride in HEADS.items()}

    def numbers(maps: Mapping[int, Tensor]) -> dict[int, Floats]:
        return {stride: np.asarray(x[0].numpy(), np.float32) for stride, x in maps.items()}

    channels = dict(zip(STRIDES, WIDTHS[:1:-1], strict=True))
    return Way(
        numbers(scores),
        numbers(doubled),
        numbers(fused),
        {head: x.numpy().astype(np.uint8) for head, x in labels.items()},
        {stride: (channels[stride], *scores[stride].shape[-2:]) for stride in STRIDES},
    )
