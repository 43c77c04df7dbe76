"""The segmentation heads by id, with what is known of each; all over the same frozen backbone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from cnnviz import weights
from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.segmentation.backbone import Fit
from cnnviz.segmentation.deeplab import DeepLab
from cnnviz.segmentation.fcn import FCN
from cnnviz.segmentation.postprocess import doubtful
from cnnviz.segmentation.unet import UNet

SIDE = 448
"""The long side, in pixels, that a photo is brought to by default."""


@dataclass(frozen=True)
class HeadCard:
    """What there is to say about a head; a test recomputes the count and compares the rest with the model card.

    Attributes:
        id: the name of its files in ``assets/weights``.
        title: its name, as a reader knows it.
        year, paper, paper_url: where the idea is from.
        build: makes the module, untrained.
        stride: input pixels from one cell of its logits to the next; finer maps are not used.
        parameters: numbers that were learned, without the backbone's.
        background_bias: is added to the background's logit by default, chosen on validation photos.
        certainty: a class that no cell finds this probable is left out, chosen on validation photos.
        mean_iou, pixel_accuracy: of the shipped weights on the 200 test photos, 0 … 1.
    """

    id: str
    title: str
    year: int
    paper: str
    paper_url: str
    build: Callable[[], nn.Module]
    stride: int
    parameters: int
    background_bias: float
    certainty: float
    mean_iou: float
    pixel_accuracy: float


_FCN = ("Fully Convolutional Networks for Semantic Segmentation", "https://arxiv.org/abs/1411.4038")
_UNET = (
    "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    "https://arxiv.org/abs/1505.04597",
)
_DEEPLAB = (
    "Rethinking Atrous Convolution for Semantic Image Segmentation",
    "https://arxiv.org/abs/1706.05587",
)

HEADS = {
    card.id: card
    for card in (
        HeadCard("fcn32s", "FCN-32s", 2015, *_FCN, partial(FCN, 0), 32, 66_517, 0.5, 0.7, 0.349, 0.871),
        HeadCard("fcn16s", "FCN-16s", 2015, *_FCN, partial(FCN, 1), 16, 75_402, 0.5, 0.9, 0.376, 0.883),
        HeadCard("fcn8s", "FCN-8s", 2015, *_FCN, partial(FCN, 2), 8, 79_535, 1.0, 0.9, 0.361, 0.882),
        HeadCard("unet", "U-Net", 2015, *_UNET, UNet, 4, 330_101, 0.5, 0.8, 0.381, 0.878),
        HeadCard("deeplab", "DeepLabV3", 2017, *_DEEPLAB, DeepLab, 8, 402_117, 1.0, 0.8, 0.395, 0.879),
    )
}
"""In the order in which they are taught."""


def load(head_id: str, seed: int | None = None) -> nn.Module:
    """A new head on the CPU, in eval mode, frozen.

    Args:
        seed: random weights from this seed, for tests; the shipped ones where None.

    Raises:
        SettingError: there is no such head.
        WeightsError: the shipped file is missing or damaged.
    """
    if head_id not in HEADS:
        raise SettingError(
            N_("there is no segmentation head called {id}; expected one of {known}"),
            id=head_id,
            known=", ".join(HEADS),
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        head = HEADS[head_id].build()
    if seed is None:
        weights.load_into(head, head_id)
    return head.eval().requires_grad_(False)


def labels(logits: Tensor, fit: Fit, background_bias: float = 0.0, certainty: float = 0.0) -> Tensor:
    """The class of each pixel of the photo.

    Args:
        logits: (N, 21, h, w) over the network's input.
        fit: how the photo lies in it.
        background_bias: added to the background's logit: more of it leaves less colour.
        certainty: the probability that a class must reach in one cell of a photo to be there at all.

    Returns:
        (N, height, width) int64, 0 … 20.
    """
    logits = torch.cat([logits[:, :1] + background_bias, logits[:, 1:]], 1)
    weak = torch.stack([doubtful(one, certainty) for one in logits])
    return fit.maps_to_photo(logits).masked_fill(weak[:, :, None, None], -torch.inf).argmax(1)
