"""torchvision's detectors and segmentation networks with random weights that are sure of something."""

from functools import lru_cache

import torch
import torchvision
from torch import nn

CLASSES = 91


@lru_cache(maxsize=2)
def detector(name):
    """A detector whose scores spread over 0 … 1, on photos made small where their size is free."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torchvision.models.get_model(name, weights=None, weights_backbone=None).eval()
    if not name.startswith("ssd"):
        module.transform.min_size, module.transform.max_size = (128,), 224
    if "rcnn" in name:
        module.roi_heads.detections_per_img = 30
        module.rpn._pre_nms_top_n = module.rpn._post_nms_top_n = {"training": 0, "testing": 60}
        sure(module, [module.roi_heads.box_predictor.cls_score], spread=3, centre=0)
    else:
        heads = module.head.classification_head.modules()
        last = [
            layer for layer in heads if isinstance(layer, nn.Conv2d) and layer.out_channels % CLASSES == 0
        ]
        if name.startswith("ssd"):
            sure(module, last, spread=2, centre=0)
        else:
            sure(module, last, spread=1, centre=-4)
    return module


@torch.inference_mode()
def sure(module, layers, spread, centre):
    """Scale and shift `layers`, none of which feeds another, so that what they give for noise varies so much."""
    noise = torch.rand(3, 160, 200, generator=torch.Generator().manual_seed(1))
    seen = {layer: [] for layer in layers}
    handles = [
        layer.register_forward_hook(lambda layer, given, output: seen[layer].append(output.flatten()))
        for layer in layers
    ]
    module([noise])
    for layer, handle in zip(layers, handles, strict=True):
        handle.remove()
        layer.weight *= spread / torch.cat(seen[layer]).std()
        if layer.bias is not None:
            layer.bias.fill_(centre)


@lru_cache(maxsize=1)
def segmenter(name):
    """A segmentation network with random weights, as published with an auxiliary head or without."""
    options = {} if name.startswith("lraspp") else {"aux_loss": True}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torchvision.models.get_model(name, weights=None, weights_backbone=None, **options).eval()
