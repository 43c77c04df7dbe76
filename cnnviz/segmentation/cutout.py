"""Cutting a class out of a photo: its probability is how much of each pixel stays sharp."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cnnviz.errors import SettingError
from cnnviz.messages import N_

GROUNDS = ("blur", "grey", "white")
"""What can become of the background."""


def alpha(probability: NDArray[np.float32], softness: float) -> NDArray[np.float32]:
    """How much of each pixel belongs to the class.

    A ramp of the probability around ½: from 0 at (1 − softness) / 2 to 1 at (1 + softness) / 2.

    Args:
        probability: (H, W), 0 to 1.
        softness: 0 for a hard edge, 1 for the probability itself.

    >>> alpha(np.array([[0.2, 0.5, 0.8]], np.float32), 0.5).round(2).tolist()
    [[0.0, 0.5, 1.0]]
    """
    if softness <= 0:
        return (probability >= 0.5).astype(np.float32)
    return np.clip((probability - 0.5) / softness + 0.5, 0, 1).astype(np.float32)


def cut_out(
    rgb: NDArray[np.uint8], keep: NDArray[np.float32], ground: str = "blur", blur: float = 12.0
) -> NDArray[np.uint8]:
    """The photo where `keep` is 1, its background made otherwise where it is 0, and a mixture between.

    The blurred background is a mean of background alone, weighted by 1 − keep: a plain blur would smear
    the object around itself, like a halo.

    Args:
        rgb: (H, W, 3).
        keep: (H, W), 0 to 1.
        ground: one of :data:`GROUNDS`.
        blur: standard deviation in pixels; 0 leaves the background as it is.
    """
    if ground not in GROUNDS:
        raise SettingError(
            N_("there is no background called {ground}; expected one of {known}"),
            ground=ground,
            known=", ".join(GROUNDS),
        )
    photo, inside = rgb.astype(np.float32), keep[..., None]
    if ground == "white":
        behind: NDArray[np.float32] = np.full_like(photo, 255)
    elif ground == "grey":
        behind = np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    elif blur > 0:
        # A wide blur leaves nothing fine, so that a smaller picture does, in a fraction of the time.
        factor = max(1, int(blur // 3))
        small = max(1, photo.shape[1] // factor), max(1, photo.shape[0] // factor)
        weight = cv2.resize(1 - keep, small, interpolation=cv2.INTER_AREA)[..., None]
        weighted = cv2.resize(photo * (1 - inside), small, interpolation=cv2.INTER_AREA)
        smeared = cv2.GaussianBlur(np.concatenate([weighted, weight], axis=2), (0, 0), blur / factor)
        mean = smeared[..., :3] / (smeared[..., 3:] + 1e-6)
        large = cv2.resize(mean, (photo.shape[1], photo.shape[0]), interpolation=cv2.INTER_LINEAR)
        behind = np.asarray(large, np.float32)
    else:
        behind = photo
    return np.rint(np.clip(inside * photo + (1 - inside) * behind, 0, 255)).astype(np.uint8)
