"""What a channel looks for: the patches of photos that excite it most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.errors import ModelError, SettingError
from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.sharing import with_own
from cnnviz.explain.traced_field import StageField, trace_module
from cnnviz.messages import N_
from cnnviz.zoo.card import Box


def first_convolution(network: nn.Module) -> tuple[str, nn.Conv2d]:
    """Path of the first convolution, and the module.

    Raises:
        ModelError: the network has no convolution.
    """
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            return path, module
    raise ModelError(N_("{network} has no convolution"), network=type(network).__name__)


def first_kernels(network: nn.Module) -> NDArray[np.float32]:
    """The kernels of the first convolution, (N, C, height, width); a picture each where C is 3.

    Raises:
        ModelError: the network has no convolution.
    """
    return first_convolution(network)[1].weight.detach().cpu().contiguous().numpy().copy()


def first_layer(network: nn.Module, size: tuple[int, int]) -> StageField:
    """The first convolution alone, before any normalisation or activation, with its receptive field.

    Args:
        size: (H, W) of the network's input.

    Raises:
        ModelError: the network has no convolution, or can't be traced.
    """
    return trace_module(network, size)[first_convolution(network)[0]]


@dataclass(frozen=True, eq=False)
class Peaks:
    """Where every channel of a layer is excited most in each of some photos.

    Attributes:
        layer: with its receptive field.
        photos: names.
        size: (H, W) of the network's input.
        values: (photos, channels), the largest of each map.
        cells: (photos, channels, 2), its row and column; the first of equals.
    """

    layer: StageField
    photos: tuple[str, ...]
    size: tuple[int, int]
    values: NDArray[np.float32]
    cells: NDArray[np.int64]


@dataclass(frozen=True)
class Patch:
    """What one cell sees.

    Attributes:
        photo: its name.
        value: what the channel answers.
        cell: (row, column) of the map.
        box: (left, top, right, bottom), the cell's receptive field inside the network's input.
    """

    photo: str
    value: float
    cell: tuple[int, int]
    box: Box

    def box_in(self, crop: Box, size: tuple[int, int]) -> Box:
        """:attr:`box` in pixels of the photo, of which the network sees `crop`, at `size` (H, W)."""
        left, top, right, bottom = crop
        across, down = (right - left) / size[1], (bottom - top) / size[0]
        x0, y0, x1, y1 = self.box
        return (
            left + int(x0 * across),
            top + int(y0 * down),
            min(right, left + -int(-x1 * across // 1)),
            min(bottom, top + -int(-y1 * down // 1)),
        )


def maps(network: nn.Module, layer: StageField, picture: Picture) -> NDArray[np.float32]:
    """The maps of a layer, (channels, rows, columns)."""
    mine = with_own(network, layer.name)
    seen: list[Tensor] = []
    # A copy: what comes next may work in place.
    mine.get_submodule(layer.name).register_forward_hook(
        lambda module, inputs, output: seen.append(output[0].clone())
    )
    with torch.no_grad():
        mine(picture.x)
    return seen[0].contiguous().cpu().numpy()


def peaks(network: nn.Module, layer: StageField, photos: Iterable[tuple[str, Picture]]) -> Peaks:
    """Look for the most excited cell of every channel, in one pass a photo.

    Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014 (arXiv 1311.2901), figure 2,
    show such patches.

    Args:
        layer: one of :func:`cnnviz.explain.attribution.grad_cam.layers`, or :func:`first_layer`.
        photos: with their names, all of one size; at least one.
    """
    names, values, cells = [], [], []
    for name, picture in photos:
        seen = maps(network, layer, picture)
        at = seen.reshape(len(seen), -1).argmax(1)
        names.append(name)
        values.append(seen.max((1, 2)))
        cells.append(np.stack(np.unravel_index(at, seen.shape[1:]), axis=1))
    return Peaks(layer, tuple(names), picture.size, np.stack(values), np.stack(cells))


def together(parts: Sequence[Peaks]) -> Peaks:
    """The peaks of all photos of `parts`, which look at one layer."""
    return replace(
        parts[0],
        photos=tuple(name for part in parts for name in part.photos),
        values=np.concatenate([part.values for part in parts]),
        cells=np.concatenate([part.cells for part in parts]),
    )


def covered(picture: Picture, box: Box, fill: str = "grey") -> Picture:
    """The photo with everything outside `box` (left, top, right, bottom) covered.

    Args:
        fill: one of :data:`cnnviz.explain.attribution.picture.FILLS`.
    """
    left, top, right, bottom = box
    x = picture.filled(fill).clone()
    x[..., top:bottom, left:right] = picture.x[..., top:bottom, left:right]
    return replace(picture, x=x)


def window(picture: Picture, layer: StageField, cell: tuple[int, int]) -> NDArray[np.float32]:
    """What a cell of the first convolution is given, (C, height, width); zeros where it looks past the border.

    Args:
        layer: :func:`first_layer`, not dilated.
    """
    assert layer.rows is not None
    assert layer.columns is not None
    spans = [axis.interval(at) for axis, at in zip((layer.rows, layer.columns), cell, strict=True)]
    patch = np.zeros((picture.x.shape[1], *(stop - start for start, stop in spans)), np.float32)
    (top, bottom), (left, right) = (
        (max(0, start), max(0, min(side, stop)))
        for (start, stop), side in zip(spans, picture.size, strict=True)
    )
    y, x = top - spans[0][0], left - spans[1][0]
    seen = picture.x[0, :, top:bottom, left:right].cpu().numpy()
    patch[:, y : y + seen.shape[1], x : x + seen.shape[2]] = seen
    return patch


def exciting(peaks: Peaks, channel: int, count: int = 9) -> tuple[Patch, ...]:
    """The patches that excite `channel` most, the best first, at most one a photo.

    Raises:
        SettingError: there is no such channel.
        ModelError: where the layer's cells look is not known.
    """
    channels = peaks.values.shape[1]
    if not 0 <= channel < channels:
        raise SettingError(
            N_("channel is {channel}; it must be between 0 and {last}"), channel=channel, last=channels - 1
        )
    patches = []
    for index in np.argsort(-peaks.values[:, channel], kind="stable")[:count]:
        row, column = peaks.cells[index, channel].tolist()
        box = peaks.layer.box((row, column), peaks.size)
        if box is None:
            raise ModelError(
                N_("the cells of {name} are not evenly spaced; try another image size"), name=peaks.layer.name
            )
        value = float(peaks.values[index, channel])
        patches.append(Patch(peaks.photos[index], value, (row, column), box))
    return tuple(patches)
