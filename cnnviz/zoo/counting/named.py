"""Counting a network by its name, detectors too."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.zoo.counting.checks import MAX_SIZE, check_sizes
from cnnviz.zoo.counting.counter import run_counted
from cnnviz.zoo.counting.networks import build, group_of, input_shape_of
from cnnviz.zoo.counting.results import NetworkCount, Shape
from cnnviz.zoo.counting.rules import blank


def count_named(
    name: str,
    size: int | tuple[int, int] | None = None,
    batch: int = 1,
    auxiliary: bool | None = None,
    frozen: bool | None = None,
    proposals: int | None = None,
    detections: int | None = None,
    v1: bool = False,
) -> NetworkCount:
    """Count a network of the :func:`catalogue`, by default as its published weights come.

    Which boxes a detector finds depends on the numbers in its weights, so it can't run as a whole without
    them. Its parts do: resizing, backbone and dense heads run as they are; the heads that look at one box
    run for as many boxes as given. Between them, RoI align and suppression count no MACs anyway; their
    memory is left out.

    Args:
        size: side of the square image, or (height, width); None for the published one. Detectors resize it.
        batch: images.
        auxiliary, frozen, v1: as :func:`build`.
        proposals: boxes an image that a two-stage detector looks at again; None for the most it may.
        detections: boxes an image that get a mask or key points; None for the most it may.

    Raises:
        ModelError: an unknown name, or an image on which the network can't run.
        SettingError: a size, batch or number of boxes out of range.

    >>> counted = count_named("alexnet")
    >>> counted.parameters, counted.macs
    (61100840, 714188480)
    """
    planned = plan(name, size, batch, auxiliary, frozen, proposals, detections, v1)
    return run_counted(
        planned.network, name, planned.shape, planned.run, planned.proposals, planned.detections
    )


@dataclass(frozen=True)
class Plan:
    """A network of the catalogue, and how to run it."""

    network: nn.Module
    name: str
    shape: Shape
    run: Callable[[Tensor], Any]
    proposals: int | None = None
    detections: int | None = None


def plan(
    name: str,
    size: int | tuple[int, int] | None,
    batch: int,
    auxiliary: bool | None,
    frozen: bool | None,
    proposals: int | None,
    detections: int | None,
    v1: bool,
) -> Plan:
    """What :func:`count_named` counts, for its arguments."""
    channels, height, width = input_shape_of(name, size)
    check_sizes(batch, height, width)
    network: Any = build(name, (height, width), auxiliary, frozen, v1)
    shape = (batch, channels, height, width)
    if group_of(name) != "detection":
        return Plan(network, name, shape, network)
    if not hasattr(network, "roi_heads"):
        return Plan(network, name, shape, partial(_detect, network, 0, 0))
    heads = network.roi_heads
    proposals = network.rpn.post_nms_top_n() if proposals is None else proposals
    each = heads.has_mask() or heads.has_keypoint()
    detections = (heads.detections_per_img if detections is None else detections) if each else None
    for number in (proposals, detections or 0):
        if not 0 <= number <= MAX_SIZE:
            raise SettingError(
                N_("{number} boxes were asked for; it must be from 0 to {most}"), number=number, most=MAX_SIZE
            )
    run = partial(_detect, network, proposals, detections or 0)
    return Plan(network, name, shape, run, proposals, detections)


def _detect(network: Any, proposals: int, detections: int, images: Tensor) -> Any:
    """The parts of a detector that don't depend on numbers, and its box heads on so many boxes an image."""
    resized, _ = network.transform(list(images))
    features = list(network.backbone(resized.tensors).values())
    if not hasattr(network, "roi_heads"):
        return network.head(features)
    outputs = [network.rpn.head(features)]
    heads, channels = network.roi_heads, network.backbone.out_channels
    for number, pool, layers in (
        (proposals, heads.box_roi_pool, (heads.box_head, heads.box_predictor)),
        (detections, heads.mask_roi_pool, (heads.mask_head, heads.mask_predictor)),
        (detections, heads.keypoint_roi_pool, (heads.keypoint_head, heads.keypoint_predictor)),
    ):
        if number and pool is not None:
            regions: Any = blank((number * len(images), channels, *pool.output_size))
            for layer in layers:
                regions = layer(regions)
            outputs.append(regions)
    return outputs
