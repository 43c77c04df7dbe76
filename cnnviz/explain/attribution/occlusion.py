"""What happens when part of the photo is covered: occlusion window by window, and erasing by hand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.errors import SettingError
from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.results import Attribution, Checked
from cnnviz.explain.attribution.sharing import batch_size
from cnnviz.messages import N_


@dataclass(frozen=True)
class Occlusion(Checked):
    r"""How far the class's logit falls when a window is covered, for windows all over the photo.

    Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014 (arXiv 1311.2901),
    section 4.2; as captum's ``Occlusion``, whose map this is: at each pixel, the mean over the windows that cover
    it of :math:`S(x) - S(x \text{ with the window covered})`. captum gives its map when all is done; here the
    loop is ours, so that the part that is done can be shown, and so that one pass for the whole photo is enough.

    Attributes:
        window: side in pixels of the network's input; windows are cut off at the right and lower border.
        stride: from one window to the next, not more than `window`.
        fill: what covers them, one of :data:`cnnviz.explain.attribution.picture.FILLS`.
        seed: of noise.
    """

    window: int = 32
    stride: int = 16
    fill: str = "grey"
    seed: int = 0
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {"window": (1, 224), "stride": (1, 224)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride > self.window:
            raise SettingError(
                N_("stride is {stride}; it must be at most the window, {window}, or pixels are left out"),
                stride=self.stride,
                window=self.window,
            )

    def starts(self, side: int) -> range:
        """Where windows begin along a side.

        >>> list(Occlusion(window=4, stride=3).starts(9))
        [0, 3, 6]
        """
        return range(0, max(1, side - self.window + self.stride), self.stride)

    def run(self, network: nn.Module, picture: Picture, target: int) -> Iterator[Attribution]:
        """A yield for each batch; windows go row by row."""
        height, width = picture.size
        rows, columns = self.starts(height), self.starts(width)
        windows = [(slice(y, y + self.window), slice(x, x + self.window)) for y in rows for x in columns]
        cover = picture.filled(self.fill, self.seed)
        score = float(scores(network, picture.x, target)[0])
        drops = np.full(len(windows), np.nan)
        total, covered = np.zeros(picture.size), np.zeros(picture.size)
        size = batch_size(network, picture.x)
        for start in range(0, len(windows), size):
            some = windows[start : start + size]
            copies = picture.x.expand(len(some), -1, -1, -1).clone(memory_format=torch.channels_last)
            for copy, window in zip(copies, some, strict=True):
                copy[:, *window] = cover[0][:, *window]
            stop = start + len(some)
            drops[start:stop] = score - scores(network, copies, target)
            for window, drop in zip(some, drops[start:stop], strict=True):
                total[window] += drop
                covered[window] += 1
            values = (total / np.maximum(covered, 1)).astype(np.float32)[None]
            grid = drops.reshape(len(rows), len(columns)).copy()
            yield Attribution(values, done=stop, total=len(windows), score=score, drops=grid)


def scores(network: nn.Module, images: Tensor, target: int) -> NDArray[np.float64]:
    """Logits of one class for (N, 3, H, W) images, (N,)."""
    with torch.no_grad():
        return network(images)[:, target].double().cpu().numpy()


@dataclass(frozen=True, eq=False)
class Erased:
    """What a network says before and after part of the photo is covered.

    Attributes:
        picture: with the part covered.
        logits, probabilities: (classes,) float32, before.
        erased_logits, erased_probabilities: after.
    """

    picture: Picture
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    erased_logits: NDArray[np.float32]
    erased_probabilities: NDArray[np.float32]

    def drop(self, target: int) -> float:
        """How far the logit of class `target` falls."""
        return float(self.logits[target]) - float(self.erased_logits[target])


def erase(
    network: nn.Module, picture: Picture, mask: NDArray[np.bool_], fill: str = "grey", seed: int = 0
) -> Erased:
    """Cover part of a photo, and ask the network again.

    Args:
        mask: (H, W) of the network's input, True where it is covered.
        fill: one of :data:`cnnviz.explain.attribution.picture.FILLS`.

    Raises:
        SettingError: the mask doesn't fit, or there is no such fill.
    """
    if mask.shape != picture.size:
        raise SettingError(
            N_("a mask of {expected} pixels was expected, not {shape}"),
            expected=picture.size,
            shape=mask.shape,
        )
    where = torch.from_numpy(mask.astype(bool)).to(picture.x.device)
    x = picture.x.clone()
    x[..., where] = picture.filled(fill, seed)[..., where]
    with torch.no_grad():
        # One by one: a batch may round otherwise, and nothing covered shall change nothing.
        before, after = network(picture.x)[0], network(x)[0]
    return Erased(
        Picture(x, picture.black, picture.white),
        *(part.cpu().numpy() for logits in (before, after) for part in (logits, logits.softmax(0))),
    )


def rectangle(size: tuple[int, int], box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """(H, W) mask of a box (left, top, right, bottom), right and bottom excluded.

    >>> rectangle((3, 4), (1, 0, 3, 2)).sum()
    np.int64(4)
    """
    left, top, right, bottom = box
    mask = np.zeros(size, bool)
    mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    return mask
